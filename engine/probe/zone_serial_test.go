package probe_test

import (
	"bytes"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/miekg/dns"

	"mtric.net/mtric/engine/measurement"
	"mtric.net/mtric/engine/plan"
	"mtric.net/mtric/engine/probe"
)

// The serial of a zone is that of the message's only SOA record, if it is of that zone.
func TestZoneSerial(t *testing.T) {
	const soa = "Example. 300 IN SOA ns1.example. hostmaster.example. 2026112301 1800 900 604800 86400"
	for _, c := range []struct {
		name   string
		rcode  int
		answer []string
		zone   string
		want   int64 // 0 is none
	}{
		{"of the zone", dns.RcodeSuccess, []string{soa}, "example.", 2026112301},
		{"of an NXDOMAIN", dns.RcodeNameError, []string{soa}, "eXAMPLE.", 2026112301},
		{"of another zone", dns.RcodeSuccess, []string{soa}, "example.com.", 0},
		{"of no zone", dns.RcodeSuccess, []string{soa}, "", 0},
		{"of two records", dns.RcodeSuccess, []string{soa, "sub.example. 300 IN SOA a. b. 1 1 1 1 1"}, "example.", 0},
		{"of a failure", dns.RcodeServerFailure, []string{soa}, "example.", 0},
		{"of none", dns.RcodeSuccess, nil, "example.", 0},
		{"of the root, which has its own column", dns.RcodeSuccess, []string{". 300 IN SOA a. b. 7 1 1 1 1"}, ".", 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := new(dns.Msg).SetQuestion("example.", dns.TypeSOA)
			m.Response, m.Rcode, m.Compress = true, c.rcode, true
			for _, text := range c.answer {
				rr, err := dns.NewRR(text)
				if err != nil {
					t.Fatal(err)
				}
				m.Answer = append(m.Answer, rr)
			}
			wire, err := m.Pack()
			if err != nil {
				t.Fatal(err)
			}
			r, err := probe.ReadReply(wire)
			if err != nil {
				t.Fatal(err)
			}
			var got int64
			if s := r.ZoneSerial(c.zone); s != nil {
				got = *s
			}
			if got != c.want || r.Serial != nil && c.zone != "." {
				t.Errorf("zone serial %d, want %d; serial %v", got, c.want, r.Serial)
			}
			a := measurement.Answer{Outcome: measurement.Answered, RCode: &r.RCode, AA: &r.AA, TC: &r.TC, Serial: r.Serial, QName: "EXAMPLE.", QType: "SOA",
				Response: wire, ResponseSize: new(int32(len(wire))), ZoneSerial: r.ZoneSerial("example.")}
			if err := probe.Contradicted(&a); err != nil {
				t.Errorf("a row as the prober makes it: %v", err)
			}
			if a.ZoneSerial = new(int64(4711)); probe.Contradicted(&a) == nil {
				t.Error("a row with another serial than its response")
			}
			if a.Response = bytes.Clone(wire); probe.Contradicted(&a) == nil {
				t.Error("a row with a serial that its response has not got")
			}
		})
	}
}

// A query belongs to a zone by its name, its type and the server that is asked.
func TestDrawZone(t *testing.T) {
	p := testPlan()
	p.Zones = []plan.Zone{{Label: "z", Name: "example.", Servers: []string{"other"}}}
	apex := p.Queries[1]
	apex.Label, apex.QName, apex.Servers = "apex", "Example.", []string{"other", "root"}
	apex.Transports = measurement.MetricTransports
	ns, a := apex, apex
	ns.Label, ns.QType, a.Label, a.QType = "ns", "NS", "address", "A"
	p.Queries = append(p.Queries, apex, ns, a)
	zones := map[string]int{}
	for _, q := range probe.Draw(p, label.Add(time.Hour), nil, rand.New(rand.NewPCG(1, 2))) {
		if q.Zone != "" {
			zones[q.Label+" "+string(q.RSI)+" "+q.Zone]++
		}
	}
	if len(zones) != 2 || zones["apex x example."] != 2 || zones["ns x example."] != 2 {
		t.Errorf("queries of the zone: %v", zones)
	}
}
