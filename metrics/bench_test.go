package metrics_test

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"mtric.net/mtric/engine/lake"
	"mtric.net/mtric/engine/plan"
	"mtric.net/mtric/engine/simulate"
	"mtric.net/mtric/metrics"
)

// monthLake is a month of 20 vantage points, 11,232,000 answers: simulated, or
// the one in MTRIC_BENCH_LAKE, which is made there when it is missing.
func monthLake(b *testing.B, p *plan.Plan) lake.Store {
	b.Helper()
	dir := os.Getenv("MTRIC_BENCH_LAKE")
	if dir == "" {
		dir = b.TempDir()
	}
	if _, err := os.Stat(dir + "/zones"); err != nil {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			b.Fatal(err)
		}
		ids, err := simulate.VantagePoints(p, 20)
		if err != nil {
			b.Fatal(err)
		}
		if _, err := simulate.Run(context.Background(), dir, simulate.Config{Plan: p, VantagePoints: ids, From: start,
			Until: start.AddDate(0, 0, 30), Seed: 47, Faults: everyFault(), Version: "bench"}); err != nil {
			b.Fatal(err)
		}
	}
	return lake.Store{Dir: dir}
}

// BenchmarkMonth is P1: all eight metrics of a whole month, read from the lake.
func BenchmarkMonth(b *testing.B) {
	p := rssac047(b)
	store := monthLake(b, p)
	zones, err := store.Zones()
	if err != nil {
		b.Fatal(err)
	}
	cfg, err := metrics.FromPlan(p, start, start.AddDate(0, 0, 30), start.AddDate(0, 0, 30))
	if err != nil {
		b.Fatal(err)
	}
	var scan, compute time.Duration
	fastest := time.Hour
	forgetPeak(b)
	for b.Loop() {
		began := time.Now()
		a := accumulator(b, cfg, zones...)
		if err := a.Scan(context.Background(), store, 0); err != nil {
			b.Fatal(err)
		}
		read := time.Since(began)
		a.Compute()
		whole := time.Since(began)
		scan, compute, fastest = scan+read, compute+whole-read, min(fastest, whole)
	}
	if duck := duckdb(b, store.Dir); duck > 0 {
		b.ReportMetric(fastest.Seconds()/duck, "of-DuckDB")
		b.ReportMetric(1000*duck, "DuckDB-ms")
	}
	b.ReportMetric(float64(scan.Milliseconds())/float64(b.N), "scan-ms/op")
	b.ReportMetric(float64(compute.Milliseconds())/float64(b.N), "compute-ms/op")
	b.ReportMetric(costOf(b, store.Dir, 30).peak, "peak-MiB") // without making the lake
}

// duckdb is the seconds that the six statements take in DuckDB, in the same run
// and on the same machine; 0 where there is no DuckDB. The bar is a ratio.
func duckdb(b *testing.B, dir string) float64 {
	b.Helper()
	python := os.Getenv("MTRIC_PYTHON")
	if home, err := os.UserHomeDir(); python == "" && err == nil {
		python = filepath.Join(home, ".cache", "mtric", "venv", "bin", "python")
	}
	out, err := exec.Command(python, "testdata/duckdb_month.py", dir).Output()
	if err != nil {
		b.Logf("no DuckDB beside it: %v (MTRIC_PYTHON names a python that has the module)", err)
		return 0
	}
	seconds, err := strconv.ParseFloat(strings.TrimSpace(string(out)), 64)
	if err != nil {
		b.Fatal(err)
	}
	return seconds
}
