package lake

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/google/renameio/v2"
	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/compress/zstd"

	"mtric.net/mtric/engine/measurement"
)

// A day of twenty vantage points is one row group: a wire is mostly signatures
// that hundreds of others in its day carry as well, and only within the one
// dictionary page of a row group can they be told once (76 bytes an answer in
// pages of their own, 19 so). It bounds the memory of a writer and of a scan.
const (
	rowGroup  = 1 << 19
	pageSize  = 1 << 20
	smallPage = 64 << 10 // of a vantage point's file: buffers are made at a page's size
	smallFile = 4096     // rows
)

// A day is compressed twice as slowly as by default and takes a quarter less; for
// a small file that would be 1 % of its size for most of the time of writing it.
var (
	dayCodec   = zstd.Codec{Level: zstd.SpeedBetterCompression}
	smallCodec = zstd.Codec{Level: zstd.SpeedFastest}
)

// Write makes the file at path out of rows, in their table's order: whole under
// its name, or not there. The temporary file beside it starts with a dot.
func Write[T Row](path string, rows []T, meta Metadata) error {
	page := pageSize
	if len(rows) < smallFile {
		page = smallPage
	}
	w, err := create[T](path, meta, form{page: page, group: rowGroup})
	if err != nil {
		return err
	}
	rows = slices.Clone(rows)
	sortRows(rows)
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
	file    *renameio.PendingFile
	out     *parquet.GenericWriter[T]
	compare func(a, b *T) int
	last    T
	rows    int64
	copied  int64  // rows at the head that came by copy
	wires   *wires // nil but for a day of answers
}

// Create begins the file at path, whose folder must exist; its temporary file
// lies beside it and starts with a dot.
func Create[T Row](path string, meta Metadata) (*Writer[T], error) {
	return create[T](path, meta, form{page: pageSize, group: rowGroup, day: true})
}

// form is what a file is made for.
type form struct {
	page  int  // bytes of a page
	group int  // rows of a row group, at most
	room  int  // bytes of wires that are to come, about
	day   bool // of the lake, and not what a vantage point sends (docs/decisions/0015)
}

func create[T Row](path string, meta Metadata, as form) (*Writer[T], error) {
	pairs, err := meta.pairs()
	if err != nil {
		return nil, fmt.Errorf("write %s: %w", path, err)
	}
	f, err := renameio.NewPendingFile(path, renameio.WithTempDir(filepath.Dir(path)), renameio.WithPermissions(0o644))
	if err != nil {
		return nil, fmt.Errorf("write %s: %w", path, err)
	}
	codec := &dayCodec
	if as.page == smallPage {
		codec = &smallCodec
	}
	options := []parquet.WriterOption{
		parquet.Compression(codec),
		parquet.DataPageVersion(1),
		parquet.DataPageStatistics(true),   // left out, every page would claim that it has no nulls (v0.32.0)
		parquet.SkipPageBounds("response"), // the least of a page's wires tells nobody anything, and takes room
		parquet.MaxRowsPerRowGroup(int64(as.group)),
		parquet.PageBufferSize(as.page),
		parquet.CreatedBy("mtric", meta.Version, ""),
		parquet.SortingWriterConfig(sorting(tableOf[T]())),
	}
	for _, p := range pairs {
		options = append(options, parquet.KeyValueMetadata(p[0], p[1]))
	}
	w := &Writer[T]{path: path, file: f, compare: order[T]()}
	if as.day && tableOf[T]() == Answers {
		w.wires = &wires{room: as.room}
		options = append(options, daySchema(w.wires))
	}
	w.out = parquet.NewGenericWriter[T](f, options...)
	return w, nil
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

// alike is how many rows at the head have a response or have none, all of them.
// The library takes a null for an empty value in some mixtures: in its search
// for runs of nulls (v0.32.0, writeRowsFuncOfOptional) it stops at the wrong bit.
// Only columns that are optional without being pointers are concerned.
func alike[T Row](rows []T) int {
	answers, ok := any(rows).([]measurement.Answer)
	if !ok {
		return len(rows)
	}
	n := 1
	for n < len(answers) && (answers[n].Response == nil) == (answers[0].Response == nil) {
		n++
	}
	return n
}

// copy appends a row group of another file of the table as it is; the caller
// knows that its rows come before all that follow.
func (w *Writer[T]) copy(g parquet.RowGroup) error {
	n, err := w.out.WriteRowGroup(g)
	w.rows += n
	w.copied = w.rows
	return err
}

// Close publishes the file under its name.
func (w *Writer[T]) Close() error { return w.publish(nil) }

// publish finishes the file, has it checked where check is not nil, and gives it
// its name.
func (w *Writer[T]) publish(check func(path string) error) error {
	err := w.out.Close()
	if err == nil && check != nil {
		err = check(w.file.Name())
	}
	if err != nil {
		return fmt.Errorf("write %s: %w", w.path, errors.Join(err, w.file.Cleanup()))
	}
	if err := w.file.CloseAtomicallyReplace(); err != nil {
		return fmt.Errorf("write %s: %w", w.path, errors.Join(err, w.file.Cleanup()))
	}
	return syncDir(filepath.Dir(w.path))
}

// Discard gives the file up; whatever was there under its name stays.
func (w *Writer[T]) Discard() error {
	if err := w.file.Cleanup(); err != nil {
		return fmt.Errorf("write %s: %w", w.path, err)
	}
	return nil
}

// syncDir makes a rename in the folder survive a loss of power.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
