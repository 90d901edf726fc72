package report

import (
	"fmt"
	"html/template"
	"slices"
	"time"

	"mtric.net/mtric/engine/edition"
	"mtric.net/mtric/engine/measurement"
)

// latency shows the RSI's response latency over time, a chart for each path.
func (x *dossier) latency() (list []figure) {
	hours := x.d.fieldHours()
	for _, c := range x.result.Latencies(hours) {
		if c.RSI != x.rsi {
			continue
		}
		limit := x.d.limit(measurement.RSILatency, c.Path)
		plot := chart{title: fmt.Sprintf("response latency of %s over time, %s", x.rsi, c.Path.Title()), from: x.d.From, hours: hours,
			whole: x.d.fields(hours), of: c, limit: limit}.draw()
		if plot != "" {
			list = append(list, figure{fmt.Sprintf("%s, threshold %g ms", c.Path.Title(), limit), plot})
		}
	}
	return list
}

// byPlace draws a grid of the RSI, a row for each path, a column for each vantage point.
func (x *dossier) byPlace(title string, classes []class, at func(Place, measurement.Path) (c class, number, says string)) template.HTML {
	places := map[measurement.VantagePoint][]Place{}
	for _, r := range x.d.places(x.rsi) {
		places[r.VantagePoint] = r.Cells
	}
	var rows []string
	for _, p := range measurement.Paths {
		rows = append(rows, shortPath(p))
	}
	return grid{title: title, rows: rows, columns: vantagePointLabels(x.d), classes: classes, at: func(i, j int) (class, string, string) {
		v, path := x.d.VantagePoints[j], measurement.Paths[i]
		k := slices.IndexFunc(places[v.ID], func(p Place) bool { return p.Family == path.Family && p.Transport == path.Transport })
		if k < 0 {
			return classes[0], "", fmt.Sprintf("%s over %s: not asked", v.Label(), path.Title())
		}
		c, number, says := at(places[v.ID][k], path)
		return c, number, fmt.Sprintf("%s over %s: %s", v.Label(), path.Title(), says)
	}}.draw()
}

// goodByPlace shows from where it was available.
func (x *dossier) goodByPlace() template.HTML {
	return x.byPlace("good answers by path and vantage point", shareClasses, func(p Place, _ measurement.Path) (class, string, string) {
		return shareCell(p.Good, p.Asked)
	})
}

// medianByPlace shows how fast it was from where.
func (x *dossier) medianByPlace() template.HTML {
	return x.byPlace("median response latency by path and vantage point", latencyClasses, func(p Place, path measurement.Path) (class, string, string) {
		return medianCell(p, x.d.limit(measurement.RSILatency, path))
	})
}

// medianCell is a place in a drawing of medians; limit is the threshold in ms.
func medianCell(p Place, limit float64) (c class, number, says string) {
	if p.Median == nil {
		return latencyClasses[0], "", "no answer"
	}
	ms := approximate(p.Median)
	number = fmt.Sprintf("%.0f", ms)
	if ms < 10 {
		number = fmt.Sprintf("%.1f", ms)
	}
	return latencyClass(ms, limit), number, fmt.Sprintf("median %s ms, p95 %s ms", numberText(p.Median), numberText(p.P95))
}

// waited shows how long the zones of the period took, where publication latency was missed.
func (x *dossier) waited() template.HTML {
	if _, missed := x.waitLimit(); !missed {
		return ""
	}
	return publicationPlot(x.d.Internal.Publications, slices.DeleteFunc(slices.Clone(x.d.RSIs), func(r RSI) bool { return r.RSI != x.rsi }))
}

var failureClasses = []class{{"s0", "no failed row"}, {"s4", "below 1 % of the queries"}, {"s3", "1 % and more"}, {"s2", "10 % and more"}, {"s1", "half and more"}}

// failureClass is the class of so many failed rows beside so many others.
func failureClass(failed, rest int64) class {
	switch all := failed + rest; {
	case failed == 0:
		return failureClasses[0]
	case 100*failed < all:
		return failureClasses[1]
	case 10*failed < all:
		return failureClasses[2]
	case 2*failed < all:
		return failureClasses[3]
	}
	return failureClasses[4]
}

// timeline shows when rows failed, a row for each path, as a share of what was asked. Waits
// for zones can last beyond the period.
func (x *dossier) timeline(metric measurement.Metric) template.HTML {
	length := int(x.d.Until.Sub(x.d.From) / time.Hour)
	for _, h := range x.hours[metric] {
		length = max(length, (len(h)+23)/24*24)
	}
	asked := map[measurement.Path][]int32{}
	for _, h := range x.result.Hours() {
		if h.RSI == x.rsi {
			asked[h.Path] = h.Asked
		}
	}
	var rows []timelineRow
	for i, path := range measurement.Paths {
		r := timelineRow{shortPath(path), make([]int64, length), make([]int64, length)}
		copy(r.some, x.hours[metric][i])
		for h := range min(length, len(asked[path])) {
			r.rest[h] = max(0, queriesOf(metric, int64(asked[path][h]))-r.some[h])
		}
		rows = append(rows, r)
	}
	return timeline{title: "failed rows over the period, " + metric.Title(), from: x.d.From, rows: rows, classes: failureClasses, of: func(failed, rest int64) (class, string) {
		return failureClass(failed, rest), edition.Plural(failed, "failed row")
	}}.draw()
}

// queriesOf is about how many queries of a metric were asked over a path, where so many SOA
// queries were: the path of a correctness query is drawn.
func queriesOf(metric measurement.Metric, soa int64) int64 {
	if metric == measurement.RSICorrectness {
		return soa / int64(len(measurement.Paths))
	}
	return soa
}

// failedByPlace shows from where the failed rows of a metric are.
func (x *dossier) failedByPlace(metric measurement.Metric) template.HTML {
	type key struct {
		vp   measurement.VantagePoint
		path measurement.Path
	}
	failed := map[key]int64{}
	for k, f := range x.counted {
		if k.metric == metric {
			failed[key{k.vp, measurement.Paths[k.path]}] += f.Rows
		}
	}
	return x.byPlace("failed rows by path and vantage point, "+metric.Title(), failureClasses, func(p Place, path measurement.Path) (class, string, string) {
		n, number := failed[key{p.VantagePoint, path}], ""
		if n > 0 {
			number = edition.Thousands(n)
		}
		return failureClass(n, max(0, queriesOf(metric, p.Asked)-n)), number, edition.Plural(n, "failed row")
	})
}

// pictures fills in what is drawn, in the order of the questions: when, where, how bad.
func (p *dossierPage) pictures(x *dossier) {
	p.Field = fieldText(x.d.fieldHours())
	p.Course, p.Latency = availabilityPlot(x.d, x.result.Hours(), x.rsi), x.latency()
	for _, a := range x.attributions() {
		p.FailedWhere = append(p.FailedWhere, figure{a.Title(), x.failedByPlace(a.Metric)})
	}
	p.WhereGood, p.WhereFast, p.Waited = x.goodByPlace(), x.medianByPlace(), x.waited()
}
