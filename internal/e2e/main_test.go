package e2e_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
)

// built is where programs are built to. It lasts as long as the tests.
var built string

// gatewayBinary is the gateway under test, built once for all tests that want it.
var gatewayBinary = sync.OnceValues(func() (string, error) {
	file := filepath.Join(built, "gateway")
	return file, runTool("go", "build", "-C", "../../examples/gateway", "-o", file, ".")
})

func TestMain(m *testing.M) {
	status, err := prepareAndRun(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		status = 1
	}
	os.Exit(status)
}

func prepareAndRun(m *testing.M) (int, error) {
	dir, err := os.MkdirTemp("", "perimeter-e2e-")
	if err != nil {
		return 1, err
	}
	defer os.RemoveAll(dir)
	if err := installIssuer(); err != nil {
		return 1, err
	}
	built = dir
	return m.Run(), nil
}

// installIssuer sees to it that Node and the packages of oidc-provider/ are there.
func installIssuer() error {
	for _, tool := range []string{"node", "npm"} {
		if _, err := exec.LookPath(tool); err != nil {
			return fmt.Errorf("the issuer needs Node with npm: %w", err)
		}
	}
	if _, err := os.Stat("oidc-provider/node_modules"); err == nil {
		return nil
	}
	return runTool("npm", "--prefix", "oidc-provider", "ci", "--no-audit", "--no-fund")
}

func runTool(name string, args ...string) error {
	if out, err := exec.Command(name, args...).CombinedOutput(); err != nil {
		return fmt.Errorf("%s %v: %w\n%s", name, args, err, out)
	}
	return nil
}
