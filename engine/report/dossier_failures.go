package report

import (
	"cmp"
	"html/template"
	"slices"
	"time"

	"mtric.net/mtric/engine/measurement"
)

// failureKey is what failed rows are counted by: from where, over which path, by
// which server, and what the rows show.
type failureKey struct {
	metric       measurement.Metric
	vp           measurement.VantagePoint
	path         int
	none         bool // gave no NSID, or no answer
	nsid, breach string
}

// failure are failed rows with something in common.
type failure struct {
	VantagePoints []measurement.VantagePoint
	Path          string
	NSID          *string // nil: none was given
	What          string
	Rows          int64
	First, Last   time.Time
}

// missed is a metric that missed its threshold, by the rows that count against it.
type missed struct {
	Metric   measurement.Metric
	Timeline template.HTML
	Failures []failure // by vantage point, path and NSID
}

// Title is the metric in print.
func (m missed) Title() string { return m.Metric.Title() }

// count takes a failed row into the tables and timelines.
func (x *dossier) count(c breach, r *measurement.Answer) {
	path := slices.Index(measurement.Paths, measurement.Path{Family: r.Family, Transport: r.Transport})
	if path < 0 {
		return // the lake has no others
	}
	key := failureKey{c.metric, r.VantagePoint, path, r.NSID == nil, text(r.NSID), c.what}
	f := x.counted[key]
	if f == nil {
		f = &failure{VantagePoints: []measurement.VantagePoint{r.VantagePoint}, Path: pathNames()[path], NSID: r.NSID, What: c.what, First: r.Interval}
		x.counted[key] = f
	}
	f.Rows++
	f.Last = r.Interval // rows come in their order
	hours := x.hours[c.metric]
	if hours == nil {
		hours = make([][]int64, len(measurement.Paths))
		x.hours[c.metric] = hours
	}
	at := int(r.Interval.Sub(x.d.From) / time.Hour)
	for len(hours[path]) <= at {
		hours[path] = append(hours[path], 0)
	}
	hours[path][at]++
}

// missed are the metrics that rows count against, in the order of reports.
func (x *dossier) missed() (all []missed) {
	for _, metric := range measurement.Metrics {
		if x.hours[metric] == nil {
			continue
		}
		var failed []failureKey
		for k := range x.counted {
			if k.metric == metric {
				failed = append(failed, k)
			}
		}
		slices.SortFunc(failed, func(a, b failureKey) int {
			return cmp.Or(cmp.Compare(a.vp, b.vp), a.path-b.path, cmp.Compare(a.nsid, b.nsid), cmp.Compare(a.breach, b.breach))
		})
		m := missed{Metric: metric, Timeline: x.timeline(metric)}
		for _, k := range failed {
			m.Failures = append(m.Failures, *x.counted[k])
		}
		all = append(all, m)
	}
	return all
}

// byPath joins vantage points and servers.
func (m missed) byPath() (list []failure) {
	for _, f := range m.Failures {
		at := slices.IndexFunc(list, func(o failure) bool { return o.Path == f.Path && o.What == f.What })
		if at < 0 {
			f.VantagePoints = slices.Clone(f.VantagePoints)
			list = append(list, f)
			continue
		}
		o := &list[at]
		o.Rows += f.Rows
		if f.First.Before(o.First) {
			o.First = f.First
		}
		if f.Last.After(o.Last) {
			o.Last = f.Last
		}
		if !slices.Contains(o.VantagePoints, f.VantagePoints[0]) {
			o.VantagePoints = append(o.VantagePoints, f.VantagePoints[0])
		}
	}
	order := pathNames()
	slices.SortStableFunc(list, func(a, b failure) int {
		return cmp.Or(slices.Index(order, a.Path)-slices.Index(order, b.Path), cmp.Compare(a.What, b.What))
	})
	return list
}
