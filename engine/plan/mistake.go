package plan

import (
	"bytes"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/hashicorp/hcl/v2"
)

// Mistake makes the diagnostic of a mistake that a later stage found in a text
// of the plan: at is the text's place, text its value, [from, to) the faulty
// bytes of the value. Where the file has the value neither verbatim nor with
// escapes (something was interpolated) the whole text is pointed at.
func (p *Plan) Mistake(at Range, text string, from, to int, summary, remedy string) *hcl.Diagnostic {
	d := &hcl.Diagnostic{Severity: hcl.DiagError, Summary: summary, Detail: remedy}
	src := p.Sources[at.File]
	if at.File == "" || at.Start < 0 || at.End > len(src) || at.Start > at.End {
		return d
	}
	start, end := at.Start, at.End
	if from >= 0 && from <= to && to <= len(text) {
		if places, ok := unescaped(string(src[start:end]), text); ok {
			start, end = at.Start+places[from], at.Start+places[to]
		}
	}
	d.Subject = &hcl.Range{Filename: at.File, Start: posOf(src, start), End: posOf(src, end)}
	return d
}

// unescaped returns for each byte of the text, and its end, where it stands in the
// source between quotes; false where the source is not that text.
func unescaped(src, text string) (places []int, ok bool) {
	at := 0
	for i := 0; i < len(text); {
		places = append(places, at)
		if src[at:] == "" {
			return nil, false
		}
		value, width := src[at:at+1], 1
		switch {
		case strings.HasPrefix(src[at:], "$${"), strings.HasPrefix(src[at:], "%%{"):
			value, width = src[at:at+2], 3
			value = value[1:] + "{"
		case src[at] == '\\':
			value, width = escape(src[at:])
		}
		if !strings.HasPrefix(text[i:], value) || value == "" {
			return nil, false
		}
		for range value[1:] {
			places = append(places, at)
		}
		i, at = i+len(value), at+width
	}
	return append(places, at), at == len(src)
}

// escape reads the escape that a source begins with: its value and its width.
func escape(src string) (value string, width int) {
	if len(src) < 2 {
		return "", 0
	}
	switch c := src[1]; c {
	case 'n', 'r', 't', '"', '\\':
		return map[byte]string{'n': "\n", 'r': "\r", 't': "\t", '"': `"`, '\\': `\`}[c], 2
	case 'u', 'U':
		width = map[byte]int{'u': 6, 'U': 10}[c]
		if len(src) >= width {
			if n, err := strconv.ParseUint(src[2:width], 16, 32); err == nil {
				return string(rune(n)), width
			}
		}
	}
	return "", 0
}

// posOf is the place of a byte of a file; columns count runes, from 1.
func posOf(src []byte, at int) hcl.Pos {
	line := bytes.LastIndexByte(src[:at], '\n') + 1
	return hcl.Pos{Line: bytes.Count(src[:line], []byte{'\n'}) + 1, Column: utf8.RuneCount(src[line:at]) + 1, Byte: at}
}

// Nearest finds the known name that was probably meant; false where none is near.
func Nearest(given string, known []string) (string, bool) { return nearest(given, known) }
