package forward_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"

	"github.com/perimeter-go/perimeter/middleware"
	"github.com/perimeter-go/perimeter/middleware/forward"
	"github.com/perimeter-go/perimeter/scope"
)

// everybody stands for a real authenticator, such as middleware.JWT.
type everybody struct{}

func (everybody) Authenticate(*http.Request) (middleware.Identity, error) {
	return middleware.Identity{Subject: "Alice Smith", Issuer: "https://id.example.com", Scopes: scope.Granted("orders:read orders:write")}, nil
}

func Example() {
	backend := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "%s %s, %s", r.Header.Get("X-Identity-Subject"), r.Header.Values("X-Identity-Scopes"), r.Header.Get("Authorization"))
	}))
	defer backend.Close()
	target, _ := url.Parse(backend.URL)

	guard, err := middleware.New(everybody{}, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	identity, err := forward.New(forward.Config{Subject: "X-Identity-Subject", Issuer: "X-Identity-Issuer", Scopes: "X-Identity-Scopes"})
	if err != nil {
		fmt.Println(err)
		return
	}
	proxy := &httputil.ReverseProxy{Rewrite: func(pr *httputil.ProxyRequest) {
		pr.SetURL(target)
		identity.Rewrite(pr)
	}}
	front := httptest.NewServer(guard.Handler(proxy))
	defer front.Close()

	r, _ := http.NewRequest(http.MethodGet, front.URL, nil)
	r.Header.Set("Authorization", "Bearer secret")
	r.Header.Set("X_Identity_Subject", "admin")
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer res.Body.Close()
	body, _ := io.ReadAll(res.Body)
	fmt.Printf("%q\n", body)
	// Output:
	// "Alice%20Smith [orders:read orders:write], "
}

func ExampleHeaders_Handler() {
	identity, err := forward.New(forward.Config{Subject: "X-Remote-User"})
	if err != nil {
		fmt.Println(err)
		return
	}
	legacy := http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		fmt.Println(r.Header["X-Remote-User"], r.Header["X-Identity-Kind"])
	})
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	r.Header.Set("X-Remote-User", "admin")
	identity.Handler(legacy).ServeHTTP(httptest.NewRecorder(), r) // a public route: nobody

	r = r.WithContext(middleware.WithIdentity(r.Context(), middleware.Identity{Subject: "alice"}))
	identity.Handler(legacy).ServeHTTP(httptest.NewRecorder(), r)
	// Output:
	// [] []
	// [alice] [other]
}
