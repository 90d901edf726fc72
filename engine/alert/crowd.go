package alert

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"
)

// maxOfOne is how many alerts one vantage point can add, and how many series of alerts,
// whatever it sends: whoever holds its key must not fill the alert file, or what reads
// it. The last of them says how many more there are. (docs/decisions/0010)
const maxOfOne = 20

// crowd is alerts of which maxOfOne are told: those of one vantage point, by their label
// or because they rest on its rows alone, or those of one rule about serials or keys,
// which the plan does not bound. An alert that two vantage points bear out is never in a
// crowd with those of one.
type crowd struct{ vantagePoint, rule string }

// crowdOf is the one that an alert is in; none for most.
func crowdOf(s *Status) crowd {
	if isMore(s) {
		return crowd{labelOf(s.Labels, "vantage_point"), labelOf(s.Labels, "of")}
	}
	if vp := cmp.Or(labelOf(s.Labels, "vantage_point"), s.Of); vp != "" {
		return crowd{vantagePoint: vp}
	}
	if len(s.Labels) == 1 && (s.Labels[0].Name == "serial" || s.Labels[0].Name == "key") {
		return crowd{rule: s.Rule}
	}
	return crowd{}
}

// labelOf is the value of a label; empty where there is none of that name.
func labelOf(labels []Label, name string) string {
	for _, l := range labels {
		if l.Name == name {
			return l.Value
		}
	}
	return ""
}

// only is the one vantage point of a list; empty where there are more, or none.
func only(vps []string) string {
	if len(vps) == 1 {
		return vps[0]
	}
	return ""
}

// attribute notes on whose rows alone an alert rests that is about to be told. One that
// is told stays whose it was.
func (s *Status) attribute(r *rule, f *frame, at time.Time) {
	if s.Told || !s.heldFor(time.Duration(r.Hold), at) || f.alone == nil || labelOf(s.Labels, "vantage_point") != "" {
		return
	}
	if s.VantagePoints > 1 { // with an incorrect answer
		s.Of = ""
		return
	}
	// Which costs most: of those that wait for another witness it is asked of the newest window only.
	if !s.Crowded || f.newest {
		s.Of = f.alone(r)
	}
}

// crowded notes and says whether an alert that is not told yet is in a crowd of which as
// many are told as may be.
func (l ledger) crowded(s *Status) bool {
	c := crowdOf(s)
	if s.Told || c == (crowd{}) {
		s.Crowded = false
		return false
	}
	told := 0
	for _, other := range l {
		if other.Told && crowdOf(other) == c && !isMore(other) {
			told++
		}
	}
	s.Crowded = told >= maxOfOne-1
	return s.Crowded
}

func more(vp, summary string) Condition {
	return Condition{Rule: ownRules + "ingest", Severity: Warning, Summary: summary,
		Labels: []Label{{"condition", "more"}, {"vantage_point", vp}}}
}

// more is the condition that there are so many more alerts than those that are told.
func (c crowd) more(n int) Condition {
	if c.vantagePoint != "" {
		return more(c.vantagePoint, fmt.Sprintf("%d more alerts of vantage point %s fire than the %d that are told", n, c.vantagePoint, maxOfOne-1))
	}
	return Condition{Rule: ownRules + "watch", Severity: Warning, Labels: []Label{{"condition", "more"}, {"of", c.rule}},
		Summary: fmt.Sprintf("%d more alerts of the rule %s fire than the %d that are told", n, c.rule, maxOfOne-1)}
}

func isMore(s *Status) bool {
	return strings.HasPrefix(s.Rule, ownRules) && labelOf(s.Labels, "condition") == "more"
}

// crowds tells of each crowd how many alerts are only counted.
func (b *Book) crowds(m *memory, result *Result) {
	counted := map[crowd]int{}
	for _, s := range m.ledger {
		if s.Crowded && s.Firing != nil {
			counted[crowdOf(s)]++
		} else if isMore(s) {
			counted[crowdOf(s)] += 0 // it may be over
		}
	}
	var all []crowd
	for c := range counted {
		all = append(all, c)
	}
	slices.SortFunc(all, func(x, y crowd) int {
		return cmp.Or(strings.Compare(x.vantagePoint, y.vantagePoint), strings.Compare(x.rule, y.rule))
	})
	for _, c := range all {
		b.set(m, result, c.more(counted[c]), counted[c] > 0)
	}
}

// uncrowded is the alerts that have series, in their order: of one crowd those that are
// told, then those that fire, up to maxOfOne. What has no end has none.
func uncrowded(alerts []*Status) []*Status {
	rank := func(s *Status) int {
		switch {
		case isMore(s):
			return 0
		case s.Told:
			return 1
		case s.Firing != nil:
			return 2
		}
		return 3
	}
	ranked := slices.SortedStableFunc(slices.Values(alerts), func(x, y *Status) int { return cmp.Compare(rank(x), rank(y)) })
	of, out := map[crowd]int{}, map[*Status]bool{}
	for _, s := range ranked {
		out[s] = s.Once
		if c := crowdOf(s); !s.Once && c != (crowd{}) {
			of[c]++
			out[s] = s.Crowded || of[c] > maxOfOne
		}
	}
	return slices.DeleteFunc(slices.Clone(alerts), func(s *Status) bool { return out[s] })
}
