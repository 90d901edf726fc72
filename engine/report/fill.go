package report

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"sync"

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
	d.Digest = digest(d.Values)
	d.Status = Final
	if !d.Complete() || d.Unchecked > 0 {
		d.Status = Provisional
	}
	d.Notes = d.notes()
	instances, err := instances(ctx, store, d)
	if err != nil {
		return nil, fmt.Errorf("report: %w", err)
	}
	d.Internal = &Internal{Places: places(r), Instances: instances, Publications: publications(r)}
	return r, nil
}

// cover takes over how much there is.
func (d *Document) cover(list []metrics.Coverage) {
	d.VantagePoints, d.Coverage = []VantagePoint{}, Coverage{LeastPercent: leastCoverage}
	for _, c := range list {
		if c.ID == "none" {
			continue // see config
		}
		d.VantagePoints = append(d.VantagePoints, VantagePoint{c.ID, c.From, c.Until, c.Expected, c.Received, c.Excluded})
		d.Coverage.Expected += c.Expected
		d.Coverage.Received += c.Received
		d.Coverage.Excluded += c.Excluded
	}
	c := &d.Coverage
	c.Sufficient = c.Received > 0 && 100*c.Received >= leastCoverage*(c.Expected-c.Excluded)
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
	if d.Status == Provisional && d.Unchecked > 0 {
		add("Provisional: %d correctness answers wait for a verdict.", d.Unchecked)
	}
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

// seen is who gave which name where.
type seen struct {
	vp   measurement.VantagePoint
	rsi  measurement.RSI
	nsid string
	none bool
}

// instances counts the SOA answers of the period by the name the server gave [mgj].
func instances(ctx context.Context, store lake.Store, d *Document) ([]Instance, error) {
	counts := map[seen]int64{}
	var mu sync.Mutex
	until := d.Until
	if d.DataUntil.Before(until) {
		until = d.DataUntil
	}
	scan := lake.Scan{Store: store, Table: lake.Answers, From: d.From, Until: until, Columns: []string{"vantage_point", "query", "rsi", "outcome", "nsid"}}
	err := scan.Run(ctx, func(b *lake.Batch) error {
		own := countInstances(b)
		mu.Lock()
		defer mu.Unlock()
		for s, n := range own {
			counts[s] += n
		}
		return nil
	})
	byName := map[seen]*Instance{}
	for s, n := range counts {
		if !d.expects(s) {
			continue
		}
		key := seen{rsi: s.rsi, nsid: s.nsid, none: s.none}
		i := byName[key]
		if i == nil {
			i = &Instance{RSI: s.rsi}
			if !s.none {
				i.NSID = &s.nsid
			}
			byName[key] = i
		}
		i.Answers += n
		i.VantagePoints = append(i.VantagePoints, s.vp)
	}
	list := []Instance{}
	for _, i := range byName {
		slices.Sort(i.VantagePoints)
		list = append(list, *i)
	}
	slices.SortFunc(list, func(a, b Instance) int {
		return cmp.Or(cmp.Compare(a.RSI, b.RSI), cmp.Compare(text(a.NSID), text(b.NSID)), boolean(a.NSID == nil)-boolean(b.NSID == nil))
	})
	return list, err
}

func (d *Document) expects(s seen) bool {
	return slices.ContainsFunc(d.RSIs, func(r RSI) bool { return r.RSI == s.rsi }) &&
		slices.ContainsFunc(d.VantagePoints, func(v VantagePoint) bool { return v.ID == s.vp })
}

// countInstances counts a batch by places in its dictionaries first: texts cost.
func countInstances(b *lake.Batch) map[seen]int64 {
	vp, rsi, query, outcome, nsid := b.Column("vantage_point"), b.Column("rsi"), b.Column("query"), b.Column("outcome"), b.Column("nsid")
	soa, answered := query.Place(metrics.QuerySOA), outcome.Place(string(measurement.Answered))
	counts := map[[3]int32]int64{}
	var last [3]int32
	run := int64(0)
	for i := range b.Rows {
		if query.Index[i] != soa || outcome.Index[i] != answered {
			continue
		}
		at := [3]int32{vp.Index[i], rsi.Index[i], nsid.Index[i]}
		if at != last && run > 0 {
			counts[last] += run
			run = 0
		}
		last = at
		run++
	}
	if run > 0 {
		counts[last] += run
	}
	own := map[seen]int64{}
	for at, n := range counts {
		s := seen{vp: measurement.VantagePoint(vp.Dict[at[0]]), rsi: measurement.RSI(rsi.Dict[at[1]]), none: at[2] < 0}
		if !s.none {
			s.nsid = nsid.Dict[at[2]]
		}
		own[s] += n
	}
	return own
}

func text(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

func boolean(b bool) int {
	if b {
		return 1
	}
	return 0
}
