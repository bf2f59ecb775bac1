package main

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// counting counts how often it is flushed.
type counting struct {
	deaf

	flushed int
}

func (c *counting) FlushError() error { c.flushed++; return nil }

func TestAllPartsOfAnAnswerAreSentAtOnce(t *testing.T) {
	for _, tc := range []struct {
		name, length string
		parts        []string
		flushed      int
	}{
		{"in one part", "4", []string{"abcd"}, 1},
		{"in three parts", "6", []string{"ab", "cd", "ef"}, 3},
		{"cut off", "6", []string{"ab", "cd"}, 2},
		{"of unknown length, which is ReverseProxy's to send", "", []string{"ab", "cd"}, 0},
		{"of a length that is no number", "x", []string{"ab", "cd"}, 0},
		{"without a body", "0", nil, 1},
		{"of a length, but without the body", "5", nil, 1},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c := &counting{deaf: deaf{http.Header{}}}
			p := &prompt{ResponseWriter: c}
			p.WriteHeader(http.StatusEarlyHints)
			if tc.length != "" {
				p.Header().Set("Content-Length", tc.length)
			}
			p.WriteHeader(http.StatusOK)
			for _, part := range tc.parts {
				n, err := p.Write([]byte(part))
				require.NoError(t, err)
				require.Equal(t, len(part), n)
			}
			p.end()
			require.Equal(t, tc.flushed, c.flushed)
		})
	}
}

// The exchange may end between the backend's answer and the first byte of it to the client, who has a moment to read it, and then no connection.
func TestAnAnswerThatIsOvertakenByTheExpiryTakesItsConnectionWithIt(t *testing.T) {
	for _, tc := range []struct {
		name    string
		expires bool
		want    string
	}{{"overtaken", true, "close"}, {"in time", false, ""}} {
		t.Run(tc.name, func(t *testing.T) {
			c := &counting{deaf: deaf{http.Header{}}}
			x, _ := beginExchange(c, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil), nil, &watch{}, time.Now().Add(time.Hour), 0)
			if tc.expires {
				x.expire()
			}
			p := &prompt{ResponseWriter: c, exchange: x}
			p.Header().Set("Content-Length", "2")
			p.WriteHeader(http.StatusOK)
			require.Equal(t, tc.want, p.Header().Get("Connection"))
			require.Equal(t, !tc.expires, x.began)
			x.end()
		})
	}
}
