//go:build !race

package middleware_test

const racing = false
