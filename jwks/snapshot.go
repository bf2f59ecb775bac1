package jwks

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/perimeter-go/perimeter/internal/strictjson"
)

// maxSnapshotBytes leaves room for what escaping adds to a document: six bytes for one at worst.
const maxSnapshotBytes = 8 * maxDocumentBytes

// Why a snapshot file is ignored.
var (
	errNotPrivate = errors.New("jwks: the snapshot file is no regular file that only its owner can write")
	errNotOurs    = errors.New("jwks: the snapshot file belongs to another user")
	errNotForUs   = errors.New("jwks: the snapshot file is of another URL or issuer")
	errFuture     = errors.New("jwks: the snapshot file is from the future")
	errTooOld     = errors.New("jwks: the snapshot file is older than MaxStale")
	errCorrupt    = errors.New("jwks: the snapshot file is not one, or its key set has no usable key")
)

// snapshotFile keeps the last good key set over a restart. Its zero value keeps nothing.
type snapshotFile struct {
	path, url, issuer string

	mu   sync.Mutex
	read bool // once is enough: later there are keys, or the file is as bad as before
	err  error
}

// saved is what a snapshot file gave.
type saved struct {
	set      *Set
	document []byte
	fetched  time.Time
}

// record is the file's form. The document stands in it as a string, byte for byte.
type record struct {
	URL      string    `json:"url"`
	Issuer   string    `json:"issuer,omitempty"`
	Fetched  time.Time `json:"fetched"`
	Document string    `json:"document"`
}

// trouble is the last thing that went wrong with the file.
func (f *snapshotFile) trouble() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.err
}

// restore reads the file, the first time it is called. It returns nil if there is nothing to be had.
func (f *snapshotFile) restore(maxStale time.Duration) *saved {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.path == "" || f.read {
		return nil
	}
	f.read = true
	s, err := f.load(time.Now(), maxStale)
	f.err = err
	return s
}

func (f *snapshotFile) load(now time.Time, maxStale time.Duration) (*saved, error) {
	data, err := readPrivate(f.path)
	if err != nil {
		return nil, err
	}
	r, err := readRecord(data)
	if err != nil {
		return nil, err
	}
	switch {
	case r.Issuer != f.issuer, f.url != "" && r.URL != f.url:
		return nil, errNotForUs
	case r.Fetched.After(now):
		return nil, errFuture
	case now.Sub(r.Fetched) >= maxStale:
		return nil, errTooOld
	}
	set, err := Parse([]byte(r.Document))
	if err != nil {
		return nil, errCorrupt
	}
	return &saved{set: set, document: []byte(r.Document), fetched: r.Fetched}, nil
}

func readRecord(data []byte) (record, error) {
	var r record
	var fetched string
	err := strictjson.Object(data, func(name string, value []byte) error {
		into, known := map[string]*string{"url": &r.URL, "issuer": &r.Issuer, "fetched": &fetched, "document": &r.Document}[name]
		if !known {
			return errCorrupt
		}
		var ok bool
		if *into, ok = strictjson.String(value); !ok {
			return errCorrupt
		}
		return nil
	})
	if err != nil {
		return record{}, errCorrupt
	}
	if r.Fetched, err = time.Parse(time.RFC3339Nano, fetched); err != nil {
		return record{}, errCorrupt
	}
	return r, nil
}

// readPrivate reads a file that nobody but its owner could have written.
func readPrivate(path string) ([]byte, error) {
	before, err := os.Stat(path) // opening a named pipe would wait for a writer
	if err != nil {
		return nil, fmt.Errorf("jwks: snapshot file: %w", err)
	}
	if !before.Mode().IsRegular() {
		return nil, errNotPrivate
	}
	file, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("jwks: snapshot file: %w", err)
	}
	defer func() { _ = file.Close() }()
	info, err := file.Stat()
	switch {
	case err != nil:
		return nil, fmt.Errorf("jwks: snapshot file: %w", err)
	case !info.Mode().IsRegular() || writableByOthers(info):
		return nil, errNotPrivate
	case !ours(info):
		return nil, errNotOurs
	}
	data, err := io.ReadAll(io.LimitReader(file, maxSnapshotBytes+1))
	if err != nil {
		return nil, fmt.Errorf("jwks: snapshot file: %w", err)
	}
	if len(data) > maxSnapshotBytes {
		return nil, errCorrupt
	}
	return data, nil
}

func writableByOthers(info fs.FileInfo) bool { return info.Mode().Perm()&0o022 != 0 && modesMeanAccess }

// save writes the last good keys. It looks for them when its turn has come, so that an older set never replaces a newer one.
func (f *snapshotFile) save(current *atomic.Pointer[state]) {
	if f.path == "" {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	s := current.Load()
	data, err := json.Marshal(record{URL: s.memory.url, Issuer: f.issuer, Fetched: s.asOf.Round(0).UTC(), Document: string(s.document)})
	if err == nil {
		err = replaceFile(f.path, data)
	}
	f.err = err
}

// replaceFile puts data at path in one step, with mode 0600: a reader finds the old file or the new one, also after a crash.
func replaceFile(path string, data []byte) (err error) {
	temp, err := os.CreateTemp(filepath.Dir(path), ".jwks-*") // mode 0600, a name of its own
	if err != nil {
		return fmt.Errorf("jwks: snapshot file: %w", err)
	}
	defer func() {
		if err != nil {
			_ = temp.Close()
			_ = os.Remove(temp.Name())
			err = fmt.Errorf("jwks: snapshot file: %w", err)
		}
	}()
	if _, err = temp.Write(data); err != nil {
		return err
	}
	if err = temp.Sync(); err != nil {
		return err
	}
	if err = temp.Close(); err != nil {
		return err
	}
	return os.Rename(temp.Name(), path)
}
