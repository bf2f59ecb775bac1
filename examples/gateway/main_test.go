package main

import (
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/logging"
)

// filesDir holds what withFiles puts into configurations.
var filesDir string

// TestMain makes the files that configurations name.
func TestMain(m *testing.M) {
	redis.SetLogger(&logging.VoidLogger{}) // as main does
	dir, err := os.MkdirTemp("", "gateway-test-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	filesDir = dir
	writeCertificates()
	key, other := make([]byte, 32), make([]byte, 32)
	_, _ = rand.Read(key)
	_, _ = rand.Read(other)
	text := base64.StdEncoding.EncodeToString(key)
	for name, content := range map[string]string{
		"secret": rand.Text() + "\n", "key": text + "\n", "other-key": base64.StdEncoding.EncodeToString(other), "empty": "\n\r\n", "short-key": text[:40], "raw-key": string(key),
		"large": strings.Repeat("x", maxSecret+1), "two-words": "two words",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
	status := m.Run()
	_ = os.RemoveAll(dir)
	os.Exit(status)
}

// writeCertificates makes the files that configurations of TLS name.
func writeCertificates() {
	t := inMain{}
	ca := newAuthority(t)
	own := ca.server()
	write(t, fileOf("ca"), pemOf(ca.own))
	write(t, fileOf("crl"), ca.revoke(1))
	write(t, fileOf("server"), pemOf(own))
	write(t, fileOf("server-key"), keyOf(t, own))
	write(t, fileOf("other-server-key"), keyOf(t, ca.server()))
}

// inMain fails where there is no test yet.
type inMain struct{ testing.TB }

func (inMain) Helper()                      {}
func (inMain) Errorf(f string, args ...any) { panic(fmt.Sprintf(f, args...)) }
func (inMain) FailNow()                     { panic("not made") }

func fileOf(name string) string { return filepath.Join(filesDir, name) }

// withFiles names the files that TestMain has made.
func withFiles(text string) string {
	for _, name := range []string{"SHORT-KEY", "RAW-KEY", "OTHER-SERVER-KEY", "SERVER-KEY", "SERVER", "CA", "CRL", "SECRET", "KEY", "EMPTY", "LARGE", "TWO-WORDS", "NO"} {
		text = strings.ReplaceAll(text, `"`+name+`-FILE"`, `"`+fileOf(strings.ToLower(name))+`"`)
	}
	text = strings.ReplaceAll(text, `"DIRECTORY-AUDIT"`, `"`+fileOf("audit.jsonl")+`"`)
	return strings.ReplaceAll(text, `"DIRECTORY"`, `"`+filesDir+`"`)
}
