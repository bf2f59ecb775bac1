package introspect

import (
	"slices"
	"time"

	"github.com/perimeter-go/perimeter/internal/cnf"
	"github.com/perimeter-go/perimeter/internal/strictjson"
	"github.com/perimeter-go/perimeter/scope"
)

// maxNumericDate is the last second of the year 9999.
const maxNumericDate = 253402300799

// verdict is what the issuer says about a token, in one word. The zero verdict says nothing.
type verdict byte

const (
	active   verdict = iota + 1
	inactive         // active: false
	rejected         // a 400 about this very token: undecided, for a while
)

// answer is what the issuer says about a token. It is immutable.
type answer struct {
	verdict verdict
	result  *Result // of an active token
}

// readAnswer reads an introspection answer (RFC 7662 section 2.2). It judges form only; ok is false for whatever is not plainly
// active or plainly inactive, and for a member of the wrong JSON type. It keeps data.
func readAnswer(data []byte, issuer string) (a answer, ok bool) {
	r := reader{result: &Result{issuer: issuer, payload: data}}
	if strictjson.Object(data, r.member) != nil || !r.stated {
		return answer{}, false
	}
	if !r.active { // whatever stands beside it: zitadel sends exp
		return answer{verdict: inactive}, true
	}
	if r.wrong {
		return answer{}, false
	}
	return answer{verdict: active, result: r.result}, true
}

// size is about how many bytes r holds beside itself: the payload, and what was read out of it.
func (r *Result) size() int {
	if r == nil {
		return 0
	}
	const text, asked = 16, 32 // what a string and a confirmation take, beside their bytes
	n := len(r.payload) + r.shared + len(r.stated) + len(r.subject) + len(r.clientID)
	n += text*cap(r.audiences) + text*r.scopes.Len() + asked*cap(r.confirmations)
	for _, a := range r.audiences {
		n += len(a)
	}
	for s := range r.scopes.Tokens() {
		n += len(s)
	}
	for _, c := range r.confirmations {
		n += len(c.Method) + len(c.Thumbprint)
	}
	return n
}

// otherKinds are what token_use (Hydra) and typ (Keycloak) say of tokens that are active and yet give no access to a resource.
var otherKinds = map[string]bool{
	"refresh_token": true, "id_token": true, "refresh": true, "id": true, "Refresh": true, "Offline": true, "ID": true,
}

// reader takes from an answer what the getters return.
type reader struct {
	result *Result
	stated bool // active was a boolean
	active bool
	wrong  bool // a member has another type than it should
}

func (r *reader) member(name string, value []byte) error {
	switch name {
	case "active":
		r.active, r.stated = strictjson.Bool(value)
	case "iss":
		r.result.stated = r.text(value)
		r.wrong = r.wrong || r.result.stated == "" // present, it must not read as absent
	case "sub":
		r.result.subject = r.text(value)
	case "client_id":
		r.result.clientID = r.text(value)
	case "token_use", "typ":
		r.result.otherKind = r.result.otherKind || otherKinds[r.text(value)]
	case "aud":
		r.result.audiences, _ = r.texts(value)
	case "scope":
		r.result.scopes = r.scopes(value)
	case "exp":
		r.result.expiry = r.moment(value)
	case "nbf":
		r.result.notBefore = r.moment(value)
	case "iat":
		_ = r.moment(value) // of the right type
	case "cnf":
		r.result.bound = true
		r.confirm(value)
	}
	return nil
}

func (r *reader) text(value []byte) string {
	s, ok := strictjson.String(value)
	r.wrong = r.wrong || !ok
	return s
}

// texts reads a string or an array of strings. One bad element spoils it.
func (r *reader) texts(value []byte) (list []string, array bool) {
	if s, ok := strictjson.String(value); ok {
		return []string{s}, false
	}
	list, ok := strictjson.Strings(value)
	r.wrong = r.wrong || !ok
	r.result.shared += len(value)
	return list, true
}

// scopes reads the string of RFC 7662, or the array that some issuers send instead.
func (r *reader) scopes(value []byte) scope.Set {
	list, array := r.texts(value)
	if !array {
		return scope.Granted(list[0])
	}
	return scope.GrantedList(list)
}

// moment reads a NumericDate (RFC 7519 section 2): a number of seconds, fractions allowed, from 1970 to 9999.
func (r *reader) moment(value []byte) time.Time {
	seconds, ok := strictjson.Number(value)
	if !ok || !(seconds >= 0 && seconds <= maxNumericDate) {
		r.wrong = true
		return time.Time{}
	}
	whole := int64(seconds)
	return time.Unix(whole, int64((seconds-float64(whole))*float64(time.Second)))
}

// confirm reads cnf. A member that this package does not know is kept without a value, so that no proof can equal it.
func (r *reader) confirm(value []byte) {
	err := strictjson.Object(value, func(method string, value []byte) error {
		asked := cnf.Confirmation{Method: method}
		if cnf.IsKnown(method) {
			asked.Thumbprint = r.text(value)
		}
		r.result.confirmations = append(r.result.confirmations, asked)
		return nil
	})
	r.result.shared += len(value)
	r.wrong = r.wrong || err != nil
}

// check judges what the issuer says of an active token, all but its proofs. It is called at every use of an answer.
func (s *settings) check(r *Result, now time.Time) error {
	if r.stated != "" && r.stated != s.issuer { // missing, the endpoint is the issuer
		return errIssuer
	}
	if r.otherKind {
		return errType
	}
	if !s.anyAudience && !s.meant(r) {
		return errAudience
	}
	if !r.expiry.IsZero() && !now.Before(r.expiry) {
		return errExpired
	}
	if !r.notBefore.IsZero() && now.Add(s.leeway).Before(r.notBefore) {
		return errNotYetValid
	}
	return nil
}

func (s *settings) meant(r *Result) bool {
	for _, a := range s.audiences {
		if slices.Contains(r.audiences, a) {
			return true
		}
	}
	return false
}
