package main

import (
	"encoding/json"
	"net/http"
)

const (
	metadataPath    = "/.well-known/oauth-protected-resource"
	metadataPattern = "GET " + metadataPath
)

// withMetadata serves the protected resource metadata (RFC 9728 section 3.2), which says where a client that was refused gets
// a token, and everything else by next. It stands behind the guard, where metadataPattern is a public rule.
func withMetadata(c *config, next http.Handler) (http.Handler, error) {
	servers := make([]string, 0, len(c.issuers))
	for _, i := range c.issuers {
		servers = append(servers, i.issuer)
	}
	doc, err := json.Marshal(map[string]any{
		"resource":                 c.externalURL,
		"authorization_servers":    servers,
		"bearer_methods_supported": []string{"header"},
	})
	if err != nil {
		return nil, err
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != metadataPath || (r.Method != http.MethodGet && r.Method != http.MethodHead) {
			next.ServeHTTP(w, r)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(doc) // the client is gone if this fails
	}), nil
}
