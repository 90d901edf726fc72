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

// page is what the template sees.
type page struct {
	*Document
	Heading   string
	Precision string
	System    []Value
	Groups    []group

	Availability, Publications, Presence template.HTML
	PresenceField                        string // what a field of it is
	Latencies                            []figure
	Decisive                             []string
	Breakdowns                           []breakdown
}

// breakdown is one RSI from every vantage point.
type breakdown struct {
	RSI   measurement.RSI
	Rows  []placeRow
	Plots []figure
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
	p := page{Document: d, Heading: "Root server system, " + d.PeriodTitle(), Precision: precision}
	p.Presence, p.PresenceField = presencePlot(d, slices.DeleteFunc(slices.Clone(r.Presence()), func(p metrics.Presence) bool { return d.isOther(p.VantagePoint) }))
	for _, v := range d.Values {
		if v.RSI == "" {
			p.System = append(p.System, v)
		}
	}
	for _, metric := range measurement.RSIMetrics {
		p.Groups = append(p.Groups, d.group(metric))
	}
	if d.Internal != nil {
		p.Decisive = decidingWaits(d.Values)
		p.Availability, p.Publications = availabilityPlot(d, r.Hours(), ""), publicationPlot(d)
		for _, v := range d.Values {
			if v.Metric == measurement.RSSLatency {
				path := measurement.Path{Family: v.Family, Transport: v.Transport}
				p.Latencies = append(p.Latencies, figure{v.Path(), latencyPlot("median response latency by RSI, "+v.Path(), d.latencies(path), d.limit(measurement.RSILatency, path))})
			}
		}
		for _, rsi := range d.RSIs {
			p.Breakdowns = append(p.Breakdowns, d.breakdown(rsi.RSI))
		}
	}
	return pages.ExecuteTemplate(w, "report", p)
}

// group makes the table of a metric of the RSIs.
func (d *Document) group(metric measurement.Metric) group {
	g := group{Title: titles[metric], Counted: counted[metric]}
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

// latencies are all RSIs over a path, for the plot.
func (d *Document) latencies(p measurement.Path) (rows []latencyRow) {
	for _, r := range d.RSIs {
		row := latencyRow{label: string(r.RSI)}
		for _, place := range d.Internal.Places {
			if place.RSI == r.RSI && place.Family == p.Family && place.Transport == p.Transport {
				row.places = append(row.places, place)
			}
		}
		rows = append(rows, row)
	}
	return rows
}

// breakdown is an RSI from each vantage point, a plot for each path.
func (d *Document) breakdown(rsi measurement.RSI) breakdown {
	x := breakdown{RSI: rsi, Rows: d.places(rsi)}
	for i, path := range measurement.Paths {
		var rows []latencyRow
		for _, r := range x.Rows {
			rows = append(rows, latencyRow{string(r.VantagePoint), r.Cells[i : i+1]})
		}
		title := path.Title()
		x.Plots = append(x.Plots, figure{title, latencyPlot(fmt.Sprintf("response latency of %s by vantage point, %s", rsi, title), rows, d.limit(measurement.RSILatency, path))})
	}
	return x
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
