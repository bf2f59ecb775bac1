package quota

import (
	"fmt"
	"net/http"
	"strconv"
	"time"
)

// fields are the response fields of draft-ietf-httpapi-ratelimit-headers-10.
type fields struct {
	name   string // a String of RFC 9651 section 3.3.3: New has checked that nothing in it needs an escape
	policy string
}

func newFields(name string, p policy) fields {
	name = strconv.Quote(name)
	return fields{name: name, policy: fmt.Sprintf("%s;q=%d;w=%d", name, p.limit, p.window/time.Second)}
}

// add adds the fields beside those of other policies: either field is a List, which may come in several lines.
func (f fields) add(h http.Header, v verdict) {
	h.Add("RateLimit-Policy", f.policy) //nolint:canonicalheader // as section 3 of the draft spells it
	if v.outcome == admitted || v.outcome == exceeded {
		h.Add("RateLimit", f.name+";r="+strconv.Itoa(v.remaining)+";t="+seconds(v.next)) //nolint:canonicalheader // as section 4 spells it
	}
}

// seconds spells a duration as delay-seconds (RFC 9110 section 10.2.3), rounded up.
func seconds(d time.Duration) string {
	return strconv.FormatInt(int64((d+time.Second-1)/time.Second), 10)
}

// refuse answers a request that does not pass. Retry-After is not before the t of RateLimit (section 6): it is the same.
func refuse(w http.ResponseWriter, status int, wait time.Duration) {
	h := w.Header()
	for _, name := range [...]string{"Content-Length", "Content-Encoding", "Etag", "Last-Modified"} {
		h.Del(name) // set by someone in front for the answer that does not come
	}
	h.Set("Cache-Control", "no-store")
	h.Set("Content-Type", "text/plain; charset=utf-8")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Retry-After", seconds(max(wait, 1)))
	w.WriteHeader(status)
	_, _ = fmt.Fprint(w, http.StatusText(status)) // who has left has nobody to tell
}
