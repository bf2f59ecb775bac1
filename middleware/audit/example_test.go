package audit_test

import (
	"crypto/rand"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"

	"github.com/perimeter-go/perimeter/middleware"
	"github.com/perimeter-go/perimeter/middleware/audit"
)

// nobody stands for a real authenticator, such as middleware.JWT.
type nobody struct{}

func (nobody) Authenticate(*http.Request) (middleware.Identity, error) {
	return middleware.Identity{}, middleware.ErrRefused
}

func Example() {
	key := make([]byte, 32) // from your secrets, so that hashes compare over restarts and machines
	_, _ = rand.Read(key)
	text := slog.NewTextHandler(os.Stdout, &slog.HandlerOptions{ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
		if slices.Contains([]string{slog.TimeKey, "token", "latency_ns"}, a.Key) {
			return slog.Attr{} // they differ each time
		}
		return a
	}})

	trail, err := audit.New(text, audit.Config{
		Key:           key,
		SampleAllowed: 100,
		KeepRules:     []string{"DELETE /orders/{id}"},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	guard, err := middleware.New(nobody{}, &middleware.Options{Observer: trail})
	if err != nil {
		fmt.Println(err)
		return
	}

	r := httptest.NewRequest(http.MethodGet, "/orders/7%0Alevel=INFO", nil)
	r.Header.Set("Authorization", "Bearer stolen")
	guard.Handler(http.NotFoundHandler()).ServeHTTP(httptest.NewRecorder(), r)
	r = httptest.NewRequest(http.MethodGet, "/orders/Z%C3%BCrich", nil)
	guard.Handler(http.NotFoundHandler()).ServeHTTP(httptest.NewRecorder(), r)
	// Output:
	// level=WARN msg=decision outcome=ambiguous_target reason=ambiguous_target status=400 method=GET path=/orders/7%250Alevel%3DINFO peer=192.0.2.1:1234
	// level=WARN msg=decision outcome=refused reason=refused status=401 method=GET path=/orders/Z%C3%BCrich peer=192.0.2.1:1234
}
