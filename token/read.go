package token

import (
	"slices"
	"time"

	"github.com/perimeter-go/perimeter/internal/cnf"
	"github.com/perimeter-go/perimeter/internal/jws"
	"github.com/perimeter-go/perimeter/internal/strictjson"
	"github.com/perimeter-go/perimeter/scope"
)

// maxNumericDate is the last second of the year 9999.
const maxNumericDate = 253402300799

// read takes from the payload's members what the claims getters return, but for what readRest takes. It judges form only: a claim of the wrong JSON type
// refuses the token, whether or not the policy asks for it.
func (p *policy) read(m *members, msg *jws.Message) (*Claims, error) {
	c := &Claims{payload: msg.Payload()}
	c.header, c.known = msg.SharedHeader()
	r := reader{members: m}
	r.areTexts(atIssuer, atSubject, atID, atClientID)
	r.areTexts(p.clientAt...)
	c.audiences = p.audiencesOf(&r)
	c.expiry = r.moment(atExpiry)
	c.notBefore = r.moment(atNotBefore)
	c.issuedAt = r.moment(atIssuedAt)
	return c, r.verdict(p)
}

// readRest is the rest of read. These texts and lists can be long and decide nothing before the signature, so that a stranger's token does not get them
// read.
func (p *policy) readRest(c *Claims, m *members) error {
	r := reader{members: m}
	c.subject = r.text(atSubject)
	c.id = r.text(atID)
	c.clientID = r.firstText(p.clientAt)
	c.scopes = p.granted(&r)
	c.bound = r.bond()
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

// areTexts demands that claims are strings, if they are there. They are known to be good JSON.
func (r *reader) areTexts(places ...int) {
	for _, at := range places {
		if value := *r.members.at(at); value != "" && value[0] != '"' {
			r.wrong(at)
		}
	}
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

// texts reads a string, which is one, or an array of strings (RFC 7519 section 4.1.3), which is not nil. One bad element spoils it.
func (r *reader) texts(at int) (one string, list []string) {
	if !r.members.has(at) {
		return "", nil
	}
	value := *r.members.at(at)
	if one, ok := strictjson.String(value); ok {
		return one, nil
	}
	list, ok := strictjson.Strings(value)
	if !ok || list == nil {
		list = []string{}
	}
	if !ok {
		r.wrong(at)
	}
	return "", list
}

// audiencesOf reads aud. What the list has in common with the policy's it shares.
func (p *policy) audiencesOf(r *reader) []string {
	if !r.members.has(atAudience) {
		return nil
	}
	one, list := r.texts(atAudience)
	if list != nil {
		if slices.Equal(list, p.audiences) {
			return p.audiences
		}
		return list
	}
	if i := slices.Index(p.audiences, one); i >= 0 {
		return p.audiences[i : i+1 : i+1]
	}
	return []string{one}
}

// A moment is what time.Time is, in less memory and without a pointer. The zero moment is none.
type moment struct {
	seconds int64 // of Unix time
	nanos   int32
	given   bool
}

func (m moment) time() time.Time {
	if !m.given {
		return time.Time{}
	}
	return time.Unix(m.seconds, int64(m.nanos))
}

// moment reads a NumericDate (RFC 7519 section 2): a number of seconds, fractions allowed, from 1970 to 9999.
func (r *reader) moment(at int) moment {
	if !r.members.has(at) {
		return moment{}
	}
	seconds, ok := strictjson.Seconds(*r.members.at(at))
	if !ok || !(seconds >= 0 && seconds <= maxNumericDate) {
		r.wrong(at)
		return moment{}
	}
	whole := int64(seconds)
	return moment{whole, int32((seconds - float64(whole)) * float64(time.Second)), true}
}

// scopes is the union of the claims at places, and whether any of them is there at all.
func (r *reader) scopes(places []int) (set scope.Set, present bool) {
	for _, at := range places {
		if !r.members.has(at) {
			continue
		}
		present = true
		one, list := r.texts(at)
		if list != nil {
			set = set.Union(scope.GrantedList(list))
		} else {
			set = set.Union(scope.Granted(one))
		}
	}
	return set, present
}

// bond reads cnf (RFC 7800 section 3.1). A member that this package does not know is kept without a value, so that no
// proof can equal it.
func (r *reader) bond() *bond {
	if !r.members.has(atConfirmation) {
		return nil
	}
	b := &bond{}
	err := strictjson.Scan(*r.members.at(atConfirmation), maxBytes, func(method, value string) {
		thumbprint := ""
		if cnf.IsKnown(method) {
			var ok bool
			if thumbprint, ok = strictjson.String(value); !ok {
				r.wrong(atConfirmation)
			}
		}
		b.confirmations = append(b.confirmations, cnf.Confirmation{Method: method, Thumbprint: thumbprint})
	})
	if err != nil {
		r.wrong(atConfirmation)
	}
	return b
}
