package token_test

import (
	"cmp"
	"context"
	"crypto"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/perimeter-go/perimeter/internal/localissuer"
	"github.com/perimeter-go/perimeter/token"
)

// hostile is a token as anybody can write one, made to cost as much as possible.
type hostile struct{ name, raw string }

// fill repeats parts, which may count by %d, between open and end to a text of at most size bytes.
func fill(size int, open, part, end string) string {
	var sb strings.Builder
	sb.WriteString(open)
	for i := 0; ; i++ {
		next := part
		if strings.Contains(part, "%") {
			next = fmt.Sprintf(part, i)
		}
		if sb.Len()+len(next)+len(end) > size {
			return sb.String() + end
		}
		sb.WriteString(next)
	}
}

// shapes are members that are costly to read, each of about size bytes.
func shapes(size int) []claim {
	nest := func(open, end string) string { return "," + strings.Repeat(open, 25) + "1" + strings.Repeat(end, 25) }
	crowd := fill(200, `,{"z":1`, `,"%x":1`, `}`)
	return []claim{
		{"a string", fill(size, `"x":"`, "x", `"`)},
		{"numbers", fill(size, `"x":[1`, ",1", `]`)},
		{"empty strings", fill(size, `"x":[""`, `,""`, `]`)},
		{"empty arrays", fill(size, `"x":[[]`, `,[]`, `]`)},
		{"empty objects", fill(size, `"x":[{}`, `,{}`, `]`)},
		{"deep arrays", fill(size, `"x":[1`, nest("[", "]"), `]`)},
		{"deep objects", fill(size, `"x":[1`, nest(`{"":`, "}"), `]`)},
		{"exponents", fill(size, `"x":[1`, ",1e1", `]`)},
		{"digits", fill(size, `"x":0.1`, "1", `e1`)},
		{"members", fill(size, `"x":1`, `,"%x":1`, ``)},
		{"members of one look", fill(size, `"x":1`, `,"a%02xa":1`, ``)},
		{"objects of many members", fill(size, `"x":[1`, crowd, `]`)},
		{"escaped members", fill(size, `"x":1`, `,"\n%x":1`, ``)},
		{"escapes", fill(size, `"x":"`, `\u0061`, `"`)},
		{"surrogates", fill(size, `"x":"`, `\ud83d\ude00`, `"`)},
		{"short escapes", fill(size, `"x":"`, `\n`, `"`)},
		{"other letters", fill(size, `"x":"`, `é`, `"`)},
		{"blanks", fill(size, `"x": `, ` `, `1`)},
		{"blanks in an array", fill(size, `"x":[`, ` `, `1]`)},
	}
}

// crowds are members that are costly to go past in search of the iss behind them: as many of something as a Mux goes past, then a long text.
func crowds(size int) []claim {
	part := func(open, part, end string, n int, letters string) string {
		return fill(size, open+strings.Repeat(part, n)+end+`,"y":"`, letters, `"`)
	}
	names := func(format string, n int) string {
		var sb strings.Builder
		for i := range n {
			fmt.Fprintf(&sb, format, i)
		}
		return `"x":1` + sb.String()
	}
	return []claim{
		{"numbers, then a text", part(`"x":[1`, `,1`, `]`, 509, `x`)},
		{"numbers, then escapes", part(`"x":[1`, `,1`, `]`, 509, `\n`)},
		{"empty strings, then escapes", part(`"x":[""`, `,""`, `]`, 509, `\"`)},
		{"short strings, then escapes", part(`"x":[""`, `,"a b\n"`, `]`, 509, `x\\\\`)},
		{"strings", part(`"x":[""`, `,"12345678901234567"`, `]`, 509, `\n`)},
		{"strings of one word", part(`"x":[""`, `,"12345678"`, `]`, 509, `\n`)},
		{"strings of escapes", part(`"x":[""`, `,"12345\n890123456"`, `]`, 509, `\n`)},
		{"empty arrays, then escapes", part(`"x":[[]`, `,[]`, `]`, 254, `\\\\`)},
		{"empty arrays and blanks, then escapes", part(`"x":[[]`, `,  [       ]  `, `]`, 254, `\\\\`)},
		{"deep arrays, then escapes", part(`"x":[[[[[[1`, `]]]],[[[[1`, `]]]]]]`, 100, `\\\\`)},
		{"deep objects, then escapes", part(`"x":[{"":{"":{"":1`, `}}},{"":{"":{"":1`, `}}}]`, 125, `\\\\`)},
		{"objects named iss, then escapes", part(`"x":[{"iss":"`+otherURL+`"}`, `,{"iss":"iss"}`, `]`, 254, `\\\\`)},
		{"members, then a text", part(names(`,"%x":1`, 509), ``, ``, 0, `x`)},
		{"members, then escapes", part(names(`,"%x":1`, 509), ``, ``, 0, `\\\\`)},
		{"members of strings, then escapes", part(names(`,"%x":"a b c d"`, 509), ``, ``, 0, `\\\\`)},
		{"members called nearly iss", part(names(`,"iss%x":"iss\","`, 509), ``, ``, 0, `\"`)},
		{"members escaped to nearly iss", part(names(`,"\u0069\u0073s%d":1`, 63), ``, ``, 0, `\"`)},
		{"members escaped to just not iss", part(names(`,"\u0069\u0073\u0073%x":1`, 63), ``, ``, 0, `\\\\`)},
		{"too many members", fill(size, `"x":1`, `,"%x":1`, ``)},
		{"quotes in a text", fill(size, `"x":"`, `\",\"iss\":\"`, `"`)},
		{"backslashes", fill(size, `"x":"`, `\\\\`, `"`)},
		{"odd backslashes", fill(size, `"x":"`, `x\\y\"zzz`, `"`)},
	}
}

// lists are claims with a meaning, each of about size bytes.
func lists(size int) []claim {
	return []claim{
		{"iss", fill(size, `"`, `\u0061`, `"`)},
		{"aud", fill(size, `["`+audience+`"`, `,""`, `]`)},
		{"aud", fill(size, `["`+audience+`"`, `,"\n"`, `]`)},
		{"exp", fill(size, `9999999999.0`, `0`, `1`)},
		{"sub", fill(size, `"`, `\n`, `"`)},
		{"scope", fill(size, `"a`, ` a`, `"`)},
		{"scope", fill(size, `["a"`, `,""`, `]`)},
		{"cnf", fill(size, `{"jkt":"x"`, `,"%x":""`, `}`)},
	}
}

// payloads are all of them, at the start of a payload or at its end, of at most size bytes.
func payloads(size int) []claim {
	rest := size - len(benchmarkPayload) - 4
	var all []claim
	for _, s := range shapes(rest) {
		all = append(all,
			claim{s.name, benchmarkPayload[:len(benchmarkPayload)-1] + "," + s.raw + "}"},
			claim{s.name + " first", "{" + s.raw + "," + benchmarkPayload[1:]})
	}
	for _, c := range crowds(rest) {
		if rest < 10<<10 {
			break // there is no room
		}
		all = append(all, claim{c.name + " first", "{" + c.raw + "," + benchmarkPayload[1:]})
	}
	for _, l := range lists(rest) {
		all = append(all, claim{"a long " + l.name, payload(l)})
	}
	return all
}

// hostiles are the costly tokens, by kind, with a header that has the given members. Their signature is good for the other text that it is of.
func hostiles(tb testing.TB, alg, head string) map[string][]hostile {
	tb.Helper()
	other := issuer.Sign(alg, nil, []byte(benchmarkPayload))
	signature := other[strings.LastIndexByte(other, '.'):]
	seal := func(head, payload string) string {
		return b64([]byte("{"+head+"}")) + "." + b64([]byte(payload)) + signature
	}
	all := map[string][]hostile{}
	largest := (16<<10 - len(seal(head, ""))) / 4 * 3
	for kind, size := range map[string]int{"long payload": largest, "short payload": 2 << 10} {
		for _, p := range payloads(size) {
			all[kind] = append(all[kind], hostile{p.name, seal(head, p.raw)})
		}
	}
	for _, s := range shapes(4<<10 - len(head) - 8) {
		for _, size := range []int{2 << 10, (largest - 4<<10)} {
			p := payloads(size)[12] // deep objects
			all["long header"] = append(all["long header"], hostile{fmt.Sprintf("%s, %s in %d bytes", s.name, p.name, size), seal(head+","+s.raw, p.raw)})
		}
	}
	all["no token"] = []hostile{
		{"dots", strings.Repeat(".", 16<<10)},
		{"letters", strings.Repeat("x", 16<<10)},
		{"a long signature", seal(head, benchmarkPayload) + strings.Repeat("A", 14<<10)},
		{"a long header", strings.Repeat("A", 16<<10-8) + ".AA.AA"},
		{"a line break at the end", seal(head, payloads(largest)[0].raw)[:16<<10-100] + "\n" + signature},
	}
	return all
}

func header(alg string) string {
	return `"alg":"` + alg + `","kid":"` + issuer.KeyID(alg) + `","typ":"at+jwt"`
}

// What anybody can send is refused, is limited to one question to the key source, and is none of the policy's errors that a long payload
// could hide.
func TestCostlyTokensAreRefusedForOneQuestion(t *testing.T) {
	for kind, list := range hostiles(t, "ES256", header("ES256")) {
		for _, h := range list {
			t.Run(kind+"/"+h.name, func(t *testing.T) {
				require.LessOrEqual(t, len(h.raw), 16<<10)
				source := &keys{}
				c, err := verifier(t, source, token.AccessTokenPolicy(issuerURL, audience)).Verify(t.Context(), h.raw)
				require.Nil(t, c)
				require.ErrorIs(t, err, token.ErrRefused)
				require.LessOrEqual(t, source.asked, 1)
			})
		}
	}
}

// BenchmarkHostile shows for each kind of costly token the worst one: how many times the check of a usual token under the same key it costs
// (x/valid), and the bare check by crypto/* of its own text (x/crypto). A mux has to know the issuer before it can ask for a key.
func BenchmarkHostile(b *testing.B) {
	for _, alg := range []string{"RS256", "PS256", "RS512", "ES256", "ES384", "EdDSA"} {
		found, err := issuer.PublicKeys(b.Context(), issuer.KeyID(alg), alg)
		require.NoError(b, err)
		p := token.AccessTokenPolicy(issuerURL, audience)
		v := verifier(b, only(found...), p)
		mux, err := token.NewMux(v, verifier(b, only(), token.AccessTokenPolicy(otherURL, audience)))
		require.NoError(b, err)
		stranger := localissuer.New(issuerURL)
		strange, err := stranger.PublicKeys(b.Context(), stranger.KeyID(alg), alg)
		require.NoError(b, err)
		two := verifier(b, only(strange[0], found[0]), p)
		valid := issuer.Sign(alg, nil, []byte(benchmarkPayload))

		for kind, list := range hostiles(b, alg, header(alg)) {
			worst(b, alg+"/"+kind, alg, found[0], v.Verify, valid, list, v.Verify)
			worst(b, alg+"/"+kind+", mux", alg, found[0], v.Verify, valid, list, mux.Verify)
		}
		for kind, list := range hostiles(b, alg, `"alg":"`+alg+`","typ":"at+jwt"`) {
			if kind != "no token" {
				worst(b, alg+"/"+kind+", no kid, two keys", alg, found[0], v.Verify, valid, list, two.Verify)
			}
		}
	}
}

type verify func(ctx context.Context, raw string, have ...token.Proof) (*token.Claims, error)

// worst looks for the costliest token in a few rounds, then measures the first few of them in many.
func worst(b *testing.B, name, alg string, key crypto.PublicKey, usual verify, valid string, list []hostile, by verify) {
	b.Helper()
	measure := func(h hostile, rounds int) (overValid, overCrypto float64) {
		took := fastest(b, rounds,
			func() { _, _ = usual(b.Context(), valid) }, func() { _, _ = by(b.Context(), h.raw) }, bareRun(b, alg, key, h.raw))
		return float64(took[1]) / float64(took[0]), float64(took[1]) / float64(took[2])
	}
	b.Run(name, func(b *testing.B) {
		list := slices.Clone(list)
		cost := map[string]float64{}
		for _, h := range list {
			cost[h.name], _ = measure(h, 5)
		}
		slices.SortFunc(list, func(x, y hostile) int { return cmp.Compare(cost[y.name], cost[x.name]) })
		var most, bare float64
		for range b.N {
			for _, h := range list[:3] {
				if x, y := measure(h, ratioRounds); x > most {
					most, bare, name = x, y, h.name
				}
			}
		}
		b.ReportMetric(most, "x/valid")
		b.ReportMetric(bare, "x/crypto")
		b.ReportMetric(0, "ns/op")
		b.Log(name)
	})
}
