package lake_test

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

	"mtric.net/mtric/engine/interval"
	"mtric.net/mtric/engine/lake"
	"mtric.net/mtric/engine/measurement"
)

// inLake writes rows, in the order of their key, as a lake's files.
func inLake[T lake.Row](t fataler, s lake.Store, table lake.Table, rows []T, at func(*T) time.Time) {
	for len(rows) > 0 {
		day := interval.Day(at(&rows[0]))
		n := 1
		for n < len(rows) && (table == lake.Zones || interval.Day(at(&rows[n])).Equal(day)) {
			n++
		}
		path := s.Path(table, day)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := lake.Write(path, rows[:n], lake.Metadata{Version: "1.0.0"}); err != nil {
			t.Fatal(err)
		}
		rows = rows[n:]
	}
}

type fataler interface{ Fatal(...any) }

// sampleLake has rows of every table that use every column, null and not.
func sampleLake(t fataler, dir string) lake.Store {
	s := lake.Store{Dir: dir, Version: "1.0.0"}
	answers := sample()
	answers[0].Response, answers[0].NSID = []byte{0, 1, 255}, ptr("a \"quoted\", name <&>\nof two lines")
	answers = append(answers, answers[0])
	answers[2].Interval, answers[2].NSID, answers[2].Response = label.Add(24*time.Hour), ptr(""), []byte{}
	inLake(t, s, lake.Answers, answers, func(a *measurement.Answer) time.Time { return a.Interval })
	inLake(t, s, lake.Routes, []measurement.Route{
		{VantagePoint: "101", Interval: label, StartedAt: label.Add(time.Microsecond), RSI: "a", Family: "ipv4", Address: "198.41.0.4",
			Method: "icmp-echo-paris", StopReason: "COMPLETED", Reached: true, Complete: true, HopCount: 3,
			Hops: []measurement.Hop{{TTL: 1, Address: ptr("10.0.0.1"), RTTUS: ptr(int64(63))}, {TTL: 2}, {TTL: 3, Address: ptr("198.41.0.4"), RTTUS: ptr(int64(0))}}},
		{VantagePoint: "101", Interval: label, StartedAt: label, RSI: "a", Family: "ipv6", Address: "2001:503:ba3e::2:30", StopReason: "NONE"},
	}, func(r *measurement.Route) time.Time { return r.Interval })
	runs := []measurement.Run{*sampleRun(), {VantagePoint: "102", Interval: label, StartedAt: label, ReceivedAt: label}}
	runs[0].ReceivedAt, runs[0].File, runs[0].SHA256 = label.Add(4*time.Minute), "202611222240-101.answers.parquet", strings.Repeat("cd", 32)
	runs[0].IngestedAt = ptr(label.Add(5 * time.Minute))
	inLake(t, s, lake.Runs, runs, func(r *measurement.Run) time.Time { return r.Interval })
	rsi := measurement.RSI("k")
	inLake(t, s, lake.Zones, []measurement.Zone{
		{Serial: 2026112200, FirstSeen: &label, FirstSeenRSI: &rsi, ArchivedAt: &label, Source: ptr("https://example"), SHA256: ptr("ab"), State: measurement.ZoneArchived},
		{Serial: 4294967295, State: measurement.ZoneBogus},
	}, func(*measurement.Zone) time.Time { return time.Time{} })
	return s
}

func export(t fataler, e lake.Export) []byte {
	var b bytes.Buffer
	if _, err := e.Run(context.Background(), &b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// The text formats to the byte: other people's programs parse them.
func TestExportGolden(t *testing.T) {
	s := sampleLake(t, t.TempDir())
	for _, table := range lake.Tables {
		for _, format := range []lake.Format{lake.CSV, lake.NDJSON} {
			got := export(t, lake.Export{Store: s, Table: table, Format: format})
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
		e := lake.Export{Store: s, Table: rapid.SampledFrom(lake.Tables).Draw(rt, "table")}
		if e.Table != lake.Zones {
			bound := rapid.Custom(func(t *rapid.T) time.Time {
				return midnight.Add(time.Duration(rapid.IntRange(0, 3*24*60).Draw(t, "minute")) * time.Minute)
			})
			e.From, e.Until = rapid.OneOf(bound, rapid.Just(time.Time{})).Draw(rt, "from"), rapid.OneOf(bound, rapid.Just(time.Time{})).Draw(rt, "until")
			if !e.Until.IsZero() && e.Until.Before(e.From) {
				e.From, e.Until = e.Until, e.From
			}
		}
		all := lake.ColumnNames(e.Table)
		if rapid.Bool().Draw(rt, "some columns") {
			e.Columns = rapid.Permutation(all).Draw(rt, "columns")[:rapid.IntRange(1, len(all)).Draw(rt, "number")]
		}
		want := drawRows(rt, e)
		for _, format := range lake.Formats {
			e.Format = format
			got := parseExport(rt, e, export(rt, e))
			if diff := cmp.Diff(want, got); diff != "" {
				rt.Fatalf("%s as %s (-rows +export):\n%s", e.Table, format, diff)
			}
		}
	})
}

// drawRows fills the export's table and returns what must come out.
func drawRows(t *rapid.T, e lake.Export) []map[string]any {
	var want []map[string]any
	slots := slices.Sorted(slices.Values(rapid.SliceOfNDistinct(rapid.IntRange(0, 3*288-1), 0, 12, rapid.ID[int]).Draw(t, "slots")))
	at := func(slot int) time.Time { return midnight.Add(time.Duration(slot) * interval.Length) }
	expect := func(row any, label time.Time) {
		if (e.From.IsZero() || !label.Before(e.From)) && (e.Until.IsZero() || label.Before(e.Until)) {
			want = append(want, expected(row, e.Columns))
		}
	}
	switch e.Table {
	case lake.Answers:
		rows := drawEach(t, slots, func(r *measurement.Answer, slot int) { r.Interval = at(slot) })
		for _, r := range rows {
			expect(r, r.Interval)
		}
		inLake(t, e.Store, e.Table, rows, func(r *measurement.Answer) time.Time { return r.Interval })
	case lake.Routes:
		rows := drawEach(t, slots, func(r *measurement.Route, slot int) { r.Interval = at(slot) })
		for _, r := range rows {
			expect(r, r.Interval)
		}
		inLake(t, e.Store, e.Table, rows, func(r *measurement.Route) time.Time { return r.Interval })
	case lake.Runs:
		rows := drawEach(t, slots, func(r *measurement.Run, slot int) { r.Interval = at(slot) })
		for _, r := range rows {
			expect(r, r.Interval)
		}
		inLake(t, e.Store, e.Table, rows, func(r *measurement.Run) time.Time { return r.Interval })
	case lake.Zones:
		rows := drawEach(t, slots, func(r *measurement.Zone, slot int) { r.Serial = int64(slot) })
		for _, r := range rows {
			expect(r, time.Time{})
		}
		inLake(t, e.Store, e.Table, rows, func(*measurement.Zone) time.Time { return time.Time{} })
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
	inLake(t, s, lake.Runs, rows, func(r *measurement.Run) time.Time { return r.Interval })
	from, until := midnight.Add(12*time.Hour), midnight.Add(24*time.Hour+5*time.Minute)
	var b bytes.Buffer
	n, err := lake.Export{Store: s, Table: lake.Runs, Format: lake.CSV, Columns: []string{"jitter_ms", "plan"}, From: from, Until: until}.Run(t.Context(), &b)
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
	for _, table := range lake.Tables {
		var got []map[string]any
		paths, err := filepath.Glob(filepath.Join(s.Dir, string(table), "*"+map[bool]string{true: "", false: "/*"}[table == lake.Zones]+".parquet"))
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
		e := lake.Export{Store: s, Table: table, Format: lake.ArrowFile}
		out := export(t, e)
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
		for key, want := range map[string]string{"mtric.schema": lake.Schema, "mtric.table": string(table), "mtric.version": "1.0.0"} {
			if got, _ := ours.Schema().Metadata().GetValue(key); got != want {
				t.Errorf("%s: metadata %s is %q", table, key, got)
			}
		}
	}
}

// A lake that has no rows yet has columns.
func TestExportOfNothing(t *testing.T) {
	for _, table := range lake.Tables {
		for _, format := range lake.Formats {
			e := lake.Export{Store: lake.Store{Dir: t.TempDir()}, Table: table, Format: format}
			out := export(t, e)
			if rows := parseExport(t, e, out); len(rows) > 0 {
				t.Errorf("%s as %s: %v", table, format, rows)
			}
			if empty := len(out) == 0; empty != (format == lake.NDJSON) {
				t.Errorf("%s as %s: %d bytes", table, format, len(out))
			}
		}
	}
}

func TestExportRefuses(t *testing.T) {
	for want, e := range map[string]lake.Export{
		`table "answer": want answers, routes, runs or zones`:   {Table: "answer", Format: lake.CSV},
		`format "": want arrow, arrow-stream, csv or ndjson`:    {Table: lake.Answers},
		`column "rtt": the table answers has none of that name`: {Table: lake.Answers, Format: lake.CSV, Columns: []string{"rsi", "rtt"}},
		`column "rsi" is asked for twice`:                       {Table: lake.Answers, Format: lake.CSV, Columns: []string{"rsi", "rsi"}},
		"the table zones has no intervals":                      {Table: lake.Zones, Format: lake.CSV, From: midnight},
		"lies before the start":                                 {Table: lake.Runs, Format: lake.CSV, From: midnight.Add(interval.Length), Until: midnight},
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
	for _, format := range lake.Formats {
		e := lake.Export{Store: s, Table: lake.Answers, Format: format}
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
	for _, table := range lake.Tables {
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
			format := lake.Formats[i%len(lake.Formats)]
			if _, err := (lake.Export{Store: s, Table: table, Format: format}).Run(t.Context(), new(bytes.Buffer)); err != nil {
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
	if err := os.Rename(s.Path(lake.Runs, label), s.Path(lake.Answers, label)); err != nil {
		t.Fatal(err)
	}
	_, err := lake.Export{Store: s, Table: lake.Answers, Format: lake.CSV}.Run(t.Context(), new(bytes.Buffer))
	if err == nil || !strings.Contains(err.Error(), "not a file of answers: column 3 is started_at, want query") {
		t.Errorf("error %v", err)
	}
	bad := sample()
	bad[0].NSID = ptr("\xff")
	inLake(t, s, lake.Answers, bad, func(a *measurement.Answer) time.Time { return a.Interval })
	_, err = lake.Export{Store: s, Table: lake.Answers, Format: lake.NDJSON}.Run(t.Context(), new(bytes.Buffer))
	if err == nil || !strings.Contains(err.Error(), `column nsid: text "\xff" is not UTF-8`) {
		t.Errorf("error %v", err)
	}
}
