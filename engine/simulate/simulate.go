// Package simulate writes a lake of any size whose truth is known: rows as the
// collector would keep them, from vantage points, servers and zones that never
// were, with faults where a faults file says so, and the true value of every
// metric beside it.
//
// World (world.go, zones.go) says what each server would answer and when;
// day.go walks through the intervals of one day and asks; reply.go lets losses
// and faults (fault.go) have their say. What is written to rows goes at the same
// time, query by query, into truth.go, which counts by the definitions of
// RSSAC047 sections 5 and 6 and by nothing else: it is the oracle of package
// metrics and must share no code with it. So does marks.go, which looks at each label as
// the kinds of events do, for package derive; plant.go draws faults that make some.
//
// Everything follows from the seed. Each vantage point and day has a random
// stream of its own, and faults draw from none: neither the number of workers
// nor a fault changes any other row.
package simulate

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"mtric.net/mtric/engine/column"
	"mtric.net/mtric/engine/interval"
	"mtric.net/mtric/engine/lake"
	"mtric.net/mtric/engine/measurement"
	"mtric.net/mtric/engine/plan"
)

// Config says what to simulate. Equal configs give equal files, byte for byte.
type Config struct {
	Plan          *plan.Plan // with the queries soa and correctness
	VantagePoints []measurement.VantagePoint
	From, Until   time.Time // interval labels in [From, Until)
	Seed          uint64
	Faults        []plan.Fault
	Zones         Zones  // makes the wires of correctness answers; nil: without wires
	Routes        bool   // also write what the plan's traceroute blocks would have seen
	Version       string // of the engine, goes into the files

	Workers  int                   // days at work at the same time, with Zones one; 0 is one for each core
	Progress func(done, total int) // hears of days, one call at a time; may be nil
}

// mostDays bounds a simulation: ten years.
const mostDays = 3660

// VantagePoints returns the first n vantage points of the plan or, where the
// plan has none, n numbers of its own: 901 to 999, then 800 to 899 and so on.
func VantagePoints(p *plan.Plan, n int) ([]measurement.VantagePoint, error) {
	if n < 1 || n > 899 {
		return nil, fmt.Errorf("%d vantage points: want 1 to 899", n)
	}
	var all []measurement.VantagePoint
	for _, v := range p.VantagePoints {
		all = append(all, v.ID)
	}
	if len(all) > 0 && len(all) < n {
		return nil, fmt.Errorf("%d vantage points: the plan %q has %d", n, p.Name, len(all))
	}
	for i := 0; len(all) < n; i++ {
		number := 901 + i
		if i > 98 {
			number = 800 - (i-99)/100*100 + (i-99)%100
		}
		all = append(all, measurement.VantagePoint(fmt.Sprintf("%03d", number)))
	}
	return all[:n], nil
}

// Days is how many days the simulation touches.
func (c *Config) Days() int {
	return int(interval.Day(c.Until.Add(-1)).Sub(interval.Day(c.From))/(24*time.Hour)) + 1
}

// Check says what is wrong with a config: mistakes of whoever made it.
func (c *Config) Check() error {
	switch {
	case c.From != interval.Of(c.From) || c.Until != interval.Of(c.Until):
		return fmt.Errorf("simulate %s to %s: want multiples of %s", c.From.Format(time.RFC3339), c.Until.Format(time.RFC3339), interval.Length)
	case !c.From.Before(c.Until):
		return fmt.Errorf("simulate: %s is not before %s", c.From.Format(time.RFC3339), c.Until.Format(time.RFC3339))
	case c.Until.Sub(c.From) > mostDays*24*time.Hour:
		return fmt.Errorf("simulate: more than %d days", mostDays)
	case c.From.Year() < 1980 || c.Until.Year() > 2200:
		return fmt.Errorf("simulate: %s is not between 1980 and 2200", c.From.Format(time.RFC3339))
	case len(c.VantagePoints) == 0:
		return fmt.Errorf("simulate: no vantage points")
	}
	for _, label := range measurement.MetricQueries {
		if _, found := c.Plan.Query(label); !found {
			return fmt.Errorf("simulate: the plan %q lacks query %q, which the metrics are made of", c.Plan.Name, label)
		}
	}
	for _, q := range c.Plan.Queries {
		if at := q.TransportsRange; slices.Contains(q.Transports, measurement.TLS) {
			return fmt.Errorf("%s:%d:%d: simulate: query %q is over TLS, which is not simulated; leave the query out of the plan that is simulated", at.File, at.Line, at.Col, q.Label)
		}
	}
	return nil
}

// Run writes the lake into dir, which must be there and hold no tables, a day at
// a time, and returns the truth. When ctx ends it stops after the interval at
// hand; whole days stay, a day that is not whole leaves nothing.
func Run(ctx context.Context, dir string, c Config) (*Truth, error) {
	if err := c.Check(); err != nil {
		return nil, err
	}
	w, err := newWorld(c)
	if err != nil {
		return nil, err
	}
	store := lake.Store{Dir: dir, Version: c.Version}
	days, err := c.folders(store)
	if err != nil {
		return nil, err
	}
	if c.Zones != nil {
		if err := w.startWires(dir); err != nil {
			return nil, fmt.Errorf("simulate: %w", err)
		}
	}
	total, err := w.run(ctx, store, days)
	if err != nil {
		return nil, err
	}
	if w.wires != nil {
		if err := w.wires.writeFetches(); err != nil {
			return nil, fmt.Errorf("simulate: %w", err)
		}
	}
	total.settle()
	zones := total.zones()
	if err := store.SaveZones(zones); err != nil {
		return nil, err
	}
	return total.truth(c, len(zones)), nil
}

// folders makes the folders of the tables and lists the days.
func (c *Config) folders(store lake.Store) ([]time.Time, error) {
	var days []time.Time
	for d := interval.Day(c.From); d.Before(c.Until); d = d.AddDate(0, 0, 1) {
		days = append(days, d)
		tables := []column.Table{column.Answers, column.Runs}
		if c.Routes {
			tables = append(tables, column.Routes)
		}
		for _, t := range tables {
			if err := os.MkdirAll(filepath.Dir(store.Path(t, d)), 0o755); err != nil {
				return nil, fmt.Errorf("simulate: %w", err)
			}
		}
	}
	return days, nil
}

// run makes the days, some at the same time; with wires one by one, for each zone is made
// from the one before, and a day's wires take most of the memory.
func (w *world) run(ctx context.Context, store lake.Store, days []time.Time) (*tally, error) {
	total := newTally(w, len(days))
	g, working := errgroup.WithContext(ctx) // ends when a day fails, too
	g.SetLimit(w.Workers)
	if w.Workers <= 0 {
		g.SetLimit(runtime.GOMAXPROCS(0))
	}
	if w.wires != nil {
		g.SetLimit(1)
	}
	var mu sync.Mutex
	done := 0
	for i, d := range days {
		if working.Err() != nil {
			break
		}
		if w.wires != nil {
			if err := w.wires.open(d); err != nil {
				return nil, fmt.Errorf("simulate: %w", errors.Join(err, g.Wait()))
			}
		}
		g.Go(func() error {
			part, err := w.day(working, store, d)
			if err != nil {
				return fmt.Errorf("simulate %s: %w", d.Format(time.DateOnly), err)
			}
			if w.wires != nil {
				w.wires.close(d)
			}
			mu.Lock()
			defer mu.Unlock()
			total.add(i, part)
			if done++; w.Progress != nil {
				w.Progress(done, len(days))
			}
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	return total, ctx.Err()
}

// sortedVPs is the order of rows.
func sortedVPs(vps []measurement.VantagePoint) []measurement.VantagePoint {
	vps = slices.Clone(vps)
	slices.Sort(vps)
	return slices.Compact(vps)
}
