package diag_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/hashicorp/hcl/v2"

	"mtric.net/mtric/engine/diag"
	"mtric.net/mtric/engine/diag/golden"
)

// at makes an error at the n-th occurrence of word in the file.
func at(name, src, word string, summary, detail string) *hcl.Diagnostic {
	i := strings.Index(src, word)
	if i < 0 {
		panic("no " + word)
	}
	pos := func(i int) hcl.Pos {
		line := strings.LastIndexByte(src[:i], '\n') + 1
		return hcl.Pos{Line: strings.Count(src[:i], "\n") + 1, Column: len([]rune(src[line:i])) + 1, Byte: i}
	}
	return &hcl.Diagnostic{Severity: hcl.DiagError, Summary: summary, Detail: detail,
		Subject: &hcl.Range{Filename: name, Start: pos(i), End: pos(i + len(word))}}
}

const plan = `rule "x" {
  expr = <<CEL
    window.sent >= 100 &&
    window.availabilty < threshold.rsi_availability &&
    true
  CEL

	tab	= wrong
  wide = "日本語 é e` + "\u0301" + `" + wrong2
  escape = "` + "\x1b[31m" + `red" + wrong3
}
`

func sample() diag.List {
	long := strings.Repeat("x", 400) + " + mistake + " + strings.Repeat("y", 400)
	warn := at("plan.hcl", plan, "wrong3", "a warning", "It fails nothing.")
	warn.Severity = hcl.DiagWarning
	block := at("plan.hcl", plan, "<<CEL\n    window.sent >= 100 &&\n    window.availabilty < threshold.rsi_availability &&\n    true\n  CEL\n", "a whole heredoc", "")
	return diag.List{
		Sources: map[string][]byte{"plan.hcl": []byte(plan), "long.hcl": []byte(long)},
		Diags: hcl.Diagnostics{
			warn,
			at("plan.hcl", plan, "wrong2", "after wide characters", "The caret stands below."),
			at("plan.hcl", plan, "wrong", "after tabs", "The caret stands below."),
			at("plan.hcl", plan, "availabilty", `no field "availabilty" in window`, `Did you mean "availability"?`),
			at("plan.hcl", plan, "availabilty", `no field "availabilty" in window`, `Did you mean "availability"?`),
			block,
			at("long.hcl", long, "mistake", "in a very long line", "Only the part around it is shown."),
			{Severity: hcl.DiagError, Summary: "no place", Detail: "Nothing to show."},
			{Severity: hcl.DiagError, Summary: "cannot be read", Subject: &hcl.Range{Filename: "gone.hcl"}},
			{Severity: hcl.DiagError, Summary: "source not at hand", Subject: &hcl.Range{Filename: "gone.hcl", Start: hcl.Pos{Line: 7, Column: 3}, End: hcl.Pos{Line: 7, Column: 5}}},
			{Severity: hcl.DiagError, Summary: "beyond the end", Subject: &hcl.Range{Filename: "plan.hcl", Start: hcl.Pos{Line: 99, Column: 3, Byte: 9999}, End: hcl.Pos{Line: 99, Column: 5, Byte: 10001}}},
			{Severity: hcl.DiagError, Summary: "hostile \x1b]0;title\a text", Detail: "with \u202e direction"},
		},
	}
}

func TestText(t *testing.T) {
	for name, color := range map[string]bool{"plain": false, "color": true} {
		var b bytes.Buffer
		if err := sample().WriteText(&b, color); err != nil {
			t.Fatal(err)
		}
		golden.Compare(t, "testdata/"+name+".txt", b.Bytes())
		if !color && strings.ContainsAny(b.String(), "\x1b\a\u202e") {
			t.Error("a plan can steer the terminal")
		}
	}
}

// TestErrorsFirst: of what is said of one place, what must be mended comes first.
func TestErrorsFirst(t *testing.T) {
	warn := at("plan.hcl", plan, "wrong3", "a warning", "")
	warn.Severity = hcl.DiagWarning
	l := diag.List{Diags: hcl.Diagnostics{warn, at("plan.hcl", plan, "wrong3", "an error", ""), warn}}
	if s := l.Sorted(); len(s) != 2 || s[0].Summary != "an error" || s[1].Summary != "a warning" {
		t.Errorf("%v", s)
	}
}

func TestJSON(t *testing.T) {
	var b bytes.Buffer
	if err := sample().WriteJSON(&b); err != nil {
		t.Fatal(err)
	}
	golden.Compare(t, "testdata/all.json", b.Bytes())
	b.Reset()
	if err := (diag.List{}).WriteJSON(&b); err != nil || strings.TrimSpace(b.String()) != "[]" {
		t.Errorf("no diagnostics are %q, %v", b.String(), err)
	}
}

// TestCaret finds the mistake above the caret: what stands over ^^^^ is what
// the range says, in lines without wide characters.
func TestCaret(t *testing.T) {
	var b bytes.Buffer
	l := sample()
	l.Diags = l.Diags[3:4]
	if err := l.WriteText(&b, false); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(b.String(), "\n")
	for i, line := range lines {
		if from := strings.IndexByte(line, '^'); from >= 0 {
			if got := lines[i-1][from : strings.LastIndexByte(line, '^')+1]; got != "availabilty" {
				t.Errorf("the caret marks %q", got)
			}
			return
		}
	}
	t.Error("no caret")
}

func TestCap(t *testing.T) {
	var l diag.List
	for i := range 130 {
		l.Diags = append(l.Diags, &hcl.Diagnostic{Severity: hcl.DiagError, Summary: fmt.Sprintf("mistake %03d", i)})
	}
	var b bytes.Buffer
	if err := l.WriteText(&b, false); err != nil {
		t.Fatal(err)
	}
	if !strings.HasSuffix(b.String(), "mistake 099\n\n30 more\n") {
		t.Errorf("ends %q", b.String()[b.Len()-40:])
	}
	b.Reset()
	if err := l.WriteJSON(&b); err != nil {
		t.Fatal(err)
	}
	var all []map[string]any
	if err := json.Unmarshal(b.Bytes(), &all); err != nil || len(all) != 130 {
		t.Errorf("JSON has %d, %v; a program gets them all", len(all), err)
	}
}

func TestError(t *testing.T) {
	l := sample()
	if got := l.Error(); !l.HasErrors() || got != "hostile \uFFFD]0;title\uFFFD text (and 9 more)" {
		t.Errorf("%q", got)
	}
	l.Diags = l.Diags[3:4]
	if got := l.Error(); got != `plan.hcl:4:12: no field "availabilty" in window` {
		t.Errorf("%q", got)
	}
	l.Diags = sample().Diags[:1]
	if l.HasErrors() || l.Error() != "" {
		t.Error("a warning counts as an error")
	}
}

type broken struct{}

var errBroken = errors.New("broken pipe")

func (broken) Write([]byte) (int, error) { return 0, errBroken }

func TestWriteErrors(t *testing.T) {
	if err := sample().WriteText(broken{}, false); !errors.Is(err, errBroken) {
		t.Errorf("text: %v", err)
	}
	if err := sample().WriteJSON(broken{}); !errors.Is(err, errBroken) {
		t.Errorf("JSON: %v", err)
	}
}

// FuzzWrite: no source and no range crashes the printer.
func FuzzWrite(f *testing.F) {
	f.Add("a = 1\n", 1, 1, 0, 1, 5, 4)
	f.Add("日本\t\x00\xff\r\n", 1, 2, 3, 3, -1, 9)
	f.Fuzz(func(t *testing.T, src string, line, col, byt, endLine, endCol, endByte int) {
		l := diag.List{Sources: map[string][]byte{"x": []byte(src)}, Diags: hcl.Diagnostics{{
			Severity: hcl.DiagError, Summary: src, Detail: src, Subject: &hcl.Range{Filename: "x",
				Start: hcl.Pos{Line: line, Column: col, Byte: byt}, End: hcl.Pos{Line: endLine, Column: endCol, Byte: endByte}},
		}}}
		var b bytes.Buffer
		if err := l.WriteText(&b, true); err != nil {
			t.Fatal(err)
		}
		if err := l.WriteJSON(&b); err != nil {
			t.Fatal(err)
		}
	})
}
