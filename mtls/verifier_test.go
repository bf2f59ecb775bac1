package mtls_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/perimeter-go/perimeter/mtls"
)

func TestAChainToARootIsNeeded(t *testing.T) {
	root, other := newRoot(t, "root"), newRoot(t, "root")
	middle := root.newIntermediate(t, "middle")
	leaf := middle.issue(t)
	v := newVerifier(t, trusting(root), mtls.DNS("client.example.com"))
	for range 2 { // remembered or not
		require.Equal(t, "client.example.com", verdict(v, leaf, middle))
		require.Equal(t, "client.example.com", verdict(v, leaf, middle, root))
		require.Equal(t, "client.example.com", verdict(v, root.issue(t)))
		require.Equal(t, "chain", verdict(v, leaf))
		require.Equal(t, "chain", verdict(v, other.issue(t)))
		require.Equal(t, "chain", verdict(v, other.issue(t), other))
	}
}
