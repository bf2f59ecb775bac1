package main

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestWhatWrkCounted(t *testing.T) {
	c, err := readCounted([]byte("Running 5s test\nRequests/sec: 1\n\n" +
		`{"requests":50000,"micros":5000000,"p50":2100,"p99":9000,"connect":0,"read":0,"write":0,"timeout":0,"status":0,"spent":0}` + "\n"))
	require.NoError(t, err)
	require.Equal(t, counted{Requests: 50000, Micros: 5000000, P50: 2100, P99: 9000}, c)
	require.NoError(t, c.wrong())
	require.InDelta(t, 10000, c.rate(), 0)
}

func TestOutputThatTheScriptDidNotWrite(t *testing.T) {
	for _, tc := range []struct{ name, out string }{
		{"nothing", ""},
		{"wrk's own summary", "Requests/sec:   9876.54\nTransfer/sec:      1.11MB\n"},
		{"a member that is not known", `{"requests":1,"panics":1}`},
		{"a count that is no number", `{"requests":"1"}`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, err := readCounted([]byte(tc.out))
			require.Error(t, err)
		})
	}
}

func TestARunWithAnythingButGoodAnswersIsNone(t *testing.T) {
	for _, tc := range []struct {
		name   string
		result counted
		spent  bool
	}{
		{"no request", counted{Micros: 1}, false},
		{"a refusal", counted{Requests: 9, Micros: 1, Status: 1}, false},
		{"a connection not made", counted{Requests: 9, Micros: 1, Connect: 1}, false},
		{"a connection that broke", counted{Requests: 9, Micros: 1, Read: 1}, false},
		{"a request not sent", counted{Requests: 9, Micros: 1, Write: 1}, false},
		{"a late answer", counted{Requests: 9, Micros: 1, Timeout: 1}, false},
		{"too few tokens", counted{Requests: 9, Micros: 1, Status: 1, Spent: 1}, true},
		{"too few tokens, and the last request unanswered", counted{Requests: 9, Micros: 1, Spent: 1}, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			err := tc.result.wrong()
			require.Error(t, err)
			if tc.spent {
				require.ErrorIs(t, err, errSpent)
			} else {
				require.NotErrorIs(t, err, errSpent)
			}
		})
	}
}
