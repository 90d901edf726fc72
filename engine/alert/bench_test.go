package alert_test

import (
	"os"
	"testing"
	"time"

	"mtric.net/mtric/engine/lake"
)

// furtherRules makes ten with the six that are shipped, and has every aggregate and
// every kind of combination read.
const furtherRules = `
rule "instances-gone" {
  on       = "window"
  over     = ["rsi", "vantage_point"]
  window   = "6h"
  severity = "info"
  expr     = "window.sent > 100 && window.nsids * 2 < previous.nsids"
  summary  = "{vantage_point} sees {window.nsids} instances of {rsi}, {previous.nsids} before"
}
rule "slow-tail" {
  on       = "window"
  over     = ["rsi", "family"]
  window   = "3h"
  severity = "info"
  expr     = "window.sent > 100 && window.p95_latency > 10.0 * window.median_latency"
  summary  = "{rsi}: p95 {window.p95_latency} ms"
}
rule "query-refused" {
  on       = "window"
  over     = ["query", "transport"]
  window   = "30m"
  severity = "info"
  expr     = "double(window.rcodes.refused + window.outcomes.refused) > 0.2 * double(window.sent)"
  summary  = "{query}"
}
rule "coverage" {
  on       = "window"
  window   = "1h"
  hold     = "30m"
  severity = "info"
  expr     = "window.coverage < 90.0 || window.rsis_failing > 5"
  summary  = "{window.coverage}"
}
`

// BenchmarkBacktest is P8: ten window rules over a month of twenty vantage points.
// MTRIC_BENCH_LAKE names a lake of November 2026 made by mtric simulate --vps 20.
func BenchmarkBacktest(b *testing.B) {
	dir := os.Getenv("MTRIC_BENCH_LAKE")
	if dir == "" {
		b.Skip("no month to backtest: set MTRIC_BENCH_LAKE to a lake made by: mtric simulate --vps 20 --from 2026-11-01 --until 2026-12-01 --out DIR")
	}
	rules, l := compile(b, "rssac047", "further.hcl", furtherRules)
	if rules == nil {
		b.Fatal(l.Error())
	}
	n := 0
	for _, r := range rules.Plan.Rules {
		if r.On == "window" {
			n++
		}
	}
	from := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
	for b.Loop() {
		episodes, err := rules.Backtest(b.Context(), lake.Store{Dir: dir}, from, from.AddDate(0, 1, 0), "")
		if err != nil {
			b.Fatal(err)
		}
		b.ReportMetric(float64(len(episodes)), "episodes")
		b.ReportMetric(float64(n), "rules")
	}
}
