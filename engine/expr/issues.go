package expr

import (
	"fmt"
	"strings"
	"unicode"

	"github.com/google/cel-go/cel"
)

// compiling is one expression on its way.
type compiling struct {
	*Scope
	text     string
	mistakes []Mistake
	unread   bool // it names a field of what could not be read
}

func (c *compiling) mistake(from, to int, summary, remedy string) {
	c.mistakes = append(c.mistakes, Mistake{from, to, summary, remedy})
}

// typed reports what CEL's checker says.
func (c *compiling) typed(e *cel.Error) {
	if field, ok := strings.CutPrefix(e.Message, "undefined field '"); ok && c.Element.What != "" {
		field, from, known := strings.TrimSuffix(field, "'"), c.fieldAt(c.at(e)), c.Element.Fields
		c.mistake(from, min(from+len(field), len(c.text)), fmt.Sprintf("no field %q in %s", field, c.Element.What),
			Meant(field, known)+"Fields: "+strings.Join(known, ", ")+".")
		return
	}
	remedy := "Mend the CEL."
	if strings.Contains(e.Message, "no matching overload") {
		remedy = "The types do not fit. " + c.Types
	}
	c.issue(e, remedy)
}

// issue reports an error of CEL, at the word where it stands.
func (c *compiling) issue(e *cel.Error, remedy string) {
	from := c.at(e)
	to := from
	for to < len(c.text) && (c.text[to] == '_' || unicode.IsLetter(rune(c.text[to])) || unicode.IsDigit(rune(c.text[to]))) {
		to++
	}
	message := strings.ReplaceAll(strings.TrimPrefix(e.Message, "Syntax error: "), " (in container '')", "")
	c.mistake(from, min(max(to, from+1), len(c.text)), "CEL: "+strings.Join(strings.Fields(message), " "), remedy)
}

// at is the byte of the text at which an error of CEL stands.
func (c *compiling) at(e *cel.Error) int {
	line, from := e.Location.Line(), 0
	for range line - 1 {
		if next := strings.IndexByte(c.text[from:], '\n'); next >= 0 {
			from += next + 1
		}
	}
	return min(from+byteOf(c.text[from:], e.Location.Column()), len(c.text))
}

// fieldAt is where the name of a field begins whose dot CEL names.
func (c *compiling) fieldAt(dot int) int {
	for from := dot + 1; from < len(c.text); from++ {
		if !unicode.IsSpace(rune(c.text[from])) {
			return from
		}
	}
	return len(c.text)
}
