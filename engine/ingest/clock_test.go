package ingest_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"

	"mtric.net/mtric/engine/interval"
	"mtric.net/mtric/engine/lab"
	"mtric.net/mtric/engine/measurement"
)

// A vantage point two days slow: its clock known to be wrong, or not known. Nothing of
// what it asked is held against a server.
func TestSlowClockAccusesNobody(t *testing.T) {
	for _, clock := range []*bool{nil, ptr(false), ptr(true)} {
		c := zoneCollectorWith(t, lab.Options{}, lab.Revision{Inception: day.Add(-2 * time.Hour), Expiration: day.AddDate(0, 0, 13)})
		c.inPlan()
		c.clock = clock
		c.keep(c.zones[0], day.Add(-200*time.Hour))
		c.watched(c.zones[0], day.Add(-200*time.Hour), day.Add(-time.Hour))
		c.keep(c.zones[1], day.Add(-time.Hour))
		c.watched(c.zones[1], day, day.Add(20*time.Hour))
		c.all(c.zones[1])
		label := day.Add(-48 * time.Hour) // it is the day, at noon
		c.ask("101", label)
		if r := c.ingest(); len(r.Accused) != 0 {
			t.Errorf("accused %v", r.Accused)
		}
		c.told("101", label, "a hold: clock, b hold: clock, c hold: clock")
		// Only what is broken whatever the zone accuses.
		c.twist = unsigned
		c.twisted = []measurement.RSI{"b"}
		c.ask("101", label.Add(5*time.Minute))
		c.ingest()
		c.told("101", label.Add(5*time.Minute), "a hold: clock, b incorrect, c hold: clock")
	}
}

// Where answers of two RSIs show that the clock was wrong, the whole run accuses nobody
// on grounds of time; where one does, its own answer does not.
func TestTwoRSIsShowAWrongClock(t *testing.T) {
	for _, two := range []bool{true, false} {
		c := zoneCollectorWith(t, lab.Options{}, lab.Revision{Inception: signed(1), Expiration: signed(1).AddDate(0, 0, 40)},
			lab.Revision{Inception: day.Add(-2 * time.Hour), Expiration: day.AddDate(0, 0, 13)})
		c.inPlan()
		c.keep(c.zones[0], day.Add(-200*time.Hour))
		c.keep(c.zones[1], day.Add(-150*time.Hour))
		c.watched(c.zones[1], day.Add(-149*time.Hour), day.Add(-time.Hour))
		c.keep(c.zones[2], day.Add(-time.Hour))
		c.watched(c.zones[2], day, day.Add(20*time.Hour))
		c.serve = map[measurement.RSI]*lab.Zone{"a": c.zones[2], "b": c.zones[1], "c": c.zones[0]}
		if two {
			c.serve["b"] = c.zones[2]
		}
		label := day.Add(-24 * time.Hour)
		c.ask("101", label)
		c.ingest()
		if two {
			c.told("101", label, "a hold: clock, b hold: clock, c hold: clock")
		} else {
			c.told("101", label, "a hold: clock, b correct, c incorrect")
		}
		c.nothingNew(label)
	}
}

// A vantage point whose clock is fast sends what arrives before its own label: that
// accuses nobody, and shows nothing.
func TestFastClockAccusesNobody(t *testing.T) {
	c := stale(t)
	c.watched(c.zones[1], day, day.AddDate(0, 0, 40))
	now := time.Now().UTC()
	label := interval.Of(now).Add(10 * time.Minute) // by the clock of the machine, for a file's arrival is its
	c.keep(c.zones[1], label.Add(-60*time.Hour))
	c.watched(c.zones[1], label.Add(-59*time.Hour), label.Add(5*time.Hour))
	c.ask("101", label)
	c.in.Now = func() time.Time { return label.Add(6 * time.Hour) }
	if r := c.ingest(); len(r.Quarantined) != 0 || len(r.Accused) != 1 {
		t.Errorf("accused %v, %+v", r.Accused, r.Quarantined)
	}
	if got := c.tell("101", label); !strings.HasSuffix(got, "c hold: clock") {
		t.Error(got)
	}
	c.expect(day, "correct correct incorrect")
}

// unsigned takes the signatures out of an answer.
func unsigned(wire []byte) []byte {
	m := new(dns.Msg)
	if err := m.Unpack(wire); err != nil {
		panic(err)
	}
	m.Answer = slices.DeleteFunc(m.Answer, func(rr dns.RR) bool { return rr.Header().Rrtype == dns.TypeRRSIG })
	wire, err := m.Pack()
	if err != nil {
		panic(err)
	}
	return wire
}
