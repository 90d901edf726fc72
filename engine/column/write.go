package column

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"

	"github.com/google/renameio/v2"
	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/compress"
	"github.com/parquet-go/parquet-go/compress/zstd"

	"mtric.net/mtric/engine/files"
	"mtric.net/mtric/engine/measurement"
)

// GroupRows is how many rows a row group has at most. A day of twenty vantage points is
// one row group: a wire is mostly signatures that hundreds of others in its day carry as
// well, and only within the one dictionary page of a row group can they be told once (76
// bytes an answer in pages of their own, 19 so). It bounds the memory of a writer and of
// a scan.
const GroupRows = 1 << 19

const (
	pageSize  = 256 << 10
	smallPage = 64 << 10 // of a vantage point's file: buffers are made at a page's size
	smallFile = 4096     // rows
)

var smallCodec = zstd.Codec{Level: zstd.SpeedFastest}

// Write makes the file at path out of rows, in their table's order: whole under
// its name, or not there. The temporary file beside it starts with a dot.
func Write[T Row](path string, rows []T, meta Metadata) error {
	w, err := Create[T](path, meta, Form{Small: len(rows) < smallFile})
	if err != nil {
		return err
	}
	rows = slices.Clone(rows)
	Sort(rows)
	if err := w.Write(rows); err != nil {
		return errors.Join(err, w.Discard())
	}
	return w.Close()
}

// Writer makes a file of rows that come in their table's order, any number of
// them in the memory of one row group. Until Close the file is not there; then
// it is whole. Close or Discard ends a Writer, and only one of the two.
type Writer[T Row] struct {
	path    string
	file    *sharedFile
	out     *parquet.GenericWriter[T]
	compare func(a, b *T) int
	last    T
	rows    int64
	copied  int64 // rows at the head that came by copy
}

// Form is what a file is made for.
type Form struct {
	Small bool            // it has few rows, or many like it are written at a time: buffers are small
	Group int             // rows of a row group, at most; 0 is GroupRows
	Day   *parquet.Schema // of a day of the lake, which stores some columns otherwise (docs/decisions/0015); nil for what a vantage point sends
}

// Create begins the file at path, whose folder must exist; its temporary file
// lies beside it and starts with a dot. It has the columns of the newest schema.
func Create[T Row](path string, meta Metadata, as Form) (*Writer[T], error) {
	pairs, err := meta.pairs()
	if err != nil {
		return nil, fmt.Errorf("write %s: %w", path, err)
	}
	pending, err := renameio.NewPendingFile(path, renameio.WithTempDir(filepath.Dir(path)), renameio.WithPermissions(0o644))
	if err != nil {
		return nil, fmt.Errorf("write %s: %w", path, err)
	}
	f := &sharedFile{PendingFile: pending}
	codec, page, schema := compress.Codec(&DayCodec), pageSize, as.Day
	if as.Small {
		codec, page = &smallCodec, smallPage
	}
	if schema == nil {
		schema = SchemaOf(TableOf[T](), Schema())
	}
	options := []parquet.WriterOption{
		schema,
		parquet.Compression(codec),
		parquet.DataPageVersion(1),
		parquet.DataPageStatistics(true),   // left out, every page would claim that it has no nulls (v0.32.0)
		parquet.SkipPageBounds("response"), // the least of a page's wires tells nobody anything, and takes room
		parquet.SkipPageBounds("first_response"),
		parquet.MaxRowsPerRowGroup(int64(cmp.Or(as.Group, GroupRows))),
		parquet.PageBufferSize(page),
		parquet.CreatedBy("mtric", meta.Version, ""),
		parquet.SortingWriterConfig(sorting(TableOf[T]())),
	}
	for _, p := range pairs {
		options = append(options, parquet.KeyValueMetadata(p[0], p[1]))
	}
	return &Writer[T]{path: path, file: f, compare: Order[T](), out: parquet.NewGenericWriter[T](struct{ io.Writer }{f}, options...)}, nil
}

// Write appends rows; one that comes before an earlier one by the table's key is
// an error, for readers count on the order.
func (w *Writer[T]) Write(rows []T) error {
	for i := range rows {
		before := &w.last
		if i > 0 {
			before = &rows[i-1]
		}
		if w.rows > w.copied && w.compare(before, &rows[i]) > 0 {
			return fmt.Errorf("write %s: row %d is out of order", w.path, w.rows)
		}
		w.rows++
	}
	if len(rows) > 0 {
		w.last = rows[len(rows)-1]
	}
	for len(rows) > 0 {
		n := alike(rows)
		if _, err := w.out.Write(rows[:n]); err != nil {
			return fmt.Errorf("write %s: %w", w.path, err)
		}
		rows = rows[n:]
	}
	return nil
}

// alike is how many rows at the head have a response or have none, all of them, and so the
// first response. The library takes a null for an empty value in some mixtures: in its
// search for runs of nulls (v0.32.0, writeRowsFuncOfOptional) it stops at the wrong bit.
// Only byte arrays are concerned, which are optional without being pointers.
func alike[T Row](rows []T) int {
	answers, ok := any(rows).([]measurement.Answer)
	if !ok {
		return len(rows)
	}
	n, first := 1, &answers[0]
	for n < len(answers) && (answers[n].Response == nil) == (first.Response == nil) && (answers[n].FirstResponse == nil) == (first.FirstResponse == nil) {
		n++
	}
	return n
}

// Copies reports whether the row groups of a file can be copied as they are: they are of
// the newest schema, and stored as this one's.
func (w *Writer[T]) Copies(f *File) bool {
	return f.Current() && parquet.EqualNodes(w.out.Schema(), f.File.Schema())
}

// Copy appends a row group of another file of the table as it is, mostly of the one that
// is to be replaced; the caller knows that its rows come before all that follow.
func (w *Writer[T]) Copy(g RowGroup) error {
	if w.rows == 0 {
		if err := w.file.begin(w.path); err != nil {
			return err
		}
	}
	n, err := w.out.WriteRowGroup(g.RowGroup)
	w.rows += n
	w.copied = w.rows
	return err
}

// Close publishes the file under its name.
func (w *Writer[T]) Close() error { return w.Publish(nil) }

// Publish finishes the file, has it checked where check is not nil, and gives it
// its name.
func (w *Writer[T]) Publish(check func(path string) error) error {
	err := w.out.Close()
	if err == nil {
		err = w.file.end()
	}
	if err == nil && check != nil {
		err = check(w.file.Name())
	}
	if err != nil {
		return fmt.Errorf("write %s: %w", w.path, errors.Join(err, w.file.Cleanup()))
	}
	if err := w.file.CloseAtomicallyReplace(); err != nil {
		return fmt.Errorf("write %s: %w", w.path, errors.Join(err, w.file.Cleanup()))
	}
	return files.SyncDir(filepath.Dir(w.path))
}

// Flush ends the row group.
func (w *Writer[T]) Flush() error { return w.out.Flush() }

// Discard gives the file up; whatever was there under its name stays.
func (w *Writer[T]) Discard() error {
	if err := w.file.Cleanup(); err != nil {
		return fmt.Errorf("write %s: %w", w.path, err)
	}
	return nil
}
