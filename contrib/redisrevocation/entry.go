package redisrevocation

import (
	"bytes"
	"encoding/json"
	"errors"
	"math"
	"time"

	"github.com/perimeter-go/perimeter/middleware/revocation"
)

var (
	forever  = math.Inf(1)
	errEntry = errors.New("redisrevocation: Redis holds what is no entry")
)

// record is an entry in Redis, with times in nanoseconds since 1970. The order of its members never changes: what is saved twice is
// one member of the set.
type record struct {
	Issuer    string `json:"iss,omitempty"`
	TokenID   string `json:"jti,omitempty"`
	Subject   string `json:"sub,omitempty"`
	SessionID string `json:"sid,omitempty"`
	ClientID  string `json:"client_id,omitempty"`
	Before    int64  `json:"before,omitempty"`
	Until     int64  `json:"until,omitempty"`
}

func recordOf(e revocation.Entry) record {
	return record{e.Issuer, e.TokenID, e.Subject, e.SessionID, e.ClientID, nanoseconds(e.IssuedBefore), nanoseconds(e.Until)}
}

func (r record) entry() revocation.Entry {
	return revocation.Entry{
		Issuer: r.Issuer, TokenID: r.TokenID, Subject: r.Subject, SessionID: r.SessionID, ClientID: r.ClientID,
		IssuedBefore: moment(r.Before), Until: moment(r.Until),
	}
}

func nanoseconds(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixNano()
}

func moment(n int64) time.Time {
	if n == 0 {
		return time.Time{}
	}
	return time.Unix(0, n)
}

func encode(e revocation.Entry) string {
	text, _ := json.Marshal(recordOf(e)) // strings and numbers
	return string(text)
}

func decode(text string) (revocation.Entry, error) {
	var r record
	if err := strictly(text, &r); err != nil {
		return revocation.Entry{}, err
	}
	return r.entry(), nil
}

func encodeAll(entries []revocation.Entry) (string, error) {
	records := make([]record, len(entries))
	for i, e := range entries {
		records[i] = recordOf(e)
	}
	text, err := json.Marshal(records)
	return string(text), err
}

func decodeAll(text string) ([]revocation.Entry, error) {
	var records []record
	if err := strictly(text, &records); err != nil {
		return nil, err
	}
	entries := make([]revocation.Entry, len(records))
	for i, r := range records {
		entries[i] = r.entry()
	}
	return entries, nil
}

func strictly(text string, v any) error {
	d := json.NewDecoder(bytes.NewReader([]byte(text)))
	d.DisallowUnknownFields()
	if d.Decode(v) != nil || d.More() {
		return errEntry
	}
	return nil
}
