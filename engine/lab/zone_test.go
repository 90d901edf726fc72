package lab_test

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/hex"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"

	"mtric.net/mtric/engine/lab"
)

func text(t *testing.T, z *lab.Zone) string {
	t.Helper()
	var b bytes.Buffer
	n, err := z.WriteTo(&b)
	if err != nil || n != int64(b.Len()) {
		t.Fatalf("WriteTo: %d of %d octets, %v", n, b.Len(), err)
	}
	return b.String()
}

type set struct {
	owner string
	rtype uint16
}

// contents is a zone as read from its text, independently of the package.
type contents struct {
	sets map[set][]dns.RR
	sigs map[set][]*dns.RRSIG
	all  []dns.RR
}

func read(t *testing.T, r io.Reader) contents {
	t.Helper()
	c := contents{sets: map[set][]dns.RR{}, sigs: map[set][]*dns.RRSIG{}}
	p := dns.NewZoneParser(bufio.NewReader(r), "", "")
	for rr, ok := p.Next(); ok; rr, ok = p.Next() {
		h := rr.Header()
		c.all = append(c.all, rr)
		if sig, ok := rr.(*dns.RRSIG); ok {
			k := set{h.Name, sig.TypeCovered}
			c.sigs[k] = append(c.sigs[k], sig)
			continue
		}
		k := set{h.Name, h.Rrtype}
		c.sets[k] = append(c.sets[k], rr)
	}
	if err := p.Err(); err != nil {
		t.Fatal(err)
	}
	return c
}

// TestZoneVerifies checks every version of a sequence the way a validator does.
func TestZoneVerifies(t *testing.T) {
	for i, z := range versions() {
		t.Run(fmt.Sprint(z.Serial), func(t *testing.T) {
			if want := uint32(2026112300 + i); z.Serial != want {
				t.Errorf("serial %d, want %d", z.Serial, want)
			}
			c := read(t, strings.NewReader(text(t, z)))
			checkSignatures(t, c, z.DS())
			checkChain(t, c)
			checkDigest(t, c)
			checkGlue(t, c)
		})
	}
}

func checkSignatures(t *testing.T, c contents, anchor string) {
	t.Helper()
	keys := map[uint16]*dns.DNSKEY{}
	var trusted uint16
	for _, rr := range c.sets[set{".", dns.TypeDNSKEY}] {
		k := rr.(*dns.DNSKEY)
		keys[k.KeyTag()] = k
		if k.ToDS(dns.SHA256).String() == anchor {
			trusted = k.KeyTag()
		}
	}
	for k, rrs := range c.sets {
		sigs := c.sigs[k]
		authoritative := k.owner == "." || k.rtype == dns.TypeDS || k.rtype == dns.TypeNSEC
		if !authoritative {
			if len(sigs) > 0 {
				t.Errorf("%v is signed, but the root has no authority over it", k)
			}
			continue
		}
		if len(sigs) != 1 {
			t.Fatalf("%v has %d signatures, want 1", k, len(sigs))
		}
		sig := sigs[0]
		if err := sig.Verify(keys[sig.KeyTag], rrs); err != nil {
			t.Errorf("%v: %v", k, err)
		}
		if (sig.KeyTag == trusted) != (k.rtype == dns.TypeDNSKEY) {
			t.Errorf("%v is signed by key %d; the anchor's is %d", k, sig.KeyTag, trusted)
		}
		for at, want := range map[time.Time]bool{inception.Add(-time.Second): false, inception: true, expiration: true, expiration.Add(time.Second): false} {
			if sig.ValidityPeriod(at) != want {
				t.Errorf("%v at %s: valid is %v", k, at, !want)
			}
		}
	}
	if len(keys) != 2 || trusted == 0 {
		t.Errorf("%d keys, anchor %d: want a KSK that %q names and a ZSK", len(keys), trusted, anchor)
	}
}

// checkChain follows the NSEC records once round and compares their bitmaps.
func checkChain(t *testing.T, c contents) {
	t.Helper()
	seen := map[string]bool{}
	for at := "."; !seen[at]; {
		seen[at] = true
		rrs := c.sets[set{at, dns.TypeNSEC}]
		if len(rrs) != 1 {
			t.Fatalf("%s has %d NSEC records", at, len(rrs))
		}
		var types []uint16
		for k := range c.sets {
			if k.owner == at {
				types = append(types, k.rtype)
			}
		}
		types = append(types, dns.TypeRRSIG)
		slices.Sort(types)
		if nsec := rrs[0].(*dns.NSEC); !slices.Equal(nsec.TypeBitMap, types) {
			t.Errorf("%s has types %v, its NSEC says %v", at, types, nsec.TypeBitMap)
		} else {
			at = nsec.NextDomain
		}
	}
	for k := range c.sets {
		if (k.rtype == dns.TypeNS || k.rtype == dns.TypeDS) && !seen[k.owner] {
			t.Errorf("%v is not in the NSEC chain", k)
		}
	}
}

// digested is what the ZONEMD digest is of: records sorted as whole wires, names
// compared label by label from the right.
func digested(t *testing.T, c contents) []byte {
	t.Helper()
	type record struct{ order, wire []byte }
	var records []record
	for _, rr := range c.all {
		sig, isSig := rr.(*dns.RRSIG)
		if rr.Header().Rrtype == dns.TypeZONEMD || isSig && sig.TypeCovered == dns.TypeZONEMD {
			continue
		}
		wire := make([]byte, 1024)
		n, err := dns.PackRR(rr, wire, 0, nil, false)
		if err != nil {
			t.Fatal(err)
		}
		var order []byte
		labels := dns.SplitDomainName(rr.Header().Name)
		for i := len(labels) - 1; i >= 0; i-- {
			order = append(append(order, labels[i]...), 0)
		}
		name := n - int(rr.Header().Rdlength) - 10
		order = append(append(append(order, 0), wire[name:name+2]...), wire[name+10:n]...)
		records = append(records, record{order, wire[:n]})
	}
	slices.SortFunc(records, func(a, b record) int { return bytes.Compare(a.order, b.order) })
	var all []byte
	for _, r := range records {
		all = append(all, r.wire...)
	}
	return all
}

// checkDigest computes the ZONEMD digest anew.
func checkDigest(t *testing.T, c contents) {
	t.Helper()
	md := c.sets[set{".", dns.TypeZONEMD}][0].(*dns.ZONEMD)
	soa := c.sets[set{".", dns.TypeSOA}][0].(*dns.SOA)
	sum := sha512.Sum384(digested(t, c))
	if got := hex.EncodeToString(sum[:]); got != strings.ToLower(md.Digest) || md.Scheme != 1 || md.Hash != 1 || md.Serial != soa.Serial {
		t.Errorf("digest %s, ZONEMD record says %v", got, md)
	}
}

// checkGlue wants addresses for every name server and no others.
func checkGlue(t *testing.T, c contents) {
	t.Helper()
	used := map[string]bool{}
	for k, rrs := range c.sets {
		if k.rtype != dns.TypeNS {
			continue
		}
		if len(rrs) < 2 {
			t.Errorf("%s has %d name servers", k.owner, len(rrs))
		}
		for _, rr := range rrs {
			host := rr.(*dns.NS).Ns
			used[host] = true
			if len(c.sets[set{host, dns.TypeA}]) == 0 {
				t.Errorf("%s, name server of %s, has no address", host, k.owner)
			}
		}
	}
	for k := range c.sets {
		if (k.rtype == dns.TypeA || k.rtype == dns.TypeAAAA) && !used[k.owner] {
			t.Errorf("%v serves no zone", k)
		}
		if tld := k.owner[strings.LastIndex(strings.TrimSuffix(k.owner, "."), ".")+1:]; len(c.sets[set{tld, dns.TypeNS}]) == 0 && k.owner != "." {
			t.Errorf("%v lies below no delegation", k)
		}
	}
}

func TestSameSeedSameBytes(t *testing.T) {
	o := options(40)
	again, err := lab.Generate(o)
	if err != nil {
		t.Fatal(err)
	}
	if text(t, again) != text(t, small(t)) {
		t.Error("two zones of one seed differ")
	}
	o.Seed = 48
	if other, err := lab.Generate(o); err != nil || text(t, other) == text(t, small(t)) {
		t.Errorf("zones of two seeds are the same, or: %v", err)
	}
	// The bytes are the same on every machine and under every version of Go.
	sum := sha256.Sum256([]byte(text(t, small(t))))
	golden(t, "zone-47.sha256", []byte(hex.EncodeToString(sum[:])+"\n"))
}

func TestNextVersion(t *testing.T) {
	first, second := read(t, strings.NewReader(text(t, versions()[0]))), read(t, strings.NewReader(text(t, versions()[1])))
	count := map[string]int{}
	for k, rrs := range second.sets {
		old, was := first.sets[k]
		_, hadNS := first.sets[set{k.owner, dns.TypeNS}]
		switch {
		case k.rtype == dns.TypeNS && !was:
			count["tld added"]++
		case k.rtype == dns.TypeDS && !was && hadNS:
			count["ds added"]++
		case k.rtype == dns.TypeDS && was && fmt.Sprint(old) != fmt.Sprint(rrs):
			count["ds changed"]++
		case k.rtype == dns.TypeDS && was && first.sigs[k][0].Signature != second.sigs[k][0].Signature:
			t.Errorf("%v is the same, its signature is not", k)
		}
	}
	for k := range first.sets {
		_, hasNS := second.sets[set{k.owner, dns.TypeNS}]
		if _, is := second.sets[k]; !is && k.rtype == dns.TypeNS {
			count["tld removed"]++
		} else if !is && k.rtype == dns.TypeDS && hasNS {
			count["ds removed"]++
		}
	}
	for _, what := range []string{"tld added", "tld removed", "ds added", "ds removed", "ds changed"} {
		if count[what] != 1 {
			t.Errorf("%s: %d times, want once", what, count[what])
		}
	}
	later, err := small(t).NextVersion(lab.Revision{Serial: 2026112400, Inception: inception.AddDate(0, 0, 1), Expiration: expiration.AddDate(0, 0, 1), Unchanged: true})
	if err != nil {
		t.Fatal(err)
	}
	if later.Serial != 2026112400 || !slices.Equal(later.TLDs(), small(t).TLDs()) {
		t.Errorf("serial %d with %d TLDs", later.Serial, len(later.TLDs()))
	}
	for k, sigs := range read(t, strings.NewReader(text(t, later))).sigs {
		if sigs[0].ValidityPeriod(inception) || !sigs[0].ValidityPeriod(expiration.AddDate(0, 0, 1)) {
			t.Errorf("%v keeps the old validity", k)
		}
	}
}

func TestOptionsThatCannotBe(t *testing.T) {
	for _, c := range []struct {
		change func(*lab.Options)
		want   string
	}{
		{func(o *lab.Options) { o.TLDs = -1 }, "zone 2026112300: -1 top-level domains: want 1 to 72500"},
		{func(o *lab.Options) { o.Expiration = o.Inception },
			"zone 2026112300: expiration 2026-11-22T00:00:00Z is not after inception 2026-11-22T00:00:00Z"},
	} {
		o := options(40)
		c.change(&o)
		if _, err := lab.Generate(o); err == nil || err.Error() != c.want {
			t.Errorf("error %v, want %s", err, c.want)
		}
	}
}

// shape is what a measurement notices of a root zone.
type shape struct{ ds, ns, inDomain, ipv6, twoLetters, idn, perTLD float64 }

func shapeOf(c contents) shape {
	var s shape
	tlds, refs, hosts := 0.0, 0.0, 0.0
	for k, rrs := range c.sets {
		switch {
		case k.rtype == dns.TypeDS:
			s.ds++
		case k.rtype == dns.TypeA && !strings.HasSuffix(k.owner, ".root-servers.net."):
			hosts++
			if len(c.sets[set{k.owner, dns.TypeAAAA}]) > 0 {
				s.ipv6++
			}
		case k.rtype == dns.TypeNS && k.owner != ".":
			tlds++
			refs += float64(len(rrs))
			for _, rr := range rrs {
				if dns.IsSubDomain(k.owner, strings.ToLower(rr.(*dns.NS).Ns)) {
					s.inDomain++
				}
			}
			if len(k.owner) == 3 {
				s.twoLetters++
			}
			if strings.HasPrefix(k.owner, "xn--") {
				s.idn++
			}
		}
	}
	return shape{s.ds / tlds, refs / tlds, s.inDomain / refs, s.ipv6 / hosts, s.twoLetters / tlds, s.idn / tlds, hosts / tlds}
}

// TestShape compares with the figures of the root zone of 22 August 2026, and
// with the zone itself where it is at hand.
func TestShape(t *testing.T) {
	z, err := lab.Generate(options(500))
	if err != nil {
		t.Fatal(err)
	}
	if n := len(z.TLDs()); n != 500 {
		t.Errorf("%d TLDs, want 500", n)
	}
	got := shapeOf(read(t, strings.NewReader(text(t, z))))
	compareShapes(t, got, shape{ds: 0.94, ns: 5.26, inDomain: 0.73, ipv6: 0.952, twoLetters: 0.172, idn: 0.105, perTLD: 4.1})
	t.Run("real", func(t *testing.T) {
		dir := os.Getenv("MTRIC_REAL_DATA")
		if dir == "" {
			t.Skip("not compared with a real root zone: set MTRIC_REAL_DATA to a folder with rootzone/root-2026082200.norrsig.zone.gz")
		}
		f, err := os.Open(filepath.Join(dir, "rootzone", "root-2026082200.norrsig.zone.gz"))
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close() // read only
		unzipped, err := gzip.NewReader(f)
		if err != nil {
			t.Fatal(err)
		}
		compareShapes(t, got, shapeOf(read(t, unzipped)))
	})
}

func compareShapes(t *testing.T, got, want shape) {
	t.Helper()
	for _, c := range []struct {
		what      string
		got, want float64
		within    float64
	}{
		{"TLDs with DS", got.ds, want.ds, 0.04}, {"name servers a TLD", got.ns, want.ns, 0.5},
		{"name servers below their TLD", got.inDomain, want.inDomain, 0.08}, {"hosts with IPv6", got.ipv6, want.ipv6, 0.04},
		{"country codes", got.twoLetters, want.twoLetters, 0.05}, {"internationalised names", got.idn, want.idn, 0.05},
		{"hosts a TLD", got.perTLD, want.perTLD, 0.5},
	} {
		if math.Abs(c.got-c.want) > c.within {
			t.Errorf("%s: %.3f, the real zone has %.3f", c.what, c.got, c.want)
		}
	}
}
