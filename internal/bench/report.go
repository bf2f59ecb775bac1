package main

import (
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/perimeter-go/perimeter/internal/bench/peers"
)

// table is Markdown that can also be read as it is.
type table [][]string

func (t table) String() string {
	width := make([]int, len(t[0]))
	for _, row := range t {
		for i, cell := range row {
			width[i] = max(width[i], utf8.RuneCountInString(cell))
		}
	}
	var b strings.Builder
	for i, row := range t {
		writeRow(&b, row, width, " ")
		if i == 0 {
			writeRow(&b, make([]string, len(row)), width, "-")
		}
	}
	return b.String()
}

func writeRow(b *strings.Builder, row []string, width []int, pad string) {
	for i, cell := range row {
		b.WriteString("|" + pad + cell + strings.Repeat(pad, width[i]-utf8.RuneCountInString(cell)) + pad)
	}
	b.WriteString("|\n")
}

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
	fmt.Fprintf(&b, "%s, %s, %s/%s, %s, %d cores.\n", time.Now().UTC().Format(time.DateOnly), runtime.Version(), runtime.GOOS, runtime.GOARCH,
		processor(), runtime.NumCPU())
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

// processor is the name by which Linux calls it.
func processor() string {
	text, _ := os.ReadFile("/proc/cpuinfo") // elsewhere there is none
	for line := range strings.Lines(string(text)) {
		if name, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return "unknown processor"
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
