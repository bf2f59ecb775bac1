package token_test

import (
	"context"
	"crypto"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/perimeter-go/perimeter/internal/racing"
	"github.com/perimeter-go/perimeter/token"
)

// longPayload makes a token of more than 8 KiB.
func longPayload(edits ...claim) string {
	return payload(append(edits, with("groups", `"`+strings.Repeat("g", 8<<10)+`"`))...)
}

// A long token is remembered once it has come twice, and judged again as any other is.
func TestALongTokenIsRemembered(t *testing.T) {
	m, other := newMinter(t), newMinter(t)
	source, cache := m.source(), newCache(t, 100, 1<<20)
	v := remembering(t, source, plain(), cache)
	mux, err := token.NewMux(v)
	require.NoError(t, err)
	narrow := plain()
	narrow.RequiredClaims = map[string]string{"tenant": ""}
	elsewhere := remembering(t, source, narrow, cache)
	raw := m.sign(edHeader, longPayload())
	forged := raw[:len(raw)-8] + "AAAAAAAA"

	for _, by := range []verify{v.Verify, mux.Verify} {
		var first *token.Claims
		for n := range 5 {
			c, err := by(t.Context(), raw)
			require.NoError(t, err)
			require.Equal(t, secret+"-subject", c.Subject())
			require.True(t, n == 0 || c.Remembered())
			if n == 1 {
				first = c
			}
			require.True(t, n < 2 || c == first, "by itself")
			c, err = by(t.Context(), forged)
			requireRefused(t, c, err, token.ReasonSignature, forged)
			c, err = elsewhere.Verify(t.Context(), raw)
			requireRefused(t, c, err, token.ReasonClaim, raw)
		}
		n := testing.AllocsPerRun(100, func() { _, _ = by(t.Context(), raw) })
		require.True(t, racing.Detector || n == 0, "%v allocations", n)
	}

	source.find = func(string, string) ([]crypto.PublicKey, error) {
		return []crypto.PublicKey{other.private.Public()}, nil
	}
	for range 2 {
		c, err := v.Verify(t.Context(), raw)
		requireRefused(t, c, err, token.ReasonSignature, raw)
	}
	require.False(t, cache.Remembers(raw, v))
	*source = *m.source()
	for range 4 {
		_, err := v.Verify(t.Context(), raw)
		require.NoError(t, err)
	}
	require.True(t, cache.Remembers(raw, v))
}

// Long tokens that come once do not drive out those that come again.
func TestLongTokensThatComeOnceDriveOutNone(t *testing.T) {
	m := newMinter(t)
	v := remembering(t, m.source(), plain(), newCache(t, 1000, 4<<20))
	named := func(id string, i int) string {
		return m.sign(edHeader, longPayload(with("jti", fmt.Sprintf(`"%s%d"`, id, i))))
	}
	kept := map[string]*token.Claims{}
	for i := range 50 {
		raw := named("kept", i)
		for range 3 {
			c, err := v.Verify(t.Context(), raw)
			require.NoError(t, err)
			kept[raw] = c
		}
	}
	for i := range 2000 {
		_, err := v.Verify(t.Context(), named("once", i))
		require.NoError(t, err)
	}
	for raw, want := range kept {
		got, err := v.Verify(t.Context(), raw)
		require.NoError(t, err)
		require.Same(t, want, got)
	}
}

// What has lost its tag to others is remembered all the same when it has come again.
func TestLongTokensMayBeMoreThanThereAreTags(t *testing.T) {
	m := newMinter(t)
	v := remembering(t, sourceFunc(func(context.Context, string, string) ([]crypto.PublicKey, error) {
		return []crypto.PublicKey{m.private.Public()}, nil
	}), plain(), newCache(t, 100, 64<<20))
	var all []string
	for i := range token.LongTags(v) + 200 {
		all = append(all, m.sign(edHeader, longPayload(with("jti", fmt.Sprintf(`"%d"`, i)))))
	}
	var group sync.WaitGroup
	for range 2 {
		group.Go(func() {
			for range 3 {
				for i, raw := range all {
					c, err := v.Verify(t.Context(), raw)
					if err != nil || c.ID() != fmt.Sprint(i) {
						t.Error(i, err)
					}
				}
			}
		})
	}
	group.Wait()
}

func TestALongTokenIsLookedForOnlyIfItMayBeKnown(t *testing.T) {
	m := newMinter(t)
	cache := newCache(t, 100, 1<<20)
	v := remembering(t, m.source(), plain(), cache)
	for _, tc := range []struct {
		raw   string
		known []bool // before it comes, each time
	}{
		{m.sign(edHeader, payload()), []bool{true, true, true}},
		{m.sign(edHeader, longPayload()), []bool{false, false, true, true}},
	} {
		for _, known := range tc.known {
			require.Equal(t, known, cache.MayKnow(tc.raw))
			_, err := v.Verify(t.Context(), tc.raw)
			require.NoError(t, err)
		}
	}
	_, bytes := cache.Size()
	require.GreaterOrEqual(t, bytes, token.LongTags(v)*4, "counted")
}
