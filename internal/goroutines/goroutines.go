// Package goroutines counts goroutines in tests.
package goroutines

import "runtime"

// Count is [runtime.NumGoroutine] without those that have ended. The runtime keeps these to use them again, and moves up to 33 at a time from one
// list to another; until it has, which may be milliseconds if its thread has to wait for a processor, NumGoroutine counts them as well.
func Count() int {
	var m runtime.MemStats
	runtime.ReadMemStats(&m) // stops the world, for which it waits until nobody is about to move any
	return runtime.NumGoroutine()
}
