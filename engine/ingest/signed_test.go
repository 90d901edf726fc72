package ingest_test

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/miekg/dns"

	"mtric.net/mtric/engine/column"
	"mtric.net/mtric/engine/lab"
	"mtric.net/mtric/engine/lab/small"
	"mtric.net/mtric/engine/lake"
	"mtric.net/mtric/engine/measurement"
	"mtric.net/mtric/engine/plan"
	"mtric.net/mtric/engine/rebuild"
	"mtric.net/mtric/engine/spool"
)

var (
	zoneKSK  = lab.KSK(1, "zone ksk", lab.ECDSAP256SHA256)
	zoneZSK  = lab.ZSK(1, "zone zsk", lab.ECDSAP256SHA256)
	nextZSK  = lab.ZSK(1, "zone next zsk", lab.ED25519)
	strange  = lab.ZSK(1, "zone strange", lab.PrivateDNS)
	liarsKSK = lab.KSK(2, "liar ksk", lab.ECDSAP256SHA256)
	liarsZSK = lab.ZSK(2, "liar zsk", lab.ECDSAP256SHA256)
)

// example is the zone as its servers should have it.
func example() small.Zone {
	return small.Simple("example.", 7, zoneKSK, zoneZSK, day.AddDate(0, 0, -7), day.AddDate(0, 0, 7))
}

// signedPlan is one of a zone that is judged: its servers are asked for SOA, for its keys and
// for a name that it does not have.
func signedPlan(rsis ...measurement.RSI) *plan.Plan {
	p := planOf(1)
	p.Servers = nil
	for _, rsi := range rsis {
		p.Servers = append(p.Servers, plan.Server{Group: "own", RSI: rsi, Addresses: []plan.Address{{Family: measurement.IPv4, Address: netip.MustParseAddr("192.0.2.1")}}})
	}
	query := func(label, qname, qtype string) plan.Query {
		return plan.Query{Label: label, Servers: []string{"own"}, QName: qname, QType: qtype, DNSSEC: true, KeepResponse: measurement.KeepAlways, Timeout: plan.Duration(4 * time.Second)}
	}
	odd := query("odd", "example.", "SOA")
	odd.KeepResponse = measurement.KeepOdd
	expecting := query("apex", "example.", "SOA")
	expecting.Expect = "answer.rcode == 'NOERROR' && answer.records('answer', 'SOA').size() == 1"
	p.Queries = append(p.Queries, expecting, query("keys", "example.", "DNSKEY"), query("nothing", "nothing.example.", "A"), odd)
	p.Zones = []plan.Zone{{Label: "example", Name: "example.", Servers: []string{"own"}, DS: []plan.DS{{DS: example().Anchor(zoneKSK)}}}}
	return p
}

// says is what a server answers to a query.
type says struct {
	query string
	rsi   measurement.RSI
	m     *dns.Msg
}

// sendSaid sends what servers answered, of a run by the plan with that sum.
func (c *collector) sendSaid(sum string, vp measurement.VantagePoint, label time.Time, unsynchronised bool, all ...says) {
	c.t.Helper()
	var rows []measurement.Answer
	for _, s := range all {
		q := s.m.Question[0]
		s.m.Id = 4711
		a := measurement.Answer{VantagePoint: vp, Interval: label, SentAt: ptr(label.Add(time.Second)), Query: s.query, RSI: s.rsi, Family: "ipv4", Transport: "tcp",
			Address: "192.0.2.1", QName: q.Name, QType: dns.Type(q.Qtype).String(), Outcome: measurement.Answered, LatencyUS: ptr(int64(900)), Attempts: 1,
			Response: small.Wire(s.m), Failures: []string{}}
		fillFromResponse(&a)
		rows = append(rows, a)
	}
	slices.SortFunc(rows, func(a, b measurement.Answer) int { return column.Order[measurement.Answer]()(&a, &b) })
	run := runOf(rows, vp, label)
	run.PlanSHA256 = sum
	if unsynchronised {
		run.ClockSynchronized = ptr(false)
	}
	send(c, c.box(vp), spool.Name(label, vp, column.Answers), rows, metaOf(run))
}

// dnssec is what the lake has of a day, "101 00:05 apex a: secure".
func (c *collector) dnssec(at time.Time) (all []string) {
	c.t.Helper()
	for _, a := range readDay[measurement.Answer](c, column.Answers, at) {
		told := "null"
		if a.DNSSEC != nil {
			told = string(*a.DNSSEC)
		}
		all = append(all, fmt.Sprintf("%s %s %s %s: %s", a.VantagePoint, a.Interval.Format("15:04"), a.Query, a.RSI, told))
	}
	return all
}

func soa(z small.Zone) *dns.Msg     { return z.Respond("example.", dns.TypeSOA) }
func keys(z small.Zone) *dns.Msg    { return z.Respond("example.", dns.TypeDNSKEY) }
func nothing(z small.Zone) *dns.Msg { return z.Respond("nothing.example.", dns.TypeA) }

func liars() small.Zone {
	return small.Simple("example.", 7, liarsKSK, liarsZSK, day.AddDate(0, 0, -7), day.AddDate(0, 0, 7))
}

func stripped(m *dns.Msg) *dns.Msg {
	for _, rrs := range []*[]dns.RR{&m.Answer, &m.Ns} {
		*rrs = slices.DeleteFunc(*rrs, func(rr dns.RR) bool { return rr.Header().Rrtype == dns.TypeRRSIG })
	}
	return m
}

// TestDNSSECOfZones: what servers of a signed zone say, judged by the keys that they show
// themselves, else by the zone's newest.
func TestDNSSECOfZones(t *testing.T) {
	c := newCollector(t)
	c.in.Plan = signedPlan("a", "b", "c", "d", "e", "f", "g", "h")
	sum := c.in.Plan.SHA256()
	forged := soa(example())
	forged.Answer[0].(*dns.SOA).Serial = 8
	expired, unknown := example(), example()
	expired.Expiration = day.Add(-10 * time.Minute)
	unknown.Publish, unknown.SignData = append(unknown.Publish, strange), []lab.Key{strange}
	refused := soa(example())
	refused.Rcode, refused.Answer = dns.RcodeRefused, nil
	truncated := soa(example())
	truncated.Truncated = true
	c.sendSaid(sum, "101", day, false,
		says{"apex", "a", soa(example())}, says{"keys", "a", keys(example())}, says{"nothing", "a", nothing(example())}, says{"odd", "a", soa(example())},
		says{"apex", "b", soa(example())}, says{"nothing", "b", stripped(nothing(example()))},
		says{"apex", "c", soa(liars())}, says{"keys", "c", keys(liars())}, says{"nothing", "c", nothing(liars())},
		says{"apex", "d", forged}, says{"keys", "d", stripped(keys(example()))},
		says{"apex", "e", soa(expired)},
		says{"apex", "f", soa(unknown)}, says{"keys", "f", keys(unknown)},
		says{"apex", "g", refused}, says{"nothing", "g", truncated2(nothing(example()))},
		says{"apex", "h", truncated}, says{"apex", "z", soa(example())})
	c.sendSaid(sum, "102", day, true, says{"apex", "a", soa(example())}, says{"apex", "d", forged}, says{"apex", "e", soa(expired)})
	r := c.ingest()
	if len(r.Quarantined) > 0 {
		t.Fatal(r.Quarantined)
	}
	want := strings.Split(strings.TrimSpace(`
101 00:00 apex a: secure
101 00:00 apex b: secure
101 00:00 apex c: unchecked
101 00:00 apex d: bogus
101 00:00 apex e: bogus
101 00:00 apex f: unchecked
101 00:00 apex g: null
101 00:00 apex h: null
101 00:00 apex z: null
101 00:00 keys a: secure
101 00:00 keys c: unchecked
101 00:00 keys d: bogus
101 00:00 keys f: secure
101 00:00 nothing a: secure
101 00:00 nothing b: bogus
101 00:00 nothing c: unchecked
101 00:00 nothing g: null
101 00:00 odd a: null
102 00:00 apex a: unchecked
102 00:00 apex d: bogus
102 00:00 apex e: unchecked`), "\n")
	if d := cmp.Diff(want, c.dnssec(day)); d != "" {
		t.Errorf("the lake (-want +got):\n%s", d)
	}
	before := c.bytes(day)
	if c.ingest(); before != c.bytes(day) {
		t.Error("an ingest with nothing new writes the day again")
	}
	// What was known of the keys is lost: the lake is looked at once, and says the same.
	if err := os.Remove(c.in.Backlog); err != nil {
		t.Fatal(err)
	}
	c.ingest()
	if d := cmp.Diff(want, c.dnssec(day)); d != "" {
		t.Errorf("after a loss (-want +got):\n%s", d)
	}
}

func truncated2(m *dns.Msg) *dns.Msg {
	m.Truncated = true
	return m
}

// bytes is the file of a day.
func (c *collector) bytes(at time.Time) string {
	c.t.Helper()
	text, err := os.ReadFile(c.in.Lake.Path(column.Answers, at))
	if err != nil {
		c.t.Fatal(err)
	}
	return string(text)
}

// TestKeysAreKnownLater: rows that came before the keys which they are signed by, before their plan, or before
// both say in the end what they would have said in any order: so does a lake that is made of the same files at once,
// and one that is made again.
func TestKeysAreKnownLater(t *testing.T) {
	rolled := example()
	rolled.Publish, rolled.SignData = []lab.Key{zoneKSK, nextZSK}, []lab.Key{nextZSK}
	p := signedPlan("a", "b")
	later := func(n int) time.Time { return day.Add(time.Duration(n) * 5 * time.Minute) }
	tomorrow := day.AddDate(0, 0, 1)
	sum := p.SHA256()
	sends := []func(c *collector){
		func(c *collector) { c.sendSaid(sum, "101", later(1), false, says{"apex", "a", soa(example())}) },
		func(c *collector) {
			c.sendSaid(sum, "101", tomorrow, false, says{"apex", "a", soa(rolled)}, says{"apex", "b", soa(example())})
		},
		func(c *collector) {
			c.sendSaid(sum, "102", later(2), false, says{"apex", "a", stripped(soa(example()))})
		},
		func(c *collector) { c.sendPlan("101", "101", later(2), p.JSON()) },
		func(c *collector) { c.sendSaid(sum, "102", later(3), false, says{"keys", "b", keys(example())}) },
		func(c *collector) { c.sendSaid(sum, "102", tomorrow, false, says{"keys", "a", keys(rolled)}) },
	}
	wants := [][]string{
		{"101 00:05 apex a: null"}, nil, nil,
		{"101 00:05 apex a: unchecked", "102 00:10 apex a: bogus", "101 00:00 apex a: unchecked", "101 00:00 apex b: unchecked"},
		{"101 00:05 apex a: secure", "102 00:10 apex a: bogus", "102 00:15 keys b: secure", "101 00:00 apex a: unchecked", "101 00:00 apex b: secure"},
		{"101 00:05 apex a: secure", "102 00:10 apex a: bogus", "102 00:15 keys b: secure", "101 00:00 apex a: secure", "101 00:00 apex b: unchecked", "102 00:00 keys a: secure"},
	}
	c := newCollector(t)
	c.in.Plan = planOf(2) // the collector's own is another
	for i, send := range sends {
		send(c)
		if r := c.ingest(); len(r.Quarantined) > 0 {
			t.Fatal(r.Quarantined)
		}
		// The zone is of others' plans only: they have one day a run judged again.
		if i == 4 && !slices.Contains(c.dnssec(tomorrow), "101 00:00 apex b: unchecked") {
			t.Errorf("a plan of others had two days judged again in one run: %v", c.dnssec(tomorrow))
		}
		c.ingest()
		if got := append(c.dnssec(day), c.dnssec(tomorrow)...); wants[i] != nil && !slices.Equal(got, wants[i]) {
			t.Errorf("after step %d (-want +got):\n%s", i, cmp.Diff(wants[i], got))
		}
	}
	for _, a := range readDay[measurement.Answer](c, column.Answers, day) {
		if a.Query == "apex" && (a.Expected == nil || !*a.Expected) {
			t.Errorf("%s %s: expected %v, by a plan that came later", a.VantagePoint, a.Interval, a.Expected)
		}
	}
	// A lake made again of the originals is the same.
	b := &rebuild.Rebuild{Plan: c.in.Plan, Originals: c.in.Originals, Zones: c.in.RootZones, Plans: filepath.Join(c.in.Lake.Dir, "plans"),
		Lake: lake.Store{Dir: filepath.Join(c.dir, "Again"), Version: "1.0.0"}, Now: func() time.Time { return now }}
	if done, err := b.Run(t.Context()); err != nil || len(done.Wrong) > 0 {
		t.Fatal(err, done.Wrong)
	}
	if done, err := rebuild.Check(t.Context(), b.Lake, c.in.Lake); err != nil || done.Different > 0 || done.Rows < 6 {
		t.Errorf("made again: %+v, %v", done, err)
	}
	at := newCollector(t)
	at.in.Plan = c.in.Plan
	for _, send := range sends {
		send(at)
	}
	at.ingest()
	at.ingest()
	for _, d := range []time.Time{day, tomorrow} {
		if diff := cmp.Diff(readDay[measurement.Answer](c, column.Answers, d), readDay[measurement.Answer](at, column.Answers, d)); diff != "" {
			t.Errorf("the same files at once (-one by one +at once):\n%s", diff)
		}
	}
}

// TestKilledBeforeItIsEvaluatedAgain: what is to be evaluated again is known after a kill, wherever that was.
func TestKilledBeforeItIsEvaluatedAgain(t *testing.T) {
	p := signedPlan("a", "b")
	sum := p.SHA256()
	for step := 0; ; step++ {
		c := newCollector(t)
		c.in.Plan = planOf(2)
		c.sendSaid(sum, "101", day, false, says{"apex", "a", soa(example())})
		c.ingest()
		c.sendPlan("101", "101", day, p.JSON())
		c.sendSaid(sum, "101", day.Add(5*time.Minute), false, says{"keys", "b", keys(example())})
		left := step
		c.in.Step = func(string) error {
			if left--; left < 0 {
				return errors.New("killed")
			}
			return nil
		}
		_, err := c.in.Run(t.Context())
		c.in.Step = nil
		c.ingest()
		want := []string{"101 00:00 apex a: secure", "101 00:05 keys b: secure"}
		if d := cmp.Diff(want, c.dnssec(day)); d != "" {
			t.Errorf("killed before step %d (-want +got):\n%s", step, d)
		}
		if err == nil {
			if step < 10 {
				t.Errorf("%d steps only", step)
			}
			return
		}
	}
}
