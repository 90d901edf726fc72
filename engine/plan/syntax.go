package plan

import (
	"bytes"
	"fmt"
	"regexp"
	"strings"
	"unicode/utf8"

	"github.com/hashicorp/hcl/v2"
)

// What people write who are new to HCL: a duration, an address, a name or a condition
// without quotes, and double quotes inside a condition.
var (
	anyAttribute = regexp.MustCompile(`^\s*([a-z][a-z0-9_]*)\s*=\s*(\S.*?)\s*$`)
	bareText     = regexp.MustCompile(`^([0-9]+[a-z][0-9a-z]*|[0-9]+(\.[0-9]+){2,}(/[0-9]+)?|[0-9a-fA-F]*:[0-9a-fA-F:]+(/[0-9]+)?|([A-Za-z0-9_-]+\.)+|https?://\S+)$`)
	heredoc      = regexp.MustCompile(`<<-?([A-Za-z_][A-Za-z0-9_-]*)\s*$`)
)

// ownSyntax says of a mistake that the parser found what to write instead, where that can
// be seen; the parser knows neither durations nor addresses nor CEL.
func ownSyntax(d *hcl.Diagnostic, src []byte) *hcl.Diagnostic {
	if d.Subject == nil {
		return d
	}
	c := *d
	if d.Summary == "Unterminated template string" {
		for i, line := range bytes.Split(src, []byte{'\n'}) {
			if m := heredoc.FindSubmatch(line); m != nil {
				c.Detail = fmt.Sprintf("The text that begins with <<%s on line %d ends with a line that has %[1]s alone.", m[1], i+1)
			}
		}
		return &c
	}
	begin, line := lineOf(src, d.Subject.Start.Byte)
	m := anyAttribute.FindStringSubmatchIndex(line)
	if m == nil {
		return d
	}
	name, value := line[m[2]:m[3]], line[m[4]:m[5]]
	value, _, _ = strings.Cut(value, " #")
	value = strings.TrimSpace(value)
	switch {
	case bareText.MatchString(value), strings.Contains(value, "'") && !strings.Contains(value, `"`):
		c.Summary, c.Detail = "text without quotes", fmt.Sprintf(`Write %s = "%s".`, name, value)
	case strings.HasPrefix(value, `"`) && strings.Count(value, `"`) > 2 && (name == "expr" || name == "expect"):
		c.Summary, c.Detail = "double quotes inside a condition", "Texts in it stand in single quotes: 'a'."
	default:
		return d
	}
	at, column := begin+m[4], utf8.RuneCountInString(line[:m[4]])+1
	c.Subject = &hcl.Range{Filename: d.Subject.Filename, Start: hcl.Pos{Line: d.Subject.Start.Line, Column: column, Byte: at},
		End: hcl.Pos{Line: d.Subject.Start.Line, Column: column + utf8.RuneCountInString(value), Byte: at + len(value)}}
	return &c
}

// lineOf is the line that a byte of src is on, and where it begins.
func lineOf(src []byte, at int) (begin int, line string) {
	at = min(max(at, 0), len(src))
	begin = bytes.LastIndexByte(src[:at], '\n') + 1
	text, _, _ := bytes.Cut(src[begin:], []byte{'\n'})
	return begin, string(text)
}
