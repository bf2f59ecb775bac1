package revocation

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
)

// URL is a source of entries at an address, in the form that [File] describes. The address is https, or http on loopback. A nil
// client is one of the package's own; a given one may bring credentials.
//
// Only 200 is an answer, or 304 to the ETag or Last-Modified of the one before. A redirect is not followed: it could lead the
// client's credentials elsewhere.
func URL(address string, client *http.Client) (Source, error) {
	u, err := url.Parse(address)
	switch {
	case err != nil || u.Hostname() == "" || u.Opaque != "":
		return nil, errors.New("revocation: the address is no URL") // err would quote it
	case u.User != nil || u.Fragment != "":
		return nil, errors.New("revocation: the address has a user, a password or a fragment")
	case u.Scheme != "https" && (u.Scheme != "http" || !isLoopback(u.Hostname())):
		return nil, errors.New("revocation: the address is not https")
	}
	own := http.Client{}
	if client != nil {
		own = *client
	}
	own.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &remote{address: address, client: &own}, nil
}

func isLoopback(host string) bool {
	addr, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && addr.IsLoopback()
}

type remote struct {
	address            string
	client             *http.Client
	etag, lastModified string // of what was read last
}

var errUnreachable = errors.New("no answer")

func (s *remote) Read(ctx context.Context) (entries []Entry, changed bool, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.address, nil)
	if err != nil {
		return nil, false, errUnreachable
	}
	if s.etag != "" {
		req.Header.Set("If-None-Match", s.etag)
	} else if s.lastModified != "" {
		req.Header.Set("If-Modified-Since", s.lastModified)
	}
	res, err := s.client.Do(req)
	if err != nil {
		return nil, false, withoutAddress(err)
	}
	defer func() { _ = res.Body.Close() }() // it was only read
	switch {
	case res.StatusCode == http.StatusNotModified && (s.etag != "" || s.lastModified != ""):
		return nil, false, nil
	case res.StatusCode != http.StatusOK:
		return nil, false, fmt.Errorf("the answer has status %d", res.StatusCode)
	}
	entries, err = readLines(res.Body)
	if err != nil {
		return nil, false, withoutAddress(err)
	}
	s.etag, s.lastModified = res.Header.Get("ETag"), res.Header.Get("Last-Modified")
	return entries, true, nil
}

// withoutAddress drops the address, whose query may hold a credential.
func withoutAddress(err error) error {
	if u, ok := errors.AsType[*url.Error](err); ok {
		return u.Err
	}
	return err
}
