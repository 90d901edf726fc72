package report

import (
	"context"
	"fmt"
	"math"
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
// since are late, and no difference. The report's publications and accepted serials, which
// its values rest on, are compared with the data too.
func Verify(ctx context.Context, d *Document, store lake.Store) (*Verified, error) {
	again := *d
	cfg, err := d.restOn()
	if err != nil {
		return nil, err
	}
	zones, err := store.Zones()
	if err != nil {
		return nil, fmt.Errorf("report: %w", err)
	}
	result, err := again.fill(ctx, store, cfg, d.asOf(zones), d.Archive.Missing)
	if err != nil {
		return nil, err
	}
	atOnce, err := again.atOnce(ctx, store, d)
	if err != nil {
		return nil, fmt.Errorf("report: %w", err)
	}
	v := &Verified{}
	v.lateRuns(result)
	v.serials(d, &again, result, zones)
	v.lateReasons(d, &again)
	v.lateVerdicts(d, &again, cfg, atOnce)
	v.lateZones(d, &again, result, zones)
	again.conclude()
	computed := &again
	if d.Internal == nil {
		computed = again.Public()
	} else if own := digest(d.Values); own != d.Digest {
		v.Differences = append(v.Differences, fmt.Sprintf("digest: the report's values make %s, it says %s", own, d.Digest))
	}
	differences, err := compare(d, computed, "the lake gives")
	if err != nil {
		return nil, err
	}
	v.Differences = append(v.Differences, differences...)
	return v, v.byNow(ctx, d, store)
}

// mostPublications bounds the serials that a report names: the root has two a day.
const mostPublications = 10_000

// restOn is the configuration that makes the metrics rest on what the report rests on,
// whatever came since.
func (d *Document) restOn() (metrics.Config, error) {
	c, err := d.config()
	if err != nil {
		return c, fmt.Errorf("report: %w", err)
	}
	// Without received_until no run was dated: those that are have come since.
	c.ReceivedUntil = time.Unix(0, 0).UTC()
	if d.ReceivedUntil != nil {
		c.ReceivedUntil = *d.ReceivedUntil
	}
	c.ArchivedUntil = time.Unix(0, 0).UTC() // without it no zone was archived
	if d.ArchivedUntil != nil {
		c.ArchivedUntil = *d.ArchivedUntil
	}
	if len(d.Publications) > mostPublications {
		return c, fmt.Errorf("report: %d publications, more than %d", len(d.Publications), mostPublications)
	}
	c.Publications, c.Accepted = []metrics.Publication{}, map[uint32]bool{}
	for _, p := range d.Publications {
		if p.Serial < 0 || p.Serial > math.MaxUint32 || p.T.Before(d.From) || !p.T.Before(d.Until) {
			return c, fmt.Errorf("report: publication of serial %d at %s: not of the period", p.Serial, clock(p.T))
		}
		c.Publications = append(c.Publications, metrics.Publication{Serial: uint32(p.Serial), T: p.T})
	}
	for _, s := range d.Accepted {
		if s < 0 || s > math.MaxUint32 {
			return c, fmt.Errorf("report: accepted serial %d: not a serial", s)
		}
		c.Accepted[uint32(s)] = true
	}
	return c, nil
}

// Without computes the report's values again without one vantage point: its rows, what
// was planned for it and what it says of when serials were published. The serials of the
// period stay. Of a public report they are public values.
func Without(ctx context.Context, d *Document, store lake.Store, vp measurement.VantagePoint) ([]Value, error) {
	if !slices.ContainsFunc(d.VantagePoints, func(v VantagePoint) bool { return v.ID == vp }) {
		return nil, fmt.Errorf("vantage point %s: not of this report, which has %s", vp, dash(join(ids(d.VantagePoints))))
	}
	cfg, err := d.restOn()
	if err != nil {
		return nil, err
	}
	cfg.Left = vp
	zones, err := store.Zones()
	if err != nil {
		return nil, fmt.Errorf("report: %w", err)
	}
	a, err := metrics.New(cfg, d.asOf(zones))
	if err != nil {
		return nil, fmt.Errorf("report: %w", err)
	}
	if err := a.Scan(ctx, store, 0); err != nil {
		return nil, fmt.Errorf("report: %w", err)
	}
	var list []Value
	for _, m := range a.Compute().Values {
		v := newValue(m)
		if d.Internal == nil {
			v = v.published()
		}
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
	f.Coverage, f.Thin, f.ReceivedUntil, f.ArchivedUntil, f.Publications, f.Accepted = d.Coverage, d.Thin, d.ReceivedUntil, d.ArchivedUntil, d.Publications, d.Accepted
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
