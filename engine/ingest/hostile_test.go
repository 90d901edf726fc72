package ingest_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/parquet-go/parquet-go"

	"mtric.net/mtric/engine/column"
	"mtric.net/mtric/engine/files"
	"mtric.net/mtric/engine/ingest"
	"mtric.net/mtric/engine/measurement"
	"mtric.net/mtric/engine/spool"
)

// A link that a vantage point puts in the place of a file is not followed.
func TestLinksAreNotFollowed(t *testing.T) {
	for _, of := range []string{"", ".sha256"} {
		c := newCollector(t)
		c.measure("103", day)
		secret := filepath.Join(c.box("103"), spool.Name(day, "103", column.Answers)+of)
		name := spool.Name(day, "101", column.Answers)
		rows := answersOf("101", day)
		path := send(c, c.box("101"), name, rows, metaOf(runOf(rows, "101", day)))
		if err := os.Remove(path + of); err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(secret, path+of); err != nil {
			t.Fatal(err)
		}
		r := c.ingest()
		if len(r.Quarantined) != 1 || !strings.Contains(r.Quarantined[0].Reason, "is not a regular file but L") || len(left(t, c.box("101"))) != 0 {
			t.Errorf("%+v, left %v", r, left(t, c.box("101")))
		}
		if r.Files != 2 {
			t.Errorf("the link's target was touched: %+v", r)
		}
	}
}

// Names are a stranger's text: they must not lead out of Quarantine, nor into a
// log as lines or escapes.
func TestStrangeNames(t *testing.T) {
	c := newCollector(t)
	names := []string{"..\\..\\x", "-rf", ".hidden", "a\nb 2026-11-22T00:00:00Z c00 critical FIRING", "\x1b[31mred", strings.Repeat("n", 255),
		"202611220001-101.answers.parquet", "202611220000-101.runs.parquet", "\xff\xfe"}
	for _, n := range names {
		if err := os.WriteFile(filepath.Join(c.box("101"), n), []byte(n), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink("/etc/passwd", filepath.Join(c.box("101"), "link")); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(c.box("101"), "folder"), 0o755); err != nil {
		t.Fatal(err)
	}
	r := c.ingest()
	if len(r.Quarantined) != len(names)+1 || len(r.Left) != 1 || !strings.HasSuffix(r.Left[0], "folder is a folder; look at it and remove it") {
		t.Errorf("%+v", r)
	}
	if got := left(t, c.box("101")); !slices.Equal(got, []string{"folder"}) {
		t.Errorf("left: %q", got)
	}
	kept := left(t, c.in.Quarantine)
	if len(kept) != 2*len(names)+1 {
		t.Errorf("quarantine: %q", kept)
	}
	for _, name := range kept {
		if strings.ContainsFunc(name, func(c rune) bool { return c <= ' ' || c > '~' || c == '/' || c == '\\' }) || strings.HasPrefix(name, ".") || strings.HasPrefix(name, "-") {
			t.Errorf("name %q", name)
		}
		if strings.HasSuffix(name, ".reason.txt") {
			text, err := os.ReadFile(filepath.Join(c.in.Quarantine, name))
			if err != nil || bytes.Count(text, []byte("\n")) != 5 || bytes.ContainsRune(text, 0x1b) || bytes.Contains(text, []byte("root:")) {
				t.Errorf("reason %q, %v", text, err)
			}
		}
	}
}

// One bit flipped at each of many places, with a sidecar that fits: such a file is
// read as what it says or rejected; it never ends ingest, and never comes into the lake
// under another name.
func TestFlippedBitsEndNothing(t *testing.T) {
	c := newCollector(t)
	good, err := os.ReadFile(send(c, t.TempDir(), spool.Name(day, "101", column.Answers), answersOf("101", day), metaOf(runOf(answersOf("101", day), "101", day))))
	if err != nil {
		t.Fatal(err)
	}
	flips := 250
	for i := range flips {
		at := day.Add(time.Duration(i) * 5 * time.Minute)
		data := bytes.Clone(good)
		place := len(good) * i / flips
		data[place] ^= 1 << (i % 8)
		path := filepath.Join(c.box("101"), spool.Name(at, "101", column.Answers))
		if err := os.WriteFile(path, data, 0o644); err != nil {
			t.Fatal(err)
		}
		if err := files.WriteSidecar(path); err != nil {
			t.Fatal(err)
		}
	}
	c.measure("102", day)
	r := c.ingest()
	if r.Files+len(r.Quarantined) != flips+2 || r.Files > 50 {
		t.Errorf("%d files, %d quarantined", r.Files, len(r.Quarantined))
	}
	for _, row := range readDay[measurement.Answer](c, column.Answers, day) {
		if row.VantagePoint != "102" && !row.Interval.Equal(day) {
			t.Errorf("row of %s at %s", row.VantagePoint, row.Interval)
		}
	}
	if len(left(t, c.box("101"))) != 0 {
		t.Errorf("left: %v", left(t, c.box("101")))
	}
}

// A small file that claims to be gigabytes of text is not believed.
func TestDecompressionBomb(t *testing.T) {
	c := newCollector(t)
	rows := answersOf("101", day)
	huge := make([]byte, 60<<10)
	many := make([]measurement.Answer, 1000)
	for i := range many {
		many[i] = rows[0]
		many[i].RSI = measurement.RSI(fmt.Sprintf("r%04d", i))
		many[i].Response, many[i].ResponseSize = huge, ptr(int32(len(huge))) // 60 MB that a dictionary makes small
	}
	path := filepath.Join(c.box("101"), spool.Name(day, "101", column.Answers))
	if err := column.Write(path, many, metaOf(runOf(many, "101", day))); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(path); err != nil || info.Size() >= ingest.MaxFileSize {
		t.Fatal(info.Size(), err)
	}
	if err := files.WriteSidecar(path); err != nil {
		t.Fatal(err)
	}
	if got := c.rejected(); !strings.Contains(got, "more than 524288 bytes of responses and texts") {
		t.Errorf("reason %q", got)
	}
}

// What a file says of itself is no place for megabytes, nor is a reason.
func TestLargeMetadata(t *testing.T) {
	for _, change := range []func(*column.Metadata){
		func(m *column.Metadata) { m.Plan = strings.Repeat("x", 1<<20) },
		func(m *column.Metadata) { m.Run.File = strings.Repeat("x", 1<<20) },
		func(m *column.Metadata) { m.Version = strings.Repeat("\x00", 1<<18) },
	} {
		c := newCollector(t)
		rows := answersOf("101", day)
		meta := metaOf(runOf(rows, "101", day))
		change(&meta)
		send(c, c.box("101"), spool.Name(day, "101", column.Answers), rows, meta)
		if got := c.rejected(); !strings.Contains(got, "bytes, more than 4096") || len(got) > 200 {
			t.Errorf("reason of %d bytes: %.200s", len(got), got)
		}
	}
}

// A run cannot claim answers that its file has not, whatever was read before.
func TestFileWithoutRows(t *testing.T) {
	for _, planned := range []int32{0, 12} {
		c := newCollector(t)
		for i := range 3 {
			at := day.Add(time.Duration(i) * 5 * time.Minute)
			run := runOf(nil, "101", at)
			run.Planned, run.Answered = planned, planned
			send(c, c.box("101"), spool.Name(at, "101", column.Answers), []measurement.Answer{}, metaOf(run))
			c.measure("102", at)
			r := c.ingest()
			if refused := len(r.Quarantined) == 1; refused != (planned > 0) || r.Files != 3-len(r.Quarantined) {
				t.Errorf("%d planned, none there: %+v", planned, r)
			}
		}
	}
}

// Of files that are done nothing stays in memory, however many show a new serial.
func TestSightingsHoldNoFiles(t *testing.T) {
	c := newCollector(t)
	c.in.Memory = 1
	for i := range 100 {
		at := day.Add(time.Duration(i) * 5 * time.Minute)
		rows := answersOf("101", at)
		for k := range rows {
			rows[k].NSID = ptr(strings.Repeat("x", 10_000) + fmt.Sprint(k))
			rows[k].Serial = ptr(int64(2026112200 + i))
			if rows[k].Response != nil {
				rows[k].Response = soaWire(uint32(2026112200+i), *rows[k].NSID)
				heard(&rows[k])
			}
		}
		send(c, c.box("101"), spool.Name(at, "101", column.Answers), rows, metaOf(runOf(rows, "101", at)))
	}
	var heap []uint64
	c.in.Step = func(what string) error {
		if what == "merge runs" {
			var m runtime.MemStats
			runtime.GC()
			runtime.GC() // what pools hold goes with the second
			runtime.ReadMemStats(&m)
			heap = append(heap, m.HeapAlloc)
		}
		return nil
	}
	if r := c.ingest(); r.Files != 100 || len(heap) < 20 {
		t.Fatalf("%d files, %d merges", r.Files, len(heap))
	}
	// All files have 12 MB of texts; the serials themselves take a little.
	if grown := int64(heap[len(heap)-1]) - int64(heap[len(heap)/5]); grown > 3<<20 {
		t.Errorf("the heap grew by %d bytes", grown)
	}
}

// A file may be written into while it is read: the copy is what is judged.
func TestGrowingFile(t *testing.T) {
	c := newCollector(t)
	rows := answersOf("101", day)
	path := send(c, c.box("101"), spool.Name(day, "101", column.Answers), rows, metaOf(runOf(rows, "101", day)))
	handle, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer handle.Close()
	c.in.Step = func(what string) error {
		if strings.HasPrefix(what, "merge answers") || strings.HasPrefix(what, "keep") { // it has been copied: too late
			_, err := handle.WriteAt(bytes.Repeat([]byte{0xff}, 4096), 0)
			return err
		}
		return nil
	}
	r := c.ingest()
	if r.Files != 1 || len(r.Quarantined) != 0 {
		t.Fatalf("%+v", r)
	}
	kept := filepath.Join(c.in.Originals, "202611", filepath.Base(path))
	if err := files.CheckSidecar(kept); err != nil {
		t.Error(err)
	}
}

func TestFooterThatLies(t *testing.T) {
	c := newCollector(t)
	var b bytes.Buffer
	if err := parquet.Write(&b, []struct{ A int64 }{{1}}); err != nil {
		t.Fatal(err)
	}
	data := b.Bytes()
	binary.LittleEndian.PutUint32(data[len(data)-8:], 0x7fffffff)
	path := filepath.Join(c.box("101"), spool.Name(day, "101", column.Routes))
	if err := os.WriteFile(path, data, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := files.WriteSidecar(path); err != nil {
		t.Fatal(err)
	}
	if got := c.rejected(); !strings.Contains(got, "the footer is longer than the file") {
		t.Errorf("reason %q", got)
	}
}

// A vantage point may put folders where its files should be, also filled ones;
// that costs nobody else a file.
func TestFoldersInThePlaceOfFiles(t *testing.T) {
	c := newCollector(t)
	name := spool.Name(day, "101", column.Answers)
	rows := answersOf("101", day.Add(5*time.Minute))
	path := send(c, c.box("101"), spool.Name(day.Add(5*time.Minute), "101", column.Answers), rows, metaOf(runOf(rows, "101", day.Add(5*time.Minute))))
	if err := os.Remove(path + ".sha256"); err != nil {
		t.Fatal(err)
	}
	for _, folder := range []string{filepath.Join(c.box("101"), name), filepath.Join(c.box("101"), name+".sha256"), path + ".sha256"} {
		if err := os.MkdirAll(filepath.Join(folder, "filled"), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	c.measure("102", day)
	for run, quarantined := range []int{1, 0} {
		r := c.ingest()
		if len(r.Quarantined) != quarantined || len(r.Left) == 0 || r.Files != 2*(1-run) {
			t.Errorf("run %d: %+v", run+1, r)
		}
		if names := left(t, c.box("102")); len(names) != 0 {
			t.Errorf("left of 102: %v", names)
		}
	}
}
