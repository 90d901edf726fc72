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

	"mtric.net/mtric/engine/ingest"
	"mtric.net/mtric/engine/lake"
	"mtric.net/mtric/engine/measurement"
	"mtric.net/mtric/engine/rootzone"
)

// A match is correct at once; a mismatch waits for a fetch after its interval.
func TestMismatchWaitsForTheArchive(t *testing.T) {
	c := newCourt(t, 3)
	c.all(c.zones[1])
	c.serve["c"] = c.zones[0] // never archived: nobody else serves it
	c.keep(c.zones[1], day.Add(-time.Hour))
	c.ask("101", day)
	r := c.ingest()
	c.expect(day, "correct correct unchecked")
	if r.Judged != (ingest.Judged{Correct: 4, Unchecked: 2, Changed: 4}) {
		t.Errorf("%+v", r.Judged)
	}
	if a := c.verdicts(day)["a"]; *a.VerdictSerial != int64(c.zones[1].Serial) || len(a.Failures) != 0 {
		t.Errorf("%+v", a)
	}
	c.fetched(c.zones[1].Serial, day.Add(5*time.Minute), false) // at its end, not after it
	c.ingest()
	c.expect(day, "correct correct unchecked")
	c.fetched(c.zones[1].Serial, day.Add(5*time.Minute+time.Second), false)
	c.ingest()
	c.expect(day, "correct correct incorrect")
	if a := c.verdicts(day)["c"]; len(a.Failures) == 0 || a.VerdictSerial == nil {
		t.Errorf("%+v", a)
	}
	// Nothing new: nothing is written.
	before, err := os.Stat(c.in.Lake.Path(lake.Answers, day))
	if err != nil {
		t.Fatal(err)
	}
	if r := c.ingest(); r.Judged != (ingest.Judged{}) {
		t.Errorf("%+v", r.Judged)
	}
	after, err := os.Stat(c.in.Lake.Path(lake.Answers, day))
	if err != nil || !os.SameFile(before, after) {
		t.Error("the lake was rewritten", err)
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

// A serial that two RSIs show and the archive never gets holds verdicts for seven
// days, and then no longer.
func TestSevenDaysEndTheWait(t *testing.T) {
	c := newCourt(t, 2)
	c.keep(c.zones[0], day.Add(-time.Hour))
	c.all(c.zones[1])
	c.serve["a"] = c.zones[0]
	c.ask("101", day)
	c.fetched(c.zones[0].Serial, day.Add(time.Hour), false)
	c.ingest()
	c.expect(day, "correct correct unchecked")
	c.in.Now = func() time.Time { return day.Add(7*24*time.Hour + time.Hour) }
	if got := c.ingest().Accused; len(got) != 1 || got[ingest.Accused{Interval: day, RSI: "c"}] != 2 {
		t.Errorf("accused %v, want two answers of c", got)
	}
	c.expect(day, "correct correct incorrect")
	if got := c.ingest().Accused; len(got) > 0 {
		t.Errorf("accused again: %v", got)
	}
}

// Nor does a collector that was away when the seven days ended leave a row waiting.
func TestSerialGivenUpLateEndsTheWait(t *testing.T) {
	c := newCourt(t, 2)
	c.keep(c.zones[0], day.Add(-time.Hour))
	c.all(c.zones[1])
	c.serve["a"] = c.zones[0]
	c.ask("101", day)
	c.fetched(c.zones[0].Serial, day.Add(time.Hour), false)
	c.ingest()
	c.in.Now = func() time.Time { return day.AddDate(0, 0, 30) }
	c.ingest()
	c.expect(day, "correct correct incorrect")
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
// [yhu], but the newest zone always counts, however old (A15).
func TestWindowOf48Hours(t *testing.T) {
	c := newCourt(t, 2)
	c.all(c.zones[0])
	old := day.Add(-72 * time.Hour)
	c.keep(c.zones[0], old)
	c.ask("101", day.Add(-24*time.Hour)) // first seen
	c.fetched(c.zones[0].Serial, day.Add(-20*time.Hour), false)
	c.in.Now = func() time.Time { return day.Add(-19 * time.Hour) }
	c.ingest()
	c.expect(day.Add(-24*time.Hour), "correct correct correct")
	c.keep(c.zones[1], day.Add(-10*time.Hour))
	c.all(c.zones[1])
	c.serve["c"] = c.zones[0]
	c.ask("101", day)
	c.fetched(c.zones[1].Serial, day.Add(time.Hour), false)
	c.in.Now = func() time.Time { return day.Add(2 * time.Hour) }
	c.ingest()
	c.expect(day, "correct correct incorrect")
	c.expect(day.Add(-24*time.Hour), "correct correct correct")
	if a := c.verdicts(day)["c"]; !strings.Contains(strings.Join(a.Failures, "\n"), "yhu: ") {
		t.Errorf("the stale zone is not named: %v", a.Failures)
	}
}

// A zone whose first use turns out to be earlier has the answers judged again that
// it concerns, whatever their verdict was; --rejudge does so for any span.
func TestJudgedAgain(t *testing.T) {
	c := newCourt(t, 2)
	c.keep(c.zones[0], day.Add(-time.Hour))
	c.all(c.zones[0])
	c.serve["c"] = c.zones[1] // only c has it: not accepted
	c.ask("101", day)
	c.fetched(c.zones[0].Serial, day.Add(time.Hour), false)
	c.ingest()
	c.expect(day, "correct correct incorrect")
	c.keep(c.zones[1], day.Add(2*time.Hour)) // the archive proves c right
	c.ingest()
	c.expect(day, "correct correct correct")

	// A verdict that a mended rule would not give any more.
	wrong := measurement.Incorrect
	if err := lake.Amend(c.in.Lake, day, func(_ int64, a *measurement.Answer) {
		if a.Query == "correctness" {
			a.Verdict, a.Failures = &wrong, []string{"old: mistake"}
		}
	}); err != nil {
		t.Fatal(err)
	}
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

// A zone that comes to the archive late answers as long as it was the newest, which
// may be for more than 48 hours (A15), and no longer than it might.
func TestLateZoneClearsAsLongAsItWasTheNewest(t *testing.T) {
	c := newCourt(t, 3)
	c.keep(c.zones[0], day.Add(-time.Hour))
	c.all(c.zones[0])
	c.serve["c"] = c.zones[1] // only c has it: not accepted
	days := []int{0, 1, 5, 9, 12}
	for _, n := range days {
		c.ask("101", day.AddDate(0, 0, n))
	}
	c.fetched(c.zones[0].Serial, day.AddDate(0, 0, 13), false)
	c.later(13)
	for _, n := range days {
		c.expect(day.AddDate(0, 0, n), "correct correct incorrect")
	}
	c.keep(c.zones[2], day.AddDate(0, 0, 7))
	c.later(14)
	c.keep(c.zones[1], day.AddDate(0, 0, 14))
	c.later(15)
	for n, want := range map[int]string{0: "correct correct correct", 1: "correct correct correct", 5: "incorrect correct correct",
		9: "incorrect correct incorrect", 12: "incorrect correct incorrect"} {
		c.expect(day.AddDate(0, 0, n), want)
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

// Answers of an archived zone whose file is gone accuse nobody, however long it is
// gone, and are judged when it is back.
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
		c.expect(later, "incorrect correct incorrect")
	}
}

// forge alters the signature over SOA in the archive and in answers alike.
func (c *court) forge() {
	c.t.Helper()
	m := new(dns.Msg)
	if err := m.Unpack(wireOf(c.t, c.zones[0], ".", "SOA")); err != nil {
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

func TestLostZoneAccusesNobody(t *testing.T) {
	c := newCourt(t, 2)
	c.keep(c.zones[0], day.Add(-2*time.Hour))
	c.keep(c.zones[1], day.Add(-time.Hour))
	c.ingest()
	path := filepath.Join(c.in.RootZones, rootzone.FileName(c.zones[1].Serial))
	if err := os.Rename(path, path+".away"); err != nil {
		t.Fatal(err)
	}
	c.all(c.zones[1])
	at := day.AddDate(0, 0, 9) // the newest zone is nine days old
	c.ask("101", at)
	c.fetched(c.zones[1].Serial, at.Add(time.Hour), false)
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
