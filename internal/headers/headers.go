// Package headers measures the headers of a request.
package headers

// Each is added for each header, as RFC 9113 section 6.5.2 does.
const Each = 32

// Exceed reports whether headers take more than size bytes, with [Each] more for each. It reads no more of them than tells.
func Exceed(h map[string][]string, size int) bool {
	for name, values := range h {
		for _, value := range values {
			if size -= len(name) + len(value) + Each; size < 0 {
				return true
			}
		}
	}
	return size < 0
}
