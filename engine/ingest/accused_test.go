package ingest_test

import (
	"encoding/hex"
	"testing"
	"time"

	"github.com/miekg/dns"

	"mtric.net/mtric/engine/judge"
	"mtric.net/mtric/engine/measurement"
)

// TestOnlyAnswersThatThePlanAsksForAccuse has answers that are wrong whatever the zone: from
// the plan's address, by a vantage point of the plan, they are counted with who has them;
// from another address, or by another vantage point, they say nothing of the RSI.
func TestOnlyAnswersThatThePlanAsksForAccuse(t *testing.T) {
	for name, k := range map[string]struct {
		vp      measurement.VantagePoint
		address string
		accuses bool
	}{"the plan's": {"101", "198.41.0.4", true}, "another address": {"101", "203.0.113.9", false}, "another vantage point": {"103", "198.41.0.4", false}} {
		for _, again := range []bool{false, true} { // judged on its way in, and once more after a fetch
			c := newZoneCollector(t, 2)
			c.inPlan()
			c.keep(c.zones[0], day.Add(-60*time.Hour))
			c.keep(c.zones[1], day.Add(-59*time.Hour))
			c.watched(c.zones[1], day.Add(-58*time.Hour), day)
			c.all(c.zones[1])
			c.serve["c"] = c.zones[0]
			c.alter = func(rows []measurement.Answer) {
				for i := range rows {
					switch rows[i].Address = k.address; {
					case rows[i].Query != "correctness":
						continue
					case again:
						rows[i].Response = named(t, rows[i].Response)
					default:
						rows[i].QName, rows[i].QType = ".", "SOA"
						rows[i].Response = soaWire(2026112200, "x") // without a signature
					}
					fillFromResponse(&rows[i])
				}
			}
			c.ask(k.vp, day)
			r := c.ingest()
			if again {
				c.fetched(c.zones[1].Serial, day.Add(2*time.Hour), false)
				r = c.ingest()
			}
			of := judge.Accused{Interval: day, RSI: "c", VantagePoint: k.vp, NSID: "x"}
			if n := r.Accused[of]; (n > 0) != k.accuses || (len(r.Accused) > 0) != k.accuses || r.Judged.Incorrect == 0 {
				t.Errorf("%s, again %t: accused %v, %+v, %+v", name, again, r.Accused, r.Judged, r.Quarantined)
			}
		}
	}
}

// named gives an answer the NSID x.
func named(t *testing.T, wire []byte) []byte {
	t.Helper()
	m := new(dns.Msg)
	if err := m.Unpack(wire); err != nil {
		t.Fatal(err)
	}
	m.IsEdns0().Option = []dns.EDNS0{&dns.EDNS0_NSID{Code: dns.EDNS0NSID, Nsid: hex.EncodeToString([]byte("x"))}}
	m.Compress = true
	wire, err := m.Pack()
	if err != nil {
		t.Fatal(err)
	}
	return wire
}
