package alert_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"mtric.net/mtric/engine/alert"
	"mtric.net/mtric/engine/clock"
	"mtric.net/mtric/engine/column"
	"mtric.net/mtric/engine/interval"
	"mtric.net/mtric/engine/lake"
	"mtric.net/mtric/engine/measurement"
)

// newLooker is a machine whose disks, clock and uptime the test makes.
func newLooker(t *testing.T, machine string) *alert.Inspector {
	t.Helper()
	rules, l := compile(t, "rssac047", "site.hcl", vantagePoints)
	if rules == nil {
		t.Fatal(l.Error())
	}
	home := t.TempDir()
	in := func(name string) string { return filepath.Join(home, name) }
	return &alert.Inspector{
		Plan: rules.Plan, Machine: machine, Store: lake.Store{Dir: in("Lake")}, Now: noon.Add(2 * time.Minute),
		Home: home, Output: in("Output"), Logs: in("Logs"), State: in("State"), Originals: in("Originals"), Quarantine: in("Quarantine"),
		Clock: clock.Kernel{Adjtimex: func(t *unix.Timex) (int, error) {
			t.Status, t.Maxerror = unix.STA_UNSYNC, 2000
			return unix.TIME_ERROR, nil
		}},
		Statfs: func(dir string, s *unix.Statfs_t) error {
			s.Blocks, s.Bfree, s.Bavail = 1000, 500, 400 // 100 are root's
			if dir == in("Logs") {
				s.Bfree, s.Bavail = 200, 100
			}
			return nil
		},
		Sysinfo: func(i *unix.Sysinfo_t) error { i.Uptime = 3600; return nil },
	}
}

// touch makes a file that was written that long before now.
func touch(t *testing.T, l *alert.Inspector, path string, ago time.Duration) {
	t.Helper()
	path = filepath.Join(l.Home, path)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Chtimes(path, l.Now.Add(-ago), l.Now.Add(-ago)); err != nil {
		t.Fatal(err)
	}
}

func look(t *testing.T, l *alert.Inspector) alert.Machine {
	t.Helper()
	m, err := l.Inspect(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestLookAtAVantagePoint(t *testing.T) {
	l := newLooker(t, "101")
	want := alert.Machine{Uptime: time.Hour}
	want.Disk.UsedPercent = new(800.0 / 9) // the fullest, as df has it
	want.Clock.Synchronized, want.Clock.Error = new(false), new(2*time.Millisecond)
	want.Output.NewestAge = 25 * time.Hour
	if diff := cmp.Diff(want, look(t, l)); diff != "" {
		t.Errorf("without output (-want +got): %s", diff)
	}
	touch(t, l, "Output/202611011200-101.answers.parquet", time.Minute)       // of this interval: not late
	touch(t, l, "Output/202611011155-101.routes.parquet", 3*time.Minute)      // late
	touch(t, l, "Output/202611011155-101.routes.parquet.sha256", time.Minute) // no file of its own
	touch(t, l, "Output/.202611011155-101.answers.parquet", time.Second)      // being written
	touch(t, l, "Output/Sent/202611011155-101.answers.parquet", 6*time.Minute)
	want.Output = alert.OutputFacts{Exists: true, NewestAge: time.Minute, Unsent: 1}
	if diff := cmp.Diff(want, look(t, l)); diff != "" {
		t.Errorf("(-want +got): %s", diff)
	}
}

// TestLookAtTheCollector goes through its first watches: what is counted since the
// last one is absent until there was one, ten minutes ago or longer.
func TestLookAtTheCollector(t *testing.T) {
	l := newLooker(t, "c00")
	book := newBook(t)
	book.Machine = "c00"
	for i := range 3 {
		touch(t, l, fmt.Sprintf("Originals/202611/2026110111%02d-101.answers.parquet", 5*i), time.Duration(20*i)*time.Minute)
	}
	touch(t, l, "Originals/202611/202611011100-101.answers.parquet.sha256", 0)
	touch(t, l, "Quarantine/rubbish", 0)
	touch(t, l, "Quarantine/rubbish.reason.txt", 0)
	touch(t, l, "Output/RootZones/2026110100.root.txt", 23*time.Hour)
	touch(t, l, "Output/RootZones/2026103100.root.txt", 25*time.Hour)
	started := l.Now
	seen := func(serial int64, before time.Duration, archived *time.Time) measurement.Zone {
		return measurement.Zone{Serial: serial, FirstSeen: new(started.Add(-before)), ArchivedAt: archived, State: measurement.ZoneSeen}
	}
	if err := l.Store.SaveZones([]measurement.Zone{seen(2026102300, 9*24*time.Hour, nil), seen(2026090300, 60*24*time.Hour, nil), seen(2026103100, 24*time.Hour, &started),
		seen(2026103101, 30*time.Hour, nil), seen(2026110100, time.Hour, nil)}); err != nil {
		t.Fatal(err)
	}
	for _, step := range []struct {
		after    time.Duration
		received *int64
		zones    *int64
	}{
		{-25 * time.Hour, nil, nil},                       // the first watch
		{-30 * time.Minute, new(int64(3)), new(int64(1))}, // all there is, since the first
		{0, new(int64(2)), new(int64(1))},                 // cron's: 0 and 20 minutes ago
		{time.Minute, nil, new(int64(1))},                 // by hand, right after it
		{30 * time.Minute, new(int64(0)), new(int64(1))},
	} {
		l.Now = started.Add(step.after)
		var err error
		if l.Before, err = book.Facts(); err != nil {
			t.Fatal(err)
		}
		m := look(t, l)
		if diff := cmp.Diff(step.received, m.Originals.Received); diff != "" {
			t.Errorf("received, watch at %s (-want +got): %s", step.after, diff)
		}
		if diff := cmp.Diff(step.zones, m.Zones.Added24h); diff != "" {
			t.Errorf("zones, watch at %s (-want +got): %s", step.after, diff)
		}
		// For as long as they are missing: nine days, and sixty.
		if want := []string{"2026090300", "2026102300", "2026103101"}; !slices.Equal(m.Zones.Missing, want) || m.Zones.Gaps != 3 {
			t.Errorf("missing %v, gaps %d, watch at %s", m.Zones.Missing, m.Zones.Gaps, step.after)
		}
		if m.Quarantine.Count != 1 || fmt.Sprint(m.VantagePoints.Silent) != "[101 301]" {
			t.Errorf("%+v", m)
		}
		if err := book.Remember(l.After()); err != nil {
			t.Fatal(err)
		}
	}
}

// TestLookNamesTheNewestOfManyGaps bounds what a lake can make of alerts.
func TestLookNamesTheNewestOfManyGaps(t *testing.T) {
	l := newLooker(t, "c00")
	var rows []measurement.Zone
	for i := range 150 {
		rows = append(rows, measurement.Zone{Serial: int64(uint32(i - 50)), FirstSeen: new(l.Now.AddDate(0, 0, -1)), State: measurement.ZoneSeen})
	}
	if err := l.Store.SaveZones(rows); err != nil {
		t.Fatal(err)
	}
	z := look(t, l).Zones
	if z.Gaps != 150 || len(z.Missing) != 100 || z.Missing[0] != "0" || z.Missing[99] != "99" { // by RFC 1982
		t.Errorf("%d gaps, %v", z.Gaps, z.Missing)
	}
}

// TestLookComparesPlans: a vantage point is named whose last run of the day was by another
// plan than the collector's, silent since or not; one that was mended is not, nor one
// that the plan does not have.
func TestLookComparesPlans(t *testing.T) {
	l := newLooker(t, "c00")
	own, other := l.Plan.SHA256(), strings.Repeat("0", 64)
	run := func(vp measurement.VantagePoint, ago time.Duration, plan string) measurement.Run {
		return measurement.Run{VantagePoint: vp, Interval: interval.Of(l.Now.Add(-ago)), StartedAt: l.Now.Add(-ago), PlanSHA256: plan}
	}
	for _, c := range []struct {
		name   string
		runs   []measurement.Run
		silent string
		want   string
	}{
		{"none", nil, "[101 301]", "[]"},
		{"the same", []measurement.Run{run("101", 10*time.Minute, own), run("301", 10*time.Minute, own)}, "[]", "[]"},
		{"one", []measurement.Run{run("101", 10*time.Minute, other), run("301", 10*time.Minute, own)}, "[]", "[101]"},
		{"mended", []measurement.Run{run("101", 15*time.Minute, other), run("101", 10*time.Minute, own), run("301", 10*time.Minute, own)}, "[]", "[]"},
		{"went back", []measurement.Run{run("101", 15*time.Minute, own), run("101", 10*time.Minute, other), run("301", 10*time.Minute, own)}, "[]", "[101]"},
		{"silent since", []measurement.Run{run("101", 5*time.Hour, other), run("301", 10*time.Minute, own)}, "[101]", "[101]"},
		{"long ago", []measurement.Run{run("101", 25*time.Hour, other), run("301", 10*time.Minute, own)}, "[101]", "[]"},
		{"a stranger", []measurement.Run{run("777", 10*time.Minute, other)}, "[101 301]", "[]"},
	} {
		t.Run(c.name, func(t *testing.T) {
			l.Store.Dir = t.TempDir()
			days := map[time.Time][]measurement.Run{}
			for _, r := range c.runs {
				days[interval.Day(r.Interval)] = append(days[interval.Day(r.Interval)], r)
			}
			for day, runs := range days {
				slices.SortFunc(runs, func(a, b measurement.Run) int { return a.Interval.Compare(b.Interval) })
				path := l.Store.Path(column.Runs, day)
				if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), column.Write(path, runs, column.Metadata{})); err != nil {
					t.Fatal(err)
				}
			}
			m := look(t, l).VantagePoints
			if got := fmt.Sprint(m.Silent); got != c.silent {
				t.Errorf("silent %s, want %s", got, c.silent)
			}
			if got := fmt.Sprint(m.OtherPlan); got != c.want {
				t.Errorf("of another plan %s, want %s", got, c.want)
			}
		})
	}
}
