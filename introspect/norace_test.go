//go:build !race

package introspect_test

const racing = false
