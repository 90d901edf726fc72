// Package export takes tables out of the lake in other forms: Arrow IPC, CSV and NDJSON.
package export

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"mtric.net/mtric/engine/column"
	"mtric.net/mtric/engine/lake"
)

// Format is a form that a table leaves the lake in.
type Format string

// The formats. Arrow IPC has two: a file, whose readers may jump, and a stream,
// which is read as it comes.
const (
	ArrowFile   Format = "arrow"
	ArrowStream Format = "arrow-stream"
	CSV         Format = "csv"    // header, one row a line, as PostgreSQL's COPY does: null is an empty column.Field, an empty text ""
	NDJSON      Format = "ndjson" // one JSON object a line
)

// Formats lists the formats in the order of help texts.
var Formats = []Format{ArrowFile, ArrowStream, CSV, NDJSON}

// Export is a table, or a part of it, on its way out of the lake: in the order of
// the table's key, some thousand rows at a time in memory.
type Export struct {
	Store       lake.Store
	Table       column.Table
	From, Until time.Time // interval labels of [From, Until); a zero time is no bound; zones have none
	Columns     []string  // in this order; none is all of them
	Format      Format
	Sources     bool // with the addresses that vantage points measured from; without, they are null

	// Progress, where it is set, is called before each file, one call at a time.
	Progress func(done, files int)
}

// Check says what is wrong with the export before anything is read.
func (e Export) Check() error {
	if !slices.Contains(column.Tables, e.Table) {
		return fmt.Errorf("table %q: want %s", e.Table, list(column.Tables))
	}
	if !slices.Contains(Formats, e.Format) {
		return fmt.Errorf("format %q: want %s", e.Format, list(Formats))
	}
	if !e.Table.Daily() && !(e.From.IsZero() && e.Until.IsZero()) {
		return fmt.Errorf("the table %s has no intervals to cut by; export it whole", e.Table)
	}
	if !e.From.IsZero() && !e.Until.IsZero() && e.Until.Before(e.From) {
		return fmt.Errorf("the end %s lies before the start %s", e.Until.Format(time.RFC3339), e.From.Format(time.RFC3339))
	}
	_, err := e.fields()
	return err
}

func list[T ~string](names []T) string {
	var s []string
	for _, n := range names {
		s = append(s, string(n))
	}
	return strings.Join(s[:len(s)-1], ", ") + " or " + s[len(s)-1]
}

// UnknownColumn is the error of a column that its table lacks.
type UnknownColumn struct {
	Table  column.Table
	Column string
}

func (e *UnknownColumn) Error() string {
	return fmt.Sprintf("column %q: the table %s has none of that name", e.Column, e.Table)
}

// fields are the columns asked for.
func (e Export) fields() ([]column.Field, error) {
	all := column.Fields(e.Table)
	if len(e.Columns) == 0 {
		return all, nil
	}
	var fields []column.Field
	for i, name := range e.Columns {
		at := slices.IndexFunc(all, func(f column.Field) bool { return f.Name == name })
		if at < 0 {
			return nil, &UnknownColumn{e.Table, name}
		}
		if slices.Contains(e.Columns[:i], name) {
			return nil, fmt.Errorf("column %q is asked for twice", name)
		}
		fields = append(fields, all[at])
	}
	return fields, nil
}

// encoder writes runs of rows in one format.
type encoder interface {
	write(columns []column.Cells, rows int) error
	close() error // what ends the format; not called after an error, so that a part never looks whole
}

// Run writes the rows to w and returns their number. A table without rows, or
// that the lake has not yet, gives the format's form of its columns and no row.
// After an error what was written is a part and must not be used.
func (e Export) Run(ctx context.Context, w io.Writer) (rows int64, err error) {
	if err := e.Check(); err != nil {
		return 0, err
	}
	fields, err := e.fields()
	if err != nil {
		return 0, err
	}
	files, err := e.files()
	if err != nil {
		return 0, err
	}
	buffered := bufio.NewWriterSize(w, 1<<20)
	out, err := e.withheld(buffered, fields)
	if err != nil {
		return 0, err
	}
	var names []string
	for _, f := range fields {
		names = append(names, f.Name)
	}
	read := column.NewBatch(e.Table, names...)
	read.Full = true
	for i, path := range files {
		if e.Progress != nil {
			e.Progress(i, len(files))
		}
		err := column.Scan(ctx, path, column.Span{From: e.From, Until: e.Until}, read, func(b *column.Batch) error {
			rows += int64(b.Rows)
			return encode(out, b.Cells[:len(fields)], 0, b.Rows) // beside them is the interval
		})
		if err != nil {
			return rows, err
		}
	}
	if err := out.close(); err != nil {
		return rows, err
	}
	return rows, buffered.Flush()
}

func (e Export) encoder(w io.Writer, fields []column.Field) (encoder, error) {
	switch e.Format {
	case ArrowFile, ArrowStream:
		return newArrowEncoder(w, e, fields)
	case CSV:
		return newCSVEncoder(w, fields)
	default:
		return newJSONEncoder(w, fields), nil
	}
}

// sources are the columns that say where a vantage point measured from.
var sources = map[column.Table][]string{column.Runs: {"source_ipv4", "source_ipv6"}, column.Routes: {"source"}}

// withheld is the encoder that writes no more than may be told.
func (e Export) withheld(w io.Writer, fields []column.Field) (encoder, error) {
	out, err := e.encoder(w, fields)
	if err != nil || e.Sources {
		return out, err
	}
	var at []int
	for i, f := range fields {
		if slices.Contains(sources[e.Table], f.Name) {
			at = append(at, i)
		}
	}
	return withholding{out, at}, nil
}

// withholding writes the columns at these places, which are texts, as null.
type withholding struct {
	encoder
	at []int
}

func (w withholding) write(columns []column.Cells, rows int) error {
	for _, i := range w.at {
		columns[i] = column.Cells{Column: column.Column{Index: slices.Repeat([]int32{-1}, rows), Null: slices.Repeat([]bool{true}, rows)}}
	}
	return w.encoder.write(columns, rows)
}

// files lists what holds the rows asked for, in the order of the key.
func (e Export) files() ([]string, error) {
	var files []string
	if !e.Table.Daily() {
		path := e.Store.Path(e.Table, time.Time{})
		_, err := os.Stat(path)
		switch {
		case err == nil:
			return []string{path}, nil
		case errors.Is(err, os.ErrNotExist):
			return nil, nil
		}
		return nil, fmt.Errorf("lake: %w", err)
	}
	days, err := e.Store.Days(e.Table, e.From, e.Until)
	for _, d := range days {
		files = append(files, d.Path)
	}
	return files, err
}

// runBytes bounds what a column of one run takes when it is written out: Arrow's offsets
// end at 2 GiB, and a dictionary can make much out of little.
const runBytes = 64 << 20

// encode gives the rows of [from, until) to out, by halves while they are too large.
func encode(out encoder, cells []column.Cells, from, until int) error {
	run := make([]column.Cells, len(cells))
	var largest int64
	for i := range run {
		run[i] = cells[i].Slice(from, until)
		largest = max(largest, run[i].Size())
	}
	if half := from + (until-from)/2; largest > runBytes && half > from {
		if err := encode(out, cells, from, half); err != nil {
			return err
		}
		return encode(out, cells, half, until)
	}
	return out.write(run, until-from)
}
