package main

import (
	"crypto/tls"
	"log/slog"
	"os"
	"sync"
	"time"
)

// A certificate is the gateway's own. It may be replaced while the gateway runs: the files are looked at when a client connects,
// once a second at most. While they cannot be read, or do not go together, as in the middle of a replacement, the last
// certificate stays.
type certificate struct {
	files *tlsConfig
	log   *slog.Logger

	mu     sync.Mutex
	last   tls.Certificate
	looked time.Time
	state  [2]fileState
	failed bool
}

// A fileState differs when a file has been replaced.
type fileState struct {
	modified time.Time
	size     int64
}

const lookAgain = time.Second

func newCertificate(files *tlsConfig, log *slog.Logger) (*certificate, error) {
	warnIfOpen(log, "tls.key_file", files.keyFile)
	c := &certificate{files: files, log: log, looked: time.Now(), state: files.state()}
	var err error
	c.last, err = files.load()
	return c, err
}

func (t *tlsConfig) state() (s [2]fileState) {
	for n, name := range [...]string{t.certFile, t.keyFile} {
		if info, err := os.Stat(name); err == nil {
			s[n] = fileState{info.ModTime(), info.Size()}
		}
	}
	return s
}

// get is what tls.Config.GetCertificate wants.
func (c *certificate) get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if now := time.Now(); now.Sub(c.looked) >= lookAgain {
		c.looked = now
		c.look()
	}
	last := c.last
	return &last, nil
}

// look replaces the certificate if its files have been, and goes on looking at files that were not good.
func (c *certificate) look() {
	state := c.files.state()
	if state == c.state && !c.failed {
		return
	}
	next, err := c.files.load()
	if err != nil {
		if !c.failed {
			c.log.Warn("certificate not read, the last one stays", "error", err.Error())
		}
		c.failed = true
		return
	}
	c.last, c.state, c.failed = next, state, false
	c.log.Info("certificate replaced", "not_after", c.last.Leaf.NotAfter)
}
