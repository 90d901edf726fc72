package alert

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"mtric.net/mtric/engine/measurement"
)

// AloneFor is how long what one vantage point alone finds incorrect is at most a
// warning: time for another to see it, or for a person to look.
const AloneFor = time.Hour

// Bounds of a text that names servers: whoever answers decides what they are called.
const (
	maxNSIDs = 5
	maxNSID  = 64 // bytes of each
)

// Witnesses is who saw answers that were found incorrect, and whose answers these were.
// It is no part of what an alert is: no label, and in no series.
type Witnesses struct {
	VantagePoints int64  `json:"vantage_points,omitempty"` // with an incorrect answer of the RSI within the rule's window
	NSID          string `json:"nsid,omitempty"`           // of the servers that gave them, as nameNSIDs writes them
}

// accused counts the incorrect answers of an RSI in a window, whatever else the
// combinations of a group tell apart: a second vantage point bears out the first on
// another path, too. Where rules are not over RSIs it is of all of them.
type accused struct {
	vps   map[int32]int
	nsids map[int32]int
}

// accusedOf is the one of all of the RSI that a combination is of.
func accusedOf(all map[string]*accused, labels []Label) *accused {
	rsi := labelOf(labels, "rsi")
	if all[rsi] == nil {
		all[rsi] = &accused{map[int32]int{}, map[int32]int{}}
	}
	return all[rsi]
}

// change lets an incorrect answer enter (by 1) or leave (by -1).
func (a *accused) change(r *row, vp int32, by int64) {
	bump(a.vps, vp, by)
	bump(a.nsids, r.nsid, by)
}

func (a *accused) fill(w *Window, r *rows) {
	w.VPsIncorrect, w.NSIDsIncorrect = int64(len(a.vps)), ""
	if len(a.vps) > 0 {
		w.NSIDsIncorrect = nameNSIDs(a.nsids, r.nsids)
	}
}

// nameNSIDs names servers by their NSIDs, those with the most answers first: at most
// five, each cut and, unless it is one plain word, quoted.
func nameNSIDs(answers map[int32]int, names []string) string {
	if len(answers) == 0 {
		return "no NSID"
	}
	all := slices.SortedFunc(maps.Keys(answers), func(x, y int32) int {
		return cmp.Or(answers[y]-answers[x], strings.Compare(names[x], names[y]))
	})
	var text []string
	for _, i := range all[:min(len(all), maxNSIDs)] {
		text = append(text, nameNSID(names[i]))
	}
	named := strings.Join(text, ", ")
	if more := len(all) - maxNSIDs; more > 0 {
		named += fmt.Sprintf(" and %d more", more)
	}
	return named
}

func nameNSID(s string) string {
	if len(s) > maxNSID {
		s = s[:maxNSID] + "…" // cut within a letter it is quoted
	}
	if strings.Contains(s, ",") {
		return fmt.Sprintf("%q", s)
	}
	return quoted(s)
}

// onCorrectness says whether the condition is about answers found incorrect.
func (r *rule) onCorrectness() bool {
	return r.On == "window" && slices.ContainsFunc(ofCorrectness, func(field string) bool {
		return r.condition.reads["window."+field] || r.condition.reads["previous."+field]
	})
}

// ofCorrectness are the fields of a window that incorrect answers change.
var ofCorrectness = []string{string(measurement.Correct), string(measurement.Incorrect), "vantage_points_incorrect", "nsids_incorrect"}

// witnesses is who saw what the condition is about: in the window, or in the one before
// where it reads that and more saw it then.
func (r *rule) witnesses(f *frame) (w Witnesses) {
	note := func(of Window) {
		if of.VPsIncorrect > w.VantagePoints {
			w = Witnesses{of.VPsIncorrect, of.NSIDsIncorrect}
		}
	}
	note(f.object.Interface().(Window))
	if slices.ContainsFunc(ofCorrectness, func(field string) bool { return r.condition.reads["previous."+field] }) {
		note(f.previous.Interface().(Window))
	}
	return w
}

// weigh sets who has seen what an alert tells, and its severity: that of the rule, but
// at most a warning for answers that one vantage point alone has found incorrect, for less
// than an hour: by the intervals, which their labels may claim, and by this machine's
// clock. Once it is higher it stays so until the alert ends.
func (s *Status) weigh(r *rule, f *frame, found finding, at time.Time) {
	s.Severity = Severity(r.Severity)
	if !r.onCorrectness() {
		s.Alone, s.Known, s.Witnesses = nil, nil, Witnesses{}
		return
	}
	known := f.known
	if known.IsZero() {
		known = at
	}
	if found == holds {
		s.Witnesses = r.witnesses(f)
		switch began := s.True == nil && s.Firing == nil; {
		case s.VantagePoints > 1 || s.aloneFor(at, known) >= AloneFor:
			s.Alone, s.Known = nil, nil
		case began && s.VantagePoints == 1:
			s.Alone, s.Known = &at, &known
		case began:
			s.Alone, s.Known = nil, nil
		}
	}
	if s.Alone != nil && s.Severity.above(Warning) {
		s.Severity = Warning
	}
}

// aloneFor is how long one vantage point alone has seen it: the shorter of what the
// intervals say and of what this machine's clock says. 0 where it is not alone.
func (s *Status) aloneFor(at, known time.Time) time.Duration {
	if s.Alone == nil {
		return 0
	}
	if s.Known == nil { // remembered by an earlier version
		s.Known = &known
	}
	return min(at.Sub(*s.Alone), known.Sub(*s.Known))
}

// raised says whether what was told is more severe now.
func (s *Status) raised() bool {
	return s.Told && s.ToldAs != "" && s.Firing != nil && s.False == nil && s.Severity.above(s.ToldAs)
}

// above says whether somebody should look sooner than at another severity.
func (s Severity) above(other Severity) bool {
	order := []Severity{Info, Warning, Critical}
	return slices.Index(order, s) > slices.Index(order, other)
}
