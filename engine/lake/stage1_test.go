package lake_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/parquet-go/parquet-go"

	"mtric.net/mtric/engine/lake"
	"mtric.net/mtric/engine/measurement"
)

// without writes rows in a schema that lacks a column.
func without[T lake.Row](t *testing.T, path, column string, rows []T) {
	t.Helper()
	whole := parquet.SchemaOf(*new(T))
	group := parquet.Group{}
	place := -1
	for i, f := range whole.Fields() {
		if f.Name() == column {
			place = i
			continue
		}
		group[f.Name()] = f
	}
	if place < 0 {
		t.Fatalf("no column %s", column)
	}
	schema := parquet.NewSchema("old", inOrder{group, whole, place})
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	w := parquet.NewWriter(f, schema, parquet.Compression(&parquet.Zstd), parquet.KeyValueMetadata("mtric.schema", "1"))
	for i := range rows {
		var row parquet.Row
		for _, v := range whole.Deconstruct(nil, &rows[i]) {
			switch c := v.Column(); {
			case c < place:
				row = append(row, v)
			case c > place:
				row = append(row, v.Level(v.RepetitionLevel(), v.DefinitionLevel(), c-1))
			}
		}
		if _, err := w.WriteRows([]parquet.Row{row}); err != nil {
			t.Fatal(err)
		}
	}
	for _, close := range []func() error{w.Close, f.Close} {
		if err := close(); err != nil {
			t.Fatal(err)
		}
	}
}

// inOrder is a group with the columns in the order of another, but for one.
type inOrder struct {
	parquet.Group
	whole *parquet.Schema
	place int
}

func (g inOrder) Fields() (fields []parquet.Field) {
	for i, f := range g.whole.Fields() {
		if i != g.place {
			fields = append(fields, f)
		}
	}
	return fields
}

func runAt(slot int, ingested *time.Time) measurement.Run {
	at := midnight.Add(time.Duration(slot) * 5 * time.Minute)
	return measurement.Run{VantagePoint: "101", Interval: at, StartedAt: at, Planned: 3, Timestamps: "user", ReceivedAt: at, IngestedAt: ingested}
}

// A runs file of stage 1 lacks ingested_at: whoever reads it reads null, and the day
// goes on growing.
func TestRunsOfStage1(t *testing.T) {
	s := lake.Store{Dir: t.TempDir()}
	path := s.Path(lake.Runs, midnight)
	old := []measurement.Run{runAt(0, nil), runAt(1, nil)}
	without(t, path, "ingested_at", old)
	told := func(want []measurement.Run) {
		t.Helper()
		got, _, err := lake.Read[measurement.Run](path)
		if diff := cmp.Diff(want, got); err != nil || diff != "" {
			t.Fatal(err, diff)
		}
		var scanned []*time.Time
		err = lake.Scan{Store: s, Table: lake.Runs, Columns: []string{"ingested_at"}, Workers: 1}.Run(t.Context(), func(b *lake.Batch) error {
			c := b.Column("ingested_at")
			for i := range b.Rows {
				if c.Null != nil && c.Null[i] {
					scanned = append(scanned, nil)
				} else {
					scanned = append(scanned, ptr(time.UnixMicro(c.Int[i]).UTC()))
				}
			}
			return nil
		})
		var exported strings.Builder
		for i, r := range want {
			if i == 0 {
				exported.WriteString("ingested_at\n")
			}
			if r.IngestedAt == nil {
				exported.WriteString("\n")
			} else {
				exported.WriteString(r.IngestedAt.Format("2006-01-02T15:04:05.000000Z") + "\n")
			}
			if i >= len(scanned) || (scanned[i] == nil) != (r.IngestedAt == nil) || r.IngestedAt != nil && !scanned[i].Equal(*r.IngestedAt) {
				t.Errorf("row %d: scan has %v, want %v", i, scanned, r.IngestedAt)
			}
		}
		if got := export(t, lake.Export{Store: s, Table: lake.Runs, Format: lake.CSV, Columns: []string{"ingested_at"}}); err != nil || string(got) != exported.String() {
			t.Errorf("%v, exported %q, want %q", err, got, exported.String())
		}
	}
	told(old)
	now := midnight.Add(time.Hour)
	merge := func(rows ...measurement.Run) {
		t.Helper()
		var groups []lake.Group[measurement.Run]
		for _, r := range rows {
			groups = append(groups, lake.GroupOf([]measurement.Run{r}))
		}
		if m, err := lake.Merge(s, midnight, groups, nil); err != nil || len(m.Clashes) > 0 {
			t.Fatal(err, m)
		}
	}
	merge(runAt(2, &now))
	told(append(old, runAt(2, &now)))
	later := now.Add(time.Hour)
	merge(runAt(0, &later), runAt(2, &later), runAt(3, &later)) // the first one wins
	told(append(old, runAt(2, &now), runAt(3, &later)))
}

// A nullable column may be missing anywhere, not only at the end; one that must have
// values may not.
func TestMissingNullableColumnIsNull(t *testing.T) {
	s := lake.Store{Dir: t.TempDir()}
	rows := sample()
	path := s.Path(lake.Answers, rows[0].Interval)
	without(t, path, "nsid", rows)
	for i := range rows {
		rows[i].NSID = nil
	}
	rows[1].Failures = []string{}
	got, _, err := lake.Read[measurement.Answer](path)
	if diff := cmp.Diff(rows, got); err != nil || diff != "" {
		t.Error(err, diff)
	}
	scan := lake.Scan{Store: s, Table: lake.Answers, Columns: []string{"nsid", "rsi"}, Workers: 1}
	if err := scan.Run(t.Context(), func(b *lake.Batch) error {
		for i := range b.Rows {
			if c := b.Column("nsid"); c.Text(i) != "" || c.Index[i] != -1 {
				t.Errorf("row %d has an nsid", i)
			}
		}
		return nil
	}); err != nil {
		t.Error(err)
	}
	without(t, path, "address", rows)
	if _, _, err := lake.Read[measurement.Answer](path); err == nil || !strings.Contains(err.Error(), "column address is missing") &&
		!strings.Contains(err.Error(), "want address") {
		t.Errorf("error %v", err)
	}
	scan.Columns = []string{"address"}
	if err := scan.Run(t.Context(), func(*lake.Batch) error { return nil }); err == nil || !strings.Contains(err.Error(), "column address is missing") {
		t.Errorf("error %v", err)
	}
}
