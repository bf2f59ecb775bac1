package token_test

import (
	"context"
	"crypto"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/perimeter-go/perimeter/token"
)

// keyed is a header with a kid of its own.
func keyed(kid string) string { return `{"alg":"EdDSA","kid":"` + kid + `","typ":"at+jwt"}` }

// cost is how many allocations it takes to refuse a token whose header is good, at the first look at its claims: fewer, if the header is
// remembered. It adds no header.
func cost(t *testing.T, by verify, m minter, header string) float64 {
	t.Helper()
	raw := m.sign(header, payload(with("exp", "1")))
	return testing.AllocsPerRun(5, func() { _, _ = by(t.Context(), raw) })
}

// both is a verifier, and a mux of it and another.
func both(t *testing.T, source token.KeySource) map[string]verify {
	t.Helper()
	v := verifier(t, source, plain())
	mux, err := token.NewMux(verifier(t, source, plain()), verifier(t, source, token.Policy{Issuer: otherURL, Audiences: []string{audience}}))
	require.NoError(t, err)
	return map[string]verify{"verifier": v.Verify, "mux": mux.Verify}
}

func TestARememberedHeaderIsNotReadAgain(t *testing.T) {
	m := newMinter(t)
	for name, by := range both(t, m.source()) {
		t.Run(name, func(t *testing.T) {
			before := cost(t, by, m, edHeader)
			_, err := by(t.Context(), m.sign(edHeader, payload()))
			require.NoError(t, err)
			require.Less(t, cost(t, by, m, edHeader), before)
			require.Equal(t, before, cost(t, by, m, keyed("k2")), "another header is read") //nolint:testifylint // counts
		})
	}
}

func TestARememberedHeaderAsksForItsKeyEveryTime(t *testing.T) {
	m := newMinter(t)
	for _, name := range []string{"verifier", "mux"} {
		t.Run(name, func(t *testing.T) {
			source := m.source()
			by := both(t, source)[name]
			raw := m.sign(edHeader, payload())
			for asked := range 3 {
				_, err := by(t.Context(), raw)
				require.NoError(t, err)
				require.Equal(t, asked+1, source.asked)
			}
			source.find = func(kid, alg string) ([]crypto.PublicKey, error) {
				require.Equal(t, "k1 EdDSA", kid+" "+alg)
				return nil, nil
			}
			c, err := by(t.Context(), raw)
			requireRefused(t, c, err, token.ReasonUnknownKey, raw) // withdrawn
			source.find = func(string, string) ([]crypto.PublicKey, error) {
				return []crypto.PublicKey{newMinter(t).private.Public()}, nil
			}
			c, err = by(t.Context(), raw)
			requireRefused(t, c, err, token.ReasonSignature, raw) // replaced under the same kid
		})
	}
}

func TestOnlyTheHeaderOfAnAcceptedTokenIsRemembered(t *testing.T) {
	m, stranger := newMinter(t), newMinter(t)
	for name, by := range both(t, m.source()) {
		t.Run(name, func(t *testing.T) {
			before := cost(t, by, m, edHeader)
			for i := range 1000 { // nor do they take its place
				_, err := by(t.Context(), stranger.sign(keyed(fmt.Sprint(i)), payload()))
				require.Error(t, err)
			}
			_, err := by(t.Context(), stranger.sign(edHeader, payload()))
			require.Error(t, err)
			_, err = by(t.Context(), m.sign(edHeader, payload(with("nbf", "9999999998"))))
			require.Error(t, err)
			require.Equal(t, before, cost(t, by, m, edHeader)) //nolint:testifylint // counts
			_, err = by(t.Context(), m.sign(edHeader, payload()))
			require.NoError(t, err)
			require.Less(t, cost(t, by, m, edHeader), before)
		})
	}
}

func TestAHeaderIsRememberedForThePolicyThatPassedIt(t *testing.T) {
	m := newMinter(t)
	strict := token.AccessTokenPolicy(otherURL, audience)
	mux, err := token.NewMux(verifier(t, m.source(), plain()), verifier(t, m.source(), strict))
	require.NoError(t, err)
	const untyped = `{"alg":"EdDSA","kid":"k1"}`
	for range 3 {
		_, err = mux.Verify(t.Context(), m.sign(untyped, payload()))
		require.NoError(t, err)
		raw := m.sign(untyped, payload(with("iss", `"`+otherURL+`"`)))
		c, err := mux.Verify(t.Context(), raw)
		requireRefused(t, c, err, token.ReasonType, raw)
	}
}

// Keys of two issuers may have the same kid, or none. Each time a header changes hands, all that are remembered would be copied.
func TestIssuersWithTheSameHeaderDoNotTakeItFromEachOther(t *testing.T) {
	m := newMinter(t)
	mux, err := token.NewMux(verifier(t, m.source(), plain()), verifier(t, m.source(), token.Policy{Issuer: otherURL, Audiences: []string{audience}}))
	require.NoError(t, err)
	first, second := m.sign(edHeader, payload()), m.sign(edHeader, payload(with("iss", `"`+otherURL+`"`)))
	cost := func(tokens ...string) float64 {
		return testing.AllocsPerRun(20, func() {
			for _, raw := range tokens {
				_, err := mux.Verify(t.Context(), raw)
				require.NoError(t, err)
			}
		})
	}
	require.Less(t, cost(first, second), cost(first, first)+4, "a copy takes more, what a pool loses now and then does not")
}

func TestHeadersAreRememberedWithinBounds(t *testing.T) {
	for _, name := range []string{"verifier", "mux"} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				m := newMinter(t)
				by := both(t, m.source())[name]
				accept := func(header string) {
					_, err := by(t.Context(), m.sign(header, payload(with("iat", "0"))))
					require.NoError(t, err)
				}
				before := cost(t, by, m, edHeader)
				for i := range 100 {
					accept(keyed(fmt.Sprintf("%02d", i)))
				}
				remembered := 0
				for i := range 100 {
					if cost(t, by, m, keyed(fmt.Sprintf("%02d", i))) < before {
						remembered++
					}
				}
				require.Equal(t, 32, remembered)
				time.Sleep(10 * time.Minute)
				accept(edHeader)
				require.Less(t, cost(t, by, m, edHeader), before, "the key of today takes the place of those of yesterday")

				long := keyed(strings.Repeat("k", 256) + `","x":"` + strings.Repeat("x", 1000))
				unknown := cost(t, by, m, long)
				accept(long)
				require.Equal(t, unknown, cost(t, by, m, long), "a long header is not kept") //nolint:testifylint // counts
			})
		})
	}
}

func TestHeadersAreRememberedByManyAtOnce(t *testing.T) {
	m := newMinter(t)
	v := verifier(t, sourceFunc(func(context.Context, string, string) ([]crypto.PublicKey, error) {
		return []crypto.PublicKey{m.private.Public()}, nil
	}), plain())
	var group sync.WaitGroup
	for i := range 8 {
		group.Go(func() {
			for j := range 100 {
				c, err := v.Verify(t.Context(), m.sign(keyed(fmt.Sprint(i*j%40)), payload()))
				if err != nil || c.KeyID() != fmt.Sprint(i*j%40) {
					t.Errorf("%v, %v", c, err)
				}
			}
		})
	}
	group.Wait()
}
