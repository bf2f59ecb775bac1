package e2e_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/perimeter-go/perimeter/introspect"
	"github.com/perimeter-go/perimeter/middleware"
)

// A fault is something that happens on the way from a service to its issuer.
type fault struct {
	name       string
	begin, end func(*toxiproxy, *detour)
	statuses   []int // that requests with new tokens get meanwhile, each at least once
	answers    bool  // heads of answers arrive
}

func toxic(kind string, attributes members) (begin, end func(*toxiproxy, *detour)) {
	return func(p *toxiproxy, _ *detour) { p.poison(kind, attributes) }, func(p *toxiproxy, _ *detour) { p.cure() }
}

func faults() []fault {
	nothing := func(*toxiproxy, *detour) {}
	all := []fault{{name: "none", begin: nothing, end: nothing, statuses: []int{200}, answers: true}}
	for _, row := range []struct {
		fault
		kind       string
		attributes members
	}{
		{fault{name: "300 ms late", statuses: []int{200}, answers: true}, "latency", members{"latency": 300}},
		{fault{name: "hangs", statuses: []int{503}}, "timeout", members{"timeout": 0}},
		{fault{name: "resets", statuses: []int{503}}, "reset_peer", members{"timeout": 0}},
		{fault{name: "cut in the head", statuses: []int{503}}, "limit_data", members{"bytes": 60}},
		{fault{name: "cut in the body", statuses: []int{503}, answers: true}, "limit_data", members{"bytes": 300}},
	} {
		row.begin, row.end = toxic(row.kind, row.attributes)
		all = append(all, row.fault)
	}
	return append(all,
		fault{
			name: "does not listen", statuses: []int{503},
			begin: func(p *toxiproxy, _ *detour) { p.accept(false) }, end: func(p *toxiproxy, _ *detour) { p.accept(true) },
		},
		fault{
			name: "5xx and well by turns", statuses: []int{200, 503}, answers: true,
			begin: func(_ *toxiproxy, d *detour) { d.meddle(flapping(time.Second)) }, end: func(_ *toxiproxy, d *detour) { d.meddle(nil) },
		})
}

// flapping answers 5xx, then lets pass, then answers 5xx again, each for so long.
func flapping(period time.Duration) meddler {
	began, statuses, n := time.Now(), []int{500, 502, 503, 504}, atomic.Int64{}
	return func(w http.ResponseWriter, _ *http.Request) bool {
		if time.Since(began)/period%2 == 1 {
			return false
		}
		w.WriteHeader(statuses[int(n.Add(1))%len(statuses)])
		return true
	}
}

// A logbook is the way to an endpoint, and notes the calls that go it.
type logbook struct {
	mu sync.Mutex
	noted
}

// noted is what stands in a logbook.
type noted struct {
	begun  []time.Time // calls
	heads  int         // of answers
	paused time.Time   // when a call was not made for the first time, because those before had failed
	stale  int         // answers that stood in
}

func (l *logbook) RoundTrip(r *http.Request) (*http.Response, error) {
	l.note(func(n *noted) { n.begun = append(n.begun, time.Now()) })
	res, err := client.Transport.RoundTrip(r)
	if err == nil {
		l.note(func(n *noted) { n.heads++ })
	}
	return res, err
}

func (l *logbook) observe(event string) {
	l.note(func(n *noted) {
		switch {
		case event == "paused" && n.paused.IsZero():
			n.paused = time.Now()
		case event == "stale":
			n.stale++
		}
	})
}

func (l *logbook) note(change func(*noted)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	change(&l.noted)
}

// take returns what has been noted, and starts a new page.
func (l *logbook) take() (n noted) {
	l.note(func(now *noted) { n, *now = *now, noted{} })
	return n
}

// probes are the calls since the pause began, but for those that were about to be made at that moment.
func (n noted) probes() []time.Time {
	if n.paused.IsZero() {
		return nil
	}
	const moment = 20 * time.Millisecond
	return slices.DeleteFunc(slices.Clone(n.begun), func(at time.Time) bool { return at.Before(n.paused.Add(moment)) })
}

// An exposedService has its issuer behind faults.
type exposedService struct {
	*service
	book *logbook
}

const (
	faultTimeout = time.Second            // of a call
	aLittle      = 500 * time.Millisecond // of a busy machine's
)

func newExposed(t *testing.T, c introspect.Config, ttl, stale time.Duration) *exposedService {
	t.Helper()
	book := &logbook{}
	asker := newIntrospector(t, c, introspect.Options{
		Timeout: faultTimeout, TTL: ttl, StaleIfError: stale,
		HTTPClient: &http.Client{Transport: book}, Observe: book.observe,
	})
	return &exposedService{startService(t, middleware.Introspect(asker)), book}
}

func (e *exposedService) requireAccepted(t *testing.T, tokens []string) {
	t.Helper()
	for _, token := range tokens {
		res, err := e.send(http.MethodGet, "/orders/1", token)
		require.NoError(t, err)
		require.Equal(t, http.StatusOK, res.status)
	}
}

// What a service with a fault behind it came to: with tokens that it knows, with tokens that it knew, whose TTL is over, and with
// new ones. Another, whose issuer is well, got the tokens that it knows meanwhile: so a busy machine is told from a slow service.
type endured struct {
	fault
	lasted                         time.Duration
	known, outlived, strange, well figures
	book, outlivedBook             noted
	back                           time.Duration // from the end of the fault to the first new token accepted
}

// endure has tokens that are known come steadily while f lasts, and new ones now and then.
func (f fault) endure(t *testing.T, i *issuer, p *toxiproxy, d *detour, direct introspect.Config) endured {
	t.Helper()
	exposed := direct
	exposed.Endpoint = p.url + "/introspect"
	const perSecond = 10
	e := endured{fault: f, lasted: outage(2500*time.Millisecond, 30*time.Second)}
	known, strange := i.opaques(20), i.opaques(perSecond*int(e.lasted/time.Second+2))
	service, forgetful := newExposed(t, exposed, 5*time.Minute, 0), newExposed(t, exposed, 200*time.Millisecond, time.Hour)
	control := newExposed(t, direct, 5*time.Minute, 0)
	for _, e := range []*exposedService{service, forgetful, control} {
		e.requireAccepted(t, known)
	}
	service.book.take()
	forgetful.book.take()

	f.begin(p, d)
	loads := []*load{
		startLoad(t, service, &valid{tokens: known}, 100),
		startLoad(t, forgetful, &valid{tokens: known}, 50),
		startLoad(t, service, &valid{tokens: strange}, perSecond),
		startLoad(t, control, &valid{tokens: known}, 100),
	}
	time.Sleep(e.lasted)
	e.known, e.outlived, e.strange, e.well = loads[0].stop(), loads[1].stop(), loads[2].stop(), loads[3].stop()
	e.book, e.outlivedBook = service.book.take(), forgetful.book.take()
	f.end(p, d)
	last := i.opaque()
	e.back = within(t, time.Second+faultTimeout+2*aLittle, "acceptance once the fault is over", func() bool {
		res, err := service.send(http.MethodGet, "/orders/1", last)
		return err == nil && res.status == http.StatusOK
	})
	return e
}

func (e endured) requireFair(t *testing.T) {
	t.Helper()
	require.Equal(t, map[int]int{200: e.known.sent}, e.known.statuses, "what is remembered needs no issuer")
	require.Less(t, e.known.percentile(99), e.well.percentile(99)+faultTimeout/4, "and does not wait for one")
	require.Equal(t, map[int]int{200: e.outlived.sent}, e.outlived.statuses, "an old answer may stand in")
	require.Less(t, e.outlived.slowest, faultTimeout+aLittle+e.well.slowest)
	require.ElementsMatch(t, e.statuses, statusesOf(e.strange), "an outage is never a log-out")
	require.Less(t, e.strange.slowest, faultTimeout+aLittle+e.well.slowest)

	outage := slices.Contains(e.statuses, http.StatusServiceUnavailable)
	require.Equal(t, outage, e.outlivedBook.stale > 0)
	require.Equal(t, outage, !e.book.paused.IsZero())
	require.Equal(t, e.answers, e.book.heads > 0, "the fault was another than it says")
	if !slices.Contains(e.statuses, http.StatusOK) {
		requireApart(t, e.book.probes(), time.Second)
		requireApart(t, e.outlivedBook.probes(), time.Second)
	}
}

func requireApart(t *testing.T, calls []time.Time, least time.Duration) {
	t.Helper()
	for n := 1; n < len(calls); n++ {
		require.GreaterOrEqual(t, calls[n].Sub(calls[n-1]), least, "calls during a pause")
	}
}

const enduredHead = "fault | calls (answers) | since a pause began | new: statuses, slowest | known: n, p50, p99, slowest | known, issuer well: p50, p99, slowest | TTL over: n, p50, p99, old answers | accepted again after"

func (e endured) String() string {
	return fmt.Sprintf("%s | %d (%d) | %d | %v, %v | %d, %v, %v, %v | %v, %v, %v | %d, %v, %v, %d | %v",
		e.name, len(e.book.begun), e.book.heads, len(e.book.probes()), e.strange.statuses, round(e.strange.slowest),
		e.known.sent, round(e.known.percentile(50)), round(e.known.percentile(99)), round(e.known.slowest),
		round(e.well.percentile(50)), round(e.well.percentile(99)), round(e.well.slowest),
		e.outlived.sent, round(e.outlived.percentile(50)), round(e.outlived.percentile(99)), e.outlivedBook.stale, round(e.back))
}

func TestFaultsOnTheWayToTheIssuerCostNobodyTheirAccess(t *testing.T) {
	s := newResourceServer()
	i := startIssuer(t, "", s.registered())
	d := newDetour(t, i.URL)
	p := startToxiproxy(t, d.url)
	table := []string{enduredHead}
	for _, f := range faults() {
		t.Run(f.name, func(t *testing.T) {
			e := f.endure(t, i, p, d, i.introspection(s.auth()))
			table = append(table, e.String())
			e.requireFair(t)
		})
	}
	t.Logf("timeout of a call: %v\n%s", faultTimeout, strings.Join(table, "\n"))
}

func statusesOf(f figures) (all []int) {
	for status := range f.statuses {
		all = append(all, status)
	}
	return all
}

func round(d time.Duration) time.Duration { return d.Round(100 * time.Microsecond) }
