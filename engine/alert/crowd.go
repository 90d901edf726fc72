package alert

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
)

// mostOfOne is how many alerts one vantage point can add, and how many series of alerts,
// whatever it sends: whoever holds its key must not fill the alert file, or what reads
// it. The last of them says how many more there are. (docs/decisions/0010)
const mostOfOne = 20

// vantagePointOf is the vantage point that an alert is of; empty for none.
func vantagePointOf(s *Status) string {
	for _, l := range s.Labels {
		if l.Name == "vantage_point" {
			return l.Value
		}
	}
	return ""
}

// crowded notes and says whether an alert that is not told yet is of a vantage point
// that has as many as it may.
func (l ledger) crowded(s *Status) bool {
	vp := vantagePointOf(s)
	if vp == "" || s.Told {
		return false
	}
	told := 0
	for _, other := range l {
		if other.Told && vantagePointOf(other) == vp && !isMore(other) {
			told++
		}
	}
	s.Crowded = told >= mostOfOne-1
	return s.Crowded
}

func more(vp, summary string) Condition {
	return Condition{Rule: ownRules + "ingest", Severity: Warning, Summary: summary,
		Labels: []Label{{"condition", "more"}, {"vantage_point", vp}}}
}

func isMore(s *Status) bool {
	return keyOf(s.Rule, s.Labels) == more(vantagePointOf(s), "").key()
}

// crowds tells of each vantage point how many alerts are only counted.
func (b *Book) crowds(m *memory, result *Result) {
	counted := map[string]int{}
	for _, s := range m.ledger {
		if s.Crowded && s.Firing != nil {
			counted[vantagePointOf(s)]++
		} else if isMore(s) {
			counted[vantagePointOf(s)] += 0 // it may be over
		}
	}
	for _, vp := range slices.Sorted(maps.Keys(counted)) {
		n := counted[vp]
		b.set(m, result, more(vp, fmt.Sprintf("%d more alerts of vantage point %s fire than the %d that are told", n, vp, mostOfOne-1)), n > 0)
	}
}

// uncrowded is the alerts that have series, in their order: of one vantage point those
// that are told, then those that fire, up to mostOfOne.
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
	of, out := map[string]int{}, map[*Status]bool{}
	for _, s := range ranked {
		if vp := vantagePointOf(s); vp != "" {
			of[vp]++
			out[s] = s.Crowded || of[vp] > mostOfOne
		}
	}
	return slices.DeleteFunc(slices.Clone(alerts), func(s *Status) bool { return out[s] })
}
