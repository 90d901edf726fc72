package lake

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"slices"
	"time"
)

// A spool carries rows from one process of a run to the next: parcels, each the
// rows of one vantage point's interval. Its form is nobody else's business and may
// change with every version; Parquet would cost ten times as much.
//
//	parcel: length uint32 · interval · vantage point · rows · wires · the rows
//	wires:  length of all, and each response with its length
//
// Numbers are varints but for the first length.

// maxParcel bounds the memory that a spool asks for.
const maxParcel = 64 << 20

// Spool writes parcels. Close ends it.
type Spool[T Measured] struct {
	file *os.File
	out  *bufio.Writer
	buf  []byte
}

// CreateSpool begins a spool at path. It does not wait for the disk: a spool is of
// no use after its run.
func CreateSpool[T Measured](path string) (*Spool[T], error) {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, fmt.Errorf("spool: %w", err)
	}
	return &Spool[T]{file: f, out: bufio.NewWriterSize(f, 256<<10)}, nil
}

// Add writes the rows of one vantage point's interval, in their table's order.
// Parcels come in the order of intervals and vantage points.
func (s *Spool[T]) Add(rows []T) error {
	if len(rows) == 0 {
		return nil
	}
	at, vp := groupOf(&rows[0])
	c := codec{buf: append(s.buf[:0], 0, 0, 0, 0), interval: at.UTC(), vp: vp}
	count := int64(len(rows))
	micros := at.UnixMicro()
	number(&c, &micros)
	text(&c, &vp)
	number(&c, &count)
	c.wires(rows)
	for i := range rows {
		row(&c, &rows[i])
	}
	s.buf = c.buf
	if len(c.buf)-4 > maxParcel {
		return fmt.Errorf("spool: %s at %s: %d bytes", vp, at.Format(time.RFC3339), len(c.buf))
	}
	binary.LittleEndian.PutUint32(c.buf, uint32(len(c.buf)-4))
	if _, err := s.out.Write(c.buf); err != nil {
		return fmt.Errorf("spool: %w", err)
	}
	return nil
}

// Close ends the spool.
func (s *Spool[T]) Close() error {
	if err := errors.Join(s.out.Flush(), s.file.Close()); err != nil {
		return fmt.Errorf("spool: %w", err)
	}
	return nil
}

// sizeOfAll is how large the spools are that can be read.
func sizeOfAll(paths []string) (size int) {
	for _, path := range paths {
		if info, err := os.Stat(path); err == nil {
			size += int(info.Size())
		}
	}
	return size
}

// parcel is one of a spool's, read.
type parcel[T Measured] struct {
	interval time.Time
	count    int
	size     int      // bytes
	wires    [][]byte // valid until the next parcel
	rows     []T      // nil where they were not asked for
}

// parcels yields the parcels of a spool, with their rows or without. An error ends
// it.
func parcels[T Measured](path string, whole bool) iter.Seq2[parcel[T], error] {
	return func(yield func(parcel[T], error) bool) {
		f, err := os.Open(path)
		if err != nil {
			yield(parcel[T]{}, fmt.Errorf("spool: %w", err))
			return
		}
		defer f.Close()
		in := bufio.NewReaderSize(f, 256<<10)
		c := codec{reading: true, texts: map[string]*string{}}
		var body []byte
		for {
			p, err := nextParcel[T](in, &body, &c, whole)
			if errors.Is(err, io.EOF) {
				return
			}
			if err != nil {
				yield(p, fmt.Errorf("spool %s: %w", path, err))
				return
			}
			if !yield(p, nil) {
				return
			}
		}
	}
}

func nextParcel[T Measured](in *bufio.Reader, body *[]byte, c *codec, whole bool) (p parcel[T], err error) {
	var head [4]byte
	if _, err := io.ReadFull(in, head[:]); err != nil {
		return p, err // io.EOF is the end
	}
	n := int(binary.LittleEndian.Uint32(head[:]))
	if n > maxParcel {
		return p, fmt.Errorf("claims a parcel of %d bytes", n)
	}
	if whole {
		c.buf = make([]byte, n) // the rows' responses lie in it
	} else {
		*body = slices.Grow((*body)[:0], n)
		c.buf = (*body)[:n]
	}
	if _, err := io.ReadFull(in, c.buf); err != nil {
		return p, fmt.Errorf("cut short: %v", err) // not %w: an end within a parcel is no end
	}
	var micros, count int64
	number(c, &micros)
	text(c, &c.vp)
	number(c, &count)
	c.interval = time.UnixMicro(micros).UTC()
	p.interval = c.interval
	if c.bad || count <= 0 || count > int64(n) {
		return p, errParcel
	}
	p.count, p.size = int(count), n
	if p.wires = c.cut(p.count); whole && !c.bad {
		p.rows = make([]T, p.count)
		for i := range p.rows {
			row(c, &p.rows[i])
		}
		c.bad = c.bad || len(c.buf) > 0 || c.next != len(c.wire)
	}
	if c.bad {
		return p, errParcel
	}
	return p, nil
}

var errParcel = errors.New("damaged parcel")
