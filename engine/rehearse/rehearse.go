// Package rehearse plays events of the root, and mistakes of ours, through the whole
// collector before they happen: a root and vantage points of its own, in memory, and a
// collector in a folder of its own, by a clock of its own. What every answer is, honest or
// part of a planted fault, is known, so that what the collector says of it can be held
// against the truth.
//
// A scenario is a script: versions of the root zone with their times and keys (root.go),
// who serves what (service), what sources of zones show, whose clock is wrong, when the
// collector is away, how what was lacking is mended, and what is to come of it. The player
// goes through it hour by hour with the code that the commands run: fetch, measure,
// ingest, watch, and at the end the report (player.go, collect.go). The verdicts in the
// lake are then held against the truth (truth.go).
//
// To add a scenario, write a function that fills a script, and put it into the list of
// its family (keys.go, zones.go, collector.go, servers.go, places.go).
package rehearse

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"mtric.net/mtric/engine/plan"
)

// Scenario is one event to rehearse.
type Scenario struct {
	Name  string `json:"name"`
	About string `json:"about"` // in a line

	write func(*script)
}

// Scenarios lists them all, in the order they are told.
func Scenarios() []Scenario {
	return slices.Concat(keyScenarios, zoneScenarios, collectorScenarios, serverScenarios, placeScenarios, memberScenarios)
}

// ErrPlan says that the plan cannot be rehearsed.
var ErrPlan = errors.New("the plan cannot be rehearsed")

// Options say how to play. The zero value of a field but Plan, Dir and Version is a
// working default.
type Options struct {
	Plan    *plan.Plan // the site's: its servers, queries, rules and thresholds are used
	Dir     string     // in which each scenario gets a folder for its collector
	Version string     // of the engine

	Start    time.Time         // the day on which all begins; default: the second of November 2026
	Short    bool              // less of all: one path of soa, two vantage points measure each two hours, ingest runs twice a day
	Progress func(done Result) // after each scenario, one call at a time

	// For tests: what is done before all else, and what changes a row behind the truth's
	// back.
	before func(p *player) error
	twist  func(h *hour, a *played)
}

// Run plays the scenarios, as many at a time as there are processors, and returns their
// results in the order given. The error is of this machine or the plan; what goes wrong
// in a scenario is in its result.
func Run(ctx context.Context, o Options, scenarios []Scenario) ([]Result, error) {
	if o.Start.IsZero() {
		o.Start = time.Date(2026, 11, 2, 0, 0, 0, 0, time.UTC)
	}
	o.Start = o.Start.UTC().Truncate(24 * time.Hour)
	if _, err := newSite(o); err != nil {
		return nil, err
	}
	results := make([]Result, len(scenarios))
	tell := make(chan struct{}, 1)
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(runtime.GOMAXPROCS(0))
	for i, s := range scenarios {
		g.Go(func() error {
			dir := filepath.Join(o.Dir, s.Name)
			if err := os.MkdirAll(dir, 0o755); err != nil {
				return fmt.Errorf("scenario %s: %w", s.Name, err)
			}
			r, err := play(ctx, o, s, dir)
			if err != nil {
				return fmt.Errorf("scenario %s: %w", s.Name, err)
			}
			results[i] = r
			if o.Progress != nil {
				tell <- struct{}{}
				o.Progress(r)
				<-tell
			}
			return nil
		})
	}
	return results, g.Wait()
}
