package token_test

import (
	"crypto"
	"encoding/base64"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/perimeter-go/perimeter/token"
)

// ratioRounds is how many rounds a ratio is the minimum of; each round is a few milliseconds of either side, so that both see the same machine.
const ratioRounds = 40

// fastest returns for each function the time of one call in the best of the rounds, in which they take turns.
func fastest(b *testing.B, rounds int, fs ...func()) []time.Duration {
	b.Helper()
	const turn = time.Millisecond
	calls, best := make([]int, len(fs)), make([]time.Duration, len(fs))
	for i, f := range fs {
		f()
		start := time.Now()
		for calls[i] = 1; time.Since(start) < turn; calls[i]++ {
			f()
		}
	}
	runtime.GC()
	for range rounds {
		for i, f := range fs {
			start := time.Now()
			for range calls[i] {
				f()
			}
			if took := time.Since(start) / time.Duration(calls[i]); best[i] == 0 || took < best[i] {
				best[i] = took
			}
		}
	}
	return best
}

// BenchmarkVerifyRatio shows what a verification costs as a multiple of the bare hash and signature check by crypto/* (x/crypto), and how many
// allocations it makes beyond those of that check (allocs-beyond). Read it with GOMAXPROCS=1 GOGC=400 and -benchtime 5x or more: each
// iteration is a whole set of rounds in which the two take turns, and the minimum over all of them counts.
func BenchmarkVerifyRatio(b *testing.B) {
	for _, alg := range []string{"RS256", "PS256", "ES256", "ES384", "EdDSA"} {
		raw := issuer.Sign(alg, nil, []byte(benchmarkPayload))
		keys, err := issuer.PublicKeys(b.Context(), issuer.KeyID(alg), alg)
		require.NoError(b, err)
		v := verifier(b, only(keys...), token.AccessTokenPolicy(issuerURL, audience))
		verify := func() {
			if _, err := v.Verify(b.Context(), raw); err != nil {
				b.Fatal(err)
			}
		}
		bare := bareRun(b, alg, keys[0], raw)
		b.Run(alg, func(b *testing.B) {
			var least [2]time.Duration
			for range b.N {
				for i, took := range fastest(b, ratioRounds, verify, bare) {
					if least[i] == 0 || took < least[i] {
						least[i] = took
					}
				}
			}
			b.ReportMetric(float64(least[0])/float64(least[1]), "x/crypto")
			b.ReportMetric(testing.AllocsPerRun(100, verify)-testing.AllocsPerRun(100, bare), "allocs-beyond")
			b.ReportMetric(float64(least[0]), "ns/verify")
			b.ReportMetric(0, "ns/op")
		})
	}
}

// bareRun is the bare check of a token whose signature and input are prepared.
func bareRun(b *testing.B, alg string, key crypto.PublicKey, raw string) func() {
	b.Helper()
	at := strings.LastIndexByte(raw, '.')
	sig, err := base64.RawURLEncoding.DecodeString(raw[at+1:])
	if at < 0 || err != nil {
		return func() {} // no token
	}
	check := bareCheck(b, alg, key, sig)
	input := []byte(raw[:at])
	return func() { check(input) }
}
