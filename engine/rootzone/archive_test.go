package rootzone_test

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/miekg/dns"

	"mtric.net/mtric/engine/rootzone"
)

func TestSaveKeepsAZoneOnce(t *testing.T) {
	dir := t.TempDir()
	lz := labZone(t, 1)
	z := whole(t, text(lz.RRs()))
	for i, want := range []bool{true, false} {
		if added, err := rootzone.Save(dir, z); added != want || err != nil {
			t.Fatalf("save %d: added %v, %v", i+1, added, err)
		}
	}
	path := filepath.Join(dir, "2026112000.root.txt")
	first, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	// The same zone written otherwise is the same zone, and its file the same.
	if added, err := rootzone.Save(dir, whole(t, text(upper(lz.RRs())))); added || err != nil {
		t.Errorf("written otherwise: added %v, %v", added, err)
	}
	elsewhere := t.TempDir()
	if _, err := rootzone.Save(elsewhere, whole(t, text(upper(lz.RRs())))); err != nil {
		t.Fatal(err)
	}
	if other, err := os.ReadFile(filepath.Join(elsewhere, "2026112000.root.txt")); err != nil || !slices.Equal(first, other) {
		t.Errorf("one zone, two texts: %v", err)
	}
	// What was kept proves itself, and questions can be drawn from it.
	kept, err := rootzone.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := kept.Validate([]rootzone.Anchor{anchor(lz)}, signedAt); err != nil {
		t.Error(err)
	}
	if newest, err := rootzone.Newest(dir); err != nil || newest.Serial != 2026112000 || len(newest.RRsets()) != len(z.RRsets()) {
		t.Errorf("newest %+v, %v", newest, err)
	}
}

func TestSaveOverwritesNothing(t *testing.T) {
	dir := t.TempDir()
	good := labZone(t, 1).RRs()
	if _, err := rootzone.Save(dir, whole(t, text(good))); err != nil {
		t.Fatal(err)
	}
	before, err := os.ReadFile(filepath.Join(dir, "2026112000.root.txt"))
	if err != nil {
		t.Fatal(err)
	}
	changed := slices.Clone(good)
	for i, rr := range changed {
		if a, ok := dns.Copy(rr).(*dns.A); ok {
			a.A[3] ^= 1
			changed[i] = a
			break
		}
	}
	if added, err := rootzone.Save(dir, whole(t, text(changed))); added || !errors.Is(err, rootzone.ErrOther) {
		t.Errorf("other records: added %v, %v", added, err)
	}
	after, err := os.ReadFile(filepath.Join(dir, "2026112000.root.txt"))
	if err != nil || !slices.Equal(before, after) {
		t.Errorf("the archive changed: %v", err)
	}
	// A damaged file is not overwritten either: a person must look.
	if err := os.WriteFile(filepath.Join(dir, "2026112000.root.txt"), before[:len(before)/2], 0o644); err != nil {
		t.Fatal(err)
	}
	if added, err := rootzone.Save(dir, whole(t, text(good))); added || !errors.Is(err, rootzone.ErrOther) {
		t.Errorf("damaged file: added %v, %v", added, err)
	}
}

func TestSerials(t *testing.T) {
	dir := t.TempDir()
	if got, err := rootzone.Serials(filepath.Join(dir, "none")); got != nil || err != nil {
		t.Errorf("no folder: %v, %v", got, err)
	}
	for _, name := range []string{"4294967295.root.txt", "1.root.txt", "0.root.txt", "01.root.txt", "x.root.txt", "5.root.txt.tmp", "4294967296.root.txt"} {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := rootzone.Serials(dir); err != nil || !slices.Equal(got, []uint32{4294967295, 0, 1}) {
		t.Errorf("serials %v, %v", got, err)
	}
}
