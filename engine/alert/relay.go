package alert

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/google/renameio/v2"

	"mtric.net/mtric/engine/plan"
)

// Relay writes the alerts of the vantage points on the collector, each into files of
// that machine's own: Logs/nnn-alerts.txt and nnn-alerts.prom. The machine is the one
// whose dropbox a file lay in, whatever the file says: no vantage point speaks for
// another, or mutes it. One goroutine uses it, in one process at a time.
type Relay struct {
	Logs  string
	State string     // folder that remembers which interval's alerts are shown
	Plan  *plan.Plan // whose vantage points have metrics; nil, or without any: all
	Now   time.Time  // when; those that ended before have none

	shown map[string]time.Time       // by machine; nil before the first Take
	known map[string]map[string]bool // lines at the end of each machine's file
	lines map[string]int             // that each machine had to tell in this run
	fresh map[string]*Relayed        // whose metrics are to be written
}

// Take checks the alerts.json of an interval and appends its lines, those there
// already not again, and of one machine at most 20 until Close, whose last one counts
// the others. An error of type Refused is the file's; others are this machine's.
func (r *Relay) Take(machine string, label time.Time, data []byte) error {
	sent, err := readRelayed(machine, data)
	if err != nil {
		return err
	}
	if r.shown == nil {
		r.recall()
	}
	book := &Book{Machine: machine, Logs: r.Logs}
	if r.known[machine] == nil {
		if r.known[machine], err = tail(book.File()); err != nil {
			return err
		}
	}
	for _, e := range sent.Events {
		e.Machine, e.Summary = machine, shortened(e.Summary)
		if line := e.String(); !r.known[machine][line] {
			r.known[machine][line] = true
			if r.lines[machine]++; r.lines[machine] >= maxOfOne {
				continue
			}
			if err := book.append(e); err != nil {
				return err
			}
		}
	}
	// A file that comes late must not bring back what has ended since.
	if !label.Before(r.shown[machine]) {
		r.shown[machine], r.fresh[machine] = label, sent
	}
	return nil
}

// Close replaces the metrics of the machines of which something newer came.
func (r *Relay) Close() error {
	var errs []error
	for _, machine := range slices.Sorted(maps.Keys(r.lines)) {
		errs = append(errs, r.tellMore(machine))
	}
	for machine, sent := range r.fresh {
		errs = append(errs, writeMetrics(r.Logs, machine, fewest(sent.Firing), func(*Status) bool { return true }, few(sent.Commands), func(io.Writer) {}))
	}
	if len(r.fresh) > 0 {
		data, err := json.MarshalIndent(r.shown, "", " ")
		if err == nil {
			err = renameio.WriteFile(r.memory(), append(data, '\n'), 0o644, renameio.WithTempDir(r.State))
		}
		errs = append(errs, err)
	}
	errs = append(errs, r.dismiss())
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("alerts of vantage points: %w", err)
	}
	r.shown = nil
	return nil
}

// tellMore says how many lines of a machine were not written in this run.
func (r *Relay) tellMore(machine string) error {
	n := r.lines[machine] - (maxOfOne - 1)
	if n <= 0 {
		return nil
	}
	c := more(machine, fmt.Sprintf("%d more lines of vantage point %s came and are not written here; its alerts.json in Originals have them", n, machine))
	b := &Book{Machine: machine, Logs: r.Logs, Now: func() time.Time { return r.Now }}
	return b.append(b.event(c, Firing))
}

// fewest are the alerts of a machine that have series, the most severe first, and one
// that says that there are more.
func fewest(firing []*Status) []*Status {
	if len(firing) <= maxOfOne {
		return firing
	}
	last := &Status{Rule: ownRules + "ingest", Severity: Warning, Labels: []Label{{"condition", "more"}}}
	firing = slices.DeleteFunc(slices.Clone(firing), func(s *Status) bool { return keyOf(s.Rule, s.Labels) == keyOf(last.Rule, last.Labels) })
	rank := func(s *Status) int { return slices.Index([]Severity{Critical, Warning, Info}, s.Severity) }
	slices.SortStableFunc(firing, func(x, y *Status) int { return cmp.Compare(rank(x), rank(y)) })
	return append(firing[:maxOfOne-1], last)
}

// few are the commands of a machine that have series: cron runs four.
func few(commands map[string]ran) map[string]ran {
	kept := maps.Clone(commands)
	for _, name := range slices.Sorted(maps.Keys(commands))[min(len(commands), maxCommands):] {
		delete(kept, name)
	}
	return kept
}

// Bounds of what one machine writes here.
const (
	maxCommands = 10
	maxSummary  = 1000 // bytes of a line
)

func shortened(s string) string {
	if len(s) <= maxSummary {
		return s
	}
	return strings.ToValidUTF8(s[:maxSummary], "") + "…"
}

// dismiss removes the metrics of vantage points that the plan no longer has, or that
// ended: what fired there when it was last heard of would fire for ever. Its lines stay.
func (r *Relay) dismiss() error {
	if r.Plan == nil || len(r.Plan.VantagePoints) == 0 {
		return nil
	}
	files, err := filepath.Glob(filepath.Join(r.Logs, "[0-9][0-9][0-9]-alerts.prom"))
	for _, f := range files {
		machine := filepath.Base(f)[:3]
		known := slices.ContainsFunc(r.Plan.VantagePoints, func(v plan.VantagePoint) bool {
			return string(v.ID) == machine && (v.Until == nil || v.Until.After(r.Now))
		})
		if !known {
			err = errors.Join(err, os.Remove(f))
		}
	}
	return err
}

func (r *Relay) memory() string { return filepath.Join(r.State, "relayed.json") }

// recall reads the memory; a damaged or lost one costs no more than the metrics of
// a file that comes late.
func (r *Relay) recall() {
	r.shown, r.known, r.fresh = map[string]time.Time{}, map[string]map[string]bool{}, map[string]*Relayed{}
	r.lines = map[string]int{}
	data, err := os.ReadFile(r.memory())
	if err != nil || json.Unmarshal(data, &r.shown) != nil || r.shown == nil {
		r.shown = map[string]time.Time{}
	}
}

// Refused is what is wrong with an alerts.json.
type Refused struct{ error }

// Unwrap returns the cause.
func (r Refused) Unwrap() error { return r.error }

func refusef(format string, args ...any) error { return Refused{fmt.Errorf(format, args...)} }

var (
	machineName = regexp.MustCompile(`^[0-9]{3}$`)
	ruleName    = regexp.MustCompile(`^[A-Za-z0-9_.-][A-Za-z0-9_. -]{0,99}$`)
	labelName   = regexp.MustCompile(`^[a-z][a-z_]{0,39}$`) // "__" is Prometheus' own
)

// readRelayed reads a file that may come from anybody: what it holds becomes lines
// and series, so it must be as a vantage point of ours writes it, and nothing else.
func readRelayed(machine string, data []byte) (*Relayed, error) {
	if !machineName.MatchString(machine) {
		return nil, refusef("%q is no vantage point", machine)
	}
	if len(data) > maxRelay {
		return nil, refusef("%d bytes, at most %d", len(data), maxRelay)
	}
	r := &Relayed{}
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if err := d.Decode(r); err != nil {
		return nil, refusef("not the JSON of alerts: %w", err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, refusef("more than one JSON value")
	}
	switch {
	case r.Schema != relaySchema:
		return nil, refusef("schema %.80q, want %s", r.Schema, relaySchema)
	case r.Machine != machine:
		return nil, refusef("alerts of machine %.80q in the dropbox of %s", r.Machine, machine)
	case len(r.Firing) > maxRelayed || len(r.Events) > maxRelayed || len(r.Commands) > 20:
		return nil, refusef("%d alerts, %d lines and %d commands are too many", len(r.Firing), len(r.Events), len(r.Commands))
	}
	return r, r.check()
}

// check holds every name against what a plan could have. Two series of the same
// labels would make the exporter drop all of the file.
func (r *Relayed) check() error {
	seen := map[string]bool{}
	for _, s := range r.Firing {
		if s == nil {
			return refusef("an alert that is null")
		}
		if err := fit(s.Rule, s.Labels, s.Severity); err != nil {
			return err
		}
		if s.Witnesses != (Witnesses{}) || s.Of != "" {
			return refusef("alert %.80q: what several vantage points see is the collector's to say", s.Rule)
		}
		sorted := slices.SortedFunc(slices.Values(s.Labels), func(a, b Label) int { return strings.Compare(a.Name, b.Name) })
		if key := keyOf(s.Rule, sorted); seen[key] {
			return refusef("alert %s is there twice", key)
		} else {
			seen[key] = true
		}
	}
	for _, e := range r.Events {
		if err := fit(e.Rule, e.Labels, e.Severity); err != nil {
			return err
		}
		if e.Witnesses != (Witnesses{}) {
			return refusef("line of %.80q: what several vantage points see is the collector's to say", e.Rule)
		}
		if !slices.Contains([]State{Firing, Resolved, Fatal}, e.State) {
			return refusef("state %.80q", e.State)
		}
		if y := e.Time.Year(); y < 2000 || y > 2200 {
			return refusef("time %s", e.Time)
		}
	}
	for name := range r.Commands {
		if !ruleName.MatchString(name) {
			return refusef("command %.200q", name)
		}
	}
	return nil
}

func fit(rule string, labels []Label, severity Severity) error {
	if !ruleName.MatchString(rule) || len(labels) > 8 || !slices.Contains([]Severity{Info, Warning, Critical}, severity) {
		return refusef("rule %.200q, severity %.80q, %d labels", rule, severity, len(labels))
	}
	seen := map[string]bool{"machine": true, "rule": true, "severity": true}
	for _, l := range labels {
		if !labelName.MatchString(l.Name) || seen[l.Name] || len(l.Value) > 200 {
			return refusef("label %.80q", l.Name)
		}
		seen[l.Name] = true
	}
	return nil
}

// tail returns the lines at the end of a file, as many as a few files have.
func tail(path string) (map[string]bool, error) {
	lines := map[string]bool{}
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return lines, nil
	}
	if err != nil {
		return nil, fmt.Errorf("alert file: %w", err)
	}
	defer f.Close()
	if info, err := f.Stat(); err == nil && info.Size() > 4*maxRelay {
		if _, err := f.Seek(-4*maxRelay, io.SeekEnd); err != nil {
			return nil, fmt.Errorf("alert file: %w", err)
		}
	}
	data, err := io.ReadAll(io.LimitReader(f, 5*maxRelay))
	if err != nil {
		return nil, fmt.Errorf("alert file: %w", err)
	}
	for line := range strings.Lines(string(data)) {
		lines[strings.TrimSuffix(line, "\n")] = true
	}
	return lines, nil
}
