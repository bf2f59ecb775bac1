package mtls_test

import (
	"encoding/pem"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/perimeter-go/perimeter/mtls"
)

// The example of RFC 9440 appendix A.
const (
	rfcClientCert = "" +
		":MIIBqDCCAU6gAwIBAgIBBzAKBggqhkjOPQQDAjA6MRswGQYDVQQKDBJMZXQncyBBdXRoZW50aWNhdGUxGzAZBgNVBAMMEkxBIEludGVybWVkaWF0ZSBDQTA" +
		"eFw0yMDAxMTQyMjU1MzNaFw0yMTAxMjMyMjU1MzNaMA0xCzAJBgNVBAMMAkJDMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE8YnXXfaUgmnMtOXU/IncWal" +
		"RhebrXmckC8vdgJ1p5Be5F/3YC8OthxM4+k1M6aEAEFcGzkJiNy6J84y7uzo9M6NyMHAwCQYDVR0TBAIwADAfBgNVHSMEGDAWgBRm3WjLa38lbEYCuiCPct0" +
		"ZaSED2DAOBgNVHQ8BAf8EBAMCBsAwEwYDVR0lBAwwCgYIKwYBBQUHAwIwHQYDVR0RAQH/BBMwEYEPYmRjQGV4YW1wbGUuY29tMAoGCCqGSM49BAMCA0gAMEU" +
		"CIBHda/r1vaL6G3VliL4/Di6YK0Q6bMjeSkC3dFCOOB8TAiEAx/kHSB4urmiZ0NX5r5XarmPk0wmuydBVoU4hBVZ1yhk=:"
	rfcIntermediate = "" +
		":MIIB5jCCAYugAwIBAgIBFjAKBggqhkjOPQQDAjBWMQswCQYDVQQGEwJVUzEbMBkGA1UECgwSTGV0J3MgQXV0aGVudGljYXRlMSowKAYDVQQDDCFMZXQncyB" +
		"BdXRoZW50aWNhdGUgUm9vdCBBdXRob3JpdHkwHhcNMjAwMTE0MjEzMjMwWhcNMzAwMTExMjEzMjMwWjA6MRswGQYDVQQKDBJMZXQncyBBdXRoZW50aWNhdGU" +
		"xGzAZBgNVBAMMEkxBIEludGVybWVkaWF0ZSBDQTBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABJf+aA54RC5pyLAR5yfXVYmNpgd+CGUTDp2KOGhc0gK91zx" +
		"hHesEYkdXkpS2UN8Kati+yHtWCV3kkhCngGyv7RqjZjBkMB0GA1UdDgQWBBRm3WjLa38lbEYCuiCPct0ZaSED2DAfBgNVHSMEGDAWgBTEA2Q6eecKu9g9yb5" +
		"glbkhhVINGDASBgNVHRMBAf8ECDAGAQH/AgEAMA4GA1UdDwEB/wQEAwIBhjAKBggqhkjOPQQDAgNJADBGAiEA5pLvaFwRRkxomIAtDIwg9D7gC1xzxBl4r28" +
		"EzmSO1pcCIQCJUShpSXO9HDIQMUgH69fNDEMHXD3RRX5gP7kuu2KGMg==:"
	rfcRoot = "" +
		":MIICBjCCAaygAwIBAgIJAKS0yiqKtlhoMAoGCCqGSM49BAMCMFYxCzAJBgNVBAYTAlVTMRswGQYDVQQKDBJMZXQncyBBdXRoZW50aWNhdGUxKjAoBgNVBAM" +
		"MIUxldCdzIEF1dGhlbnRpY2F0ZSBSb290IEF1dGhvcml0eTAeFw0yMDAxMTQyMTI1NDVaFw00MDAxMDkyMTI1NDVaMFYxCzAJBgNVBAYTAlVTMRswGQYDVQQ" +
		"KDBJMZXQncyBBdXRoZW50aWNhdGUxKjAoBgNVBAMMIUxldCdzIEF1dGhlbnRpY2F0ZSBSb290IEF1dGhvcml0eTBZMBMGByqGSM49AgEGCCqGSM49AwEHA0I" +
		"ABFoaHU+Z5bPKmGzlYXtCf+E6HYj62fORaHDOrt+yyh3H/rTcs7ynFfGn+gyFsrSP3Ez88rajv+U2NfD0o0uZ4PmjYzBhMB0GA1UdDgQWBBTEA2Q6eecKu9g" +
		"9yb5glbkhhVINGDAfBgNVHSMEGDAWgBTEA2Q6eecKu9g9yb5glbkhhVINGDAPBgNVHRMBAf8EBTADAQH/MA4GA1UdDwEB/wQEAwIBhjAKBggqhkjOPQQDAgN" +
		"IADBFAiEAmAeg1ycKHriqHnaD4M/UDBpQRpkmdcRFYGMg1Qyrkx4CIB4ivz3wQcQkGhcsUZ1SOImd/lq1Q0FLf09rGfLQPWDc:"
)

func TestTheExampleOfRFC9440(t *testing.T) {
	f := reader(t, mtls.FormatClientCert)
	certs, err := f.Read(headers("Client-Cert", rfcClientCert, "Client-Cert-Chain", rfcIntermediate+", "+rfcRoot))
	require.NoError(t, err)
	require.Len(t, certs, 3)
	require.Equal(t, []string{"bdc@example.com"}, certs[0].EmailAddresses)
	require.Equal(t, "CN=LA Intermediate CA,O=Let's Authenticate", certs[1].Subject.String())
	require.NoError(t, certs[0].CheckSignatureFrom(certs[1]))
	require.NoError(t, certs[1].CheckSignatureFrom(certs[2]))
	require.NoError(t, certs[2].CheckSignatureFrom(certs[2]))
}

func TestTheThumbprintOfRFC8705InEveryFormat(t *testing.T) {
	block, rest := pem.Decode([]byte("-----BEGIN CERTIFICATE-----\n" + rfc8705Certificate + "\n-----END CERTIFICATE-----\n"))
	require.Empty(t, rest)
	der := block.Bytes
	for format, value := range map[mtls.Format]string{
		mtls.FormatClientCert: ":" + rfc8705Certificate + ":",
		mtls.FormatDER:        rfc8705Certificate,
		mtls.FormatPEM:        nginx(der),
		mtls.FormatXFCC:       `Cert="` + nginx(der) + `"`,
	} {
		t.Run(string(format), func(t *testing.T) {
			got, err := reader(t, format).Thumbprint(proxyAddr, nil, headers(leafHeader[format], value))
			require.NoError(t, err)
			require.Equal(t, rfc8705Thumbprint, got)
		})
	}
}
