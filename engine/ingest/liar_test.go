package ingest_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"mtric.net/mtric/engine/column"
	"mtric.net/mtric/engine/lab"
	"mtric.net/mtric/engine/measurement"
	"mtric.net/mtric/engine/spool"
)

// invented is a file of rows of RSIs and queries that no plan has, all of them incorrect.
func (c *collector) invented(vp measurement.VantagePoint, label time.Time, rsis, queries int) {
	rows := answersOf(vp, label)
	last := rows[0] // of correctness
	for n := range rsis {
		last.RSI = measurement.RSI(fmt.Sprintf("r%05d", n))
		rows = append(rows, last)
	}
	for n := range queries {
		last.Query, last.RSI = fmt.Sprintf("q%05d", n), "a"
		rows = append(rows, last)
	}
	slices.SortFunc(rows, func(a, b measurement.Answer) int {
		return strings.Compare(a.Query+" "+string(a.RSI)+" "+string(a.Transport), b.Query+" "+string(b.RSI)+" "+string(b.Transport))
	})
	send(c, c.box(vp), spool.Name(label, vp, column.Answers), rows, metaOf(runOf(rows, vp, label)))
}

// Labels that the plan lacks come into the lake up to a bound, and accuse nobody: the
// vantage point may run another plan. More of them are made up.
func TestLabelsThatThePlanLacks(t *testing.T) {
	for _, k := range []struct {
		rsis, queries int
		refused       bool
	}{{64, 0, false}, {0, 64, false}, {32, 32, false}, {33, 32, true}, {0, 65, true}, {900, 0, true}} {
		c := newCollector(t)
		c.inPlan()
		for n := range 12 {
			c.invented("101", day.Add(time.Duration(n)*5*time.Minute), k.rsis, k.queries)
		}
		r := c.ingest()
		if k.refused != (len(r.Quarantined) == 12) || k.refused != (r.Files == 0) {
			t.Errorf("%+v: %d files, %d quarantined", k, r.Files, len(r.Quarantined))
		}
		for _, q := range r.Quarantined {
			if !strings.Contains(q.Reason, "more than 64 RSIs and query labels that the plan here lacks") && k.rsis < 900 {
				t.Error(q.Reason)
			}
		}
		for a := range r.Accused {
			if len(a.RSI) > 1 {
				t.Errorf("%+v: %s is accused", k, a.RSI)
			}
		}
		if !k.refused && len(r.Accused) == 0 {
			t.Error("nobody at all is accused")
		}
	}
}

// What one dropbox leaves for a person hides nothing of another.
func TestLeftoversOfOneAreBounded(t *testing.T) {
	c := newCollector(t)
	for n := range 500 {
		if err := os.Mkdir(filepath.Join(c.box("101"), fmt.Sprintf("folder%03d", n)), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir(filepath.Join(c.box("102"), "folder"), 0o755); err != nil {
		t.Fatal(err)
	}
	r := c.ingest()
	if len(r.Left) != 21 || !strings.Contains(r.Left[1], "transfer-102") || !strings.HasSuffix(r.Left[20], "has 481 more such files") {
		t.Errorf("%d lines: %q", len(r.Left), r.Left)
	}
}

// A sidecar of a file that does not belong goes with it, whatever its name.
func TestStrangersLeaveNoSidecar(t *testing.T) {
	c := newCollector(t)
	for _, name := range []string{"a\nb", "rubbish", "202611220000-101.answers.parquet\n"} {
		for _, file := range []string{name, name + ".sha256"} {
			if err := os.WriteFile(filepath.Join(c.box("101"), file), []byte("x"), 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	if r := c.ingest(); len(r.Quarantined) != 6 {
		t.Errorf("%+v", r.Quarantined)
	}
	if names := left(t, c.box("101")); len(names) != 0 {
		t.Errorf("left: %q", names)
	}
}

// A stolen key sends serials of the future, as often as it likes, and a vantage point whose
// clock is slow shows zones of days ahead: nobody else's answers change, and no zone is
// made of it.
func TestOneLiarChangesNothingForOthers(t *testing.T) {
	verdicts := func(lie func(c *court)) (got string, zones map[int64]measurement.Zone) {
		c := newCourt(t, 2)
		c.inPlan()
		c.keep(c.zones[0], day.Add(-200*time.Hour))
		c.keep(c.zones[1], day.Add(-100*time.Hour))
		c.watched(c.zones[1], day.Add(-99*time.Hour), day.Add(30*time.Hour))
		c.all(c.zones[1])
		c.serve["c"] = c.zones[0] // is accused, whoever lies
		for slot := range 6 {
			c.ask("102", day.Add(time.Duration(slot)*5*time.Minute))
			lie(c)
		}
		c.ingest()
		c.ingest()
		for _, a := range readDay[measurement.Answer](c.collector, column.Answers, day) {
			if a.VantagePoint == "102" && a.Query == "correctness" {
				got += fmt.Sprintf("%s %s %s\n", a.Interval.Format("15:04"), a.RSI, *a.Verdict)
			}
		}
		return got, c.collector.zones()
	}
	honest, _ := verdicts(func(*court) {})
	if !strings.Contains(honest, " c incorrect") || !strings.Contains(honest, " a correct") {
		t.Fatal(honest)
	}
	rows := func(c *court, label time.Time, serial func(n int) int64, clock *bool) {
		var all []measurement.Answer
		for _, family := range []measurement.Family{"ipv4"} {
			for n, rsi := range []measurement.RSI{"a", "b", "c", "d", "e", "f", "g", "h", "i"} {
				for m, transport := range []measurement.Transport{"tcp", "udp"} {
					a := answersOf("101", label)[11]
					a.RSI, a.Family, a.Transport, a.Serial = rsi, family, transport, ptr(serial(2*n+m))
					all = append(all, a)
				}
			}
		}
		run := runOf(all, "101", label)
		run.ClockSynchronized = clock
		send(c.collector, c.box("101"), spool.Name(label, "101", column.Answers), all, metaOf(run))
	}
	next := 0
	label := func() time.Time { next++; return day.Add(time.Duration(next%6) * 5 * time.Minute) }
	for name, lie := range map[string]func(c *court){
		"many serials of the future": func(c *court) { rows(c, label(), func(n int) int64 { return int64(2026112210 + n) }, nil) },
		"sixteen of them":            func(c *court) { rows(c, label(), func(n int) int64 { return int64(2026112210 + n%16) }, nil) },
		"old labels": func(c *court) {
			rows(c, label().AddDate(0, 0, -300), func(n int) int64 { return int64(2026112210 + n%16) }, nil)
		},
		"a slow clock that it knows": func(c *court) {
			rows(c, label().Add(-48*time.Hour), func(int) int64 { return int64(c.zones[1].Serial) }, ptr(false))
		},
	} {
		got, zones := verdicts(lie)
		if got != honest {
			t.Errorf("%s: verdicts\n%s, want\n%s", name, got, honest)
		}
		for serial, z := range zones {
			if z.State == measurement.ZoneSeen || serial > 2026112209 && (z.State != measurement.ZoneBogus || z.FirstUsed != nil) {
				t.Errorf("%s: %+v", name, z)
			}
			if z.State == measurement.ZoneArchived && z.FirstSeen != nil && z.FirstSeen.Before(day) {
				t.Errorf("%s: %d was seen at %s", name, serial, z.FirstSeen)
			}
		}
	}
}

// Whoever shows the serials of the days to come, at an early label, does not have all
// answers since then judged again with each zone that comes.
func TestPredictedSerialHasNothingJudgedAgain(t *testing.T) {
	c := courtWith(t, lab.Options{}, lab.Revision{Inception: day.Add(-time.Hour), Expiration: day.AddDate(0, 0, 10)})
	c.threeInPlan()
	c.keep(c.zones[0], day.AddDate(0, 0, -5))
	c.watched(c.zones[0], day.AddDate(0, 0, -4), day)
	c.all(c.zones[0])
	c.ask("102", day.Add(-30*time.Hour))
	c.ask("102", day.Add(-10*time.Hour))
	c.lie = int64(c.zones[1].Serial)
	c.ask("101", day.Add(-40*time.Hour))
	if r := c.ingest(); r.Judged.Correct == 0 {
		t.Fatalf("%+v", r.Judged)
	}
	c.keep(c.zones[1], day.Add(30*time.Minute))
	if r := c.ingest(); len(r.Zones.New) != 0 || r.Judged.Correct+r.Judged.Incorrect > 3 {
		t.Errorf("%+v, %+v: only what 101 said may be judged again", r.Zones, r.Judged)
	}
	if z := c.collector.zones()[int64(c.zones[1].Serial)]; z.State != measurement.ZoneArchived {
		t.Errorf("%+v", z)
	}
}
