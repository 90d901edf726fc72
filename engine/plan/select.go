package plan

import (
	"slices"
	"time"
)

// ServersOf returns the servers of the groups, "root", and the single ones, "root/a", in
// the plan's order.
func (p *Plan) ServersOf(names []string) []Server {
	var servers []Server
	for _, s := range p.Servers {
		if slices.Contains(names, s.Group) || slices.Contains(names, s.Group+"/"+string(s.RSI)) {
			servers = append(servers, s)
		}
	}
	return servers
}

// Query returns the query block with this label; false where there is none.
func (p *Plan) Query(label string) (Query, bool) {
	for _, q := range p.Queries {
		if q.Label == label {
			return q, true
		}
	}
	return Query{}, false
}

// Due reports whether the schedule with this label measures in the interval
// with that label; a schedule the plan does not have is never due.
func (p *Plan) Due(schedule string, label time.Time) bool {
	for _, s := range p.Schedules {
		if s.Label == schedule {
			return s.Due(label)
		}
	}
	return false
}

// ThresholdsAt returns the threshold of each metric that is in force at t, in the
// order of reports. A report takes those at the start of its period.
func (p *Plan) ThresholdsAt(t time.Time) []Threshold {
	all := []Threshold{}
	for _, h := range p.Thresholds {
		switch n := len(all); {
		case h.From != nil && t.Before(*h.From):
		case n > 0 && all[n-1].Metric == h.Metric:
			all[n-1] = h
		default:
			all = append(all, h)
		}
	}
	return all
}
