package simulate_test

import (
	"fmt"
	"reflect"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"mtric.net/mtric/engine/column"
	"mtric.net/mtric/engine/interval"
	"mtric.net/mtric/engine/measurement"
	"mtric.net/mtric/engine/simulate"
)

// at902 is a fault of 902 over [hour, hour) of the first day.
func at902(kind string, from, until int, more string) string {
	return fmt.Sprintf("fault %q {\n kind = %q\n vantage_points = [\"902\"]\n from = \"2026-11-01T%02d:00:00Z\"\n until = \"2026-11-01T%02d:00:00Z\"\n%s\n}\n", kind, kind, from, until, more)
}

// clocked simulates a day without and with a fault of 902, and returns the rows of
// 902's struck intervals, before and after, by key.
func clocked(t *testing.T, fault string, from, until int) (before, after map[key]measurement.Answer, runs map[time.Time]measurement.Run, quiet, truth *simulate.Truth) {
	t.Helper()
	c := config(t, 3, 20*time.Hour)
	quiet, dir := run(t, c)
	before = byKey(t, rowsOf[measurement.Answer](t, dir, column.Answers))
	c.Faults = faultsOf(t, c, fault)
	truth, dir = run(t, c)
	after, runs = byKey(t, rowsOf[measurement.Answer](t, dir, column.Answers)), map[time.Time]measurement.Run{}
	affected := func(vp measurement.VantagePoint, at time.Time) bool {
		return vp == "902" && at.Hour() >= from && at.Hour() < until
	}
	for k, a := range before {
		if b, there := after[k]; !affected(k.vp, k.at) {
			if !there || !reflect.DeepEqual(a, b) {
				t.Fatalf("a row elsewhere changed: %+v", b)
			}
			delete(before, k)
			delete(after, k)
		}
	}
	for _, r := range rowsOf[measurement.Run](t, dir, column.Runs) {
		if affected(r.VantagePoint, r.Interval) {
			runs[r.Interval] = r
		} else if !*r.ClockSynchronized || r.ReceivedAt.Before(r.Interval) {
			t.Fatalf("run elsewhere: %+v", r)
		}
	}
	if len(truth.Faults) != 1 || truth.Faults[0].Queries == 0 {
		t.Errorf("faults %+v", truth.Faults)
	}
	compare(t, tables(t, dir, c.Plan).of(c.From, c.Until, c.Until), truth.Numbers)
	return before, after, runs, quiet, truth
}

// TestUnsynchronized: the rows stay, the run says what is known of its clock, and what it
// shows dates nothing.
func TestUnsynchronized(t *testing.T) {
	before, after, runs, quiet, truth := clocked(t, at902("unsynchronized", 4, 8, ""), 4, 8)
	if d := cmp.Diff(before, after); d != "" {
		t.Errorf("rows changed:\n%s", d)
	}
	for at, r := range runs {
		if *r.ClockSynchronized || r.ReceivedAt.Before(at) {
			t.Fatalf("%+v", r)
		}
	}
	if len(runs) != 48 {
		t.Errorf("%d runs", len(runs))
	}
	for i, v := range truth.Values { // 902 sees the zone of 05:00 at 08:00, but was not asked in vain
		if was := quiet.Values[i]; v.Metric == "rsi_publication_latency" && (v.Unobservable == 0 || v.Verdict != was.Verdict || v.Count+v.Unobservable != was.Count) {
			t.Errorf("%+v\nwithout the fault %+v", v, was)
		}
	}
}

// TestSlowClock: the vantage point believes it is earlier than it is. It shows zones of
// the future, its runs come late, and answers that carry a zone not signed yet are held.
func TestSlowClock(t *testing.T) {
	before, after, runs, quiet, truth := clocked(t, at902("slow_clock", 1, 10, `by = "12h"`), 1, 10)
	newer, held := 0, int64(0)
	for k, a := range after {
		if b := before[k]; a.Serial != nil && b.Serial != nil {
			if *a.Serial <= *b.Serial {
				t.Fatalf("shows %d, without the fault %d", *a.Serial, *b.Serial)
			}
			newer++
		}
		if a.Verdict != nil && *a.Verdict == measurement.Incorrect {
			t.Fatalf("accused: %+v", a)
		}
		if a.Verdict != nil && *a.Verdict == measurement.Unchecked {
			held++
		}
	}
	for at, r := range runs {
		if d := r.ReceivedAt.Sub(at); d < 12*time.Hour || d > 12*time.Hour+5*time.Minute || interval.Of(*r.IngestedAt).Before(interval.Of(r.ReceivedAt)) {
			t.Fatalf("%+v", r)
		}
	}
	// By true time the simulation ends at 20:00: what is sent later is not here yet.
	if rss := truth.Values[len(truth.Values)-2]; len(runs) != 12*7 || newer < 1000 || held == 0 || rss.Held != held || rss.Verdict == "fail" {
		t.Errorf("%d runs, %d newer serials, %d held; %+v", len(runs), newer, held, rss)
	}
	for i, p := range quiet.Publications { // what it sees early counts for 15 minutes at most
		if early := p.T.Sub(truth.Publications[i].T); early < 0 || early > 15*time.Minute {
			t.Errorf("a slow clock moves the publication %+v by %s", p, early)
		}
	}
}

// TestFastClock: the runs are there before their labels.
func TestFastClock(t *testing.T) {
	_, after, runs, quiet, truth := clocked(t, at902("fast_clock", 3, 9, `by = "2h"`), 3, 9)
	for at, r := range runs {
		if d := at.Sub(r.ReceivedAt); d > 2*time.Hour || d < 115*time.Minute || !*r.ClockSynchronized {
			t.Fatalf("%+v", r)
		}
	}
	for _, a := range after {
		if old := a.Interval.Hour() < 7; old && a.Serial != nil && *a.Serial != 2026103101 {
			t.Fatalf("serial %d", *a.Serial)
		}
	}
	if len(runs) != 72 || len(quiet.Publications) == 0 {
		t.Errorf("%d runs", len(runs))
	}
	if d := cmp.Diff(quiet.Publications, truth.Publications); d != "" {
		t.Errorf("a fast clock moves publications:\n%s", d)
	}
}

// TestLiars: one vantage point that shows serials of the future moves no publication;
// two that agree make a zone of it.
func TestLiars(t *testing.T) {
	const invented = 2026123100
	c := config(t, 3, 20*time.Hour)
	quiet, _ := run(t, c)
	for liars, want := range map[string]measurement.ZoneState{`"902"`: measurement.ZoneBogus, `"901", "902"`: measurement.ZoneSeen} {
		c.Faults = faultsOf(t, c, `fault "lies" {
  kind           = "future"
  vantage_points = [`+liars+`]
  by             = "60d"
  from           = "2026-11-01T06:00:00Z"
  until          = "2026-11-01T07:00:00Z"
}`)
		truth, dir := run(t, c)
		b := tables(t, dir, c.Plan)
		compare(t, b.of(c.From, c.Until, c.Until), truth.Numbers)
		z := b.zone(invented)
		if z == nil || z.State != want || z.FirstSeen == nil || (z.FirstUsed != nil) != (want == measurement.ZoneSeen) {
			t.Fatalf("%s: zone %+v", liars, z)
		}
		if same := cmp.Equal(quiet.Publications, truth.Publications); same != (want == measurement.ZoneBogus) {
			t.Errorf("%s: publications %v", liars, truth.Publications)
		}
	}
}
