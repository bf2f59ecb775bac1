package token

import (
	"maps"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/perimeter-go/perimeter/internal/jws"
)

const (
	// maxHeaders is how many headers of one issuer are remembered: one for each key, algorithm and type in use.
	maxHeaders = 32
	// maxHeaderSegment is how long a header may be to be remembered.
	maxHeaderSegment = 1 << 10
	// headersLast is how long the headers of an issuer that has too many stay before others may take their place.
	headersLast = 10 * time.Minute
)

// headers remembers the header segments under which tokens were accepted, and what they say, because all tokens under one key have the same.
// Nothing else enters, so that who has no key cannot fill it. It spares reading a header again, and checking it by the same policy; the key is
// asked for and the signature verified all the same.
//
// Its methods are safe for concurrent use, and find waits for nobody. The zero headers remembers none yet.
type headers struct {
	known atomic.Pointer[headerTable]
	mu    sync.Mutex // of who adds
}

// headerTable is never written to once it is known.
type headerTable struct {
	bySegment map[string]*header
	fullUntil map[*policy]time.Time
}

// header is what a segment says, and the policy that has passed it.
type header struct {
	jws.Header

	passed *policy
}

// read reads the header of msg, or remembers it. passed is the policy by which it needs no check, nil if it was not remembered.
func (h *headers) read(msg *jws.Message) (passed *policy, err error) {
	if table := h.known.Load(); table != nil {
		if found, ok := table.bySegment[msg.HeaderSegment()]; ok {
			msg.UseHeader(&found.Header)
			return found.passed, nil
		}
	}
	if err := msg.ReadHeader(); err != nil {
		return nil, refuseJWS(err)
	}
	return nil, nil
}

// add remembers the header of a token that p has accepted. If another is adding one just now, the next token will do.
func (h *headers) add(msg *jws.Message, p *policy) {
	segment, now := msg.HeaderSegment(), time.Now()
	if table := h.known.Load(); len(segment) > maxHeaderSegment || table != nil && now.Before(table.fullUntil[p]) || !h.mu.TryLock() {
		return
	}
	defer h.mu.Unlock()
	next := h.known.Load().copied()
	own := 0
	for _, other := range next.bySegment {
		if other.passed == p {
			own++
		}
	}
	if own >= maxHeaders {
		maps.DeleteFunc(next.bySegment, func(_ string, other *header) bool { return other.passed == p })
		own = 0
	}
	next.bySegment[strings.Clone(segment)] = &header{msg.Header(), p} // the token itself is not kept
	if own+1 == maxHeaders {
		next.fullUntil[p] = now.Add(headersLast)
	}
	h.known.Store(next)
}

func (t *headerTable) copied() *headerTable {
	if t == nil {
		return &headerTable{bySegment: map[string]*header{}, fullUntil: map[*policy]time.Time{}}
	}
	return &headerTable{bySegment: maps.Clone(t.bySegment), fullUntil: maps.Clone(t.fullUntil)}
}
