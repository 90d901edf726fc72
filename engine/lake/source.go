package lake

import (
	"iter"

	"github.com/parquet-go/parquet-go"

	"mtric.net/mtric/engine/measurement"
)

// rowsOf yields the rows of a file from a row group on, in batches that are the
// receiver's to keep. An error ends it.
func rowsOf[T Row](path string, from int) iter.Seq2[[]T, error] {
	return func(yield func([]T, error) bool) {
		err := open(path, func(f *parquet.File) error {
			_, err := rowsIn(f, from, yield)
			return err
		}, parquet.SkipPageIndex(true))
		if err != nil {
			yield(nil, err)
		}
	}
}

// source hands out rows by vantage point's interval.
type source[T Measured] struct {
	head []T // the next group, nil at the end
	rest []T // rows read and not yet handed out
	pull func() ([]T, error, bool)
	stop func()
}

// Group is the rows of one vantage point's interval, in the order of their table's key,
// made when they are wanted.
type Group[T Measured] interface {
	Rows() ([]T, error)
	key() (at int64, vp measurement.VantagePoint) // µs
	preview() portion
}

// GroupOf is a group of rows that are there already, one at least.
func GroupOf[T Measured](rows []T) Group[T] { return made[T](rows) }

type made[T Measured] []T

func (m made[T]) Rows() ([]T, error) { return m, nil }

func (m made[T]) key() (int64, measurement.VantagePoint) {
	at, vp := groupOf(&m[0])
	return at.UnixMicro(), vp
}

func (m made[T]) preview() portion {
	at, _ := m.key()
	p := portion{interval: at, rows: len(m)}
	answers, _ := any([]T(m)).([]measurement.Answer)
	for i := range answers {
		w := answers[i].Response
		if p.texts += answers[i].Content() - len(w); w != nil {
			p.wires = append(p.wires, w)
		}
	}
	return p
}

// rowsOfGroups yields the rows of groups, and lets these go.
func rowsOfGroups[T Measured](groups []Group[T]) iter.Seq2[[]T, error] {
	return func(yield func([]T, error) bool) {
		for i, g := range groups {
			groups[i] = nil
			if rows, err := g.Rows(); !yield(rows, err) || err != nil {
				return
			}
		}
	}
}

// newSource hands out rows that come in order. Stop ends it, whether or not there
// was an error.
func newSource[T Measured](rows iter.Seq2[[]T, error]) (*source[T], error) {
	s := &source[T]{}
	s.pull, s.stop = iter.Pull2(rows)
	if err := s.next(); err != nil {
		s.stop()
		return nil, err
	}
	return s, nil
}

// next reads the group after head. What is read is not copied unless a group goes on
// in the next run of rows.
func (s *source[T]) next() error {
	s.head = nil
	for {
		end := 0
		for end < len(s.rest) && compareGroups(&s.rest[end], &s.rest[0]) == 0 {
			end++
		}
		if end < len(s.rest) {
			s.head, s.rest = s.rest[:end:end], s.rest[end:]
			return nil
		}
		rows, err, more := s.pull()
		if err != nil {
			return err
		}
		switch {
		case !more:
			if end > 0 {
				s.head, s.rest = s.rest, nil
			}
			return nil
		case len(s.rest) == 0:
			s.rest = rows
		case len(rows) > 0 && compareGroups(&rows[0], &s.rest[0]) != 0:
			s.head, s.rest = s.rest, rows
			return nil
		default:
			s.rest = append(s.rest[:len(s.rest):len(s.rest)], rows...)
		}
	}
}
