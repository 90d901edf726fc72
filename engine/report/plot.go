package report

import (
	"fmt"
	"html/template"
	"math"
	"slices"
	"strings"

	"mtric.net/mtric/engine/measurement"
	"mtric.net/mtric/metrics"
)

// Plots are SVG made of classes that the page's style colours, for light, dark
// and print; every mark has a title, and a legend says what the classes mean.

// class is a step of a scale: marks of it carry the CSS class and the text.
type class struct{ css, text string }

var shareClasses = []class{{"s0", "no data"}, {"s5", "all good"}, {"s4", "99 % and more"}, {"s3", "96 % and more"}, {"s2", "50 % and more"}, {"s1", "below 50 %"}}

// shareClass is the class of so many good of so many asked.
func shareClass(good, asked int64) class {
	switch {
	case asked == 0:
		return shareClasses[0]
	case good == asked:
		return shareClasses[1]
	case 100*good >= 99*asked:
		return shareClasses[2]
	case 100*good >= 96*asked:
		return shareClasses[3]
	case 2*good >= asked:
		return shareClasses[4]
	}
	return shareClasses[5]
}

var waitClasses = []class{{"s0", "not observable"}, {"s5", "at once"}, {"s4", "within 35 min"}, {"s3", "within 65 min"}, {"s2", "within 24 h"}, {"s1", "longer, or never"}}

func waitClass(w Waited) class {
	switch {
	case w.Values == 0:
		return waitClasses[0]
	case w.Censored > 0 || w.Longest > 24*60:
		return waitClasses[5]
	case w.Longest == 0:
		return waitClasses[1]
	case w.Longest <= 35:
		return waitClasses[2]
	case w.Longest <= 65:
		return waitClasses[3]
	}
	return waitClasses[4]
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
	s.add(`<svg viewBox="0 0 %d %d" role="img" aria-label="%s">`, plotWidth, height, template.HTMLEscapeString(label))
	return s
}

func (s *svg) add(format string, args ...any) { fmt.Fprintf(s, format+"\n", args...) }

func (s *svg) text(x, y float64, anchor, text string) {
	s.add(`<text x="%.1f" y="%.1f" text-anchor="%s">%s</text>`, x, y, anchor, template.HTMLEscapeString(text))
}

func (s *svg) cell(x, y, w, h float64, c, title string) {
	s.add(`<rect x="%.1f" y="%.1f" width="%.2f" height="%.1f" class="%s"><title>%s</title></rect>`, x, y, w, h, c, template.HTMLEscapeString(title))
}

// done closes the drawing. What it holds was escaped when it was added.
func (s *svg) done() template.HTML { return template.HTML(s.String() + "</svg>") } //nolint:gosec // own markup

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

// mostBins is how many columns the course of a month is drawn in.
const mostBins = 168

// availabilityPlot is the heat strip of availability over the period, a row for
// each RSI, all paths together; only one RSI's paths where rsi is given.
func availabilityPlot(d *Document, hours []metrics.Hours, rsi measurement.RSI) template.HTML {
	type row struct {
		label     string
		asked, ok []int64
	}
	var rows []row
	for _, h := range hours {
		if rsi != "" && h.RSI != rsi {
			continue
		}
		label := string(h.RSI)
		if rsi != "" {
			label = strings.TrimPrefix(string(h.Path.Family), "ip") + " " + string(h.Path.Transport)
		}
		if n := len(rows); n == 0 || rows[n-1].label != label {
			rows = append(rows, row{label, make([]int64, len(h.Asked)), make([]int64, len(h.Asked))})
		}
		for i := range h.Asked {
			rows[len(rows)-1].asked[i] += int64(h.Asked[i])
			rows[len(rows)-1].ok[i] += int64(h.OK[i])
		}
	}
	if len(rows) == 0 || len(rows[0].asked) == 0 {
		return ""
	}
	per := (len(rows[0].asked) + mostBins - 1) / mostBins
	bins := (len(rows[0].asked) + per - 1) / per
	s := newSVG(len(rows)*rowHeight+24, "availability over the period")
	width := float64(plotWidth-plotLeft) / float64(bins)
	for i, r := range rows {
		s.text(plotLeft-6, float64(i*rowHeight)+13, "end", r.label)
		for b := range bins {
			var asked, ok int64
			for h := b * per; h < min((b+1)*per, len(r.asked)); h++ {
				asked, ok = asked+r.asked[h], ok+r.ok[h]
			}
			from := d.From.Add(hoursOf(b * per))
			s.cell(plotLeft+float64(b)*width, float64(i*rowHeight), width, rowHeight-2, shareClass(ok, asked).css,
				fmt.Sprintf("%s, from %s: %d of %d", r.label, clock(from), ok, asked))
		}
	}
	axis(s, d, len(rows)*rowHeight+14)
	return s.done() + legend(shareClasses)
}

// axis writes days beneath a strip.
func axis(s *svg, d *Document, y int) {
	days := int(d.Until.Sub(d.From).Hours()) / 24
	step := max(1, days/7)
	for day := 0; day < days; day += step {
		x := plotLeft + float64(plotWidth-plotLeft)*float64(day)/float64(days)
		s.text(x, float64(y), "start", d.From.AddDate(0, 0, day).Format("2 Jan"))
	}
}

// latencyPlot shows for each RSI the median latency at every vantage point over
// one path, on a logarithmic scale, with the threshold.
func latencyPlot(d *Document, p measurement.Path, limit float64) template.HTML {
	const least, most = 0.1, 4000.0
	x := func(ms float64) float64 {
		return plotLeft + float64(plotWidth-plotLeft)*math.Log(max(ms, least)/least)/math.Log(most/least)
	}
	s := newSVG(len(d.RSIs)*rowHeight+24, "median response latency by vantage point, "+p.String())
	bottom := float64(len(d.RSIs) * rowHeight)
	for _, ms := range []float64{0.1, 1, 10, 100, 1000} {
		s.add(`<line x1="%.1f" y1="0" x2="%.1f" y2="%.1f" class="grid"/>`, x(ms), x(ms), bottom)
		s.text(x(ms), bottom+14, "middle", fmt.Sprintf("%g ms", ms))
	}
	s.add(`<line x1="%.1f" y1="0" x2="%.1f" y2="%.1f" class="limit"><title>threshold %g ms</title></line>`, x(limit), x(limit), bottom, limit)
	for i, r := range d.RSIs {
		s.text(plotLeft-6, float64(i*rowHeight)+13, "end", string(r.RSI))
		for _, place := range d.Internal.Places {
			if place.RSI != r.RSI || place.Family != p.Family || place.Transport != p.Transport || place.Median == nil {
				continue
			}
			ms, err := place.Median.Float64() // for the eye only
			if err != nil {
				continue
			}
			s.add(`<circle cx="%.1f" cy="%d" r="4" class="dot"><title>%s at VP %s: median %s ms, p95 %s ms</title></circle>`,
				x(ms), i*rowHeight+9, r.RSI, template.HTMLEscapeString(string(place.VantagePoint)), *place.Median, numberText(place.P95))
		}
	}
	return s.done()
}

// publicationPlot shows for each zone how long each RSI's slowest vantage point
// waited for it.
func publicationPlot(d *Document) template.HTML {
	list := d.Internal.Publications
	if len(list) == 0 {
		return ""
	}
	s := newSVG(len(d.RSIs)*rowHeight+24, "publication latency by zone")
	width := float64(plotWidth-plotLeft) / float64(len(list))
	for i, r := range d.RSIs {
		s.text(plotLeft-6, float64(i*rowHeight)+13, "end", string(r.RSI))
		for j, p := range list {
			w := Waited{RSI: r.RSI}
			if at := slices.IndexFunc(p.RSIs, func(w Waited) bool { return w.RSI == r.RSI }); at >= 0 {
				w = p.RSIs[at]
			}
			s.cell(plotLeft+float64(j)*width, float64(i*rowHeight), width, rowHeight-2, waitClass(w).css,
				fmt.Sprintf("%s, serial %d of %s: longest %d min, %d never seen", r.RSI, p.Serial, clock(p.Published), w.Longest, w.Censored))
		}
	}
	s.text(plotLeft, float64(len(d.RSIs)*rowHeight)+14, "start", fmt.Sprint(list[0].Serial))
	s.text(plotWidth, float64(len(d.RSIs)*rowHeight)+14, "end", fmt.Sprint(list[len(list)-1].Serial))
	return s.done() + legend(waitClasses)
}

// coveragePlot shows what came of each vantage point's intervals.
func coveragePlot(d *Document) template.HTML {
	if len(d.VantagePoints) == 0 {
		return ""
	}
	s := newSVG(len(d.VantagePoints)*rowHeight, "coverage by vantage point")
	for i, v := range d.VantagePoints {
		y := float64(i * rowHeight)
		s.text(plotLeft-6, y+13, "end", string(v.ID))
		whole := float64(plotWidth - plotLeft)
		s.cell(plotLeft, y, whole, rowHeight-2, "s0", fmt.Sprintf("VP %s: %d intervals expected", v.ID, v.Expected))
		if v.Expected > 0 {
			share := min(1, float64(v.Received)/float64(v.Expected)) // for the eye only
			s.cell(plotLeft, y, whole*share, rowHeight-2, "bar", fmt.Sprintf("VP %s: %d of %d intervals received, %d excluded", v.ID, v.Received, v.Expected, v.Excluded))
		}
	}
	return s.done()
}
