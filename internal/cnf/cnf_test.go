package cnf_test

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/perimeter-go/perimeter/internal/cnf"
)

type proof struct {
	Method     string
	Thumbprint string
	Find       func() (thumbprint string, err error)
}

// The packages that use this one have the rows of what is refused. Here is what they have in common: when somebody is asked.
func TestWhatIsFound(t *testing.T) {
	errFind := errors.New("cannot be found")
	cert, jkt := cnf.Confirmation{Method: "x5t#S256", Thumbprint: "c"}, cnf.Confirmation{Method: "jkt", Thumbprint: "k"}
	for _, row := range []struct {
		name  string
		asked []cnf.Confirmation
		found string
		err   error
		ok    bool
		calls int
	}{
		{"what is asked for", []cnf.Confirmation{cert}, "c", nil, true, 1},
		{"something else", []cnf.Confirmation{cert}, "k", nil, false, 1},
		{"nothing", []cnf.Confirmation{cert}, "", nil, false, 1},
		{"it cannot be found", []cnf.Confirmation{cert}, "c", errFind, false, 1},
		{"nothing is asked for", nil, "c", nil, false, 0},
		{"no proof is for another member", []cnf.Confirmation{cert, jkt}, "c", nil, false, 0},
		{"nor for one that comes first", []cnf.Confirmation{jkt, cert}, "c", nil, false, 0},
		{"a member is not known", []cnf.Confirmation{cert, {Method: "kid"}}, "c", nil, false, 0},
		{"nothing can have that thumbprint", []cnf.Confirmation{{Method: "x5t#S256"}}, "", nil, false, 0},
		{"it is that of nothing", []cnf.Confirmation{{Method: "x5t#S256", Thumbprint: "47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU"}}, "47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU", nil, false, 0},
	} {
		calls := 0
		ok, err := cnf.AreProved(row.asked, []proof{{Method: "x5t#S256", Thumbprint: "not looked at", Find: func() (string, error) {
			calls++
			return row.found, row.err
		}}})
		require.Equal(t, row.err, err, row.name)
		require.Equal(t, row.ok, ok, row.name)
		require.Equal(t, row.calls, calls, row.name)
	}
}
