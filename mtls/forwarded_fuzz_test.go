package mtls_test

import (
	"bytes"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/perimeter-go/perimeter/mtls"
)

// requireJudged holds what is true of every reader: certificates, or one of two errors, and the same to everyone who asks. It
// returns the DER of what was accepted, none if nothing was.
func requireJudged(t *testing.T, f *mtls.Forwarded, h map[string][]string) [][]byte {
	t.Helper()
	certs, err := f.Read(h)
	thumbprint, thumbErr := f.Thumbprint(proxyAddr, nil, h)
	require.Equal(t, err, thumbErr)
	if err != nil {
		require.Nil(t, certs)
		require.Empty(t, thumbprint)
		require.NotEqual(t, errors.Is(err, mtls.ErrNoCertificate), mtls.ReasonOf(err) == mtls.ReasonMalformed)
		return nil
	}
	require.NotEmpty(t, certs)
	require.LessOrEqual(t, len(certs), 11)
	var read [][]byte
	for _, c := range certs {
		again, err := x509.ParseCertificate(c.Raw)
		require.NoError(t, err)
		require.Equal(t, c.Raw, again.Raw)
		read = append(read, c.Raw)
	}
	sum := sha256.Sum256(read[0])
	require.Equal(t, base64.RawURLEncoding.EncodeToString(sum[:]), thumbprint)
	return read
}

// A byte sequence, and a list of them, by the grammar of RFC 8941 and not by its algorithm.
var (
	sfBinary = regexp.MustCompile(`^[ \t]*:([A-Za-z0-9+/]+={0,2}):[ \t]*$`)
	sfList   = regexp.MustCompile(`^[ \t]*:[A-Za-z0-9+/]+={0,2}:([ \t]*,[ \t]*:[A-Za-z0-9+/]+={0,2}:)*[ \t]*$`)
	sfMember = regexp.MustCompile(`:([A-Za-z0-9+/]+={0,2}):`)
)

// Whatever is accepted is a byte sequence and a list by the grammar, of the same bytes, in the only spelling that they have.
func FuzzClientCert(f *testing.F) {
	leaf, between, _ := mintChain(f, "spiffe://example.com/a", 2)
	all := append([]*authority{leaf}, between...)
	for _, chain := range []string{"", "::", join(between, ", ", item), join(all, ",", item), haproxyChain(all...), haproxyChain(between...), "x"} {
		f.Add(item(leaf.Raw), chain)
	}
	f.Add(rfcClientCert, rfcIntermediate+", "+rfcRoot)
	f.Add("::", "")
	f.Add(":{x}:", "(null)")
	reads := reader(f, mtls.FormatClientCert)
	f.Fuzz(func(t *testing.T, value, chain string) {
		got := requireJudged(t, reads, headers("Client-Cert", value, "Client-Cert-Chain", chain))
		if got == nil {
			return
		}
		binary := sfBinary.FindStringSubmatch(value)
		require.NotNil(t, binary, "%q", value)
		require.Equal(t, binary[1], b64(got[0]))
		if !sfList.MatchString(chain) {
			require.Len(t, got, 1, "%q", chain)
			return
		}
		var listed []byte
		for _, m := range sfMember.FindAllStringSubmatch(chain, -1) {
			b, err := base64.StdEncoding.DecodeString(m[1])
			require.NoError(t, err)
			require.Equal(t, m[1], b64(b))
			listed = append(listed, b...)
		}
		require.Equal(t, bytes.TrimPrefix(listed, got[0]), append([]byte{}, bytes.Join(got[1:], nil)...))
	})
}

// Whatever is accepted is what encoding/pem and net/url make of it, and holds the same in the other spelling.
func FuzzPEM(f *testing.F) {
	leaf, between, _ := mintChain(f, "spiffe://example.com/a", 1)
	for _, write := range []func([]byte) string{nginx, apache, armour, b64, item, func(der []byte) string { return lightlyEscaped(armour(der)) }} {
		f.Add(write(leaf.Raw))
		f.Add(write(leaf.Raw) + write(between[0].Raw))
	}
	f.Add("(null)")
	f.Add("-----BEGIN CERTIFICATE----- -----END CERTIFICATE-----")
	f.Add("%2D----BEGIN%20CERTIFICATE-----")
	reads := reader(f, mtls.FormatPEM)
	f.Fuzz(func(t *testing.T, value string) {
		got := requireJudged(t, reads, headers("X-Ssl-Client-Cert", value))
		if got == nil {
			return
		}
		text, err := url.PathUnescape(value)
		require.NoError(t, err)
		require.Equal(t, got, pemOracle(t, text), "%q", value)
		var written strings.Builder
		for _, der := range got {
			written.WriteString(armour(der))
		}
		for _, again := range []string{escaped(written.String()), blanked(written.String())} {
			require.Equal(t, got, requireJudged(t, reads, headers("X-Ssl-Client-Cert", again)))
		}
	})
}

// pemOracle reads blocks by encoding/pem, after every run of blanks but those in the labels has become a line break.
func pemOracle(t *testing.T, text string) [][]byte {
	t.Helper()
	text = strings.Join(strings.FieldsFunc(text, func(r rune) bool { return strings.ContainsRune(" \t\r\n", r) }), "\n")
	text = strings.ReplaceAll(text, "\nCERTIFICATE-----", " CERTIFICATE-----") + "\n"
	var read [][]byte
	for text != "" {
		block, rest := pem.Decode([]byte(text))
		require.NotNil(t, block, "%q", text)
		require.Equal(t, "CERTIFICATE", block.Type)
		require.Empty(t, block.Headers)
		require.True(t, strings.HasPrefix(text, "-----BEGIN "), "%q", text)
		read, text = append(read, block.Bytes), string(rest)
	}
	return read
}

// Whatever is accepted is exactly what an encoder makes of the certificates.
func FuzzDER(f *testing.F) {
	leaf, between, _ := mintChain(f, "spiffe://example.com/a", 2)
	for _, write := range []func([]byte) string{b64, func(der []byte) string { return url.QueryEscape(b64(der)) }, item, nginx} {
		f.Add(join(append([]*authority{leaf}, between...), ",", write))
		f.Add(write(leaf.Raw))
	}
	f.Add(b64(leaf.Raw) + ",")
	f.Add("<nil>")
	reads := reader(f, mtls.FormatDER)
	f.Fuzz(func(t *testing.T, value string) {
		got := requireJudged(t, reads, headers("X-Forwarded-Tls-Client-Cert", value))
		if got == nil {
			return
		}
		var written []string
		for _, der := range got {
			written = append(written, b64(der))
		}
		require.Equal(t, strings.Trim(value, " \t"), strings.Join(written, ","))
	})
}

// Envoy's grammar as one expression: an element is pairs, and a value is quoted or has none of the signs that separate.
const (
	xfccPair    = `[^\x00-\x20\x7f-\xff"(),/:;<=>?@\[\\\]{}]+=(?:"(?:[^"\\]|\\(?s:.))*"|[^",;]*)`
	xfccElement = xfccPair + `(?:;` + xfccPair + `)*`
)

var (
	xfccWhole = regexp.MustCompile(`^(?s:` + xfccElement + `(?:,[ \t]*` + xfccElement + `)*)$`)
	xfccFirst = regexp.MustCompile(`^[ \t]*((?s:` + xfccElement + `))(?:,|$)`)
	xfccPairs = regexp.MustCompile(`(?:^|;)(?s:([^=]+)=("(?:[^"\\]|\\.)*"|[^",;]*))`)
)

// Whatever is accepted is in Envoy's grammar, and the element that counts has, by that grammar, one Cert or one Chain of exactly
// these certificates, and no other hash.
func FuzzXFCC(f *testing.F) {
	leaf, between, _ := mintChain(f, "spiffe://example.com/a", 1)
	f.Add(envoy(leaf), 1)
	f.Add(envoy(leaf, envoyChain(leaf, between[0]), `Subject="CN=a\\\,b\"c"`, "URI=spiffe://a/b", "DNS=a"), 1)
	f.Add(envoyChain(leaf, between[0]), 1)
	f.Add(envoy(leaf)+","+envoy(between[0]), 2)
	f.Add(envoy(leaf)+", "+envoy(between[0], "URI=x"), 1)
	f.Add(envoy(leaf, "URI=a,"+envoy(between[0])), 1)
	f.Add(`By="x,`+envoy(leaf, `URI=",`+envoy(between[0])), 1)
	f.Add("By=a;Hash=b;Subject=\"\";URI=", 1)
	f.Fuzz(func(t *testing.T, value string, n int) {
		if n < 1 || n > 10 {
			return
		}
		got := requireJudged(t, hops(t, n), headers("X-Forwarded-Client-Cert", value))
		if got == nil {
			return
		}
		value = strings.Trim(value, " \t")
		require.Regexp(t, xfccWhole, value)
		var elements []string
		for rest := value; rest != ""; {
			m := xfccFirst.FindStringSubmatch(rest)
			require.NotNil(t, m, "%q", rest)
			elements, rest = append(elements, m[1]), rest[len(m[0]):]
		}
		requireElement(t, elements[len(elements)-n], got)
	})
}

func requireElement(t *testing.T, element string, want [][]byte) {
	t.Helper()
	said := map[string][]string{}
	for _, m := range xfccPairs.FindAllStringSubmatch(element, -1) {
		key, v := strings.ToLower(m[1]), m[2]
		if strings.HasPrefix(v, `"`) {
			v = regexp.MustCompile(`(?s)\\(.)`).ReplaceAllString(v[1:len(v)-1], "$1")
		}
		said[key] = append(said[key], v)
	}
	require.NotEmpty(t, append(said["cert"], said["chain"]...))
	for key, list := range map[string][][]byte{"cert": want[:1], "chain": want} {
		require.LessOrEqual(t, len(said[key]), 1)
		for _, v := range said[key] {
			text, err := url.PathUnescape(v)
			require.NoError(t, err)
			require.Equal(t, list, pemOracle(t, text))
		}
	}
	require.LessOrEqual(t, len(said["hash"]), 1)
	for _, v := range said["hash"] {
		sum := sha256.Sum256(want[0])
		require.Equal(t, hex.EncodeToString(sum[:]), strings.ToLower(v))
	}
}
