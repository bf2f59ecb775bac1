package revocation_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/perimeter-go/perimeter/middleware/revocation"
)

const document = `{"iss":"https://id.example.com","sub":"user-7","before":1764288000.5}

{"iss":"https://id.example.com","jti":"Sy52","until":1764291600}
{"iss":"https://id.example.com","sid":"s\u0031"}
{"iss":"https://id.example.com","client_id":"web"}
{"iss":"https://id.example.com","before":1764288000}
{"sub":"spiffe://example.com/api"}
`

func entries() []revocation.Entry {
	const id = "https://id.example.com"
	return []revocation.Entry{
		{Issuer: id, Subject: "user-7", IssuedBefore: time.Unix(1764288000, 5e8)},
		{Issuer: id, TokenID: "Sy52", Until: time.Unix(1764291600, 0)},
		{Issuer: id, SessionID: "s1"},
		{Issuer: id, ClientID: "web"},
		{Issuer: id, IssuedBefore: time.Unix(1764288000, 0)},
		{Subject: "spiffe://example.com/api"},
	}
}

func replace(t *testing.T, name, content string, at time.Time) {
	t.Helper()
	require.NoError(t, os.WriteFile(name+".new", []byte(content), 0o600))
	require.NoError(t, os.Chtimes(name+".new", at, at))
	require.NoError(t, os.Rename(name+".new", name))
}

func TestAFileIsReadWhenItHasChanged(t *testing.T) {
	name := filepath.Join(t.TempDir(), "revoked.jsonl")
	s := revocation.File(name)
	_, _, err := s.Read(t.Context())
	require.EqualError(t, err, "no such file or directory")

	replace(t, name, document, time.Unix(1000, 0))
	got, changed, err := s.Read(t.Context())
	require.NoError(t, err)
	require.True(t, changed)
	require.Equal(t, entries(), got)

	_, changed, err = s.Read(t.Context())
	require.NoError(t, err)
	require.False(t, changed)

	replace(t, name, document[:len(document)-5], time.Unix(2000, 0))
	for range 2 {
		_, _, err = s.Read(t.Context())
		require.ErrorContains(t, err, "line 7: the last line has no end", "each time, until it is whole")
	}
	replace(t, name, "", time.Unix(3000, 0))
	got, changed, err = s.Read(t.Context())
	require.NoError(t, err)
	require.True(t, changed)
	require.Empty(t, got)

	require.NoError(t, os.Remove(name))
	require.NoError(t, os.Mkdir(name, 0o700))
	_, _, err = s.Read(t.Context())
	require.EqualError(t, err, "no regular file")
}

func TestDocumentsWithMistakes(t *testing.T) {
	good := `{"iss":"i","sub":"a"}` + "\n"
	for _, tc := range []struct{ name, text, want string }{
		{"no JSON", good + "hello\n", "line 2: no JSON object"},
		{"a list of objects", "[" + strings.TrimSpace(good) + "]\n", "line 1: no JSON object"},
		{"two objects on a line", `{"iss":"i","sub":"a"} {"iss":"i","sub":"b"}` + "\n", "line 1: no JSON object"},
		{"a member twice", `{"iss":"i","sub":"a","sub":"b"}` + "\n", "line 1: no JSON object"},
		{"a member that is mistyped", `{"iss":"i","subject":"a"}` + "\n", "line 1: a member that is not known"},
		{"a member in another case", `{"iss":"i","SUB":"a"}` + "\n", "line 1: a member that is not known"},
		{"a name that is a number", `{"iss":"i","sub":7}` + "\n", "line 1: a member that is not known, or of another kind"},
		{"a name that is empty", `{"iss":"i","sub":""}` + "\n", "line 1: a member that is not known, or of another kind"},
		{"a name that is null", `{"iss":"i","jti":null}` + "\n", "line 1: a member that is not known, or of another kind"},
		{"a time that is a string", `{"iss":"i","sub":"a","before":"1764288000"}` + "\n", "line 1: a member that is not known, or of another kind"},
		{"a time in milliseconds", `{"iss":"i","sub":"a","before":1764288000000}` + "\n", "line 1: a member that is not known, or of another kind"},
		{"a time that is nothing", `{"iss":"i","sub":"a","until":0}` + "\n", "line 1: a member that is not known, or of another kind"},
		{"nobody", `{"iss":"i"}` + "\n", "line 1: names nothing"},
		{"two names", `{"iss":"i","sub":"a","jti":"b"}` + "\n", "line 1: more than one"},
		{"no issuer", `{"jti":"b"}` + "\n", "line 1: no issuer"},
		{"a line that goes on and on", good + `{"iss":"` + strings.Repeat("i", 70000) + "\"}\n", "line 2: a line longer than 64 KiB"},
		{"several mistakes", "1\n" + good + "2\n", "line 1: no JSON object\nline 3: no JSON object"},
		{"nothing but mistakes", strings.Repeat("1\n", 1000), "line 20: no JSON object\nand more"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			name := filepath.Join(t.TempDir(), "f")
			require.NoError(t, os.WriteFile(name, []byte(tc.text), 0o600))
			_, changed, err := revocation.File(name).Read(t.Context())
			require.ErrorContains(t, err, tc.want)
			require.False(t, changed)
		})
	}
}

func TestAURLIsReadWhenItHasChanged(t *testing.T) {
	next, asked := answer(http.StatusOK, document, http.Header{"Etag": {`"1"`}}), http.Header{}
	s, err := revocation.URL("https://id.example.com/revoked?key=s3cr3t", &http.Client{Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
		asked = r.Header
		if next == nil {
			return nil, errors.New("gone")
		}
		return next, nil
	})})
	require.NoError(t, err)
	got, changed, err := s.Read(t.Context())
	require.NoError(t, err)
	require.True(t, changed)
	require.Equal(t, entries(), got)

	next = answer(http.StatusNotModified, "", nil)
	_, changed, err = s.Read(t.Context())
	require.NoError(t, err)
	require.False(t, changed)
	require.Equal(t, `"1"`, asked.Get("If-None-Match"))

	for name, bad := range map[string]*http.Response{
		"an error page":        answer(http.StatusOK, "<html></html>", nil),
		"an empty object":      answer(http.StatusOK, "{}\n", nil),
		"a list that is cut":   answer(http.StatusOK, document[:len(document)-1], nil),
		"a failure":            answer(http.StatusInternalServerError, document, nil),
		"no content":           answer(http.StatusNoContent, "", nil),
		"a redirect elsewhere": answer(http.StatusFound, "", http.Header{"Location": {"https://elsewhere.example/"}}),
		"no answer":            nil,
	} {
		t.Run(name, func(t *testing.T) {
			next = bad
			_, changed, err = s.Read(t.Context())
			require.Error(t, err)
			require.False(t, changed)
			require.NotContains(t, err.Error(), "s3cr3t")
		})
	}
	next = answer(http.StatusOK, "", http.Header{"Last-Modified": {"Sat, 28 Nov 2026 00:00:00 GMT"}})
	got, changed, err = s.Read(t.Context())
	require.NoError(t, err)
	require.True(t, changed)
	require.Empty(t, got)
	next = answer(http.StatusNotModified, "", nil)
	_, _, err = s.Read(t.Context())
	require.NoError(t, err)
	require.Equal(t, "Sat, 28 Nov 2026 00:00:00 GMT", asked.Get("If-Modified-Since"))
	require.Empty(t, asked.Get("If-None-Match"))
}

func TestNothingHasChangedSinceNothing(t *testing.T) {
	s, err := revocation.URL("https://id.example.com/", &http.Client{Transport: roundTrip(func(*http.Request) (*http.Response, error) {
		return answer(http.StatusNotModified, "", nil), nil
	})})
	require.NoError(t, err)
	_, _, err = s.Read(t.Context())
	require.EqualError(t, err, "the answer has status 304")
}

func TestAddressesThatAreNotRead(t *testing.T) {
	for _, address := range []string{"", "revoked", "http://id.example.com/", "ftp://id.example.com/", "https://u:p@id.example.com/", "https://id.example.com/#a", "https:opaque", "://"} {
		_, err := revocation.URL(address, nil)
		require.Error(t, err, address)
	}
	for _, address := range []string{"https://id.example.com/a?b", "http://127.0.0.1:80/", "http://[::1]/", "http://localhost/"} {
		_, err := revocation.URL(address, nil)
		require.NoError(t, err, address)
	}
}

// What a document says is what its entries, written again, say.
func FuzzDocument(f *testing.F) {
	f.Add(document)
	f.Add("{\"iss\":\"i\",\"sub\":\"a\"}\n{}\n")
	f.Add("\r\n\t{\"sub\":\"\\u00e9\"}\n")
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, text string) {
		name := filepath.Join(dir, "f")
		read := func(text string) ([]revocation.Entry, error) {
			require.NoError(t, os.WriteFile(name, []byte(text), 0o600))
			got, _, err := revocation.File(name).Read(context.Background())
			return got, err
		}
		got, err := read(text)
		if err != nil {
			return
		}
		l, err := revocation.New(revocation.Config{})
		require.NoError(t, err)
		require.NoError(t, l.Add(got...), "what is read can be added")
		var again strings.Builder
		for _, e := range got {
			again.WriteString(line(e))
		}
		same, err := read(again.String())
		require.NoError(t, err)
		require.Len(t, same, len(got))
		for i := range got {
			require.Equal(t, line(got[i]), line(same[i]))
		}
	})
}

func quoted(s string) string {
	b, _ := json.Marshal(s)
	return string(b)
}

func line(e revocation.Entry) string {
	var members []string
	for _, m := range []struct{ name, value string }{{"iss", e.Issuer}, {"jti", e.TokenID}, {"sub", e.Subject}, {"sid", e.SessionID}, {"client_id", e.ClientID}} {
		if m.value != "" {
			members = append(members, fmt.Sprintf("%q:%s", m.name, quoted(m.value)))
		}
	}
	for _, m := range []struct {
		name string
		at   time.Time
	}{{"before", e.IssuedBefore}, {"until", e.Until}} {
		if !m.at.IsZero() {
			members = append(members, fmt.Sprintf("%q:%d", m.name, max(1, m.at.Unix())))
		}
	}
	return "{" + strings.Join(members, ",") + "}\n"
}
