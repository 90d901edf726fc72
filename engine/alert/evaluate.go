package alert

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/common/types"
	"github.com/google/cel-go/common/types/ref"
	"github.com/google/cel-go/common/types/traits"
)

// finding is what a condition came to.
type finding int

const (
	keep  finding = iota // a value it needs is absent: the rule keeps its state
	holds                // true
	fails                // false
	gone                 // the plan no longer measures this: an alert of it ends
)

// frame is what one evaluation sees.
type frame struct {
	rules    *Rules
	object   reflect.Value // run, window, machine or value
	previous reflect.Value
	labels   []Label // those of over

	thresholds map[string]float64 // in force when the window begins, by full name

	since     *time.Time    // the condition holds since then; nil when it begins
	exclusion func() string // window.exclusion, which few summaries read

	alone  func(*rule) string // on which vantage point's rows alone the condition rests; nil where that has no meaning
	newest bool               // no later window is evaluated in this run
	known  time.Time          // when it is evaluated, by this machine's clock; zero: at the time that is evaluated
}

// ResolveName finds the value of a name; it makes frame a cel.Activation.
func (f *frame) ResolveName(name string) (any, bool) {
	if name == "window.exclusion" && f.exclusion != nil {
		return types.String(f.exclusion()), true
	}
	if field := f.rules.fields[name]; field != nil {
		if strings.HasPrefix(name, "previous.") {
			return field.value(f.previous), true
		}
		return field.value(f.object), true
	}
	if v, ok := f.thresholds[name]; ok {
		return types.Double(v), true
	}
	if v, ok := f.rules.goals[name]; ok {
		return types.Double(v), true
	}
	for _, l := range f.labels {
		if l.Name == name {
			return types.String(l.Value), true
		}
	}
	return nil, false
}

// Parent is part of cel.Activation.
func (f *frame) Parent() cel.Activation { return nil }

// deadline bounds one evaluation whatever it costs.
const deadline = time.Second

// evaluate evaluates the condition.
func (r *rule) evaluate(f *frame) (finding, error) {
	v, err := r.condition.eval(f)
	switch {
	case err != nil:
		return keep, fmt.Errorf("rule %q: %w", r.Label, err)
	case types.IsUnknown(v):
		return keep, nil
	case v == types.True:
		return holds, nil
	default:
		return fails, nil
	}
}

func (p *program) eval(f *frame) (ref.Val, error) {
	ctx, cancel := context.Background(), func() {}
	if p.metered {
		ctx, cancel = context.WithTimeout(ctx, deadline)
	}
	defer cancel()
	v, _, err := p.ContextEval(ctx, f)
	return v, err
}

// say writes the summary; a value that is absent or cannot be computed is "?".
func (r *rule) say(f *frame) string {
	var b strings.Builder
	for _, p := range r.summary {
		if p.expr == nil {
			b.WriteString(p.text)
			continue
		}
		v, err := p.expr.eval(f)
		if err != nil || types.IsUnknown(v) {
			b.WriteByte('?')
			continue
		}
		b.WriteString(printed(v))
	}
	return b.String()
}

// ended says that the condition no longer holds, and what it reads now: the summary is of
// when it held. Thresholds and goals come last.
func (r *rule) ended(f *frame) string {
	goal := func(name string) int {
		_, threshold := f.thresholds[name]
		if _, goal := f.rules.goals[name]; goal || threshold {
			return 1
		}
		return 0
	}
	var now []string
	names := slices.SortedFunc(maps.Keys(r.condition.reads), func(a, b string) int { return cmp.Or(goal(a)-goal(b), strings.Compare(a, b)) })
	for _, name := range names {
		v, known := f.ResolveName(name)
		if !known || f.hasLabel(name) {
			continue
		}
		text := "absent"
		if value := types.DefaultTypeAdapter.NativeToValue(v); !types.IsUnknown(value) {
			text = cmp.Or(printed(value), "empty")
		}
		now = append(now, name+" is "+text)
	}
	if len(now) == 0 {
		return "no longer"
	}
	return "no longer: " + strings.Join(now, ", ")
}

func (f *frame) hasLabel(name string) bool {
	return slices.ContainsFunc(f.labels, func(l Label) bool { return l.Name == name })
}

// printed writes a value for people: at most three decimal places, cut off, so
// that 99.9996 % never reads as 100 %.
func printed(v ref.Val) string {
	switch v := v.(type) {
	case types.Double:
		d := float64(v)
		if math.IsNaN(d) || math.IsInf(d, 0) || math.Abs(d) > 1e12 {
			return strconv.FormatFloat(d, 'g', -1, 64)
		}
		return strconv.FormatFloat(math.Trunc(d*1000)/1000, 'f', -1, 64)
	case types.Duration:
		return v.Duration.Round(time.Second).String()
	case types.Timestamp:
		return v.Time.UTC().Format(time.RFC3339)
	case traits.Lister:
		var all []string
		for it := v.Iterator(); it.HasNext() == types.True; {
			all = append(all, printed(it.Next()))
		}
		return strings.Join(all, ", ")
	default:
		return fmt.Sprint(v.Value())
	}
}
