package alert

import (
	"maps"
	"slices"
	"time"

	"mtric.net/mtric/engine/plan"
)

// What counts as flapping, and how long it must then be quiet: an alert that
// comes and goes all day is one piece of news, not fifty.
const (
	flapSpan  = 6 * time.Hour
	flapFires = 3 // within flapSpan
	flapQuiet = time.Hour
)

// Status is one alert: a rule and one combination of its labels. Times are those
// of the measurements (ends of intervals) or of the watch that saw it.
type Status struct {
	Rule     string      `json:"rule"`
	Labels   []Label     `json:"labels,omitempty"`
	Severity Severity    `json:"severity"`
	Summary  string      `json:"summary,omitempty"`
	True     *time.Time  `json:"true_since,omitempty"`  // the condition holds since then
	False    *time.Time  `json:"false_since,omitempty"` // it fires, and does not hold since then
	Firing   *time.Time  `json:"firing_since,omitempty"`
	Fired    []time.Time `json:"fired,omitempty"`       // the last flapFires times
	Told     bool        `json:"told,omitempty"`        // the FIRING line is written
	ToldAs   Severity    `json:"told_as,omitempty"`     // its severity then, where that may rise
	Alone    *time.Time  `json:"alone_since,omitempty"` // one vantage point alone sees it since then, and not for long enough
	Known    *time.Time  `json:"known_since,omitempty"` // when that was found, by this machine's clock
	Changed  time.Time   `json:"changed,omitempty"`     // when it began or ceased to fire
	Of       string      `json:"of,omitempty"`          // the vantage point on whose rows alone it rests
	Crowded  bool        `json:"crowded,omitempty"`     // it fires and is only counted: there are maxOfOne of its kind already
	Once     bool        `json:"once,omitempty"`        // it happened and has no end: remembered so that it is not told again and again
	Witnesses
}

// Is names the state for people: "firing", "pending" or "inactive".
func (s *Status) Is() string {
	switch {
	case s.Firing != nil:
		return "firing"
	case s.True != nil:
		return "pending"
	default:
		return "inactive"
	}
}

// namesOf are the names of labels, sorted.
func namesOf(labels []Label) []string {
	var all []string
	for _, l := range labels {
		all = append(all, l.Name)
	}
	slices.Sort(all)
	return all
}

func keyOf(rule string, labels []Label) string { return Condition{Rule: rule, Labels: labels}.key() }

// step takes an alert one evaluation on and returns the state that is to be
// told: Firing, Resolved, or "" for nothing. Pure but for s.
func (s *Status) step(r plan.Rule, found finding, at time.Time, silenced bool) State {
	s.Crowded = s.Crowded && found != fails
	switch found {
	case holds:
		if s.False != nil { // it came back before its end was told
			s.False = nil
			s.fired(at)
		}
		if s.True == nil {
			s.True = &at
		}
		if s.Firing == nil && s.heldFor(time.Duration(r.Hold), at) {
			s.Firing, s.Changed = &at, at
			s.fired(at)
		}
	case fails:
		s.True = nil
		if s.Firing != nil && s.False == nil {
			s.False = &at
		}
		if s.Firing != nil && (!s.flaps(at) || at.Sub(*s.False) >= flapQuiet) {
			s.Firing, s.False, s.Changed = nil, nil, at
			told := s.Told
			s.Told = false
			if told {
				return Resolved
			}
			return ""
		}
	}
	if s.Firing != nil && !s.Told && !silenced {
		s.Told = true
		return Firing
	}
	return ""
}

// heldFor says whether the condition, which holds, has held for so long.
func (s *Status) heldFor(hold time.Duration, at time.Time) bool {
	return hold == 0 || s.True != nil && at.Sub(*s.True) >= hold
}

// fired remembers the last times it fired.
func (s *Status) fired(at time.Time) {
	s.Fired = append(s.Fired, at)
	s.Fired = s.Fired[max(0, len(s.Fired)-flapFires):]
}

func (s *Status) flaps(at time.Time) bool {
	n := 0
	for _, t := range s.Fired {
		if at.Sub(t) < flapSpan {
			n++
		}
	}
	return n >= flapFires
}

// over says whether nothing is left to know of an alert: it neither fires nor is
// pending, and has not fired for so long that it cannot flap.
func (s *Status) over(at time.Time) bool {
	if s.Once {
		return at.Sub(s.Changed) > onceFor
	}
	return s.Firing == nil && s.True == nil && at.Sub(s.Changed) > flapSpan
}

// silenced says whether a silence of the plan mutes the alert at that time.
func silenced(p *plan.Plan, machine, rule string, labels []Label, at time.Time) bool {
	have := map[string]string{"rule": rule, "machine": machine}
	for _, l := range labels {
		have[l.Name] = l.Value
	}
	return slices.ContainsFunc(p.Silences, func(s plan.Silence) bool {
		if at.Before(s.From) || !at.Before(s.Until) {
			return false
		}
		for k, v := range s.Match {
			if have[k] != v {
				return false
			}
		}
		return true
	})
}

// ledger is the state of all alerts of a machine, by key.
type ledger map[string]*Status

// apply takes the alert of a rule and its labels one evaluation on, and returns
// its line, if it has one: one more where its severity has risen. Muted says of one that
// fires whether it is not to be told.
func (l ledger) apply(machine string, r *rule, f *frame, found finding, at time.Time, muted func(*Status) bool) *Event {
	key := keyOf(r.Label, f.labels)
	s := l[key]
	if s == nil {
		if found != holds {
			return nil
		}
		s = &Status{Rule: r.Label, Labels: slices.Clone(f.labels)}
		l[key] = s
	}
	if found == gone {
		delete(l, key)
		if !s.Told {
			return nil
		}
		return &Event{Time: at, Machine: machine, Severity: s.Severity, State: Resolved, Rule: r.Label, Labels: s.Labels, Summary: noMore, Witnesses: s.Witnesses}
	}
	s.Labels = slices.Clone(f.labels)
	s.weigh(r, f, found, at)
	if found == holds {
		f.since = s.True
		s.Summary = r.say(f)
	}
	silent := muted(s)
	state := s.step(r.Rule, found, at, silent)
	if state == "" && s.raised() && !silent {
		state = Firing
	}
	if state == Firing && r.onCorrectness() {
		s.ToldAs = s.Severity
	}
	if s.over(at) {
		delete(l, key)
	}
	summary := s.Summary
	switch state {
	case "":
		return nil
	case Resolved:
		summary = r.ended(f)
	case Firing, Fatal:
	}
	return &Event{Time: at, Machine: machine, Severity: s.Severity, State: state, Rule: r.Label, Labels: s.Labels, Summary: summary, Witnesses: s.Witnesses}
}

// sorted lists the alerts by key.
func (l ledger) sorted() []*Status {
	var all []*Status
	for _, k := range slices.Sorted(maps.Keys(l)) {
		all = append(all, l[k])
	}
	return all
}
