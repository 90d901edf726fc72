package diag_test

import (
	"testing"

	"mtric.net/mtric/engine/diag"
)

func TestPrintable(t *testing.T) {
	for text, want := range map[string]string{
		"":               "",
		"a.root":         "a.root",
		"Zürich, \"x\"":  "Zürich, \"x\"",
		"\x1b[31mred":    `"\x1b[31mred"`,
		"a\x00b":         `"a\x00b"`,
		"a\nb":           `"a\nb"`,
		"a\u009b2Jb":     `"a\u009b2Jb"`,
		"a\u202eb":       `"a\u202eb"`,
		"\xff":           `"\xff"`,
		"tab\tseparated": `"tab\tseparated"`,
	} {
		if got := diag.Printable(text); got != want {
			t.Errorf("%q becomes %s, want %s", text, got, want)
		}
	}
	if got := diag.PrintableLines("plan:\n\tx = 1\n\x1b[2J \"y\"\n"); got != "plan:\n\tx = 1\n\"\\x1b[2J \\\"y\\\"\"\n" {
		t.Errorf("%q", got)
	}
}
