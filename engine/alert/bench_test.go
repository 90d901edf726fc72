package alert_test

import (
	"os"
	"testing"
	"time"

	"mtric.net/mtric/engine/lake"
)

// BenchmarkBacktest is P8: the shipped window rules over a month of twenty
// vantage points. MTRIC_BENCH_LAKE names a lake of November 2026 made by
// mtric simulate --vps 20.
func BenchmarkBacktest(b *testing.B) {
	dir := os.Getenv("MTRIC_BENCH_LAKE")
	if dir == "" {
		b.Skip("no month to backtest: set MTRIC_BENCH_LAKE to a lake made by: mtric simulate --vps 20 --from 2026-11-01 --until 2026-12-01 --out DIR")
	}
	rules, l := compile(b, "rssac047", "", "")
	if rules == nil {
		b.Fatal(l.Error())
	}
	from := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
	for b.Loop() {
		episodes, err := rules.Backtest(b.Context(), lake.Store{Dir: dir}, from, from.AddDate(0, 1, 0), "")
		if err != nil {
			b.Fatal(err)
		}
		b.ReportMetric(float64(len(episodes)), "episodes")
	}
}
