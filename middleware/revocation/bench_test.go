package revocation_test

import (
	"context"
	"fmt"
	"runtime"
	"testing"

	"github.com/perimeter-go/perimeter/middleware/revocation"
)

// filled has n entries of each way to have one: a source's, and added ones.
func filled(b *testing.B, n int) *revocation.List {
	b.Helper()
	entries := make([]revocation.Entry, n)
	for i := range entries {
		entries[i] = revocation.Entry{Issuer: issuer, Subject: fmt.Sprintf("user-%032d", i)}
	}
	l := newList(b, revocation.Config{Sources: []revocation.Source{saying(func(context.Context) ([]revocation.Entry, bool, error) { return entries, true, nil })}})
	ctx, stop := context.WithCancel(b.Context())
	read := make(chan error, 1)
	go func() { read <- l.Run(ctx) }()
	for l.Status()[0].LastSuccess.IsZero() {
		runtime.Gosched()
	}
	stop()
	<-read
	return l
}

// BenchmarkRevoked: what a request costs that is not cut off, against the length of the list.
func BenchmarkRevoked(b *testing.B) {
	id := ofJWT(b, members{"sub": "alice", "client_id": "web", "jti": "t1"})
	for _, n := range []int{0, 1, 1000, 1_000_000} {
		l := filled(b, n)
		b.Run(fmt.Sprintf("entries=%d", n), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if cut, err := l.Revoked(b.Context(), id); cut || err != nil {
					b.Fatal("cut off")
				}
			}
		})
	}
}

// BenchmarkMemory: what an entry of a million costs, beside the name itself.
func BenchmarkMemory(b *testing.B) {
	const n = 1_000_000
	for b.Loop() {
		entries := make([]revocation.Entry, n)
		for i := range entries {
			entries[i] = revocation.Entry{Issuer: issuer, Subject: fmt.Sprintf("user-%032d", i)}
		}
		before := heap()
		l := newList(b, revocation.Config{})
		if err := l.Add(entries...); err != nil {
			b.Fatal(err)
		}
		b.ReportMetric(float64(heap()-before)/n, "B/entry")
		runtime.KeepAlive(entries)
		runtime.KeepAlive(l)
	}
}

func heap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// BenchmarkAdd: one more, to a list that is empty and to one that is long.
func BenchmarkAdd(b *testing.B) {
	for _, n := range []int{0, 1_000_000} {
		l := newList(b, revocation.Config{MaxAdded: 1 << 30})
		entries := make([]revocation.Entry, n)
		for i := range entries {
			entries[i] = revocation.Entry{Issuer: issuer, Subject: fmt.Sprintf("user-%032d", i)}
		}
		if err := l.Add(entries...); err != nil {
			b.Fatal(err)
		}
		b.Run(fmt.Sprintf("entries=%d", n), func(b *testing.B) {
			for i := 0; b.Loop(); i++ {
				if err := l.Add(revocation.Entry{Issuer: issuer, TokenID: fmt.Sprint(i % 1000)}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkSession: what it costs when there is a session on the list, and a request's token has to be decoded.
func BenchmarkSession(b *testing.B) {
	l := newList(b, revocation.Config{})
	if err := l.Add(revocation.Entry{Issuer: issuer, SessionID: "another"}); err != nil {
		b.Fatal(err)
	}
	id := ofJWT(b, members{"sub": "alice", "sid": "s1"})
	b.ReportAllocs()
	for b.Loop() {
		if cut, err := l.Revoked(b.Context(), id); cut || err != nil {
			b.Fatal("cut off")
		}
	}
}
