package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"strings"
	"sync"
)

// maxSecret is more than any secret or access token has.
const maxSecret = 16 << 10

var (
	errNoFile      = errors.New("no regular file")
	errEmptySecret = errors.New("empty")
	errLargeSecret = fmt.Errorf("larger than %d bytes", maxSecret)
)

// readSecret returns what a file holds, without the line breaks at its end. No error quotes the file.
func readSecret(name string) (string, error) {
	info, err := os.Stat(name)
	if err == nil && !info.Mode().IsRegular() { // opening a pipe would wait for its other end
		return "", errNoFile
	}
	if err != nil {
		return "", reasonOf(err)
	}
	f, err := os.Open(name)
	if err != nil {
		return "", reasonOf(err)
	}
	defer func() { _ = f.Close() }() // it was only read
	data, err := io.ReadAll(io.LimitReader(f, maxSecret+1))
	switch text := strings.TrimRight(string(data), "\r\n"); {
	case err != nil:
		return "", reasonOf(err)
	case len(data) > maxSecret:
		return "", errLargeSecret
	case text == "":
		return "", errEmptySecret
	default:
		return text, nil
	}
}

func reasonOf(err error) error {
	if path, ok := errors.AsType[*fs.PathError](err); ok {
		return fmt.Errorf("not read: %w", path.Err)
	}
	return err
}

// warnIfOpen says so when everybody on the machine can read a file that holds a secret. It is no error: that is how
// orchestrators mount secrets into a container that has one user.
func warnIfOpen(log *slog.Logger, what, name string) {
	if info, err := os.Stat(name); err == nil && info.Mode().Perm()&0o007 != 0 {
		log.Warn("other users of this machine can read or change a secret", "of", what, "mode", info.Mode().Perm().String())
	}
}

// A secretFile is a secret that may be replaced while the gateway runs: the file is read each time. While it cannot be read,
// or holds nothing, as in the middle of a replacement, the last secret stays.
type secretFile struct {
	read func() (string, error)
	log  *slog.Logger

	mu     sync.Mutex
	last   string
	failed bool
}

// newSecretFile reads the file once, so that there is a last secret.
func newSecretFile(read func() (string, error), log *slog.Logger) (*secretFile, error) {
	first, err := read()
	return &secretFile{read: read, log: log, last: first}, err
}

func (f *secretFile) current() string {
	text, err := f.read()
	f.mu.Lock()
	defer f.mu.Unlock()
	if err == nil {
		f.last, f.failed = text, false
		return text
	}
	if !f.failed {
		f.log.Warn("client secret not read, the last one stays", "error", err.Error())
	}
	f.failed = true
	return f.last
}
