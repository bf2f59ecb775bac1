package mtls_test

import (
	"strings"
	"testing"

	"github.com/perimeter-go/perimeter/mtls"
)

func TestForwardedRefusesAHeaderThatIsThereTwice(t *testing.T) {
	leaf, other := mint(t, nil), mint(t, nil)
	write := map[mtls.Format]func(*authority) string{
		mtls.FormatClientCert: func(c *authority) string { return item(c.Raw) },
		mtls.FormatXFCC:       func(c *authority) string { return envoy(c) },
		mtls.FormatPEM:        func(c *authority) string { return nginx(c.Raw) },
		mtls.FormatDER:        func(c *authority) string { return b64(c.Raw) },
	}
	for format, name := range leafHeader {
		f, good, forged := reader(t, format), write[format](leaf), write[format](other)
		for _, row := range []struct {
			name   string
			header map[string][]string
		}{
			{"with another value", headers(name, good, name, forged)},
			{"with the same value", headers(name, good, name, good)},
			{"the second empty", headers(name, good, name, "")},
			{"the first empty", headers(name, "", name, forged)},
			{"both empty", headers(name, "", name, "")},
			{"in another case", headers(name, good, strings.ToLower(name), forged)},
			{"in two cases, neither of them canonical", headers(strings.ToUpper(name), good, strings.ToLower(name), forged)},
			{"with underscores", headers(name, good, strings.ReplaceAll(name, "-", "_"), forged)},
			{"with one underscore, in lower case", headers(name, good, strings.ToLower(strings.Replace(name, "-", "_", 1)), forged)},
			{"with dots", headers(name, good, strings.ReplaceAll(name, "-", "."), forged)},
			{"with underscores, beside an empty one", headers(name, "", strings.ReplaceAll(name, "-", "_"), forged)},
		} {
			t.Run(string(format)+"/"+row.name, func(t *testing.T) { requireMalformed(t, f, row.header) })
		}
		t.Run(string(format)+"/but a name of another length is another header", func(t *testing.T) {
			requireRead(t, f, headers(name, good, name+"-", forged, "X-"+name, forged), leaf)
		})
		t.Run(string(format)+"/and a name without values is none", func(t *testing.T) {
			h := headers(name, good)
			h[strings.ToLower(name)] = nil
			requireRead(t, f, h, leaf)
		})
	}
}

func TestForwardedRefusesAChainHeaderThatIsThereTwice(t *testing.T) {
	leaf, between, _ := mintChain(t, "spiffe://example.com/a", 1)
	f, chain := reader(t, mtls.FormatClientCert), item(between[0].Raw)
	for _, row := range []struct {
		name  string
		pairs []string
	}{
		{"as a list may be in two lines, but who wrote which?", []string{"Client-Cert-Chain", chain, "Client-Cert-Chain", chain}},
		{"in another case", []string{"Client-Cert-Chain", chain, "client-cert-chain", ""}},
		{"with underscores", []string{"Client-Cert-Chain", chain, "Client_Cert_Chain", ":Zm9yZ2Vk:"}},
	} {
		t.Run(row.name, func(t *testing.T) {
			requireMalformed(t, f, headers(append([]string{"Client-Cert", item(leaf.Raw)}, row.pairs...)...))
		})
	}
}

func TestForwardedReadsTheConfiguredHeaders(t *testing.T) {
	leaf, between, _ := mintChain(t, "spiffe://example.com/a", 1)
	f := forwarder(t, nil, mtls.ForwardedConfig{
		Format: mtls.FormatClientCert, Header: "x_tls_cert", ChainHeader: "X-TLS-Chain", TrustedProxies: proxyRange,
	})
	requireRead(t, f, headers("X_tls_cert", item(leaf.Raw), "X-Tls-Chain", item(between[0].Raw)), leaf, between[0])
	requireNone(t, f, headers("X-Tls-Cert", item(leaf.Raw)))
	requireNone(t, f, headers("Client-Cert", item(leaf.Raw), "Client-Cert-Chain", item(between[0].Raw)))
	requireMalformed(t, f, headers("X_tls_cert", item(leaf.Raw), "X-Tls-Cert", item(leaf.Raw)))
}

func TestForwardedReadsNoMoreThanItSays(t *testing.T) {
	leaf, between, _ := mintChain(t, "spiffe://example.com/a", 11)
	all := append([]*authority{leaf}, between...)
	for _, form := range []struct {
		name   string
		format mtls.Format
		write  func(...*authority) map[string][]string
	}{
		{"RFC 9440", mtls.FormatClientCert, func(c ...*authority) map[string][]string {
			return headers("Client-Cert", item(c[0].Raw), "Client-Cert-Chain", join(c[1:], ", ", item))
		}},
		{"HAProxy", mtls.FormatClientCert, func(c ...*authority) map[string][]string {
			return headers("Client-Cert", item(c[0].Raw), "Client-Cert-Chain", haproxyChain(c...))
		}},
		{"DER", mtls.FormatDER, func(c ...*authority) map[string][]string {
			return headers("X-Forwarded-Tls-Client-Cert", join(c, ",", b64))
		}},
		{"PEM", mtls.FormatPEM, func(c ...*authority) map[string][]string {
			return headers("X-Ssl-Client-Cert", join(c, "", nginx))
		}},
		{"XFCC", mtls.FormatXFCC, func(c ...*authority) map[string][]string {
			return headers("X-Forwarded-Client-Cert", envoyChain(c...))
		}},
	} {
		f := reader(t, form.format)
		t.Run(form.name+"/ten intermediates", func(t *testing.T) { requireRead(t, f, form.write(all[:11]...), all[:11]...) })
		t.Run(form.name+"/eleven", func(t *testing.T) { requireMalformed(t, f, form.write(all...)) })
	}

	t.Run("64 KiB", func(t *testing.T) {
		f := reader(t, mtls.FormatXFCC)
		fill := func(size int) map[string][]string {
			value := envoy(leaf) + ";Subject="
			return headers("X-Forwarded-Client-Cert", value+strings.Repeat("x", size-len(value)))
		}
		requireRead(t, f, fill(64<<10), leaf)
		requireMalformed(t, f, fill(64<<10+1))
	})
	t.Run("64 KiB of blanks", func(t *testing.T) {
		requireMalformed(t, reader(t, mtls.FormatDER), headers("X-Forwarded-Tls-Client-Cert", strings.Repeat(" ", 64<<10+1)))
	})
	t.Run("64 KiB of a chain", func(t *testing.T) {
		requireMalformed(t, reader(t, mtls.FormatClientCert), headers("Client-Cert", item(leaf.Raw), "Client-Cert-Chain", strings.Repeat(" ", 64<<10+1)))
	})
}
