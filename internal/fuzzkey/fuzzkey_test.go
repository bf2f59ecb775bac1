package fuzzkey_test

import (
	"os"
	"os/exec"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/perimeter-go/perimeter/internal/fuzzkey"
)

// The environment is what a fuzzing process gives its workers.
func TestAProcessAndItsChildrenHaveOneKey(t *testing.T) {
	key := fuzzkey.RSA()
	require.Equal(t, 2048, key.N.BitLen())
	if parent := os.Getenv("PARENT_MODULUS"); parent != "" {
		require.Equal(t, parent, key.N.String())
		return
	}
	child := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^"+t.Name()+"$")
	child.Env = append(os.Environ(), "PARENT_MODULUS="+key.N.String())
	out, err := child.CombinedOutput()
	require.NoError(t, err, "%s", out)
}
