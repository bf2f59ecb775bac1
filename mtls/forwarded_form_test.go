package mtls_test

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/perimeter-go/perimeter/mtls"
)

// awkward are clients whose certificates are long, or have signs in them that mean something in a header.
func awkward(tb testing.TB) map[string]*authority {
	tb.Helper()
	root := newRoot(tb, "root")
	named := func(name pkix.Name) func(*x509.Certificate) {
		return func(c *x509.Certificate) { c.Subject = name }
	}
	return map[string]*authority{
		"a plain one":              mint(tb, root),
		"a self-signed one":        mint(tb, nil),
		"one of SPIFFE":            mint(tb, root, uris(tb, "spiffe://example.com/ns/prod/sa/orders")),
		"a key of 4096 bits":       issue(tb, leafTemplate(), root, big4096(tb)),
		"UTF-8, commas and quotes": mint(tb, root, named(pkix.Name{Country: []string{"CH"}, Organization: []string{`Müller, Söhne "AG"`}, CommonName: `a=b;c\d+e`})),
		"a brace and a percent":    mint(tb, root, named(pkix.Name{CommonName: "{x} 100% <nil> (null) ::"})),
		"a PEM block for a name":   mint(tb, root, named(pkix.Name{CommonName: "-----END CERTIFICATE-----"})),
		"an authority":             root,
	}
}

func TestForwardedReadsWhatProxiesWrite(t *testing.T) {
	for who, leaf := range awkward(t) {
		for _, row := range []struct {
			proxy  string
			format mtls.Format
			value  string
		}{
			{"HAProxy, Caddy and Apache by RFC 9440", mtls.FormatClientCert, item(leaf.Raw)},
			{"nginx $ssl_client_escaped_cert", mtls.FormatPEM, nginx(leaf.Raw)},
			{"nginx $ssl_client_cert, its folded lines joined", mtls.FormatPEM, strings.ReplaceAll(strings.TrimSpace(armour(leaf.Raw)), "\n", " ")},
			{"nginx $ssl_client_cert, its lines still folded", mtls.FormatPEM, strings.ReplaceAll(armour(leaf.Raw), "\n", "\n\t")},
			{"Apache SSL_CLIENT_CERT", mtls.FormatPEM, apache(leaf.Raw)},
			{"AWS with its signs unescaped", mtls.FormatPEM, lightlyEscaped(armour(leaf.Raw))},
			{"lower case in the escapes", mtls.FormatPEM, strings.NewReplacer("%0A", "%0a", "%2B", "%2b", "%2F", "%2f", "%3D", "%3d").Replace(nginx(leaf.Raw))},
			{"carriage returns in the escapes", mtls.FormatPEM, strings.ReplaceAll(nginx(leaf.Raw), "%0A", "%0D%0A")},
			{"Traefik passTLSClientCert", mtls.FormatDER, b64(leaf.Raw)},
			{"Envoy with Cert", mtls.FormatXFCC, envoy(leaf)},
			{"Envoy with Cert and Chain", mtls.FormatXFCC, envoy(leaf, envoyChain(leaf))},
			{"Envoy with Chain alone", mtls.FormatXFCC, "By=spiffe://a/b;" + envoyChain(leaf)},
			{"Envoy with everything", mtls.FormatXFCC, envoy(leaf, envoyChain(leaf), `Subject="CN=a\\\,b;c\"d,O={x}"`, "URI=spiffe://a/b?c=d", "URI=", "DNS=a.example", "DNS=b.example")},
			{"Envoy with a Subject that ends in a backslash", mtls.FormatXFCC, `Subject="CN=a\\";` + envoy(leaf)},
			{"Envoy with a Subject that looks like pairs", mtls.FormatXFCC, envoy(leaf, `Subject="CN=\",Cert=\"x\";Hash=1\""`)},
			{"Envoy with keys in another case", mtls.FormatXFCC, strings.NewReplacer("Cert=", "CERT=", "Hash=", "hash=").Replace(envoy(leaf))},
			{"Envoy with a quoted hash", mtls.FormatXFCC, `Hash="` + strings.ToUpper(hexSum(leaf.Raw)) + `";Cert="` + nginx(leaf.Raw) + `"`},
		} {
			t.Run(row.proxy+"/"+who, func(t *testing.T) {
				f := reader(t, row.format)
				for _, h := range []map[string][]string{
					headers(leafHeader[row.format], row.value),
					headers(strings.ToLower(leafHeader[row.format]), row.value),
					headers(leafHeader[row.format], " \t"+row.value+" "),
				} {
					requireRead(t, f, h, leaf)
				}
			})
		}
	}
}

func TestForwardedReadsWhatComesWithTheLeaf(t *testing.T) {
	leaf, between, root := mintChain(t, "spiffe://example.com/a", 2)
	all := append([]*authority{leaf}, between...)
	withRoot := slices.Concat(all, []*authority{root})
	for _, row := range []struct {
		name   string
		format mtls.Format
		header map[string][]string
		want   []*authority
	}{
		{"RFC 9440", mtls.FormatClientCert, headers("Client-Cert", item(leaf.Raw), "Client-Cert-Chain", join(between, ", ", item)), all},
		{"RFC 9440, the root too", mtls.FormatClientCert, headers("Client-Cert", item(leaf.Raw), "Client-Cert-Chain", join(withRoot[1:], ", ", item)), withRoot},
		{"RFC 9440 with all the blanks that a list may have", mtls.FormatClientCert, headers("Client-Cert", item(leaf.Raw), "Client-Cert-Chain", join(between, " \t, \t", item)), all},
		{"RFC 9440 with none", mtls.FormatClientCert, headers("Client-Cert", item(leaf.Raw), "Client-Cert-Chain", join(between, ",", item)), all},
		{"RFC 9440, the leaf first in the list", mtls.FormatClientCert, headers("Client-Cert", item(leaf.Raw), "Client-Cert-Chain", join(all, ", ", item)), all},
		{"RFC 9440, one intermediate", mtls.FormatClientCert, headers("Client-Cert", item(leaf.Raw), "Client-Cert-Chain", item(between[0].Raw)), all[:2]},
		{"HAProxy's chain", mtls.FormatClientCert, headers("Client-Cert", item(leaf.Raw), "Client-Cert-Chain", haproxyChain(all...)), all},
		{"HAProxy's chain without the leaf", mtls.FormatClientCert, headers("Client-Cert", item(leaf.Raw), "Client-Cert-Chain", haproxyChain(between...)), all},
		{"HAProxy's chain of the leaf alone", mtls.FormatClientCert, headers("Client-Cert", item(leaf.Raw), "Client-Cert-Chain", haproxyChain(leaf)), all[:1]},
		{"HAProxy's chain of nothing", mtls.FormatClientCert, headers("Client-Cert", item(leaf.Raw), "Client-Cert-Chain", "::"), all[:1]},
		{"an empty chain", mtls.FormatClientCert, headers("Client-Cert", item(leaf.Raw), "Client-Cert-Chain", ""), all[:1]},
		{"a placeholder for a chain", mtls.FormatClientCert, headers("Client-Cert", item(leaf.Raw), "Client-Cert-Chain", ":{http.x}:"), all[:1]},
		{"a chain in another format's header", mtls.FormatDER, headers("X-Forwarded-Tls-Client-Cert", b64(leaf.Raw), "Client-Cert-Chain", "x"), all[:1]},
		{"Traefik", mtls.FormatDER, headers("X-Forwarded-Tls-Client-Cert", join(all, ",", b64)), all},
		{"AWS in passthrough", mtls.FormatPEM, headers("X-SSL-Client-Cert", lightlyEscaped(join(all, "", armour))), all},
		{"PEM with blanks", mtls.FormatPEM, headers("X-SSL-Client-Cert", blanked(join(all, "", armour))), all},
		{"Envoy", mtls.FormatXFCC, headers("X-Forwarded-Client-Cert", envoy(leaf, envoyChain(all...))), all},
		{"Envoy with Chain alone", mtls.FormatXFCC, headers("X-Forwarded-Client-Cert", envoyChain(all...)), all},
	} {
		t.Run(row.name, func(t *testing.T) {
			requireRead(t, reader(t, row.format), row.header, row.want...)
		})
	}
}

func TestForwardedSeesThatThereIsNoCertificate(t *testing.T) {
	for format, name := range leafHeader {
		f := reader(t, format)
		for _, row := range []struct {
			name   string
			header map[string][]string
		}{
			{"no headers at all", nil},
			{"another header", headers("X-Other", "x")},
			{"a name without a value", map[string][]string{name: nil}},
			{"nginx, Apache with edits: empty", headers(name, "")},
			{"blanks", headers(name, " \t ")},
			{"Caddy 2.11, HAProxy without a condition: a sequence of nothing", headers(name, "::")},
			{"Apache: (null)", headers(name, "(null)")},
			{"Caddy: <nil>", headers(name, "<nil>")},
			{"Caddy 2.6: its placeholder", headers(name, ":{http.request.tls.client.certificate_der_base64}:")},
			{"any placeholder", headers(name, "{tls_client_certificate}")},
			{"a shell's placeholder", headers(name, "${SSL_CLIENT_CERT}")},
			{"a chain alone", headers("Client-Cert-Chain", item(mint(t, nil).Raw))},
			{"a forged spelling alone", headers(strings.ReplaceAll(name, "-", "_"), item(mint(t, nil).Raw))},
		} {
			t.Run(string(format)+"/"+row.name, func(t *testing.T) { requireNone(t, f, row.header) })
		}
	}
}

// spoil is what may be done to base64 that it is no longer what an encoder makes.
var spoil = []struct {
	name string
	do   func(b64 string) string
}{
	{"no padding", func(s string) string { return strings.TrimRight(s, "=") }},
	{"more padding", func(s string) string { return s + "=" }},
	{"spare bits", spareBits},
	{"the alphabet of URLs", func(s string) string { return "-_" + s[2:] }},
	{"a sign of no alphabet", func(s string) string { return "!" + s[1:] }},
	{"a byte cut off", func(s string) string { return s[:len(s)-5] }},
	{"half of it", func(s string) string { return s[:len(s)/8*4] }},
	{"a byte after the certificate", func(s string) string { return b64(append(unb64(s), 0)) }},
	{"a second certificate after it", func(s string) string { return b64(append(unb64(s), unb64(s)...)) }},
	{"something before it", func(s string) string { return b64(append([]byte{0}, unb64(s)...)) }},
	{"no certificate but bytes", func(string) string { return b64([]byte("forged")) }},
	{"DER that is no certificate", func(string) string { return b64([]byte{0x30, 0}) }},
	{"nothing but padding", func(string) string { return "====" }},
	{"base64 of base64", func(s string) string { return b64([]byte(s)) }},
	{"base64 of PEM", func(s string) string { return b64([]byte(armour(unb64(s)))) }},
	{"NUL", func(s string) string { return s + "\x00" }},
	{"a parameter", func(s string) string { return s + ";a=1" }},
}

func unb64(s string) []byte {
	b, err := base64.StdEncoding.DecodeString(s)
	if err != nil {
		panic(err)
	}
	return b
}

// spareBits sets the bits that no byte of the result shows. s ends in one "=".
func spareBits(s string) string {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
	at := len(s) - 2
	return s[:at] + string(alphabet[strings.IndexByte(alphabet, s[at])|1]) + "="
}

// mintPadded makes a certificate whose base64 ends in one "=".
func mintPadded(tb testing.TB) *authority {
	tb.Helper()
	for {
		if c := mint(tb, nil); len(c.Raw)%3 == 2 {
			return c
		}
	}
}

func TestForwardedRefusesSpoiledBase64InEveryFormat(t *testing.T) {
	leaf := mintPadded(t)
	whole := b64(leaf.Raw)
	lines := func(s string) string { return "-----BEGIN CERTIFICATE-----\n" + s + "\n-----END CERTIFICATE-----\n" }
	for _, form := range []struct {
		name   string
		format mtls.Format
		write  func(b64 string) map[string][]string
	}{
		{"Client-Cert", mtls.FormatClientCert, func(s string) map[string][]string { return headers("Client-Cert", ":"+s+":") }},
		{"a member of Client-Cert-Chain", mtls.FormatClientCert, func(s string) map[string][]string {
			return headers("Client-Cert", ":"+whole+":", "Client-Cert-Chain", ":"+whole+":, :"+s+":")
		}},
		{"DER", mtls.FormatDER, func(s string) map[string][]string { return headers("X-Forwarded-Tls-Client-Cert", s) }},
		{"the second of DER", mtls.FormatDER, func(s string) map[string][]string { return headers("X-Forwarded-Tls-Client-Cert", whole+","+s) }},
		{"escaped PEM", mtls.FormatPEM, func(s string) map[string][]string { return headers("X-SSL-Client-Cert", escaped(lines(s))) }},
		{"blanked PEM", mtls.FormatPEM, func(s string) map[string][]string { return headers("X-SSL-Client-Cert", blanked(lines(s))) }},
		{"XFCC Cert", mtls.FormatXFCC, func(s string) map[string][]string {
			return headers("X-Forwarded-Client-Cert", `Cert="`+url.PathEscape(lines(s))+`"`)
		}},
		{"XFCC Chain", mtls.FormatXFCC, func(s string) map[string][]string {
			return headers("X-Forwarded-Client-Cert", `Chain="`+url.PathEscape(lines(whole)+lines(s))+`"`)
		}},
	} {
		f := reader(t, form.format)
		_, err := f.Read(form.write(whole))
		require.NoError(t, err, "what is spoiled below is good without")
		for _, row := range spoil {
			t.Run(form.name+"/"+row.name, func(t *testing.T) {
				require.NotEqual(t, whole, row.do(whole))
				requireMalformed(t, f, form.write(row.do(whole)))
			})
		}
	}
}

func TestForwardedRefusesWhatIsInNoFormat(t *testing.T) {
	leaf, between, _ := mintChain(t, "spiffe://example.com/a", 1)
	other := mint(t, nil)
	pemText := armour(leaf.Raw)
	for _, row := range []struct {
		name   string
		format mtls.Format
		value  string
	}{
		{"a byte sequence that is not opened", mtls.FormatClientCert, b64(leaf.Raw) + ":"},
		{"a byte sequence that is not closed", mtls.FormatClientCert, ":" + b64(leaf.Raw)},
		{"a lone colon", mtls.FormatClientCert, ":"},
		{"three colons", mtls.FormatClientCert, ":::"},
		{"a parameter", mtls.FormatClientCert, item(leaf.Raw) + ";q=1"},
		{"a list where an item is expected", mtls.FormatClientCert, item(leaf.Raw) + ", " + item(other.Raw)},
		{"the same item twice", mtls.FormatClientCert, item(leaf.Raw) + ", " + item(leaf.Raw)},
		{"blanks inside", mtls.FormatClientCert, ": " + b64(leaf.Raw) + " :"},
		{"a line break inside, which Go's decoder skips", mtls.FormatClientCert, ":" + b64(leaf.Raw)[:64] + "\n" + b64(leaf.Raw)[64:] + ":"},
		{"a string", mtls.FormatClientCert, `"` + b64(leaf.Raw) + `"`},
		{"an inner list", mtls.FormatClientCert, "(" + item(leaf.Raw) + ")"},
		{"a base64 token, RFC 8941 wants colons", mtls.FormatClientCert, b64(leaf.Raw)},
		{"two concatenated where one is the leaf", mtls.FormatClientCert, haproxyChain(leaf, between[0])},
		{"escaped colons", mtls.FormatClientCert, "%3A" + b64(leaf.Raw) + "%3A"},
		{"text", mtls.FormatClientCert, "forged"},

		{"an empty element", mtls.FormatDER, b64(leaf.Raw) + ",," + b64(between[0].Raw)},
		{"a comma at the end", mtls.FormatDER, b64(leaf.Raw) + ","},
		{"a comma at the start", mtls.FormatDER, "," + b64(leaf.Raw)},
		{"a lone comma", mtls.FormatDER, ","},
		{"a blank after the comma", mtls.FormatDER, b64(leaf.Raw) + ", " + b64(between[0].Raw)},
		{"a blank for a plus", mtls.FormatDER, b64(leaf.Raw)[:20] + " " + b64(leaf.Raw)[21:]},
		{"two concatenated in one element", mtls.FormatDER, b64(append(slices.Clip(leaf.Raw), between[0].Raw...))},
		{"percent-encoded base64", mtls.FormatDER, url.QueryEscape(b64(leaf.Raw))},

		{"PEM that is nothing but a line", mtls.FormatPEM, "-----BEGIN CERTIFICATE-----"},
		{"PEM without a certificate in it", mtls.FormatPEM, "-----BEGIN CERTIFICATE----- -----END CERTIFICATE-----"},
		{"an escaped blank", mtls.FormatPEM, "%20"},
		{"an escaped NUL", mtls.FormatPEM, nginx(leaf.Raw) + "%00"},
		{"PEM without blanks at its lines", mtls.FormatPEM, strings.ReplaceAll(pemText, "\n", "")},
		{"PEM without a blank after its first line", mtls.FormatPEM, strings.Replace(apache(leaf.Raw), "CERTIFICATE----- ", "CERTIFICATE-----", 1)},
		{"PEM without a blank before its last line", mtls.FormatPEM, strings.Replace(apache(leaf.Raw), " -----END", "-----END", 1)},
		{"escaped PEM in which a plus has become a blank", mtls.FormatPEM, strings.Replace(nginx(leaf.Raw), "%0A", "+", 1)},
		{"query-escaped PEM, a plus for each blank", mtls.FormatPEM, url.QueryEscape(pemText)},
		{"PEM escaped twice", mtls.FormatPEM, url.PathEscape(nginx(leaf.Raw))},
		{"both spellings in one", mtls.FormatPEM, blanked(pemText) + "%0A"},
		{"both spellings, block by block", mtls.FormatPEM, apache(leaf.Raw) + nginx(between[0].Raw)},
		{"a percent sign that escapes nothing", mtls.FormatPEM, nginx(leaf.Raw) + "%"},
		{"a percent sign before what is no hex", mtls.FormatPEM, nginx(leaf.Raw) + "%zz"},
		{"text before the block", mtls.FormatPEM, "subject=x " + apache(leaf.Raw)},
		{"text after the block", mtls.FormatPEM, apache(leaf.Raw) + "x"},
		{"text between blocks", mtls.FormatPEM, apache(leaf.Raw) + "x " + apache(between[0].Raw)},
		{"a comma between blocks, as joined headers have", mtls.FormatPEM, apache(leaf.Raw) + ", " + apache(leaf.Raw)},
		{"blocks on one line", mtls.FormatPEM, strings.TrimSpace(apache(leaf.Raw)) + apache(between[0].Raw)},
		{"a header in the block", mtls.FormatPEM, strings.Replace(apache(leaf.Raw), "----- ", "----- Proc-Type: 4,ENCRYPTED  ", 1)},
		{"another label", mtls.FormatPEM, strings.ReplaceAll(apache(leaf.Raw), "CERTIFICATE", "TRUSTED CERTIFICATE")},
		{"a label in lower case", mtls.FormatPEM, strings.ReplaceAll(apache(leaf.Raw), "CERTIFICATE", "certificate")},
		{"labels that differ", mtls.FormatPEM, strings.Replace(apache(leaf.Raw), "END CERTIFICATE", "END X509 CRL", 1)},
		{"a label cut short", mtls.FormatPEM, strings.Replace(apache(leaf.Raw), "-----END CERTIFICATE-----", "-----END CERTIFICATE----", 1)},
		{"no end", mtls.FormatPEM, apache(leaf.Raw)[:100]},
		{"a form feed for a line break", mtls.FormatPEM, strings.Replace(pemText, "\n", "\f", 2)},
		{"a no-break space for a line break", mtls.FormatPEM, strings.Replace(pemText, "\n", "\u00a0", 2)},
		{"quotes around it", mtls.FormatPEM, `"` + apache(leaf.Raw) + `"`},

		{"an element without a certificate", mtls.FormatXFCC, "By=spiffe://a/b;Hash=" + hexSum(leaf.Raw) + `;Subject="CN=a";URI=spiffe://a/c`},
		{"an empty Cert", mtls.FormatXFCC, `Cert=""`},
		{"an empty Cert beside a Chain", mtls.FormatXFCC, `Cert="";` + envoyChain(leaf)},
		{"an empty Hash", mtls.FormatXFCC, `Hash=;Cert="` + nginx(leaf.Raw) + `"`},
		{"the hash of another certificate", mtls.FormatXFCC, "Hash=" + hexSum(other.Raw) + `;Cert="` + nginx(leaf.Raw) + `"`},
		{"the hash of nothing", mtls.FormatXFCC, "Hash=" + hexSum(nil) + `;Cert="` + nginx(leaf.Raw) + `"`},
		{"the hash of nothing, and nothing", mtls.FormatXFCC, "Hash=" + hexSum(nil) + `;Cert="-----BEGIN%20CERTIFICATE-----%0A-----END%20CERTIFICATE-----%0A"`},
		{"half a hash", mtls.FormatXFCC, "Hash=" + hexSum(leaf.Raw)[:32] + `;Cert="` + nginx(leaf.Raw) + `"`},
		{"a SHA-1", mtls.FormatXFCC, "Hash=" + strings.Repeat("0", 40) + `;Cert="` + nginx(leaf.Raw) + `"`},
		{"a Chain of another certificate", mtls.FormatXFCC, envoy(leaf, envoyChain(other))},
		{"a Chain whose leaf is not first", mtls.FormatXFCC, envoy(leaf, envoyChain(between[0], leaf))},
		{"two in Cert", mtls.FormatXFCC, `Cert="` + join([]*authority{leaf, between[0]}, "", nginx) + `"`},
		{"two Certs", mtls.FormatXFCC, envoy(leaf, `Cert="`+nginx(other.Raw)+`"`)},
		{"two Certs in different case", mtls.FormatXFCC, envoy(leaf, `cert="`+nginx(other.Raw)+`"`)},
		{"two Certs that are the same", mtls.FormatXFCC, envoy(leaf, `Cert="`+nginx(leaf.Raw)+`"`)},
		{"two Chains", mtls.FormatXFCC, envoy(leaf, envoyChain(leaf), envoyChain(leaf))},
		{"two Hashes", mtls.FormatXFCC, envoy(leaf, "hash="+hexSum(leaf.Raw))},
		{"a name that brings another Cert", mtls.FormatXFCC, envoy(leaf, `URI=spiffe://a/b;Cert="`+nginx(other.Raw)+`"`)},
		{"a name that brings the Cert, for want of one", mtls.FormatXFCC, "By=spiffe://a/b;Hash=" + hexSum(leaf.Raw) + `;URI=x;Cert="` + nginx(other.Raw) + `"`},
		{"Cert in blanked PEM", mtls.FormatXFCC, `Cert="` + apache(leaf.Raw) + `"`},
		{"Cert in base64", mtls.FormatXFCC, `Cert="` + b64(leaf.Raw) + `"`},
		{"a quote that is not closed", mtls.FormatXFCC, strings.TrimSuffix(envoy(leaf), `"`)},
		{"a backslash at the very end", mtls.FormatXFCC, envoy(leaf, `Subject="CN=a\`)},
		{"a quote inside a bare value", mtls.FormatXFCC, envoy(leaf, `URI=a"b"`)},
		{"text after a closing quote", mtls.FormatXFCC, envoy(leaf) + "x"},
		{"a pair without a value", mtls.FormatXFCC, envoy(leaf, "URI")},
		{"a pair without a key", mtls.FormatXFCC, envoy(leaf, "=x")},
		{"a key with a blank", mtls.FormatXFCC, envoy(leaf, " DNS=x")},
		{"a semicolon at the end", mtls.FormatXFCC, envoy(leaf) + ";"},
		{"a comma at the end", mtls.FormatXFCC, envoy(leaf) + ","},
		{"a comma at the start", mtls.FormatXFCC, "," + envoy(leaf)},
		{"an empty element", mtls.FormatXFCC, envoy(leaf) + ",," + envoy(leaf)},
		{"a certificate, but not in the element that counts", mtls.FormatXFCC, envoy(leaf) + ",By=x"},
		{"text", mtls.FormatXFCC, "forged"},
	} {
		t.Run(string(row.format)+"/"+row.name, func(t *testing.T) {
			requireMalformed(t, reader(t, row.format), headers(leafHeader[row.format], row.value))
		})
	}
}

func TestForwardedRefusesTheFormatsThatItIsNotToldToRead(t *testing.T) {
	leaf := mint(t, nil)
	written := map[mtls.Format][]string{
		mtls.FormatClientCert: {item(leaf.Raw)}, mtls.FormatXFCC: {envoy(leaf)},
		mtls.FormatPEM: {nginx(leaf.Raw), apache(leaf.Raw)}, mtls.FormatDER: {b64(leaf.Raw)},
	}
	for told, name := range leafHeader {
		for format, values := range written {
			for _, value := range values {
				t.Run(string(format)+" to a reader of "+string(told), func(t *testing.T) {
					if told == format {
						requireRead(t, reader(t, told), headers(name, value), leaf)
						return
					}
					requireMalformed(t, reader(t, told), headers(name, value))
				})
			}
		}
	}
}

func TestForwardedRefusesAChainThatIsInNoFormat(t *testing.T) {
	leaf, between, _ := mintChain(t, "spiffe://example.com/a", 2)
	for _, row := range []struct{ name, chain string }{
		{"a forged one", ":Zm9yZ2Vk:"},
		{"text", "forged"},
		{"no colons", b64(between[0].Raw)},
		{"a comma at the end", item(between[0].Raw) + ","},
		{"a comma at the start", "," + item(between[0].Raw)},
		{"an empty member", item(between[0].Raw) + ", ::, " + item(between[1].Raw)},
		{"a parameter", item(between[0].Raw) + ";a, " + item(between[1].Raw)},
		{"an inner list", "(" + item(between[0].Raw) + " " + item(between[1].Raw) + ")"},
		{"blanks for commas", item(between[0].Raw) + " " + item(between[1].Raw)},
		{"a list whose members are concatenated", item(between[0].Raw) + ", " + haproxyChain(leaf, between[0])},
		{"bytes after what is concatenated", item(append(append(slices.Clip(leaf.Raw), between[0].Raw...), 0x30))},
		{"something else in what is concatenated", item(append(slices.Clip(leaf.Raw), 0x05, 0x00))},
	} {
		t.Run(row.name, func(t *testing.T) {
			requireMalformed(t, reader(t, mtls.FormatClientCert), headers("Client-Cert", item(leaf.Raw), "Client-Cert-Chain", row.chain))
		})
	}
}
