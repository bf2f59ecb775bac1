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
	name string
	r    *http.Request
}

// repeated repeats part between open and end to a text of at most size bytes.
func repeated(size int, open, part, end string) string {
	return open + strings.Repeat(part, max(0, size-len(open)-len(end))/len(part)) + end
}

// hostiles are costly requests: a header that is no token, tokens that no verifier accepts, long paths, large certificates, and many cookies.
func hostiles(tb testing.TB, i *localissuer.Issuer, alg string) (list []hostile) {
	tb.Helper()
	b64 := base64.RawURLEncoding.EncodeToString
	claims := []byte(`{"iss":"` + i.URL() + `","sub":"alice","aud":"` + audience + `","exp":9999999999,"iat":1700000000}`)
	usual := i.Sign(alg, nil, claims)
	signature := usual[strings.LastIndexByte(usual, '.'):]
	head := `{"alg":"` + alg + `","kid":"` + i.KeyID(alg) + `"`
	bearer := func(name, credential string) {
		list = append(list, hostile{name, get("/", "Authorization: Bearer "+credential)})
	}
	for _, part := range []string{"x", "~", "+", "~xxxxxxx", "."} {
		for _, size := range []int{16 << 10, 1 << 20} {
			bearer(part+" and nothing else", strings.Repeat(part, size/len(part)))
		}
	}
	dearest, half := "", "" // of 16 KiB and of 8
	for name, part := range map[string]string{
		"a text": "x", "escapes": `\u0061`, "short escapes": `\n`, "surrogates": `\ud83d\ude00`, "quotes": `\"`, "other letters": "é",
	} {
		for _, size := range []int{4 << 10, 8 << 10} {
			header := b64([]byte(repeated(size, head+`,"x":"`, part, `"}`)))
			far := `{` + repeated(1700, `"y":["`, `12345\n890123456","`, `"],`) + string(claims[1:len(claims)-1])
			credential := header + "." + b64([]byte(repeated((16<<10-len(header)-len(signature)-8)/4*3, far+`,"z":"`, "z", `"}`))) + signature
			bearer("a header of "+name+", and an issuer far back", credential)
			if size == 4<<10 && name == "escapes" {
				dearest = credential
				half = header + "." + b64([]byte(repeated((8<<10-len(header)-len(signature)-8)/4*3, far+`,"z":"`, "z", `"}`))) + signature
			}
			bearer("a header of "+name, header+"."+b64([]byte(repeated((16<<10-len(header)-len(signature)-8)/4*3, string(claims[:len(claims)-1])+`,"z":"`, "z", `"}`)))+signature)
		}
	}
	for name, part := range map[string]string{
		"members": `"":1,`, "escaped members": `"\n":1,`, "members escaped to nearly alg": `"\u0061\u006c\u0066":1,`, "numbers": `1,`, "arrays": `[],`, "strings": `"",`,
	} {
		for _, size := range []int{4 << 10, 8 << 10} {
			open, end := head+`,"y":[`, `1]}`
			if strings.Contains(part, ":") {
				open, end = `{`, head[1:]+"}"
			}
			header := b64([]byte(repeated(size, open, part, end)))
			bearer("a header of "+name, header+"."+b64(claims)+signature)
		}
	}
	bearer("another payload", strings.Join(strings.Split(usual, ".")[:1], "")+"."+b64([]byte(repeated(11<<10, string(claims[:len(claims)-1])+`,"z":"`, "z", `"}`)))+signature)
	many := get("/")
	for range 1000 {
		many.Header.Add("Authorization", "Bearer "+usual)
	}
	list = append(list, hostile{"many Authorization headers", many})
	list = append(list, hostile{"a scheme and nothing else", get("/", "Authorization: "+strings.Repeat("x", 1<<20))})
	for _, size := range []int{64, 15 << 10, 1 << 20} {
		list = append(list, hostile{"blanks before a token", get("/", "Authorization: Bearer"+strings.Repeat(" ", size)+dearest)})
	}
	for name, part := range map[string]string{"empty cookies": ";", "cookies": "a=b; ", "blanks": " ", "cookies of nearly that name": "sessio=b; ", "cookies of that name": "session=b; ", "one cookie": "x", "equals signs": "="} {
		for _, size := range []int{2 << 10, 16 << 10, 60 << 10, 1 << 20} {
			list = append(list, hostile{name, get("/", "Authorization: Bearer "+dearest, "Cookie: "+strings.Repeat(part, size/len(part)))})
		}
	}
	for name, part := range map[string]string{"one segment": "x", "segments": "x/", "other letters": "é", "letters after control characters": "\u00a0", "escapes": "%41", "escaped blanks": "%20"} {
		for _, size := range []int{4 << 10, 8 << 10, 1 << 20} {
			list = append(list, hostile{"a path of " + name, get("/"+strings.Repeat(part, (size-1)/len(part)), "Authorization: Bearer "+usual[:len(usual)-8]+"AAAAAAAA")})
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
	escapedPath := "/" + mixed(8<<10, "%c3%a9", "%C3%9F", "%e2%82%ac", "%E6%97%A5", "%F0%9F%98%80", "a", "b", "c", "/x")
	manyCookies := mixed(3000, "a=b; ", "ab=c;", "abc=; ", "abcdef=ghijkl;", ";", "sessio=b; ")
	manyCookies = strings.Join(strings.SplitAfter(manyCookies, ";")[:195], "")
	manyCookies = strings.ReplaceAll(manyCookies, ";", strings.Repeat(" ", 5)+";"+strings.Repeat("\t", 4)) + strings.Repeat("x", 30<<10)
	letters := func(size int) string {
		return "/" + mixed(size, "\u00a9", "\u00df", "\u20ac", "\u65e5", "\U0001f600", "a", "b", "/x")
	}
	lettersPath := letters(8 << 10)
	for name, path := range map[string]string{
		"escapes by chance": escapedPath, "letters by chance": lettersPath, "segments by chance": "/" + mixed(8<<10, "a/", "ab/", "a.b/", ".a/", "abcd/"),
	} {
		list = append(list, hostile{"a path of " + name, get(path, "Authorization: Bearer "+usual[:len(usual)-8]+"AAAAAAAA")})
	}
	forwardedFor := "X-Forwarded-For: " + strings.Repeat("203.0.113.1,", 1000)
	list = append(list,
		hostile{"cookies by chance", get("/", "Cookie: "+manyCookies)},
		hostile{"addresses of proxies", get("/", "X-Forwarded-For: "+strings.Repeat("203.0.113.1,", 80000)+"203.0.113.1")},
		hostile{"everything at once", get(lettersPath, "Cookie: "+manyCookies, "Authorization: Bearer "+dearest, forwardedFor)},
		hostile{"everything at once, as much as is read of a path beside a long token", get(letters(1<<10), "Cookie: "+manyCookies, "Authorization: Bearer "+dearest, forwardedFor)},
		hostile{"everything at once, as much as is read of a token beside a long path", get(lettersPath, "Cookie: "+manyCookies, "Authorization: Bearer "+half, forwardedFor)})
	for name, names := range map[string]int{"a certificate": 1, "a certificate of many names": 1000, "a certificate of as many names as fit": 3400} {
		wrong := "Authorization: Bearer " + usual[:len(usual)-8] + "AAAAAAAA"
		direct := from(manyNames(tb, names), wrong)
		direct.RemoteAddr = "198.51.100.7:4711"
		list = append(list, hostile{name, get("/", wrong, clientCertHeader(manyNames(tb, names)))}, hostile{name + ", in the handshake", direct})
	}
	headers := get("/", "Authorization: Bearer "+usual[:len(usual)-8]+"AAAAAAAA")
	for n := range 40000 {
		headers.Header["Client-"+strconv.FormatInt(int64(n)+36*36*36, 36)] = []string{"x"}
	}
	list = append(list, hostile{"many headers named nearly like that of a certificate", headers})
	cookies := get("/")
	for range 10000 {
		cookies.Header.Add("Cookie", "a=b")
	}
	return append(list, hostile{"many Cookie headers", cookies})
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
	for _, c := range hostiles(t, i, "ES256") {
		want := []int{http.StatusBadRequest, http.StatusUnauthorized}
		if len(c.r.URL.Path) > 8<<10 {
			want = []int{http.StatusRequestURITooLong}
		}
		require.Contains(t, want, serve(h, c.r).Code, c.name)
	}
}

// BenchmarkHostile shows for each algorithm what the costliest request costs, as a multiple of one with a usual token under the same key. What net/http does
// to read either from a connection is not in it. Read it with GOMAXPROCS=1 GOGC=400 and -benchtime 1x; -v tells which requests they are.
func BenchmarkHostile(b *testing.B) {
	i := localissuer.New("https://id.example")
	for _, alg := range []string{"RS256", "RS384", "RS512", "PS256", "ES256", "EdDSA", "RS256 with limiter and audit"} {
		b.Run(alg, func(b *testing.B) {
			alg, _, limited := strings.Cut(alg, " with ")
			h := hostileGuard(b, i, limited)
			usual := hostile{"", get("/", "Authorization: Bearer "+i.Sign(alg, nil, []byte(`{"iss":"`+i.URL()+`","sub":"alice","aud":"`+audience+`","exp":9999999999}`)))}
			require.Equal(b, http.StatusOK, serve(h, usual.r).Code)
			all := append([]hostile{usual}, hostiles(b, i, alg)...)
			took := make([]time.Duration, len(all))
			for range 100 * b.N {
				for n, c := range all {
					w := deaf{http.Header{}}
					c.r.RemoteAddr = fmt.Sprintf("%s%d:4711", c.r.RemoteAddr[:strings.LastIndex(c.r.RemoteAddr, ".")+1], n) // who guesses a hundred times is not limited
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
