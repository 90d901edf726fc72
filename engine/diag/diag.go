// Package diag prints mistakes in plans so that they can be mended without
// looking anything up: file:line:col and what is wrong, the line with a caret
// under the faulty span (also without colour), and the remedy; or as JSON.
package diag

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
)

// most is how many diagnostics are printed; the rest is only counted.
const most = 100

// List is a list of diagnostics and the files they point into, by the name
// used in their ranges. Summary says what is wrong, Detail how to mend it. The
// zero value is an empty list.
type List struct {
	Diags   hcl.Diagnostics
	Sources map[string][]byte
}

// HasErrors reports whether any diagnostic is an error; warnings never fail.
func (l List) HasErrors() bool { return l.Diags.HasErrors() }

// Sorted returns the diagnostics by file, line, column and text, each once:
// expanding dynamic blocks repeats a mistake for every iteration.
func (l List) Sorted() hcl.Diagnostics {
	ds := slices.Clone(l.Diags)
	slices.SortStableFunc(ds, compare)
	return slices.CompactFunc(ds, func(a, b *hcl.Diagnostic) bool { return compare(a, b) == 0 })
}

// compare orders by place, errors before warnings, and then by text; 0 means that the two
// say the same.
func compare(a, b *hcl.Diagnostic) int {
	x, y := subject(a), subject(b)
	if c := strings.Compare(x.Filename, y.Filename); c != 0 {
		return c
	}
	for _, d := range []int{
		x.Start.Line - y.Start.Line, x.Start.Column - y.Start.Column,
		x.End.Line - y.End.Line, x.End.Column - y.End.Column,
		int(a.Severity) - int(b.Severity),
	} {
		if d != 0 {
			return d
		}
	}
	if c := strings.Compare(a.Summary, b.Summary); c != 0 {
		return c
	}
	return strings.Compare(a.Detail, b.Detail)
}

// subject is the place of d, the zero Range where it has none.
func subject(d *hcl.Diagnostic) hcl.Range {
	if d.Subject == nil {
		return hcl.Range{}
	}
	return *d.Subject
}

// Error is the first error on one line, with the number of further ones, so
// that a List can stand in an error chain; empty without errors.
func (l List) Error() string {
	var first string
	n := 0
	for _, d := range l.Sorted() {
		if d.Severity != hcl.DiagError {
			continue
		}
		if n++; n == 1 {
			first = place(d) + d.Summary
		}
	}
	if n > 1 {
		return fmt.Sprintf("%s (and %d more)", clean(first), n-1)
	}
	return clean(first)
}

// place is "file:line:col: ", or nothing where the diagnostic has no place.
func place(d *hcl.Diagnostic) string {
	r := subject(d)
	if r.Filename == "" {
		return ""
	}
	if r.Start.Line == 0 {
		return r.Filename + ": "
	}
	return fmt.Sprintf("%s:%d:%d: ", r.Filename, r.Start.Line, r.Start.Column)
}

// WriteText prints every diagnostic, sorted, at most 100 of them, with a blank
// line between two. Colour marks the severity and the caret, nothing depends on it.
func (l List) WriteText(w io.Writer, color bool) error {
	var b bytes.Buffer
	ds := l.Sorted()
	for i, d := range ds {
		if i > 0 {
			b.WriteByte('\n')
		}
		if i == most {
			fmt.Fprintf(&b, "%d more\n", len(ds)-most)
			break
		}
		l.text(&b, d, color)
	}
	_, err := w.Write(b.Bytes())
	return err
}

// text prints one diagnostic: place and summary, the lines, the remedy.
func (l List) text(b *bytes.Buffer, d *hcl.Diagnostic, color bool) {
	on, off := "\x1b[1;31m", "\x1b[0m"
	kind := ""
	if d.Severity == hcl.DiagWarning {
		on, kind = "\x1b[1;33m", "warning: "
	}
	if !color {
		on, off = "", ""
	}
	fmt.Fprintf(b, "%s%s%s%s%s\n", clean(place(d)), on, kind, clean(d.Summary), off)
	if lines := snippet(subject(d), l.Sources, on, off); lines != "" {
		b.WriteByte('\n')
		b.WriteString(lines)
	}
	if d.Detail != "" {
		b.WriteString(clean(d.Detail))
		b.WriteByte('\n')
	}
}

// record is one diagnostic as JSON; Source is the line it begins on.
type record struct {
	Severity  string `json:"severity"`
	File      string `json:"file"`
	Line      int    `json:"line"`
	Column    int    `json:"column"`
	EndLine   int    `json:"end_line"`
	EndColumn int    `json:"end_column"`
	Summary   string `json:"summary"`
	Detail    string `json:"detail"`
	Source    string `json:"source"`
}

// WriteJSON writes every diagnostic, sorted and without limit, as one indented
// JSON array of {severity (error, warning), file, line, column, end_line,
// end_column, summary, detail, source}; lines and columns count from 1 and are
// 0 where there is no place.
func (l List) WriteJSON(w io.Writer) error {
	all := []record{}
	for _, d := range l.Sorted() {
		r := subject(d)
		severity := "error"
		if d.Severity == hcl.DiagWarning {
			severity = "warning"
		}
		var source string
		if line, ok := lineAt(l.Sources[r.Filename], r.Start.Line); ok {
			source = string(line)
		}
		all = append(all, record{severity, r.Filename, r.Start.Line, r.Start.Column,
			r.End.Line, r.End.Column, d.Summary, d.Detail, source})
	}
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(all)
}
