package report

import (
	_ "embed"
	"encoding/json"
	"html/template"
	"io"
	"slices"
	"time"

	"mtric.net/mtric/engine/measurement"
	"mtric.net/mtric/metrics"
)

//go:embed page.gohtml
var pageText string

var pages = template.Must(template.New("page").Funcs(template.FuncMap{
	"clock": clock, "where": Where, "verdict": func(v metrics.Verdict) string { return verdictWords[v] },
	"counted": func(metric string) string { return counted[metric] }, "dash": dash,
	"aboutBroken": func() string { return aboutBroken },
	"fraction":    fractionText, "number": numberText[json.Number], "join": func(l []measurement.VantagePoint) string { return join(l) },
}).Parse(pageText))

// page is what the template sees.
type page struct {
	*Document
	Heading   string
	Precision string
	System    []Value
	Groups    []group

	Availability, Publications, CoverageBars template.HTML
	Latencies                                []figure
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
	p := page{Document: d, Heading: "Root server system, " + d.PeriodTitle(), Precision: precision, CoverageBars: coveragePlot(d)}
	for _, v := range d.Values {
		if v.RSI == "" {
			p.System = append(p.System, v)
		}
	}
	for _, metric := range metrics.Names[:4] {
		p.Groups = append(p.Groups, d.group(metric))
	}
	if d.Internal != nil {
		p.Availability, p.Publications = availabilityPlot(d, r.Hours(), ""), publicationPlot(d)
		for _, v := range d.Values {
			if v.Metric == metrics.RSSLatency {
				path := measurement.Path{Family: v.Family, Transport: v.Transport}
				p.Latencies = append(p.Latencies, figure{v.Path(), latencyPlot(d, path, d.limit(metrics.RSILatency, path))})
			}
		}
	}
	return pages.ExecuteTemplate(w, "report", p)
}

// group makes the table of a metric of the RSIs.
func (d *Document) group(metric string) group {
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

// limit is a response latency's threshold in ms, for plots.
func (d *Document) limit(metric string, p measurement.Path) float64 {
	for _, v := range d.Values {
		if v.Metric == metric && v.Family == p.Family && v.Transport == p.Transport {
			ms, _ := v.Threshold.Float64()
			return ms
		}
	}
	return 0
}
