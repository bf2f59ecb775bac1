// Package rules holds the rules of the repository as tests: what may import what, where dependencies may be used, what the
// documents may claim. It has no code of its own.
package rules
