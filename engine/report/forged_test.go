package report_test

import (
	"slices"
	"testing"
	"time"

	"mtric.net/mtric/engine/lake"
	"mtric.net/mtric/engine/measurement"
	"mtric.net/mtric/engine/report"
	"mtric.net/mtric/metrics"
)

// changeRows rewrites what a day of the lake says, and returns how it was.
func changeRows(t testing.TB, store lake.Store, day time.Time, change func(*measurement.Answer)) (undo func()) {
	t.Helper()
	rows, put := answersOf(t, store, day)
	own := slices.Clone(rows)
	for i := range own {
		change(&own[i])
	}
	put(own)
	return func() { put(rows) }
}

func changeZone(t testing.TB, store lake.Store, serial int64, change func(*measurement.Zone)) {
	t.Helper()
	zones, err := store.Zones()
	if err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(zones, func(z measurement.Zone) bool { return z.Serial == serial })
	change(&zones[i])
	if err := store.SaveZones(zones); err != nil {
		t.Fatal(err)
	}
}

// notArchived makes a zone one that is proven by witnesses only.
func notArchived(z *measurement.Zone) {
	z.State, z.Proof, z.ArchivedAt, z.Source, z.SHA256 = measurement.ZoneSeen, new(measurement.ProofWitnesses), nil, nil, nil
}

// lies sees to it that a report with what follows from the change is refused, public or not.
func lies(t testing.TB, d *report.Document, store lake.Store, want string, change func(*report.Document)) {
	t.Helper()
	lie := refilled(t, d, store, change)
	differs(t, lie, store, want)
	differs(t, lie.Public(), store, want)
}

// told is a report of which only what is told beside the numbers was changed.
func told(d *report.Document, change func(*report.Document)) *report.Document {
	own := *d
	own.Held, own.Archive.Missing = slices.Clone(d.Held), slices.Clone(d.Archive.Missing)
	change(&own)
	report.Conclude(&own)
	return &own
}

// TestForgedArchive: what was archived when a report was made is held to the last run that
// it counts, also where nobody noted when runs came; and no zone archived by then moves a
// T(s).
func TestForgedArchive(t *testing.T) {
	store, p := lying(t)
	zones, err := store.Zones()
	if err != nil {
		t.Fatal(err)
	}
	serial := filled(t, store, p).Publications[0].Serial
	moved := func(d *report.Document) { d.Publications[0].T = d.Publications[0].T.Add(24 * time.Hour) }
	left := func(d *report.Document) { d.Publications = d.Publications[1:] }
	denied := func(d *report.Document) {
		left(d)
		d.Accepted = slices.DeleteFunc(d.Accepted, func(s int64) bool { return s == serial })
	}
	invented := func(d *report.Document) {
		d.Archive.Missing = []report.MissingZone{{Serial: serial, RSIs: []measurement.RSI{"b"}, VantagePoints: []measurement.VantagePoint{"901"}, Held: 4711}}
	}
	all := func(t *testing.T, d *report.Document) {
		same(t, d, store)
		lies(t, d, store, "publications ", moved)
		lies(t, d, store, "publications ", left)
		lies(t, d, store, "accepted ", denied)
		lies(t, d, store, "publications ", func(d *report.Document) { moved(d); invented(d) })
		differs(t, told(d, invented), store, "archive missing ")
		lies(t, d, store, "archived_until: ", func(d *report.Document) { d.ArchivedUntil, d.Publications = zones[0].ArchivedAt, nil })
	}
	t.Run("archived after the last run came", func(t *testing.T) {
		changeZone(t, store, serial, func(z *measurement.Zone) { z.ArchivedAt = new(monday.AddDate(0, 0, 2).Add(2 * time.Hour)) })
		all(t, filled(t, store, p))
	})
	if err := store.SaveZones(zones); err != nil {
		t.Fatal(err)
	}
	t.Run("runs that nobody dated", func(t *testing.T) {
		for i := range 3 {
			undate(t, store, monday.AddDate(0, 0, i-1))
		}
		d := filled(t, store, p)
		if d.ReceivedUntil != nil || value(t, d, "rsi_publication_latency k").Verdict != metrics.Fail {
			t.Fatal("want an undated report in which k fails")
		}
		all(t, d)
		lies(t, d, store, "accepted ", func(d *report.Document) { d.Accepted, d.Publications = d.Accepted[:1], nil })
	})
}

// TestErasedFail: the archive alone bears out when serials were published; an archive told
// as older would leave k, which is frozen, without a value.
func TestErasedFail(t *testing.T) {
	store, p := lying(t)
	zones, err := store.Zones()
	if err != nil {
		t.Fatal(err)
	}
	for i := range 3 {
		changeRows(t, store, monday.AddDate(0, 0, i-1), func(a *measurement.Answer) {
			if a.VantagePoint != "902" && a.Query == "soa" && a.Outcome == measurement.Answered {
				a.Outcome, a.LatencyUS, a.RCode, a.AA, a.TC, a.Serial, a.NSID, a.ResponseSize = measurement.Timeout, nil, nil, nil, nil, nil, nil, nil
			}
		})
	}
	erase := func(d *report.Document) { d.ArchivedUntil, d.Publications = zones[0].ArchivedAt, nil }
	d := filled(t, store, p)
	if lie := refilled(t, d, store, erase); value(t, d, "rsi_publication_latency k").Verdict != metrics.Fail || value(t, lie, "rsi_publication_latency k").Verdict != metrics.NoData {
		t.Fatal("want a FAIL that is erased")
	}
	same(t, d, store)
	lies(t, d, store, "archived_until: ", erase)
}

// TestForgedMissing: what a report says of a zone that it misses is held to the data, also
// once the zone is archived.
func TestForgedMissing(t *testing.T) {
	store, p := lying(t)
	serial := filled(t, store, p).Publications[0].Serial
	archived, err := store.Zones()
	if err != nil {
		t.Fatal(err)
	}
	changeZone(t, store, serial, notArchived)
	d := filled(t, store, p)
	if len(d.Archive.Missing) != 1 {
		t.Fatalf("%+v", d.Archive)
	}
	same(t, d, store)
	all := func(t *testing.T) {
		for name, change := range map[string]func(*report.MissingZone){
			"held":             func(z *report.MissingZone) { z.Held = 4711 },
			"first seen later": func(z *report.MissingZone) { z.FirstSeen = new(z.FirstSeen.Add(50 * time.Hour)) },
			"first seen early": func(z *report.MissingZone) { z.FirstSeen = new(z.FirstSeen.Add(-time.Hour)) },
			"never seen":       func(z *report.MissingZone) { z.FirstSeen = nil },
			"RSIs":             func(z *report.MissingZone) { z.RSIs = []measurement.RSI{"b", "k"} },
			"vantage points":   func(z *report.MissingZone) { z.VantagePoints = []measurement.VantagePoint{"901"} },
			"signed":           func(z *report.MissingZone) { z.SignedAt = new(z.SignedAt.Add(time.Hour)) },
			"proof":            func(z *report.MissingZone) { z.Proof = new(measurement.ProofArchive) },
		} {
			t.Run(name, func(t *testing.T) {
				differs(t, told(d, func(d *report.Document) { change(&d.Archive.Missing[0]) }), store, "archive missing ")
			})
		}
		differs(t, told(d, func(d *report.Document) { d.Archive.Missing = []report.MissingZone{} }), store, "archive missing ")
		lies(t, d, store, "publications ", func(d *report.Document) { d.Publications[0].T = d.Publications[0].T.Add(24 * time.Hour) })
		lies(t, d, store, "publications ", func(d *report.Document) { d.Publications = d.Publications[1:] })
		lies(t, d, store, "accepted ", func(d *report.Document) {
			d.Publications, d.Archive.Missing = d.Publications[1:], nil
			d.Accepted = slices.DeleteFunc(d.Accepted, func(s int64) bool { return s == serial })
		})
	}
	t.Run("missing still", all)
	if err := store.SaveZones(archived); err != nil {
		t.Fatal(err)
	}
	changeZone(t, store, serial, func(z *measurement.Zone) { z.ArchivedAt = new(monday.AddDate(0, 0, 20)) })
	late(t, d, store, "zone 2026110200, which the report misses, is archived now")
	t.Run("archived since", all)
}

// TestSignedAtLearnt: that a zone was signed later than somebody showed it is known since.
func TestSignedAtLearnt(t *testing.T) {
	store, p := lying(t)
	serial := filled(t, store, p).Publications[0].Serial
	changeRows(t, store, monday, func(a *measurement.Answer) { // 902's clock and 903's are slow
		if a.VantagePoint != "901" && a.Query == "soa" && a.Serial != nil && *a.Serial == serial-99 && !a.Interval.Before(monday.Add(3*time.Hour)) {
			a.Serial = &serial
		}
	})
	var signed, first *time.Time
	changeZone(t, store, serial, func(z *measurement.Zone) {
		notArchived(z)
		signed, first = z.SignedAt, z.FirstSeen
		z.SignedAt, z.FirstSeen = nil, new(monday.Add(3*time.Hour+10*time.Second))
	})
	d := filled(t, store, p)
	if !d.Publications[0].T.Equal(monday.Add(3 * time.Hour)) {
		t.Fatalf("%v", d.Publications)
	}
	same(t, d, store)
	changeZone(t, store, serial, func(z *measurement.Zone) { z.SignedAt, z.FirstSeen = signed, first })
	late(t, d, store)
}
