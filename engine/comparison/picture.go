package comparison

import (
	"fmt"
	"math"

	"mtric.net/mtric/engine/edition"
	"mtric.net/mtric/engine/measurement"
)

// picture is the latency of all RSIs over a path on one logarithmic axis, as SVG of this
// geometry: the crowd's spread as a bar, ours as a line over it.
type picture struct {
	Title         string
	Width, Height int
	Bottom        int
	Ticks         []tick
	Rows          []bar
	Extremes      []string
}

// tick is a latency of the axis.
type tick struct {
	X    string
	Text string
}

// bar is an RSI: two spreads on the axis, in px. A spread that is not known is nil.
type bar struct {
	RSI          measurement.RSI
	Y            int // of its middle
	Ours, Theirs *spread
	Tells        string
}

// spread is from P10 to P90 with the median and its interval.
type spread struct{ From, Width, Median, Low, Between string }

// Geometry in px of the drawing; the page scales it.
const (
	pictureWidth = 480
	pictureLeft  = 30
	pictureRight = 468
	pictureTop   = 6
	pictureRow   = 17
)

// axis is what all pictures share, so that paths can be compared.
type axis struct{ least, most float64 } // ms

// steps are where an axis may begin and end, and its ticks.
var steps = []float64{0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000}

// axis has all latencies of the document on it.
func (d *Document) axis() (a axis, any bool) {
	least, most := math.Inf(1), 0.0
	for _, p := range d.Paths {
		for _, l := range []*Latency{p.Ours.Latency, p.Theirs.Latency} {
			if l != nil {
				least, most, any = min(least, ms(l.P10)), max(most, ms(l.P90)), true
			}
		}
	}
	a = axis{steps[0], steps[len(steps)-1]}
	for _, s := range steps {
		if s <= least {
			a.least = s
		}
	}
	for i := len(steps) - 1; i >= 0 && steps[i] > a.least; i-- {
		if steps[i] >= most {
			a.most = steps[i]
		}
	}
	return a, any
}

func ms(us int64) float64 { return float64(us) / 1000 }

// x is where a latency lies.
func (a axis) x(ms float64) float64 {
	ms = min(max(ms, a.least), a.most)
	return pictureLeft + (pictureRight-pictureLeft)*math.Log(ms/a.least)/math.Log(a.most/a.least)
}

// spread is where quantiles lie; nil for none.
func (a axis) spread(l *Latency) *spread {
	if l == nil {
		return nil
	}
	from, median, to := a.x(ms(l.P10)), a.x(ms(l.Median.Value)), a.x(ms(l.P90))
	s := &spread{From: px(from), Width: px(max(to-from, 1)), Median: px(median)}
	if l.Median.Low != nil && l.Median.High != nil {
		low := a.x(ms(*l.Median.Low))
		s.Low, s.Between = px(low), px(max(a.x(ms(*l.Median.High))-low, 1))
	}
	return s
}

func px(x float64) string { return fmt.Sprintf("%.1f", x) }

// pictures are the paths that have a latency.
func (d *Document) pictures() (list []picture) {
	a, any := d.axis()
	if !any {
		return nil
	}
	for _, path := range measurement.Paths {
		p := picture{Title: path.Title(), Width: pictureWidth, Extremes: extremes(d.ofPath(path))}
		for _, of := range d.ofPath(path) {
			if of.Ours.Latency == nil && of.Theirs.Latency == nil {
				continue
			}
			y := pictureTop + pictureRow*len(p.Rows) + pictureRow/2
			p.Rows = append(p.Rows, bar{RSI: of.RSI, Y: y, Ours: a.spread(of.Ours.Latency), Theirs: a.spread(of.Theirs.Latency), Tells: of.tells()})
		}
		if len(p.Rows) == 0 {
			continue
		}
		p.Bottom = pictureTop + pictureRow*len(p.Rows)
		p.Height = p.Bottom + 18
		for i, s := range steps {
			if s >= a.least && s <= a.most {
				t := tick{X: px(a.x(s))}
				if wide := a.most/a.least > 2000; !wide || i%3 == 0 { // else texts would touch
					t.Text = edition.Thousands(int64(s))
					if s < 1 {
						t.Text = fmt.Sprintf("%g", s)
					}
				}
				p.Ticks = append(p.Ticks, t)
			}
		}
		list = append(list, p)
	}
	return list
}

// tells is what a row of the picture says when it is asked.
func (p Path) tells() string {
	text := fmt.Sprintf("%s: latency in ms, ours %s, the crowd's %s", over(p.RSI, p.Family, p.Transport), p.Ours.Latency.in(), p.Theirs.Latency.in())
	if s := p.Sentence(); s != "" {
		text += ". " + s
	}
	return text
}
