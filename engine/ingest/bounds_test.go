package ingest_test

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"mtric.net/mtric/engine/column"
	"mtric.net/mtric/engine/files"
	"mtric.net/mtric/engine/ingest"
	"mtric.net/mtric/engine/measurement"
	"mtric.net/mtric/engine/spool"
)

// A flood of files must not keep the others waiting.
func TestFloodOfFiles(t *testing.T) {
	c := newCollector(t)
	for i := range 1200 {
		if err := os.WriteFile(filepath.Join(c.box("101"), fmt.Sprintf("junk%d", i)), nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	c.measure("102", day)
	r := c.ingest()
	if len(r.Quarantined) != 1000 || len(r.Left) != 1 || !strings.HasSuffix(r.Left[0], "the others wait") || r.Files != 2 {
		t.Errorf("%d quarantined, left %v, %d files", len(r.Quarantined), r.Left, r.Files)
	}
	if r := c.ingest(); len(r.Quarantined) != 200 || len(r.Left) != 0 {
		t.Errorf("%d quarantined, left %v", len(r.Quarantined), r.Left)
	}
}

// Files of holes take no room in a dropbox. Neither copying them nor keeping them as
// evidence may fill the collector's disk, and none of them goes away unsaid.
func TestFilesOfHoles(t *testing.T) {
	c := newCollector(t)
	const many = 300 // of 2 MiB each: more than is copied in one run
	sum := ""
	for i := range many {
		path := filepath.Join(c.box("101"), spool.Name(day.Add(-time.Duration(i)*5*time.Minute), "101", column.Answers))
		if err := errors.Join(os.WriteFile(path, nil, 0o644), os.Truncate(path, ingest.MaxFileSize)); err != nil {
			t.Fatal(err)
		}
		if sum == "" {
			var err error
			if sum, err = files.Sum(path); err != nil {
				t.Fatal(err)
			}
		}
		if err := os.WriteFile(files.Sidecar(path), []byte(sum+"  "+filepath.Base(path)+"\n"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	c.measure("102", day)
	r := c.ingest()
	first := len(r.Quarantined)
	if r.Files != 2 || first < 256 || first > 256+5 || len(r.Left) != 1 || !strings.HasSuffix(r.Left[0], "the others wait for the next run") {
		t.Fatalf("%d files, %d quarantined, left %v", r.Files, first, r.Left)
	}
	if r := c.ingest(); first+len(r.Quarantined) != many || len(r.Left) != 0 || len(left(t, c.box("101"))) != 0 {
		t.Errorf("%d and then %d quarantined, left %v", first, len(r.Quarantined), r.Left)
	}
	var bytes int64
	whole := 0
	for _, name := range left(t, c.in.Quarantine) {
		path := filepath.Join(c.in.Quarantine, name)
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		bytes += info.Size()
		if info.Size() == ingest.MaxFileSize {
			whole++
		} else if reason, err := os.ReadFile(path + ".reason.txt"); strings.HasSuffix(name, ".parquet") &&
			(err != nil || !strings.Contains(string(reason), "its first 65536 of 2097152 bytes are kept") || !strings.Contains(string(reason), sum)) {
			t.Errorf("%s: %v\n%s", name, err, reason)
		}
	}
	if whole != 32 || bytes > 64<<20+many*(64<<10+1<<10) {
		t.Errorf("quarantine has %d bytes, %d whole files", bytes, whole)
	}
}

// When Quarantine holds as many files of a dropbox as it may, the others wait there,
// and come when room was made.
func TestFullQuarantine(t *testing.T) {
	c := newCollector(t)
	if err := os.MkdirAll(c.in.Quarantine, 0o755); err != nil {
		t.Fatal(err)
	}
	reason := "file: x\nfrom: " + c.box("101") + "\ntaken: x\nsha256: x\nreason: x\n"
	for i := range 3999 {
		if err := os.WriteFile(filepath.Join(c.in.Quarantine, fmt.Sprintf("old%d.reason.txt", i)), []byte(reason), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for i := range 2 {
		at := day.Add(time.Duration(i) * 5 * time.Minute)
		c.measure("101", at.Add(time.Hour))
		path := filepath.Join(c.box("101"), spool.Name(at, "101", column.Answers))
		if err := errors.Join(os.WriteFile(path, []byte("junk"), 0o644), files.WriteSidecar(path)); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(c.box("101"), "stranger"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	r := c.ingest()
	if r.Files != 4 || len(r.Quarantined) != 1 || len(r.Left) != 1 || !strings.Contains(r.Left[0], "4000 of its files are in Quarantine") {
		t.Fatalf("%+v", r)
	}
	if got := left(t, c.box("101")); len(got) != 4 { // files with sidecars: both
		t.Errorf("left: %v", got)
	}
	for i := range 2 {
		if err := os.Remove(filepath.Join(c.in.Quarantine, fmt.Sprintf("old%d.reason.txt", i))); err != nil {
			t.Fatal(err)
		}
	}
	if r := c.ingest(); len(r.Quarantined) != 2 || len(r.Left) != 0 || len(left(t, c.box("101"))) != 0 {
		t.Errorf("%+v", r)
	}
}

// A damaged day of the lake stops neither the days after it nor the end of the run;
// its files wait.
func TestOneDayDoesNotStopTheOthers(t *testing.T) {
	c := newCollector(t)
	yesterday := day.Add(-5 * time.Minute)
	c.measure("101", yesterday)
	c.ingest()
	path := c.in.Lake.Path(column.Answers, yesterday)
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, whole[:len(whole)/2], 0o644); err != nil {
		t.Fatal(err)
	}
	for _, vp := range []measurement.VantagePoint{"101", "102"} {
		c.measure(vp, yesterday.Add(-5*time.Minute))
		c.measure(vp, day)
	}
	r, err := c.in.Run(t.Context())
	if !errors.As(err, new(*ingest.DaysError)) || !strings.Contains(err.Error(), path) {
		t.Errorf("error %v", err)
	}
	if r.Files != 4 || len(readDay[measurement.Run](c, column.Runs, day)) != 2 || len(c.zones()) == 0 {
		t.Errorf("%+v", r)
	}
	if waiting := left(t, c.box("101")); len(waiting) != 4 {
		t.Errorf("waiting: %q", waiting)
	}
	if err := os.WriteFile(path, whole, 0o644); err != nil {
		t.Fatal(err)
	}
	if r := c.ingest(); r.Files != 4 || len(readDay[measurement.Answer](c, column.Answers, yesterday)) != 36 {
		t.Errorf("mended: %+v", r)
	}
}

// Files that ingest may not read wait, however many, and an alert says so once.
func TestUnreadableFilesAreNotDestroyed(t *testing.T) {
	if os.Getuid() == 0 {
		t.Skip("files that may not be read are not tested here: run as an ordinary user, for root may read everything (make test-system tests it as one)")
	}
	c := newCollector(t)
	c.measure("101", day)
	c.measure("102", day)
	for _, name := range []string{spool.Name(day, "101", column.Answers), spool.Name(day, "101", column.Routes) + ".sha256", "stranger"} {
		path := filepath.Join(c.box("101"), name)
		if name == "stranger" {
			if err := os.WriteFile(path, nil, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		if err := os.Chmod(path, 0); err != nil {
			t.Fatal(err)
		}
	}
	before := left(t, c.box("101"))
	r := c.ingest()
	if r.Files != 2 || len(r.Quarantined) != 0 || len(r.Left) != 1 || !strings.Contains(r.Left[0], "does not let ingest work: ") {
		t.Errorf("%+v", r)
	}
	if after := left(t, c.box("101")); !slices.Equal(before, after) {
		t.Errorf("left %q of %q", after, before)
	}
}

// A stranger's file cannot take the place of a reason, nor a second file of the same
// name and content that of the first one's.
func TestReasonsAreNotOverwritten(t *testing.T) {
	name := spool.Name(day, "102", column.Answers)
	reason := name + ".reason.txt"
	put := func(c *collector, vp measurement.VantagePoint, name, text string) {
		path := filepath.Join(c.box(vp), name)
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		if err := files.WriteSidecar(path); err != nil {
			t.Fatal(err)
		}
	}
	sum := fmt.Sprintf("%x", sha256.Sum256([]byte("damaged")))
	for _, order := range [][]measurement.VantagePoint{{"101", "102"}, {"102", "101"}} {
		c := newCollector(t)
		for _, vp := range order {
			put(c, vp, name, "damaged") // of 101 it is a file of another's
			if vp == "101" {
				put(c, vp, reason, "x\nfrom: "+c.box("102")+"\nsha256: "+sum+"\n")
			}
			c.ingest()
		}
		said := map[string]bool{}
		for _, path := range left(t, c.in.Quarantine) {
			text, err := os.ReadFile(filepath.Join(c.in.Quarantine, path))
			if err != nil {
				t.Fatal(err)
			}
			if strings.HasSuffix(path, ".reason.txt") && strings.HasPrefix(string(text), "file: "+name+"\n") {
				_, from, _ := strings.Cut(string(text), "from: ")
				from, _, _ = strings.Cut(from, "\n")
				said[from] = true
			}
			if strings.HasSuffix(path, ".reason.txt") != strings.HasPrefix(string(text), "file: ") {
				t.Errorf("%v: %s holds %q", order, path, text)
			}
		}
		if !said[c.box("101")] || !said[c.box("102")] {
			t.Errorf("%v: reasons of %v", order, said)
		}
	}
}
