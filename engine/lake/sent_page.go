package lake

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"slices"
	"sync"

	"github.com/klauspost/compress/zstd"
	"github.com/parquet-go/parquet-go/format"
)

// errDamaged is a page that is not what it says.
var errDamaged = errors.New("damaged page")

// page is the head of a page.
type page struct {
	kind          format.PageType
	plain, packed int64 // sizes
	sum           int64 // CRC-32
	values        int64
	encoding      format.Encoding
	levels        [2]format.Encoding // of definition and repetition
	levelBytes    int64              // version 2: of the levels, which are not compressed
	stored        bool               // version 2: nothing is
	told          [2]int             // where plain stands in the head, from and until
	body          []byte
}

// readPageHead reads what stands before a page.
func readPageHead(t *thrift) (p page) {
	p.kind = -1
	size := len(t.buf)
	for m := (member{}); t.next(&m); {
		switch {
		case m.is(1, thriftInt32):
			p.kind = format.PageType(t.integer())
		case m.is(2, thriftInt32):
			p.told[0] = size - len(t.buf)
			p.plain = t.integer()
			p.told[1] = size - len(t.buf)
		case m.is(3, thriftInt32):
			p.packed = t.integer()
		case m.is(4, thriftInt32):
			p.sum = t.integer()
		case m.is(5, thriftStruct), m.is(7, thriftStruct):
			p.head(t)
		case m.is(8, thriftStruct):
			p.head2(t)
		default:
			t.skip(m.kind)
		}
	}
	return p
}

// readPage takes a page from the head of a column chunk.
func readPage(t *thrift) (p page, err error) {
	p = readPageHead(t)
	if t.bad || p.packed < 0 || p.packed > int64(len(t.buf)) || p.plain < 0 || p.values < 0 {
		return p, errDamaged
	}
	p.body, t.buf = t.buf[:p.packed], t.buf[p.packed:]
	if uint32(p.sum) != crc32.ChecksumIEEE(p.body) {
		return p, errors.New("damaged page: it has another checksum, or none")
	}
	return p, nil
}

// head reads what a data page or a dictionary page has of its own.
func (p *page) head(t *thrift) {
	p.levels = [2]format.Encoding{format.RLE, format.RLE}
	for m := (member{}); t.next(&m); {
		switch {
		case m.is(1, thriftInt32):
			p.values = t.integer()
		case m.is(2, thriftInt32):
			p.encoding = format.Encoding(t.integer())
		case m.is(3, thriftInt32), m.is(4, thriftInt32):
			p.levels[m.id-3] = format.Encoding(t.integer())
		default:
			t.skip(m.kind)
		}
	}
}

// head2 reads what a data page of version 2 has of its own.
func (p *page) head2(t *thrift) {
	for m := (member{}); t.next(&m); {
		switch {
		case m.is(5, thriftInt32), m.is(6, thriftInt32):
			p.levelBytes += t.integer()
		case m.id == 7:
			p.stored = m.kind == thriftFalse
		default:
			t.skip(m.kind)
		}
	}
}

// unzip decompresses in memory that is bounded by the caller, who made it.
var unzip = sync.OnceValue(func() *zstd.Decoder {
	d, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(0), zstd.WithDecodeAllCapLimit(true), zstd.WithDecoderMaxMemory(maxSentBytes))
	if err != nil {
		panic(err) // of the options, which are constants
	}
	return d
})

// expand decompresses the page to the end of memory that is given.
func (p *page) expand(to []byte) ([]byte, error) {
	at, end := len(to), len(to)+int(p.plain)
	grown := slices.Grow(to, int(p.plain))
	out, err := unzip().DecodeAll(p.body, grown[:at:end])
	if err != nil || len(out) != end {
		return to, fmt.Errorf("%w: it does not decompress to the %d bytes that it claims", errDamaged, p.plain)
	}
	return grown[:end], nil
}

// hybrid fills all of values from runs of equal ones and of packed bits, each value of
// so many bits (Parquet's RLE).
func hybrid(values []int32, data []byte, width int) error {
	if width > 31 {
		return errDamaged
	}
	for len(values) > 0 {
		head, n := binary.Uvarint(data)
		if n <= 0 {
			return errDamaged
		}
		data = data[n:]
		if head&1 == 0 {
			size := (width + 7) / 8
			if head>>1 > uint64(len(values)) || size > len(data) {
				return errDamaged
			}
			var b [4]byte
			copy(b[:], data[:size])
			v := int32(binary.LittleEndian.Uint32(b[:]))
			for i := range values[:head>>1] {
				values[i] = v
			}
			values, data = values[head>>1:], data[size:]
			continue
		}
		groups := head >> 1
		if groups > uint64(len(values))/8+1 || groups*uint64(width) > uint64(len(data)) {
			return errDamaged
		}
		n = min(int(groups)*8, len(values))
		unpackBits(values[:n], data, width)
		values, data = values[n:], data[int(groups)*width:]
	}
	return nil
}

// unpackBits takes values out of packed bits, the lowest first.
func unpackBits(values []int32, data []byte, width int) {
	var held uint64
	bits := 0
	for i := range values {
		for bits < width {
			held |= uint64(data[0]) << bits
			data, bits = data[1:], bits+8
		}
		values[i] = int32(held & (1<<width - 1))
		held, bits = held>>width, bits-width
	}
}

// levelsOf reads levels, which have their length before them, and returns what follows.
func levelsOf(levels []int32, data []byte, most int) ([]byte, error) {
	if len(data) < 4 {
		return nil, errDamaged
	}
	n := binary.LittleEndian.Uint32(data)
	if data = data[4:]; uint64(n) > uint64(len(data)) {
		return nil, errDamaged
	}
	width := 1
	for most>>width > 0 {
		width++
	}
	if err := hybrid(levels, data[:n], width); err != nil {
		return nil, err
	}
	for _, l := range levels {
		if int(l) > most {
			return nil, errDamaged
		}
	}
	return data[n:], nil
}

// byteArrays yields values that have their length before them.
func byteArrays[S string | []byte](data S, yield func(S)) error {
	for len(data) > 0 {
		if len(data) < 4 {
			return errDamaged
		}
		size := uint64(data[0]) | uint64(data[1])<<8 | uint64(data[2])<<16 | uint64(data[3])<<24
		if data = data[4:]; size > uint64(len(data)) {
			return errDamaged
		}
		yield(data[:size])
		data = data[size:]
	}
	return nil
}
