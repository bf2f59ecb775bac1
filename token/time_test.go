package token_test

import (
	"crypto"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/perimeter-go/perimeter/token"
)

// seconds writes a time relative to now as a NumericDate.
func seconds(d time.Duration) string {
	return strconv.FormatFloat(float64(time.Now().Add(d).UnixNano())/1e9, 'f', 3, 64)
}

// The bubble's clock stands still while a token is verified, so that boundaries are exact.
func TestTimes(t *testing.T) {
	const s = time.Second
	raise := func(edit func(*token.Policy)) token.Policy {
		p := plain()
		edit(&p)
		return p
	}
	tight := raise(func(p *token.Policy) { p.Leeway = time.Nanosecond })
	wide := raise(func(p *token.Policy) { p.Leeway = 2 * time.Minute })
	short := raise(func(p *token.Policy) { p.MaxLifetime = time.Hour })
	young := raise(func(p *token.Policy) { p.MaxAge = time.Hour })

	for _, tc := range []struct {
		name          string
		policy        token.Policy
		iat, nbf, exp time.Duration
		want          token.Reason // "" passes
	}{
		{"within its times", plain(), -s, -s, s, ""},
		{"expired, but within the default leeway", plain(), -60 * s, 0, -29 * s, ""},
		{"expired on the very second that the leeway ends", plain(), -60 * s, 0, -30 * s, token.ReasonExpired},
		{"a fraction before that second", plain(), -60 * s, 0, -29*s - 900*time.Millisecond, ""},
		{"expired now, without leeway", tight, -60 * s, 0, -time.Millisecond, token.ReasonExpired},
		{"not yet expired, without leeway", tight, -60 * s, 0, time.Millisecond, ""},
		{"the widest leeway", wide, -300 * s, 0, -119 * s, ""},
		{"past the widest leeway", wide, -300 * s, 0, -120 * s, token.ReasonExpired},
		{"not before the leeway's end", plain(), -s, 30 * s, 60 * s, ""},
		{"not before a moment later", plain(), -s, 30*s + time.Millisecond, 60 * s, token.ReasonNotYetValid},
		{"issued at the leeway's end", plain(), 30 * s, 0, 60 * s, ""},
		{"issued a moment later", plain(), 30*s + time.Millisecond, 0, 60 * s, token.ReasonNotYetValid},
		{"a lifetime of the maximum", short, -s, 0, time.Hour - s, ""},
		{"a lifetime a second over it, leeway or not", short, -s, 0, time.Hour, token.ReasonLifetime},
		{"an age of the maximum and the leeway", young, -time.Hour - 30*s, 0, s, ""},
		{"an age a second over that", young, -time.Hour - 31*s, 0, s, token.ReasonLifetime},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				raw := signed(with("iat", seconds(tc.iat)), with("nbf", seconds(tc.nbf)), with("exp", seconds(tc.exp)))
				c, err := verifier(t, &keys{}, tc.policy).Verify(t.Context(), raw)
				if tc.want == "" {
					require.NoError(t, err)
					require.WithinDuration(t, time.Now().Add(tc.exp), c.Expiry(), time.Millisecond)
					return
				}
				requireRefused(t, c, err, tc.want, raw)
			})
		})
	}
}

func TestLifetimeAndAgeNeedAnIat(t *testing.T) {
	for _, edit := range []func(*token.Policy){
		func(p *token.Policy) { p.MaxLifetime = 1000 * time.Hour },
		func(p *token.Policy) { p.MaxAge = 1000 * time.Hour },
	} {
		p := plain()
		edit(&p)
		raw := signed(without("iat"))
		c, err := verifier(t, &keys{}, p).Verify(t.Context(), raw)
		requireRefused(t, c, err, token.ReasonLifetime, raw)
	}
}

func TestTheLargestDurationsDoNotWrap(t *testing.T) {
	const forever = time.Duration(1<<63 - 1)
	p := plain()
	p.MaxAge, p.MaxLifetime = forever, forever
	_, err := verifier(t, &keys{}, p).Verify(t.Context(), signed())
	require.NoError(t, err)
}

// Waiting for the keys takes time: what expires meanwhile is expired.
func TestExpiryIsJudgedAgainAfterTheKeysCame(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := plain()
		p.Leeway = time.Nanosecond
		slow := &keys{}
		slow.find = func(kid, alg string) ([]crypto.PublicKey, error) {
			time.Sleep(2 * time.Second)
			return issuer.PublicKeys(t.Context(), kid, alg)
		}
		raw := signed(with("iat", seconds(0)), with("exp", seconds(time.Second)))
		c, err := verifier(t, slow, p).Verify(t.Context(), raw)
		requireRefused(t, c, err, token.ReasonExpired, raw)
		require.Equal(t, 1, slow.asked)
	})
}

func TestAMissingExpNeedsATypeOfItsOwnAndAMaxAge(t *testing.T) {
	m := newMinter(t)
	for _, tc := range []struct {
		name   string
		typ    string
		maxAge time.Duration
		iat    time.Duration
		edits  []claim
		want   token.Reason
	}{
		{name: "an introspection answer", typ: "token-introspection+jwt", maxAge: time.Minute, iat: -time.Second},
		{name: "a security event", typ: "secevent+jwt", maxAge: time.Minute, iat: -time.Second},
		{name: "a status list", typ: "statuslist+jwt", maxAge: time.Minute, iat: -time.Second},
		{name: "an introspection answer that is too old", typ: "token-introspection+jwt", maxAge: time.Minute, iat: -91 * time.Second, want: token.ReasonLifetime},
		{name: "an introspection answer without iat", typ: "token-introspection+jwt", maxAge: time.Minute, edits: []claim{without("iat")}, want: token.ReasonLifetime},
		{name: "without a MaxAge nothing would bound it", typ: "token-introspection+jwt", iat: -time.Second, want: token.ReasonClaim},
		{name: "an exp that is there counts", typ: "secevent+jwt", maxAge: time.Minute, iat: -time.Second, edits: []claim{with("exp", `1`)}, want: token.ReasonExpired},
		{name: "an exp of null is not a missing one", typ: "secevent+jwt", maxAge: time.Minute, iat: -time.Second, edits: []claim{with("exp", `null`)}, want: token.ReasonMalformed},
		{name: "an access token never lacks exp", typ: "at+jwt", maxAge: time.Minute, iat: -time.Second, want: token.ReasonClaim},
		{name: "a logout token neither", typ: "logout+jwt", maxAge: time.Minute, iat: -time.Second, want: token.ReasonClaim},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := plain()
				p.Type, p.MaxAge = tc.typ, tc.maxAge
				edits := append([]claim{without("exp"), with("iat", seconds(tc.iat))}, tc.edits...)
				raw := m.sign(`{"alg":"EdDSA","typ":"`+tc.typ+`"}`, payload(edits...))
				c, err := verifier(t, m.source(), p).Verify(t.Context(), raw)
				if tc.want == "" {
					require.NoError(t, err)
					require.Zero(t, c.Expiry())
					return
				}
				requireRefused(t, c, err, tc.want, raw)
			})
		})
	}
}
