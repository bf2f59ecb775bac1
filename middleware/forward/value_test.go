package forward_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/perimeter-go/perimeter/middleware"
	"github.com/perimeter-go/perimeter/middleware/forward"
	"github.com/perimeter-go/perimeter/scope"
)

func TestValuesAreEncoded(t *testing.T) {
	for _, row := range []struct{ name, subject, want string }{
		{"printable ASCII stays", "auth0|a+b@example.com,x;y=\"z\"\\", "auth0|a+b@example.com,x;y=\"z\"\\"},
		{"a blank", "Alice Smith", "Alice%20Smith"},
		{"blanks at the ends", " alice ", "%20alice%20"},
		{"a percent sign", "100%", "100%25"},
		{"what looks encoded already", "%61lice", "%2561lice"},
		{"a line break", "alice\r\nX-Identity-Subject: admin", "alice%0D%0AX-Identity-Subject:%20admin"},
		{"NUL, tab and DEL", "\x00\t\x7f", "%00%09%7F"},
		{"letters outside ASCII", "Zo\u00eb \u65e5", "Zo%C3%AB%20%E6%97%A5"},
		{"NBSP", "a\u00a0b", "a%C2%A0b"},
		{"bytes that are no UTF-8", "a\xff\xfe", "a%FF%FE"},
	} {
		t.Run(row.name, func(t *testing.T) {
			got := written(t, middleware.Identity{Subject: row.subject, Issuer: row.subject, ClientID: row.subject})
			for _, name := range []string{"X-Identity-Subject", "X-Identity-Issuer", "X-Identity-Client"} {
				require.Equal(t, []string{row.want}, got[name])
				back, err := url.PathUnescape(got[name][0])
				require.NoError(t, err)
				require.Equal(t, row.subject, back)
			}
		})
	}
}

// written is the header of a request with this identity.
func written(t *testing.T, id middleware.Identity) http.Header {
	t.Helper()
	h, err := forward.New(config)
	require.NoError(t, err)
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	return through(h, r.WithContext(middleware.WithIdentity(r.Context(), id))).Header
}

func TestScopesAreEncodedOneByOne(t *testing.T) {
	got := written(t, middleware.Identity{Scopes: scope.GrantedList([]string{"a%20b", "b+c", "a,b"})})
	require.Equal(t, []string{"a%2520b a,b b+c"}, got["X-Identity-Scopes"])
}

// FuzzValues: whatever a subject and two scopes hold, their headers are printable ASCII, there is one of each, and both can be read back.
func FuzzValues(f *testing.F) {
	f.Add("alice", "orders:read", "a%20b")
	f.Add("\r\nX: y", "%", "%2")
	f.Add("\xff \u65e5", " ", "")
	f.Fuzz(func(t *testing.T, subject, first, second string) {
		id := middleware.Identity{Subject: subject, Scopes: scope.GrantedList([]string{first, second})}
		got := written(t, id)
		for name, values := range got {
			require.Len(t, values, 1, name)
			require.Regexp(t, `\A[\x21-\x7E]+(?: [\x21-\x7E]+)*\z`, values[0])
		}
		back, err := url.PathUnescape(got.Get("X-Identity-Subject"))
		require.NoError(t, err)
		require.Equal(t, subject, back)
		require.NotContains(t, got.Get("X-Identity-Subject"), " ")

		var scopes []string
		for s := range strings.FieldsFuncSeq(got.Get("X-Identity-Scopes"), func(r rune) bool { return r == ' ' }) {
			s, err := url.PathUnescape(s)
			require.NoError(t, err)
			scopes = append(scopes, s)
		}
		require.Equal(t, id.Scopes, scope.GrantedList(scopes))
	})
}

func TestClaims(t *testing.T) {
	p := newPerimeter(t, mounts[0], config)
	for _, row := range []struct {
		name  string
		claim any // as the token has it
		want  []string
	}{
		{"a string", "acme", []string{"acme"}},
		{"a string that needs encoding", "Acme Ltd \u20ac 5%\n", []string{"Acme%20Ltd%20%E2%82%AC%205%25%0A"}},
		{"a string that is JSON", `["a"]`, []string{`["a"]`}},
		{"an array of strings", []string{"b", "a c", "100%"}, []string{"b a%20c 100%25"}},
		{"an array of one", []string{"acme"}, []string{"acme"}},
		{"a whole number", 42, []string{"42"}},
		{"a number beyond a float's precision", raw("12345678901234567890"), []string{"12345678901234567890"}},
		{"a number with an exponent, as it is spelled", raw("-1.50E+2"), []string{"-1.50E+2"}},
		{"true", true, []string{"true"}},
		{"false", false, []string{"false"}},
		{"a claim that is missing", nil, nil},
		{"null", raw("null"), nil},
		{"an empty string", "", nil},
		{"an object", map[string]any{"id": "acme"}, nil},
		{"an empty array", []string{}, nil},
		{"an array with an object", []any{"a", map[string]any{"b": "c"}}, nil},
		{"an array with a number", []any{"a", 1}, nil},
		{"an array with null", []any{"a", nil}, nil},
		{"an array with an empty string", []string{"a", "", "b"}, nil},
		{"an array of arrays", []any{[]string{"a"}}, nil},
	} {
		t.Run(row.name, func(t *testing.T) {
			got := p.send(t, "/", p.bearer(map[string]any{"tenant": row.claim}), "X-Identity-Tenant: forged").Header
			require.Equal(t, row.want, got["X-Identity-Tenant"])
		})
	}
	t.Run("a claim in another case is another claim", func(t *testing.T) {
		require.NotContains(t, p.send(t, "/", p.bearer(map[string]any{"Tenant": "acme"})).Header, "X-Identity-Tenant")
	})
	t.Run("without a JWT there are no claims", func(t *testing.T) {
		require.NotContains(t, written(t, middleware.Identity{Subject: "alice"}), "X-Identity-Tenant")
	})
}

// raw is JSON that is spelled out.
type raw string

func (r raw) MarshalJSON() ([]byte, error) { return []byte(r), nil }

func TestOneHeaderForEachOfSeveralClaims(t *testing.T) {
	c := forward.Config{Claims: map[string]string{"https://example.com/tenant": "x-tenant", "roles": "X-Roles", "jti": "X-Token-ID"}}
	p := newPerimeter(t, mounts[0], c)
	got := p.send(t, "/", p.bearer(map[string]any{"https://example.com/tenant": "acme", "roles": []string{"a", "b"}, "jti": "7"})).Header
	require.Equal(t, []string{"acme"}, got["X-Tenant"])
	require.Equal(t, []string{"a b"}, got["X-Roles"])
	require.Equal(t, []string{"7"}, got["X-Token-Id"])
	require.NotContains(t, fmt.Sprint(got), "X-Identity", "what is not named is not set")
}
