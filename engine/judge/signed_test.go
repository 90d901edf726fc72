package judge_test

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"

	"mtric.net/mtric/engine/judge"
	"mtric.net/mtric/engine/lab"
	"mtric.net/mtric/engine/lab/small"
	"mtric.net/mtric/engine/measurement"
	"mtric.net/mtric/engine/plan"
)

var (
	signedAt = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	ksk      = lab.KSK(1, "judge ksk", lab.ECDSAP256SHA256)
	zsk      = lab.ZSK(1, "judge zsk", lab.ECDSAP256SHA256)
)

func example() small.Zone {
	return small.Simple("example.", 7, ksk, zsk, signedAt.AddDate(0, 0, -7), signedAt.AddDate(0, 0, 7))
}

// asking is a plan with so many queries for the zone's SOA, and one for its keys.
func asking(queries int, zones ...plan.Zone) *plan.Plan {
	p := &plan.Plan{Name: "p", Zones: zones}
	for _, rsi := range []measurement.RSI{"a", "b"} {
		p.Servers = append(p.Servers, plan.Server{Group: "own", RSI: rsi, Addresses: []plan.Address{{Family: measurement.IPv4, Address: netip.MustParseAddr("192.0.2.1")}}})
	}
	query := plan.Query{Servers: []string{"own"}, QName: "example.", QType: "SOA", DNSSEC: true, KeepResponse: measurement.KeepAlways}
	for i := range queries {
		query.Label = fmt.Sprintf("soa-%03d", i)
		p.Queries = append(p.Queries, query)
	}
	query.Label, query.QType = "keys", "DNSKEY"
	p.Queries = append(p.Queries, query)
	return p
}

func trusting(ds ...string) plan.Zone {
	z := plan.Zone{Label: "example", Name: "example.", Servers: []string{"own"}}
	for _, d := range ds {
		z.DS = append(z.DS, plan.DS{DS: d})
	}
	return z
}

func row(query string, rsi measurement.RSI, m *dns.Msg) measurement.Answer {
	rcode := dns.RcodeToString[m.Rcode]
	return measurement.Answer{VantagePoint: "101", Interval: signedAt, SentAt: &signedAt, Query: query, RSI: rsi, Family: "ipv4", Transport: "tcp", Address: "192.0.2.1",
		QName: m.Question[0].Name, QType: dns.Type(m.Question[0].Qtype).String(), Outcome: measurement.Answered, RCode: &rcode, AA: &m.Authoritative, TC: &m.Truncated, Response: small.Wire(m)}
}

// TestHostileServerCostsNobodyElse: who answers with more signatures than anybody verifies is
// unchecked in the end, and the others are judged as ever.
func TestHostileServerCostsNobodyElse(t *testing.T) {
	const queries = 600 // more signatures than are verified of all
	p := judge.SignedBy(asking(queries, trusting(example().Anchor(ksk))))
	right, costly := example().Respond("example.", dns.TypeSOA), example().Respond("example.", dns.TypeSOA)
	sig := costly.Answer[1].(*dns.RRSIG)
	costly.Answer = costly.Answer[:1]
	for i := range 40 {
		broken := dns.Copy(sig).(*dns.RRSIG)
		broken.OrigTtl += uint32(i) + 1
		costly.Answer = append(costly.Answer, broken)
	}
	rows := []measurement.Answer{row("keys", "a", example().Respond("example.", dns.TypeDNSKEY)), row("keys", "b", example().Respond("example.", dns.TypeDNSKEY))}
	for i := range queries {
		label := fmt.Sprintf("soa-%03d", i)
		rows = append(rows, row(label, "a", right), row(label, "b", costly))
	}
	var s judge.Signed
	s.Judge(p, true, rows, nil)
	for i, a := range rows {
		if a.RSI == "a" && *a.DNSSEC != measurement.SecuritySecure {
			t.Fatalf("row %d of a is %s", i, *a.DNSSEC)
		}
		if a.Query != "keys" && a.RSI == "b" && *a.DNSSEC != measurement.SecurityUnchecked {
			t.Fatalf("row %d of b is %s: of 40 signatures 16 are looked at", i, *a.DNSSEC)
		}
	}
}

// TestAnchorsOfOthers: keys that are trusted by the trust anchors of one plan are not by those of
// another, whatever vantage point sends it; and a plan of no signed zone takes back what was said.
func TestAnchorsOfOthers(t *testing.T) {
	liar := small.Simple("example.", 7, lab.KSK(2, "l", lab.ECDSAP256SHA256), lab.ZSK(2, "l", lab.ECDSAP256SHA256), signedAt.AddDate(0, 0, -7), signedAt.AddDate(0, 0, 7))
	honest, theirs := judge.SignedBy(asking(1, trusting(example().Anchor(ksk)))), judge.SignedBy(asking(1, trusting(liar.Anchor(liar.SignKeys[0]))))
	var s judge.Signed
	shown := judge.KeysShown([]measurement.Answer{row("keys", "b", liar.Respond("example.", dns.TypeDNSKEY))})
	if len(shown) != 1 {
		t.Fatalf("%d sets of keys", len(shown))
	}
	s.Learn(theirs, false, signedAt, shown)
	s.Learn(honest, true, signedAt, shown)
	for _, c := range []struct {
		p    *judge.SignedPlan
		want string
	}{{theirs, "secure"}, {honest, "unchecked"}, {judge.SignedBy(asking(1, trusting())), "null"}} {
		rows := []measurement.Answer{row("soa-000", "b", liar.Respond("example.", dns.TypeSOA))}
		rows[0].DNSSEC = new(measurement.SecurityBogus)
		s.Judge(c.p, true, rows, nil)
		got := "null"
		if rows[0].DNSSEC != nil {
			got = string(*rows[0].DNSSEC)
		}
		if got != c.want {
			t.Errorf("%s, want %s", got, c.want)
		}
	}
}

// TestStrangePlansAreBounded: plans that are not the collector's own have keys of 64 zones kept,
// however many they name.
func TestStrangePlansAreBounded(t *testing.T) {
	var s judge.Signed
	shown := judge.KeysShown([]measurement.Answer{row("keys", "b", example().Respond("example.", dns.TypeDNSKEY))})
	secure := 0
	for i := range 70 {
		other := fmt.Sprintf("%d 13 2 %s", i, strings.Repeat("AB", 32))
		p := judge.SignedBy(asking(1, trusting(example().Anchor(ksk), other)))
		s.Learn(p, i == 69, signedAt, shown)
		rows := []measurement.Answer{row("soa-000", "b", example().Respond("example.", dns.TypeSOA))}
		s.Judge(p, true, rows, nil)
		if *rows[0].DNSSEC == measurement.SecuritySecure {
			secure++
		} else if i < 64 || i == 69 {
			t.Errorf("plan %d: %s", i, *rows[0].DNSSEC)
		}
	}
	if secure != 65 {
		t.Errorf("%d zones have their keys kept, want 64 and the collector's own", secure)
	}
}

// TestOwnKeysComeFirst: a server that is behind is judged by the keys that it shows, not by newer ones; and
// one that signs by a key which it shows no more is not secure, though the zone had that key.
func TestOwnKeysComeFirst(t *testing.T) {
	next := lab.ZSK(1, "judge next", lab.ED25519)
	rolled, early := example(), example()
	rolled.Publish, rolled.SignData = []lab.Key{ksk, next}, []lab.Key{next}
	early.Publish = rolled.Publish
	p := judge.SignedBy(asking(1, trusting(example().Anchor(ksk))))
	for _, newest := range []small.Zone{example(), rolled} {
		var s judge.Signed
		s.Learn(p, true, signedAt, judge.KeysShown([]measurement.Answer{row("keys", "c", newest.Respond("example.", dns.TypeDNSKEY)), row("keys", "a", newest.Respond("example.", dns.TypeDNSKEY))}))
		rows := []measurement.Answer{row("keys", "a", example().Respond("example.", dns.TypeDNSKEY)), row("soa-000", "a", example().Respond("example.", dns.TypeSOA)),
			row("keys", "b", early.Respond("example.", dns.TypeDNSKEY)), row("soa-000", "b", early.Respond("example.", dns.TypeSOA))}
		s.Judge(p, true, rows, nil)
		for i, want := range []measurement.Security{"secure", "secure", "secure", "unchecked"} {
			if got := *rows[i].DNSSEC; got != want {
				t.Errorf("row %d: %s, want %s", i, got, want)
			}
		}
	}
}
