package main

import (
	"bytes"
	"context"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/perimeter-go/perimeter/internal/localissuer"
	"github.com/perimeter-go/perimeter/jwks"
)

func TestTheProgramTellsTheThreeAnswersApart(t *testing.T) {
	var out bytes.Buffer
	require.NoError(t, run(t.Context(), &out))
	require.Equal(t, `a document signed by the issuer:              genuine
the same, one letter changed:                 refused: the signature is not the issuer's
the next, under a key never seen before:      genuine
the first again, under the old key:           genuine
the second again, while the issuer is down:   genuine
a third, whose key cannot be fetched now:     undecided: try again later
`, out.String())
}

func TestWhatIsNoSignedDocumentIsRefused(t *testing.T) {
	issuer := localissuer.New("https://id.example.com")
	good := issuer.AccessToken("anyone")
	require.NoError(t, checkSignature(t.Context(), issuer, good))
	for _, document := range []string{
		"", ".", "..", "a.b.c", good[:len(good)-1], good + "A", good + ".x", "." + good,
		issuer.Sign("RS256", nil, []byte("{}")), localissuer.New("https://id.example.com").AccessToken("anyone"),
	} {
		err := checkSignature(t.Context(), issuer, document)
		require.Error(t, err, document)
		require.NotErrorIs(t, err, errUndecided, document)
	}
}

// Keys from a file or a test need no network.
func Example_keysFromAFile() {
	keys, err := jwks.Parse([]byte(`{"keys":[
		{"kty":"OKP","crv":"Ed25519","kid":"2026-11","alg":"EdDSA","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"},
		{"kty":"oct","kid":"a shared secret is no public key","k":"c2VjcmV0"}
	]}`))
	if err != nil {
		fmt.Println(err)
		return
	}
	found, _ := keys.PublicKeys(context.Background(), "2026-11", "EdDSA")
	fmt.Printf("%s, found as %T; skipped: %v\n", keys.KeyIDs(), found[0], keys.Skipped())
	// Output:
	// [2026-11], found as ed25519.PublicKey; skipped: map[symmetric:1]
}
