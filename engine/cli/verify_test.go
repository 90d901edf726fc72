package cli_test

import (
	"bytes"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"mtric.net/mtric/engine/cli"
	"mtric.net/mtric/engine/column"
	"mtric.net/mtric/engine/lake"
	"mtric.net/mtric/engine/measurement"
)

// commands runs mtric in this process: it holds the exit code and returns what was printed.
func commands(t *testing.T) func(want int, args ...string) string {
	return func(want int, args ...string) string {
		t.Helper()
		var out, errs bytes.Buffer
		if code := cli.RunInTime(args, strings.NewReader(""), &out, &errs); code != want {
			t.Fatalf("mtric %s: exit %d, want %d\n%s%s", strings.Join(args, " "), code, want, out.String(), errs.String())
		}
		return out.String() + errs.String()
	}
}

// TestVerifyLate: runs that come after a report are listed as late, and the report still
// is what the lake says: exit 0. A row changed among the others is a difference: exit 3.
func TestVerifyLate(t *testing.T) {
	dir := t.TempDir()
	mtric := commands(t)
	home := filepath.Join(dir, "Lake")
	mtric(0, "simulate", "--out", home, "--vps", "2", "--from", "2026-11-02", "--until", "2026-11-03", "--seed", "3", "--quiet")
	store, day := lake.Store{Dir: home}, time.Date(2026, 11, 2, 0, 0, 0, 0, time.UTC)
	runs, meta, err := column.Read[measurement.Run](store.Path(column.Runs, day))
	if err != nil {
		t.Fatal(err)
	}
	// The last run of 901 is not there when the report is made.
	last := day.Add(24*time.Hour - 5*time.Minute)
	isLast := func(vp measurement.VantagePoint, label time.Time) bool { return vp == "901" && label.Equal(last) }
	early, later := day.AddDate(0, 0, 1), day.AddDate(0, 0, 20)
	for i := range runs {
		if runs[i].IngestedAt = &early; isLast(runs[i].VantagePoint, runs[i].Interval) {
			runs[i].IngestedAt = &later
		}
	}
	write := func(answers []measurement.Answer, m column.Metadata) {
		t.Helper()
		if err := column.Write(store.Path(column.Answers, day), answers, m); err != nil {
			t.Fatal(err)
		}
	}
	whole, answersMeta, err := column.Read[measurement.Answer](store.Path(column.Answers, day))
	if err != nil {
		t.Fatal(err)
	}
	var before []measurement.Answer
	for _, a := range whole {
		if !isLast(a.VantagePoint, a.Interval) {
			before = append(before, a)
		}
	}
	write(before, answersMeta)
	if err := column.Write(store.Path(column.Runs, day), dropLast(runs, later), meta); err != nil {
		t.Fatal(err)
	}
	out := filepath.Join(dir, "Reports")
	mtric(0, "report", "--style", "weekly", "--period", "2026-11-02", "--lake", home, "--out", out, "--now", "2026-12-01T00:00:00Z", "--quiet")
	full := filepath.Join(out, "weekly-2026-11-02", "internal", "full.json")
	digest := mtric(0, "verify", full, "--lake", home)
	write(whole, answersMeta)
	if err := column.Write(store.Path(column.Runs, day), runs, meta); err != nil {
		t.Fatal(err)
	}
	want := "late: vantage point 901: 1 run came after the report; `mtric report --force` counts it\n" + digest
	if got := mtric(0, "verify", full, "--lake", home); got != want {
		t.Errorf("verify says %q, want %q", got, want)
	}
	if got := mtric(0, "verify", full, "--lake", home, "--json"); !strings.Contains(got, `"verified": true`) || !strings.Contains(got, `"late": [
    "vantage point 901: 1 run`) {
		t.Errorf("as JSON %s", got)
	}
	refused := "REFUSED"
	for i := range whole {
		if whole[i].Query == "soa" && whole[i].RCode != nil {
			whole[i].RCode = &refused
			break
		}
	}
	write(whole, answersMeta)
	if got := mtric(3, "verify", full, "--lake", home); !strings.Contains(got, "late: vantage point 901") || !strings.Contains(got, "digest: the report says") {
		t.Errorf("a row was changed: %s", got)
	}
}

// dropLast leaves out the runs that came at a time.
func dropLast(runs []measurement.Run, at time.Time) (list []measurement.Run) {
	for _, r := range runs {
		if !r.IngestedAt.Equal(at) {
			list = append(list, r)
		}
	}
	return list
}
