package cli

import (
	"bufio"
	"errors"
	"io"
	"strings"
	"unicode/utf8"

	"mtric.net/mtric/engine/diag"
)

// gap is how many blanks are between the columns of a table.
const gap = 2

// table prints aligned columns; an absent value is a dash. A terminal must not obey what
// servers and files of others say. Each row is measured before any is written, so that rows
// need not be in memory together.
type table struct {
	header []string
	widths []int // characters
}

func newTable(header string) *table {
	t := &table{header: strings.Split(header, " ")}
	t.widths = make([]int, len(t.header))
	t.measure(t.header)
	return t
}

func (t *table) measure(cells []string) {
	for i, c := range cells {
		t.widths[i] = max(t.widths[i], utf8.RuneCountInString(shown(c)))
	}
}

func (t *table) write(w *bufio.Writer, cells []string) error {
	for i, c := range cells {
		c = shown(c)
		w.WriteString(c)
		if i < len(cells)-1 {
			for range t.widths[i] + gap - utf8.RuneCountInString(c) {
				w.WriteByte(' ')
			}
		}
	}
	return w.WriteByte('\n') // which has the errors of those before
}

func shown(cell string) string {
	if cell = diag.Printable(cell); cell == "" {
		return "-"
	}
	return cell
}

// writeTable prints rows that are in memory.
func writeTable[T any](w io.Writer, header string, rows []T, cells func(T) []string) error {
	t := newTable(header)
	lines := [][]string{t.header}
	for _, r := range rows {
		lines = append(lines, cells(r))
		t.measure(lines[len(lines)-1])
	}
	var err error
	out := bufio.NewWriter(w)
	for _, line := range lines {
		err = errors.Join(err, t.write(out, line))
	}
	return errors.Join(err, out.Flush())
}
