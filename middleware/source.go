package middleware

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/perimeter-go/perimeter/internal/cookies"
)

// A Source finds a bearer token in a request. Its error is [ErrNoCredentials] when there is none and wraps
// [ErrInvalidRequest] when there are two or it is malformed; an empty credential without an error counts as none. The query
// and the body are read by no source of this package: what is in an address ends up in logs (RFC 6750 section 5.3).
type Source func(r *http.Request) (credential string, err error)

// What is looked at of what anybody may have sent. net/http takes headers of a megabyte.
const (
	maxScheme     = 64
	maxBlanks     = 64 // behind it
	maxCredential = 32 << 10
)

// fromAuthorization is FromHeader("Authorization").
func fromAuthorization(r *http.Request) (string, error) {
	values := r.Header["Authorization"]
	if len(values) == 0 {
		return "", ErrNoCredentials
	}
	if len(values) > 1 {
		return "", fmt.Errorf("%w: more than one Authorization header", ErrInvalidRequest)
	}
	scheme, rest, blank := strings.Cut(values[0], " ")
	if len(scheme) > maxScheme || !isAuthScheme(scheme) {
		return "", fmt.Errorf("%w: malformed Authorization header", ErrInvalidRequest)
	}
	if !strings.EqualFold(scheme, "Bearer") { // RFC 9110 section 11.1: schemes have no case
		return "", ErrNoCredentials
	}
	if len(rest) > maxCredential {
		return "", fmt.Errorf("%w: bearer credential too long", ErrInvalidRequest)
	}
	credential := strings.TrimLeft(rest, " ")
	if !blank || len(rest)-len(credential) >= maxBlanks || !isB64Token(credential) {
		return "", fmt.Errorf("%w: malformed bearer credential", ErrInvalidRequest)
	}
	return credential, nil
}

// FromHeader reads the token from a header.
//
// Authorization is read in the form of RFC 6750 section 2.1: the scheme Bearer in any case, 1 to 64 blanks, one token.
// Another scheme is [ErrNoCredentials]. Two such headers, whatever their schemes, are [ErrInvalidRequest]; so are an empty header,
// an empty token, a list, a tab, quotes, text after the token, and more than 32 KiB after the scheme.
//
// Any other header holds the token and nothing else, as some proxies send it. Two of them are [ErrInvalidRequest], and so is
// anything that is no token, a scheme in front included, or longer than 32 KiB. A name that no header can have leaves every request undecided.
//
// Whoever reaches the service can set the header: that the token is in it proves nothing that the token does not prove itself.
func FromHeader(name string) Source {
	if !isToken(name) {
		return broken(fmt.Errorf("%w: FromHeader(%q): no header has that name", ErrUndecided, name))
	}
	name = http.CanonicalHeaderKey(name)
	if name == "Authorization" {
		return fromAuthorization
	}
	return func(r *http.Request) (string, error) { return onlyToken(r.Header[name]) }
}

// FromCookie reads the token from a cookie. Two cookies of that name are [ErrInvalidRequest], and so is a value that is no
// token, quotes included, or longer than 32 KiB. More than 200 cookies, 36 KiB of them, 16 Cookie headers, or 8 blanks before a
// cookie or behind its name or value, are [ErrInvalidRequest] whatever they are, and so are more than 50 cookies where all headers have more than 9 KiB
// together, with 32 bytes added for each. A name that no cookie can have leaves every request undecided.
//
// Browsers send cookies along with requests that other sites cause. Who uses FromCookie needs a defence against that, such as
// [http.CrossOriginProtection] in front.
func FromCookie(name string) Source {
	if !isToken(name) {
		return broken(fmt.Errorf("%w: FromCookie(%q): no cookie has that name", ErrUndecided, name))
	}
	names := []string{name}
	return func(r *http.Request) (string, error) {
		if cookies.TooMany(r.Header) {
			return "", fmt.Errorf("%w: %w", ErrInvalidRequest, cookies.ErrTooMany)
		}
		var values []string
		for _, value := range cookies.Named(r.Header["Cookie"], names) {
			values = append(values, value)
		}
		return onlyToken(values)
	}
}

// sourcesOf copies a caller's list; an empty one means the Authorization header.
func sourcesOf(from []Source) []Source {
	if len(from) == 0 {
		return []Source{fromAuthorization}
	}
	return slices.Clone(from)
}

func mistakeInSources(of string, sources []Source) error {
	var errs []error
	for i, s := range sources {
		if s == nil {
			errs = append(errs, fmt.Errorf("%s: source %d is nil", of, i+1))
		}
	}
	return errors.Join(errs...)
}

func broken(err error) Source {
	return func(*http.Request) (string, error) { return "", err }
}

func onlyToken(values []string) (string, error) {
	switch {
	case len(values) == 0:
		return "", ErrNoCredentials
	case len(values) > 1:
		return "", fmt.Errorf("%w: more than one credential", ErrInvalidRequest)
	case !isB64Token(values[0]):
		return "", fmt.Errorf("%w: malformed credential", ErrInvalidRequest)
	default:
		return values[0], nil
	}
}

// onlyOne reads all sources and returns the credential of the one that has any. Two that have are ErrInvalidRequest
// (RFC 6750 section 2: no more than one method in a request).
func onlyOne(r *http.Request, sources []Source) (string, error) {
	found := ""
	for _, source := range sources {
		credential, err := source(r)
		if err != nil && outcomeOf(err) != nothingPresented {
			return "", err
		}
		if err != nil || credential == "" {
			continue
		}
		if found != "" {
			return "", fmt.Errorf("%w: more than one credential", ErrInvalidRequest)
		}
		found = credential
	}
	if found == "" {
		return "", ErrNoCredentials
	}
	return found, nil
}

// isB64Token checks the b64token of RFC 6750 section 2.1: 1*( ALPHA / DIGIT / "-" / "." / "_" / "~" / "+" / "/" ) *"=", up to maxCredential. Every request has
// hundreds of them, so that it looks at 32 at once.
func isB64Token(s string) bool {
	if len(s) > maxCredential {
		return false
	}
	body, all, i := strings.TrimRight(s, "="), uint64(0), 0
	for ; i+32 <= len(body); i += 32 {
		part := body[i : i+32]
		a, b, c, d := word(part), word(part[8:]), word(part[16:]), word(part[24:])
		all |= a | b | c | d
		if usualIn(a)&usualIn(b)&usualIn(c)&usualIn(d)&highBits != highBits &&
			(usualIn(a)|oddIn(a))&(usualIn(b)|oddIn(b))&(usualIn(c)|oddIn(c))&(usualIn(d)|oddIn(d))&highBits != highBits {
			return false
		}
	}
	return body != "" && all&highBits == 0 && areOfB64Token(body[i:])
}

func areOfB64Token(s string) bool {
	for i := range len(s) {
		if !b64token[s[i]] {
			return false
		}
	}
	return true
}

// b64token is which bytes a b64token has before its end.
var b64token = func() (letters [256]bool) {
	for c := range letters {
		letters[c] = isAlphanumeric(byte(c)) || strings.IndexByte("-._~+/", byte(c)) >= 0
	}
	return letters
}()

// Each byte of a word is computed on by itself: they have no bit in common, and none carries into the next.
const (
	eachByte = 0x0101010101010101
	highBits = 0x80 * eachByte
)

// word is the first eight bytes of s.
func word(s string) uint64 {
	_ = s[7] // one check, and one load
	return uint64(s[0]) | uint64(s[1])<<8 | uint64(s[2])<<16 | uint64(s[3])<<24 |
		uint64(s[4])<<32 | uint64(s[5])<<40 | uint64(s[6])<<48 | uint64(s[7])<<56
}

// usualIn sets the high bits of the letters, digits, "-", "_", "." and "/" in w, which are nearly all there is in a b64token. All of w must be ASCII; of
// others the result means nothing. No byte is in two of the ranges.
func usualIn(w uint64) uint64 {
	return within(w, '-', '9') ^ within(w|0x20*eachByte, 'a', 'z') ^ within(w, '_', '_')
}

// oddIn is usualIn for the two others, "~" and "+".
func oddIn(w uint64) uint64 { return within(w, '~', '~') ^ within(w, '+', '+') }

// within sets the high bit of those bytes of w that are from low to high, and may set others.
func within(w uint64, low, high byte) uint64 {
	return (w + uint64(0x80-low)*eachByte) ^ (w + uint64(0x7f-high)*eachByte)
}

// isAuthScheme checks an auth-scheme, which is a token (RFC 9110 section 11.1).
func isAuthScheme(s string) bool { return isToken(s) }

// isToken checks the token of RFC 9110 section 5.6.2.
func isToken(s string) bool {
	for i := range len(s) {
		if !isAlphanumeric(s[i]) && !strings.ContainsRune("!#$%&'*+-.^_`|~", rune(s[i])) {
			return false
		}
	}
	return s != ""
}

func isAlphanumeric(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9'
}
