package metrics_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"testing"
	"time"

	"mtric.net/mtric/engine/lake"
	"mtric.net/mtric/engine/simulate"
	"mtric.net/mtric/metrics"
)

// growthDays is how long the simulated lakes of BenchmarkGrowth are: three days of
// two hundred vantage points are as many answers as a month of twenty.
const growthDays = 3

// BenchmarkGrowth is P7: two hundred vantage points against twenty, in time and
// memory, each lake read in a process of its own. It simulates three days; with
// MTRIC_BENCH_LAKE_200 and MTRIC_BENCH_LAKE it reads whole months from there (mtric
// simulate --vps 200 --from 2026-11-01 --until 2026-12-01, and --vps 20).
func BenchmarkGrowth(b *testing.B) {
	small, large, days := os.Getenv("MTRIC_BENCH_LAKE"), os.Getenv("MTRIC_BENCH_LAKE_200"), 30
	if small == "" || large == "" {
		small, large, days = growthLake(b, 20), growthLake(b, 200), growthDays
	}
	least := map[string]cost{}
	for b.Loop() {
		for _, dir := range []string{small, large} {
			c := costOf(b, dir, days)
			if was, there := least[dir]; there {
				c = cost{min(c.seconds, was.seconds), min(c.peak, was.peak)}
			}
			least[dir] = c
		}
	}
	b.ReportMetric(least[large].seconds/least[small].seconds, "time-of-P1")
	b.ReportMetric(least[large].peak/least[small].peak, "memory-of-P1")
	b.ReportMetric(least[large].peak, "peak-MiB")
	b.ReportMetric(float64(days), "days")
}

func growthLake(b *testing.B, vps int) string {
	b.Helper()
	p, dir := rssac047(b), b.TempDir()
	ids, err := simulate.VantagePoints(p, vps)
	if err != nil {
		b.Fatal(err)
	}
	if _, err := simulate.Run(context.Background(), dir, simulate.Config{Plan: p, VantagePoints: ids, From: start,
		Until: start.AddDate(0, 0, growthDays), Seed: 47, Faults: everyFault(), Version: "bench"}); err != nil {
		b.Fatal(err)
	}
	return dir
}

type cost struct{ seconds, peak float64 }

// costOf has a child compute the metrics of a lake: TestGrowthChild.
func costOf(b *testing.B, dir string, days int) (c cost) {
	b.Helper()
	cmd := exec.Command(os.Args[0], "-test.run", "^TestGrowthChild$", "-test.v")
	cmd.Env = append(os.Environ(), "MTRIC_GROWTH_LAKE="+dir, "MTRIC_GROWTH_DAYS="+strconv.Itoa(days))
	out, err := cmd.Output()
	if err != nil {
		b.Fatalf("%v\n%s", err, out)
	}
	for line := range bytes.Lines(out) {
		if n, _ := fmt.Sscanf(string(line), "cost %f %f", &c.seconds, &c.peak); n == 2 {
			return c
		}
	}
	b.Fatalf("no cost in\n%s", out)
	return c
}

// TestGrowthChild is what BenchmarkGrowth measures, for no process knows the peak
// of a part of its work.
func TestGrowthChild(t *testing.T) {
	dir := os.Getenv("MTRIC_GROWTH_LAKE")
	if dir == "" {
		t.Skip("nothing to measure here: a part of BenchmarkGrowth, which make bench runs")
	}
	days, err := strconv.Atoi(os.Getenv("MTRIC_GROWTH_DAYS"))
	if err != nil {
		t.Fatal(err)
	}
	store := lake.Store{Dir: dir}
	cfg, err := metrics.FromPlan(rssac047(t), start, start.AddDate(0, 0, days), start.AddDate(0, 0, days))
	if err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	zones, err := store.Zones()
	if err != nil {
		t.Fatal(err)
	}
	a := accumulator(t, cfg, zones...)
	if err := a.Scan(context.Background(), store, 0); err != nil {
		t.Fatal(err)
	}
	a.Compute()
	fmt.Printf("cost %f %f\n", time.Since(began).Seconds(), peakMiB())
}
