package rehearse

import (
	"fmt"
	"slices"
	"time"

	"mtric.net/mtric/engine/alert"
	"mtric.net/mtric/engine/measurement"
	"mtric.net/mtric/engine/plan"
	"mtric.net/mtric/engine/rootzone"
)

// The vantage points of a rehearsal.
const (
	vp1 measurement.VantagePoint = "901"
	vp2 measurement.VantagePoint = "902"
	vp3 measurement.VantagePoint = "903"
)

var vantagePoints = []measurement.VantagePoint{vp1, vp2, vp3}

// fewest is how many RSIs a rehearsal needs: one with a fault, and two that show a serial.
const fewest = 3

// site is the plan of the site with what is the rehearsal's own in place: anchors, zone
// sources, vantage points and paths.
type site struct {
	plan *plan.Plan
	sum  string // plan_sha256
	rsis []measurement.RSI
}

func newSite(o Options) (*site, error) {
	p := *o.Plan
	var queries []plan.Query
	s := &site{plan: &p}
	for _, label := range measurement.MetricQueries {
		q, found := p.Query(label)
		if !found {
			return nil, fmt.Errorf("%w: plan %s has no query %q", ErrPlan, p.Name, label)
		}
		if o.Short && label == measurement.QuerySOA {
			q.Transports, q.Families = q.Transports[:1], q.Families[:1]
		}
		queries = append(queries, q)
		if label != measurement.QueryCorrectness {
			continue
		}
		for _, server := range p.ServersOf(q.Servers) {
			s.rsis = append(s.rsis, server.RSI)
		}
	}
	if len(s.rsis) < fewest {
		return nil, fmt.Errorf("%w: plan %s asks %d RSIs in the query \"correctness\", a rehearsal needs %d", ErrPlan, p.Name, len(s.rsis), fewest)
	}
	p.Queries, p.Traceroutes, p.ZoneSources, p.Anchors, p.VantagePoints = queries, nil, nil, nil, nil
	p.Exclusions, p.Annotations, p.Silences = nil, nil, nil
	p.Rules = slices.DeleteFunc(slices.Clone(p.Rules), func(r plan.Rule) bool { // of queries that are not rehearsed
		return len(r.Queries) > 0 && !slices.ContainsFunc(r.Queries, func(label string) bool { return slices.Contains(measurement.MetricQueries, label) })
	})
	for _, id := range vantagePoints {
		p.VantagePoints = append(p.VantagePoints, plan.VantagePoint{ID: id})
	}
	p.Paths = plan.Paths{Output: "Output", Logs: "Logs", State: "State", Originals: "Originals", Quarantine: "Quarantine",
		Lake: "Lake", Reports: "Reports", Dropboxes: "sftp/transfer-{vantage_point}/incoming"}
	s.sum = p.SHA256()
	return s, nil
}

// rules are those of the plan.
func (s *site) rules() (*alert.Rules, error) {
	rules, mistakes := alert.Compile(s.plan)
	if mistakes.HasErrors() {
		return nil, fmt.Errorf("%w: its rules have mistakes; mtric plan check shows them", ErrPlan)
	}
	return rules, nil
}

// trust makes these the trust anchors, for the archive and for the rules.
func (s *site) trust(anchors []rootzone.Anchor) {
	s.plan.Anchors = nil
	for i, a := range anchors {
		s.plan.Anchors = append(s.plan.Anchors, plan.Anchor{Label: fmt.Sprintf("rehearsal%d", i+1), DS: a.DS, From: a.From, Until: a.Until})
	}
	s.sum = s.plan.SHA256()
}

// readdress gives RSIs other addresses.
func (s *site) readdress(addresses map[measurement.RSI][]plan.Address) {
	if len(addresses) == 0 {
		return
	}
	p := *s.plan
	p.Servers = slices.Clone(p.Servers)
	for i, server := range p.Servers {
		if other, found := addresses[server.RSI]; found {
			p.Servers[i].Addresses = other
		}
	}
	s.plan, s.sum = &p, p.SHA256()
}

// within says whether t is in [from, until); a zero time is no bound.
func within(t, from, until time.Time) bool {
	return (from.IsZero() || !t.Before(from)) && (until.IsZero() || t.Before(until))
}
