package secevent

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"reflect"
	"slices"
	"time"

	"github.com/perimeter-go/perimeter/middleware/revocation"
	"github.com/perimeter-go/perimeter/token"
)

// A Verifier verifies the tokens of a transmitter. [token.Verifier] is one, with the Type "secevent+jwt", the audience that the
// transmitter knows this receiver by, and a MaxAge. Its error wraps [token.ErrRefused] if a token is not good; after any other
// error the transmitter is told to try again.
type Verifier interface {
	Verify(ctx context.Context, raw string, have ...token.Proof) (*token.Claims, error)
}

// Config says whom to believe, and what to do then.
type Config struct {
	// Verifier tells whether a token is the transmitter's. Required.
	Verifier Verifier
	// Issuers are whose credentials the transmitter may cut off; the first is meant where a subject names none. A transmitter
	// that is its own issuer is named too. Required: whoever may speak for all could cut off everybody.
	Issuers []string
	// Record makes entries hold, before the transmitter is told that they do. [Into] is for one process; with several, or
	// to outlive a restart, write them to where all of them read, too. After an error the transmitter is told to try again.
	// Required.
	Record func(ctx context.Context, entries []revocation.Entry) error
	// Lifetime is how long the longest credential lives: an entry may be forgotten that long after its event. Default 24 h.
	Lifetime time.Duration
	// Authorization is the value of the Authorization header that the transmitter sends, such as "Bearer " and a secret that was
	// agreed on (RFC 8935 section 3), of 8 KiB at most. Empty: it sends none that counts; the token's signature is what is believed in any case.
	Authorization string
	// OnEvent is told of each event of a token that was accepted, by its type, and whether it was acted upon. The type is the transmitter's
	// text. Nil: nobody is told.
	OnEvent func(eventType string, acted bool)

	_ struct{}
}

const defaultLifetime = 24 * time.Hour

// Into records in a list.
func Into(list *revocation.List) func(context.Context, []revocation.Entry) error {
	return func(_ context.Context, entries []revocation.Entry) error { return list.Add(entries...) }
}

// New returns a handler for one transmitter. All mistakes are reported together.
func New(c Config) (http.Handler, error) {
	var errs []error
	if isNil(c.Verifier) {
		errs = append(errs, errors.New("secevent: Verifier is nil"))
	}
	if len(c.Issuers) == 0 || slices.Contains(c.Issuers, "") {
		errs = append(errs, errors.New("secevent: Issuers is empty, or one of them is"))
	}
	if c.Record == nil {
		errs = append(errs, errors.New("secevent: Record is nil"))
	}
	if c.Lifetime < 0 {
		errs = append(errs, fmt.Errorf("secevent: Lifetime is %v", c.Lifetime))
	}
	if len(c.Authorization) > maxSecret {
		errs = append(errs, fmt.Errorf("secevent: Authorization has %d bytes, more than %d", len(c.Authorization), maxSecret))
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	if c.Lifetime == 0 {
		c.Lifetime = defaultLifetime
	}
	c.Issuers = slices.Clone(c.Issuers)
	return &receiver{config: c}, nil
}

func isNil(v Verifier) bool {
	if v == nil {
		return true
	}
	rv := reflect.ValueOf(v)
	return rv.Kind() == reflect.Pointer && rv.IsNil()
}
