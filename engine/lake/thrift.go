package lake

import "encoding/binary"

// thrift reads Thrift's compact protocol, in which Parquet writes its footer and the
// heads of its pages. What it reads may be made to harm: nothing is allocated for what
// is claimed, and what does not fit makes it bad and empty.
type thrift struct {
	buf []byte
	bad bool
}

// The kinds of values that Parquet uses, of those the protocol has.
const (
	thriftTrue   = 1
	thriftFalse  = 2
	thriftByte   = 3
	thriftInt16  = 4
	thriftInt32  = 5
	thriftInt64  = 6
	thriftDouble = 7
	thriftBytes  = 8
	thriftList   = 9
	thriftSet    = 10
	thriftStruct = 12
)

// thriftDepth is how deep structures may lie in each other; Parquet's lie five deep.
const thriftDepth = 16

// member is the head of a structure's next member. Its zero value is before the first.
type member struct {
	id   int16
	kind byte
}

func (m member) is(id int16, kind byte) bool { return m.id == id && m.kind == kind }

func (t *thrift) fail() { t.bad, t.buf = true, nil }

func (t *thrift) byte() byte {
	if len(t.buf) == 0 {
		t.fail()
		return 0
	}
	b := t.buf[0]
	t.buf = t.buf[1:]
	return b
}

func (t *thrift) unsigned() uint64 {
	v, n := binary.Uvarint(t.buf)
	if n <= 0 {
		t.fail()
		return 0
	}
	t.buf = t.buf[n:]
	return v
}

// integer reads a number of any width.
func (t *thrift) integer() int64 {
	v := t.unsigned()
	return int64(v>>1) ^ -int64(v&1)
}

// bytes are of the buffer's own memory.
func (t *thrift) bytes() []byte {
	n := t.unsigned()
	if n > uint64(len(t.buf)) {
		t.fail()
		return nil
	}
	b := t.buf[:n:n]
	t.buf = t.buf[n:]
	return b
}

// list reads the head of a list. Each element takes a byte at least.
func (t *thrift) list() (n int, kind byte) {
	head := t.byte()
	size := uint64(head >> 4)
	if size == 15 {
		size = t.unsigned()
	}
	if size > uint64(len(t.buf)) {
		t.fail()
		return 0, 0
	}
	return int(size), head & 15
}

// next reads the head of a structure's next member, and reports whether there is one.
// Members come in order of their numbers, each once: nothing can be told again and again.
func (t *thrift) next(m *member) bool {
	head := t.byte()
	if m.kind = head & 15; m.kind == 0 {
		return false
	}
	before := m.id
	if step := int16(head >> 4); step > 0 {
		m.id += step
	} else {
		m.id = int16(t.integer())
	}
	if m.id <= before {
		t.fail()
	}
	return !t.bad
}

// skip passes over a value.
func (t *thrift) skip(kind byte) { t.pass(kind, thriftDepth) }

func (t *thrift) pass(kind byte, depth int) {
	if depth == 0 {
		t.fail()
	}
	switch kind {
	case thriftTrue, thriftFalse: // the head says it all
	case thriftByte:
		t.byte()
	case thriftInt16, thriftInt32, thriftInt64:
		t.unsigned()
	case thriftDouble:
		if len(t.buf) < 8 {
			t.fail()
			return
		}
		t.buf = t.buf[8:]
	case thriftBytes:
		t.bytes()
	case thriftList, thriftSet:
		n, of := t.list()
		for ; n > 0 && !t.bad; n-- {
			if of == thriftTrue || of == thriftFalse {
				t.byte() // in a list a truth has a byte of its own
			} else {
				t.pass(of, depth-1)
			}
		}
	case thriftStruct:
		for m := (member{}); t.next(&m) && !t.bad; {
			t.pass(m.kind, depth-1)
		}
	default: // Parquet has no maps
		t.fail()
	}
}
