//go:build race

// Package racing tells tests whether the race detector is on.
package racing

// Detector says that sync.Pool drops values on purpose, so that allocations cannot be counted.
const Detector = true
