package main

import (
	"fmt"
	"runtime/debug"
	"strings"

	"github.com/perimeter-go/perimeter/internal/bench/markdown"
	"github.com/perimeter-go/perimeter/internal/bench/peers"
)

type table = markdown.Table

// section is a heading, what its tables mean, and the tables.
func section(heading, meaning string, tables ...table) string {
	var b strings.Builder
	b.WriteString("\n### " + heading + "\n\n" + meaning + "\n")
	for _, t := range tables {
		b.WriteString("\n" + t.String())
	}
	return b.String()
}

// circumstances are what the numbers depend on.
func circumstances() string {
	versions := map[string]string{}
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, m := range info.Deps {
			versions[m.Path] = m.Version
		}
	}
	var b strings.Builder
	b.WriteString(markdown.Machine())
	b.WriteString("Peers:")
	for _, p := range peers.All() {
		if strings.HasPrefix(p.Name, "Perimeter") {
			continue // it is the checkout
		}
		for i, path := range p.Modules {
			if i == 0 {
				b.WriteString("\n- " + p.Name + ": ")
			} else {
				b.WriteString(", ")
			}
			version, ok := versions[path]
			if !ok {
				version = "(version not in this build)"
			}
			b.WriteString(path + " " + version)
		}
	}
	b.WriteString("\n")
	return b.String()
}

func ratio(ns, floor float64) string { return fmt.Sprintf("%.2f", ns/floor) }

// nanos is a time as a person says it.
func nanos(ns float64) string {
	switch {
	case ns < 10:
		return fmt.Sprintf("%.1f ns", ns)
	case ns < 10_000:
		return fmt.Sprintf("%.0f ns", ns)
	case ns < 10_000_000:
		return fmt.Sprintf("%.1f µs", ns/1e3)
	default:
		return fmt.Sprintf("%.0f ms", ns/1e6)
	}
}

func count(v float64) string { return fmt.Sprintf("%.0f", v) }
