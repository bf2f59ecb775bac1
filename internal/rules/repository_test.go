package rules_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const root = "../.."

// files calls visit with the slash path and the text of every file of the checkout whose name matches.
func files(t *testing.T, name *regexp.Regexp, visit func(path, text string)) {
	t.Helper()
	n := 0
	require.NoError(t, filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && (d.Name() == ".git" || d.Name() == "node_modules") {
			return fs.SkipDir
		}
		rel, err := filepath.Rel(root, path)
		if err != nil || d.IsDir() || !name.MatchString(d.Name()) {
			return err
		}
		b, err := os.ReadFile(path)
		n++
		visit(filepath.ToSlash(rel), string(b))
		return err
	}))
	require.Positive(t, n, "no file matches %s", name)
}

func read(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(root, path))
	require.NoError(t, err)
	return string(b)
}

func TestEveryGoBlockOfTheReadmeIsCompiledInAnExample(t *testing.T) {
	var sources []string
	files(t, regexp.MustCompile(`\.go$`), func(path, text string) {
		if strings.HasPrefix(path, "examples/") || strings.HasSuffix(path, "example_test.go") {
			sources = append(sources, dedent(text))
		}
	})
	blocks := regexp.MustCompile("(?s)```go\n(.*?)```").FindAllStringSubmatch(read(t, "README.md"), -1)
	require.NotEmpty(t, blocks)
	for _, b := range blocks {
		found := false
		for _, s := range sources {
			found = found || strings.Contains(s, strings.TrimSpace(dedent(b[1])))
		}
		require.True(t, found, "stands in no example:\n%s", b[1])
	}
}

// dedent removes the indentation of every line: a block of the README may stand deeper in its example.
func dedent(text string) string {
	return regexp.MustCompile(`(?m)^[ \t]+`).ReplaceAllString(text, "")
}

func TestTheReadmeNamesTheTwoCommands(t *testing.T) {
	readme := read(t, "README.md")
	require.Contains(t, readme, "go run ./examples/quickstart")
	require.Contains(t, readme, "go test ./...")
}

func TestHostedCICallsTheGateAndNothingElse(t *testing.T) {
	runs := regexp.MustCompile(`(?m)^\s*- run: (.*)$`).FindAllStringSubmatch(read(t, ".github/workflows/ci.yml"), -1)
	require.Len(t, runs, 1)
	require.True(t, strings.HasPrefix(runs[0][1], "bash .ci/run "), runs[0][1])
}

func TestLockFilesCarryNoDownloadAddress(t *testing.T) {
	files(t, regexp.MustCompile(`^package-lock\.json$`), func(path, text string) {
		require.NotContains(t, text, `"resolved": "http`, path)
	})
}

func TestNoFileNamesAMachineOrARegistry(t *testing.T) {
	// Spelled so that this file does not match itself.
	machine := regexp.MustCompile(`(^|[\s"'=(])/(wor[k]|roo[t]|hom[e])/[a-z]|registry\.npmj[s]|proxy\.golan[g]|deb\.debia[n]`)
	files(t, regexp.MustCompile(`\.(go|md|yml|yaml|json|mjs|sh|mod|npmrc)$|^run$`), func(path, text string) {
		require.NotRegexp(t, machine, text, path)
	})
}

func TestTestsNeitherSleepNorSkip(t *testing.T) {
	// internal/e2e waits for processes of others and paces its load; it may sleep, but not skip.
	// In a synctest bubble a sleep costs no time; packages whose tests run in bubbles are known by their import.
	skip, sleep := regexp.MustCompile(`\b[tbf]\.Ski[p](Now|f)?\(`), regexp.MustCompile(`time\.Slee[p]\(`)
	sleeps, bubbles := map[string]bool{}, map[string]bool{"internal/e2e": true}
	files(t, regexp.MustCompile(`_test\.go$`), func(file, text string) {
		require.False(t, skip.MatchString(text), "%s skips", file)
		sleeps[path.Dir(file)] = sleeps[path.Dir(file)] || sleep.MatchString(text)
		bubbles[path.Dir(file)] = bubbles[path.Dir(file)] || strings.Contains(text, `"testing/synctest"`)
	})
	for dir, does := range sleeps {
		require.True(t, !does || bubbles[dir], "tests in %s sleep", dir)
	}
}

func TestEveryNestedModuleIsDescribedAndStaysOnTheCoresGo(t *testing.T) {
	contributing := read(t, "CONTRIBUTING.md")
	files(t, regexp.MustCompile(`^go\.mod$`), func(path, text string) {
		dir := strings.TrimSuffix(strings.TrimSuffix(path, "go.mod"), "/")
		if dir == "" {
			require.Contains(t, text, "\ngo 1.26.0\n", path)
			return
		}
		require.Regexp(t, `\ngo 1\.26\.\d+\n`, text, path) // a dependency may ask for a later one of the same Go
		require.Contains(t, contributing, "`"+dir+"`")
		require.Contains(t, text, "module "+module+"/"+dir+"\n")
	})
}

// budget is what a reader has to learn: exported names, methods included. The values of an enumerated type (reasons, presets)
// are learnt with their type and count with it.
var budget = []struct {
	dirs []string
	max  int
}{
	{[]string{"jwks", "token", "scope", "introspect", "middleware"}, 148},
	{[]string{"mtls"}, 43},
	{[]string{"middleware/forward"}, 12},
	{[]string{"middleware/revocation"}, 12},
	{[]string{"middleware/revocation/secevent"}, 12},
	{[]string{"middleware/limit"}, 12},
	{[]string{"middleware/audit"}, 12},
	{[]string{"contrib/otel"}, 12},
}

func TestTheSurfaceStaysSmall(t *testing.T) {
	for _, b := range budget {
		total := 0
		for _, dir := range b.dirs {
			n := exported(t, dir)
			t.Logf("%s: %d exported names", dir, n)
			total += n
		}
		require.LessOrEqual(t, total, b.max, "%v", b.dirs)
	}
}

func exported(t *testing.T, dir string) (n int) {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(root, dir, "*.go"))
	require.NoError(t, err)
	for _, name := range names {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		f, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
		require.NoError(t, err)
		for _, d := range f.Decls {
			n += exportedIn(d)
		}
	}
	return n
}

func exportedIn(d ast.Decl) (n int) {
	switch d := d.(type) {
	case *ast.FuncDecl:
		if d.Name.IsExported() && (d.Recv == nil || ast.IsExported(receiver(d.Recv.List[0].Type))) {
			n++
		}
	case *ast.GenDecl:
		for _, s := range d.Specs {
			switch s := s.(type) {
			case *ast.TypeSpec:
				if s.Name.IsExported() {
					n++
				}
			case *ast.ValueSpec:
				if d.Tok == token.CONST && s.Type != nil {
					continue
				}
				for _, name := range s.Names {
					if name.IsExported() {
						n++
					}
				}
			}
		}
	}
	return n
}

func receiver(e ast.Expr) string {
	if p, ok := e.(*ast.StarExpr); ok {
		e = p.X
	}
	if id, ok := e.(*ast.Ident); ok {
		return id.Name
	}
	return ""
}
