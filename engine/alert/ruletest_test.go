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

// runTests runs the rule tests of a shipped plan, or src instead of them.
func runTests(t *testing.T, base, src string) ([]alert.TestResult, *plan.Plan, diag.List) {
	t.Helper()
	dirs := []plan.Dir{shipped(t, base)}
	p, l := plan.Load(dirs, nil)
	if p == nil {
		t.Fatal(l.Error())
	}
	rules, l := alert.Compile(p)
	if rules == nil {
		t.Fatal(l.Error())
	}
	if src != "" {
		dirs = []plan.Dir{{Name: "local", FS: fstest.MapFS{"a.test.hcl": {Data: []byte(src)}}}}
	}
	tests, l := plan.LoadTests(dirs, p)
	if l.HasErrors() {
		return nil, p, l
	}
	results, l := rules.RunTests(tests)
	return results, p, l
}

// TestEveryShippedRuleHasTests, and all pass; TestEveryShippedNumberIsTested holds
// that they would notice a change.
func TestEveryShippedRuleHasTests(t *testing.T) {
	for _, name := range plans.Names() {
		results, p, l := runTests(t, name, "")
		if l.HasErrors() {
			t.Fatalf("%s: %s", name, l.Error())
		}
		tested := map[string]bool{}
		for _, r := range results {
			tested[r.Rule] = true
			if len(r.Diff) > 0 {
				t.Errorf("%s: %s: %s\n%s", name, r.Rule, r.Name, strings.Join(r.Diff, "\n"))
			}
		}
		for _, r := range p.Rules {
			if !tested[r.Label] {
				t.Errorf("%s: rule %s has no test", name, r.Label)
			}
		}
	}
}

func TestFailedTestsShowTheDifference(t *testing.T) {
	results, _, l := runTests(t, "rssac047", `test "wrong" {
  rule = "disk-filling"
  given {
    disk = { used_percent = "70 90" }
  }
  expect {
    at      = "5m"
    state   = "pending"
    summary = "the disk is 91% full"
  }
}`)
	if l.HasErrors() || len(results) != 1 {
		t.Fatal(l.Error())
	}
	want := "-at 5m0s: disk-filling pending\n+at 5m0s: disk-filling firing\n-at 5m0s: \"the disk is 91% full\"\n+at 5m0s: \"the disk is 90% full\""
	if got := strings.Join(results[0].Diff, "\n"); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// TestResolvedIsToldOnce holds the difference between what ended just then, what
// ended before, and what never fired.
func TestResolvedIsToldOnce(t *testing.T) {
	const src = `test "%[1]s at %[2]s" {
  rule = "unsent-files"
  given {
    output = { unsent = "7x3 0x2" }
  }
  expect {
    at       = "%[2]s"
    state    = "%[1]s"
    severity = "%[3]s"
  }
}
`
	for _, c := range []struct{ state, at, severity, want string }{
		{"resolved", "20m", "warning", ""},
		{"inactive", "20m", "warning", ""},
		{"resolved", "15m", "warning", "-at 15m0s: unsent-files resolved\n+at 15m0s: unsent-files firing"},
		{"resolved", "25m", "warning", "-at 25m0s: unsent-files resolved\n+at 25m0s: unsent-files inactive"},
		{"pending", "10m", "critical", "-at 10m0s: severity critical\n+at 10m0s: severity warning"},
	} {
		results, _, l := runTests(t, "rssac047", fmt.Sprintf(src, c.state, c.at, c.severity))
		if l.HasErrors() || len(results) != 1 {
			t.Fatal(l.Error())
		}
		if got := strings.Join(results[0].Diff, "\n"); got != c.want {
			t.Errorf("%s at %s: got\n%s\nwant\n%s", c.state, c.at, got, c.want)
		}
	}
}

func TestMistakesInTests(t *testing.T) {
	files, err := filepath.Glob("testdata/tests/*.hcl")
	if err != nil || len(files) < 2 {
		t.Fatalf("%d files: %v", len(files), err)
	}
	for _, file := range files {
		src, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		_, _, l := runTests(t, "rssac047", string(src))
		if !l.HasErrors() {
			t.Errorf("%s is accepted", file)
		}
		var b bytes.Buffer
		if err := l.WriteText(&b, false); err != nil {
			t.Fatal(err)
		}
		golden.Compare(t, strings.TrimSuffix(file, ".hcl")+".txt", b.Bytes())
	}
}

// TestSeriesMayFall is 90-5x3: 90 85 80 75.
func TestSeriesMayFall(t *testing.T) {
	results, _, l := runTests(t, "rssac047", `test "falls" {
  rule = "disk-filling"
  given {
    disk = { used_percent = "90-5x3" }
  }
  expect {
    at      = "5m"
    state   = "firing"
    summary = "the disk is 85% full"
  }
  expect {
    at    = "10m"
    state = "resolved"
  }
}`)
	if l.HasErrors() || len(results) != 1 || len(results[0].Diff) > 0 {
		t.Errorf("%+v\n%s", results, l.Error())
	}
}
