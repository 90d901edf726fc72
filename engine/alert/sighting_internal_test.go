package alert

import (
	"testing"
	"time"

	"mtric.net/mtric/engine/lake"
	"mtric.net/mtric/engine/measurement"
	"mtric.net/mtric/engine/plan"
	"mtric.net/mtric/plans"
)

// at is a time of the day of the tests, "12:05" or "12:05:01"; nil for "".
func at(t *testing.T, text string) *time.Time {
	t.Helper()
	if text == "" {
		return nil
	}
	for _, layout := range []string{"15:04", "15:04:05", "2 15:04"} {
		if c, err := time.Parse(layout, text); err == nil {
			day := max(c.Day(), 1)
			return new(time.Date(2026, 11, day, c.Hour(), c.Minute(), c.Second(), 0, time.UTC))
		}
	}
	t.Fatalf("time %q", text)
	return nil
}

// TestPublication dates zones by their witnesses.
func TestPublication(t *testing.T) {
	two := []plan.VantagePoint{{ID: "101"}, {ID: "301"}}
	ended := []plan.VantagePoint{{ID: "101"}, {ID: "301", Until: at(t, "12:00")}}
	ending := []plan.VantagePoint{{ID: "101"}, {ID: "301", Until: at(t, "12:00:01")}}
	begins := []plan.VantagePoint{{ID: "101"}, {ID: "301", From: at(t, "12:15")}}
	later := []plan.VantagePoint{{ID: "101"}, {ID: "301", From: at(t, "12:20")}}
	for name, c := range map[string]struct {
		vps                  []plan.VantagePoint
		seen, used, archived string
		want                 string // empty for none
	}{
		"the second witness soon":             {two, "12:00:03", "12:10:03", "", "12:00"},
		"the second witness late":             {two, "12:00:03", "14:00:03", "", "13:45"},
		"no second witness":                   {two, "12:00:03", "", "", ""},
		"the archive":                         {two, "12:00:03", "12:31:00", "12:31", "12:20"}, // of 12:35
		"the archive of a table of before":    {two, "12:00:03", "", "12:31", "12:20"},
		"the second witness, then an archive": {two, "12:00:03", "14:00:03", "20:00", "13:45"},
		"the archive after a day":             {two, "12:00:03", "2 12:05", "2 12:05", ""},
		"the archive within a day":            {two, "12:00:03", "2 11:58", "2 11:58", "2 11:45"},
		"one vantage point alone":             {two[:1], "12:00:03", "14:00:03", "", "12:00"},
		"the other has ended":                 {ended, "12:00:03", "", "", "12:00"},
		"the other ends just then":            {ending, "12:00:03", "", "", ""},
		"the other begins in time":            {begins, "12:00:03", "", "", ""},
		"the other begins later":              {later, "12:00:03", "", "", "12:00"},
		"a plan without vantage points":       {nil, "12:00:03", "14:00:03", "", "13:45"},
	} {
		z := measurement.Zone{State: measurement.ZoneSeen, FirstSeen: at(t, c.seen), FirstUsed: at(t, c.used), ArchivedAt: at(t, c.archived)}
		got, known := publication(z, &plan.Plan{VantagePoints: c.vps})
		if want := at(t, c.want); known != (want != nil) || known && !got.Equal(*want) {
			t.Errorf("%s: %s %v, want %s", name, got, known, c.want)
		}
	}
}

// TestWhatWasThereFirstHasNoTime: nobody knows how long the zones that were shown first,
// and older ones that come later, had been published; nor is what does not exist dated.
func TestWhatWasThereFirstHasNoTime(t *testing.T) {
	zone := func(serial int64, seen string, state measurement.ZoneState) measurement.Zone {
		return measurement.Zone{Serial: serial, State: state, FirstSeen: at(t, seen), FirstUsed: at(t, seen)}
	}
	got := published([]measurement.Zone{
		zone(2026110104, "14:00", measurement.ZoneArchived), zone(2026110101, "12:00:03", measurement.ZoneArchived), zone(2026110100, "12:03", measurement.ZoneSeen),
		zone(2026103101, "13:00", measurement.ZoneArchived), zone(2026110102, "13:00", measurement.ZoneSeen), zone(2026110103, "11:00", measurement.ZoneBogus),
		{Serial: 2026110105, State: measurement.ZoneArchived, ArchivedAt: at(t, "15:00")},
	}, &plan.Plan{})
	if len(got) != 2 || got[0].serial != 2026110102 || got[1].serial != 2026110104 || !got[0].used.Equal(*at(t, "13:00")) {
		t.Errorf("%v", got)
	}
}

// TestAddressesAreDated asks b at the address that it left in 2023.
func TestAddressesAreDated(t *testing.T) {
	base, _ := plans.Dir("rssac047")
	p, l := plan.Load([]plan.Dir{{Name: "base", FS: base}}, nil)
	if p == nil {
		t.Fatal(l.Error())
	}
	p.VantagePoints = []plan.VantagePoint{{ID: "101"}, {ID: "301", From: new(time.Date(2023, 11, 27, 0, 0, 1, 0, time.UTC))}}
	g := newGatherer(p, lake.Store{}, nil, &ownZones{})
	moved := time.Date(2023, 11, 27, 0, 0, 0, 0, time.UTC)
	for name, c := range map[string]struct {
		vp, family, address string
		at                  time.Time
		want                bool
	}{
		"the old one, in time":    {"101", "ipv4", "199.9.14.201", moved.Add(-5 * time.Minute), true},
		"the old one, after that": {"101", "ipv4", "199.9.14.201", moved, false},
		"the new one, before":     {"101", "ipv4", "170.247.170.2", moved.Add(-5 * time.Minute), false},
		"the new one":             {"101", "ipv4", "170.247.170.2", moved, true},
		"written as IPv6":         {"101", "ipv4", "::ffff:170.247.170.2", moved, true},
		"of the other family":     {"101", "ipv6", "170.247.170.2", moved, false},
		"of another RSI":          {"101", "ipv4", "198.41.0.4", moved, false},
		"nothing":                 {"101", "ipv4", "", moved, false},
		"before its dates":        {"301", "ipv4", "170.247.170.2", moved, false},
		"within its dates":        {"301", "ipv4", "170.247.170.2", moved.Add(5 * time.Minute), true},
	} {
		if got := contains(g.asked(tuple{"b", c.family, "udp", c.vp, "soa"}, c.address), slotOf(c.at)); got != c.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}
