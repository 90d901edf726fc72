// Package edition writes what people read, of reports and of surveys: text in columns,
// pages of HTML that need nothing else, and folders that are in place whole or not at all
// and keep what they replace.
package edition

import (
	"fmt"
	"io"
	"reflect"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"mtric.net/mtric/engine/diag"
)

// Text writes lines and tables; its first error ends it.
type Text struct {
	W   io.Writer
	Err error
}

// Line prints a line; texts among its arguments become printable.
func (t *Text) Line(format string, args ...any) {
	if t.Err == nil {
		for i, a := range args {
			if v := reflect.ValueOf(a); v.Kind() == reflect.String {
				args[i] = diag.Printable(v.String())
			}
		}
		_, t.Err = fmt.Fprintf(t.W, strings.TrimRight(format, "\n")+"\n", args...)
	}
}

// Heading prints an underlined line after an empty one.
func (t *Text) Heading(s string) { t.Line("\n%s\n%s", s, strings.Repeat("-", len([]rune(s)))) }

// Table prints rows aligned, their cells printable.
func (t *Text) Table(rows [][]string) {
	if t.Err != nil {
		return
	}
	w := tabwriter.NewWriter(t.W, 0, 0, 2, ' ', 0)
	for _, r := range rows {
		cells := make([]string, len(r))
		for i, c := range r {
			cells[i] = diag.Printable(c)
		}
		fmt.Fprintln(w, strings.TrimRight(strings.Join(cells, "\t"), "\t "))
	}
	t.Err = w.Flush()
}

// Clock is a time in print, to the minute, UTC.
func Clock(t time.Time) string { return t.UTC().Format("2006-01-02 15:04 UTC") }

// Join is a list in print, its texts printable.
func Join[S ~string](list []S) string {
	var texts []string
	for _, s := range list {
		texts = append(texts, diag.Printable(string(s)))
	}
	return strings.Join(texts, ", ")
}

// Thousands writes a number with its thousands apart.
func Thousands(n int64) string {
	text := strconv.FormatInt(n, 10)
	for i := len(text) - 3; i > 0 && text[i-1] != '-'; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return text
}

// Plural is a number of things, "1 run" or "1,200 runs".
func Plural(n int64, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return Thousands(n) + " " + noun + "s"
}

// Dash stands for an empty text.
func Dash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}
