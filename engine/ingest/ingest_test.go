package ingest_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/parquet-go/parquet-go"

	"mtric.net/mtric/engine/column"
	"mtric.net/mtric/engine/files"
	"mtric.net/mtric/engine/ingest"
	"mtric.net/mtric/engine/measurement"
	"mtric.net/mtric/engine/plan"
	"mtric.net/mtric/engine/spool"
)

var (
	day = time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC)
	now = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
)

func TestFilesBecomeTheLake(t *testing.T) {
	c := newCollector(t)
	yesterday := day.Add(-5 * time.Minute)
	for _, vp := range []measurement.VantagePoint{"101", "102"} {
		for _, label := range []time.Time{day, day.Add(5 * time.Minute), yesterday} {
			c.measure(vp, label)
		}
	}
	r := c.ingest()
	if r.Files != 12 || r.Added != 6*12+6 || r.Known != 0 || len(r.Quarantined) != 0 || len(r.Left) != 0 {
		t.Errorf("%+v", r)
	}
	want := slices.Concat(answersOf("101", day), answersOf("102", day), answersOf("101", day.Add(5*time.Minute)), answersOf("102", day.Add(5*time.Minute)))
	for i := range want {
		if want[i].Query == "correctness" {
			want[i].Verdict, want[i].Failures = ptr(measurement.Incorrect), []string{"obw: ./SOA in Answer has no signature; signatures stripped: the response has none at all"}
		}
	}
	if diff := cmp.Diff(want, readDay[measurement.Answer](c, column.Answers, day), cmpopts.EquateEmpty()); diff != "" {
		t.Error(diff)
	}
	if got := readDay[measurement.Answer](c, column.Answers, yesterday); len(got) != 24 {
		t.Errorf("%d rows of yesterday", len(got))
	}
	if got := readDay[measurement.Route](c, column.Routes, day); len(got) != 4 || len(got[0].Hops) != 2 {
		t.Errorf("routes %+v", got)
	}
	runs := readDay[measurement.Run](c, column.Runs, day)
	if len(runs) != 4 {
		t.Fatalf("runs %+v", runs)
	}
	sum, err := files.Sum(filepath.Join(c.in.Originals, "202611", runs[1].File))
	if err != nil || sum != runs[1].SHA256 || runs[1].File != "202611220000-102.answers.parquet" || runs[1].ReceivedAt.IsZero() || runs[1].Planned != 12 {
		t.Error(runs[1], sum, err)
	}
	for _, vp := range []measurement.VantagePoint{"101", "102"} {
		if names := left(t, c.box(vp)); len(names) != 0 {
			t.Errorf("left in the dropbox: %v", names)
		}
	}
	originals := left(t, filepath.Join(c.in.Originals, "202611"))
	if len(originals) != 24 {
		t.Errorf("originals: %v", originals)
	}
	for _, name := range originals {
		if !strings.HasSuffix(name, ".sha256") {
			if err := files.CheckSidecar(filepath.Join(c.in.Originals, "202611", name)); err != nil {
				t.Error(err)
			}
		}
	}
	if names := left(t, c.in.Originals); !slices.Equal(names, []string{"202611"}) {
		t.Errorf("beside the originals: %v", names)
	}
}

// What is measured now does not wait for what was, and a dropbox full of old days
// costs a run a month of them.
func TestNewestDayComesFirst(t *testing.T) {
	c := newCollector(t)
	c.measure("102", day)
	for n := range 40 {
		label := day.AddDate(0, 0, -n)
		rows := answersOf("101", label)[:1]
		send(c, c.box("101"), spool.Name(label, "101", column.Answers), rows, metaOf(runOf(rows, "101", label)))
	}
	var kept []string
	c.in.Step = func(what string) error {
		if name, found := strings.CutPrefix(what, "unlink "); found && strings.HasSuffix(name, ".parquet") {
			kept = append(kept, name)
		}
		return nil
	}
	if r := c.ingest(); r.Files != 33 || len(r.Left) != 0 {
		t.Errorf("%d files, left %q", r.Files, r.Left)
	}
	last := 99999999
	for _, name := range kept {
		date, err := strconv.Atoi(name[:8])
		if err != nil || date > last {
			t.Fatalf("%s after %d", name, last)
		}
		last = date
	}
	if r := c.ingest(); r.Files != 9 {
		t.Errorf("%d files in the next run", r.Files)
	}
}

// A day that came in by many merges is written anew once it is over, as one.
func TestDayThatIsOverIsCompacted(t *testing.T) {
	c := newCollector(t)
	c.in.Now = func() time.Time { return day.Add(20 * time.Minute) }
	for slot := range 2 { // of equal size: two row groups
		c.measure("101", day.Add(time.Duration(slot)*5*time.Minute))
		c.ingest()
	}
	before, _, err := column.Read[measurement.Answer](c.in.Lake.Path(column.Answers, day))
	if err != nil {
		t.Fatal(err)
	}
	for _, run := range []struct {
		hour, minute, groups int
		compacts             bool
	}{{23, 50, 2, false}, {24, 55, 2, false}, {25, 0, 1, true}, {25, 5, 1, false}} {
		now := day.Add(time.Duration(run.hour)*time.Hour + time.Duration(run.minute)*time.Minute)
		c.in.Now = func() time.Time { return now }
		compacts := false
		c.in.Step = func(what string) error {
			compacts = compacts || what == "compact "+day.Format(time.DateOnly)+" of answers"
			return nil
		}
		c.ingest()
		data, err := os.ReadFile(c.in.Lake.Path(column.Answers, day))
		if err != nil {
			t.Fatal(err)
		}
		f, err := parquet.OpenFile(bytes.NewReader(data), int64(len(data)))
		if err != nil {
			t.Fatal(err)
		}
		if n := len(f.RowGroups()); n != run.groups || compacts != run.compacts {
			t.Errorf("%02d:%02d: %d row groups, want %d; compacted %t", run.hour, run.minute, n, run.groups, compacts)
		}
	}
	after, _, err := column.Read[measurement.Answer](c.in.Lake.Path(column.Answers, day))
	if diff := cmp.Diff(before, after, cmpopts.EquateEmpty()); err != nil || diff != "" {
		t.Error(err, diff)
	}
}

// A file that comes twice changes nothing: not a row, not the file of the lake.
func TestSecondTimeChangesNothing(t *testing.T) {
	c := newCollector(t)
	c.measure("101", day)
	c.ingest()
	before, err := os.Stat(c.in.Lake.Path(column.Answers, day))
	if err != nil {
		t.Fatal(err)
	}
	c.measure("101", day)
	r := c.ingest()
	if r.Added != 0 || r.Known != 13 || r.Files != 2 || len(r.Quarantined) != 0 {
		t.Errorf("%+v", r)
	}
	after, err := os.Stat(c.in.Lake.Path(column.Answers, day))
	if err != nil || !os.SameFile(before, after) {
		t.Error("the lake was rewritten", err)
	}
}

func TestFirstFileWins(t *testing.T) {
	c := newCollector(t)
	c.measure("101", day)
	c.ingest()
	first := readDay[measurement.Answer](c, column.Answers, day)
	rows := answersOf("101", day)
	rows[4].LatencyUS = ptr(int64(19_999))
	name := spool.Name(day, "101", column.Answers)
	send(c, c.box("101"), name, rows, metaOf(runOf(rows, "101", day)))
	sum := c.sumOf(name)
	rows = answersOf("101", day.Add(5*time.Minute))
	send(c, c.box("101"), spool.Name(day.Add(5*time.Minute), "101", column.Answers), rows, metaOf(runOf(rows, "101", day.Add(5*time.Minute))))
	r := c.ingest()
	want := []ingest.Rejected{{VantagePoint: "101", File: name, Reason: "another file of this name was ingested, sha256 " + sum}}
	if diff := cmp.Diff(want, r.Quarantined); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(first, readDay[measurement.Answer](c, column.Answers, day)[:12]); diff != "" {
		t.Error(diff)
	}
	if got := left(t, c.in.Quarantine); !slices.Equal(got, []string{name, name + ".reason.txt"}) {
		t.Errorf("quarantine: %v", got)
	}
	if runs := readDay[measurement.Run](c, column.Runs, day); len(runs) != 2 {
		t.Errorf("runs %+v", runs)
	}
}

// Of a file that goes to Quarantine nothing is in the lake, not even what the first
// file of its name does not deny. The tables are files of their own.
func TestFurtherRowsOfAnIntervalAreNotTaken(t *testing.T) {
	c := newCollector(t)
	all := answersOf("101", day)
	name := spool.Name(day, "101", column.Answers)
	send(c, c.box("101"), name, all[1:], metaOf(runOf(all[1:], "101", day)))
	c.ingest()
	sum := c.sumOf(name)
	send(c, c.box("101"), name, all, metaOf(runOf(all, "101", day)))
	more := append(routesOf("101", day), routesOf("101", day)[0])
	more[1].RSI = "b"
	send(c, c.box("101"), spool.Name(day, "101", column.Routes), more, metaOf(runOf(all, "101", day)))
	r := c.ingest()
	want := []ingest.Rejected{{VantagePoint: "101", File: name, Reason: "another file of this name was ingested, sha256 " + sum}}
	if diff := cmp.Diff(want, r.Quarantined); diff != "" || r.Added != 2 {
		t.Error(r.Added, diff)
	}
	if rows := readDay[measurement.Answer](c, column.Answers, day); len(rows) != 11 {
		t.Errorf("%d rows", len(rows))
	}
	if routes := readDay[measurement.Route](c, column.Routes, day); len(routes) != 2 {
		t.Errorf("%d routes", len(routes))
	}
}

// Another file of the same rows is not counted again and does not replace the
// original.
func TestSameRowsInAnotherFile(t *testing.T) {
	c := newCollector(t)
	c.measure("101", day)
	c.ingest()
	rows := answersOf("101", day)
	meta := metaOf(runOf(rows, "101", day))
	meta.Version = "1.0.1"
	name := spool.Name(day, "101", column.Answers)
	sum, err := files.Sum(filepath.Join(c.in.Originals, "202611", name))
	if err != nil {
		t.Fatal(err)
	}
	send(c, c.box("101"), name, rows, meta)
	r := c.ingest()
	if len(r.Quarantined) != 1 || !strings.Contains(r.Quarantined[0].Reason, "another file of this name was ingested, sha256 "+sum) || r.Added != 0 {
		t.Errorf("%+v", r)
	}
	if again, err := files.Sum(filepath.Join(c.in.Originals, "202611", name)); err != nil || again != sum {
		t.Error("the original was replaced", err)
	}
}

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

// What does not fit into memory at once comes in by several merges, to the same lake.
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
		merges := 0
		c.in.Step = func(what string) error {
			if what == "merge answers" {
				merges++
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
