package mtls_test

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/perimeter-go/perimeter/mtls"
)

// The example of RFC 8705 appendix A: a self-signed certificate, and its thumbprint.
const (
	rfc8705Certificate = "MIIBBjCBrAIBAjAKBggqhkjOPQQDAjAPMQ0wCwYDVQQDDARtdGxzMB4XDTE4MTAxODEyMzcwOVoXDTIyMDUwMjEyMzcwOVowDzENMAsGA1UEAwwEbXRsczBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABNcnyxwqV6hY8QnhxxzFQ03C7HKW9OylMbnQZjjJ/Au08/coZwxS7LfA4vOLS9WuneIXhbGGWvsDSb0tH6IxLm8wCgYIKoZIzj0EAwIDSQAwRgIhAP0RC1E+vwJD/D1AGHGzuri+hlV/PpQEKTWUVeORWz83AiEA5x2eXZOVbUlJSGQgjwD5vaUaKlLR50Q2DmFfQj1L+SY="
	rfc8705Thumbprint  = "A4DtL2JmUMhAsvJj5tKyn64SqzmuXbMrJa0n761y5v0"
)

func TestTheThumbprintOfTheRFC(t *testing.T) {
	der, err := base64.StdEncoding.DecodeString(rfc8705Certificate)
	require.NoError(t, err)
	c, err := x509.ParseCertificate(der)
	require.NoError(t, err)
	got, err := mtls.Thumbprint(&tls.ConnectionState{HandshakeComplete: true, PeerCertificates: []*x509.Certificate{c}})
	require.NoError(t, err)
	require.Equal(t, rfc8705Thumbprint, got, "expired, self-signed, without usage: possession is enough")
}

func TestNoThumbprintOfNothing(t *testing.T) {
	for name, chain := range map[string][]*x509.Certificate{"nil": {nil}, "empty": {{}}} {
		got, err := mtls.Thumbprint(&tls.ConnectionState{HandshakeComplete: true, PeerCertificates: chain})
		require.ErrorIs(t, err, mtls.ErrNoCertificate, name)
		require.Empty(t, got)
	}
}
