package report

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"mtric.net/mtric/engine/column"
	"mtric.net/mtric/engine/edition"
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
	zones, err := store.Zones()
	if err != nil {
		return nil, fmt.Errorf("report: %w", err)
	}
	return d.fill(ctx, store, cfg, zones, nil)
}

// fill computes by that table of zones; missed are zones that the report is to look for
// whether it finds them in use or not.
func (d *Document) fill(ctx context.Context, store lake.Store, cfg metrics.Config, zones []measurement.Zone, missed []MissingZone) (*metrics.Result, error) {
	a, err := scanned(ctx, store, cfg, zones)
	if err != nil {
		return nil, err
	}
	r := a.Compute()
	runs := a.Runs() // and nothing else: a dossier is made when the measurements are forgotten
	d.late, d.trusted = runs.Late, runs.Trusted
	d.rest(r)
	d.cover(r)
	if err := d.others(ctx, store); err != nil {
		return nil, fmt.Errorf("report: %w", err)
	}
	d.Values = nil
	for _, v := range r.Values {
		d.Values = append(d.Values, newValue(v))
	}
	if err := d.explain(ctx, store); err != nil {
		return nil, fmt.Errorf("report: %w", err)
	}
	if err := d.hold(ctx, store, zones, missed); err != nil {
		return nil, fmt.Errorf("report: %w", err)
	}
	d.Digest = digest(d.Values)
	d.Internal = &Internal{Places: d.placesOf(r), Instances: instances(r), Publications: publications(r), Proposals: proposals(r)}
	d.proposals = d.Internal.Proposals
	d.conclude()
	return r, nil
}

// scanned are the metrics with the lake's rows in them.
func scanned(ctx context.Context, store lake.Store, cfg metrics.Config, zones []measurement.Zone) (*metrics.Accumulator, error) {
	a, err := metrics.New(cfg, zones)
	if err == nil {
		err = a.Scan(ctx, store, 0)
	}
	if err != nil {
		return nil, fmt.Errorf("report: %w", err)
	}
	return a, nil
}

// conclude says of the numbers what must be known before they are read.
func (d *Document) conclude() {
	d.Status = Final
	if !d.Complete() || d.Unchecked > 0 {
		d.Status = Provisional
	}
	d.Notes = d.notes()
}

// maxQueries bounds how many queries are named that the metrics do not read.
const maxQueries = 10

// others notes which queries the lake has of the period, where it has none that the
// metrics are made of.
func (d *Document) others(ctx context.Context, store lake.Store) error {
	d.queries = nil
	if d.Coverage.Sent > 0 {
		return nil
	}
	scan := lake.Scan{Store: store, From: d.From, Until: d.end(), Workers: 1}
	return scan.Answers(ctx, []column.Name{column.Query, column.VantagePoint}, func(b *column.AnswerBatch) error {
		for i := range b.Rows {
			q := b.Query.At(i)
			if q != measurement.QuerySOA && q != measurement.QueryCorrectness && len(d.queries) < maxQueries &&
				!d.late(b.VantagePoint.At(i), b.Interval.At(i)) {
				d.queries = included(d.queries, q)
			}
		}
		return nil
	})
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

// rest takes over what the numbers rest on.
func (d *Document) rest(r *metrics.Result) {
	d.N, d.K, d.Unchecked = r.N, r.K, r.Unchecked
	d.Unexpected, d.UnexpectedRSIs = append([]measurement.VantagePoint{}, r.Unexpected...), append([]measurement.RSI{}, r.UnexpectedRSIs...)
	d.ReceivedUntil, d.Publications, d.Accepted, d.Frames = nil, []Publication{}, []int64{}, []Span{}
	if !r.ReceivedUntil.IsZero() {
		d.ReceivedUntil = &r.ReceivedUntil
	}
	if d.ArchivedUntil = nil; !r.ArchivedUntil.IsZero() {
		d.ArchivedUntil = &r.ArchivedUntil
	}
	for _, p := range r.Publications {
		d.Publications = append(d.Publications, Publication{int64(p.Serial), p.T})
	}
	for _, s := range r.Accepted {
		d.Accepted = append(d.Accepted, int64(s))
	}
	for _, f := range r.Frames {
		d.Frames = append(d.Frames, Span(f))
	}
}

// cover takes over how much there is.
func (d *Document) cover(r *metrics.Result) {
	places := map[measurement.VantagePoint]VantagePoint{}
	for _, v := range d.VantagePoints {
		places[v.ID] = v
	}
	s := r.Slots
	d.untrusted, d.doubts = nil, nil
	var clocks, early, crowded int64
	d.VantagePoints, d.Coverage, d.Thin = []VantagePoint{}, Coverage{s.Planned, s.Sent, s.Unsent, s.Missing, s.OffPlan, r.Stray}, r.Thin
	for _, c := range r.Coverage {
		if c.ID == nobody || d.isOther(c.ID) {
			continue
		}
		if c.Untrusted > 0 {
			d.untrusted = append(d.untrusted, VantagePoint{ID: c.ID, Received: c.Untrusted})
			clocks, early, crowded = clocks+c.Clock, early+c.Early, crowded+c.Crowded
		}
		p := places[c.ID]
		d.VantagePoints = append(d.VantagePoints, VantagePoint{c.ID, p.Region, p.Metro, c.From, c.Until, c.Expected, c.Received, c.Excluded, c.SOA.Planned, c.SOA.Sent})
	}
	for _, doubt := range []struct {
		runs int64
		text string
	}{{clocks, "their clock was known to be wrong"}, {early, "they came before their own time"}, {crowded, fmt.Sprintf("they showed more than %d serials", metrics.MaxSerials)}} {
		if doubt.runs > 0 {
			d.doubts = append(d.doubts, doubt.text)
		}
	}
}

// isOther says whether a vantage point's dates lie outside the period.
func (d *Document) isOther(vp measurement.VantagePoint) bool {
	return slices.ContainsFunc(d.Others, func(o Other) bool { return o.ID == vp })
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
		add("Provisional: data were read until %s; serials of the period are followed until %s.", edition.Clock(d.DataUntil), edition.Clock(d.Until.Add(metrics.LookAhead)))
	}
	switch {
	case d.Coverage.Sent == 0 && len(d.queries) > 0:
		add("There are no measurements of this period: no value can be given. The lake has other queries (%s); the metrics are made of %s and %s.",
			edition.Join(d.queries), measurement.QuerySOA, measurement.QueryCorrectness)
	case d.Coverage.Sent == 0:
		add("There are no measurements of this period: no value can be given.")
	case d.Thin:
		add("Less than nine tenths of the planned queries were sent (%s of %s): a verdict stands only where what is missing could not change it.",
			edition.Thousands(d.Coverage.Sent), edition.Thousands(d.Coverage.Planned))
	}
	if len(d.untrusted) > 0 {
		add("The serials that some runs show are not used for publication latency, because %s: %s.", strings.Join(d.doubts, ", or "), d.distrusted())
	}
	if len(d.Unexpected) > 0 {
		var unknown, dated []measurement.VantagePoint
		for _, vp := range d.Unexpected {
			if slices.ContainsFunc(d.VantagePoints, func(v VantagePoint) bool { return v.ID == vp }) || d.isOther(vp) {
				dated = append(dated, vp)
			} else {
				unknown = append(unknown, vp)
			}
		}
		if len(unknown) > 0 {
			add("Measurements of vantage points that the plan does not expect were left out: %s.", edition.Join(unknown))
		}
		if len(dated) > 0 {
			add("Measurements that vantage points made outside their dates were left out: %s.", edition.Join(dated))
		}
	}
	if len(d.UnexpectedRSIs) > 0 {
		add("Answers of servers that are not root server identifiers of the plan were left out: %s.", edition.Join(d.UnexpectedRSIs))
	}
	return notes
}

// distrusted says how many runs of which vantage points date nothing, in a line.
func (d *Document) distrusted() string {
	var parts []string
	var rest, runs int64
	for i, v := range d.untrusted {
		if i < maxNoted {
			parts = append(parts, fmt.Sprintf("%s of vantage point %s", edition.Plural(v.Received, "run"), v.ID))
			continue
		}
		rest, runs = rest+1, runs+v.Received
	}
	if rest > 0 {
		parts = append(parts, fmt.Sprintf("%s of %s more", edition.Plural(runs, "run"), edition.Plural(rest, "vantage point")))
	}
	return strings.Join(parts, ", ")
}

func (d *Document) placesOf(r *metrics.Result) []Place {
	number := func(f *metrics.Fraction) *json.Number {
		if f == nil {
			return nil
		}
		n := json.Number(decimal(metrics.Value{Unit: metrics.Millis}.InUnit(*f), millisPlaces, false))
		return &n
	}
	list := make([]Place, 0, len(r.Places))
	for _, p := range r.Places {
		if d.isOther(p.VantagePoint) {
			continue
		}
		list = append(list, Place{p.VantagePoint, p.RSI, p.Path.Family, p.Path.Transport, p.Asked, p.OK,
			number(p.Min), number(p.Median), number(p.P95), number(p.Max)})
	}
	return list
}

// publications sums the waits up by serial and RSI; they come in that order.
func publications(r *metrics.Result) []Followed {
	list := []Followed{}
	for _, l := range r.Lags {
		if n := len(list); n == 0 || list[n-1].Serial != int64(l.Serial) {
			list = append(list, Followed{Serial: int64(l.Serial), Published: l.Published, RSIs: []Waited{}})
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
