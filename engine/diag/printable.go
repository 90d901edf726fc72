package diag

import (
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Printable is a text of others (a name that a server chose, a column of somebody's
// file) as a terminal may have it: as it is, or quoted with escapes, as Go and Python do,
// where something in it does not print: ESC, NUL, a new line, what turns the direction of
// writing, bytes that are no UTF-8.
func Printable(text string) string {
	if prints(text, "") {
		return text
	}
	return strconv.Quote(text)
}

// PrintableLines is Printable of a message of several lines, each by itself; tabs stay.
func PrintableLines(text string) string {
	if prints(text, "\n\t") {
		return text
	}
	lines := strings.Split(text, "\n")
	for i, l := range lines {
		if !prints(l, "\t") {
			lines[i] = strconv.Quote(l)
		}
	}
	return strings.Join(lines, "\n")
}

func prints(text, also string) bool {
	return utf8.ValidString(text) && strings.IndexFunc(text, func(r rune) bool { return !unicode.IsPrint(r) && !strings.ContainsRune(also, r) }) < 0
}
