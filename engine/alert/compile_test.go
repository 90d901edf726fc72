package alert_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"mtric.net/mtric/engine/alert"
	"mtric.net/mtric/engine/diag"
	"mtric.net/mtric/engine/diag/golden"
	"mtric.net/mtric/engine/plan"
	"mtric.net/mtric/plans"
)

func shipped(t testing.TB, name string) plan.Dir {
	t.Helper()
	fsys, ok := plans.Dir(name)
	if !ok {
		t.Fatalf("no embedded plan %s", name)
	}
	return plan.Dir{Name: "plans/" + name, FS: fsys}
}

// compile compiles a file laid over a shipped plan.
func compile(t testing.TB, base, name, src string) (*alert.Rules, diag.List) {
	t.Helper()
	dirs := []plan.Dir{shipped(t, base)}
	if src != "" {
		dirs = append(dirs, plan.Dir{Name: "local", FS: fstest.MapFS{name: {Data: []byte(src)}}})
	}
	p, l := plan.Load(dirs, nil)
	if p == nil {
		t.Fatalf("plan refused: %s", l.Error())
	}
	return alert.Compile(p)
}

func TestShippedRulesCompile(t *testing.T) {
	for _, name := range plans.Names() {
		if rules, l := compile(t, name, "", ""); rules == nil || len(l.Diags) > 0 {
			t.Errorf("%s: %s", name, l.Error())
		}
	}
}

// TestMistakes compares the whole text of what is said of each file.
func TestMistakes(t *testing.T) {
	files, err := filepath.Glob("testdata/errors/*.hcl")
	if err != nil || len(files) < 2 {
		t.Fatalf("%d files of mistakes: %v", len(files), err)
	}
	for _, file := range files {
		src, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		rules, l := compile(t, "rssac047", filepath.Base(file), string(src))
		if rules != nil || !l.HasErrors() {
			t.Errorf("%s is accepted", file)
		}
		var b bytes.Buffer
		if err := l.WriteText(&b, false); err != nil {
			t.Fatal(err)
		}
		golden.Compare(t, strings.TrimSuffix(file, ".hcl")+".txt", b.Bytes())
	}
}

// TestEveryLibraryCanBeUsed has one function of each, with and without its
// library's name before it.
func TestEveryLibraryCanBeUsed(t *testing.T) {
	for _, expr := range []string{
		"sets.contains([1], [1])", "sets.intersects(machine.vantage_points.silent, ['101'])",
		"math.abs(-1.5) > 1.0", "math.ceil(machine.disk.used_percent) > 80.0", "math.greatest(1, 2) == 2",
		"strings.quote('a') == 'x'", "'a'.upperAscii() == 'A'", "machine.vantage_points.silent.join(',').startsWith('1')",
		"machine.vantage_points.silent.exists(v, v.size() > math.abs(-2))", "duration('6m') < machine.uptime", "size([1]) == 1",
		"timestamp('2026-11-01T00:00:00Z').getHours() == 0",
	} {
		src := fmt.Sprintf("rule \"x\" {\n  on = \"machine\"\n  severity = \"info\"\n  expr = %q\n  summary = \"{math.round(1.5)}\"\n}\n", expr)
		if rules, l := compile(t, "rssac047", "a.hcl", src); rules == nil {
			t.Errorf("%s: %s", expr, l.Error())
		}
	}
}
