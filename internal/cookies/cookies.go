// Package cookies bounds what is looked at of a request's cookies, before anything is known of their sender.
package cookies

import "strings"

const (
	maxNumber = 1000
	maxSize   = 64 << 10
)

// TooMany reports whether there are more cookies in the lines of a request's Cookie headers than are looked at: 1,000 of them, or 64 KiB.
func TooMany(lines []string) bool {
	number, size := len(lines), 0
	if number > maxNumber {
		return true
	}
	for _, line := range lines {
		if size += len(line); size > maxSize {
			return true
		}
		number += strings.Count(line, ";")
	}
	return number > maxNumber
}
