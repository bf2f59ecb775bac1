package middleware

import (
	"fmt"
	"net/http"
	"strings"

	"github.com/perimeter-go/perimeter/internal/headers"
)

// An Explanation says which rule of a table a request comes under, and why. It is for operators: it names configuration, and so
// does not belong into a response.
type Explanation struct {
	// Pattern is that of the rule; empty: no rule, the request is answered with Status.
	Pattern string
	// Status is 0 where the rule decides, 414 for a path that is too long, 400 for an ambiguous request target, and 403 where there is no rule.
	Status int
	// Why is a sentence for people. Its wording is no promise.
	Why string
}

// String is the whole explanation in one line. What the client has sent is quoted in it.
func (e Explanation) String() string {
	if e.Pattern == "" {
		return fmt.Sprintf("%d: %s", e.Status, e.Why)
	}
	return fmt.Sprintf("rule %q: %s", e.Pattern, e.Why)
}

// Explain says which rule a request comes under, and what the rule asks for. It looks at no credentials.
func (t *Routes) Explain(r *http.Request) Explanation {
	e, o := t.find(r)
	if o == targetTooLong {
		return Explanation{Status: o.status(), Why: "the path of " + tooLong(r)}
	}
	if o == ambiguousTarget {
		return Explanation{Status: o.status(), Why: fmt.Sprintf("the request target of %q is ambiguous", r.Method)}
	}
	request := fmt.Sprintf("%q %q", r.Method, r.URL.Path)
	if e == nil {
		return Explanation{Status: http.StatusForbidden, Why: "no rule matches " + request + t.otherMethods(r)}
	}
	why := []string{"matches " + request}
	if others := t.lessSpecific(r, e); len(others) > 0 {
		why = append(why, "is more specific than "+strings.Join(others, " and "))
	}
	return Explanation{Pattern: e.text, Why: strings.Join(append(why, e.asksFor(r)), "; ")}
}

// tooLong tells why a path is.
func tooLong(r *http.Request) string {
	switch {
	case !isTooLongAlone(r.URL):
		return fmt.Sprintf("%q has more than %d bytes, and more than %d together with the headers, with %d more for each of these, and each cookie", r.Method, usualPath, maxPathAndHeaders, headers.Each)
	case isEscapedTooOften(r.URL) && pathLength(r.URL) <= maxPath:
		return fmt.Sprintf("%q has more than %d escapes, and is spelled otherwise than url.URL would", r.Method, maxEscapes)
	default:
		return fmt.Sprintf("%q has more than %d bytes", r.Method, maxPath)
	}
}

// asksFor tells what the entry needs, in the order in which it is checked.
func (e *entry) asksFor(r *http.Request) string {
	switch {
	case e.public && isBarredPreflight(r, e):
		return "is public, but does not name OPTIONS, so that a preflight needs an identity"
	case e.public:
		return "is public"
	}
	needs := "needs an identity"
	if e.demand.method != nil {
		needs += " by its own authenticator"
	}
	if len(e.demand.issuers) > 0 {
		needs += fmt.Sprintf(", of issuer %q", e.demand.issuers)
	}
	if e.demand.peers != nil {
		needs += ", with a certificate that " + e.demand.peers.String() + " admits"
	}
	if e.demand.scoped {
		needs += ", with scope " + e.demand.scope.String()
	}
	if e.demand.check != nil {
		needs += ", that passes its check"
	}
	return needs
}

// lessSpecific lists the other rules that match the request.
func (t *Routes) lessSpecific(r *http.Request, chosen *entry) []string {
	var others []string
	for _, e := range t.entries {
		if e != chosen && e.pattern.takes(r.Method) && e.pattern.shape.matches(r.URL.Path) {
			others = append(others, fmt.Sprintf("%q", e.text))
		}
	}
	return others
}

// otherMethods hints at rules that match the path alone.
func (t *Routes) otherMethods(r *http.Request) string {
	if t == nil {
		return ""
	}
	var others []string
	for _, e := range t.entries {
		if e.pattern.shape.matches(r.URL.Path) {
			others = append(others, fmt.Sprintf("%q", e.text))
		}
	}
	if len(others) == 0 {
		return ""
	}
	return "; its path alone matches " + strings.Join(others, " and ")
}

// takes says whether the pattern is for a method.
func (p *pattern) takes(method string) bool {
	return p.method == "" || p.method == method || p.method == http.MethodGet && method == http.MethodHead
}
