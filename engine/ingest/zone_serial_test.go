package ingest_test

import (
	"errors"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/miekg/dns"

	"mtric.net/mtric/engine/column"
	"mtric.net/mtric/engine/ingest"
	"mtric.net/mtric/engine/measurement"
	"mtric.net/mtric/engine/plan"
	"mtric.net/mtric/engine/serials"
	"mtric.net/mtric/engine/spool"
)

// exampleSOA is the SOA of example., as a server answers it.
func exampleSOA(serial uint32) []byte {
	m := new(dns.Msg).SetQuestion("example.", dns.TypeSOA)
	m.Id, m.RecursionDesired, m.Response, m.Authoritative = 4711, false, true, true
	m.Answer = []dns.RR{&dns.SOA{Hdr: dns.RR_Header{Name: "Example.", Rrtype: dns.TypeSOA, Class: dns.ClassINET, Ttl: 60}, Ns: "a.", Mbox: "b.", Serial: serial}}
	wire, err := m.Pack()
	if err != nil {
		panic(err)
	}
	return wire
}

// zoned is what a vantage point says that an answer shows, and whether it keeps the response.
type zoned struct {
	query string
	rsi   measurement.RSI
	said  *int64
	kept  bool
}

// sendZoned sends answers that all show serial 7, of a run by the plan with that sum.
func (c *collector) sendZoned(sum string, label time.Time, all ...zoned) {
	c.t.Helper()
	var rows []measurement.Answer
	for _, z := range all {
		a := measurement.Answer{VantagePoint: "101", Interval: label, SentAt: ptr(label.Add(time.Second)), Query: z.query, RSI: z.rsi, Family: "ipv4", Transport: "udp",
			Address: "192.0.2.1", QName: "example.", QType: "SOA", Outcome: measurement.Answered, LatencyUS: ptr(int64(900)), Attempts: 1, Response: exampleSOA(7),
			ZoneSerial: z.said, Failures: []string{}}
		fillFromResponse(&a)
		if !z.kept {
			a.Response = nil
		}
		rows = append(rows, a)
	}
	run := runOf(rows, "101", label)
	run.PlanSHA256 = sum
	send(c, c.box("101"), spool.Name(label, "101", column.Answers), rows, metaOf(run))
}

// TestZoneSerialIsReadAgain: which serial of a zone an answer shows is read from the response,
// where it is kept, by the plan of the run: which queries and servers are a zone's.
func TestZoneSerialIsReadAgain(t *testing.T) {
	c := newCollector(t)
	p := planOf(1)
	p.Servers = append(p.Servers, plan.Server{Group: "other", RSI: "x", Addresses: p.Servers[0].Addresses})
	apex := plan.Query{Label: "apex", QName: "Example.", QType: "SOA", Servers: []string{"root", "other"}}
	alias := apex
	alias.Label, alias.QType = "alias", "A"
	p.Queries = append(p.Queries, apex, alias)
	p.Zones = []plan.Zone{{Label: "z", Name: "example.", Servers: []string{"root"}}}
	sum := c.sendPlan("101", "101", day, p.JSON())
	seven, nine := ptr(int64(7)), ptr(int64(9))
	later := func(n int) time.Time { return day.Add(time.Duration(n) * 5 * time.Minute) }
	c.sendZoned(sum, later(0), zoned{"alias", "a", seven, true}, zoned{"apex", "a", seven, true}, zoned{"apex", "x", seven, true})
	c.sendZoned(sum, later(1), zoned{"alias", "a", nine, false}, zoned{"apex", "a", nil, true}, zoned{"apex", "x", nine, false})
	c.sendZoned(sum, later(2), zoned{"apex", "a", nine, false})            // its word, for nobody else has seen it
	c.sendZoned("cd"+sum[2:], later(3), zoned{"apex", "a", seven, false})  // by a plan that nobody sent
	c.sendZoned("cd"+sum[2:], later(4), zoned{"apex", "a", nil, true})     // so that nobody knows what it was for
	c.sendZoned("cd"+sum[2:], later(5), zoned{"unknown", "a", nil, false}) // nor of which zone
	r := c.ingest()
	var got []string
	for _, a := range readDay[measurement.Answer](c, column.Answers, day) {
		serial := "null"
		if a.ZoneSerial != nil {
			serial = fmt.Sprint(*a.ZoneSerial)
		}
		got = append(got, fmt.Sprintf("%s %s %s %s", a.Interval.Format("04"), a.Query, a.RSI, serial))
	}
	want := []string{"00 alias a null", "00 apex a 7", "00 apex x null", "05 alias a null", "05 apex a 7", "05 apex x null", "10 apex a 9", "15 apex a 7", "20 apex a null",
		"25 unknown a null"}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("the lake (-want +got):\n%s", d)
	}
	if d := cmp.Diff(map[measurement.VantagePoint]ingest.Differing{"101": {Count: 5, Column: column.ZoneSerial, Interval: day, Query: "alias", RSI: "a", Said: "7", Found: "null"}},
		r.Differing); d != "" {
		t.Errorf("differing (-want +got):\n%s", d)
	}
	// The same file once more changes nothing, though the lake has it otherwise by now.
	c.sendZoned(sum, later(1), zoned{"alias", "a", nine, false}, zoned{"apex", "a", nil, true}, zoned{"apex", "x", nine, false})
	if r := c.ingest(); len(r.Quarantined) != 0 || r.Added != 0 || r.Known != 3 {
		t.Errorf("again: %+v", r)
	}
}

// TestSightsOfSources: what sources showed comes into the lake, also beside a table that cannot
// be read, but not into a lake that a newer program writes.
func TestSightsOfSources(t *testing.T) {
	c := newCollector(t)
	c.in.Sights = []serials.Sight{{Zone: "example.", Source: "192.0.2.53:53", Serial: 7, At: now}}
	c.ingest()
	rows, err := c.in.Lake.Serials()
	if want := []measurement.ZoneSerial{{Zone: "example.", Serial: 7, Source: "192.0.2.53:53", FirstSeen: now, LastSeen: now}}; err != nil || !cmp.Equal(want, rows) {
		t.Errorf("%v, %v", rows, err)
	}
	path := c.in.Lake.Path(column.ZoneSerials, time.Time{})
	if err := os.WriteFile(path, []byte("this is damaged"), 0o644); err != nil {
		t.Fatal(err)
	}
	sum := c.sendPlan("101", "101", day, planOf(1).JSON())
	c.sendZoned(sum, day, zoned{"apex", "a", nil, true})
	r, err := c.in.Run(t.Context())
	if r.Added != 1 || !errors.As(err, new(*ingest.DaysError)) {
		t.Errorf("beside a damaged table: %d rows added, %v", r.Added, err)
	}
	newer := newCollector(t)
	ofSchema(t, newer.in.Lake.Path(column.Zones, time.Time{}), column.Schema()+1, []measurement.Zone{{Serial: 2026112200, State: measurement.ZoneBogus}})
	newer.in.Sights = c.in.Sights
	if r := newer.ingest(); !r.Newer {
		t.Errorf("%+v", r)
	}
	if _, err := os.Stat(newer.in.Lake.Path(column.ZoneSerials, time.Time{})); err == nil {
		t.Error("a table was written into the lake of a newer program")
	}
}
