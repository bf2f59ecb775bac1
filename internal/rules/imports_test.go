package rules_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const (
	module = "github.com/perimeter-go/perimeter"
	jose   = "github.com/go-jose/go-jose/v4"
	sync   = "golang.org/x/sync"
)

// importTable is the table of CONTRIBUTING.md. A package of the core that is not in it fails the test.
var importTable = []struct {
	pkg     string
	mayUse  []string // besides the standard library; a trailing slash admits what is below
	without []string // not even through others
}{
	{"scope", nil, []string{"net/http", jose}},
	{"jwks", []string{jose, jose + "/", sync + "/", "internal/keyat", "internal/strictjson"}, []string{"token", "scope", "middleware"}},
	{"token", []string{"scope", "internal/cnf", "internal/jws", "internal/keyat", "internal/strictjson"}, []string{"net/http", "jwks", "middleware"}},
	{"introspect", []string{"scope", "internal/cnf", "internal/jws", "internal/strictjson"}, []string{"token", "jwks", "middleware"}},
	{"mtls", []string{"internal/strictjson"}, []string{"net/http", jose, "token", "jwks", "middleware"}},
	{"internal/jws", []string{jose, jose + "/", "internal/strictjson"}, []string{"net/http"}},
	{"internal/keyat", nil, []string{"net/http", jose}},
	{"internal/strictjson", []string{"internal/validutf8"}, []string{"net/http"}},
	{"internal/validutf8", nil, []string{"net/http"}},
	{"internal/cnf", nil, []string{"net/http"}},
	{"middleware", []string{"scope", "token", "introspect", "mtls", "internal/cookies", "internal/headers", "internal/validutf8"}, []string{"jwks"}},
	{"middleware/forward", []string{"middleware", "scope", "token"}, []string{"jwks"}},
	{"middleware/revocation", []string{"middleware", "internal/strictjson"}, []string{"jwks"}},
	{"middleware/revocation/secevent", []string{"middleware/revocation", "token", "internal/jws", "internal/strictjson"}, []string{"jwks"}},
	{"middleware/limit", []string{"middleware", "token", "introspect", "mtls", "internal/cookies"}, []string{"jwks"}},
	{"middleware/audit", []string{"middleware", "internal/cookies"}, []string{"jwks"}},
	{"internal/cookies", []string{"internal/headers"}, []string{"net/http"}},
	{"internal/headers", nil, []string{"net/http"}},
	{"internal/fuzzkey", nil, nil},
	{"internal/goroutines", nil, nil},
	{"internal/localissuer", nil, []string{"token", "jwks", jose}},
	{"internal/racing", nil, nil},
	{"internal/rules", nil, nil},
	{"examples/quickstart", []string{"scope", "jwks", "token", "middleware", "middleware/forward", "internal/localissuer"}, nil},
	{"examples/stdlib", []string{"scope", "jwks", "token", "middleware", "internal/localissuer"}, nil},
	{"examples/jwks-only", []string{"jwks", "internal/localissuer"}, []string{"token", "middleware"}},
}

type listed struct {
	ImportPath, Dir       string
	Imports, Deps         []string
	TestImports           []string
	XTestImports          []string
	GoFiles, XTestGoFiles []string
}

func listCore(t *testing.T) map[string]listed {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", "list", "-json", "./...")
	cmd.Dir = root
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	require.NoError(t, err, stderr.String())
	found := map[string]listed{}
	for dec := json.NewDecoder(bytes.NewReader(out)); ; {
		var p listed
		err := dec.Decode(&p)
		if errors.Is(err, io.EOF) {
			return found
		}
		require.NoError(t, err)
		found[strings.TrimPrefix(p.ImportPath, module+"/")] = p
	}
}

func TestEveryPackageImportsOnlyWhatTheTableAllows(t *testing.T) {
	core := listCore(t)
	for _, row := range importTable {
		t.Run(row.pkg, func(t *testing.T) {
			p, ok := core[row.pkg]
			require.True(t, ok, "the table names a package that does not exist")
			for _, imported := range p.Imports {
				require.True(t, isStd(imported) || allowed(strings.TrimPrefix(imported, module+"/"), row.mayUse), "imports %s", imported)
			}
			for _, banned := range row.without {
				require.NotContains(t, p.Deps, banned)
				require.NotContains(t, p.Deps, module+"/"+banned)
			}
		})
		delete(core, row.pkg)
	}
	require.Empty(t, core, "a package is missing from the import table")
}

func isStd(path string) bool {
	first, _, _ := strings.Cut(path, "/")
	return !strings.Contains(first, ".")
}

func allowed(path string, list []string) bool {
	return slices.ContainsFunc(list, func(a string) bool {
		return path == a || strings.HasSuffix(a, "/") && strings.HasPrefix(path, a)
	})
}

func TestTestifyIsUsedInTestsOnly(t *testing.T) {
	const testify = "github.com/stretchr/testify"
	inTests := 0
	for name, p := range listCore(t) {
		for _, dep := range p.Deps {
			require.False(t, strings.HasPrefix(dep, testify), "%s links %s", name, dep)
		}
		for _, imported := range slices.Concat(p.TestImports, p.XTestImports) {
			if strings.HasPrefix(imported, testify) {
				require.Equal(t, testify+"/require", imported, name)
				inTests++
			}
		}
	}
	require.Positive(t, inTests)
}

func TestTheCoreRequiresThreeModules(t *testing.T) {
	b, err := os.ReadFile(root + "/go.mod")
	require.NoError(t, err)
	var direct []string
	for _, m := range regexp.MustCompile(`(?m)^(?:require )?\t?([a-z0-9./-]+\.[a-z]+/\S+) v\S+(.*)$`).FindAllStringSubmatch(string(b), -1) {
		if !strings.Contains(m[2], "// indirect") {
			direct = append(direct, m[1])
		}
	}
	require.ElementsMatch(t, []string{jose, "github.com/stretchr/testify", sync}, direct)
	require.Contains(t, string(b), "\ngo 1.26.0\n")
	require.NotContains(t, string(b), "replace")
}
