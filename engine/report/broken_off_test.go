package report_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"mtric.net/mtric/engine/column"
	"mtric.net/mtric/engine/measurement"
	"mtric.net/mtric/engine/report"
)

// TestBrokenOff: an ingest that is killed between a day's answers and its runs leaves
// answers that count now and, once their runs are dated, came after the report. No report
// is made of them, and none is in place.
func TestBrokenOff(t *testing.T) {
	store, p := shortWeek(t)
	path := store.Path(column.Runs, monday)
	runs, meta, err := column.Read[measurement.Run](path)
	if err != nil {
		t.Fatal(err)
	}
	half := 0
	var whole []measurement.Run
	for _, r := range runs {
		if r.Interval.Before(monday.Add(23*time.Hour)) || r.VantagePoint == "901" {
			whole = append(whole, r)
			continue
		}
		half++
	}
	if err := column.Write(path, whole, meta); err != nil {
		t.Fatal(err)
	}
	j := newJob(p, store, t.TempDir())
	refused := func(want string) {
		t.Helper()
		err := run(t, j, frame(t, p, monday.AddDate(0, 0, 14)))
		if !errors.Is(err, report.ErrHalfMerged) || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
		if _, err := os.Stat(filepath.Join(j.Out, "weekly-2026-11-02")); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("a report is in place: %v", err)
		}
	}
	if half != 12 {
		t.Fatalf("%d runs", half)
	}
	refused("12 runs of 2026-11-02")
	if err := os.Remove(path); err != nil { // killed in the first merge of the day
		t.Fatal(err)
	}
	refused("576 runs of 2026-11-02")
	if err := column.Write(path, runs, meta); err != nil {
		t.Fatal(err)
	}
	d := frame(t, p, monday.AddDate(0, 0, 14))
	if err := run(t, j, d); err != nil {
		t.Fatal(err)
	}
	// A lake that keeps no runs at all is reported on.
	if err := os.RemoveAll(filepath.Join(store.Dir, string(column.Runs))); err != nil {
		t.Fatal(err)
	}
	j.Force = true
	if err := run(t, j, frame(t, p, monday.AddDate(0, 0, 14))); err != nil {
		t.Error(err)
	}
}
