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
