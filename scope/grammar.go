package scope

import (
	"errors"
	"fmt"
)

// valid reports whether name is a scope-token of RFC 6749 section 3.3: 1*( %x21 / %x23-5B / %x5D-7E ).
func valid(name string) bool {
	for i := range len(name) {
		if c := name[i]; c <= ' ' || c > '~' || c == '"' || c == '\\' {
			return false
		}
	}
	return name != ""
}

// mistakes returns one error for each of names that is no scope-token, joined, or nil.
func mistakes(names []string) error {
	var errs []error
	for _, name := range names {
		if !valid(name) {
			errs = append(errs, fmt.Errorf("scope: %q is not a scope token (RFC 6749 section 3.3)", name))
		}
	}
	return errors.Join(errs...)
}
