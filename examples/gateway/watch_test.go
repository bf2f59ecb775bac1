package main

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// begin starts an exchange that may last for d.
func begin(t *testing.T, by *watch, d time.Duration) (*exchange, context.Context) {
	t.Helper()
	x, r := beginExchange(httptest.NewRecorder(), httptest.NewRequestWithContext(t.Context(), "GET", "/", nil), nil, by, time.Now().Add(d), 0)
	return x, r.Context()
}

func TestAWatchEndsEachExchangeAtItsTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var w watch
		start := time.Now()
		lasting := []time.Duration{
			-time.Hour, 0, 1, time.Millisecond, glance, glance + 1, 2 * glance, 2*glance + 1, 3*glance - 1, 3 * glance, 10 * time.Minute, 10*time.Minute + 1,
		}
		contexts := make([]context.Context, len(lasting))
		for i, d := range lasting {
			_, contexts[i] = begin(t, &w, d)
		}
		for i, d := range lasting {
			<-contexts[i].Done()
			require.ErrorIs(t, context.Cause(contexts[i]), errExpired)
			require.Equal(t, max(d, 0), time.Since(start))
		}
	})
}

func TestAWatchForgetsWhatHasEnded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var w watch
		var all []*exchange
		for _, d := range []time.Duration{time.Hour, time.Hour, glance, time.Hour} {
			x, _ := begin(t, &w, d)
			all = append(all, x)
		}
		for _, at := range []int{1, 0, 2, 3} { // from the middle, the end, none, the start of the list
			all[at].end()
			require.False(t, all[at].waiting.listed)
		}
		require.Nil(t, w.first)
		time.Sleep(2 * glance)
		synctest.Wait()
		require.False(t, w.looking, "nothing is left to look for")
		_, ctx := begin(t, &w, time.Minute)
		start := time.Now()
		<-ctx.Done()
		require.Equal(t, time.Minute, time.Since(start), "it looks again when there is something")
	})
}

func TestAnExchangeCanBeGivenAnEarlierEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var w watch
		start := time.Now()
		for _, d := range []time.Duration{time.Hour, 2 * glance} { // in the list, with a timer
			x, ctx := begin(t, &w, d)
			now := time.Since(start)
			w.move(x, time.Now().Add(glance))
			<-ctx.Done()
			require.Equal(t, now+glance, time.Since(start))
			w.move(x, time.Now().Add(time.Hour))
			require.False(t, x.waiting.listed, "it is over")
		}
	})
}

// headed answers with a head, but only after the identity has expired.
type headed struct{ canned }

func (h headed) RoundTrip(r *http.Request) (*http.Response, error) {
	<-r.Context().Done()
	return h.canned.RoundTrip(r)
}

func TestAnAnswerThatComesAsTheIdentityExpiresIsATimeout(t *testing.T) {
	w := newWorld(t, http.NotFoundHandler())
	for _, p := range w.server.gateway.proxies {
		p.reverse.Transport = headed{}
		clear(p.leeway)
	}
	c, r := w.dial()
	_, err := io.WriteString(c, "GET /orders/7 HTTP/1.1\r\nHost: gateway.test\r\nAuthorization: Bearer "+w.expiring(300*time.Millisecond)+"\r\n\r\n")
	require.NoError(t, err)
	res, err := http.ReadResponse(r, nil)
	require.NoError(t, err)
	require.Equal(t, http.StatusGatewayTimeout, res.StatusCode)
	require.True(t, res.Close)
}
