package ingest_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/parquet-go/parquet-go"

	"mtric.net/mtric/engine/lake"
	"mtric.net/mtric/engine/measurement"
)

// rejected runs ingest over what is in the dropbox of 101 beside a good file of
// 102, which must come through, and returns the one reason.
func (c *collector) rejected() string {
	c.t.Helper()
	c.measure("102", day)
	r := c.ingest()
	if len(r.Quarantined) != 1 || r.Files != 2 || r.Quarantined[0].VantagePoint != "101" {
		c.t.Fatalf("%+v", r)
	}
	for _, row := range readDay[measurement.Answer](c, lake.Answers, day) {
		if row.VantagePoint != "102" {
			c.t.Fatalf("a row of %s came into the lake", row.VantagePoint)
		}
	}
	for _, name := range left(c.t, c.box("101")) {
		c.t.Errorf("left: %q", name)
	}
	return r.Quarantined[0].Reason
}

// Every rule of the contract, broken alone.
func TestRowsThatBreakTheContract(t *testing.T) {
	type rows = []measurement.Answer
	cases := []struct {
		want  string
		spoil func(a rows, r *measurement.Run)
	}{
		{": vantage point \"102\", want 101", func(a rows, _ *measurement.Run) { a[2].VantagePoint = "102" }},
		{": interval 2026-11-21T23:55:00Z, want", func(a rows, _ *measurement.Run) { a[11].Interval = day.Add(-5 * time.Minute) }},
		{"row 1: query \"So a\"", func(a rows, _ *measurement.Run) { a[0].Query = "So a" }},
		{"row 1: rsi \"\"", func(a rows, _ *measurement.Run) { a[0].RSI = "" }},
		{": family \"ipv5\"", func(a rows, _ *measurement.Run) { a[0].Family = "ipv5" }},
		{"row 1: transport \"quic\"", func(a rows, _ *measurement.Run) { a[0].Transport = "quic" }},
		{"row 1: outcome \"fine\"", func(a rows, _ *measurement.Run) { a[0].Outcome = "fine" }},
		{"row 1: address \"2001:db8::1\"", func(a rows, _ *measurement.Run) { a[0].Address = "2001:db8::1" }},
		{"row 1: question \"\"", func(a rows, _ *measurement.Run) { a[0].QName = "" }},
		{"row 1: outcome answered and sent_at", func(a rows, _ *measurement.Run) { a[0].SentAt = nil }},
		{"row 1: sent at", func(a rows, _ *measurement.Run) { a[0].SentAt = ptr(day.AddDate(0, 0, 1)) }},
		{"row 1: outcome timeout and latency", func(a rows, r *measurement.Run) { a[0].Outcome = "timeout"; r.Answered-- }},
		{"row 1: latency of 4000001 µs", func(a rows, _ *measurement.Run) { a[0].LatencyUS = ptr(int64(4_000_001)) }},
		{"row 1: latency of -1 µs", func(a rows, _ *measurement.Run) { a[0].LatencyUS = ptr(int64(-1)) }},
		{"row 1: connect of 20001 µs", func(a rows, _ *measurement.Run) { a[0].ConnectUS = ptr(int64(20_001)) }},
		{"row 1: answered, without rcode", func(a rows, _ *measurement.Run) { a[0].RCode = nil }},
		{"row 1: rcode \"all good\"", func(a rows, _ *measurement.Run) { a[0].RCode = ptr("all good") }},
		{"row 1: serial 4294967296", func(a rows, _ *measurement.Run) { a[0].Serial = ptr(int64(1 << 32)) }},
		{"row 1: NSID of 1 bytes, or not UTF-8", func(a rows, _ *measurement.Run) { a[0].NSID = ptr("\xff") }},
		{"row 1: response of 4 bytes, not of", func(a rows, _ *measurement.Run) { a[0].Response = []byte{1, 2, 3, 4} }},
		{"row 1: a verdict, which is the collector", func(a rows, _ *measurement.Run) { a[0].Verdict = ptr(measurement.Correct) }},
		{"row 1: 3 attempts", func(a rows, _ *measurement.Run) { a[0].Attempts = 3 }},
		{"row 2: has the key of an earlier row", func(a rows, _ *measurement.Run) { a[1] = a[0] }},
		{"13 planned and 12 answered, the file has", func(a rows, r *measurement.Run) { r.Planned = 13 }},
		{"12 planned and 11 answered, the file has", func(a rows, r *measurement.Run) { r.Answered = 11 }},
		{"mtric.run: vantage point \"102\", want 101", func(a rows, r *measurement.Run) { r.VantagePoint = "102" }},
		{"mtric.run: interval 2026-11-21T23:55", func(a rows, r *measurement.Run) { r.Interval = day.Add(-5 * time.Minute) }},
		{"mtric.run: started at", func(a rows, r *measurement.Run) { r.StartedAt = day.AddDate(0, 0, 1) }},
		{"mtric.run: timestamps \"sun\"", func(a rows, r *measurement.Run) { r.Timestamps = "sun" }},
		{"mtric.run: no plan and plan_sha256", func(a rows, r *measurement.Run) { r.PlanSHA256 = "x" }},
	}
	c := newCollector(t)
	c.measure("102", day)
	want := map[string]string{}
	for i, k := range cases {
		label := day.Add(time.Duration(i) * 5 * time.Minute)
		answers := answersOf("101", label)
		run := runOf(answers, "101", label)
		k.spoil(answers, run)
		name := lake.Name(label, "101", lake.Answers)
		send(c, c.box("101"), name, answers, metaOf(run))
		want[name] = k.want
	}
	r := c.ingest()
	if len(r.Quarantined) != len(cases) || r.Files != 2 || r.Added != 13 {
		t.Errorf("%d files, %d rows, %d quarantined, want %d", r.Files, r.Added, len(r.Quarantined), len(cases))
	}
	for _, q := range r.Quarantined {
		if !strings.Contains(q.Reason, want[q.File]) {
			t.Errorf("reason %q, want %q", q.Reason, want[q.File])
		}
	}
}

func TestFilesThatBreakTheContract(t *testing.T) {
	label := func(at time.Time) func(*collector) {
		return func(c *collector) {
			rows := answersOf("101", at)
			send(c, c.box("101"), lake.Name(at, "101", lake.Answers), rows, metaOf(runOf(rows, "101", at)))
		}
	}
	raw := func(name string, data []byte) func(*collector) {
		return func(c *collector) {
			path := filepath.Join(c.box("101"), name)
			if err := os.WriteFile(path, data, 0o644); err != nil {
				c.t.Fatal(err)
			}
			if err := lake.WriteSidecar(path); err != nil {
				c.t.Fatal(err)
			}
		}
	}
	name := lake.Name(day, "101", lake.Answers)
	for want, put := range map[string]func(*collector){
		"interval 202611231210 is in the future":       label(time.Date(2026, 11, 23, 12, 10, 0, 0, time.UTC)),
		"interval 202501010000 is older than 400 days": label(time.Date(2025, 1, 1, 0, 0, 0, 0, time.UTC)),
		"not Parquet, or cut short":                    raw(name, []byte("this is no Parquet file at all")),
		"too short for Parquet":                        raw(name, nil),
		"a file of vantage point 102 in the dropbox of 101": func(c *collector) {
			rows := answersOf("102", day)
			send(c, c.box("101"), lake.Name(day, "102", lake.Answers), rows, metaOf(runOf(rows, "102", day)))
		},
		"column 3 is started_at": func(c *collector) {
			send(c, c.box("101"), name, routesOf("101", day), metaOf(runOf(nil, "101", day)))
		},
		"metadata mtric.run is missing": func(c *collector) {
			send(c, c.box("101"), name, answersOf("101", day), lake.Metadata{})
		},
		"its sidecar says": func(c *collector) {
			label(day)(c)
			f, err := os.OpenFile(filepath.Join(c.box("101"), name), os.O_WRONLY|os.O_APPEND, 0)
			if err != nil {
				c.t.Fatal(err)
			}
			defer f.Close()
			if _, err := f.WriteString("x"); err != nil {
				c.t.Fatal(err)
			}
		},
		"want one line of sha256sum": func(c *collector) {
			label(day)(c)
			if err := os.WriteFile(filepath.Join(c.box("101"), name+".sha256"), []byte(strings.Repeat("a", 64)+"  ../x\n"), 0o644); err != nil {
				c.t.Fatal(err)
			}
		},
		"claims 10001 rows, more than 10000": func(c *collector) {
			rows := make([]measurement.Answer, 10_001)
			send(c, c.box("101"), name, rows, metaOf(runOf(nil, "101", day)))
		},
		"row 18: more than 1048576 bytes of responses and texts": func(c *collector) {
			rows := make([]measurement.Answer, 100)
			for i := range rows {
				rows[i] = answersOf("101", day)[0]
				rows[i].RSI = measurement.RSI(fmt.Sprintf("r%d", 100+i))
				rows[i].Response, rows[i].ResponseSize = make([]byte, 60_000), ptr(int32(60_000))
			}
			send(c, c.box("101"), name, rows, metaOf(runOf(rows, "101", day)))
		},
		"has more than 67108864 bytes": func(c *collector) {
			raw(name, nil)(c)
			if err := os.Truncate(filepath.Join(c.box("101"), name), 64<<20+1); err != nil {
				c.t.Fatal(err)
			}
		},
		"has 2 links, want one": func(c *collector) {
			label(day)(c)
			if err := os.Link(filepath.Join(c.box("101"), name), filepath.Join(c.dir, "handle")); err != nil {
				c.t.Fatal(err)
			}
		},
		"is not a regular file but p": func(c *collector) {
			label(day)(c)
			path := filepath.Join(c.box("101"), name)
			if err := os.Remove(path); err != nil {
				c.t.Fatal(err)
			}
			if err := syscall.Mkfifo(path, 0o644); err != nil {
				c.t.Fatal(err)
			}
		},
	} {
		t.Run(want, func(t *testing.T) {
			t.Parallel()
			c := newCollector(t)
			put(c)
			if got := c.rejected(); !strings.Contains(got, want) {
				t.Errorf("reason %q, want %q", got, want)
			}
		})
	}
}

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
	huge := make([]byte, 4<<20)
	many := make([]measurement.Answer, 100)
	for i := range many {
		many[i] = rows[0]
		many[i].RSI = measurement.RSI(fmt.Sprintf("r%04d", i))
		many[i].Response = huge // 400 MB that zstd makes small
	}
	path := filepath.Join(c.box("101"), lake.Name(day, "101", lake.Answers))
	if err := lake.Write(path, many, metaOf(runOf(many, "101", day))); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(path); err != nil || info.Size() >= 64<<20 {
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
