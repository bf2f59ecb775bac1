package introspect_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/perimeter-go/perimeter/introspect"
)

func TestAnActiveTokenIsRememberedForItsTTL(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u := serving(active())
		c := u.client(t)
		require.Equal(t, atOnce("active"), ask(t.Context(), c, tokenA))
		u.serve(inactive)
		time.Sleep(30*time.Second - time.Nanosecond)
		require.Equal(t, atOnce("active"), ask(t.Context(), c, tokenA))
		require.Equal(t, 1, u.calls())
		time.Sleep(time.Nanosecond)
		require.Equal(t, atOnce("inactive"), ask(t.Context(), c, tokenA), "a revocation is seen within the TTL")
		require.Equal(t, 2, u.calls())
	})
}

func TestTheTTLCountsFromTheBeginningOfTheCall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u := serving(active())
		u.delay = 4 * time.Second
		c := u.client(t)
		require.Equal(t, finding{"active", 4 * time.Second}, ask(t.Context(), c, tokenA))
		time.Sleep(26*time.Second - time.Nanosecond)
		require.Equal(t, atOnce("active"), ask(t.Context(), c, tokenA))
		time.Sleep(time.Nanosecond)
		require.Equal(t, finding{"active", 4 * time.Second}, ask(t.Context(), c, tokenA))
	})
}

func TestAnInactiveTokenIsRememberedForItsOwnTTL(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u := serving(inactive)
		c := u.client(t)
		require.Equal(t, atOnce("inactive"), ask(t.Context(), c, tokenA))
		u.serve(active())
		time.Sleep(5*time.Second - time.Nanosecond)
		require.Equal(t, atOnce("inactive"), ask(t.Context(), c, tokenA))
		time.Sleep(time.Nanosecond)
		require.Equal(t, atOnce("active"), ask(t.Context(), c, tokenA))
		require.Equal(t, 2, u.calls())
		good, others := c.Remembered()
		require.Equal(t, []int{1, 0}, []int{good, others}, "one entry for a token")
	})
}

func TestTheTTLsCanBeSet(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u := serving(active())
		u.bodies[tokenB] = inactive
		c := u.client(t, options(func(o *introspect.Options) { o.TTL, o.NegativeTTL = 3*time.Second, time.Second }))
		for range 2 {
			ask(t.Context(), c, tokenA)
			ask(t.Context(), c, tokenB)
		}
		require.Equal(t, 2, u.calls())
		time.Sleep(time.Second)
		ask(t.Context(), c, tokenA)
		ask(t.Context(), c, tokenB)
		require.Equal(t, 3, u.calls())
		time.Sleep(2 * time.Second)
		ask(t.Context(), c, tokenA)
		require.Equal(t, 4, u.calls())
	})
}

func TestTheCacheIsBoundedInEntriesAndKeepsWhatIsUsed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u := serving(active())
		c := u.client(t, options(func(o *introspect.Options) { o.MaxActive = 100 }))
		for i := range 1_000 {
			require.Equal(t, atOnce("active"), ask(t.Context(), c, fmt.Sprint("t", i)))
			require.Equal(t, atOnce("active"), ask(t.Context(), c, tokenA))
		}
		good, _ := c.Remembered()
		require.Equal(t, 100, good)
		require.Equal(t, 1_001, u.calls(), "what is used again and again stays")
	})
}

func TestTheCacheIsBoundedInBytes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const most = introspect.MaxAnswer
		big := active(`"x":"` + strings.Repeat("y", most/10) + `"`)
		u := serving(big)
		c := u.client(t, options(func(o *introspect.Options) { o.MaxBytes = most }))
		for i := range 100 {
			require.Equal(t, atOnce("active"), ask(t.Context(), c, fmt.Sprint("t", i)))
			require.LessOrEqual(t, c.Bytes(), most)
		}
		good, _ := c.Remembered()
		require.Equal(t, most/(len(big)+len(audience)+16), good)
		u.serve(strings.Replace(big, audience, "https://other.test", 1))
		for i := range 1_000 {
			require.Equal(t, atOnce("audience"), ask(t.Context(), c, fmt.Sprint("u", i)))
			require.LessOrEqual(t, c.Bytes(), 2*most)
		}
	})
}

// An answer may be short and yet long to keep: each element of a list costs more than its bytes.
func TestTheBoundInBytesCountsWhatAnswersAreMadeInto(t *testing.T) {
	const most = introspect.MaxAnswer
	for name, member := range map[string]string{
		"aud":   `"aud":["` + audience + `"` + strings.Repeat(`,"x"`, most/32) + `]`,
		"scope": `"aud":"` + audience + `","scope":"` + distinct(most/16) + `"`,
		"cnf":   `"aud":"` + audience + `","cnf":{"` + strings.ReplaceAll(distinct(most/32), " ", `":0,"`) + `":0}`,
	} {
		t.Run(name, func(t *testing.T) {
			u := newQuiet(`{"active":true,` + member + `}`)
			c := u.client(t, options(func(o *introspect.Options) { o.MaxBytes = 4 * most }))
			before := heap()
			for i := range 40 {
				_, _ = c.Introspect(t.Context(), fmt.Sprint("t", i))
			}
			good, _ := c.Remembered()
			require.Greater(t, good, 1)
			require.LessOrEqual(t, heap()-before, int64(4*most*9/8), "an eighth is the allocator's; %d are remembered", good)
			runtime.KeepAlive(c)
		})
	}
}

// distinct is a list of distinct words, less than bytes long.
func distinct(bytes int) string {
	var b strings.Builder
	for i := 0; b.Len() < bytes-5; i++ {
		fmt.Fprintf(&b, "%04x ", i)
	}
	return strings.TrimSpace(b.String())
}

func TestWhatIsOverDoesNotStayForWantOfPressure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u := serving(active())
		c := u.client(t)
		for i := range 500 {
			ask(t.Context(), c, fmt.Sprint("t", i))
		}
		time.Sleep(30 * time.Second)
		for i := range 500 {
			ask(t.Context(), c, fmt.Sprint("u", i))
		}
		good, _ := c.Remembered()
		require.LessOrEqual(t, good, 520)
	})
}

// Whatever happens, the cache says no more than a map with times would, and keeps its bounds.
func TestTheCacheAgreesWithAModel(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := rand.New(rand.NewPCG(1, 2))
		u := serving(active())
		c := u.client(t, options(func(o *introspect.Options) { o.MaxActive, o.MaxInactive = 8, 4 }))
		word, since := map[string]string{}, map[string]time.Time{}
		ttl := map[string]time.Duration{"active": 30 * time.Second, "inactive": 5 * time.Second, "undecided": 5 * time.Second}
		for range 5_000 {
			tok := fmt.Sprint("t", r.IntN(20))
			switch r.IntN(10) {
			case 0:
				time.Sleep(time.Duration(r.IntN(4000)) * time.Millisecond)
			case 1:
				require.NoError(t, c.Forget(t.Context(), tok))
				delete(since, tok)
			default:
				next := []string{"active", "inactive", "undecided"}[r.IntN(3)]
				u.set(func(u *endpoint) {
					u.status, u.body = 200, map[string]string{"active": active(), "inactive": inactive}[next]
					if next == "undecided" {
						u.status = 400
					}
				})
				before := u.calls()
				got := ask(t.Context(), c, tok).word
				if u.calls() == before {
					require.Equal(t, word[tok], got)
					require.Less(t, time.Since(since[tok]), ttl[got])
				} else {
					require.Equal(t, next, got)
					word[tok], since[tok] = got, time.Now()
				}
			}
			good, others := c.Remembered()
			require.LessOrEqual(t, good, 8)
			require.LessOrEqual(t, others, 4)
		}
	})
}

func TestForgetMakesTheNextCallerAsk(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u := serving(active())
		c := u.client(t)
		require.Equal(t, atOnce("active"), ask(t.Context(), c, tokenA))
		require.Equal(t, atOnce("active"), ask(t.Context(), c, tokenB))
		require.NoError(t, c.Forget(t.Context(), tokenA))
		require.NoError(t, c.Forget(t.Context(), "unknown"))
		u.serve(inactive)
		require.Equal(t, atOnce("inactive"), ask(t.Context(), c, tokenA))
		require.Equal(t, atOnce("active"), ask(t.Context(), c, tokenB))
	})
}

func TestWhatWasAskedBeforeForgetIsNotBelievedAfter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u := serving(active())
		u.delay = time.Second
		said := []string{active(), inactive}
		u.respond = func(r *http.Request, _ url.Values) (*http.Response, error) {
			body := said[0]
			said = said[1:]
			return answer(r, 200, u.header, body), nil
		}
		c := u.client(t)
		k := newCrowd()
		k.ask(t.Context(), c, 3, same(tokenA))
		synctest.Wait()
		require.NoError(t, c.Forget(t.Context(), tokenA))
		require.Equal(t, map[finding]int{{"inactive", 2 * time.Second}: 3}, k.findings())
		require.Equal(t, 2, u.calls())
		require.Equal(t, atOnce("inactive"), ask(t.Context(), c, tokenA))
	})
}

// leaving is the context of a caller who leaves at the moment in which its token begins to be asked about.
type leaving struct {
	context.Context
	looks atomic.Int32
}

func (l *leaving) Err() error {
	if l.looks.Add(1) == 1 {
		return nil
	}
	return context.Canceled
}

func (*leaving) Done() <-chan struct{} {
	c := make(chan struct{})
	close(c)
	return c
}

func TestForgetAlsoEndsWhatACallerHasLeftBehind(t *testing.T) {
	for range 20 { // who is first, the caller who leaves or the call, is left to the scheduler
		synctest.Test(t, func(t *testing.T) {
			u := serving(active())
			u.delay = time.Second
			c := u.client(t)
			for i := range 20 {
				require.Equal(t, atOnce("left"), ask(&leaving{Context: t.Context()}, c, fmt.Sprint("t", i)))
			}
			time.Sleep(500 * time.Millisecond)
			for i := range 20 {
				require.NoError(t, c.Forget(t.Context(), fmt.Sprint("t", i)))
			}
			time.Sleep(time.Second)
			u.serve(inactive)
			for i := range 20 {
				require.Equal(t, atOnce("inactive"), ask(t.Context(), c, fmt.Sprint("t", i)))
			}
			require.True(t, c.Idle())
		})
	}
}

// telling is an endpoint that says of each token how often it was changed.
type telling map[string]*atomic.Int64

func (said telling) RoundTrip(r *http.Request) (*http.Response, error) {
	if err := r.ParseForm(); err != nil {
		return nil, err
	}
	body := active(fmt.Sprintf(`"sub":"%d"`, said[r.PostForm.Get("token")].Load()))
	return answer(r, 200, http.Header{"Content-Type": {"application/json"}}, body), nil
}

func TestForgetIsSeenAtOnceHoweverManyRead(t *testing.T) {
	said := telling{}
	tokens := make([]string, 300) // more than the first slots of the index
	for i := range tokens {
		tokens[i] = fmt.Sprint("t", i)
		said[tokens[i]] = new(atomic.Int64)
	}
	made, err := introspect.New(config(), &introspect.Options{HTTPClient: &http.Client{Transport: said}, MaxActive: 200})
	require.NoError(t, err)
	var writers, readers sync.WaitGroup
	var over atomic.Bool
	for range 4 {
		readers.Go(func() {
			for i := 0; !over.Load(); i++ {
				if r, err := made.Introspect(t.Context(), tokens[i%len(tokens)]); err == nil && r.Subject() == "" {
					t.Error("nothing is said")
				}
				runtime.Gosched()
			}
		})
	}
	for w := range 4 {
		writers.Go(func() {
			for i := range 500 {
				tok := tokens[(i*4+w)%len(tokens)]
				now := said[tok].Add(1)
				if err := made.Forget(t.Context(), tok); err != nil {
					t.Error(err)
				}
				r, err := made.Introspect(t.Context(), tok)
				if err != nil || r.Subject() != fmt.Sprint(now) {
					t.Errorf("after Forget, %q is said of change %d: %v", r.Subject(), now, err)
				}
			}
		})
	}
	writers.Wait()
	over.Store(true)
	readers.Wait()
}

func TestForgettingAgainAndAgainEndsUndecided(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u := serving(active())
		u.delay = time.Second
		c := u.client(t)
		k := newCrowd()
		k.ask(t.Context(), c, 1, same(tokenA))
		for range 5 {
			time.Sleep(500 * time.Millisecond)
			require.NoError(t, c.Forget(t.Context(), tokenA))
		}
		require.Equal(t, map[finding]int{{"undecided", 2 * time.Second}: 1}, k.findings())
	})
}

func TestStaleIfError(t *testing.T) {
	const grace = time.Minute
	type step struct {
		after time.Duration
		do    func(*endpoint)
		want  string
	}
	fails := func(status int) func(*endpoint) { return func(u *endpoint) { u.status = status } }
	hangs := func(u *endpoint) { u.hang = true }
	for name, row := range map[string]struct {
		off   bool
		body  func() string
		steps []step
	}{
		"a 5xx, to the end of the grace": {steps: []step{
			{30 * time.Second, fails(503), "active"}, {59 * time.Second, nil, "active"}, {time.Second, nil, "undecided"},
		}},
		"a transport error":                {steps: []step{{30 * time.Second, func(u *endpoint) { u.err = errors.New(secret) }, "active"}}},
		"a hang":                           {steps: []step{{30 * time.Second, hangs, "active"}}},
		"without the option":               {off: true, steps: []step{{30 * time.Second, fails(503), "undecided"}}},
		"a 429 is no outage":               {steps: []step{{30 * time.Second, fails(429), "undecided"}}},
		"a 401 is our own fault":           {steps: []step{{30 * time.Second, fails(401), "undecided"}}},
		"a 400 is a word about the token":  {steps: []step{{30 * time.Second, fails(400), "undecided"}, {5 * time.Second, fails(503), "undecided"}}},
		"a redirect":                       {steps: []step{{30 * time.Second, fails(302), "undecided"}}},
		"a strange answer":                 {steps: []step{{30 * time.Second, func(u *endpoint) { u.body = `{}` }, "undecided"}}},
		"a proxy's answer between them":    {steps: []step{{30 * time.Second, fails(103), "undecided"}}},
		"never over active:false":          {steps: []step{{30 * time.Second, func(u *endpoint) { u.body = inactive }, "inactive"}, {6 * time.Second, fails(503), "undecided"}}},
		"never over another audience":      {steps: []step{{30 * time.Second, func(u *endpoint) { u.body = `{"active":true}` }, "audience"}, {6 * time.Second, fails(503), "undecided"}}},
		"never past exp":                   {body: func() string { return active(expiring(40 * time.Second)) }, steps: []step{{39 * time.Second, fails(503), "active"}, {time.Second, nil, "undecided"}}},
		"an answer ends it, and begins it": {steps: []step{{30 * time.Second, fails(503), "active"}, {time.Second, fails(200), "active"}, {85 * time.Second, fails(503), "active"}}},
		"while calls are paused": {steps: []step{
			{30 * time.Second, fails(503), "active"}, {0, nil, "active"}, {0, nil, "active"}, {0, nil, "active"}, {0, nil, "active"}, {0, nil, "active"}, {0, nil, "active"},
		}},
		"while calls are paused for our fault": {steps: []step{
			{30 * time.Second, fails(401), "undecided"}, {0, nil, "undecided"}, {0, nil, "undecided"}, {0, nil, "undecided"}, {0, nil, "undecided"}, {0, fails(503), "undecided"},
		}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				defer landing()
				body := active()
				if row.body != nil {
					body = row.body()
				}
				u := serving(body)
				c := u.client(t, options(func(o *introspect.Options) {
					if !row.off {
						o.StaleIfError = grace
					}
				}))
				require.Equal(t, atOnce("active"), ask(t.Context(), c, tokenA))
				for i, s := range row.steps {
					time.Sleep(s.after)
					if s.do != nil {
						u.set(s.do)
					}
					require.Equal(t, s.want, ask(t.Context(), c, tokenA).word, "step %d", i+1)
				}
				require.Equal(t, "undecided", ask(t.Context(), c, "never-seen").word, "what was never known does not become so")
			})
		})
	}
}

func TestOurOwnFaultIsNoOutage(t *testing.T) {
	for name, trouble := range map[string]func(context.Context) (string, error){
		"a secret that no header can carry": always(secret + "\n"),
		"a secret that does not come":       func(ctx context.Context) (string, error) { <-ctx.Done(); return "", ctx.Err() },
		"a secret that comes too late":      func(context.Context) (string, error) { time.Sleep(6 * time.Second); return secret, nil },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				defer landing()
				get := always(secret)
				u := serving(active())
				c := u.client(t, options(func(o *introspect.Options) { o.StaleIfError = time.Minute }),
					authenticating(introspect.Auth{Method: "bearer", Secret: func(ctx context.Context) (string, error) { return get(ctx) }}))
				require.Equal(t, atOnce("active"), ask(t.Context(), c, tokenA))
				time.Sleep(30 * time.Second)
				get = trouble
				u.set(func(u *endpoint) { u.respond = asNetHTTP })
				require.Equal(t, "undecided", ask(t.Context(), c, tokenA).word)
			})
		})
	}
	t.Run("an answer that Verify does not get through with", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			defer landing()
			verify := readPayload
			u := serving("")
			u.header.Set("Content-Type", "application/token-introspection+jwt")
			u.body = signedAnswer(active())
			c := u.client(t, options(func(o *introspect.Options) {
				o.StaleIfError = time.Minute
				o.Verify = func(ctx context.Context, jwt string) ([]byte, error) { return verify(ctx, jwt) }
			}))
			require.Equal(t, atOnce("active"), ask(t.Context(), c, tokenA))
			time.Sleep(30 * time.Second)
			u.set(func(u *endpoint) { u.body = signedAnswer(inactive) })
			verify = func(ctx context.Context, _ string) ([]byte, error) { <-ctx.Done(); return nil, ctx.Err() }
			require.Equal(t, finding{"undecided", 5 * time.Second}, ask(t.Context(), c, tokenA))
		})
	})
}

// asNetHTTP refuses what net/http's transport refuses to send.
func asNetHTTP(r *http.Request, _ url.Values) (*http.Response, error) {
	if strings.ContainsAny(r.Header.Get("Authorization"), "\r\n") {
		return nil, errors.New("net/http: invalid header field value")
	}
	return answer(r, 200, http.Header{"Content-Type": {"application/json"}}, active()), nil
}

func TestForgetEndsWhatMayStandIn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u := serving(active())
		c := u.client(t, options(func(o *introspect.Options) { o.StaleIfError = time.Hour }))
		require.Equal(t, atOnce("active"), ask(t.Context(), c, tokenA))
		require.NoError(t, c.Forget(t.Context(), tokenA))
		u.fail(503)
		require.Equal(t, atOnce("undecided"), ask(t.Context(), c, tokenA))
	})
}

func TestStaleIsJudgedLikeAnyOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u := serving(active(`"cnf":{"jkt":"0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"}`))
		c := u.client(t, options(func(o *introspect.Options) { o.StaleIfError = time.Hour }))
		proof := introspect.Proof{Method: "jkt", Thumbprint: "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"}
		require.Equal(t, atOnce("active"), ask(t.Context(), c, tokenA, proof))
		time.Sleep(time.Minute)
		u.fail(503)
		require.Equal(t, atOnce("proof"), ask(t.Context(), c, tokenA))
		require.Equal(t, atOnce("active"), ask(t.Context(), c, tokenA, proof))
	})
}
