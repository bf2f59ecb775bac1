package token_test

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/perimeter-go/perimeter/internal/keyat"
	"github.com/perimeter-go/perimeter/internal/localissuer"
	"github.com/perimeter-go/perimeter/internal/racing"
	"github.com/perimeter-go/perimeter/jwks"
	"github.com/perimeter-go/perimeter/token"
)

func p256Key(tb testing.TB) crypto.PublicKey {
	tb.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(tb, err)
	return k.Public()
}

// again is a key as another fetch of the same key set makes it.
func again(k crypto.PublicKey) crypto.PublicKey {
	switch k := k.(type) {
	case *rsa.PublicKey:
		c := *k
		return &c
	case *ecdsa.PublicKey:
		c := *k
		return &c
	default:
		return k
	}
}

// What is remembered is worth a verification: each row is said in the same words to a token that is remembered, whether it has come once or more often,
// and to one that is not.
func TestARememberedTokenIsJudgedAgain(t *testing.T) {
	for _, times := range []int{1, 2, 3} {
		t.Run(fmt.Sprintf("seen %d times", times), func(t *testing.T) { testJudgedAgain(t, times) })
	}
}

func testJudgedAgain(t *testing.T, times int) {
	t.Helper()
	jkt := token.Proof{Method: "jkt", Thumbprint: proofKey}
	bound := with("cnf", `{"jkt":"`+proofKey+`"}`)
	outage := errors.New("the issuer is down")
	type proofs = []token.Proof
	type answer = func(own crypto.PublicKey) ([]crypto.PublicKey, error)
	answers := func(f func(own crypto.PublicKey) []crypto.PublicKey) answer {
		return func(own crypto.PublicKey) ([]crypto.PublicKey, error) { return f(own), nil }
	}
	fails := func(err error) answer { return func(crypto.PublicKey) ([]crypto.PublicKey, error) { return nil, err } }
	other, third := p256Key(t), p256Key(t)
	for _, tc := range []struct {
		name   string
		policy func(*token.Policy)
		header map[string]any
		edits  []claim
		first  proofs
		wait   time.Duration
		keys   answer
		then   proofs
		want   token.Reason
		stays  bool
	}{
		{name: "nothing has changed", stays: true},
		{name: "its key is withdrawn", keys: answers(func(crypto.PublicKey) []crypto.PublicKey { return nil }), want: token.ReasonUnknownKey},
		{name: "another key stands under its kid", keys: answers(func(crypto.PublicKey) []crypto.PublicKey { return []crypto.PublicKey{other} }), want: token.ReasonSignature},
		{name: "a key of another kind stands under its kid", keys: answers(func(crypto.PublicKey) []crypto.PublicKey { return []crypto.PublicKey{issuerRSA(t).Public()} }), want: token.ReasonUnknownKey},
		{name: "what stands under its kid is no key", keys: answers(func(crypto.PublicKey) []crypto.PublicKey {
			return []crypto.PublicKey{nil, (*ecdsa.PublicKey)(nil), &ecdsa.PublicKey{}, "key"}
		}), want: token.ReasonUnknownKey},
		{name: "its key was fetched again", keys: answers(func(own crypto.PublicKey) []crypto.PublicKey { return []crypto.PublicKey{again(own)} }), stays: true},
		{name: "its key is one of two now", keys: answers(func(own crypto.PublicKey) []crypto.PublicKey { return []crypto.PublicKey{other, own} }), stays: true},
		{
			name: "without a kid, its key is one of two", header: map[string]any{"kid": nil},
			keys: answers(func(own crypto.PublicKey) []crypto.PublicKey { return []crypto.PublicKey{other, own} }), stays: true,
		},
		{
			name: "without a kid, its key is one of three", header: map[string]any{"kid": nil},
			keys: answers(func(own crypto.PublicKey) []crypto.PublicKey { return []crypto.PublicKey{own, other, third} }), want: token.ReasonUnknownKey,
		},
		{name: "the keys cannot be had", keys: fails(outage), want: token.ReasonUndecided, stays: true},
		{name: "a key source has no say on the token", keys: fails(token.ErrRefused), want: token.ReasonUndecided, stays: true},
		{name: "it is in its leeway", wait: 90*time.Second - 1, stays: true},
		{name: "it has expired", wait: 90 * time.Second, want: token.ReasonExpired},
		{name: "it has expired, and the keys cannot be had", wait: time.Hour, keys: fails(outage), want: token.ReasonExpired},
		{name: "it has expired, and its key is withdrawn", wait: time.Hour, keys: fails(nil), want: token.ReasonExpired},
		{name: "it is as old as may be", policy: func(p *token.Policy) { p.MaxAge = 20 * time.Second }, wait: 50 * time.Second, stays: true},
		{name: "it is too old", policy: func(p *token.Policy) { p.MaxAge = 20 * time.Second }, wait: 51 * time.Second, want: token.ReasonLifetime},
		{name: "it is bound, and its owner comes again", edits: []claim{bound}, first: proofs{jkt}, then: proofs{jkt}, stays: true},
		{name: "it is bound, and was stolen", edits: []claim{bound}, first: proofs{jkt}, want: token.ReasonProof, stays: true},
		{name: "it is bound, and the thief has a key too", edits: []claim{bound}, first: proofs{jkt}, then: proofs{{Method: "jkt", Thumbprint: certificate}}, want: token.ReasonProof, stays: true},
		{name: "it is bound, and the thief has a certificate", edits: []claim{bound}, first: proofs{jkt}, then: proofs{{Method: "x5t#S256", Thumbprint: proofKey}}, want: token.ReasonProof, stays: true},
		{name: "it is stolen and expired", edits: []claim{bound}, first: proofs{jkt}, wait: time.Hour, want: token.ReasonExpired},
		{name: "it is bound to nothing, and a proof is no harm", then: proofs{jkt}, stays: true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := plain()
				if tc.policy != nil {
					tc.policy(&p)
				}
				edits := append([]claim{with("iat", seconds(0)), with("exp", seconds(time.Minute))}, tc.edits...)
				raw := issuer.Sign("ES256", tc.header, []byte(payload(edits...)))
				found, err := issuer.PublicKeys(t.Context(), issuer.KeyID("ES256"), "ES256")
				require.NoError(t, err)
				source := only(found...)
				cache := newCache(t, 10, 1<<20)
				warm := remembering(t, source, p, cache)
				var first *token.Claims
				for range times {
					first, err = warm.Verify(t.Context(), raw, tc.first...)
					require.NoError(t, err)
				}
				require.True(t, cache.Remembers(raw, warm))

				time.Sleep(tc.wait)
				if tc.keys != nil {
					source.find = func(string, string) ([]crypto.PublicKey, error) { return tc.keys(found[0]) }
				}
				c, err := warm.Verify(t.Context(), raw, tc.then...)
				cold, errCold := verifier(t, source, p).Verify(t.Context(), raw, tc.then...)
				require.Equal(t, tc.want, token.ReasonOf(err), "%v", err)
				require.Equal(t, tc.want, token.ReasonOf(errCold), "%v", errCold)
				require.Equal(t, tc.stays, cache.Remembers(raw, warm))
				if tc.want == "" {
					requireSameClaims(t, first, c)
					requireSameClaims(t, cold, c)
					return
				}
				require.Nil(t, c)
				require.EqualError(t, err, errCold.Error())
				require.Equal(t, tc.want != token.ReasonUndecided, errors.Is(err, token.ErrRefused))
				if _, err = warm.Verify(t.Context(), raw, tc.then...); tc.want != token.ReasonUndecided {
					require.Equal(t, tc.want, token.ReasonOf(err), "and it stays refused")
				}
			})
		})
	}
}

func requireSameClaims(tb testing.TB, want, got *token.Claims) {
	tb.Helper()
	for _, c := range []struct{ want, got any }{
		{want.Issuer(), got.Issuer()},
		{want.Subject(), got.Subject()},
		{want.ClientID(), got.ClientID()},
		{want.ID(), got.ID()},
		{want.KeyID(), got.KeyID()},
		{want.Algorithm(), got.Algorithm()},
		{slices.Collect(want.Audiences()), slices.Collect(got.Audiences())},
		{want.Scopes(), got.Scopes()},
		{want.Expiry(), got.Expiry()},
		{want.IssuedAt(), got.IssuedAt()},
		{want.Confirmation("jkt"), got.Confirmation("jkt")},
		{want.Confirmation("x5t#S256"), got.Confirmation("x5t#S256")},
		{want.Payload(), got.Payload()},
	} {
		require.Equal(tb, c.want, c.got)
	}
	var a, b map[string]any
	require.NoError(tb, want.Decode(&a))
	require.NoError(tb, got.Decode(&b))
	require.Equal(tb, a, b)
}

// Whatever the times are, and whenever it is asked.
func TestTheTimesOfARememberedTokenAreJudgedAsEver(t *testing.T) {
	base := time.Unix(1_800_000_000, 0)
	ends := []time.Time{{}, time.Unix(0, 0), base, base.Add(time.Hour), time.Unix(9_223_372_036, 999_999_999), time.Unix(9_223_372_037, 0), time.Unix(253402300799, 0)}
	starts := []time.Time{{}, base, base.Add(time.Minute), time.Unix(9_223_372_037, 0)}
	var asked []time.Time
	for _, m := range slices.Concat(ends[1:], starts[1:]) {
		for _, d := range []time.Duration{-30 * time.Second, 0, 30 * time.Second, time.Hour, time.Hour + 30*time.Second} {
			asked = append(asked, m.Add(d-1), m.Add(d), m.Add(d+1))
		}
	}
	compared := map[token.Reason]int{}
	for _, age := range []time.Duration{0, time.Hour, 1<<63 - 1} {
		p := plain()
		p.Type, p.MaxAge = "secevent+jwt", age
		for _, exp := range ends {
			for _, nbf := range starts {
				for _, iat := range starts {
					if age == 0 && exp.IsZero() || age > 0 && iat.IsZero() {
						continue // such tokens are refused at any time
					}
					for _, now := range asked {
						cold, warm, err := token.TimesAgree(p, exp, nbf, iat, now)
						require.NoError(t, err)
						if cold != warm {
							require.Equal(t, cold, warm, "exp %v, nbf %v, iat %v, now %v, age %v", exp, nbf, iat, now, age)
						}
						compared[cold]++
					}
				}
			}
		}
	}
	require.Len(t, compared, 4, "passes, expired, not yet valid, lifetime: %v", compared)
}

func TestOnlyWhatIsGoodIsRemembered(t *testing.T) {
	cache := newCache(t, 10, 1<<20)
	source := &keys{}
	v := remembering(t, source, plain(), cache)
	other := localissuer.New(issuerURL)
	for name, raw := range map[string]string{
		"expired":                      signed(with("exp", `1`)),
		"ahead":                        signed(with("nbf", `9999999998`)),
		"for another":                  signed(with("aud", `"other"`)),
		"of another issuer":            signed(with("iss", `"other"`)),
		"bound, and nothing proved":    signed(with("cnf", `{"jkt":"`+proofKey+`"}`)),
		"by another's key":             other.Sign("ES256", map[string]any{"kid": issuer.KeyID("ES256")}, []byte(payload())),
		"under a key nobody knows":     other.Sign("ES256", nil, []byte(payload())),
		"with a wrong type of a claim": signed(with("jti", `1`)),
		"garbage":                      "a.b.c",
		"nothing":                      "",
		"too long":                     strings.Repeat("x", 17<<10),
	} {
		for range 2 {
			_, err := v.Verify(t.Context(), raw)
			require.ErrorIs(t, err, token.ErrRefused, name)
		}
	}
	source.find = func(string, string) ([]crypto.PublicKey, error) { return nil, errors.New("down") }
	_, err := v.Verify(t.Context(), signed())
	require.Equal(t, token.ReasonUndecided, token.ReasonOf(err))
	entries, bytes := cache.Size()
	require.Zero(t, entries)
	require.Zero(t, bytes)
}

// A token is remembered in the spelling in which it was verified, and in no other.
func TestNothingRidesOnAnothersEntry(t *testing.T) {
	raw := signed()
	for name, forged := range map[string]string{
		"spare bits in the signature":        raw[:len(raw)-1] + string(raw[len(raw)-1]+1),
		"a padding":                          raw + "=",
		"a line break":                       raw + "\n",
		"a line break within":                raw[:20] + "\n" + raw[20:],
		"a blank before":                     " " + raw,
		"a byte less":                        raw[:len(raw)-1],
		"a byte more":                        raw + "A",
		"a fourth segment":                   raw + ".",
		"without its signature":              raw[:strings.LastIndexByte(raw, '.')+1],
		"another payload":                    spliced(raw, signed(with("sub", `"root"`))),
		"the beginning of SHA-256's padding": raw + "\x80",
	} {
		t.Run(name, func(t *testing.T) {
			cache := newCache(t, 10, 1<<20)
			v := remembering(t, &keys{}, plain(), cache)
			_, err := v.Verify(t.Context(), raw)
			require.NoError(t, err)
			c, err := v.Verify(t.Context(), forged)
			require.ErrorIs(t, err, token.ErrRefused)
			require.Nil(t, c)
			require.True(t, cache.Remembers(raw, v))
			require.False(t, cache.Remembers(forged, v))
		})
	}
}

// spliced is the one token with the payload of the other.
func spliced(raw, from string) string {
	a, b := strings.Split(raw, "."), strings.Split(from, ".")
	return a[0] + "." + b[1] + "." + a[2]
}

func TestWhatOneVerifierRemembersAnswersNoOther(t *testing.T) {
	cache := newCache(t, 10, 1<<20)
	lenient := remembering(t, &keys{}, plain(), cache)
	demanding := plain()
	demanding.RequiredClaims = map[string]string{"tenant": "acme"}
	strict := remembering(t, &keys{}, demanding, cache)
	source := &keys{}
	twin := remembering(t, source, plain(), cache)
	ceiling := plain()
	ceiling.ScopesAllowed = []string{"orders:read"}
	capped := remembering(t, &keys{}, ceiling, cache)
	elsewhere := remembering(t, &keys{}, plain(), newCache(t, 10, 1<<20))

	raw := signed()
	for range 3 {
		c, err := lenient.Verify(t.Context(), raw)
		require.NoError(t, err)
		require.Equal(t, "orders:read orders:write", c.Scopes().String())
		_, err = strict.Verify(t.Context(), raw)
		require.Equal(t, token.ReasonClaim, token.ReasonOf(err))
		c, err = capped.Verify(t.Context(), raw)
		require.NoError(t, err)
		require.Equal(t, "orders:read", c.Scopes().String())
	}
	require.False(t, cache.Remembers(raw, strict))
	require.False(t, cache.Remembers(raw, twin), "an equal policy is another one all the same")
	_, err := twin.Verify(t.Context(), raw)
	require.NoError(t, err)
	_, err = elsewhere.Verify(t.Context(), raw)
	require.NoError(t, err)
	entries, _ := cache.Size()
	require.Equal(t, 3, entries, "side by side")

	source.find = func(string, string) ([]crypto.PublicKey, error) { return nil, nil }
	_, err = twin.Verify(t.Context(), raw)
	require.Equal(t, token.ReasonUnknownKey, token.ReasonOf(err), "withdrawn from one issuer's keys")
	require.False(t, cache.Remembers(raw, twin))
	require.True(t, cache.Remembers(raw, lenient), "and not from another's")
}

func TestAMuxAndItsVerifiersRememberForEachOther(t *testing.T) {
	cache := newCache(t, 10, 1<<20)
	other := localissuer.New(otherURL)
	theirs := &keys{find: func(kid, alg string) ([]crypto.PublicKey, error) { return other.PublicKeys(t.Context(), kid, alg) }}
	ours := remembering(t, &keys{}, plain(), cache)
	forgetful := verifier(t, theirs, token.Policy{Issuer: otherURL, Audiences: []string{audience}})
	mux, err := token.NewMux(ours, forgetful)
	require.NoError(t, err)

	first, byVerifier, byMux := signed(with("jti", `"1"`)), signed(with("jti", `"2"`)), signed(with("jti", `"3"`))
	verify := func(v interface {
		Verify(ctx context.Context, raw string, have ...token.Proof) (*token.Claims, error)
	}, raw string,
	) *token.Claims {
		c, err := v.Verify(t.Context(), raw)
		require.NoError(t, err)
		return c
	}
	verify(ours, byVerifier)
	require.Same(t, verify(mux, byVerifier), verify(ours, byVerifier))
	verify(mux, byMux)
	require.Same(t, verify(mux, byMux), verify(ours, byMux))

	narrow := plain()
	narrow.Audiences = []string{"another"}
	stranger, err := token.NewMux(remembering(t, &keys{}, narrow, cache))
	require.NoError(t, err)
	verify(ours, first)
	_, err = stranger.Verify(t.Context(), first)
	require.Equal(t, token.ReasonAudience, token.ReasonOf(err), "a Mux without that verifier")

	before, _ := cache.Size()
	verify(mux, other.AccessToken(audience))
	after, _ := cache.Size()
	require.Equal(t, before, after, "a verifier without a cache")

	bound := signed(with("cnf", `{"jkt":"`+proofKey+`"}`))
	_, err = mux.Verify(t.Context(), bound, token.Proof{Method: "jkt", Thumbprint: proofKey})
	require.NoError(t, err)
	require.True(t, cache.Remembers(bound, ours))
	_, err = mux.Verify(t.Context(), bound)
	require.Equal(t, token.ReasonProof, token.ReasonOf(err))
}

// One call of the key source for a remembered token, and one more where another key has taken the place of its own.
func TestAHitAsksForTheKeys(t *testing.T) {
	source := &keys{}
	v := remembering(t, source, plain(), newCache(t, 10, 1<<20))
	raw := signed()
	for i := range 3 {
		_, err := v.Verify(t.Context(), raw)
		require.NoError(t, err)
		require.Equal(t, i+1, source.asked)
	}
	other := p256Key(t)
	source.find = func(string, string) ([]crypto.PublicKey, error) { return []crypto.PublicKey{other}, nil }
	_, err := v.Verify(t.Context(), raw)
	require.Equal(t, token.ReasonSignature, token.ReasonOf(err))
	require.Equal(t, 5, source.asked)
}

// The second time a token comes nothing is calculated, and only from then on its claims take memory.
func TestATokenThatHasComeOnceIsRememberedByItsKey(t *testing.T) {
	for _, alg := range algorithms {
		cache := newCache(t, 10, 1<<20)
		source := fetched(t)
		v := remembering(t, source, plain(), cache)
		_, err := v.Verify(t.Context(), issuer.Sign(alg, nil, []byte(payload(with("jti", `"another"`)))))
		require.NoError(t, err)
		_, before := cache.Size()
		raw := issuer.Sign(alg, nil, []byte(payload()))
		first, err := v.Verify(t.Context(), raw)
		require.NoError(t, err)
		require.False(t, first.Remembered())
		entries, bytes := cache.Size()
		require.Equal(t, []int{2, before}, []int{entries, bytes}, "there are free places")

		second, err := v.Verify(t.Context(), raw)
		require.NoError(t, err)
		require.True(t, second.Remembered())
		require.NotSame(t, first, second)
		requireSameClaims(t, first, second)
		entries, bytes = cache.Size()
		require.Equal(t, 2, entries)
		require.Greater(t, bytes, before+len(first.Payload()))
		third, err := v.Verify(t.Context(), raw)
		require.NoError(t, err)
		require.Same(t, second, third)
	}
}

// Who has begun before a token was known, and ends after its claims were kept, does not take them away.
func TestClaimsStayWhenOneWhoCameFirstIsLate(t *testing.T) {
	m := newMinter(t)
	var first atomic.Bool
	entered, release := make(chan struct{}), make(chan struct{})
	v := remembering(t, sourceFunc(func(context.Context, string, string) ([]crypto.PublicKey, error) {
		if first.CompareAndSwap(false, true) {
			close(entered)
			<-release
		}
		return []crypto.PublicKey{m.private.Public()}, nil
	}), plain(), newCache(t, 10, 1<<20))
	raw := m.sign(edHeader, payload())
	late := make(chan error)
	go func() {
		_, err := v.Verify(t.Context(), raw)
		late <- err
	}()
	<-entered
	var kept *token.Claims
	for range 2 {
		var err error
		kept, err = v.Verify(t.Context(), raw)
		require.NoError(t, err)
	}
	close(release)
	require.NoError(t, <-late)
	again, err := v.Verify(t.Context(), raw)
	require.NoError(t, err)
	require.Same(t, kept, again)
}

// Room for claims is made by forgetting claims. Tokens that have come once take none of it.
func TestClaimsTakeTheirRoomFromClaims(t *testing.T) {
	m := newMinter(t)
	cache := newCache(t, 1<<20, 96*4400)
	v := remembering(t, m.source(), plain(), cache)
	see := func(jti string, times int) string {
		raw := m.sign(edHeader, payload(with("jti", `"`+jti+`"`)))
		for range times {
			_, err := v.Verify(t.Context(), raw)
			require.NoError(t, err)
		}
		return raw
	}
	for i := range 900 { // more than there is room for
		see(fmt.Sprint("again-", i), 2)
	}
	var once []string
	for i := range 100 {
		once = append(once, see(fmt.Sprint(i), 1))
	}
	for i := range 20 {
		see(fmt.Sprint("more-", i), 2)
	}
	for _, raw := range once {
		require.True(t, cache.Remembers(raw, v))
	}
}

// What is spared the second time is the signature: an RSA check allocates, and all else is done.
func TestASignatureIsNotCalculatedTheSecondTime(t *testing.T) {
	const n = 20
	source := fetched(t)
	count := func(v *token.Verifier, times int) float64 {
		var tokens []string
		for i := range n + 1 {
			raw := issuer.Sign("RS256", nil, []byte(payload(with("jti", fmt.Sprintf(`"%d"`, i)))))
			for range times {
				_, err := v.Verify(t.Context(), raw)
				require.NoError(t, err)
			}
			tokens = append(tokens, raw)
		}
		at := 0
		return testing.AllocsPerRun(n, func() {
			_, _ = v.Verify(t.Context(), tokens[at])
			at++
		})
	}
	bare := verifier(t, source, plain())
	cold := count(bare, 1)
	second := count(remembering(t, source, plain(), newCache(t, 1000, 1<<20)), 1)
	t.Log(cold, second)
	require.True(t, racing.Detector || second <= cold-4, "%v allocations, and %v in a verification", second, cold)
}

// What vouches for a token is the text of it and the key, for one verifier.
func TestAVoucherIsForOneTokenOneKeyAndOneVerifier(t *testing.T) {
	cache := newCache(t, 10, 1<<20)
	m, other := newMinter(t), newMinter(t)
	source := m.source()
	v := remembering(t, source, plain(), cache)
	raw := m.sign(edHeader, payload())
	c, err := v.Verify(t.Context(), raw)
	require.NoError(t, err)
	require.False(t, c.Remembered())

	forged := raw[:len(raw)-8] + "AAAAAAAA"
	c, err = v.Verify(t.Context(), forged)
	requireRefused(t, c, err, token.ReasonSignature, forged)

	narrow := plain()
	narrow.RequiredClaims = map[string]string{"tenant": ""}
	c, err = remembering(t, source, narrow, cache).Verify(t.Context(), raw)
	requireRefused(t, c, err, token.ReasonClaim, raw)
	theirs := remembering(t, other.source(), plain(), cache)
	c, err = theirs.Verify(t.Context(), raw)
	requireRefused(t, c, err, token.ReasonSignature, raw)
	mux, err := token.NewMux(theirs)
	require.NoError(t, err)
	c, err = mux.Verify(t.Context(), raw)
	requireRefused(t, c, err, token.ReasonSignature, raw)
	require.True(t, cache.Remembers(raw, v))

	source.find = func(string, string) ([]crypto.PublicKey, error) {
		return []crypto.PublicKey{other.private.Public()}, nil
	}
	c, err = v.Verify(t.Context(), raw)
	requireRefused(t, c, err, token.ReasonSignature, raw)
	require.False(t, cache.Remembers(raw, v))
}

// Of tokens that come once each only the places are taken, however many keys sign them.
func TestTokensThatComeOnceTakeOnlyTheirPlaces(t *testing.T) {
	for _, keys := range []int{1, 8, 20} {
		const n = 3600 // nine tenths of where the arrays of 4 shards double
		minters := make([]minter, keys)
		byID := map[string]crypto.PublicKey{}
		for i := range minters {
			minters[i] = newMinter(t)
			byID[fmt.Sprint(i)] = minters[i].private.Public()
		}
		cache := newCache(t, 2*n, 1<<30)
		v := remembering(t, sourceFunc(func(_ context.Context, kid, _ string) ([]crypto.PublicKey, error) {
			return []crypto.PublicKey{byID[kid]}, nil
		}), plain(), cache)
		before := heap()
		for i := range n {
			_, err := v.Verify(t.Context(), minters[i%keys].sign(keyed(fmt.Sprint(i%keys)), payload(with("jti", fmt.Sprintf(`"%d"`, i)))))
			require.NoError(t, err)
		}
		taken := heap() - before
		entries, bytes := cache.Size()
		require.Equal(t, n, entries)
		if keys <= 8 {
			require.Less(t, bytes, n*token.SlotBytes*3/2)
		}
		require.Less(t, float64(taken), 1.35*float64(bytes)+40_000, keys) // and what the verifier and its pools take
	}
}

// The places count as what they take, also those that are free for others.
func TestTokensThatComeOnceLeaveRoomForClaims(t *testing.T) {
	const maxBytes = 96 * 4400
	m := newMinter(t)
	before := heap()
	cache := newCache(t, 1<<20, maxBytes)
	v := remembering(t, m.source(), plain(), cache)
	see := func(jti string, times int) {
		raw := m.sign(edHeader, payload(with("jti", `"`+jti+`"`)))
		for range times {
			_, err := v.Verify(t.Context(), raw)
			require.NoError(t, err)
		}
	}
	within := func() {
		_, bytes := cache.Size()
		require.LessOrEqual(t, bytes, maxBytes)
		require.Less(t, float64(heap()-before), 1.35*maxBytes)
	}
	for i := range 9000 {
		see(fmt.Sprint(i), 1)
	}
	within()
	for i := range 700 {
		see(fmt.Sprint("hot-", i), 4)
	}
	within()
	entries, bytes := cache.Size()
	require.Greater(t, entries, 400)
	require.Greater(t, bytes, maxBytes*3/4)
	runtime.KeepAlive(v)
}

// A voucher counts as long as it is there, whoever it was made for.
func TestVouchersOfManyKeysCount(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const n = 4000
		for _, keys := range []int{1, 9, 30} {
			minters, byID := make([]minter, keys), map[string]crypto.PublicKey{}
			for i := range minters {
				minters[i] = newMinter(t)
				byID[fmt.Sprint(i)] = minters[i].private.Public()
			}
			before := heap()
			cache := newCache(t, 4*n, 1<<30)
			v := remembering(t, sourceFunc(func(_ context.Context, kid, _ string) ([]crypto.PublicKey, error) {
				return []crypto.PublicKey{byID[kid]}, nil
			}), plain(), cache)
			verify := func(i int, id string, edits ...claim) string {
				raw := minters[i%keys].sign(keyed(fmt.Sprint(i%keys)), payload(append(edits, with("iat", "0"), with("jti", fmt.Sprintf(`"%d%s"`, i, id)))...))
				_, err := v.Verify(t.Context(), raw)
				require.NoError(t, err)
				return raw
			}
			var short []string
			for i := range n {
				short = append(short, verify(i, "a", with("exp", seconds(time.Minute))))
				verify(i, "b")
			}
			time.Sleep(time.Hour)
			for _, raw := range short {
				_, err := v.Verify(t.Context(), raw)
				require.Equal(t, token.ReasonExpired, token.ReasonOf(err))
			}
			short = nil
			entries, bytes := cache.Size()
			require.Equal(t, n, entries)
			require.Less(t, float64(heap()-before), 1.35*float64(bytes), keys)
			runtime.KeepAlive(v)
		}
	})
}

// One key may have many names.
func TestVouchersOfManyNamesCount(t *testing.T) {
	const n, names = 4000, 60
	m := newMinter(t)
	for _, size := range []int{1, 250} {
		for _, times := range []int{1, 3} {
			before := heap()
			cache := newCache(t, 4*n, 1<<30)
			v := remembering(t, m.source(), plain(), cache)
			for i := range n {
				raw := m.sign(keyed(fmt.Sprint(i%names, strings.Repeat("k", size))), payload(with("jti", fmt.Sprintf(`"%d"`, i))))
				for range times {
					_, err := v.Verify(t.Context(), raw)
					require.NoError(t, err)
				}
			}
			_, bytes := cache.Size()
			require.Less(t, float64(heap()-before), 1.35*float64(bytes), "%d bytes, %d times", size, times)
			runtime.KeepAlive(v)
		}
	}
}

// However many sets of keys a source has had, what is remembered keeps none of them.
func TestKeysThatAreGoneTakeNoMemory(t *testing.T) {
	const sets, size = 100, 64 << 10
	m := newMinter(t)
	var keys keyat.Keys
	source := &answering{}
	source.Source = keyat.NewSource(source, func(time.Time) keyat.Keys { return keys })
	cache := newCache(t, 10_000, 1<<30)
	v := remembering(t, source, plain(), cache)
	before := heap()
	for i := range sets {
		document := make([]byte, size)
		keys = keysBy(func(string, string) ([]crypto.PublicKey, bool) {
			return []crypto.PublicKey{m.private.Public()}, len(document) > 0
		})
		raw := m.sign(keyed(fmt.Sprint(i)), payload())
		for n := range 4 {
			c, err := v.Verify(t.Context(), raw)
			require.NoError(t, err)
			require.True(t, n < 2 || c.Remembered())
		}
	}
	require.Less(t, heap()-before, int64(sets*size/10))
	runtime.KeepAlive(v)
}

// After a rotation the tokens of new keys share vouchers as those of the old ones did.
func TestNewKeysShareVouchers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cache := newCache(t, 1000, 1<<30)
		var key crypto.PublicKey
		v := remembering(t, sourceFunc(func(context.Context, string, string) ([]crypto.PublicKey, error) {
			return []crypto.PublicKey{key}, nil
		}), plain(), cache)
		_, free := cache.Size()
		for generation := range 30 {
			m := newMinter(t)
			key = m.private.Public()
			for i := range 20 {
				_, err := v.Verify(t.Context(), m.sign(edHeader, payload(with("iat", "0"), with("jti", fmt.Sprintf(`"%d of %d"`, i, generation)))))
				require.NoError(t, err)
			}
			time.Sleep(time.Hour)
		}
		entries, bytes := cache.Size()
		require.Equal(t, 600, entries)
		require.LessOrEqual(t, bytes-free, 1000*token.SlotBytes, "no voucher counts")
	})
}

func TestAllKindsOfKeysAreRecognisedAgain(t *testing.T) {
	for _, alg := range algorithms {
		found, err := issuer.PublicKeys(t.Context(), issuer.KeyID(alg), alg)
		require.NoError(t, err)
		source := only(found[0])
		v := remembering(t, source, plain(), newCache(t, 10, 1<<20))
		raw := issuer.Sign(alg, nil, []byte(payload()))
		_, err = v.Verify(t.Context(), raw)
		require.NoError(t, err)
		hit, err := v.Verify(t.Context(), raw)
		require.NoError(t, err)
		source.find = func(string, string) ([]crypto.PublicKey, error) { return []crypto.PublicKey{again(found[0])}, nil }
		fetched, err := v.Verify(t.Context(), raw)
		require.NoError(t, err)
		require.Same(t, hit, fetched, alg)
	}
}

func TestRememberedClaimsCannotBeChanged(t *testing.T) {
	v := remembering(t, &keys{}, plain(), newCache(t, 10, 1<<20))
	raw := signed(with("aud", `["a","`+audience+`","b"]`), with("tenant", `{"name":"acme"}`), with("sub", `"a\u0062c"`), with("cnf", `{"jkt":"`+proofKey+`"}`))
	proof := token.Proof{Method: "jkt", Thumbprint: proofKey}
	first, err := v.Verify(t.Context(), raw, proof)
	require.NoError(t, err)
	hit, err := v.Verify(t.Context(), raw, proof)
	require.NoError(t, err)
	require.NotSame(t, first, hit)
	require.Equal(t, "abc", hit.Subject())
	clear(hit.Payload())
	var custom struct {
		Tenant map[string]string `json:"tenant"`
		Sub    []byte            `json:"-"`
	}
	require.NoError(t, hit.Decode(&custom))
	custom.Tenant["name"] = "evil"
	next, err := v.Verify(t.Context(), raw, proof)
	require.NoError(t, err)
	require.Same(t, hit, next)
	requireSameClaims(t, first, next)
}

func TestACacheStaysWithinItsBounds(t *testing.T) {
	c := verified(t)
	for _, tc := range []struct{ maxEntries, maxBytes, least int }{
		{1, 1 << 20, 1},
		{2, 1 << 20, 2},
		{10, 1 << 20, 10},
		{511, 1 << 30, 511},
		{2048, 1 << 30, 2000},
		{5000, 1 << 30, 4800},
		{1000, 1, 0},
		{1000, 96, 0},
		{1000, 10_000, 12},
		{100_000, 1 << 20, 1000},
	} {
		t.Run(fmt.Sprint(tc), func(t *testing.T) {
			cache := newCache(t, tc.maxEntries, tc.maxBytes)
			for i := range 2*tc.maxEntries + 1000 {
				cache.PlantCopy(i, c)
				cache.Use(i)
			}
			entries, bytes := cache.Size()
			require.LessOrEqual(t, entries, tc.maxEntries)
			require.LessOrEqual(t, bytes, tc.maxBytes)
			require.GreaterOrEqual(t, entries, tc.least)
			require.Empty(t, cache.Broken())
		})
	}
}

func TestATokenThatIsLargerThanTheCacheIsVerifiedEachTime(t *testing.T) {
	cache := newCache(t, 10, 4000)
	v := remembering(t, &keys{}, plain(), cache)
	small, large := signed(), signed(with("x", `"`+strings.Repeat("x", 5000)+`"`))
	for _, raw := range []string{small, large, large} {
		_, err := v.Verify(t.Context(), raw)
		require.NoError(t, err)
	}
	require.True(t, cache.Remembers(small, v))
	require.False(t, cache.Remembers(large, v))
}

// What is counted is about what it takes.
func TestWhatACacheCountsIsWhatItTakes(t *testing.T) {
	for name, edits := range map[string][]claim{
		"a common token":   nil,
		"a long token":     {with("x", `"`+strings.Repeat("x", 5000)+`"`)},
		"many audiences":   {with("aud", `["`+audience+`"`+strings.Repeat(`,"a"`, 1000)+`]`)},
		"many scopes":      {with("scope", `"`+strings.Repeat("a b c d ", 100)+`"`)},
		"a bound token":    {with("cnf", `{"x5t#S256":"`+certificate+`"}`)},
		"an escaped claim": {with("sub", `"\u0061`+strings.Repeat("b", 1000)+`"`)},
	} {
		const n = 2000
		var c *token.Claims
		if name == "a bound token" {
			var err error
			c, err = verifier(t, &keys{}, plain()).Verify(t.Context(), signed(edits...), token.Proof{Method: "x5t#S256", Thumbprint: certificate})
			require.NoError(t, err)
		} else {
			c = verified(t, edits...)
		}
		before := heap()
		cache := newCache(t, n, 1<<30)
		for i := range n {
			cache.PlantCopy(i, c)
		}
		taken := heap() - before
		entries, bytes := cache.Size()
		require.Greater(t, entries, n*9/10)
		require.InEpsilon(t, bytes, taken, 0.35, name)
	}
}

// Also of tokens that are written as no encoder writes them, and when it is verified ones that are kept.
func TestWhatACacheCountsIsNoLessThanVerifiedTokensTake(t *testing.T) {
	m := newMinter(t)
	for name, edit := range map[string]claim{
		"a common token":            with("x", "1"),
		"many audiences":            with("aud", `["`+audience+`"`+strings.Repeat(`,"a"`, 128)+`]`),
		"many escaped audiences":    with("aud", `["`+audience+`"`+strings.Repeat(`,"\u0061bcdefghi"`, 600)+`]`),
		"long audiences escaped":    with("aud", `["`+audience+`"`+strings.Repeat(`,"\u0061`+strings.Repeat("b", 200)+`"`, 40)+`]`),
		"URLs with escaped slashes": with("aud", `["https:\/\/api.test","https:\/\/b.test","https:\/\/c.test"]`),
		"a subject of escapes":      with("sub", `"`+strings.Repeat(`\u0061`, 1100)+`"`),
		"scopes that grant nothing": with("scope", `"`+strings.Repeat("\x7f ", 3000)+`a b"`),
	} {
		const n = 300
		cache := newCache(t, n, 1<<30)
		v := remembering(t, m.source(), plain(), cache)
		before := heap()
		for i := range n {
			raw := m.sign(edHeader, payload(edit, with("jti", fmt.Sprintf(`"%d"`, i))))
			for range 2 {
				_, err := v.Verify(t.Context(), raw)
				require.NoError(t, err)
			}
		}
		taken := heap() - before
		entries, bytes := cache.Size()
		require.Equal(t, n, entries)
		require.Less(t, float64(taken), 1.35*float64(bytes), name)
	}
}

// Tokens share their scopes, and nothing else of the token that had them first.
func TestWhatIsForgottenIsNotKeptByThoseWithTheSameScopes(t *testing.T) {
	const n = 500
	m := newMinter(t)
	v := verifier(t, m.source(), plain())
	cache := newCache(t, 2*n, 1<<30)
	before := heap()
	for i := range n {
		own := with("scope", fmt.Sprintf(`"scope-%d"`, i))
		for at, edits := range [][]claim{{own, with("x", `"`+strings.Repeat("x", 8000)+`"`)}, {own}} {
			c, err := v.Verify(t.Context(), m.sign(edHeader, payload(edits...)))
			require.NoError(t, err)
			cache.PlantCopy(2*i+at, c)
		}
		cache.Drop(2 * i)
	}
	taken := heap() - before
	_, bytes := cache.Size()
	require.Less(t, taken, int64(2*bytes))
}

func TestTokensThatExpiredMakeRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cache := newCache(t, 100, 1<<20)
		v := remembering(t, &keys{}, plain(), cache)
		verify := func(n int, life time.Duration) {
			for i := range n {
				_, err := v.Verify(t.Context(), signed(with("iat", seconds(0)), with("exp", seconds(life)), with("jti", fmt.Sprintf(`"%d"`, i))))
				require.NoError(t, err)
			}
		}
		verify(60, time.Minute)
		time.Sleep(time.Hour)
		verify(35, 3*time.Hour)
		entries, bytes := cache.Size()
		require.Equal(t, 35, entries, "those that expired were come across")
		require.Less(t, bytes, 35*2000)
		require.Empty(t, cache.Broken())
	})
}

// Tokens that are sent once, and be they a flood of ten times what there is room for, take nothing from those that are sent again.
func TestAScanDoesNotFlushTheWorkingSet(t *testing.T) {
	claims := verified(t)
	for _, capacity := range []int{10, 100, 1000, 20_000} {
		cache := newCache(t, capacity, 1<<30)
		working := capacity * 8 / 10
		for i := range working {
			cache.Plant(i, claims)
			require.True(t, cache.Use(i))
		}
		for i := range 10 * capacity {
			cache.Plant(capacity+i, claims)
		}
		require.Equal(t, working, holding(cache, working), "capacity %d", capacity)
		for i := range 10 * capacity { // and once more, nobody having used the working set meanwhile
			cache.Plant(20*capacity+i, claims)
		}
		require.Equal(t, working, holding(cache, working), "capacity %d", capacity)
	}
}

func TestALargeScanDoesNotFlushTheWorkingSetByItsBytes(t *testing.T) {
	small, large := verified(t), verified(t, with("x", `"`+strings.Repeat("x", 11_000)+`"`))
	cache := newCache(t, 1_000_000, 200_000)
	const working = 100
	for i := range working {
		cache.PlantCopy(i, small)
		require.True(t, cache.Use(i))
	}
	for i := range 1000 {
		cache.PlantCopy(working+i, large)
	}
	require.Equal(t, working, holding(cache, working))
}

// A working set that changes replaces the old one.
func TestWhatIsNoLongerUsedMakesWay(t *testing.T) {
	claims := verified(t)
	cache := newCache(t, 100, 1<<30)
	use := func(from, n int) {
		for range 6 {
			for i := from; i < from+n; i++ {
				if !cache.Use(i) {
					cache.Plant(i, claims)
				}
			}
		}
	}
	use(0, 80)
	use(1000, 80)
	require.Equal(t, 80, holdingFrom(cache, 1000, 80))
}

// A token that comes again after it was forgotten unused is no token that is sent once.
func TestATokenThatComesAgainIsSettled(t *testing.T) {
	claims := verified(t)
	cache := newCache(t, 100, 1<<30)
	for i := range 90 {
		cache.Plant(i, claims)
		cache.Use(i)
	}
	for i := range 20 {
		cache.Plant(1000+i, claims)
	}
	require.False(t, cache.Holds(1000))
	cache.Plant(1000, claims)
	for i := range 1000 {
		cache.Plant(2000+i, claims)
	}
	require.True(t, cache.Holds(1000))
}

func holding(c *token.Cache, n int) int { return holdingFrom(c, 0, n) }

func holdingFrom(c *token.Cache, from, n int) (held int) {
	for i := from; i < from+n; i++ {
		if c.Holds(i) {
			held++
		}
	}
	return held
}

func TestMistakesInACache(t *testing.T) {
	c, err := token.NewCache(0, -1)
	require.EqualError(t, err, "token: NewCache: maxEntries is 0, not between 1 and 268435456\ntoken: NewCache: maxBytes is -1, not positive")
	require.Nil(t, c)
	_, err = token.NewCache(1<<28+1, 1)
	require.Error(t, err)

	_, err = token.NewVerifier(nil, plain(), &token.Options{Cache: &token.Cache{}})
	require.EqualError(t, err, "token: the key source is nil\ntoken: Options.Cache was not made by NewCache")

	other := plain()
	other.Issuer = otherURL
	_, err = token.NewMux(remembering(t, &keys{}, plain(), newCache(t, 1, 1)), remembering(t, &keys{}, other, newCache(t, 1, 1)))
	require.EqualError(t, err, "token: Verifier 1 has another Cache than one before it")
}

func TestANilOrZeroCacheIsEmpty(t *testing.T) {
	for _, c := range []*token.Cache{nil, {}} {
		entries, bytes := c.Size()
		require.Zero(t, entries)
		require.Zero(t, bytes)
	}
}

func TestAHitAllocatesNothing(t *testing.T) {
	jkt := token.Proof{Method: "jkt", Thumbprint: proofKey}
	source := fetched(t)
	cache := newCache(t, 10, 1<<20)
	v := remembering(t, source, plain(), cache)
	mux, err := token.NewMux(v)
	require.NoError(t, err)
	raw, bound := signed(), signed(with("cnf", `{"jkt":"`+proofKey+`"}`))
	ctx := t.Context()
	for name, hit := range map[string]func() error{
		"a verifier":             func() error { _, err := v.Verify(ctx, raw); return err },
		"a mux":                  func() error { _, err := mux.Verify(ctx, raw); return err },
		"a verifier and a proof": func() error { _, err := v.Verify(ctx, bound, jkt); return err },
		"a mux and a proof":      func() error { _, err := mux.Verify(ctx, bound, jkt); return err },
	} {
		require.NoError(t, hit(), name)
		n := testing.AllocsPerRun(100, func() { _ = hit() })
		require.True(t, racing.Detector || n == 0, "%s: %v", name, n)
	}
}

// turning is a key source whose keys come and go.
type turning struct{ gone atomic.Bool }

func (s *turning) PublicKeys(ctx context.Context, kid, alg string) ([]crypto.PublicKey, error) {
	if s.gone.Load() {
		return nil, nil
	}
	return issuer.PublicKeys(ctx, kid, alg)
}

// Readers, writers, tokens that come and go, and nobody is given another's claims.
func TestConcurrentUse(t *testing.T) {
	const n = 40
	cache := newCache(t, n/2, 1<<20)
	source := &turning{}
	v := remembering(t, source, plain(), cache)
	mux, err := token.NewMux(v)
	require.NoError(t, err)
	tokens := make([]string, n)
	for i := range tokens {
		tokens[i] = signed(with("jti", fmt.Sprintf(`"%d"`, i)))
	}
	var wg sync.WaitGroup
	for g := range 8 {
		wg.Go(func() {
			for i := range 200 {
				at := (i*(g+1) + i*i/7) % n
				verify := v.Verify
				if i%2 == 0 {
					verify = mux.Verify
				}
				c, err := verify(t.Context(), tokens[at])
				if err != nil && token.ReasonOf(err) != token.ReasonUnknownKey || err == nil && c.ID() != fmt.Sprint(at) {
					t.Errorf("token %d: %v, %v", at, c.ID(), err)
				}
				if g == 0 && i%20 == 0 {
					source.gone.Store(!source.gone.Load())
				}
				if g == 1 {
					cache.Size()
				}
			}
		})
	}
	wg.Wait()
	require.Empty(t, cache.Broken())
}

// A slot that is given to another token while it is read answers nobody.
func TestASlotIsReadWholeOrNotAtAll(t *testing.T) {
	a, b := verified(t), verified(t)
	for name, happens := range map[string]func(*token.Cache){
		"another token takes the slot":      func(c *token.Cache) { c.Plant(2, b) },
		"it is forgotten":                   func(c *token.Cache) { c.Drop(1) },
		"it is forgotten and comes again":   func(c *token.Cache) { c.Drop(1); c.Plant(1, b) },
		"the slot goes to another and back": func(c *token.Cache) { c.Plant(2, b); c.Plant(1, b) },
	} {
		cache := newCache(t, 1, 1<<20)
		cache.Plant(1, a)
		require.Same(t, a, cache.FindWhile(1, func() {}), name)
		require.Nil(t, cache.FindWhile(1, func() { happens(cache) }), name)
		require.Empty(t, cache.Broken(), name)
	}
	cache := newCache(t, 1, 1<<20)
	cache.Plant(1, a)
	require.Nil(t, cache.FindWhileWritten(1))
	require.Same(t, a, cache.Find(1))
}

func TestEveryPartOfAKeyCounts(t *testing.T) {
	c := verified(t)
	cache := newCache(t, 10, 1<<20)
	k := token.KeyOf(1)
	cache.PlantUnder(k, c)
	for i := range k {
		for _, bit := range []int{0, 31, 63} {
			other := k
			other[i] ^= 1 << bit
			require.Nil(t, cache.FindUnder(other))
		}
	}
	require.Same(t, c, cache.FindUnder(k))
}

// Who is late with the news that a token is over does not take away what was verified since.
func TestOnlyWhatIsOverIsForgotten(t *testing.T) {
	v := verifier(t, &keys{}, plain())
	old, err := v.Verify(t.Context(), signed())
	require.NoError(t, err)
	current, err := v.Verify(t.Context(), signed())
	require.NoError(t, err)
	cache := newCache(t, 10, 1<<20)
	cache.Plant(1, old)
	cache.Plant(1, current)
	cache.Forget(1, old)
	require.Same(t, current, cache.Find(1))
	cache.Forget(1, current)
	cache.Forget(1, current)
	require.Nil(t, cache.Find(1))
	require.Empty(t, cache.Broken())
}

func TestTokensShareNoScopesButTheirOwn(t *testing.T) {
	v := remembering(t, &keys{}, plain(), newCache(t, 1000, 10<<20))
	long := strings.Repeat("x", 600)
	for i := range 600 {
		scopes := fmt.Sprintf("a b%d", i)
		if i%10 == 0 {
			scopes += " " + long
		}
		raw := signed(with("scope", `"`+scopes+`"`))
		for range 2 {
			c, err := v.Verify(t.Context(), raw)
			require.NoError(t, err)
			require.Equal(t, scopes, c.Scopes().String())
		}
	}
}

// Slots are given to other tokens all the time while they are read, so that a reader who trusted half of what it reads would be given
// another token's claims.
func TestConcurrentReuseOfSlots(t *testing.T) {
	const n = 64
	claims := make([]*token.Claims, n)
	for i := range claims {
		claims[i] = verified(t, with("jti", fmt.Sprintf(`"%d"`, i)))
	}
	cache := newCache(t, 4, 1<<20)
	var wg sync.WaitGroup
	var stop atomic.Bool
	for g := range 3 {
		wg.Go(func() {
			for i := g; !stop.Load(); i++ {
				if c := cache.Find(i % n); c != nil && c != claims[i%n] {
					t.Errorf("token %d got the claims of %s", i%n, c.ID())
					return
				}
			}
		})
	}
	for i := range 20_000 {
		cache.Plant(i*i%n, claims[i*i%n])
	}
	stop.Store(true)
	wg.Wait()
	require.Empty(t, cache.Broken())
}

// FuzzCache compares a cache with a map: whatever is found was put there and not dropped since, and in between the structure is in order.
func FuzzCache(f *testing.F) {
	f.Add(uint8(1), []byte{0, 1, 2, 3})
	f.Add(uint8(5), []byte{0, 0, 64, 0, 128, 0, 192, 1, 1, 65})
	f.Add(uint8(20), []byte("some tokens come, some go, some stay for longer than others do"))
	claims, v := [2]*token.Claims{}, verifier(f, &keys{}, plain())
	for i := range claims {
		var err error
		claims[i], err = v.Verify(f.Context(), signed())
		require.NoError(f, err)
	}
	f.Fuzz(func(t *testing.T, capacity uint8, ops []byte) {
		cache := newCache(t, 1+int(capacity%32), 1<<20)
		model := map[int]*token.Claims{}
		for step, op := range ops {
			i := int(op % 32)
			switch op >> 6 {
			case 0, 1:
				c := claims[step%2]
				cache.Plant(i, c)
				model[i] = c
				require.Same(t, c, cache.Find(i), "what has just been put is there")
			case 2:
				cache.Use(i)
			case 3:
				cache.Drop(i)
				delete(model, i)
			}
			for j := range 32 {
				if c := cache.Find(j); c != nil {
					require.Same(t, model[j], c)
				}
			}
			entries, _ := cache.Size()
			require.LessOrEqual(t, entries, len(model))
			require.Empty(t, cache.Broken())
		}
	})
}

// answering is a key source that answers without a wait.
type answering struct{ keyat.Source }

func (*answering) PublicKeys(context.Context, string, string) ([]crypto.PublicKey, error) {
	return nil, errors.New("asked")
}

type finder func(kid, alg string) ([]crypto.PublicKey, bool)

func (f finder) Find(kid, alg string) ([]crypto.PublicKey, bool) { return f(kid, alg) }

func keysBy(find finder) keyat.Keys { return keyat.Keys{ID: new(keyat.ID), In: find} }

// A source that answers without a wait makes no token better: there are as many signature checks at the sender's choice, and no more.
func TestKeysThatAreThereAtOnceAreNoMoreThanOthers(t *testing.T) {
	m, other := newMinter(t), newMinter(t)
	own, another := m.private.Public(), other.private.Public()
	for _, tc := range []struct {
		name, header string
		keys         []crypto.PublicKey
		want         token.Reason
	}{
		{"its key", edHeader, []crypto.PublicKey{own}, ""},
		{"two keys for a token that names none", `{"alg":"EdDSA"}`, []crypto.PublicKey{another, own}, ""},
		{"three keys for a token that names none", `{"alg":"EdDSA"}`, []crypto.PublicKey{own, another, another}, token.ReasonUnknownKey},
		{"three keys for a token with an empty kid", `{"alg":"EdDSA","kid":""}`, []crypto.PublicKey{own, another, another}, token.ReasonUnknownKey},
		{"no key", edHeader, nil, token.ReasonUnknownKey},
		{"another key", edHeader, []crypto.PublicKey{another}, token.ReasonSignature},
	} {
		t.Run(tc.name, func(t *testing.T) {
			source := &answering{}
			keys := keysBy(func(string, string) ([]crypto.PublicKey, bool) { return tc.keys, true })
			source.Source = keyat.NewSource(source, func(time.Time) keyat.Keys { return keys })
			raw := m.sign(tc.header, payload())
			v := remembering(t, source, plain(), newCache(t, 10, 1<<20))
			for range 3 {
				c, err := v.Verify(t.Context(), raw)
				if tc.want == "" {
					require.NoError(t, err)
					continue
				}
				requireRefused(t, c, err, tc.want, raw)
			}
		})
	}
}

// One key may have several names and fit several algorithms. A set that has it under one of them need not have it under another, and one that had it
// says nothing of the next.
func TestAKeyIsAskedForByTheHeaderOfEachToken(t *testing.T) {
	type header struct{ kid, alg string }
	m, other := newMinter(t), newMinter(t)
	key, another := m.private.Public(), other.private.Public()
	headers := []header{{"a", "EdDSA"}, {"b", "EdDSA"}, {"a", "Ed25519"}, {"b", "Ed25519"}, {"", "EdDSA"}}
	raw := map[header]string{}
	for _, h := range headers {
		raw[h] = m.sign(fmt.Sprintf(`{"alg":%q,"kid":%q}`, h.alg, h.kid), payload())
	}
	type answer struct {
		keys  []crypto.PublicKey
		known bool
	}
	// but answers with the key, and for one header with something else.
	but := func(h header, instead answer) keyat.Keys {
		return keysBy(func(kid, alg string) ([]crypto.PublicKey, bool) {
			if h == (header{kid, alg}) {
				return instead.keys, instead.known
			}
			return []crypto.PublicKey{key}, true
		})
	}
	all := but(header{"c", ""}, answer{})
	for _, h := range headers {
		for name, tc := range map[string]struct {
			answer
			want string
		}{
			"withdrawn":                {answer{nil, true}, "unknown_key"},
			"replaced":                 {answer{[]crypto.PublicKey{another}, true}, "signature"},
			"one of two":               {answer{[]crypto.PublicKey{another, key}, true}, ""},
			"one of three":             {answer{[]crypto.PublicKey{another, another, key}, true}, map[bool]string{true: "unknown_key"}[h.kid == ""]},
			"to be asked for":          {answer{nil, false}, "undecided"},
			"to be asked for, is said": {answer{[]crypto.PublicKey{key}, false}, "undecided"},
		} {
			t.Run(fmt.Sprint(h, " ", name), func(t *testing.T) {
				keys := all
				source := &answering{}
				source.Source = keyat.NewSource(source, func(time.Time) keyat.Keys { return keys })
				v := remembering(t, source, plain(), newCache(t, 10, 1<<20))
				remembered := func() {
					t.Helper()
					for n := range 4 {
						for _, h := range headers {
							c, err := v.Verify(t.Context(), raw[h])
							require.NoError(t, err, h)
							require.True(t, n < 2 || c.Remembered(), h)
						}
					}
				}
				remembered()
				keys = but(h, tc.answer)
				for range 3 {
					for _, other := range headers {
						c, err := v.Verify(t.Context(), raw[other])
						switch {
						case other != h || tc.want == "":
							require.NoError(t, err, other)
						case tc.want == "undecided":
							require.EqualError(t, err, "token: undecided: no keys: asked")
						default:
							requireRefused(t, c, err, token.Reason(tc.want), raw[other])
						}
					}
				}
				keys = all
				remembered()
				keys = keyat.Keys{}
				for _, h := range headers {
					_, err := v.Verify(t.Context(), raw[h])
					require.EqualError(t, err, "token: undecided: no keys: asked", h)
				}
				keys = all
				remembered()
			})
		}
	}
}

// There may be no keys at once when the token comes that is the first to be looked for in them.
func TestKeysThatAreGoneBeforeTheFirstLookHaveNotBeenFound(t *testing.T) {
	m := newMinter(t)
	keys := keysBy(func(string, string) ([]crypto.PublicKey, bool) { return []crypto.PublicKey{m.private.Public()}, true })
	source := &answering{}
	source.Source = keyat.NewSource(source, func(time.Time) keyat.Keys { return keys })
	v := remembering(t, source, plain(), newCache(t, 10, 1<<20))
	raw := m.sign(edHeader, payload())
	for range 2 { // until its claims are kept
		_, err := v.Verify(t.Context(), raw)
		require.NoError(t, err)
	}
	keys = keyat.Keys{}
	_, err := v.Verify(t.Context(), raw)
	require.EqualError(t, err, "token: undecided: no keys: asked")
}

// Of two keys with one name, each token has its own.
func TestTheKeyOfATokenIsTheOneThatSignedIt(t *testing.T) {
	one, two := newMinter(t), newMinter(t)
	all := []crypto.PublicKey{one.private.Public(), two.private.Public()}
	signed := []string{one.sign(edHeader, payload()), two.sign(edHeader, payload())}
	for withdrawn := range all {
		source := only(all...)
		v := remembering(t, source, plain(), newCache(t, 10, 1<<20))
		for range 3 {
			for _, raw := range signed {
				_, err := v.Verify(t.Context(), raw)
				require.NoError(t, err)
			}
		}
		source.find = func(string, string) ([]crypto.PublicKey, error) { return all[1-withdrawn : 2-withdrawn], nil }
		_, err := v.Verify(t.Context(), signed[1-withdrawn])
		require.NoError(t, err)
		c, err := v.Verify(t.Context(), signed[withdrawn])
		requireRefused(t, c, err, token.ReasonSignature, signed[withdrawn])
	}
}

func TestARememberedTokenMayExpireInTheWaitForKeys(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, wait := newMinter(t), time.Duration(0)
		v := remembering(t, sourceFunc(func(context.Context, string, string) ([]crypto.PublicKey, error) {
			time.Sleep(wait)
			return []crypto.PublicKey{m.private.Public()}, nil
		}), plain(), newCache(t, 10, 1<<20))
		raw := m.sign(edHeader, payload(with("iat", "0"), with("exp", seconds(time.Hour))))
		for range 3 {
			_, err := v.Verify(t.Context(), raw)
			require.NoError(t, err)
		}
		wait = 2 * time.Hour
		c, err := v.Verify(t.Context(), raw)
		requireRefused(t, c, err, token.ReasonExpired, raw)
	})
}

// rotating is an issuer whose key set document is what it says now.
type rotating struct{ document string }

func (r *rotating) RoundTrip(*http.Request) (*http.Response, error) {
	w := httptest.NewRecorder()
	w.Header().Set("Content-Type", "application/jwk-set+json")
	_, _ = w.WriteString(r.document)
	return w.Result(), nil
}

// What a key source answers at once it answers as long as its keys are fresh.
func TestAKeySetIsAskedForAgainForARememberedToken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		old, next := newMinter(t), newMinter(t)
		document := func(m minter) string {
			public, _ := m.private.Public().(ed25519.PublicKey)
			return fmt.Sprintf(`{"keys":[{"kty":"OKP","crv":"Ed25519","kid":"k1","x":%q}]}`, b64(public))
		}
		source := &rotating{document(old)}
		keys, err := jwks.New(issuer.KeySetURL(), &jwks.Options{HTTPClient: &http.Client{Transport: source}, MaxAge: time.Hour})
		require.NoError(t, err)
		v := remembering(t, keys, plain(), newCache(t, 10, 1<<20))
		raw := old.sign(edHeader, payload(with("iat", "0"), with("exp", seconds(48*time.Hour))))
		for range 3 {
			_, err := v.Verify(t.Context(), raw)
			require.NoError(t, err)
		}
		source.document = document(next)
		time.Sleep(59 * time.Minute)
		_, err = v.Verify(t.Context(), raw)
		require.NoError(t, err)
		time.Sleep(24 * time.Hour)
		c, err := v.Verify(t.Context(), raw)
		requireRefused(t, c, err, token.ReasonSignature, raw)
	})
}

// overriding is a key source of somebody's own, around that of a service.
type overriding struct {
	*jwks.Cache

	asked int
	err   error
}

func (o *overriding) PublicKeys(ctx context.Context, kid, alg string) ([]crypto.PublicKey, error) {
	o.asked++
	if o.err != nil {
		return nil, o.err
	}
	return o.Cache.PublicKeys(ctx, kid, alg)
}

func TestARememberedTokenPassesNoKeySourceBy(t *testing.T) {
	source := &overriding{Cache: fetched(t)}
	v := remembering(t, source, token.AccessTokenPolicy(issuerURL, audience), newCache(t, 10, 1<<20))
	raw := issuer.Sign("ES256", nil, []byte(benchmarkPayload))
	for asked := 1; asked <= 3; asked++ {
		_, err := v.Verify(t.Context(), raw)
		require.NoError(t, err)
		require.Equal(t, asked, source.asked)
	}
	source.err = errors.New("down")
	_, err := v.Verify(t.Context(), raw)
	require.ErrorIs(t, err, source.err)
	require.NotErrorIs(t, err, token.ErrRefused)
}

func TestARememberedTokenIsJudgedAtTheTimeOfItsUse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		now := time.Now()
		keys := fetched(t)
		v := remembering(t, keys, token.AccessTokenPolicy(issuerURL, audience), newCache(t, 10, 1<<20))
		raw := issuer.Sign("ES256", nil, []byte(payload(with("iat", fmt.Sprint(now.Unix())), with("exp", fmt.Sprint(now.Add(10*time.Minute).Unix())))))
		for range 10 {
			_, err := v.Verify(t.Context(), raw)
			require.NoError(t, err)
			time.Sleep(time.Minute)
		}
		time.Sleep(30*time.Second - time.Nanosecond) // the leeway
		_, err := v.Verify(t.Context(), raw)
		require.NoError(t, err)
		time.Sleep(time.Nanosecond)
		_, err = v.Verify(t.Context(), raw)
		require.Equal(t, token.ReasonExpired, token.ReasonOf(err))
	})
}
