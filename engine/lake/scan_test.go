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
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"mtric.net/mtric/engine/column"
	"mtric.net/mtric/engine/lake"
	"mtric.net/mtric/engine/measurement"
)

func dayOf(t testing.TB, s lake.Store, rows []measurement.Answer) {
	t.Helper()
	if _, err := lake.Merge(s, rows[0].Interval, apart(rows), nil); err != nil {
		t.Fatal(err)
	}
}

// The law of scanning: columns say what rows say.
func TestColumnsAreTheRows(t *testing.T) {
	dir := t.TempDir()
	columns := []string{"vantage_point", "sent_at", "rsi", "outcome", "error", "latency_us", "aa", "attempts", "nsid", "response"}
	n := 0
	rapid.Check(t, func(rt *rapid.T) {
		n++
		s := lake.Store{Dir: filepath.Join(dir, rapid.StringMatching("[a-z]{8}").Draw(rt, "dir"), time.Now().Format("150405.000000000"))}
		var rows []measurement.Answer
		for slot := range rapid.IntRange(1, 5).Draw(rt, "slots") {
			rows = append(rows, group("101", slot, rapid.IntRange(1, 6).Draw(rt, "rows"), 3)...)
		}
		for i := range rows {
			if rapid.Bool().Draw(rt, "null") {
				rows[i].LatencyUS = nil
				continue
			}
			sent := rows[i].Interval.Add(time.Duration(i) * time.Microsecond)
			rows[i].SentAt, rows[i].Error, rows[i].AA = &sent, ptr(rapid.String().Draw(rt, "error")), ptr(rapid.Bool().Draw(rt, "aa"))
			rows[i].NSID, rows[i].Response, rows[i].Attempts = ptr("x"), rapid.SliceOf(rapid.Byte()).Draw(rt, "wire"), int32(i)
			if rows[i].Response == nil {
				rows[i].Response = []byte{}
			}
		}
		dayOf(t, s, rows)
		at := 0
		err := lake.Scan{Store: s, Table: column.Answers, Columns: columns}.Run(t.Context(), func(b *column.Batch) error {
			for i := range b.Rows {
				compareRow(rt, b, i, rows[at])
				at++
			}
			return nil
		})
		if err != nil || at != len(rows) {
			rt.Fatal(err, at)
		}
	})
}

func compareRow(t *rapid.T, b *column.Batch, i int, want measurement.Answer) {
	null := func(name string) bool {
		c := b.Column(name)
		return c.Null != nil && c.Null[i] || c.Index != nil && c.Index[i] < 0
	}
	check := func(name string, isNull, same bool) {
		if null(name) != isNull || !isNull && !same {
			t.Fatalf("row %d: column %s differs: null %v, want %v (%+v)", i, name, null(name), isNull, b.Column(name))
		}
	}
	check("interval", false, b.Column("interval").Int[i] == want.Interval.UnixMicro())
	check("rsi", false, b.Column("rsi").Text(i) == string(want.RSI))
	check("attempts", false, b.Column("attempts").Int[i] == int64(want.Attempts))
	check("latency_us", want.LatencyUS == nil, want.LatencyUS != nil && b.Column("latency_us").Int[i] == *want.LatencyUS)
	check("sent_at", want.SentAt == nil, want.SentAt != nil && b.Column("sent_at").Int[i] == want.SentAt.UnixMicro())
	check("error", want.Error == nil, want.Error != nil && b.Column("error").Text(i) == *want.Error)
	check("aa", want.AA == nil, want.AA != nil && (b.Column("aa").Int[i] == 1) == *want.AA)
	check("response", want.Response == nil, bytes.Equal(b.Column("response").Bytes[i], want.Response))
}

// Pages of different columns end at different rows; a batch shows what all of them
// have, and what it shows is right to the last page.
func TestBatchesJoinPages(t *testing.T) {
	s := lake.Store{Dir: t.TempDir()}
	path := s.Path(column.Answers, midnight)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	out, err := column.Create[measurement.Answer](path, column.Metadata{}, column.Form{Small: true}) // of small pages
	if err != nil {
		t.Fatal(err)
	}
	rng := rand.New(rand.NewPCG(47, 53))
	var rows []measurement.Answer
	for slot := range 288 {
		rows = append(rows, group("101", slot, 150, 0)...)
	}
	for i := range rows {
		a := &rows[i]
		if a.LatencyUS = nil; rng.IntN(50) > 0 || i < 9_000 { // the first pages have no nulls
			a.LatencyUS, a.SentAt = ptr(rng.Int64N(4_000_000)), ptr(a.Interval.Add(time.Duration(i)*time.Millisecond))
		}
		if rng.IntN(3) == 0 || i > 30_000 { // the last ones neither
			a.RCode, a.AA, a.Error = ptr(fmt.Sprint("RCODE", rng.IntN(40))), ptr(rng.IntN(2) == 0), ptr(fmt.Sprint(i%7000))
		}
		if i%65 < 52 {
			a.Serial = ptr(2026112200 + int64(slotOf(a)/144))
		}
		if i%9 == 0 {
			a.Response = fmt.Appendf(nil, "wire of %d", i/18)
		}
	}
	if err := errors.Join(out.Write(rows), out.Close()); err != nil {
		t.Fatal(err)
	}
	at, batches := 0, 0
	scan := lake.Scan{Store: s, Table: column.Answers, Columns: []string{"vantage_point", "rsi", "latency_us", "sent_at", "rcode", "error", "aa", "serial", "response"}, Workers: 1}
	err = scan.Run(t.Context(), func(b *column.Batch) error {
		batches++
		for i := range b.Rows {
			want := &rows[at]
			at++
			same := b.Column("interval").Int[i] == want.Interval.UnixMicro() && b.Column("vantage_point").Text(i) == "101" && b.Column("rsi").Text(i) == string(want.RSI) &&
				sameNumber(b.Column("latency_us"), i, want.LatencyUS) && sameNumber(b.Column("serial"), i, want.Serial) &&
				sameNumber(b.Column("sent_at"), i, micros(want.SentAt)) &&
				sameText(b.Column("rcode"), i, want.RCode) && sameText(b.Column("error"), i, want.Error) && bytes.Equal(b.Column("response").Bytes[i], want.Response)
			if aa := b.Column("aa"); !same || (aa.Null != nil && aa.Null[i]) != (want.AA == nil) || want.AA != nil && *want.AA != (aa.Int[i] == 1) {
				return fmt.Errorf("batch %d, row %d of %d: differs from %+v", batches, i, b.Rows, *want)
			}
		}
		return nil
	})
	if err != nil || at != len(rows) {
		t.Fatalf("%d of %d rows: %v", at, len(rows), err)
	}
	if batches < 8 {
		t.Errorf("%d batches: the pages all end together, and this shows nothing", batches)
	}
}

func slotOf(a *measurement.Answer) int { return int(a.Interval.Sub(midnight) / (5 * time.Minute)) }

func micros(at *time.Time) *int64 {
	if at == nil {
		return nil
	}
	return ptr(at.UnixMicro())
}

func sameNumber(c *column.Column, i int, want *int64) bool {
	if c.Null != nil && c.Null[i] {
		return want == nil
	}
	return want != nil && c.Int[i] == *want
}

func sameText(c *column.Column, i int, want *string) bool {
	if c.Index[i] < 0 {
		return want == nil
	}
	return want != nil && c.Text(i) == *want
}

func TestScanCutsTime(t *testing.T) {
	s := lake.Store{Dir: t.TempDir()}
	for d := range 3 {
		var rows []measurement.Answer
		for slot := range 288 {
			rows = append(rows, group("101", slot+288*d, 2, 1)...)
		}
		dayOf(t, s, rows)
	}
	from, until := midnight.Add(23*time.Hour), midnight.Add(49*time.Hour+3*time.Minute)
	var mu sync.Mutex
	seen := map[int64]int{}
	err := lake.Scan{Store: s, Table: column.Answers, From: from, Until: until, Columns: []string{"rsi"}, Workers: 3}.Run(t.Context(), func(b *column.Batch) error {
		mu.Lock()
		defer mu.Unlock()
		for _, at := range b.Column("interval").Int {
			seen[at]++
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	var want []int64
	for at := from; at.Before(until); at = at.Add(5 * time.Minute) {
		want = append(want, at.UnixMicro())
		if seen[at.UnixMicro()] != 2 {
			t.Errorf("%s seen %d times", at, seen[at.UnixMicro()])
		}
	}
	if len(seen) != len(want) {
		t.Errorf("%d intervals, want %d", len(seen), len(want))
	}
}

func TestScanRefuses(t *testing.T) {
	s := lake.Store{Dir: t.TempDir()}
	dayOf(t, s, group("101", 1, 2, 1))
	for name, want := range map[string]string{"failures": "column failures is a list", "nonsense": "column nonsense is missing"} {
		err := lake.Scan{Store: s, Table: column.Answers, Columns: []string{name}}.Run(t.Context(), func(*column.Batch) error { return nil })
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	stop := errors.New("stop")
	if err := (lake.Scan{Store: s, Table: column.Answers}).Run(t.Context(), func(*column.Batch) error { return stop }); !errors.Is(err, stop) || strings.Contains(err.Error(), "parquet") {
		t.Errorf("error %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := (lake.Scan{Store: s, Table: column.Answers}).Run(ctx, func(*column.Batch) error { return nil }); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
}

func TestPlace(t *testing.T) {
	s := lake.Store{Dir: t.TempDir()}
	dayOf(t, s, group("101", 1, 3, 1))
	err := lake.Scan{Store: s, Table: column.Answers, Columns: []string{"rsi"}}.Run(t.Context(), func(b *column.Batch) error {
		c := b.Column("rsi")
		if c.Place("zz") != -2 || !slices.Contains(c.Index, c.Place("b")) {
			t.Errorf("places of %v", c.Dict)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
