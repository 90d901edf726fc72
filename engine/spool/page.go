package spool

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"math/bits"
	"slices"
	"sync"

	"github.com/klauspost/compress/zstd"

	"mtric.net/mtric/engine/column"
	"mtric.net/mtric/engine/column/thrift"
)

// page is a page and what stands before it.
type page struct {
	column.PageHead
	body []byte
}

// readPage takes a page from the head of a column chunk.
func readPage(t *thrift.Reader) (p page, err error) {
	p.PageHead = column.ReadPageHead(t)
	if t.Bad || p.Packed < 0 || p.Packed > int64(t.Left()) || p.Plain < 0 || p.Values < 0 {
		return p, column.ErrDamaged
	}
	p.body = t.Take(int(p.Packed))
	if uint32(p.Sum) != crc32.ChecksumIEEE(p.body) {
		return p, errors.New("damaged page: it has another checksum, or none")
	}
	return p, nil
}

// unzip decompresses in memory that is bounded by the caller, who made it.
var unzip = sync.OnceValue(func() *zstd.Decoder {
	d, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(0), zstd.WithDecodeAllCapLimit(true), zstd.WithDecoderMaxMemory(maxSentBytes))
	if err != nil {
		panic(err) // of the options, which are constants
	}
	return d
})

// expand decompresses the page into memory that is given, and grown where it is too small.
func (p *page) expand(to []byte) ([]byte, error) {
	to = slices.Grow(to, int(p.Plain))
	out, err := unzip().DecodeAll(p.body, to[:0:p.Plain])
	if err != nil || len(out) != int(p.Plain) {
		return to, fmt.Errorf("%w: it does not decompress to the %d bytes that it claims", column.ErrDamaged, p.Plain)
	}
	return to[:p.Plain], nil // with all its room
}

// hybrid fills all of values from runs of equal ones and of packed bits, each value of
// so many bits (Parquet's RLE).
func hybrid(values []int32, data []byte, width int) error {
	if width > 31 {
		return column.ErrDamaged
	}
	for len(values) > 0 {
		head, n := binary.Uvarint(data)
		if n <= 0 {
			return column.ErrDamaged
		}
		data = data[n:]
		if head&1 == 0 {
			size := (width + 7) / 8
			if head>>1 > uint64(len(values)) || size > len(data) {
				return column.ErrDamaged
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
			return column.ErrDamaged
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
		return nil, column.ErrDamaged
	}
	n := binary.LittleEndian.Uint32(data)
	if data = data[4:]; uint64(n) > uint64(len(data)) {
		return nil, column.ErrDamaged
	}
	if err := hybrid(levels, data[:n], bits.Len(uint(most))); err != nil {
		return nil, err
	}
	for _, l := range levels {
		if int(l) > most {
			return nil, column.ErrDamaged
		}
	}
	return data[n:], nil
}

// byteArrays yields values that have their length before them.
func byteArrays[S string | []byte](data S, yield func(S)) error {
	for len(data) > 0 {
		if len(data) < 4 {
			return column.ErrDamaged
		}
		size := uint64(data[0]) | uint64(data[1])<<8 | uint64(data[2])<<16 | uint64(data[3])<<24
		if data = data[4:]; size > uint64(len(data)) {
			return column.ErrDamaged
		}
		yield(data[:size])
		data = data[size:]
	}
	return nil
}
