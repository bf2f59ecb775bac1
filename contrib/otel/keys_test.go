package otel_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/perimeter-go/perimeter/internal/localissuer"
	"github.com/perimeter-go/perimeter/introspect"
	"github.com/perimeter-go/perimeter/jwks"
	"github.com/perimeter-go/perimeter/middleware"
)

func TestKeysAreWatched(t *testing.T) {
	i := localissuer.New("https://id.example")
	var down atomic.Bool
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if down.Load() {
			w.WriteHeader(http.StatusBadGateway)
			return
		}
		i.ServeHTTP(w, r)
	}))
	defer server.Close()
	w := newWorld(t, nil)
	counted := make(chan struct{})
	keys, err := jwks.New(server.URL+"/jwks", &jwks.Options{InsecureAllowHTTP: true, OnRefresh: func(r jwks.Refresh) {
		w.OnRefresh("example")(r)
		counted <- struct{}{}
	}})
	require.NoError(t, err)
	stop, err := w.WatchKeys("example", keys.Status)
	require.NoError(t, err)

	require.ElementsMatch(t, []sample{
		{"perimeter.keys.usable", "issuer=example", 0}, {"perimeter.keys.count", "issuer=example", 0}, {"perimeter.keys.failures", "issuer=example", 0},
	}, w.samples(t), "nothing has been fetched, and nothing has an age")

	require.NoError(t, keys.Refresh(t.Context()))
	<-counted
	down.Store(true)
	require.Error(t, keys.Refresh(t.Context()))
	<-counted
	all := w.samples(t)
	for _, s := range []sample{
		{"perimeter.keys.refreshes", "issuer=example", 1},
		{"perimeter.keys.refreshes", "error.type=status issuer=example", 1},
		{"perimeter.keys.refresh.duration", "issuer=example", 1},
		{"perimeter.keys.refresh.duration", "error.type=status issuer=example", 1},
		{"perimeter.keys.usable", "issuer=example", 1},
		{"perimeter.keys.count", "issuer=example", float64(keys.Status().Keys)},
		{"perimeter.keys.failures", "issuer=example", 1},
	} {
		require.Contains(t, all, s)
	}
	require.Positive(t, keys.Status().Keys)
	require.Equal(t, 1, countOf(all, "perimeter.keys.age"))

	require.NoError(t, stop.Unregister())
	require.Zero(t, countOf(w.samples(t), "perimeter.keys.count"))
}

func TestTheAgeOfKeysIsInSeconds(t *testing.T) {
	w := newWorld(t, nil)
	for name, s := range map[string]jwks.Status{
		"old":   {LastSuccess: time.Now().Add(-time.Hour), Age: time.Hour, Usable: true, Keys: 2},
		"never": {},
	} {
		_, err := w.WatchKeys(name, func() jwks.Status { return s })
		require.NoError(t, err)
	}
	all := w.samples(t)
	require.Contains(t, all, sample{"perimeter.keys.age", "issuer=old", 3600})
	require.Equal(t, 1, countOf(all, "perimeter.keys.age"))
	require.Contains(t, all, sample{"perimeter.keys.usable", "issuer=never", 0})
}

func TestARefreshIsCountedByTheClassOfItsError(t *testing.T) {
	for _, row := range []struct {
		name string
		err  error
		want string
	}{
		{"none", nil, "issuer=id"},
		{"a class", &jwks.FetchError{Class: "timeout"}, "error.type=timeout issuer=id"},
		{"no class", &jwks.FetchError{}, "error.type=_OTHER issuer=id"},
		{"an error of somebody else", errors.New("dial tcp 192.0.2.1: secret"), "error.type=_OTHER issuer=id"},
	} {
		t.Run(row.name, func(t *testing.T) {
			w := newWorld(t, nil)
			w.OnRefresh("id")(jwks.Refresh{Err: row.err, Duration: time.Second})
			require.ElementsMatch(t, []sample{{"perimeter.keys.refreshes", row.want, 1}, {"perimeter.keys.refresh.duration", row.want, 1}}, w.samples(t))
		})
	}
}

func TestIntrospectionIsCounted(t *testing.T) {
	i := localissuer.New("https://id.example")
	server := httptest.NewServer(i)
	defer server.Close()
	secret := i.Register("orders", "")
	w := newWorld(t, nil)
	client, err := introspect.New(introspect.Config{
		Endpoint: server.URL + "/introspect", Issuer: i.URL(), Audiences: []string{audience},
		Auth: introspect.Auth{Method: "client_secret_basic", ClientID: "orders", Secret: func(context.Context) (string, error) { return secret, nil }},
	}, &introspect.Options{InsecureAllowHTTP: true, Observe: w.OnIntrospection("example")})
	require.NoError(t, err)
	tok := i.OpaqueToken(audience)
	for range 3 {
		_, err = client.Introspect(t.Context(), tok)
		require.NoError(t, err)
	}
	i.SetDown(true)
	_, err = client.Introspect(t.Context(), i.OpaqueToken(audience))
	require.Error(t, err)
	require.ElementsMatch(t, []sample{
		{"perimeter.introspection.events", "event=asked issuer=example", 2},
		{"perimeter.introspection.events", "event=failed issuer=example", 1},
	}, w.samples(t))
}

func TestTheInstrumentsAreThoseOfTheDocumentation(t *testing.T) {
	w := newWorld(t, nil)
	w.Observe(t.Context(), middleware.Decision{Outcome: "allowed", Reason: "allowed"})
	w.OnRefresh("id")(jwks.Refresh{})
	w.OnIntrospection("id")("asked")
	_, err := w.WatchKeys("id", func() jwks.Status { return jwks.Status{LastSuccess: time.Now()} })
	require.NoError(t, err)
	var found metricdata.ResourceMetrics
	require.NoError(t, w.reader.Collect(t.Context(), &found))
	documentation, err := os.ReadFile("doc.go")
	require.NoError(t, err)
	documented := regexp.MustCompile(`(?m)^//\t(perimeter\.\S+) +(\w+), (\S+) `).FindAllStringSubmatch(string(documentation), -1)
	var want, got []string
	for _, d := range documented {
		want = append(want, strings.Join(d[1:], " "))
	}
	for _, m := range found.ScopeMetrics[0].Metrics {
		require.NotEmpty(t, m.Description, m.Name)
		kind := "gauge"
		switch m.Data.(type) {
		case metricdata.Sum[int64]:
			kind = "counter"
		case metricdata.Histogram[float64]:
			kind = "histogram"
		}
		got = append(got, m.Name+" "+kind+" "+m.Unit)
	}
	require.ElementsMatch(t, want, got)
}
