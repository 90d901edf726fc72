package diag

import (
	"bytes"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/hashicorp/hcl/v2"
	"golang.org/x/text/width"
)

// Bounds of a snippet: a hostile file may be one line of a megabyte.
const (
	mostLines   = 4   // of the faulty span
	mostColumns = 160 // of one line
)

// snippet draws the lines of r, and the one before them for orientation, with
// a caret line under the first; empty where the source is not at hand.
func snippet(r hcl.Range, sources map[string][]byte, on, off string) string {
	src, ok := sources[r.Filename]
	if !ok || r.Start.Line < 1 {
		return ""
	}
	first, ok := lineAt(src, r.Start.Line)
	if !ok {
		return ""
	}
	last := min(max(r.End.Line, r.Start.Line), r.Start.Line+mostLines-1)
	if r.End.Line > r.Start.Line && r.End.Column <= 1 {
		last = min(last, r.End.Line-1) // the span ends before its last line begins
	}
	digits := len(fmt.Sprint(last))
	var b strings.Builder
	row := func(n int, text string) { fmt.Fprintf(&b, "  %*d | %s\n", digits, n, text) }

	if before, ok := lineAt(src, r.Start.Line-1); ok && len(bytes.TrimSpace(before)) > 0 {
		row(r.Start.Line-1, clip(before, 0))
	}
	start := offset(first, r.Start, src)
	end := len(first)
	if r.End.Line == r.Start.Line {
		end = max(offset(first, r.End, src), start)
	}
	skip := 0
	if columns(first[:start]) > mostColumns-20 {
		skip = start - min(start, 40)
		for skip > 0 && !utf8.RuneStart(first[skip]) {
			skip--
		}
	}
	row(r.Start.Line, clip(first, skip))
	fmt.Fprintf(&b, "  %*s | %s%s%s%s\n", digits, "", blank(first[skip:start], skip > 0), on,
		strings.Repeat("^", min(max(columns(first[start:end]), 1), mostColumns)), off)
	for n := r.Start.Line + 1; n <= last; n++ {
		if line, ok := lineAt(src, n); ok {
			row(n, clip(line, 0))
		}
	}
	return b.String()
}

// lineAt returns line n of src, counted from 1, without its line end.
func lineAt(src []byte, n int) ([]byte, bool) {
	if n < 1 {
		return nil, false
	}
	for ; n > 1; n-- {
		i := bytes.IndexByte(src, '\n')
		if i < 0 {
			return nil, false
		}
		src = src[i+1:]
	}
	line, _, _ := bytes.Cut(src, []byte{'\n'})
	return bytes.TrimSuffix(line, []byte{'\r'}), true
}

// offset is the byte of p within its line. hcl's columns count grapheme
// clusters, so the byte offset is preferred where it lies on that line.
func offset(line []byte, p hcl.Pos, src []byte) int {
	if p.Byte <= len(src) {
		at := p.Byte - (bytes.LastIndexByte(src[:max(p.Byte, 0)], '\n') + 1)
		if bytes.Count(src[:max(p.Byte, 0)], []byte{'\n'}) == p.Line-1 {
			return min(max(at, 0), len(line))
		}
	}
	at := 0
	for i := 1; i < p.Column && at < len(line); i++ {
		_, n := utf8.DecodeRune(line[at:])
		at += n
	}
	return at
}

// clip makes a line printable from byte skip on, at most mostColumns wide.
func clip(line []byte, skip int) string {
	text := string(line[skip:])
	lead := ""
	if skip > 0 {
		lead = "…"
	}
	used := 0
	for i, r := range text {
		if used += runeWidth(r); used > mostColumns {
			return lead + clean(text[:i]) + "…"
		}
	}
	return lead + clean(text)
}

// blank is the white space as wide as text; tabs stay tabs, so the caret
// stands right however wide a terminal draws them.
func blank(text []byte, clipped bool) string {
	var b strings.Builder
	if clipped {
		b.WriteByte(' ')
	}
	for _, r := range string(text) {
		if r == '\t' {
			b.WriteByte('\t')
		} else {
			b.WriteString(strings.Repeat(" ", runeWidth(r)))
		}
	}
	return b.String()
}

// columns is the width of text on a terminal.
func columns(text []byte) int {
	n := 0
	for _, r := range string(text) {
		n += runeWidth(r)
	}
	return n
}

// runeWidth is the number of terminal columns of r.
func runeWidth(r rune) int {
	if unicode.In(r, unicode.Mn, unicode.Me, unicode.Cf) {
		return 0
	}
	if k := width.LookupRune(r).Kind(); k == width.EastAsianWide || k == width.EastAsianFullwidth {
		return 2
	}
	return 1
}

// clean replaces control characters but tab and newline: a plan must not be
// able to steer the terminal it is shown on.
func clean(s string) string {
	return strings.Map(func(r rune) rune {
		if r == utf8.RuneError || (unicode.IsControl(r) && r != '\t' && r != '\n') {
			return '\uFFFD'
		}
		if unicode.Is(unicode.Bidi_Control, r) {
			return '\uFFFD'
		}
		return r
	}, s)
}
