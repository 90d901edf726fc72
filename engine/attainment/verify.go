package attainment

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"slices"

	"mtric.net/mtric/engine/edition"
	"mtric.net/mtric/engine/lake"
	"mtric.net/mtric/engine/measurement"
	"mtric.net/mtric/engine/plan"
)

// ErrNoPlan says that there is no plan to compute a report again by.
var ErrNoPlan = errors.New("the lake has not got the plan that the report names; --plan DIR names it")

// Verified is what came of computing a report again.
type Verified struct {
	Differences []string
	Late        []string // what came into the lake after the report was made
	ByLake      bool     // the plan is that of the lake, without exclusions: these are the report's
}

// Verify computes a report again out of the lake, by the plan that the lake keeps or by the
// given one, and names every difference. Vantage points are left out together with what they
// showed and were to ask.
func Verify(ctx context.Context, d *Document, store lake.Store, given *plan.Plan, without ...measurement.VantagePoint) (*Document, *Verified, error) {
	v := &Verified{ByLake: given == nil}
	p := given
	if given == nil {
		data, err := store.Plan(d.PlanSHA256)
		if errors.Is(err, fs.ErrNotExist) {
			return nil, nil, ErrNoPlan
		}
		if err == nil {
			p, err = plan.ReadJSON(data)
		}
		if err != nil {
			return nil, nil, fmt.Errorf("lake: plan %s: %w", d.PlanSHA256, err)
		}
		p.Exclusions = d.Exclusions
	}
	again, err := Frame(p, d.Until, d.DataUntil, d.Version)
	if err != nil {
		return nil, nil, err
	}
	if given != nil && again.PlanSHA256 != d.PlanSHA256 {
		v.differ("plan: the report says %s, and this one is %s", d.PlanSHA256, again.PlanSHA256)
	}
	again.PlanSHA256, again.Revision, again.ReceivedUntil = d.PlanSHA256, d.Revision, d.ReceivedUntil
	if len(without) > 0 {
		if err := leave(p, d, without); err != nil {
			return nil, nil, err
		}
	}
	late, err := again.Fill(ctx, p, store)
	if err != nil {
		return nil, nil, err
	}
	if late > 0 {
		v.Late = append(v.Late, edition.Plural(late, "run")+" came into the lake after the report was made")
	}
	if own := d.digest(); own != d.Digest {
		v.differ("digest: the report says %.100s, but that of its values is %s", d.Digest, own)
	}
	v.compare(d, again)
	return again, v, nil
}

// leave takes vantage points out of the plan.
func leave(p *plan.Plan, d *Document, without []measurement.VantagePoint) error {
	for _, vp := range without {
		if !slices.Contains(d.VantagePoints, vp) {
			return fmt.Errorf("vantage point %s is none of the report's: %s", vp, edition.Join(d.VantagePoints))
		}
	}
	if len(p.VantagePoints) == 0 {
		return errors.New("the plan names no vantage points, so that none can be left out")
	}
	p.VantagePoints = slices.DeleteFunc(slices.Clone(p.VantagePoints), func(v plan.VantagePoint) bool { return slices.Contains(without, v.ID) })
	if len(p.VantagePoints) == 0 {
		return errors.New("nothing is left when all vantage points are left out")
	}
	return nil
}

func (v *Verified) differ(format string, args ...any) {
	v.Differences = append(v.Differences, fmt.Sprintf(format, args...))
}

// compare names what the report says otherwise than the data.
func (v *Verified) compare(d, again *Document) {
	both := func(name string, own, data any) {
		a, _ := json.Marshal(own)
		b, _ := json.Marshal(data)
		if string(a) != string(b) {
			v.differ("%s: the report says %.300s, the data %.300s", name, a, b)
		}
	}
	both("status", d.Status, again.Status)
	both("exclusions", d.Exclusions, again.Exclusions)
	both("received_until", d.ReceivedUntil, again.ReceivedUntil)
	both("vantage_points", d.VantagePoints, again.VantagePoints)
	both("unexpected", d.Unexpected, again.Unexpected)
	both("untrusted_runs", d.UntrustedRuns, again.UntrustedRuns)
	both("coverage", d.Coverage, again.Coverage)
	both("publications", d.Publications, again.Publications)
	both("lone", d.Lone, again.Lone)
	is := map[string]Outcome{}
	for _, o := range again.Outcomes {
		is[o.Name()] = o
	}
	for _, o := range d.Outcomes {
		same, there := is[o.Name()]
		if delete(is, o.Name()); !there {
			v.differ("%s: in the report only", o.Name())
			continue
		}
		both(o.Name(), o, same)
	}
	for _, o := range again.Outcomes {
		if _, left := is[o.Name()]; left {
			v.differ("%s: in the data only", o.Name())
		}
	}
}

// Name tells the outcomes of a report apart: "server, query apex, ns1".
func (o Outcome) Name() string {
	return fmt.Sprintf("%s, query %s, %s", o.Objective, o.Query, o.Subject)
}
