package correctness_test

import (
	"encoding/base64"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"

	"mtric.net/mtric/engine/measurement"
	"mtric.net/mtric/metrics/correctness"
)

// messageEdges are the edge cases of signatures and messages.
var messageEdges = []edge{
	{22, "the time of the query", func(t *testing.T, z []*testZone) {
		m := z[0].reply(".", "SOA")
		for _, c := range []struct {
			at   time.Time
			want measurement.Verdict
			tags string
		}{
			{inception.Add(-time.Second), incorrect, "yds"}, {inception, correct, ""}, {expiration, correct, ""},
			{expiration.Add(time.Second - 1), correct, ""}, {expiration.Add(time.Second), incorrect, "yds"},
		} {
			expectWire(t, by(z[0]), correctness.Question{At: c.at}, pack(t, m), c.want, c.tags, "")
		}
		wrap := time.Date(2106, 2, 7, 6, 28, 16, 0, time.UTC) // 2^32 seconds
		around := changed(z[0], ".", "SOA", func(m *dns.Msg) {
			m.Answer[1] = zsk.sign(m.Answer[:1], func(s *dns.RRSIG) {
				s.Inception, s.Expiration = uint32(wrap.Add(-time.Hour).Unix()), uint32(wrap.Add(time.Hour).Unix())
			})
		})
		for _, d := range []time.Duration{-time.Hour, 0, time.Hour} {
			expectWire(t, by(z[0]), correctness.Question{At: wrap.Add(d)}, pack(t, around), correct, "", "")
		}
		expectWire(t, by(z[0]), correctness.Question{At: wrap.Add(2 * time.Hour)}, pack(t, around), incorrect, "yds", "expired 2106-02-07T07:28:16Z")
	}},
	{23, "a roll of the key signing key", keyRoll},
	{24, "a truncated answer is not judged, whatever it holds", func(t *testing.T, z []*testZone) {
		for _, keep := range []int{0, 1, 3} {
			m := changed(z[0], ".", "DNSKEY", func(m *dns.Msg) { m.Truncated, m.Answer = true, m.Answer[:keep] })
			expect(t, by(z[0]), m, unchecked, "hjw", "truncated")
		}
		wire := pack(t, z[0].reply(".", "DNSKEY"))
		wire[2] |= 2
		expectWire(t, by(z[0]), correctness.Question{At: asked}, wire[:200], unchecked, "hjw", "truncated")
	}},
	{25, "an algorithm that is not known", unknownAlgorithm},
	{25, "two algorithms at once, one not known", twoAlgorithms},
	{26, "DO ignored", func(t *testing.T, z []*testZone) {
		plain := func(m *dns.Msg) {
			m.Answer, m.Ns = without(m.Answer, isType(dns.TypeRRSIG)), without(m.Ns, isType(dns.TypeRRSIG))
		}
		m := changed(z[0], ".", "SOA", func(m *dns.Msg) { plain(m); m.Extra = nil })
		expect(t, by(z[0]), m, incorrect, "obw", "the response has no OPT record and no signature at all, as if DO had not been set")
		m = changed(z[0], ".", "SOA", func(m *dns.Msg) { plain(m); m.Extra[0].(*dns.OPT).SetDo(false) })
		expect(t, by(z[0]), m, incorrect, "obw", "DO clear and no signature at all")
	}},
	{27, "signatures stripped, of another type, over what is not signed", func(t *testing.T, z []*testZone) {
		soa := func(sig ...dns.RR) *dns.Msg {
			return changed(z[0], ".", "SOA", func(m *dns.Msg) { m.Answer = append(m.Answer[:1], sig...) })
		}
		expect(t, by(z[0]), soa(), incorrect, "obw", "signatures stripped: the response has none at all")
		noted(t, expect(t, by(z[0]), soa(z[0].signed(".", dns.TypeNS)[2]), incorrect, "obw", "./SOA in Answer has no signature"), "ygx", "1 signatures over nothing")
		forged := changed(z[0], "com.", "NS", func(m *dns.Msg) { m.Ns = append(m.Ns, stranger.sign(z[0].set("com.", dns.TypeNS))) })
		expect(t, by(z[0]), forged, incorrect, "yds", "signature of com./NS by key")
		elsewhere := changed(z[0], ".", "SOA", func(m *dns.Msg) { m.Ns, m.Answer = m.Answer[1:], m.Answer[:1] })
		expect(t, by(z[0]), elsewhere, incorrect, "ktm obw", "")
	}},
	{28, "two keys of one tag", func(t *testing.T, _ []*testZone) {
		z := withKeys(t, twin(t, zsk), zsk.public)
		expect(t, by(z), z.reply(".", "SOA"), correct, "", "")
		z = withKeys(t, zsk.public, twin(t, zsk))
		expect(t, by(z), z.reply(".", "SOA"), correct, "", "")
	}},
	{29, "header and form", headerAndForm},
	{30, "other rcodes", func(t *testing.T, z []*testZone) {
		for _, rcode := range []int{dns.RcodeFormatError, dns.RcodeServerFailure, dns.RcodeNotImplemented, dns.RcodeRefused, dns.RcodeBadVers, dns.RcodeBadCookie, 14} {
			m := changed(z[0], ".", "SOA", func(m *dns.Msg) { m.Rcode, m.Answer = rcode, nil })
			expect(t, by(z[0]), m, unchecked, "ote", "counts as a timeout")
		}
		expect(t, by(z[0]), changed(z[0], ".", "SOA", func(m *dns.Msg) { m.Rcode = dns.RcodeBadVers }), unchecked, "ote", "BADVERS")
	}},
	{31, "NSID of any kind", func(t *testing.T, z []*testZone) {
		for _, nsid := range []string{"", "00ff", strings.Repeat("61", 300)} {
			m := changed(z[0], ".", "SOA", func(m *dns.Msg) { m.IsEdns0().Option[0].(*dns.EDNS0_NSID).Nsid = nsid })
			expect(t, by(z[0]), m, correct, "", "")
			if told, err := correctness.Inspect(pack(t, m)); err != nil || !strings.Contains(told, "to ./SOA, NOERROR, AA, 2 answer, 0 authority, 1 additional, NSID \"") {
				t.Errorf("%s, %v", told, err)
			}
		}
		expect(t, by(z[0]), changed(z[0], ".", "SOA", func(m *dns.Msg) { m.IsEdns0().Option = nil }), correct, "", "")
	}},
	{32, "classes that help people", func(t *testing.T, z []*testZone) {
		expect(t, by(z[0]), changed(z[0], "com.", "NS", func(m *dns.Msg) { m.Extra[0].(*dns.A).A = net.IPv4(193, 0, 2, 11) }), incorrect, "vnk",
			"a.gtld.net./A in Additional: 193.0.2.11 is one bit different from 192.0.2.11 of zone 2026112300")
		expect(t, by(z[0]), changed(z[0], "com.", "NS", func(m *dns.Msg) { m.Extra[0].Header().Name = "a.gtle.net." }), incorrect, "vnk",
			"a.gtle.net./A in Additional is not in zone 2026112300: one bit different from a.gtld.net./A")
		foreign := changed(z[0], "com.", "NS", func(m *dns.Msg) {
			m.Answer, m.Ns, m.Extra = parse("com. 60 IN NS ns.evil.\n"), nil, parse("ns.evil. 60 IN A 203.0.113.1\n")
			m.Answer[0].Header().Name = "com.evil."
		})
		expect(t, by(z[0]), foreign, incorrect, "aeg kbd pdd vnk", "foreign responder: no record of the response is of zone 2026112300")
	}},
	{33, "of two replies each is judged by itself", func(t *testing.T, z []*testZone) {
		m := z[0].reply("com.", "DS")
		expect(t, by(z[0]), m, correct, "", "")
		m.Answer[0].(*dns.DS).KeyTag ^= 1
		expect(t, by(z[0]), m, incorrect, "cpf vnk yds", "one bit different")
	}},
	{34, "negative answers", func(t *testing.T, z []*testZone) {
		m := changed(z[0], negativeName, "A", func(m *dns.Msg) { m.Ns = append(m.Ns, z[0].signed(".", dns.TypeNSEC)...) })
		expect(t, by(z[0]), m, correct, "", "")
		expect(t, by(z[0]), changed(z[0], negativeName, "A", func(m *dns.Msg) { m.Authoritative = false }), incorrect, "gpl", "AA is clear")
		other := changed(z[0], negativeName, "A", func(m *dns.Msg) {
			for _, rr := range m.Ns[:2] {
				rr.Header().Name = "net."
			}
		})
		expect(t, by(z[0]), other, incorrect, "axj vnk yds", "Authority has no SOA RRset of .")
		less := changed(z[0], negativeName, "A", func(m *dns.Msg) { m.Ns[0].Header().Ttl = 60; m.Ns[1].Header().Ttl = 60 }) // RFC 2308
		expect(t, by(z[0]), less, correct, "", "")
		more := changed(z[0], negativeName, "A", func(m *dns.Msg) { m.Ns[0].Header().Ttl = 86401 })
		noted(t, expect(t, by(z[0]), more, correct, "", ""), "ttl", "./SOA: TTL 86401, in zone 2026112300 it is 86400")
	}},
	{35, "no candidate", func(t *testing.T, z []*testZone) {
		for _, q := range goodQuestions {
			if r := expect(t, by(), z[0].reply(q.name, q.typ), unchecked, "yhu", "no root zone"); r.Serial != nil {
				t.Errorf("serial %d", *r.Serial)
			}
		}
	}},
}

// withKeys is the first golden zone with other keys beside ksk, all signed anew.
func withKeys(t *testing.T, keys ...*dns.DNSKEY) *testZone {
	t.Helper()
	z := &testZone{serial: firstSerial}
	z.rrs = without(golden()[0].rrs, func(rr dns.RR) bool {
		k, isKey := rr.(*dns.DNSKEY)
		return isKey && k.PublicKey == zsk.public.PublicKey || covers(dns.TypeDNSKEY)(rr)
	})
	for _, k := range keys {
		z.rrs = append(z.rrs, dns.Copy(k))
	}
	z.rrs = append(z.rrs, ksk.sign(z.set(".", dns.TypeDNSKEY)))
	z.make()
	return z
}

// twin is another key of the same tag: words of the sum change places.
func twin(t *testing.T, of *signer) *dns.DNSKEY {
	t.Helper()
	k := dns.Copy(of.public).(*dns.DNSKEY)
	raw, err := base64.StdEncoding.DecodeString(k.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	raw[0], raw[1], raw[2], raw[3] = raw[2], raw[3], raw[0], raw[1]
	k.PublicKey = base64.StdEncoding.EncodeToString(raw)
	if k.KeyTag() != of.public.KeyTag() || k.PublicKey == of.public.PublicKey {
		t.Fatal("no twin")
	}
	return k
}
