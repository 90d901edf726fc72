package correctness_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"

	"mtric.net/mtric/engine/lab"
	"mtric.net/mtric/engine/measurement"
	"mtric.net/mtric/engine/rootzone"
	"mtric.net/mtric/metrics/correctness"
)

const (
	correct   = measurement.Correct
	incorrect = measurement.Incorrect
	unchecked = measurement.Unchecked
)

// expect judges a message and compares verdict, tags and a piece of the text.
func expect(t *testing.T, j correctness.Judge, m *dns.Msg, want measurement.Verdict, tagged, detail string) correctness.Result {
	t.Helper()
	return expectWire(t, j, question(m), pack(t, m), want, tagged, detail)
}

func expectWire(t *testing.T, j correctness.Judge, q correctness.Question, wire []byte, want measurement.Verdict, tagged, detail string) correctness.Result {
	t.Helper()
	r := j.Judge(q, wire)
	all := strings.Join(r.FailureTexts(), "\n")
	if r.Verdict != want || tags(r.Failures) != tagged || !strings.Contains(all, detail) {
		t.Errorf("%s/%s: %s %q, want %s %q with %q in:\n%s", q.Name, q.Type, r.Verdict, tags(r.Failures), want, tagged, detail, all)
	}
	return r
}

// noted looks for a note.
func noted(t *testing.T, r correctness.Result, tag, detail string) {
	t.Helper()
	for _, n := range r.Notes {
		if n.Tag == tag && strings.Contains(n.Detail, detail) {
			return
		}
	}
	t.Errorf("no note %q with %q among %v", tag, detail, r.Notes)
}

// changed is an answer of a zone after a change.
func changed(z *testZone, name, typ string, change func(*dns.Msg)) *dns.Msg {
	m := z.reply(name, typ)
	change(m)
	return m
}

// edge is an edge case of checking correctness.
type edge struct {
	number int
	name   string
	run    func(*testing.T, []*testZone)
}

// dataEdges are those of zones, versions, names and records.
var dataEdges = []edge{
	{1, "a zone in or out of the window", func(t *testing.T, z []*testZone) {
		m := z[0].reply(".", "SOA")
		expect(t, by(z[2], z[1], z[0]), m, correct, "", "")
		expect(t, by(z[2], z[1]), m, incorrect, "vnk", "./SOA in Answer is of zone 2026112300, which is older than 2026112302")
	}},
	{1, "a zone outside the window explains, and does not excuse", func(t *testing.T, z []*testZone) {
		j := by(z[2])
		j.Others = by(z[1], z[0]).Zones
		expect(t, j, z[2].reply("aaa.", "DS"), correct, "", "")
		r := expect(t, j, z[0].reply("aaa.", "DS"), incorrect, "nodata vnk yhu", "yhu: the response is that of zone 2026112300, which is not in use")
		if *r.Serial != firstSerial+2 {
			t.Errorf("judged by zone %d", *r.Serial)
		}
		expect(t, j, changed(z[0], "aaa.", "DS", func(m *dns.Msg) { m.Authoritative = false }), incorrect, "nodata vnk", "")
	}},
	{2, "a stale server shows by what bears a serial, until the signatures end", func(t *testing.T, z []*testZone) {
		newer := by(z[2])
		expect(t, newer, z[0].reply("com.", "NS"), correct, "", "")
		expect(t, newer, z[0].reply("com.", "DS"), correct, "", "")
		expect(t, newer, z[0].reply(negativeName, "A"), incorrect, "vnk", "is of zone 2026112300, which is older")
		for _, m := range []*dns.Msg{z[0].reply("com.", "NS"), z[0].reply("com.", "DS")} {
			q := question(m)
			q.At = expiration.Add(time.Hour)
			expectWire(t, newer, q, pack(t, m), incorrect, "yds", "expired 2026-12-03T05:00:00Z, before the query at 2026-12-03T06:00:00Z")
		}
	}},
	{3, "two versions in one message", func(t *testing.T, z []*testZone) {
		m := changed(z[1], "us.", "NS", func(m *dns.Msg) { m.Ns = slices.Concat(z[2].set("us.", dns.TypeNS), z[2].signed("us.", dns.TypeDS)) })
		expect(t, by(z[2], z[1], z[0]), m, correct, "", "") // all of the third
		m = changed(z[0], "www.rssac047-test.kq.", "A", func(m *dns.Msg) { copy(m.Ns, z[1].signed(".", dns.TypeSOA)) })
		m.Ns = append(m.Ns, z[2].signed(".", dns.TypeNSEC)...)
		expect(t, by(z[1], z[0]), m, correct, "", "")
		m = changed(z[0], "www.rssac047-test.zy.", "A", func(m *dns.Msg) { copy(m.Ns, z[2].signed(".", dns.TypeSOA)) })
		if r := expect(t, by(z[2], z[1], z[0]), m, incorrect, "vnk", "zw./NSEC in Authority is not in zone 2026112302"); *r.Serial != firstSerial+2 {
			t.Errorf("judged by %d, carried is %d", *r.Serial, firstSerial+2)
		}
	}},
	{4, "signed again with the same data", func(t *testing.T, z []*testZone) {
		m := changed(z[0], ".", "SOA", func(m *dns.Msg) {
			m.Answer[1] = zsk.sign(m.Answer[:1], func(s *dns.RRSIG) { s.Inception += 3600 })
		})
		expect(t, by(z[0]), m, correct, "", "")
	}},
	{5, "a zone that is not usable judges nothing", func(t *testing.T, z []*testZone) {
		text := fmt.Sprintf(". 1 IN SOA . . 1 1 1 1 1\n. 1 IN NS a.\n%s\n", stranger.public)
		whole, err := rootzone.ReadWhole(strings.NewReader(text), "x")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := correctness.NewZone(whole); err == nil || !strings.Contains(err.Error(), "zone 1: does not validate: no signature over SOA verifies") {
			t.Errorf("a zone that nobody signed: %v", err)
		}
		part, err := rootzone.Read(strings.NewReader(text), "x")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := correctness.NewZone(part); err == nil || !strings.Contains(err.Error(), "ReadWhole") {
			t.Errorf("a zone without records: %v", err)
		}
		expect(t, by(), z[0].reply(".", "SOA"), unchecked, "yhu", "no root zone to judge by")
	}},
	{6, "a top-level domain that came or went", func(t *testing.T, z []*testZone) {
		gone := z[2].reply("zw.", "NS")
		expect(t, by(z[2], z[0]), gone, correct, "", "")
		expect(t, by(z[0]), gone, incorrect, "vnk", "./SOA in Authority is of zone 2026112302, which is newer than 2026112300")
		expect(t, by(z[2]), z[0].reply("zw.", "NS"), incorrect, "pdd vnk", "zone 2026112302 has no NS RRset of zw.")
		collision := z[2].reply("zz.", "NS")
		collision.Question[0] = dns.Question{Name: "www.rssac047-test.zz.", Qtype: dns.TypeA, Qclass: dns.ClassINET}
		expect(t, by(z[2]), collision, incorrect, "xog", "no rule lets NOERROR to www.rssac047-test.zz./A pass")
	}},
	{7, "a DS RRset that came, went or rolled", func(t *testing.T, z []*testZone) {
		noted(t, expect(t, by(z[2], z[1]), z[2].reply("aaa.", "DS"), correct, "", ""), "nodata", "extension rule: zone 2026112302 has no DS RRset of aaa.")
		expect(t, by(z[1]), z[2].reply("aaa.", "DS"), incorrect, "cpf vnk xdu", "Answer has no DS RRset of aaa.")
		expect(t, by(z[2]), z[1].reply("aaa.", "DS"), incorrect, "nodata vnk", "Answer has 2 records of aaa./DS, want none")
		expect(t, by(z[1]), z[0].reply("aaa.", "DS"), incorrect, "cpf vnk", "one bit different")
		if r := expect(t, by(z[2], z[1], z[0]), z[0].reply("aaa.", "DS"), correct, "", ""); *r.Serial != firstSerial {
			t.Errorf("judged by zone %d", *r.Serial)
		}
	}},
	{8, "the NSEC of a delegation is the parent's", func(t *testing.T, z []*testZone) {
		m := changed(z[0], "us.", "NS", func(m *dns.Msg) {
			reNSEC(func(n *dns.NSEC) { n.TypeBitMap = []uint16{dns.TypeNS, dns.TypeSOA, dns.TypeNSEC} })(z[0], m)
		})
		expect(t, by(z[0]), m, incorrect, "mkl vnk", "SOA bit set: it is the child's")
	}},
	{9, "NOERROR outside the rules", func(t *testing.T, z []*testZone) {
		noError := func(f func(*dns.Msg)) *dns.Msg {
			return changed(z[0], negativeName, "A", func(m *dns.Msg) { m.Rcode, m.Ns = dns.RcodeSuccess, nil; f(m) })
		}
		expect(t, by(z[0]), noError(func(*dns.Msg) {}), incorrect, "vcu", "want NXDOMAIN")
		expect(t, by(z[0]), noError(func(m *dns.Msg) { m.Answer = parse(negativeName + " 60 IN A 192.0.2.1\n") }), incorrect, "vcu vnk", "foreign responder")
		expect(t, by(z[0]), noError(func(m *dns.Msg) { m.Ns = parse("kqhvbzyiue. 60 IN NS ns.kqhvbzyiue.\n") }), incorrect, "vcu vnk", "kqhvbzyiue./NS in Authority is not in zone")
		expect(t, by(z[0]), changed(z[0], ".", "SOA", func(m *dns.Msg) { m.Question[0].Qtype = dns.TypeZONEMD }), incorrect, "xog", "no rule lets NOERROR to ./ZONEMD pass")
		expect(t, by(z[0]), changed(z[0], "com.", "NS", func(m *dns.Msg) { m.Question[0].Name = "x.com." }), incorrect, "xog", "x.com./NS")
	}},
	{10, "letter case", func(t *testing.T, z []*testZone) {
		upper := func(m *dns.Msg) {
			for _, section := range [][]dns.RR{m.Answer, m.Ns, m.Extra} {
				for _, rr := range section {
					rr.Header().Name = strings.ToUpper(rr.Header().Name)
					switch d := rr.(type) {
					case *dns.NS:
						d.Ns = strings.ToUpper(d.Ns)
					case *dns.SOA:
						d.Ns, d.Mbox = strings.ToUpper(d.Ns), strings.ToUpper(d.Mbox)
					}
				}
			}
		}
		for _, q := range goodQuestions {
			expect(t, by(z[0]), changed(z[0], strings.ToUpper(q.name), q.typ, upper), correct, "", "")
		}
		// The next name keeps its case under the signature (RFC 6840 section 5.1).
		next := func(n *dns.NSEC) { n.NextDomain = strings.ToUpper(n.NextDomain) }
		m := changed(z[0], "us.", "NS", func(m *dns.Msg) { next(m.Ns[slices.IndexFunc(m.Ns, isType(dns.TypeNSEC))].(*dns.NSEC)) })
		expect(t, by(z[0]), m, incorrect, "yds", "does not verify")
		expect(t, by(z[0]), changed(z[0], "us.", "NS", func(m *dns.Msg) { reNSEC(next)(z[0], m) }), correct, "", "")
	}},
	{11, "the order of names", func(t *testing.T, z []*testZone) {
		for _, c := range []struct {
			name    string
			verdict measurement.Verdict
			tags    string
		}{
			{"com-.", correct, ""}, {"coM0.", correct, ""}, {"com-x.", correct, ""}, {"xn--p1ai.", correct, ""}, {`\200.`, correct, ""}, {`c\.m.`, correct, ""},
			{"www.rssac047-test.ZZZZZZZZZZ.", correct, ""}, {"www.rssac047-test.aaA0.", correct, ""},
			{"www.rssac047-test.far.", incorrect, "czb"}, {"far.", incorrect, "czb"}, {".", incorrect, "czb"},
		} {
			m := new(dns.Msg)
			m.SetQuestion(c.name, dns.TypeA)
			m.Response, m.Authoritative, m.Rcode = true, true, dns.RcodeNameError
			m.SetEdns0(1232, true)
			m.Ns = slices.Concat(z[0].signed(".", dns.TypeSOA), z[0].signed(".", dns.TypeNSEC))
			for _, rr := range z[0].rrs { // every NSEC: one of them has to do
				if n, ok := rr.(*dns.NSEC); ok && n.Hdr.Name != "." {
					m.Ns = append(m.Ns, z[0].signed(n.Hdr.Name, dns.TypeNSEC)...)
				}
			}
			expect(t, by(z[0]), m, c.verdict, c.tags, "")
		}
	}},
	{12, "one NSEC for both proofs", func(t *testing.T, z []*testZone) {
		m := z[0].reply("www.rssac047-test.aa.", "A") // before the first top-level domain
		if n := len(m.Ns); n != 4 {
			t.Fatalf("%d records", n)
		}
		expect(t, by(z[0]), m, correct, "", "")
	}},
	{13, "an NSEC that proves nothing", func(t *testing.T, z []*testZone) {
		cover := func(sig func([]dns.RR) []dns.RR) *dns.Msg {
			return changed(z[0], negativeName, "A", func(m *dns.Msg) { m.Ns = append(m.Ns[:5], sig(m.Ns[4:5])...) })
		}
		expect(t, by(z[0]), cover(func([]dns.RR) []dns.RR { return nil }), incorrect, "czb", "has no signature")
		expect(t, by(z[0]), cover(func(n []dns.RR) []dns.RR { return []dns.RR{stranger.sign(n)} }), incorrect, "yds", "no such key")
		expect(t, by(z[0]), cover(func(n []dns.RR) []dns.RR {
			sig := zsk.sign(n)
			sig.Labels = 0
			return []dns.RR{sig}
		}), incorrect, "yds", "is of a name with 0 labels, want 1")
	}},
	{14, "records twice, apart, in two sections", func(t *testing.T, z []*testZone) {
		m := changed(z[0], "com.", "NS", func(m *dns.Msg) { m.Ns = append(m.Ns, m.Ns[0]) })
		noted(t, expect(t, by(z[0]), m, correct, "", ""), "duplicate", "com./NS in Authority has a record twice")
		expect(t, by(z[0]), changed(z[0], "com.", "NS", func(m *dns.Msg) { slices.Reverse(m.Ns) }), correct, "", "")
		m = changed(z[0], "com.", "NS", func(m *dns.Msg) { m.Extra = append(z[0].set("com.", dns.TypeNS), m.Extra...) })
		noted(t, expect(t, by(z[0]), m, correct, "", ""), "duplicate", "com./NS is in Authority and in Additional")
	}},
	{15, "other classes and types", func(t *testing.T, z []*testZone) {
		with := func(text string) *dns.Msg {
			return changed(z[0], "com.", "NS", func(m *dns.Msg) { m.Extra = append(parse(text), m.Extra...) })
		}
		expect(t, by(z[0]), with("a.gtld.net. 60 CH A 192.0.2.11\n"), incorrect, "vnk", "a.gtld.net./A in Additional is of class CH")
		expect(t, by(z[0]), with("a.gtld.net. 60 IN TYPE65280 \\# 2 beef\n"), incorrect, "vnk", "a.gtld.net./TYPE65280 in Additional is not in zone")
		sig := &dns.SIG{RRSIG: dns.RRSIG{Hdr: dns.RR_Header{Name: ".", Rrtype: dns.TypeSIG, Class: dns.ClassINET}, SignerName: ".", Signature: "AAAA"}}
		m := changed(z[0], "com.", "NS", func(m *dns.Msg) { m.Extra = append(m.Extra, sig) })
		expect(t, by(z[0]), m, incorrect, "vnk yds", "./SIG in Additional is not in zone")
		two := changed(z[0], ".", "SOA", func(m *dns.Msg) { m.Extra = append(m.Extra, m.Extra...) })
		expect(t, by(z[0]), two, incorrect, "malformed", "more than one OPT")
		moved := changed(z[0], ".", "SOA", func(m *dns.Msg) { m.Ns, m.Extra = m.Extra, nil })
		expect(t, by(z[0]), moved, incorrect, "malformed", "OPT out of its place")
	}},
	{16, "compressed or not", func(t *testing.T, z []*testZone) {
		for _, q := range goodQuestions {
			expect(t, by(z[0]), changed(z[0], q.name, q.typ, func(m *dns.Msg) { m.Compress = false }), correct, "", "")
		}
	}},
	{17, "part of an RRset", func(t *testing.T, z []*testZone) {
		expect(t, by(z[0]), changed(z[0], "us.", "NS", func(m *dns.Msg) { m.Ns = m.Ns[1:] }), incorrect, "pdd vnk", "NS RRset of us. lacks b.cctld.us.")
		glue := func(f func([]dns.RR) []dns.RR) *dns.Msg {
			return changed(z[0], "com.", "NS", func(m *dns.Msg) {
				m.Extra = append(f(z[0].addresses(z[0].set("com.", dns.TypeNS))), m.Extra[len(m.Extra)-1])
			})
		}
		expect(t, by(z[0]), glue(func(all []dns.RR) []dns.RR { return all[:3] }), incorrect, "vnk", "b.gtld.net./A in Additional differs from zone 2026112300: lacks 192.0.2.13")
		expect(t, by(z[0]), glue(func(all []dns.RR) []dns.RR { return all[:1] }), correct, "", "")
	}},
	{18, "glue", func(t *testing.T, z []*testZone) {
		glue := func(rrs ...dns.RR) *dns.Msg {
			return changed(z[0], "us.", "NS", func(m *dns.Msg) { m.Extra = append(rrs, m.Extra[len(m.Extra)-1]) })
		}
		expect(t, by(z[0]), glue(z[0].set("x.cctld.us.", dns.TypeA)...), correct, "", "")
		expect(t, by(z[0]), glue(z[0].set("x.cctld.us.", dns.TypeAAAA)...), correct, "", "")
		expect(t, by(z[0]), glue(z[0].set("a.gtld.net.", dns.TypeA)...), correct, "", "") // beside the domain
		expect(t, by(z[0]), glue(append(z[0].set("x.cctld.us.", dns.TypeA), z[0].set("ns1.aaa.", dns.TypeA)...)...), correct, "", "")
		expect(t, by(z[0]), glue(z[0].set("ns1.aaa.", dns.TypeA)...), incorrect, "cjm", "")
		expect(t, by(z[0]), glue(append(z[0].set("b.cctld.us.", dns.TypeA), parse("x.cctld.us. 60 IN A 203.0.113.1\n")...)...), incorrect, "vnk", "lacks 192.0.2.22; has 203.0.113.1")
		noted(t, expect(t, by(z[0]), z[0].reply("far.", "NS"), correct, "", ""), "cjm", "no address of any name server of far.")
	}},
	{19, "arpa. and root-servers.net.", func(t *testing.T, z []*testZone) {
		expect(t, by(z[0]), z[0].reply("ARPA.", "NS"), unchecked, "unt", "not judged")
		expect(t, by(z[0]), z[0].reply("arpa.", "DS"), correct, "", "")
		expect(t, by(z[0]), changed(z[0], "arpa.", "DS", func(m *dns.Msg) { m.Authoritative = false }), incorrect, "yot", "")
		m := changed(z[0], ".", "NS", func(m *dns.Msg) { m.Extra[0] = parse("a.root-servers.net. 60 IN A 203.0.113.1\n")[0] })
		noted(t, expect(t, by(z[0]), m, incorrect, "vnk", "a.root-servers.net./A in Additional differs"), "vnk", "may answer from there")
	}},
	{20, "what ./SOA and ./NS may have beside", func(t *testing.T, z []*testZone) {
		soa := func(ns []dns.RR) *dns.Msg {
			return changed(z[0], ".", "SOA", func(m *dns.Msg) { m.Ns, m.Extra = ns, append(z[0].addresses(z[0].set(".", dns.TypeNS)), m.Extra...) })
		}
		expect(t, by(z[0]), soa(nil), correct, "", "")
		expect(t, by(z[0]), soa(z[0].signed(".", dns.TypeNS)), correct, "", "")
		expect(t, by(z[0]), soa(z[0].set(".", dns.TypeNS)), incorrect, "ktm", "no signature")
		expect(t, by(z[0]), changed(z[0], ".", "NS", func(m *dns.Msg) { m.Extra = m.Extra[len(m.Extra)-1:] }), correct, "", "")
	}},
	{21, "ZONEMD at the apex", func(t *testing.T, _ []*testZone) {
		z := labZones()[0] // has one, and its bit in the NSEC of the apex
		j := correctness.Judge{Zones: []*correctness.Zone{candidateOf(t, z)}}
		wire, err := z.Answer(ask(t, negativeName, "A"), lab.Knot, "lab", true)
		if err != nil {
			t.Fatal(err)
		}
		m := new(dns.Msg)
		if err := m.Unpack(wire); err != nil || !slices.ContainsFunc(m.Ns, func(rr dns.RR) bool {
			n, ok := rr.(*dns.NSEC)
			return ok && n.Hdr.Name == "." && slices.Contains(n.TypeBitMap, dns.TypeZONEMD)
		}) {
			t.Fatalf("no bitmap with ZONEMD: %v", err)
		}
		expectWire(t, j, correctness.Question{Name: negativeName, Type: "A", At: asked}, wire, correct, "", "")
	}},
}

func TestEdgeCases(t *testing.T) {
	edges := slices.Concat(dataEdges, messageEdges)
	covered := map[int]bool{}
	for _, c := range edges {
		covered[c.number] = true
		t.Run(fmt.Sprintf("%d %s", c.number, c.name), func(t *testing.T) { c.run(t, golden()) })
	}
	for n := 1; n <= 35; n++ {
		if !covered[n] {
			t.Errorf("case %d is not there", n)
		}
	}
}
