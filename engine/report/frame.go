package report

import (
	"fmt"
	"time"

	"mtric.net/mtric/engine/interval"
	"mtric.net/mtric/engine/measurement"
	"mtric.net/mtric/engine/plan"
	"mtric.net/mtric/metrics"
)

// Period returns a style's period: written as 2026-11 or, for a week, as its
// Monday 2026-11-16; empty is the last one that is over at now.
func Period(style Style, period string, now time.Time) (from, until time.Time, err error) {
	switch style {
	case Monthly:
		from = interval.Month(now).AddDate(0, -1, 0)
		if period != "" {
			if from, err = time.Parse("2006-01", period); err != nil {
				return from, until, fmt.Errorf("period %q: want a month such as 2026-11", period)
			}
		}
		return from, interval.NextMonth(from), nil
	case Weekly:
		from = interval.Week(now).AddDate(0, 0, -7)
		if period != "" {
			if from, err = time.Parse(time.DateOnly, period); err != nil {
				return from, until, fmt.Errorf("period %q: want the Monday of a week such as 2026-11-16", period)
			}
			if monday := interval.Week(from); monday != from {
				return from, until, fmt.Errorf("period %s: is a %s; the week starts on Monday %s", period, from.Weekday(), monday.Format(time.DateOnly))
			}
		}
		return from, from.AddDate(0, 0, 7), nil
	}
	return from, until, fmt.Errorf("style %q: want monthly, weekly, survey, objectives or comparison", style)
}

// Folder is the name of a report's folder: monthly-2026-11, weekly-2026-11-16.
func Folder(style Style, from time.Time) string {
	if style == Monthly {
		return string(style) + "-" + from.Format("2006-01")
	}
	return string(style) + "-" + from.Format(time.DateOnly)
}

// DataUntil is where reading ends for a report made at now: no later than the
// look-ahead needs.
func DataUntil(until, now time.Time) time.Time {
	if end := until.Add(metrics.LookAhead); end.Before(now) {
		return end
	}
	return interval.Of(now)
}

// Frame is a document without numbers: what the plan says of the period.
func Frame(p *plan.Plan, style Style, from, until, dataUntil time.Time, version string) (*Document, error) {
	if !from.Before(dataUntil) {
		return nil, fmt.Errorf("%s: the period begins at %s, there can be no data yet", Folder(style, from), from.Format(time.RFC3339))
	}
	q, ok := p.Query(measurement.QuerySOA)
	if !ok {
		return nil, fmt.Errorf("plan %s: no query %q: the metrics are made of it", p.Name, measurement.QuerySOA)
	}
	d := &Document{Schema: Schema, Version: version, Revision: 1, Style: style, From: from, Until: until, DataUntil: dataUntil,
		Plan: p.Name, PlanSHA256: p.SHA256(), Thresholds: p.ThresholdsAt(from), VantagePointsFrom: fromPlan, VantagePoints: []VantagePoint{}, Others: []Other{},
		Exclusions: excluding(p.Exclusions, from, dataUntil), Annotations: during(p.Annotations, from, dataUntil), Changes: []Change{}}
	for _, s := range p.ServersOf(q.Servers) {
		d.RSIs = append(d.RSIs, RSI{s.RSI, s.Name, s.Addresses})
	}
	for _, v := range p.VantagePoints {
		if (v.From == nil || v.From.Before(until)) && (v.Until == nil || v.Until.After(from)) {
			d.VantagePoints = append(d.VantagePoints, VantagePoint{ID: v.ID, Region: v.Region, Metro: v.Metro, From: v.From, Until: v.Until})
			continue
		}
		d.Others = append(d.Others, Other{ID: v.ID, From: v.From, Until: v.Until})
	}
	if len(p.VantagePoints) == 0 {
		d.VantagePointsFrom = fromData
	}
	return d, nil
}

// Complete says whether the look-ahead is over, so that the report can be final.
func (d *Document) Complete() bool { return !d.DataUntil.Before(d.Until.Add(metrics.LookAhead)) }

// end is where the rows of the period end: those of later intervals were not read.
func (d *Document) end() time.Time { return earlier(d.Until, d.DataUntil) }

// Where the vantage points of a document come from.
const (
	fromPlan = "plan"
	fromData = "data"
)

// nobody stands for the vantage points of a plan of which none is within its dates.
const nobody measurement.VantagePoint = "none"

// during are the notes that can touch the period, its look-back and look-ahead.
func during(notes []plan.Note, from, until time.Time) []plan.Note {
	list := []plan.Note{}
	for _, n := range notes {
		if n.From.Before(until) && n.Until.After(from.Add(-metrics.LookBack)) {
			list = append(list, n)
		}
	}
	return list
}

// excluding are the exclusions that the numbers depend on: those of the period, and of any
// time before it those without RSIs, which may take away who first showed a serial.
func excluding(notes []plan.Note, from, until time.Time) []plan.Note {
	list := []plan.Note{}
	for _, n := range notes {
		if n.From.Before(until) && (len(n.RSIs) == 0 || n.Until.After(from.Add(-metrics.LookBack))) {
			list = append(list, n)
		}
	}
	return list
}

// Excluded are the exclusions that touch the period.
func (d *Document) Excluded() []plan.Note { return during(d.Exclusions, d.From, d.DataUntil) }

// config is what the metrics take from the document; it is all they take, so a
// report can be verified without the plan.
func (d *Document) config() (metrics.Config, error) {
	p := &plan.Plan{Name: d.Plan, Thresholds: d.Thresholds, Exclusions: d.Exclusions,
		Queries: []plan.Query{{Label: measurement.QuerySOA, Servers: []string{"root"}}}}
	for _, r := range d.RSIs {
		p.Servers = append(p.Servers, plan.Server{Group: "root", RSI: r.RSI, Addresses: r.Addresses})
	}
	if d.VantagePointsFrom == fromPlan {
		for _, v := range d.VantagePoints {
			p.VantagePoints = append(p.VantagePoints, plan.VantagePoint{ID: v.ID, From: v.From, Until: v.Until})
		}
		for _, v := range d.Others {
			p.VantagePoints = append(p.VantagePoints, plan.VantagePoint{ID: v.ID, From: v.From, Until: v.Until})
		}
		if len(p.VantagePoints) == 0 {
			// None is within its dates: none of those in the data is expected.
			p.VantagePoints = append(p.VantagePoints, plan.VantagePoint{ID: nobody, Until: &d.From})
		}
	}
	c, err := metrics.FromPlan(p, d.From, d.Until, d.DataUntil)
	c.Instances = true // full.json names them
	return c, err
}
