package main

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestWhatFailsEveryOtherTimeIsNewsOnce(t *testing.T) {
	var h health
	now := time.Now()
	require.False(t, h.worked(now), "it has never failed")
	require.True(t, h.failed(now, "refused"))
	for range 100 {
		now = now.Add(steady / 2)
		require.False(t, h.worked(now))
		require.False(t, h.failed(now, "no answer"))
	}
	why, since := h.failing()
	require.Equal(t, "refused", why)
	require.Equal(t, now.Add(-50*steady), since)

	now = now.Add(steady)
	require.True(t, h.worked(now))
	require.False(t, h.worked(now))
	why, since = h.failing()
	require.Empty(t, why)
	require.Zero(t, since)
	require.True(t, h.failed(now, "refused again"))
}
