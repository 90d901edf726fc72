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
	without := filled(t, store, p)
	if slices.Contains(without.Accepted, first) || without.ReceivedUntil == nil {
		t.Fatalf("accepted %v, received until %v", without.Accepted, without.ReceivedUntil)
	}
	same(t, without, store)
	later.ArchivedAt = new(without.ReceivedUntil.Add(time.Hour))
	put(later)
	late(t, without, store, fmt.Sprintf("serial %d, which the report did not know to be of a root zone, is known since", first))
	// A T(s) that a zone archived since can explain is late.
	moved := refilled(t, d, store, func(d *report.Document) { d.Publications[0].T = d.Publications[0].T.Add(5 * time.Minute) })
	if v := verify(t, moved, store); len(v.Differences) > 0 || len(v.Late) != 1 || !strings.HasPrefix(v.Late[0], fmt.Sprintf("serial %d: the report says", first)) {
		t.Errorf("%+v", v)
	}
}
