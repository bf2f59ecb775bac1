package limit_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/perimeter-go/perimeter/middleware"
)

func TestAGuardAsksTheLimiter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		guard, err := middleware.New(telling, &middleware.Options{Limiter: newLimiter(t)})
		require.NoError(t, err)
		h := guard.Handler(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
		get := func(credential string) *httptest.ResponseRecorder {
			w := httptest.NewRecorder()
			h.ServeHTTP(w, bearer(alice, credential))
			return w
		}
		require.Equal(t, http.StatusOK, get("good-user").Code)
		for i := range 3 {
			require.Equal(t, http.StatusUnauthorized, get(fmt.Sprint("bad-", i)).Code)
		}
		w := get("good-newcomer")
		require.Equal(t, http.StatusTooManyRequests, w.Code)
		require.Equal(t, "20", w.Header().Get("Retry-After"))
		require.Empty(t, w.Header().Get("WWW-Authenticate"))
		require.Equal(t, http.StatusOK, get("good-user").Code)
	})
}
