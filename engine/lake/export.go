package lake

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/parquet-go/parquet-go"
	"golang.org/x/sync/errgroup"
)

// Format is a form that a table leaves the lake in.
type Format string

// The formats. Arrow IPC has two: a file, whose readers may jump, and a stream,
// which is read as it comes.
const (
	ArrowFile   Format = "arrow"
	ArrowStream Format = "arrow-stream"
	CSV         Format = "csv"    // header, one row a line, as PostgreSQL's COPY does: null is an empty field, an empty text ""
	NDJSON      Format = "ndjson" // one JSON object a line
)

// Formats lists the formats in the order of help texts.
var Formats = []Format{ArrowFile, ArrowStream, CSV, NDJSON}

// Tables lists the tables in the order of the documentation.
var Tables = []Table{Answers, Routes, Runs, Zones}

// Export is a table, or a part of it, on its way out of the lake: in the order of
// the table's key, some thousand rows at a time in memory.
type Export struct {
	Store       Store
	Table       Table
	From, Until time.Time // interval labels of [From, Until); a zero time is no bound; zones have none
	Columns     []string  // in this order; none is all of them
	Format      Format

	// Progress, where it is set, is called before each file, one call at a time.
	Progress func(done, files int)
}

// Check says what is wrong with the export before anything is read.
func (e Export) Check() error {
	if !slices.Contains(Tables, e.Table) {
		return fmt.Errorf("table %q: want %s", e.Table, list(Tables))
	}
	if !slices.Contains(Formats, e.Format) {
		return fmt.Errorf("format %q: want %s", e.Format, list(Formats))
	}
	if e.Table == Zones && !(e.From.IsZero() && e.Until.IsZero()) {
		return errors.New("the table zones has no intervals to cut by; export it whole")
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
	Table  Table
	Column string
}

func (e *UnknownColumn) Error() string {
	return fmt.Sprintf("column %q: the table %s has none of that name", e.Column, e.Table)
}

// fields are the columns asked for.
func (e Export) fields() ([]field, error) {
	all := fieldsOf(e.Table)
	if len(e.Columns) == 0 {
		return all, nil
	}
	var fields []field
	for i, name := range e.Columns {
		at := slices.IndexFunc(all, func(f field) bool { return f.name == name })
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

// blocks is how many runs of rows are between reader and encoder.
const blocks = 3

// encoder writes runs of rows in one format.
type encoder interface {
	write(columns []cells, rows int) error
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
	out, err := e.encoder(buffered, fields)
	if err != nil {
		return 0, err
	}
	read := e.columns(fields)
	group, ctx := errgroup.WithContext(ctx)
	full, free := make(chan *block, blocks), make(chan *block, blocks) // neither can be overfull
	for range blocks {
		free <- &block{columns: make([]cells, len(read))}
	}
	group.Go(func() error { // reads while the other encodes
		defer close(full)
		for i, path := range files {
			if e.Progress != nil {
				e.Progress(i, len(files))
			}
			if err := e.file(ctx, path, read, full, free); err != nil {
				return err
			}
		}
		return nil
	})
	group.Go(func() error {
		for b := range full {
			if err := ctx.Err(); err != nil {
				return err
			}
			if err := b.encode(out, len(fields), b.first, b.first+b.rows); err != nil {
				return err
			}
			rows += int64(b.rows)
			free <- b
		}
		return nil
	})
	if err := group.Wait(); err != nil {
		return rows, err
	}
	if err := out.close(); err != nil {
		return rows, err
	}
	return rows, buffered.Flush()
}

func (e Export) encoder(w io.Writer, fields []field) (encoder, error) {
	switch e.Format {
	case ArrowFile, ArrowStream:
		return newArrowEncoder(w, e, fields)
	case CSV:
		return newCSVEncoder(w, fields)
	default:
		return newJSONEncoder(w, fields), nil
	}
}

// files lists what holds the rows asked for, in the order of the key.
func (e Export) files() ([]string, error) {
	var files []string
	if e.Table == Zones {
		path := e.Store.Path(Zones, time.Time{})
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

// columns are those to read: the ones asked for, and the interval to cut by.
func (e Export) columns(fields []field) []field {
	if e.Table == Zones || slices.ContainsFunc(fields, isLabel) {
		return fields
	}
	all := fieldsOf(e.Table)
	return append(slices.Clone(fields), all[slices.IndexFunc(all, isLabel)])
}

func isLabel(f field) bool { return f.name == labels }

// file hands the runs of a file's rows on. An error of the context is not the
// file's.
func (e Export) file(ctx context.Context, path string, fields []field, full, free chan *block) error {
	err := open(path, func(f *parquet.File) error {
		all, err := bind(f, e.Table)
		if err != nil {
			return err
		}
		if _, err := parseMetadata(f.Lookup, true); err != nil {
			return err
		}
		names := make([]string, len(fields))
		for i := range fields {
			names[i] = fields[i].name
		}
		columns, err := pick(all, names...)
		if err != nil {
			return err
		}
		leaf := f.Root().Column(labels) // nil in zones
		reached := int64(math.MinInt64)
		for _, g := range groupsOf(f) {
			if leaf != nil && !(Scan{From: e.From, Until: e.Until}).overlaps(g, leaf) {
				continue
			}
			r, err := newGroupReader(g, columns)
			if err != nil {
				return err
			}
			if err := e.group(ctx, r, fields, &reached, full, free); err != nil {
				return err
			}
		}
		return nil
	}, parquet.SkipPageIndex(true))
	if cause := ctx.Err(); cause != nil && errors.Is(err, cause) {
		return cause
	}
	return err
}

// group hands the runs of a row group's rows on; reached is the last interval so far.
func (e Export) group(ctx context.Context, r *groupReader, fields []field, reached *int64, full, free chan *block) (err error) {
	defer func() { err = errors.Join(err, r.close()) }()
	label := slices.IndexFunc(fields, isLabel)
	for {
		var b *block
		select {
		case b = <-free:
		case <-ctx.Done():
			return ctx.Err()
		}
		if err := r.next(b); err != nil {
			return err
		}
		more := b.rows > 0
		if more && label >= 0 {
			at := b.columns[label].Int
			if *reached, err = ascending(at, *reached); err != nil {
				return err
			}
			more = e.Until.IsZero() || at[0] < e.Until.UnixMicro() // none that follows is earlier
			b.cut(at, e.From, e.Until)
		}
		if b.rows > 0 {
			full <- b
		} else {
			free <- b
		}
		if !more {
			return nil
		}
	}
}
