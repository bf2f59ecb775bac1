package secevent_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/perimeter-go/perimeter/internal/localissuer"
	"github.com/perimeter-go/perimeter/middleware"
	"github.com/perimeter-go/perimeter/middleware/revocation"
	"github.com/perimeter-go/perimeter/middleware/revocation/secevent"
	"github.com/perimeter-go/perimeter/token"
)

const (
	transmitter = "https://idp.test"
	issuer      = "https://issuer.test"
	receiver    = "https://api.test/events"
	revoked     = "https://schemas.openid.net/secevent/caep/event-type/session-revoked"
)

type members = map[string]any

// A world is a transmitter and a receiver with its list.
type world struct {
	t       *testing.T
	issuer  *localissuer.Issuer
	list    *revocation.List
	handler http.Handler
	events  map[string]bool
}

func newWorld(t *testing.T, edits ...func(*secevent.Config)) *world {
	t.Helper()
	w := &world{t: t, issuer: localissuer.New(transmitter), events: map[string]bool{}}
	v, err := token.NewVerifier(w.issuer, token.Policy{Issuer: transmitter, Audiences: []string{receiver}, Type: "secevent+jwt", MaxAge: time.Hour}, nil)
	require.NoError(t, err)
	w.list, err = revocation.New(revocation.Config{})
	require.NoError(t, err)
	c := secevent.Config{
		Verifier: v, Issuers: []string{issuer, transmitter}, Record: secevent.Into(w.list),
		OnEvent: func(eventType string, acted bool) { w.events[eventType] = acted },
	}
	for _, edit := range edits {
		edit(&c)
	}
	w.handler, err = secevent.New(c)
	require.NoError(t, err)
	return w
}

// token is a security event token with edits to its claims.
func (w *world) token(edits ...members) string {
	return w.sign(members{"alg": "ES256", "typ": "secevent+jwt"}, edits...)
}

func (w *world) sign(header members, edits ...members) string {
	w.t.Helper()
	claims := members{
		"iss": transmitter, "aud": receiver, "jti": "24c63fb5", "iat": time.Now().Unix(),
		"sub_id": members{"format": "iss_sub", "iss": issuer, "sub": "alice"},
		"events": members{revoked: members{"event_timestamp": time.Now().Unix()}},
	}
	for _, edit := range edits {
		maps.Copy(claims, edit)
	}
	payload, err := json.Marshal(claims)
	require.NoError(w.t, err)
	return w.issuer.Sign("ES256", header, payload)
}

func (w *world) post(body string, header ...string) *httptest.ResponseRecorder {
	w.t.Helper()
	r := httptest.NewRequest(http.MethodPost, "/events", strings.NewReader(body))
	r.Header.Set("Content-Type", "application/secevent+jwt")
	for i := 0; i < len(header); i += 2 {
		r.Header[header[i]] = append(r.Header[header[i]], header[i+1])
		if header[i] == "Content-Type" {
			r.Header.Set("Content-Type", header[i+1])
		}
	}
	rec := httptest.NewRecorder()
	w.handler.ServeHTTP(rec, r)
	return rec
}

func (w *world) isCutOff(id middleware.Identity) bool {
	w.t.Helper()
	cut, err := w.list.Revoked(w.t.Context(), id)
	require.NoError(w.t, err)
	return cut
}

// holder is the identity of a JWT of the issuer with these claims.
func holder(t *testing.T, claims members) middleware.Identity {
	t.Helper()
	i := localissuer.New(issuer)
	v, err := token.NewVerifier(i, token.Policy{Issuer: issuer, Audiences: []string{"api"}}, nil)
	require.NoError(t, err)
	c, err := v.Verify(t.Context(), i.AccessToken("api", claims))
	require.NoError(t, err)
	return middleware.Identity{Subject: c.Subject(), Issuer: c.Issuer(), ClientID: c.ClientID(), Token: c}
}

func TestWhoIsMeant(t *testing.T) {
	now := time.Now()
	alice := holder(t, members{"sub": "alice", "sid": "s1", "jti": "t1", "iat": now.Add(-time.Minute).Unix()})
	bob := holder(t, members{"sub": "bob", "sid": "s2", "jti": "t2", "iat": now.Add(-time.Minute).Unix()})
	again := holder(t, members{"sub": "alice", "sid": "s3", "jti": "t3", "iat": now.Add(2 * time.Second).Unix()})
	issSub := members{"format": "iss_sub", "iss": issuer, "sub": "alice"}
	for _, tc := range []struct {
		name string
		edit members
	}{
		{"issuer and subject", members{"sub_id": issSub}},
		{"a token", members{"sub_id": members{"format": "jwt_id", "iss": issuer, "jti": "t1"}}},
		{"an opaque subject", members{"sub_id": members{"format": "opaque", "id": "alice"}}},
		{"an opaque session", members{"sub_id": members{"format": "opaque", "id": "s1"}}},
		{"the session of a complex subject", members{"sub_id": members{
			"format": "complex", "session": members{"format": "opaque", "id": "s1"}, "user": members{"format": "iss_sub", "iss": issuer, "sub": "bob"},
		}}},
		{"the user of a complex subject on a device", members{"sub_id": members{
			"format": "complex", "user": issSub, "device": members{"format": "iss_sub", "iss": issuer, "sub": "laptop"},
		}}},
		{"one of several names", members{"sub_id": members{"format": "aliases", "identifiers": []any{
			members{"format": "email", "email": "alice@example.com"}, issSub,
		}}}},
		{"the subject of the event, as drafts had it", members{"sub_id": nil, "events": members{revoked: members{"subject": issSub, "event_timestamp": now.Unix()}}}},
		{"a time in milliseconds, as drafts had it", members{"events": members{revoked: members{"event_timestamp": now.UnixMilli()}}}},
		{"no time but the token's", members{"events": members{revoked: members{}}}},
		{"an event that is not known beside one that is", members{"events": members{revoked: members{}, "https://example.com/other": members{"a": []int{1}}}}},
		{"an account that is disabled", members{"events": members{"https://schemas.openid.net/secevent/risc/event-type/account-disabled": members{"reason": "hijacking"}}}},
		{"sessions that are revoked", members{"events": members{"https://schemas.openid.net/secevent/risc/event-type/sessions-revoked": members{}}}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			w := newWorld(t)
			if tc.edit["sub_id"] == nil {
				if _, removed := tc.edit["sub_id"]; removed {
					tc.edit = maps.Clone(tc.edit)
					delete(tc.edit, "sub_id")
					rec := w.post(w.withoutSubject(tc.edit))
					require.Equal(t, http.StatusAccepted, rec.Code, rec.Body)
					require.True(t, w.isCutOff(alice))
					return
				}
			}
			rec := w.post(w.token(tc.edit))
			require.Equal(t, http.StatusAccepted, rec.Code, rec.Body)
			require.Empty(t, rec.Body.String())
			require.True(t, w.isCutOff(alice))
			require.False(t, w.isCutOff(bob))
			require.False(t, w.isCutOff(again), "a log-in after the event")
		})
	}
}

func (w *world) withoutSubject(edit members) string {
	claims := members{"iss": transmitter, "aud": receiver, "jti": "24c63fb5", "iat": time.Now().Unix()}
	maps.Copy(claims, edit)
	payload, err := json.Marshal(claims)
	require.NoError(w.t, err)
	return w.issuer.Sign("ES256", members{"alg": "ES256", "typ": "secevent+jwt"}, payload)
}

func TestWhatIsNotActedUpon(t *testing.T) {
	alice := holder(t, members{"sub": "alice"})
	w := newWorld(t)
	const verification = "https://schemas.openid.net/secevent/ssf/event-type/verification"
	rec := w.post(w.token(members{"sub_id": members{"format": "opaque", "id": "stream"}, "events": members{verification: members{"state": "x"}}}))
	require.Equal(t, http.StatusAccepted, rec.Code)
	require.Equal(t, map[string]bool{verification: false}, w.events)
	require.False(t, w.isCutOff(alice))
	require.Equal(t, http.StatusAccepted, w.post(w.token()).Code)
	require.True(t, w.events[revoked])
	require.True(t, w.isCutOff(alice))
}

func TestTokensThatAreNotGood(t *testing.T) {
	w := newWorld(t)
	elsewhere := localissuer.New(transmitter)
	payload := []byte(`{"iss":"` + transmitter + `","aud":"` + receiver + `","iat":1,"events":{}}`)
	good := w.token()
	for _, tc := range []struct{ name, body, code string }{
		{"nothing", "", "invalid_request"},
		{"no token", "hello", "invalid_request"},
		{"a body that goes on and on", strings.Repeat("a", 1<<20), "invalid_request"},
		{"an access token", w.issuer.AccessToken(receiver), "invalid_request"},
		{"a token of another type", w.sign(members{"alg": "ES256", "typ": "at+jwt"}), "invalid_request"},
		{"a token of no type", w.sign(members{"alg": "ES256", "typ": nil}), "invalid_request"},
		{"signed by nobody we know", elsewhere.Sign("ES256", members{"alg": "ES256", "typ": "secevent+jwt"}, payload), "invalid_key"},
		{"alg none", "eyJhbGciOiJub25lIiwidHlwIjoic2VjZXZlbnQrand0In0." + strings.Split(good, ".")[1] + ".", "invalid_request"},
		{"a signature that was changed", good[:len(good)-8] + "AAAAAAAA", "invalid_key"},
		{"another transmitter's", w.token(members{"iss": "https://other.test"}), "invalid_issuer"},
		{"for another receiver", w.token(members{"aud": "https://other.test"}), "invalid_audience"},
		{"too old", w.token(members{"iat": time.Now().Add(-3 * time.Hour).Unix()}), "invalid_request"},
		{"without a time", w.token(members{"iat": nil}), "invalid_request"},
		{"without events", w.token(members{"events": members{}}), "invalid_request"},
		{"events that are a list", w.token(members{"events": []string{revoked}}), "invalid_request"},
		{"an event that is a string", w.token(members{"events": members{revoked: "now"}}), "invalid_request"},
		{"a time that is a string", w.token(members{"events": members{revoked: members{"event_timestamp": "1"}}}), "invalid_request"},
		{"a time that is negative", w.token(members{"events": members{revoked: members{"event_timestamp": -1}}}), "invalid_request"},
		{"no subject", w.token(members{"sub_id": members{}}), "invalid_request"},
		{"a subject that is a string", w.token(members{"sub_id": "alice"}), "invalid_request"},
		{"a subject in another case", w.token(members{"sub_id": members{"Format": "iss_sub", "ISS": issuer, "SUB": "alice"}}), "invalid_request"},
		{"a subject in a format that is not known", w.token(members{"sub_id": members{"format": "email", "email": "alice@example.com"}}), "invalid_request"},
		{"a complex subject of a tenant", w.token(members{"sub_id": members{"format": "complex", "tenant": members{"format": "opaque", "id": "t"}}}), "invalid_request"},
		{"another issuer's subject", w.token(members{"sub_id": members{"format": "iss_sub", "iss": "https://other.test", "sub": "alice"}}), "access_denied"},
		{"a hundred names", w.token(members{"sub_id": members{"format": "aliases", "identifiers": make([]members, 100)}}), "invalid_request"},
		{"one good event and one that is not", w.token(members{"events": members{
			revoked: members{}, "https://schemas.openid.net/secevent/risc/event-type/account-disabled": members{"event_timestamp": "x"},
		}}), "invalid_request"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			rec := w.post(tc.body)
			require.Equal(t, http.StatusBadRequest, rec.Code)
			var said struct {
				Err         string `json:"err"`
				Description string `json:"description"`
			}
			require.NoError(t, json.Unmarshal(rec.Body.Bytes(), &said))
			require.Equal(t, tc.code, said.Err, said.Description)
			require.NotEmpty(t, said.Description)
			require.Equal(t, "no-store", rec.Header().Get("Cache-Control"))
			require.Equal(t, 0, w.list.Status()[0].Entries, "nothing is recorded")
			require.Empty(t, w.events)
		})
	}
}

func TestWhoMayPost(t *testing.T) {
	w := newWorld(t, func(c *secevent.Config) { c.Authorization = "Bearer s3cr3t" })
	require.Equal(t, http.StatusAccepted, w.post(w.token(), "Authorization", "Bearer s3cr3t").Code)
	for name, header := range map[string][]string{
		"nobody": nil, "another": {"Authorization", "Bearer other"}, "two": {"Authorization", "Bearer s3cr3t", "Authorization", "Bearer s3cr3t"}, "in another case": {"Authorization", "bearer s3cr3t"},
		"of a megabyte": {"Authorization", "Bearer s3cr3t" + strings.Repeat(" ", 1<<20)},
	} {
		t.Run(name, func(t *testing.T) {
			rec := w.post(w.token(), header...)
			require.Equal(t, http.StatusBadRequest, rec.Code)
			require.Contains(t, rec.Body.String(), "authentication_failed")
			require.NotContains(t, rec.Body.String(), "s3cr3t")
		})
	}
	long := strings.Repeat("x", 8<<10)
	w = newWorld(t, func(c *secevent.Config) { c.Authorization = long })
	require.Equal(t, http.StatusAccepted, w.post(w.token(), "Authorization", long).Code)
	w = newWorld(t)
	require.Contains(t, w.post("", "Content-Type", "application/json").Body.String(), "invalid_request")
	require.Equal(t, http.StatusAccepted, w.post(w.token(), "Content-Type", "application/secevent+jwt;a="+strings.Repeat("b", 229)).Code)
	require.Contains(t, w.post(w.token(), "Content-Type", "application/secevent+jwt;a="+strings.Repeat("b", 230)).Body.String(), "too long")
	rec := httptest.NewRecorder()
	w.handler.ServeHTTP(rec, httptest.NewRequest(http.MethodGet, "/events", nil))
	require.Equal(t, http.StatusMethodNotAllowed, rec.Code)
	require.Equal(t, http.MethodPost, rec.Header().Get("Allow"))
}

func TestWhatCannotBeDecidedOrRecordedIsSentAgain(t *testing.T) {
	for name, edit := range map[string]func(*secevent.Config){
		"no keys":   func(c *secevent.Config) { c.Verifier = failing{errors.New("s3cr3t: no route to host")} },
		"no claims": func(c *secevent.Config) { c.Verifier = failing{} },
		"no record": func(c *secevent.Config) {
			c.Record = func(context.Context, []revocation.Entry) error { return errors.New("s3cr3t: no route to Redis") }
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, edit)
			rec := w.post(w.token())
			require.Equal(t, http.StatusServiceUnavailable, rec.Code)
			require.NotEmpty(t, rec.Header().Get("Retry-After"))
			require.Empty(t, rec.Body.String())
			require.Empty(t, w.events)
		})
	}
}

type failing struct{ err error }

func (f failing) Verify(context.Context, string, ...token.Proof) (*token.Claims, error) {
	return nil, f.err
}

func TestATokenThatIsSentTwiceDoesNoHarm(t *testing.T) {
	w := newWorld(t)
	set := w.token()
	for range 2 {
		require.Equal(t, http.StatusAccepted, w.post(set+"\r\n").Code)
	}
	require.Equal(t, 1, w.list.Status()[0].Entries)
}

func TestMistakesOfConfiguration(t *testing.T) {
	_, err := secevent.New(secevent.Config{Issuers: []string{""}, Lifetime: -1, Authorization: strings.Repeat("x", 8<<10+1)})
	require.EqualError(t, err, "secevent: Verifier is nil\nsecevent: Issuers is empty, or one of them is\nsecevent: Record is nil\nsecevent: Lifetime is -1ns\n"+
		"secevent: Authorization has 8193 bytes, more than 8192")
	_, err = secevent.New(secevent.Config{Verifier: (*token.Verifier)(nil), Record: func(context.Context, []revocation.Entry) error { return nil }})
	require.EqualError(t, err, "secevent: Verifier is nil\nsecevent: Issuers is empty, or one of them is")
}

// BenchmarkReceivedToRefused: from an event on the wire to the first request that is refused for it.
func BenchmarkReceivedToRefused(b *testing.B) {
	i := localissuer.New(transmitter)
	v, err := token.NewVerifier(i, token.Policy{Issuer: transmitter, Audiences: []string{receiver}, Type: "secevent+jwt", MaxAge: time.Hour}, nil)
	require.NoError(b, err)
	list, err := revocation.New(revocation.Config{})
	require.NoError(b, err)
	h, err := secevent.New(secevent.Config{Verifier: v, Issuers: []string{issuer}, Record: secevent.Into(list)})
	require.NoError(b, err)
	server := httptest.NewServer(h)
	b.Cleanup(server.Close)
	n := 0
	for b.Loop() {
		n++
		id := middleware.Identity{Issuer: issuer, Subject: time.Duration(n).String()}
		b.StopTimer()
		payload, err := json.Marshal(members{
			"iss": transmitter, "aud": receiver, "iat": time.Now().Unix(), "events": members{revoked: members{}},
			"sub_id": members{"format": "iss_sub", "iss": issuer, "sub": id.Subject},
		})
		require.NoError(b, err)
		set := i.Sign("ES256", members{"alg": "ES256", "typ": "secevent+jwt"}, payload)
		b.StartTimer()
		res, err := http.Post(server.URL, "application/secevent+jwt", strings.NewReader(set))
		require.NoError(b, err)
		_, _ = io.Copy(io.Discard, res.Body)
		res.Body.Close()
		cut, err := list.Revoked(b.Context(), id)
		require.NoError(b, err)
		require.True(b, cut)
	}
}
