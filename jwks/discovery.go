package jwks

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/perimeter-go/perimeter/internal/strictjson"
)

// rediscovery is how long the place of the key set is believed.
const rediscovery = time.Hour

// locate returns m with the place of the key set. With an issuer it asks the discovery document if the place is not known, was
// learnt an hour ago, or if again is set.
//
// A discovery document that cannot be had changes nothing about a place that is known: it is asked again in an hour. One that
// contradicts itself does: the place is forgotten, and every fetch fails until the document is right again.
func (f *fetcher) locate(ctx context.Context, m memory, again bool) (memory, *FetchError) {
	now := time.Now()
	if f.issuer == "" {
		m.url = f.url
		return m, nil
	}
	if m.url != "" && !again && elapsed(m.asked, now) < rediscovery {
		return m, nil
	}
	place, err := f.discover(ctx)
	switch {
	case err != nil && (err.Class == classIssuer || err.Class == classURL || m.url == ""):
		return memory{}, err
	case err == nil && place != m.url:
		m = memory{url: place}
	}
	m.asked = now
	return m, nil
}

// discover finds the jwks_uri of the issuer: by OpenID Connect Discovery 1.0 section 4, or where that is a 404, by RFC 8414.
func (f *fetcher) discover(ctx context.Context) (string, *FetchError) {
	openID, oauth := wellKnown(f.issuer)
	got, err := f.get(ctx, openID, "", "")
	if err != nil && err.StatusCode == http.StatusNotFound {
		got, err = f.get(ctx, oauth, "", "")
	}
	place := ""
	if err == nil {
		place, err = f.readMetadata(got.body)
	}
	if err != nil {
		err.Discovery = true
	}
	return place, err
}

// wellKnown returns the places of the metadata of an issuer that checkIssuer has passed: OpenID appends to the issuer's path, RFC
// 8414 section 3.1 inserts before it.
func wellKnown(issuer string) (openID, oauth string) {
	issuer = strings.TrimSuffix(issuer, "/")
	openID = issuer + "/.well-known/openid-configuration"
	u, err := url.Parse(issuer)
	if err != nil {
		return openID, openID
	}
	path := u.EscapedPath()
	return openID, strings.TrimSuffix(issuer, path) + "/.well-known/oauth-authorization-server" + path
}

// readMetadata returns the jwks_uri of a discovery document of the expected issuer.
func (f *fetcher) readMetadata(body []byte) (string, *FetchError) {
	var issuer, place string
	var hasIssuer, hasPlace bool
	err := strictjson.Object(body, func(name string, value []byte) error {
		switch name {
		case "issuer":
			issuer, hasIssuer = strictjson.String(value)
		case "jwks_uri":
			place, hasPlace = strictjson.String(value)
		}
		return nil
	})
	if err != nil {
		return "", failed(classDiscovery)
	}
	if !hasIssuer || issuer != f.issuer { // RFC 8414 section 3.3, OpenID Connect Discovery 1.0 section 4.3: identical
		return "", failed(classIssuer)
	}
	if err := checkURL("jwks_uri", place, f.insecureHTTP); err != nil || !hasPlace {
		return "", failed(classURL)
	}
	return place, nil
}

// expired is the memory after a fetch that ran out of time: if it was to ask the discovery document again, that had its chance,
// and the next fetch goes straight to the place that is known.
func (m memory) expired(started time.Time) memory {
	if m.url != "" && elapsed(m.asked, started) >= rediscovery {
		m.asked = started
	}
	return m.unconditional()
}
