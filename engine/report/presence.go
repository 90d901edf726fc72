package report

import (
	"html/template"
	"strings"
	"time"

	"mtric.net/mtric/engine/diag"
	"mtric.net/mtric/engine/edition"
	"mtric.net/mtric/engine/measurement"
	"mtric.net/mtric/metrics"
)

var presenceClasses = []class{{"s0", "nothing planned"}, {"s5", "all sent"}, {"s4", "99 % and more"}, {"s3", "90 % and more"}, {"s2", "some"}, {"s1", "none sent"}}

// presenceClass is the class of so many queries sent of so many planned.
func presenceClass(sent, planned int64) class {
	switch {
	case planned == 0:
		return presenceClasses[0]
	case sent == planned:
		return presenceClasses[1]
	case 100*sent >= 99*planned:
		return presenceClasses[2]
	case 10*sent >= 9*planned:
		return presenceClasses[3]
	case sent > 0:
		return presenceClasses[4]
	}
	return presenceClasses[5]
}

// presencePlot shows when the planned SOA queries of each vantage point were sent: by the
// hour, in periods longer than a week by the day. field is how much that is.
func presencePlot(d *Document, list []metrics.Presence) (plot template.HTML, field string) {
	labels := map[measurement.VantagePoint]string{}
	for _, v := range d.VantagePoints {
		labels[v.ID] = v.Label()
	}
	whole := int(d.Until.Sub(d.From) / time.Hour) // also the days that have no data yet
	s := timeline{title: "SOA queries sent of those planned, by vantage point and time", from: d.From, per: 1, classes: presenceClasses,
		of: func(sent, rest int64) (class, string) {
			return presenceClass(sent, sent+rest), edition.Thousands(sent) + " of " + edition.Thousands(sent+rest) + " sent"
		}}
	field = "an hour"
	if whole > maxBins {
		s.per, field = 24, "a day"
	}
	for _, p := range list {
		label, there := labels[p.VantagePoint]
		if !there {
			continue
		}
		row := timelineRow{label, make([]int64, whole), make([]int64, whole)}
		for i := range p.Planned {
			row.some[i], row.rest[i] = int64(p.Sent[i]), int64(p.Planned[i]-p.Sent[i])
		}
		s.rows = append(s.rows, row)
	}
	return s.draw(), field
}

// maxLabel bounds the place beside a vantage point's number.
const maxLabel = 28

// Label is the vantage point with its place, as far as the plan names it.
func (v VantagePoint) Label() string {
	place := diag.Printable(strings.ReplaceAll(v.Region, "_", " "))
	if v.Metro != "" && place != "" {
		place += ", "
	}
	place += diag.Printable(v.Metro)
	if runes := []rune(place); len(runes) > maxLabel {
		place = string(runes[:maxLabel-1]) + "…"
	}
	return strings.TrimSpace(string(v.ID) + " " + place)
}
