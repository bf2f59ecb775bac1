package quota

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"net/http"
	"net/netip"

	"github.com/perimeter-go/perimeter/middleware"
)

// Subject counts by who the credential is about. A token without a subject, as some issuers give to clients, has no such name.
func Subject(id middleware.Identity) string { return id.Subject }

// Client counts by the client that the credential was issued to, for all its users together.
func Client(id middleware.Identity) string { return id.ClientID }

// Claim counts by a claim of the token, such as tenant: a non-empty string or a number. It is looked for in the JWT and then in
// the issuer's answer about the token; anything else is no such name.
//
// It reads the whole payload for each request. What users can set themselves, in a profile, gives them as many quotas as they like.
func Claim(name string) func(middleware.Identity) string {
	return func(id middleware.Identity) string {
		if id.Token != nil {
			if value := claim(id.Token, name); value != "" {
				return value
			}
		}
		if id.Introspection != nil {
			return claim(id.Introspection, name)
		}
		return ""
	}
}

func claim(from interface{ Decode(v any) error }, name string) string {
	var all map[string]json.RawMessage
	if err := from.Decode(&all); err != nil {
		return ""
	}
	raw := all[name]
	var text string
	var number json.Number
	switch {
	case json.Unmarshal(raw, &text) == nil:
		return text
	case json.Unmarshal(raw, &number) == nil:
		return number.String()
	default:
		return ""
	}
}

// Pass does not count requests without an identity.
func Pass(*http.Request) (name string, counts bool) { return "", false }

// Peer counts requests without an identity by the address they come from, of IPv6 the /64. Behind a proxy that is the proxy's, so that
// all share one quota: there, name the client as the proxy tells you. Connections without an address share one too.
func Peer(r *http.Request) (name string, counts bool) {
	at, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return "", true
	}
	addr := at.Addr().Unmap().WithZone("")
	bits := addr.BitLen()
	if addr.Is6() {
		bits = 64
	}
	network, err := addr.Prefix(bits)
	if err != nil {
		return "", true
	}
	return network.String(), true
}

// A fingerprint stands for a name: it tells who knows no secret of ours nothing about it.
type fingerprint [sha256.Size]byte

func (f fingerprint) String() string { return base64.RawURLEncoding.EncodeToString(f[:]) }

// A tag makes the fingerprints of one policy. It is an HMAC key.
type tag []byte

// ownKey is the secret of a Limiter that shares nothing.
func ownKey() []byte {
	key := make([]byte, leastKey)
	_, _ = rand.Read(key) // never fails
	return key
}

func newTag(key []byte, name string, p policy) tag {
	all := join(name)
	all = binary.BigEndian.AppendUint64(all, uint64(p.limit))  //nolint:gosec // positive
	all = binary.BigEndian.AppendUint64(all, uint64(p.window)) //nolint:gosec // positive
	f := sum(key, all)
	return f[:]
}

// identity is the fingerprint of a name that an identity has. That of a token is another than that of anything else.
func (t tag) identity(id middleware.Identity, name string) fingerprint {
	kind := "other"
	if id.Token != nil || id.Introspection != nil {
		kind = "token"
	}
	return sum(t, join(kind, id.Issuer, name))
}

func (t tag) peer(name string) fingerprint { return sum(t, join("peer", name)) }

// join spells a list so that no other list is spelled alike.
func join(parts ...string) []byte {
	var all []byte
	for _, p := range parts {
		all = binary.BigEndian.AppendUint64(all, uint64(len(p)))
		all = append(all, p...)
	}
	return all
}

func sum(key, message []byte) (f fingerprint) {
	h := hmac.New(sha256.New, key)
	_, _ = h.Write(message)
	h.Sum(f[:0])
	return f
}
