package export_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/memory"
	"github.com/apache/arrow/go/v17/parquet"
	"github.com/apache/arrow/go/v17/parquet/compress"
	"github.com/apache/arrow/go/v17/parquet/file"
	"github.com/apache/arrow/go/v17/parquet/pqarrow"
	"github.com/google/go-cmp/cmp"

	"mtric.net/mtric/engine/column"
	"mtric.net/mtric/engine/export"
	"mtric.net/mtric/engine/lake"
	"mtric.net/mtric/engine/measurement"
)

// rewrite has another writer of Parquet write a file anew.
func rewrite(t *testing.T, path string, group int64, change func(arrow.Table) arrow.Table, options ...parquet.WriterProperty) {
	t.Helper()
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
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	out, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := pqarrow.WriteTable(change(all), out, group, parquet.NewWriterProperties(options...), pqarrow.DefaultWriterProps()); err != nil {
		t.Fatal(err)
	}
}

// nullable says of every column that it may be null, and forgets who wrote it.
func nullable(all arrow.Table) arrow.Table {
	fields := make([]arrow.Field, all.NumCols())
	columns := make([]arrow.Column, all.NumCols())
	for i := range fields {
		fields[i] = all.Schema().Field(i)
		fields[i].Nullable, fields[i].Metadata = true, arrow.Metadata{}
		columns[i] = *arrow.NewColumn(fields[i], all.Column(i).Data())
	}
	return array.NewTable(arrow.NewSchema(fields, nil), columns, all.NumRows())
}

// backwards has the columns in the other order.
func backwards(all arrow.Table) arrow.Table {
	n := int(all.NumCols())
	fields, columns := make([]arrow.Field, n), make([]arrow.Column, n)
	for i := range n {
		fields[i], columns[i] = all.Schema().Field(n-1-i), *all.Column(n - 1 - i)
	}
	meta := arrow.NewMetadata([]string{"by", "mtric.schema"}, []string{"somebody", "3"})
	return array.NewTable(arrow.NewSchema(fields, &meta), columns, all.NumRows())
}

// everything is what each of the lake's readers reads.
func everything(t *testing.T, s lake.Store) string {
	t.Helper()
	var b strings.Builder
	for _, table := range column.Tables {
		b.Write(exported(t, export.Export{Store: s, Table: table, Format: export.NDJSON, Sources: true}))
		if !table.Daily() {
			continue
		}
		var flat []string
		for _, f := range column.Fields(table) {
			if f.Kind != column.List {
				flat = append(flat, f.Name)
			}
		}
		err := scan(t, s, table, flat, func(batch *column.Batch) error {
			for i := range batch.Rows {
				for at := range flat {
					switch c := &batch.Cells[at]; {
					case c.Index != nil:
						fmt.Fprintf(&b, "%q %v,", c.Text(i), c.Index[i] < 0)
					case c.Bytes != nil:
						fmt.Fprintf(&b, "%x,", c.Bytes[i])
					default:
						fmt.Fprint(&b, c.Int[i], c.Null != nil && c.Null[i], ",")
					}
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	fmt.Fprint(&b, "\n", asText(rowsOfTable[measurement.Answer](t, s, column.Answers)), asText(rowsOfTable[measurement.Route](t, s, column.Routes)),
		asText(rowsOfTable[measurement.Run](t, s, column.Runs)), asText(rowsOfTable[measurement.Zone](t, s, column.Zones)),
		asText(rowsOfTable[measurement.ZoneSerial](t, s, column.ZoneSerials)))
	return b.String()
}

func rowsOfTable[T column.Row](t *testing.T, s lake.Store, table column.Table) []T {
	t.Helper()
	rows, _, err := column.Read[T](s.Path(table, label))
	if err != nil {
		t.Fatal(err)
	}
	return rows
}

// A lake that somebody wrote anew says what it said: by another codec, dictionary or not,
// pages of version 2, small row groups, nullable columns in another order, without what
// mtric says of a file.
func TestRewrittenLakeIsRead(t *testing.T) {
	for name, c := range map[string]struct {
		group   int64
		change  func(arrow.Table) arrow.Table
		options []parquet.WriterProperty
	}{
		"nullable":          {1 << 20, nullable, []parquet.WriterProperty{parquet.WithCompression(compress.Codecs.Zstd)}},
		"snappy":            {1 << 20, nullable, []parquet.WriterProperty{parquet.WithCompression(compress.Codecs.Snappy)}},
		"gzip, plain":       {1, nullable, []parquet.WriterProperty{parquet.WithCompression(compress.Codecs.Gzip), parquet.WithDictionaryDefault(false)}},
		"uncompressed":      {1, backwards, []parquet.WriterProperty{parquet.WithDictionaryDefault(true)}},
		"snappy, version 2": {1 << 20, backwards, []parquet.WriterProperty{parquet.WithCompression(compress.Codecs.Snappy), parquet.WithDataPageVersion(parquet.DataPageV2)}},
		"no statistics":     {1, nullable, []parquet.WriterProperty{parquet.WithStats(false), parquet.WithDictionaryDefault(false)}},
		"format 1":          {1 << 20, backwards, []parquet.WriterProperty{parquet.WithVersion(parquet.V1_0), parquet.WithCompression(compress.Codecs.Gzip), parquet.WithDataPageVersion(parquet.DataPageV2)}},
	} {
		t.Run(name, func(t *testing.T) {
			s := sampleLake(t, t.TempDir())
			want := everything(t, s)
			paths, err := filepath.Glob(filepath.Join(s.Dir, "*", "*", "*.parquet"))
			if err != nil || len(paths) != 6 {
				t.Fatal(paths, err)
			}
			for _, path := range append(paths, s.Path(column.Zones, time.Time{}), s.Path(column.VantagePoints, time.Time{}), s.Path(column.ZoneSerials, time.Time{})) {
				rewrite(t, path, c.group, c.change, c.options...)
			}
			if diff := cmp.Diff(want, everything(t, s)); diff != "" {
				t.Fatal(diff)
			}
			// Such a day goes on growing, and comes out as the lake's own.
			at := label.Add(5 * time.Minute)
			row := measurement.Answer{VantagePoint: "101", Interval: at, Query: "soa", RSI: "a", Family: "ipv4", Transport: "udp", Outcome: "timeout", Failures: []string{}}
			before := rowsOfTable[measurement.Answer](t, s, column.Answers)
			if _, err := lake.Merge(s, label, []lake.Group[measurement.Answer]{lake.GroupOf([]measurement.Answer{row})}, nil); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(append(before, row), rowsOfTable[measurement.Answer](t, s, column.Answers)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// A null where a value must be is named by file, column and row, whoever reads.
func TestNullWhereAValueMustBe(t *testing.T) {
	for name, table := range map[string]column.Table{"rsi": column.Answers, "attempts": column.Answers, "interval": column.Answers, "failures": column.Answers, "hops": column.Routes} {
		s := sampleLake(t, t.TempDir())
		path := s.Path(table, label)
		rewrite(t, path, 1, func(all arrow.Table) arrow.Table {
			all = nullable(all)
			i := all.Schema().FieldIndices(name)[0]
			first := array.NewSlice(all.Column(i).Data().Chunk(0), 0, 1)
			b := array.NewBuilder(memory.DefaultAllocator, first.DataType())
			b.AppendNull()
			chunks := arrow.NewChunked(first.DataType(), []arrow.Array{first, b.NewArray()})
			all, err := all.AddColumn(i, all.Schema().Field(i), *arrow.NewColumn(all.Schema().Field(i), chunks))
			if err != nil {
				t.Fatal(err)
			}
			return leaveOut(all, i+1)
		}, parquet.WithCompression(compress.Codecs.Snappy))
		told := func(by string, err error) {
			t.Helper()
			if err == nil || !strings.Contains(err.Error(), filepath.Base(path)+": column "+name+": row 2 is null, and must have a value") {
				t.Errorf("%s of %s: error %v", by, name, err)
			}
		}
		var b strings.Builder
		_, err := export.Export{Store: s, Table: table, Format: export.CSV}.Run(t.Context(), &b)
		told("export", err)
		if table == column.Routes {
			_, _, err = column.Read[measurement.Route](path)
		} else {
			_, _, err = column.Read[measurement.Answer](path)
		}
		told("rows", err)
		told("scan", scan(t, s, table, []string{name}, func(*column.Batch) error { return nil }))
	}
}

// leaveOut leaves a column out.
func leaveOut(all arrow.Table, place int) arrow.Table {
	var fields []arrow.Field
	var columns []arrow.Column
	for i := range int(all.NumCols()) {
		if i != place {
			fields, columns = append(fields, all.Schema().Field(i)), append(columns, *all.Column(i))
		}
	}
	return array.NewTable(arrow.NewSchema(fields, nil), columns, all.NumRows())
}

// Readers look for a time by halves: rows in another order would be missed without a word.
func TestOtherOrderIsRefused(t *testing.T) {
	s := lake.Store{Dir: t.TempDir()}
	rows := append(group("101", 1, 2, 7), group("101", 0, 2, 7)...)
	path := s.Path(column.Answers, midnight)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := column.Write(path, rows, column.Metadata{}); err != nil {
		t.Fatal(err)
	}
	rewrite(t, path, 4, func(all arrow.Table) arrow.Table { // the later half first
		n := all.NumCols()
		columns := make([]arrow.Column, n)
		for i := range columns {
			data := all.Column(i).Data()
			a, b := array.NewChunkedSlice(data, 2, 4), array.NewChunkedSlice(data, 0, 2)
			columns[i] = *arrow.NewColumn(all.Schema().Field(i), arrow.NewChunked(data.DataType(), append(a.Chunks(), b.Chunks()...)))
		}
		return array.NewTable(all.Schema(), columns, 4)
	})
	var b strings.Builder
	_, err := export.Export{Store: s, Table: column.Answers, Format: export.CSV, From: midnight, Until: midnight.Add(time.Minute)}.Run(t.Context(), &b)
	if err == nil || !strings.Contains(err.Error(), "not in order") {
		t.Errorf("export: %v", err)
	}
	err = lake.Scan{Store: s, From: midnight}.Answers(t.Context(), nil, func(*column.AnswerBatch) error { return nil })
	if err == nil || !strings.Contains(err.Error(), "not in order") {
		t.Errorf("scan: %v", err)
	}
}

// scan hands use all batches of columns of a table.
func scan(t *testing.T, s lake.Store, table column.Table, names []string, use func(*column.Batch) error) error {
	t.Helper()
	days, err := s.Days(table, time.Time{}, time.Time{})
	for _, d := range days {
		err = errors.Join(err, column.Open(d.Path, table, func(f *column.File) error {
			own, err := f.Batches(t.Context(), f.Groups(), column.Span{}, column.NewBatch(table, names...), use)
			return errors.Join(own, err)
		}))
	}
	return err
}

func asText(rows any) string {
	text, err := json.Marshal(rows)
	if err != nil {
		panic(err)
	}
	return string(text)
}
