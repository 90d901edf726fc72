package report

import (
	"testing"
	"time"

	"mtric.net/mtric/engine/measurement"
)

// TestFollower: a change is a new instance, seen within fifteen minutes after the last answer
// and not in the six hours before, once six hours are known.
func TestFollower(t *testing.T) {
	noon := time.Date(2026, 11, 2, 12, 0, 0, 0, time.UTC)
	at := func(minutes int) time.Time { return noon.Add(time.Duration(minutes) * time.Minute) }
	type seen struct {
		minute int
		what   string
	}
	usual := func(f *follower, until int) {
		for m := -360; m <= until; m += 5 {
			f.note(at(m), "a")
		}
	}
	for name, c := range map[string]struct {
		known   bool // six hours of a
		then    []seen
		changed map[int]bool
	}{
		"a move":                          {true, []seen{{5, "b"}}, map[int]bool{0: false, 5: true, 10: false}},
		"a move with a gap":               {true, []seen{{15, "b"}}, map[int]bool{0: false, 5: true, 10: true, 15: true, 20: false}},
		"an outage is no moment":          {true, []seen{{20, "b"}}, map[int]bool{5: false, 20: false}},
		"the same again":                  {true, []seen{{15, "a"}}, map[int]bool{5: false, 15: false}},
		"one that comes and goes is told": {true, []seen{{5, "b"}, {10, "a"}, {15, "b"}}, map[int]bool{5: true, 10: false, 15: false}},
		"nothing is known before":         {false, []seen{{0, "a"}, {5, "b"}}, map[int]bool{5: false}},
		"after six hours it is new":       {true, []seen{{5, "b"}, {10, "a"}, {300, "a"}, {370, "a"}, {375, "b"}}, map[int]bool{5: true, 375: true}},
		"six hours of silence":            {true, []seen{{400, "b"}, {405, "c"}}, map[int]bool{400: false, 405: false}},
	} {
		t.Run(name, func(t *testing.T) {
			f := &follower{}
			if c.known {
				usual(f, 0)
			}
			for _, s := range c.then {
				f.note(at(s.minute), s.what)
			}
			for minute, want := range c.changed {
				if got := f.changed(at(minute)); got != want {
					t.Errorf("at %d: %v, want %v", minute, got, want)
				}
			}
		})
	}
}

// TestCause: the first cause that fits is taken, and no other.
func TestCause(t *testing.T) {
	at := time.Date(2026, 11, 2, 12, 0, 0, 0, time.UTC)
	serial, other := uint32(2026110200), uint32(2026110100)
	moved := followers{}
	moved.at(place{"901", measurement.IPv4, measurement.UDP}).changes = []moment{{at.Add(-5 * time.Minute), at}}
	rerouted := followers{}
	rerouted.at(place{vp: "901", family: measurement.IPv6}).changes = []moment{{at.Add(-5 * time.Minute), at}}
	x := &dossier{d: &Document{VantagePoints: []VantagePoint{{ID: "901"}, {ID: "902"}, {ID: "903"}}, Archive: Archive{Missing: []MissingZone{{Serial: int64(serial)}}},
		proposals: []Proposal{{VantagePoint: "902", Family: measurement.IPv4, From: at, Until: at.Add(5 * time.Minute)}}}, instances: moved, routes: rerouted}
	for name, c := range map[string]struct {
		row     measurement.Answer
		awaited *uint32
		want    Cause
	}{
		"the RSI's":                 {measurement.Answer{VantagePoint: "903", Family: measurement.IPv4, Transport: measurement.UDP}, nil, CauseRSI},
		"its own trouble":           {measurement.Answer{VantagePoint: "902", Family: measurement.IPv4, Transport: measurement.TCP}, &serial, CauseOwn},
		"of the other family":       {measurement.Answer{VantagePoint: "902", Family: measurement.IPv6, Transport: measurement.TCP}, nil, CauseRSI},
		"a zone that is lacking":    {measurement.Answer{VantagePoint: "903", Family: measurement.IPv4, Transport: measurement.UDP}, &serial, CauseRSI},
		"a zone that is there":      {measurement.Answer{VantagePoint: "903", Family: measurement.IPv4, Transport: measurement.UDP}, &other, CauseRSI},
		"another instance":          {measurement.Answer{VantagePoint: "901", Family: measurement.IPv4, Transport: measurement.UDP}, nil, CauseChange},
		"another path's":            {measurement.Answer{VantagePoint: "901", Family: measurement.IPv4, Transport: measurement.TCP}, nil, CauseRSI},
		"another route of a family": {measurement.Answer{VantagePoint: "901", Family: measurement.IPv6, Transport: measurement.TCP}, nil, CauseChange},
	} {
		c.row.Interval = at
		if got := x.cause(breach{awaited: c.awaited}, &c.row); got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
}
