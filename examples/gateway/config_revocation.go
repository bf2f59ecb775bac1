package main

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/perimeter-go/perimeter/middleware/revocation"
)

func (c *config) checkRevocation(m *mistakes) {
	s := c.revocation
	if s == nil {
		return
	}
	if len(s.files)+len(s.urls) == 0 && s.events == nil && c.redis == nil {
		m.missing("revocation", "needs files, urls, events or redis: nobody could ever be cut off")
	}
	for n, address := range s.urls {
		if _, err := revocation.URL(address, nil); err != nil && address != "" {
			m.addf(fmt.Sprintf("revocation.urls[%d]", n), "%s", strings.TrimPrefix(err.Error(), "revocation: "))
		}
	}
	s.policy(m)
	if s.events != nil {
		s.events.check(c, m)
	}
}

// policy takes the members one by one, as issuerConfig.keyOptions does.
func (s *revocationConfig) policy(m *mistakes) revocation.Config {
	p := revocation.Config{InsecureOpen: s.insecureOpen}
	for _, member := range []struct {
		name  string
		value time.Duration
		field *time.Duration
	}{
		{"every", s.every, &p.Every},
		{"max_stale", s.maxStale, &p.MaxStale},
	} {
		*member.field = member.value
		trial := p
		if member.name == "every" && s.maxStale != 0 {
			trial.MaxStale = max(s.maxStale, 2*s.every) // which is judged next
		}
		if _, err := revocation.New(trial); err != nil {
			m.addAll("revocation."+member.name, err)
			*member.field = 0
		}
	}
	return p
}

func (e *eventsConfig) check(c *config, m *mistakes) {
	const path = "revocation.events"
	if !strings.HasPrefix(e.path, "/") || strings.ContainsAny(e.path, "{} ?#") || strings.HasSuffix(e.path, "/") {
		m.missing(path+".path", "required: where the issuer posts events, such as /events")
	}
	switch {
	case e.issuer == "":
		m.missing(path+".issuer", "required: the issuer that sends events about its tokens")
	case !slices.ContainsFunc(c.issuers, func(i issuerConfig) bool { return i.issuer == e.issuer }):
		m.addf(path+".issuer", "not the issuer of any member of issuers")
	}
	if e.audience == "" {
		m.missing(path+".audience", "required: the aud of the events, as agreed on with the issuer")
	}
	if e.authorizationFile != "" {
		if _, err := readSecret(e.authorizationFile); err != nil {
			m.addAll(path+".authorization_file", err)
		}
	}
}

// eventsPattern is the route of the receiver, or "".
func eventsPattern(c *config) string {
	if c.revocation == nil || c.revocation.events == nil {
		return ""
	}
	return "POST " + c.revocation.events.path
}

// checkEventsRoute reports a route that has the place of the receiver.
func (c *config) checkEventsRoute(good []int, m *mistakes) {
	if pattern := eventsPattern(c); pattern != "" && buildable(c, good) && !buildable(c, good, pattern) {
		m.addf("revocation.events.path", "a route has its place, %s", pattern)
	}
}
