package audit

import (
	"cmp"
	"log/slog"
	"net/url"
	"strings"

	"github.com/perimeter-go/perimeter/middleware"
)

// attributes collects what a record says. It has as many places as there are attributes.
type attributes struct {
	list [18]slog.Attr
	n    int
}

func (a *attributes) add(attr slog.Attr) {
	a.list[a.n] = attr
	a.n++
}

// word adds a value that is not empty: a text of ours, or one that was made for the record.
func (a *attributes) word(key, value string) {
	if value != "" {
		a.add(slog.String(key, encode(value)))
	}
}

// text adds one that may be part of a longer one, such as the request line or a token's payload, which whoever keeps the record would keep with it.
func (a *attributes) text(key, value string) {
	a.word(key, strings.Clone(value[:min(len(value), maxValue+1)]))
}

func (t *Trail) describe(record *slog.Record, d *middleware.Decision, share uint64) {
	var a attributes
	r, id := d.Request, &d.Identity
	a.word("outcome", d.Outcome)
	a.word("reason", d.Reason)
	if d.Status != 0 {
		a.add(slog.Int("status", d.Status))
	}
	a.text("method", r.Method)
	a.text("path", path(d))
	a.word("rule", d.Rule)
	a.word("credential", d.Credential)
	a.word("how", d.How)
	a.text("subject", id.Subject)
	a.text("client", id.ClientID)
	a.text("issuer", id.Issuer)
	a.text("key_id", id.Token.KeyID())
	if id.Peer != nil {
		a.word("certificate", id.Peer.Thumbprint())
	}
	a.text("peer", t.peer(r))
	a.word("token", t.hasher.of(r))
	if values := r.Header[t.requestID]; len(values) == 1 {
		a.text("request_id", values[0])
	}
	a.add(slog.Int64("latency_ns", d.Duration.Nanoseconds()))
	if share > 1 {
		a.add(slog.Uint64("sampled", share))
	}
	record.AddAttrs(a.list[:a.n]...)
}

// path is what was judged, or why nothing was.
func path(d *middleware.Decision) string {
	switch u := d.Request.URL; {
	case u == nil:
		return ""
	case d.Outcome == "ambiguous_target" || d.Outcome == "target_too_long": // decoded it may look innocent
		begin := url.URL{Path: u.Path[:min(len(u.Path), maxValue+1)]}
		return cmp.Or(u.RawPath, begin.EscapedPath())
	default:
		return u.Path
	}
}
