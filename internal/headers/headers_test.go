package headers_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/perimeter-go/perimeter/internal/headers"
)

func TestExceed(t *testing.T) {
	many := map[string][]string{}
	for n := range 100 {
		many[fmt.Sprintf("X-%02d", n)] = []string{"x"} // 4 and 1 and 32
	}
	for _, tc := range []struct {
		name string
		h    map[string][]string
		size int
	}{
		{"none", nil, 0},
		{"one", map[string][]string{"A": {"bcd"}}, 36},
		{"one that is empty", map[string][]string{"A": {""}}, 33},
		{"two of one name", map[string][]string{"A": {"b", "cd"}}, 69},
		{"two", map[string][]string{"A": {"b"}, "Bc": {"de"}}, 70},
		{"a name without a value", map[string][]string{"A": nil}, 0},
		{"a hundred", many, 3700},
		{"a long one", map[string][]string{"A": {strings.Repeat("x", 1<<20)}}, 1<<20 + 33},
	} {
		t.Run(tc.name, func(t *testing.T) {
			require.False(t, headers.Exceed(tc.h, tc.size))
			require.True(t, headers.Exceed(tc.h, tc.size-1))
		})
	}
}
