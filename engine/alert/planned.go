package alert

import (
	"mtric.net/mtric/engine/measurement"
	"mtric.net/mtric/engine/plan"
)

// planned is the tuples that a plan makes: each RSI, path and vantage point of each
// query, of the families only of which the RSI ever has an address. A plan without vantage points makes them of any, of which there are a thousand.
type planned struct {
	tuples  map[tuple]bool
	anybody bool // the tuples are of no vantage point
	ofRun   int  // how many are of one vantage point
}

func plannedBy(p *plan.Plan) planned {
	vps := vantagePoints(p)
	all := planned{tuples: map[tuple]bool{}, anybody: len(vps) == 0}
	if all.anybody {
		vps = []string{""}
	}
	eachPlanned(p, vps, func(t tuple) { all.tuples[t] = true })
	all.ofRun = len(all.tuples) / len(vps)
	return all
}

func (p planned) has(t tuple) bool {
	if p.anybody {
		if !measurement.VantagePoint(t.vantagePoint).Machine() {
			return false
		}
		t.vantagePoint = ""
	}
	return p.tuples[t]
}

func vantagePoints(p *plan.Plan) []string {
	var all []string
	for _, v := range p.VantagePoints {
		all = append(all, string(v.ID))
	}
	return all
}

// eachPlanned yields the tuples of a plan at those vantage points.
func eachPlanned(p *plan.Plan, vps []string, yield func(tuple)) {
	for _, q := range p.Queries {
		for _, s := range p.ServersOf(q.Servers) {
			for _, f := range q.Families {
				if !s.Has(f) {
					continue
				}
				for _, t := range q.TransportsTo(s) {
					for _, vp := range vps {
						if vp == "" || p.Asks(q, measurement.VantagePoint(vp)) {
							yield(tuple{string(s.RSI), string(f), string(t), vp, q.Label})
						}
					}
				}
			}
		}
	}
}
