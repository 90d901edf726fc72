// Package alert writes what somebody should know into the alert text file that
// operators and Prometheus watch, Logs/nnn-alerts.txt: one line an event.
//
// A condition (something that is so for a while, such as "the collector cannot
// be reached") is written once when it begins, FIRING, and once when it ends,
// RESOLVED; a fatal error of a command is written each time, FATAL.
package alert

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gofrs/flock"
	"github.com/google/renameio/v2"
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
}

// String writes the line without its line end:
//
//	2026-11-22T22:40:03Z 101 warning FIRING rule=NAME k=v "summary"
func (e Event) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s %s %s rule=%s", e.Time.UTC().Format(time.RFC3339), e.Machine, e.Severity, e.State, quoted(e.Rule))
	for _, l := range e.Labels {
		fmt.Fprintf(&b, " %s=%s", l.Name, quoted(l.Value))
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

// Book is the alert file of one machine and the memory of which conditions
// hold. Several processes may use it at once.
type Book struct {
	Machine string
	Logs    string // folder of the alert file
	State   string // folder of the memory; losing it repeats what fires, and what ends meanwhile has no RESOLVED
	Now     func() time.Time
}

// Condition is something that holds or does not hold: Rule and Labels are its
// identity.
type Condition struct {
	Rule     string
	Labels   []Label
	Severity Severity
	Summary  string
}

func (c Condition) key() string {
	parts := []string{c.Rule}
	for _, l := range c.Labels {
		parts = append(parts, l.Name+"="+strconv.Quote(l.Value))
	}
	return strings.Join(parts, " ")
}

// Fatal writes that the command of that name ended with err. Where the Logs
// folder does not exist nothing is written and nothing is wrong: the command
// was run by hand.
func (b *Book) Fatal(command string, err error) error {
	if _, statErr := os.Stat(b.Logs); errors.Is(statErr, fs.ErrNotExist) {
		return nil
	}
	return b.append(b.event(Condition{Rule: "mtric." + command, Severity: Critical, Summary: err.Error()}, Fatal))
}

// Set notes whether a condition holds and writes a line when that has changed.
func (b *Book) Set(c Condition, holds bool) error {
	unlock, err := b.lock()
	if err != nil {
		return err
	}
	defer unlock()
	held, err := b.load()
	if err != nil {
		return err
	}
	at := slices.Index(held, c.key())
	switch {
	case holds && at < 0:
		held = append(held, c.key())
		err = b.append(b.event(c, Firing))
	case !holds && at >= 0:
		held = slices.Delete(held, at, at+1)
		err = b.append(b.event(c, Resolved))
	default:
		return nil
	}
	if err != nil {
		return err
	}
	return b.save(held)
}

// Tell writes the line of something that happened and has no end: nothing is
// remembered, and nothing resolves it.
func (b *Book) Tell(c Condition) error { return b.append(b.event(c, Firing)) }

func (b *Book) event(c Condition, s State) Event {
	return Event{Time: b.Now(), Machine: b.Machine, Severity: c.Severity, State: s,
		Rule: c.Rule, Labels: c.Labels, Summary: c.Summary}
}

// File is the path of the alert file.
func (b *Book) File() string { return filepath.Join(b.Logs, b.Machine+"-alerts.txt") }

// append writes the line with one write call, so that lines of several
// processes never mix, and opens the file anew each time, so that rotation
// needs no signal.
func (b *Book) append(e Event) error {
	f, err := os.OpenFile(b.File(), os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o644)
	if err != nil {
		return fmt.Errorf("alert file: %w", err)
	}
	_, err = f.WriteString(e.String() + "\n")
	if err := errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("alert file: %w", err)
	}
	return nil
}

func (b *Book) memory() string { return filepath.Join(b.State, "conditions.json") }

func (b *Book) lock() (func() error, error) {
	if err := os.MkdirAll(b.State, 0o755); err != nil {
		return nil, fmt.Errorf("alert state: %w", err)
	}
	l := flock.New(filepath.Join(b.State, "conditions.lock"))
	if err := l.Lock(); err != nil {
		return nil, fmt.Errorf("alert state: %w", err)
	}
	return l.Unlock, nil
}

// load returns the conditions that hold. A damaged memory counts as lost: the
// lines of what still holds are then written again.
func (b *Book) load() ([]string, error) {
	data, err := os.ReadFile(b.memory())
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("alert state: %w", err)
	}
	var held []string
	if json.Unmarshal(data, &held) != nil {
		return nil, nil
	}
	return held, nil
}

func (b *Book) save(held []string) error {
	data, err := json.Marshal(held)
	if err == nil {
		err = renameio.WriteFile(b.memory(), append(data, '\n'), 0o644, renameio.WithTempDir(b.State))
	}
	if err != nil {
		return fmt.Errorf("alert state: %w", err)
	}
	return nil
}
