package report

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"mtric.net/mtric/engine/lake"
	"mtric.net/mtric/engine/plan"
	"mtric.net/mtric/metrics"
)

// Whose word it is what the plan of a report says.
const (
	PlanOfLake   = "lake"   // that of the lake; exclusions and annotations, which it lacks, are the report's
	PlanGiven    = "given"  // that of whoever verifies
	PlanOfReport = "report" // the report's own
)

// plan holds the report to its plan, the given one or else the lake's, and returns it with
// what the plan says instead. False says that the values cannot be compared.
func (v *Verified) plan(d *Document, store lake.Store, given *plan.Plan) (*Document, bool, error) {
	v.Plan = PlanGiven
	var f *Document
	var err error
	if given != nil {
		f, err = d.frameOf(given)
	} else {
		v.Plan = PlanOfLake
		f, err = d.frameOfLake(store)
		if errors.Is(err, fs.ErrNotExist) {
			v.Plan = PlanOfReport
			return d, true, nil
		}
	}
	if err != nil {
		return nil, false, err
	}
	if v.Differences, err = d.compareFrame(f); err != nil {
		return nil, false, err
	}
	if f.PlanSHA256 != d.PlanSHA256 {
		return d, true, nil // another plan says nothing of this report's values
	}
	if !slices.EqualFunc(d.Exclusions, f.Exclusions, sameExclusion) {
		return nil, false, nil
	}
	own := *d
	own.Plan, own.Thresholds, own.RSIs = f.Plan, f.Thresholds, f.RSIs
	own.VantagePointsFrom, own.VantagePoints, own.Others = f.VantagePointsFrom, f.VantagePoints, f.Others
	return &own, true, nil
}

// frameOf is what a plan says of the period of the report.
func (d *Document) frameOf(p *plan.Plan) (*Document, error) {
	return Frame(p, d.Style, d.From, d.Until, d.DataUntil, d.Version)
}

// frameOfLake is what the plan that the report names says, as the lake keeps it: without
// exclusions and annotations, which are the report's. The error is fs.ErrNotExist where
// the lake has not got it.
func (d *Document) frameOfLake(store lake.Store) (*Document, error) {
	data, err := store.Plan(d.PlanSHA256)
	if err != nil {
		return nil, fmt.Errorf("report: %w", err)
	}
	p, err := plan.ReadJSON(data)
	if err != nil {
		return nil, fmt.Errorf("lake: plan %s: %w", d.PlanSHA256, err)
	}
	f, err := d.frameOf(p)
	if err != nil {
		return nil, err
	}
	// Another version may have written keys that are not known here: the hash is of the file.
	f.PlanSHA256, f.Exclusions, f.Annotations = d.PlanSHA256, d.Exclusions, d.Annotations
	return f, nil
}

// sameExclusion says whether two exclusions take out the same measurements.
func sameExclusion(a, b plan.Note) bool {
	return a.From.Equal(b.From) && a.Until.Equal(b.Until) && slices.Equal(a.VantagePoints, b.VantagePoints) &&
		slices.Equal(a.RSIs, b.RSIs) && slices.Equal(a.Paths, b.Paths)
}

// CheckPlan names what a plan says otherwise than the report.
func (d *Document) CheckPlan(p *plan.Plan) ([]string, error) {
	f, err := d.frameOf(p)
	if err != nil {
		return nil, err
	}
	return d.compareFrame(f)
}

// compareFrame names what a plan says otherwise than the report; f is what it says.
func (d *Document) compareFrame(f *Document) ([]string, error) {
	own, says := *d, *f
	// What only data say is the same on both sides.
	says.Revision, says.Status, says.N, says.K, says.Frames, says.Unexpected, says.UnexpectedRSIs = d.Revision, d.Status, d.N, d.K, d.Frames, d.Unexpected, d.UnexpectedRSIs
	says.Coverage, says.Thin, says.ReceivedUntil, says.ArchivedUntil, says.Publications, says.Accepted = d.Coverage, d.Thin, d.ReceivedUntil, d.ArchivedUntil, d.Publications, d.Accepted
	says.Unchecked, says.Held, says.Archive, says.Notes, says.Changes = d.Unchecked, d.Held, d.Archive, d.Notes, d.Changes
	says.Values, says.Digest, says.Internal, says.SecondOpinion = d.Values, d.Digest, d.Internal, d.SecondOpinion
	own.VantagePoints = slices.Clone(d.VantagePoints)
	for i := range own.VantagePoints {
		v := &own.VantagePoints[i]
		v.Expected, v.Received, v.Excluded, v.Planned, v.Sent = 0, 0, 0, 0, 0
	}
	if d.VantagePointsFrom == fromData && f.VantagePointsFrom == fromData {
		own.VantagePoints = f.VantagePoints
	}
	return compare(&own, &says, "the plan says")
}

// thresholds compares those of the values with what the values computed again are held to:
// the plan's thresholds, or else those that the report itself names. False says that these
// are not what all values of a metric are held to.
func (v *Verified) thresholds(d, again *Document) bool {
	is := map[string]Value{}
	for _, a := range again.Values {
		is[a.Name()] = a
	}
	all, others := map[string]int{}, map[string]int{}
	for _, x := range d.Values {
		key := metrics.LimitKey(x.Metric, x.Transport)
		if all[key]++; is[x.Name()].Threshold != x.Threshold {
			others[key]++
		}
	}
	sound, told := true, map[string]bool{}
	for _, x := range d.Values {
		key := metrics.LimitKey(x.Metric, x.Transport)
		a, there := is[x.Name()]
		switch {
		case !there || a.Threshold == x.Threshold:
		case v.Plan != PlanOfReport:
			v.differ("%s threshold: the report says %.100s, the plan says %s", x.Name(), x.Threshold, a.Threshold)
		case all[key] == others[key] && !told[key]:
			sound, told[key] = false, true
			v.differ("thresholds: %s is held to %.100s in the values, and to %s by the report's thresholds", key, x.Threshold, a.Threshold)
		}
	}
	return sound
}

// add takes over what differs from the lake, but for what is named already.
func (v *Verified) add(differences []string) {
	const says = ": the report says "
	named := map[string]bool{}
	for _, line := range v.Differences {
		if place, _, of := strings.Cut(line, says); of {
			named[place] = true
		}
	}
	for _, line := range differences {
		if place, _, of := strings.Cut(line, says); !of || !named[place] {
			v.Differences = append(v.Differences, line)
		}
	}
}
