package goroutines_test

import (
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/perimeter-go/perimeter/internal/goroutines"
)

func TestGoroutinesThatHaveEndedAreNotCounted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		before := goroutines.Count()
		for range 1000 {
			for range 300 {
				go func() {}()
			}
			synctest.Wait()
			require.Equal(t, before, goroutines.Count())
		}
	})
}

func TestGoroutinesThatWaitAreCounted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		before := goroutines.Count()
		end := make(chan struct{})
		defer close(end)
		for range 300 {
			go func() { <-end }() // until the test ends
		}
		synctest.Wait()
		require.Equal(t, before+300, goroutines.Count())
	})
}
