package conformance_test

import (
	"encoding/json"
	"io/fs"
	"strings"
	"testing"

	"github.com/c2sp/wycheproof"
	"github.com/stretchr/testify/require"

	"github.com/perimeter-go/perimeter/internal/jws"
	"github.com/perimeter-go/perimeter/jwks"
)

// file is what the vector files have in common.
type file[G any] struct {
	NumberOfTests int `json:"numberOfTests"`
	TestGroups    []G `json:"testGroups"`
}

func read[G any](t *testing.T, name string) file[G] {
	t.Helper()
	data, err := fs.ReadFile(wycheproof.TestVectors, name)
	require.NoError(t, err)
	var f file[G]
	require.NoError(t, json.Unmarshal(data, &f))
	require.NotEmpty(t, f.TestGroups)
	return f
}

// The results that a vector can have.
const (
	valid      = "valid"
	invalid    = "invalid"
	acceptable = "acceptable" // a verifier may do as it likes
)

// maxBytes is the limit that package token sets by default.
const maxBytes = 16 << 10

// verify does what a verifier of tokens does: the key from a key set document, by the header's kid and alg, then the signature.
func verify(t *testing.T, document []byte, token string) error {
	t.Helper()
	m, err := jws.Parse(token, maxBytes)
	if err != nil {
		return err
	}
	set, err := jwks.Parse(document)
	if err != nil {
		return err
	}
	keys, err := set.PublicKeys(t.Context(), m.Header().KeyID, m.Header().Algorithm)
	if err != nil {
		return err
	}
	err = errNoKey
	for _, key := range keys {
		if err = m.Verify(key); err == nil {
			return nil
		}
	}
	return err
}

type constError string

func (e constError) Error() string { return string(e) }

const errNoKey = constError("no such key")

// asSet makes a key set document of a key, or of what is one already.
func asSet(key json.RawMessage) []byte {
	if strings.Contains(string(key), `"keys"`) {
		return key
	}
	return []byte(`{"keys":[` + string(key) + `]}`)
}

// Every vector file is either run here or known to be about something else, so that a new one cannot go unnoticed.
func TestEveryVectorFileIsAccountedFor(t *testing.T) {
	elsewhere := []string{ // no signatures that can be in a JWS we accept
		"a128", "a192", "a256", "aead_", "aegis", "aes_", "aria_", "ascon", "c2sp_", "camellia_", "chacha20", "kmac", "morus", "pbe", "pbkdf2", "seed_", "siphash", "sm4_", "vmac", "xchacha20", // symmetric
		"hkdf", "hmac", // raw MACs and key derivation
		"ecdh_", "x25519", "x448", "mlkem", "rsa_oaep", "rsa_pkcs1_2048_test", "rsa_pkcs1_3072_test", "rsa_pkcs1_4096_test", "rsa_three_primes", // key agreement and encryption
		"ec_prime_order_curves", "primality", // parameters
		"bls_", "dsa_", "mldsa", // signatures that no supported algorithm makes
		"ecdsa_brainpool", "ecdsa_secp160", "ecdsa_secp192", "ecdsa_secp224", // curves that JOSE has no name for
	}
	names, err := fs.Glob(wycheproof.TestVectors, "*.json")
	require.NoError(t, err)
	apart := 0
	for _, name := range names {
		_, signatures := ledger[name]
		_, jose := joseLedger[name]
		if startsWithAny(name, elsewhere) {
			apart++
			continue
		}
		require.NotEqual(t, signatures, jose, "%s is in one ledger", name)
	}
	require.Len(t, names, len(ledger)+len(joseLedger)+apart)
	require.Len(t, joseLedger, 4)
}

func startsWithAny(name string, prefixes []string) bool {
	for _, p := range prefixes {
		if strings.HasPrefix(name, p) {
			return true
		}
	}
	return false
}
