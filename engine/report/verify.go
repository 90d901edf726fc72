package report

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"mtric.net/mtric/engine/lake"
	"mtric.net/mtric/engine/measurement"
	"mtric.net/mtric/engine/plan"
	"mtric.net/mtric/metrics"
)

// Verified is what computing a report again found. Late is what has come since the report
// was made and does not speak against it; a difference does.
type Verified struct {
	Differences []string
	Late        []string
}

// Verify computes a report again from the lake and from what the report itself carries,
// and names every difference; none means that the data say what the report says. It
// takes full.json and report.json. Runs that came into the lake after the report's
// received_until, zones that became known since and answers that have got their verdict
// since are late, and no difference.
func Verify(ctx context.Context, d *Document, store lake.Store) (*Verified, error) {
	again := *d
	cfg, err := again.config()
	if err != nil {
		return nil, fmt.Errorf("report: %w", err)
	}
	d.restOn(&cfg)
	result, err := again.fill(ctx, store, cfg)
	if err != nil {
		return nil, err
	}
	v := &Verified{}
	for _, vp := range slices.Sorted(maps.Keys(result.LateRuns)) {
		v.late("vantage point %s: %d runs of the period came after the report", vp, result.LateRuns[vp])
	}
	again.ReceivedUntil = d.ReceivedUntil
	v.lateZones(d, &again)
	v.lateVerdicts(d, &again)
	computed := &again
	if d.Internal == nil {
		computed = again.Public()
	} else if own := digest(d.Values); own != d.Digest {
		v.Differences = append(v.Differences, fmt.Sprintf("digest: the report's values make %s, it says %s", own, d.Digest))
	}
	differences, err := compare(d, computed, "the lake gives")
	v.Differences = append(v.Differences, differences...)
	return v, err
}

// restOn makes the metrics rest on what the report rests on, whatever came since.
func (d *Document) restOn(c *metrics.Config) {
	c.ReceivedUntil = time.Unix(0, 0) // of no run it was known when it came: those of which it is came since
	if d.ReceivedUntil != nil {
		c.ReceivedUntil = *d.ReceivedUntil
	}
	c.Publications, c.Accepted = []metrics.Publication{}, map[uint32]bool{}
	for _, p := range d.Publications {
		c.Publications = append(c.Publications, metrics.Publication{Serial: uint32(p.Serial), T: p.T})
	}
	for _, s := range d.Accepted {
		c.Accepted[uint32(s)] = true
	}
}

func (v *Verified) late(format string, args ...any) {
	v.Late = append(v.Late, fmt.Sprintf(format, args...))
}

// lateZones tells which zones that the report missed are archived now.
func (v *Verified) lateZones(d, again *Document) {
	missing := map[int64]bool{}
	for _, z := range again.Archive.Missing {
		missing[z.Serial] = true
	}
	for _, z := range d.Archive.Missing {
		if !missing[z.Serial] {
			v.late("zone %d, which the report misses, is archived now", z.Serial)
		}
	}
	for _, z := range again.Archive.Missing {
		if !slices.ContainsFunc(d.Archive.Missing, func(m MissingZone) bool { return m.Serial == z.Serial }) {
			v.late("zone %d is known now, and is not archived", z.Serial)
		}
	}
	if len(v.Late) > 0 {
		again.Archive = d.Archive
	}
}

// lateVerdicts tells which answers have got their verdict since: of each RSI there are as
// many as there were, and no fewer correct or incorrect.
func (v *Verified) lateVerdicts(d, again *Document) {
	judged := false
	for i := range again.Values {
		own, now := &d.Values[min(i, len(d.Values)-1)], &again.Values[i]
		if len(d.Values) != len(again.Values) || own.Name() != now.Name() {
			return // a difference, which compare names
		}
		if more := now.judgedSince(own, d.Internal != nil); more > 0 {
			if now.RSI != "" {
				v.late("%s of rsi %s: %d answers have got their verdict", now.Metric, now.RSI, more)
			}
			judged = true
			again.Values[i] = *own
		}
	}
	if judged {
		again.Unchecked, again.Held, again.Archive, again.Status = d.Unchecked, d.Held, d.Archive, d.Status
		again.Notes = d.Notes
		again.Digest = digest(again.Values)
		if d.Internal == nil {
			again.Digest = d.Digest // of values that report.json leaves out
		}
	}
}

// judgedSince is how many answers of a correctness value were held before and are judged
// now; 0 where the two differ in any other way.
func (v *Value) judgedSince(before *Value, numbers bool) int64 {
	more := v.Count - before.Count
	if v.Metric != metrics.RSICorrectness && v.Metric != metrics.RSSCorrectness || more <= 0 || v.Held != before.Held-more {
		return 0
	}
	if numbers || v.RSI == "" {
		num := func(v *Value) int64 {
			if v.Numerator == nil {
				return 0
			}
			return *v.Numerator
		}
		if good := num(v) - num(before); good < 0 || good > more {
			return 0
		}
	}
	return more
}

// Without computes the report's values again without one vantage point: its rows, what
// was planned for it and what it says of when serials were published. The serials of the
// period stay. It takes the values that have another verdict or number, with those of
// the report beside.
func Without(ctx context.Context, d *Document, store lake.Store, vp measurement.VantagePoint) ([]Value, error) {
	if !slices.ContainsFunc(d.VantagePoints, func(v VantagePoint) bool { return v.ID == vp }) {
		return nil, fmt.Errorf("vantage point %s: not of this report, which has %s", vp, join(ids(d.VantagePoints)))
	}
	cfg, err := d.config()
	if err != nil {
		return nil, fmt.Errorf("report: %w", err)
	}
	d.restOn(&cfg)
	cfg.Left = vp
	zones, err := store.Zones()
	if err != nil {
		return nil, fmt.Errorf("report: %w", err)
	}
	a, err := metrics.New(cfg, zones)
	if err != nil {
		return nil, fmt.Errorf("report: %w", err)
	}
	if err := a.Scan(ctx, store, 0); err != nil {
		return nil, fmt.Errorf("report: %w", err)
	}
	var list []Value
	for _, m := range a.Compute().Values {
		v := newValue(m)
		v.public = d.Internal == nil
		list = append(list, v)
	}
	return list, nil
}

func ids(list []VantagePoint) (all []measurement.VantagePoint) {
	for _, v := range list {
		all = append(all, v.ID)
	}
	return all
}

// CheckPlan names what a plan says otherwise than the report.
func (d *Document) CheckPlan(p *plan.Plan) ([]string, error) {
	f, err := Frame(p, d.Style, d.From, d.Until, d.DataUntil, d.Version)
	if err != nil {
		return nil, err
	}
	own := *d
	// What only data say is the same on both sides.
	f.Revision, f.Status, f.N, f.K, f.Frames, f.Unexpected, f.UnexpectedRSIs = d.Revision, d.Status, d.N, d.K, d.Frames, d.Unexpected, d.UnexpectedRSIs
	f.Coverage, f.Thin, f.ReceivedUntil, f.Publications, f.Accepted = d.Coverage, d.Thin, d.ReceivedUntil, d.Publications, d.Accepted
	f.Unchecked, f.Held, f.Archive, f.Notes, f.Changes = d.Unchecked, d.Held, d.Archive, d.Notes, d.Changes
	f.Values, f.Digest, f.Internal = d.Values, d.Digest, d.Internal
	own.VantagePoints = slices.Clone(d.VantagePoints)
	for i := range own.VantagePoints {
		v := &own.VantagePoints[i]
		v.Expected, v.Received, v.Excluded, v.Planned, v.Sent = 0, 0, 0, 0, 0
	}
	if d.VantagePointsFrom == fromData && f.VantagePointsFrom == fromData {
		own.VantagePoints = f.VantagePoints
	}
	return compare(&own, f, "the plan says")
}
