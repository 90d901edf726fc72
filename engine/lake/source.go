package lake

import (
	"iter"
	"time"

	"mtric.net/mtric/engine/measurement"
)

// source hands out rows by vantage point's interval.
type source[T Measured] struct {
	head []T // the next group, nil at the end
	rest []T // rows read and not yet handed out
	pull func() ([]T, error, bool)
	stop func()
}

// Group is the rows of one vantage point's interval, in the order of their table's key.
// They are made when they are wanted: as rows, a day takes three times as much memory. Its
// wires come before its rows do, for a row group's are told to its dictionary at once.
type Group[T Measured] struct {
	Interval     time.Time
	VantagePoint measurement.VantagePoint
	Size         int // how many rows; of an interval that the lake has, none is too few
	Rows         func() ([]T, error)
	Wires        [][]byte // responses, of answers only; a merge lets them go before the rows come
	Texts        int      // about how many bytes of other texts
}

// GroupOf is a group of rows that are there already, one at least.
func GroupOf[T Measured](rows []T) Group[T] {
	at, vp := groupOf(&rows[0])
	g := Group[T]{Interval: at, VantagePoint: vp, Size: len(rows), Rows: func() ([]T, error) { return rows, nil }}
	answers, _ := any(rows).([]measurement.Answer)
	for i := range answers {
		w := answers[i].Response
		if g.Texts += answers[i].Content() - len(w); w != nil {
			g.Wires = append(g.Wires, w)
		}
	}
	return g
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
