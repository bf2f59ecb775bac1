package main

import (
	"encoding/json"
	"net/http"
	"time"

	"github.com/perimeter-go/perimeter/jwks"
	"github.com/perimeter-go/perimeter/mtls"
)

// adminHandler serves readiness and the state of keys, introspection and Redis. Both read what is in memory: asking often costs the issuers nothing.
func adminHandler(s *server) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /-/ready", func(w http.ResponseWriter, r *http.Request) {
		ready, known := s.ready(), true
		if r.URL.Query().Has("issuer") {
			ready, known = s.issuerReady(r.URL.Query().Get("issuer"))
		}
		if !known {
			http.Error(w, "no such issuer", http.StatusNotFound)
			return
		}
		if !ready {
			http.Error(w, "not ready", http.StatusServiceUnavailable)
			return
		}
		_, _ = w.Write([]byte("ready\n")) // who asked is gone if this fails
	})
	mux.HandleFunc("GET /-/status", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		encoder := json.NewEncoder(w)
		encoder.SetIndent("", "  ")
		_ = encoder.Encode(s.report()) // as above
	})
	mux.HandleFunc("GET /metrics", func(w http.ResponseWriter, r *http.Request) {
		m := s.now().metrics
		if m == nil {
			http.NotFound(w, r)
			return
		}
		m.handler.ServeHTTP(w, r)
	})
	return mux
}

// ready reports whether the gateway can verify every issuer's tokens and takes new requests. Introspection and Redis have no say:
// to take the gateway out of service would not mend them.
func (s *server) ready() bool {
	for _, i := range s.now().issuers {
		if !i.keys.Status().Usable {
			return false
		}
	}
	return !s.draining.Load()
}

// issuerReady reports whether the tokens of one issuer can be verified, and whether there is such an issuer.
func (s *server) issuerReady(issuer string) (ready, known bool) {
	for _, i := range s.now().issuers {
		if i.issuer == issuer {
			return i.keys.Status().Usable && !s.draining.Load(), true
		}
	}
	return false, false
}

type report struct {
	Ready    bool           `json:"ready"`
	Draining bool           `json:"draining"`
	Reload   *reloadReport  `json:"reload,omitempty"` // the last one
	Issuers  []issuerReport `json:"issuers"`
	Clients  *trustReport   `json:"mtls,omitempty"`
	Revoked  []sourceReport `json:"revocation,omitempty"`
	Redis    *healthReport  `json:"redis,omitempty"`
	Lost     *uint64        `json:"audit_lost,omitempty"` // records that could not be written
}

// sourceReport is what is known of a source of revocations; the last is what issuers and other gateways have sent.
type sourceReport struct {
	Entries     int       `json:"entries"`
	LastSuccess time.Time `json:"last_success,omitzero"`
	LastError   string    `json:"last_error,omitempty"`
	Stale       bool      `json:"stale"` // requests are undecided because of it, unless insecure_open
}

// trustReport says by what clients' certificates are judged.
type trustReport struct {
	Since       time.Time         `json:"since"`
	Authorities []authorityReport `json:"authorities"`
	Lists       []listReport      `json:"crls"`
	Errors      map[string]string `json:"errors,omitempty"` // by file; what it held before stays
}

type authorityReport struct {
	TrustDomain string    `json:"trust_domain,omitempty"`
	Subject     string    `json:"subject"`
	Fingerprint string    `json:"fingerprint"`
	NotAfter    time.Time `json:"not_after"`
}

type listReport struct {
	Issuer     string    `json:"issuer"`
	Verified   bool      `json:"verified"`
	AgeSeconds float64   `json:"age_seconds"`
	NextUpdate time.Time `json:"next_update"`
	Entries    int       `json:"entries"`
}

type issuerReport struct {
	Issuer        string               `json:"issuer"`
	Ready         bool                 `json:"ready"`
	Keys          keyReport            `json:"keys"`
	Introspection *introspectionReport `json:"introspection,omitempty"`
}

// introspectionReport counts what has happened since the start, in the words of introspect.Options.Observe.
type introspectionReport struct {
	healthReport

	Events map[string]int64 `json:"events"`
}

// healthReport says of what fails how it failed first, and since when.
type healthReport struct {
	Failing bool      `json:"failing"`
	Since   time.Time `json:"since,omitzero"`
	Error   string    `json:"error,omitempty"`
}

type keyReport struct {
	Usable      bool           `json:"usable"`
	URL         string         `json:"url,omitempty"`
	KeyIDs      []string       `json:"key_ids"`
	Count       int            `json:"count"`
	Skipped     map[string]int `json:"skipped,omitempty"`
	AgeSeconds  float64        `json:"age_seconds"`
	LastSuccess time.Time      `json:"last_success,omitzero"`
	LastAttempt time.Time      `json:"last_attempt,omitzero"`
	LastError   string         `json:"last_error,omitempty"`
	Failures    int            `json:"failures"`
	NextAttempt time.Time      `json:"next_attempt,omitzero"`
	Restored    bool           `json:"restored"`
	Snapshot    string         `json:"snapshot_error,omitempty"`
}

func (s *server) report() report {
	r := report{Ready: s.ready(), Draining: s.draining.Load(), Reload: s.last.Load()}
	for _, i := range s.now().issuers {
		one := issuerReport{Issuer: i.issuer, Keys: keysOf(i.keys.Status())}
		one.Ready = one.Keys.Usable && !r.Draining
		if i.teller != nil {
			one.Introspection = &introspectionReport{healthReport: healthOf(&i.teller.health), Events: i.teller.counted()}
		}
		r.Issuers = append(r.Issuers, one)
	}
	if revoked := s.now().revoked; revoked != nil {
		r.Revoked = revoked.report()
	}
	if clients := s.now().clients; clients != nil {
		r.Clients = trustOf(clients.verifier.Status())
	}
	if trail := s.now().trail; trail != nil {
		lost := trail.Lost()
		r.Lost = &lost
	}
	if shared := s.now().shared; shared != nil {
		state := healthOf(&shared.health)
		r.Redis = &state
	}
	return r
}

func healthOf(h *health) healthReport {
	why, since := h.failing()
	return healthReport{Failing: why != "", Since: since, Error: why}
}

func trustOf(s mtls.Status) *trustReport {
	r := &trustReport{Since: s.Since, Authorities: []authorityReport{}, Lists: []listReport{}}
	for _, a := range s.Authorities {
		r.Authorities = append(r.Authorities, authorityReport{a.TrustDomain, a.Subject, a.Fingerprint, a.NotAfter})
	}
	for _, l := range s.Lists {
		r.Lists = append(r.Lists, listReport{l.Issuer, l.Verified, l.Age.Seconds(), l.NextUpdate, l.Entries})
	}
	for name, err := range s.Errors {
		if r.Errors == nil {
			r.Errors = map[string]string{}
		}
		r.Errors[name] = err.Error()
	}
	return r
}

func keysOf(s jwks.Status) keyReport {
	return keyReport{
		Usable: s.Usable, URL: s.URL, KeyIDs: append([]string{}, s.KeyIDs...), Count: s.Keys, Skipped: s.Skipped,
		AgeSeconds:  s.Age.Seconds(),
		LastSuccess: s.LastSuccess, LastAttempt: s.LastAttempt, LastError: textOfError(s.LastError),
		Failures: s.Failures, NextAttempt: s.NextAttempt, Restored: s.Restored, Snapshot: textOfError(s.Snapshot),
	}
}

func textOfError(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}
