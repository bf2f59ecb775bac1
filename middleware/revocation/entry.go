package revocation

import (
	"errors"
	"time"
)

// An Entry says whose credentials are no longer good. Exactly one of TokenID, Subject, SessionID and ClientID is set, or none of
// them, which means everything that the issuer has issued and needs IssuedBefore.
//
// Names are compared byte by byte. A client certificate has no issuer here: it is cut off by an empty Issuer and its peer's name as
// Subject.
type Entry struct {
	// Issuer is who issued the credential, since everything below is unique for one issuer only.
	Issuer string

	TokenID   string // jti
	Subject   string // sub
	SessionID string // sid
	ClientID  string // client_id, as the verifier's policy reads it

	// IssuedBefore spares credentials that were issued after it, such as those of a new log-in. One that does not say when it was
	// issued is not spared, and neither is one that was issued in that very second. Zero spares none.
	IssuedBefore time.Time
	// Until is when the last credential has expired that the entry is about, so that the entry may be forgotten. Zero: never.
	Until time.Time

	_ struct{}
}

// A kind is what an entry names.
type kind uint8

const (
	kindIssuer kind = iota
	kindToken
	kindSubject
	kindSession
	kindClient
	kinds
)

// A key is what a credential is found by.
type key struct {
	kind          kind
	issuer, value string
}

// A cut is what an entry says of its key, in nanoseconds since 1970; 0 stands for no bound.
type cut struct{ before, until int64 }

const maxName = 4 << 10 // bytes of one name

var (
	errTwoNames  = errors.New("more than one of token id, subject, session id and client id")
	errNoName    = errors.New("names nothing, and no time before which everything is cut off")
	errNoIssuer  = errors.New("no issuer, which only the subject of a certificate can be without")
	errLongName  = errors.New("a name longer than 4096 bytes")
	errWrongTime = errors.New("a time before 1970 or after 2262")
)

// compile is the key and the cut of an entry.
func (e *Entry) compile() (key, cut, error) {
	k := key{issuer: e.Issuer}
	n := 0
	for _, name := range [...]struct {
		kind  kind
		value string
	}{{kindToken, e.TokenID}, {kindSubject, e.Subject}, {kindSession, e.SessionID}, {kindClient, e.ClientID}} {
		if name.value != "" {
			k.kind, k.value = name.kind, name.value
			n++
		}
	}
	before, ok1 := nanoseconds(e.IssuedBefore)
	until, ok2 := nanoseconds(e.Until)
	switch {
	case n > 1:
		return key{}, cut{}, errTwoNames
	case n == 0 && e.IssuedBefore.IsZero():
		return key{}, cut{}, errNoName
	case e.Issuer == "" && k.kind != kindSubject:
		return key{}, cut{}, errNoIssuer
	case len(k.value) > maxName || len(k.issuer) > maxName:
		return key{}, cut{}, errLongName
	case !ok1 || !ok2:
		return key{}, cut{}, errWrongTime
	}
	return k, cut{before, until}, nil
}

// nanoseconds is 0 for the zero time alone.
func nanoseconds(t time.Time) (n int64, ok bool) {
	if t.IsZero() {
		return 0, true
	}
	n = t.UnixNano()
	return n, n > 0 && time.Unix(0, n).Equal(t)
}

// or is what two entries of one key say together: whoever is cut off by one of them is.
//
// Where neither cuts off all that the other does, the result cuts off more than the two: an entry that is forgotten early, but spares
// nobody, and one that is kept, but spares new credentials.
func (c cut) or(other cut) cut {
	return cut{before: later(c.before, other.before), until: later(c.until, other.until)}
}

// later takes 0 for the end of time.
func later(a, b int64) int64 {
	if a == 0 || b == 0 {
		return 0
	}
	return max(a, b)
}

// holds reports whether a credential that was issued then is cut off now.
func (c cut) holds(issued time.Time, now int64) bool {
	if c.until != 0 && now > c.until {
		return false
	}
	if c.before == 0 || issued.IsZero() {
		return true
	}
	// NumericDates are mostly whole seconds: one that was issued within the second of the cut may be older than it.
	return issued.Unix() <= c.before/int64(time.Second)
}
