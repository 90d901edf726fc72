package site_test

import (
	"path/filepath"
	"testing"
	"time"

	"mtric.net/mtric/engine/derive"
	"mtric.net/mtric/engine/interval"
	"mtric.net/mtric/engine/lake"
	"mtric.net/mtric/engine/plan"
	"mtric.net/mtric/engine/simulate"
	"mtric.net/mtric/engine/site"
	"mtric.net/mtric/plans"
)

// simulated is two days and a half of twenty vantage points, with its tables of change.
func simulated(b *testing.B) (home string, p *plan.Plan, last time.Time) {
	b.Helper()
	fsys, _ := plans.Dir("rssac047")
	p, l := plan.Load([]plan.Dir{{Name: "rssac047", FS: fsys}}, nil)
	if l.HasErrors() {
		b.Fatal(l)
	}
	vps, err := simulate.VantagePoints(p, 20)
	if err != nil {
		b.Fatal(err)
	}
	home, last = b.TempDir(), midnight.Add(60*time.Hour)
	dir := filepath.Join(home, "Lake")
	if _, err := simulate.Run(b.Context(), dir, simulate.Config{Plan: p, VantagePoints: vps, Seed: 1, From: midnight, Until: last, Routes: true}); err != nil {
		b.Fatal(err)
	}
	d := derive.Deriver{Plan: p, Lake: lake.Store{Dir: dir}, State: filepath.Join(home, "derived")}
	if _, err := d.Run(b.Context(), time.Time{}, time.Time{}); err != nil {
		b.Fatal(err)
	}
	return home, p, last
}

// BenchmarkSite is what a run costs: of the last two hours, every five minutes; once an hour;
// and of a day when all is made anew.
func BenchmarkSite(b *testing.B) {
	home, p, last := simulated(b)
	for _, edition := range []site.Edition{site.Internal, site.Public} {
		out := filepath.Join(home, string(edition))
		run := func(b *testing.B, out string, days ...time.Time) (result site.Result) {
			b.Helper()
			s := site.Site{Plan: p, Lake: lake.Store{Dir: filepath.Join(home, "Lake")}, State: filepath.Join(home, "derived"), Out: out, Edition: edition, Days: days, Now: time.Now}
			result, err := s.Run(b.Context())
			if err != nil {
				b.Fatal(err)
			}
			return result
		}
		b.Run(string(edition)+"/anew", func(b *testing.B) {
			for b.Loop() {
				result := run(b, b.TempDir())
				b.ReportMetric(float64(result.Bytes)/2.5/1e6, "MB/day")
			}
			b.ReportMetric(b.Elapsed().Seconds()/2.5/float64(b.N), "s/day")
		})
		run(b, out)
		b.Run(string(edition)+"/hour", func(b *testing.B) {
			for b.Loop() {
				run(b, out, interval.Day(last))
			}
		})
		b.Run(string(edition)+"/now", func(b *testing.B) {
			for b.Loop() {
				run(b, out)
			}
		})
	}
}
