package jwks_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"net/http"
	"net/netip"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/perimeter-go/perimeter/jwks"
)

// FuzzDiscovery: whatever a discovery document says, the only other place that is asked is the jwks_uri that encoding/json reads from
// it, of the very issuer, over https and at no forbidden address; or there is none, and no key.
func FuzzDiscovery(f *testing.F) {
	for _, seed := range []string{
		metadata(issuerURL, keysURL), metadata(issuerURL+"/", keysURL), metadata(issuerURL, "http://id.example.test/keys"),
		metadata(issuerURL, "https://169.254.169.254/latest"), metadata(issuerURL, "https://[fe80::1%25eth0]/keys"),
		metadata(issuerURL, "https://user@id.example.test/keys#x"), metadata(issuerURL, "HTTPS://ID.example.test:443/%6Beys?a=b"),
		metadata(issuerURL, "https://id.example.test:/keys"),
		strings.Replace(metadata(issuerURL, keysURL), "{", `{"x":1e999,`, 1),
		`{"issuer":"` + issuerURL + `","jwks_uri":"https://a.test/","jwks_uri":"https://b.test/"}`,
		`{"issuer":"https:\/\/id.example.test/ten\u0061nt","JWKS_URI":"https://a.test/","jwks_uri":"https:\/\/b.test"}`,
	} {
		f.Add([]byte(seed))
	}
	keys := keysNamed("k1")
	f.Fuzz(func(t *testing.T, document []byte) {
		u := serving("")
		u.respond = func(r *http.Request) (*http.Response, error) {
			if r.URL.String() == openIDPage {
				return answer(r, 200, nil, string(document)), nil
			}
			return answer(r, 200, nil, keys), nil
		}
		c := u.issuerCache(t, issuerURL)
		err := c.Refresh(t.Context())
		asked := u.paths()
		if err != nil {
			var failure *jwks.FetchError
			require.True(t, errors.As(err, &failure) && failure.Discovery, "%v", err)
			require.Equal(t, []string{openIDPage}, asked)
			require.Zero(t, c.Status().Keys)
			return
		}
		var members map[string]any
		reader := json.NewDecoder(bytes.NewReader(document))
		reader.UseNumber() // a number that no float64 can hold is one all the same
		require.NoError(t, reader.Decode(&members))
		require.Equal(t, issuerURL, members["issuer"])
		request, err := http.NewRequest(http.MethodGet, members["jwks_uri"].(string), http.NoBody) // drops the colon of an empty port
		require.NoError(t, err)
		place := request.URL
		require.Equal(t, []string{openIDPage, place.String()}, asked)
		require.Equal(t, "https", place.Scheme)
		require.NotEmpty(t, place.Hostname())
		require.Nil(t, place.User)
		require.Empty(t, place.Fragment)
		if address, err := netip.ParseAddr(place.Hostname()); err == nil {
			require.False(t, jwks.Forbidden(address))
		}
	})
}
