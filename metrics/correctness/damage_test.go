package correctness_test

import (
	"encoding/base64"
	"testing"
	"time"

	"github.com/miekg/dns"
)

// A bit that flipped within a signature is told as such, whatever it makes of it.
func TestFlippedBitInSignature(t *testing.T) {
	z := golden()[2]
	const near = "; it is one bit different from the signature in zone 2026112302"
	for want, flip := range map[string]func(*dns.RRSIG){
		"does not verify" + near: func(s *dns.RRSIG) {
			raw, err := base64.StdEncoding.DecodeString(s.Signature)
			if err != nil {
				t.Fatal(err)
			}
			raw[9] ^= 4
			s.Signature = base64.StdEncoding.EncodeToString(raw)
		},
		"no such key in zone 2026112302" + near:                 func(s *dns.RRSIG) { s.KeyTag ^= 1 << 7 },
		"before the query at 2026-11-23T12:00:00Z" + near:       func(s *dns.RRSIG) { s.Expiration ^= 1 << 30 },
		"is of a name with 3 labels, want 1" + near:             func(s *dns.RRSIG) { s.Labels ^= 2 },
		"does not verify; it is one bit different from the sig": func(s *dns.RRSIG) { s.OrigTtl ^= 1 },
	} {
		expect(t, by(z), changed(z, "com.", "DS", func(m *dns.Msg) { flip(m.Answer[len(m.Answer)-1].(*dns.RRSIG)) }), incorrect, "yds", want)
	}
	two := changed(z, "com.", "DS", func(m *dns.Msg) { m.Answer[len(m.Answer)-1].(*dns.RRSIG).KeyTag ^= 3 })
	if r := expect(t, by(z), two, incorrect, "yds", "no such key"); len(r.Failures) != 1 || r.Failures[0].Detail[len(r.Failures[0].Detail)-len("zone 2026112302"):] != "zone 2026112302" {
		t.Errorf("%q", r.FailureTexts())
	}
}

// A serial that no key of the zone signed is not called a zone's: it is damaged, and
// then a bit away from a candidate's, or forged.
func TestSerialThatNobodySigned(t *testing.T) {
	z := golden()
	serial := func(of int, change func(*dns.SOA)) *dns.Msg {
		return changed(z[of], ".", "SOA", func(m *dns.Msg) { change(m.Answer[0].(*dns.SOA)) })
	}
	all := by(z[2], z[1], z[0])
	expect(t, all, serial(1, func(s *dns.SOA) { s.Serial ^= 1 << 20 }), incorrect, "vnk yds", " of zone 2026112301")
	expect(t, all, serial(1, func(s *dns.SOA) { s.Serial ^= 1 << 20 }), incorrect, "vnk yds", "is one bit different from ")
	expect(t, all, serial(1, func(s *dns.SOA) { s.Serial = 1 }), incorrect, "vnk yds", "./SOA in Answer carries serial 1, not signed by the zone's key")
	// An older zone is one, be its signature expired or stripped.
	stripped := changed(z[0], ".", "SOA", func(m *dns.Msg) { m.Answer = m.Answer[:1] })
	expect(t, by(z[2], z[1]), stripped, incorrect, "obw vnk", "is of zone 2026112300, which is older than 2026112302")
	q := question(z[0].reply(".", "SOA"))
	q.At = expiration.Add(time.Hour)
	expectWire(t, by(z[2], z[1]), q, pack(t, z[0].reply(".", "SOA")), incorrect, "vnk yds", "is of zone 2026112300, which is older than 2026112302")
}

// NODATA holds the SOA and the NSEC that proves it, and nothing else.
func TestNoDataHoldsNothingElse(t *testing.T) {
	z := golden()[0]
	for name, more := range map[string][]dns.RR{
		"the delegation": z.set("net.", dns.TypeNS), "another NSEC": z.signed(".", dns.TypeNSEC), "the root's NS": z.signed(".", dns.TypeNS),
	} {
		m := changed(z, "net.", "DS", func(m *dns.Msg) { m.Ns = append(m.Ns, more...) })
		if r := expect(t, by(z), m, incorrect, "nodata", "want the SOA and the NSEC of net. only"); len(r.Failures) != 1 {
			t.Errorf("%s: %q", name, r.FailureTexts())
		}
	}
	expect(t, by(z), z.reply("net.", "DS"), correct, "", "")
}
