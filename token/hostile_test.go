package token_test

import (
	"cmp"
	"context"
	"crypto"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/perimeter-go/perimeter/internal/localissuer"
	"github.com/perimeter-go/perimeter/jwks"
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

// chances are members of about size bytes, between open and end, of parts in an order that no processor foresees: several, so that it does not learn
// them either.
func chances(name string, size int, open string, parts []string, end string) (all []claim) {
	order := rand.New(rand.NewPCG(1, 2)) // the same each time
	for range 16 {
		var sb strings.Builder
		sb.WriteString(open)
		for next := ""; sb.Len()+len(next)+len(end) <= size; next = parts[order.IntN(len(parts))] {
			sb.WriteString(next)
		}
		all = append(all, claim{name, sb.String() + end})
	}
	return all
}

// crowded are payloads of at most size bytes with many short claims, of names in such an order, before an iss that ends within the first most bytes.
func crowded(size, most int) (all []claim) {
	order := rand.New(rand.NewPCG(1, 2))
	part := func(of ...string) string { return of[order.IntN(len(of))] }
	for range 16 {
		p := "{"
		for n := range 60 {
			p += fmt.Sprintf(`"%s%d":"a",`, part("x", `\n`, "é")+part("xxxxx", `xx\nx`, `éx\n`, `\n\n\n`)+part("xx", `\n`, "é"), n)
		}
		p += `"q":"`
		for len(p) < min(most, size)-len(benchmarkPayload)-8 {
			p += part(`\\`, "x")
		}
		p += `",` + benchmarkPayload[1:len(benchmarkPayload)-1]
		all = append(all, claim{"many claims before the iss", p + fill(size-len(p), `,"z":"`, "z", `"}`)})
	}
	return all
}

// named is a header of at most size bytes, without its braces, of as many members and escapes as there may be, in an order that no processor foresees.
func named(order *rand.Rand, size int, head string) string {
	names := ""
	for n := range 24 - len("alg kid typ x")/4 - 1 {
		names += `"` + letters(order, 1+order.IntN(12)) + []string{`\n`, ""}[n%2] + letters(order, 1+order.IntN(12)) + fmt.Sprintf(`%x":"",`, n)
	}
	names += head + `,"x":"`
	return names + letters(order, size-len(names)-1) + `"`
}

// full is a payload of at most size bytes with about as many members, elements and escapes as are read before the signature.
func full(order *rand.Rand, size int) string {
	var sb strings.Builder
	sb.WriteString(`{"aud":["`)
	for range 10 {
		sb.WriteString(letters(order, 1+order.IntN(size/60)) + `","`)
	}
	sb.WriteString(audience + `"],`)
	for n := range 20 {
		fmt.Fprintf(&sb, `"%s%s%s%x":"%s",`, letters(order, 1+order.IntN(size/80)), []string{`\n`, `\u0041`}[n%2], letters(order, 1+order.IntN(size/80)), n, letters(order, 1+order.IntN(size/80)))
	}
	return sb.String() + payload(without("aud"))[1:]
}

// letters are size bytes at most, of different lengths.
func letters(order *rand.Rand, size int) string {
	var sb strings.Builder
	for next := ""; sb.Len()+len(next) <= size; next = []string{"x", "é", "€", "😀"}[order.IntN(4)] {
		sb.WriteString(next)
	}
	return sb.String()
}

// one is the first of each name, where it does not matter that there are more.
func one[T any](all []T, name func(T) string) (firsts []T) {
	seen := map[string]bool{}
	for _, x := range all {
		if !seen[name(x)] {
			firsts = append(firsts, x)
		}
		seen[name(x)] = true
	}
	return firsts
}

func (c claim) called() string   { return c.name }
func (h hostile) called() string { return h.name }

// shapes are members that are costly to read, each of about size bytes.
func shapes(size int) []claim {
	nest := func(open, end string) string { return "," + strings.Repeat(open, 25) + "1" + strings.Repeat(end, 25) }
	crowd := fill(200, `,{"z":1`, `,"%x":1`, `}`)
	all := []claim{
		{"a string", fill(size, `"x":"`, "x", `"`)},
		{"numbers", fill(size, `"x":[1`, ",1", `]`)},
		{"empty strings", fill(size, `"x":[""`, `,""`, `]`)},
		{"empty arrays", fill(size, `"x":[[]`, `,[]`, `]`)},
		{"empty objects", fill(size, `"x":[{}`, `,{}`, `]`)},
		{"deep arrays", fill(size, `"x":[1`, nest("[", "]"), `]`)},
		{"deep objects", fill(size, `"x":[1`, nest(`{"":`, "}"), `]`)},
		{"exponents", fill(size, `"x":[1`, ",1e1", `]`)},
		{"digits", fill(size, `"x":0.1`, "1", `e1`)},
		{"numbers that are hard to round", fill(size, `"x":[1`, ",1.73377515673387809616e308", `]`)}, // half way between two float64
		{"small numbers that are hard to round", fill(size, `"x":[1`, ",2.4703282292062327208282843964341106861825299013071623822127928412503e-324", `]`)},
		{"a number just below the largest", fill(size, `"x":1.79769313486231580793`, "7", `e308`)},
		{"zeros and an exponent", fill(size, `"x":0.`, "0", `1e308`)},
		{"members", fill(size, `"x":1`, `,"%x":1`, ``)},
		{"members of one look", fill(size, `"x":1`, `,"a%02xa":1`, ``)},
		{"objects of many members", fill(size, `"x":[1`, crowd, `]`)},
		{"escaped members", fill(size, `"x":1`, `,"\n%x":1`, ``)},
		{"escapes", fill(size, `"x":"`, `\u0061`, `"`)},
		{"surrogates", fill(size, `"x":"`, `\ud83d\ude00`, `"`)},
		{"short escapes", fill(size, `"x":"`, `\n`, `"`)},
		{"escapes between letters", fill(size, `"x":"`, `x\n`, `"`)},
		{"surrogates between letters", fill(size, `"x":"`, `x\ud83d\ude00`, `"`)},
		{"a name of escapes between letters", fill(size, `"`, `x\n`, `":1`)},
		{"a name of hexadecimal escapes", fill(size, `"`, `\u0061`, `":1`)},
		{"a deep name of escapes between letters", fill(size, `"x":{"`, `x\n`, `":1}`)},
		{"names of escapes between letters", fill(size, `"x":{"":1`, `,"%x\n`+strings.Repeat(`x\n`, 30)+`":1`, `}`)},
		{"other letters", fill(size, `"x":"`, `é`, `"`)},
		{"blanks", fill(size, `"x": `, ` `, `1`)},
		{"blanks in an array", fill(size, `"x":[`, ` `, `1]`)},
	}
	mixed := []string{`x`, `\n`, `é`, `\u0061`}
	return slices.Concat(all,
		chances("letters and escapes by chance", size, `"x":"`, mixed, `"`),
		chances("letters and short escapes by chance", size, `"x":"`, []string{`x`, `\n`}, `"`),
		chances("a name of letters and escapes by chance", size, `"`, mixed, `":1`),
		chances("texts of letters and escapes by chance", size, `"x":["`, []string{`x`, `\n`, `","`}, `"]`),
		chances("letters by chance", size, `"x":"`, []string{`x`, `é`, `€`, `😀`}, `"`),
		chances("members of letters by chance", size, `"x":[1`, []string{`,{"x":1}`, `,{"é":""}`, `,{"x\n€":[]}`, `,"xx\n"`}, `]`),
		chances("elements by chance", size, `"x":[1`, []string{`,1`, `,[]`, `,""`, `,{}`, `,{"":1}`}, `]`),
		chances("numbers by chance", size, `"x":[1`, []string{`,1`, `,-1.5e-7`, `,123456789012345678901e300`, `,0`, `,1.73377515673387809616e308`}, `]`),
		chances("blanks by chance", size, `"x":[1`, []string{`,1`, `,[ ]`, ` `, `,0.1e1`}, `]`))
}

// crowds are members that are costly to go past in search of the iss behind them: as many of something as a Mux goes past, then a long text.
func crowds(size int) []claim {
	part := func(open, part, end string, n int, letters string) string {
		if part != "" {
			n = min(n, (size-100)/len(part))
		}
		return fill(size, open+strings.Repeat(part, n)+end+`,"y":"`, letters, `"`)
	}
	names := func(format string, n int) string {
		var sb strings.Builder
		for i := range n {
			fmt.Fprintf(&sb, format, i)
		}
		return `"x":1` + sb.String()
	}
	all := []claim{
		{"numbers, then a text", part(`"x":[1`, `,1`, `]`, 250, `x`)},
		{"numbers, then escapes", part(`"x":[1`, `,1`, `]`, 250, `\n`)},
		{"empty strings, then escapes", part(`"x":[""`, `,""`, `]`, 250, `\"`)},
		{"short strings, then escapes", part(`"x":[""`, `,"a b\n"`, `]`, 250, `x\\\\`)},
		{"strings", part(`"x":[""`, `,"12345678901234567"`, `]`, 250, `\n`)},
		{"strings of one word", part(`"x":[""`, `,"12345678"`, `]`, 250, `\n`)},
		{"strings of escapes", part(`"x":[""`, `,"12345\n890123456"`, `]`, 250, `\n`)},
		{"empty arrays, then escapes", part(`"x":[[]`, `,[]`, `]`, 126, `\\\\`)},
		{"empty arrays and blanks, then escapes", part(`"x":[[]`, `,  [       ]  `, `]`, 126, `\\\\`)},
		{"deep arrays, then escapes", part(`"x":[[[[[[1`, `]]]],[[[[1`, `]]]]]]`, 50, `\\\\`)},
		{"deep objects, then escapes", part(`"x":[{"":{"":{"":1`, `}}},{"":{"":{"":1`, `}}}]`, 62, `\\\\`)},
		{"objects named iss, then escapes", part(`"x":[{"iss":"`+otherURL+`"}`, `,{"iss":"iss"}`, `]`, 126, `\\\\`)},
		{"members, then a text", part(names(`,"%x":1`, 62), ``, ``, 0, `x`)},
		{"members, then escapes", part(names(`,"%x":1`, 62), ``, ``, 0, `\\\\`)},
		{"members of strings, then escapes", part(names(`,"%x":"a b c d"`, 62), ``, ``, 0, `\\\\`)},
		{"members called nearly iss", part(names(`,"iss%x":"iss\""`, 62), ``, ``, 0, `\"`)},
		{"members escaped to nearly iss", part(names(`,"\u0069\u0073s%d":1`, 62), ``, ``, 0, `\"`)},
		{"members escaped to just not iss", part(names(`,"\u0069\u0073\u0073%x":1`, 62), ``, ``, 0, `\\\\`)},
		{"too many members", fill(size, `"x":1`, `,"%x":1`, ``)},
		{"quotes in a text", fill(size, `"x":"`, `\",\"iss\":\"`, `"`)},
		{"backslashes", fill(size, `"x":"`, `\\\\`, `"`)},
		{"odd backslashes", fill(size, `"x":"`, `x\\y\"zzz`, `"`)},
		{"texts that nothing separates", fill(size, `"x":""`, `""`, ``)},
	}
	return slices.Concat(all,
		chances("texts and letters that nothing separates, by chance", size, `"x":`, []string{`""`, `""x`, `"":`, `"x"`, `" "xxx`}, `""`),
		chances("texts and elements by chance", size, `"x":[1`, []string{`,""`, `,"xxxxxxxxx"`, `,"\""`, `,"":""`, `,[]`, `,"12345678901234567890123456789012345"`}, `]`))
}

// lists are claims with a meaning, each of about size bytes.
func lists(size int) []claim {
	return []claim{
		{"iss", fill(size, `"`, `\u0061`, `"`)},
		{"aud", fill(size, `["`+audience+`"`, `,""`, `]`)},
		{"aud", fill(size, `["`+audience+`"`, `,"\n"`, `]`)},
		{"exp", fill(size, `9999999999.0`, `0`, `1`)},
		{"exp that is hard to round", fill(size, `9999999999.000000476837158203125`, `0`, `1`)},
		{"sub", fill(size, `"`, `\n`, `"`)},
		{"scope", fill(size, `"a`, ` a`, `"`)},
		{"scope", fill(size, `["a"`, `,""`, `]`)},
		{"cnf", fill(size, `{"jkt":"x"`, `,"%x":""`, `}`)},
	}
}

// texts are claims with a meaning, each of about size bytes of escapes and letters, by what they are called here.
func texts(size int) map[string][]claim {
	all := map[string][]claim{
		"aud by chance":  chances("aud", size, `["`+audience+`","`, []string{`x`, `\n`, `","`, `\u0061`}, `"]`),
		"aud of escapes": {{"aud", fill(size, `["`+audience+`"`, `,"`+strings.Repeat(`\n`, 15)+`"`, `]`)}},
	}
	for _, name := range []string{"sub", "client_id", "jti"} {
		for _, part := range []string{`\n`, `\u0061`, `x\n`} {
			all[name+" of "+part] = []claim{{name, fill(size, `"`, part, `"`)}}
		}
	}
	return all
}

// worth is how many bytes of a payload are read before its signature.
const worth = 2 << 10

// payloads are all of them, at the start of a payload or at its end, of at most size bytes.
func payloads(size int) []claim {
	rest := size - len(benchmarkPayload) - 4
	var all []claim
	for _, s := range shapes(rest) {
		all = append(all,
			claim{s.name, benchmarkPayload[:len(benchmarkPayload)-1] + "," + s.raw + "}"},
			claim{s.name + " first", "{" + s.raw + "," + benchmarkPayload[1:]})
	}
	if size > 10<<10 { // a Mux finds the iss in the first 6 KiB of a token
		const before = 6<<10/4*3 - 160
		for _, c := range slices.Concat(shapes(before), crowds(before)) {
			p := "{" + c.raw + "," + benchmarkPayload[1:len(benchmarkPayload)-1]
			all = append(all, claim{c.name + " before the iss", p + fill(size-len(p), `,"z":"`, "z", `"}`)})
		}
	}
	for _, l := range lists(rest) {
		all = append(all, claim{"a long " + l.name, payload(l)})
	}
	if size > worth { // one of which all is read before the signature
		within := worth - len(benchmarkPayload) - 100
		long := texts(within)
		for _, l := range lists(within) {
			long[l.name] = append(long[l.name], l)
		}
		for name, claims := range long {
			for _, c := range claims {
				p := payload(c)
				all = append(all, claim{"a whole " + name, p[:len(p)-1] + fill(size-len(p), `,"z":"`, "z", `"}`)})
				if size > 10<<10 {
					before := crowds(6<<10/4*3 - len(p))[0].raw
					p = "{" + before + "," + p[1:len(p)-1]
					all = append(all, claim{"a whole " + name + " behind numbers and a text", p + fill(size-len(p), `,"z":"`, "z", `"}`)})
				}
			}
		}
	}
	const third = worth/3 - 60
	for name, date := range map[string]string{
		"hard to round": fill(third, `1700000000.00000011920928955078125`, `0`, `1`),
		"tiny":          fill(third, `2.47032822920623272082828439643411068618252990130716238221279284125`, `0`, `1e-324`),
	} {
		all = append(all, claim{"dates that are " + name, payload(with("nbf", date), with("iat", date),
			with("exp", fill(third, `9999999999.000000476837158203125`, `0`, `1`)))})
	}
	return all
}

// far is a payload whose iss a Mux just finds behind a long header.
func far(size int) claim {
	p := "{" + crowds(2000)[6].raw + "," + benchmarkPayload[1:len(benchmarkPayload)-1]
	return claim{"strings of escapes before the iss", p + fill(size-len(p), `,"z":"`, "z", `"}`)}
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
	most := 16 << 10
	if alg[0] != 'E' && alg != "RS256" && alg != "PS256" {
		most = 8 << 10
	}
	largest := (most - len(seal(head, ""))) / 4 * 3
	for kind, size := range map[string]int{"long payload": largest, "short payload": 2 << 10} {
		for _, p := range payloads(size) {
			all[kind] = append(all[kind], hostile{p.name, seal(head, p.raw)})
		}
	}
	rest := largest - 4<<10
	for _, s := range shapes(4<<10 - len(head) - 8) {
		for _, p := range []claim{payloads(2 << 10)[12], payloads(rest)[12], far(rest)} {
			all["long header"] = append(all["long header"], hostile{fmt.Sprintf("%s, %s in %d bytes", s.name, p.name, len(p.raw)), seal(head+","+s.raw, p.raw)})
		}
	}
	for _, c := range []claim{
		{"a nonce", fill(4<<10-len(head)-8, `"nonce":"`, `é`, `"`)},
		{"an escaped cty", fill(4<<10-len(head)-8, `"\u0063ty":"`, `é`, `"`)},
		{"a cty", fill(4<<10-len(head)-8, `"cty":"`, `é`, `"`)},
	} {
		all["long header"] = append(all["long header"], hostile{c.name + ", " + far(rest).name, seal(head+","+c.raw, far(rest).raw)})
	}
	all["long header"] = append(all["long header"],
		hostile{"a long kid", seal(fill(3<<10, head[:len(head)-1]+`","kid":"`, "k", `"`), benchmarkPayload)},
		hostile{"a typ of escapes", seal(head[:strings.LastIndex(head, `"typ"`)]+`"typ":"\u0061\u0070\u0070\u006c\u0069\u0063\u0061\u0074\u0069\u006f\u006e\u002f\u0061\u0074\u002b\u006a\u0077\u0074"`+fill(3800-len(head), `,"x":"`, `é`, `"`), far(rest).raw)},
		hostile{"a kid of 256 letters", seal(fill(300+len(alg), `"alg":"`+alg+`","kid":"`, "k", `"`), payloads(largest - 256)[0].raw)})
	middling := head + `,"y":[{"":{"":1` + strings.Repeat(`}},{"":{"":1`, 5) + `}}]`
	middling += fill(728-len(middling), `,"x":"`, `é`, `"`)
	order := rand.New(rand.NewPCG(3, 4))
	for range 16 {
		for _, size := range []int{700, 2 << 10, 4 << 10} {
			h := named(order, size-2, head)
			room := (most - len(seal(h, ""))) / 4 * 3
			all["named header"] = append(all["named header"],
				hostile{fmt.Sprintf("%d bytes, and a usual payload", size), seal(h, benchmarkPayload)},
				hostile{fmt.Sprintf("%d bytes, and as full a payload as is read", size), seal(h, full(order, min(room, 2<<10)))},
				hostile{fmt.Sprintf("%d bytes, and %s", size, far(room).name), seal(h, far(room).raw)},
				hostile{fmt.Sprintf("%d bytes, and many claims before the iss", size), seal(h, crowded(room, (6<<10-len(b64([]byte(h)))-4)/4*3)[order.IntN(16)].raw)})
		}
		all["short payload"] = append(all["short payload"], hostile{"as full as is read", seal(head, full(order, 2<<10))})
	}
	for _, c := range crowded((most-len(seal(middling, "")))/4*3, (6<<10-len(b64([]byte("{"+middling+"}")))-1)/4*3) {
		all["middling header"] = append(all["middling header"], hostile{c.name, seal(middling, c.raw)})
	}
	whole := payloads(largest)[0].raw
	spare := seal(head, whole[:len(whole)/3*3-2])
	spare = spare[:strings.LastIndexByte(spare, '.')-1] // a letter that stands for two bits
	all["no token"] = []hostile{
		{"dots", strings.Repeat(".", 16<<10)},
		{"letters", strings.Repeat("x", 16<<10)},
		{"a long signature", seal(head, benchmarkPayload) + strings.Repeat("A", 14<<10)},
		{"a long header", strings.Repeat("A", 16<<10-8) + ".AA.AA"},
		{"spare bits at the end", spare + "B" + signature},
		{"a line break at the end", spare + "\n" + signature},
	}
	return all
}

func header(alg string) string {
	return `"alg":"` + alg + `","kid":"` + issuer.KeyID(alg) + `","typ":"at+jwt"`
}

// What anybody can send is refused, is limited to one question to the key source, and is none of the policy's errors that a long payload
// could hide.
func TestCostlyTokensAreRefusedForOneQuestion(t *testing.T) {
	source := &keys{}
	v := verifier(t, source, token.AccessTokenPolicy(issuerURL, audience))
	mux, many := muxOf(t, v), thousand(t, v)
	for kind, list := range hostiles(t, "ES256", header("ES256")) {
		for _, h := range one(list, hostile.called) {
			t.Run(kind+"/"+h.name, func(t *testing.T) {
				require.LessOrEqual(t, len(h.raw), 16<<10)
				for _, by := range []verify{v.Verify, mux.Verify, many.Verify} {
					source.asked = 0
					c, err := by(t.Context(), h.raw)
					require.Nil(t, c)
					require.ErrorIs(t, err, token.ErrRefused)
					require.LessOrEqual(t, source.asked, 1)
					if kind == "named header" || kind == "middling header" { // made to be read to the end
						require.Equal(t, token.ReasonSignature, token.ReasonOf(err))
					}
				}
			})
		}
	}
}

// fetching hands requests to the issuer, without a network, and counts them.
type fetching struct{ fetches int }

func (f *fetching) RoundTrip(r *http.Request) (*http.Response, error) {
	f.fetches++
	w := httptest.NewRecorder()
	issuer.ServeHTTP(w, r)
	return w.Result(), nil
}

// Behind a cache of the issuer's keys, costly tokens under a known key cause no fetch, and all others together no more than a flood of tokens with random
// keys does.
func TestCostlyTokensCauseNoFetch(t *testing.T) {
	f := &fetching{}
	source, err := jwks.New(issuer.KeySetURL(), &jwks.Options{HTTPClient: &http.Client{Transport: f}})
	require.NoError(t, err)
	require.NoError(t, source.Refresh(t.Context()))
	v := verifier(t, source, token.AccessTokenPolicy(issuerURL, audience))
	mux := muxOf(t, v)
	_, err = mux.Verify(t.Context(), issuer.Sign("ES256", nil, []byte(benchmarkPayload)))
	require.NoError(t, err)
	require.Equal(t, 1, f.fetches)
	for _, unknown := range []bool{false, true} {
		for _, list := range hostiles(t, "ES256", header("ES256")) {
			for _, h := range one(list, hostile.called) {
				if strings.Contains(h.name, "kid") != unknown {
					continue
				}
				_, err := v.Verify(t.Context(), h.raw)
				require.ErrorIs(t, err, token.ErrRefused, h.name)
				_, err = mux.Verify(t.Context(), h.raw)
				require.ErrorIs(t, err, token.ErrRefused, h.name)
			}
		}
		if !unknown {
			require.Equal(t, 1, f.fetches)
		}
	}
	require.LessOrEqual(t, f.fetches, 1+2)
}

// muxOf is a Mux of v and of one for another issuer.
func muxOf(tb testing.TB, v *token.Verifier) *token.Mux {
	tb.Helper()
	mux, err := token.NewMux(v, verifier(tb, only(), token.AccessTokenPolicy(otherURL, audience)))
	require.NoError(tb, err)
	return mux
}

// BenchmarkHostile shows for each algorithm what the costliest token costs, as a multiple of the check of a usual token under the same key: for one
// verifier, for a Mux of two, for one with a Cache that knows neither token, for a Mux of a thousand, and, in all and per signature check, where a token without kid meets two keys that fit. floor is
// the bare check by crypto/* of the longest token's own text. Read it with GOMAXPROCS=1 GOGC=400 and -benchtime 1x; -v tells which tokens they are.
func BenchmarkHostile(b *testing.B) {
	for _, alg := range []string{"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"} {
		b.Run(alg, func(b *testing.B) {
			v, sides := sides(b, alg)
			valid := issuer.Sign(alg, nil, []byte(benchmarkPayload))
			usual := &run{do: func() { _, _ = v.Verify(b.Context(), valid) }}
			floor := &run{do: bareRun(b, alg, keyOf(b, alg), hostiles(b, alg, header(alg))["long payload"][0].raw)}
			all := []*run{usual, floor}
			for _, s := range sides {
				all = append(all, s.runs...)
			}
			takeTurns(all, 8)
			all = all[:2]
			for _, s := range sides {
				if s.usual != nil {
					all = append(all, s.usual)
				}
				slices.SortFunc(s.runs, func(x, y *run) int { return cmp.Compare(y.took, x.took) })
				all = append(all, s.runs[:8]...)
			}
			for range b.N {
				takeTurns(all, 100)
			}
			over := func(r *run, usual *run) float64 { return float64(r.took) / float64(usual.took) }
			for _, s := range sides {
				usual := cmp.Or(s.usual, usual)
				most := slices.MaxFunc(s.runs[:8], func(x, y *run) int { return cmp.Compare(x.took, y.took) })
				b.ReportMetric(over(most, usual), s.name)
				b.Logf("%s, %s: %s, %.2f", alg, s.name, most.name, over(most, usual))
				if s.name == "no-kid" {
					b.ReportMetric(over(most, usual)/2, "per-check")
				}
			}
			b.ReportMetric(over(floor, usual), "floor")
			b.ReportMetric(0, "ns/op")
		})
	}
}

// side is who has to deal with tokens.
type side struct {
	name  string
	runs  []*run
	usual *run // with a usual token; nil: one verifier has it
}

func keyOf(b *testing.B, alg string) crypto.PublicKey {
	b.Helper()
	found, err := issuer.PublicKeys(b.Context(), issuer.KeyID(alg), alg)
	require.NoError(b, err)
	require.Len(b, found, 1)
	return found[0]
}

// sides also returns the verifier of usual tokens.
func sides(b *testing.B, alg string) (*token.Verifier, []*side) {
	b.Helper()
	key, p := keyOf(b, alg), token.AccessTokenPolicy(issuerURL, audience)
	v := verifier(b, only(key), p)
	stranger := localissuer.New(issuerURL)
	strange, err := stranger.PublicKeys(b.Context(), stranger.KeyID(alg), alg)
	require.NoError(b, err)
	two := verifier(b, only(strange[0], key), p)
	// A usual token that the Cache does not know, for it has room for one.
	caching, turn := muxOf(b, remembering(b, only(key), p, newCache(b, 1, 1<<20))), 0
	usual := []string{issuer.Sign(alg, nil, []byte(benchmarkPayload)), issuer.Sign(alg, nil, []byte(strings.Replace(benchmarkPayload, "acme", "ecma", 1)))}
	fresh := &run{do: func() {
		turn++
		if c, err := caching.Verify(b.Context(), usual[turn%2]); err != nil || c.Remembered() {
			b.Error("remembered, or refused", err)
		}
	}}

	known, nameless := hostiles(b, alg, header(alg)), hostiles(b, alg, `"alg":"`+alg+`","typ":"at+jwt"`)
	runs := func(by verify, kinds map[string][]hostile) (list []*run) {
		for kind, tokens := range kinds {
			byName := map[string][]string{}
			for _, h := range tokens {
				byName[h.name] = append(byName[h.name], h.raw)
			}
			for name, raw := range byName {
				turn := 0
				list = append(list, &run{name: kind + ", " + name, do: func() {
					turn++
					_, _ = by(b.Context(), raw[turn%len(raw)])
				}})
			}
		}
		return list
	}
	return v, []*side{
		{"verifier", runs(v.Verify, known), nil},
		{"mux", runs(muxOf(b, v).Verify, known), nil},
		{"mux-with-cache", runs(caching.Verify, known), fresh},
		{"mux-of-1000", runs(thousand(b, v).Verify, known), nil},
		{"no-kid", runs(two.Verify, nameless), nil},
	}
}

// thousand is a Mux of v and 999 others, each of which reads claims that no other reads.
func thousand(tb testing.TB, v *token.Verifier) *token.Mux {
	tb.Helper()
	all := []*token.Verifier{v}
	for i := range 999 {
		p := token.AccessTokenPolicy(fmt.Sprintf("%s/%d", otherURL, i), audience)
		p.RequiredClaims = map[string]string{fmt.Sprintf("a%03xa", i): "", fmt.Sprintf("b%03xb", i): "x"}
		all = append(all, verifier(tb, only(), p))
	}
	mux, err := token.NewMux(all...)
	require.NoError(tb, err)
	return mux
}

type verify func(ctx context.Context, raw string, have ...token.Proof) (*token.Claims, error)

// run is something to measure, and how long it took at its fastest.
type run struct {
	name string
	do   func()
	took time.Duration
}

// takeTurns runs all of them for a fraction of a millisecond each, round after round.
func takeTurns(all []*run, rounds int) {
	for range rounds {
		for _, r := range all {
			calls := time.Duration(0)
			start := time.Now()
			for calls == 0 || time.Since(start) < 100*time.Microsecond {
				r.do()
				calls++
			}
			if took := time.Since(start) / calls; r.took == 0 || took < r.took {
				r.took = took
			}
		}
	}
}
