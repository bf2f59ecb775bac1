package token_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/perimeter-go/perimeter/token"
)

// Where the input is signed at all, its signature is good over the very text: only the shape is wrong.
func TestShapesThatRefuse(t *testing.T) {
	m := newMinter(t)
	good := m.sign(edHeader, payload())
	h, rest, _ := strings.Cut(good, ".")
	p, s, _ := strings.Cut(rest, ".")
	spare := func(segment string) string { return segment[:len(segment)-1] + nextSpare(t, segment) }
	padded := `{"alg":"EdDSA","kid":"k1","typ":"JWT"  }` // of a length that needs padding
	require.NotZero(t, len(padded)%3)

	for _, tc := range []struct{ name, raw string }{
		{"nothing", ""},
		{"a word", "s3cr3t-opaque"},
		{"one dot", "ory_at_yWa-MLo.F1a3uFo"},
		{"two dots and nothing else", ".."},
		{"two segments", h + "." + p},
		{"no header", "." + p + "." + s},
		{"no payload", m.seal(h + ".")},
		{"no signature", h + "." + p + "."},
		{"four segments", good + "." + s},
		{"five segments, a JWE", h + "." + p + "." + s + "." + s + "." + s},
		{"a dot before it", "." + good},
		{"a dot after it", good + "."},
		{"a blank before it", " " + good},
		{"a blank after it", good + " "},
		{"a line break after it", good + "\n"},
		{"a NUL after it", good + "\x00"},
		{"a line break in the header", m.seal(h[:8] + "\n" + h[8:] + "." + p)},
		{"a line break in the payload", m.seal(h + "." + p[:8] + "\r\n" + p[8:])},
		{"a line break in the signature", h + "." + p + "." + s[:8] + "\n" + s[8:]},
		{"a tab in the payload", m.seal(h + "." + p[:8] + "\t" + p[8:])},
		{"padding after the header", m.seal(b64([]byte(padded)) + "=." + p)},
		{"padding after the signature", good + "=="},
		{"spare bits in the header", m.seal(spare(b64([]byte(padded))) + "." + p)},
		{"spare bits in the payload", m.seal(h + "." + spare(b64([]byte(payload(with("pad", `"xx"`))))))},
		{"spare bits in the signature", h + "." + p + "." + spare(s)},
		{"the standard alphabet", m.seal(h + "." + b64([]byte(payload(with("n", "\"\xc3\xbf\xc3\xbf~~??\"")))) + "+/")},
		{"percent encoding", strings.ReplaceAll(good, ".", "%2E")},
		{"a full-width dot", strings.ReplaceAll(good, ".", "．")},
		{"a segment of one character, which decodes to nothing", m.seal(h + ".e")},
		{"the general JSON serialisation", `{"payload":"` + p + `","signatures":[{"protected":"` + h + `","signature":"` + s + `"}]}`},
		{"two signatures in JSON", `{"payload":"` + p + `","signatures":[{"protected":"` + h + `","signature":"` + s + `"},{"protected":"` + h + `","signature":"` + s + `"}]}`},
		{"the flattened JSON serialisation", `{"protected":"` + h + `","payload":"` + p + `","signature":"` + s + `"}`},
		{"a polyglot of both", `{"x":"` + good + `"}`},
		{"a detached payload", h + ".." + s},
		{"a scheme before it", "Bearer " + good},
		{"two tokens in a list", good + "," + good},
	} {
		t.Run(tc.name, func(t *testing.T) {
			source := m.source()
			c, err := verifier(t, source, plain()).Verify(t.Context(), tc.raw)
			requireRefused(t, c, err, token.ReasonMalformed, tc.raw)
			require.Zero(t, source.asked)
		})
	}
	_, err := verifier(t, m.source(), plain()).Verify(t.Context(), good)
	require.NoError(t, err, "the token that all rows are made of is good")
}

// nextSpare is the last character of a segment with one of its unused bits set.
func nextSpare(t *testing.T, segment string) string {
	t.Helper()
	require.NotZero(t, len(segment)%4, "the segment has no spare bits")
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	at := strings.IndexByte(alphabet, segment[len(segment)-1])
	require.Zero(t, at%4, "not canonical to begin with")
	return alphabet[at+1 : at+2]
}

func TestSizeIsLimited(t *testing.T) {
	m := newMinter(t)
	grow := func(size int) string {
		for n := 0; ; n++ { // three bytes of payload are four of the token
			raw := m.sign(edHeader, payload(with("pad", `"`+strings.Repeat("x", (size-600)*3/4+n)+`"`)))
			if len(raw) >= size {
				return raw
			}
		}
	}
	lowered, err := token.NewVerifier(m.source(), plain(), &token.Options{MaxBytes: 1024})
	require.NoError(t, err)
	normal := verifier(t, m.source(), plain())
	fits, tooLong := grow(16<<10-2), grow(16<<10+1)
	require.LessOrEqual(t, len(fits), 16<<10)

	_, err = normal.Verify(t.Context(), fits)
	require.NoError(t, err, "16 KiB are enough for anybody")
	c, err := normal.Verify(t.Context(), tooLong)
	requireRefused(t, c, err, token.ReasonMalformed, tooLong)
	c, err = lowered.Verify(t.Context(), grow(1025))
	requireRefused(t, c, err, token.ReasonMalformed, "")
	_, err = lowered.Verify(t.Context(), m.sign(edHeader, payload()))
	require.NoError(t, err)

	mux, err := token.NewMux(lowered, verifier(t, m.source(), token.Policy{Issuer: "https://other.test", Audiences: []string{audience}}))
	require.NoError(t, err)
	c, err = mux.Verify(t.Context(), grow(1025))
	requireRefused(t, c, err, token.ReasonMalformed, "")
	strict, err := token.NewVerifier(m.source(), token.Policy{Issuer: "https://other.test", Audiences: []string{audience}}, &token.Options{MaxBytes: 1})
	require.NoError(t, err)
	mux, err = token.NewMux(normal, strict)
	require.NoError(t, err)
	_, err = mux.Verify(t.Context(), fits)
	require.NoError(t, err, "each issuer has its own limit")

	for _, alg := range []string{"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES512", "EdDSA"} {
		most := 16 << 10
		if alg[0] != 'E' && alg[2] != '2' {
			most = 8 << 10
		}
		sized := func(most int) string {
			usual := issuer.Sign(alg, nil, []byte(payload(with("pad", `""`))))
			return issuer.Sign(alg, nil, []byte(payload(with("pad", `"`+strings.Repeat("x", (most-len(usual))/4*3)+`"`))))
		}
		def, explicit := verifier(t, issuer, plain()), &token.Options{MaxBytes: 16 << 10}
		all, err := token.NewVerifier(issuer, plain(), explicit)
		require.NoError(t, err)
		for _, by := range []verify{def.Verify, muxOf(t, def).Verify} {
			raw := sized(most)
			require.LessOrEqual(t, len(raw), most)
			_, err = by(t.Context(), raw)
			require.NoError(t, err, "%s: %d bytes", alg, len(raw))
			raw = sized(most + 8)
			require.Greater(t, len(raw), most)
			c, err = by(t.Context(), raw)
			requireRefused(t, c, err, token.ReasonMalformed, raw)
		}
		_, err = all.Verify(t.Context(), sized(16<<10))
		require.NoError(t, err, alg)
	}

	long := `{"alg":"EdDSA","x":"` + strings.Repeat("x", 4<<10) + `"}`
	raw := m.sign(long, payload())
	c, err = normal.Verify(t.Context(), raw)
	requireRefused(t, c, err, token.ReasonMalformed, raw)
}
