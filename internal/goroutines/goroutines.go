// Package goroutines counts goroutines in tests. [runtime.NumGoroutine] also counts up to 33 that have ended, while the runtime moves them from one
// list to another to use them again, which may be milliseconds if its thread has to wait for a processor.
package goroutines

import (
	"bytes"
	"runtime"
)

// Count is how many there are.
func Count() int {
	var m runtime.MemStats
	runtime.ReadMemStats(&m) // stops the world, for which it waits until nobody is about to move any
	return runtime.NumGoroutine()
}

// InBubble is how many there are in the bubble of the caller (testing/synctest), who is one of them. Those that other tests have left behind are elsewhere.
// Outside of a bubble it panics.
func InBubble() int {
	own, _, _ := bytes.Cut(stacks(false), []byte("\n"))
	at := bytes.Index(own, []byte(", synctest bubble "))
	if at < 0 {
		panic("goroutines: InBubble outside of a bubble")
	}
	return bytes.Count(stacks(true), append(own[at:], '\n')) // with "]:", so that it is not the beginning of another number
}

// stacks is the traceback of the caller, or of all.
func stacks(all bool) []byte {
	for size := 64 << 10; ; size *= 2 {
		text := make([]byte, size)
		if n := runtime.Stack(text, all); n < size {
			return text[:n]
		}
	}
}
