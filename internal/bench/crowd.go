package main

import (
	"errors"
	"fmt"
	"runtime"
	"strconv"
	"sync"
)

// shared is t done by so many goroutines at once, each its part.
func shared(t target, goroutines int) target {
	return target{t.name, func(n int) error {
		failed := make([]error, goroutines)
		var wg sync.WaitGroup
		for g := range goroutines {
			wg.Go(func() { failed[g] = t.do((n + g) / goroutines) })
		}
		wg.Wait()
		return errors.Join(failed...)
	}}
}

var crowd = []int{1, 2, 8, 32}

// crowding measures each path with more and more goroutines, on one processor and on two.
func crowding(alone []path, s size) (table, error) {
	rows := table{{"at once", "processors"}}
	for _, n := range crowd {
		rows[0] = append(rows[0], fmt.Sprintf("by %d", n))
	}
	rows[0] = append(rows[0], "last / first", "sharing nothing")
	s.slot, s.rounds = 4*s.slot, max(1, s.rounds/8) // there are goroutines to start
	for _, p := range alone {
		for _, procs := range []int{1, min(2, runtime.NumCPU())} {
			row, err := crowded(p, procs, s)
			if err != nil {
				return nil, err
			}
			rows = append(rows, row)
		}
	}
	return rows, nil
}

func crowded(p path, procs int, s size) ([]string, error) {
	var targets []target
	for _, n := range crowd {
		targets = append(targets, shared(p.target, n), shared(p.beside, n))
	}
	measured, err := measureOn(procs, targets, s)
	if err != nil {
		return nil, err
	}
	row := []string{p.target.name, strconv.Itoa(procs)}
	for i, n := range crowd {
		row = append(row, nanos(measured[2*i].ns*float64(min(n, procs))))
	}
	busy, last := float64(min(crowd[len(crowd)-1], procs)), len(measured)-2
	return append(row, ratio(measured[last].ns*busy, measured[0].ns), ratio(measured[last+1].ns*busy, measured[1].ns)), nil
}
