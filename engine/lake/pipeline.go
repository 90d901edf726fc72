package lake

import (
	"cmp"
	"runtime"

	"golang.org/x/sync/errgroup"
)

// mostAhead is how many intervals of vantage points may wait for each other between the
// steps of a merge. Each may be as large as a vantage point makes its file.
const mostAhead = 4

// finished is the rows of one interval, and what says that they may be written.
type finished[T Measured] struct {
	rows []T
	done chan error
}

// all joins the groups with the old file's, finishes and writes them, each step beside the
// others, and in the order in which they were joined, whoever is finished first.
func (m *merger[T]) all(old *source[T], groups []Group[T]) error {
	ready := make(chan finished[T], mostAhead)
	var steps, finishing errgroup.Group
	finishing.SetLimit(runtime.GOMAXPROCS(0))
	steps.Go(func() (err error) {
		for g := range ready {
			if err = cmp.Or(err, <-g.done); err == nil {
				err = m.write(g.rows)
			}
		}
		return err
	})
	steps.Go(func() error {
		defer close(ready)
		return m.groups(old, groups, func(rows []T, added bool) {
			g := finished[T]{rows, make(chan error, 1)}
			ready <- g
			if !added || m.finish == nil {
				g.done <- nil
				return
			}
			finishing.Go(func() error {
				g.done <- m.finish(rows)
				return nil
			})
		})
	})
	return steps.Wait()
}
