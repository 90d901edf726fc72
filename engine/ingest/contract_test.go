package ingest_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"mtric.net/mtric/engine/column"
	"mtric.net/mtric/engine/files"
	"mtric.net/mtric/engine/ingest"
	"mtric.net/mtric/engine/measurement"
	"mtric.net/mtric/engine/spool"
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
	for _, row := range readDay[measurement.Answer](c, column.Answers, day) {
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
		{"column nsid: text \"\\xff\" is not UTF-8", func(a rows, _ *measurement.Run) { a[0].NSID = ptr("\xff") }},
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
		{"row 1: source port 0", func(a rows, _ *measurement.Run) { a[0].SourcePort = ptr(int32(0)) }},
		{"row 1: reply TTL 256", func(a rows, _ *measurement.Run) { a[0].Transport, a[0].ReplyTTL = measurement.UDP, ptr(int32(256)) }},
		{"row 1: -1 segments sent again", func(a rows, _ *measurement.Run) { a[0].TCPRetransmits = ptr(int32(-1)) }},
		{"row 1: a first attempt, and 1 attempts", func(a rows, _ *measurement.Run) { a[0].FirstLatencyUS = ptr(int64(1)) }},
		{"row 1: a first response that is not truncated", func(a rows, _ *measurement.Run) {
			a[0].Attempts, a[0].FirstLatencyUS, a[0].FirstResponse = 2, ptr(int64(1)), make([]byte, 12)
		}},
		{"row 1: further datagram 1: \"stray\" of 3 bytes after -1 µs", func(a rows, _ *measurement.Run) {
			a[0].Extra = []measurement.Extra{{Kind: "stray", AfterUS: -1, Wire: []byte("abc")}}
		}},
		{"mtric.run: source \"2001:db8::1\", no address of family ipv4", func(a rows, r *measurement.Run) { r.SourceIPv4 = ptr("2001:db8::1") }},
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
		name := spool.Name(label, "101", column.Answers)
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

// What a vantage point knows beside its answers comes into the lake as it was sent.
func TestFactsComeThrough(t *testing.T) {
	c := newCollector(t)
	rows := answersOf("101", day)
	for i := range rows {
		switch rows[i].Transport {
		case measurement.UDP:
			rows[i].SourcePort, rows[i].ReplyTTL, rows[i].Extra = ptr(int32(40_000+i)), ptr(int32(57)), []measurement.Extra{}
		case measurement.TCP, measurement.TLS:
			rows[i].TCPRetransmits = ptr(int32(i))
		}
	}
	udp := slices.IndexFunc(rows, func(a measurement.Answer) bool { return a.Transport == measurement.UDP })
	rows[udp].Extra = []measurement.Extra{{Kind: measurement.ExtraStray, AfterUS: 3, Wire: []byte{1}}, {Kind: measurement.ExtraLate, AfterUS: 4_000_001, Wire: []byte{}}}
	rows[udp].Strays = 1
	again := udp + slices.IndexFunc(rows[udp+1:], func(a measurement.Answer) bool { return a.Transport == measurement.UDP }) + 1
	rows[again].Attempts, rows[again].SourcePort, rows[again].ReplyTTL, rows[again].TCPRetransmits = 2, nil, nil, ptr(int32(0))
	rows[again].FirstLatencyUS, rows[again].FirstResponse = ptr(int64(800)), []byte{1, 2, 0x82, 0, 0, 1, 0, 0, 0, 0, 0, 0}
	run := runOf(rows, "101", day)
	run.SourceIPv4, run.SourceIPv6 = ptr("192.0.2.7"), ptr("2001:db8::7")
	send(c, c.box("101"), spool.Name(day, "101", column.Answers), rows, metaOf(run))
	if r := c.ingest(); r.Files != 1 {
		t.Fatalf("%+v", r)
	}
	got := readDay[measurement.Answer](c, column.Answers, day)
	for i := range got { // the collector's
		got[i].Verdict, got[i].VerdictSerial, got[i].Failures = nil, nil, nil
	}
	if diff := cmp.Diff(rows, got); diff != "" {
		t.Errorf("answers (-sent +lake):\n%s", diff)
	}
	runs := readDay[measurement.Run](c, column.Runs, day)
	if len(runs) != 1 || runs[0].SourceIPv4 == nil || *runs[0].SourceIPv4 != "192.0.2.7" || runs[0].SourceIPv6 == nil || *runs[0].SourceIPv6 != "2001:db8::7" {
		t.Errorf("runs %+v", runs)
	}
}

func TestFilesThatBreakTheContract(t *testing.T) {
	label := func(at time.Time) func(*collector) {
		return func(c *collector) {
			rows := answersOf("101", at)
			send(c, c.box("101"), spool.Name(at, "101", column.Answers), rows, metaOf(runOf(rows, "101", at)))
		}
	}
	raw := func(name string, data []byte) func(*collector) {
		return func(c *collector) {
			path := filepath.Join(c.box("101"), name)
			if err := os.WriteFile(path, data, 0o644); err != nil {
				c.t.Fatal(err)
			}
			if err := files.WriteSidecar(path); err != nil {
				c.t.Fatal(err)
			}
		}
	}
	name := spool.Name(day, "101", column.Answers)
	for want, put := range map[string]func(*collector){
		"not Parquet, or cut short": raw(name, []byte("this is no Parquet file at all")),
		"too short for Parquet":     raw(name, nil),
		"a file of vantage point 102 in the dropbox of 101": func(c *collector) {
			rows := answersOf("102", day)
			send(c, c.box("101"), spool.Name(day, "102", column.Answers), rows, metaOf(runOf(rows, "102", day)))
		},
		"column started_at stands where sent_at should": func(c *collector) {
			send(c, c.box("101"), name, routesOf("101", day), metaOf(runOf(nil, "101", day)))
		},
		"metadata mtric.run is missing": func(c *collector) {
			send(c, c.box("101"), name, answersOf("101", day), column.Metadata{})
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
		"row 9: more than 524288 bytes of responses and texts": func(c *collector) {
			rows := make([]measurement.Answer, 100)
			for i := range rows {
				rows[i] = answersOf("101", day)[0]
				rows[i].RSI = measurement.RSI(fmt.Sprintf("r%d", 100+i))
				rows[i].Response, rows[i].ResponseSize = make([]byte, 60_000), ptr(int32(60_000))
			}
			send(c, c.box("101"), name, rows, metaOf(runOf(rows, "101", day)))
		},
		"has more than 2097152 bytes": func(c *collector) {
			raw(name, nil)(c)
			if err := os.Truncate(filepath.Join(c.box("101"), name), ingest.MaxFileSize+1); err != nil {
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

// TestWrongClockWaits keeps a file whose interval is in the future, or long ago, where it
// is, and tells, until the clock that was wrong is right: it may be the collector's, and
// then all evidence is of such intervals.
func TestWrongClockWaits(t *testing.T) {
	at := time.Date(2026, 11, 23, 12, 10, 0, 0, time.UTC)
	for want, clock := range map[string]time.Time{
		"has 2 files of intervals in the future":              at.Add(-6 * time.Minute),
		"has 2 files of intervals older than 400 days, which": at.AddDate(2, 0, 0),
	} {
		c := newCollector(t)
		for _, vp := range []measurement.VantagePoint{"101", "102", "103"} {
			c.measure(vp, at)
		}
		c.in.Now = func() time.Time { return clock }
		r := c.ingest()
		if r.Files != 0 || len(r.Quarantined) != 0 || len(r.Left) != 3 || !strings.Contains(r.Left[0], want) {
			t.Errorf("%+v", r)
		}
		if names := left(t, c.box("101")); len(names) != 4 {
			t.Errorf("%v", names)
		}
		c.in.Now = func() time.Time { return at.Add(time.Hour) }
		if r := c.ingest(); r.Files != 6 || len(r.Quarantined)+len(r.Left) != 0 {
			t.Errorf("an hour later: %+v", r)
		}
	}
}
