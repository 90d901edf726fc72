package export_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/ipc"
	"github.com/apache/arrow/go/v17/arrow/memory"
	"github.com/apache/arrow/go/v17/parquet/file"
	"github.com/apache/arrow/go/v17/parquet/pqarrow"
	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"mtric.net/mtric/engine/column"
	"mtric.net/mtric/engine/column/sample"
	"mtric.net/mtric/engine/export"
	"mtric.net/mtric/engine/interval"
	"mtric.net/mtric/engine/lake"
	"mtric.net/mtric/engine/measurement"
)

// inLake writes rows, in the order of their key, as a lake's files.
func inLake[T column.Row](t fataler, s lake.Store, table column.Table, rows []T, at func(*T) time.Time) {
	for len(rows) > 0 {
		day := interval.Day(at(&rows[0]))
		n := 1
		for n < len(rows) && (table == column.Zones || interval.Day(at(&rows[n])).Equal(day)) {
			n++
		}
		path := s.Path(table, day)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := column.Write(path, rows[:n], column.Metadata{Version: "1.0.0"}); err != nil {
			t.Fatal(err)
		}
		rows = rows[n:]
	}
}

type fataler interface{ Fatal(...any) }

// sampleLake has rows of every table that use every column, null and not.
func sampleLake(t fataler, dir string) lake.Store {
	s := lake.Store{Dir: dir, Version: "1.0.0"}
	answers := answers()
	answers[0].Response, answers[0].NSID = []byte{0, 1, 255}, ptr("a \"quoted\", name <&>\nof two lines")
	answers[0].SourcePort, answers[0].ReplyTTL, answers[0].FirstLatencyUS = ptr(int32(40000)), ptr(int32(57)), ptr(int64(800))
	answers[0].FirstResponse, answers[0].TCPRetransmits = []byte{0x2a, 0}, ptr(int32(1))
	answers[0].Extra = []measurement.Extra{{Kind: "stray", AfterUS: 5, Wire: []byte{1}}, {Kind: "late", AfterUS: 900, Wire: []byte{}}}
	answers[0].QClass, answers[0].ZoneSerial, answers[0].DNSSEC, answers[0].Expected = ptr("CH"), ptr(int64(7)), ptr(measurement.SecurityBogus), ptr(false)
	answers[0].TLSUS, answers[0].TLSAuth, answers[0].TLSVersion = ptr(int64(900)), ptr(measurement.AuthName), ptr("1.3")
	answers[0].TLSSPKI, answers[0].TLSNotAfter = ptr("pin="), ptr(label.AddDate(0, 3, 0))
	answers = append(answers, answers[0])
	answers[2].Extra = []measurement.Extra{}
	answers[2].Interval, answers[2].NSID, answers[2].Response = label.Add(24*time.Hour), ptr(""), []byte{}
	inLake(t, s, column.Answers, answers, func(a *measurement.Answer) time.Time { return a.Interval })
	inLake(t, s, column.Routes, []measurement.Route{
		{VantagePoint: "101", Interval: label, StartedAt: label.Add(time.Microsecond), RSI: "a", Family: "ipv4", Address: "198.41.0.4",
			Method: "icmp-echo-paris", StopReason: "COMPLETED", Reached: true, Complete: true, HopCount: 3,
			Hops:   []measurement.Hop{{TTL: 1, Address: ptr("10.0.0.1"), RTTUS: ptr(int64(63))}, {TTL: 2}, {TTL: 3, Address: ptr("198.41.0.4"), RTTUS: ptr(int64(0))}},
			Source: ptr("192.0.2.1"), HopReplies: []measurement.HopReply{{TTL: 1, ReplyTTL: ptr(int32(64)), ICMPType: ptr(int32(11)), ICMPCode: ptr(int32(0))}, {TTL: 3}}},
		{VantagePoint: "101", Interval: label, StartedAt: label, RSI: "a", Family: "ipv6", Address: "2001:503:ba3e::2:30", StopReason: "NONE"},
	}, func(r *measurement.Route) time.Time { return r.Interval })
	runs := []measurement.Run{*sample.Run(), {VantagePoint: "102", Interval: label, StartedAt: label, ReceivedAt: label}}
	runs[0].ReceivedAt, runs[0].File, runs[0].SHA256 = label.Add(4*time.Minute), "202611222240-101.answers.parquet", strings.Repeat("cd", 32)
	runs[0].SourceIPv4 = ptr("192.0.2.1")
	runs[0].IngestedAt = ptr(label.Add(5 * time.Minute))
	inLake(t, s, column.Runs, runs, func(r *measurement.Run) time.Time { return r.Interval })
	rsi := measurement.RSI("k")
	inLake(t, s, column.Zones, []measurement.Zone{
		{Serial: 2026112200, FirstSeen: &label, FirstSeenRSI: &rsi, ArchivedAt: &label, Source: ptr("https://example"), SHA256: ptr("ab"), State: measurement.ZoneArchived},
		{Serial: 4294967295, State: measurement.ZoneBogus},
	}, func(*measurement.Zone) time.Time { return time.Time{} })
	inLake(t, s, column.VantagePoints, []measurement.Site{
		{VantagePoint: "101", Until: &label, Region: "europe", Metro: "Vienna", Provider: ptr("example"), Host: "101.mtric.net", Latitude: ptr(48.2), Longitude: ptr(16.37), ASN: ptr(int64(64500))},
		{VantagePoint: "101", From: &label, Region: "asia_pacific", Metro: "Tokyo", Host: "101.mtric.net"},
	}, func(*measurement.Site) time.Time { return time.Time{} })
	inLake(t, s, column.ZoneSerials, []measurement.ZoneSerial{
		{Zone: "example.", Serial: 7, Source: "192.0.2.53:53", FirstSeen: label, LastSeen: label.Add(time.Hour)},
		{Zone: "example.", Serial: 4294967295, Source: "[2001:db8::53]:53", FirstSeen: label, LastSeen: label},
	}, func(*measurement.ZoneSerial) time.Time { return time.Time{} })
	hour := label.Truncate(time.Hour)
	inLake(t, s, column.Hours, []measurement.Hour{
		{VantagePoint: "101", Hour: hour, Query: "correctness", RSI: "a", Planned: 2, Instances: []measurement.InstanceCount{}},
		{VantagePoint: "101", Hour: hour, Query: "soa", RSI: "a", Family: ptr(measurement.IPv4), Transport: ptr(measurement.UDP), Planned: 12, Sent: 11, Answered: 10, Good: 9,
			LatencyMedianUS: ptr(int64(20_000)), LatencyMaxUS: ptr(int64(30_000)), LatencyHistogram: []measurement.LatencyBucket{{Bucket: 227, Count: 8}, {Bucket: 237, Count: 1}},
			SerialOldest: ptr(int64(2026112200)), SerialNewest: ptr(int64(2026112201)), Instances: []measurement.InstanceCount{{NSID: ptr("a1"), Answers: 9}, {Answers: 1}},
			Strays: 1, Incorrect: 2, Unchecked: 3, OffPlan: 4},
	}, func(h *measurement.Hour) time.Time { return h.Hour })
	inLake(t, s, column.Events, []measurement.Event{
		{ID: "0123456789ab", Kind: measurement.EventInstance, RSI: ptr("a"), VantagePoint: ptr("101"), Family: ptr("ipv4"), From: hour, Until: hour.Add(time.Hour), Open: true,
			LabelsBad: 1, LabelsSeen: 1, VantagePoints: []string{}, Before: ptr("a1"), After: ptr("a2"), SupersededBy: ptr("ba9876543210")},
		{ID: "ba9876543210", Kind: measurement.EventStale, RSI: ptr("a"), Transport: ptr("udp"), Serial: ptr(int64(2026112201)), From: hour, Until: hour.Add(time.Hour),
			LabelsBad: 12, LabelsSeen: 12, VantagePoints: []string{"101", "102"}, Worst: ptr(70.5)},
	}, func(e *measurement.Event) time.Time { return e.From })
	return s
}

func exported(t fataler, e export.Export) []byte {
	var b bytes.Buffer
	if _, err := e.Run(context.Background(), &b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// The text formats to the byte: other people's programs parse them.
func TestExportGolden(t *testing.T) {
	s := sampleLake(t, t.TempDir())
	for _, table := range column.Tables {
		for _, format := range []export.Format{export.CSV, export.NDJSON} {
			got := exported(t, export.Export{Store: s, Table: table, Format: format, Sources: true})
			golden := filepath.Join("testdata", "export", fmt.Sprintf("%s.%s", table, format))
			if *update {
				if err := os.MkdirAll(filepath.Dir(golden), 0o755); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(golden, got, 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), string(got)); diff != "" {
				t.Errorf("%s:\n%s", golden, diff)
			}
		}
	}
}

// The law of exporting: whatever the rows, the time and the columns asked for,
// what a reader makes of each format is the rows, nulls told from empty texts.
func TestExportIsTheRows(t *testing.T) {
	dir, n := t.TempDir(), 0
	rapid.Check(t, func(rt *rapid.T) {
		n++
		s := lake.Store{Dir: filepath.Join(dir, fmt.Sprint(n)), Version: "1.0.0"}
		if err := os.Mkdir(s.Dir, 0o755); err != nil {
			rt.Fatal(err)
		}
		e := export.Export{Store: s, Sources: true, Table: rapid.SampledFrom(column.Tables).Draw(rt, "table")}
		if e.Table.Daily() {
			bound := rapid.Custom(func(t *rapid.T) time.Time {
				return midnight.Add(time.Duration(rapid.IntRange(0, 3*24*60).Draw(t, "minute")) * time.Minute)
			})
			e.From, e.Until = rapid.OneOf(bound, rapid.Just(time.Time{})).Draw(rt, "from"), rapid.OneOf(bound, rapid.Just(time.Time{})).Draw(rt, "until")
			if !e.Until.IsZero() && e.Until.Before(e.From) {
				e.From, e.Until = e.Until, e.From
			}
		}
		all := column.Names(e.Table)
		if rapid.Bool().Draw(rt, "some columns") {
			e.Columns = rapid.Permutation(all).Draw(rt, "columns")[:rapid.IntRange(1, len(all)).Draw(rt, "number")]
		}
		want := drawRows(rt, e)
		for _, format := range export.Formats {
			e.Format = format
			got := parseExport(rt, e, exported(rt, e))
			if diff := cmp.Diff(want, got); diff != "" {
				rt.Fatalf("%s as %s (-rows +export):\n%s", e.Table, format, diff)
			}
		}
	})
}

// drawRows fills the export's table and returns what must come out.
func drawRows(t *rapid.T, e export.Export) []map[string]any {
	var want []map[string]any
	slots := slices.Sorted(slices.Values(rapid.SliceOfNDistinct(rapid.IntRange(0, 3*288-1), 0, 12, rapid.ID[int]).Draw(t, "slots")))
	at := func(slot int) time.Time { return midnight.Add(time.Duration(slot) * interval.Length) }
	expect := func(row any, label time.Time) {
		if (e.From.IsZero() || !label.Before(e.From)) && (e.Until.IsZero() || label.Before(e.Until)) {
			want = append(want, expected(row, e.Columns))
		}
	}
	switch e.Table {
	case column.Answers:
		rows := drawEach(t, slots, func(r *measurement.Answer, slot int) { r.Interval = at(slot) })
		for _, r := range rows {
			expect(r, r.Interval)
		}
		inLake(t, e.Store, e.Table, rows, func(r *measurement.Answer) time.Time { return r.Interval })
	case column.Routes:
		rows := drawEach(t, slots, func(r *measurement.Route, slot int) { r.Interval = at(slot) })
		for _, r := range rows {
			expect(r, r.Interval)
		}
		inLake(t, e.Store, e.Table, rows, func(r *measurement.Route) time.Time { return r.Interval })
	case column.Runs:
		rows := drawEach(t, slots, func(r *measurement.Run, slot int) { r.Interval = at(slot) })
		for _, r := range rows {
			expect(r, r.Interval)
		}
		inLake(t, e.Store, e.Table, rows, func(r *measurement.Run) time.Time { return r.Interval })
	case column.Zones:
		rows := drawEach(t, slots, func(r *measurement.Zone, slot int) { r.Serial = int64(slot) })
		for _, r := range rows {
			expect(r, time.Time{})
		}
		inLake(t, e.Store, e.Table, rows, func(*measurement.Zone) time.Time { return time.Time{} })
	case column.VantagePoints:
		rows := drawEach(t, slots, func(r *measurement.Site, slot int) {
			r.VantagePoint = measurement.VantagePoint(fmt.Sprintf("%03d", slot))
		})
		for _, r := range rows {
			expect(r, time.Time{})
		}
		inLake(t, e.Store, e.Table, rows, func(*measurement.Site) time.Time { return time.Time{} })
	case column.ZoneSerials:
		rows := drawEach(t, slots, func(r *measurement.ZoneSerial, slot int) { r.Zone = fmt.Sprintf("%03d.", slot) })
		for _, r := range rows {
			expect(r, time.Time{})
		}
		inLake(t, e.Store, e.Table, rows, func(*measurement.ZoneSerial) time.Time { return time.Time{} })
	}
	return want
}

// Many row groups and days come out in the order of the key, none twice.
func TestExportManyRowGroups(t *testing.T) {
	s := lake.Store{Dir: t.TempDir()}
	var rows []measurement.Run
	for i := range 300_000 { // two days, the first of three row groups
		rows = append(rows, measurement.Run{VantagePoint: measurement.VantagePoint(fmt.Sprintf("%03d", i%1000)),
			Interval: midnight.Add(time.Duration(i/1000) * interval.Length), JitterMS: int32(i), Plan: fmt.Sprint(i % 7)})
	}
	inLake(t, s, column.Runs, rows, func(r *measurement.Run) time.Time { return r.Interval })
	from, until := midnight.Add(12*time.Hour), midnight.Add(24*time.Hour+5*time.Minute)
	var b bytes.Buffer
	n, err := export.Export{Store: s, Table: column.Runs, Format: export.CSV, Columns: []string{"jitter_ms", "plan"}, From: from, Until: until}.Run(t.Context(), &b)
	if err != nil {
		t.Fatal(err)
	}
	var want strings.Builder
	want.WriteString("jitter_ms,plan\n")
	for i := 144_000; i < 289_000; i++ {
		fmt.Fprintf(&want, "%d,%d\n", i, i%7)
	}
	if n != 145_000 || b.String() != want.String() {
		t.Errorf("%d rows, %d bytes, want 145000 rows, %d bytes", n, b.Len(), want.Len())
	}
}

// A second, independent reader of Parquet sees in our files what we wrote.
func TestPqarrowReadsOurFiles(t *testing.T) {
	s := sampleLake(t, t.TempDir())
	for _, table := range column.Tables {
		var got []map[string]any
		paths, err := filepath.Glob(filepath.Join(s.Dir, string(table), "*"+map[bool]string{true: "/*", false: ""}[table.Daily()]+".parquet"))
		if err != nil || len(paths) == 0 {
			t.Fatal(paths, err)
		}
		var schema *arrow.Schema
		for _, path := range paths {
			f, err := file.OpenParquetFile(path, false)
			if err != nil {
				t.Fatal(err)
			}
			r, err := pqarrow.NewFileReader(f, pqarrow.ArrowReadProperties{}, memory.DefaultAllocator)
			if err != nil {
				t.Fatal(err)
			}
			all, err := r.ReadTable(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			schema = all.Schema()
			got = append(got, tableRows(all)...)
			if err := f.Close(); err != nil {
				t.Fatal(err)
			}
		}
		e := export.Export{Store: s, Table: table, Format: export.ArrowFile, Sources: true}
		out := exported(t, e)
		if diff := cmp.Diff(parseExport(t, e, out), got); diff != "" {
			t.Errorf("%s (-export +pqarrow):\n%s", table, diff)
		}
		ours, err := ipc.NewFileReader(bytes.NewReader(out))
		if err != nil {
			t.Fatal(err)
		}
		for i, f := range ours.Schema().Fields() {
			o := schema.Field(i)
			same := arrow.TypeEqual(f.Type, o.Type)
			if list, ok := f.Type.(*arrow.ListType); ok { // pqarrow calls every list's elements nullable
				theirs, ok := o.Type.(*arrow.ListType)
				same = ok && arrow.TypeEqual(list.Elem(), theirs.Elem())
			}
			if !same || f.Name != o.Name || f.Nullable != o.Nullable {
				t.Errorf("%s.%s: we say %s nullable=%v, pqarrow %s %s nullable=%v", table, f.Name, f.Type, f.Nullable, o.Name, o.Type, o.Nullable)
			}
		}
		for key, want := range map[string]string{"mtric.schema": fmt.Sprint(column.Schema()), "mtric.table": string(table), "mtric.version": "1.0.0"} {
			if got, _ := ours.Schema().Metadata().GetValue(key); got != want {
				t.Errorf("%s: metadata %s is %q", table, key, got)
			}
		}
	}
}

// A lake that has no rows yet has columns.
func TestExportOfNothing(t *testing.T) {
	for _, table := range column.Tables {
		for _, format := range export.Formats {
			e := export.Export{Store: lake.Store{Dir: t.TempDir()}, Table: table, Format: format}
			out := exported(t, e)
			if rows := parseExport(t, e, out); len(rows) > 0 {
				t.Errorf("%s as %s: %v", table, format, rows)
			}
			if empty := len(out) == 0; empty != (format == export.NDJSON) {
				t.Errorf("%s as %s: %d bytes", table, format, len(out))
			}
		}
	}
}

func TestExportRefuses(t *testing.T) {
	for want, e := range map[string]export.Export{
		`table "answer": want answers, routes, runs, zones, vantage_points, zone_serials, hours or events`: {Table: "answer", Format: export.CSV},
		`format "": want arrow, arrow-stream, csv or ndjson`:                                               {Table: column.Answers},
		`column "rtt": the table answers has none of that name`:                                            {Table: column.Answers, Format: export.CSV, Columns: []string{"rsi", "rtt"}},
		`column "rsi" is asked for twice`:                                                                  {Table: column.Answers, Format: export.CSV, Columns: []string{"rsi", "rsi"}},
		"the table zones has no intervals":                                                                 {Table: column.Zones, Format: export.CSV, From: midnight},
		"lies before the start":                                                                            {Table: column.Runs, Format: export.CSV, From: midnight.Add(interval.Length), Until: midnight},
	} {
		_, err := e.Run(t.Context(), new(bytes.Buffer))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %s", err, want)
		}
	}
}

type failing struct{ after int }

var errFull = errors.New("disk full")

func (f *failing) Write(b []byte) (int, error) {
	if f.after -= len(b); f.after < 0 {
		return 0, errFull
	}
	return len(b), nil
}

// Who writes must be told when nobody takes it, and when to stop.
func TestExportEndsEarly(t *testing.T) {
	s := sampleLake(t, t.TempDir())
	for _, format := range export.Formats {
		e := export.Export{Store: s, Table: column.Answers, Format: format}
		if _, err := e.Run(t.Context(), &failing{}); !errors.Is(err, errFull) {
			t.Errorf("%s: error %v", format, err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := e.Run(ctx, new(bytes.Buffer)); !errors.Is(err, context.Canceled) || strings.Contains(err.Error(), "parquet") {
			t.Errorf("%s: error %v", format, err)
		}
	}
}

// Wherever a file is damaged, the export ends with rows or an error: an
// encoder's panic would be beyond the care that reads Parquet.
func TestExportOfDamage(t *testing.T) {
	s := sampleLake(t, t.TempDir())
	random := rand.New(rand.NewPCG(1, 2))
	for _, table := range column.Tables {
		path := s.Path(table, label)
		good, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		failed := 0
		for i := random.IntN(19); i < len(good); i += 19 {
			bad := slices.Clone(good)
			bad[i] ^= 1 << random.IntN(8)
			if err := os.WriteFile(path, bad, 0o644); err != nil {
				t.Fatal(err)
			}
			format := export.Formats[i%len(export.Formats)]
			if _, err := (export.Export{Store: s, Table: table, Format: format}).Run(t.Context(), new(bytes.Buffer)); err != nil {
				failed++
			}
		}
		if failed == 0 {
			t.Errorf("%s: no damage was seen in %d files", table, len(good))
		}
	}
}

func TestExportRefusesOtherFiles(t *testing.T) {
	s := sampleLake(t, t.TempDir())
	if err := os.Rename(s.Path(column.Runs, label), s.Path(column.Answers, label)); err != nil {
		t.Fatal(err)
	}
	_, err := export.Export{Store: s, Table: column.Answers, Format: export.CSV}.Run(t.Context(), new(bytes.Buffer))
	if err == nil || !strings.Contains(err.Error(), "not a file of answers of schema 3: column sent_at is missing") {
		t.Errorf("error %v", err)
	}
	bad := answers()
	bad[0].NSID = ptr("\xff")
	inLake(t, s, column.Answers, bad, func(a *measurement.Answer) time.Time { return a.Interval })
	_, err = export.Export{Store: s, Table: column.Answers, Format: export.NDJSON}.Run(t.Context(), new(bytes.Buffer))
	if err == nil || !strings.Contains(err.Error(), `column nsid: text "\xff" is not UTF-8`) {
		t.Errorf("error %v", err)
	}
}
