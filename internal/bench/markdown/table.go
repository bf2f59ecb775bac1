// Package markdown is what the commands of this module print alike: tables, and the machine that the numbers depend on.
package markdown

import (
	"strings"
	"unicode/utf8"
)

// Table is Markdown that can also be read as it is. The first row is its head.
type Table [][]string

func (t Table) String() string {
	width := make([]int, len(t[0]))
	for _, row := range t {
		for i, cell := range row {
			width[i] = max(width[i], utf8.RuneCountInString(cell))
		}
	}
	var b strings.Builder
	for i, row := range t {
		writeRow(&b, row, width, " ")
		if i == 0 {
			writeRow(&b, make([]string, len(row)), width, "-")
		}
	}
	return b.String()
}

func writeRow(b *strings.Builder, row []string, width []int, pad string) {
	for i, cell := range row {
		b.WriteString("|" + pad + cell + strings.Repeat(pad, width[i]-utf8.RuneCountInString(cell)) + pad)
	}
	b.WriteString("|\n")
}
