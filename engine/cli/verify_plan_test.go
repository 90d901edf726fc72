package cli_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestVerifyPlan: a report leaves its plan in the lake and is held to it; where the lake
// has not got it, verify says what it takes from the report.
func TestVerifyPlan(t *testing.T) {
	dir := t.TempDir()
	mtric := commands(t)
	home, out := filepath.Join(dir, "Lake"), filepath.Join(dir, "Reports")
	simulate := []string{"simulate", "--out", home, "--vps", "3", "--from", "2026-11-02", "--until", "2026-11-03", "--seed", "3", "--quiet"}
	mtric(0, simulate...)
	mtric(0, "report", "--style", "weekly", "--period", "2026-11-02", "--lake", home, "--out", out, "--now", "2026-12-01T00:00:00Z", "--quiet")
	folder := filepath.Join(out, "weekly-2026-11-02")
	full := filepath.Join(folder, "internal", "full.json")
	says := func(got string, want ...string) {
		t.Helper()
		for _, w := range want {
			if !strings.Contains(got, w) {
				t.Errorf("want %q in %s", w, got)
			}
		}
	}
	says(mtric(0, "verify", full, "--lake", home), "verified: 140 values", " is in the lake, without exclusions and annotations: these are taken from the report (--plan DIR compares them)\n")
	says(mtric(0, "verify", full, "--lake", home, "--json"), `"plan": "lake"`)
	says(mtric(0, "verify", full, "--lake", home, "--plan", "rssac047", "--json"), `"plan": "given"`)
	if got := mtric(0, "verify", full, "--lake", home, "--plan", "rssac047"); strings.Contains(got, "taken from the report") {
		t.Errorf("with the plan given: %s", got)
	}
	says(mtric(0, "verify", folder, "--lake", home, "--json"), `"plan": "lake"`)

	says(mtric(0, "verify", full, "--lake", home, "--without", "901", "--without", "902"), "without vantage points 901, 902")
	says(mtric(0, "verify", full, "--lake", home, "--without", "903"), "without vantage point 903")
	says(mtric(0, "verify", full, "--lake", home, "--without", "901", "--without", "902", "--json"), "\"without\": [\n    \"901\",\n    \"902\"\n  ]")
	says(mtric(2, "verify", full, "--lake", home, "--without", "901", "--without", "901"), "named twice")

	if err := os.RemoveAll(filepath.Join(home, "plans")); err != nil {
		t.Fatal(err)
	}
	says(mtric(0, "verify", full, "--lake", home), "verified: 140 values", " is not in the lake: thresholds, exclusions and dates are taken from the report (--plan DIR compares them)\n")
	says(mtric(0, "verify", full, "--lake", home, "--json"), `"plan": "report"`)
	mtric(0, simulate...) // over a folder in which a report left its plan
}
