package mtls_test

import (
	"bytes"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/perimeter-go/perimeter/mtls"
)

// What is a SPIFFE ID here, net/url takes apart in the same way, and finds nothing else in it.
func FuzzSPIFFE(f *testing.F) {
	for _, s := range []string{
		"spiffe://example.org/a", "spiffe://example.org/ns/prod/sa/x", "spiffe://example.org", "spiffe://example.org/", "spiffe:///a", "SPIFFE://a/b",
		"spiffe://a:1/b", "spiffe://u@a/b", "spiffe://a/b?c", "spiffe://a/b#c", "spiffe://a/%41", "spiffe://a/../b", "spiffe://a//b", "spiffe://a/b/", "spiffe://A/b", "https://a/b",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		domain, path, ok := mtls.ParseSPIFFE(s)
		if !ok {
			require.Empty(t, domain+path)
			return
		}
		u, err := url.Parse(s)
		require.NoError(t, err)
		require.Equal(t, url.URL{Scheme: "spiffe", Host: domain, Path: path}, *u)
		require.Equal(t, s, u.String())
		require.Equal(t, path, u.JoinPath().Path, "nothing in it is relative")
		require.LessOrEqual(t, len(s), 2048)
		require.Equal(t, strings.ToLower(domain), domain)
		require.True(t, mtls.MatchesPath(path, path))
		require.True(t, mtls.MatchesPath("/*", path))
		require.False(t, mtls.MatchesPath(path+"/*", path))
	})
}

// A pattern means what the regular expression means that it is written as.
func FuzzPathPattern(f *testing.F) {
	for _, s := range [][2]string{{"/a", "/a"}, {"/a/*", "/a/b"}, {"/a/*", "/a"}, {"/*/b", "/a/b"}, {"/*/*", "/a/b/c"}, {"/**", "/a"}, {"/a*", "/ab"}, {"", "/a"}} {
		f.Add(s[0], s[1])
	}
	f.Fuzz(func(t *testing.T, pattern, path string) {
		_, path, ok := mtls.ParseSPIFFE("spiffe://a" + path)
		if !ok {
			return
		}
		want := false
		if regexp.MustCompile(`\A(/([A-Za-z0-9._-]+|\*))+\z`).MatchString(pattern) && !regexp.MustCompile(`/\.\.?(/|\z)`).MatchString(pattern) {
			const one = `[^/]+`
			expression := strings.ReplaceAll(regexp.QuoteMeta(pattern), `\*`, one)
			if strings.HasSuffix(pattern, "/*") {
				expression = strings.TrimSuffix(expression, one) + `.+`
			}
			want = regexp.MustCompile(`\A` + expression + `\z`).MatchString(path)
		}
		require.Equal(t, want, mtls.MatchesPath(pattern, path))
	})
}

// What is taken from a PEM file is, block by block, what encoding/pem and crypto/x509 find in it, and writes the same file again.
func FuzzRoots(f *testing.F) {
	root := newRoot(f, "root")
	good := pemOf("CERTIFICATE", root.Raw)
	f.Add(good)
	f.Add(append(bytes.Clone(good), good...))
	f.Add(append(bytes.Clone(good[:100]), good...))
	f.Add(append([]byte("text\n"), good...))
	f.Add(append([]byte("\r"), good...))
	f.Add(pemOf("PRIVATE KEY", []byte{1}))
	f.Add(strayBits(f))
	f.Fuzz(func(t *testing.T, data []byte) {
		list, err := mtls.ReadCertificates(data)
		if err != nil {
			return
		}
		require.NotEmpty(t, list)
		var ours, theirs []byte
		for _, c := range list {
			ours = append(ours, pemOf("CERTIFICATE", c.Raw)...)
		}
		for rest := data; ; {
			var b *pem.Block
			if b, rest = pem.Decode(rest); b == nil {
				break
			}
			theirs = append(theirs, pem.EncodeToMemory(b)...)
		}
		require.Equal(t, string(theirs), string(ours))
		require.Equal(t, len(list), bytes.Count(data, []byte("-----BEGIN")))
		require.Equal(t, squeeze(ours), squeeze(data), "nothing was skipped")
	})
}

// squeeze leaves out the blanks that PEM may hold.
func squeeze(data []byte) string { return string(bytes.Join(bytes.Fields(data), nil)) }

// strayBits is a root in PEM whose last digit has bits that are no part of the bytes.
func strayBits(tb testing.TB) []byte {
	tb.Helper()
	der := newRoot(tb, "stray").Raw
	for len(der)%3 == 0 { // no bits are left over
		der = newRoot(tb, "stray").Raw
	}
	text := base64.StdEncoding.EncodeToString(der)
	last := strings.IndexByte(text, '=') - 1
	return []byte("-----BEGIN CERTIFICATE-----\n" + text[:last] + string(text[last]+1) + text[last+1:] + "\n-----END CERTIFICATE-----\n")
}

func TestAFileHasOneSpelling(t *testing.T) {
	stray := strayBits(t)
	b, rest := pem.Decode(stray)
	require.NotNil(t, b, "encoding/pem takes it")
	require.Empty(t, rest)
	_, err := x509.ParseCertificate(b.Bytes)
	require.NoError(t, err)
	_, err = mtls.ReadCertificates(stray)
	require.Error(t, err)
	list, err := mtls.ReadCertificates(pem.EncodeToMemory(b))
	require.NoError(t, err)
	require.Len(t, list, 1)
}

// A list that is taken is all of the file, and crypto/x509 reads the same from its bytes.
func FuzzCRL(f *testing.F) {
	root := newRoot(f, "root")
	der := root.revoke(f, 1, root).Raw
	f.Add(der)
	f.Add(append(bytes.Clone(der), 0))
	f.Add(der[:len(der)/2])
	f.Add(pemOf("X509 CRL", der, der))
	f.Fuzz(func(t *testing.T, data []byte) {
		lists, err := mtls.ReadCRLs(data)
		if err != nil {
			return
		}
		require.NotEmpty(t, lists)
		total := 0
		for _, l := range lists {
			again, err := x509.ParseRevocationList(l.Raw)
			require.NoError(t, err)
			require.Equal(t, l, again)
			total += len(l.Raw)
			_ = mtls.CopyList(l) // whatever it says, it does not panic
		}
		require.LessOrEqual(t, total, len(data))
		if data[0] == 0x30 {
			require.Equal(t, data, lists[0].Raw)
		}
	})
}

// What is taken from a bundle document is what encoding/json finds in it under the exact names.
func FuzzBundle(f *testing.F) {
	root := newRoot(f, "root")
	f.Add(fmt.Appendf(nil, `{"keys":[{"use":"x509-svid","x5c":%s},{"use":"jwt-svid"}]}`, x5c(root, root)))
	f.Add([]byte(`{"keys":[{"use":"x509-svid","x5c":["MAA="]}]}`))
	f.Add([]byte(`{"KEYS":[]}`))
	f.Add(fmt.Appendf(nil, `{"keys":[{"use":"x509-svid","x5c":["%s","no base64"]}]}`, base64.StdEncoding.EncodeToString(root.Raw)))
	f.Fuzz(func(t *testing.T, data []byte) {
		list, err := mtls.ReadBundle(data)
		if err != nil {
			require.Empty(t, list)
			return
		}
		var document map[string]json.RawMessage
		require.NoError(t, json.Unmarshal(data, &document))
		var entries []map[string]json.RawMessage
		require.NoError(t, json.Unmarshal(document["keys"], &entries))
		var want [][]byte
		for _, e := range entries {
			var (
				use   string
				chain []string // of which only the first is read
			)
			if json.Unmarshal(e["use"], &use) == nil && use == "x509-svid" && json.Unmarshal(e["x5c"], &chain) == nil && len(chain) > 0 {
				der, err := base64.StdEncoding.DecodeString(chain[0])
				require.NoError(t, err)
				want = append(want, der)
			}
		}
		require.Len(t, list, len(want))
		for i, c := range list {
			require.Equal(t, want[i], c.Raw)
		}
	})
}
