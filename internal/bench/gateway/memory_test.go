package main

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// course is a reading every ten seconds for so long, of as many MiB as of says at the minute.
func course(lasting time.Duration, of func(minute int) int64) []reading {
	var all []reading
	for at := 10 * time.Second; at <= lasting; at += 10 * time.Second {
		all = append(all, reading{at, of(int((at-1)/time.Minute)) << 20})
	}
	return all
}

func TestMemoryThatGrows(t *testing.T) {
	const lasting = 10 * time.Minute
	for _, tc := range []struct {
		name  string
		of    func(minute int) int64
		grows bool
	}{
		{"stays", func(int) int64 { return 100 }, false},
		{"grows while it warms up", func(minute int) int64 { return min(100, 20+40*int64(minute)) }, false},
		{"is a quarter more at the end", func(minute int) int64 { return 100 + 25*int64(minute/9) }, false},
		{"is a little more than that", func(minute int) int64 { return 100 + 26*int64(minute/9) }, true},
		{"grows all the time", func(minute int) int64 { return 20 + 20*int64(minute) }, true},
		{"shrinks", func(minute int) int64 { return 200 - 20*int64(minute) }, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			text, err := growth(course(lasting, tc.of), lasting)
			require.Contains(t, text, "\n| 10m0s | ")
			if tc.grows {
				require.ErrorContains(t, err, "memory grows")
			} else {
				require.NoError(t, err)
			}
		})
	}
}

func TestTheLargestOfAWindowIsSaid(t *testing.T) {
	const lasting = 10 * time.Minute
	text, err := growth(course(lasting, func(minute int) int64 { return 100 + int64(minute) }), lasting)
	require.NoError(t, err)
	require.Contains(t, text, "The largest of 1m0s: 101.0 MiB after a warm-up of as long, 105.0 MiB in the middle, 109.0 MiB at the end.\n")
}

func TestAWindowWithoutAReadingIsAnError(t *testing.T) {
	_, err := growth(course(time.Minute, func(int) int64 { return 100 }), 10*time.Minute)
	require.Error(t, err)
}
