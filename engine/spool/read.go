package spool

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"sync"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/format"

	"mtric.net/mtric/engine/column"
	"mtric.net/mtric/engine/column/thrift"
	"mtric.net/mtric/engine/measurement"
)

// A vantage point's file is small, made by mtric, and must be taken for hostile. The
// library that reads all other Parquet takes what a damaged page claims at its word,
// and needs four times as long for a file of 65 rows (docs/decisions/0015). Here is
// what reads such a file and no other: pages of version 1, zstd, plain or by
// dictionary, one row group. What it allocates is bounded, whatever the file claims.

// Sent is a type of rows that vantage points send.
type Sent interface {
	measurement.Answer | measurement.Route
}

const (
	maxSentBytes = 8 << 20 // all pages of a file, uncompressed
	maxSentFile  = math.MaxInt32
	maxSentParts = 100     // columns, nodes of the schema, entries of metadata
	maxSentText  = 4 << 10 // of an entry of metadata: a runs row has some 400 bytes
)

// Read reads a file that a vantage point sent: its rows, and what it says of itself. It
// has at most so many rows. Its columns must be exactly those of the type in the schema
// that it says it has, by name, type, order and whether they may be null. All of it was
// seen to be whole when Read returns. Read keeps no reference to data. File reads it again.
func Read[T Sent](data []byte, most int) (rows []T, meta column.Metadata, file File[T], err error) {
	defer orNone(&rows, &err)
	f := footers.Get().(*footer)
	defer f.letGo()
	body, err := f.read(data)
	if err == nil && int64(len(data)) > maxSentFile {
		err = fmt.Errorf("%d bytes, more than %d", len(data), int64(maxSentFile))
	}
	if err == nil {
		meta, err = f.metadata()
	}
	if err != nil {
		return nil, meta, file, err
	}
	table, shape := column.TableOf[T](), shapeOf(column.TableOf[T](), meta.Schema)
	if shape == nil {
		return nil, meta, file, fmt.Errorf("metadata %s is missing", column.KeySchema)
	}
	if err := f.sameSchema(shape); err != nil {
		return nil, meta, file, fmt.Errorf("not a file of %s of schema %d: %w", table, meta.Schema, err)
	}
	switch {
	case f.rows < 0 || f.rows > int64(most):
		return nil, meta, file, fmt.Errorf("claims %d rows, more than %d", f.rows, most)
	case f.groups > 1:
		return nil, meta, file, fmt.Errorf("%d rows in %d row groups, want one", f.rows, f.groups)
	case f.group.rows != f.rows:
		return nil, meta, file, fmt.Errorf("damaged Parquet: %d rows, and %d in its row group", f.rows, f.group.rows)
	case f.rows > 0:
		if rows, err = rowsOf[T](body, f.group, shape); err == nil {
			file = fileOf[T](f.group, shape)
		}
	}
	return rows, meta, file, err
}

// orNone leaves no rows where there is an error, or what was read broke the reader.
func orNone[T Sent](rows *[]T, err *error) {
	if r := recover(); r != nil {
		*err = fmt.Errorf("damaged Parquet: %v", r)
	}
	if *err != nil {
		*rows = nil
	}
}

// File is where the columns of a file lie that was read, in little memory. The zero value
// is of a file without rows.
type File[T Sent] struct {
	of      *shape
	rows    int64
	columns []place
}

// place is where the pages of a leaf lie, of a file that was found to be in order.
type place struct{ begin, size, values int32 }

func fileOf[T Sent](g rowGroupHead, of *shape) File[T] {
	f := File[T]{of, g.rows, make([]place, len(g.columns))}
	for i := range g.columns {
		c := &g.columns[i]
		f.columns[i] = place{int32(c.begin()), int32(c.size), int32(c.values)}
	}
	return f
}

// Rows reads the rows again, of the same bytes, with the checks of Read but for those of
// the footer, which takes a quarter of the time.
func (f File[T]) Rows(data []byte) (rows []T, err error) {
	if f.rows == 0 {
		return nil, nil
	}
	defer orNone(&rows, &err)
	head := footers.Get().(*footer)
	defer head.letGo()
	head.group.rows = f.rows
	for i, p := range f.columns {
		l := &f.of.leaves[i]
		head.group.columns = append(head.group.columns, chunk{path: l.names, physical: l.physical, codec: format.Zstd,
			data: int64(p.begin), size: int64(p.size), values: int64(p.values)})
	}
	return rowsOf[T](data, head.group, f.of)
}

// shape is what the files of a table look like.
type shape struct {
	schema   []byte // as the footer has it
	elements []element
	fields   []column.Field
	leaves   []leaf
	decoders sync.Pool // of its files
}

// leaf is a column that has values of its own.
type leaf struct {
	path        string
	names       []byte // the path as Thrift has it
	physical    format.Type
	kind        column.Kind
	most, lists int   // highest levels of definition and of repetition
	begin       int   // of a list: the level from which on there is an element
	elements    int64 // of a list: how many a file has at most, of all its rows
}

// maxElements is how many elements the lists of a column may have in a file, by what
// ingest takes (engine/ingest): they are counted before anything is made of them.
var maxElements = map[string]int64{
	"failures": 1 << 10, "extra": measurement.MaxExtras * measurement.MaxExtraRows, "hops": 8 << 10, "hop_replies": 8 << 10,
}

// shapes are what files of each schema look like: one form for each number.
var shapes = sync.OnceValue(func() map[column.Table][]*shape {
	all := map[column.Table][]*shape{}
	for number := 1; number <= column.Schema(); number++ {
		all[column.Answers] = append(all[column.Answers], newShape[measurement.Answer](number))
		all[column.Routes] = append(all[column.Routes], newShape[measurement.Route](number))
	}
	return all
})

// shapeOf is nil where there is no such schema.
func shapeOf(t column.Table, number int) *shape {
	if of := shapes()[t]; number >= 1 && number <= len(of) {
		return of[number-1]
	}
	return nil
}

// newShape has the library write a file without rows, and takes the schema from it. It
// panics where that fails: a mistake of the program's, which every test shows.
func newShape[T Sent](number int) *shape {
	var b bytes.Buffer
	table := column.TableOf[T]()
	schema := column.SchemaOf(table, number)
	w := parquet.NewGenericWriter[T](&b, schema)
	if err := w.Close(); err != nil {
		panic(err)
	}
	f := new(footer)
	if _, err := f.read(b.Bytes()); err != nil {
		panic(err)
	}
	s := &shape{schema: f.schema, elements: f.elements(), fields: column.FieldsOf(table, number)}
	paths := schema.Columns()
	for _, f := range s.fields {
		begin := 1
		if f.Nullable {
			begin = 2
		}
		parts := max(len(f.Elem), 1)
		for _, path := range paths[:parts] {
			l, _ := schema.Lookup(path...)
			s.leaves = append(s.leaves, leaf{strings.Join(path, "."), thriftOf(path), format.Type(l.Node.Type().Kind()), column.KindOf(l.Node.Type()),
				l.MaxDefinitionLevel, l.MaxRepetitionLevel, begin, maxElements[f.Name]})
		}
		paths = paths[parts:]
	}
	return s
}

// thriftOf is a list of few and short names as Thrift has it.
func thriftOf(names []string) []byte {
	list := []byte{byte(len(names))<<4 | thrift.Bytes}
	for _, name := range names {
		list = append(append(list, byte(len(name))), name...)
	}
	return list
}

// footer is what a file says of itself.
type footer struct {
	schema []byte // a list of elements
	rows   int64
	groups int
	group  rowGroupHead // the only one
	pairs  [][2][]byte
}

type rowGroupHead struct {
	rows    int64
	columns []chunk
}

// chunk is where a column's pages lie, dictionary and data.
type chunk struct {
	path             []byte // its names, as Thrift has them
	physical         format.Type
	codec            format.CompressionCodec
	values           int64
	size             int64
	data, dictionary int64 // offsets; a dictionary's is 0 where there is none
	elsewhere        bool  // in another file
}

// footers are used again: each has memory for its columns.
var footers = sync.Pool{New: func() any { return new(footer) }}

// letGo gives a footer back, without what refers to the file.
func (f *footer) letGo() {
	clear(f.group.columns)
	clear(f.pairs)
	*f = footer{group: rowGroupHead{columns: f.group.columns[:0]}, pairs: f.pairs[:0]}
	footers.Put(f)
}

// read reads the footer of a file, and returns what lies before it.
func (f *footer) read(data []byte) (body []byte, err error) {
	size, err := column.FooterSize(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		return nil, err
	}
	end := len(data) - 8 - int(size)
	t := &thrift.Reader{Buf: data[end : len(data)-8]}
	f.rows = -1
	for m := (thrift.Member{}); t.Next(&m); {
		switch {
		case m.Is(2, thrift.List):
			from := t.At
			t.Skip(m.Kind)
			f.schema = t.Buf[from:t.At]
		case m.Is(3, thrift.Int64):
			f.rows = t.Integer()
		case m.Is(4, thrift.List):
			if f.groups, _ = t.List(); f.groups == 1 {
				f.group.read(t)
				continue
			}
			for n := f.groups; n > 0 && !t.Bad; n-- { // it is refused; the reason says how many
				t.Skip(thrift.Struct)
			}
		case m.Is(5, thrift.List):
			t.Each(maxSentParts, func() { f.pairs = append(f.pairs, readPair(t)) })
		default:
			t.Skip(m.Kind)
		}
	}
	if t.Bad || t.Left() > 0 {
		return nil, errors.New("damaged Parquet: the footer does not fit together")
	}
	return data[:end], nil
}

func (g *rowGroupHead) read(t *thrift.Reader) {
	for m := (thrift.Member{}); t.Next(&m); {
		switch {
		case m.Is(1, thrift.List):
			t.Each(maxSentParts, func() { g.columns = append(g.columns, readChunk(t)) })
		case m.Is(3, thrift.Int64):
			g.rows = t.Integer()
		default:
			t.Skip(m.Kind)
		}
	}
}

func readChunk(t *thrift.Reader) (c chunk) {
	for m := (thrift.Member{}); t.Next(&m); {
		switch {
		case m.Is(1, thrift.Bytes):
			c.elsewhere = len(t.Bytes()) > 0
		case m.Is(3, thrift.Struct):
			c.read(t)
		default:
			t.Skip(m.Kind)
		}
	}
	return c
}

func (c *chunk) read(t *thrift.Reader) {
	for m := (thrift.Member{}); t.Next(&m); {
		switch {
		case m.Is(1, thrift.Int32):
			c.physical = format.Type(t.Integer())
		case m.Is(3, thrift.List):
			from := t.At
			t.Skip(m.Kind)
			c.path = t.Buf[from:t.At]
		case m.Is(4, thrift.Int32):
			c.codec = format.CompressionCodec(t.Integer())
		case m.Is(5, thrift.Int64):
			c.values = t.Integer()
		case m.Is(7, thrift.Int64):
			c.size = t.Integer()
		case m.Is(9, thrift.Int64):
			c.data = t.Integer()
		case m.Is(11, thrift.Int64):
			c.dictionary = t.Integer()
		default:
			t.Skip(m.Kind)
		}
	}
}

func readPair(t *thrift.Reader) (p [2][]byte) {
	for m := (thrift.Member{}); t.Next(&m); {
		switch {
		case m.Is(1, thrift.Bytes), m.Is(2, thrift.Bytes):
			p[m.ID-1] = t.Bytes()
		default:
			t.Skip(m.Kind)
		}
	}
	return p
}

// metadata is what the file says of itself in its pairs.
func (f *footer) metadata() (m column.Metadata, err error) {
	for _, p := range f.pairs {
		if len(p[0])+len(p[1]) > maxSentText {
			return m, fmt.Errorf("metadata %.40q of %d bytes, more than %d", p[0], len(p[1]), maxSentText)
		}
	}
	return column.ParseMetadata(f.lookup)
}

// lookup finds the metadata of a key, the first.
func (f *footer) lookup(key string) (string, bool) {
	i := slices.IndexFunc(f.pairs, func(p [2][]byte) bool { return string(p[0]) == key })
	if i < 0 {
		return "", false
	}
	return string(f.pairs[i][1]), true
}
