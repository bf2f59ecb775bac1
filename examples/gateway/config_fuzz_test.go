package main

import (
	"regexp"
	"strings"
	"testing"
)

// A mistake begins with its path: $ or a member's name, then members and elements.
var mistakeLine = regexp.MustCompile(`^(\$|[\w-]+)(\.[\w-]+|\[\d+\]|\["[^\n]*"\])*: .`)

// FuzzConfig holds for any bytes: nothing panics, what is accepted builds, and each line of a refusal begins with a path.
func FuzzConfig(f *testing.F) {
	for _, seed := range []string{
		leastConfig, withFiles(fullConfig), ``, `[]`, `{`, `{"a b": 1, "": 2, "listen": null}`, `{"routes": [7, {"pattern": "GET /a", "pattern": 1}]}`,
		strings.Replace(leastConfig, "GET /orders/v1/{id}", "GET /orders/{id", 1),
		strings.Replace(leastConfig, `}]
}`, `}, {"pattern": "/orders/v1/{x}"}, {"pattern": "GET /{a}/v1/x", "any": ["a\\n"]}]}`, 1),
		strings.Replace(leastConfig, `"audiences"`, `"preset": "entra-v2", "required_claims": {"ver": "1.0"}, "keys": {"max_age": "1ns"}, "audiences"`, 1),
		strings.Replace(leastConfig, `"audiences"`, `"introspection": {"auth": "bearer", "signed": true, "client_secret_file": "/dev/zero", "ttl": "2h"}, "audiences"`, 1),
		strings.Replace(leastConfig, `"all"`, `"accept": ["opaque", "mtls", ""], "introspect": true, "all"`, 1),
		strings.Replace(leastConfig, `"listen"`, `"redis": {"url": "redis://u:p@h:0/x?skip_verify=true#", "key_file": "/dev"}, "listen"`, 1),
		withFiles(strings.Replace(leastConfig, `"audiences"`, askable+`, "audiences"`, 1)),
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := parseConfig(data)
		if err != nil {
			for line := range strings.SplitSeq(err.Error(), "\n") {
				if !mistakeLine.MatchString(line) || strings.Contains(line, errBuild.Error()) {
					t.Fatalf("a mistake without a path: %q", line)
				}
			}
			return
		}
		g, err := build(c, nil)
		if err != nil {
			t.Fatalf("accepted, but does not build: %v", err)
		}
		_ = g.close()
	})
}
