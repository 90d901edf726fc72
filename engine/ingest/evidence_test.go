package ingest_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"mtric.net/mtric/engine/column"
	"mtric.net/mtric/engine/lab"
	"mtric.net/mtric/engine/measurement"
	"mtric.net/mtric/engine/plan"
	"mtric.net/mtric/engine/rootzone"
	"mtric.net/mtric/engine/spool"
)

// threeInPlan has the plan know three vantage points.
func (c *zoneCollector) threeInPlan() {
	c.inPlan()
	c.in.Plan.VantagePoints = append(c.in.Plan.VantagePoints, plan.VantagePoint{ID: "103"})
}

// tell are the verdicts and reasons of an interval at a vantage point, by RSI.
func (c *zoneCollector) tell(vp measurement.VantagePoint, label time.Time) string {
	c.t.Helper()
	var all []string
	for _, a := range readDay[measurement.Answer](c.collector, column.Answers, label) {
		if a.Query == "correctness" && a.Interval.Equal(label) && a.Transport == "udp" && a.VantagePoint == vp {
			text := string(*a.Verdict)
			if *a.Verdict == measurement.Unchecked {
				text = strings.Join(a.Failures, "; ")
			}
			all = append(all, string(a.RSI)+" "+text)
		}
	}
	return strings.Join(all, ", ")
}

func (c *zoneCollector) told(vp measurement.VantagePoint, label time.Time, want string) {
	c.t.Helper()
	if got := c.tell(vp, label); got != want {
		c.t.Errorf("%s at %s:\n%s, want\n%s", label.Format(time.DateTime), vp, got, want)
	}
}

// A zone that the archive lacks accuses nobody: not at once, not on day eight, not on
// day thirty. It is named as long as it is missing, and all are judged once it is
// added by hand.
func TestMissingZoneAccusesNobodyForEver(t *testing.T) {
	c := newZoneCollector(t, 3)
	c.threeInPlan()
	c.keep(c.zones[0], day.Add(-100*time.Hour))
	c.keep(c.zones[2], day.Add(time.Hour))
	c.watched(c.zones[0], day.Add(-49*time.Hour), day.Add(time.Hour))
	c.watched(c.zones[2], day.Add(time.Hour), day.Add(100*time.Hour))
	c.all(c.zones[1])
	c.serve["a"] = c.zones[0]
	vps := []measurement.VantagePoint{"101", "102", "103"}
	for _, vp := range vps {
		c.ask(vp, day)
	}
	missing := int64(c.zones[1].Serial)
	for _, days := range []int{0, 8, 30} {
		c.in.Now = func() time.Time { return day.AddDate(0, 0, days).Add(3 * time.Hour) }
		r := c.ingest()
		if len(r.Accused) != 0 || !slices.Equal(r.Zones.Missing, []int64{missing}) || c.collector.zones()[missing].State != measurement.ZoneSeen {
			t.Errorf("day %d: accused %v, %+v", days, r.Accused, r.Zones)
		}
		for _, vp := range vps {
			c.told(vp, day, "a correct, b correct, c hold: zone 2026112201 is not archived")
		}
		c.nothingNew(day)
	}
	c.addByHand(c.zones[1], day.AddDate(0, 0, 30))
	r := c.ingest()
	for _, vp := range vps {
		c.told(vp, day, "a correct, b correct, c correct")
	}
	if len(r.Zones.Missing) != 0 || r.Judged.Unchecked != 0 {
		t.Errorf("%+v", r)
	}
}

// A collector that comes back after eight days, to files of all of them, accuses nobody
// at its first ingest: neither who served zones that it never had, nor who was stale.
func TestCollectorAwayAccusesNobody(t *testing.T) {
	c := newZoneCollector(t, 3)
	c.inPlan()
	gone := day.AddDate(0, 0, -8)
	c.keep(c.zones[0], gone.Add(-100*time.Hour))
	c.watched(c.zones[0], gone.Add(-100*time.Hour), gone)
	c.in.Now = func() time.Time { return gone }
	c.ingest()
	c.all(c.zones[1])
	at := []time.Time{gone.AddDate(0, 0, 1), gone.AddDate(0, 0, 4), day.Add(-time.Hour)}
	for _, label := range at {
		c.ask("101", label)
	}
	c.keep(c.zones[2], day)
	c.watched(c.zones[2], day.Add(time.Hour), day.Add(3*time.Hour))
	c.in.Now = func() time.Time { return day.Add(3 * time.Hour) }
	if r := c.ingest(); len(r.Accused) != 0 || r.Judged.Unchecked != 12 {
		t.Errorf("accused %v, %+v", r.Accused, r.Judged)
	}
	c.addByHand(c.zones[1], day.Add(3*time.Hour))
	c.serve["a"] = c.zones[0] // eight days stale, while nobody looked
	c.ask("102", at[1].Add(time.Hour))
	c.ingest()
	c.told("101", at[1], "a correct, b correct, c correct")
	c.told("102", at[1].Add(time.Hour), "a correct, b correct, c correct") // of zones that had no successor for all we know
	c.ask("102", day.Add(25*time.Hour))
	c.in.Now = func() time.Time { return day.Add(30 * time.Hour) }
	c.watched(c.zones[2], day.Add(4*time.Hour), day.Add(30*time.Hour))
	c.ingest()
	const hold = "hold: no zone was watched from 2026-11-14T00:00Z to 2026-11-21T23:00Z"
	c.told("102", day.Add(25*time.Hour), "a "+hold+", b correct, c "+hold)
	c.nothingNew(at[1], day.Add(25*time.Hour))
}

// An archive that is an hour old knows nothing of the zone of the day before.
func TestYoungArchiveAccusesNobody(t *testing.T) {
	c := newZoneCollector(t, 2)
	c.inPlan()
	c.keep(c.zones[1], day)
	c.watched(c.zones[1], day.Add(time.Hour), day.Add(6*time.Hour))
	c.all(c.zones[1])
	c.serve["c"] = c.zones[0]
	c.ask("101", day.Add(time.Hour))
	if r := c.ingest(); len(r.Accused) != 0 {
		t.Errorf("%v", r.Accused)
	}
	c.told("101", day.Add(time.Hour), "a correct, b correct, c hold: zone 2026112200 is not archived")
}

// Sixty hours without a zone, and then three in an hour: who serves what everybody
// served a moment ago is right, and so is who serves the one that nobody fetched.
func TestPublicationGap(t *testing.T) {
	c := newZoneCollector(t, 4)
	c.inPlan()
	c.keep(c.zones[0], day.Add(-60*time.Hour))
	c.watched(c.zones[0], day.Add(-60*time.Hour), day)
	c.keep(c.zones[1], day.Add(10*time.Minute))
	c.keep(c.zones[3], day.Add(50*time.Minute)) // the second was gone before
	c.watched(c.zones[3], day.Add(time.Hour), day.Add(60*time.Hour))
	c.serve = map[measurement.RSI]*lab.Zone{"a": c.zones[0], "b": c.zones[3], "c": c.zones[3]}
	c.ask("101", day.Add(time.Hour))
	c.serve["c"] = c.zones[2]
	c.ask("101", day.Add(2*time.Hour))
	late := day.Add(47 * time.Hour)
	c.serve["a"] = c.zones[3]
	c.ask("101", late)
	c.in.Now = func() time.Time { return day.Add(60 * time.Hour) }
	if r := c.ingest(); len(r.Accused) != 0 {
		t.Errorf("accused %v", r.Accused)
	}
	c.told("101", day.Add(time.Hour), "a correct, b correct, c correct")
	c.told("101", day.Add(2*time.Hour), "a correct, b correct, c hold: zone 2026112202 is not archived")
	c.told("101", late, "a correct, b correct, c hold: zone 2026112202 is not archived")
}

// A signature in no archived zone proves that one is missing, though no serial shows it
// and the oldest zone that may answer was signed later.
func TestSignatureProvesAMissingZone(t *testing.T) {
	c := newZoneCollector(t, 4)
	c.inPlan()
	c.keep(c.zones[0], day.Add(-60*time.Hour))
	c.watched(c.zones[0], day.Add(-60*time.Hour), day)
	c.keep(c.zones[3], day.Add(50*time.Minute))
	c.watched(c.zones[3], day.Add(time.Hour), day.Add(60*time.Hour))
	c.tld = changedDS(t, c.zones[2], c.zones[3])
	c.all(c.zones[3])
	c.serve["b"], c.lie = c.zones[2], int64(c.zones[3].Serial)
	late := day.Add(47 * time.Hour)
	c.ask("101", late)
	c.in.Now = func() time.Time { return day.Add(60 * time.Hour) }
	c.ingest()
	c.told("101", late, "a correct, b hold: a zone signed at 2026-11-02T02:00Z is not archived, c correct")
	c.addByHand(c.zones[2], day.Add(61*time.Hour))
	c.ingest()
	c.told("101", late, "a correct, b correct, c correct")
}

// The first server with a new zone has it before anybody fetched it.
func TestFirstServerWithANewZone(t *testing.T) {
	c := newZoneCollector(t, 2)
	c.inPlan()
	c.keep(c.zones[0], day.Add(-100*time.Hour))
	c.watched(c.zones[0], day.Add(-100*time.Hour), day)
	c.all(c.zones[0])
	c.serve["c"] = c.zones[1]
	c.ask("101", day)
	c.ingest()
	c.told("101", day, "a correct, b correct, c hold: zone 2026112201 is not archived")
	c.keep(c.zones[1], day.Add(40*time.Minute))
	c.ingest()
	c.told("101", day, "a correct, b correct, c correct")
}

// While no fetch succeeds a key is revoked and another one signs: nothing of it is
// held, and nobody is accused.
func TestKeyRevokedWhileNoFetchSucceeds(t *testing.T) {
	next := lab.KSK(9, "next ksk", lab.ECDSAP256SHA256)
	zsk := lab.ZSK(9, "next zsk", lab.ECDSAP256SHA256)
	rolled := &lab.Signing{Publish: []lab.Key{zsk, next, labKSK.Revoke()}, SignKeys: []lab.Key{next, labKSK.Revoke()}, SignData: []lab.Key{zsk}}
	c := zoneCollectorWith(t, lab.Options{}, lab.Revision{Inception: signed(1), Expiration: signed(1).AddDate(0, 0, 40), Signing: rolled})
	c.inPlan()
	c.keep(c.zones[0], day.Add(-100*time.Hour))
	c.watched(c.zones[0], day.Add(-100*time.Hour), day.Add(-time.Hour))
	c.all(c.zones[1])
	c.ask("101", day)
	c.later(3)
	c.told("101", day, "a hold: zone 2026112201 is not archived, b hold: zone 2026112201 is not archived, c hold: zone 2026112201 is not archived")
	c.in.Anchors = append(c.in.Anchors, rootzone.Anchor{DS: next.Anchor()})
	c.addByHand(c.zones[1], day.AddDate(0, 0, 3))
	c.ingest()
	c.told("101", day, "a correct, b correct, c correct")
}

// One vantage point shows fifty-two serials of the future: its own rows are held, where
// they accuse, and nobody else's.
func TestLiarHoldsItsOwnRowsAlone(t *testing.T) {
	c := stale(t)
	c.threeInPlan()
	c.ask("102", day)
	c.ask("103", day)
	rows := answersOf("101", day.Add(-time.Hour))
	last := rows[len(rows)-1] // of the query soa
	rows = nil
	for n := range 52 {
		a := last
		a.RSI, a.Serial = measurement.RSI(rune('a'+n%9)), ptr(int64(2026112210+n))
		a.Family, a.Transport = measurement.Families[n/9%2], measurement.MetricTransports[n/18%2]
		a.Address = map[measurement.Family]string{"ipv4": "198.41.0.4", "ipv6": "2001:db8::4"}[a.Family]
		if n < 36 {
			rows = append(rows, a)
		}
	}
	slices.SortFunc(rows, func(a, b measurement.Answer) int {
		return strings.Compare(string(a.RSI)+string(a.Family)+string(a.Transport), string(b.RSI)+string(b.Family)+string(b.Transport))
	})
	label := day.Add(-time.Hour)
	send(c.collector, c.box("101"), spool.Name(label, "101", column.Answers), rows, metaOf(runOf(rows, "101", label)))
	c.watched(c.zones[1], day, day.Add(5*time.Hour))
	if r := c.ingest(); len(r.Quarantined) != 0 {
		t.Fatalf("%+v", r.Quarantined)
	}
	for _, vp := range []measurement.VantagePoint{"102", "103"} {
		c.told(vp, day, "a correct, b correct, c incorrect")
	}
	if got := c.tell("101", day); !strings.HasPrefix(got, "a correct, b correct, c hold: zone 20261122") {
		t.Error(got)
	}
	for serial, z := range c.collector.zones() {
		if serial > 2026112202 && z.State != measurement.ZoneBogus {
			t.Errorf("%+v", z)
		}
	}
}
