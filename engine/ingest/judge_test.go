package ingest_test

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"

	"mtric.net/mtric/engine/column"
	"mtric.net/mtric/engine/ingest"
	"mtric.net/mtric/engine/lake"
	"mtric.net/mtric/engine/measurement"
	"mtric.net/mtric/engine/rootzone"
)

// A match is correct at once; a mismatch waits for a fetch an hour after its interval.
func TestMismatchWaitsForAFetch(t *testing.T) {
	c := stale(t)
	r := c.ingest()
	c.expect(day, "correct correct unchecked")
	c.held(day, "c", "no zone fetch since")
	if r.Judged != (ingest.Judged{Correct: 4, Unchecked: 2, Changed: 4}) {
		t.Errorf("%+v", r.Judged)
	}
	if a := c.verdicts(day)["a"]; *a.VerdictSerial != int64(c.zones[1].Serial) || len(a.Failures) != 0 {
		t.Errorf("%+v", a)
	}
	end := day.Add(5 * time.Minute)
	c.fetched(c.zones[1].Serial, end.Add(time.Hour), false) // not after it
	c.ingest()
	c.held(day, "c", "no zone fetch since")
	c.fetched(c.zones[0].Serial, end.Add(2*time.Hour), false) // a stale mirror
	c.ingest()
	c.held(day, "c", "no zone fetch since")
	c.fetched(c.zones[1].Serial, end.Add(time.Hour+time.Microsecond), false)
	r = c.ingest()
	c.expect(day, "correct correct incorrect")
	if r.Accused[ingest.Accused{Interval: day, RSI: "c", VantagePoint: "101"}] != 2 || len(r.Accused) != 1 {
		t.Errorf("accused %v", r.Accused)
	}
	a := c.verdicts(day)["c"]
	if text := strings.Join(a.Failures, "\n"); !strings.Contains(text, "vnk: ") || !strings.Contains(text, "yhu: ") || *a.VerdictSerial != int64(c.zones[1].Serial) {
		t.Errorf("%+v", a)
	}
	c.nothingNew(day)
}

// nothingNew is an ingest that changes nothing: not a verdict, not the day's file.
func (c *court) nothingNew(days ...time.Time) {
	c.t.Helper()
	var before []os.FileInfo
	for _, d := range days {
		info, err := os.Stat(c.in.Lake.Path(column.Answers, d))
		if err != nil {
			c.t.Fatal(err)
		}
		before = append(before, info)
	}
	if r := c.ingest(); r.Judged.Changed != 0 || len(r.Accused) != 0 {
		c.t.Errorf("nothing is new: %+v, %v", r.Judged, r.Accused)
	}
	for i, d := range days {
		after, err := os.Stat(c.in.Lake.Path(column.Answers, d))
		if err != nil || !os.SameFile(before[i], after) {
			c.t.Errorf("nothing is new, and %s was rewritten: %v", d.Format(time.DateOnly), err)
		}
	}
}

// A DS changed in a zone that the archive has 29 minutes after the RSIs serve it:
// in the gap nobody is accused, and nobody is called correct by the older zone.
func TestZoneArchivedLateAccusesNobody(t *testing.T) {
	c := newCourt(t, 2)
	c.tld = changedDS(t, c.zones[0], c.zones[1])
	c.keep(c.zones[0], day.Add(-time.Hour))
	c.all(c.zones[1])
	for m := time.Duration(0); m < 30; m += 5 {
		c.ask("101", day.Add(m*time.Minute))
		c.fetched(c.zones[0].Serial, day.Add((m+1)*time.Minute), false)
		c.ingest()
		c.expect(day.Add(m*time.Minute), "unchecked unchecked unchecked")
	}
	c.keep(c.zones[1], day.Add(29*time.Minute))
	c.ingest()
	for m := time.Duration(0); m < 30; m += 5 {
		c.expect(day.Add(m*time.Minute), "correct correct correct")
	}
}

// A file that comes a month late is judged like any other.
func TestLateFileIsJudged(t *testing.T) {
	c := newCourt(t, 1)
	c.keep(c.zones[0], day.Add(-time.Hour))
	c.all(c.zones[0])
	c.in.Now = func() time.Time { return day.AddDate(0, 0, 30) }
	c.ingest()
	c.ask("101", day)
	c.ingest()
	c.expect(day, "correct correct correct")
}

// An answer of a zone whose first use was more than 48 hours before is incorrect
// [yhu], unless it was the newest a day before; the newest always counts, however old.
func TestWindowOf48Hours(t *testing.T) {
	c := newCourt(t, 2)
	c.all(c.zones[0])
	used := day.Add(-30 * time.Hour) // of the newer one
	c.keep(c.zones[0], used.Add(-70*time.Hour))
	c.watched(c.zones[0], used.Add(-70*time.Hour), used)
	c.ask("101", used.Add(-time.Hour))
	c.keep(c.zones[1], used)
	c.watched(c.zones[1], used, day.Add(3*time.Hour))
	c.ask("101", used.Add(23*time.Hour+55*time.Minute))
	c.ask("101", used.Add(24*time.Hour))
	c.in.Now = func() time.Time { return day.Add(4 * time.Hour) }
	c.ingest()
	c.expect(used.Add(-time.Hour), "correct correct correct")
	c.expect(used.Add(23*time.Hour+55*time.Minute), "correct correct correct")
	c.expect(used.Add(24*time.Hour), "incorrect correct incorrect")
	if a := c.verdicts(used.Add(24 * time.Hour))["c"]; !strings.Contains(strings.Join(a.Failures, "\n"), "yhu: ") {
		t.Errorf("the stale zone is not named: %v", a.Failures)
	}
}

// A zone that comes into the archive has the answers judged again that it concerns;
// --rejudge does so for any span.
func TestJudgedAgain(t *testing.T) {
	c := newCourt(t, 2)
	c.keep(c.zones[0], day.Add(-100*time.Hour))
	c.watched(c.zones[0], day.Add(-49*time.Hour), day.Add(2*time.Hour))
	c.all(c.zones[0])
	c.serve["c"] = c.zones[1]
	c.ask("101", day)
	c.ingest()
	c.expect(day, "correct correct unchecked")
	c.keep(c.zones[1], day.Add(2*time.Hour)) // the archive proves c right
	c.ingest()
	c.expect(day, "correct correct correct")

	c.mistake(day) // a verdict that a mended rule would not give any more
	c.ingest()
	c.expect(day, "incorrect incorrect incorrect")
	c.in.Rejudge = []ingest.Span{{From: day.Add(5 * time.Minute), Until: day.Add(time.Hour)}}
	c.ingest()
	c.expect(day, "incorrect incorrect incorrect")
	c.in.Rejudge = []ingest.Span{{From: day, Until: day.Add(5 * time.Minute)}}
	c.ingest()
	c.expect(day, "correct correct correct")
	for _, a := range c.verdicts(day) {
		if len(a.Failures) != 0 {
			t.Errorf("%v", a.Failures)
		}
	}
}

// mistake makes all verdicts of a day wrong.
func (c *court) mistake(day time.Time) {
	c.t.Helper()
	wrong := measurement.Incorrect
	if err := lake.Amend(c.in.Lake, day, func(_ int64, a *measurement.Answer) {
		if a.Query == "correctness" {
			a.Verdict, a.Failures = &wrong, []string{"old: mistake"}
		}
	}); err != nil {
		c.t.Fatal(err)
	}
}

// Sightings that arrive late may show that a zone was in use long before: then it
// explains no more what it explained.
func TestEarlierFirstUseIsJudgedAgain(t *testing.T) {
	c := newCourt(t, 2)
	c.keep(c.zones[0], day.Add(-40*time.Hour))
	c.keep(c.zones[1], day.Add(-30*time.Hour))
	c.watched(c.zones[1], day.Add(-50*time.Hour), day.Add(2*time.Hour))
	c.all(c.zones[1])
	c.serve["c"] = c.zones[0]
	c.ask("101", day)
	c.ingest()
	c.expect(day, "correct correct correct")
	c.show("101", day.Add(-49*time.Hour), map[measurement.RSI]int64{"a": int64(c.zones[0].Serial)})
	r := c.ingest()
	c.expect(day, "correct correct incorrect")
	if !slices.Equal(r.Zones.Earlier, []int64{int64(c.zones[0].Serial)}) {
		t.Errorf("%+v", r.Zones)
	}
}

// A zone that comes to the archive late is dated by the archived one after it: it
// answers until 48 hours after that, and does not become new.
func TestLateZoneIsDatedByItsSuccessor(t *testing.T) {
	c := newCourt(t, 3)
	c.inPlan() // another vantage point shows nothing
	first := day.AddDate(0, 0, -13)
	c.keep(c.zones[0], first.Add(-time.Hour))
	c.watched(c.zones[0], first.Add(-49*time.Hour), first.AddDate(0, 0, 7))
	c.all(c.zones[0])
	c.serve["c"] = c.zones[1]
	for _, n := range []int{0, 1, 5} {
		c.ask("101", first.AddDate(0, 0, n))
	}
	c.later(-7)
	for _, n := range []int{0, 1, 5} {
		c.expect(first.AddDate(0, 0, n), "correct correct unchecked")
	}
	c.ask("101", first.AddDate(0, 0, 9))
	c.ask("101", first.AddDate(0, 0, 12))
	c.keep(c.zones[2], first.AddDate(0, 0, 7))
	c.watched(c.zones[2], first.AddDate(0, 0, 7), first.AddDate(0, 0, 13))
	c.later(1)
	c.addByHand(c.zones[1], first.AddDate(0, 0, 14))
	c.later(2)
	for n, want := range map[int]string{0: "correct correct correct", 1: "correct correct correct", 5: "correct correct correct",
		9: "incorrect correct incorrect", 12: "incorrect correct incorrect"} {
		c.expect(first.AddDate(0, 0, n), want)
	}
}

// An archived zone that cannot be read accuses nobody, and holds up nothing else.
func TestUnreadableZoneAccusesNobody(t *testing.T) {
	c := newCourt(t, 2)
	c.keep(c.zones[0], day.Add(-2*time.Hour))
	c.keep(c.zones[1], day.Add(-time.Hour))
	c.all(c.zones[1])
	c.serve["a"] = c.zones[0]
	c.ask("101", day)
	c.fetched(c.zones[1].Serial, day.Add(time.Hour), false)
	path := filepath.Join(c.in.RootZones, rootzone.FileName(c.zones[1].Serial))
	good, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, good[:len(good)/2], 0o644); err != nil {
		t.Fatal(err)
	}
	if r := c.ingest(); len(r.Left) != 1 || !strings.Contains(r.Left[0], filepath.Base(path)) {
		t.Errorf("%+v", r.Left)
	}
	c.expect(day, "correct correct unchecked")
	c.later(12) // and is not forgotten
	c.expect(day, "correct correct unchecked")
	if err := os.WriteFile(path, good, 0o644); err != nil {
		t.Fatal(err)
	}
	c.ingest()
	c.expect(day, "correct correct correct")
}

// A zone that was proven is believed as it was then. A signature that was forged in its
// file makes no answer with the same forgery correct, though the two agree: neither when
// that was done since, nor before where the record of the fetch has no sum.
func TestForgedArchiveProvesNothing(t *testing.T) {
	for _, since := range []bool{true, false} {
		c := newCourt(t, 1)
		c.all(c.zones[0])
		c.keep(c.zones[0], day.Add(-time.Hour))
		c.fetched(c.zones[0].Serial, day.Add(time.Hour), false)
		if since {
			c.ask("101", day)
			c.ingest()
			c.expect(day, "correct correct correct")
		} else {
			if err := os.Remove(rootzone.RecordsFile(c.in.RootZones)); err != nil {
				t.Fatal(err)
			}
			c.record(rootzone.Record{At: day.Add(-time.Hour), Serial: c.zones[0].Serial, Source: "internic", Added: true})
			c.record(rootzone.Record{At: day.Add(time.Hour), Serial: c.zones[0].Serial, Source: "internic"})
		}
		c.forge()
		later := day.Add(5 * time.Minute)
		c.ask("101", later)
		c.ingest()
		c.expect(later, "correct incorrect correct")
	}
}

// forge alters the signature over the DS that b is asked for, in the archive and in
// answers alike.
func (c *court) forge() {
	c.t.Helper()
	m := new(dns.Msg)
	if err := m.Unpack(wireOf(c.t, c.zones[0], c.zones[0].Secure()[0], "DS")); err != nil {
		c.t.Fatal(err)
	}
	good := m.Answer[slices.IndexFunc(m.Answer, func(rr dns.RR) bool { return rr.Header().Rrtype == dns.TypeRRSIG })].(*dns.RRSIG).Signature
	forged := strings.ReplaceAll(good, "A", "B")
	text, err := os.ReadFile(c.file(c.zones[0]))
	if err != nil || bytes.Count(text, []byte(good)) != 1 || good == forged {
		c.t.Fatal(err, good)
	}
	if err := os.WriteFile(c.file(c.zones[0]), bytes.Replace(text, []byte(good), []byte(forged), 1), 0o644); err != nil {
		c.t.Fatal(err)
	}
	c.twist = func(wire []byte) []byte {
		m := new(dns.Msg)
		if err := m.Unpack(wire); err != nil {
			c.t.Fatal(err)
		}
		for _, rr := range m.Answer {
			if sig, ok := rr.(*dns.RRSIG); ok && sig.Signature == good {
				sig.Signature = forged
			}
		}
		m.Compress = true
		wire, err := m.Pack()
		if err != nil {
			c.t.Fatal(err)
		}
		return wire
	}
}

// Answers of an archived zone whose file is gone accuse nobody, however long it is
// gone, and are judged when it is back.
func TestLostZoneAccusesNobody(t *testing.T) {
	c := newCourt(t, 2)
	c.keep(c.zones[0], day.AddDate(0, 0, -10))
	c.keep(c.zones[1], day.AddDate(0, 0, -9))
	c.watched(c.zones[1], day.Add(-49*time.Hour), day)
	c.ingest()
	path := filepath.Join(c.in.RootZones, rootzone.FileName(c.zones[1].Serial))
	if err := os.Rename(path, path+".away"); err != nil {
		t.Fatal(err)
	}
	c.all(c.zones[1])
	at := day // the newest zone is nine days old
	c.ask("101", at)
	c.fetched(c.zones[1].Serial, at.Add(2*time.Hour), false)
	c.later(10)
	c.expect(at, "unchecked unchecked unchecked")
	c.later(30)
	c.expect(at, "unchecked unchecked unchecked")
	if err := os.Rename(path+".away", path); err != nil {
		t.Fatal(err)
	}
	c.ingest()
	c.expect(at, "correct correct correct")
}
