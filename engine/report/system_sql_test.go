//go:build system

package report_test

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"mtric.net/mtric/engine/lake"
	"mtric.net/mtric/engine/measurement"
	"mtric.net/mtric/engine/plan"
	"mtric.net/mtric/engine/report"
	"mtric.net/mtric/engine/simulate"
)

// TestSystemSQL runs metrics/sql over a simulated month with faults and
// exclusions: every fraction, count, verdict and bound, the
// coverage and the publications equal the report's, on DuckDB.
func TestSystemSQL(t *testing.T) {
	p := rssac047(t)
	dir := t.TempDir()
	from := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
	vps := []measurement.VantagePoint{"901", "902", "903"}
	at := func(day int) time.Time { return from.AddDate(0, 0, day) }
	faults := append(faulty(),
		plan.Fault{Label: "silent", Kind: plan.FaultSilent, VantagePoints: vps[:1], From: at(3), Until: at(4), Percent: 100},
		plan.Fault{Label: "no-socket", Kind: plan.FaultLocalError, VantagePoints: vps[2:], From: at(5), Until: at(6), Percent: 20},
		plan.Fault{Label: "down", Kind: plan.FaultDown, RSIs: []measurement.RSI{"a", "b", "d", "e", "f", "g"}, From: at(7), Until: at(7).Add(time.Hour), Percent: 80},
		plan.Fault{Label: "slow", Kind: plan.FaultSlow, RSIs: []measurement.RSI{"g"}, From: at(1), Until: at(20), Percent: 100, By: plan.Duration(500 * time.Millisecond)})
	if _, err := simulate.Run(context.Background(), dir, simulate.Config{Plan: p, VantagePoints: vps, From: at(-2), Until: at(33), Seed: 11, Faults: faults, Version: "test"}); err != nil {
		t.Fatal(err)
	}
	joined := at(2)
	p.VantagePoints = []plan.VantagePoint{{ID: "901"}, {ID: "902", From: &joined}, {ID: "904"}}
	p.Exclusions = []plan.Note{
		{Label: "path", From: at(4), Until: at(5), VantagePoints: vps[1:2], Paths: []string{"ipv6/udp", "ipv6/tcp"}},
		{Label: "rsi", From: at(9).Add(time.Hour), Until: at(11), RSIs: []measurement.RSI{"c", "k"}},
		{Label: "vp", From: at(12), Until: at(13), VantagePoints: vps[:1]},
	}
	d, err := report.Frame(p, report.Monthly, at(0), at(30), at(33), "test")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := d.Fill(context.Background(), lake.Store{Dir: dir}); err != nil {
		t.Fatal(err)
	}
	full := fullJSON(t, d)
	runPython(t, sqlEngines(t)["duckdb"], "../../metrics/sql/check.py", "--engine", "duckdb", dir, full)
	t.Log("not run on Spark: the statements take longer there than a test may")
}

// TestSystemSQLLetter: where every query was sent, the letter of RSSAC047 gives the
// report's numbers.
func TestSystemSQLLetter(t *testing.T) {
	p := rssac047(t)
	dir := t.TempDir()
	from := time.Date(2026, 11, 2, 0, 0, 0, 0, time.UTC)
	if _, err := simulate.Run(context.Background(), dir, simulate.Config{Plan: p, VantagePoints: []measurement.VantagePoint{"901", "902", "903"},
		From: from.AddDate(0, 0, -2), Until: from.AddDate(0, 0, 9), Seed: 12, Version: "test"}); err != nil {
		t.Fatal(err)
	}
	p.VantagePoints = []plan.VantagePoint{{ID: "901"}, {ID: "902"}, {ID: "903"}}
	d, err := report.Frame(p, report.Weekly, from, from.AddDate(0, 0, 7), from.AddDate(0, 0, 9), "test")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := d.Fill(context.Background(), lake.Store{Dir: dir}); err != nil {
		t.Fatal(err)
	}
	full := fullJSON(t, d)
	duckdb := sqlEngines(t)["duckdb"]
	runPython(t, duckdb, "../../metrics/sql/check.py", "--letter", dir, full)
	runPython(t, duckdb, "../../metrics/sql/check.py", dir, full)
	t.Log("not run on Spark: the statements take longer there than a test may")
}

// TestSystemSQLDrawn holds the statements to nested loops over tiny drawn lakes.
func TestSystemSQLDrawn(t *testing.T) {
	runPython(t, sqlEngines(t)["duckdb"], "../../metrics/sql/test_drawn.py", "--engine", "duckdb", "--lakes", "15")
}

// fullJSON writes the report's full.json and returns its path.
func fullJSON(t *testing.T, d *report.Document) string {
	full := filepath.Join(t.TempDir(), "full.json")
	f, err := os.Create(full)
	if err != nil {
		t.Fatal(err)
	}
	if err := cmpErr(d.WriteJSON(f), f.Close()); err != nil {
		t.Fatal(err)
	}
	return full
}

// sqlEngines returns the python of each engine. MTRIC_PYTHON and MTRIC_SPARK_PYTHON
// name pythons with the modules; by default ~/.cache/mtric/venv and ~/.cache/mtric/spark.
func sqlEngines(t *testing.T) map[string]string {
	pythons := map[string]string{}
	for _, e := range []struct{ name, variable, venv, modules string }{
		{"duckdb", "MTRIC_PYTHON", "venv", "duckdb, pyarrow"}, {"spark", "MTRIC_SPARK_PYTHON", "spark", "pyspark, pyarrow"}} {
		python := os.Getenv(e.variable)
		if home, err := os.UserHomeDir(); python == "" && err == nil {
			python = filepath.Join(home, ".cache", "mtric", e.venv, "bin", "python")
		}
		if err := exec.Command(python, "-c", "import "+e.modules).Run(); err != nil {
			t.Fatalf("%s is no python with %s (%v): testdata/rig/install.sh makes it, %s names another", python, e.modules, err, e.variable)
		}
		pythons[e.name] = python
	}
	return pythons
}

// runPython runs a script, whose exit must be 0, and logs what it prints.
func runPython(t *testing.T, python string, args ...string) {
	out, err := exec.Command(python, args...).CombinedOutput()
	t.Logf("%s", out)
	if err != nil {
		t.Error(err)
	}
}
