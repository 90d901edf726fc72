package report_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"mtric.net/mtric/engine/column"
	"mtric.net/mtric/engine/lake"
	"mtric.net/mtric/engine/measurement"
	"mtric.net/mtric/engine/report"
)

// answersOf are the answers of a day, and what puts others in their place.
func answersOf(t testing.TB, store lake.Store, day time.Time) (rows []measurement.Answer, put func([]measurement.Answer)) {
	t.Helper()
	path := store.Path(column.Answers, day)
	rows, meta, err := column.Read[measurement.Answer](path)
	if err != nil {
		t.Fatal(err)
	}
	return rows, func(rows []measurement.Answer) {
		t.Helper()
		if err := column.Write(path, rows, meta); err != nil {
			t.Fatal(err)
		}
	}
}

// came dates the runs of a vantage point on a day.
func came(t testing.TB, store lake.Store, day time.Time, at map[measurement.VantagePoint]time.Time) {
	t.Helper()
	changeRuns(t, store, day, func(r *measurement.Run) {
		if when, there := at[r.VantagePoint]; there {
			r.IngestedAt = &when
		}
	})
}

// changeRuns rewrites the runs of a day.
func changeRuns(t testing.TB, store lake.Store, day time.Time, change func(*measurement.Run)) {
	t.Helper()
	path := store.Path(column.Runs, day)
	runs, meta, err := column.Read[measurement.Run](path)
	if err != nil {
		t.Fatal(err)
	}
	for i := range runs {
		change(&runs[i])
	}
	if err := column.Write(path, runs, meta); err != nil {
		t.Fatal(err)
	}
}

// undate takes away when the runs of a day came into the lake.
func undate(t testing.TB, store lake.Store, day time.Time) {
	t.Helper()
	changeRuns(t, store, day, func(r *measurement.Run) { r.IngestedAt = nil })
}

func verify(t testing.TB, d *report.Document, store lake.Store) *report.Verified {
	t.Helper()
	v, err := report.Verify(t.Context(), d, store)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// late sees to it that the lake differs by what came late alone. Verdicts that it changes
// are looked at elsewhere.
func late(t testing.TB, d *report.Document, store lake.Store, want ...string) {
	t.Helper()
	for name, d := range map[string]*report.Document{"full": d, "public": d.Public()} {
		v := verify(t, d, store)
		v.Late = slices.DeleteFunc(v.Late, func(s string) bool { return strings.Contains(s, " with what has come since, ") })
		if len(v.Differences) > 0 || !slices.Equal(v.Late, want) {
			t.Errorf("%s: differences %q, late %q; want late %q", name, v.Differences, v.Late, want)
		}
	}
}

func differs(t testing.TB, d *report.Document, store lake.Store, what string) {
	t.Helper()
	if v := verify(t, d, store); !slices.ContainsFunc(v.Differences, func(s string) bool { return strings.HasPrefix(s, what) }) {
		t.Errorf("differences %.300q, want %q", v.Differences, what)
	}
}

// unexpected adds what vantage point 904 measured on a day, which is what 903 did.
func unexpected(t testing.TB, store lake.Store, day time.Time, answers *[]measurement.Answer) {
	t.Helper()
	path := store.Path(column.Runs, day)
	runs, meta, err := column.Read[measurement.Run](path)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range runs {
		if r.VantagePoint == "903" {
			r.VantagePoint = "904"
			runs = append(runs, r)
		}
	}
	slices.SortStableFunc(runs, func(a, b measurement.Run) int { return a.Interval.Compare(b.Interval) })
	if err := column.Write(path, runs, meta); err != nil {
		t.Fatal(err)
	}
	for _, a := range *answers {
		if a.VantagePoint == "903" {
			a.VantagePoint = "904"
			*answers = append(*answers, a)
		}
	}
	slices.SortStableFunc(*answers, func(a, b measurement.Answer) int { return a.Interval.Compare(b.Interval) })
}
