package lake

import (
	"cmp"
	"runtime"
	"unsafe"

	"golang.org/x/sync/errgroup"

	"mtric.net/mtric/engine/measurement"
)

// all joins the groups, finishes them and writes them, each step beside the others.
// Bundles that are finished may wait until the wires of the first row group are gathered.
func (m *merger[T]) all(sources []*source[T], own bool) error {
	joined, ready := make(chan *bundle[T], 2), make(chan *bundle[T], 4)
	var steps errgroup.Group
	from := first(sources)
	steps.Go(func() error { // in the order in which they were joined, whoever was finished first
		err := m.begin(from)
		for p := range ready {
			<-p.finished
			err = cmp.Or(err, p.err)
			for _, g := range p.groups {
				if err == nil {
					err = m.write(g.rows)
				}
			}
			p.groups = nil
		}
		return err
	})
	for range runtime.GOMAXPROCS(0) {
		steps.Go(func() error {
			for p := range joined {
				p.finish(m.finish)
			}
			return nil
		})
	}
	steps.Go(func() error {
		defer close(ready)
		defer close(joined)
		send := func(p *bundle[T]) {
			ready <- p
			joined <- p
		}
		p := newBundle[T]()
		err := m.groups(sources, own, func(g group[T]) {
			if p.add(g); p.full() {
				send(p)
				p = newBundle[T]()
			}
		})
		send(p)
		return err
	})
	return steps.Wait()
}

// bundle is groups that are handed over together: many, and few where they are large.
type bundle[T Measured] struct {
	groups   []group[T]
	bytes    int // of memory, about
	finished chan struct{}
	err      error
}

const (
	bundleGroups = 64
	bundleBytes  = 1 << 20
)

func newBundle[T Measured]() *bundle[T] { return &bundle[T]{finished: make(chan struct{})} }

func (p *bundle[T]) add(g group[T]) {
	p.groups = append(p.groups, g)
	p.bytes += sizeOfRows(g.rows)
}

func (p *bundle[T]) full() bool { return len(p.groups) == bundleGroups || p.bytes >= bundleBytes }

// finish has the rows finished that are new.
func (p *bundle[T]) finish(do func([]T) error) {
	defer close(p.finished)
	for _, g := range p.groups {
		if do != nil && g.added && p.err == nil {
			p.err = do(g.rows)
		}
	}
}

// group is the rows of one vantage point's interval.
type group[T Measured] struct {
	rows  []T
	added bool // some of them are new
}

// sizeOfRows is how many bytes of memory rows take, about: themselves, and what a vantage
// point decides of them.
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
