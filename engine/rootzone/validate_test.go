package rootzone_test

import (
	"bytes"
	"compress/gzip"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"

	"mtric.net/mtric/engine/lab"
	"mtric.net/mtric/engine/rootzone"
)

var signedAt = time.Date(2026, 11, 20, 0, 0, 0, 0, time.UTC)

func labZone(t testing.TB, seed uint64) *lab.Zone {
	t.Helper()
	z, err := lab.Generate(lab.Options{Seed: seed, Serial: 2026112000, TLDs: 12, Inception: signedAt, Expiration: signedAt.AddDate(0, 0, 14)})
	if err != nil {
		t.Fatal(err)
	}
	return z
}

// text writes records as a zone file.
func text(records []dns.RR) string {
	var b strings.Builder
	for _, rr := range records {
		b.WriteString(rr.String() + "\n")
	}
	return b.String()
}

func whole(t testing.TB, text string) *rootzone.Zone {
	t.Helper()
	z, err := rootzone.ReadWhole(strings.NewReader(text), "test")
	if err != nil {
		t.Fatal(err)
	}
	return z
}

// anchor is the lab zone's own, believed at any time.
func anchor(z *lab.Zone) rootzone.Anchor {
	_, ds, _ := strings.Cut(z.DS(), "DS")
	return rootzone.Anchor{DS: strings.TrimSpace(ds)}
}

func day(n int) *time.Time { t := signedAt.AddDate(0, 0, n); return &t }

func TestValidate(t *testing.T) {
	lz := labZone(t, 1)
	good := lz.RRs()
	only := func(keep func(dns.RR) bool) []dns.RR {
		return slices.DeleteFunc(slices.Clone(good), func(rr dns.RR) bool { return !keep(rr) })
	}
	change := func(kind uint16, f func(dns.RR)) []dns.RR {
		changed := slices.Clone(good)
		for i, rr := range changed {
			if rr.Header().Rrtype == kind && rr.Header().Name != "." {
				changed[i] = dns.Copy(rr)
				f(changed[i])
				return changed
			}
		}
		t.Fatalf("no %s in the zone", dns.Type(kind))
		return nil
	}
	isSig := func(rr dns.RR, covered uint16) bool {
		sig, ok := rr.(*dns.RRSIG)
		return ok && sig.TypeCovered == covered
	}
	mine := anchor(lz)
	others := anchor(labZone(t, 2))
	past, future := mine, mine
	past.Until, future.From = day(1), day(2)
	for _, c := range []struct {
		name    string
		records []dns.RR
		anchors []rootzone.Anchor
		at      time.Time
		want    string // "" is valid
	}{
		{"good", good, []rootzone.Anchor{mine}, *day(1), ""},
		{"good, at its first second", good, []rootzone.Anchor{mine}, signedAt, ""},
		{"good, at its last second", good, []rootzone.Anchor{mine}, *day(14), ""},
		{"a second after", good, []rootzone.Anchor{mine}, day(14).Add(time.Second), "./DNSKEY: not signed"},
		{"good, one anchor of two", good, []rootzone.Anchor{others, mine}, *day(1), ""},
		{"good, another order and letter case", upper(good), []rootzone.Anchor{mine}, *day(1), ""},
		{"a record twice", append(slices.Clone(good), good[len(good)-1]), []rootzone.Anchor{mine}, *day(1), ""},
		{"no anchor", good, nil, *day(1), "no key of an anchor"},
		{"another's anchor", good, []rootzone.Anchor{others}, *day(1), "no key of an anchor"},
		{"an anchor no longer believed", good, []rootzone.Anchor{past}, *day(1), "no key of an anchor"},
		{"an anchor not yet believed", good, []rootzone.Anchor{future}, *day(1), "no key of an anchor"},
		{"an anchor that is no DS", good, []rootzone.Anchor{{DS: "20326"}}, *day(1), "no DS record"},
		{"too early", good, []rootzone.Anchor{mine}, signedAt.Add(-time.Second), "./DNSKEY: not signed"},
		{"too late", good, []rootzone.Anchor{mine}, *day(15), "./DNSKEY: not signed"},
		{"glue changed", change(dns.TypeA, func(rr dns.RR) { rr.(*dns.A).A[3] ^= 1 }), []rootzone.Anchor{mine}, *day(1), "./ZONEMD: the digest is not the zone's"},
		{"glue's TTL changed", change(dns.TypeA, func(rr dns.RR) { rr.Header().Ttl++ }), []rootzone.Anchor{mine}, *day(1), "./ZONEMD"},
		{"DS changed", change(dns.TypeDS, func(rr dns.RR) { rr.(*dns.DS).KeyTag ^= 1 }), []rootzone.Anchor{mine}, *day(1), "/DS: the signature by key "},
		{"no signature over SOA", only(func(rr dns.RR) bool { return !isSig(rr, dns.TypeSOA) }), []rootzone.Anchor{mine}, *day(1), "./SOA: no signature"},
		{"no signatures over DS", only(func(rr dns.RR) bool { return !isSig(rr, dns.TypeDS) }), []rootzone.Anchor{mine}, *day(1), "/DS: no signature"},
		{"no signature over DNSKEY", only(func(rr dns.RR) bool { return !isSig(rr, dns.TypeDNSKEY) }), []rootzone.Anchor{mine}, *day(1), "./DNSKEY: not signed"},
		{"a signature over nothing", only(func(rr dns.RR) bool { return rr.Header().Rrtype != dns.TypeDS }), []rootzone.Anchor{mine}, *day(1), "/DS: missing, though the NSEC record lists it"},
	} {
		t.Run(c.name, func(t *testing.T) {
			err := whole(t, text(c.records)).Validate(c.anchors, c.at)
			switch {
			case c.want == "" && err != nil:
				t.Error(err)
			case c.want != "" && (!errors.Is(err, rootzone.ErrBogus) || !strings.Contains(err.Error(), c.want)):
				t.Errorf("error %v, want %q", err, c.want)
			}
		})
	}
}

// upper writes the owners and the names of NS records in capital letters, and
// the records in reverse: for DNS the same zone.
func upper(records []dns.RR) []dns.RR {
	var other []dns.RR
	for _, rr := range slices.Backward(records) {
		rr = dns.Copy(rr)
		rr.Header().Name = strings.ToUpper(rr.Header().Name)
		if ns, ok := rr.(*dns.NS); ok {
			ns.Ns = strings.ToUpper(ns.Ns)
		}
		other = append(other, rr)
	}
	return other
}

func TestDigestIsOfTheRecords(t *testing.T) {
	good := labZone(t, 1).RRs()
	digest := func(records []dns.RR) [48]byte {
		d, err := whole(t, text(records)).Digest()
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	first := digest(good)
	if digest(upper(good)) != first {
		t.Error("order or letter case changes the digest")
	}
	if digest(good[:len(good)-1]) == first {
		t.Error("a record less does not change the digest")
	}
	elsewhere, err := dns.NewRR("com. 86400 IN ZONEMD 1 1 1 " + strings.Repeat("00", 48))
	if err != nil {
		t.Fatal(err)
	}
	if digest(append(slices.Clone(good), elsewhere)) == first {
		t.Error("a ZONEMD that is not the apex's is left out")
	}
	if digest(labZone(t, 2).RRs()) == first {
		t.Error("two zones with one digest")
	}
}

func TestValidateNeedsTheRecords(t *testing.T) {
	z, err := rootzone.Read(strings.NewReader(text(labZone(t, 1).RRs())), "test")
	if err != nil {
		t.Fatal(err)
	}
	if err := z.Validate(nil, signedAt); err == nil || errors.Is(err, rootzone.ErrBogus) {
		t.Errorf("error %v", err)
	}
	if _, err := z.Digest(); err == nil {
		t.Error("a digest of nothing")
	}
}

// The genuine zones of 2019 hold by the key of 2017 at the time they were
// signed, and at no other.
func TestGenuineZonesValidate(t *testing.T) {
	dir := os.Getenv("MTRIC_REAL_DATA")
	if dir == "" {
		t.Skip("MTRIC_REAL_DATA is not set: set it to a folder with rootzone/*.zone.gz to validate genuine root zones")
	}
	ksk2017 := rootzone.Anchor{DS: "20326 8 2 E06D44B80B8F1D39A95C0B0D7C65D08458E880409BBC683457104237C7F8EC8D"}
	for _, name := range []string{"root-2019101300.zone.gz", "root-2019102401.zone.gz"} {
		file, err := os.ReadFile(filepath.Join(dir, "rootzone", name))
		if err != nil {
			t.Fatal(err)
		}
		unzipped, err := gzip.NewReader(bytes.NewReader(file))
		if err != nil {
			t.Fatal(err)
		}
		z, err := rootzone.ReadWhole(unzipped, name)
		if err != nil {
			t.Fatal(err)
		}
		at, err := z.SignedAt()
		if err != nil {
			t.Fatal(err)
		}
		if err := z.Validate([]rootzone.Anchor{ksk2017}, at.Add(time.Hour)); err != nil {
			t.Error(err)
		}
		for _, other := range []time.Time{at.AddDate(0, 0, -1), at.AddDate(0, 0, 14)} {
			if err := z.Validate([]rootzone.Anchor{ksk2017}, other); !errors.Is(err, rootzone.ErrBogus) {
				t.Errorf("%s at %s: %v", name, other, err)
			}
		}
	}
}

func BenchmarkValidate(b *testing.B) {
	lz, err := lab.Generate(lab.Options{Seed: 1, Serial: 1, Inception: signedAt, Expiration: signedAt.AddDate(0, 0, 14)})
	if err != nil {
		b.Fatal(err)
	}
	z := whole(b, text(lz.RRs()))
	for b.Loop() {
		if err := z.Validate([]rootzone.Anchor{anchor(lz)}, signedAt); err != nil {
			b.Fatal(err)
		}
	}
}
