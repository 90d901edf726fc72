package plan_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"mtric.net/mtric/engine/diag"
	"mtric.net/mtric/engine/diag/golden"
	"mtric.net/mtric/engine/plan"
	"mtric.net/mtric/plans"
)

// text is a list of diagnostics as a terminal without colour shows it.
func text(t *testing.T, l diag.List) string {
	t.Helper()
	var b bytes.Buffer
	if err := l.WriteText(&b, false); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func demo(t testing.TB) plan.Dir {
	t.Helper()
	fsys, ok := plans.Dir("demo")
	if !ok {
		t.Fatal("no embedded plan demo")
	}
	return plan.Dir{Name: "plans/demo", FS: fsys}
}

// TestMistakes loads each file of testdata/errors laid over the demo plan and
// compares the whole text of what is said. A first line "# --var k=v" sets a
// variable, "# alone" loads the file without the demo.
func TestMistakes(t *testing.T) {
	files, err := filepath.Glob("testdata/errors/*.hcl")
	if err != nil || len(files) < 120 {
		t.Fatalf("%d files of mistakes (%v), want at least 120", len(files), err)
	}
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".hcl")
		t.Run(name, func(t *testing.T) {
			src, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			dirs := []plan.Dir{demo(t), {Name: "local", FS: fstest.MapFS{name + ".hcl": {Data: src}}}}
			vars := map[string]string{}
			first, _, _ := strings.Cut(string(src), "\n")
			if set, ok := strings.CutPrefix(first, "# --var "); ok {
				k, v, _ := strings.Cut(set, "=")
				vars[k] = v
			} else if first == "# alone" {
				dirs = dirs[1:]
			}
			p, l := plan.Load(dirs, vars)
			if p != nil || !l.HasErrors() {
				t.Errorf("the plan is accepted")
			}
			if strings.Contains(l.Error(), "internal error") {
				t.Errorf("panic: %s", l.Error())
			}
			golden.Compare(t, strings.TrimSuffix(file, ".hcl")+".txt", []byte(text(t, l)))
		})
	}
}
