package objectives

import (
	"fmt"
	"math"
	"time"

	"mtric.net/mtric/engine/interval"
	"mtric.net/mtric/engine/measurement"
	"mtric.net/mtric/engine/plan"
)

// Sights are the first sights of serials at the sources of zones, by the zone's name.
type Sights map[string]map[uint32]time.Time

// Config is all that the values depend on beside the answers and runs.
type Config struct {
	Plan *plan.Plan

	// Windows end at Until, a 00:00 UTC; rows of DataUntil and later are not read.
	Until, DataUntil time.Time

	// Runs that came into the lake later do not count, nor do sights at a source; zero is
	// no bound of runs, and sights then count as long as runs came, or data were read.
	ReceivedUntil time.Time
	Sources       Sights
}

// Bounds of what is held in memory.
const (
	maxServers = 1000
	maxVPs     = 1000
)

// check says what would make the numbers meaningless.
func (c *Config) check() error {
	switch {
	case len(c.Plan.Objectives) == 0:
		return fmt.Errorf("plan %s: no objectives: add an objective block", c.Plan.Name)
	case c.Until != interval.Day(c.Until):
		return fmt.Errorf("until %s: want a 00:00 UTC", c.Until.Format(time.RFC3339))
	case c.DataUntil != interval.Of(c.DataUntil):
		return fmt.Errorf("data until %s: want the start of an interval", c.DataUntil.Format(time.RFC3339))
	case len(c.Plan.VantagePoints) > maxVPs:
		return fmt.Errorf("%d vantage points, more than %d", len(c.Plan.VantagePoints), maxVPs)
	case len(c.Plan.Servers) > maxServers:
		return fmt.Errorf("%d servers, more than %d", len(c.Plan.Servers), maxServers)
	}
	return nil
}

// window is what must be read: the longest window, and with publication latency its
// look-back and look-ahead.
func (c *Config) window() (from, until time.Time) {
	from, until = c.Until, c.Until
	for _, o := range c.Plan.Objectives {
		start := o.Span(c.Until)
		if o.Publication != nil {
			start, until = start.Add(-LookBack), c.Until.Add(LookAhead)
		}
		if start.Before(from) {
			from = start
		}
	}
	if c.DataUntil.Before(until) {
		until = c.DataUntil
	}
	return from, until
}

// vantagePoint is one with its dates in labels counted from the start of the window.
type vantagePoint struct {
	id          measurement.VantagePoint
	from, until int
}

func (v vantagePoint) within(at int) bool { return at >= v.from && at < v.until }

// longAgo and farAway are labels of dates that are open.
const (
	longAgo = math.MinInt32
	farAway = math.MaxInt32
)

// at counts the first label that is not before t from the start of the window.
func (a *Accumulator) at(t time.Time) int {
	label := interval.Of(t)
	if label.Before(t) {
		label = label.Add(interval.Length)
	}
	return int(label.Sub(a.from) / interval.Length)
}

func (a *Accumulator) label(at int) time.Time { return a.from.Add(time.Duration(at) * interval.Length) }

// dates are the labels of a span of time.
func (a *Accumulator) dates(from, until *time.Time) (first, end int) {
	first, end = longAgo, farAway
	if from != nil {
		first = a.at(*from)
	}
	if until != nil {
		end = a.at(*until)
	}
	return first, end
}
