package alert

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/google/renameio/v2"

	"mtric.net/mtric/engine/lake"
)

// Bounds of what travels: an alerts.json has at most 64 KiB.
const (
	maxRelay    = 64 << 10
	mostWaiting = 100 // lines that wait to travel
	mostRelayed = 500 // alerts and commands in one file
)

// Relayed is the file nnnnnnnnnnnn-nnn.alerts.json, by which a vantage point's
// alerts reach the collector.
type Relayed struct {
	Schema   string         `json:"schema"` // mtric-alerts/1
	Machine  string         `json:"machine"`
	Written  time.Time      `json:"written"`
	Firing   []*Status      `json:"firing"`
	Events   []Event        `json:"events"` // lines since the last file
	Dropped  int            `json:"dropped,omitempty"`
	Commands map[string]ran `json:"commands,omitempty"`
}

// Send writes what fires, and the lines since the last file, to path with its
// sidecar. Where a file of that name was written before, here or in the sent
// folder, the lines wait for the next interval: what was sent is never changed.
func (b *Board) Send(path, sent string) error {
	for _, p := range []string{path, filepath.Join(sent, filepath.Base(path))} {
		if _, err := os.Stat(p); err == nil {
			return nil
		} else if !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("alerts to send: %w", err)
		}
	}
	_, err := b.update(func(m *memory, _ *Result) error {
		out := Relayed{Schema: "mtric-alerts/1", Machine: b.Machine, Written: b.Now().UTC(), Firing: []*Status{}, Events: append([]Event{}, m.Waiting...), Commands: m.Commands}
		for _, s := range m.ledger.sorted() {
			if s.Firing != nil && !silenced(b.Rules.Plan, b.Machine, s.Rule, s.Labels, b.Now()) {
				out.Firing = append(out.Firing, s)
			}
		}
		data, err := json.Marshal(out)
		for err == nil && len(data) > maxRelay && len(out.Events)+len(out.Firing) > 0 {
			out.Dropped++
			if len(out.Events) > 0 {
				out.Events = out.Events[1:]
			} else {
				out.Firing = out.Firing[:len(out.Firing)-1]
			}
			data, err = json.Marshal(out)
		}
		if err == nil {
			err = renameio.WriteFile(path, append(data, '\n'), 0o644, renameio.WithTempDir(filepath.Dir(path)))
		}
		if err == nil {
			err = lake.WriteSidecar(path)
		}
		if err != nil {
			return fmt.Errorf("alerts to send: %w", err)
		}
		m.Waiting = nil
		return nil
	})
	return err
}

var (
	machineName = regexp.MustCompile(`^[0-9]{3}$`)
	ruleName    = regexp.MustCompile(`^[A-Za-z0-9_.-]{1,100}$`)
	labelName   = regexp.MustCompile(`^[a-z_]{1,40}$`)
)

// Relay writes the alerts of a vantage point on the collector: its lines are
// appended to <logs>/nnn-alerts.txt, those there already not again, and
// nnn-alerts.prom is replaced. The machine is the one whose dropbox the file lay
// in, whatever the file says: no vantage point speaks for another, or mutes it.
func Relay(logs, machine string, data []byte) error {
	if !machineName.MatchString(machine) {
		return fmt.Errorf("alerts of %q: no vantage point", machine)
	}
	r, err := parseRelayed(data)
	if err != nil {
		return fmt.Errorf("alerts of %s: %w", machine, err)
	}
	if r.Machine != machine {
		return fmt.Errorf("alerts of %s: the file is of machine %q", machine, r.Machine)
	}
	book := &Book{Machine: machine, Logs: logs}
	known, err := tail(book.File())
	if err != nil {
		return err
	}
	for _, e := range r.Events {
		e.Machine = machine
		if line := e.String(); !known[line] {
			known[line] = true
			if err := book.append(e); err != nil {
				return err
			}
		}
	}
	var commands []commandRan
	for name, ran := range r.Commands {
		commands = append(commands, commandRan{name, ran})
	}
	slices.SortFunc(commands, func(a, b commandRan) int { return strings.Compare(a.name, b.name) })
	return writeMetrics(logs, machine, r.Firing, func(*Status) bool { return true }, commands)
}

// parseRelayed reads a file that may come from anybody: what it holds becomes
// lines and labels, so every name is one a plan could have.
func parseRelayed(data []byte) (*Relayed, error) {
	if len(data) > maxRelay+1 {
		return nil, fmt.Errorf("%d bytes, at most %d", len(data), maxRelay+1)
	}
	r := &Relayed{}
	d := json.NewDecoder(bytes.NewReader(data))
	if err := d.Decode(r); err != nil {
		return nil, err
	}
	if r.Schema != "mtric-alerts/1" {
		return nil, fmt.Errorf("schema %q is not mtric-alerts/1", r.Schema)
	}
	if len(r.Firing) > mostRelayed || len(r.Events) > mostRelayed || len(r.Commands) > 20 {
		return nil, fmt.Errorf("%d alerts, %d lines and %d commands are too many", len(r.Firing), len(r.Events), len(r.Commands))
	}
	seen := map[string]bool{}
	for _, s := range r.Firing {
		if s == nil || seen[keyOf(s.Rule, s.Labels)] {
			return nil, errors.New("an alert that is null, or there twice")
		}
		seen[keyOf(s.Rule, s.Labels)] = true
		if err := fit(s.Rule, s.Labels, s.Severity); err != nil {
			return nil, err
		}
	}
	for _, e := range r.Events {
		if err := fit(e.Rule, e.Labels, e.Severity); err != nil {
			return nil, err
		}
		if !slices.Contains([]State{Firing, Resolved, Fatal}, e.State) {
			return nil, fmt.Errorf("state %q", e.State)
		}
		if y := e.Time.Year(); y < 2000 || y > 2200 {
			return nil, fmt.Errorf("time %s", e.Time)
		}
	}
	for name := range r.Commands {
		if !ruleName.MatchString(name) {
			return nil, fmt.Errorf("command %q", name)
		}
	}
	return r, nil
}

func fit(rule string, labels []Label, severity Severity) error {
	if !ruleName.MatchString(rule) || len(labels) > 8 || !slices.Contains([]Severity{Info, Warning, Critical}, severity) {
		return fmt.Errorf("rule %q, severity %q, %d labels", rule, severity, len(labels))
	}
	seen := map[string]bool{"machine": true, "rule": true, "severity": true}
	for _, l := range labels {
		if !labelName.MatchString(l.Name) || seen[l.Name] || len(l.Value) > 200 {
			return fmt.Errorf("label %q", l.Name)
		}
		seen[l.Name] = true
	}
	return nil
}

// tail returns the lines at the end of a file, as many as a few relays have.
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
