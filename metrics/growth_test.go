package metrics_test

import (
	"context"
	"os"
	"testing"
	"time"

	"mtric.net/mtric/engine/lake"
	"mtric.net/mtric/metrics"
)

// BenchmarkGrowth is P7: ten times the vantage points, a month of 112 million
// answers, from the lake in MTRIC_BENCH_LAKE_200 (mtric simulate --vps 200
// --from 2026-11-01 --until 2026-12-01).
func BenchmarkGrowth(b *testing.B) {
	dir := os.Getenv("MTRIC_BENCH_LAKE_200")
	if dir == "" {
		b.Skip("growth is not measured: set MTRIC_BENCH_LAKE_200 to a lake made by: mtric simulate --vps 200 --from 2026-11-01 --until 2026-12-01 --out DIR")
	}
	store := lake.Store{Dir: dir}
	zones, err := store.Zones()
	if err != nil {
		b.Fatal(err)
	}
	cfg, err := metrics.FromPlan(rssac047(b), start, start.AddDate(0, 0, 30), start.AddDate(0, 0, 30))
	if err != nil {
		b.Fatal(err)
	}
	fastest := time.Hour
	for b.Loop() {
		began := time.Now()
		a := accumulator(b, cfg)
		if err := a.Scan(context.Background(), store, 0); err != nil {
			b.Fatal(err)
		}
		a.Compute(zones)
		fastest = min(fastest, time.Since(began))
	}
	b.ReportMetric(float64(fastest.Milliseconds()), "fastest-ms")
	b.ReportMetric(peakMiB(), "peak-MiB")
}
