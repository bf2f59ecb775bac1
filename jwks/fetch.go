package jwks

import (
	"context"
	"errors"
	"io"
	"mime"
	"net/http"
	"strings"
	"time"
)

// fetcher knows how to ask, and remembers nothing: what one fetch learns for the next is its [memory].
type fetcher struct {
	client       *http.Client
	url          string // of the key set; empty with an issuer
	issuer       string // empty with a url
	insecureHTTP bool
}

// memory is what a fetch leaves for the next.
type memory struct {
	url                string    // where the key set was last found
	asked              time.Time // when discovery was last tried
	etag, lastModified string    // of the last good key set at url
}

// answer is what a fetch brought. Without an err there is a set, or notModified.
type answer struct {
	err         *FetchError
	set         *Set
	document    []byte
	notModified bool
	stated      time.Duration // lifetime; negative if unstated
	memory      memory
}

// fetch asks once: discovery where it is due, then the key set. A set known before may be given, so that an unchanged document
// is not parsed again and its keys stay the very same values.
func (f *fetcher) fetch(ctx context.Context, m memory, known *Set) answer {
	asked := m.asked
	m, err := f.locate(ctx, m, false)
	if err != nil {
		return answer{err: err, memory: m}
	}
	a := f.keySet(ctx, m, known)
	if a.err == nil || a.err.StatusCode != http.StatusNotFound || m.asked != asked || f.issuer == "" {
		return a
	}
	moved, err := f.locate(ctx, m, true)
	if err != nil || moved.url == m.url {
		a.memory = moved.unconditional()
		return a
	}
	return f.keySet(ctx, moved, known)
}

// keySet fetches the key set at m.url.
func (f *fetcher) keySet(ctx context.Context, m memory, known *Set) answer {
	fail := func(err *FetchError) answer { return answer{err: err, memory: m.unconditional()} }
	got, err := f.get(ctx, m.url, m.etag, m.lastModified)
	if err != nil {
		return fail(err)
	}
	a := answer{stated: statedLifetime(got.header), memory: m}
	if got.notModified {
		a.notModified = true
		return a
	}
	a.document, a.set = got.body, known
	if known == nil || !known.isOf(got.body) {
		set, err := Parse(got.body)
		if err != nil {
			return fail(failed(documentClass(err)))
		}
		a.set = set
	}
	a.memory.etag, a.memory.lastModified = got.header.Get("ETag"), got.header.Get("Last-Modified")
	return a
}

// unconditional forgets the validators: whatever is wrong, they are not what the next request should fail on.
func (m memory) unconditional() memory {
	m.etag, m.lastModified = "", ""
	return m
}

func documentClass(err error) string {
	if errors.Is(err, errNoKeys) {
		return classNoKeys
	}
	return classDocument
}

// page is a good answer: a 200 with its body, or a 304 to a request that was conditional.
type page struct {
	header      http.Header
	body        []byte
	notModified bool
}

// get makes one request.
func (f *fetcher) get(ctx context.Context, place, etag, lastModified string) (page, *FetchError) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, place, http.NoBody)
	if err != nil {
		return page{}, failed(classURL)
	}
	r.Header.Set("Accept", "application/jwk-set+json, application/json")
	if etag != "" {
		r.Header.Set("If-None-Match", etag)
	}
	if lastModified != "" {
		r.Header.Set("If-Modified-Since", lastModified)
	}
	resp, err := f.client.Do(r)
	if err != nil {
		return page{}, classify(err)
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode == http.StatusNotModified && etag+lastModified != "" {
		return page{header: resp.Header, notModified: true}, nil
	}
	if err := acceptable(resp); err != nil {
		return page{}, err
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxDocumentBytes+1))
	switch {
	case err != nil:
		return page{}, classify(err)
	case len(body) > maxDocumentBytes:
		return page{}, failed(classSize)
	}
	return page{header: resp.Header, body: body}, nil
}

// acceptable judges the head of an answer.
func acceptable(resp *http.Response) *FetchError {
	switch {
	case resp.StatusCode >= 300 && resp.StatusCode < 400:
		return &FetchError{Class: classRedirect, StatusCode: resp.StatusCode}
	case resp.StatusCode != http.StatusOK:
		return &FetchError{Class: classStatus, StatusCode: resp.StatusCode}
	case resp.Request != nil && resp.Request.Response != nil: // a RoundTripper that follows redirects by itself
		return failed(classRedirect)
	case !jsonLike(resp.Header.Get("Content-Type")):
		return failed(classType)
	case resp.ContentLength > maxDocumentBytes:
		return failed(classSize)
	}
	return nil
}

// jsonLike accepts JSON, and what file servers say of a file that they do not know. It refuses what is plainly something else,
// such as the login page of a captive portal.
func jsonLike(contentType string) bool {
	if contentType == "" {
		return true
	}
	t, _, err := mime.ParseMediaType(contentType)
	if err != nil && !errors.Is(err, mime.ErrInvalidMediaParameter) {
		return false
	}
	switch t {
	case "application/json", "application/octet-stream", "binary/octet-stream", "text/plain":
		return true
	}
	return strings.HasSuffix(t, "+json") // RFC 6839; RFC 7517 section 8.5.2
}
