package atlas

import (
	"bufio"
	"bytes"
	"compress/bzip2"
	"compress/gzip"
	"errors"
	"fmt"
	"io"

	"github.com/klauspost/compress/zstd"
)

// MaxLine bounds a result: a reply of 64 KiB over TCP is 90 KB of it.
const MaxLine = 1 << 20

// maxWindow bounds what a zstd stream may make its reader hold.
const maxWindow = 64 << 20

// Decompress reads a stream as its first bytes say: gzip, bzip2, zstd, or plain.
func Decompress(r io.Reader) (io.ReadCloser, error) {
	in := bufio.NewReaderSize(r, 1<<18)
	head, err := in.Peek(6)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	switch {
	case bytes.HasPrefix(head, []byte("\x1f\x8b")):
		z, err := gzip.NewReader(in)
		if err != nil {
			return nil, cutOff(err, 0)
		}
		return z, nil
	case bytes.HasPrefix(head, []byte("BZh")):
		return io.NopCloser(bzip2.NewReader(in)), nil
	case bytes.HasPrefix(head, []byte("\x28\xb5\x2f\xfd")), skippable(head):
		z, err := zstd.NewReader(in, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(maxWindow))
		if err != nil {
			return nil, err
		}
		return z.IOReadCloser(), nil
	}
	for _, other := range otherForms {
		if bytes.HasPrefix(head, []byte(other.head)) {
			return nil, fmt.Errorf("it is of the form %s: give it plain, or compressed by gzip, bzip2 or zstd", other.name)
		}
	}
	return io.NopCloser(in), nil
}

// skippable says whether a frame of zstd begins that holds no data; what compresses in
// several threads writes them.
func skippable(head []byte) bool {
	return len(head) >= 4 && head[0]&0xf0 == 0x50 && bytes.Equal(head[1:4], []byte("\x2a\x4d\x18"))
}

// otherForms are known, and not read: their lines would each be no result.
var otherForms = []struct{ head, name string }{{"\xfd7zXZ\x00", "xz"}, {"PK\x03\x04", "zip"}, {"7z\xbc\xaf", "7-Zip"}, {"\x04\x22\x4d\x18", "lz4"},
	{"PAR1", "Parquet"}, {"Obj\x01", "Avro"}, {"\xff\xfe", "UTF-16"}, {"\xfe\xff", "UTF-16"}}

// splitter hands out the results of a stream one by one: lines, or the elements of one
// array. A result that is too long is passed over and counted.
type splitter struct {
	in    *bufio.Reader
	array bool
	empty bool  // nothing is in it, not even an array of nothing
	long  int64 // results that were longer than MaxLine
	line  []byte
}

func newSplitter(r io.Reader) (*splitter, error) {
	s := &splitter{in: bufio.NewReaderSize(r, 1<<18)}
	_ = passMark(s.in) // an error comes again
	err := s.begin()
	if s.empty = errors.Is(err, io.EOF); s.empty {
		err = nil
	}
	return s, err
}

// passMark passes over the byte order mark that a text may begin with.
func passMark(in *bufio.Reader) error {
	mark, err := in.Peek(3)
	if string(mark) == "\ufeff" {
		_, err = in.Discard(len(mark))
	}
	if errors.Is(err, io.EOF) { // it is shorter
		return nil
	}
	return err
}

// begin looks whether lines follow or an array.
func (s *splitter) begin() error {
	for {
		b, err := s.in.ReadByte()
		if err != nil {
			return err
		}
		if b == ' ' || b == '\t' || b == '\r' || b == '\n' {
			continue
		}
		if s.array = b == '['; s.array {
			return nil
		}
		return s.in.UnreadByte()
	}
}

// next returns the next result, good until the call after; io.EOF ends them. A stream that
// breaks off ends with another error, and what was cut off is returned by nobody.
func (s *splitter) next() ([]byte, error) {
	if s.array {
		return s.element()
	}
	for {
		line, err := s.in.ReadSlice('\n')
		if errors.Is(err, bufio.ErrBufferFull) {
			line, err = s.longer(line)
		}
		if err != nil && !errors.Is(err, io.EOF) {
			return nil, err
		}
		if line = bytes.TrimSpace(line); len(line) > 0 {
			return line, nil
		}
		if err != nil {
			return nil, err
		}
	}
}

// longer reads the rest of a line that is larger than the buffer.
func (s *splitter) longer(head []byte) (line []byte, err error) {
	s.line = append(s.line[:0], head...)
	for err = bufio.ErrBufferFull; errors.Is(err, bufio.ErrBufferFull); {
		var more []byte
		more, err = s.in.ReadSlice('\n')
		if len(s.line) <= MaxLine {
			s.line = append(s.line, more...)
		}
	}
	if len(s.line) > MaxLine {
		s.long++
		return nil, err
	}
	return s.line, err
}

// element reads an object of the array, by its braces.
func (s *splitter) element() ([]byte, error) {
	s.line = s.line[:0]
	depth, inText, escaped, long := 0, false, false, false
	for {
		b, err := s.in.ReadByte()
		if errors.Is(err, io.EOF) && depth == 0 {
			return nil, errors.New("the array has no end")
		}
		if err != nil {
			return nil, noEOF(err)
		}
		if depth == 0 && b != '{' {
			switch b {
			case ']': // files may be joined
				if err := s.begin(); err != nil {
					return nil, err
				}
				return s.next()
			case ',', ' ', '\t', '\r', '\n':
				continue
			}
			return nil, fmt.Errorf("the array has an element that is not an object: %q", b)
		}
		if len(s.line) < MaxLine {
			s.line = append(s.line, b)
		} else {
			long = true
		}
		switch {
		case escaped:
			escaped = false
		case inText && b == '\\':
			escaped = true
		case b == '"':
			inText = !inText
		case inText:
		case b == '{':
			depth++
		case b == '}':
			depth--
		}
		if depth > 0 {
			continue
		}
		if !long {
			return s.line, nil
		}
		s.long++
		s.line, long = s.line[:0], false
	}
}

func noEOF(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// measurementID finds the number of the measurement without reading the JSON; false where
// there is none.
func measurementID(line []byte) (int64, bool) {
	for key := []byte(`"msm_id"`); ; {
		i := bytes.Index(line, key)
		if i < 0 {
			return 0, false
		}
		line = bytes.TrimLeft(line[i+len(key):], " \t")
		if len(line) == 0 || line[0] != ':' {
			continue
		}
		digits := bytes.TrimLeft(line[1:], " \t")
		n, at := int64(0), 0
		for ; at < len(digits) && at < 18 && '0' <= digits[at] && digits[at] <= '9'; at++ {
			n = 10*n + int64(digits[at]-'0')
		}
		return n, at > 0
	}
}

// isDNS says whether a line that is not read further is a DNS result.
func isDNS(line []byte) bool {
	return bytes.Contains(line, []byte(`"type":"dns"`)) || bytes.Contains(line, []byte(`"type": "dns"`))
}
