package rootzone_test

import (
	"crypto"
	"testing"
	"time"

	"github.com/miekg/dns"

	"mtric.net/mtric/engine/rootzone"
)

// canonicalSig is the data of a signature in wire form.
func canonicalSig(t *testing.T, sig *dns.RRSIG) rootzone.Signature {
	t.Helper()
	wire := make([]byte, dns.Len(sig)+1)
	n, err := dns.PackRR(sig, wire, 0, nil, false)
	if err != nil {
		t.Fatal(err)
	}
	_, at, err := dns.UnpackDomainName(wire, 0)
	if err != nil {
		t.Fatal(err)
	}
	return rootzone.Signature(wire[at+10 : n])
}

// Validity is compared in the serial arithmetic of RFC 4034 section 3.1.5, both ends
// included.
func TestScreenOfTimes(t *testing.T) {
	second := func(n int64) time.Time { return time.Unix(n, 0) }
	const wrap = 1 << 32
	for _, c := range []struct {
		name     string
		from, to uint32
		at       int64
		want     rootzone.Worth
	}{
		{"before", 1000, 2000, 999, rootzone.Early},
		{"first second", 1000, 2000, 1000, rootzone.Good},
		{"last second", 1000, 2000, 2000, rootzone.Good},
		{"after", 1000, 2000, 2001, rootzone.Expired},
		{"across 2106, before it", wrap - 1000, 1000, wrap - 1, rootzone.Good},
		{"across 2106, after it", wrap - 1000, 1000, wrap + 1, rootzone.Good},
		{"across 2106, early", wrap - 1000, 1000, wrap - 1001, rootzone.Early},
		{"across 2106, expired", wrap - 1000, 1000, wrap + 1001, rootzone.Expired},
		{"neither early nor late", 2000, 1000, 1500, rootzone.Early},
	} {
		sig := canonicalSig(t, &dns.RRSIG{Hdr: dns.RR_Header{Name: ".", Rrtype: dns.TypeRRSIG, Class: dns.ClassINET},
			TypeCovered: dns.TypeSOA, SignerName: ".", Inception: c.from, Expiration: c.to, Signature: "AAAA"})
		if got := sig.Screen([]byte{0}, second(c.at)); got != c.want {
			t.Errorf("%s: %d, want %d", c.name, got, c.want)
		}
	}
}

// A signature over a wildcard verifies for each name below; the root has none, and so
// it counts for nothing (RFC 4035 section 5.3.1: not of more labels than the owner).
func TestWildcardSignature(t *testing.T) {
	key := &dns.DNSKEY{Hdr: dns.RR_Header{Name: ".", Rrtype: dns.TypeDNSKEY, Class: dns.ClassINET}, Flags: dns.ZONE, Protocol: 3, Algorithm: dns.ECDSAP256SHA256}
	private, err := key.Generate(256)
	if err != nil {
		t.Fatal(err)
	}
	rr, err := dns.NewRR("*.com. 86400 IN DS 1 8 2 " + "0000000000000000000000000000000000000000000000000000000000000000")
	if err != nil {
		t.Fatal(err)
	}
	made := &dns.RRSIG{Algorithm: key.Algorithm, KeyTag: key.KeyTag(), SignerName: ".", Inception: 1000, Expiration: 2000}
	if err := made.Sign(private.(crypto.Signer), []dns.RR{rr}); err != nil {
		t.Fatal(err)
	}
	sig := canonicalSig(t, made)
	set := rootzone.Set{Owner: []byte("\x01x\x03com\x00"), Type: dns.TypeDS, Class: dns.ClassINET, RDatas: [][]byte{append([]byte{0, 1, 8, 2}, make([]byte, 32)...)}}
	keys := []rootzone.Key{rootzone.NewKey(key)}
	if worth := set.Verify(sig, keys); worth != rootzone.Good {
		t.Fatalf("worth %d: the signature was to verify", worth)
	}
	if worth := set.Prove(sig, keys, time.Unix(1500, 0)); worth != rootzone.OtherLabels {
		t.Errorf("worth %d, want that of another name", worth)
	}
}

// Two keys may share tag and algorithm: each is tried.
func TestKeysOfOneTag(t *testing.T) {
	key := &dns.DNSKEY{Hdr: dns.RR_Header{Name: ".", Rrtype: dns.TypeDNSKEY, Class: dns.ClassINET}, Flags: dns.ZONE, Protocol: 3, Algorithm: dns.ECDSAP256SHA256}
	private, err := key.Generate(256)
	if err != nil {
		t.Fatal(err)
	}
	rr, err := dns.NewRR(". 1 IN NS a.root-servers.net.")
	if err != nil {
		t.Fatal(err)
	}
	made := &dns.RRSIG{Algorithm: key.Algorithm, KeyTag: key.KeyTag(), SignerName: ".", Inception: 1000, Expiration: 2000}
	if err := made.Sign(private.(crypto.Signer), []dns.RR{rr}); err != nil {
		t.Fatal(err)
	}
	set := rootzone.Set{Owner: []byte{0}, Type: dns.TypeNS, Class: dns.ClassINET, RDatas: [][]byte{[]byte("\x01a\x0croot-servers\x03net\x00")}}
	other := dns.Copy(key).(*dns.DNSKEY)
	other.PublicKey = "AAAA" + other.PublicKey[4:]
	unknown := dns.Copy(key).(*dns.DNSKEY)
	unknown.Algorithm = 17
	right := rootzone.NewKey(key)
	twin, strange := rootzone.Key{RR: other, Tag: right.Tag}, rootzone.Key{RR: unknown, Tag: right.Tag}
	for name, c := range map[string]struct {
		keys []rootzone.Key
		want rootzone.Worth
	}{
		"first":             {[]rootzone.Key{right, twin}, rootzone.Good},
		"second":            {[]rootzone.Key{twin, right}, rootzone.Good},
		"the other alone":   {[]rootzone.Key{twin}, rootzone.Broken},
		"another algorithm": {[]rootzone.Key{strange}, rootzone.StrangeKey},
		"past it":           {[]rootzone.Key{strange, right}, rootzone.Good},
		"none":              {nil, rootzone.StrangeKey},
	} {
		if worth := set.Verify(canonicalSig(t, made), c.keys); worth != c.want {
			t.Errorf("%s: worth %d, want %d", name, worth, c.want)
		}
	}
	made.Algorithm = 17
	if worth := set.Verify(canonicalSig(t, made), []rootzone.Key{twin, strange}); worth != rootzone.Unknown {
		t.Errorf("worth %d, want an unknown algorithm", worth)
	}
}
