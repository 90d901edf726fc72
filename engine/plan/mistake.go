package plan

import (
	"bytes"
	"unicode/utf8"

	"github.com/hashicorp/hcl/v2"
)

// Mistake makes the diagnostic of a mistake that a later stage found in a text
// of the plan: at is the text's place, text its value, [from, to) the faulty
// bytes of the value. Where the file has the value otherwise than verbatim (in
// a quoted text with escapes) the whole text is pointed at.
func (p *Plan) Mistake(at Range, text string, from, to int, summary, remedy string) *hcl.Diagnostic {
	d := &hcl.Diagnostic{Severity: hcl.DiagError, Summary: summary, Detail: remedy}
	src := p.Sources[at.File]
	if at.File == "" || at.Start < 0 || at.End > len(src) || at.Start > at.End {
		return d
	}
	start, end := at.Start, at.End
	if string(src[start:end]) == text && from >= 0 && from <= to && to <= len(text) {
		start, end = at.Start+from, at.Start+to
	}
	d.Subject = &hcl.Range{Filename: at.File, Start: posOf(src, start), End: posOf(src, end)}
	return d
}

// posOf is the place of a byte of a file; columns count runes, from 1.
func posOf(src []byte, at int) hcl.Pos {
	line := bytes.LastIndexByte(src[:at], '\n') + 1
	return hcl.Pos{Line: bytes.Count(src[:line], []byte{'\n'}) + 1, Column: utf8.RuneCount(src[line:at]) + 1, Byte: at}
}

// Nearest finds the known name that was probably meant; false where none is near.
func Nearest(given string, known []string) (string, bool) { return nearest(given, known) }
