package ingest_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"mtric.net/mtric/engine/column"
	"mtric.net/mtric/engine/files"
	"mtric.net/mtric/engine/ingest"
	"mtric.net/mtric/engine/lab"
	"mtric.net/mtric/engine/measurement"
	"mtric.net/mtric/engine/spool"
)

var errKilled = errors.New("killed")

// state is all that a reader of the collector's files can see, but for times of
// arrival, which are the file system's.
func (c *collector) state() map[string]any {
	s := map[string]any{}
	for _, d := range []time.Time{day, day.AddDate(0, 0, -1)} {
		date := d.Format("0102")
		s["answers"+date] = readDay[measurement.Answer](c, column.Answers, d)
		s["routes"+date] = readDay[measurement.Route](c, column.Routes, d)
		runs := readDay[measurement.Run](c, column.Runs, d)
		for i := range runs {
			runs[i].ReceivedAt = time.Time{}
		}
		s["runs"+date] = runs
	}
	zones, err := c.in.Lake.Zones()
	if err != nil {
		c.t.Fatal(err)
	}
	s["zones"] = zones
	for _, root := range []string{"Originals", "Quarantine", "sftp", "Lake"} {
		err := filepath.WalkDir(filepath.Join(c.dir, root), func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			name := strings.TrimPrefix(path, c.dir)
			sum := ""
			if root != "Lake" && !strings.HasSuffix(name, ".reason.txt") {
				sum, err = files.Sum(path)
			}
			s[name] = sum
			return err
		})
		if err != nil {
			c.t.Fatal(err)
		}
	}
	return s
}

// fill is a dropbox of two vantage points with all that can happen in it: two
// days, files for a second time, one that disagrees, one that is damaged, one
// that does not belong, alerts, one of them refused; answers that waited for a zone
// that has come since. It returns what was told of them, too.
func fill(t *testing.T, zones []*lab.Zone) (c *zoneCollector, told map[string]bool) {
	c = zoneCollectorOf(t, zones)
	told = map[string]bool{}
	c.in.Tell = func(q ingest.Rejected) error { told[q.File] = true; return nil }
	c.in.Alerts = func(vp measurement.VantagePoint, _ time.Time, data []byte) (string, error) {
		told[string(vp)+string(data)] = true
		return map[bool]string{true: "not to be had"}[strings.Contains(string(data), "0005")], nil
	}
	c.all(c.zones[0])
	yesterday := day.Add(-5 * time.Minute)
	for _, vp := range []measurement.VantagePoint{"101", "102"} {
		c.measure(vp, yesterday)
		c.measure(vp, day)
	}
	c.ask("103", day)
	c.ingest() // what came before
	c.keep(c.zones[0], day.Add(time.Hour))
	alertFiles(c.collector)
	other := answersOf("101", yesterday)
	other[len(other)-1].RCode = ptr("SERVFAIL") // of the query soa, which keeps no response
	send(c.collector, c.box("101"), spool.Name(yesterday, "101", column.Answers), other, metaOf(runOf(other, "101", yesterday)))
	c.measure("102", day)
	for _, vp := range []measurement.VantagePoint{"101", "102"} {
		c.measure(vp, day.Add(5*time.Minute))
	}
	damaged := filepath.Join(c.box("102"), spool.Name(day.Add(10*time.Minute), "102", column.Answers))
	for path, text := range map[string]string{damaged: "PAR1xxxxxxxxxPAR1", filepath.Join(c.box("101"), "rubbish"): "rubbish"} {
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			c.t.Fatal(err)
		}
	}
	if err := files.WriteSidecar(damaged); err != nil {
		c.t.Fatal(err)
	}
	return c, told
}

// The law of ingest: broken off before any step whatever, and begun again, it
// comes to the same lake, originals, quarantine and dropboxes.
func TestKilledAnywhereComesToTheSame(t *testing.T) {
	zones := newZoneCollector(t, 1).zones
	whole, wantTold := fill(t, zones)
	steps, kinds := 0, map[string]bool{}
	whole.in.Step = func(what string) error {
		steps++
		kind, _, _ := strings.Cut(what, " ")
		kinds[kind] = true
		return nil
	}
	whole.ingest()
	want := whole.state()
	if steps < 15 {
		t.Fatalf("only %d steps", steps)
	}
	wantKinds := map[string]bool{"copy": true, "judge": true, "keep": true, "merge": true, "name": true, "quarantine": true, "relay": true, "save": true, "sync": true, "tell": true, "unlink": true}
	if diff := cmp.Diff(wantKinds, kinds); diff != "" || len(wantTold) != 7 {
		t.Fatalf("steps %s; told %v", diff, wantTold)
	}
	for kill := 0; kill < steps; kill++ {
		c, told := fill(t, zones)
		n := 0
		last := ""
		c.in.Step = func(what string) error {
			last = what
			if n++; n > kill {
				return errKilled
			}
			return nil
		}
		if _, err := c.in.Run(t.Context()); !errors.Is(err, errKilled) {
			t.Fatalf("step %d: %v", kill, err)
		}
		// What a kill leaves besides: half-made files.
		for _, path := range []string{
			filepath.Join(c.in.Originals, ".intake", "000000"),
			filepath.Join(filepath.Dir(c.in.Lake.Path(column.Answers, day)), ".answers-20261122.parquet123"),
			filepath.Join(filepath.Dir(c.in.Lake.Path(column.Zones, day)), ".zones.parquet123"),
		} {
			if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, []byte("half"), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		c.in.Step = nil
		c.ingest()
		if diff := cmp.Diff(want, c.state(), cmpopts.EquateEmpty()) + cmp.Diff(wantTold, told); diff != "" {
			t.Errorf("killed before %q: %s", last, diff)
		}
	}
}

// A run that was killed between a sidecar and its file leaves no sidecar alone in
// Originals, though the file never comes again, nor anything half written.
func TestKilledBetweenASidecarAndItsFile(t *testing.T) {
	for _, killed := range []bool{false, true} { // by a signal, so that nothing is cleared away
		c := newCollector(t)
		c.measure("101", day)
		c.measure("101", day.Add(5*time.Minute))
		c.in.Step = func(what string) error {
			if strings.HasPrefix(what, "name 202611220005-101.answers") {
				if killed {
					intake := filepath.Join(c.in.Originals, ".intake")
					err := os.CopyFS(filepath.Join(c.dir, "intake"), os.DirFS(intake))
					for errors.Is(err, fs.ErrNotExist) { // others go on meanwhile
						err = errors.Join(os.RemoveAll(filepath.Join(c.dir, "intake")), os.CopyFS(filepath.Join(c.dir, "intake"), os.DirFS(intake)))
					}
					if err != nil {
						t.Error(err)
					}
				}
				return errKilled
			}
			return nil
		}
		if _, err := c.in.Run(t.Context()); !errors.Is(err, errKilled) {
			t.Fatal(err)
		}
		originals := filepath.Join(c.in.Originals, "202611")
		lone := filepath.Join(originals, "202611220005-101.answers.parquet.sha256")
		if killed {
			if err := errors.Join(os.Rename(filepath.Join(c.dir, "intake"), filepath.Join(c.in.Originals, ".intake")), os.WriteFile(lone, []byte("x"), 0o644)); err != nil {
				t.Fatal(err)
			}
		}
		c.in.Step = nil
		for _, name := range left(t, c.box("101")) {
			if err := os.Remove(filepath.Join(c.box("101"), name)); err != nil {
				t.Fatal(err)
			}
		}
		c.ingest()
		names := map[string]bool{}
		for _, name := range left(t, originals) {
			names[name] = true
		}
		for name := range names {
			if file, is := strings.CutSuffix(name, ".sha256"); is && !names[file] || strings.HasPrefix(name, ".") {
				t.Errorf("killed %t: %s is left", killed, name)
			}
		}
	}
}

// A sidecar that takes the place of another is written where leftovers are cleared away.
func TestSidecarIsReplacedWithoutLeftovers(t *testing.T) {
	c := newCollector(t)
	c.measure("101", day)
	originals := filepath.Join(c.in.Originals, "202611")
	if err := os.MkdirAll(originals, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(originals, "202611220000-101.answers.parquet.sha256"), []byte("half"), 0o644); err != nil {
		t.Fatal(err)
	}
	c.ingest()
	if err := files.CheckSidecar(filepath.Join(originals, "202611220000-101.answers.parquet")); err != nil {
		t.Error(err)
	}
	if names := left(t, originals); len(names) != 4 {
		t.Error(names)
	}
}

// A name must not reach the disk before its data, nor a file leave its dropbox before
// all that is kept of it is on the disk.
func TestDiskComesBeforeNamesAndUnlinks(t *testing.T) {
	c := newCollector(t)
	for _, vp := range []measurement.VantagePoint{"101", "102"} {
		c.measure(vp, day)
		c.measure(vp, day.Add(5*time.Minute))
	}
	first, last := map[string]int{}, map[string]int{}
	n := 0
	c.in.Step = func(what string) error {
		if kind, _, _ := strings.Cut(what, " "); kind != "sync" {
			what = kind
		}
		if n++; first[what] == 0 {
			first[what] = n
		}
		last[what] = n
		return nil
	}
	c.ingest()
	for _, order := range [][2]string{{"copy", "sync copies"}, {"sync copies", "keep"}, {"keep", "sync originals"}, {"sync originals", "unlink"}} {
		if a, b := last[order[0]], first[order[1]]; a == 0 || b == 0 || a > b {
			t.Errorf("last %q is step %d, first %q is step %d", order[0], a, order[1], b)
		}
	}
}

// Two more laws: portions do not matter, nor does the order of arrival.
func TestPortionsComeToTheSame(t *testing.T) {
	labels := []time.Time{day, day.Add(5 * time.Minute), day.Add(-5 * time.Minute), day.Add(10 * time.Minute)}
	var want map[string]any
	for name, order := range map[string][][]int{"at once": {{0, 1, 2, 3}}, "one by one": {{0}, {1}, {2}, {3}}, "late": {{3, 1}, {2}, {0, 3}}} {
		c := newCollector(t)
		for _, portion := range order {
			for _, i := range portion {
				c.measure("101", labels[i])
			}
			c.ingest()
		}
		got := c.state()
		if want == nil {
			want = got
		}
		if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
			t.Error(name, diff)
		}
	}
	if len(want) == 0 {
		t.Error("nothing came")
	}
}
