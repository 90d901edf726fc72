package rootzone_test

import (
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"

	"mtric.net/mtric/engine/rootzone"
)

// apexOf is the apex of an archive that has these records as its zone.
func apexOf(t *testing.T, records []dns.RR) *rootzone.Apex {
	t.Helper()
	dir := t.TempDir()
	put(t, dir, rootzone.FileName(2026112000), text(records))
	put(t, dir, rootzone.FileName(2026112001), "; no zone\n") // is passed over
	a, err := rootzone.NewestApex(dir)
	must(t, err)
	return a
}

func TestSignedUntil(t *testing.T) {
	lz := labZone(t, 1)
	mine := []rootzone.Anchor{{DS: anchor(lz).DS, Until: day(-1)}} // whatever its dates
	good := lz.RRs()
	changed := func(covered uint16, change func(*dns.RRSIG)) []dns.RR {
		all := slices.Clone(good)
		for _, rr := range good {
			if sig, ok := rr.(*dns.RRSIG); ok && sig.TypeCovered == covered && sig.Hdr.Name == "." {
				other := dns.Copy(sig).(*dns.RRSIG)
				change(other)
				all = append(all, other)
			}
		}
		return all
	}
	without := func(covered uint16) []dns.RR {
		return slices.DeleteFunc(slices.Clone(good), func(rr dns.RR) bool {
			sig, ok := rr.(*dns.RRSIG)
			return ok && sig.TypeCovered == covered && sig.Hdr.Name == "."
		})
	}
	later := func(sig *dns.RRSIG) { sig.Expiration += 86400 * 30 }
	for _, c := range []struct {
		name    string
		records []dns.RR
		anchors []rootzone.Anchor
		want    *time.Time // nil is none
	}{
		{"good", good, mine, day(14)},
		{"without an anchor", good, nil, day(14)},
		{"a later signature over DNSKEY that does not hold", changed(dns.TypeDNSKEY, later), mine, day(14)},
		{"a later signature over SOA that does not hold", changed(dns.TypeSOA, later), mine, day(14)},
		{"by another signer", changed(dns.TypeSOA, func(sig *dns.RRSIG) { later(sig); sig.SignerName = "root-servers.net." }), mine, day(14)},
		{"no signature over DNSKEY", without(dns.TypeDNSKEY), mine, nil},
		{"no signature over SOA", without(dns.TypeSOA), mine, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := apexOf(t, c.records).SignedUntil(c.anchors)
			if c.want == nil && err == nil || c.want != nil && (err != nil || !got.Equal(*c.want)) {
				t.Errorf("%s, %v; want %v", got, err, c.want)
			}
		})
	}
}

func TestNewestApexNone(t *testing.T) {
	if _, err := rootzone.NewestApex(t.TempDir()); !errors.Is(err, rootzone.ErrNone) {
		t.Error(err)
	}
}

// TestSignaturesOfGenuineZones is what the threshold of the shipped rule
// signatures-expiring rests on: a genuine zone, a whole day after the next one was due,
// has far more than six days left.
func TestSignaturesOfGenuineZones(t *testing.T) {
	for _, c := range []struct {
		name string
		soa  string
		keys string
	}{
		{"root-2019101300.zone.gz", "2019-10-26T05:00:00Z", "2019-11-01T00:00:00Z"},
		{"root-2019102401.zone.gz", "2019-11-06T17:00:00Z", "2019-11-11T00:00:00Z"},
		{"root-2023120601.norrsig.zone.gz", "2023-12-19T17:00:00Z", "2023-12-21T00:00:00Z"},
		{"root-2023120602.norrsig.zone.gz", "2023-12-19T19:00:00Z", "2023-12-21T00:00:00Z"},
		{"root-2026082100.norrsig.zone.gz", "2026-09-03T05:00:00Z", "2026-09-10T00:00:00Z"},
		{"root-2026082102.norrsig.zone.gz", "2026-09-03T21:00:00Z", "2026-09-10T00:00:00Z"},
		{"root-2026082200.norrsig.zone.gz", "2026-09-04T05:00:00Z", "2026-09-10T00:00:00Z"},
	} {
		z := whole(t, genuine(t, c.name))
		signed, err := z.SignedAt()
		must(t, err)
		dir := t.TempDir()
		put(t, dir, rootzone.FileName(z.Serial), genuine(t, c.name))
		a, err := rootzone.NewestApex(dir)
		must(t, err)
		got, err := a.SignedUntil(iana())
		if want := min(c.soa, c.keys); err != nil || got.Format(time.RFC3339) != want {
			t.Errorf("%s: signed until %s, %v; want %s", c.name, got, err, want)
		}
		if left := got.Sub(signed.Add(36 * time.Hour)); left < 11*24*time.Hour {
			t.Errorf("%s: %s left", c.name, left)
		}
		for _, key := range a.Keys {
			if ds, ok := rootzone.KeyDS(key); ok && rootzone.Anchored(key, iana()) != strings.HasPrefix(ds, "20326 8 2 E06D44B8") {
				t.Errorf("%s: %s", c.name, ds)
			}
		}
	}
}

// The beginning of an archived file says when its zone was signed; of a file without a
// signature over SOA that holds, nothing does.
func TestApexSignedAt(t *testing.T) {
	lz := labZone(t, 1)
	dir := t.TempDir()
	zone, err := rootzone.ReadWhole(strings.NewReader(text(lz.RRs())), "lab")
	must(t, err)
	_, err = rootzone.Save(dir, zone)
	must(t, err)
	path := filepath.Join(dir, rootzone.FileName(zone.Serial))
	want, err := zone.SignedAt()
	must(t, err)
	if at, err := rootzone.ApexSignedAt(path); err != nil || !at.Equal(want) {
		t.Errorf("signed at %s, %v, want %s", at, err, want)
	}
	kept, err := os.ReadFile(path)
	must(t, err)
	other := regexp.MustCompile(`(?m)^(\.\t.*\tSOA\t.* )1800 `).ReplaceAllString(string(kept), "${1}1801 ") // its refresh
	if other == string(kept) {
		t.Fatal("the SOA record is not where it is sought")
	}
	put(t, dir, rootzone.FileName(zone.Serial), other)
	if at, err := rootzone.ApexSignedAt(path); !errors.Is(err, rootzone.ErrBogus) {
		t.Errorf("of a SOA record that nobody signed: %s, %v", at, err)
	}
}
