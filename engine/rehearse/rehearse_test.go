package rehearse

import (
	"os"
	"testing"
	"time"

	"mtric.net/mtric/engine/plan"
	"mtric.net/mtric/plans"
)

func sitePlan(t testing.TB) *plan.Plan {
	t.Helper()
	fs, _ := plans.Dir("rssac047")
	p, mistakes := plan.Loader{Version: "1.0.0"}.Load([]plan.Dir{{Name: "plans/rssac047", FS: fs}}, nil)
	if mistakes.HasErrors() {
		t.Fatal(mistakes)
	}
	return p
}

func TestTry(t *testing.T) {
	var all []Scenario
	for _, s := range Scenarios() {
		if n := os.Getenv("ONLY"); n == "" || n == s.Name {
			all = append(all, s)
		}
	}
	began := time.Now()
	r, err := Run(t.Context(), Options{Plan: sitePlan(t), Dir: t.TempDir(), Version: "1.0.0", Short: os.Getenv("SHORT") != "", Progress: func(r Result) {
		t.Logf("%.1fs %s", time.Since(began).Seconds(), r.Line())
		for _, p := range append(r.Problems, r.Stopped...) {
			t.Log("   ", p)
		}
	}}, all)
	if err != nil {
		t.Fatal(err)
	}
	_ = r
}
