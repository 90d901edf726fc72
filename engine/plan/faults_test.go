package plan_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"mtric.net/mtric/engine/diag/golden"
	"mtric.net/mtric/engine/measurement"
	"mtric.net/mtric/engine/plan"
)

func demoPlan(t testing.TB) *plan.Plan {
	t.Helper()
	p, l := plan.Load([]plan.Dir{demo(t)}, nil)
	if l.HasErrors() {
		t.Fatal(l.Error())
	}
	return p
}

func TestLoadFaults(t *testing.T) {
	src := `
fault "late" {
  kind  = "stale"
  rsis  = ["c"]
  from  = "2026-11-03"
  until = "2026-11-05T12:00:00Z"
  by    = "1d12h"
}
fault "cut" {
  kind           = "down"
  vantage_points = ["101"]
  rsis           = ["b", "a"]
  paths          = ["ipv6/tcp"]
  from           = "2026-11-03"
  until          = "2026-11-04"
  percent        = 10
}
fault "bad" {
  kind  = "wrong"
  from  = "2026-11-03"
  until = "2026-11-04"
  tags  = ["pdd", "gpl"]
}
`
	day := func(d int) time.Time { return time.Date(2026, 11, d, 0, 0, 0, 0, time.UTC) }
	vps, rsis := []measurement.VantagePoint{}, []measurement.RSI{}
	want := []plan.Fault{
		{Label: "bad", Kind: plan.FaultWrong, VantagePoints: vps, RSIs: rsis, Paths: []string{}, From: day(3), Until: day(4), Percent: 100,
			Tags: []string{"gpl", "pdd"}},
		{Label: "cut", Kind: plan.FaultDown, VantagePoints: []measurement.VantagePoint{"101"}, RSIs: []measurement.RSI{"b", "a"},
			Paths: []string{"ipv6/tcp"}, From: day(3), Until: day(4), Percent: 10, Tags: []string{}},
		{Label: "late", Kind: plan.FaultStale, VantagePoints: vps, RSIs: []measurement.RSI{"c"}, Paths: []string{}, From: day(3),
			Until: day(5).Add(12 * time.Hour), By: plan.Duration(36 * time.Hour), Percent: 100, Tags: []string{}},
	}
	got, l := plan.LoadFaults([]byte(src), "faults.hcl", demoPlan(t))
	if l.HasErrors() {
		t.Fatal(l.Error())
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("-want +got:\n%s", d)
	}
	if got, l := plan.LoadFaults(nil, "faults.hcl", demoPlan(t)); l.HasErrors() || got == nil || len(got) != 0 {
		t.Errorf("an empty file: %v, %v", got, l.Error())
	}
}

// TestFaultMistakes compares the whole text of what is said of each file.
func TestFaultMistakes(t *testing.T) {
	files, err := filepath.Glob("testdata/faults/*.hcl")
	if err != nil || len(files) < 4 {
		t.Fatalf("%d files (%v)", len(files), err)
	}
	for _, file := range files {
		src, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		got, l := plan.LoadFaults(src, filepath.Base(file), demoPlan(t))
		if got != nil || !l.HasErrors() || strings.Contains(l.Error(), "internal error") {
			t.Errorf("%s: %v %s", file, got, l.Error())
		}
		golden.Compare(t, strings.TrimSuffix(file, ".hcl")+".txt", []byte(text(t, l)))
	}
}

func FuzzLoadFaults(f *testing.F) {
	files, _ := filepath.Glob("testdata/faults/*.hcl")
	for _, file := range files {
		src, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(src)
	}
	known := demoPlan(f)
	f.Fuzz(func(t *testing.T, src []byte) {
		faults, l := plan.LoadFaults(src, "faults.hcl", known)
		if (faults == nil) != l.HasErrors() {
			t.Errorf("%d faults, %s", len(faults), l.Error())
		}
		if strings.Contains(l.Error(), "internal error") {
			t.Error(l.Error())
		}
	})
}
