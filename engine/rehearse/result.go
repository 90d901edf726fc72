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

// Missed is a threshold that an RSI, or the root server system, was made to miss.
type Missed struct {
	Metric measurement.Metric `json:"metric"`
	RSI    measurement.RSI    `json:"rsi,omitempty"`
	Told   bool               `json:"told"` // by a report
}

// Result is what a scenario came to.
type Result struct {
	Scenario string     `json:"scenario"`
	OK       bool       `json:"ok"`
	Zones    int        `json:"zones"`   // that the root published
	Answers  int        `json:"answers"` // that were to be judged
	Accused  int        `json:"accused_wrongly"`
	Failed   int        `json:"failed_wrongly"` // values of reports
	Resting  int        `json:"rest_on_liar"`   // values of reports that fail, and say on whom it rests
	Planted  []Plant    `json:"planted"`
	Missed   []Missed   `json:"missed"`
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
	judged int64 // answers, by all runs of ingest
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

// quarantined notes a file; a liar's are to be.
func (r *Result) quarantined(text string, lied bool) {
	if r.Quarantined++; !lied {
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
	for _, m := range r.Missed {
		if of++; m.Told {
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

// mostWork is how many times an answer may be judged, on average, whatever a liar sends.
const mostWork = 2

// conclude says whether the scenario came to what it should.
func (r *Result) conclude(s *script) {
	for _, rule := range s.alerts {
		r.Alerts = append(r.Alerts, Expected{rule, r.firing[rule]})
		if !r.firing[rule] {
			r.problem(fmt.Sprintf("no alert by the rule %q", rule))
		}
	}
	if s.liar != "" && r.judged > mostWork*int64(r.Answers) {
		r.problem(fmt.Sprintf("ingest judged %d times for %d answers", r.judged, r.Answers))
	}
	for _, p := range r.Planted {
		if p.Answers == 0 {
			r.problem(fmt.Sprintf("not found: %s of %s", p.Fault, p.RSI))
		}
	}
	for _, m := range r.Missed {
		if !m.Told {
			r.problem(fmt.Sprintf("no report says that %s missed %s", whose(m.RSI), m.Metric))
		}
	}
	found, of := r.Found()
	r.OK = r.Accused+r.Failed == 0 && found == of && r.Surplus == 0 && (r.HeldAfter == nil || *r.HeldAfter == 0) && len(r.Stopped) == 0 && len(r.Problems) == 0
}

// whose is an RSI, or the root server system.
func whose(rsi measurement.RSI) string {
	if rsi == "" {
		return "the root server system"
	}
	return string(rsi)
}

// What is what happened, in a few words.
func (r *Result) What() string {
	parts := []string{fmt.Sprintf("%d zones, %d answers", r.Zones, r.Answers)}
	if r.Refused > 0 {
		parts = append(parts, fmt.Sprintf("%d fetches refused", r.Refused))
	}
	if r.Resting > 0 {
		parts = append(parts, fmt.Sprintf("%d values fail by one vantage point and say so", r.Resting))
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
		state, r.Scenario, r.Accused+r.Failed, found, of, held, len(r.Stopped), r.What())
}
