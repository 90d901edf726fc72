package alert

import (
	"reflect"
	"testing"
	"time"

	"mtric.net/mtric/engine/plan"
)

// TestSeverityOfWhatOneHasSeen follows alerts of several conditions, five minutes apart:
// each step is what the window has, and what must be told.
func TestSeverityOfWhatOneHasSeen(t *testing.T) {
	type step struct {
		now, before int64 // vantage points with an incorrect answer
		found       finding
		muted       bool
		want        string // the line, and the severity kept
	}
	repeat := func(n int, s step) (all []step) {
		for range n {
			all = append(all, s)
		}
		return all
	}
	cat := func(parts ...[]step) (all []step) {
		for _, p := range parts {
			all = append(all, p...)
		}
		return all
	}
	const still = " warning"
	one := func(found finding, want string) []step { return []step{{1, 0, found, false, want}} }
	for name, c := range map[string]struct {
		read     string
		severity Severity
		steps    []step
	}{
		"alone for an hour":                      {"window.incorrect", Critical, cat(one(holds, "FIRING warning"), repeat(11, step{1, 0, holds, false, still}), one(holds, "FIRING critical"), one(holds, " critical"))},
		"two at once":                            {"window.incorrect", Critical, []step{{2, 0, holds, false, "FIRING critical"}, {1, 0, holds, false, " critical"}}},
		"a severity that is not above a warning": {"window.incorrect", Info, []step{{1, 0, holds, false, "FIRING info"}, {2, 0, holds, false, " info"}}},
		"a warning":                              {"window.incorrect", Warning, []step{{1, 0, holds, false, "FIRING warning"}, {2, 0, holds, false, " warning"}}},
		"the window before":                      {"previous.incorrect", Critical, []step{{0, 1, holds, false, "FIRING warning"}, {0, 2, holds, false, "FIRING critical"}}},
		"what was correct":                       {"window.correct", Critical, one(holds, "FIRING warning")},
		"what is about something else":           {"window.unchecked", Critical, one(holds, "FIRING critical")},
		"nobody, for another reason":             {"window.incorrect", Critical, []step{{0, 0, holds, false, "FIRING critical"}, {1, 0, holds, false, " critical"}}},
		"nobody any more":                        {"window.incorrect", Critical, []step{{1, 0, holds, false, "FIRING warning"}, {0, 0, holds, false, still}}},
		"what is not known keeps it":             {"window.incorrect", Critical, cat(one(holds, "FIRING warning"), repeat(20, step{0, 0, keep, false, still}))},
		"ended and begun anew":                   {"window.incorrect", Critical, []step{{2, 0, holds, false, "FIRING critical"}, {0, 0, fails, false, "RESOLVED critical"}, {1, 0, holds, false, "FIRING warning"}}},
		"a silence, and what is told after it":   {"window.incorrect", Critical, []step{{1, 0, holds, false, "FIRING warning"}, {2, 0, holds, true, " critical"}, {2, 0, holds, false, "FIRING critical"}}},
	} {
		t.Run(name, func(t *testing.T) {
			r := &rule{Rule: plan.Rule{Label: "x", On: "window", Severity: string(c.severity)}, condition: program{reads: map[string]bool{c.read: true}}}
			l, at := ledger{}, time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)
			for i, s := range c.steps {
				f := &frame{rules: &Rules{}, object: reflect.ValueOf(Window{VPsIncorrect: s.now}), previous: reflect.ValueOf(Window{VPsIncorrect: s.before})}
				got := ""
				if e := l.apply("c00", r, f, s.found, at, func(*Status) bool { return s.muted }); e != nil {
					got = string(e.State)
				}
				if got += " " + string(l[keyOf("x", nil)].Severity); got != s.want {
					t.Fatalf("step %d: %q, want %q", i, got, s.want)
				}
				at = at.Add(5 * time.Minute)
			}
		})
	}
}
