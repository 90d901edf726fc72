package ingest_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"mtric.net/mtric/engine/column"
	"mtric.net/mtric/engine/measurement"
	"mtric.net/mtric/engine/originals"
	"mtric.net/mtric/engine/plan"
	"mtric.net/mtric/engine/spool"
)

// packed packs what the collector has, and returns the names that lie loose then.
func packed(t *testing.T, c *collector) []string {
	t.Helper()
	p := originals.Packer{Store: &originals.Store{Dir: c.in.Originals}, Now: day.AddDate(0, 0, 9)}
	if done, err := p.Run(t.Context()); err != nil || done.Packs != 1 {
		t.Fatalf("%+v, %v", done, err)
	}
	return left(t, filepath.Join(c.in.Originals, "202611"))
}

// An original that is packed is there: another of its name goes to Quarantine, the same
// is known, and a sidecar that a kill left of it goes.
func TestPackedOriginalsAreThere(t *testing.T) {
	c := newCollector(t)
	c.measure("101", day)
	c.measure("102", day)
	c.ingest()
	if names := packed(t, c); len(names) != 2 {
		t.Fatalf("beside the pack: %v", names)
	}

	c.measure("101", day) // the very same
	if r := c.ingest(); r.Files != 2 || r.Added != 0 || len(r.Quarantined) != 0 {
		t.Errorf("%+v", r)
	}

	routes := routesOf("102", day)
	meta := metaOf(runOf(answersOf("102", day), "102", day))
	meta.Version = "1.0.1" // the same rows, and another file
	send(c, c.box("102"), spool.Name(day, "102", column.Routes), routes, meta)
	r := c.ingest()
	if len(r.Quarantined) != 1 || !strings.HasPrefix(r.Quarantined[0].Reason, "another file of this name was ingested, sha256 ") {
		t.Errorf("%+v", r)
	}

	path := filepath.Join(c.box("101"), spool.Name(day, "101", column.Answers))
	send(c, c.box("101"), filepath.Base(path), answersOf("101", day), metaOf(runOf(answersOf("101", day), "101", day)))
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(c.in.Originals, "202611", filepath.Base(path))); err != nil { // the one that came again
		t.Fatal(err)
	}
	if r := c.ingest(); len(r.Quarantined) != 0 || len(left(t, c.box("101"))) != 0 {
		t.Errorf("%+v, left %v", r, left(t, c.box("101")))
	}
}

// The sidecar of an original says when it arrived, until an index does.
func TestSidecarSaysWhenItCame(t *testing.T) {
	c := newCollector(t)
	c.measure("101", day)
	c.ingest()
	info, err := os.Stat(filepath.Join(c.in.Originals, "202611", spool.Name(day, "101", column.Answers)+".sha256"))
	if err != nil {
		t.Fatal(err)
	}
	runs := readDay[measurement.Run](c, column.Runs, day)
	if len(runs) != 1 || !info.ModTime().Equal(runs[0].ReceivedAt) {
		t.Errorf("%s, want %+v", info.ModTime(), runs)
	}
}

// Packs go when their files would have gone.
func TestRetentionOfPacks(t *testing.T) {
	c := newCollector(t)
	c.measure("101", day)
	c.ingest()
	packed(t, c)
	keep := 40 * 24 * time.Hour
	c.in.Plan.Retention = []plan.Retention{{Label: "originals", Keep: ptr(plan.Duration(keep))}}
	for _, step := range []struct {
		after time.Duration
		want  int
	}{{keep - time.Hour, 2}, {keep + time.Hour, 0}} {
		c.in.Now = func() time.Time { return time.Now().Add(step.after) }
		c.ingest()
		if names := left(t, filepath.Join(c.in.Originals, "202611")); len(names) != step.want {
			t.Errorf("after %s: %v", step.after, names)
		}
	}
	if got := readDay[measurement.Answer](c, column.Answers, day); len(got) == 0 {
		t.Error("the lake has no rows")
	}
}
