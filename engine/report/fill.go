package report

import (
	"context"
	"encoding/json"
	"fmt"

	"mtric.net/mtric/engine/lake"
	"mtric.net/mtric/engine/measurement"
	"mtric.net/mtric/metrics"
)

// Fill computes the document's numbers from the lake.
func (d *Document) Fill(ctx context.Context, store lake.Store) (*metrics.Result, error) {
	cfg, err := d.config()
	if err != nil {
		return nil, fmt.Errorf("report: %w", err)
	}
	a, err := metrics.New(cfg)
	if err != nil {
		return nil, fmt.Errorf("report: %w", err)
	}
	zones, err := store.Zones()
	if err != nil {
		return nil, fmt.Errorf("report: %w", err)
	}
	if err := a.Scan(ctx, store, 0); err != nil {
		return nil, fmt.Errorf("report: %w", err)
	}
	r := a.Compute(zones)
	d.N, d.K, d.Unchecked = r.N, r.K, r.Unchecked
	d.Unexpected, d.UnexpectedRSIs = append([]measurement.VantagePoint{}, r.Unexpected...), append([]measurement.RSI{}, r.Strangers...)
	d.cover(r.Coverage)
	d.Values = nil
	for _, v := range r.Values {
		d.Values = append(d.Values, newValue(v))
	}
	if err := d.explain(ctx, store); err != nil {
		return nil, fmt.Errorf("report: %w", err)
	}
	if err := d.hold(ctx, store, zones); err != nil {
		return nil, fmt.Errorf("report: %w", err)
	}
	d.Digest = digest(d.Values)
	d.Status = Final
	if !d.Complete() || d.Unchecked > 0 {
		d.Status = Provisional
	}
	d.Notes = d.notes()
	d.Internal = &Internal{Places: places(r), Instances: instances(r), Publications: publications(r), Proposals: proposals(r)}
	return r, nil
}

// cover takes over how much there is.
func (d *Document) cover(list []metrics.Coverage) {
	d.VantagePoints, d.Coverage = []VantagePoint{}, Coverage{LeastPercent: leastCoverage}
	counting := int64(0)
	for _, c := range list {
		if c.ID == "none" {
			continue // see config
		}
		d.VantagePoints = append(d.VantagePoints, VantagePoint{c.ID, c.From, c.Until, c.Expected, c.Received, c.Excluded})
		d.Coverage.Expected += c.Expected
		d.Coverage.Received += c.Received
		d.Coverage.Excluded += c.Excluded
		counting += c.Counting
	}
	c := &d.Coverage
	c.Sufficient = counting > 0 && 100*counting >= leastCoverage*(c.Expected-c.Excluded)
}

// notes is what must be read before the numbers.
func (d *Document) notes() []string {
	notes := []string{}
	add := func(format string, args ...any) { notes = append(notes, fmt.Sprintf(format, args...)) }
	if d.VantagePointsFrom == fromData {
		add("The plan names no vantage points: those in the data are taken as expected, for the whole period.")
	}
	if d.Style == Weekly {
		add("RSSAC047 sets its thresholds for whole calendar months; in a weekly report they are shown for diagnosis only.")
	}
	d.lacking(add)
	if !d.Complete() {
		add("Provisional: data were read until %s; serials of the period are followed until %s.", clock(d.DataUntil), clock(d.Until.Add(metrics.LookAhead)))
	}
	switch {
	case d.Coverage.Received == 0:
		add("There are no measurements of this period: no value can be given.")
	case !d.Coverage.Sufficient:
		add("Coverage is below %d %%: every value rests on less than was planned.", leastCoverage)
	}
	if len(d.Unexpected) > 0 {
		add("Measurements of vantage points that the plan does not expect were left out: %s.", join(d.Unexpected))
	}
	if len(d.UnexpectedRSIs) > 0 {
		add("Answers of servers that are not root server identifiers of the plan were left out: %s.", join(d.UnexpectedRSIs))
	}
	return notes
}

func places(r *metrics.Result) []Place {
	number := func(f *metrics.Fraction) *json.Number {
		if f == nil {
			return nil
		}
		n := json.Number(decimal(metrics.Value{Unit: metrics.Millis}.InUnit(*f), millisPlaces, false))
		return &n
	}
	list := make([]Place, 0, len(r.Places))
	for _, p := range r.Places {
		list = append(list, Place{p.VantagePoint, p.RSI, p.Path.Family, p.Path.Transport, p.Asked, p.OK,
			number(p.Min), number(p.Median), number(p.P95), number(p.Max)})
	}
	return list
}

// publications sums the waits up by serial and RSI; they come in that order.
func publications(r *metrics.Result) []Publication {
	list := []Publication{}
	for _, l := range r.Lags {
		if n := len(list); n == 0 || list[n-1].Serial != int64(l.Serial) {
			list = append(list, Publication{Serial: int64(l.Serial), Published: l.Published, RSIs: []Waited{}})
		}
		p := &list[len(list)-1]
		if n := len(p.RSIs); n == 0 || p.RSIs[n-1].RSI != l.RSI {
			p.RSIs = append(p.RSIs, Waited{RSI: l.RSI})
		}
		w := &p.RSIs[len(p.RSIs)-1]
		w.Values++
		w.Longest = max(w.Longest, l.Minutes)
		if l.Censored {
			w.Censored++
		}
	}
	return list
}

// proposals are the exclusions that somebody should think about (reading A5).
func proposals(r *metrics.Result) []Proposal {
	list := []Proposal{}
	for _, f := range r.LocalFailures() {
		list = append(list, Proposal(f))
	}
	return list
}

// instances are the servers that answered [mgj].
func instances(r *metrics.Result) []Instance {
	list := []Instance{}
	for _, i := range r.Instances {
		list = append(list, Instance{i.RSI, i.NSID, i.Answers, i.VantagePoints})
	}
	return list
}

func text(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}
