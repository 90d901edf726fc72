package correctness_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"

	"mtric.net/mtric/engine/lab"
	"mtric.net/mtric/engine/lab/small"
	"mtric.net/mtric/engine/measurement"
	"mtric.net/mtric/engine/rootzone"
	"mtric.net/mtric/metrics/correctness"
)

const signedName = "example."

var (
	signedAt     = time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC)
	smallKSK     = lab.KSK(1, "small ksk", lab.ECDSAP256SHA256)
	smallZSK     = lab.ZSK(1, "small zsk", lab.ECDSAP256SHA256)
	smallZSK2    = lab.ZSK(1, "small zsk 2", lab.ED25519)
	smallUnknown = lab.ZSK(1, "small unknown", lab.PrivateDNS)
)

// small is the zone that all tests begin with.
func smallZone() small.Zone {
	return small.Simple(signedName, 7, smallKSK, smallZSK, signedAt.Add(-24*time.Hour), signedAt.Add(24*time.Hour))
}

// believing is the zone as it is judged, by the DS records of keys.
func believing(t *testing.T, keys ...lab.Key) *correctness.SignedZone {
	t.Helper()
	var anchors []rootzone.Anchor
	for _, k := range keys {
		anchors = append(anchors, rootzone.Anchor{DS: smallZone().Anchor(k)})
	}
	z, err := correctness.NewSignedZone(signedName, anchors)
	if err != nil {
		t.Fatal(err)
	}
	return z
}

// trusted are the keys that a zone's own DNSKEY response shows; nil where it is not trusted.
func trusted(by *correctness.SignedZone, z small.Zone) []*correctness.Keys {
	set := correctness.ReadKeySet(small.Wire(z.Respond(z.Name, dns.TypeDNSKEY)))
	if keys, _, _ := by.Trust(set, signedAt, nil); keys != nil {
		return []*correctness.Keys{keys}
	}
	return nil
}

func judged(by *correctness.SignedZone, m *dns.Msg, held correctness.Held) (measurement.Security, string) {
	return by.Judge(correctness.Question{Name: m.Question[0].Name, Type: dns.Type(m.Question[0].Qtype).String(), At: signedAt}, small.Wire(m), held)
}

// questions are of everything that the zone has and has not.
func questions() (all []dns.Question) {
	for _, label := range []string{"", "www.", "alias.", "away.", "lost.", "deep.ent.", "ent.", "wild.", "x.wild.", "x.y.wild.", "nothing.", "x.nothing.", "a.old.", "deep.old.",
		"old.", "insecure.", "x.insecure.", "secure.", "x.secure.", "zzz.", "0."} {
		for _, typ := range []uint16{dns.TypeSOA, dns.TypeNS, dns.TypeDNSKEY, dns.TypeA, dns.TypeTXT, dns.TypeDS, dns.TypeCNAME} {
			if label != "" || typ != dns.TypeDS { // which is the zone's above
				all = append(all, dns.Question{Name: label + signedName, Qtype: typ, Qclass: dns.ClassINET})
			}
		}
	}
	return all
}

func kindsOfDenial() map[string]small.Zone {
	plain, hashed, optOut := smallZone(), smallZone(), smallZone()
	hashed.NSEC3, hashed.Iterations = true, 2
	optOut.NSEC3, optOut.OptOut = true, true
	return map[string]small.Zone{"NSEC": plain, "NSEC3": hashed, "opt-out": optOut}
}

// TestRightAnswersAreSecure: all that the zone answers, but for what opt-out leaves open.
func TestRightAnswersAreSecure(t *testing.T) {
	by := believing(t, smallKSK)
	for kind, z := range kindsOfDenial() {
		held := correctness.Held{Sets: trusted(by, z)}
		for _, q := range questions() {
			m := z.Respond(q.Name, q.Qtype)
			got, why := judged(by, m, held)
			if got == measurement.SecuritySecure {
				continue
			}
			proof := len(m.Ns) > 0
			if kind != "opt-out" || got != measurement.SecurityUnchecked || !proof || !strings.Contains(why, "opt-out") {
				t.Errorf("%s: %s/%s is %s: %s\n%s", kind, q.Name, dns.Type(q.Qtype), got, why, m)
			}
		}
	}
}

// TestNothingTakenOutIsSecure: whatever record is taken out of a right answer, the rest is not
// secure unless it proves as much.
func TestNothingTakenOutIsSecure(t *testing.T) {
	by := believing(t, smallKSK)
	for kind, z := range kindsOfDenial() {
		held := correctness.Held{Sets: trusted(by, z)}
		for _, q := range questions() {
			right := z.Respond(q.Name, q.Qtype)
			for i := range len(right.Answer) + len(right.Ns) {
				m := right.Copy()
				from := &m.Answer
				if i >= len(right.Answer) {
					from, i = &m.Ns, i-len(right.Answer)
				}
				gone := (*from)[i]
				*from = append((*from)[:i:i], (*from)[i+1:]...)
				if got, _ := judged(by, m, held); got == measurement.SecuritySecure && !spared(right, gone) {
					t.Errorf("%s: secure without %s:\n%s", kind, gone, m)
				}
			}
		}
	}
}

// TestNothingAlteredIsSecure: nor is an answer of which a bit is another.
func TestNothingAlteredIsSecure(t *testing.T) {
	by := believing(t, smallKSK)
	for kind, z := range kindsOfDenial() {
		held := correctness.Held{Sets: trusted(by, z)}
		for _, q := range []dns.Question{{Name: signedName, Qtype: dns.TypeSOA}, {Name: "x.wild." + signedName, Qtype: dns.TypeTXT}, {Name: "nothing." + signedName, Qtype: dns.TypeA}} {
			right := z.Respond(q.Name, q.Qtype)
			wire := small.Wire(right)
			for bit := 0; bit < 8*len(wire); bit += 5 {
				flipped := append([]byte{}, wire...)
				flipped[bit/8] ^= 1 << (bit % 8)
				var m dns.Msg
				got, _ := by.Judge(correctness.Question{Name: q.Name, Type: dns.Type(q.Qtype).String(), At: signedAt}, flipped, held)
				if got == measurement.SecuritySecure && m.Unpack(flipped) == nil && said(&m) != said(right) {
					t.Errorf("%s: secure with bit %d of %s/%s changed:\n%s", kind, bit, q.Name, dns.Type(q.Qtype), &m)
				}
			}
		}
	}
}

// spared says whether a record may be missing and the rest prove as much: the SOA record of
// a denial, and the closest encloser's NSEC3 record where a wildcard answers.
func spared(m *dns.Msg, gone dns.RR) bool {
	switch gone.Header().Rrtype {
	case dns.TypeSOA:
		return m.Question[0].Qtype != dns.TypeSOA || m.Question[0].Name != signedName
	case dns.TypeNSEC3:
		return len(m.Answer) > 0
	}
	return false
}

// said is what a message says, without what is not judged: header bits, TTLs and letter case.
func said(m *dns.Msg) string {
	var b strings.Builder
	fmt.Fprintln(&b, m.Rcode)
	for _, rrs := range [][]dns.RR{m.Answer, m.Ns} {
		for _, rr := range rrs {
			rr = dns.Copy(rr)
			rr.Header().Ttl = 0
			fmt.Fprintln(&b, strings.ToLower(rr.String()))
		}
		fmt.Fprintln(&b)
	}
	return b.String()
}
