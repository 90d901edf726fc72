package export_test

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"mtric.net/mtric/engine/column"
	"mtric.net/mtric/engine/export"
	"mtric.net/mtric/engine/interval"
	"mtric.net/mtric/engine/lake"
	"mtric.net/mtric/engine/measurement"
)

// Lists, texts and nulls keep to their rows where a row group is handed out in
// many runs, the first of them cut.
func TestExportManyRunsOfLists(t *testing.T) {
	s := lake.Store{Dir: t.TempDir()}
	var rows []measurement.Route
	for i := range 40_000 {
		r := measurement.Route{VantagePoint: measurement.VantagePoint(fmt.Sprintf("%03d", i%1000)), Interval: midnight.Add(time.Duration(i/1000) * interval.Length),
			StartedAt: midnight, RSI: "a", Family: "ipv4", Method: fmt.Sprint("m", i/9000), HopCount: int32(i)}
		for ttl := range i % 5 {
			h := measurement.Hop{TTL: int32(ttl + 1)}
			if (i+ttl)%3 > 0 {
				h.Address, h.RTTUS = ptr(fmt.Sprint(i/7, "-", ttl)), ptr(int64(i*10+ttl))
			}
			r.Hops = append(r.Hops, h)
		}
		rows = append(rows, r)
	}
	inLake(t, s, column.Routes, rows, func(r *measurement.Route) time.Time { return r.Interval })
	rows = rows[3000:]
	for _, format := range export.Formats {
		e := export.Export{Store: s, Table: column.Routes, Format: format, From: midnight.Add(3 * interval.Length), Columns: []string{"hops", "method", "hop_count"}}
		got := parseExport(t, e, exported(t, e))
		if len(got) != len(rows) {
			t.Fatalf("%s: %d rows, want %d", format, len(got), len(rows))
		}
		for i := range rows {
			if i%97 > 0 && (i+3000)%16_384 > 3 {
				continue // rows about the ends of runs, and some of all others
			}
			if diff := cmp.Diff(expected(rows[i], e.Columns), got[i]); diff != "" {
				t.Fatalf("%s, row %d (-row +export):\n%s", format, i, diff)
			}
		}
	}
}

// Texts that would overflow Arrow's offsets, or much memory, come in several batches.
func TestExportOfLargeTexts(t *testing.T) {
	s := lake.Store{Dir: t.TempDir()}
	large := strings.Repeat("x", 100_000) // one text of the dictionary, 200 MB written out
	var rows []measurement.Run
	for i := range 2000 {
		rows = append(rows, measurement.Run{VantagePoint: measurement.VantagePoint(fmt.Sprint(1000 + i)), Interval: midnight, Plan: large})
	}
	inLake(t, s, column.Runs, rows, func(r *measurement.Run) time.Time { return r.Interval })
	e := export.Export{Store: s, Table: column.Runs, Format: export.ArrowStream, Columns: []string{"vantage_point", "plan"}}
	largest := &widest{}
	if n, err := e.Run(t.Context(), largest); n != 2000 || err != nil {
		t.Fatal(n, err)
	}
	if largest.total < 2000*len(large) || largest.most > 64<<20 {
		t.Errorf("%d bytes, at most %d at once", largest.total, largest.most)
	}
}

// widest measures writes.
type widest struct{ total, most int }

func (w *widest) Write(b []byte) (int, error) {
	w.total, w.most = w.total+len(b), max(w.most, len(b))
	return len(b), nil
}

func BenchmarkExport(b *testing.B) {
	s := lake.Store{Dir: b.TempDir()}
	var rows []measurement.Answer
	for slot := range 288 {
		for vp := range 2 {
			rows = append(rows, group(measurement.VantagePoint(fmt.Sprint(101+vp)), slot, 65, 3)...)
		}
	}
	inLake(b, s, column.Answers, rows, func(a *measurement.Answer) time.Time { return a.Interval })
	for _, format := range export.Formats {
		b.Run(string(format), func(b *testing.B) {
			for b.Loop() {
				if _, err := (export.Export{Store: s, Table: column.Answers, Format: format}).Run(b.Context(), io.Discard); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(len(rows))*float64(b.N)/b.Elapsed().Seconds(), "rows/s")
		})
	}
}

// An hour of a day is read without the rest of the day, and still in order.
func TestExportEndsAtUntil(t *testing.T) {
	s := lake.Store{Dir: t.TempDir()}
	var rows []measurement.Run
	for i := range 100_000 {
		rows = append(rows, measurement.Run{VantagePoint: measurement.VantagePoint(fmt.Sprintf("%04d", i%500)), Interval: midnight.Add(time.Duration(i/500) * interval.Length), JitterMS: int32(i)})
	}
	inLake(t, s, column.Runs, rows, func(r *measurement.Run) time.Time { return r.Interval })
	var b bytes.Buffer
	e := export.Export{Store: s, Table: column.Runs, Format: export.CSV, From: midnight.Add(time.Hour), Until: midnight.Add(2 * time.Hour), Columns: []string{"jitter_ms"}}
	if n, err := e.Run(t.Context(), &b); n != 6000 || err != nil {
		t.Fatal(n, err)
	}
	if text := b.String(); !strings.HasPrefix(text, "jitter_ms\n6000\n6001\n") || !strings.HasSuffix(text, "\n11999\n") {
		t.Errorf("%.60q … %q", text, text[len(text)-20:])
	}
}
