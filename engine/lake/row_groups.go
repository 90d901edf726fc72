package lake

import (
	"context"
	"errors"
	"hash/maphash"
	"iter"
	"math"
	"slices"
	"strings"

	"github.com/parquet-go/parquet-go/format"

	"mtric.net/mtric/engine/column"
)

// A row group's wires are told to the dictionary before its rows, sorted by what
// they say: answers to the same question then stand beside each other and share
// their signatures within zstd's reach, in whatever order they were received. An
// answer takes a third less for it (docs/decisions/0005).

// groupBytes of wires and other texts end a row group early: a vantage point decides
// how large they are, and a row group being written, read and joined lives in memory
// some eight times. A day of twenty vantage points has fewer.
const groupBytes = 64 << 20

// rowGrouper cuts a file that is being made into row groups, at intervals, and fills
// the dictionary of each.
type rowGrouper struct {
	most    limits
	sources []*previews
	ahead   *preview // of the first interval that is not in a row group yet, once it was read
	until   int64    // the interval, in µs, that the next row group begins with
	begun   bool
}

// preview is what a source has of one interval, but for its rows.
type preview struct {
	interval int64 // µs
	rows     int
	texts    int // bytes of texts, about
	wires    [][]byte
}

// previews is a source of previews in order of their intervals.
type previews struct {
	head preview
	more bool
	pull func() (preview, error, bool)
	stop func()
}

func newPreviews(of iter.Seq2[preview, error]) (*previews, error) {
	p := &previews{}
	p.pull, p.stop = iter.Pull2(of)
	return p, p.next()
}

func (p *previews) next() (err error) {
	p.head, err, p.more = p.pull()
	return err
}

// add takes a source in. Stop ends all of them.
func (s *rowGrouper) add(of iter.Seq2[preview, error]) error {
	p, err := newPreviews(of)
	s.sources = append(s.sources, p)
	return err
}

func (s *rowGrouper) stop() {
	for _, p := range s.sources {
		p.stop()
	}
}

// before is called before rows of an interval are written: where a row group ends
// there, the next one begins.
func (s *rowGrouper) before(interval int64, dict *wires, flush func() error) error {
	if s.begun && interval < s.until {
		return nil
	}
	if s.begun {
		if err := flush(); err != nil {
			return err
		}
	}
	s.begun = true
	wires, err := s.gather()
	if err != nil {
		return err
	}
	dict.tell(wires)
	return nil
}

// gather collects the wires of the next row group and says where it ends.
func (s *rowGrouper) gather() (wires [][]byte, err error) {
	rows, size := 0, sizeOfAll{}
	for {
		if s.ahead == nil {
			if s.ahead, err = s.load(); err != nil {
				return nil, err
			}
		}
		p := s.ahead
		if p == nil {
			s.until = math.MaxInt64
			return wires, nil
		}
		if !size.add(p, wires, s.most.bytes) && rows > 0 || rows > 0 && rows+p.rows > s.most.rows {
			s.until = p.interval
			return wires, nil
		}
		rows, wires, s.ahead = rows+p.rows, append(wires, p.wires...), nil
	}
}

// sizeOfAll is the bytes of previews: of texts, and of wires each once, as a dictionary
// has them. Which are the same is looked at only where all of them are too many.
type sizeOfAll struct {
	bytes int
	had   map[uint64]bool
	seed  maphash.Seed
}

// add adds a preview, before which these wires came, and reports whether all of them
// are no more than most.
func (z *sizeOfAll) add(p *preview, before [][]byte, most int) bool {
	bytes := p.texts + z.count(p.wires)
	if z.bytes+bytes > most && z.had == nil {
		for _, w := range before {
			z.bytes -= len(w)
		}
		z.had, z.seed = map[uint64]bool{}, maphash.MakeSeed()
		z.bytes += z.count(before)
		bytes = p.texts + z.count(p.wires)
	}
	z.bytes += bytes
	return z.bytes <= most
}

func (z *sizeOfAll) count(wires [][]byte) (bytes int) {
	for _, w := range wires {
		if z.had == nil {
			bytes += len(w)
		} else if h := maphash.Bytes(z.seed, w); !z.had[h] {
			z.had[h], bytes = true, bytes+len(w)
		}
	}
	return bytes
}

// load takes what all sources have of their earliest interval; nil is the end.
func (s *rowGrouper) load() (*preview, error) {
	all := &preview{interval: math.MaxInt64}
	for _, p := range s.sources {
		if p.more {
			all.interval = min(all.interval, p.head.interval)
		}
	}
	for _, p := range s.sources {
		for p.more && p.head.interval == all.interval {
			all.rows, all.texts = all.rows+p.head.rows, all.texts+p.head.texts
			all.wires = append(all.wires, p.head.wires...)
			if err := p.next(); err != nil {
				return nil, err
			}
		}
	}
	if all.rows == 0 {
		return nil, nil
	}
	return all, nil
}

// arena keeps copies of wires in few pieces of memory.
type arena struct{ free []byte }

func (a *arena) keep(w []byte) []byte {
	if len(w) > len(a.free) {
		a.free = make([]byte, max(len(w), 4<<20))
	}
	n := copy(a.free, w)
	kept := a.free[:n:n]
	a.free = a.free[n:]
	return kept
}

// inTurn yields previews, and lets them go.
func inTurn(all []preview) iter.Seq2[preview, error] {
	return func(yield func(preview, error) bool) {
		for i, p := range all {
			all[i] = preview{}
			if !yield(p, nil) {
				return
			}
		}
	}
}

// ofAnswers yields the previews of a file of answers from a row group on.
func ofAnswers(path string, from int) iter.Seq2[preview, error] {
	return func(yield func(preview, error) bool) {
		err := column.Open(path, column.Answers, func(f *column.File) error {
			var own arena // the batch's memory is used again
			b := column.NewBatch(column.Answers, column.Response)
			rows := column.View[column.AnswerBatch](b)
			for i := from; i < len(f.Groups()); i++ {
				texts := textsOf(f.File.Metadata().RowGroups[i])
				enough, err := f.Batches(context.Background(), f.Groups()[i:i+1], column.Span{}, b, func(*column.Batch) error {
					if !yieldPreviews(rows.Interval.Int, rows.Response.Bytes, &own, texts, yield) {
						return errEnough
					}
					return nil
				})
				if enough != nil {
					return nil
				}
				if err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			yield(preview{}, err)
		}
	}
}

// errEnough says that no more previews are wanted.
var errEnough = errors.New("enough")

// textsOf is how many bytes of texts a row of the row group has, on average.
func textsOf(g format.RowGroup) float64 {
	return float64(sizeOf(g, texts...)) / float64(max(g.NumRows, 1))
}

// texts are the columns beside the response whose length a vantage point, or whoever
// answers it, decides.
var texts = []string{"nsid", "error", "qname", "first_response", "extra.list.element.kind", "extra.list.element.wire"}

// textBytes is what counts towards groupBytes of a row group that was written.
func textBytes(g format.RowGroup) int64 { return sizeOf(g, append([]string{"response"}, texts...)...) }

// sizeOf is the size of columns of a row group, uncompressed.
func sizeOf(g format.RowGroup, columns ...string) (size int64) {
	for _, c := range g.Columns {
		if slices.Contains(columns, strings.Join(c.MetaData.PathInSchema, ".")) {
			size += c.MetaData.TotalUncompressedSize
		}
	}
	return size
}

func yieldPreviews(at []int64, wires [][]byte, own *arena, texts float64, yield func(preview, error) bool) bool {
	for i := 0; i < len(at); {
		p := preview{interval: at[i]}
		for ; i < len(at) && at[i] == p.interval; i++ {
			p.rows++
			if wires[i] != nil {
				p.wires = append(p.wires, own.keep(wires[i]))
			}
		}
		p.texts = int(texts * float64(p.rows))
		if !yield(p, nil) {
			return false
		}
	}
	return true
}
