package main

import (
	"fmt"
	"sort"
	"strings"

	"github.com/perimeter-go/perimeter/middleware"
	"github.com/perimeter-go/perimeter/middleware/forward"
	"github.com/perimeter-go/perimeter/scope"
)

const noScope = "is no scope: printable ASCII without blanks, quotes and backslashes"

// checkByBuilding tries the parts on the packages that they are meant for, so that a configuration is good exactly if it
// builds. A part that is reported already is not tried.
func (c *config) checkByBuilding(m *mistakes) {
	for n := range c.issuers {
		i := &c.issuers[n]
		i.checkElements(m)
		i.policy(m)
		i.keyOptions(m)
		i.checkIntrospectionByBuilding(m)
		if _, err := i.newCache(nil); err != nil && i.issuer != "" {
			m.addAll(i.addressPath(), err)
		}
	}
	good := make([]int, 0, len(c.routes)) // the routes whose patterns can be compared
	for n := range c.routes {
		if c.routes[n].checkByBuilding(m) {
			good = append(good, n)
		}
	}
	c.checkRoutesTogether(good, m)
	c.checkEventsRoute(good, m)
	if _, err := forward.New(c.forwarding(m)); err != nil {
		m.addAll("identity_headers", err)
	}
}

func (i *issuerConfig) addressPath() string {
	if i.jwksURL != "" {
		return i.path + ".jwks_url"
	}
	return i.path + ".issuer"
}

// checkByBuilding reports whether the pattern is good.
func (r *routeConfig) checkByBuilding(m *mistakes) bool {
	checkScopes(r.path+".all", r.all, m)
	checkScopes(r.path+".any", r.any, m)
	if r.pattern == "" {
		return false
	}
	_, err := middleware.NewRoutes(middleware.Rule{Pattern: r.pattern})
	if err != nil {
		text := strings.TrimPrefix(err.Error(), fmt.Sprintf("middleware: rule 1 (%q): ", r.pattern))
		m.addf(r.path+".pattern", "%q: %s", r.pattern, strings.ReplaceAll(text, "\n", "; "))
	}
	return err == nil
}

func checkScopes(path string, names []string, m *mistakes) {
	for n, name := range names {
		if _, err := scope.FromList([]string{name}); err != nil {
			m.addf(fmt.Sprintf("%s[%d]", path, n), "%q %s", name, noScope)
		}
	}
}

// checkRoutesTogether reports each route that stands in the way of an earlier one. The first of them ends the shortest run of
// routes that cannot be built; it is taken out, and so on.
func (c *config) checkRoutesTogether(good []int, m *mistakes) {
	if c.externalURL != "" && buildable(c, good) && !buildable(c, good, metadataPattern) {
		m.addf("external_url", "a route has the place of its metadata, %s", metadataPattern)
	}
	for range maxReported {
		if buildable(c, good) {
			return
		}
		last := sort.Search(len(good), func(n int) bool { return !buildable(c, good[:n+1]) })
		for _, earlier := range good[:last] {
			if !buildable(c, []int{earlier, good[last]}) {
				m.addf(c.routes[good[last]].path+".pattern", "conflicts with %s.pattern: some requests match both, and neither is more specific", c.routes[earlier].path)
				break
			}
		}
		good = append(good[:last:last], good[last+1:]...)
	}
}

func buildable(c *config, routes []int, more ...string) bool {
	rules := make([]middleware.Rule, 0, len(routes)+len(more))
	for _, n := range routes {
		rules = append(rules, middleware.Rule{Pattern: c.routes[n].pattern})
	}
	for _, pattern := range more {
		rules = append(rules, middleware.Rule{Pattern: pattern})
	}
	_, err := middleware.NewRoutes(rules...)
	return err == nil
}
