package revocation

import (
	"encoding/json"
	"errors"
	"time"

	"github.com/perimeter-go/perimeter/internal/strictjson"
	"github.com/perimeter-go/perimeter/middleware"
)

var errClaims = errors.New("revocation: undecided: the claims cannot be read")

// A credential is an identity while it is looked up.
type credential struct {
	id   middleware.Identity
	more *further // decoded when first wanted
	err  error
}

// further is what neither an identity nor the getters of its claims say.
type further struct {
	TokenID   string          `json:"jti"`
	SessionID string          `json:"sid"`
	IssuedAt  json.RawMessage `json:"iat"`
}

func (c *credential) cutOff(l *List, now int64) bool {
	for k := range kinds {
		if !l.has(k) {
			continue
		}
		value, applies := c.name(k)
		if applies && c.isUnder(key{k, c.id.Issuer, value}, l, now) {
			return true
		}
	}
	return false
}

// isUnder reports whether an entry of this key cuts the credential off.
func (c *credential) isUnder(k key, l *List, now int64) bool {
	if found, ok := l.added.find(k); ok && found.holds(c.issuedAt(), now) {
		return true
	}
	for _, s := range l.sources {
		t := s.table.Load()
		if t == nil || !t.has[k.kind] {
			continue
		}
		if found, ok := t.cuts[k]; ok && found.holds(c.issuedAt(), now) {
			return true
		}
	}
	return false
}

// name is what the credential says for a kind of entry.
func (c *credential) name(k kind) (value string, applies bool) {
	switch k {
	case kindIssuer:
		return "", c.id.Issuer != ""
	case kindSubject:
		value = c.id.Subject
	case kindClient:
		value = c.id.ClientID
	case kindToken:
		value = c.tokenID()
	case kindSession:
		value = c.claims().SessionID
	case kinds: // is none
	}
	return value, value != ""
}

func (c *credential) tokenID() string {
	if c.id.Token != nil {
		return c.id.Token.ID()
	}
	return c.claims().TokenID
}

func (c *credential) issuedAt() time.Time {
	if c.id.Token != nil {
		return c.id.Token.IssuedAt()
	}
	seconds, ok := strictjson.Number(c.claims().IssuedAt)
	if !ok || !(seconds > 0 && seconds < 1<<33) {
		return time.Time{}
	}
	return time.Unix(int64(seconds), 0)
}

// claims decodes what the credential says, once. A certificate says nothing.
func (c *credential) claims() *further {
	if c.more != nil {
		return c.more
	}
	c.more = &further{}
	var err error
	switch {
	case c.id.Token != nil:
		err = c.id.Token.Decode(c.more)
	case c.id.Introspection != nil:
		err = c.id.Introspection.Decode(c.more)
	}
	if err != nil { // a jti or sid that is no string: nobody can say whether it is on the list
		c.err = errClaims
	}
	return c.more
}
