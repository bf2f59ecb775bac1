package introspect_test

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/perimeter-go/perimeter/introspect"
)

func TestAKeyIsTheHashOfASecretBlockAndTheToken(t *testing.T) {
	secret := bytes.Repeat([]byte{7}, 32)
	block := append(bytes.Clone(secret), make([]byte, 32)...)
	for n := range 300 {
		tok := strings.Repeat("x", n)
		want := sha256.Sum256(append(bytes.Clone(block), tok...))
		require.Equal(t, string(want[:]), introspect.KeyUnder(secret, tok), "%d bytes", n)
	}
}

func TestNoTokenStaysInAHasher(t *testing.T) {
	c := serving(active()).client(t)
	for n := 8; n < 300; n += 7 {
		tok := strings.Repeat("x", n)
		c.Key(tok)
		left := c.LeftOfHashing()
		require.NotContains(t, left, strings.Trim(fmt.Sprintf("%d", []byte(tok)), "[]"), "%d bytes", n)
		require.Contains(t, left, " 0 0 0 0 ")
	}
}
