package atlas

import (
	"bufio"
	"container/heap"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"path/filepath"
)

// Bounds of what is in memory, and of files that are open at a time.
const (
	chunkEntries = 200_000
	chunkBytes   = 64 << 20 // of texts and wires
	mostRuns     = 256
)

// spill sorts more entries than fit into memory: in runs on disk, which are merged.
type spill struct {
	dir       string
	questions []Question
	numbers   map[Question]uint64
	words     map[string]string // of entries that are read
	chunk     []entry
	bytes     int
	runs      []string
	made      int // runs so far, for their names
}

func newSpill(dir string) *spill { return &spill{dir: dir, numbers: map[Question]uint64{}} }

func (s *spill) add(e entry) error {
	s.chunk = append(s.chunk, e)
	s.bytes += len(e.Response) + len(e.ExtraWire) + len(word0(e.NSID))
	if len(s.chunk) < chunkEntries && s.bytes < chunkBytes {
		return nil
	}
	return s.flush()
}

// flush writes the chunk as a run.
func (s *spill) flush() error {
	if len(s.chunk) == 0 {
		return nil
	}
	sortEntries(s.chunk)
	err := s.write(func(yield func(*entry, error) bool) {
		for i := range s.chunk {
			if !yield(&s.chunk[i], nil) {
				return
			}
		}
	})
	clear(s.chunk)
	s.chunk, s.bytes = s.chunk[:0], 0
	if err != nil || len(s.runs) < mostRuns {
		return err
	}
	old := s.runs
	s.runs = nil
	if err := s.write(s.merged(old)); err != nil {
		return err
	}
	var errs []error
	for _, path := range old {
		errs = append(errs, os.Remove(path))
	}
	return errors.Join(errs...)
}

// write makes a run of entries in their order.
func (s *spill) write(all iter.Seq2[*entry, error]) (err error) {
	path := filepath.Join(s.dir, fmt.Sprintf("run-%06d", s.made))
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	s.made++
	s.runs = append(s.runs, path)
	out := bufio.NewWriterSize(f, 1<<18)
	var buf []byte
	for e, err := range all {
		if err != nil {
			return err
		}
		buf = s.encode(buf[:0], e)
		var size [binary.MaxVarintLen64]byte
		n := binary.PutUvarint(size[:], uint64(len(buf)))
		if _, err := out.Write(size[:n]); err != nil {
			return err
		}
		if _, err := out.Write(buf); err != nil {
			return err
		}
	}
	return out.Flush()
}

// sorted yields all entries in their order; flush came before.
func (s *spill) sorted() iter.Seq2[*entry, error] { return s.merged(s.runs) }

func (s *spill) merged(paths []string) iter.Seq2[*entry, error] {
	return func(yield func(*entry, error) bool) {
		var h runHeap
		defer func() {
			for _, r := range h {
				_ = r.file.Close() // it was only read
			}
		}()
		for _, path := range paths {
			f, err := os.Open(path)
			if err != nil {
				yield(nil, err)
				return
			}
			h = append(h, &run{file: f, in: bufio.NewReaderSize(f, 1<<15), of: s})
			if err := h[len(h)-1].next(); err != nil {
				yield(nil, noEOF(err))
				return
			}
		}
		heap.Init(&h)
		for len(h) > 0 {
			first := h[0]
			e := first.head
			err := first.next()
			if errors.Is(err, io.EOF) {
				_ = heap.Pop(&h).(*run).file.Close() // it was only read
			} else if err != nil {
				yield(nil, err)
				return
			} else {
				heap.Fix(&h, 0)
			}
			if !yield(&e, nil) {
				return
			}
		}
	}
}

// run is a run that is read.
type run struct {
	file *os.File
	in   *bufio.Reader
	of   *spill
	buf  []byte
	head entry
}

func (r *run) next() error {
	size, err := binary.ReadUvarint(r.in)
	if err != nil {
		return err // io.EOF between entries only
	}
	if uint64(cap(r.buf)) < size {
		r.buf = make([]byte, size)
	}
	r.buf = r.buf[:size]
	if _, err := io.ReadFull(r.in, r.buf); err != nil {
		return noEOF(err)
	}
	r.head, err = r.of.decode(r.buf)
	return err
}

type runHeap []*run

func (h runHeap) Len() int           { return len(h) }
func (h runHeap) Less(i, j int) bool { return compareEntries(&h[i].head, &h[j].head) < 0 }
func (h runHeap) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }
func (h *runHeap) Push(x any)        { *h = append(*h, x.(*run)) }
func (h *runHeap) Pop() any {
	last := (*h)[len(*h)-1]
	*h = (*h)[:len(*h)-1]
	return last
}

// numbers of an entry, in the order of its file.
func (e *entry) numbers() []*int64 {
	return []*int64{&e.At, &e.Stored, &e.Latency, &e.Connect, &e.Serial, &e.Strays, &e.Size, &e.TTL, &e.ExtraAfter}
}

// texts of an entry, likewise.
func (e *entry) texts() []*string {
	return []*string{&e.Address, (*string)(&e.Outcome), &e.Error, &e.RCode, &e.Extra, (*string)(&e.Verdict), &e.Failure}
}

// wires of an entry, likewise.
func (e *entry) wires() []*[]byte { return []*[]byte{&e.Response, &e.ExtraWire} }

// encode appends an entry. A file of entries is read by the program that wrote it, and by
// no other.
func (s *spill) encode(to []byte, e *entry) []byte {
	q, met := s.numbers[e.Question]
	if !met {
		q = uint64(len(s.questions))
		s.numbers[e.Question] = q
		s.questions = append(s.questions, e.Question)
	}
	to = binary.AppendUvarint(to, q)
	to = binary.AppendUvarint(to, uint64(e.Probe))
	flags := byte(e.Clock)
	for i, set := range []bool{e.AA, e.TC, e.NSID != nil} {
		if set {
			flags |= 4 << i
		}
	}
	to = append(to, flags)
	for _, n := range e.numbers() {
		to = binary.AppendVarint(to, *n)
	}
	for _, text := range e.texts() {
		to = append(binary.AppendUvarint(to, uint64(len(*text))), *text...)
	}
	if e.NSID != nil {
		to = append(binary.AppendUvarint(to, uint64(len(*e.NSID))), *e.NSID...)
	}
	for _, wire := range e.wires() { // nil is not empty
		if *wire == nil {
			to = binary.AppendUvarint(to, 0)
			continue
		}
		to = append(binary.AppendUvarint(to, uint64(len(*wire))+1), *wire...)
	}
	return to
}

var errSpill = errors.New("a file that was just written is damaged")

// decode reads what encode wrote; nothing of it lies in from.
func (s *spill) decode(from []byte) (e entry, err error) {
	d := decoder{from: from}
	q := d.uint()
	if q >= uint64(len(s.questions)) {
		return e, errSpill
	}
	e.Question, e.Probe = s.questions[q], uint32(d.uint())
	flags := d.bytes(1)
	if d.bad {
		return e, errSpill
	}
	e.Clock, e.AA, e.TC = clock(flags[0]&3), flags[0]&4 != 0, flags[0]&8 != 0
	for _, n := range e.numbers() {
		*n = d.int()
	}
	for _, text := range e.texts() {
		*text = s.word(d.bytes(d.uint()))
	}
	if flags[0]&16 != 0 {
		e.NSID = new(string(d.bytes(d.uint())))
	}
	for _, wire := range e.wires() {
		if size := d.uint(); size > 0 {
			*wire = append([]byte{}, d.bytes(size-1)...)
		}
	}
	if d.bad || len(d.from) > 0 {
		return e, errSpill
	}
	return e, nil
}

// word is a text that most entries share: each is in memory once, as far as they are few.
func (s *spill) word(b []byte) string {
	const most = 4096
	if w, met := s.words[string(b)]; met {
		return w
	}
	if s.words == nil || len(s.words) >= most {
		s.words = map[string]string{}
	}
	w := string(b)
	s.words[w] = w
	return w
}

type decoder struct {
	from []byte
	bad  bool
}

func (d *decoder) uint() uint64 {
	n, size := binary.Uvarint(d.from)
	d.take(size)
	return n
}

func (d *decoder) int() int64 {
	n, size := binary.Varint(d.from)
	d.take(size)
	return n
}

func (d *decoder) take(size int) {
	if size <= 0 {
		d.bad, d.from = true, nil
		return
	}
	d.from = d.from[size:]
}

func (d *decoder) bytes(size uint64) []byte {
	if size > uint64(len(d.from)) {
		d.bad, d.from = true, nil
		return nil
	}
	b := d.from[:size]
	d.from = d.from[size:]
	return b
}
