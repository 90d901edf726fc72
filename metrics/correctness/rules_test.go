package correctness_test

import (
	"net"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/miekg/dns"

	"mtric.net/mtric/engine/measurement"
	"mtric.net/mtric/metrics/correctness"
)

const firstSerial = 2026112300

// golden are three versions: the second has another DS at aaa., the third has us.
// signed, aaa. unsigned, zw. gone and zz. come.
var golden = sync.OnceValue(func() []*testZone {
	second := strings.Replace(delegations, "00AA", "00AB", 1)
	third := strings.NewReplacer(
		"aaa. 86400 IN DS 1 8 2 00000000000000000000000000000000000000000000000000000000000000AA\n", "",
		"zw. 172800 IN NS a.gtld.net.\n", "zz. 172800 IN NS a.gtld.net.\n",
		"us. 172800 IN NS a.gtld.net.\n", "us. 172800 IN NS a.gtld.net.\nus. 86400 IN DS 6 8 2 00000000000000000000000000000000000000000000000000000000000000FF\n",
	).Replace(delegations)
	return []*testZone{build(firstSerial, delegations), build(firstSerial+1, second), build(firstSerial+2, third)}
})

// by is a judge with these candidates.
func by(zones ...*testZone) correctness.Judge {
	var j correctness.Judge
	for _, z := range zones {
		j.Zones = append(j.Zones, z.zone)
	}
	return j
}

// proven is by of zones that were proven whole before.
func proven(zones ...*testZone) correctness.Judge {
	var j correctness.Judge
	for _, z := range zones {
		j.Zones = append(j.Zones, z.proven)
	}
	return j
}

// negativeName is a random name that lies between two of the golden zones'.
const negativeName = "www.rssac047-test.kqhvbzyiue."

// goodQuestions are one of each kind, with the block of rules that it is judged by.
var goodQuestions = []struct{ block, name, typ string }{
	{"hmk hue", "com.", "NS"},
	{"hmk fot", "us.", "NS"},
	{"dru", "com.", "DS"},
	{"dru arpa", "arpa.", "DS"},
	{"nodata", "us.", "DS"},
	{"owf", ".", "SOA"},
	{"amj", ".", "NS"},
	{"djd", ".", "DNSKEY"},
	{"vcu", negativeName, "A"},
	{"vcu last", "www.rssac047-test.zzzzzzzzzz.", "A"},
}

func TestGoodAnswersAreCorrect(t *testing.T) {
	z := golden()[0]
	for _, q := range goodQuestions {
		for _, name := range []string{q.name, strings.ToUpper(q.name)} {
			m := z.reply(name, q.typ)
			r := by(z).Judge(question(m), pack(t, m))
			if r.Verdict != measurement.Correct || r.Serial == nil || *r.Serial != firstSerial {
				t.Errorf("%s: %s/%s: %+v", q.block, name, q.typ, r)
			}
			if want := strings.Contains(q.block, "nodata"); want != (tags(r.Notes) == "nodata") {
				t.Errorf("%s: notes %v", q.block, r.Notes)
			}
		}
	}
}

// broken are answers with one defect each, and the tags it has to be told by.
// Where records are changed they are signed again, so that nothing else is wrong.
// A rule that names an RRset whose loss or content [vnk] looks at too has both.
var broken = []struct {
	tags, name, typ string
	change          func(z *testZone, m *dns.Msg)
	detail          string
}{
	// TLD/NS [hmk], with DS [hue] and without [fot].
	{"ujy", "com.", "NS", func(_ *testZone, m *dns.Msg) { m.Authoritative = true }, "AA is set"},
	{"aeg", "com.", "NS", func(z *testZone, m *dns.Msg) { m.Answer = z.set("com.", dns.TypeNS) }, "Answer has 2 records of com./NS"},
	{"pdd", "com.", "NS", func(_ *testZone, m *dns.Msg) { m.Ns = without(m.Ns, isType(dns.TypeNS)) }, "Authority has no NS RRset of com."},
	{"pdd vnk", "us.", "NS", func(_ *testZone, m *dns.Msg) { m.Ns = m.Ns[1:] }, "NS RRset of us. lacks b.cctld.us."},
	{"kbd", "com.", "NS", func(_ *testZone, m *dns.Msg) {
		m.Ns = without(without(m.Ns, isType(dns.TypeDS)), isType(dns.TypeRRSIG))
	}, "Authority has no DS RRset of com."},
	{"kbd", "com.", "NS", func(_ *testZone, m *dns.Msg) { m.Ns = without(m.Ns, isType(dns.TypeRRSIG)) }, "no signature; signatures stripped"},
	{"bgr vnk", "us.", "NS", func(_ *testZone, m *dns.Msg) {
		ds := parse("us. 86400 IN DS 6 8 2 00000000000000000000000000000000000000000000000000000000000000FF\n")
		m.Ns = append(m.Ns, ds[0], zsk.sign(ds))
	}, "Authority has a DS RRset of us."},
	{"mkl", "us.", "NS", func(_ *testZone, m *dns.Msg) {
		m.Ns = without(without(m.Ns, isType(dns.TypeNSEC)), isType(dns.TypeRRSIG))
	}, "Authority has no NSEC RRset of us."},
	{"mkl", "us.", "NS", func(_ *testZone, m *dns.Msg) { m.Ns = without(m.Ns, isType(dns.TypeRRSIG)) }, "no signature"},
	{"mkl vnk", "us.", "NS", reNSEC(func(n *dns.NSEC) { n.TypeBitMap = []uint16{dns.TypeNS, dns.TypeDS, dns.TypeRRSIG, dns.TypeNSEC} }), "DS bit set"},
	{"mkl vnk", "us.", "NS", reNSEC(func(n *dns.NSEC) { n.TypeBitMap = []uint16{dns.TypeRRSIG, dns.TypeNSEC} }), "NS bit clear"},
	{"mkl vnk", "us.", "NS", reNSEC(func(n *dns.NSEC) {
		n.TypeBitMap = []uint16{dns.TypeNS, dns.TypeSOA, dns.TypeRRSIG, dns.TypeNSEC}
	}), "SOA bit set: it is the child's"},
	{"mkl", "us.", "NS", func(z *testZone, m *dns.Msg) { m.Ns = append(m.Ns[:3], z.signed("zw.", dns.TypeNSEC)...) }, "no NSEC RRset of us."},
	{"cjm", "com.", "NS", func(_ *testZone, m *dns.Msg) { m.Extra = m.Extra[len(m.Extra)-1:] }, "no address"},
	{"cjm", "com.", "NS", func(z *testZone, m *dns.Msg) {
		m.Extra = append(z.set("x.cctld.us.", dns.TypeA), m.Extra[len(m.Extra)-1])
	}, "no address, found in zone 2026112300, of a name server of com."},

	// TLD/DS [dru].
	{"yot", "com.", "DS", func(_ *testZone, m *dns.Msg) { m.Authoritative = false }, "AA is clear"},
	{"cpf", "com.", "DS", func(_ *testZone, m *dns.Msg) { m.Answer = nil }, "Answer has no DS RRset of com."},
	{"cpf", "com.", "DS", func(_ *testZone, m *dns.Msg) { m.Answer = m.Answer[:2] }, "no signature"},
	{"xdu", "com.", "DS", func(z *testZone, m *dns.Msg) { m.Ns = z.set("com.", dns.TypeNS) }, "Authority has 2 records"},
	{"mle", "com.", "DS", func(z *testZone, m *dns.Msg) { m.Extra = append(z.set("a.gtld.net.", dns.TypeA), m.Extra...) }, "Additional has 1 record of a.gtld.net./A"},

	// TLD/DS without DS, our extension.
	{"nodata", "us.", "DS", func(_ *testZone, m *dns.Msg) { m.Authoritative = false }, "AA is clear"},
	{"nodata", "us.", "DS", func(_ *testZone, m *dns.Msg) { m.Ns = m.Ns[2:] }, "no SOA RRset"},
	{"nodata", "us.", "DS", func(_ *testZone, m *dns.Msg) { m.Ns = m.Ns[:2] }, "no NSEC RRset of us."},
	{"nodata", "us.", "DS", func(z *testZone, m *dns.Msg) { m.Extra = append(z.set("a.gtld.net.", dns.TypeA), m.Extra...) }, "Additional has"},
	{"nodata", "us.", "DS", func(z *testZone, m *dns.Msg) { m.Answer = z.set("us.", dns.TypeNS) }, "Answer has"},

	// ./SOA [owf].
	{"xhr", ".", "SOA", func(_ *testZone, m *dns.Msg) { m.Authoritative = false }, "AA is clear"},
	{"obw", ".", "SOA", func(_ *testZone, m *dns.Msg) { m.Answer = nil }, "Answer has no SOA RRset of ."},
	{"obw", ".", "SOA", func(_ *testZone, m *dns.Msg) { m.Answer = m.Answer[:1] }, "./SOA in Answer has no signature"},
	{"ktm", ".", "SOA", func(z *testZone, m *dns.Msg) { m.Ns = z.set(".", dns.TypeNS) }, "./NS in Authority has no signature"},
	{"ktm", ".", "SOA", func(z *testZone, m *dns.Msg) { m.Ns = z.signed(".", dns.TypeDNSKEY) }, "Authority has no NS RRset of ."},

	// ./NS [amj] and ./DNSKEY [djd].
	{"csz", ".", "NS", func(_ *testZone, m *dns.Msg) { m.Authoritative = false }, "AA is clear"},
	{"wal", ".", "NS", func(_ *testZone, m *dns.Msg) { m.Answer = nil }, "Answer has no NS RRset of ."},
	{"wal", ".", "NS", func(_ *testZone, m *dns.Msg) { m.Answer = without(m.Answer, isType(dns.TypeRRSIG)) }, "no signature"},
	{"eyk", ".", "NS", func(z *testZone, m *dns.Msg) { m.Ns = z.signed(".", dns.TypeSOA) }, "Authority has 2 records"},
	{"occ", ".", "DNSKEY", func(_ *testZone, m *dns.Msg) { m.Authoritative = false }, "AA is clear"},
	{"eou", ".", "DNSKEY", func(_ *testZone, m *dns.Msg) { m.Answer = nil }, "Answer has no DNSKEY RRset of ."},
	{"eou", ".", "DNSKEY", func(_ *testZone, m *dns.Msg) { m.Answer = without(m.Answer, isType(dns.TypeRRSIG)) }, "no signature"},
	{"kka", ".", "DNSKEY", func(z *testZone, m *dns.Msg) { m.Ns = z.signed(".", dns.TypeSOA) }, "Authority has 2 records"},
	{"jws", ".", "DNSKEY", func(z *testZone, m *dns.Msg) { m.Extra = append(z.set("a.gtld.net.", dns.TypeA), m.Extra...) }, "Additional has 1 record"},

	// Negative [vcu].
	{"gpl", negativeName, "A", func(_ *testZone, m *dns.Msg) { m.Authoritative = false }, "AA is clear"},
	{"dvh", negativeName, "A", func(z *testZone, m *dns.Msg) { m.Answer = z.set("com.", dns.TypeNS) }, "Answer has 2 records"},
	{"axj", negativeName, "A", func(_ *testZone, m *dns.Msg) { m.Ns = m.Ns[2:] }, "Authority has no SOA RRset of ."},
	{"axj", negativeName, "A", func(_ *testZone, m *dns.Msg) { m.Ns = without(m.Ns, covers(dns.TypeSOA)) }, "./SOA in Authority has no signature"},
	{"czb", negativeName, "A", func(_ *testZone, m *dns.Msg) { m.Ns = m.Ns[:4] }, "no NSEC which proves that www.rssac047-test.kqhvbzyiue."},
	{"czb", negativeName, "A", func(z *testZone, m *dns.Msg) { m.Ns = append(m.Ns[:4], z.signed("net.", dns.TypeNSEC)...) }, "no NSEC which proves"},
	{"czb", negativeName, "A", func(_ *testZone, m *dns.Msg) { m.Ns = m.Ns[:5] }, "far./NSEC, which proves that www.rssac047-test.kqhvbzyiue. does not exist, has no signature"},
	{"jhz", negativeName, "A", func(_ *testZone, m *dns.Msg) { m.Ns = slices.Delete(m.Ns, 2, 4) }, "Authority has no NSEC of . which proves that *. does not exist"},
	{"jhz", negativeName, "A", func(_ *testZone, m *dns.Msg) { m.Ns = slices.Delete(m.Ns, 3, 4) }, "./NSEC, which proves that *. does not exist, has no signature"},
	{"trw", negativeName, "A", func(z *testZone, m *dns.Msg) { m.Extra = append(z.set("a.gtld.net.", dns.TypeA), m.Extra...) }, "Additional has 1 record"},
	{"vcu", negativeName, "A", func(_ *testZone, m *dns.Msg) { m.Rcode, m.Ns = dns.RcodeSuccess, nil }, "want NXDOMAIN"},

	// All blocks: every RRset the zone's [vnk], OPT [pvz] and RRSIG [ygx] exempt, every signature good [yds].
	{"vnk", "com.", "NS", func(_ *testZone, m *dns.Msg) { m.Extra[0].(*dns.A).A = net.IPv4(192, 0, 2, 10) }, "one bit different"},
	{"vnk", "com.", "NS", func(_ *testZone, m *dns.Msg) { m.Extra = slices.Delete(m.Extra, 2, 3) }, "b.gtld.net./A in Additional differs from zone 2026112300: lacks 192.0.2.12"},
	{"cpf vnk", "com.", "DS", func(_ *testZone, m *dns.Msg) {
		m.Answer[0].(*dns.DS).KeyTag = 9
		m.Answer[2] = zsk.sign(m.Answer[:2])
	}, "com./DS in Answer differs from zone 2026112300"},
	{"vnk wal", ".", "NS", func(_ *testZone, m *dns.Msg) {
		m.Answer[1] = parse(". 518400 IN NS z.root-servers.net.\n")[0]
		m.Answer[2] = zsk.sign(m.Answer[:2])
	}, "lacks b.root-servers.net."},
	{"yds", ".", "SOA", func(_ *testZone, m *dns.Msg) { m.Answer[1] = stranger.sign(m.Answer[:1]) }, "no such key in zone 2026112300"},
	{"yds", ".", "SOA", reSOA(func(s *dns.RRSIG) { s.Expiration = uint32(asked.Unix()) - 1 }), "expired 2026-11-23T11:59:59Z, before the query at 2026-11-23T12:00:00Z"},
	{"yds", ".", "SOA", reSOA(func(s *dns.RRSIG) { s.Inception = uint32(asked.Unix()) + 1 }), "begins 2026-11-23T12:00:01Z, after the query"},
	{"yds", ".", "SOA", func(_ *testZone, m *dns.Msg) { m.Answer[1].(*dns.RRSIG).OrigTtl++ }, "does not verify"},
	{"yds", ".", "SOA", func(_ *testZone, m *dns.Msg) { m.Answer[1].(*dns.RRSIG).Labels = 1 }, "is of a name with 1 labels"},
	{"yds", ".", "SOA", func(_ *testZone, m *dns.Msg) { m.Answer[1].(*dns.RRSIG).SignerName = "com." }, "the signer is com."},
	{"yds", ".", "DNSKEY", func(_ *testZone, m *dns.Msg) { m.Answer[2] = stranger.sign(m.Answer[:2]) }, "no such key in zone"},
	{"eou vnk", ".", "DNSKEY", func(_ *testZone, m *dns.Msg) { m.Answer = []dns.RR{m.Answer[1], ksk.sign(m.Answer[1:2])} }, "./DNSKEY in Answer differs from zone 2026112300: lacks"},
	{"kbd vnk", "com.", "NS", func(_ *testZone, m *dns.Msg) {
		i := slices.IndexFunc(m.Ns, isType(dns.TypeDS))
		m.Ns = slices.Delete(m.Ns, i+1, i+3)
		m.Ns = append(m.Ns, zsk.sign(m.Ns[i:i+1]))
	}, "com./DS in Authority differs from zone 2026112300: lacks"},
	{"ktm vnk", ".", "SOA", func(z *testZone, m *dns.Msg) {
		ns := z.set(".", dns.TypeNS)[:1]
		m.Ns = append(ns, zsk.sign(ns))
	}, "./NS in Authority differs from zone 2026112300: lacks"},
	{"yds", ".", "NS", func(z *testZone, m *dns.Msg) { m.Extra = append(z.set("com.", dns.TypeDS), m.Extra...) }, "com./DS in Additional has no signature"},
}

// reNSEC changes the NSEC of a referral and signs it again.
func reNSEC(change func(*dns.NSEC)) func(*testZone, *dns.Msg) {
	return func(_ *testZone, m *dns.Msg) {
		i := slices.IndexFunc(m.Ns, isType(dns.TypeNSEC))
		change(m.Ns[i].(*dns.NSEC))
		m.Ns[i+1] = zsk.sign(m.Ns[i : i+1])
	}
}

// reSOA signs the SOA record again, with other times.
func reSOA(change func(*dns.RRSIG)) func(*testZone, *dns.Msg) {
	return func(_ *testZone, m *dns.Msg) { m.Answer[1] = zsk.sign(m.Answer[:1], change) }
}

func TestOneDefectOneRule(t *testing.T) {
	z := golden()[0]
	for _, c := range broken {
		m := z.reply(c.name, c.typ)
		c.change(z, m)
		r := by(z).Judge(question(m), pack(t, m))
		if r.Verdict != measurement.Incorrect || tags(r.Failures) != c.tags || r.Serial == nil || *r.Serial != firstSerial {
			t.Errorf("%s: %s/%s: %s, serial %v, %q", c.tags, c.name, c.typ, r.Verdict, r.Serial, r.FailureTexts())
		}
		if all := strings.Join(r.FailureTexts(), "\n"); !strings.Contains(all, c.detail) {
			t.Errorf("%s: %s/%s: want %q in\n%s", c.tags, c.name, c.typ, c.detail, all)
		}
	}
}
