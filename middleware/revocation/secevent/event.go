package secevent

import (
	"context"
	"encoding/json"
	"slices"
	"time"

	"github.com/perimeter-go/perimeter/internal/jws"
	"github.com/perimeter-go/perimeter/internal/strictjson"
	"github.com/perimeter-go/perimeter/middleware/revocation"
	"github.com/perimeter-go/perimeter/token"
)

// known are the events that end what their subject has.
var known = map[string]bool{
	"https://schemas.openid.net/secevent/caep/event-type/session-revoked":  true,
	"https://schemas.openid.net/secevent/risc/event-type/sessions-revoked": true,
	"https://schemas.openid.net/secevent/risc/event-type/account-disabled": true,
	"https://schemas.openid.net/secevent/risc/event-type/account-purged":   true,
}

// An event is what a token says under one type (RFC 8417 section 2).
type event struct {
	Subject   json.RawMessage `json:"subject"`
	Timestamp json.RawMessage `json:"event_timestamp"`
}

type content struct {
	SubjectID json.RawMessage            `json:"sub_id"`
	Events    map[string]json.RawMessage `json:"events"`
}

// act records what the token says, all of it or nothing.
func (r *receiver) act(ctx context.Context, claims *token.Claims) error {
	var c content
	if claims.Decode(&c) != nil || len(c.Events) == 0 {
		return reject(invalidRequest, "no events, or not in the form of RFC 8417")
	}
	var entries []revocation.Entry
	for eventType, payload := range c.Events {
		if !known[eventType] {
			continue
		}
		more, err := r.entries(payload, c.SubjectID, claims.IssuedAt())
		if err != nil {
			return err
		}
		entries = append(entries, more...)
	}
	if len(entries) > 0 {
		if err := r.config.Record(ctx, entries); err != nil {
			return err
		}
	}
	if r.config.OnEvent != nil {
		for eventType := range c.Events {
			r.config.OnEvent(eventType, known[eventType])
		}
	}
	return nil
}

// entries is who is cut off by one event.
func (r *receiver) entries(payload, subjectID json.RawMessage, issued time.Time) ([]revocation.Entry, error) {
	var e event
	if jws.Decode(payload, &e) != nil {
		return nil, reject(invalidRequest, "an event is not in the form of its type")
	}
	if len(subjectID) == 0 {
		subjectID = e.Subject
	}
	entries, err := r.subjects(subjectID)
	if err != nil {
		return nil, err
	}
	at, ok := e.at(issued)
	if !ok {
		return nil, reject(invalidRequest, "no time of the event")
	}
	for i := range entries {
		entries[i].IssuedBefore, entries[i].Until = at, at.Add(r.config.Lifetime)
	}
	return entries, nil
}

const lastSecond = 9e9 // of the year 2255; a later one is meant in milliseconds, as drafts of CAEP had it

// at is when the event happened, or else when the token was issued, which is not before it.
func (e *event) at(issued time.Time) (time.Time, bool) {
	if len(e.Timestamp) == 0 {
		return issued, !issued.IsZero()
	}
	seconds, ok := strictjson.Number(e.Timestamp)
	if seconds > lastSecond {
		seconds /= 1000
	}
	if !ok || !(seconds > 0 && seconds <= lastSecond) {
		return time.Time{}, false
	}
	return time.Unix(int64(seconds), 0), true
}

// A subject is a subject identifier (RFC 9493 section 3), as far as this package knows its formats.
type subject struct {
	Format      string            `json:"format"`
	Issuer      string            `json:"iss"`
	Subject     string            `json:"sub"`
	TokenID     string            `json:"jti"`
	ID          string            `json:"id"`
	Identifiers []json.RawMessage `json:"identifiers"`
	User        json.RawMessage   `json:"user"`
	Session     json.RawMessage   `json:"session"`
}

const maxAliases = 16

// subjects is who is meant, without a time.
func (r *receiver) subjects(id json.RawMessage) ([]revocation.Entry, error) {
	s, err := readSubject(id)
	if err != nil {
		return nil, err
	}
	switch s.Format {
	case "complex": // OpenID Shared Signals Framework
		return r.complex(s)
	case "aliases": // RFC 9493 section 3.2.8
		return r.aliases(s)
	default:
		return r.simple(s, revocation.Entry{Subject: s.ID}, revocation.Entry{SessionID: s.ID})
	}
}

func readSubject(id json.RawMessage) (s subject, err error) {
	if len(id) == 0 || jws.Decode(id, &s) != nil {
		return subject{}, reject(invalidRequest, "no subject, or not in the form of RFC 9493")
	}
	return s, nil
}

// complex takes the session, or else the user.
func (r *receiver) complex(s subject) ([]revocation.Entry, error) {
	if len(s.Session) > 0 {
		session, err := readSubject(s.Session)
		if err != nil {
			return nil, err
		}
		return r.simple(session, revocation.Entry{SessionID: session.ID})
	}
	user, err := readSubject(s.User)
	if err != nil {
		return nil, err
	}
	return r.simple(user, revocation.Entry{Subject: user.ID})
}

// aliases are names of one subject. Those in formats that are not known name nobody here; one of them must.
func (r *receiver) aliases(s subject) ([]revocation.Entry, error) {
	if len(s.Identifiers) > maxAliases {
		return nil, reject(invalidRequest, "too many aliases")
	}
	var all []revocation.Entry
	err := reject(invalidRequest, "no subject")
	for _, id := range s.Identifiers {
		alias, wrong := readSubject(id)
		if wrong != nil {
			return nil, wrong
		}
		var entries []revocation.Entry
		if entries, wrong = r.simple(alias, revocation.Entry{Subject: alias.ID}); wrong != nil {
			err = wrong
			continue
		}
		all = append(all, entries...)
	}
	if len(all) == 0 {
		return nil, err
	}
	return all, nil
}

// simple is who one identifier names; an opaque one names what the caller says.
func (r *receiver) simple(s subject, opaque ...revocation.Entry) ([]revocation.Entry, error) {
	issuer := s.Issuer
	var entries []revocation.Entry
	switch {
	case s.Format == "iss_sub" && s.Issuer != "" && s.Subject != "": // RFC 9493 section 3.2.4
		entries = []revocation.Entry{{Subject: s.Subject}}
	case s.Format == "jwt_id" && s.Issuer != "" && s.TokenID != "": // OpenID Shared Signals Framework
		entries = []revocation.Entry{{TokenID: s.TokenID}}
	case s.Format == "opaque" && s.ID != "": // RFC 9493 section 3.2.5
		entries, issuer = opaque, r.config.Issuers[0]
	default:
		return nil, reject(invalidRequest, "a subject in a format that this receiver does not know")
	}
	if !slices.Contains(r.config.Issuers, issuer) {
		return nil, reject(accessDenied, "the transmitter may not speak for the issuer of this subject")
	}
	for i := range entries {
		entries[i].Issuer = issuer
	}
	return entries, nil
}
