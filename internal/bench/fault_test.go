package main

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/perimeter-go/perimeter/internal/bench/peers"
)

var errRefused = errors.New("refused")

// verdicts is a peer that gives these verdicts, one a request, and then the last one again; each takes so long.
func verdicts(each time.Duration, accepts ...bool) *subject {
	return &subject{verify: func(context.Context, string) (peers.Claims, error) {
		time.Sleep(each)
		accept := accepts[0]
		if len(accepts) > 1 {
			accepts = accepts[1:]
		}
		if !accept {
			return peers.Claims{}, errRefused
		}
		return peers.Claims{}, nil
	}}
}

func TestWhenANewKeyIsAccepted(t *testing.T) {
	for _, tc := range []struct {
		name     string
		subject  *subject
		accepted bool
		want     string
	}{
		{"by the very request", verdicts(30*time.Millisecond, true), true, "first request"},
		{"by the third", verdicts(30*time.Millisecond, false, false, true), true, "after 130ms"},
		{"never", verdicts(30*time.Millisecond, false), true, "not in 2 s"},
		{"a withdrawn key is refused", verdicts(0, true, false), false, "after 20ms"},
		{"a withdrawn key stays", verdicts(0, true), false, "not in 2 s"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				request, after := tc.subject.until(t.Context(), "", tc.accepted, 2*time.Second)
				require.Equal(t, tc.want, rotation{request, after}.String())
			})
		})
	}
}

func TestWhatAClientSeesOfAnOutage(t *testing.T) {
	for _, tc := range []struct {
		name    string
		subject *subject
		want    string
	}{
		{"nothing", verdicts(0, true), "0 of 50 refused, slowest 0 ms"},
		{"one refusal", verdicts(0, true, false, true), "1 of 50 refused, slowest 0 ms"},
		{"nothing but waiting", verdicts(480*time.Millisecond, false), "2 of 2 refused, slowest 480 ms"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				require.Equal(t, tc.want, tc.subject.watch(t.Context(), time.Second).String())
			})
		})
	}
}
