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
func (p *policy) read(m *members, msg *jws.Message) (*Claims, error) {
	h := msg.Header()
	c := &Claims{keyID: h.KeyID, algorithm: h.Algorithm, payload: msg.Payload()}
	r := reader{members: m}
	c.issuer = r.text(atIssuer)
	c.subject = r.text(atSubject)
	c.id = r.text(atID)
	c.audiences, _ = r.texts(atAudience, &c.audience)
	c.expiry = r.moment(atExpiry)
	c.notBefore = r.moment(atNotBefore)
	c.issuedAt = r.moment(atIssuedAt)
	_ = r.text(atClientID) // of the right type, even if the policy names the client by another claim
	c.clientID = r.firstText(p.clientAt)
	return c, r.verdict(p)
}

// readGrants is the rest of read. These lists can be long and decide nothing before the signature, so that a stranger's token
// does not get them read.
func (p *policy) readGrants(c *Claims, m *members) error {
	r := reader{members: m}
	c.scopes = p.granted(&r)
	c.confirmations, c.bound = r.confirmations()
	return r.verdict(p)
}

// granted is what the token's scope claims grant, or its grant claims if it has none of those, up to the ceiling.
func (p *policy) granted(r *reader) scope.Set {
	set, present := r.scopes(p.scopeAt)
	grants, _ := r.scopes(p.grantAt) // read in any case, so that a wrong type refuses
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
	members *members
	isWrong bool
	first   int // if isWrong
}

func (r *reader) wrong(at int) {
	if !r.isWrong {
		r.isWrong, r.first = true, at
	}
}

func (r *reader) verdict(p *policy) error {
	if r.isWrong {
		return refuse(ReasonMalformed, p.reads.names[r.first])
	}
	return nil
}

// text reads a string; "" if missing.
func (r *reader) text(at int) string {
	if !r.members.has(at) {
		return ""
	}
	s, ok := strictjson.String(*r.members.at(at))
	if !ok {
		r.wrong(at)
	}
	return s
}

// firstText reads them all and returns the first that is there and not empty.
func (r *reader) firstText(places []int) string {
	first := ""
	for _, at := range places {
		if s := r.text(at); first == "" {
			first = s
		}
	}
	return first
}

// texts reads a string or an array of strings (RFC 7519 section 4.1.3). One bad element spoils it. room is where to keep a single one.
func (r *reader) texts(at int, room *[1]string) (list []string, array bool) {
	if !r.members.has(at) {
		return nil, false
	}
	value := *r.members.at(at)
	if s, ok := strictjson.String(value); ok {
		room[0] = s
		return room[:], false
	}
	list, ok := strictjson.Strings(value)
	if !ok {
		r.wrong(at)
	}
	return list, true
}

// moment reads a NumericDate (RFC 7519 section 2): a number of seconds, fractions allowed, from 1970 to 9999.
func (r *reader) moment(at int) time.Time {
	if !r.members.has(at) {
		return time.Time{}
	}
	seconds, ok := strictjson.Number(*r.members.at(at))
	if !ok || !(seconds >= 0 && seconds <= maxNumericDate) {
		r.wrong(at)
		return time.Time{}
	}
	whole := int64(seconds)
	return time.Unix(whole, int64((seconds-float64(whole))*float64(time.Second)))
}

// scopes is the union of the claims at places, and whether any of them is there at all.
func (r *reader) scopes(places []int) (set scope.Set, present bool) {
	for _, at := range places {
		if !r.members.has(at) {
			continue
		}
		present = true
		var room [1]string
		list, array := r.texts(at, &room)
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
	if !r.members.has(atConfirmation) {
		return nil, false
	}
	err := strictjson.Scan(*r.members.at(atConfirmation), maxBytes, func(method, value string) {
		thumbprint := ""
		if knownMethod(method) {
			var ok bool
			if thumbprint, ok = strictjson.String(value); !ok {
				r.wrong(atConfirmation)
			}
		}
		list = append(list, Proof{Method: method, Thumbprint: thumbprint})
	})
	if err != nil {
		r.wrong(atConfirmation)
	}
	return list, true
}
