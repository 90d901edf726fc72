package alert_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"mtric.net/mtric/engine/alert"
	"mtric.net/mtric/engine/lake"
	"mtric.net/mtric/engine/simulate"
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

// benchMonth is a month of 20 vantage points, 11,232,000 answers: simulated, or the
// one in MTRIC_BENCH_LAKE, which is made there when it is missing.
func benchMonth(b *testing.B, rules *alert.Rules, from time.Time) lake.Store {
	b.Helper()
	dir := os.Getenv("MTRIC_BENCH_LAKE")
	if dir == "" {
		dir = b.TempDir()
	}
	if _, err := os.Stat(filepath.Join(dir, "zones")); err != nil {
		vps, err := simulate.VantagePoints(rules.Plan, 20)
		if err != nil {
			b.Fatal(err)
		}
		c := simulate.Config{Plan: rules.Plan, VantagePoints: vps, From: from, Until: from.AddDate(0, 1, 0), Seed: 47, Version: "bench"}
		if _, err := simulate.Run(b.Context(), dir, c); err != nil {
			b.Fatal(err)
		}
	}
	return lake.Store{Dir: dir}
}

// BenchmarkBacktest is P8: ten window rules over a month.
func BenchmarkBacktest(b *testing.B) {
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
	store := benchMonth(b, rules, from)
	for b.Loop() {
		episodes, _, err := rules.Backtest(b.Context(), store, from, from.AddDate(0, 1, 0), "")
		if err != nil {
			b.Fatal(err)
		}
		b.ReportMetric(float64(len(episodes)), "episodes")
		b.ReportMetric(float64(n), "rules")
	}
}
