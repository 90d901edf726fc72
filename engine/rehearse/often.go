package rehearse

import (
	"time"

	"mtric.net/mtric/engine/interval"
	"mtric.net/mtric/engine/measurement"
	"mtric.net/mtric/engine/plan"
)

// measureFrom lets the vantage points measure the intervals that begin in [from, until).
func (p *player) measureFrom(from, until time.Time) error {
	s := p.script
	if from.Before(s.measured) || anyHolds(s.off, from) {
		return nil
	}
	for p.now = from; p.now.Before(until); p.now = p.now.Add(interval.Length) {
		for i, vp := range vantagePoints {
			if !p.due(i, vp) {
				continue
			}
			if err := p.measure(vp); err != nil {
				return err
			}
		}
	}
	return nil
}

// due says whether a vantage point measures now.
func (p *player) due(i int, vp measurement.VantagePoint) bool {
	s := p.script
	if s.often != (span{}) && s.often.holds(p.now.Add(p.clockOf(vp).ahead)) {
		return true
	}
	return p.now.Minute() == 0 && (!s.short || i == 0 || p.now.Hour()%2 == 0)
}

// clockOf is the clock of a vantage point.
func (p *player) clockOf(vp measurement.VantagePoint) wrongClock {
	for _, c := range p.script.clocks {
		if c.vp == vp {
			return c
		}
	}
	return wrongClock{vp: vp}
}

// siteOf is the plan that a vantage point measures by.
func (p *player) siteOf(vp measurement.VantagePoint) *site {
	if anyScope(p.script.old, vp, "", p.now) {
		return p.before
	}
	return p.site
}

// reported is the plan that reports are of: where intervals are measured often, the
// vantage points are dated to them.
func (p *player) reported() *plan.Plan {
	often := p.script.often
	if often == (span{}) {
		return p.site.plan
	}
	dated := *p.site.plan
	dated.VantagePoints = nil
	for _, id := range vantagePoints {
		dated.VantagePoints = append(dated.VantagePoints, plan.VantagePoint{ID: id, From: &often.from, Until: &often.until})
	}
	return &dated
}
