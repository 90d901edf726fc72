package report

import (
	"embed"
	"encoding/json"
	"fmt"
	"html/template"
	"io"
	"slices"
	"time"

	"mtric.net/mtric/engine/edition"
	"mtric.net/mtric/engine/measurement"
	"mtric.net/mtric/metrics"
)

//go:embed *.gohtml
var templates embed.FS

var pages = template.Must(edition.Page().Funcs(template.FuncMap{
	"where": Where, "verdict": func(v metrics.Verdict) string { return verdictWords[v] },
	"counted":       func(metric measurement.Metric) string { return counted[metric] },
	"aboutVerdicts": func() string { return aboutVerdicts },
	"aboutBroken":   func() string { return aboutBroken },
	"fraction":      fractionText, "number": numberText[json.Number], "join": func(l []measurement.VantagePoint) string { return edition.Join(l) }, "paths": pathNames,
}).ParseFS(templates, "*.gohtml"))

// page is what the template of a report sees.
type page struct {
	*Document
	Heading   string
	Links     links
	Precision string
	Matrix    matrix
	Groups    []group

	// Of the internal edition only.
	Course, Where, Publications template.HTML
	Courses, Medians            []figure
	Decisive                    []string
	Breakdowns                  []breakdown
	Instances                   []instancesOf

	Field         string // what a field of the courses is
	SystemCourse  template.HTML
	System        []figure
	Presence      template.HTML
	PresenceField string // what a field of it is
}

// Tally, Measured, Signs and Tells are for the first screen.
func (p page) Tally() string         { return p.tally() }
func (p page) Measured() string      { return p.subject() }
func (p page) Signs() string         { return p.signs() }
func (p page) Tells(v *Value) string { return p.tells(v) }

// breakdown is one RSI from every vantage point.
type breakdown struct {
	RSI  measurement.RSI
	Rows []placeRow
}

// instancesOf are the servers of an RSI.
type instancesOf struct {
	RSI     measurement.RSI
	Servers []Instance
}

// group is one RSI metric as a table: a row for each RSI.
type group struct {
	Title, Counted string
	Columns        []Value // heads: path and threshold
	Rows           []groupRow
}

type groupRow struct {
	RSI    measurement.RSI
	Values []Value
}

type figure struct {
	Title string
	Plot  template.HTML
}

func hoursOf(n int) time.Duration { return time.Duration(n) * time.Hour }

// WriteHTML writes report.html, or with the internal part full.html: one file
// that needs nothing else.
func (d *Document) WriteHTML(w io.Writer, r *metrics.Result) error {
	p := page{Document: d, Heading: "Root server system, " + d.PeriodTitle(), Precision: precision, Matrix: d.matrix(), Links: d.links, Field: fieldText(d.fieldHours())}
	p.Presence, p.PresenceField = presencePlot(d, slices.DeleteFunc(slices.Clone(r.Presence()), func(p metrics.Presence) bool { return d.isOther(p.VantagePoint) }))
	for _, metric := range measurement.RSIMetrics {
		p.Groups = append(p.Groups, d.group(metric))
	}
	if d.Coverage.Sent > 0 {
		p.system(r)
	}
	if d.Internal != nil {
		p.Links = d.links.inside()
		p.internal(r)
	}
	return pages.ExecuteTemplate(w, "report", p)
}

// system draws the system by day, which is public.
func (p *page) system(r *metrics.Result) {
	days := r.Days()
	p.SystemCourse = systemCourse(p.Document, days)
	for _, c := range days {
		x := chart{title: "response latency of the root server system by day, " + c.Path.Title(), from: p.From, hours: 24,
			whole: p.fields(24), of: c, limit: p.limit(measurement.RSSLatency, c.Path)}
		p.System = append(p.System, figure{c.Path.Title(), x.draw()})
	}
}

// internal draws what has the values of single RSIs.
func (p *page) internal(r *metrics.Result) {
	d, hours := p.Document, p.fieldHours()
	p.Instances = d.instancesBy()
	for _, rsi := range d.RSIs {
		p.Breakdowns = append(p.Breakdowns, breakdown{rsi.RSI, d.places(rsi.RSI)})
	}
	p.Publications = publicationPlot(d.Internal.Publications, d.RSIs)
	if d.Coverage.Sent == 0 {
		return
	}
	p.Decisive = decidingWaits(d.Values)
	p.Course, p.Where = availabilityPlot(d, r.Hours(), ""), wherePlot(d)
	courses := r.Latencies(hours)
	for _, path := range measurement.Paths {
		title := fmt.Sprintf("%s, threshold %g ms", path.Title(), d.limit(measurement.RSILatency, path))
		p.Courses = append(p.Courses, figure{title, latencyCourse(d, courses, path, hours)})
		p.Medians = append(p.Medians, figure{title, latencyWhere(d, path)})
	}
}

// fieldText is so many hours in words.
func fieldText(hours int) string {
	switch hours {
	case 1:
		return "an hour"
	case 24:
		return "a day"
	}
	return fmt.Sprintf("%d hours", hours)
}

// instancesBy are the servers by RSI.
func (d *Document) instancesBy() (list []instancesOf) {
	for _, i := range d.Internal.Instances {
		if n := len(list); n == 0 || list[n-1].RSI != i.RSI {
			list = append(list, instancesOf{RSI: i.RSI})
		}
		list[len(list)-1].Servers = append(list[len(list)-1].Servers, i)
	}
	return list
}

// group makes the table of a metric of the RSIs.
func (d *Document) group(metric measurement.Metric) group {
	g := group{Title: metric.Title(), Counted: counted[metric]}
	values := slices.DeleteFunc(slices.Clone(d.Values), func(v Value) bool { return v.Metric != metric })
	for _, v := range values {
		if n := len(g.Rows); n == 0 || g.Rows[n-1].RSI != v.RSI {
			g.Rows = append(g.Rows, groupRow{RSI: v.RSI})
		}
		row := &g.Rows[len(g.Rows)-1]
		row.Values = append(row.Values, v)
	}
	if len(g.Rows) > 0 {
		g.Columns = g.Rows[0].Values
	}
	return g
}

// places are an RSI's, a row for each vantage point with its four paths.
func (d *Document) places(rsi measurement.RSI) (rows []placeRow) {
	for group := range slices.Chunk(d.Internal.Places, 4) {
		if group[0].RSI == rsi {
			rows = append(rows, placeRow{group[0].VantagePoint, group})
		}
	}
	return rows
}

func pathNames() (names []string) {
	for _, p := range measurement.Paths {
		names = append(names, p.Title())
	}
	return names
}

// limit is a response latency's threshold in ms, for plots.
func (d *Document) limit(metric measurement.Metric, p measurement.Path) float64 {
	for _, v := range d.Values {
		if v.Metric == metric && v.Family == p.Family && v.Transport == p.Transport {
			ms, _ := v.Threshold.Float64()
			return ms
		}
	}
	return 0
}
