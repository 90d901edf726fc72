package report

import (
	"fmt"
	"html/template"
	"slices"

	"mtric.net/mtric/engine/edition"
)

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

// publicationPlot shows for each zone how long the slowest vantage point of each of these
// RSIs waited for it, in minutes where they fit in.
func publicationPlot(list []Followed, rsis []RSI) template.HTML {
	if len(list) == 0 {
		return ""
	}
	left, foot := beside(rsiLabels(rsis)), 76
	width := (plotWidth - left) / float64(len(list))
	level := width >= serialWidth
	if level {
		foot = 24
	}
	bottom := float64(len(rsis) * rowHeight)
	s := newSVG(len(rsis)*rowHeight+foot, "publication latency by zone")
	for i, r := range rsis {
		s.text(left-6, float64(i*rowHeight)+13, "end", string(r.RSI))
		for j, p := range list {
			w := Waited{RSI: r.RSI}
			if at := slices.IndexFunc(p.RSIs, func(w Waited) bool { return w.RSI == r.RSI }); at >= 0 {
				w = p.RSIs[at]
			}
			x, y, c := left+float64(j)*width, float64(i*rowHeight), waitClass(w)
			s.field(x, y, width, c.css, fmt.Sprintf("%s, serial %d of %s: longest %s min, %s never seen",
				r.RSI, p.Serial, edition.Clock(p.Published), edition.Thousands(w.Longest), edition.Thousands(w.Censored)))
		}
	}
	// As many serials as there is room for, each beneath its column: all of a month.
	for j, last := 0, -upright; j < len(list); j++ {
		middle := left + (float64(j)+0.5)*width
		if !level && middle < last+upright {
			continue
		}
		last = middle
		s.add(`<line x1="%.1f" y1="%.1f" x2="%.1f" y2="%.1f" class="tick"/>`, middle, bottom-1, middle, bottom+4)
		if level {
			s.text(middle, bottom+15, "middle", fmt.Sprint(list[j].Serial))
			continue
		}
		s.add(`<text transform="translate(%.1f %.1f) rotate(-90)" text-anchor="end">%d</text>`, middle+4, bottom+7, list[j].Serial)
	}
	return s.done() + legend(waitClasses)
}

// serialWidth is the room that a serial takes, upright what one takes that stands on end.
const serialWidth, upright = 70.0, 10.5
