package introspect_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/perimeter-go/perimeter/introspect"
)

// says runs one answer about one token through a client of its own, twice, and returns the finding and the calls.
func says(t *testing.T, body string, edit ...func(*introspect.Config, *introspect.Options)) (first finding, calls int) {
	t.Helper()
	u := serving(body)
	c := u.client(t, edit...)
	first = ask(t.Context(), c, tokenA)
	require.Equal(t, first.word, ask(t.Context(), c, tokenA).word, "and again")
	return first, u.calls()
}

func TestOnlyTheLiteralActiveTrueIsActive(t *testing.T) {
	for name, row := range map[string]struct {
		body, want string
	}{
		"true":                                {`{"active":true,"aud":"https://api.test"}`, "active"},
		"with blanks around it":               {" {\n\"active\" : true , \"aud\":\"https://api.test\" } \r\n", "active"},
		"the name with an escape":             {`{"\u0061ctive":true,"aud":"https://api.test"}`, "active"},
		"false":                               {`{"active":false}`, "inactive"},
		"a string":                            {`{"active":"true","aud":"https://api.test"}`, "undecided"},
		"a number":                            {`{"active":1,"aud":"https://api.test"}`, "undecided"},
		"null":                                {`{"active":null,"aud":"https://api.test"}`, "undecided"},
		"an array":                            {`{"active":[true],"aud":"https://api.test"}`, "undecided"},
		"True":                                {`{"active":True,"aud":"https://api.test"}`, "undecided"},
		"another case":                        {`{"Active":true,"aud":"https://api.test"}`, "undecided"},
		"upper case does not rescue":          {`{"active":false,"ACTIVE":true,"aud":"https://api.test"}`, "inactive"},
		"missing":                             {`{"aud":"https://api.test"}`, "undecided"},
		"empty":                               {`{}`, "undecided"},
		"nested":                              {`{"token_introspection":{"active":true,"aud":"https://api.test"}}`, "undecided"},
		"twice, false first":                  {`{"active":false,"active":true,"aud":"https://api.test"}`, "undecided"},
		"twice, true first":                   {`{"active":true,"active":false,"aud":"https://api.test"}`, "undecided"},
		"twice by an escape":                  {`{"active":false,"\u0061ctive":true,"aud":"https://api.test"}`, "undecided"},
		"another member twice":                {`{"active":true,"aud":"https://api.test","sub":"a","sub":"b"}`, "undecided"},
		"a duplicate deep inside":             {`{"active":true,"aud":"https://api.test","x":{"y":1,"y":2}}`, "undecided"},
		"something after the object":          {`{"active":true,"aud":"https://api.test"}{}`, "undecided"},
		"an array around it":                  {`[{"active":true,"aud":"https://api.test"}]`, "undecided"},
		"a bare true":                         {`true`, "undecided"},
		"nothing":                             {``, "undecided"},
		"cut off":                             {`{"active":true,"aud":"https://api.test"`, "undecided"},
		"invalid UTF-8":                       {"{\"active\":true,\"aud\":\"https://api.test\",\"sub\":\"\xff\"}", "undecided"},
		"too deep":                            {`{"active":true,"aud":"https://api.test","x":` + strings.Repeat("[", 40) + strings.Repeat("]", 40) + `}`, "undecided"},
		"a sub that is a number":              {`{"active":true,"aud":"https://api.test","sub":1}`, "undecided"},
		"a client_id that is null":            {`{"active":true,"aud":"https://api.test","client_id":null}`, "undecided"},
		"a scope that is an object":           {`{"active":true,"aud":"https://api.test","scope":{}}`, "undecided"},
		"an exp that is a string":             {`{"active":true,"aud":"https://api.test","exp":"9999999999"}`, "undecided"},
		"an exp of 1e400":                     {`{"active":true,"aud":"https://api.test","exp":1e400}`, "undecided"},
		"a negative exp":                      {`{"active":true,"aud":"https://api.test","exp":-1}`, "undecided"},
		"an nbf that is null":                 {`{"active":true,"aud":"https://api.test","nbf":null}`, "undecided"},
		"a cnf that is a string":              {`{"active":true,"aud":"https://api.test","cnf":"x"}`, "undecided"},
		"an aud with one bad element":         {`{"active":true,"aud":["https://api.test",1]}`, "undecided"},
		"an empty iss":                        {`{"active":true,"aud":"https://api.test","iss":""}`, "undecided"},
		"inactive, whatever the others are":   {`{"active":false,"aud":1,"exp":"soon"}`, "inactive"},
		"an error object with 200":            {`{"error":"server_error"}`, "undecided"},
		"an html page that says it were JSON": {`<html></html>`, "undecided"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				got, calls := says(t, row.body)
				require.Equal(t, atOnce(row.want), got)
				want := 1
				if row.want == "undecided" {
					want = 2
				}
				require.Equal(t, want, calls, "what is undecided is not remembered")
			})
		})
	}
}

func TestActiveIsNotEnough(t *testing.T) {
	anyAudience := func(c *introspect.Config, _ *introspect.Options) { c.Audiences, c.InsecureAnyAudience = nil, true }
	for name, row := range map[string]struct {
		body func() string
		edit func(*introspect.Config, *introspect.Options)
		want string
	}{
		"exp ahead":       {body: func() string { return active(expiring(time.Minute)) }, want: "active"},
		"exp passed":      {body: func() string { return active(expiring(-time.Minute)) }, want: "expired"},
		"exp now":         {body: func() string { return active(expiring(0)) }, want: "expired"},
		"exp at 0":        {body: func() string { return active(`"exp":0`) }, want: "expired"},
		"no exp":          {body: func() string { return active() }, want: "active"},
		"EXP rescues not": {body: func() string { return active(`"exp":1,"EXP":9999999999`) }, want: "expired"},
		"nbf ahead": {
			body: func() string { return active(fmt.Sprintf(`"nbf":%d`, time.Now().Add(time.Minute).Unix())) }, want: "not_yet_valid",
		},
		"nbf ahead within the leeway": {
			body: func() string { return active(fmt.Sprintf(`"nbf":%d`, time.Now().Add(30*time.Second).Unix())) }, want: "active",
		},
		"iss that is ours":         {body: func() string { return active(`"iss":"https://issuer.test"`) }, want: "active"},
		"iss missing":              {body: func() string { return active() }, want: "active"},
		"iss that differs":         {body: func() string { return active(`"iss":"https://evil.test"`) }, want: "issuer"},
		"iss with a slash":         {body: func() string { return active(`"iss":"https://issuer.test/"`) }, want: "issuer"},
		"iss in another case":      {body: func() string { return active(`"iss":"https://ISSUER.test"`) }, want: "issuer"},
		"a bare active":            {body: func() string { return `{"active":true}` }, want: "audience"},
		"an empty aud":             {body: func() string { return `{"active":true,"aud":""}` }, want: "audience"},
		"an empty list":            {body: func() string { return `{"active":true,"aud":[]}` }, want: "audience"},
		"another aud":              {body: func() string { return `{"active":true,"aud":"https://other.test"}` }, want: "audience"},
		"a prefix":                 {body: func() string { return `{"active":true,"aud":"https://api"}` }, want: "audience"},
		"ours and more":            {body: func() string { return `{"active":true,"aud":"https://api.test https://x.test"}` }, want: "audience"},
		"aud in a list":            {body: func() string { return `{"active":true,"aud":["https://x.test","https://api.test"]}` }, want: "active"},
		"AUD rescues not":          {body: func() string { return `{"active":true,"AUD":"https://api.test"}` }, want: "audience"},
		"any: a bare active":       {body: func() string { return `{"active":true}` }, edit: anyAudience, want: "active"},
		"any: another aud":         {body: func() string { return `{"active":true,"aud":"https://other.test"}` }, edit: anyAudience, want: "active"},
		"any: iss that differs":    {body: func() string { return `{"active":true,"iss":"https://evil.test"}` }, edit: anyAudience, want: "issuer"},
		"zitadel's inactive":       {body: func() string { return `{"active":false,"exp":1795450306}` }, want: "inactive"},
		"Hydra's refresh token":    {body: func() string { return active(`"token_use":"refresh_token"`) }, want: "type"},
		"Hydra's access token":     {body: func() string { return active(`"token_use":"access_token"`) }, want: "active"},
		"Keycloak's offline token": {body: func() string { return active(`"typ":"Offline"`) }, want: "type"},
		"Keycloak's access token":  {body: func() string { return active(`"typ":"Bearer"`) }, want: "active"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				edit := row.edit
				if edit == nil {
					edit = func(*introspect.Config, *introspect.Options) {}
				}
				got, calls := says(t, row.body(), edit)
				require.Equal(t, atOnce(row.want), got)
				require.Equal(t, 1, calls, "a refusal is remembered too")
			})
		})
	}
}

func TestWhatIsNoAnswerIsUndecidedAndNotRemembered(t *testing.T) {
	good := active()
	header := func(status int, h http.Header, body string) func(*endpoint) {
		return func(u *endpoint) { u.status, u.header, u.body = status, h, body }
	}
	json := http.Header{"Content-Type": {"application/json"}}
	for name, trouble := range map[string]func(*endpoint){
		"500":                      header(500, json, good),
		"503":                      header(503, json, good),
		"429":                      header(429, json, good),
		"401 to our own client":    header(401, json, `{"error":"invalid_client"}`),
		"400 to our own client":    header(400, json, `{"error":"invalid_client"}`),
		"400, we may not ask":      header(400, json, `{"error":"unauthorized_client"}`),
		"403":                      header(403, json, inactive),
		"404":                      header(404, json, inactive),
		"201":                      header(201, json, good),
		"204":                      header(204, json, ""),
		"HTML with 200":            header(200, http.Header{"Content-Type": {"text/html"}}, good),
		"text with 200":            header(200, http.Header{"Content-Type": {"text/plain"}}, good),
		"no content type":          header(200, http.Header{}, good),
		"two content types":        header(200, http.Header{"Content-Type": {"application/json", "text/html"}}, good),
		"one in a list":            header(200, http.Header{"Content-Type": {"application/json, text/html"}}, good),
		"100":                      header(100, json, good),
		"206":                      header(206, json, good),
		"a content type cut short": header(200, http.Header{"Content-Type": {"application/json; charset"}}, good),
		"a signed answer unasked":  header(200, http.Header{"Content-Type": {"application/token-introspection+jwt"}}, "e30.e30.x"),
		"a redirect":               header(302, http.Header{"Location": {"https://evil.test/"}}, ""),
		"a redirect with the body": header(307, http.Header{"Location": {"https://evil.test/"}}, ""),
		"a refused connection":     func(u *endpoint) { u.err = errors.New(secret) },
		"a hang":                   func(u *endpoint) { u.hang = true },
		"one byte a second":        func(u *endpoint) { u.respond = body(&slow{}) },
		"more than 256 KiB":        header(200, json, good+strings.Repeat(" ", introspect.MaxAnswer)),
		"an endless body":          func(u *endpoint) { u.respond = body(endless{}) },
		"a body that is cut":       func(u *endpoint) { u.respond = body(io.MultiReader(strings.NewReader(good), broken{})) },
		"a followed redirect":      func(u *endpoint) { u.respond = followed(good) },
		"a panic in the transport": func(u *endpoint) {
			u.respond = func(*http.Request, url.Values) (*http.Response, error) { panic(secret) }
		},
		"a transport that is deaf": func(u *endpoint) { u.respond = deaf },
		"a response that is no one": func(u *endpoint) {
			u.respond = func(*http.Request, url.Values) (*http.Response, error) { return nil, nil }
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				defer landing()
				u := serving(good)
				c := u.client(t)
				u.set(trouble)
				got := ask(t.Context(), c, tokenA)
				require.Equal(t, "undecided", got.word)
				require.LessOrEqual(t, got.took, 5*time.Second)
				require.Equal(t, 1, u.calls(), "the credentials go nowhere else")
				u.set(func(u *endpoint) { u.header = json })
				u.serve(good)
				require.Equal(t, atOnce("active"), ask(t.Context(), c, tokenA), "it is not remembered")
			})
		})
	}
}

type slow struct{ at int }

func (s *slow) Read(p []byte) (int, error) {
	time.Sleep(time.Second)
	s.at++
	return copy(p, " "), nil
}

type endless struct{}

func (endless) Read(p []byte) (int, error) { return copy(p, bytes.Repeat([]byte(" "), len(p))), nil }

type broken struct{}

func (broken) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

func body(r io.Reader) func(*http.Request, url.Values) (*http.Response, error) {
	return func(req *http.Request, _ url.Values) (*http.Response, error) {
		resp := answer(req, 200, http.Header{"Content-Type": {"application/json"}}, "")
		resp.Body = io.NopCloser(r)
		return resp, nil
	}
}

func followed(text string) func(*http.Request, url.Values) (*http.Response, error) {
	return func(r *http.Request, _ url.Values) (*http.Response, error) {
		again := r.Clone(r.Context())
		again.Response = answer(r, 302, http.Header{}, "")
		return answer(again, 200, http.Header{"Content-Type": {"application/json"}}, text), nil
	}
}

func deaf(r *http.Request, _ url.Values) (*http.Response, error) {
	time.Sleep(7 * time.Second)
	return answer(r, 200, http.Header{"Content-Type": {"application/json"}}, active()), nil
}

func TestTheKeyIsKeyedAndFoldsInWhomWeAsk(t *testing.T) {
	u := serving(active())
	base := u.client(t)
	first, again := base.Key(tokenA), base.Key(tokenA)
	require.Equal(t, first, again)
	require.NotEqual(t, base.Key(tokenA), base.Key(tokenB))
	require.NotEqual(t, base.Key(tokenA), u.client(t).Key(tokenA), "each process has a secret of its own")

	shared := func(edit func(*introspect.Config, *introspect.Options)) *introspect.Client {
		return u.client(t, func(c *introspect.Config, o *introspect.Options) {
			o.Store, o.StoreKey = newMemory(), bytes.Repeat([]byte{7}, 32)
			edit(c, o)
		})
	}
	seen := map[string]string{}
	for name, edit := range map[string]func(*introspect.Config, *introspect.Options){
		"the base":         func(*introspect.Config, *introspect.Options) {},
		"another secret":   func(_ *introspect.Config, o *introspect.Options) { o.StoreKey = bytes.Repeat([]byte{8}, 32) },
		"another endpoint": func(c *introspect.Config, _ *introspect.Options) { c.Endpoint += "2" },
		"another client":   func(c *introspect.Config, _ *introspect.Options) { c.Auth.ClientID += "2" },
		"another method":   func(c *introspect.Config, _ *introspect.Options) { c.Auth.Method = "client_secret_post" },
		"another issuer":   func(c *introspect.Config, _ *introspect.Options) { c.Issuer += "2" },
		"another audience": func(c *introspect.Config, _ *introspect.Options) { c.Audiences = []string{"x"} },
		"two audiences":    func(c *introspect.Config, _ *introspect.Options) { c.Audiences = []string{"x", "y"} },
		"two in one":       func(c *introspect.Config, _ *introspect.Options) { c.Audiences = []string{"xy"} },
		"any audience":     func(c *introspect.Config, _ *introspect.Options) { c.Audiences, c.InsecureAnyAudience = nil, true },
		"signed":           func(_ *introspect.Config, o *introspect.Options) { o.Verify = trusting },
		"a shifted border": func(c *introspect.Config, _ *introspect.Options) {
			c.Auth.ClientID, c.Issuer = "gatewayh", "ttps://issuer.test"
		},
		"a shifted border too": func(c *introspect.Config, _ *introspect.Options) {
			c.Auth.ClientID, c.Issuer = "gatewa", "yhttps://issuer.test"
		},
	} {
		k := shared(edit).Key(tokenA)
		require.Empty(t, seen[k], "%s is taken for %s", name, seen[k])
		seen[k] = name
	}
	twin := shared(func(*introspect.Config, *introspect.Options) {})
	require.Equal(t, "the base", seen[twin.Key(tokenA)], "gateways that share a secret and a configuration share keys")
}

func TestFactsAreRememberedAndVerdictsAreNot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u := serving(active(`"cnf":{"x5t#S256":"A4DtL2JmUMhAsvJj5tKyn64SqzmuXbMrJa0n761y5v0"}`))
		c := u.client(t)
		owner := introspect.Proof{Method: "x5t#S256", Thumbprint: "A4DtL2JmUMhAsvJj5tKyn64SqzmuXbMrJa0n761y5v0"}
		thief := introspect.Proof{Method: "x5t#S256", Thumbprint: "bwcK0esc3ACC3DB2Y5_lESsXE8o9ltc05O89jdN-dg2"}
		require.Equal(t, atOnce("active"), ask(t.Context(), c, tokenA, owner))
		require.Equal(t, atOnce("proof"), ask(t.Context(), c, tokenA, thief), "a thief does not ride on the owner's entry")
		require.Equal(t, atOnce("proof"), ask(t.Context(), c, tokenA))
		require.Equal(t, atOnce("active"), ask(t.Context(), c, tokenA, thief, owner))
		require.Equal(t, 1, u.calls())

		u.serve(active(fmt.Sprintf(`"nbf":%d`, time.Now().Add(33*time.Second).Unix())))
		require.Equal(t, atOnce("not_yet_valid"), ask(t.Context(), c, tokenB))
		time.Sleep(3 * time.Second)
		require.Equal(t, atOnce("active"), ask(t.Context(), c, tokenB), "judged again at every use")
		require.Equal(t, 2, u.calls())
	})
}

func TestTheTTLIsNeverPastExp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u := serving(active(expiring(10 * time.Second)))
		c := u.client(t, options(func(o *introspect.Options) { o.StaleIfError = time.Hour }))
		require.Equal(t, atOnce("active"), ask(t.Context(), c, tokenA))
		time.Sleep(10*time.Second - time.Nanosecond)
		require.Equal(t, atOnce("active"), ask(t.Context(), c, tokenA))
		require.Equal(t, 1, u.calls())
		u.fail(503)
		time.Sleep(time.Nanosecond)
		require.Equal(t, atOnce("undecided"), ask(t.Context(), c, tokenA), "nor may it stand in")
		require.Equal(t, 2, u.calls())
	})
}

func TestTheTokenIsInTheBodyAndNowhereElse(t *testing.T) {
	u := serving(active())
	require.Equal(t, "active", ask(t.Context(), u.client(t), tokenA).word)
	r, form := u.lastRequest()
	require.Equal(t, http.MethodPost, r.Method)
	require.Equal(t, endpointURL, r.URL.String())
	require.Equal(t, "application/x-www-form-urlencoded", r.Header.Get("Content-Type"))
	require.Equal(t, []string{tokenA}, form["token"])
	for name, values := range r.Header {
		require.NotContains(t, strings.Join(values, " "), tokenA, name)
	}
}

func TestWhatLooksLikeAJWTIsAskedAboutAllTheSame(t *testing.T) {
	for name, tok := range map[string]string{
		"zitadel's JWE":       "eyJhbGciOiJSU0EtT0FFUCIsImVuYyI6IkEyNTZHQ00ifQ.a.b.c.d",
		"Hydra's one dot":     "ory_at_yWa-MLo.F1a3uFo",
		"three plain parts":   "a.b.c",
		"a JWT":               "eyJhbGciOiJSUzI1NiJ9.e30.c2ln",
		"characters of VCHAR": "!#$%&'()*+,-./09:;<=>?@AZ[]^_`az{|}~\"\\",
	} {
		t.Run(name, func(t *testing.T) {
			u := serving(active())
			require.Equal(t, "active", ask(t.Context(), u.client(t), tok).word)
			_, form := u.lastRequest()
			require.Equal(t, tok, form.Get("token"))
		})
	}
	for name, tok := range map[string]string{
		"empty":      "",
		"a blank":    "a b",
		"a newline":  "a\nb",
		"NUL":        "a\x00b",
		"DEL":        "a\x7fb",
		"no ASCII":   "tokén",
		"over 16KiB": strings.Repeat("x", introspect.MaxToken+1),
	} {
		t.Run("refused: "+name, func(t *testing.T) {
			u := serving(active())
			require.Equal(t, "malformed", ask(t.Context(), u.client(t), tok).word)
			require.Zero(t, u.calls())
		})
	}
}

func TestAFloodOfGarbageNeitherGrowsMemoryNorEvictsTheGood(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u := serving(inactive)
		u.bodies[tokenA], u.bodies[tokenB] = active(), `{"active":true,"aud":"https://other.test"}`
		c := u.client(t)
		require.Equal(t, atOnce("active"), ask(t.Context(), c, tokenA))
		for i := range 5_000 {
			require.Equal(t, atOnce("inactive"), ask(t.Context(), c, fmt.Sprint("garbage-", i)))
		}
		require.Equal(t, atOnce("audience"), ask(t.Context(), c, tokenB))
		good, others := c.Remembered()
		require.Equal(t, []int{1, 1_000}, []int{good, others}, "a token for another service takes no place of a good one")
		before := u.calls()
		require.Equal(t, atOnce("active"), ask(t.Context(), c, tokenA))
		require.Equal(t, before, u.calls())
	})
}

func TestOneClientsGarbageLeavesOthersTheirSlots(t *testing.T) {
	evil, honest := netip.MustParseAddr("2001:db8:bad::1"), netip.MustParseAddr("192.0.2.1")
	for name, said := range map[string]bool{"the caller says who it is": true, "nobody says": false} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				defer landing()
				u := serving(inactive)
				u.delay = 100 * time.Millisecond
				c := u.client(t)
				from := t.Context()
				if said {
					from = introspect.WithPeer(from, evil)
				}
				var flood sync.WaitGroup
				for i := range 10_000 { // in one second
					flood.Go(func() {
						time.Sleep(time.Duration(i) * time.Second / 10_000)
						ask(from, c, fmt.Sprint("garbage-", i))
					})
				}
				var bad, asked atomic.Int32
				for i := range 50 {
					tok := fmt.Sprint("honest-", i)
					u.set(func(u *endpoint) { u.bodies[tok] = active() })
					time.Sleep(10 * time.Millisecond)
					flood.Go(func() {
						asked.Add(1)
						if ask(introspect.WithPeer(t.Context(), honest), c, tok) != (finding{"active", 100 * time.Millisecond}) {
							bad.Add(1)
						}
					})
				}
				flood.Wait()
				require.EqualValues(t, 50, asked.Load())
				if said {
					require.Zero(t, bad.Load(), "decided as if there were no flood")
				} else {
					require.Positive(t, bad.Load(), "the flood is one")
				}
				require.True(t, c.Idle())
			})
		})
	}
}

func TestA400AboutOneTokenIsNoAmplifier(t *testing.T) {
	for name, text := range map[string]string{
		"oidc-provider about a JWT": `{"error":"unsupported_token_type","error_description":"Structured JWT Tokens cannot be introspected"}`,
		"an invalid request":        `{"error":"invalid_request"}`,
		"no JSON":                   `Bad Request`,
		"too large":                 strings.Repeat("x", introspect.MaxAnswer+1),
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				u := serving(text)
				u.status = 400
				c := u.client(t)
				for range 100 {
					require.Equal(t, atOnce("undecided"), ask(t.Context(), c, tokenA), "undecided, not inactive")
				}
				require.Equal(t, 1, u.calls())
				for i := range 10 {
					require.Equal(t, atOnce("undecided"), ask(t.Context(), c, fmt.Sprint("jwt-", i)))
				}
				require.Equal(t, 11, u.calls(), "it is about that token, and opens no pause for others")
				time.Sleep(5 * time.Second)
				u.serve(active())
				require.Equal(t, atOnce("active"), ask(t.Context(), c, tokenA))
			})
		})
	}
}
