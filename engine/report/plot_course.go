package report

import (
	"fmt"
	"html/template"
	"math"
	"slices"
	"strings"
	"time"

	"mtric.net/mtric/engine/edition"
	"mtric.net/mtric/engine/measurement"
	"mtric.net/mtric/metrics"
)

// fieldHours is how many hours a field of the courses of latency has, in a whole period.
func (d *Document) fieldHours() int { return perField(int(d.Until.Sub(d.From) / time.Hour)) }

// fields is how many fields of so many hours the period has.
func (d *Document) fields(hours int) int { return int(d.Until.Sub(d.From)/time.Hour) / hours }

// latencyCourse shows the medians over time of each RSI over a path, against the threshold.
func latencyCourse(d *Document, courses []metrics.Course, path measurement.Path, hours int) template.HTML {
	limit := d.limit(measurement.RSILatency, path)
	whole := d.fields(hours)
	var rows []string
	var own []metrics.Course
	for _, c := range courses {
		if c.Path == path {
			rows, own = append(rows, string(c.RSI)), append(own, c)
		}
	}
	g := grid{title: "median response latency over the period by RSI, " + path.Title(), rows: rows, columns: make([]string, whole), classes: latencyClasses,
		at: func(i, j int) (class, string, string) {
			at := d.From.Add(hoursOf(j * hours))
			who := fmt.Sprintf("%s, from %s to %s: ", own[i].RSI, edition.Clock(at), edition.Clock(at.Add(hoursOf(hours))))
			if j >= len(own[i].Median) || own[i].Median[j] < 0 {
				return latencyClasses[0], "", who + "no answer"
			}
			return latencyClass(float64(own[i].Median[j]), 1000*limit), "", who + "median " + millis(own[i].Median[j])
		}}
	g.joined = func(i, from, until int) string {
		least, most := slices.Min(own[i].Median[from:until]), slices.Max(own[i].Median[from:until])
		return fmt.Sprintf("%s, from %s to %s: medians of %s, %s to %s", own[i].RSI, edition.Clock(d.From.Add(hoursOf(from*hours))),
			edition.Clock(d.From.Add(hoursOf(until*hours))), fieldText(hours), millis(least), millis(most))
	}
	return g.overTime(d, hours)
}

// overTime draws the grid with days beneath.
func (g grid) overTime(d *Document, hours int) template.HTML {
	if len(g.rows) == 0 || len(g.columns) == 0 {
		return ""
	}
	left := beside(g.rows)
	width := (plotWidth - left) / float64(len(g.columns))
	s := newSVG(len(g.rows)*rowHeight+24, g.title)
	for i, row := range g.rows {
		y := float64(i * rowHeight)
		s.text(left-6, y+13, "end", row)
		for j := 0; j < len(g.columns); {
			c, _, says := g.at(i, j)
			n := 1
			for ; g.joined != nil && marks[c.css] == 0 && c != g.classes[0] && j+n < len(g.columns) && n < 24/hours; n++ { // fields of a day that are as good share one
				if other, _, _ := g.at(i, j+n); other != c {
					break
				}
			}
			if n > 1 {
				says = g.joined(i, j, j+n)
			}
			s.field(left+float64(j)*width, y, float64(n)*width, c.css, says)
			j += n
		}
	}
	s.days(d.From, len(g.columns)*hours, left, float64(len(g.rows)*rowHeight))
	return s.done() + legend(g.classes)
}

// millis is a latency of whole µs in print.
func millis(us int64) string { return fmt.Sprintf("%.3f ms", float64(us)/1000) }

// chart draws medians and 95th percentiles over time, on a logarithmic scale, with the
// threshold in ms.
type chart struct {
	title string
	from  time.Time
	hours int // of a field
	whole int // fields of the period
	of    metrics.Course
	limit float64
}

// chartHeight is how high the scale of a chart is.
const chartHeight = 120

func (x chart) draw() template.HTML {
	if x.whole == 0 || !slices.ContainsFunc(x.of.Median, func(us int64) bool { return us >= 0 }) {
		return ""
	}
	least, most := x.scale()
	const left, right = plotLeft + 20, plotWidth - 52
	width := (right - left*1.0) / float64(x.whole)
	y := func(ms float64) float64 {
		return 6 + chartHeight*(1-math.Log(min(max(ms, least), most)/least)/math.Log(most/least))
	}
	s := newSVG(chartHeight+34, x.title)
	for _, ms := range decades {
		if ms >= least && ms <= most {
			s.add(`<line x1="%d" y1="%.1f" x2="%d" y2="%.1f" class="grid"/>`, left, y(ms), right, y(ms))
			s.text(left-6, y(ms)+4, "end", fmt.Sprintf("%g ms", ms))
		}
	}
	s.add(`<line x1="%d" y1="%.1f" x2="%d" y2="%.1f" class="limit"/>`, left, y(x.limit), right, y(x.limit))
	s.add(`<text x="%d" y="%.1f" text-anchor="start" class="limit">%g ms</text>`, right+4, y(x.limit)+4, x.limit)
	for _, line := range []struct {
		css    string
		values []int64
	}{{"line2", x.of.P95}, {"line1", x.of.Median}} {
		var path strings.Builder
		for i, us := range line.values[:min(len(line.values), x.whole)] {
			if us >= 0 {
				at := left + float64(i)*width
				fmt.Fprintf(&path, "M%.1f %.1fh%.1f", at, y(float64(us)/1000), width)
			}
		}
		s.add(`<path d="%s" class="%s"/>`, path.String(), line.css)
	}
	for i, us := range x.of.Median[:min(len(x.of.Median), x.whole)] {
		if us >= 0 {
			at := x.from.Add(hoursOf(i * x.hours))
			s.add(`<rect x="%.1f" y="6" width="%.2f" height="%d" fill-opacity="0"><title>%s</title></rect>`, left+float64(i)*width, width, chartHeight,
				escaped(fmt.Sprintf("from %s to %s: median %s, p95 %s", edition.Clock(at), edition.Clock(at.Add(hoursOf(x.hours))), millis(us), millis(x.of.P95[i]))))
		}
	}
	s.daysUpTo(x.from, x.whole*x.hours, left, right, chartHeight+6)
	return s.done()
}

var decades = []float64{0.1, 1, 10, 100, 1000}

// scale are the ends of the scale, in ms: decades that hold what there is, and the threshold.
func (x chart) scale() (least, most float64) {
	least, most = x.limit, x.limit
	for _, list := range [][]int64{x.of.Median, x.of.P95} {
		for _, us := range list {
			if us >= 0 {
				least, most = min(least, float64(us)/1000), max(most, float64(us)/1000)
			}
		}
	}
	for _, ms := range slices.Backward(decades) {
		if ms <= least || ms == decades[0] {
			least = ms
			break
		}
	}
	return least, max(most*1.1, least*10)
}

// systemCourse is the availability of the system over the days of the period, a row for
// each path.
func systemCourse(d *Document, days []metrics.Course) template.HTML {
	whole := d.fields(24)
	var rows []string
	for _, c := range days {
		rows = append(rows, shortPath(c.Path))
	}
	return grid{title: "availability of the root server system by day", rows: rows, columns: make([]string, whole), classes: shareClasses,
		at: func(i, j int) (class, string, string) {
			at := d.From.AddDate(0, 0, j)
			who := days[i].Path.Title() + ", " + at.Format("2 January") + ": "
			if j >= len(days[i].Good) || days[i].Good[j]+days[i].Bad[j] == 0 {
				return shareClasses[0], "", who + "no data"
			}
			good, all := days[i].Good[j], days[i].Good[j]+days[i].Bad[j]
			return shareClass(good, all), "", who + edition.Thousands(good) + " of " + edition.Thousands(all)
		}}.overTime(d, 24)
}
