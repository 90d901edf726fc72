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

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
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
		err := batches(t, s, column.Answers, columns, func(of func(string) *column.Column, n int) error {
			for i := range n {
				compareRow(rt, of, i, rows[at])
				at++
			}
			return nil
		})
		if err != nil || at != len(rows) {
			rt.Fatal(err, at)
		}
	})
}

func compareRow(t *rapid.T, of func(string) *column.Column, i int, want measurement.Answer) {
	null := func(name string) bool {
		c := of(name)
		return c.Null != nil && c.Null[i] || c.Index != nil && c.Index[i] < 0
	}
	check := func(name string, isNull, same bool) {
		if null(name) != isNull || !isNull && !same {
			t.Fatalf("row %d: column %s differs: null %v, want %v (%+v)", i, name, null(name), isNull, of(name))
		}
	}
	check("interval", false, of("interval").Int[i] == want.Interval.UnixMicro())
	check("rsi", false, of("rsi").Text(i) == string(want.RSI))
	check("attempts", false, of("attempts").Int[i] == int64(want.Attempts))
	check("latency_us", want.LatencyUS == nil, want.LatencyUS != nil && of("latency_us").Int[i] == *want.LatencyUS)
	check("sent_at", want.SentAt == nil, want.SentAt != nil && of("sent_at").Int[i] == want.SentAt.UnixMicro())
	check("error", want.Error == nil, want.Error != nil && of("error").Text(i) == *want.Error)
	check("aa", want.AA == nil, want.AA != nil && (of("aa").Int[i] == 1) == *want.AA)
	check("response", want.Response == nil, bytes.Equal(of("response").Bytes[i], want.Response))
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
	at, count := 0, 0
	columns := []string{"vantage_point", "rsi", "latency_us", "sent_at", "rcode", "error", "aa", "serial", "response"}
	err = batches(t, s, column.Answers, columns, func(of func(string) *column.Column, n int) error {
		count++
		for i := range n {
			want := &rows[at]
			at++
			same := of("interval").Int[i] == want.Interval.UnixMicro() && of("vantage_point").Text(i) == "101" && of("rsi").Text(i) == string(want.RSI) &&
				sameNumber(of("latency_us"), i, want.LatencyUS) && sameNumber(of("serial"), i, want.Serial) &&
				sameNumber(of("sent_at"), i, micros(want.SentAt)) &&
				sameText(of("rcode"), i, want.RCode) && sameText(of("error"), i, want.Error) && bytes.Equal(of("response").Bytes[i], want.Response)
			if aa := of("aa"); !same || (aa.Null != nil && aa.Null[i]) != (want.AA == nil) || want.AA != nil && *want.AA != (aa.Int[i] == 1) {
				return fmt.Errorf("batch %d, row %d of %d: differs from %+v", count, i, n, *want)
			}
		}
		return nil
	})
	if err != nil || at != len(rows) {
		t.Fatalf("%d of %d rows: %v", at, len(rows), err)
	}
	if count < 8 {
		t.Errorf("%d batches: the pages all end together, and this shows nothing", count)
	}
	if got, _, err := column.Read[measurement.Answer](path); err != nil || !cmp.Equal(rows, got, cmpopts.EquateEmpty()) {
		t.Errorf("rows differ: %v", err)
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
	err := lake.Scan{Store: s, From: from, Until: until, Workers: 3}.Answers(t.Context(), []column.Name{column.RSI}, func(b *column.AnswerBatch) error {
		mu.Lock()
		defer mu.Unlock()
		for _, at := range b.Interval.Int {
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
	none := func(*column.AnswerBatch) error { return nil }
	if err := (lake.Scan{Store: s}).Answers(t.Context(), []column.Name{"nonsense"}, none); err == nil || !strings.Contains(err.Error(), "column nonsense is missing") {
		t.Errorf("error %v", err)
	}
	stop := errors.New("stop")
	if err := (lake.Scan{Store: s}).Answers(t.Context(), nil, func(*column.AnswerBatch) error { return stop }); !errors.Is(err, stop) || strings.Contains(err.Error(), "parquet") {
		t.Errorf("error %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := (lake.Scan{Store: s}).Answers(ctx, nil, none); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
}

func TestPlace(t *testing.T) {
	s := lake.Store{Dir: t.TempDir()}
	dayOf(t, s, group("101", 1, 3, 1))
	err := lake.Scan{Store: s}.Answers(t.Context(), []column.Name{column.RSI}, func(b *column.AnswerBatch) error {
		c := b.RSI
		if c.Place("zz") != -2 || !slices.Contains(c.Index, c.Place("b")) {
			t.Errorf("places of %v", c.Dict)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
