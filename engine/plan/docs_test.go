package plan_test

import (
	"fmt"
	"io/fs"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"mtric.net/mtric/engine/plan"
)

const languagePage = "../../docs/plan-language.md"

func page(t *testing.T) string {
	t.Helper()
	src, err := os.ReadFile(languagePage)
	if err != nil {
		t.Fatal(err)
	}
	return string(src)
}

// TestPageListsEveryAttribute compares the tables of docs/plan-language.md
// with the schemas of the decoder: blocks, attributes, types and defaults.
func TestPageListsEveryAttribute(t *testing.T) {
	var have, want []string
	section, inBlocks := "", false
	for line := range strings.Lines(page(t)) {
		line = strings.TrimSpace(line)
		if s, ok := strings.CutPrefix(line, "## "); ok {
			inBlocks = s == "Blocks"
		}
		if s, ok := strings.CutPrefix(line, "### "); ok && inBlocks {
			section = s
			have = append(have, section)
		}
		cells := strings.Split(line, " | ")
		if inBlocks && len(cells) >= 3 && strings.HasPrefix(cells[0], "| `") {
			name := strings.Trim(cells[0], "|` ")
			have = append(have, fmt.Sprintf("%s.%s: %s, default %s", section, name, cells[1], strings.Trim(cells[2], "`")))
		}
	}
	blocks, attributes := plan.Schema()
	for _, b := range blocks {
		want = append(want, b)
		for _, a := range attributes[b] {
			def := a.Default
			if a.Must {
				def = "*required*"
			}
			want = append(want, fmt.Sprintf("%s.%s: %s, default %s", b, a.Name, a.Kind, def))
		}
	}
	if d := cmp.Diff(want, have); d != "" {
		t.Errorf("%s differs from the decoder (-program +page):\n%s", languagePage, d)
	}
}

func TestPageListsEveryFunction(t *testing.T) {
	_, table, ok := strings.Cut(page(t), "## Functions")
	if !ok {
		t.Fatal("no section on functions")
	}
	var have []string
	for line := range strings.Lines(table) {
		if !strings.HasPrefix(line, "| `") {
			continue
		}
		for _, m := range regexp.MustCompile("`([a-z]+)`").FindAllStringSubmatch(strings.Split(line, " | ")[0], -1) {
			have = append(have, m[1])
		}
	}
	slices.Sort(have)
	if d := cmp.Diff(plan.FunctionNames(), have); d != "" {
		t.Errorf("functions (-program +page):\n%s", d)
	}
}

// TestPageExamples: the examples of the page are one whole, formatted plan.
func TestPageExamples(t *testing.T) {
	hints, err := fs.ReadFile(shipped(t, "rssac047").FS, "root.hints")
	if err != nil {
		t.Fatal(err)
	}
	fsys := fstest.MapFS{"root.hints": {Data: hints}}
	for i, m := range regexp.MustCompile("(?s)```hcl\n(.*?)```").FindAllStringSubmatch(page(t), -1) {
		name := fmt.Sprintf("example-%02d.hcl", i)
		fsys[name] = &fstest.MapFile{Data: []byte(m[1])}
		if out, l := plan.Format([]byte(m[1]), name); l.HasErrors() || string(out) != m[1] {
			t.Errorf("%s is not in the canonical form: %s\n%s", name, l.Error(), cmp.Diff(m[1], string(out)))
		}
	}
	if len(fsys) < 15 {
		t.Fatalf("%d examples found", len(fsys))
	}
	p, l := plan.Load([]plan.Dir{{Name: "docs", FS: fsys}}, nil)
	if p == nil || len(l.Diags) > 0 {
		t.Fatal(text(t, l))
	}
}
