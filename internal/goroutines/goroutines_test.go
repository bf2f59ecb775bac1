package goroutines_test

import (
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/perimeter-go/perimeter/internal/goroutines"
)

var counts = []struct {
	name  string
	count func() int
}{{"Count", goroutines.Count}, {"InBubble", goroutines.InBubble}}

func TestGoroutinesThatHaveEndedAreNotCounted(t *testing.T) {
	for _, c := range counts {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				before := c.count()
				for range 300 {
					for range 300 {
						go func() {}()
					}
					synctest.Wait()
					require.LessOrEqual(t, c.count(), before)
				}
			})
		})
	}
}

func TestGoroutinesThatWaitAreCounted(t *testing.T) {
	for _, c := range counts {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				before := c.count()
				end := make(chan struct{})
				defer close(end)
				for range 3000 {
					go func() { <-end }() // until the test ends
				}
				synctest.Wait()
				if c.name == "InBubble" {
					require.Equal(t, before+3000, c.count())
					return
				}
				require.LessOrEqual(t, c.count(), before+3000) // fewer if one of elsewhere has ended
				require.Greater(t, c.count(), 3000)
			})
		})
	}
}

func TestGoroutinesElsewhereAreNotInTheBubble(t *testing.T) {
	require.Panics(t, func() { goroutines.InBubble() })
	end := make(chan struct{})
	defer close(end)
	for range 10 {
		go func() { <-end }() // until the test ends
	}
	synctest.Test(t, func(t *testing.T) {
		before := goroutines.InBubble()
		require.Less(t, before, 5)
		begun := make(chan struct{})
		go close(begun)
		<-begun
		synctest.Wait()
		require.Equal(t, before, goroutines.InBubble())
	})
}
