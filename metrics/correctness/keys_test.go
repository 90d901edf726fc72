package correctness_test

import (
	"encoding/binary"
	"slices"
	"strings"
	"testing"

	"github.com/miekg/dns"

	"mtric.net/mtric/engine/rootzone"
	"mtric.net/mtric/metrics/correctness"
)

// keyRoll: the DNSKEY RRset of an answer that is the zone's is genuine by any of its
// keys that signs it, whenever a site believes its anchors.
func keyRoll(t *testing.T, _ []*testZone) {
	next := newSigner(4, 257)
	z := withKeys(t, zsk.public, next.public)
	m := z.reply(".", "DNSKEY")
	keys := without(m.Answer, isType(dns.TypeRRSIG))
	signedBy := func(sigs ...dns.RR) *dns.Msg {
		return changed(z, ".", "DNSKEY", func(m *dns.Msg) { m.Answer = slices.Concat(keys, sigs) })
	}
	for range 2 { // remembered or not
		expect(t, by(z), signedBy(ksk.sign(keys)), correct, "", "")
		expect(t, by(z), signedBy(next.sign(keys)), correct, "", "")
		expect(t, by(z), signedBy(ksk.sign(keys), next.sign(keys)), correct, "", "")
	}
	expect(t, by(z), signedBy(stranger.sign(keys)), incorrect, "yds", "no such key in zone")

	// Signed by the outgoing zone signing key.
	old := newSigner(5, 256)
	z = withKeys(t, zsk.public, old.public)
	soa := changed(z, ".", "SOA", func(m *dns.Msg) { m.Answer[1] = old.sign(m.Answer[:1]) })
	expect(t, by(z), soa, correct, "", "")

	// A revoked key is another key, of another tag, and may sign nothing.
	revoked := newSigner(4, 257|dns.REVOKE)
	z = withKeys(t, zsk.public, revoked.public)
	keys = z.set(".", dns.TypeDNSKEY)
	m = changed(z, ".", "DNSKEY", func(m *dns.Msg) { m.Answer = slices.Concat(keys, []dns.RR{ksk.sign(keys), revoked.sign(keys)}) })
	noted(t, expect(t, by(z), m, correct, "", ""), "yds", "of 2 signatures")
	m.Answer = slices.Concat(keys, []dns.RR{revoked.sign(keys)})
	expect(t, by(z), m, incorrect, "yds", "no such key")
}

// unknownAlgorithm: a key of the zone that we cannot verify with leaves an answer
// unchecked; a signature that pretends to be of one is wrong.
func unknownAlgorithm(t *testing.T, zones []*testZone) {
	const private = 253
	strange := dns.Copy(zsk.public).(*dns.DNSKEY)
	strange.Algorithm = private
	z := withKeys(t, zsk.public, strange)
	pretend := func(sig *dns.RRSIG) *dns.RRSIG {
		sig.Algorithm, sig.KeyTag = private, strange.KeyTag()
		return sig
	}
	only := func(z *testZone) *dns.Msg {
		return changed(z, ".", "SOA", func(m *dns.Msg) { m.Answer[1] = pretend(m.Answer[1].(*dns.RRSIG)) })
	}
	r := expect(t, by(z), only(z), unchecked, "yds", "not known here")
	noted(t, r, "yds", "algorithm 253 is not known here")
	expect(t, by(zones[0]), only(zones[0]), incorrect, "yds", "(algorithm 253): no such key")
	two := changed(z, ".", "SOA", func(m *dns.Msg) { m.Answer = append(m.Answer, pretend(zsk.sign(m.Answer[:1]))) })
	expect(t, by(z), two, correct, "", "")
	// What is wrong besides is wrong; a candidate that explains it decides.
	wrong := changed(z, ".", "SOA", func(m *dns.Msg) { m.Answer[1] = pretend(m.Answer[1].(*dns.RRSIG)); m.Authoritative = false })
	expect(t, by(z), wrong, incorrect, "xhr", "AA is clear")
	expect(t, by(zones[1], z), only(z), unchecked, "yds", "")
}

// twoAlgorithms: a zone signed by a known and by an unknown algorithm is proved by
// the known one, and so are its answers; with the unknown one alone it is refused.
func twoAlgorithms(t *testing.T, zones []*testZone) {
	const private = 253
	strange := dns.Copy(zsk.public).(*dns.DNSKEY)
	strange.Algorithm = private
	second := func(sig *dns.RRSIG) *dns.RRSIG {
		sig = dns.Copy(sig).(*dns.RRSIG)
		sig.Algorithm, sig.KeyTag = private, strange.KeyTag()
		return sig
	}
	z := withKeys(t, zsk.public, strange)
	for _, rr := range slices.Clone(z.rrs) {
		if sig, ok := rr.(*dns.RRSIG); ok {
			z.rrs = append(z.rrs, second(sig))
		}
	}
	z.index = nil
	z.make() // proves it
	m := changed(z, "com.", "DS", func(m *dns.Msg) { m.Answer = z.signed("com.", dns.TypeDS) })
	if len(m.Answer) != 4 {
		t.Fatalf("want two signatures: %v", m.Answer)
	}
	expect(t, by(z), m, correct, "", "")

	only := without(z.rrs, func(rr dns.RR) bool {
		sig, ok := rr.(*dns.RRSIG)
		return ok && sig.Algorithm != private && sig.TypeCovered == dns.TypeDS && sig.Hdr.Name == "com."
	})
	if err := z.whole.Validate(ours(), asked); err != nil {
		t.Error(err)
	}
	whole := readRRs(t, only)
	if err := whole.Validate(ours(), asked); err == nil || !strings.Contains(err.Error(), "com./DS: algorithm 253 is not known to this version") {
		t.Errorf("signed by an unknown algorithm only: %v", err)
	}
}

// readRRs reads records as the archive reads a zone.
func readRRs(t *testing.T, rrs []dns.RR) *rootzone.Zone {
	t.Helper()
	var b strings.Builder
	for _, rr := range rrs {
		b.WriteString(rr.String() + "\n")
	}
	whole, err := rootzone.ReadWhole(strings.NewReader(b.String()), "golden")
	if err != nil {
		t.Fatal(err)
	}
	return whole
}

// headerAndForm: the header's bits, and messages that are none.
func headerAndForm(t *testing.T, zones []*testZone) {
	judge := by(zones[0])
	for bit, name := range map[int]string{8: "RD", 7: "RA", 6: "Z", 5: "AD", 4: "CD"} {
		wire := pack(t, zones[0].reply(".", "SOA"))
		wire[3-bit/8] |= 1 << (bit % 8)
		noted(t, expectWire(t, judge, correctness.Question{At: asked}, wire, correct, "", ""), "flags", name+" is set")
	}
	noted(t, expect(t, judge, changed(zones[0], ".", "SOA", func(m *dns.Msg) { m.IsEdns0().SetVersion(1) }), correct, "", ""), "edns", "version 1")
	soa := pack(t, zones[0].reply(".", "SOA"))
	for name, c := range map[string]struct {
		change       func(w []byte) []byte
		tags, detail string
	}{
		"nothing":              {func([]byte) []byte { return nil }, "malformed", "shorter than a header"},
		"half a header":        {func(w []byte) []byte { return w[:11] }, "malformed", "shorter than a header"},
		"a query":              {func(w []byte) []byte { w[2] &^= 0x80; return w }, "doh", "QR is clear"},
		"a notify":             {func(w []byte) []byte { w[2] |= 4 << 3; return w }, "doh", "opcode 4"},
		"no question":          {func(w []byte) []byte { w[5] = 0; return w }, "malformed", "0 questions"},
		"two questions":        {func(w []byte) []byte { w[5] = 2; return w }, "malformed", "2 questions"},
		"class CH":             {func(w []byte) []byte { w[16] = 3; return w }, "doh", "class CH"},
		"another question":     {func(w []byte) []byte { w[14] = 2; return w }, "doh", "the response is to ./NS, asked was ./SOA"},
		"more than counted":    {func(w []byte) []byte { return append(w, 0) }, "malformed", "1 bytes after the last record"},
		"a count too small":    {func(w []byte) []byte { w[11] = 0; return w }, "malformed", "bytes after the last record"},
		"a count too large":    {func(w []byte) []byte { w[11] = 2; return w }, "malformed", "Additional section, record 2 of 2: ends within a record"},
		"too many":             {func(w []byte) []byte { w[10] = 0xff; return w }, "malformed", "more than 1024 records"},
		"cut in the question":  {func(w []byte) []byte { return w[:15] }, "malformed", "question: ends within a record"},
		"cut in a name":        {func(w []byte) []byte { return w[:30] }, "malformed", "ends within a record"},
		"cut in the data":      {func(w []byte) []byte { return w[:60] }, "malformed", "ends within a record"},
		"a pointer to itself":  {func(w []byte) []byte { return insert(w, 0xc0, 17) }, "malformed", "compression pointer"},
		"a pointer onward":     {func(w []byte) []byte { return insert(w, 0xc0, 60) }, "malformed", "compression pointer"},
		"a pointer to the id":  {func(w []byte) []byte { return insert(w, 0xc0, 0) }, "malformed", "compression pointer"},
		"a pointer within":     {func(w []byte) []byte { return insert(w, 1, 'a', 0xc0, 17) }, "malformed", "compression pointer"},
		"a label of type 01":   {func(w []byte) []byte { return insert(w, 0x41, 0) }, "malformed", "label of unknown type"},
		"SOA data too short":   {func(w []byte) []byte { return shorten(w) }, "malformed", "does not fit its type"},
		"an endless long name": {longName, "malformed", "longer than 255 octets"},
	} {
		wire := c.change(slices.Clone(soa))
		t.Run(name, func(t *testing.T) {
			r := expectWire(t, judge, correctness.Question{Name: ".", Type: "SOA", At: asked}, wire, incorrect, c.tags, c.detail)
			if r.Serial != nil {
				t.Errorf("held against zone %d", *r.Serial)
			}
		})
	}
}

// insert puts another owner before the first record in place of the root's.
func insert(wire []byte, owner ...byte) []byte {
	const first = 17
	return slices.Concat(wire[:first], owner, wire[first+1:])
}

// shorten takes the last octet off the SOA record's data.
func shorten(wire []byte) []byte {
	const length = 17 + 9
	n := int(binary.BigEndian.Uint16(wire[length:])) - 1
	binary.BigEndian.PutUint16(wire[length:], uint16(n))
	return slices.Delete(wire, length+2+n, length+3+n)
}

// longName is a name whose pointers make it longer than a name may be.
func longName(wire []byte) []byte {
	var owner []byte
	for range 4 {
		owner = append(append(owner, 63), make([]byte, 63)...)
	}
	return insert(wire, append(owner, 0)...)
}
