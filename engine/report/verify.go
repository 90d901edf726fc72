package report

import (
	"context"
	"fmt"
	"math"
	"slices"
	"time"

	"mtric.net/mtric/engine/edition"
	"mtric.net/mtric/engine/lake"
	"mtric.net/mtric/engine/measurement"
	"mtric.net/mtric/engine/plan"
	"mtric.net/mtric/metrics"
)

// Verified is what computing a report again found. Late is what has come since the report
// was made and does not speak against it; a difference does. Plan says whose word it is
// what the plan says: PlanOfLake, PlanGiven or PlanOfReport.
type Verified struct {
	Differences []string
	Late        []string
	Plan        string
}

// Verify is VerifyWith the plan that the report names, as the lake keeps it.
func Verify(ctx context.Context, d *Document, store lake.Store) (*Verified, error) {
	return VerifyWith(ctx, d, store, nil)
}

// VerifyWith computes a report again from the lake, by the given plan or else by the lake's,
// and names every difference; none means that the data say what the report says. What
// neither has is taken from the report. It takes full.json and report.json. Runs that came
// into the lake after the report's received_until, zones that became known since and
// answers that have got their verdict since are late, and no difference. The report's
// publications and accepted serials, which its values rest on, are compared with the data
// too. Where what the values rest on differs, they are computed by what is right, or not
// compared: a value that is right is never called a difference.
func VerifyWith(ctx context.Context, d *Document, store lake.Store, given *plan.Plan) (*Verified, error) {
	v := &Verified{}
	own, sound, err := v.plan(d, store, given)
	if err != nil {
		return nil, err
	}
	if !sound {
		return v.stop(), nil
	}
	cfg, err := own.restOn()
	if err != nil {
		return nil, err
	}
	zones, err := store.Zones()
	if err != nil {
		return nil, fmt.Errorf("report: %w", err)
	}
	again := *own
	result, err := again.fill(ctx, store, cfg, own.asOf(zones), d.Archive.Missing)
	if err != nil {
		return nil, err
	}
	v.lateRuns(result)
	if !v.thresholds(d, &again) || !v.serials(d, &again, result, zones) {
		return v.stop(), nil
	}
	if v.publications(d, result.Derived) {
		cfg.Publications = result.Derived
		again = *own
		if result, err = again.fill(ctx, store, cfg, own.asOf(zones), d.Archive.Missing); err != nil {
			return nil, err
		}
		again.Publications = d.Publications
	}
	if err := v.values(ctx, d, &again, store, cfg, result, zones); err != nil {
		return nil, err
	}
	return v, v.byNow(ctx, own, store, zones)
}

// stop says that what differs is what the values rest on.
func (v *Verified) stop() *Verified {
	v.differ("the values are not compared, since they rest on it")
	return v
}

// values compares the report with what was computed again.
func (v *Verified) values(ctx context.Context, d, again *Document, store lake.Store, cfg metrics.Config, result *metrics.Result, zones []measurement.Zone) error {
	atOnce, err := again.atOnce(ctx, store, d)
	if err != nil {
		return fmt.Errorf("report: %w", err)
	}
	v.lateReasons(d, again)
	v.lateVerdicts(d, again, cfg, atOnce)
	v.lateZones(d, again, result, zones)
	again.conclude()
	computed := again
	if d.Internal == nil {
		computed = again.Public()
	} else if own := digest(d.Values); own != d.Digest {
		v.differ("digest: the report says %.100s, but that of its values is %s", d.Digest, own)
	}
	v.opinions(d)
	said := *computed
	said.SecondOpinion = d.SecondOpinion // not computed again
	differences, err := compare(d, &said, "the lake gives")
	if err != nil {
		return err
	}
	v.add(differences)
	return nil
}

// maxPublications bounds the serials that a report names: the root has two a day.
const maxPublications = 10_000

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
	if len(d.Publications) > maxPublications {
		return c, fmt.Errorf("report: %d publications, more than %d", len(d.Publications), maxPublications)
	}
	c.Publications, c.Accepted = []metrics.Publication{}, map[uint32]bool{}
	for _, p := range d.Publications {
		if p.Serial < 0 || p.Serial > math.MaxUint32 || p.T.Before(d.From) || !p.T.Before(d.Until) {
			return c, fmt.Errorf("report: publication of serial %d at %s: not of the period", p.Serial, edition.Clock(p.T))
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

// Without computes the report's values again without some vantage points: their rows, what
// was planned for them and what they say of when serials were published. The serials of
// the period stay. Of a public report they are public values.
func Without(ctx context.Context, d *Document, store lake.Store, vps ...measurement.VantagePoint) ([]Value, error) {
	own := ids(d.VantagePoints)
	for i, vp := range vps {
		if !slices.Contains(own, vp) {
			return nil, fmt.Errorf("vantage point %s: not of this report, which has %s", vp, edition.Dash(edition.Join(own)))
		}
		if slices.Contains(vps[:i], vp) {
			return nil, fmt.Errorf("vantage point %s: named twice", vp)
		}
	}
	cfg, err := d.restOn()
	if err != nil {
		return nil, err
	}
	cfg.Left = vps
	zones, err := store.Zones()
	if err != nil {
		return nil, fmt.Errorf("report: %w", err)
	}
	a, err := scanned(ctx, store, cfg, d.asOf(zones))
	if err != nil {
		return nil, err
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
