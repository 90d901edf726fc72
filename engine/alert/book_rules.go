package alert

import (
	"cmp"
	"context"
	"maps"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"time"

	"mtric.net/mtric/engine/interval"
	"mtric.net/mtric/engine/lake"
	"mtric.net/mtric/engine/plan"
)

// settle is how long after its end an interval is evaluated: by then the files
// of the vantage points have arrived.
const settle = 4 * time.Minute

// Due is the newest end of an interval that is evaluated at a time.
func Due(now time.Time) time.Time { return interval.Of(now.Add(-settle)) }

// backlog bounds how far back intervals are evaluated that nobody evaluated yet.
const backlog = 31 * 24 * time.Hour

// EvaluateWindow evaluates the window rules once for each interval that ended at
// least 4 minutes ago and was not evaluated yet. The collector calls it after
// every ingest.
func (b *Book) EvaluateWindow(ctx context.Context, store lake.Store) (Result, error) {
	return b.update(func(m *memory, result *Result) error {
		from, until := b.due(m)
		if from.After(until) || b.Rules.reach("") == 0 {
			return nil
		}
		w, err := b.walker(ctx, store, from, until)
		if err != nil {
			return err
		}
		defer w.stop()
		failed, met := map[string]bool{}, map[string]bool{}
		w.until, w.now = until, b.Now().UTC()
		for end := from; !end.After(until); end = end.Add(interval.Length) {
			if err := b.evaluateEnd(ctx, m, result, w, end, failed, met); err != nil {
				return err
			}
		}
		b.dismiss(m, result, noMore, func(s *Status) bool {
			r := b.Rules.rule(s.Rule)
			if r == nil || r.On != "window" || met[keyOf(s.Rule, s.Labels)] {
				return false
			}
			// Without vantage points in the plan, what is expected is what came.
			return len(b.Rules.Plan.VantagePoints) > 0 || !slices.Equal(namesOf(s.Labels), slices.Sorted(slices.Values(r.Over)))
		})
		return nil
	})
}

// walker prepares the evaluation of the ends that are due: one, as every five minutes, or
// those of a backlog.
func (b *Book) walker(ctx context.Context, store lake.Store, from, until time.Time) (*walker, error) {
	if from.Equal(until) {
		return b.Rules.walkerAt(ctx, store, until, filepath.Join(b.State, "sums"))
	}
	return b.Rules.walkerOver(ctx, store, from, until)
}

// evaluateEnd evaluates the window rules at one end and saves what came of it: a run
// that is killed, or interrupted, goes on from there.
func (b *Book) evaluateEnd(ctx context.Context, m *memory, result *Result, w *walker, end time.Time, failed, met map[string]bool) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	before := len(result.Events)
	err := w.walk(ctx, end, end, func(end time.Time, r *rule, f *frame, found finding, err error) error {
		met[keyOf(r.Label, f.labels)] = true
		result.Checks++
		b.apply(m, result, r, f, found, err, end, failed)
		return nil
	})
	if err != nil {
		return err
	}
	events := result.Events[before:]
	slices.SortFunc(events, func(x, y Event) int { return cmp.Compare(keyOf(x.Rule, x.Labels), keyOf(y.Rule, y.Labels)) })
	for i := range events {
		events[i].Time = b.Now() // when it is told; a backlog is told of late
	}
	m.Window = end
	if end.Equal(w.until) {
		m.Gauges = w.gauges.of(end)
	}
	result.Evaluated++
	return b.checkpoint(m, result)
}

// due is the ends of the intervals that are to be evaluated, the first and the last.
func (b *Book) due(m *memory) (from, until time.Time) {
	until = Due(b.Now())
	from = m.Window.Add(interval.Length)
	if m.Window.IsZero() || m.Window.After(until.Add(settle)) { // lost, or of a clock that was ahead
		from = until.Add(-b.Rules.longestHold())
	}
	if oldest := until.Add(-backlog); from.Before(oldest) {
		from = oldest
	}
	return from, until
}

// unseen is the time before which intervals are in no window that is still to be
// evaluated, by the rules that read a field such as "window.incorrect", and the longest
// window of these; the zero time where none does, and before the first evaluation, which
// nothing came too late for. What becomes so there must be told otherwise.
func (b *Book) unseen(field string) (before time.Time, far time.Duration, err error) {
	m, err := b.recall()
	if err != nil || b.Rules == nil || m.Window.IsZero() {
		return time.Time{}, 0, err
	}
	for _, r := range b.Rules.rules {
		if r.On == "window" && r.condition.reads[field] {
			far = max(far, time.Duration(r.Window))
		}
	}
	if far == 0 {
		return time.Time{}, 0, nil
	}
	from, _ := b.due(m)
	return from.Add(-far), far, nil
}

// EvaluateMachine evaluates the machine rules of this kind of machine
// ("vantage_point" or "collector") over what watch found.
func (b *Book) EvaluateMachine(facts Machine, where string) (Result, error) {
	return b.update(func(m *memory, result *Result) error {
		met := map[string]bool{}
		for _, r := range b.Rules.rules {
			if r.On != "machine" || !r.at(where) {
				continue
			}
			for _, labels := range b.machineLabels(m, r, facts) {
				met[keyOf(r.Label, labels)] = true
				f := &frame{rules: b.Rules, object: reflect.ValueOf(facts), labels: labels, newest: true}
				if len(labels) > 0 {
					f.alone = func(*rule) string {
						return map[string]map[string]string{"serial": facts.Zones.Alone, "key": facts.Keys.Alone}[labels[0].Name][labels[0].Value]
					}
				}
				b.rulesOver(m, result, f, func(other *rule) bool { return other == r })
			}
		}
		b.dismiss(m, result, noMore, func(s *Status) bool {
			return b.Rules.on(s.Rule) == "machine" && !met[keyOf(s.Rule, s.Labels)]
		})
		result.Evaluated = 1
		return nil
	})
}

// at says whether a machine rule is evaluated on that kind of machine.
func (r *rule) at(where string) bool { return r.Where == "" || r.Where == where }

// machineLabels are the labels for which a machine rule is evaluated, each for an
// alert of its own: a second silent vantage point is news, and so is a second serial
// that is missing, or a second key. What is so no longer is evaluated until its alert
// ends.
func (b *Book) machineLabels(m *memory, r *rule, facts Machine) [][]Label {
	if len(r.Over) == 0 {
		return [][]Label{nil}
	}
	var values []string
	switch now := b.Now(); r.Over[0] {
	case "vantage_point":
		for _, v := range b.Rules.Plan.VantagePoints {
			if measures(v, now, now.Add(1)) {
				values = append(values, string(v.ID))
			}
		}
	case "serial":
		values = append(m.ledger.values(r, "serial"), facts.Zones.Missing...)
	case "key":
		values = slices.Concat(m.ledger.values(r, "key"), facts.Keys.Unanchored, facts.Keys.Revoked)
	}
	slices.Sort(values)
	if r.Over[0] == "serial" {
		slices.Reverse(values) // where not all are told these are the newest
	}
	var all [][]Label
	for _, v := range slices.Compact(values) {
		all = append(all, []Label{{r.Over[0], v}})
	}
	return all
}

// values are those of a label that a rule has alerts of.
func (l ledger) values(r *rule, label string) (all []string) {
	for _, s := range l {
		if s.Rule == r.Label && len(s.Labels) == 1 && s.Labels[0].Name == label {
			all = append(all, s.Labels[0].Value)
		}
	}
	return all
}

// measures says whether a vantage point's dates meet [from, until).
func measures(v plan.VantagePoint, from, until time.Time) bool {
	return (v.From == nil || v.From.Before(until)) && (v.Until == nil || v.Until.After(from))
}

// EvaluateRun evaluates the run rules over an interval at its vantage point.
func (b *Book) EvaluateRun(run Run) (Result, error) {
	return b.update(func(m *memory, result *Result) error {
		b.rulesOver(m, result, &frame{rules: b.Rules, object: reflect.ValueOf(run)}, func(r *rule) bool { return r.On == "run" })
		b.dismiss(m, result, noMore, func(s *Status) bool { return b.Rules.on(s.Rule) == "run" && len(s.Labels) > 0 })
		result.Evaluated = 1
		return nil
	})
}

// EvaluateReport evaluates the report rules over the values of a report. Their
// alerts carry style, metric, rsi, family and transport as labels: the next report
// of that style resolves them, or does not.
func (b *Book) EvaluateReport(values []Value) (Result, error) {
	return b.update(func(m *memory, result *Result) error {
		met, styles := map[string]bool{}, []string{""}
		for _, v := range values {
			f := &frame{rules: b.Rules, object: reflect.ValueOf(v), newest: true, alone: func(*rule) string { return only(v.RestsOn) }}
			for _, l := range []Label{{"style", v.Style}, {"metric", v.Metric}, {"rsi", v.RSI}, {"family", v.Family}, {"transport", v.Transport}} {
				if l.Value != "" {
					f.labels = append(f.labels, l)
				}
			}
			styles = append(styles, v.Style)
			met[keyOf("", f.labels)] = true
			b.rulesOver(m, result, f, func(r *rule) bool { return r.On == "report" })
		}
		b.dismiss(m, result, noMore, func(s *Status) bool {
			style := ""
			for _, l := range s.Labels {
				if l.Name == "style" {
					style = l.Value
				}
			}
			return b.Rules.on(s.Rule) == "report" && slices.Contains(styles, style) && !met[keyOf("", s.Labels)]
		})
		result.Evaluated = len(values)
		return nil
	})
}

func (b *Book) rulesOver(m *memory, result *Result, f *frame, wanted func(*rule) bool) {
	failed := map[string]bool{}
	for _, r := range b.Rules.rules {
		if wanted(r) {
			found, err := r.evaluate(f)
			b.apply(m, result, r, f, found, err, b.Now().UTC(), failed)
		}
	}
}

// apply takes one result into the ledger; a rule's failure is told once.
func (b *Book) apply(m *memory, result *Result, r *rule, f *frame, found finding, err error, at time.Time, failed map[string]bool) {
	if err != nil && !failed[r.Label] {
		failed[r.Label] = true
		result.Errors = append(result.Errors, err)
	}
	muted := func(s *Status) bool {
		if silenced(b.Rules.Plan, b.Machine, s.Rule, s.Labels, at) {
			return true
		}
		if found == holds {
			s.attribute(r, f, at)
		}
		return m.ledger.crowded(s)
	}
	if e := m.ledger.apply(b.Machine, r, f, found, at, muted); e != nil {
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

func (rs *Rules) rule(label string) *rule {
	for _, r := range rs.rules {
		if r.Label == label {
			return r
		}
	}
	return nil
}

// on is what a rule is evaluated on; empty for one that the plan does not have.
func (rs *Rules) on(label string) string {
	if r := rs.rule(label); r != nil {
		return r.On
	}
	return ""
}

// retire resolves alerts of rules that the plan no longer has for this machine.
func (b *Book) retire(m *memory, result *Result) {
	if b.Rules == nil {
		return
	}
	b.dismiss(m, result, "the plan no longer has this rule here", func(s *Status) bool {
		switch r := b.Rules.rule(s.Rule); {
		case strings.HasPrefix(s.Rule, ownRules):
			return false
		case r == nil:
			return true
		case b.Machine == collector:
			return r.On == "run" || !r.at("collector")
		default:
			return r.On == "window" || r.On == "report" || !r.at("vantage_point")
		}
	})
}

// noMore is why an alert ends that nothing evaluates any more.
const noMore = "neither the plan nor the data has this any more"

// dismiss ends alerts that nothing will evaluate any more.
func (b *Book) dismiss(m *memory, result *Result, why string, gone func(*Status) bool) {
	for _, key := range slices.Sorted(maps.Keys(m.ledger)) {
		s := m.ledger[key]
		if !gone(s) {
			continue
		}
		if s.Told {
			result.Events = append(result.Events, b.event(Condition{Rule: s.Rule, Labels: s.Labels, Severity: s.Severity, Summary: why}, Resolved))
		}
		delete(m.ledger, key)
	}
}
