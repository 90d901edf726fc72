package cli_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"mtric.net/mtric/engine/column"
	"mtric.net/mtric/engine/derive"
	"mtric.net/mtric/engine/lake"
	"mtric.net/mtric/engine/measurement"
	"mtric.net/mtric/engine/plan"
	"mtric.net/mtric/plans"
)

// BenchmarkDeriveByCron brings the tables of change up to date after each of the 288 merges
// of a day of twenty vantage points that has a week before it: 50 ms are allowed on the mean.
func BenchmarkDeriveByCron(b *testing.B) {
	dir := b.TempDir()
	week := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
	day := week.AddDate(0, 0, 7)
	run(b, "simulate", "--out", filepath.Join(dir, "truth"), "--vps", "20", "--from", week.Format(time.DateOnly), "--until", day.AddDate(0, 0, 1).Format(time.DateOnly))
	store := lake.Store{Dir: filepath.Join(dir, "truth")}
	answers, _, err := column.Read[measurement.Answer](store.Path(column.Answers, day))
	if err != nil {
		b.Fatal(err)
	}
	runs, _, err := column.Read[measurement.Run](store.Path(column.Runs, day))
	if err != nil {
		b.Fatal(err)
	}
	files, _ := plans.Dir("rssac047")
	p, loaded := plan.Load([]plan.Dir{{Name: "rssac047", FS: files}}, nil)
	if loaded.HasErrors() {
		b.Fatal(loaded)
	}
	for n := 0; b.Loop(); n++ {
		b.StopTimer()
		for _, table := range []column.Table{column.Answers, column.Runs} {
			if err := os.RemoveAll(store.Path(table, day)); err != nil {
				b.Fatal(err)
			}
		}
		d := &derive.Deriver{Plan: p, Lake: store, State: filepath.Join(dir, fmt.Sprint("state", n))}
		derived := func() {
			if _, err := d.Run(b.Context(), time.Time{}, time.Time{}); err != nil {
				b.Fatal(err)
			}
		}
		derived()
		sameLabel := func(a, b measurement.Run) bool { return a.Interval.Equal(b.Interval) }
		left := answers
		for label := range chunks(runs, sameLabel) {
			until := slices.IndexFunc(left, func(a measurement.Answer) bool { return a.Interval.After(label[0].Interval) })
			if until < 0 {
				until = len(left)
			}
			merge(b, store, day, left[:until], func(a, b measurement.Answer) bool { return a.VantagePoint == b.VantagePoint })
			merge(b, store, day, label, func(a, b measurement.Run) bool { return a.VantagePoint == b.VantagePoint })
			left = left[until:]
			b.StartTimer()
			derived()
			b.StopTimer()
		}
		b.StartTimer()
	}
	b.ReportMetric(float64(b.Elapsed().Milliseconds())/float64(288*b.N), "ms/run")
}

// merge merges rows of one interval into a day.
func merge[T lake.Measured](b *testing.B, store lake.Store, day time.Time, rows []T, alike func(a, b T) bool) {
	b.Helper()
	var groups []lake.Group[T]
	for g := range chunks(rows, alike) {
		groups = append(groups, lake.GroupOf(g))
	}
	if _, err := lake.Merge(store, day, groups, nil); err != nil {
		b.Fatal(err)
	}
}
