package middleware_test

import (
	"cmp"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"hash/fnv"
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

func authorization(credential string) string { return "Authorization: Bearer " + credential }

// forge makes requests of an anonymous client, who has seen the issuer's keys and a token that is not good here.
type forge struct {
	tb        testing.TB
	alg, kid  string
	claims    string // the usual ones
	usual     string // a token of them
	signature string // of it, with the dot before it
	most      int    // bytes of a token that are read
	chance    *rand.Rand
	list      []hostile
}

func (f *forge) add(name string, r *http.Request) {
	f.list = append(f.list, hostile{name: name, r: r})
}

func (f *forge) signed(name string, r *http.Request) {
	f.list = append(f.list, hostile{name: name, r: r, signed: true})
}

// unforeseen adds a request that is made by chance, and one like it.
func (f *forge) unforeseen(name string, another func() *http.Request) {
	h := fnv.New64()
	_, _ = h.Write([]byte(name))
	f.chance = rand.New(rand.NewPCG(h.Sum64(), 0)) // the same each time, whatever else there is
	f.list = append(f.list, hostile{name: name, r: another(), before: another(), signed: true})
}

// hostiles are costly requests: a header that is no token, tokens that no verifier accepts, long paths, large certificates, and many cookies.
func hostiles(tb testing.TB, i *localissuer.Issuer, alg string) []hostile {
	tb.Helper()
	claims := `{"iss":"` + i.URL() + `","sub":"alice","aud":"` + audience + `","exp":9999999999,"iat":1700000000}`
	usual := i.Sign(alg, nil, []byte(claims))
	f := &forge{
		tb: tb, alg: alg, kid: i.KeyID(alg), claims: claims, usual: usual, signature: usual[strings.LastIndexByte(usual, '.'):],
		most: 16 << 10, chance: rand.New(rand.NewPCG(1, 2)),
	}
	if alg[0] != 'E' && alg[2] != '2' {
		f.most = 8 << 10 // more is not read
	}
	f.credentials()
	f.headers()
	f.payloads()
	f.manyCookies()
	f.paths()
	f.everything()
	f.certificates()
	return f.list
}

// head is a JOSE header up to its last brace.
func (f *forge) head() string { return `{"alg":"` + f.alg + `","kid":"` + f.kid + `"` }

func (f *forge) short() string { return b64(f.head() + "}") }

// wrong is a usual token with another signature.
func (f *forge) wrong() string { return authorization(f.usual[:len(f.usual)-8] + "AAAAAAAA") }

// within makes a token of at most size bytes, with such a header, and claims before and behind the usual ones.
func (f *forge) within(size int, header, before, part string) string {
	room := (size - len(header) - len(f.signature) - len(".")) / 4 * 3
	return header + "." + b64(repeated(room, before+f.claims[1:len(f.claims)-1]+`,"z":"`, part, `"}`)) + f.signature
}

// letters has what is costly to read in a text of JSON.
var letters = map[string]string{
	"a text": "x", "escapes": `\u0061`, "short escapes": `\n`, "surrogates": `\ud83d\ude00`, "quotes": `\"`, "other letters": "é",
}

// header is one of size bytes, with a text of a part, or if that is an escape, with as many of them as there may be.
func (f *forge) header(size int, part string) string {
	f.chance = rand.New(rand.NewPCG(uint64(len(part)), 0))
	head := f.head() + `,"x":"`
	if part[0] != '\\' {
		return b64(repeated(size, head, part, `"}`))
	}
	for n := range 12 {
		head += part + strings.Repeat("x", f.chance.IntN(2*(size-len(head)-len(part))/(13-n)-len(part)))
	}
	return b64(repeated(size, head, "x", `"}`))
}

// far is a token of at most size bytes, whose issuer a Mux just finds behind a header that is not short.
func (f *forge) far(size int, header string) string {
	behind := (size-len(header)-len(f.signature))/4*3 - len(f.claims) - 60
	return f.within(size, header, `{`+repeated(min(1700, behind), `"y":["`, `12345\n890123456","`, `"],`), "z")
}

// deepest is a token of objects and escapes before an issuer that a Mux just finds.
func (f *forge) deepest(size int) string {
	open := `"x":[{"":{"":{"":1`
	objects := open + strings.Repeat(`}}},{"":{"":{"":1`, min(60, size/40)) + `}}}],`
	return f.within(size, f.short(), "{"+objects+repeated(f.beforeIssuer(f.short(), size)-len(objects), `"y":"`, `\\\\`, `",`), "z")
}

// beforeIssuer is how much there can be before the issuer that a Mux just finds, in a token of size bytes.
func (f *forge) beforeIssuer(header string, size int) int {
	return min((6<<10-len(header))/4*3-100, (size-len(header)-len(f.signature))/4*3-500)
}

// crowded is a token of size bytes with 60 claims before the issuer, in an order that no processor foresees.
func (f *forge) crowded(size int, header string) string {
	names := "{"
	for n := range 60 {
		names += fmt.Sprintf(`"%s%d":"a",`, f.mixed(10, "x", `\n`, "é"), n)
	}
	return f.within(size, header, names+`"q":"`+f.mixed(max(1, f.beforeIssuer(header, size)-len(names)), `\\`, "x")+`",`, "z")
}

// named is a header of at most size bytes, with as many members and escapes as there may be, in such an order.
func (f *forge) named(size int) string {
	head := "{"
	for n := range 20 {
		head += fmt.Sprintf(`"%s%s%s%x":"",`, f.text(12), []string{`\n`, ""}[n%2], f.text(12), n)
	}
	head += f.head()[1:] + `,"x":"`
	return b64(head + f.mixed(size-len(head)-1, "x", "é", "€", "😀") + `"}`)
}

// crammed is a header of size bytes at most, of as many members as may be.
func (f *forge) crammed(size int) string {
	head, escapes := "{", 12
	part := func(parts ...string) string {
		s := f.oneOf(parts...)
		if escapes -= strings.Count(s, `\`); escapes < 0 {
			return parts[0]
		}
		return s
	}
	tail := f.head()[1:] + "}"
	for n := range 21 {
		next := `"` + part("", "x", "al", `\n`, "é") + string("bcdefhijkmnopqrstuvwxyz"[n]) + part("", `\t`, "y", f.text(size/32)) + `":` +
			part("1", "-1", "0.5", "1e1", `""`, `"\n"`, `"\n\n"`, "{}", "[]", " 1", `"" `, "null") + ","
		if len(head)+len(next)+len(tail) > size {
			break
		}
		head += next
	}
	return b64(head + strings.Repeat(" ", max(0, size-len(head)-len(tail))%16) + tail)
}

// values is a payload of so many audiences and names of at most about so many bytes each, by chance, with blanks between them, half of the names with an
// escape.
func (f *forge) values(audiences, names, most int, blanks ...string) string {
	var p strings.Builder
	p.WriteString(`{"aud":["`)
	for range audiences {
		p.WriteString(f.text(most*3/2) + `",` + f.oneOf(blanks...) + `"`)
	}
	p.WriteString(audience + `"],`)
	for n := range names {
		fmt.Fprintf(&p, `"%s%s%s%x":%s"%s",`, f.text(most), []string{`\n`, "", `\u0041`, ""}[n%4], f.text(most), n, f.oneOf(blanks...), f.text(most))
	}
	return p.String() + f.ending()
}

// usualValues are nearly as many as are read before the signature.
func (f *forge) usualValues() string { return f.values(20, 20, 19, "") }

// dearer is longer, with blanks, and a text.
func (f *forge) dearer() string {
	return `{"z":"` + f.mixed(388, "x", "é") + `",` + f.values(17, 19, 26, "", " ", "  ")[1:]
}

// names is a payload of as many short claims as a Mux passes on its way to the iss.
func (f *forge) names() string {
	var p strings.Builder
	p.WriteString("{")
	for n := range 58 {
		fmt.Fprintf(&p, `"%s%d":%s,`, f.mixed(6+f.chance.IntN(30), "x", `\n`, "é"), n, f.oneOf(`"a"`, `"\n"`, "1", `"12345678"`))
	}
	return p.String() + `"aud":"` + audience + `",` + f.ending()
}

// ending is the end of a payload.
func (f *forge) ending() string {
	issuer := ""
	for _, c := range []byte("https://id.example") {
		issuer += f.oneOf(string(rune(c)), fmt.Sprintf(`\u%04x`, c))
	}
	return `"sub":"a","exp":9999999999.1234567,"nbf":1700000000.1234567,"iat":1700000000.1234567,"iss":"` + issuer + `"}`
}

// odd is a token of size bytes, of names in what is decoded before the signature, and then of letters that are no base64url.
func (f *forge) odd(size int) string {
	header := f.crammed(288)
	names := f.names()[:200]
	names = names[:strings.LastIndexByte(names, ',')+1]
	p := names + `"q":"` + f.mixed((6<<10-len(header))/4*3-500-len(names), `\\`, "x") + `",` + f.claims[1:len(f.claims)-1] + `,"z":"`
	credential := header + "." + b64(p+strings.Repeat("z", (6<<10-len(header))/4*3-len(p)))
	return credential + f.mixed(size-len(credential)-len(f.signature), "~", "+", "a", "Z", "5") + f.signature
}

// full is a token of at most size bytes with such a header, and a payload of which all is read before the signature: about as many members, elements and
// escapes as there may be.
func (f *forge) full(size int) string {
	payload := "." + b64(f.usualValues()) + f.signature
	return f.named(min(4040, (size-len(payload))/4*3)) + payload
}

// text is of 1 to most bytes, and what is left of a letter.
func (f *forge) text(most int) string { return f.mixed(1+f.chance.IntN(most), "x", "é", "€") }

// mixed is a text of size bytes of parts, by chance.
func (f *forge) mixed(size int, parts ...string) string {
	var b strings.Builder
	for part := parts[f.chance.IntN(len(parts))]; b.Len()+len(part) < size; part = parts[f.chance.IntN(len(parts))] {
		b.WriteString(part)
	}
	return b.String()
}

// path is one of size bytes, of letters that take long to read.
func (f *forge) path(size int) string {
	return "/a" + f.mixed(size-1, "\u00a9", "\u00df", "\u20ac", "\u65e5", "\U0001f600", "a", "b", "/x")
}

// escaped is a path of at most size bytes, with as many of these escapes as there may be.
func (f *forge) escaped(start string, size int, escapes ...string) string {
	path := start
	for left := 126; left > 0 && len(path) < size-8; {
		escape := f.oneOf(escapes...)
		left -= strings.Count(escape, "%")
		free := 1 + max(0, size-len(path)-4*left)/max(1, left)*2
		path += escape + strings.TrimSuffix(f.mixed(min(size-len(path)-len(escape), 1+f.chance.IntN(free)), "a", "b", "/x", "é"), "/")
	}
	return path
}

func (f *forge) rawPath(size int) string { return f.escaped("/a", size, "%c3%a9", "%41") }

// needless begins as the rules do.
func (f *forge) needless(size int) string {
	return f.escaped("/x/b/x", size, "%41", "%7e", "%61", "%5A")
}

func (f *forge) oneOf(parts ...string) string { return parts[f.chance.IntN(len(parts))] }

// scheme is the longest that may be one.
func (f *forge) scheme() string {
	scheme := ""
	for range 64 {
		scheme += f.oneOf("~", "|", "a", "Z", "5")
	}
	return scheme
}

// cookieLines are a number of cookies in 16 headers, of which all but 16 have blanks where they may be. They fill size bytes, or have no values if that is 0.
func (f *forge) cookieLines(number, size int) (headers []string) {
	blanks := func() string { return strings.Repeat(" ", f.chance.IntN(9)) }
	more := number - 16
	free := max(0, size-16*len("a")-more*len(";        session        x=")) // for values
	for n := range 16 {
		line := "Cookie: a"
		for range more*(n+1)/16 - more*n/16 {
			value := min(free, f.chance.IntN(2*free/max(1, number-16)+1))
			free, number = free-value, number-1
			if number == 16 {
				value += free
			}
			line += ";" + blanks() + "session" + blanks() + "x=" + strings.Repeat("x", value)
		}
		headers = append(headers, line)
	}
	return headers
}

// room is how much there may be beside those headers, and others in number, in 9 KiB.
func room(headers []string, others int) int {
	size := 9<<10 - 32*(len(headers)+others)
	for _, line := range headers {
		size -= len(line) - len(": ")
	}
	return size
}

// tiny are a number of cookies in one header, in as few bytes as may be.
func (f *forge) tiny(number int) string {
	line := "Cookie: a"
	for range number - 1 {
		line += ";" + f.oneOf("", " ", "  ") + f.oneOf("s", "")
	}
	return line
}

const proxyEntry = " [0000:0000:0000:0000:0000:ffff:203.0.113.1]:65535\t,"

// proxies is a header of addresses that take long to read, more than are.
func proxies(entries int) string {
	return "X-Forwarded-For: " + strings.Repeat(proxyEntry, entries) + "203.0.113.1"
}

func (f *forge) credentials() {
	for _, part := range []string{"x", "~", "+", "~xxxxxxx", "."} {
		for _, size := range []int{16 << 10, 32 << 10, 1 << 20} {
			f.add(part+" and nothing else", get("/", authorization(strings.Repeat(part, size/len(part)))))
		}
	}
	f.add("two credentials of slow letters", get("/", authorization(strings.Repeat("~xxx", 8<<10)), "Cookie: session="+strings.Repeat("~xxx", 8<<10)))
	many := get("/")
	for range 1000 {
		many.Header.Add("Authorization", "Bearer "+f.usual)
	}
	f.add("many Authorization headers", many)
	f.add("a scheme and nothing else", get("/", "Authorization: "+strings.Repeat("x", 1<<20)))
	dearest := f.far(f.most, f.header(4<<10, "é"))
	f.signed("blanks before a token", get("/", "Authorization: Bearer"+strings.Repeat(" ", 64)+dearest))
	for _, size := range []int{15 << 10, 1 << 20} {
		f.add("more blanks before a token", get("/", "Authorization: Bearer"+strings.Repeat(" ", size)+dearest))
	}
}

func (f *forge) headers() {
	for name, part := range letters {
		f.signed("a header of "+name, get("/", authorization(f.within(f.most, f.header(4<<10, part), "{", "z"))))
		f.signed("a header of "+name+", and an issuer far back", get("/", authorization(f.far(f.most, f.header(4<<10, part)))))
		f.add("a header that is too long, of "+name, get("/", authorization(f.within(16<<10, b64(repeated(8<<10, f.head()+`,"x":"`, part, `"}`)), "{", "z"))))
	}
	for name, part := range map[string]string{
		"members": `"":1,`, "escaped members": `"\n":1,`, "members escaped to nearly alg": `"\u0061\u006c\u0066":1,`, "numbers": `1,`, "arrays": `[],`, "strings": `"",`,
	} {
		for _, size := range []int{4 << 10, 8 << 10} {
			open, end := f.head()+`,"y":[`, `1]}`
			if strings.Contains(part, ":") {
				open, end = `{`, f.head()[1:]+"}"
			}
			f.add("a header of "+name, get("/", authorization(b64(repeated(size, open, part, end))+"."+b64(f.claims)+f.signature)))
		}
	}
	headers := get("/", f.wrong())
	for n := range 40000 {
		headers.Header["Client-"+strconv.FormatInt(int64(n)+36*36*36, 36)] = []string{"x"}
	}
	f.signed("many headers named nearly like that of a certificate", headers)
}

func (f *forge) payloads() {
	f.signed("objects and escapes, and an issuer far back", get("/", authorization(f.deepest(f.most))))
	f.signed("another payload", get("/", authorization(strings.Split(f.usual, ".")[0]+"."+b64(repeated(f.most*11/16-1000, f.claims[:len(f.claims)-1]+`,"z":"`, "z", `"}`))+f.signature)))
	f.unforeseen("claims by chance", func() *http.Request { return get("/", authorization(f.crowded(f.most, f.named(700)))) })
	f.unforeseen("all that is read, by chance", func() *http.Request { return get("/", authorization(f.full(f.most))) })
}

func (f *forge) manyCookies() {
	dearest := f.far(f.most, f.header(4<<10, "é"))
	for name, part := range map[string]string{
		"empty cookies": ";", "cookies": "a=b; ", "blanks": " ", "cookies of nearly that name": "sessio=b; ", "cookies of that name": "session=b; ", "one cookie": "x", "equals signs": "=",
	} {
		for _, size := range []int{16 << 10, 36 << 10, 64 << 10, 1 << 20} {
			f.add(name, get("/", authorization(dearest), "Cookie: "+strings.Repeat(part, size/len(part))))
		}
	}
	f.add("many Cookie headers", get("/", slices.Repeat([]string{"Cookie: a=b"}, 10000)...))
	f.unforeseen("cookies by chance", func() *http.Request { return get("/", append(f.cookieLines(50, 36<<10), f.wrong())...) })
	f.unforeseen("as many as there may be by chance", func() *http.Request { return get("/", append(f.cookieLines(200, 9<<10), f.wrong())...) })
}

func (f *forge) paths() {
	for name, part := range map[string]string{"one segment": "x", "segments": "x/", "other letters": "é", "letters after control characters": "\u00a0", "escapes": "%41", "escaped blanks": "%20"} {
		for _, size := range []int{4 << 10, 8 << 10, 1 << 20} {
			f.add("a path of "+name, get("/"+strings.Repeat(part, (size-1)/len(part)), f.wrong()))
		}
	}
	f.unforeseen("a path of escapes by chance", func() *http.Request {
		return get("/a"+f.mixed(8<<10-1, "%C3%A9", "%C3%9F", "%E2%82%AC", "%E6%97%A5", "%F0%9F%98%80", "a", "b", "c", "/x"), f.wrong())
	})
	f.unforeseen("a path of needless escapes by chance", func() *http.Request { return get(f.rawPath(8<<10), f.wrong()) })
	f.unforeseen("a path of letters by chance", func() *http.Request { return get(f.path(8<<10), f.wrong()) })
	f.unforeseen("a path of segments by chance", func() *http.Request { return get("/"+f.mixed(8<<10, "a/", "ab/", "a.b/", ".a/", "abcd/"), f.wrong()) })
	f.signed("addresses of proxies", get("/", proxies(1000), f.wrong()))
}

// everything has requests that are costly in all ways at once that do not exclude each other.
func (f *forge) everything() {
	f.add("more of everything than is read", get(f.path(8<<10), append(f.cookieLines(50, 36<<10), authorization(f.full(f.most)), proxies(1000))...))
	for name, made := range map[string]func(size int) string{
		"objects":                  f.deepest,
		"claims":                   func(size int) string { return f.crowded(size, f.named(700)) },
		"claims and a long header": func(size int) string { return f.crowded(size, f.named(min(2100, size/6))) },
		"a long header":            func(size int) string { return f.far(size, f.named(min(4040, size/3))) },
		"all that is read":         f.full,
	} {
		f.unforeseen("50 cookies, a short path, and "+name, func() *http.Request {
			return get(f.path(512), append(f.cookieLines(50, 36<<10), authorization(made(f.most)), proxies(1000))...)
		})
		for _, size := range []int{0, 6 << 10} {
			f.unforeseen(fmt.Sprintf("200 cookies of %d bytes, a short path, and %s", size, name), func() *http.Request {
				headers := f.cookieLines(200, size)
				return get(f.path(512), append(headers, authorization(made(min(f.most, room(headers, 1)-len("AuthorizationBearer ")))))...)
			})
		}
		for _, size := range []int{3 << 10, 6 << 10} {
			f.unforeseen(fmt.Sprintf("a token of %d bytes, a long path, and %s", size, name), func() *http.Request {
				headers := []string{authorization(made(size))}
				return get(f.path(min(8<<10, room(headers, 0))), headers...)
			})
			f.unforeseen(fmt.Sprintf("a token of %d bytes, a long path of needless escapes, and %s", size, name), func() *http.Request {
				headers := []string{authorization(made(size))}
				return get(f.rawPath(min(8<<10, room(headers, 0))-16), headers...)
			})
		}
	}
	for name, made := range map[string]func() string{
		"values":       func() string { return f.crammed(288) + "." + b64(f.usualValues()) + f.signature },
		"names":        func() string { return f.crammed(288) + "." + b64(f.names()) + f.signature },
		"dearer names": func() string { return f.crammed(384) + "." + b64(f.dearer()) + f.signature },
	} {
		for _, number := range []int{30, 60, 90, 120, 199} {
			f.unforeseen(fmt.Sprintf("a token of %s among %d tiny cookies, and a path of needless escapes", name, number), func() *http.Request {
				headers := []string{f.tiny(number) + ";session=" + made(), "Authorization: " + f.scheme() + " x"}
				return get(f.needless(max(508, min(8<<10, room(headers, 0)-32*number)-24)), headers...)
			})
		}
		f.unforeseen("a token of "+name+" beside a path of needless escapes", func() *http.Request {
			headers := []string{authorization(made())}
			return get(f.needless(min(8<<10, room(headers, 0))-24), headers...)
		})
	}
	f.unforeseen("50 cookies, a short path of needless escapes, and odd letters", func() *http.Request {
		return get(f.rawPath(508), append(f.cookieLines(50, 36<<10), authorization(f.odd(f.most)))...)
	})
	f.unforeseen("50 cookies, a short path of needless escapes, and odd letters in one of them", func() *http.Request {
		own := "session=" + f.odd(f.most) + strings.Repeat(" ", 8)
		lines := f.cookieLines(49, 36<<10-len(own)-1)
		lines[0] += ";" + own
		return get(f.rawPath(508), append(lines, "Authorization: "+f.scheme()+" x")...)
	})
	f.unforeseen("50 cookies, a short path, and a token in one of them", func() *http.Request {
		own := "session=" + f.crowded(f.most, f.named(700)) + strings.Repeat(" ", 8)
		lines := f.cookieLines(49, 36<<10-len(own)-1)
		lines[0] += ";" + own
		return get(f.path(512), append(lines, "Authorization: "+strings.Repeat("~", 64)+" x", proxies(1000))...)
	})
	f.unforeseen("60 cookies, a long path, and a token", func() *http.Request {
		path, headers := f.path(3<<10), f.cookieLines(60, 0)
		return get(path, append(headers, authorization(f.within(room(headers, 1)-len(path)-60*32-len("AuthorizationBearer "), f.short(), "{", "z")))...)
	})
}

func (f *forge) certificates() {
	for name, names := range map[string]int{"a certificate": 1, "a certificate of many names": 1000, "a certificate of as many names as fit": 3400} {
		direct := from(manyNames(f.tb, names), f.wrong())
		direct.RemoteAddr = "198.51.100.7:4711"
		f.signed(name, get("/", f.wrong(), clientCertHeader(manyNames(f.tb, names))))
		f.signed(name+", in the handshake", direct)
	}
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

// fresh is a request as net/http hands it on, which has just written its texts.
func fresh(r *http.Request) *http.Request {
	f := r.Clone(r.Context())
	f.URL.Path, f.URL.RawPath = strings.Clone(r.URL.Path), strings.Clone(r.URL.RawPath)
	for _, values := range f.Header {
		for i, value := range values {
			values[i] = strings.Clone(value)
		}
	}
	return f
}

// nowhere takes records as they are written.
type nowhere struct{}

func (nowhere) Write(b []byte) (int, error) { return len(b), nil }

// hostileGuard reads tokens of an issuer, and of another, from the Authorization header and a cookie, and certificates that anybody forwards. Around it
// may stand a limiter, and a trail of audit.
func hostileGuard(tb testing.TB, i *localissuer.Issuer, limited bool) http.Handler {
	tb.Helper()
	var err error
	o := middleware.Options{Forwarded: forwardedFrom(tb, nil, "192.0.2.0/24")}
	if limited {
		o.Limiter, err = limit.New(limit.Config{PerMinute: 6000, Burst: 6000, Cookies: []string{"session"}, TrustedProxies: []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24"), netip.MustParsePrefix("203.0.113.0/24")}})
		require.NoError(tb, err)
		o.Observer, err = audit.New(slog.NewJSONHandler(nowhere{}, nil), audit.Config{Key: make([]byte, 32), Cookies: []string{"session"}})
		require.NoError(tb, err)
	}
	g, err := middleware.New(hostileJWT(tb, i), &o)
	require.NoError(tb, err)
	routes := newRoutes(tb, middleware.Rule{Pattern: "/"}, middleware.Rule{Pattern: "GET /{a}/{b}/{c}"}, middleware.Rule{Pattern: "GET /x/{b}/x/"})
	return g.Routes(routes)(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
}

func hostileJWT(tb testing.TB, i *localissuer.Issuer) middleware.Authenticator {
	tb.Helper()
	mux, err := token.NewMux(newVerifier(tb, i), newVerifier(tb, localissuer.New("https://other.example")))
	require.NoError(tb, err)
	return middleware.JWT(mux, middleware.FromHeader("Authorization"), middleware.FromCookie("session"))
}

func TestCostlyRequestsAreRefused(t *testing.T) {
	i := localissuer.New("https://id.example")
	h := hostileGuard(t, i, false)
	require.Equal(t, http.StatusOK, serve(h, get("/", "Authorization: Bearer "+i.AccessToken(audience))).Code)
	for _, alg := range hostileAlgorithms {
		for _, c := range hostiles(t, i, alg) {
			require.Contains(t, []int{http.StatusBadRequest, http.StatusUnauthorized, http.StatusRequestURITooLong}, serve(h, c.r).Code, c.name)
			for _, r := range []*http.Request{c.r, cmp.Or(c.before, c.r)} {
				if c.signed {
					_, err := hostileJWT(t, i).Authenticate(r)
					require.Equal(t, http.StatusUnauthorized, serve(h, r).Code, c.name)
					require.Equal(t, token.ReasonSignature, token.ReasonOf(err), "%s: %s: %v", alg, c.name, err)
				}
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
					h.ServeHTTP(w, fresh(cmp.Or(c.before, c.r)))
					r := fresh(c.r)
					start := time.Now()
					h.ServeHTTP(w, r)
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
