package ingest_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"mtric.net/mtric/engine/column"
	"mtric.net/mtric/engine/files"
	"mtric.net/mtric/engine/measurement"
	"mtric.net/mtric/engine/plan"
	"mtric.net/mtric/engine/spool"
)

func TestWithoutSidecarItIsNotThereYet(t *testing.T) {
	c := newCollector(t)
	c.measure("101", day)
	name := spool.Name(day, "101", column.Answers)
	sidecar := filepath.Join(c.box("101"), name+".sha256")
	if err := os.Rename(sidecar, sidecar+".part"); err != nil {
		t.Fatal(err)
	}
	r := c.ingest()
	if r.Files != 1 || len(r.Quarantined) != 0 {
		t.Errorf("%+v", r)
	}
	if got := left(t, c.box("101")); !slices.Equal(got, []string{name, name + ".sha256.part"}) {
		t.Errorf("left: %v", got)
	}
	later := time.Now().Add(8 * 24 * time.Hour) // by the kernel's clock
	c.in.Now = func() time.Time { return later }
	if r := c.ingest(); len(r.Quarantined) != 2 {
		t.Errorf("%+v", r)
	}
}

func TestAlertsAreKept(t *testing.T) {
	c := newCollector(t)
	put := func(name, text string) {
		path := filepath.Join(c.box("101"), name)
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		if err := files.WriteSidecar(path); err != nil {
			t.Fatal(err)
		}
	}
	put("202611220000-101.alerts.json", `{"firing":[]}`)
	put("202611220005-101.alerts.json", `{"firing":`)
	put("202611220010-101.alerts.json", `"`+strings.Repeat("x", 64<<10)+`"`)
	r := c.ingest()
	if r.Files != 1 || len(r.Quarantined) != 2 || r.Quarantined[0].Reason != "not JSON" || !strings.Contains(r.Quarantined[1].Reason, "more than 65536 bytes") {
		t.Errorf("%+v", r)
	}
	if data, err := os.ReadFile(filepath.Join(c.in.Originals, "202611", "202611220000-101.alerts.json")); err != nil || string(data) != `{"firing":[]}` {
		t.Error(string(data), err)
	}
}

// A sidecar that stays behind when a run is killed between its two unlinks must
// neither wait for ever nor be taken for a loss.
func TestOrphanSidecarIsKnown(t *testing.T) {
	c := newCollector(t)
	c.measure("101", day)
	sidecar := filepath.Join(c.box("101"), spool.Name(day, "101", column.Answers)+".sha256")
	text, err := os.ReadFile(sidecar)
	if err != nil {
		t.Fatal(err)
	}
	c.ingest()
	if err := os.WriteFile(sidecar, text, 0o644); err != nil {
		t.Fatal(err)
	}
	if r := c.ingest(); len(r.Quarantined) != 0 || len(left(t, c.box("101"))) != 0 {
		t.Errorf("%+v, left %v", r, left(t, c.box("101")))
	}
	other := bytes.Replace(text, text[:4], []byte("0000"), 1)
	if err := os.WriteFile(sidecar, other, 0o644); err != nil {
		t.Fatal(err)
	}
	if r := c.ingest(); len(r.Quarantined) != 0 || len(left(t, c.box("101"))) != 1 {
		t.Errorf("%+v, left %v", r, left(t, c.box("101")))
	}
}

func TestRetention(t *testing.T) {
	c := newCollector(t)
	c.measure("101", day)
	c.measure("102", day)
	send(c, c.box("102"), spool.Name(day, "101", column.Answers), answersOf("101", day), metaOf(runOf(answersOf("101", day), "101", day)))
	c.ingest()
	c.in.Plan.Retention = []plan.Retention{{Label: "originals", Keep: ptr(plan.Duration(24 * time.Hour))}, {Label: "quarantine", Keep: ptr(plan.Duration(24 * time.Hour))},
		{Label: "lake", Keep: nil}}
	at := func(after time.Duration, originals, quarantined int) {
		t.Helper()
		c.in.Now = func() time.Time { return time.Now().Add(after) }
		c.ingest()
		if n := len(left(t, filepath.Join(c.in.Originals, "202611"))); n != originals {
			t.Errorf("after %s: %d originals, want %d", after, n, originals)
		}
		if n := len(left(t, c.in.Quarantine)); n != quarantined {
			t.Errorf("after %s: %d in quarantine, want %d", after, n, quarantined)
		}
	}
	at(time.Hour, 8, 2)
	at(25*time.Hour, 8, 0) // a month of originals stays, whatever the plan says
	at(32*24*time.Hour, 0, 0)
	if got := readDay[measurement.Answer](c, column.Answers, day); len(got) != 24 {
		t.Errorf("the lake has %d rows", len(got))
	}
}

// A run that cannot write must leave everything where it is.
func TestOwnTroubleLosesNothing(t *testing.T) {
	c := newCollector(t)
	c.measure("101", day)
	before := left(t, c.box("101"))
	if err := os.WriteFile(filepath.Join(c.dir, "Lake"), nil, 0o644); err != nil { // a file where the folder must be
		t.Fatal(err)
	}
	if _, err := c.in.Run(t.Context()); err == nil || !strings.Contains(err.Error(), "Lake") {
		t.Errorf("error %v", err)
	}
	if after := left(t, c.box("101")); !slices.Equal(before, after) {
		t.Errorf("left %v", after)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := c.in.Run(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
	if after := left(t, c.box("101")); !slices.Equal(before, after) {
		t.Errorf("left %v", after)
	}
}

// What does not fit into memory at once comes in by several merges, to the same lake; an
// interval by one, or its row group would be written twice.
func TestLittleMemory(t *testing.T) {
	var want []measurement.Answer
	for _, memory := range []int64{0, 1, 40_000} {
		c := newCollector(t)
		c.in.Memory = memory
		for i := range 12 {
			for _, vp := range []measurement.VantagePoint{"101", "102"} {
				c.measure(vp, day.Add(time.Duration(i)*5*time.Minute))
			}
		}
		merges, taken := 0, map[string]int{}
		c.in.Step = func(what string) error {
			if what == "merge answers" {
				merges++
			} else if name, ok := strings.CutPrefix(what, "copy "); ok {
				label, _, _ := strings.Cut(name, "-")
				if merge, before := taken[label]; before && merge != merges {
					t.Errorf("%d bytes: files of %s are in two merges", memory, label)
				}
				taken[label] = merges
			}
			return nil
		}
		if r := c.ingest(); r.Files != 48 || r.Added != 24*13 || len(r.Quarantined) != 0 {
			t.Errorf("%d bytes: %+v", memory, r)
		}
		if (merges == 1) != (memory == 0) {
			t.Errorf("%d bytes: %d merges", memory, merges)
		}
		got := readDay[measurement.Answer](c, column.Answers, day)
		if want == nil {
			want = got
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%d bytes: %s", memory, diff)
		}
	}
}

// A kill between a sidecar and its file leaves half of an original, which is no original
// yet.
func TestHalfAnOriginal(t *testing.T) {
	c := newCollector(t)
	c.measure("101", day)
	name := spool.Name(day, "101", column.Answers)
	folder := filepath.Join(c.in.Originals, "202611")
	if err := errors.Join(os.MkdirAll(folder, 0o755), os.WriteFile(filepath.Join(folder, name+".sha256"), []byte("0123"), 0o644)); err != nil {
		t.Fatal(err)
	}
	if r := c.ingest(); r.Files != 2 || len(r.Quarantined) != 0 {
		t.Errorf("%+v", r)
	}
	if err := files.CheckSidecar(filepath.Join(folder, name)); err != nil {
		t.Error(err)
	}
	if names := left(t, folder); len(names) != 4 {
		t.Errorf("originals: %q", names)
	}
}
