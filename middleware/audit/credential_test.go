package audit_test

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"log/slog"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/perimeter-go/perimeter/middleware/audit"
)

// hashOf is what Config.Key promises.
func hashOf(token string) string {
	m := hmac.New(sha256.New, key)
	m.Write([]byte(token))
	return hex.EncodeToString(m.Sum(nil)[:12])
}

func TestWhichTokenIsHashed(t *testing.T) {
	long := strings.Repeat("a", 20<<10)
	for _, row := range []struct {
		name    string
		headers []string
		want    string
	}{
		{"a bearer token", []string{"Authorization: Bearer t"}, hashOf("t")},
		{"in any case and spacing", []string{"Authorization: bEARER   t "}, hashOf("t")},
		{"a token with a proof of possession", []string{"Authorization: DPoP t"}, hashOf("t")},
		{"a configured header", []string{"X-Access-Token: t"}, hashOf("t")},
		{"a configured cookie", []string{"Cookie: a=b; session=t"}, hashOf("t")},
		{"another cookie", []string{"Cookie: other=t"}, ""},
		{"another header", []string{"X-Other: t"}, ""},
		{"no token", nil, ""},
		{"a scheme alone", []string{"Authorization: Bearer"}, ""},
		{"a scheme alone beside a token", []string{"Authorization: Bearer", "X-Access-Token: t"}, ""},
		{"a password", []string{"Authorization: Basic t"}, ""},
		{"a password beside a token", []string{"Authorization: Basic t", "X-Access-Token: t"}, hashOf("t")},
		{"two headers", []string{"Authorization: Bearer t", "Authorization: Bearer t"}, ""},
		{"two places", []string{"Authorization: Bearer t", "X-Access-Token: t"}, ""},
		{"too many cookies", []string{"Cookie: session=t" + strings.Repeat(";a", 1000)}, ""},
		{"too many cookies beside a long header", []string{"Cookie: session=t" + strings.Repeat(";a", 50), "Referer: " + strings.Repeat("x", 9<<10)}, ""},
		{"not too many beside a shorter one", []string{"Cookie: session=t" + strings.Repeat(";a", 50), "Referer: " + strings.Repeat("x", 8<<10)}, hashOf("t")},
		{"a token beside too many cookies", []string{"Authorization: Bearer t", "Cookie: session=u" + strings.Repeat(";a", 1000)}, hashOf("t")},
		{"a token behind many blanks", []string{"Authorization: Bearer " + strings.Repeat(" ", 20<<10) + "t"}, hashOf("t")},
		{"behind more than any guard reads", []string{"Authorization: Bearer " + strings.Repeat(" ", 32<<10) + "t"}, ""},
		{"a scheme of 64 letters that is none of these", []string{"Authorization: " + strings.Repeat("x", 64) + " t", "X-Access-Token: t"}, hashOf("t")},
		{"a scheme of a megabyte", []string{"Authorization: " + strings.Repeat("x", 1<<20), "X-Access-Token: t"}, hashOf("t")},
		{"two cookies", []string{"Cookie: session=t; session=u"}, ""},
		{"what no verifier reads to its end", []string{"Authorization: Bearer " + long}, hashOf(long[:16<<10])},
	} {
		t.Run(row.name, func(t *testing.T) {
			var out bytes.Buffer
			trail := newTrail(t, naive{&out}, audit.Config{Headers: []string{"authorization", "x-access-token"}, Cookies: []string{"session"}})
			d := everywhere("x")
			d.Request = get("/", row.headers...)
			trail.Observe(t.Context(), d)
			require.Equal(t, row.want, forms[2].lines(t, out.String())[0]["token"])
		})
	}
}

func TestHashesOfManyAtOnceAreNotMixedUp(t *testing.T) {
	var out bytes.Buffer
	trail := newTrail(t, slog.NewTextHandler(&out, nil), audit.Config{}) // which writes one record at a time
	var all sync.WaitGroup
	for _, token := range []string{"a", "b", "c", "d"} {
		all.Go(func() {
			d := everywhere(token)
			for range 500 {
				trail.Observe(t.Context(), d)
			}
		})
	}
	all.Wait()
	got := forms[1].lines(t, out.String())
	require.Len(t, got, 2000)
	for _, r := range got {
		require.Equal(t, hashOf(r["subject"]), r["token"])
	}
}
