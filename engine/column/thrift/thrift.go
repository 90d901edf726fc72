// Package thrift reads Thrift's compact protocol, in which Parquet writes its footer and
// the heads of its pages. What it reads may be made to harm: nothing is allocated for
// what is claimed.
package thrift

import "encoding/binary"

// Reader reads Buf from At on. What does not fit makes it Bad, and At the end.
type Reader struct {
	Buf []byte
	At  int
	Bad bool
}

// Left is how many bytes are not read yet.
func (t *Reader) Left() int { return len(t.Buf) - t.At }

// The kinds of values that Parquet uses, of those the protocol has.
const (
	True   = 1
	False  = 2
	Byte   = 3
	Int16  = 4
	Int32  = 5
	Int64  = 6
	Double = 7
	Bytes  = 8
	List   = 9
	Set    = 10
	Struct = 12
)

// Depth is how deep structures may lie in each other; Parquet's lie five deep.
const Depth = 16

// Member is the head of a structure's next member. Its zero value is before the first.
type Member struct {
	ID   int16
	Kind byte
}

func (m Member) Is(id int16, kind byte) bool { return m.ID == id && m.Kind == kind }

func (t *Reader) Fail() { t.Bad, t.At = true, len(t.Buf) }

func (t *Reader) byte() byte {
	if t.At >= len(t.Buf) {
		t.Fail()
		return 0
	}
	b := t.Buf[t.At]
	t.At++
	return b
}

func (t *Reader) unsigned() uint64 {
	if t.At < len(t.Buf) && t.Buf[t.At] < 0x80 { // nearly all are of one byte
		t.At++
		return uint64(t.Buf[t.At-1])
	}
	v, n := binary.Uvarint(t.Buf[t.At:])
	if n <= 0 {
		t.Fail()
		return 0
	}
	t.At += n
	return v
}

// Integer reads a number of any width.
func (t *Reader) Integer() int64 {
	v := t.unsigned()
	return int64(v>>1) ^ -int64(v&1)
}

// Bytes are of the buffer's own memory.
func (t *Reader) Bytes() []byte {
	n := t.unsigned()
	if n > uint64(t.Left()) {
		t.Fail()
		return nil
	}
	return t.Take(int(n))
}

// Take takes so many bytes, which are there, as they are.
func (t *Reader) Take(n int) []byte {
	b := t.Buf[t.At : t.At+n : t.At+n]
	t.At += n
	return b
}

// List reads the head of a list. Each element takes a byte at least.
func (t *Reader) List() (n int, kind byte) {
	head := t.byte()
	size := uint64(head >> 4)
	if size == 15 {
		size = t.unsigned()
	}
	if size > uint64(t.Left()) {
		t.Fail()
		return 0, 0
	}
	return int(size), head & 15
}

// Each reads a list of at most so many elements, each by read.
func (t *Reader) Each(most int, read func()) {
	n, _ := t.List()
	if n > most {
		t.Fail()
	}
	for ; n > 0 && !t.Bad; n-- {
		read()
	}
}

// Next reads the head of a structure's next member, and reports whether there is one.
// Members come in order of their numbers, each once: nothing can be told again and again.
func (t *Reader) Next(m *Member) bool {
	head := t.byte()
	if m.Kind = head & 15; m.Kind == 0 {
		return false
	}
	before := m.ID
	if step := int16(head >> 4); step > 0 {
		m.ID += step
	} else {
		m.ID = int16(t.Integer())
	}
	if m.ID <= before {
		t.Fail()
	}
	return !t.Bad
}

// Skip passes over a value.
func (t *Reader) Skip(kind byte) { t.pass(kind, Depth) }

func (t *Reader) pass(kind byte, depth int) {
	if depth == 0 {
		t.Fail()
	}
	switch kind {
	case True, False: // the head says it all
	case Byte:
		t.byte()
	case Int16, Int32, Int64:
		t.unsigned()
	case Double:
		if t.Left() < 8 {
			t.Fail()
			return
		}
		t.At += 8
	case Bytes:
		t.Bytes()
	case List, Set:
		n, of := t.List()
		for ; n > 0 && !t.Bad; n-- {
			if of == True || of == False {
				t.byte() // in a list a truth has a byte of its own
			} else {
				t.pass(of, depth-1)
			}
		}
	case Struct:
		for m := (Member{}); t.Next(&m) && !t.Bad; {
			t.pass(m.Kind, depth-1)
		}
	default: // Parquet has no maps
		t.Fail()
	}
}
