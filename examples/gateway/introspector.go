package main

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/perimeter-go/perimeter/introspect"
	"github.com/perimeter-go/perimeter/middleware"
	"github.com/perimeter-go/perimeter/scope"
)

// An introspector asks one issuer about tokens. It logs the first call of a row that brings no answer, and the first answer
// after.
type introspector struct {
	*introspect.Client

	log    *slog.Logger
	health health

	asked, failed atomic.Int64 // of the counts below, those that are read for each token

	mu     sync.Mutex
	counts map[string]int64
}

// count is told of events.
func (i *introspector) count(event string) {
	switch event {
	case "asked":
		i.asked.Add(1)
	case "failed":
		i.failed.Add(1)
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	i.counts[event]++
}

func (i *introspector) counted() map[string]int64 {
	i.mu.Lock()
	defer i.mu.Unlock()
	return maps.Clone(i.counts)
}

// Introspect makes an introspector a middleware.Introspector. Whether a call was made for this token or for another one at the same time
// cannot be seen, and makes no difference to what is logged.
func (i *introspector) Introspect(ctx context.Context, tok string, have ...introspect.Proof) (*introspect.Result, error) {
	asked, failed := i.asked.Load(), i.failed.Load()
	result, err := i.Client.Introspect(ctx, tok, have...)
	decided := err == nil || errors.Is(err, introspect.ErrRefused) || errors.Is(err, middleware.ErrRefused) // that of a certificate
	switch {
	case decided && i.asked.Load() != asked: // what is remembered proves nothing
		if i.health.worked(time.Now()) {
			i.log.Info("introspection works again")
		}
	case !decided && i.failed.Load() != failed && ctx.Err() == nil:
		if i.health.failed(time.Now(), err.Error()) {
			i.log.Warn("introspection failed", "error", err.Error())
		}
	}
	return result, err
}

// introspectors asks the issuer whose JWT it is, which has been verified before.
type introspectors map[string]*introspector

var errNobodyToAsk = errors.New("nobody to ask about a token of this issuer")

func (all introspectors) Introspect(ctx context.Context, tok string, have ...introspect.Proof) (*introspect.Result, error) {
	id, _ := middleware.IdentityFrom(ctx)
	i := all[id.Issuer]
	if i == nil {
		return nil, errNobodyToAsk
	}
	return i.Introspect(ctx, tok, have...)
}

var errNarrowed = errors.New("the issuer's section does not admit it")

// narrowed holds opaque tokens to what their issuer's section says of all its tokens: client_ids, required_claims and
// scopes_allowed, as the verifier does with JWTs.
type narrowed struct {
	inner   middleware.Authenticator
	clients []string
	claims  map[string]string
	ceiling *scope.Set // nil: none
}

func (i *issuerConfig) narrow(a middleware.Authenticator) (middleware.Authenticator, error) {
	n := &narrowed{inner: a, clients: i.clientIDs, claims: i.requiredClaims}
	if len(i.scopesAllowed) > 0 {
		ceiling, err := scope.FromList(i.scopesAllowed)
		if err != nil {
			return nil, err
		}
		n.ceiling = &ceiling
	}
	return n, nil
}

func (n *narrowed) Authenticate(r *http.Request) (middleware.Identity, error) {
	id, err := n.inner.Authenticate(r)
	if err != nil {
		return id, err
	}
	if len(n.clients) > 0 && !slices.Contains(n.clients, id.ClientID) || !claimsHold(id, n.claims) {
		return middleware.Identity{}, errors.Join(middleware.ErrRefused, errNarrowed)
	}
	if n.ceiling != nil {
		id.Scopes = id.Scopes.Intersect(*n.ceiling)
	}
	return id, nil
}
