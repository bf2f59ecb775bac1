package token

import (
	"time"

	"github.com/perimeter-go/perimeter/internal/jws"
	"github.com/perimeter-go/perimeter/internal/strictjson"
	"github.com/perimeter-go/perimeter/scope"
)

// maxNumericDate is the last second of the year 9999.
const maxNumericDate = 253402300799

// read takes from the payload's members what the claims getters return, but for the lists that readGrants takes. It judges form
// only: a claim of the wrong JSON type refuses the token, whether or not the policy asks for it.
func (p *policy) read(m members, h jws.Header, payload []byte) (*Claims, error) {
	r := reader{members: m}
	c := &Claims{keyID: h.KeyID, algorithm: h.Algorithm, payload: payload}
	c.issuer = r.text("iss")
	c.subject = r.text("sub")
	c.id = r.text("jti")
	c.audiences, _ = r.texts("aud")
	c.expiry = r.moment("exp")
	c.notBefore = r.moment("nbf")
	c.issuedAt = r.moment("iat")
	_ = r.text("client_id") // of the right type, even if the policy names the client by another claim
	c.clientID = r.firstText(p.clientIDClaims)
	return c, r.err
}

// readGrants is the rest of read. These lists can be long and decide nothing before the signature, so that a stranger's token
// does not get them read.
func (p *policy) readGrants(c *Claims, m members) error {
	r := reader{members: m}
	c.scopes = p.granted(&r)
	c.confirmations, c.bound = r.confirmations()
	return r.err
}

// granted is what the token's scope claims grant, or its grant claims if it has none of those, up to the ceiling.
func (p *policy) granted(r *reader) scope.Set {
	set, present := r.scopes(p.scopeClaims)
	grants, _ := r.scopes(p.grantClaims) // read in any case, so that a wrong type refuses
	if !present {
		set = grants
	}
	if p.hasCeiling {
		set = set.Intersect(p.ceiling)
	}
	return set
}

// reader reads claims and remembers the first that has the wrong type.
type reader struct {
	members members
	err     error
}

func (r *reader) wrong(name string) {
	if r.err == nil {
		r.err = refuse(ReasonMalformed, name)
	}
}

// text reads a string; "" if missing.
func (r *reader) text(name string) string {
	value, present := r.members.get(name)
	if !present {
		return ""
	}
	s, ok := strictjson.String(value)
	if !ok {
		r.wrong(name)
	}
	return s
}

// firstText reads them all and returns the first that is there and not empty.
func (r *reader) firstText(names []string) string {
	first := ""
	for _, name := range names {
		if s := r.text(name); first == "" {
			first = s
		}
	}
	return first
}

// texts reads a string or an array of strings (RFC 7519 section 4.1.3). One bad element spoils it.
func (r *reader) texts(name string) (list []string, array bool) {
	value, present := r.members.get(name)
	if !present {
		return nil, false
	}
	if s, ok := strictjson.String(value); ok {
		return []string{s}, false
	}
	list, ok := strictjson.Strings(value)
	if !ok {
		r.wrong(name)
	}
	return list, true
}

// moment reads a NumericDate (RFC 7519 section 2): a number of seconds, fractions allowed, from 1970 to 9999.
func (r *reader) moment(name string) time.Time {
	value, present := r.members.get(name)
	if !present {
		return time.Time{}
	}
	seconds, ok := strictjson.Number(value)
	if !ok || !(seconds >= 0 && seconds <= maxNumericDate) {
		r.wrong(name)
		return time.Time{}
	}
	whole := int64(seconds)
	return time.Unix(whole, int64((seconds-float64(whole))*float64(time.Second)))
}

// scopes is the union of the named claims, and whether any of them is there at all.
func (r *reader) scopes(names []string) (set scope.Set, present bool) {
	for _, name := range names {
		if _, here := r.members.get(name); !here {
			continue
		}
		present = true
		list, array := r.texts(name)
		if array {
			set = set.Union(scope.GrantedList(list))
		} else if len(list) == 1 {
			set = set.Union(scope.Granted(list[0]))
		}
	}
	return set, present
}

// confirmations reads cnf (RFC 7800 section 3.1). A member that this package does not know is kept without a value, so that no
// proof can equal it.
func (r *reader) confirmations() (list []Proof, bound bool) {
	value, present := r.members.get("cnf")
	if !present {
		return nil, false
	}
	err := strictjson.Object(value, func(method string, value []byte) error {
		thumbprint := ""
		if knownMethod(method) {
			var ok bool
			if thumbprint, ok = strictjson.String(value); !ok {
				r.wrong("cnf")
			}
		}
		list = append(list, Proof{Method: method, Thumbprint: thumbprint})
		return nil
	})
	if err != nil {
		r.wrong("cnf")
	}
	return list, true
}
