package introspect

import (
	"fmt"
	"reflect"
	"time"
)

// The bounds that tests count against.
const (
	MaxCalls   = maxCalls
	MaxQueued  = maxQueued
	PeersShare = peersShare
	MaxAnswer  = maxAnswer
	MaxToken   = maxToken
)

// Remembered is how many answers c keeps about active tokens and about others.
func (c *Client) Remembered() (active, others int) {
	c.cache.mu.Lock()
	defer c.cache.mu.Unlock()
	return len(c.cache.active.ring), len(c.cache.others.ring)
}

// Bytes is how much c keeps of answers.
func (c *Client) Bytes() int {
	c.cache.mu.Lock()
	defer c.cache.mu.Unlock()
	return c.cache.active.bytes + c.cache.others.bytes
}

// Idle reports whether c has nothing under way and nothing kept for it.
func (c *Client) Idle() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.gate.mu.Lock()
	defer c.gate.mu.Unlock()
	return len(c.flights) == 0 && c.gate.calls == 0 && c.gate.queued == 0 && len(c.gate.lanes) == 0 && len(c.gate.turns) == 0
}

// Key exposes the hash that a token is remembered under.
func (c *Client) Key(tok string) string {
	k := c.keys.of(tok)
	return string(k[:])
}

// KeyUnder is the hash of tok under a secret.
func KeyUnder(secret []byte, tok string) string {
	k := newKeyer(secret).of(tok)
	return string(k[:])
}

// LeftOfHashing is what c's hashers hold while nothing is hashed, as text: bytes are numbers.
func (c *Client) LeftOfHashing() string {
	h, _ := c.keys.pool.Get().(*hasher)
	defer c.keys.pool.Put(h)
	return fmt.Sprintf("%d %v", h.text[:cap(h.text)], reflect.ValueOf(h.hash).Elem())
}

// NewTransport exposes what requests are made with where the caller gives nothing.
var NewTransport = newTransport

// ReadAnswer exposes the reader of answers: what it says is active, inactive or "" for neither.
func ReadAnswer(data []byte) (verdict string, r *Result) {
	a, ok := readAnswer(data, "https://issuer.test")
	switch {
	case ok && a.verdict == active:
		return "active", a.result
	case ok && a.verdict == inactive:
		return "inactive", nil
	}
	return "", nil
}

// Seal and Open expose what values in a Store are made of.
func Seal(secret []byte, name string, payload []byte) []byte {
	return sealer{secret}.seal(name, sealed{verdict: active, asked: time.Unix(1, 0), payload: payload})
}

func Open(secret []byte, name string, value []byte) ([]byte, bool) {
	v, ok := sealer{secret}.open(name, value)
	return v.payload, ok
}

// IsSignedType exposes the check of a signed answer's header.
func IsSignedType(jwt string) bool { return isSignedType(jwt) }

// RawSignature exposes the reader of what a crypto.Signer returns.
func RawSignature(der []byte, size int) ([]byte, error) { return rawSignature(der, size) }
