package rehearse

import (
	"fmt"
	"slices"
	"strings"

	"mtric.net/mtric/engine/measurement"
)

// Plant is a fault of an RSI that was planted, and how many of its answers were found
// incorrect.
type Plant struct {
	Fault   string          `json:"fault"`
	RSI     measurement.RSI `json:"rsi"`
	Answers int             `json:"answers"`
}

// Expected is an alert that had to be raised.
type Expected struct {
	Rule  string `json:"rule"`
	Fired bool   `json:"fired"`
}

// Result is what a scenario came to.
type Result struct {
	Scenario string     `json:"scenario"`
	OK       bool       `json:"ok"`
	Zones    int        `json:"zones"`   // that the root published
	Answers  int        `json:"answers"` // that were to be judged
	Accused  int        `json:"accused_wrongly"`
	Planted  []Plant    `json:"planted"`
	Alerts   []Expected `json:"alerts"`
	Held     int        `json:"held"`
	MayHold  int        `json:"may_hold"`       // at most, by the scenario
	Surplus  int        `json:"held_elsewhere"` // of those held, not where the scenario allows it

	Mended    string `json:"mended,omitempty"`             // what mended it
	HeldAfter *int   `json:"held_after_mending,omitempty"` // nil where nothing was to be mended

	Refused     int      `json:"refused_fetches"`
	Filled      int      `json:"zones_filled_in"` // afterwards
	Quarantined int      `json:"quarantined"`
	Stopped     []string `json:"stopped"`  // commands, with their errors
	Problems    []string `json:"problems"` // what else fell short, in words

	firing map[string]bool
}

func (r *Result) fired(rule string) {
	if r.firing == nil {
		r.firing = map[string]bool{}
	}
	r.firing[rule] = true
}

// mostProblems bounds what is told of a scenario.
const mostProblems = 12

func (r *Result) problem(text string) {
	if len(r.Problems) < mostProblems {
		r.Problems = append(r.Problems, text)
	}
}

func (r *Result) stopped(text string) {
	if len(r.Stopped) < mostProblems && !slices.Contains(r.Stopped, text) {
		r.Stopped = append(r.Stopped, text)
	}
}

func (r *Result) quarantined(text string) {
	if r.Quarantined++; r.Quarantined == 1 {
		r.problem("quarantined: " + text)
	}
}

// Found counts the planted faults, and those that were found; alerts count as faults.
func (r *Result) Found() (found, of int) {
	for _, p := range r.Planted {
		if of++; p.Answers > 0 {
			found++
		}
	}
	for _, a := range r.Alerts {
		if of++; a.Fired {
			found++
		}
	}
	return found, of
}

// conclude says whether the scenario came to what it should.
func (r *Result) conclude(s *script) {
	for _, rule := range s.alerts {
		r.Alerts = append(r.Alerts, Expected{rule, r.firing[rule]})
		if !r.firing[rule] {
			r.problem(fmt.Sprintf("no alert by the rule %q", rule))
		}
	}
	for _, p := range r.Planted {
		if p.Answers == 0 {
			r.problem(fmt.Sprintf("not found: %s of %s", p.Fault, p.RSI))
		}
	}
	found, of := r.Found()
	r.OK = r.Accused == 0 && found == of && r.Surplus == 0 && (r.HeldAfter == nil || *r.HeldAfter == 0) && len(r.Stopped) == 0 && len(r.Problems) == 0
}

// What is what happened, in a few words.
func (r *Result) What() string {
	parts := []string{fmt.Sprintf("%d zones, %d answers", r.Zones, r.Answers)}
	if r.Refused > 0 {
		parts = append(parts, fmt.Sprintf("%d fetches refused", r.Refused))
	}
	if r.Mended != "" {
		parts = append(parts, r.Mended)
	} else if r.Filled > 0 {
		parts = append(parts, fmt.Sprintf("%d zones filled in", r.Filled))
	}
	return strings.Join(parts, ", ")
}

// Line is the scenario in a line.
func (r *Result) Line() string {
	state := "ok  "
	if !r.OK {
		state = "FAIL"
	}
	found, of := r.Found()
	held := fmt.Sprintf("held %d of at most %d", r.Held, r.MayHold)
	if r.Surplus > 0 {
		held += fmt.Sprintf(" (%d elsewhere)", r.Surplus)
	}
	if r.HeldAfter != nil {
		held += fmt.Sprintf(", %d after mending", *r.HeldAfter)
	}
	return fmt.Sprintf("%s %-20s accused wrongly %d; found %d of %d; %s; stopped %d; %s",
		state, r.Scenario, r.Accused, found, of, held, len(r.Stopped), r.What())
}
