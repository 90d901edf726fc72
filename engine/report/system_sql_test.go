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
// exclusions: every fraction and count equals the report's, on DuckDB and on Spark.
// MTRIC_PYTHON and MTRIC_SPARK_PYTHON name pythons with the modules; by default
// ~/.cache/mtric/venv and ~/.cache/mtric/spark.
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
	full := filepath.Join(t.TempDir(), "full.json")
	f, err := os.Create(full)
	if err != nil {
		t.Fatal(err)
	}
	if err := cmpErr(d.WriteJSON(f), f.Close()); err != nil {
		t.Fatal(err)
	}
	for _, engine := range []struct{ name, variable, venv string }{{"duckdb", "MTRIC_PYTHON", "venv"}, {"spark", "MTRIC_SPARK_PYTHON", "spark"}} {
		t.Run(engine.name, func(t *testing.T) {
			python := os.Getenv(engine.variable)
			if home, err := os.UserHomeDir(); python == "" && err == nil {
				python = filepath.Join(home, ".cache", "mtric", engine.venv, "bin", "python")
			}
			if err := exec.Command(python, "-c", "import "+map[string]string{"duckdb": "duckdb", "spark": "pyspark"}[engine.name]).Run(); err != nil {
				t.Fatalf("%s is no python with %s (%v): testdata/rig/install.sh makes it, %s names another", python, engine.name, err, engine.variable)
			}
			out, err := exec.Command(python, "../../metrics/sql/check.py", "--engine", engine.name, dir, full).CombinedOutput()
			t.Logf("%s", out)
			if err != nil {
				t.Error(err)
			}
		})
	}
}
