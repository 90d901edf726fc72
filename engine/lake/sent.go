package lake

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/format"

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
	maxSentBytes    = 8 << 20 // all pages of a file, uncompressed
	maxSentElements = 1 << 18 // of all lists in a column of a file
	maxSentParts    = 100     // columns, nodes of the schema, entries of metadata
	maxSentText     = 4 << 10 // of an entry of metadata: a runs row has some 400 bytes
)

// ReadSent reads a file that a vantage point sent, and what it says of itself. It has
// at most so many rows. Its columns must be exactly those of the type, by name, type,
// order and whether they may be null. Of data nothing is kept.
func ReadSent[T Sent](data []byte, most int) (s *Sheet[T], meta Metadata, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("damaged Parquet: %v", r)
		}
	}()
	body, f, err := readFooter(data)
	if err != nil {
		return nil, meta, err
	}
	for _, p := range f.pairs {
		if len(p[0])+len(p[1]) > maxSentText {
			return nil, meta, fmt.Errorf("metadata %.40q of %d bytes, more than %d", p[0], len(p[1]), maxSentText)
		}
	}
	table, shape := tableOf[T](), shapeOf(tableOf[T]())
	if err := f.sameSchema(shape); err != nil {
		return nil, meta, fmt.Errorf("not a file of %s: %w", table, err)
	}
	if meta, err = parseMetadata(f.lookup, false); err != nil {
		return nil, meta, err
	}
	if f.rows < 0 || f.rows > int64(most) {
		return nil, meta, fmt.Errorf("claims %d rows, more than %d", f.rows, most)
	}
	switch {
	case f.groups > 1:
		return nil, meta, fmt.Errorf("%d rows in %d row groups, want one", f.rows, f.groups)
	case f.group.rows != f.rows:
		return nil, meta, fmt.Errorf("damaged Parquet: %d rows, and %d in its row group", f.rows, f.group.rows)
	}
	s = &Sheet[T]{rows: int(f.rows)}
	if f.rows > 0 {
		if err := s.expand(body, f.group.columns, shape); err != nil {
			return nil, meta, err
		}
	}
	return s, meta, nil
}

// shape is what the files of a table look like.
type shape struct {
	schema   []byte // as the footer has it
	elements []element
	fields   []field
	leaves   []leaf
	numbers  int // of the flat columns
}

// leaf is a column that has values of its own.
type leaf struct {
	path        string
	physical    format.Type
	kind        kind
	most, lists int // highest levels of definition and of repetition
}

var (
	answersShape = sync.OnceValue(func() *shape { return newShape[measurement.Answer]() })
	routesShape  = sync.OnceValue(func() *shape { return newShape[measurement.Route]() })
)

func shapeOf(t Table) *shape {
	if t == Routes {
		return routesShape()
	}
	return answersShape()
}

// newShape has the library write a file without rows, and takes the schema from it. It
// panics where that fails: a mistake of the program's, which every test shows.
func newShape[T Sent]() *shape {
	var b bytes.Buffer
	w := parquet.NewGenericWriter[T](&b)
	if err := w.Close(); err != nil {
		panic(err)
	}
	_, f, err := readFooter(b.Bytes())
	if err != nil {
		panic(err)
	}
	s := &shape{schema: f.schema, elements: f.elements(), fields: fieldsOf(tableOf[T]())}
	for _, f := range s.fields {
		if f.kind != listKind && f.kind != textKind && f.kind != binaryKind {
			s.numbers++
		}
	}
	schema := schemaOf(tableOf[T]())
	for _, path := range schema.Columns() {
		l, _ := schema.Lookup(path...)
		s.leaves = append(s.leaves, leaf{strings.Join(path, "."), format.Type(l.Node.Type().Kind()), kindOf(l.Node.Type()),
			l.MaxDefinitionLevel, l.MaxRepetitionLevel})
	}
	return s
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
	path             string
	physical         format.Type
	codec            format.CompressionCodec
	values           int64
	size             int64
	data, dictionary int64 // offsets; a dictionary's is 0 where there is none
	elsewhere        bool  // in another file
}

// readFooter returns what lies before the footer, and the footer.
func readFooter(data []byte) (body []byte, f *footer, err error) {
	size, err := footerSize(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		return nil, nil, err
	}
	end := len(data) - 8 - int(size)
	t := &thrift{buf: data[end : len(data)-8]}
	f = &footer{rows: -1}
	for m := (member{}); t.next(&m); {
		switch {
		case m.is(2, thriftList):
			from := t.buf
			t.skip(m.kind)
			f.schema = from[:len(from)-len(t.buf)]
		case m.is(3, thriftInt64):
			f.rows = t.integer()
		case m.is(4, thriftList):
			if f.groups, _ = t.list(); f.groups == 1 {
				f.group = readGroup(t)
				continue
			}
			for n := f.groups; n > 0 && !t.bad; n-- { // it is refused; the reason says how many
				t.skip(thriftStruct)
			}
		case m.is(5, thriftList):
			n, _ := t.list()
			if n > maxSentParts {
				t.fail()
			}
			for ; n > 0 && !t.bad; n-- {
				f.pairs = append(f.pairs, readPair(t))
			}
		default:
			t.skip(m.kind)
		}
	}
	if t.bad || len(t.buf) > 0 {
		return nil, nil, errors.New("damaged Parquet: the footer does not fit together")
	}
	return data[:end], f, nil
}

func readGroup(t *thrift) (g rowGroupHead) {
	for m := (member{}); t.next(&m); {
		switch {
		case m.is(1, thriftList):
			n, _ := t.list()
			if n > maxSentParts {
				t.fail()
			}
			g.columns = make([]chunk, 0, min(n, 64))
			for ; n > 0 && !t.bad; n-- {
				g.columns = append(g.columns, readChunk(t))
			}
		case m.is(3, thriftInt64):
			g.rows = t.integer()
		default:
			t.skip(m.kind)
		}
	}
	return g
}

func readChunk(t *thrift) (c chunk) {
	for m := (member{}); t.next(&m); {
		switch {
		case m.is(1, thriftBytes):
			c.elsewhere = len(t.bytes()) > 0
		case m.is(3, thriftStruct):
			c.read(t)
		default:
			t.skip(m.kind)
		}
	}
	return c
}

func (c *chunk) read(t *thrift) {
	for m := (member{}); t.next(&m); {
		switch {
		case m.is(1, thriftInt32):
			c.physical = format.Type(t.integer())
		case m.is(3, thriftList):
			n, _ := t.list()
			if n > thriftDepth {
				t.fail()
			}
			for i := 0; i < n && !t.bad; i++ {
				if name := t.bytes(); i == 0 {
					c.path = string(name)
				} else {
					c.path += "." + string(name)
				}
			}
		case m.is(4, thriftInt32):
			c.codec = format.CompressionCodec(t.integer())
		case m.is(5, thriftInt64):
			c.values = t.integer()
		case m.is(7, thriftInt64):
			c.size = t.integer()
		case m.is(9, thriftInt64):
			c.data = t.integer()
		case m.is(11, thriftInt64):
			c.dictionary = t.integer()
		default:
			t.skip(m.kind)
		}
	}
}

func readPair(t *thrift) (p [2][]byte) {
	for m := (member{}); t.next(&m); {
		switch {
		case m.is(1, thriftBytes), m.is(2, thriftBytes):
			p[m.id-1] = t.bytes()
		default:
			t.skip(m.kind)
		}
	}
	return p
}

// lookup finds the metadata of a key, the first.
func (f *footer) lookup(key string) (string, bool) {
	i := slices.IndexFunc(f.pairs, func(p [2][]byte) bool { return string(p[0]) == key })
	if i < 0 {
		return "", false
	}
	return string(f.pairs[i][1]), true
}
