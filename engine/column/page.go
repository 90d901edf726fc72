package column

import (
	"errors"

	"github.com/parquet-go/parquet-go/format"

	"mtric.net/mtric/engine/column/thrift"
)

// ErrDamaged is a page that is not what it says.
var ErrDamaged = errors.New("damaged page")

// PageHead is what stands before a page.
type PageHead struct {
	Kind          format.PageType
	Plain, Packed int64 // sizes
	Sum           int64 // CRC-32
	Values        int64
	Encoding      format.Encoding
	Levels        [2]format.Encoding // of definition and repetition
	levelBytes    int64              // version 2: of the levels, which are not compressed
	stored        bool               // version 2: nothing is
	told          [2]int             // where plain stands in the head, from and until
}

// ReadPageHead reads what stands before a page.
func ReadPageHead(t *thrift.Reader) (p PageHead) {
	p.Kind = -1
	from := t.At
	for m := (thrift.Member{}); t.Next(&m); {
		switch {
		case m.Is(1, thrift.Int32):
			p.Kind = format.PageType(t.Integer())
		case m.Is(2, thrift.Int32):
			p.told[0] = t.At - from
			p.Plain = t.Integer()
			p.told[1] = t.At - from
		case m.Is(3, thrift.Int32):
			p.Packed = t.Integer()
		case m.Is(4, thrift.Int32):
			p.Sum = t.Integer()
		case m.Is(5, thrift.Struct), m.Is(7, thrift.Struct):
			p.head(t)
		case m.Is(8, thrift.Struct):
			p.head2(t)
		default:
			t.Skip(m.Kind)
		}
	}
	return p
}

// head reads what a data page or a dictionary page has of its own.
func (p *PageHead) head(t *thrift.Reader) {
	p.Levels = [2]format.Encoding{format.RLE, format.RLE}
	for m := (thrift.Member{}); t.Next(&m); {
		switch {
		case m.Is(1, thrift.Int32):
			p.Values = t.Integer()
		case m.Is(2, thrift.Int32):
			p.Encoding = format.Encoding(t.Integer())
		case m.Is(3, thrift.Int32), m.Is(4, thrift.Int32):
			p.Levels[m.ID-3] = format.Encoding(t.Integer())
		default:
			t.Skip(m.Kind)
		}
	}
}

// head2 reads what a data page of version 2 has of its own.
func (p *PageHead) head2(t *thrift.Reader) {
	for m := (thrift.Member{}); t.Next(&m); {
		switch {
		case m.Is(5, thrift.Int32), m.Is(6, thrift.Int32):
			p.levelBytes += t.Integer()
		case m.ID == 7:
			p.stored = m.Kind == thrift.False
		default:
			t.Skip(m.Kind)
		}
	}
}
