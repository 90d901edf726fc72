package originals_test

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"mtric.net/mtric/engine/originals"
)

// Packing is neither arrival nor loss: what came since a time is counted alike, and what is
// old goes when its loose files would have gone.
func TestSinceAndForget(t *testing.T) {
	dir, names := fill(t)
	p := packer(dir)
	p.Facts = facts(names, dir)
	s := &originals.Store{Dir: dir}
	count := func(at time.Time, want int64) {
		t.Helper()
		if n, err := s.Since(at); n != want || err != nil {
			t.Errorf("%d came since %s, want %d; %v", n, at, want, err)
		}
	}
	count(day.AddDate(0, 0, -1), 20)
	count(day.Add(12*time.Minute), 7)
	began := time.Now()
	pack(t, p)
	count(began, 0)                       // a pack that was just written is no arrival
	count(day.Add(12*time.Minute), 4+1+3) // the loose one, routes and alerts of the last interval, and what the lake says of 101
	if err := s.Forget(time.Now().Add(-time.Hour)); err != nil {
		t.Fatal(err)
	}
	if n := len(view(t, dir)); n != 20 {
		t.Errorf("%d originals, want all", n)
	}
	keep(t, dir, day.Add(time.Hour), "103", "answers.parquet", "late")
	pack(t, p)
	if err := os.Chtimes(filepath.Join(dir, "202402", "20240229.tar.zst"), day, day); err != nil {
		t.Fatal(err)
	}
	if err := s.Forget(time.Now().Add(-time.Hour)); err != nil {
		t.Fatal(err)
	}
	if n := len(view(t, dir)); n != 21 {
		t.Errorf("%d originals, want all: packs of a day go together", n)
	}
	if err := s.Forget(time.Now().Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	if names := slices.Concat(list(t, filepath.Join(dir, "202402")), list(t, filepath.Join(dir, "202403"))); len(names) > 0 {
		t.Errorf("left: %v", names)
	}
}

// A pack is as old as what is in it.
func TestPackKeepsItsMembersAge(t *testing.T) {
	dir, _ := fill(t)
	began := time.Now()
	pack(t, packer(dir))
	if err := (&originals.Store{Dir: dir}).Forget(began); err != nil {
		t.Fatal(err)
	}
	if names := list(t, filepath.Join(dir, "202402")); len(names) > 0 {
		t.Errorf("left: %v", names)
	}
}

// A run packs a month, oldest days first, and the next ones what is left, whatever cannot
// be packed.
func TestMonthAtATime(t *testing.T) {
	dir := t.TempDir()
	for i := range 33 {
		path := filepath.Join(dir, "202402", keep(t, dir, day.AddDate(0, 0, -10), "102", "answers.parquet", "x"))
		if err := os.Remove(path + ".sha256"); err != nil {
			t.Fatal(err)
		}
		keep(t, dir, day.AddDate(0, 0, -i), "101", "answers.parquet", "x")
	}
	if done := pack(t, packer(dir)); done.Packs != 30 || !done.More {
		t.Errorf("%+v", done)
	}
	if names := list(t, filepath.Join(dir, "202402")); !slices.Contains(names, day.Format("200601021504")+"-101.answers.parquet") {
		t.Errorf("not the oldest first: %v", names)
	}
	if done := pack(t, packer(dir)); done.Packs != 3 || done.More || len(done.Left) != 1 {
		t.Errorf("%+v", done)
	}
}
