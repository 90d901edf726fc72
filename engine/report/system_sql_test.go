//go:build system

package report_test

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"mtric.net/mtric/engine/lake"
	"mtric.net/mtric/engine/measurement"
	"mtric.net/mtric/engine/plan"
	"mtric.net/mtric/engine/report"
	"mtric.net/mtric/engine/simulate"
	"mtric.net/mtric/metrics"
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
	runPython(t, sqlPython(t, "duckdb"), "check.py", dir, full)
	testScript(t, dir, full, d)
}

// testScript: check.py --sql prints a script that any DuckDB runs, and it has the report's numbers.
func testScript(t *testing.T, dir, full string, d *report.Document) {
	python := sqlPython(t, "duckdb")
	script, err := exec.Command(python, "../../metrics/sql/check.py", "--sql", dir, full).Output()
	if err != nil {
		t.Fatal(err)
	}
	run := exec.Command(python, "-c", `import duckdb, json, sys
c = duckdb.connect()
c.execute(sys.stdin.read())
print(json.dumps([[m, *map(str, r)] for m in sys.argv[1:] for r in c.execute(
    f"SELECT rsi, family, transport, numerator, denominator, count, verdict FROM {m}").fetchall()]))`,
		"rsi_availability", "rsi_response_latency", "rsi_correctness", "rsi_publication_latency",
		"rss_availability", "rss_response_latency", "rss_correctness", "rss_publication_latency")
	run.Stdin = bytes.NewReader(script)
	var rows [][]string
	out, err := run.Output()
	if err == nil {
		err = json.Unmarshal(out, &rows)
	}
	if err != nil {
		t.Fatalf("script: %v\n%.500s", err, out)
	}
	found := map[string]bool{}
	for _, r := range rows {
		found[fmt.Sprintf("%s %s %s %s: %s/%s of %s: %s", r[0], dash(r[1]), dash(r[2]), dash(r[3]), r[4], r[5], r[6], r[7])] = true
	}
	for _, v := range d.Values {
		if line := withoutLine(v); !found[line] {
			t.Errorf("the script does not find %q", line)
		}
	}
	if len(found) != len(d.Values) {
		t.Errorf("%d values found, %d reported", len(found), len(d.Values))
	}
}

func dash(s string) string {
	if s == "None" {
		return "-"
	}
	return s
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
	runPython(t, sqlPython(t, "duckdb"), "session.py", command("check.py", "--letter", dir, full), command("check.py", dir, full))
}

// TestSystemSQLDrawn holds the statements to nested loops over tiny drawn lakes.
func TestSystemSQLDrawn(t *testing.T) {
	runPython(t, sqlPython(t, "duckdb"), "test_drawn.py", "--lakes", "15")
}

// TestSystemSQLSmall runs all that check.py can do over lakes of a day, on DuckDB and on
// Spark: with exclusions, what a fail rests on, the values without a vantage point, which
// are report.Without's, and the letter; and a drawn lake. Spark takes longer to start than
// to compute, so that all of it runs in one process.
func TestSystemSQLSmall(t *testing.T) {
	store, d := faultyDay(t)
	full := fullJSON(t, d)
	values, err := report.Without(t.Context(), d, store, "902")
	if err != nil {
		t.Fatal(err)
	}
	var without []string
	for _, v := range values {
		without = append(without, withoutLine(v))
	}
	clean, cleanFull := cleanDay(t)
	for _, engine := range []string{"duckdb", "spark"} {
		t.Run(engine, func(t *testing.T) {
			out := runPython(t, sqlPython(t, engine), "session.py", "--engine", engine,
				command("check.py", "--rests-on", "--without", "902", store.Dir, full),
				command("check.py", "--letter", clean, cleanFull),
				command("test_drawn.py", "--lakes", "1", "--seed", "11"))
			for _, want := range without {
				if !strings.Contains(out, "\n"+want+"\n") && !strings.Contains(out, "\n"+want+"  (with 902: ") {
					t.Errorf("--without 902 does not say %q", want)
				}
			}
		})
	}
}

// withoutLine is a value as check.py prints it.
func withoutLine(v report.Value) string {
	number := func(n *int64) string {
		if n == nil {
			return "None"
		}
		return fmt.Sprint(*n)
	}
	return fmt.Sprintf("%s %s %s %s: %s/%s of %d: %s", v.Metric, cmp.Or(string(v.RSI), "-"), cmp.Or(string(v.Family), "-"), cmp.Or(string(v.Transport), "-"),
		number(v.Numerator), number(v.Denominator), v.Count, v.Verdict)
}

// planOf is the plan with these RSIs alone.
func planOf(t *testing.T, rsis string) *plan.Plan {
	p := rssac047(t)
	p.Servers = slices.DeleteFunc(p.Servers, func(s plan.Server) bool { return !strings.Contains(rsis, string(s.RSI)) })
	return p
}

// faultyDay is a lake of one day and its report, with fails that rest on one vantage
// point and fails that do not. 901 alone sees the evening's zone until 904 comes after the
// period; it is archived only after the report was made.
func faultyDay(t *testing.T) (lake.Store, *report.Document) {
	p, dir := planOf(t, "bchk"), t.TempDir()
	at := func(hour int) time.Time { return monday.Add(time.Duration(hour) * time.Hour) }
	vps := []measurement.VantagePoint{"901", "902", "904"}
	if _, err := simulate.Run(t.Context(), dir, simulate.Config{Plan: p, VantagePoints: vps, From: at(-1), Until: at(26), Seed: 13, Version: "test", Faults: []plan.Fault{
		{Label: "b", Kind: plan.FaultDown, RSIs: []measurement.RSI{"b"}, VantagePoints: vps[1:2], From: at(6), Until: at(12), Percent: 100},
		{Label: "c", Kind: plan.FaultRefused, RSIs: []measurement.RSI{"c"}, Paths: []string{"ipv4/tcp", "ipv6/tcp"}, From: at(3), Until: at(6), Percent: 100},
		{Label: "h", Kind: plan.FaultWrong, RSIs: []measurement.RSI{"h"}, VantagePoints: vps[:1], From: at(8), Until: at(9), Percent: 100},
		{Label: "k", Kind: plan.FaultFrozen, RSIs: []measurement.RSI{"k"}, From: at(0), Until: at(26), Percent: 100},
		{Label: "late", Kind: plan.FaultStale, VantagePoints: vps[1:2], From: at(16), Until: at(26), Percent: 100, By: plan.Duration(24 * time.Hour)},
		{Label: "no-socket", Kind: plan.FaultLocalError, VantagePoints: vps[:1], From: at(10), Until: at(11), Percent: 20},
		{Label: "off-plan", Kind: plan.FaultOffPlan, RSIs: []measurement.RSI{"b"}, From: at(14), Until: at(15), Percent: 10},
	}}); err != nil {
		t.Fatal(err)
	}
	store := lake.Store{Dir: dir, Version: "test"}
	until := at(24)
	p.VantagePoints = []plan.VantagePoint{{ID: "901"}, {ID: "902"}, {ID: "904", From: &until}}
	p.Exclusions = []plan.Note{
		{Label: "path", From: at(13), Until: at(14), VantagePoints: vps[1:2], Paths: []string{"ipv6/udp"}},
		{Label: "rsi", From: at(5), Until: at(6), RSIs: []measurement.RSI{"c"}},
	}
	zones, err := store.Zones()
	if err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(zones, func(z measurement.Zone) bool { return z.Serial == 2026110201 })
	evening := zones[i]
	z := &zones[i]
	z.State, z.Proof, z.ArchivedAt, z.Source, z.SHA256 = measurement.ZoneSeen, new(measurement.ProofWitnesses), nil, nil, nil
	if err := store.SaveZones(zones); err != nil {
		t.Fatal(err)
	}
	d, err := report.Frame(p, report.Weekly, at(0), until, at(26), "test")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := d.Fill(t.Context(), store); err != nil {
		t.Fatal(err)
	}
	if last := d.Publications[len(d.Publications)-1]; last.Serial != evening.Serial || last.T != until.Add(-15*time.Minute) {
		t.Fatalf("publications %+v, want %d 15 minutes before 904 came", d.Publications, evening.Serial)
	}
	zones[i] = evening
	zones[i].ArchivedAt = new(at(27))
	if err := store.SaveZones(zones); err != nil {
		t.Fatal(err)
	}
	if v := verify(t, d, store); len(v.Differences) > 0 || len(v.Late) == 0 {
		t.Fatalf("%+v", v)
	}
	one, none := 0, 0
	for _, v := range d.Values {
		if v.Verdict == metrics.Fail && len(v.RestsOn) > 0 {
			one++
		} else if v.Verdict == metrics.Fail {
			none++
		}
	}
	if one < 3 || none < 3 || d.Coverage.Unsent == 0 || d.Coverage.OffPlan == 0 || d.Coverage.Stray == 0 {
		t.Fatalf("%d fails rest on one vantage point, %d do not; %+v", one, none, d.Coverage)
	}
	return store, d
}

// cleanDay is a lake of one day in which every query was sent, and its report.
func cleanDay(t *testing.T) (dir, full string) {
	p, dir := planOf(t, "abc"), t.TempDir()
	if _, err := simulate.Run(t.Context(), dir, simulate.Config{Plan: p, VantagePoints: []measurement.VantagePoint{"901", "902"},
		From: monday.Add(-time.Hour), Until: monday.Add(26 * time.Hour), Seed: 14, Version: "test"}); err != nil {
		t.Fatal(err)
	}
	p.VantagePoints = []plan.VantagePoint{{ID: "901"}, {ID: "902"}}
	d, err := report.Frame(p, report.Weekly, monday, monday.AddDate(0, 0, 1), monday.Add(26*time.Hour), "test")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := d.Fill(t.Context(), lake.Store{Dir: dir}); err != nil {
		t.Fatal(err)
	}
	return dir, fullJSON(t, d)
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

// sqlPython returns the python of an engine. MTRIC_PYTHON and MTRIC_SPARK_PYTHON name
// pythons with the modules; by default ~/.cache/mtric/venv and ~/.cache/mtric/spark, or where
// MTRIC_NEWEST is set their likes with the newest versions.
func sqlPython(t *testing.T, engine string) string {
	variable, venv, modules := "MTRIC_PYTHON", "venv", "duckdb, pyarrow"
	if engine == "spark" {
		variable, venv, modules = "MTRIC_SPARK_PYTHON", "spark", "pyspark, pyarrow"
	}
	if os.Getenv("MTRIC_NEWEST") != "" {
		venv += "-newest"
	}
	python := os.Getenv(variable)
	if home, err := os.UserHomeDir(); python == "" && err == nil {
		python = filepath.Join(home, ".cache", "mtric", venv, "bin", "python")
	}
	if err := exec.Command(python, "-c", "import "+modules).Run(); err != nil {
		t.Fatalf("%s is no python with %s (%v): testdata/rig/install.sh makes it, %s names another", python, modules, err, variable)
	}
	return python
}

// command is one command of session.py.
func command(words ...string) string { return strings.Join(words, " ") }

// runPython runs a script of metrics/sql, whose exit must be 0, and returns what it prints.
func runPython(t *testing.T, python, script string, args ...string) string {
	out, err := exec.Command(python, append([]string{"../../metrics/sql/" + script}, args...)...).CombinedOutput()
	t.Logf("%s", out)
	if err != nil {
		t.Error(err)
	}
	return string(out)
}
