package ingest_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/parquet-go/parquet-go"

	"mtric.net/mtric/engine/ingest"
	"mtric.net/mtric/engine/lake"
	"mtric.net/mtric/engine/measurement"
)

// A link that a vantage point puts in the place of a file is not followed.
func TestLinksAreNotFollowed(t *testing.T) {
	for _, of := range []string{"", ".sha256"} {
		c := newCollector(t)
		c.measure("103", day)
		secret := filepath.Join(c.box("103"), lake.Name(day, "103", lake.Answers)+of)
		name := lake.Name(day, "101", lake.Answers)
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
// read as what it says, rejected, or ends its reader; it never ends ingest, and
// never comes into the lake under another name.
func TestFlippedBitsEndNothing(t *testing.T) {
	c := newCollector(t)
	good, err := os.ReadFile(send(c, t.TempDir(), lake.Name(day, "101", lake.Answers), answersOf("101", day), metaOf(runOf(answersOf("101", day), "101", day))))
	if err != nil {
		t.Fatal(err)
	}
	flips := 250
	for i := range flips {
		at := day.Add(time.Duration(i) * 5 * time.Minute)
		data := bytes.Clone(good)
		place := len(good) * i / flips
		data[place] ^= 1 << (i % 8)
		path := filepath.Join(c.box("101"), lake.Name(at, "101", lake.Answers))
		if err := os.WriteFile(path, data, 0o644); err != nil {
			t.Fatal(err)
		}
		if err := lake.WriteSidecar(path); err != nil {
			t.Fatal(err)
		}
	}
	c.measure("102", day)
	r := c.ingest()
	if r.Files+len(r.Quarantined) != flips+2 || r.Files > 50 {
		t.Errorf("%d files, %d quarantined", r.Files, len(r.Quarantined))
	}
	for _, row := range readDay[measurement.Answer](c, lake.Answers, day) {
		if row.VantagePoint != "102" && !row.Interval.Equal(day) {
			t.Errorf("row of %s at %s", row.VantagePoint, row.Interval)
		}
	}
	if len(left(t, c.box("101"))) != 0 {
		t.Errorf("left: %v", left(t, c.box("101")))
	}
}

// A small file that claims to be gigabytes of text must cost its reader's life at
// most, and ingest nothing.
func TestDecompressionBomb(t *testing.T) {
	c := newCollector(t)
	rows := answersOf("101", day)
	huge := make([]byte, 400<<10)
	many := make([]measurement.Answer, 1000)
	for i := range many {
		many[i] = rows[0]
		many[i].RSI = measurement.RSI(fmt.Sprintf("r%04d", i))
		many[i].Response = huge // 400 MB that a dictionary makes small
	}
	path := filepath.Join(c.box("101"), lake.Name(day, "101", lake.Answers))
	if err := lake.Write(path, many, metaOf(runOf(many, "101", day))); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(path); err != nil || info.Size() >= ingest.MaxFileSize {
		t.Fatal(info.Size(), err)
	}
	if err := lake.WriteSidecar(path); err != nil {
		t.Fatal(err)
	}
	// Under the race detector the reader has room enough, and rows are what is wrong.
	if got := c.rejected(); every == 1 && !strings.Contains(got, "reading it ended the reader") && !strings.Contains(got, "claims") {
		t.Errorf("reason %q", got)
	}
}

// A reader that hangs is ended, one that speaks nonsense as well; both times the
// other files come through.
func TestReadersThatMisbehave(t *testing.T) {
	c := newCollector(t)
	c.measure("101", day)
	c.in.Patience = 3 * time.Second
	self := func(ctx context.Context) *exec.Cmd { return exec.CommandContext(ctx, os.Args[0], "ingest-reader") }
	for script, want := range map[string]string{
		`cat >/dev/null; echo '{"begin":0}'; exec sleep 60`:                                    "reading it took longer than 3s",
		`cat >/dev/null; echo '{"begin":0}'; kill -9 $$`:                                       "reading it ended the reader: signal: killed",
		`cat >/dev/null; echo '{"begin":0}'; echo nonsense`:                                    "the reader said \"nonsense\"",
		`cat >/dev/null; echo '{"begin":0}'; echo '{"spool":"/etc/passwd","table":"answers"}'`: "the reader said",
		`cat >/dev/null; echo '{"begin":0}'; head -c 2000000 /dev/zero | tr '\\0' x`:           "token too long",
	} {
		calls := 0
		c.in.Reader = func(ctx context.Context) *exec.Cmd {
			if calls++; calls == 1 {
				return exec.CommandContext(ctx, "sh", "-c", script)
			}
			return self(ctx)
		}
		c.in.Plan.Retention = nil
		r := c.ingest()
		if len(r.Quarantined) != 1 || !strings.Contains(r.Quarantined[0].Reason, want) || r.Files != 1 {
			t.Errorf("%s: %+v", script, r)
		}
		for _, f := range []string{"Lake", "Originals", "Quarantine"} {
			if err := os.RemoveAll(filepath.Join(c.dir, f)); err != nil {
				t.Fatal(err)
			}
		}
		c.measure("101", day)
	}
}

// deadly ends a reader at the first file of the vantage point that the environment
// names, as a crafted file would.
func deadly(in io.Reader) io.Reader {
	vp := os.Getenv("MTRIC_TEST_DEADLY")
	if vp == "" {
		return in
	}
	order, err := io.ReadAll(in)
	var o struct {
		Files []struct {
			VantagePoint string `json:"vantage_point"`
		} `json:"files"`
	}
	if err := errors.Join(err, json.Unmarshal(order, &o)); err != nil {
		panic(err)
	}
	for i, f := range o.Files {
		if f.VantagePoint == vp {
			fmt.Printf("{\"begin\":%d}\n", i)
			os.Exit(2)
		}
	}
	return bytes.NewReader(order)
}

// A vantage point all of whose files end their readers costs a run three of them,
// and the others nothing.
func TestDeadlyDropbox(t *testing.T) {
	t.Setenv("MTRIC_TEST_DEADLY", "102")
	c := newCollector(t)
	for i := range 5 {
		for _, vp := range []measurement.VantagePoint{"101", "102"} {
			c.measure(vp, day.Add(time.Duration(i)*5*time.Minute))
		}
	}
	files := len(left(t, c.box("102"))) / 2 // without sidecars
	r := c.ingest()
	if len(r.Quarantined) != 3 || r.Files != files || len(r.Left) != 1 || !strings.Contains(r.Left[0], "3 files of this dropbox ended their readers") {
		t.Errorf("%+v", r)
	}
	if rest := len(left(t, c.box("102"))) / 2; rest != files-3 {
		t.Errorf("%d of %d files wait", rest, files)
	}
	os.Unsetenv("MTRIC_TEST_DEADLY")
	if r := c.ingest(); len(r.Quarantined) != 0 || r.Files != files-3 || len(r.Left) != 0 {
		t.Errorf("%+v", r)
	}
}

// A file may be written into while it is read: the copy is what is judged.
func TestGrowingFile(t *testing.T) {
	c := newCollector(t)
	rows := answersOf("101", day)
	path := send(c, c.box("101"), lake.Name(day, "101", lake.Answers), rows, metaOf(runOf(rows, "101", day)))
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
	if err := lake.CheckSidecar(kept); err != nil {
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
	path := filepath.Join(c.box("101"), lake.Name(day, "101", lake.Routes))
	if err := os.WriteFile(path, data, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := lake.WriteSidecar(path); err != nil {
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
	name := lake.Name(day, "101", lake.Answers)
	rows := answersOf("101", day.Add(5*time.Minute))
	path := send(c, c.box("101"), lake.Name(day.Add(5*time.Minute), "101", lake.Answers), rows, metaOf(runOf(rows, "101", day.Add(5*time.Minute))))
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
	const files = 300 // of 2 MiB each: more than is copied in one run
	sum := ""
	for i := range files {
		path := filepath.Join(c.box("101"), lake.Name(day.Add(-time.Duration(i)*5*time.Minute), "101", lake.Answers))
		if err := errors.Join(os.WriteFile(path, nil, 0o644), os.Truncate(path, ingest.MaxFileSize)); err != nil {
			t.Fatal(err)
		}
		if sum == "" {
			var err error
			if sum, err = lake.Sum(path); err != nil {
				t.Fatal(err)
			}
		}
		if err := os.WriteFile(lake.Sidecar(path), []byte(sum+"  "+filepath.Base(path)+"\n"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	c.measure("102", day)
	r := c.ingest()
	first := len(r.Quarantined)
	if r.Files != 2 || first < 256 || first > 256+5 || len(r.Left) != 1 || !strings.HasSuffix(r.Left[0], "the others wait for the next run") {
		t.Fatalf("%d files, %d quarantined, left %v", r.Files, first, r.Left)
	}
	if r := c.ingest(); first+len(r.Quarantined) != files || len(r.Left) != 0 || len(left(t, c.box("101"))) != 0 {
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
	if whole != 32 || bytes > 64<<20+files*(64<<10+1<<10) {
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
		path := filepath.Join(c.box("101"), lake.Name(at, "101", lake.Answers))
		if err := errors.Join(os.WriteFile(path, []byte("junk"), 0o644), lake.WriteSidecar(path)); err != nil {
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
	path := c.in.Lake.Path(lake.Answers, yesterday)
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
	if r.Files != 4 || len(readDay[measurement.Run](c, lake.Runs, day)) != 2 || len(c.zones()) == 0 {
		t.Errorf("%+v", r)
	}
	if waiting := left(t, c.box("101")); len(waiting) != 4 {
		t.Errorf("waiting: %q", waiting)
	}
	if err := os.WriteFile(path, whole, 0o644); err != nil {
		t.Fatal(err)
	}
	if r := c.ingest(); r.Files != 4 || len(readDay[measurement.Answer](c, lake.Answers, yesterday)) != 36 {
		t.Errorf("mended: %+v", r)
	}
}

// Files that ingest may not read wait, however many, and an alert says so once.
func TestUnreadableFilesAreNotDestroyed(t *testing.T) {
	if os.Getuid() == 0 {
		t.Skip("root may read everything")
	}
	c := newCollector(t)
	c.measure("101", day)
	c.measure("102", day)
	for _, name := range []string{lake.Name(day, "101", lake.Answers), lake.Name(day, "101", lake.Routes) + ".sha256", "stranger"} {
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
	name := lake.Name(day, "102", lake.Answers)
	reason := name + ".reason.txt"
	put := func(c *collector, vp measurement.VantagePoint, name, text string) {
		path := filepath.Join(c.box(vp), name)
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		if err := lake.WriteSidecar(path); err != nil {
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
