package main

import (
	"math"
	"runtime"
	"runtime/debug"
	"time"
)

// target is one thing whose cost is measured: do does it n times.
type target struct {
	name string
	do   func(n int) error
}

// cost is what doing it once costs.
type cost struct {
	ns     float64
	allocs float64
	bytes  float64
}

// measure runs every target once in each round and keeps the least of each.
func measure(targets []target, s size) ([]cost, error) { return measureOn(1, targets, s) }

func measureOn(procs int, targets []target, s size) ([]cost, error) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(procs))
	defer debug.SetGCPercent(debug.SetGCPercent(400))
	costs := make([]cost, len(targets))
	times := make([]int, len(targets))
	for i, t := range targets {
		n, err := calibrate(t, s.slot)
		if err != nil {
			return nil, err
		}
		times[i], costs[i].ns = n, math.Inf(1)
		if costs[i].allocs, costs[i].bytes, err = allocations(t); err != nil {
			return nil, err
		}
	}
	for range s.rounds {
		for i, t := range targets {
			took, err := clock(t, times[i])
			if err != nil {
				return nil, err
			}
			costs[i].ns = min(costs[i].ns, float64(took)/float64(times[i]))
		}
	}
	return costs, nil
}

// calibrate finds how often t must be done to fill a slot, after it was done for the first time.
func calibrate(t target, slot time.Duration) (int, error) {
	if err := t.do(1); err != nil {
		return 0, err
	}
	for n := 1; ; n *= 2 {
		took, err := quickest(t, n)
		if err != nil {
			return 0, err
		}
		if took >= slot/4 || n >= 1<<24 {
			return max(1, int(float64(n)*float64(slot)/float64(max(took, 1)))), nil
		}
	}
}

func quickest(t target, n int) (least time.Duration, err error) {
	least = math.MaxInt64
	for range 3 {
		took, err := clock(t, n)
		if err != nil {
			return 0, err
		}
		least = min(least, took)
	}
	return least, nil
}

func clock(t target, n int) (time.Duration, error) {
	began := time.Now()
	err := t.do(n)
	return time.Since(began), err
}

// allocations are the least of three times: what others do meanwhile only adds.
func allocations(t target) (allocs, bytes float64, err error) {
	const n = 20
	allocs, bytes = math.Inf(1), math.Inf(1)
	var before, after runtime.MemStats
	for range 3 {
		runtime.ReadMemStats(&before)
		if err := t.do(n); err != nil {
			return 0, 0, err
		}
		runtime.ReadMemStats(&after)
		allocs = min(allocs, math.Floor(float64(after.Mallocs-before.Mallocs)/n))
		bytes = min(bytes, math.Floor(float64(after.TotalAlloc-before.TotalAlloc)/n))
	}
	return allocs, bytes, nil
}
