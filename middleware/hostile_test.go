package middleware_test

import (
	"cmp"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"log/slog"
	"math/big"
	"math/rand/v2"
	"net/http"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/perimeter-go/perimeter/internal/localissuer"
	"github.com/perimeter-go/perimeter/middleware"
	"github.com/perimeter-go/perimeter/middleware/audit"
	"github.com/perimeter-go/perimeter/middleware/limit"
	"github.com/perimeter-go/perimeter/token"
)

// hostile is a request as anybody can send one, made to cost as much as possible.
type hostile struct {
	name   string
	r      *http.Request
	before *http.Request // one like it, but in another order, for a processor that has seen it could foresee r; nil: r itself
	signed bool          // it is refused for its signature, which is the last that is looked at
}

// repeated repeats part between open and end to a text of at most size bytes, which must be enough for those two.
func repeated(size int, open, part, end string) string {
	return open + strings.Repeat(part, (size-len(open)-len(end))/len(part)) + end
}

// hostiles are costly requests: a header that is no token, tokens that no verifier accepts, long paths, large certificates, and many cookies.
func hostiles(tb testing.TB, i *localissuer.Issuer, alg string) (list []hostile) {
	tb.Helper()
	b64 := base64.RawURLEncoding.EncodeToString
	claims := []byte(`{"iss":"` + i.URL() + `","sub":"alice","aud":"` + audience + `","exp":9999999999,"iat":1700000000}`)
	usual := i.Sign(alg, nil, claims)
	signature := usual[strings.LastIndexByte(usual, '.'):]
	head := `{"alg":"` + alg + `","kid":"` + i.KeyID(alg) + `"`
	add := func(name string, r *http.Request) { list = append(list, hostile{name: name, r: r}) }
	signed := func(name string, r *http.Request) { list = append(list, hostile{name: name, r: r, signed: true}) }
	bearer := func(credential string) string { return "Authorization: Bearer " + credential }
	wrong := bearer(usual[:len(usual)-8] + "AAAAAAAA")
	for _, part := range []string{"x", "~", "+", "~xxxxxxx", "."} {
		for _, size := range []int{16 << 10, 32 << 10, 1 << 20} {
			add(part+" and nothing else", get("/", bearer(strings.Repeat(part, size/len(part)))))
		}
	}
	add("two credentials of slow letters", get("/", bearer(strings.Repeat("~xxx", 8<<10)), "Cookie: session="+strings.Repeat("~xxx", 8<<10)))
	// within makes a token of at most size bytes, with such a header, and claims before and behind the usual ones.
	within := func(size int, header, before, part string) string {
		room := (size - len(header) - len(signature) - len(".")) / 4 * 3
		return header + "." + b64([]byte(repeated(room, before+string(claims[1:len(claims)-1])+`,"z":"`, part, `"}`))) + signature
	}
	dearest, most := "", 16<<10
	if alg[0] != 'E' && alg[2] != '2' {
		most = 8 << 10 // more is not read
	}
	behind := (most-len(signature))/4*3 - 4<<10 - len(claims) - 60
	far := `{` + repeated(min(1700, behind), `"y":["`, `12345\n890123456","`, `"],`)
	for name, part := range map[string]string{
		"a text": "x", "escapes": `\u0061`, "short escapes": `\n`, "surrogates": `\ud83d\ude00`, "quotes": `\"`, "other letters": "é",
	} {
		header := b64([]byte(repeated(4<<10, head+`,"x":"`, part, `"}`)))
		signed("a header of "+name, get("/", bearer(within(most, header, "{", "z"))))
		signed("a header of "+name+", and an issuer far back", get("/", bearer(within(most, header, far, "z"))))
		add("a header that is too long, of "+name, get("/", bearer(within(16<<10, b64([]byte(repeated(8<<10, head+`,"x":"`, part, `"}`))), "{", "z"))))
		if name == "escapes" {
			dearest = within(most, header, far, "z")
		}
	}
	short := b64([]byte(head + "}"))
	objects := `"x":[{"":{"":{"":1` + strings.Repeat(`}}},{"":{"":{"":1`, 125) + `}}}],`
	before := min(6<<10/4*3-160, (most-len(short)-len(signature))/4*3-500) // so far a Mux looks for an issuer
	deepest := within(most, short, "{"+objects+repeated(before-len(objects), `"y":"`, `\\\\`, `",`), "z")
	signed("objects and escapes, and an issuer far back", get("/", bearer(deepest)))
	for name, part := range map[string]string{
		"members": `"":1,`, "escaped members": `"\n":1,`, "members escaped to nearly alg": `"\u0061\u006c\u0066":1,`, "numbers": `1,`, "arrays": `[],`, "strings": `"",`,
	} {
		for _, size := range []int{4 << 10, 8 << 10} {
			open, end := head+`,"y":[`, `1]}`
			if strings.Contains(part, ":") {
				open, end = `{`, head[1:]+"}"
			}
			add("a header of "+name, get("/", bearer(b64([]byte(repeated(size, open, part, end)))+"."+b64(claims)+signature)))
		}
	}
	signed("another payload", get("/", bearer(strings.Split(usual, ".")[0]+"."+b64([]byte(repeated(most*11/16-1000, string(claims[:len(claims)-1])+`,"z":"`, "z", `"}`)))+signature)))
	many := get("/")
	for range 1000 {
		many.Header.Add("Authorization", "Bearer "+usual)
	}
	add("many Authorization headers", many)
	add("a scheme and nothing else", get("/", "Authorization: "+strings.Repeat("x", 1<<20)))
	signed("blanks before a token", get("/", "Authorization: Bearer"+strings.Repeat(" ", 64)+dearest))
	for _, size := range []int{15 << 10, 1 << 20} {
		add("more blanks before a token", get("/", "Authorization: Bearer"+strings.Repeat(" ", size)+dearest))
	}
	for name, part := range map[string]string{
		"empty cookies": ";", "cookies": "a=b; ", "blanks": " ", "cookies of nearly that name": "sessio=b; ", "cookies of that name": "session=b; ", "one cookie": "x", "equals signs": "=",
	} {
		for _, size := range []int{16 << 10, 36 << 10, 64 << 10, 1 << 20} {
			add(name, get("/", bearer(dearest), "Cookie: "+strings.Repeat(part, size/len(part))))
		}
	}
	add("many Cookie headers", get("/", slices.Repeat([]string{"Cookie: a=b"}, 10000)...))
	for name, part := range map[string]string{"one segment": "x", "segments": "x/", "other letters": "é", "letters after control characters": "\u00a0", "escapes": "%41", "escaped blanks": "%20"} {
		for _, size := range []int{4 << 10, 8 << 10, 1 << 20} {
			add("a path of "+name, get("/"+strings.Repeat(part, (size-1)/len(part)), wrong))
		}
	}
	chance := rand.New(rand.NewPCG(1, 2))
	mixed := func(size int, parts ...string) string {
		var b strings.Builder
		for part := parts[chance.IntN(len(parts))]; b.Len()+len(part) < size; part = parts[chance.IntN(len(parts))] {
			b.WriteString(part)
		}
		return b.String()
	}
	letters := func(size int) string {
		return "/a" + mixed(size-1, "\u00a9", "\u00df", "\u20ac", "\u65e5", "\U0001f600", "a", "b", "/x")
	}
	signed("a path of escapes by chance", get("/"+mixed(8<<10, "%c3%a9", "%C3%9F", "%e2%82%ac", "%E6%97%A5", "%F0%9F%98%80", "a", "b", "c", "/x"), wrong))
	signed("a path of letters by chance", get(letters(8<<10), wrong))
	signed("a path of segments by chance", get("/"+mixed(8<<10, "a/", "ab/", "a.b/", ".a/", "abcd/"), wrong))
	// cookies has 16 headers with 200 cookies between them, of which all but 16 have blanks where they may be.
	cookies := func(longest int) (headers []string) {
		blanks := func() string { return strings.Repeat(" ", chance.IntN(9)) }
		for n := range 16 {
			line := "Cookie: a"
			for range (200-16)/16 + n/8 {
				line += ";" + blanks() + "session" + blanks() + "x=" + strings.Repeat("x", chance.IntN(longest))
			}
			headers = append(headers, line)
		}
		return headers
	}
	manyCookies := cookies(340) // nearly 36 KiB
	signed("cookies by chance", get("/", append(manyCookies, wrong)...))
	proxies := "X-Forwarded-For: " + strings.Repeat(" [0000:0000:0000:0000:0000:ffff:203.0.113.1]:65535\t,", 1000) + "203.0.113.1"
	signed("addresses of proxies", get("/", proxies, wrong))
	add("everything at once", get(letters(8<<10), append(manyCookies, bearer(dearest), proxies)...))
	signed("everything beside a path that may be there", get(letters(512), append(manyCookies, bearer(dearest), proxies)...))
	signed("everything beside a path that may be there, and objects", get(letters(512), append(manyCookies, bearer(deepest), proxies)...))
	middling := b64([]byte(repeated(730, head+`,"y":[{"":{"":1`+strings.Repeat(`}},{"":{"":1`, 18)+`}}],"x":"`, `\u0061`, `"}`)))
	before = min((6<<10-len(middling))/4*3-100, (most-len(middling)-len(signature))/4*3-500)
	crowded := func() string {
		names := "{"
		for n := range 70 {
			names += fmt.Sprintf(`"%s%d":"a",`, mixed(10, "x", `\n`, "é"), n)
		}
		return within(most, middling, names+`"q":"`+mixed(before-len(names), `\\`, "x")+`",`, "z")
	}
	odd := "Authorization: " + strings.Repeat("~", 64) + " x"
	for name, request := range map[string]func() *http.Request{
		"claims by chance": func() *http.Request { return get("/", bearer(crowded())) },
		"everything beside a path that may be there, and claims": func() *http.Request {
			return get(letters(512), append(cookies(340), bearer(crowded()), proxies)...)
		},
		"everything, and the token in a cookie": func() *http.Request {
			return get(letters(512), odd, "Cookie: session="+crowded()+strings.Repeat(" ", 8)+";"+strings.Repeat(";", 100)+strings.Repeat("x", 19<<10), proxies)
		},
	} {
		list = append(list, hostile{name: name, r: request(), before: request(), signed: true})
	}
	few := cookies(1)
	path := letters(6 << 10)
	rest := 12<<10 - len(path) - len("Authorization") - len("Bearer ") - 32
	for _, line := range few {
		rest -= len(line) + 32 - len(": ")
	}
	signed("as much of everything as may be beside a long path", get(path, append(few, bearer(within(rest, b64([]byte(repeated(500, head+`,"x":"`, `\u0061`, `"}`))), "{", "z")))...))
	for name, names := range map[string]int{"a certificate": 1, "a certificate of many names": 1000, "a certificate of as many names as fit": 3400} {
		direct := from(manyNames(tb, names), wrong)
		direct.RemoteAddr = "198.51.100.7:4711"
		signed(name, get("/", wrong, clientCertHeader(manyNames(tb, names))))
		signed(name+", in the handshake", direct)
	}
	headers := get("/", wrong)
	for n := range 40000 {
		headers.Header["Client-"+strconv.FormatInt(int64(n)+36*36*36, 36)] = []string{"x"}
	}
	signed("many headers named nearly like that of a certificate", headers)
	return list
}

// manyNames is a certificate of its own, of so many names.
func manyNames(tb testing.TB, names int) *tls.Certificate {
	tb.Helper()
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
	for n := range names {
		template.DNSNames = append(template.DNSNames, fmt.Sprintf("a%d.example", n))
	}
	return sign(tb, template, nil)
}

// nowhere takes records as they are written.
type nowhere struct{}

func (nowhere) Write(b []byte) (int, error) { return len(b), nil }

// hostileGuard reads tokens of an issuer, and of another, from the Authorization header and a cookie, and certificates that anybody forwards. Around it
// may stand a limiter, and a trail of audit.
func hostileGuard(tb testing.TB, i *localissuer.Issuer, limited bool) http.Handler {
	tb.Helper()
	mux, err := token.NewMux(newVerifier(tb, i), newVerifier(tb, localissuer.New("https://other.example")))
	require.NoError(tb, err)
	o := middleware.Options{Forwarded: forwardedFrom(tb, nil, "192.0.2.0/24")}
	if limited {
		o.Limiter, err = limit.New(limit.Config{PerMinute: 6000, Burst: 6000, Cookies: []string{"session"}, TrustedProxies: []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24"), netip.MustParsePrefix("203.0.113.0/24")}})
		require.NoError(tb, err)
		o.Observer, err = audit.New(slog.NewJSONHandler(nowhere{}, nil), audit.Config{Key: make([]byte, 32), Cookies: []string{"session"}})
		require.NoError(tb, err)
	}
	g, err := middleware.New(middleware.JWT(mux, middleware.FromHeader("Authorization"), middleware.FromCookie("session")), &o)
	require.NoError(tb, err)
	routes := newRoutes(tb, middleware.Rule{Pattern: "/"}, middleware.Rule{Pattern: "GET /{a}/{b}/{c}"}, middleware.Rule{Pattern: "GET /x/{b}/x/"})
	return g.Routes(routes)(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
}

func TestCostlyRequestsAreRefused(t *testing.T) {
	i := localissuer.New("https://id.example")
	h := hostileGuard(t, i, false)
	require.Equal(t, http.StatusOK, serve(h, get("/", "Authorization: Bearer "+i.AccessToken(audience))).Code)
	for _, alg := range hostileAlgorithms {
		for _, c := range hostiles(t, i, alg) {
			require.Contains(t, []int{http.StatusBadRequest, http.StatusUnauthorized, http.StatusRequestURITooLong}, serve(h, c.r).Code, c.name)
			_, err := middleware.JWT(newVerifier(t, i), middleware.FromHeader("Authorization"), middleware.FromCookie("session")).Authenticate(c.r)
			if c.signed {
				require.Equal(t, http.StatusUnauthorized, serve(h, c.r).Code, c.name)
				require.Equal(t, token.ReasonSignature, token.ReasonOf(err), "%s: %s: %v", alg, c.name, err)
			}
		}
	}
}

var hostileAlgorithms = []string{"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"}

// BenchmarkHostile shows for each algorithm what the costliest request costs, as a multiple of one with a usual token under the same key. What net/http does
// to read either from a connection is not in it. Read it with GOMAXPROCS=1 GOGC=400 and -benchtime 1x; -v tells which requests they are.
func BenchmarkHostile(b *testing.B) {
	i := localissuer.New("https://id.example")
	for _, alg := range append(slices.Clone(hostileAlgorithms), "RS256 with limiter and audit") {
		b.Run(alg, func(b *testing.B) {
			alg, _, limited := strings.Cut(alg, " with ")
			h := hostileGuard(b, i, limited)
			usual := hostile{r: get("/", "Authorization: Bearer "+i.Sign(alg, nil, []byte(`{"iss":"`+i.URL()+`","sub":"alice","aud":"`+audience+`","exp":9999999999}`)))}
			require.Equal(b, http.StatusOK, serve(h, usual.r).Code)
			all := append([]hostile{usual}, hostiles(b, i, alg)...)
			took := make([]time.Duration, len(all))
			for range 100 * b.N {
				for n, c := range all {
					w := deaf{http.Header{}}
					c.r.RemoteAddr = fmt.Sprintf("%s%d:4711", c.r.RemoteAddr[:strings.LastIndex(c.r.RemoteAddr, ".")+1], n) // who guesses a hundred times is not limited
					// It finds the processor as its like has left it.
					h.ServeHTTP(w, cmp.Or(c.before, c.r))
					start := time.Now()
					h.ServeHTTP(w, c.r)
					if d := time.Since(start); took[n] == 0 || d < took[n] {
						took[n] = d
					}
				}
			}
			order := make([]int, len(all))
			for n := range order {
				order[n] = n
			}
			slices.SortFunc(order, func(x, y int) int { return cmp.Compare(took[y], took[x]) })
			for _, n := range order[:3] {
				b.Logf("%s: %s, %.2f", alg, all[n].name, float64(took[n])/float64(took[0]))
			}
			b.ReportMetric(float64(took[order[0]])/float64(took[0]), "x/valid")
			b.ReportMetric(0, "ns/op")
		})
	}
}
