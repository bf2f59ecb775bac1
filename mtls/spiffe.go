package mtls

import (
	"errors"
	"strings"
)

// spiffeID is a SPIFFE ID of a workload, taken apart. The zero spiffeID is none.
type spiffeID struct {
	id     string // all of it
	domain string
	path   string // begins with a slash, and is more than that
}

const spiffeScheme = "spiffe://"

// The lengths of SPIFFE-ID sections 2.1 and 2.3.
const (
	maxSPIFFE      = 2048
	maxTrustDomain = 255
)

// isSPIFFE reports whether a URI claims to be a SPIFFE ID, well formed or not.
func isSPIFFE(uri string) bool {
	return len(uri) >= len("spiffe:") && strings.EqualFold(uri[:len("spiffe:")], "spiffe:")
}

// parseSPIFFE reads the SPIFFE ID of a workload (SPIFFE-ID section 2): a trust domain of lower-case letters, digits, dots, dashes and
// underscores, then at least one segment of letters, digits, dots, dashes and underscores. User information, a port, a query, a
// fragment and percent-encoding need other characters than these.
func parseSPIFFE(uri string) (spiffeID, bool) {
	rest, ok := strings.CutPrefix(uri, spiffeScheme)
	if !ok || len(uri) > maxSPIFFE {
		return spiffeID{}, false
	}
	slash := strings.IndexByte(rest, '/')
	if slash < 0 || !isTrustDomain(rest[:slash]) {
		return spiffeID{}, false
	}
	for segment := range strings.SplitSeq(rest[slash+1:], "/") {
		if !isSegment(segment) {
			return spiffeID{}, false
		}
	}
	return spiffeID{id: uri, domain: rest[:slash], path: rest[slash:]}, true
}

func isTrustDomain(s string) bool {
	return s != "" && len(s) <= maxTrustDomain && !strings.ContainsFunc(s, func(r rune) bool {
		return !strings.ContainsRune("abcdefghijklmnopqrstuvwxyz0123456789.-_", r)
	})
}

// isSegment refuses what is empty or relative too.
func isSegment(s string) bool {
	return s != "" && s != "." && s != ".." && !strings.ContainsFunc(s, func(r rune) bool {
		return !strings.ContainsRune("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789.-_", r)
	})
}

// pathPattern matches paths by segment.
type pathPattern struct {
	segments []string // "*" is any one
	open     bool     // one or more segments follow
}

var errPath = errors.New("a path is /segment/segment, a segment letters, digits, dots, dashes and underscores, or * alone")

func parsePathPattern(s string) (p pathPattern, err error) {
	rest, ok := strings.CutPrefix(s, "/")
	if !ok {
		return p, errPath
	}
	p.segments = strings.Split(rest, "/")
	for _, segment := range p.segments {
		if segment != "*" && !isSegment(segment) {
			return pathPattern{}, errPath
		}
	}
	if last := len(p.segments) - 1; p.segments[last] == "*" {
		p.segments, p.open = p.segments[:last], true
	}
	return p, nil
}

func (p pathPattern) matches(path string) bool {
	rest, more := path[1:], true
	for _, want := range p.segments {
		if !more {
			return false
		}
		var segment string
		segment, rest, more = strings.Cut(rest, "/")
		if want != "*" && want != segment {
			return false
		}
	}
	return more == p.open
}
