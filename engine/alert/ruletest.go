package alert

import (
	"fmt"
	"maps"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"mtric.net/mtric/engine/diag"
	"mtric.net/mtric/engine/expr"
	"mtric.net/mtric/engine/interval"
	"mtric.net/mtric/engine/plan"
)

// TestResult is what became of one rule test; Diff is empty where it passed:
// lines "-want" and "+got".
type TestResult struct {
	Name string   `json:"name"`
	Rule string   `json:"rule"`
	At   string   `json:"at"` // file and line of the test
	Diff []string `json:"diff"`
}

// RunTests runs rule tests by the evaluator and the states of production, with
// a made clock. Mistakes of the tests are in the list; then there are no results.
func (rs *Rules) RunTests(tests []plan.RuleTest) ([]TestResult, diag.List) {
	list := diag.List{Sources: rs.Plan.Sources}
	var results []TestResult
	for _, t := range tests {
		i := slices.IndexFunc(rs.rules, func(r *rule) bool { return r.Label == t.Rule })
		run := &testRun{rules: rs, rule: rs.rules[i], test: t, list: &list}
		results = append(results, run.run())
	}
	if list.HasErrors() {
		return nil, list
	}
	return results, list
}

type testRun struct {
	rules *Rules
	rule  *rule
	test  plan.RuleTest
	list  *diag.List
}

// combination is a given block ready to be played.
type combination struct {
	labels []Label
	key    string
	series map[string]*played // by full field name
	object reflect.Value
	before reflect.Value
	told   State // by the evaluation just made; empty for nothing
}

// played is a series taken apart: the text of each interval's value.
type played struct {
	field  Field
	values []string
	place  plan.Series
}

func (t *testRun) run() TestResult {
	result := TestResult{Name: t.test.Name, Rule: t.test.Rule, At: fmt.Sprintf("%s:%d", t.test.Place.File, t.test.Place.Line)}
	var combos []*combination
	for _, g := range t.test.Given {
		combos = append(combos, t.combination(g))
	}
	for i, c := range combos {
		if slices.ContainsFunc(combos[:i], func(other *combination) bool { return other.key == c.key }) {
			t.mistake(plan.Series{Place: t.test.Given[i].Place}, "a second given block with these labels", "Give each combination of labels one block; a series says how its values change.")
		}
	}
	for _, e := range t.test.Expect {
		if len(t.ordered(e.Labels)) != len(e.Labels) {
			t.mistake(plan.Series{Place: e.Place}, "labels are not those of the rule", t.labelled())
		}
	}
	if t.list.HasErrors() {
		return result
	}
	if w := t.test.Window; w != 0 && w != t.rule.Window {
		result.Diff = append(result.Diff, fmt.Sprintf("-values of a window of %s", w), fmt.Sprintf("+the window of the rule is %s", t.rule.Window))
	}
	var last time.Duration
	for _, e := range t.test.Expect {
		last = max(last, e.At)
	}
	states := ledger{}
	for at := time.Duration(0); at <= last; at += interval.Length {
		end := t.test.Start.Add(at)
		for _, c := range combos {
			if t.test.Where != "" && !t.rule.at(t.test.Where) {
				continue
			}
			t.set(c, int(at/interval.Length))
			f := &frame{rules: t.rules, object: c.object, previous: c.before, labels: c.labels,
				thresholds: thresholds(t.rules.Plan.ThresholdsAt(t.test.Start))}
			found, err := t.rule.judge(f)
			if err != nil {
				result.Diff = append(result.Diff, fmt.Sprintf("+%s: %v", at, err))
			}
			c.told = ""
			muted := func(s *Status) bool { return silenced(t.rules.Plan, collector, s.Rule, s.Labels, end) }
			if e := states.apply(collector, t.rule, f, found, end, muted); e != nil {
				c.told = e.State
			}
		}
		for _, e := range t.test.Expect {
			if e.At == at {
				result.Diff = append(result.Diff, t.compare(e, combos, states)...)
			}
		}
	}
	return result
}

// compare returns the lines of difference at one moment.
func (t *testRun) compare(e plan.Expect, combos []*combination, states ledger) []string {
	c := combos[0]
	if e.Labels != nil {
		key := keyOf(t.rule.Label, t.ordered(e.Labels))
		i := slices.IndexFunc(combos, func(c *combination) bool { return c.key == key })
		if i < 0 {
			return []string{fmt.Sprintf("-at %s: an alert %s", e.At, key), "+no given block has these labels"}
		}
		c = combos[i]
	} else if len(combos) > 1 {
		return []string{fmt.Sprintf("-at %s: labels of the alert that is meant", e.At), fmt.Sprintf("+%d given blocks; name the labels", len(combos))}
	}
	got, summary, severity := "inactive", "", t.rule.Severity
	if s := states[c.key]; s != nil {
		got, summary, severity = s.Is(), s.Summary, string(s.Severity)
	}
	if c.told == Resolved && e.State == "resolved" {
		got = e.State
	}
	var diff []string
	if got != e.State {
		diff = append(diff, fmt.Sprintf("-at %s: %s %s", e.At, c.key, e.State), fmt.Sprintf("+at %s: %s %s", e.At, c.key, got))
	}
	if e.Summary != nil && *e.Summary != summary {
		diff = append(diff, fmt.Sprintf("-at %s: %q", e.At, *e.Summary), fmt.Sprintf("+at %s: %q", e.At, summary))
	}
	if e.Severity != nil && *e.Severity != severity {
		diff = append(diff, fmt.Sprintf("-at %s: severity %s", e.At, *e.Severity), fmt.Sprintf("+at %s: severity %s", e.At, severity))
	}
	return diff
}

// labelled says which labels the rule's alerts have.
func (t *testRun) labelled() string {
	switch {
	case t.rule.On == "report":
		return "Labels of a report's value are style, metric, rsi, family, transport."
	case len(t.rule.Over) == 0:
		return "Remove them: the rule has one alert, without labels."
	}
	return "Give labels for " + strings.Join(t.rule.Over, ", ") + "."
}

// ordered puts labels in the order of over.
func (t *testRun) ordered(labels map[string]string) []Label {
	var all []Label
	names := t.rule.Over
	if t.rule.On == "report" {
		names = []string{"style", "metric", "rsi", "family", "transport"}
	}
	for _, name := range names {
		if v, ok := labels[name]; ok {
			all = append(all, Label{name, v})
		}
	}
	return all
}

func (t *testRun) combination(g plan.Given) *combination {
	root := roots[t.rule.On][0]
	c := &combination{labels: t.ordered(g.Labels), series: map[string]*played{}, object: reflect.New(objects()[root]).Elem()}
	c.key = keyOf(t.rule.Label, c.labels)
	if t.rule.On == "window" {
		c.before = reflect.New(objects()[root]).Elem()
	}
	if len(g.Labels) != len(c.labels) || t.rule.On != "report" && len(c.labels) != len(t.rule.Over) {
		t.mistake(plan.Series{Place: g.Place}, "labels are not those of the rule", t.labelled())
	}
	for _, name := range slices.Sorted(maps.Keys(g.Values)) {
		full := root + "." + name
		if t.rule.On == "window" && strings.HasPrefix(name, "previous.") {
			full = name
		}
		field := t.rules.fields[full]
		if field == nil {
			var known []string
			for _, f := range Fields(root) {
				known = append(known, strings.TrimPrefix(f.Name, root+"."))
			}
			t.mistake(g.Values[name], fmt.Sprintf("no field %q in %s", name, root), expr.Meant(name, known)+"docs/rules.md lists the fields.")
			continue
		}
		p := &played{field: *field, place: g.Values[name]}
		var err error
		if p.values, err = unroll(g.Values[name].Text, field.Type); err != nil {
			t.mistake(p.place, err.Error(), `Write values with blanks between, "97 95x3" for 97, 95 and three more 95, "0+5x3" for 0 5 10 15, "_" for no value.`)
			continue
		}
		for _, v := range p.values {
			if _, err := typed(v, field.Type); err != nil {
				t.mistake(p.place, err.Error(), fmt.Sprintf("%s is of type %s.", full, field.Type))
				break
			}
		}
		c.series[full] = p
	}
	return c
}

func (t *testRun) mistake(at plan.Series, summary, remedy string) {
	t.list.Diags = append(t.list.Diags, t.rules.Plan.Mistake(at.Place, "", -1, 0, summary, fmt.Sprintf("%s (test %q)", remedy, t.test.Name)))
}

// maxValues bounds a series: 62 days.
const maxValues = 62 * 288

// unroll takes a series apart. Texts and lists are one value.
func unroll(s, kind string) ([]string, error) {
	if kind == "string" || kind == "list(string)" {
		return []string{s}, nil
	}
	var all []string
	for _, word := range strings.Fields(s) {
		value, times, repeated := strings.Cut(word, "x")
		n := 0
		if repeated {
			var err error
			if n, err = strconv.Atoi(times); err != nil || n < 0 || n > maxValues {
				return nil, fmt.Errorf("%q: want a value, x and how many more", word)
			}
		}
		step := 0.0
		if from, by, found := steps(value); found {
			var err error
			if step, err = strconv.ParseFloat(by, 64); err != nil {
				return nil, fmt.Errorf("%q: want a step after +", word)
			}
			value = from
		}
		first, err := strconv.ParseFloat(value, 64)
		if step != 0 && err != nil {
			return nil, fmt.Errorf("%q: only numbers take a step", word)
		}
		for i := range n + 1 {
			if step != 0 {
				value = strconv.FormatFloat(first+float64(i)*step, 'f', -1, 64)
			}
			all = append(all, value)
		}
		if len(all) > maxValues {
			return nil, fmt.Errorf("more than %d values", maxValues)
		}
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("an empty series")
	}
	return all, nil
}

// steps cuts a value with a step, 0+5 or 90-5, in two.
func steps(value string) (from, by string, found bool) {
	if from, by, found := strings.Cut(value, "+"); found && from != "" {
		return from, by, true
	}
	if at := strings.LastIndexByte(value, '-'); at > 0 && value[at-1] >= '0' && value[at-1] <= '9' {
		return value[:at], value[at:], true
	}
	return "", "", false
}

// typed reads one value; nil is absent.
func typed(s, kind string) (any, error) {
	if s == "_" {
		return nil, nil
	}
	switch kind {
	case "int":
		n, err := strconv.ParseInt(s, 10, 64)
		if err != nil {
			return nil, fmt.Errorf("%q is no whole number", s)
		}
		return n, nil
	case "double":
		f, err := strconv.ParseFloat(s, 64)
		if err != nil || math.IsNaN(f) || math.IsInf(f, 0) {
			return nil, fmt.Errorf("%q is no number", s)
		}
		return f, nil
	case "bool":
		b, err := strconv.ParseBool(s)
		if err != nil {
			return nil, fmt.Errorf("%q is neither true nor false", s)
		}
		return b, nil
	case "duration":
		d, err := plan.ParseDuration(s)
		if err != nil {
			return nil, err
		}
		return time.Duration(d), nil
	case "list(string)":
		if s == "" {
			return []string{}, nil
		}
		return strings.Split(s, ","), nil
	default:
		return s, nil
	}
}

// set writes the values of the n-th interval into the objects; a series goes on
// with its last value. Unless they are given, has_data follows sent, and incorrect answers
// are those of one vantage point.
func (t *testRun) set(c *combination, n int) {
	c.object.SetZero()
	if c.before.IsValid() {
		c.before.SetZero()
	}
	for name, p := range c.series {
		object := c.object
		if strings.HasPrefix(name, "previous.") {
			object = c.before
		}
		v, _ := typed(p.values[min(n, len(p.values)-1)], p.field.Type) // looked at when it was loaded
		to := object.FieldByIndex(p.field.index)
		switch {
		case v == nil:
		case to.Kind() == reflect.Pointer:
			to.Set(reflect.New(to.Type().Elem()))
			to.Elem().Set(reflect.ValueOf(v))
		default:
			to.Set(reflect.ValueOf(v))
		}
	}
	for prefix, object := range map[string]reflect.Value{"window": c.object, "previous": c.before} {
		if !object.IsValid() || object.Type() != reflect.TypeFor[Window]() {
			continue
		}
		w := object.Addr().Interface().(*Window)
		if w.Incorrect > 0 && c.series[prefix+".vantage_points_incorrect"] == nil {
			w.VPsIncorrect = 1
		}
		if c.series[prefix+".has_data"] != nil {
			continue
		}
		w.HasData = w.Sent > 0 || (c.series[prefix+".sent"] == nil && len(c.series) > 0)
	}
}
