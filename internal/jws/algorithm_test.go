package jws_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/perimeter-go/perimeter/internal/jws"
	"github.com/perimeter-go/perimeter/internal/localissuer"
)

func TestEveryAlgorithmVerifies(t *testing.T) {
	i := localissuer.New("https://issuer.test")
	for _, alg := range jws.Algorithms() {
		t.Run(alg, func(t *testing.T) {
			raw := i.Sign(alg, nil, []byte(`{"a":1}`))
			m, err := jws.Parse(raw, 16<<10)
			require.NoError(t, err)
			keys, err := i.PublicKeys(t.Context(), m.Header().KeyID, alg)
			require.NoError(t, err)
			require.NoError(t, m.Verify(keys[0]))
			require.Equal(t, `{"a":1}`, m.Payload())
		})
	}
}
