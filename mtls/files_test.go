package mtls_test

import (
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/perimeter-go/perimeter/mtls"
)

// dir is a directory with files.
type dir string

func (d dir) write(tb testing.TB, name string, data []byte) string {
	tb.Helper()
	path := filepath.Join(string(d), name)
	require.NoError(tb, os.WriteFile(path+".new", data, 0o600))
	require.NoError(tb, os.Rename(path+".new", path))
	return path
}

func x5c(list ...*authority) string {
	entries := make([]string, len(list))
	for i, a := range list {
		entries[i] = `"` + base64.StdEncoding.EncodeToString(a.Raw) + `"`
	}
	return "[" + strings.Join(entries, ",") + "]"
}

func TestFilesAreReadInTheirForms(t *testing.T) {
	root, a, b := newRoot(t, "root"), newRoot(t, "a"), newRoot(t, "b")
	l1, l2 := root.revoke(t, 1), a.revoke(t, 1)
	document := fmt.Sprintf(`{"spiffe_sequence": 1, "keys": [
		{"use":"jwt-svid","kty":"EC","kid":"1"}, {"use":"x509-svid","kty":"EC","x5c":%s}, {"use":"x509-svid","kty":"EC","x5c":%s},
		{"use":"x509-svid","x5c":[]}, {"use":"x509-svid"}, {"kty":"AKP"}, {"use":"other","x5c":["!"]}]}`, x5c(a), x5c(b, root))
	d := dir(t.TempDir())
	trust, err := mtls.Files{
		Roots:   []string{d.write(t, "roots.pem", pemOf("CERTIFICATE", root.Raw)), d.write(t, "more.pem", append([]byte("\n\n"), pemOf("CERTIFICATE", a.Raw, b.Raw)...))},
		Bundles: map[string]string{"a.example": d.write(t, "a.json", []byte(document)), "b.example": d.write(t, "b.pem", pemOf("CERTIFICATE", b.Raw))},
		CRLs:    []string{d.write(t, "1.crl", l1.Raw), d.write(t, "2.pem", pemOf("X509 CRL", l1.Raw, l2.Raw))},
	}.Read()
	require.NoError(t, err)
	require.Equal(t, certificates(root, a, b), trust.Roots)
	require.Equal(t, map[string][]*x509.Certificate{"a.example": certificates(a, b), "b.example": certificates(b)}, trust.Bundles)
	require.Equal(t, []*x509.RevocationList{l1, l1, l2}, trust.CRLs)
}

func TestFilesThatAreNotWhatTheyShouldBe(t *testing.T) {
	root := newRoot(t, "root")
	good := pemOf("CERTIFICATE", root.Raw)
	crl := root.revoke(t, 1).Raw
	spiffe := func(x string) []byte { return []byte(`{"keys":[{"use":"x509-svid","x5c":` + x + `}]}`) }
	withHeader := strings.Replace(string(good), "-----\n", "-----\nProc-Type: 4,ENCRYPTED\n\n", 1)
	d := dir(t.TempDir())
	for _, between := range []string{"", "\n", "\r\n", " \r\n\t\n"} {
		data := between + string(good) + between + string(good) + between
		trust, err := mtls.Files{Roots: []string{d.write(t, "file", []byte(data))}}.Read()
		require.NoError(t, err, "%q", between)
		require.Len(t, trust.Roots, 2)
	}
	for name, row := range map[string]struct {
		kind string
		data []byte
	}{
		"an empty file":                        {"roots", nil},
		"only blanks":                          {"roots", []byte(" \n\t\n")},
		"DER":                                  {"roots", root.Raw},
		"a private key":                        {"roots", pemOf("PRIVATE KEY", []byte{1})},
		"a private key after a certificate":    {"roots", append(append([]byte{}, good...), pemOf("EC PRIVATE KEY", []byte{1})...)},
		"a list among certificates":            {"roots", append(append([]byte{}, good...), pemOf("X509 CRL", crl)...)},
		"text before":                          {"roots", append([]byte("CA:\n"), good...)},
		"text between":                         {"roots", append(append(append([]byte{}, good...), "next\n"...), good...)},
		"text after":                           {"roots", append(append([]byte{}, good...), "end"...)},
		"a blank before the first":             {"roots", append([]byte("\n "), good...)},
		"a carriage return before the first":   {"roots", append([]byte("\r"), good...)},
		"a blank before the second":            {"roots", append(append(append([]byte{}, good...), ' '), good...)},
		"cut off":                              {"roots", good[:len(good)-20]},
		"cut off in the second":                {"roots", append(append([]byte{}, good...), good[:len(good)/2]...)},
		"the first is broken":                  {"roots", append(append([]byte{}, good[:len(good)/2]...), good...)},
		"the end of the first is missing":      {"roots", append([]byte(strings.Replace(string(good), "-----END CERTIFICATE-----\n", "", 1)), good...)},
		"headers in a block":                   {"roots", []byte(withHeader)},
		"no certificate in the block":          {"roots", pemOf("CERTIFICATE", []byte("no"))},
		"more after the certificate":           {"roots", pemOf("CERTIFICATE", append(append([]byte{}, root.Raw...), 0))},
		"a leaf":                               {"roots", pemOf("CERTIFICATE", root.issue(t).Raw)},
		"too large":                            {"roots", append(good, make([]byte, 1<<20)...)},
		"a bundle document as roots":           {"roots", spiffe(x5c(root))},
		"half a document":                      {"bundle", spiffe(x5c(root))[:100]},
		"no keys":                              {"bundle", []byte(`{}`)},
		"keys that are no array":               {"bundle", []byte(`{"keys":{}}`)},
		"no X.509 authority":                   {"bundle", []byte(`{"keys":[{"use":"jwt-svid"}]}`)},
		"a use in capitals":                    {"bundle", []byte(`{"keys":[{"use":"X509-SVID","x5c":` + x5c(root) + `}]}`)},
		"an entry that is null":                {"bundle", []byte(`{"keys":[null]}`)},
		"an x5c that is text":                  {"bundle", spiffe(`"x"`)},
		"an x5c of numbers":                    {"bundle", spiffe(`[1]`)},
		"an x5c that is no base64":             {"bundle", spiffe(`["*"]`)},
		"an x5c that is no certificate":        {"bundle", spiffe(`["MAA="]`)},
		"an x5c that is a leaf":                {"bundle", spiffe(x5c(root.issue(t)))},
		"keys twice":                           {"bundle", []byte(`{"keys":[],"keys":[{"use":"x509-svid","x5c":` + x5c(root) + `}]}`)},
		"use twice":                            {"bundle", []byte(`{"keys":[{"use":"jwt-svid","use":"x509-svid","x5c":` + x5c(root) + `}]}`)},
		"something after the document":         {"bundle", append(spiffe(x5c(root)), "{}"...)},
		"an empty list file":                   {"crl", nil},
		"a certificate as list":                {"crl", good},
		"a certificate's DER as list":          {"crl", root.Raw},
		"a list cut off":                       {"crl", crl[:len(crl)-1]},
		"a list with more after it":            {"crl", append(append([]byte{}, crl...), 0)},
		"a list in PEM cut off":                {"crl", pemOf("X509 CRL", crl)[:100]},
		"a list in PEM with more after it":     {"crl", pemOf("X509 CRL", append(append([]byte{}, crl...), 0))},
		"a list that is too large":             {"crl", append([]byte{0x30}, make([]byte, 16<<20)...)},
		"half of a list and then another list": {"crl", append(pemOf("X509 CRL", crl)[:100], pemOf("X509 CRL", crl)...)},
	} {
		t.Run(name, func(t *testing.T) {
			path := d.write(t, "file", row.data)
			f := mtls.Files{Roots: []string{path}}
			switch row.kind {
			case "bundle":
				f = mtls.Files{Bundles: map[string]string{"a.example": path}}
			case "crl":
				f = mtls.Files{CRLs: []string{path}}
			}
			trust, err := f.Read()
			require.ErrorContains(t, err, path)
			require.Zero(t, trust)
			if len(row.data) > 0 {
				require.NotContains(t, err.Error(), "-----")
			}
		})
	}
}

func TestAllFilesThatCannotBeReadAreNamedTogether(t *testing.T) {
	d := t.TempDir()
	_, err := mtls.Files{
		Roots: []string{filepath.Join(d, "absent"), d}, Bundles: map[string]string{"a": filepath.Join(d, "absent too")}, CRLs: []string{filepath.Join(d, "nowhere")},
	}.Read()
	require.ErrorIs(t, err, os.ErrNotExist)
	for _, want := range []string{"absent", "absent too", "nowhere", d + ": no regular file"} {
		require.ErrorContains(t, err, want)
	}
}
