package main

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// maxReported bounds the mistakes that one refusal lists: nobody mends more in one go, and a hostile file stays readable.
const maxReported = 100

// mistakes collects what is wrong with a configuration. Each mistake belongs to the JSON path of one member, and a member
// has at most one, the first: the rest would only follow from it.
type mistakes struct {
	byPath    map[string]string
	positions map[string]int64 // of every value in the file, by path
}

func newMistakes() *mistakes {
	return &mistakes{byPath: map[string]string{}, positions: map[string]int64{}}
}

func (m *mistakes) addf(path, format string, args ...any) {
	if _, known := m.byPath[path]; !known {
		m.byPath[path] = fmt.Sprintf(format, args...)
	}
}

// missing reports a required member, unless it is there and something in it is reported.
func (m *mistakes) missing(path, why string) { m.addWhole(path, errors.New(why)) }

// addWhole reports what is wrong with a list or a table as a whole, unless it follows from what is wrong with an element.
func (m *mistakes) addWhole(path string, err error) {
	for known := range m.byPath {
		if strings.HasPrefix(known, path+"[") || strings.HasPrefix(known, path+".") {
			return
		}
	}
	m.addAll(path, err)
}

// addAll writes a joined error of one constructor into one line.
func (m *mistakes) addAll(path string, err error) {
	if err != nil {
		m.addf(path, "%s", strings.ReplaceAll(err.Error(), "\n", "; "))
	}
}

// err lists the mistakes in the order of the file, one a line, each after its path; nil if there are none.
func (m *mistakes) err() error {
	paths := make([]string, 0, len(m.byPath))
	for path := range m.byPath {
		paths = append(paths, path)
	}
	slices.SortFunc(paths, func(a, b string) int {
		return cmp.Or(cmp.Compare(m.position(a), m.position(b)), strings.Compare(a, b))
	})
	var errs []error
	for i, path := range paths {
		if i == maxReported {
			errs = append(errs, fmt.Errorf("%s: and %d mistakes more", top, len(paths)-i))
			break
		}
		errs = append(errs, fmt.Errorf("%s: %s", path, m.byPath[path]))
	}
	return errors.Join(errs...)
}

// position is where a path stands in the file; a member that is not there stands where its parent begins.
func (m *mistakes) position(path string) int64 {
	for path != "" {
		if at, ok := m.positions[path]; ok {
			return at
		}
		path = path[:max(0, strings.LastIndexAny(path, ".["))]
	}
	return 0
}
