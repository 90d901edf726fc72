package correctness

import (
	"bytes"
	"testing"
	"time"

	"mtric.net/mtric/engine/lab"
	"mtric.net/mtric/engine/rootzone"
)

// Neighbours share what is the same in both, and no more; zones with other keys nothing,
// for what was verified by those of one proves nothing by those of the other.
func TestShare(t *testing.T) {
	begin := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
	first, err := lab.Generate(lab.Options{Seed: 1, Serial: 2026110100, TLDs: 20, Inception: begin, Expiration: begin.AddDate(0, 0, 14)})
	if err != nil {
		t.Fatal(err)
	}
	next, err := first.NextVersion(lab.Revision{Serial: 2026110101})
	if err != nil {
		t.Fatal(err)
	}
	rolled, err := first.NextVersion(lab.Revision{Serial: 2026110102, Unchanged: true, Signing: lab.DefaultSigning(2)})
	if err != nil {
		t.Fatal(err)
	}
	made := func(z *lab.Zone) *Zone {
		var text bytes.Buffer
		if _, err := z.WriteTo(&text); err != nil {
			t.Fatal(err)
		}
		whole, err := rootzone.ReadWhole(&text, "zone")
		if err != nil {
			t.Fatal(err)
		}
		zone, err := NewZone(whole)
		if err != nil {
			t.Fatal(err)
		}
		return zone
	}
	for _, c := range []struct {
		name   string
		zone   *lab.Zone
		shared bool
	}{{"the same keys", next, true}, {"other keys", rolled, false}} {
		old, own, zone := made(first), made(c.zone), made(c.zone)
		zone.Share(old)
		shared := 0
		for k, s := range zone.sets {
			if s == old.sets[k] {
				shared++
			}
			want := own.sets[k]
			if s.ttl != want.ttl || len(s.rdatas) != len(want.rdatas) {
				t.Fatalf("%s: %q is not what the zone has", c.name, k)
			}
			for i := range s.rdatas {
				if !bytes.Equal(s.rdatas[i], want.rdatas[i]) {
					t.Fatalf("%s: %q is not what the zone has", c.name, k)
				}
			}
		}
		for k, sigs := range zone.sigs {
			for i := range sigs {
				if !bytes.Equal(sigs[i], own.sigs[k][i]) {
					t.Fatalf("%s: a signature of %q is not what the zone has", c.name, k)
				}
			}
		}
		if len(zone.sets) != len(own.sets) || len(zone.sigs) != len(own.sigs) {
			t.Errorf("%s: has %d RRsets, want %d", c.name, len(zone.sets), len(own.sets))
		}
		if c.shared != (shared > len(zone.sets)/2) || !c.shared && shared > 0 {
			t.Errorf("%s: shares %d of %d RRsets", c.name, shared, len(zone.sets))
		}
	}
}
