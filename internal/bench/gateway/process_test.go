package main

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestWhereAProcessListens(t *testing.T) {
	for _, tc := range []struct {
		name   string
		writes []string
		want   string
	}{
		{"in one write", []string{"time=1 level=INFO msg=listening address=127.0.0.1:4711\n"}, "127.0.0.1:4711"},
		{"with an admin address, after another line", []string{"time=1 msg=other address=x\ntime=1 msg=listening address=127.0.0.1:1 admin=127.0.0.1:2\n"}, "127.0.0.1:1"},
		{"cut in the middle of the port", []string{"msg=listening address=127.0.0.1:47", "11\n"}, "127.0.0.1:4711"},
		{"twice", []string{"msg=listening address=127.0.0.1:1\n", "msg=listening address=127.0.0.1:2\n"}, "127.0.0.1:1"},
		{"nowhere", []string{"msg=draining\n"}, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			l := &log{found: make(chan string, 1)}
			for _, w := range tc.writes {
				n, err := l.Write([]byte(w))
				require.NoError(t, err)
				require.Len(t, w, n)
			}
			close(l.found)
			require.Equal(t, tc.want, <-l.found)
			require.Equal(t, strings.Join(tc.writes, ""), l.String())
		})
	}
}

func TestALogDoesNotGrow(t *testing.T) {
	l := &log{found: make(chan string, 1)}
	for range 10 {
		_, err := l.Write(make([]byte, keptLog-1))
		require.NoError(t, err)
	}
	require.Len(t, l.String(), keptLog)
}
