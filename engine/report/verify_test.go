package report_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"mtric.net/mtric/engine/lake"
	"mtric.net/mtric/engine/measurement"
	"mtric.net/mtric/engine/report"
)

// same sees to it that the lake says what the report says, and nothing is late.
func same(t testing.TB, d *report.Document, store lake.Store) {
	t.Helper()
	v, err := report.Verify(t.Context(), d, store)
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range append(v.Differences, v.Late...) {
		t.Errorf("verify: %s", line)
	}
}

// refilled is a report as a stranger may have changed it, filled again, so that its values
// fit what it says of serials.
func refilled(t testing.TB, d *report.Document, store lake.Store, change func(*report.Document)) *report.Document {
	t.Helper()
	own := *d
	own.Publications, own.Accepted = slices.Clone(d.Publications), slices.Clone(d.Accepted)
	change(&own)
	if err := report.FillAgain(t.Context(), &own, store); err != nil {
		t.Fatal(err)
	}
	return &own
}

// TestVerifySerials: what a report says of when serials were published, and which are of
// root zones, is compared with the data, and not believed.
func TestVerifySerials(t *testing.T) {
	store, p := lying(t)
	d := filled(t, store, p)
	same(t, d, store)
	if len(d.Publications) < 2 || len(d.Accepted) < 3 {
		t.Fatalf("publications %v, accepted %v", d.Publications, d.Accepted)
	}
	first := d.Publications[0].Serial
	for name, c := range map[string]struct {
		change func(*report.Document)
		want   string
	}{
		"T(s) earlier": {func(d *report.Document) {
			for i := range d.Publications {
				d.Publications[i].T = d.Publications[i].T.Add(-70 * time.Minute)
			}
			d.Publications = slices.DeleteFunc(d.Publications, func(p report.Publication) bool { return p.T.Before(d.From) })
		}, "publications "},
		"a serial left out": {func(d *report.Document) { d.Publications = d.Publications[1:] }, fmt.Sprintf("publications %d: the report does not have it", first)},
		"a serial twice":    {func(d *report.Document) { d.Publications = append(d.Publications, d.Publications[0]) }, fmt.Sprintf("publications %d: the report has it twice", first)},
		"a serial more": {func(d *report.Document) {
			d.Publications = append(d.Publications, report.Publication{Serial: first - 50, T: d.From})
		}, fmt.Sprintf("publications %d: the report says", first-50)},
		"a root zone denied": {func(d *report.Document) {
			d.Accepted = slices.DeleteFunc(d.Accepted, func(s int64) bool { return s == first })
			d.Publications = d.Publications[1:]
		}, fmt.Sprintf("accepted %d: the report does not have it", first)},
	} {
		t.Run(name, func(t *testing.T) {
			lie := refilled(t, d, store, c.change)
			differs(t, lie, store, c.want)
			differs(t, lie.Public(), store, c.want)
		})
	}

	zones, err := store.Zones()
	if err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(zones, func(z measurement.Zone) bool { return z.Serial == first })
	put := func(z measurement.Zone) {
		t.Helper()
		own := slices.Clone(zones)
		own[i] = z
		if err := store.SaveZones(own); err != nil {
			t.Fatal(err)
		}
	}
	bogus, later := zones[i], zones[i]
	bogus.State, bogus.ArchivedAt = measurement.ZoneBogus, nil
	put(bogus)
	differs(t, d, store, fmt.Sprintf("accepted %d: the report has it", first))
	// One vantage point alone shows it: that proves nothing.
	for day := range 2 {
		changeRows(t, store, monday.AddDate(0, 0, day), func(a *measurement.Answer) {
			if a.VantagePoint != "902" && a.Serial != nil && *a.Serial == first {
				a.Serial = &zones[i-1].Serial
			}
		})
	}
	without := filled(t, store, p)
	if slices.Contains(without.Accepted, first) || without.ReceivedUntil == nil {
		t.Fatalf("accepted %v, received until %v", without.Accepted, without.ReceivedUntil)
	}
	same(t, without, store)
	later.ArchivedAt = new(without.ReceivedUntil.Add(time.Hour))
	put(later)
	late(t, without, store, fmt.Sprintf("serial %d, which the report did not know to be of a root zone, is known since", first))
}

// TestVerifyArchivedUntil: which zones a report says were archived is held to when they
// were, and to the runs that came before.
func TestVerifyArchivedUntil(t *testing.T) {
	store, p := lying(t)
	zones, err := store.Zones()
	if err != nil {
		t.Fatal(err)
	}
	var archived []time.Time
	for _, z := range zones {
		if z.ArchivedAt != nil {
			archived = append(archived, *z.ArchivedAt)
		}
	}
	slices.SortFunc(archived, time.Time.Compare)
	d := filled(t, store, p)
	same(t, d, store)
	last := len(archived) - 1
	if last < 2 || d.ReceivedUntil == nil || d.ArchivedUntil == nil || !d.ArchivedUntil.Equal(archived[last]) || archived[last].After(d.ReceivedUntil.Add(-time.Hour)) {
		t.Fatalf("received until %v, archived until %v of %v", d.ReceivedUntil, d.ArchivedUntil, archived)
	}
	lies := func(name string, at *time.Time) {
		t.Helper()
		lie := refilled(t, d, store, func(d *report.Document) { d.ArchivedUntil = at })
		lie.ArchivedUntil = at // and as it stands
		for _, public := range []bool{false, true} {
			of := lie
			if public {
				of = lie.Public()
			}
			if v := verify(t, of, store); !slices.ContainsFunc(v.Differences, func(s string) bool { return strings.HasPrefix(s, "archived_until: ") }) {
				t.Errorf("%s: differences %.300q", name, v.Differences)
			}
		}
	}
	lies("none", nil)
	lies("a zone earlier", &archived[last-1])
	lies("between two", new(archived[last].Add(-time.Minute)))
	lies("after the last", new(archived[last].Add(time.Minute)))

	// Runs came after the report, then a zone: who knew the zone knew the runs.
	came(t, store, monday.AddDate(0, 0, 1), map[measurement.VantagePoint]time.Time{"902": monday.AddDate(0, 0, 3)})
	z := zones[len(zones)-1]
	z.Serial, z.State, z.ArchivedAt, z.FirstSeen = z.Serial+1, measurement.ZoneArchived, new(monday.AddDate(0, 0, 4)), nil
	if err := store.SaveZones(append(slices.Clone(zones), z)); err != nil {
		t.Fatal(err)
	}
	d = filled(t, store, p)
	same(t, d, store)
	known := d.ArchivedUntil
	d = refilled(t, d, store, func(d *report.Document) {
		d.ReceivedUntil, d.ArchivedUntil = new(monday.AddDate(0, 0, 2).Add(time.Hour)), &archived[last]
	})
	if v := verify(t, d, store); len(v.Differences) > 0 || len(v.Late) == 0 {
		t.Fatalf("%+v", v)
	}
	lies("a zone that came after late runs", known)
}

// TestVerifyMissingZone: a zone that a report misses was archived after it, or the report
// is wrong.
func TestVerifyMissingZone(t *testing.T) {
	store, p := lying(t)
	d := filled(t, store, p)
	own := *d
	own.Archive.Missing = []report.MissingZone{{Serial: d.Accepted[len(d.Accepted)-1], RSIs: []measurement.RSI{}, VantagePoints: []measurement.VantagePoint{}}}
	differs(t, &own, store, fmt.Sprintf("archive missing %d", own.Archive.Missing[0].Serial))
}
