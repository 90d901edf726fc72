package report

import (
	"fmt"
	"html/template"
	"math/big"

	"mtric.net/mtric/engine/edition"
	"mtric.net/mtric/engine/measurement"
)

// grid is a drawing of fields in rows and columns, each with its number where it fits.
type grid struct {
	title         string
	rows, columns []string
	at            func(row, column int) (c class, number, says string)
	joined        func(row, from, until int) string // says of neighbours of one class, which overTime may join
	classes       []class
}

func (g grid) draw() template.HTML {
	if len(g.rows) == 0 || len(g.columns) == 0 {
		return ""
	}
	left := beside(g.rows)
	width := (plotWidth - left) / float64(len(g.columns))
	s := newSVG(len(g.rows)*rowHeight+20, g.title)
	for i, row := range g.rows {
		y := float64(i * rowHeight)
		s.text(left-6, y+13, "end", row)
		for j := range g.columns {
			c, number, says := g.at(i, j)
			x := left + float64(j)*width
			s.cell(x, y, width-1, rowHeight-2, c.css, says)
			if inside := 5.2 * float64(len(number)); number != "" && inside < width {
				s.add(`<text x="%.1f" y="%.1f" text-anchor="middle" class="in %s">%s</text>`, x+(width-1)/2, y+11.5, c.css, escaped(number))
			}
		}
	}
	bottom := float64(len(g.rows) * rowHeight)
	for j, last := 0, -plotWidth*1.0; j < len(g.columns); j++ {
		middle, half := left+(float64(j)+0.5)*width, textWidth(g.columns[j])/2
		if middle < last+2*half+6 || middle+half > plotWidth {
			continue
		}
		last = middle
		s.text(middle, bottom+14, "middle", g.columns[j])
	}
	return s.done() + legend(g.classes)
}

// placeKey is an RSI from a vantage point.
type placeKey struct {
	rsi measurement.RSI
	vp  measurement.VantagePoint
}

// wherePlot shows how much of what each RSI was asked it answered well, by vantage point,
// all paths together: where it failed.
func wherePlot(d *Document) template.HTML {
	good, asked := map[placeKey]int64{}, map[placeKey]int64{}
	for _, p := range d.Internal.Places {
		k := placeKey{p.RSI, p.VantagePoint}
		good[k], asked[k] = good[k]+p.Good, asked[k]+p.Asked
	}
	return grid{title: "good answers by RSI and vantage point", rows: rsiLabels(d.RSIs), columns: vantagePointLabels(d), classes: shareClasses,
		at: func(i, j int) (class, string, string) {
			k := placeKey{d.RSIs[i].RSI, d.VantagePoints[j].ID}
			c, number, says := shareCell(good[k], asked[k])
			return c, number, fmt.Sprintf("%s from %s: %s", k.rsi, d.VantagePoints[j].Label(), says)
		}}.draw()
}

// shareCell is a place in a drawing of so many good answers of so many queries.
func shareCell(good, asked int64) (c class, number, says string) {
	if good < asked {
		number = decimal(big.NewRat(100*good, asked), 2, true)
	}
	return shareClass(good, asked), number, edition.Thousands(good) + " of " + edition.Thousands(asked) + " good"
}

var latencyClasses = []class{{"s0", "no answer"}, {"s5", "at most a quarter of the threshold"}, {"s4", "at most half"}, {"s3", "at most the threshold"}, {"s2", "above the threshold"}, {"s1", "above twice the threshold"}}

// latencyClass is the class of a latency, both in the same unit.
func latencyClass(value, limit float64) class {
	switch {
	case value < 0:
		return latencyClasses[0]
	case 4*value <= limit:
		return latencyClasses[1]
	case 2*value <= limit:
		return latencyClasses[2]
	case value <= limit:
		return latencyClasses[3]
	case value <= 2*limit:
		return latencyClasses[4]
	}
	return latencyClasses[5]
}

// latencyWhere shows the median latencies of each RSI over a path by vantage point.
func latencyWhere(d *Document, path measurement.Path) template.HTML {
	places := map[placeKey]Place{}
	for _, p := range d.Internal.Places {
		if p.Family == path.Family && p.Transport == path.Transport {
			places[placeKey{p.RSI, p.VantagePoint}] = p
		}
	}
	limit := d.limit(measurement.RSILatency, path)
	return grid{title: "median response latency by RSI and vantage point, " + path.Title(), rows: rsiLabels(d.RSIs), columns: vantagePointLabels(d), classes: latencyClasses,
		at: func(i, j int) (class, string, string) {
			c, number, says := medianCell(places[placeKey{d.RSIs[i].RSI, d.VantagePoints[j].ID}], limit)
			return c, number, fmt.Sprintf("%s from %s: %s", d.RSIs[i].RSI, d.VantagePoints[j].Label(), says)
		}}.draw()
}

func rsiLabels(rsis []RSI) (labels []string) {
	for _, r := range rsis {
		labels = append(labels, string(r.RSI))
	}
	return labels
}

func vantagePointLabels(d *Document) (labels []string) {
	for _, v := range d.VantagePoints {
		labels = append(labels, string(v.ID))
	}
	return labels
}
