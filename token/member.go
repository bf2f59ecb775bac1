package token

import (
	"errors"
	"strings"

	"github.com/perimeter-go/perimeter/internal/jws"
	"github.com/perimeter-go/perimeter/internal/strictjson"
)

// The claims that are read whatever the policy says have the same place in every list of members.
const (
	atIssuer = iota
	atSubject
	atAudience
	atExpiry
	atNotBefore
	atIssuedAt
	atID
	atConfirmation
	atClientID
	atEvents
	atAccessTokenHash
	atCodeHash
)

var alwaysRead = []string{"iss", "sub", "aud", "exp", "nbf", "iat", "jti", "cnf", "client_id", "events", "at_hash", "c_hash"}

// reads gives each claim that any rule reads its place. It is a small hash table, because every member of every token is looked up in it.
type reads struct {
	names []string   // by place
	next  []int      // by place: that of another name with the same look, or none
	first [looks]int // by look: the place of a name, or none
}

const (
	none  = -1
	looks = 64
)

// look is a number below looks that tells most names from each other.
func look(name string) uint8 {
	if name == "" {
		return 0
	}
	return (uint8(len(name)) + 7*name[0] + 29*name[len(name)-1]) % looks //nolint:gosec // any eight bits of the length do
}

func newReads() *reads {
	r := &reads{}
	for i := range r.first {
		r.first[i] = none
	}
	r.add(alwaysRead...)
	return r
}

// find returns the place of a claim, or none.
func (r *reads) find(name string) int {
	place := r.first[look(name)]
	for place != none && r.names[place] != name {
		place = r.next[place]
	}
	return place
}

// add returns the places of names, which get new ones if they have none yet.
func (r *reads) add(names ...string) (places []int) {
	for _, name := range names {
		place := r.find(name)
		if place == none {
			place = len(r.names)
			r.names, r.next = append(r.names, name), append(r.next, r.first[look(name)])
			r.first[look(name)] = place
		}
		places = append(places, place)
	}
	return places
}

// members are the claims of a payload that are read, by their place, each still as JSON; "" is one that is missing. However many others
// there are, they take no memory.
type members struct {
	near [24]string // as many as policies commonly read
	far  []string   // those after near

	// partly is true if no more was read than the payload's start, or nothing. Nothing is known of the rest, not even that it is JSON.
	partly bool
}

// How much of a payload is read before its signature is verified: of a longer one its start, of one with more members and elements the first.
// Its sender may be anybody, and there are shapes of JSON that cost more to read than a signature costs to verify.
const (
	worthReading = 2 << 10
	worthMembers = 48
	ofLonger     = 1 << 10 // if it is longer than that
	fewMembers   = 16
	fewEscapes   = 8       // backslashes in an audience: some write one before each slash
	longDate     = 20      // letters: seconds and nanoseconds
	worthTwice   = 4 << 10 // a Mux, which has looked for the iss, reads no more of one that is longer than that
)

// empty makes room for a number of claims.
func (m *members) empty(size int) {
	*m = members{}
	if size > len(m.near) {
		m.far = make([]string, size-len(m.near))
	}
}

// at is the claim with the given place.
func (m *members) at(place int) *string {
	if place < len(m.near) {
		return &m.near[place]
	}
	return &m.far[place-len(m.near)]
}

// startOf is the payload of msg, or so many bytes of one with more than most.
func startOf(msg *jws.Message, most, ofMore int) (start string, err error) {
	if msg.PayloadSize() > most {
		start, err = msg.PeekPayload(ofMore)
	} else {
		start, err = msg.ReadPayload()
	}
	if err != nil {
		return "", refuseJWS(err)
	}
	return start, nil
}

// read reads the payload of msg, as far as it is worth it.
func (m *members) read(msg *jws.Message, r *reads) error {
	start, err := startOf(msg, worthReading, ofLonger)
	if err != nil {
		return err
	}
	return m.readStart(start, msg, r)
}

// readStart is read for who has decoded at least as much of the payload.
func (m *members) readStart(start string, msg *jws.Message, r *reads) error {
	if msg.PayloadSize() > worthReading {
		_ = m.scan(start[:ofLonger/3*3], fewMembers, r) // it cannot be a whole object
		m.putOffDear()
		m.partly = true
		return nil
	}
	err := m.scan(start, worthMembers, r)
	m.putOffDear()
	if errors.Is(err, strictjson.ErrTooMany) {
		m.partly = true
		return nil
	}
	return malformed(err)
}

// putOffDear leaves out what takes long to read.
func (m *members) putOffDear() {
	if aud := m.at(atAudience); strings.Count(*aud, `\`) > fewEscapes {
		*aud, m.partly = "", true
	}
	for _, place := range [...]int{atExpiry, atNotBefore, atIssuedAt} {
		if date := m.at(place); len(*date) > longDate {
			*date, m.partly = "", true
		}
	}
}

// putOff reads nothing before the signature.
func (m *members) putOff(r *reads) {
	m.empty(len(r.names))
	m.partly = true
}

// readAll reads all of the payload of msg. It is an error if the payload is no object, or one that can be read in two ways.
func (m *members) readAll(msg *jws.Message, r *reads) error {
	payload, err := msg.ReadPayload()
	if err != nil {
		return refuseJWS(err)
	}
	return malformed(m.scan(payload, maxBytes, r))
}

func (m *members) scan(payload string, most int, r *reads) error {
	m.empty(len(r.names))
	return strictjson.Scan(payload, most, func(name, value string) {
		if place := r.find(name); place != none {
			*m.at(place) = value
		}
	})
}

func malformed(err error) error {
	if err != nil {
		return refuse(ReasonMalformed, "payload")
	}
	return nil
}

func (m *members) has(place int) bool { return *m.at(place) != "" }

// tells is false if what is missing at a place may still be found.
func (m *members) tells(place int) bool { return !m.partly || m.has(place) }
