package alert

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/gofrs/flock"
	"github.com/google/renameio/v2"

	"mtric.net/mtric/engine/interval"
	"mtric.net/mtric/engine/lake"
)

// Board evaluates the rules of a plan on one machine: it keeps which alerts are
// pending or firing in State, appends a line to the alert file when that changes,
// and replaces nnn-alerts.prom. Several processes may use it at once. Lost state
// costs no alert: what fires is told again, and pending alerts are worked out
// again from the lake.
type Board struct {
	*Book
	Rules *Rules
}

// Result is what an evaluation came to.
type Result struct {
	Evaluated int       // intervals (window) or 1
	Events    []Event   // lines written
	Firing    []*Status // all that fire now and are not silenced, of every kind, by key
	Errors    []error   // rules whose evaluation failed; they keep their state
}

// memory is the file State/alerts.json.
type memory struct {
	Window   time.Time         `json:"window_until,omitzero"` // end of the last interval evaluated
	Alerts   []*Status         `json:"alerts"`
	Commands map[string]ran    `json:"commands,omitempty"`
	Facts    map[string]string `json:"facts,omitempty"`   // that watch compares with next time
	Waiting  []Event           `json:"waiting,omitempty"` // lines that travel to the collector with the next push

	ledger ledger
}

// ran is how a command that cron runs ended last.
type ran struct {
	Success bool      `json:"success"`
	At      time.Time `json:"at"`
}

// settle is how long after its end an interval is evaluated: by then the files
// of the vantage points have arrived.
const settle = 4 * time.Minute

// backlog bounds how far back intervals are evaluated that nobody evaluated yet.
const backlog = 31 * 24 * time.Hour

// EvaluateWindow evaluates the window rules once for each interval that ended at
// least 4 minutes ago and was not evaluated yet. The collector calls it after
// every ingest.
func (b *Board) EvaluateWindow(ctx context.Context, store lake.Store) (Result, error) {
	return b.update(func(m *memory, result *Result) error {
		until := interval.Of(b.Now().Add(-settle))
		from := m.Window.Add(interval.Length)
		if m.Window.IsZero() || m.Window.After(until.Add(24*time.Hour)) { // lost, or of a clock that was wrong
			from = until.Add(-b.Rules.longestHold())
		}
		if oldest := until.Add(-backlog); from.Before(oldest) {
			from = oldest
		}
		if from.After(until) || b.Rules.reach("") == 0 {
			return nil
		}
		rows, err := readRows(ctx, store, from.Add(-b.Rules.reach("")), until)
		if err != nil {
			return err
		}
		failed := map[string]bool{}
		err = b.Rules.walk(rows, "", from, until, func(end time.Time, r *rule, f *frame, found finding, err error) error {
			b.apply(m, result, r, f, found, err, end, failed)
			return nil
		})
		m.Window = until
		result.Evaluated = int(until.Sub(from)/interval.Length) + 1
		return err
	})
}

// EvaluateMachine evaluates the machine rules of this kind of machine
// ("vantage_point" or "collector") over what watch found.
func (b *Board) EvaluateMachine(facts Machine, where string) (Result, error) {
	return b.evaluateOne(reflect.ValueOf(facts), func(r *rule) bool {
		return r.On == "machine" && (r.Where == "" || r.Where == where)
	})
}

// EvaluateRun evaluates the run rules over an interval at its vantage point.
func (b *Board) EvaluateRun(run Run) (Result, error) {
	return b.evaluateOne(reflect.ValueOf(run), func(r *rule) bool { return r.On == "run" })
}

// EvaluateReport evaluates the report rules over the values of a report. Their
// alerts carry metric, rsi, family and transport as labels.
func (b *Board) EvaluateReport(values []Value) (Result, error) {
	return b.update(func(m *memory, result *Result) error {
		for _, v := range values {
			f := &frame{rules: b.Rules, object: reflect.ValueOf(v), labels: []Label{{"metric", v.Metric}}}
			for _, l := range []Label{{"rsi", v.RSI}, {"family", v.Family}, {"transport", v.Transport}} {
				if l.Value != "" {
					f.labels = append(f.labels, l)
				}
			}
			b.rulesOver(m, result, f, func(r *rule) bool { return r.On == "report" })
		}
		return nil
	})
}

func (b *Board) evaluateOne(object reflect.Value, wanted func(*rule) bool) (Result, error) {
	return b.update(func(m *memory, result *Result) error {
		b.rulesOver(m, result, &frame{rules: b.Rules, object: object}, wanted)
		result.Evaluated = 1
		return nil
	})
}

func (b *Board) rulesOver(m *memory, result *Result, f *frame, wanted func(*rule) bool) {
	failed := map[string]bool{}
	for _, r := range b.Rules.rules {
		if wanted(r) {
			found, err := r.evaluate(f)
			b.apply(m, result, r, f, found, err, b.Now().UTC(), failed)
		}
	}
}

// apply takes one result into the ledger; a rule's failure is told once.
func (b *Board) apply(m *memory, result *Result, r *rule, f *frame, found finding, err error, at time.Time, failed map[string]bool) {
	if err != nil && !failed[r.Label] {
		failed[r.Label] = true
		result.Errors = append(result.Errors, err)
	}
	if e := m.ledger.apply(b.Rules.Plan, b.Machine, r, f, found, at); e != nil {
		e.Time = b.Now()
		result.Events = append(result.Events, *e)
	}
}

func (rs *Rules) longestHold() time.Duration {
	var longest time.Duration
	for _, r := range rs.rules {
		if r.On == "window" {
			longest = max(longest, time.Duration(r.Hold))
		}
	}
	return (longest + interval.Length - 1).Truncate(interval.Length)
}

// Ran notes how a command that cron runs ended, for the text file metrics.
func (b *Board) Ran(command string, success bool) error {
	_, err := b.update(func(m *memory, _ *Result) error {
		m.Commands[command] = ran{success, b.Now().UTC().Truncate(time.Second)}
		return nil
	})
	return err
}

// update changes the memory under the lock. Lines are written before the memory:
// a kill between repeats a line and loses none.
func (b *Board) update(change func(*memory, *Result) error) (result Result, err error) {
	if err := os.MkdirAll(b.State, 0o755); err != nil {
		return result, fmt.Errorf("alert state: %w", err)
	}
	lock := flock.New(filepath.Join(b.State, "alerts.lock"))
	if err := lock.Lock(); err != nil {
		return result, fmt.Errorf("alert state: %w", err)
	}
	defer func() { err = errors.Join(err, lock.Unlock()) }()
	m, err := b.recall()
	if err != nil {
		return result, err
	}
	if err := change(m, &result); err != nil {
		return result, err
	}
	b.retire(m, &result)
	for _, e := range result.Events {
		if err := b.append(e); err != nil {
			return result, err
		}
	}
	if b.Machine != "c00" {
		m.Waiting = append(m.Waiting, result.Events...)
		m.Waiting = m.Waiting[max(0, len(m.Waiting)-mostWaiting):]
	}
	m.Alerts = m.ledger.sorted()
	for _, s := range m.Alerts {
		if s.Firing != nil && !silenced(b.Rules.Plan, b.Machine, s.Rule, s.Labels, b.Now()) {
			result.Firing = append(result.Firing, s)
		}
	}
	if err := b.remember(m); err != nil {
		return result, err
	}
	return result, b.metrics(m)
}

// retire resolves alerts of rules that the plan no longer has.
func (b *Board) retire(m *memory, result *Result) {
	known := map[string]bool{}
	for _, r := range b.Rules.rules {
		known[r.Label] = true
	}
	for _, key := range slices.Sorted(maps.Keys(m.ledger)) {
		s := m.ledger[key]
		if known[s.Rule] {
			continue
		}
		if s.Told {
			result.Events = append(result.Events, Event{Time: b.Now(), Machine: b.Machine, Severity: s.Severity, State: Resolved,
				Rule: s.Rule, Labels: s.Labels, Summary: "the plan no longer has this rule"})
		}
		delete(m.ledger, key)
	}
}

func (b *Board) stateFile() string { return filepath.Join(b.State, "alerts.json") }

// recall reads the memory; a damaged one counts as lost.
func (b *Board) recall() (*memory, error) {
	m := &memory{}
	data, err := os.ReadFile(b.stateFile())
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("alert state: %w", err)
	}
	if err == nil && json.Unmarshal(data, m) != nil {
		m = &memory{}
	}
	m.ledger = ledger{}
	for _, s := range m.Alerts {
		if s != nil {
			m.ledger[keyOf(s.Rule, s.Labels)] = s
		}
	}
	if m.Commands == nil {
		m.Commands = map[string]ran{}
	}
	if m.Facts == nil {
		m.Facts = map[string]string{}
	}
	return m, nil
}

func (b *Board) remember(m *memory) error {
	data, err := json.MarshalIndent(m, "", " ")
	if err == nil {
		err = renameio.WriteFile(b.stateFile(), append(data, '\n'), 0o644, renameio.WithTempDir(b.State))
	}
	if err != nil {
		return fmt.Errorf("alert state: %w", err)
	}
	return nil
}

// Facts returns what the last watch remembered, and Remember what the next one
// is to find: numbers that only mean something beside the former ones.
func (b *Board) Facts() (map[string]string, error) {
	m, err := b.recall()
	if err != nil {
		return nil, err
	}
	return m.Facts, nil
}

// Remember keeps facts for the next watch.
func (b *Board) Remember(facts map[string]string) error {
	_, err := b.update(func(m *memory, _ *Result) error {
		maps.Copy(m.Facts, facts)
		return nil
	})
	return err
}

// metrics replaces nnn-alerts.prom. Where the Logs folder does not exist nothing
// is written.
func (b *Board) metrics(m *memory) error {
	if _, err := os.Stat(b.Logs); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	var commands []commandRan
	for _, name := range slices.Sorted(maps.Keys(m.Commands)) {
		commands = append(commands, commandRan{name, m.Commands[name]})
	}
	firing := func(s *Status) bool {
		return s.Firing != nil && !silenced(b.Rules.Plan, b.Machine, s.Rule, s.Labels, b.Now())
	}
	return writeMetrics(b.Logs, b.Machine, m.Alerts, firing, commands)
}

type commandRan struct {
	name string
	ran  ran
}

// writeMetrics writes the text file metrics of a machine. HELP and TYPE never
// change and machine is always there, or node-exporter, which merges the files
// of all machines, would drop series without a word.
func writeMetrics(logs, machine string, alerts []*Status, firing func(*Status) bool, commands []commandRan) error {
	var out bytes.Buffer
	out.WriteString("# HELP mtric_alert_firing Whether an alert of mtric fires.\n# TYPE mtric_alert_firing gauge\n")
	for _, s := range alerts {
		labels := append([]Label{{"machine", machine}, {"rule", s.Rule}, {"severity", string(s.Severity)}}, s.Labels...)
		fmt.Fprintf(&out, "mtric_alert_firing%s %d\n", series(labels), number(firing(s)))
	}
	out.WriteString("# HELP mtric_run_success Whether the command's last run ended well.\n# TYPE mtric_run_success gauge\n")
	for _, c := range commands {
		fmt.Fprintf(&out, "mtric_run_success%s %d\n", series([]Label{{"machine", machine}, {"command", c.name}}), number(c.ran.Success))
	}
	out.WriteString("# HELP mtric_run_timestamp_seconds When the command's last run ended.\n# TYPE mtric_run_timestamp_seconds gauge\n")
	for _, c := range commands {
		fmt.Fprintf(&out, "mtric_run_timestamp_seconds%s %d\n", series([]Label{{"machine", machine}, {"command", c.name}}), c.ran.At.Unix())
	}
	path := filepath.Join(logs, machine+"-alerts.prom")
	if err := renameio.WriteFile(path, out.Bytes(), 0o644, renameio.WithTempDir(logs), renameio.IgnoreUmask()); err != nil {
		return fmt.Errorf("alert metrics: %w", err)
	}
	return nil
}

func series(labels []Label) string {
	escape := strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`)
	var all []string
	for _, l := range labels {
		all = append(all, fmt.Sprintf(`%s="%s"`, l.Name, escape.Replace(l.Value)))
	}
	return "{" + strings.Join(all, ",") + "}"
}

func number(b bool) int {
	if b {
		return 1
	}
	return 0
}
