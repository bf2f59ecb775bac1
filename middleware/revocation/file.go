package revocation

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"time"
)

// File is a source of entries in a file: on each line a JSON object that says who is cut off.
//
//	{"iss":"https://id.example.com","sub":"user-7","before":1764288000}
//	{"iss":"https://id.example.com","jti":"Sy52mX1pQ3uVb0k7wHcR","until":1764291600}
//
// Its members are iss and at most one of jti, sub, sid and client_id, and before (IssuedBefore) and until (Until) in seconds since 1970. No
// other member is allowed, every line has an end, and the file has at most 256 MiB. A file with a mistake in it is as good as
// none: what it said before holds. Replace it in one step, by renaming another over it.
//
// It is read again when its time of change or its size differ.
func File(name string) Source { return &file{name: name} }

type file struct {
	name     string
	modified time.Time
	size     int64
}

var errNoFile = errors.New("no regular file")

func (f *file) Read(context.Context) (entries []Entry, changed bool, err error) {
	info, err := os.Stat(f.name)
	if err != nil {
		return nil, false, reason(err)
	}
	if !info.Mode().IsRegular() { // opening a pipe would wait for its other end
		return nil, false, errNoFile
	}
	if info.ModTime().Equal(f.modified) && info.Size() == f.size && !f.modified.IsZero() {
		return nil, false, nil
	}
	opened, err := os.Open(f.name)
	if err != nil {
		return nil, false, reason(err)
	}
	defer func() { _ = opened.Close() }() // it was only read
	entries, err = readLines(opened)
	if err != nil {
		return nil, false, reason(err)
	}
	f.modified, f.size = info.ModTime(), info.Size()
	return entries, true, nil
}

func reason(err error) error {
	if path, ok := errors.AsType[*fs.PathError](err); ok {
		return path.Err
	}
	return err
}
