package report

import (
	"encoding/json"
	"fmt"
	"html/template"
	"strings"
	"time"
	"unicode/utf8"

	"mtric.net/mtric/engine/diag"
	"mtric.net/mtric/engine/edition"
	"mtric.net/mtric/engine/measurement"
	"mtric.net/mtric/metrics"
)

// Plots are SVG made of classes that the page's style colours, for light, dark
// and print; every mark has a title, and a legend says what the classes mean.

// class is a step of a scale: marks of it carry the CSS class and the text.
type class struct{ css, text string }

// The third class ends where the threshold of an RSI's availability lies [ydw]: what is
// lost above is noise.
var shareClasses = []class{{"s0", "no data"}, {"s5", "99 % and more"}, {"s4", "96 % and more"}, {"s3", "80 % and more"}, {"s2", "some"}, {"s1", "none"}}

// shareClass is the class of so many good of so many asked.
func shareClass(good, asked int64) class {
	switch {
	case asked == 0:
		return shareClasses[0]
	case 100*good >= 99*asked:
		return shareClasses[1]
	case 100*good >= 96*asked:
		return shareClasses[2]
	case 10*good >= 8*asked:
		return shareClasses[3]
	case good > 0:
		return shareClasses[4]
	}
	return shareClasses[5]
}

// Geometry in px of the drawing; the page scales it.
const (
	plotWidth = 720
	plotLeft  = 44
	rowHeight = 18
)

type svg struct{ strings.Builder }

func newSVG(height int, label string) *svg {
	s := new(svg)
	s.add(`<svg viewBox="0 0 %d %d" role="img" aria-label="%s">`, plotWidth, height, escaped(label))
	return s
}

// escaped is a text of whomever, for markup.
func escaped(text string) string { return template.HTMLEscapeString(diag.Printable(text)) }

func (s *svg) add(format string, args ...any) { fmt.Fprintf(s, format+"\n", args...) }

func (s *svg) text(x, y float64, anchor, text string) {
	s.add(`<text x="%.1f" y="%.1f" text-anchor="%s">%s</text>`, x, y, anchor, escaped(text))
}

func (s *svg) cell(x, y, w, h float64, c, title string) {
	s.add(`<rect x="%.1f" y="%.1f" width="%.2f" height="%.1f" class="%s"><title>%s</title></rect>`, x, y, w, h, c, escaped(title))
}

// marks are how high a mark stands in fields of the classes that look bad, so
// that they are told apart without colours.
var marks = map[string]float64{"s3": 0.33, "s2": 0.66, "s1": 1}

// field is a cell of a timeline.
func (s *svg) field(x, y, w float64, c, title string) {
	const h = rowHeight - 2
	s.cell(x, y, w, h, c, title)
	if share, bad := marks[c]; bad {
		width := min(3, w/2)
		s.add(`<rect x="%.1f" y="%.1f" width="%.2f" height="%.1f" class="mark %sm"/>`, x+(w-width)/2, y+h*(1-share), width, h*share, c)
	}
}

// done closes the drawing, which scrolls where the page is narrow. What it holds
// was escaped when it was added.
func (s *svg) done() template.HTML {
	return template.HTML(`<div class="scroll">` + s.String() + "</svg></div>\n") //nolint:gosec // own markup
}

// legend explains the classes beneath a plot.
func legend(classes []class) template.HTML {
	var b strings.Builder
	b.WriteString(`<p class="legend">`)
	for _, c := range classes {
		fmt.Fprintf(&b, `<span><i class="%s"></i>%s</span> `, c.css, template.HTMLEscapeString(c.text))
	}
	b.WriteString("</p>")
	return template.HTML(b.String()) //nolint:gosec // own markup
}

// maxBins is how many columns the course of a period is drawn in, at most.
const maxBins = 168

// timelineRow is a row of a timeline: a number of hours in two parts, and what it
// says of them.
type timelineRow struct {
	label      string
	some, rest []int64
}

// timeline draws rows of hours from a time on.
type timeline struct {
	title   string
	from    time.Time
	rows    []timelineRow
	per     int // hours of a field; 0 as few as there is room for
	of      func(some, rest int64) (class, string)
	classes []class
}

// perField is the least number of hours of a field that days are made of and for which
// there is room.
func perField(hours int) int {
	for _, per := range []int{1, 2, 3, 4, 6, 8, 12} {
		if hours <= per*maxBins {
			return per
		}
	}
	return 24
}

// left is where the fields begin: beside the longest label.
func (x timeline) left() float64 {
	var labels []string
	for _, r := range x.rows {
		labels = append(labels, r.label)
	}
	return beside(labels)
}

// beside is where a drawing begins that stands beside these labels.
func beside(labels []string) float64 {
	most := 0.0
	for _, l := range labels {
		most = max(most, textWidth(l))
	}
	return max(plotLeft, 14+most)
}

// textWidth is how much room a text takes, about.
func textWidth(text string) float64 { return 6.2 * float64(utf8.RuneCountInString(text)) }

// draw draws the timeline, and beneath it the days.
func (x timeline) draw() template.HTML {
	if len(x.rows) == 0 || len(x.rows[0].some) == 0 {
		return ""
	}
	hours, left := len(x.rows[0].some), x.left()
	if x.per == 0 {
		x.per = perField(hours)
	}
	hour := (plotWidth - left) / float64(hours)
	s := newSVG(len(x.rows)*rowHeight+24, x.title)
	for i, r := range x.rows {
		y := float64(i * rowHeight)
		s.text(left-6, y+13, "end", r.label)
		x.row(s, r, left, y, hour)
	}
	s.days(x.from, hours, left, float64(len(x.rows)*rowHeight))
	return s.done() + legend(x.classes)
}

// days writes the days of so many hours beneath a drawing.
func (s *svg) days(from time.Time, hours int, left, bottom float64) {
	s.daysUpTo(from, hours, left, plotWidth, bottom)
}

// daysUpTo does so for one that ends before the right margin: a tick for each day, a
// date as often as there is room for.
func (s *svg) daysUpTo(from time.Time, hours int, left, right, bottom float64) {
	hour, days := (right-left)/float64(hours), hours/24
	every := max(1, (days+9)/10)
	for day := range days {
		at := left + 24*hour*float64(day)
		if day%every > 0 {
			s.add(`<line x1="%.1f" y1="%.1f" x2="%.1f" y2="%.1f" class="tick"/>`, at, bottom, at, bottom+4)
			continue
		}
		text := from.AddDate(0, 0, day).Format("2 Jan")
		if day == 0 {
			text += " UTC"
		}
		s.add(`<line x1="%.1f" y1="0" x2="%.1f" y2="%.1f" class="tick"/>`, at, at, bottom+6)
		if at+3+textWidth(text) > plotWidth {
			s.text(plotWidth, bottom+14, "end", text)
		} else {
			s.text(at+3, bottom+14, "start", text)
		}
	}
}

// row draws a row's fields. Neighbours that are as good as one another share one: most
// rows have one field.
func (x timeline) row(s *svg, r timelineRow, left, y, hour float64) {
	hours := len(r.some)
	sum := func(at, until int) (some, rest int64) {
		for h := at; h < until; h++ {
			some, rest = some+r.some[h], rest+r.rest[h]
		}
		return some, rest
	}
	for at := 0; at < hours; {
		until := min(at+x.per, hours)
		c, _ := x.of(sum(at, until))
		for _, bad := marks[c.css]; !bad && until < hours; {
			next := min(until+x.per, hours)
			if other, _ := x.of(sum(until, next)); other != c {
				break
			}
			until = next
		}
		_, says := x.of(sum(at, until))
		s.field(left+float64(at)*hour, y, float64(until-at)*hour, c.css,
			fmt.Sprintf("%s, from %s to %s: %s", r.label, edition.Clock(x.from.Add(hoursOf(at))), edition.Clock(x.from.Add(hoursOf(until))), says))
		at = until
	}
}

// availabilityPlot is the timeline of availability over the period, a row for
// each RSI, all paths together; only one RSI's paths where rsi is given.
func availabilityPlot(d *Document, hours []metrics.Hours, rsi measurement.RSI) template.HTML {
	var rows []timelineRow
	whole := int(d.Until.Sub(d.From) / time.Hour) // also the days that have no data yet
	for _, h := range hours {
		if rsi != "" && h.RSI != rsi {
			continue
		}
		label := string(h.RSI)
		if rsi != "" {
			label = shortPath(h.Path)
		}
		if n := len(rows); n == 0 || rows[n-1].label != label {
			rows = append(rows, timelineRow{label, make([]int64, whole), make([]int64, whole)})
		}
		for i := range h.Asked {
			rows[len(rows)-1].some[i] += int64(h.OK[i])
			rows[len(rows)-1].rest[i] += int64(h.Asked[i] - h.OK[i])
		}
	}
	return timeline{title: "availability over the period", from: d.From, rows: rows, classes: shareClasses, of: func(ok, failed int64) (class, string) {
		return shareClass(ok, ok+failed), edition.Thousands(ok) + " of " + edition.Thousands(ok+failed)
	}}.draw()
}

// shortPath is a path as the label of a row, "v4 udp".
func shortPath(p measurement.Path) string {
	return strings.TrimPrefix(string(p.Family), "ip") + " " + string(p.Transport)
}

// approximate is a number for drawing, and for nothing else.
func approximate(n *json.Number) float64 {
	if n == nil {
		return 0
	}
	f, _ := n.Float64()
	return f
}
