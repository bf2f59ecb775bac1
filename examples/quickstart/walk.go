package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/perimeter-go/perimeter/internal/localissuer"
)

// step is one row of the table: a request, the answer it must get, and why.
type step struct {
	sent, why string

	method, path, token string
	header              http.Header

	status    int
	challenge string // WWW-Authenticate, exactly
	body      string // of an answer with status 200
}

// steps lists the walk. Tokens are made when a step is reached, since the issuer changes its keys on the way.
func steps(issuer *localissuer.Issuer, fresh *api) []func() step {
	good := issuer.AccessToken(audience)
	claims := func(edit map[string]any) string { return issuer.AccessToken(audience, edit) }
	read := step{method: http.MethodGet, path: "/orders/7"}
	with := func(s step, token string) step { s.token = token; return s }

	return []func() step{
		func() step {
			return with(read, good).expect("a valid token with orders:read", "signature, issuer, audience, time and scope are right", 200, "",
				"order 7 for client-1, header says client-1")
		},
		func() step {
			return read.expect("no token", "nothing was presented, so the challenge is bare", 401, "Bearer", "")
		},
		func() step {
			return with(read, claims(map[string]any{"exp": time.Now().Add(-time.Hour).Unix()})).
				expect("an expired token", "exp has passed", 401, `Bearer error="invalid_token"`, "")
		},
		func() step {
			return with(read, issuer.AccessToken("another-api")).
				expect("a token for another API", "aud names somebody else", 401, `Bearer error="invalid_token"`, "")
		},
		func() step {
			s := step{method: http.MethodDelete, path: "/orders/7", token: good}
			return s.expect("DELETE with orders:read only", "the rule asks for orders:write, and the challenge says so", 403,
				`Bearer error="insufficient_scope", scope="orders:write"`, "")
		},
		func() step {
			s := with(read, good)
			s.header = http.Header{"X-Identity-Subject": {"admin"}, "x_identity_subject": {"admin"}}
			return s.expect("a forged X-Identity-Subject: admin", "inbound identity headers are deleted, then set from the token", 200, "",
				"order 7 for client-1, header says client-1")
		},
		func() step {
			return with(read, tamper(good)).
				expect("a token with a changed payload", "the signature does not fit any more", 401, `Bearer error="invalid_token"`, "")
		},
		func() step {
			s := step{method: http.MethodGet, path: "/admin", token: good}
			return s.expect("GET /admin with a valid token", "no rule names the route: denied by default", 403, "", "")
		},
		func() step {
			s := step{method: http.MethodGet, path: "/orders/..%2Fadmin", token: good}
			return s.expect("an encoded slash in the path", "a path with two readings is refused before anything else", 400, "", "")
		},
		func() step {
			issuer.Rotate()
			return with(read, issuer.AccessToken(audience)).
				expect("a token under a key made just now", "the unknown kid is looked up once, in this very request", 200, "",
					"order 7 for client-1, header says client-1")
		},
		func() step {
			return with(read, good).
				expect("the first token again", "its key was withdrawn by the rotation", 401, `Bearer error="invalid_token"`, "")
		},
		func() step {
			current := issuer.AccessToken(audience)
			issuer.SetDown(true)
			return with(read, current).
				expect("a valid token while the issuer is down", "known keys need no issuer", 200, "",
					"order 7 for client-1, header says client-1")
		},
		func() step {
			s := with(read, issuer.AccessToken(audience))
			s.path = fresh.url + s.path
			return s.expect("the same to an API started just now", "nothing could be decided: no log-out, try again later", 503, "", "")
		},
	}
}

func (s step) expect(sent, why string, status int, challenge, body string) step {
	s.sent, s.why, s.status, s.challenge, s.body = sent, why, status, challenge, body
	return s
}

// tamper changes one character in the middle of the payload.
func tamper(token string) string {
	parts := strings.Split(token, ".")
	b := []byte(parts[1])
	if b[10]++; b[10] > 'z' || b[10] > 'Z' && b[10] < 'a' || b[10] > '9' && b[10] < 'A' {
		b[10] = 'A'
	}
	return parts[0] + "." + string(b) + "." + parts[2]
}

// walk sends every step and prints the table. Its error names how many answers differed from the table.
func walk(ctx context.Context, out io.Writer, issuer *localissuer.Issuer, at *api) error {
	fresh, err := startAPI(issuer.URL()) // has never asked the issuer for anything
	if err != nil {
		return err
	}
	defer fresh.Close()
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "WHAT WAS SENT\tWHAT CAME BACK\tWHY")
	differing := 0
	all := steps(issuer, fresh)
	for _, next := range all {
		s := next()
		got, err := send(ctx, at, s)
		if err != nil {
			return err
		}
		verdict := s.why
		if want := s.answer(); got != want {
			differing++
			verdict = "DIFFERS: expected " + want
		}
		fmt.Fprintf(table, "%s\t%s\t%s\n", s.sent, got, verdict)
	}
	if err := table.Flush(); err != nil {
		return err
	}
	if differing > 0 {
		return fmt.Errorf("%d answers differ from what was expected", differing)
	}
	fmt.Fprintf(out, "\nAll %d answers are as expected.\n", len(all))
	return nil
}

// answer is the expected answer as the table shows it.
func (s step) answer() string { return describe(s.status, s.challenge, s.body) }

func describe(status int, challenge, body string) string {
	switch {
	case status == http.StatusOK:
		return fmt.Sprintf("%d %s", status, body)
	case challenge != "":
		return fmt.Sprintf("%d %s", status, challenge)
	default:
		return fmt.Sprintf("%d %s", status, http.StatusText(status))
	}
}

func send(ctx context.Context, at *api, s step) (string, error) {
	address := s.path
	if strings.HasPrefix(address, "/") {
		address = at.url + address
	}
	req, err := http.NewRequestWithContext(ctx, s.method, address, nil)
	if err != nil {
		return "", err
	}
	maps.Copy(req.Header, s.header)
	if s.token != "" {
		req.Header.Set("Authorization", "Bearer "+s.token)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return "", err
	}
	body, err := io.ReadAll(io.LimitReader(res.Body, 1<<16))
	if err := errors.Join(err, res.Body.Close()); err != nil {
		return "", err
	}
	return describe(res.StatusCode, res.Header.Get("WWW-Authenticate"), string(body)), nil
}
