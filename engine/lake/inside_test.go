package lake

import (
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"mtric.net/mtric/engine/column"
	"mtric.net/mtric/engine/measurement"
)

// What no caller can bring about now and would be silent damage, had one found how.

// A dictionary that outgrew what it was told, in a row group that the library ended
// by itself: the page that was prepared is not that of the next one, although the two
// have the same size.
func TestPageIsOfItsRowGroup(t *testing.T) {
	path := filepath.Join(t.TempDir(), "answers.parquet")
	w, err := create[measurement.Answer](Store{RowGroup: 2}, path)
	if err != nil {
		t.Fatal(err)
	}
	w.wires.tell([][]byte{[]byte("told at first")})
	var rows []measurement.Answer
	at := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
	for i, wire := range []string{"told at first", "not told", "of its length", "of its length"} {
		rows = append(rows, measurement.Answer{VantagePoint: "101", Interval: at, SentAt: &at, Query: fmt.Sprint("q", i), Response: []byte(wire), Failures: []string{}})
	}
	if err := w.Write(rows); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	got, _, err := column.Read[measurement.Answer](path)
	if err != nil || len(got) != len(rows) {
		t.Fatal(len(got), err)
	}
	for i := range rows {
		if string(got[i].Response) != string(rows[i].Response) {
			t.Errorf("row %d: read %q, wrote %q", i, got[i].Response, rows[i].Response)
		}
	}
}

// What waits between the steps of a merge is bounded, whatever its rows are made of.
func TestLargeGroupsAreHandedOverSoon(t *testing.T) {
	text := string(make([]byte, 50_000))
	for name, rows := range map[string][]measurement.Answer{
		"many rows": make([]measurement.Answer, 10_000),
		"responses": {{Response: []byte(text)}},
		"names":     {{QName: text}},
		"texts":     {{Error: &text, NSID: &text}},
	} {
		p, n := newBundle[measurement.Answer](), 0
		for ; !p.full(); n++ {
			p.add(group[measurement.Answer]{rows: rows})
		}
		if n >= bundleGroups {
			t.Errorf("%s: %d groups wait", name, n)
		}
	}
	p, n := newBundle[measurement.Route](), 0
	for ; !p.full(); n++ {
		p.add(group[measurement.Route]{rows: []measurement.Route{{Hops: make([]measurement.Hop, 8192)}}})
	}
	if n >= bundleGroups {
		t.Errorf("routes: %d groups wait", n)
	}
}
