package jwks

import (
	"net/http"
	"strconv"
	"strings"
	"time"
)

// statedLifetime is how long the server says that an answer may be used (RFC 9111 section 4.2), negative if it does not say.
// Directives that forbid reuse count as zero: the caller's floor keeps them from meaning a fetch for each request. What cannot
// be read is as if it were not there.
func statedLifetime(h http.Header) time.Duration {
	lifetime := time.Duration(-1)
	for line := range strings.SplitSeq(strings.Join(h.Values("Cache-Control"), ","), ",") {
		name, value, _ := strings.Cut(strings.TrimSpace(line), "=")
		var d time.Duration
		switch strings.ToLower(strings.TrimSpace(name)) {
		case "no-store", "no-cache":
		case "max-age":
			d = seconds(strings.Trim(strings.TrimSpace(value), `"`))
		default:
			continue
		}
		if d >= 0 && (lifetime < 0 || d < lifetime) {
			lifetime = d
		}
	}
	if spent := seconds(h.Get("Age")); lifetime > 0 && spent > 0 { // in shared caches on the way
		lifetime = max(0, lifetime-spent)
	}
	return lifetime
}

// seconds reads delta-seconds (RFC 9111 section 1.2.2), negative if it is none. More than a year is a year.
func seconds(s string) time.Duration {
	const year = 365 * 24 * 3600
	n, err := strconv.ParseUint(s, 10, 31)
	if err != nil {
		return -1
	}
	return time.Duration(min(n, year)) * time.Second
}
