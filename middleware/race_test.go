//go:build race

package middleware_test

// racing says that sync.Pool drops values on purpose, so that allocations cannot be counted.
const racing = true
