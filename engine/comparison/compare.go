package comparison

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"mtric.net/mtric/engine/atlas/identity"
	"mtric.net/mtric/engine/edition"
	"mtric.net/mtric/engine/lake"
	"mtric.net/mtric/engine/measurement"
)

// Job is a comparison that is to be made.
type Job struct {
	Version string
	Plan    string // its name
	Set     string // of measurements, that Theirs holds

	Ours, Theirs lake.Store
	From, Until  time.Time // full hours
	RSIs         []measurement.RSI
	Addresses    []Address                           // of the RSIs; none: at whatever address a server is asked, it is that
	Regions      map[measurement.VantagePoint]string // of ours: those that count

	// Counts says whether a query of ours counts: that of a vantage point, interval, RSI and
	// path that are not excluded, of a run that came in time.
	Counts func(measurement.VantagePoint, time.Time, measurement.RSI, measurement.Path) bool
	// Publications are the serials of the period and from when each counts as published.
	Publications []Published
	Fails        []Fail
	Identities   *identity.Set // that tell who answers; nil: those that come with the program

	Draws    int    // of the bootstrap; 0: DefaultDraws
	Seed     uint64 // of the bootstrap
	Workers  int    // files read at a time; 0: one for each CPU
	Progress func() // after each hour of a file
}

// DefaultDraws are enough for intervals that hold 95 %.
const DefaultDraws = 1000

// Published is a serial and from when it counts as published.
type Published struct {
	Serial uint32
	At     time.Time
}

// Address is one of an RSI, nil dates are open. Who asks at another one asks another server.
type Address struct {
	RSI         measurement.RSI
	Address     netip.Addr
	From, Until *time.Time
}

// Fail is a verdict of ours that missed its threshold. RSI is empty of one of the root
// server system, family and transport where the metric has none.
type Fail struct {
	Metric    measurement.Metric
	RSI       measurement.RSI
	Family    measurement.Family
	Transport measurement.Transport
	Above     int64 // what is too long by the threshold: µs of a latency, seconds of a publication; 0: not known
}

// week is how far back the normal rate of failures is looked for.
const (
	week      = 7 * 24 * time.Hour
	weekHours = 7 * 24
)

// Check says what is wrong with a job.
func (j *Job) Check() error {
	switch {
	case !j.From.Before(j.Until):
		return errors.New("the period is empty")
	case j.From.Truncate(time.Hour) != j.From || j.Until.Truncate(time.Hour) != j.Until:
		return errors.New("the period does not begin and end at a full hour")
	case len(j.RSIs) == 0:
		return errors.New("the plan has no root servers")
	case len(j.RSIs) > mostRSIs:
		return fmt.Errorf("the plan has %d root servers; a comparison takes at most %d", len(j.RSIs), mostRSIs)
	}
	return nil
}

// mostRSIs bounds what is held of a vantage point.
const mostRSIs = 64

// Run compares. The same lakes give the same document.
func Run(ctx context.Context, j Job) (*Document, error) {
	if err := j.Check(); err != nil {
		return nil, fmt.Errorf("comparison: %w", err)
	}
	if j.Draws == 0 {
		j.Draws = DefaultDraws
	}
	if j.Identities == nil {
		j.Identities = identity.BuiltIn()
	}
	slices.SortFunc(j.Publications, func(a, b Published) int { return a.At.Compare(b.At) })
	ours, theirs := newSide(&j, true), newSide(&j, false)
	for _, s := range []*side{ours, theirs} {
		if err := s.read(ctx); err != nil {
			return nil, fmt.Errorf("comparison: %w", err)
		}
		s.setApart()
	}
	c := &comparer{Job: &j, ours: ours, theirs: theirs}
	d := &Document{Schema: Schema, Version: j.Version, From: j.From, Until: j.Until, Plan: j.Plan, Set: j.Set, Draws: j.Draws, Seed: j.Seed,
		Identities: j.Identities.Name(), Ours: ours.describe(), Theirs: theirs.describe(), Notes: []string{}}
	d.Paths = c.paths()
	d.Publication = c.publication()
	d.Content = c.content()
	d.Opinions = c.opinions()
	d.Outages = c.outages()
	d.Stale = c.stale()
	d.Notes = c.notes(d)
	return d, nil
}

// comparer has what both sides saw.
type comparer struct {
	*Job
	ours, theirs *side
	hit          map[trouble]map[int64][]bool // what struckWidely found
}

// notes are what a reader must know before the numbers.
func (c *comparer) notes(d *Document) []string {
	notes := []string{}
	if d.Theirs.VantagePoints == 0 {
		notes = append(notes, "The crowd's lake has no rows of this period: nothing is compared.")
		return notes
	}
	if d.Ours.VantagePoints == 0 {
		notes = append(notes, "Our lake has no rows of this period: nothing is compared.")
	}
	if !c.theirs.placed {
		notes = append(notes, "The crowd's lake has no table vantage_points: all probes count as one network, and no FAIL can be confirmed. Import it again with --probes.")
	}
	for side, n := range map[string]int64{"Our": c.ours.offPlan, "The crowd's": c.theirs.offPlan} {
		if n > 0 {
			notes = append(notes, fmt.Sprintf("%s queries: %s went to another address than the server's at that time, and are left out.", side, edition.Thousands(n)))
		}
	}
	slices.Sort(notes)
	if !slices.ContainsFunc(d.Paths, func(p Path) bool { return p.Hours > 0 }) {
		notes = append(notes, "There is no hour in which both sides asked.")
	}
	if first := c.theirs.firstHour(); first > c.theirs.hourOf(c.From.Add(-week).UnixMicro()) && first >= 0 {
		notes = append(notes, fmt.Sprintf("The crowd's lake begins at %s UTC, less than a week before the period, so what is normal is less certain.", c.theirs.timeOf(first).Format("2006-01-02 15:04")))
	}
	return notes
}
