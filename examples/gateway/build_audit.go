package main

import (
	"crypto/rand"
	"encoding/base64"
	"io"
	"log/slog"
	"os"

	"github.com/perimeter-go/perimeter/middleware"
	"github.com/perimeter-go/perimeter/middleware/audit"
)

// A trail is where decisions are written down, one JSON object a line.
type trail struct {
	*audit.Trail

	file io.Closer // nil: standard error
}

func (c *config) checkAudit(m *mistakes) {
	s := c.audit
	if s == nil {
		return
	}
	if s.keyFile != "" {
		if _, err := s.readKey(); err != nil {
			m.addAll("audit.key_file", err)
		}
	}
	if s.file != "" {
		f, err := s.openFile()
		if err != nil {
			m.addAll("audit.file", err)
		} else {
			_ = f.Close() // nothing was written
		}
	}
	if _, err := s.trail(io.Discard, make([]byte, leastKey)); err != nil {
		m.addAll("audit.request_id_header", err) // nothing else is the file's to say
	}
}

// readKey reads what hashes of tokens are keyed with, or makes a key that no other gateway has, not even the next after a reload.
func (s *auditConfig) readKey() ([]byte, error) {
	if s.keyFile == "" {
		key := make([]byte, leastKey)
		_, _ = rand.Read(key) // it never fails
		return key, nil
	}
	text, err := readSecret(s.keyFile)
	if err != nil {
		return nil, err
	}
	key, err := base64.StdEncoding.DecodeString(text)
	if err != nil || len(key) < leastKey {
		return nil, errRedisKey
	}
	return key, nil
}

func (s *auditConfig) trail(w io.Writer, key []byte) (*audit.Trail, error) {
	return audit.New(slog.NewJSONHandler(w, nil), audit.Config{Key: key, SampleAllowed: s.sampleAllowed, RequestIDHeader: s.requestIDHeader})
}

// openFile opens the file, or makes one that nobody else may read, to append to.
func (s *auditConfig) openFile() (*os.File, error) {
	f, err := os.OpenFile(s.file, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	return f, reasonOf(err)
}

func (s *auditConfig) open(log *slog.Logger) (*trail, error) {
	key, err := s.readKey()
	if err != nil {
		return nil, err
	}
	if s.keyFile != "" {
		warnIfOpen(log, "audit.key_file", s.keyFile)
	}
	t := &trail{}
	w := io.Writer(os.Stderr)
	if s.file != "" {
		f, err := s.openFile()
		if err != nil {
			return nil, err
		}
		t.file, w = f, f
	}
	t.Trail, err = s.trail(w, key)
	return t, err
}

func (t *trail) close() error {
	if t == nil || t.file == nil {
		return nil
	}
	return t.file.Close()
}

// observer tells the trail and the metrics, as far as they are on.
func (g *gateway) observer() middleware.Observer {
	switch {
	case g.trail != nil && g.metrics != nil:
		return observers{g.trail, g.metrics.telemetry}
	case g.trail != nil:
		return g.trail
	case g.metrics != nil:
		return g.metrics.telemetry
	default:
		return nil
	}
}
