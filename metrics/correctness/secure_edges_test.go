package correctness_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/miekg/dns"

	"mtric.net/mtric/engine/lab"
	"mtric.net/mtric/engine/lab/small"
	"mtric.net/mtric/engine/measurement"
	"mtric.net/mtric/metrics/correctness"
)

// answering is a response of the zone's servers with these records in Answer and Authority.
func answering(name string, typ uint16, rcode int, answer, authority []dns.RR) *dns.Msg {
	m := new(dns.Msg)
	m.SetQuestion(name, typ)
	m.SetEdns0(1232, true)
	m.Response, m.Authoritative, m.Rcode, m.Answer, m.Ns = true, true, rcode, answer, authority
	return m
}

func recordOf(t *testing.T, text string) dns.RR {
	t.Helper()
	rr, err := dns.NewRR(text)
	if err != nil {
		t.Fatal(err)
	}
	return rr
}

// TestSecureEdges: answers of which the law is rarely asked, most of them what an honest server says.
func TestSecureEdges(t *testing.T) {
	const secure, bogus, unchecked = measurement.SecuritySecure, measurement.SecurityBogus, measurement.SecurityUnchecked
	by, z := believing(t, smallKSK), smallZone()
	signed := func(texts ...string) (all []dns.RR) {
		for _, text := range texts {
			all = append(all, z.Sign([]dns.RR{recordOf(t, text)})...)
		}
		return all
	}
	soa := z.Respond(signedName, dns.TypeSOA).Answer
	hash := func(name string) string { return dns.HashName(name, dns.SHA1, 0, "") }
	// nsec3 are records of these owners, each with the next of all hashes.
	nsec3 := func(start string, types ...string) []dns.RR {
		var all []dns.RR
		hashes := []string{hash(signedName), hash("www." + signedName)}
		slices.Sort(hashes)
		for i, h := range hashes {
			bits := "A RRSIG"
			if h == hash(signedName) {
				bits = "NS SOA RRSIG DNSKEY NSEC3PARAM"
			}
			all = append(all, signed(h+"."+signedName+" 1 IN NSEC3 "+start+" - "+hashes[(i+1)%2]+" "+bits)...)
		}
		return all
	}
	chain := func(n int, last string) (all []dns.RR) {
		for i := range n {
			all = append(all, signed("c"+strings.Repeat("x", i)+"."+signedName+" 1 IN CNAME c"+strings.Repeat("x", i+1)+"."+signedName)...)
		}
		return append(all, signed("c"+strings.Repeat("x", n)+"."+signedName+" 1 IN "+last)...)
	}
	join := func(parts ...[]dns.RR) []dns.RR { return slices.Concat(parts...) }
	delegation := []dns.RR{recordOf(t, signedName+" 1 IN NS ns."+signedName)}
	above := recordOf(t, signedName+" 1 IN DS 1 13 2 "+strings.Repeat("ab", 32))
	referral := answering(signedName, dns.TypeSOA, dns.RcodeSuccess, nil, delegation)
	referral.Authoritative = false
	for _, c := range []struct {
		name string
		m    *dns.Msg
		want measurement.Security
		why  string
	}{
		{"ANY denied where there are records", answering("www."+signedName, dns.TypeANY, dns.RcodeSuccess, nil,
			join(soa, signed("www."+signedName+" 1 IN NSEC zzz."+signedName+" A RRSIG NSEC"))), unchecked, "any type"},
		{"ANY of a name without records", answering("ent."+signedName, dns.TypeANY, dns.RcodeSuccess, nil,
			join(soa, signed("away."+signedName+" 1 IN NSEC deep.ent."+signedName+" A RRSIG NSEC"))), secure, ""},
		{"no records where opt-out may hide a name", answering("hidden."+signedName, dns.TypeA, dns.RcodeSuccess, nil, join(soa, nsec3("1 1 0"))), unchecked, "opt-out"},
		{"no records and no opt-out", answering("hidden."+signedName, dns.TypeA, dns.RcodeSuccess, nil, join(soa, nsec3("1 0 0"))), bogus, "nothing proves"},
		{"NSEC3 of an unknown hash", answering("hidden."+signedName, dns.TypeA, dns.RcodeNameError, nil, join(soa, nsec3("2 0 0"))), unchecked, "hash"},
		{"an alias that is not followed", answering("c."+signedName, dns.TypeA, dns.RcodeSuccess, chain(0, "CNAME www."+signedName), nil), unchecked, "alias"},
		{"an alias of nothing, denied", answering("lost."+signedName, dns.TypeA, dns.RcodeNameError, z.Respond("lost."+signedName, dns.TypeA).Answer, soa), bogus, "nothing proves"},
		{"aliases in a circle", answering("c."+signedName, dns.TypeA, dns.RcodeSuccess, chain(1, "CNAME c."+signedName), nil), unchecked, "alias"},
		{"many aliases", answering("c."+signedName, dns.TypeCNAME, dns.RcodeSuccess, chain(5, "A 192.0.2.1"), nil), secure, ""},
		{"DS at the zone's own name is of the zone above", answering("c."+signedName, dns.TypeDS, dns.RcodeSuccess, join(chain(0, "CNAME "+signedName), []dns.RR{above}), nil), unchecked, "above"},
		{"no DS at the zone's own name", answering("c."+signedName, dns.TypeDS, dns.RcodeSuccess, chain(0, "CNAME "+signedName),
			join(soa, signed(signedName+" 1 IN NSEC www."+signedName+" NS SOA RRSIG NSEC DNSKEY"))), secure, ""},
		{"a referral to the zone", referral, unchecked, "above"},
		{"no records at a wildcard that has only names below it", answering("x.b."+signedName, dns.TypeA, dns.RcodeSuccess, nil,
			join(soa, signed("b."+signedName+" 1 IN NSEC a.*.b."+signedName+" A RRSIG NSEC", "a.*.b."+signedName+" 1 IN NSEC www."+signedName+" A RRSIG NSEC"))), secure, ""},
		{"a name that its own NSEC says is none", answering("x."+signedName, dns.TypeA, dns.RcodeNameError, nil,
			join(soa, signed(`x.`+signedName+` 1 IN NSEC \000.x.`+signedName+" RRSIG NSEC TYPE128"))), secure, ""},
		{"a name that has nothing is not none", answering("x."+signedName, dns.TypeA, dns.RcodeNameError, nil,
			join(soa, signed(`x.`+signedName+` 1 IN NSEC \000.x.`+signedName+" RRSIG NSEC"))), bogus, "does not exist"},
	} {
		got, why := judged(by, c.m, correctness.Held{Sets: trusted(by, z)})
		if got != c.want || !strings.Contains(why, c.why) {
			t.Errorf("%s: %s (%s), want %s (%s)", c.name, got, why, c.want, c.why)
		}
	}
}

// ofOneTag are two keys with the same tag.
func ofOneTag(t *testing.T) (a, b lab.Key) {
	t.Helper()
	met := map[uint16]lab.Key{}
	for seed := range uint64(1 << 16) {
		k := lab.ZSK(seed, "of one tag", lab.ED25519)
		if other, found := met[k.Tag()]; found {
			return other, k
		}
		met[k.Tag()] = k
	}
	t.Fatal("no two keys have the same tag")
	return a, b
}

// TestKeysOfOneTag: each key of a signature's tag is tried (RFC 4034 appendix B), and each costs as
// much as a signature does.
func TestKeysOfOneTag(t *testing.T) {
	const secure, bogus, unchecked = measurement.SecuritySecure, measurement.SecurityBogus, measurement.SecurityUnchecked
	by := believing(t, smallKSK)
	a, b := ofOneTag(t)
	signedBy := func(k lab.Key, published ...lab.Key) small.Zone {
		z := smallZone()
		z.Publish, z.SignData = append([]lab.Key{smallKSK}, published...), []lab.Key{k}
		return z
	}
	both := trusted(by, signedBy(a, a, b))
	forged := signedBy(b, a, b).Respond(signedName, dns.TypeSOA)
	forged.Answer[0].(*dns.SOA).Serial++
	apex := func(k lab.Key) *dns.Msg { return signedBy(k, a, b).Respond(signedName, dns.TypeSOA) }
	for _, c := range []struct {
		name  string
		m     *dns.Msg
		sets  []*correctness.Keys
		tries int
		want  measurement.Security
	}{
		{"by the one", apex(a), both, 2, secure},
		{"by the other", apex(b), both, 2, secure},
		{"by neither", forged, both, 2, bogus},
		{"more keys than may be tried", apex(b), both, 1, unchecked},
		{"more keys than may be tried, by neither", forged, both, 1, unchecked},
		{"a key that two sets have", apex(a), slices.Concat(trusted(by, signedBy(a, a)), trusted(by, signedBy(a, a, smallZSK))), 1, secure},
	} {
		got, why := judged(by, c.m, correctness.Held{Sets: c.sets, Budget: correctness.NewBudget(c.tries, nil)})
		if got != c.want {
			t.Errorf("%s: %s (%s), want %s", c.name, got, why, c.want)
		}
	}
}
