//go:build unix

package limit_test

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/perimeter-go/perimeter/internal/localissuer"
	"github.com/perimeter-go/perimeter/jwks"
	"github.com/perimeter-go/perimeter/middleware"
	"github.com/perimeter-go/perimeter/middleware/limit"
)

const (
	wrongTokens  = 100_000
	attackers    = 1_000
	attackRate   = 20_000 // a second, if the service keeps up
	inFlight     = 64     // connections of all attackers together
	validClients = 50
	validEvery   = 2 * time.Millisecond
)

// BenchmarkStuffing is an attack by 100,000 wrong tokens from 1,000 addresses, 100 each, on a service that valid clients use
// steadily, one in ten of them from an attacker's address. A third of the tokens have a wrong signature under a known key id, a
// third an unknown one, and a third are opaque. All is in one process: service, clients and issuer share its processors.
//
//	go test -run=xxx -bench=Stuffing -benchtime=3x ./middleware/limit
//
// For a service without a limiter (none), with the default one (60), with one of 10 guesses (10), and for one whose
// authenticator does nothing (floor): calls are what the issuer gets; cpu is the attack's processor time, the attacker's side
// included, in parts of what it takes without a limiter; p50 and p99 are what valid clients wait, in multiples of what they
// wait in calm. Of several rounds, interleaved, the least counts.
func BenchmarkStuffing(b *testing.B) {
	defences := []string{"none", "60", "10", "floor"}
	var calm reading
	under := map[string]reading{}
	for b.Loop() {
		calm = calm.least(newService(b, "none").withstand(b, 0))
		for _, d := range defences {
			under[d] = under[d].least(newService(b, d).withstand(b, wrongTokens))
		}
	}
	for _, d := range defences {
		b.ReportMetric(float64(under[d].calls), "calls:"+d)
		b.ReportMetric(float64(under[d].cpu)/float64(under["none"].cpu), "cpu:"+d)
		b.ReportMetric(float64(under[d].p50)/float64(calm.p50), "p50:"+d)
		b.ReportMetric(float64(under[d].p99)/float64(calm.p99), "p99:"+d)
	}
	require.Less(b, under["10"].calls, under["none"].calls/5)
}

// A reading is what an attack did.
type reading struct {
	calls    int           // to the issuer, key sets and introspection
	cpu      time.Duration // of the process
	p50, p99 time.Duration // of valid clients
}

func (r reading) least(s reading) reading {
	if r == (reading{}) {
		return s
	}
	return reading{min(r.calls, s.calls), min(r.cpu, s.cpu), min(r.p50, s.p50), min(r.p99, s.p99)}
}

// A service has an issuer and clients of its own.
type service struct {
	issuer  *localissuer.Issuer
	handler http.Handler
	valid   []*http.Request
	jwt     []string // the segments of a token to make wrong ones of
}

func newService(b *testing.B, defence string) *service {
	b.Helper()
	i := localissuer.New("https://id.example")
	s := &service{issuer: i, jwt: strings.Split(i.AccessToken(audience), ".")}
	keys, err := jwks.NewFromIssuer(i.URL(), &jwks.Options{HTTPClient: &http.Client{Transport: inProcess{i}}})
	require.NoError(b, err)
	a := middleware.FirstOf(middleware.JWT(newVerifier(b, keys, i)), middleware.Introspect(newClient(b, i)))
	switch defence {
	case "60":
		a = behind(b, limit.Config{}, a)
	case "10":
		a = behind(b, limit.Config{PerMinute: 10, Burst: 10}, a)
	case "floor":
		a = answering(func(r *http.Request) (middleware.Identity, error) {
			if slices.ContainsFunc(s.valid, func(v *http.Request) bool { return v == r }) || len(s.valid) < validClients {
				return middleware.Identity{Subject: "anybody"}, nil
			}
			return middleware.Identity{}, middleware.ErrRefused
		})
	}
	guard, err := middleware.New(a, nil)
	require.NoError(b, err)
	s.handler = guard.Handler(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	for n := range validClients {
		tok, address := i.AccessToken(audience), v4(1<<20+n)
		if n%2 == 1 {
			tok = i.OpaqueToken(audience)
		}
		if n%10 == 0 {
			address = v4(n)
		}
		require.Equal(b, http.StatusOK, s.serve(bearer(address, tok)))
		s.valid = append(s.valid, bearer(address, tok))
	}
	return s
}

func behind(b *testing.B, c limit.Config, a middleware.Authenticator) middleware.Authenticator {
	b.Helper()
	l, err := limit.New(c)
	require.NoError(b, err)
	return answering(func(r *http.Request) (middleware.Identity, error) { return l.Authenticate(r, a) })
}

func (s *service) serve(r *http.Request) int {
	w := httptest.NewRecorder()
	s.handler.ServeHTTP(w, r)
	return w.Code
}

func (s *service) calls() (n int) {
	for _, path := range []string{"/introspect", "/jwks"} {
		n += s.issuer.Requests(path)
	}
	return n
}

// wrong is the nth wrong token.
func (s *service) wrong(n int) string {
	switch n / attackers % 3 {
	case 0:
		return unsigned(strings.Join(s.jwt, "."), n)
	case 1:
		header := base64.RawURLEncoding.EncodeToString(fmt.Appendf(nil, `{"alg":"ES256","kid":"unknown-%d","typ":"at+jwt"}`, n))
		return header + "." + s.jwt[1] + "." + s.jwt[2]
	default:
		return fmt.Sprintf("opaque-%032d", n)
	}
}

// withstand sends n wrong tokens, or none for as long as it would take, while valid clients go on.
func (s *service) withstand(b *testing.B, n int) reading {
	b.Helper()
	done := make(chan struct{})
	waits := make(chan []time.Duration)
	go func() { waits <- s.goOn(b, done) }()
	before, calls := cpuTime(b), s.calls()
	if n == 0 {
		time.Sleep(2 * time.Second)
	}
	s.attack(n)
	r := reading{calls: s.calls() - calls, cpu: cpuTime(b) - before}
	close(done)
	felt := <-waits
	slices.Sort(felt)
	r.p50, r.p99 = felt[len(felt)/2], felt[len(felt)*99/100]
	return r
}

func (s *service) attack(n int) {
	next := make(chan int)
	var all sync.WaitGroup
	for range inFlight {
		all.Go(func() {
			for i := range next {
				s.serve(bearer(v4(i%attackers), s.wrong(i)))
			}
		})
	}
	begin := time.Now()
	for i := range n {
		if i%(attackRate/1000) == 0 {
			time.Sleep(time.Until(begin.Add(time.Duration(i) * time.Second / attackRate)))
		}
		next <- i
	}
	close(next)
	all.Wait()
}

// goOn is the valid clients' side: how long each request took from when it was due.
func (s *service) goOn(b *testing.B, done <-chan struct{}) (felt []time.Duration) {
	b.Helper()
	due := time.Now()
	for i := 0; ; i++ {
		select {
		case <-done:
			return felt
		case <-time.After(time.Until(due)):
		}
		if code := s.serve(s.valid[i%validClients]); code != http.StatusOK {
			b.Errorf("a valid client got %d", code)
		}
		felt = append(felt, time.Since(due))
		due = maxTime(due.Add(validEvery), time.Now().Add(-validEvery))
	}
}

func maxTime(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

func cpuTime(b *testing.B) time.Duration {
	b.Helper()
	var u syscall.Rusage
	require.NoError(b, syscall.Getrusage(syscall.RUSAGE_SELF, &u))
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
