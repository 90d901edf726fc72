package lake

import (
	"unsafe"

	"golang.org/x/sync/errgroup"

	"mtric.net/mtric/engine/measurement"
)

// all joins the groups, finishes them and writes them, each beside the others. Groups
// that are finished may wait until the wires of the first row group are gathered.
func (m *merging[T]) all(sources []*source[T], own bool) error {
	joined, ready := make(chan []group[T], 2), make(chan []group[T], 16)
	var three errgroup.Group
	three.Go(func() error {
		return m.each(ready, func(g group[T]) error { return m.write(g.rows) })
	})
	three.Go(func() error {
		defer close(ready)
		p := pack[T]{to: ready}
		defer p.send()
		return m.each(joined, func(g group[T]) error {
			if m.finish != nil && g.added {
				if err := m.finish(g.rows); err != nil {
					return err
				}
			}
			p.add(g)
			return nil
		})
	})
	three.Go(func() error {
		defer close(joined)
		p := pack[T]{to: joined}
		defer p.send()
		return m.groups(sources, own, p.add)
	})
	return three.Wait()
}

// pack hands groups over, many at a time, and few where they are large.
type pack[T Measured] struct {
	to     chan<- []group[T]
	groups []group[T]
	bytes  int // of memory, about
}

const (
	handover      = 64
	handoverBytes = 2 << 20
)

func (p *pack[T]) add(g group[T]) {
	p.groups = append(p.groups, g)
	if p.bytes += sizeOfRows(g.rows); len(p.groups) == handover || p.bytes >= handoverBytes {
		p.send()
	}
}

func (p *pack[T]) send() {
	p.to <- p.groups
	p.groups, p.bytes = nil, 0
}

// group is the rows of one vantage point's interval.
type group[T Measured] struct {
	rows  []T
	added bool // some of them are new
}

// each does something to all groups that come, until there is an error, and takes
// the rest, or those who send them could not come to their end.
func (m *merging[T]) each(groups <-chan []group[T], do func(group[T]) error) (err error) {
	for some := range groups {
		for _, g := range some {
			if err == nil {
				err = do(g)
			}
		}
	}
	return err
}

// sizeOfRows is how much memory rows take, with what a vantage point decides of it.
func sizeOfRows[T Measured](rows []T) int {
	size := len(rows) * int(unsafe.Sizeof(*new(T)))
	switch rows := any(rows).(type) {
	case []measurement.Answer:
		for i := range rows {
			size += rows[i].Content()
		}
	case []measurement.Route:
		for i := range rows {
			size += len(rows[i].Hops) * int(unsafe.Sizeof(measurement.Hop{}))
		}
	}
	return size
}
