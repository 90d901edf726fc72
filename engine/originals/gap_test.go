package originals_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"mtric.net/mtric/engine/files"
	"mtric.net/mtric/engine/originals"
)

// Somebody moved the first pack of a day away, as the alert of a damaged one asks: later
// packs are read all the same, and no pack is written over.
func TestGapInPacks(t *testing.T) {
	dir, names := fill(t)
	month := filepath.Join(dir, "202402")
	pack(t, packer(dir))
	late := keep(t, dir, day, "103", "answers.parquet", "late")
	pack(t, packer(dir))
	second := filepath.Join(month, "20240229-2.tar.zst")
	sum, err := files.Sum(second)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(filepath.Join(month, "20240229.tar.zst"), filepath.Join(t.TempDir(), "damaged")); err != nil {
		t.Fatal(err)
	}
	if _, err := (&originals.Store{Dir: dir}).Sum(late); err != nil {
		t.Errorf("what the second pack has is not there: %v", err)
	}
	if _, err := (&originals.Store{Dir: dir}).Sum(names[0]); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("what was moved away: %v", err)
	}
	for _, name := range names { // from a copy, and more than one pack takes
		n, _ := originals.ParseName(name)
		keep(t, dir, n.Label, string(n.VantagePoint), string(n.Kind), "restored "+name)
	}
	p := packer(dir)
	originals.SetMaxPacked(p, 200)
	if done := pack(t, p); done.Packs < 2 || done.Members != len(names) || len(done.Left) > 0 {
		t.Errorf("%+v", done)
	}
	if now, err := files.Sum(second); now != sum || err != nil {
		t.Errorf("the second pack was written over: %v", err)
	}
	if all := view(t, dir); all[late] == "" || len(all) != len(names)+3 {
		t.Errorf("%d originals", len(all))
	}
	if _, err := os.Lstat(filepath.Join(month, "20240229-3.tar.zst")); err != nil {
		t.Error(err)
	}
}

// A pack that somebody puts back while another of its name is made stays what it is, and so
// does its sidecar.
func TestPackNeverReplaces(t *testing.T) {
	for _, at := range []string{"sidecar ", "name "} {
		dir, names := fill(t)
		before := view(t, dir)
		path := filepath.Join(dir, "202402", "20240229.tar.zst")
		theirs := path
		if at == "sidecar " {
			theirs = files.Sidecar(path)
		}
		p := packer(dir)
		p.Step = func(what string) error {
			if strings.HasPrefix(what, at) {
				return os.WriteFile(theirs, []byte("theirs"), 0o644)
			}
			return nil
		}
		if _, err := p.Run(t.Context()); !errors.Is(err, fs.ErrExist) {
			t.Errorf("%s: %v", at, err)
		}
		if text, err := os.ReadFile(theirs); string(text) != "theirs" || err != nil {
			t.Errorf("%s: replaced: %v", at, err)
		}
		if err := os.Remove(theirs); err != nil {
			t.Fatal(err)
		}
		if after := view(t, dir); len(after) != len(before) || after[names[0]] != before[names[0]] {
			t.Errorf("%s: %d originals, were %d", at, len(after), len(before))
		}
		if left, err := filepath.Glob(filepath.Join(dir, "202402", ".*")); err != nil || len(left) > 0 {
			t.Errorf("%s: %v, %v are left", at, left, err)
		}
	}
}

// A day of which the lake cannot be asked waits, and is told; the next day is packed.
func TestFactsThatCannotBeRead(t *testing.T) {
	dir, _ := fill(t)
	p := packer(dir)
	p.Now = due.AddDate(0, 0, 1)
	p.Facts = func(d time.Time) (map[string]originals.Fact, error) {
		if d.Equal(day) {
			return nil, errors.New("runs are damaged")
		}
		return nil, nil
	}
	before := list(t, filepath.Join(dir, "202402"))
	done := pack(t, p)
	if done.Packs != 1 || len(done.Left) != 1 || !strings.Contains(done.Left[0], "2024-02-29") || !strings.Contains(done.Left[0], "runs are damaged") {
		t.Errorf("%+v", done)
	}
	if after := list(t, filepath.Join(dir, "202402")); !slices.Equal(before, after) {
		t.Errorf("%v, was %v", after, before)
	}
}
