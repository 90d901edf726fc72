// Package alert evaluates the rules of a plan and writes what somebody should know
// where operators and Prometheus look: Logs/nnn-alerts.txt, one line an event, and
// Logs/nnn-alerts.prom, what is so now.
//
// What is so for a while, by a rule or by a command ("the collector cannot be
// reached"), is written once when it begins, FIRING, and once when it ends, RESOLVED;
// a fatal error of a command is written each time, FATAL.
package alert

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// State is what an alert line says of its rule.
type State string

// The states of an alert line.
const (
	Firing   State = "FIRING"
	Resolved State = "RESOLVED"
	Fatal    State = "FATAL"
)

// Severity says how soon somebody should look.
type Severity string

// The severities of a plan's rules.
const (
	Info     Severity = "info"
	Warning  Severity = "warning"
	Critical Severity = "critical"
)

// Label is one k=v of an alert line.
type Label struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// Event is one line of the alert file.
type Event struct {
	Time     time.Time `json:"time"`
	Machine  string    `json:"machine"` // 101 or c00
	Severity Severity  `json:"severity"`
	State    State     `json:"state"`
	Rule     string    `json:"rule"`
	Labels   []Label   `json:"labels,omitempty"`
	Summary  string    `json:"summary"`
	Witnesses
}

// String writes the line without its line end:
//
//	2026-11-22T22:40:03Z 101 warning FIRING rule=NAME k=v "summary"
//
// Of answers found incorrect it says who saw them and whose they were, before the summary:
//
//	vantage_points=2 nsid=nnn1-fra4
func (e Event) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s %s %s rule=%s", e.Time.UTC().Format(time.RFC3339), e.Machine, e.Severity, e.State, quoted(e.Rule))
	for _, l := range e.Labels {
		fmt.Fprintf(&b, " %s=%s", l.Name, quoted(l.Value))
	}
	if e.VantagePoints > 0 {
		fmt.Fprintf(&b, " vantage_points=%d nsid=%s", e.VantagePoints, quoted(e.NSID))
	}
	fmt.Fprintf(&b, " %q", e.Summary)
	return b.String()
}

// quoted quotes as Go does whatever would not be read back as one bare value.
func quoted(s string) string {
	bare := s != "" && strconv.Quote(s) == `"`+s+`"` && !strings.ContainsAny(s, " =\"")
	if bare {
		return s
	}
	return strconv.Quote(s)
}
