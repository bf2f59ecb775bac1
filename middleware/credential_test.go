package middleware_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/perimeter-go/perimeter/internal/localissuer"
	"github.com/perimeter-go/perimeter/middleware"
	"github.com/perimeter-go/perimeter/token"
)

// verifying notes what it is asked about, and has one answer.
type verifying struct {
	asked  []string
	claims *token.Claims
	err    error
}

func (v *verifying) Verify(_ context.Context, raw string, _ ...token.Proof) (*token.Claims, error) {
	v.asked = append(v.asked, raw)
	return v.claims, v.err
}

func b64(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) }

// jws looks like one; no verifier here checks it.
var jws = b64(`{"alg":"ES256"}`) + ".e30.c2ln"

func TestTheAuthorizationHeader(t *testing.T) {
	for _, row := range []struct {
		name   string
		values []string
		token  string
		err    error
	}{
		{name: "no header", values: nil, err: middleware.ErrNoCredentials},
		{name: "the form of RFC 6750", values: []string{"Bearer " + jws}, token: jws},
		{name: "bearer in lower case", values: []string{"bearer " + jws}, token: jws},
		{name: "BeArEr in any case", values: []string{"BeArEr " + jws}, token: jws},
		{name: "several blanks before the token", values: []string{"Bearer    " + jws}, token: jws},
		{name: "every byte of the alphabet", values: []string{"Bearer azAZ09-._~+/=="}, token: "azAZ09-._~+/=="},
		{name: "another scheme", values: []string{"Basic YWxpY2U6c2VjcmV0"}, err: middleware.ErrNoCredentials},
		{name: "another scheme with parameters", values: []string{`Digest username="x", realm="y"`}, err: middleware.ErrNoCredentials},
		{name: "DPoP is another scheme", values: []string{"DPoP " + jws}, err: middleware.ErrNoCredentials},
		{name: "a token without a scheme is a scheme of its own", values: []string{jws}, err: middleware.ErrNoCredentials},
		{name: "a scheme that begins with Bearer", values: []string{"Bearertoken " + jws}, err: middleware.ErrNoCredentials},
		{name: "a long s is no s of a scheme", values: []string{"Ba\u017fic " + jws}, err: middleware.ErrInvalidRequest},

		{name: "two headers", values: []string{"Bearer " + jws, "Bearer " + jws}, err: middleware.ErrInvalidRequest},
		{name: "two headers, one of another scheme", values: []string{"Basic YTpi", "Bearer " + jws}, err: middleware.ErrInvalidRequest},
		{name: "two headers, one empty", values: []string{"Bearer " + jws, ""}, err: middleware.ErrInvalidRequest},
		{name: "an empty header", values: []string{""}, err: middleware.ErrInvalidRequest},
		{name: "the scheme alone", values: []string{"Bearer"}, err: middleware.ErrInvalidRequest},
		{name: "the scheme and a blank", values: []string{"Bearer "}, err: middleware.ErrInvalidRequest},
		{name: "a blank before the scheme", values: []string{" Bearer " + jws}, err: middleware.ErrInvalidRequest},
		{name: "a blank after the token", values: []string{"Bearer " + jws + " "}, err: middleware.ErrInvalidRequest},
		{name: "text after the token", values: []string{"Bearer " + jws + " x"}, err: middleware.ErrInvalidRequest},
		{name: "a list of credentials", values: []string{"Bearer " + jws + ", Bearer " + jws}, err: middleware.ErrInvalidRequest},
		{name: "a list of tokens", values: []string{"Bearer " + jws + "," + jws}, err: middleware.ErrInvalidRequest},
		{name: "a tab between scheme and token", values: []string{"Bearer\t" + jws}, err: middleware.ErrInvalidRequest},
		{name: "a tab after the blank", values: []string{"Bearer \t" + jws}, err: middleware.ErrInvalidRequest},
		{name: "quotes around the token", values: []string{`Bearer "` + jws + `"`}, err: middleware.ErrInvalidRequest},
		{name: "a parameter", values: []string{`Bearer token="` + jws + `"`}, err: middleware.ErrInvalidRequest},
		{name: "padding alone", values: []string{"Bearer =="}, err: middleware.ErrInvalidRequest},
		{name: "padding in the middle", values: []string{"Bearer a=b"}, err: middleware.ErrInvalidRequest},
		{name: "a colon", values: []string{"Bearer: " + jws}, err: middleware.ErrInvalidRequest},
		{name: "a NUL", values: []string{"Bearer abc\x00"}, err: middleware.ErrInvalidRequest},
		{name: "a line break", values: []string{"Bearer abc\r\n def"}, err: middleware.ErrInvalidRequest},
		{name: "a no-break space", values: []string{"Bearer\u00a0" + jws}, err: middleware.ErrInvalidRequest},
		{name: "a letter outside ASCII", values: []string{"Bearer ab\u0441"}, err: middleware.ErrInvalidRequest},
	} {
		t.Run(row.name, func(t *testing.T) {
			r := get("/")
			if row.values != nil {
				r.Header["Authorization"] = row.values
			}
			got, err := middleware.FromHeader("Authorization")(r)
			require.ErrorIs(t, err, row.err)
			require.Equal(t, row.token, got)
		})
	}
}

func TestEveryByteOfATokenIsLookedAt(t *testing.T) {
	source, r := middleware.FromHeader("X-Token"), get("/")
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~+/"
	for c := range 256 {
		for size := 1; size <= 17; size++ {
			for at := range size {
				credential := []byte(strings.Repeat("x", size))
				credential[at] = byte(c)
				want := strings.IndexByte(alphabet, byte(c)) >= 0 || c == '=' && at > 0 && at == size-1
				r.Header["X-Token"] = []string{string(credential)}
				if _, err := source(r); want != (err == nil) {
					require.Fail(t, "a byte was not looked at, or not as it should", "%q: %v", credential, err)
				}
			}
		}
	}
}

func TestTheAuthorizationHeaderOverTheWire(t *testing.T) {
	i := localissuer.New("https://id.example")
	good := i.AccessToken(audience)
	h := newGuard(t, middleware.JWT(newVerifier(t, i))).Handler(reached)
	for _, row := range []struct {
		name, lines string
		want        int
	}{
		{"one header", "Authorization: Bearer " + good + "\r\n", 200},
		{"its name in any case", "aUTHORIZATION: bearer " + good + "\r\n", 200},
		{"no header", "", 401},
		{"the same header twice", "Authorization: Bearer " + good + "\r\nAuthorization: Bearer " + good + "\r\n", 400},
		{"twice, the names in different case", "Authorization: Bearer " + good + "\r\nauthorization: Bearer x\r\n", 400},
		{"a folded line", "Authorization: Bearer " + good + "\r\n x\r\n", 400},
		{"a list", "Authorization: Bearer " + good + ", Bearer " + good + "\r\n", 400},
		{"a tab", "Authorization: Bearer\t" + good + "\r\n", 400},
		{"a NUL", "Authorization: Bearer " + good + "\x00\r\n", 400},
		{"a bare carriage return", "Authorization: Bearer " + good + "\rX: y\r\n", 400},
		{"nothing after the scheme", "Authorization: Bearer \r\n", 400},
		{"a name with an underscore is another header", "Author_ization: Bearer " + good + "\r\n", 401},
		{"a blank before the colon", "Authorization : Bearer " + good + "\r\n", 400},
	} {
		t.Run(row.name, func(t *testing.T) {
			require.Equal(t, row.want, overTheWire(t, h, "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n"+row.lines+"\r\n"))
		})
	}
}

func TestNoOtherPlaceIsReadUnlessAskedFor(t *testing.T) {
	v := &verifying{err: token.ErrRefused}
	h := newGuard(t, middleware.JWT(v)).Handler(reached)
	form := request(http.MethodPost, "/", "Content-Type: application/x-www-form-urlencoded")
	form.Body = http.NoBody
	form.PostForm = map[string][]string{"access_token": {jws}}
	for name, r := range map[string]*http.Request{
		"the query":         get("/?access_token=" + jws),
		"a form":            form,
		"a cookie":          get("/", "Cookie: access_token="+jws, "Cookie: Authorization=Bearer"),
		"another header":    get("/", "X-Forwarded-Access-Token: "+jws, "Proxy-Authorization: Bearer "+jws),
		"a websocket's way": get("/", "Sec-WebSocket-Protocol: bearer, "+jws),
	} {
		require.Equal(t, 401, serve(h, r).Code, name)
		require.Empty(t, v.asked, name)
	}
}

func TestOtherSources(t *testing.T) {
	header, cookie := middleware.FromHeader("x-access-token"), middleware.FromCookie("session")
	for _, row := range []struct {
		name    string
		sources []middleware.Source
		headers []string
		token   string
		err     error
	}{
		{name: "a header", sources: []middleware.Source{header}, headers: []string{"X-Access-Token: " + jws}, token: jws},
		{name: "a header that is not there", sources: []middleware.Source{header}, err: middleware.ErrNoCredentials},
		{name: "a header does not stand for Authorization", sources: []middleware.Source{header}, headers: []string{"Authorization: Bearer " + jws}, err: middleware.ErrNoCredentials},
		{name: "a header twice", sources: []middleware.Source{header}, headers: []string{"X-Access-Token: " + jws, "X-Access-Token: " + jws}, err: middleware.ErrInvalidRequest},
		{name: "a header with a scheme", sources: []middleware.Source{header}, headers: []string{"X-Access-Token: Bearer " + jws}, err: middleware.ErrInvalidRequest},
		{name: "an empty header", sources: []middleware.Source{header}, headers: []string{"X-Access-Token: "}, err: middleware.ErrInvalidRequest},
		{name: "a name that no header has", sources: []middleware.Source{middleware.FromHeader("X Y")}, headers: []string{"X Y: " + jws}, err: middleware.ErrUndecided},
		{name: "a cookie", sources: []middleware.Source{cookie}, headers: []string{"Cookie: a=b; session=" + jws}, token: jws},
		{name: "a cookie of another case", sources: []middleware.Source{cookie}, headers: []string{"Cookie: Session=" + jws}, err: middleware.ErrNoCredentials},
		{name: "a cookie twice", sources: []middleware.Source{cookie}, headers: []string{"Cookie: session=" + jws + "; session=" + jws}, err: middleware.ErrInvalidRequest},
		{name: "a cookie in two headers", sources: []middleware.Source{cookie}, headers: []string{"Cookie: session=" + jws, "Cookie: session=x"}, err: middleware.ErrInvalidRequest},
		{name: "a quoted cookie", sources: []middleware.Source{cookie}, headers: []string{`Cookie: session="` + jws + `"`}, err: middleware.ErrInvalidRequest},
		{name: "a cookie with a byte that no cookie has", sources: []middleware.Source{cookie}, headers: []string{"Cookie: session=\xdf"}, err: middleware.ErrInvalidRequest},
		{name: "a cookie twice, once with a byte that no cookie has", sources: []middleware.Source{cookie}, headers: []string{"Cookie: session=\xdf; session=" + jws}, err: middleware.ErrInvalidRequest},
		{name: "a cookie twice, once without a value", sources: []middleware.Source{cookie}, headers: []string{"Cookie: session; session=" + jws}, err: middleware.ErrInvalidRequest},
		{name: "an empty cookie", sources: []middleware.Source{cookie}, headers: []string{"Cookie: session="}, err: middleware.ErrInvalidRequest},
		{name: "a name that no cookie has", sources: []middleware.Source{middleware.FromCookie("")}, err: middleware.ErrUndecided},

		{name: "the second of two sources", sources: []middleware.Source{middleware.FromHeader("Authorization"), cookie}, headers: []string{"Cookie: session=" + jws}, token: jws},
		{name: "beside another scheme", sources: []middleware.Source{middleware.FromHeader("Authorization"), cookie}, headers: []string{"Authorization: Basic YTpi", "Cookie: session=" + jws}, token: jws},
		{name: "two sources at once", sources: []middleware.Source{middleware.FromHeader("Authorization"), cookie}, headers: []string{"Authorization: Bearer " + jws, "Cookie: session=" + jws}, err: middleware.ErrInvalidRequest},
		{name: "one good and one malformed", sources: []middleware.Source{middleware.FromHeader("Authorization"), cookie}, headers: []string{"Authorization: Bearer " + jws, "Cookie: session=a b"}, err: middleware.ErrInvalidRequest},
		{
			name:    "an empty credential without an error counts as none",
			sources: []middleware.Source{func(*http.Request) (string, error) { return "", nil }}, err: middleware.ErrNoCredentials,
		},
		{
			name:    "an error of a caller's own source is passed on",
			sources: []middleware.Source{func(*http.Request) (string, error) { return jws, errBroken }}, err: errBroken,
		},
	} {
		t.Run(row.name, func(t *testing.T) {
			v := &verifying{err: token.ErrRefused}
			_, err := middleware.JWT(v, row.sources...).Authenticate(get("/", row.headers...))
			if row.token != "" {
				require.Equal(t, []string{row.token}, v.asked)
				return
			}
			require.ErrorIs(t, err, row.err)
			require.Empty(t, v.asked)
		})
	}
}

func TestJWTKeepsItsOwnListOfSources(t *testing.T) {
	list := []middleware.Source{middleware.FromCookie("session")}
	v := &verifying{err: token.ErrRefused}
	a := middleware.JWT(v, list...)
	list[0] = middleware.FromHeader("Authorization")
	_, err := a.Authenticate(get("/", "Authorization: Bearer "+jws))
	require.ErrorIs(t, err, middleware.ErrNoCredentials)
}

func TestWhichCredentialsAreJWTs(t *testing.T) {
	long := b64(`{"alg":"ES256","x":"` + strings.Repeat("x", 9000) + `"}`)
	for _, row := range []struct {
		name, credential string
		want             bool
	}{
		{"a JWS", jws, true},
		{"alg in second place", b64(`{"typ":"JWT","alg":"RS256"}`) + ".e30.AA", true},
		{"blanks in the header", b64("{ \"typ\" :\n\t\"JWT\" , \"alg\"\r\n : \"RS256\" }") + ".e30.AA", true},
		{"an alg that no verifier takes is the verifier's business", b64(`{"alg":null}`) + ".e30.AA", true},
		{"an escaped alg", b64(`{"\u0061lg":"none"}`) + ".e30.AA", true},
		{"alg behind a nested object", b64(`{"x":{"y":["}"]},"alg":"RS256"}`) + ".e30.AA", true},
		{"a header longer than usual", b64(`{"alg":"ES256","x":"`+strings.Repeat("x", 2000)+`"}`) + ".e30.AA", true},
		{"an empty signature is the verifier's business", b64(`{"alg":"none"}`) + ".e30.", true},

		{"an opaque token", "2YotnFZFEjr1zCsicMWpAA", false},
		{"an opaque token with one dot", "ory_at_abc.def", false},
		{"an opaque token with two dots", "abc.def.ghi", false},
		{"an opaque token that begins with eyJ", "eyJabcdef", false},
		{"an opaque token that begins with eyJ and has two dots", "eyJabc.def.ghi", false},
		{"a JWE in five segments", b64(`{"alg":"RSA-OAEP","enc":"A256GCM"}`) + ".a.b.c.d", false},
		{"a header and no dot", b64(`{"alg":"ES256"}`), false},
		{"a header and one dot", b64(`{"alg":"ES256"}`) + ".e30", false},
		{"four segments", jws + ".AA", false},
		{"three empty segments", "..", false},
		{"an object without alg", b64(`{"typ":"JWT"}`) + ".e30.AA", false},
		{"alg in another case", b64(`{"ALG":"ES256"}`) + ".e30.AA", false},
		{"alg as a value", b64(`{"typ":"alg"}`) + ".e30.AA", false},
		{"alg deeper down", b64(`{"x":{"alg":"ES256"}}`) + ".e30.AA", false},
		{"alg in an array", b64(`["alg"]`) + ".e30.AA", false},
		{"alg in an object in an array", b64(`[{"alg":1}]`) + ".e30.AA", false},
		{"a string", b64(`"alg"`) + ".e30.AA", false},
		{"JSON that is cut off", b64(`{"alg":"ES256"`) + ".e30.AA", false},
		{"text after the object", b64(`{"alg":"ES256"}x`) + ".e30.AA", false},
		{"padded base64", b64(`{"alg":"ES25"}`) + "=.e30.AA", false},
		{"base64 with + and /", "eyJhbGciOiJFUzI1NiIsIngiOiI+/z8/In0.e30.AA", false},
		{"a header that is longer than any verifier reads", long + ".e30.AA", false},
	} {
		t.Run(row.name, func(t *testing.T) {
			for name, before := range map[string][]string{"seen first": nil, "after one that was verified": {jws}, "after it was verified itself": {jws, row.credential}} {
				v, presented := &verifying{claims: &token.Claims{}}, ""
				a := middleware.JWT(v, func(*http.Request) (string, error) { return presented, nil })
				for _, presented = range before {
					_, _ = a.Authenticate(get("/"))
				}
				presented, v.asked, v.claims, v.err = row.credential, nil, nil, token.ErrRefused
				_, err := a.Authenticate(get("/"))
				if row.want {
					require.ErrorIs(t, err, middleware.ErrRefused, name)
					require.Equal(t, []string{row.credential}, v.asked, name)
					continue
				}
				require.ErrorIs(t, err, middleware.ErrNoCredentials, name)
				require.Empty(t, v.asked, name)
			}
		})
	}
}

// That one token was good says nothing of credentials that begin otherwise, however many there are.
func TestWhatBeginsOtherwiseThanAGoodTokenIsNoBetter(t *testing.T) {
	issuer := localissuer.New("https://id.example")
	v, err := token.NewVerifier(issuer, token.AccessTokenPolicy("https://id.example", audience), nil)
	require.NoError(t, err)
	a := middleware.JWT(v)
	for range 2 {
		_, err = a.Authenticate(get("/", "Authorization: Bearer "+issuer.AccessToken(audience)))
		require.NoError(t, err)
	}
	for i := range 1000 { // some share the place that the good one is remembered in
		_, err = a.Authenticate(get("/", fmt.Sprintf("Authorization: Bearer opaque%d.b.c", i)))
		require.ErrorIs(t, err, middleware.ErrNoCredentials)
	}
}

func TestWhatTheVerifierSays(t *testing.T) {
	authenticate := func(v middleware.TokenVerifier, raw string) (middleware.Identity, error) {
		return middleware.JWT(v).Authenticate(get("/", "Authorization: Bearer "+raw))
	}
	t.Run("refused: its reason stays readable, its text is the verifier's", func(t *testing.T) {
		i := localissuer.New("https://id.example")
		_, err := authenticate(newVerifier(t, i), i.AccessToken("another-api"))
		require.ErrorIs(t, err, middleware.ErrRefused)
		require.ErrorIs(t, err, token.ErrRefused)
		require.Equal(t, token.ReasonAudience, token.ReasonOf(err))
	})
	t.Run("undecided: the keys could not be had", func(t *testing.T) {
		i := localissuer.New("https://id.example")
		raw := i.AccessToken(audience)
		v := newVerifier(t, i)
		i.SetDown(true)
		_, err := authenticate(v, raw)
		require.Error(t, err)
		for _, sentinel := range []error{middleware.ErrRefused, middleware.ErrInvalidRequest, middleware.ErrNoCredentials} {
			require.NotErrorIs(t, err, sentinel)
		}
	})
	t.Run("an error of unknown kind is undecided", func(t *testing.T) {
		_, err := authenticate(&verifying{err: errBroken}, jws)
		require.ErrorIs(t, err, errBroken)
		require.NotErrorIs(t, err, middleware.ErrRefused)
	})
	t.Run("neither claims nor an error is undecided", func(t *testing.T) {
		_, err := authenticate(&verifying{}, jws)
		require.ErrorIs(t, err, middleware.ErrUndecided)
	})
	t.Run("a token that is bound to a key is refused without its proof", func(t *testing.T) {
		i := localissuer.New("https://id.example")
		_, err := authenticate(newVerifier(t, i), i.AccessToken(audience, map[string]any{"cnf": map[string]any{"jkt": "x"}}))
		require.ErrorIs(t, err, middleware.ErrRefused)
		require.Equal(t, token.ReasonProof, token.ReasonOf(err))
	})
	t.Run("accepted: the identity is what the claims say", func(t *testing.T) {
		i := localissuer.New("https://id.example")
		id, err := authenticate(newVerifier(t, i), i.AccessToken(audience, map[string]any{"sub": "alice", "scope": "a b"}))
		require.NoError(t, err)
		require.NotNil(t, id.Token)
		require.Equal(t, middleware.Identity{
			Subject: "alice", Issuer: "https://id.example", ClientID: "client-1",
			Scopes: id.Token.Scopes(), Expiry: id.Token.Expiry(), Token: id.Token,
		}, id)
		require.Equal(t, "a b", id.Scopes.String())
		require.False(t, id.Expiry.IsZero())
	})
}

func TestNothingOfATokenReachesTheClient(t *testing.T) {
	i := localissuer.New("https://id.example")
	g, err := middleware.New(middleware.JWT(newVerifier(t, i)), &middleware.Options{Realm: "orders"})
	require.NoError(t, err)
	h := g.Scope("admin")(reached)
	for name, raw := range map[string]string{
		"a claim in the wrong form": i.Sign("ES256", nil, []byte(`{"iss":"SECRET\r\nX-Evil: 1","aud":"SECRET","sub":"SECRET"}`)),
		"a header of the client's":  i.Sign("ES256", map[string]any{"kid": "SECRET\"\r\nX-Evil: 1"}, []byte(`{}`)),
		"a scope of the client's":   i.AccessToken(audience, map[string]any{"scope": `SECRET admin"`}),
		"another audience":          i.AccessToken("SECRET"),
		"nonsense":                  "SECRET",
	} {
		w := serve(h, get("/", "Authorization: Bearer "+raw))
		require.Contains(t, []int{401, 403}, w.Code, name)
		require.Equal(t, http.StatusText(w.Code), w.Body.String(), name)
		for header, values := range w.Header() {
			require.NotContains(t, header+strings.Join(values, ""), "SECRET", name)
			require.NotContains(t, header, "Evil", name)
		}
	}
}

func TestFirstOf(t *testing.T) {
	none, refused := middleware.ErrNoCredentials, middleware.ErrRefused
	for _, row := range []struct {
		name  string
		first error
		both  error // of the first, beside first
		want  error
		asked int
	}{
		{name: "goes on when nothing of its kind was sent", first: none, want: nil, asked: 1},
		{name: "what was refused is not offered to the next", first: refused, want: refused},
		{name: "what is malformed is not", first: middleware.ErrInvalidRequest, want: middleware.ErrInvalidRequest},
		{name: "what is undecided is not", first: errBroken, want: errBroken},
		{name: "a refusal that also says no credentials is a refusal", first: errors.Join(none, refused), want: refused},
		{name: "the first identity is the answer", first: nil, want: nil},
	} {
		t.Run(row.name, func(t *testing.T) {
			asked := 0
			first := failing(row.first)
			if row.first == nil {
				first = as("first", "")
			}
			id, err := middleware.FirstOf(first, counting(&asked, as("second", ""))).Authenticate(get("/"))
			require.ErrorIs(t, err, row.want)
			require.Equal(t, row.asked, asked)
			require.Equal(t, row.want == nil, id.Subject != "")
		})
	}
	t.Run("nobody took the credentials", func(t *testing.T) {
		_, err := middleware.FirstOf(failing(none), failing(none), failing(none)).Authenticate(get("/"))
		require.ErrorIs(t, err, none)
	})
	t.Run("an expired JWT is never offered to who asks about opaque tokens", func(t *testing.T) {
		i := localissuer.New("https://id.example")
		asked := 0
		a := middleware.FirstOf(middleware.JWT(newVerifier(t, i)), counting(&asked, as("introspected", "")))
		_, err := a.Authenticate(get("/", "Authorization: Bearer "+i.AccessToken(audience, map[string]any{"exp": 1})))
		require.Equal(t, token.ReasonExpired, token.ReasonOf(err))
		require.Zero(t, asked)
		id, err := a.Authenticate(get("/", "Authorization: Bearer eyJopaque.with.dots"))
		require.NoError(t, err)
		require.Equal(t, "introspected", id.Subject)
	})
}

// rfc6750 is the grammar of section 2.1, with RFC 9110's 1*SP for the blanks, of which as many are taken as anybody sends.
var rfc6750 = regexp.MustCompile(`^(?i:bearer) {1,64}([A-Za-z0-9\-._~+/]+=*)$`)

func FuzzAuthorizationHeader(f *testing.F) {
	for _, s := range []string{
		"Bearer abc", "bearer  a.b.c==", "Basic YTpi", "Bearer", "Bearer ", "Bearer a,b", "Bearer\ta", `Bearer "a"`, "Bearer a b", "B\u0435arer a",
		"\u017fearer a", "Bearer =", "", " Bearer a",
	} {
		f.Add(s, "")
	}
	f.Add("Bearer a", "Bearer a")
	f.Fuzz(func(t *testing.T, first, second string) {
		r := get("/")
		r.Header["Authorization"] = []string{first}
		if second != "" {
			r.Header["Authorization"] = []string{first, second}
		}
		credential, err := middleware.FromHeader("authorization")(r)
		match := rfc6750.FindStringSubmatch(first)
		if match == nil || len(first) > 32<<10 || second != "" {
			require.Error(t, err)
			require.Empty(t, credential)
			return
		}
		require.NoError(t, err)
		require.Equal(t, match[1], credential)
	})
}

// What is more than any verifier takes is not looked through.
func TestSourcesLookAtNoMoreThanSoMuch(t *testing.T) {
	header, other, cookie := middleware.FromHeader("Authorization"), middleware.FromHeader("X-Token"), middleware.FromCookie("session")
	long := strings.Repeat("x", 32<<10)
	for _, tc := range []struct {
		name   string
		source middleware.Source
		lines  []string
		want   string
		err    error
	}{
		{"a bearer credential of 32 KiB", header, []string{"Authorization: Bearer " + long}, long, nil},
		{"a longer one", header, []string{"Authorization: Bearer " + long + "x"}, "", middleware.ErrInvalidRequest},
		{"64 blanks before a bearer credential", header, []string{"Authorization: Bearer" + strings.Repeat(" ", 64) + "x"}, "x", nil},
		{"65 blanks before a bearer credential", header, []string{"Authorization: Bearer" + strings.Repeat(" ", 65) + "x"}, "", middleware.ErrInvalidRequest},
		{"8 blanks before a cookie", cookie, []string{"Cookie: session=x;" + strings.Repeat(" ", 8) + "a=b"}, "x", nil},
		{"a blank more before a cookie", cookie, []string{"Cookie: session=x;" + strings.Repeat(" ", 9) + "a=b"}, "", middleware.ErrInvalidRequest},
		{"8 blanks behind a cookie", cookie, []string{"Cookie: session=x" + strings.Repeat(" ", 8) + ";"}, "x", nil},
		{"a blank more behind a cookie", cookie, []string{"Cookie: session=x" + strings.Repeat(" ", 9) + ";"}, "", middleware.ErrInvalidRequest},
		{"nothing but those", cookie, []string{"Cookie: " + strings.Repeat(" ", 9) + "a=b"}, "", middleware.ErrInvalidRequest},
		{"blanks before a bearer credential", header, []string{"Authorization: Bearer " + strings.Repeat(" ", 32<<10) + "x"}, "", middleware.ErrInvalidRequest},
		{"credentials of another scheme, however long", header, []string{"Authorization: Negotiate " + long + long}, "", middleware.ErrNoCredentials},
		{"a scheme of 64 letters", header, []string{"Authorization: " + long[:64] + " a"}, "", middleware.ErrNoCredentials},
		{"a longer scheme", header, []string{"Authorization: " + long[:65] + " a"}, "", middleware.ErrInvalidRequest},
		{"a token of 32 KiB in a header of its own", other, []string{"X-Token: " + long}, long, nil},
		{"a longer one in a header of its own", other, []string{"X-Token: " + long + "x"}, "", middleware.ErrInvalidRequest},
		{"a token of 32 KiB in a cookie", cookie, []string{"Cookie: a=b; session=" + long}, long, nil},
		{"a longer one in a cookie", cookie, []string{"Cookie: session=" + long + "x"}, "", middleware.ErrInvalidRequest},
		{"200 cookies", cookie, []string{"Cookie: " + strings.Repeat("a=b;", 199) + "session=x"}, "x", nil},
		{"201 cookies", cookie, []string{"Cookie: " + strings.Repeat("a=b;", 200) + "session=x"}, "", middleware.ErrInvalidRequest},
		{"201 in two lines", cookie, []string{"Cookie: session=x", "Cookie: " + strings.Repeat("a=b;", 199)}, "", middleware.ErrInvalidRequest},
		{"36 KiB of cookies", cookie, []string{"Cookie: session=x", "Cookie: a=" + long, "Cookie: a=" + long[:4<<10-13]}, "x", nil},
		{"more than 36 KiB of cookies", cookie, []string{"Cookie: session=x", "Cookie: a=" + long, "Cookie: a=" + long[:4<<10-12]}, "", middleware.ErrInvalidRequest},
		{"50 cookies beside a long token", cookie, []string{"Cookie: " + strings.Repeat("a=b;", 49) + "session=x", "Authorization: Bearer " + long}, "x", nil},
		{"51 cookies beside a long token", cookie, []string{"Cookie: " + strings.Repeat("a=b;", 50) + "session=x", "Authorization: Bearer " + long}, "", middleware.ErrInvalidRequest},
		{"51 cookies that are long", cookie, []string{"Cookie: session=x" + strings.Repeat(";a="+long[:300], 50)}, "", middleware.ErrInvalidRequest},
		{"16 lines of them", cookie, append(slices.Repeat([]string{"Cookie: a=b"}, 15), "Cookie: session=x"), "x", nil},
		{"a line more", cookie, append(slices.Repeat([]string{"Cookie: a=b"}, 16), "Cookie: session=x"), "", middleware.ErrInvalidRequest},
	} {
		credential, err := tc.source(get("/", tc.lines...))
		require.ErrorIs(t, err, tc.err, tc.name)
		require.Equal(t, tc.want, credential, tc.name)
	}
}

// A browser's cookies come in one header by HTTP/1, and in many fields by HTTP/2, which net/http joins.
func TestManyCookiesByHTTP2(t *testing.T) {
	source := middleware.FromCookie("session")
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if credential, err := source(r); r.ProtoMajor != 2 || err != nil || credential != "x" {
			w.WriteHeader(http.StatusBadRequest)
		}
	}))
	server.EnableHTTP2 = true
	server.StartTLS()
	defer server.Close()
	for name, lines := range map[string][]string{
		"one header":    {strings.Repeat("a=b; ", 150) + "session=x"},
		"fifty headers": append(slices.Repeat([]string{"a=b"}, 50), "session=x"),
	} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL, http.NoBody)
		require.NoError(t, err)
		r.Header["Cookie"] = lines
		resp, err := server.Client().Do(r)
		require.NoError(t, err)
		require.NoError(t, resp.Body.Close())
		require.Equal(t, http.StatusOK, resp.StatusCode, name)
	}
}

// A b64token is read 32 bytes at a time, in which a byte must not pass for another or for its neighbour.
func TestEachByteOfAToken(t *testing.T) {
	source, b64token := middleware.FromHeader("X-Token"), regexp.MustCompile(`^[A-Za-z0-9\-._~+/]+=*$`)
	for _, size := range []int{1, 7, 8, 31, 32, 33, 64, 97} {
		for at := range size {
			for c := range 256 {
				for _, around := range []string{"a", "Z", "9", "~"} {
					text := []byte(strings.Repeat(around, size))
					text[at] = byte(c)
					r := get("/")
					r.Header["X-Token"] = []string{string(text)}
					_, err := source(r)
					if b64token.Match(text) != (err == nil) {
						t.Fatalf("%q: %v", text, err)
					}
				}
			}
		}
	}
}

// FuzzOtherSources: what is read from a cookie or a header of its own is a token, and stands there alone, once and whole.
func FuzzOtherSources(f *testing.F) {
	for _, s := range []string{"session=a.b.c", "a=1; session=a.b.c; b=2", "session=a; session=b", `session="a"`, "Session=a", "session=", "session=a b", "session", ";session=a;", "session=a\tb"} {
		f.Add(s)
	}
	b64token, named := regexp.MustCompile(`^[A-Za-z0-9\-._~+/]+=*$`), regexp.MustCompile(`(^|;)[ \t\r\n]*session[ \t\r\n]*(=|;|$)`)
	manyBlanks := regexp.MustCompile(`[ \t\r\n]{9}`)
	f.Fuzz(func(t *testing.T, line string) {
		if len(line) > 32<<10 || strings.Count(line, ";") >= 200 {
			return // refused whatever it says
		}
		r := get("/")
		r.Header["Cookie"], r.Header["X-Token"] = []string{line}, []string{line}
		credential, err := middleware.FromHeader("X-Token")(r)
		require.Equal(t, b64token.MatchString(line), err == nil)
		require.True(t, err != nil || credential == line)

		credential, err = middleware.FromCookie("session")(r)
		if manyBlanks.MatchString(line) {
			require.True(t, err != nil || named.MatchString(line))
			return // there may be one too many
		}
		if err != nil {
			require.Empty(t, credential)
			require.Equal(t, !named.MatchString(line), errors.Is(err, middleware.ErrNoCredentials))
			require.Equal(t, named.MatchString(line), errors.Is(err, middleware.ErrInvalidRequest))
			return
		}
		require.Regexp(t, b64token, credential)
		require.Len(t, named.FindAllString(line, -1), 1)
		cookie, err := r.Cookie("session")
		require.NoError(t, err)
		require.Equal(t, credential, cookie.Value)
	})
}

// FuzzWhichCredentialsAreJWTs compares with encoding/json, which reads more slowly.
func FuzzWhichCredentialsAreJWTs(f *testing.F) {
	for _, s := range []string{
		`{"alg":"ES256"}`, `{"typ":"JWT", "alg" : "RS256"}`, `{"x":{"alg":1}}`, `["alg"]`, `{"\u0061lg":1}`, `{"a\"lg":"}","alg":null}`, `{"alg"`, `"alg"`, ` {"alg":[]} `,
		`{"\u0061\u006c\u0067":1}`, `{"\u0061\u006C\u0067":1}`, `{"al\u0067x":1}`, `{"al\u006":1}`, `{"al\n":1}`, `{"\u0161lg":1}`, `{"al":1}`, `{"ALG":1}`, `{"\\alg":1}`, `[{"alg":1}]`, `{"":"alg"}`,
	} {
		f.Add([]byte(s), ".e30.AA")
		f.Add([]byte(s+strings.Repeat(" ", 200)), ".e30.AA")
		f.Add([]byte(s+strings.Repeat(" ", 800)), ".e30.AA")
		f.Add([]byte(strings.Repeat(" ", 800)+s), ".e30.AA")
	}
	f.Fuzz(func(t *testing.T, header []byte, rest string) {
		credential := base64.RawURLEncoding.EncodeToString(header) + rest
		var members map[string]json.RawMessage
		first, _, _ := strings.Cut(credential, ".")
		decoded, err := base64.RawURLEncoding.DecodeString(first)
		want := err == nil && len(decoded) <= 8<<10 && json.Unmarshal(decoded, &members) == nil && members["alg"] != nil &&
			strings.Count(credential, ".") == 2
		if len(first) > 128 {
			start, err := base64.RawURLEncoding.DecodeString(first[:4])
			start = bytes.TrimLeft(start, " \t\r\n")
			want = err == nil && len(first) <= 8<<10/3*4+3 && (len(start) == 0 || start[0] == '{') && strings.Count(credential, ".") == 2
		}
		v := &verifying{err: token.ErrRefused}
		_, err = middleware.JWT(v, func(*http.Request) (string, error) { return credential, nil }).Authenticate(get("/"))
		require.Equal(t, want, len(v.asked) == 1, "%q", header)
		require.Equal(t, !want, errors.Is(err, middleware.ErrNoCredentials))
	})
}
