package revocation_test

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/perimeter-go/perimeter/middleware"
	"github.com/perimeter-go/perimeter/middleware/revocation"
)

func TestAGuardRefusesWhoIsCutOff(t *testing.T) {
	l := newList(t, revocation.Config{})
	guard, err := middleware.New(alice{}, &middleware.Options{Revocations: l})
	require.NoError(t, err)
	h := guard.Handler(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	status := func() int {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/", nil))
		return w.Code
	}
	require.Equal(t, http.StatusOK, status())
	require.NoError(t, l.Add(revocation.Entry{Issuer: issuer, Subject: "alice"}))
	require.Equal(t, http.StatusUnauthorized, status())
}

type alice struct{}

func (alice) Authenticate(*http.Request) (middleware.Identity, error) {
	return middleware.Identity{Issuer: issuer, Subject: "alice"}, nil
}
