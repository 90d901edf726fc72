package lake_test

import (
	"bytes"
	"context"
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"mtric.net/mtric/engine/lake"
	"mtric.net/mtric/engine/measurement"
)

func dayOf(t testing.TB, s lake.Store, rows []measurement.Answer) {
	t.Helper()
	if _, err := lake.Merge[measurement.Answer](s, rows[0].Interval, []string{spool(t, t.TempDir(), rows)}, nil); err != nil {
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
		err := lake.Scan{Store: s, Table: lake.Answers, Columns: columns}.Run(t.Context(), func(b *lake.Batch) error {
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

func compareRow(t *rapid.T, b *lake.Batch, i int, want measurement.Answer) {
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
	err := lake.Scan{Store: s, Table: lake.Answers, From: from, Until: until, Columns: []string{"rsi"}, Workers: 3}.Run(t.Context(), func(b *lake.Batch) error {
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
	for column, want := range map[string]string{"failures": "column failures is a list", "nonsense": "column nonsense is missing"} {
		err := lake.Scan{Store: s, Table: lake.Answers, Columns: []string{column}}.Run(t.Context(), func(*lake.Batch) error { return nil })
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", column, err)
		}
	}
	stop := errors.New("stop")
	if err := (lake.Scan{Store: s, Table: lake.Answers}).Run(t.Context(), func(*lake.Batch) error { return stop }); !errors.Is(err, stop) || strings.Contains(err.Error(), "parquet") {
		t.Errorf("error %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := (lake.Scan{Store: s, Table: lake.Answers}).Run(ctx, func(*lake.Batch) error { return nil }); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
}

func TestPlace(t *testing.T) {
	s := lake.Store{Dir: t.TempDir()}
	dayOf(t, s, group("101", 1, 3, 1))
	err := lake.Scan{Store: s, Table: lake.Answers, Columns: []string{"rsi"}}.Run(t.Context(), func(b *lake.Batch) error {
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
