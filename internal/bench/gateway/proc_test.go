package main

import (
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestTheTimeOfAProcess(t *testing.T) {
	const rest = " S 1 2 3 0 -1 4194560 11 12 13 14 150 25 7 8 20 0 9 0 100 1000 200 18446744073709551615"
	for _, tc := range []struct{ name, stat string }{
		{"a plain name", "42 (gateway)" + rest},
		{"a name with what looks like its end", "42 (a) R 1 (b c)" + rest},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, err := readStat([]byte(tc.stat))
			require.NoError(t, err)
			require.Equal(t, 1750*time.Millisecond, got)
		})
	}
	for _, tc := range []struct{ name, stat string }{
		{"nothing", ""},
		{"no name", "42 gateway S 1 2"},
		{"too few fields", "42 (gateway) S 1 2 3 0 -1 4194560 11 12 13 14 150"},
		{"a time that is no number", "42 (gateway) S 1 2 3 0 -1 4194560 11 12 13 14 x 25 7"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, err := readStat([]byte(tc.stat))
			require.Error(t, err)
		})
	}
}

func TestTheMemoryOfAProcess(t *testing.T) {
	got, err := readStatus([]byte("Name:\tgateway\nVmHWM:\t    9999 kB\nVmRSS:\t   17408 kB\nRssAnon:\t 1 kB\n"))
	require.NoError(t, err)
	require.Equal(t, int64(17<<20), got)
	for _, tc := range []struct{ name, status string }{
		{"nothing", ""},
		{"a process without memory", "Name:\tgateway\nState:\tZ (zombie)\n"},
		{"another unit", "VmRSS:\t 17 MB\n"},
		{"no number", "VmRSS:\t much kB\n"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, err := readStatus([]byte(tc.status))
			require.Error(t, err)
		})
	}
}

func TestThisProcessHasMemory(t *testing.T) {
	got, err := resident(os.Getpid())
	require.NoError(t, err)
	require.Greater(t, got, int64(1<<20))
	_, err = cpuTime(os.Getpid())
	require.NoError(t, err)
}
