package plan

import (
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"

	"mtric.net/mtric/engine/diag"
)

// RuleTest is a test block of a *.test.hcl file: what a rule is given, interval
// by interval from Start on, and what must come of it. Window is that of the values
// of a window rule, Where the kind of machine that a machine rule is evaluated on;
// both are empty where the test leaves them open.
type RuleTest struct {
	Name   string
	Rule   string
	Window Duration
	Where  string
	Start  time.Time
	Given  []Given
	Expect []Expect
	Place  Range // of the header
}

// Given is what one combination of labels measures. Values are series as text,
// by the field's path: "availability", "outcomes.timeout",
// "previous.median_latency".
type Given struct {
	Labels map[string]string
	Values map[string]Series
	Place  Range
}

// Series is the text of a series and its place.
type Series struct {
	Text  string
	Place Range
}

// Expect is the state that an alert must have at a time after Start: "inactive",
// "pending", "firing", or "resolved", which is inactive and was told to have ended
// just then. Labels nil means the labels of the only given block; Summary and
// Severity are compared where they are there.
type Expect struct {
	At       time.Duration
	State    string
	Labels   map[string]string
	Summary  *string
	Severity *string
	Place    Range
}

// states are those that a rule test can expect.
var states = []string{"inactive", "pending", "firing", "resolved"}

// LoadTests reads the *.test.hcl files of the plan's directories, by directory
// and name, with every mistake there is. A test of a later directory replaces the
// one of the same name: whoever changes a shipped threshold can mend the shipped
// test. Their text joins p.Sources.
func LoadTests(dirs []Dir, p *Plan) ([]RuleTest, diag.List) {
	l := &testLoader{loader: loader{sources: p.Sources, plan: p, budget: newBudget(), bad: map[hcl.Range]bool{}, faulty: map[hcl.Range]bool{}}}
	for _, d := range dirs {
		l.here = map[string]bool{}
		names, err := fs.Glob(d.FS, "*.test.hcl")
		if err != nil {
			l.unreadable(d.Name, err)
		}
		if len(names) > mostFiles {
			l.errorf(hcl.Range{Filename: d.Name}, "Spread the tests over fewer files.", "more than %d test files in one directory", mostFiles)
			continue
		}
		for _, name := range names {
			full := path.Join(d.Name, name)
			src, err := readBounded(d.FS, name)
			if err != nil {
				l.unreadable(full, err)
				continue
			}
			if body := l.parse(src, full); body != nil && !l.syntax.HasErrors() {
				l.file(body)
			}
		}
	}
	l.diags = append(l.diags, l.syntax...)
	if l.diags.HasErrors() {
		return nil, l.list()
	}
	return l.tests, l.list()
}

type testLoader struct {
	loader
	tests []RuleTest
	here  map[string]bool // names of tests in the directory being read
}

// rangeOf is a place as later stages want it.
func rangeOf(r hcl.Range) Range {
	return Range{File: r.Filename, Start: r.Start.Byte, End: r.End.Byte, Line: r.Start.Line, Col: r.Start.Column}
}

func (l *testLoader) file(body *hclsyntax.Body) {
	for _, a := range body.Attributes {
		l.errorf(a.NameRange, "A test file holds test blocks only.", "no attribute %q here", a.Name)
	}
	for _, b := range body.Blocks {
		if b.Type != "test" || len(b.Labels) != 1 {
			l.errorf(b.DefRange(), `Write test "what it shows" { … }.`, "a test file holds test blocks with one label")
			continue
		}
		l.test(b)
	}
}

func (l *testLoader) test(b *hclsyntax.Block) {
	t := RuleTest{Name: b.Labels[0], Place: rangeOf(b.DefRange())}
	l.only(b.Body, `test`, []string{"rule", "start", "window", "where"}, []string{"given", "expect"})
	var names []string
	for _, r := range l.plan.Rules {
		names = append(names, r.Label)
	}
	if a, v, ok := l.text(b, "rule", true); ok {
		if t.Rule = v; !slices.Contains(names, v) {
			l.errorf(a.Expr.Range(), didYouMeanField(v, names, "rule"), "no rule %q", v)
		}
	}
	l.about(b, &t)
	t.Start = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	if a, v, ok := l.text(b, "start", false); ok {
		at, err := time.Parse(time.RFC3339, v)
		if err != nil {
			l.errorf(a.Expr.Range(), `Write "2026-01-01T00:00:00Z".`, "%q is no time", v)
		}
		t.Start = at.UTC()
	}
	for _, inner := range b.Body.Blocks {
		switch inner.Type {
		case "given":
			t.Given = append(t.Given, l.given(inner))
		case "expect":
			t.Expect = append(t.Expect, l.expect(inner))
		}
	}
	if len(t.Given) == 0 || len(t.Expect) == 0 {
		l.errorf(b.DefRange(), "Add what is measured, given { … }, and what comes of it, expect { … }.", "test %q lacks given or expect", t.Name)
	}
	if l.here[t.Name] {
		l.errorf(b.DefRange(), "Give each test of a directory a name of its own.", "a second test %q", t.Name)
	}
	l.here[t.Name] = true
	if i := slices.IndexFunc(l.tests, func(other RuleTest) bool { return other.Name == t.Name }); i >= 0 {
		l.tests[i] = t
		return
	}
	l.tests = append(l.tests, t)
}

// about reads which window the values are of, or which machine.
func (l *testLoader) about(b *hclsyntax.Block, t *RuleTest) {
	i := slices.IndexFunc(l.plan.Rules, func(r Rule) bool { return r.Label == t.Rule })
	for name, on := range map[string]string{"window": "window", "where": "machine"} {
		if a := b.Body.Attributes[name]; a != nil && i >= 0 && l.plan.Rules[i].On != on {
			l.errorf(a.NameRange, "Remove it.", "a rule on %q has no %s", l.plan.Rules[i].On, name)
		}
	}
	if a, v, ok := l.text(b, "window", false); ok {
		d, err := ParseDuration(v)
		if err != nil {
			l.errorf(a.Expr.Range(), `Write the window of the rule: "1h".`, "%q is no duration", v)
		}
		t.Window = d
	}
	if a, v, ok := l.text(b, "where", false); ok {
		if t.Where = v; !slices.Contains(machines, v) {
			l.errorf(a.Expr.Range(), didYouMean(v, machines, "Values"), "where has no value %q", v)
		}
	}
}

// only reports what a block does not take.
func (l *testLoader) only(b *hclsyntax.Body, what string, attrs, blocks []string) {
	for _, name := range sortedKeys(b.Attributes) {
		if a := b.Attributes[name]; attrs != nil && !slices.Contains(attrs, name) {
			l.errorf(a.NameRange, didYouMean(name, attrs, "Attributes"), "no attribute %q in %s", name, what)
		}
	}
	for _, inner := range b.Blocks {
		if !slices.Contains(blocks, inner.Type) {
			l.errorf(inner.TypeRange, didYouMean(inner.Type, blocks, "Blocks"), "no block %q in %s", inner.Type, what)
		}
	}
}

func (l *testLoader) value(a *hclsyntax.Attribute) (cty.Value, bool) {
	v, diags := a.Expr.Value(nil)
	l.diags = append(l.diags, diags...)
	return v, !diags.HasErrors() && v.IsWhollyKnown() && !v.IsNull()
}

func (l *testLoader) text(b *hclsyntax.Block, name string, must bool) (*hclsyntax.Attribute, string, bool) {
	a := b.Body.Attributes[name]
	if a == nil {
		if must {
			l.errorf(b.DefRange(), "Add "+name+" = …", "%s lacks %q", b.Type, name)
		}
		return nil, "", false
	}
	v, ok := l.value(a)
	if ok && v.Type() != cty.String {
		l.errorf(a.Expr.Range(), "Write a text between quotes.", "want text, not %s", valueWords(v))
		return a, "", false
	}
	if !ok {
		return a, "", false
	}
	return a, v.AsString(), true
}

func (l *testLoader) labels(a *hclsyntax.Attribute) map[string]string {
	out := map[string]string{}
	v, ok := l.value(a)
	if !ok {
		return out
	}
	if !v.Type().IsObjectType() {
		l.errorf(a.Expr.Range(), `Write labels = { rsi = "a" }.`, "labels are an object")
		return out
	}
	for k, v := range v.AsValueMap() {
		s, ok := l.scalar(v)
		if !ok || !slices.Contains(everyLabel, k) && k != "metric" && k != "style" {
			l.errorf(a.Expr.Range(), didYouMean(k, everyLabel, "Labels"), "no label %q, or no text", k)
			continue
		}
		out[k] = s
	}
	return out
}

// scalar writes a value as a series of one value has it.
func (l *testLoader) scalar(v cty.Value) (string, bool) {
	switch {
	case v.IsNull() || !v.IsWhollyKnown():
		return "", false
	case v.Type() == cty.String:
		return v.AsString(), true
	case v.Type() == cty.Number:
		return decimal(v.AsBigFloat()), decimal(v.AsBigFloat()) != ""
	case v.Type() == cty.Bool:
		return fmt.Sprint(v.True()), true
	}
	return "", false
}

func (l *testLoader) given(b *hclsyntax.Block) Given {
	g := Given{Values: map[string]Series{}, Labels: map[string]string{}, Place: rangeOf(b.DefRange())}
	l.only(b.Body, "given", nil, nil)
	for _, name := range sortedKeys(b.Body.Attributes) {
		a := b.Body.Attributes[name]
		if name == "labels" {
			g.Labels = l.labels(a)
			continue
		}
		if v, ok := l.value(a); ok {
			l.series(g.Values, name, v, a.Expr.Range(), 0)
		}
	}
	return g
}

// series collects the series of an attribute; objects nest, a list is one value.
func (l *testLoader) series(to map[string]Series, name string, v cty.Value, at hcl.Range, depth int) {
	switch t := v.Type(); {
	case t.IsObjectType() && depth < 3:
		for _, k := range sortedKeys(v.AsValueMap()) {
			l.series(to, name+"."+k, v.GetAttr(k), at, depth+1)
		}
	case t.IsTupleType():
		var all []string
		for _, e := range v.AsValueSlice() {
			s, _ := l.scalar(e)
			all = append(all, s)
		}
		to[name] = Series{strings.Join(all, ","), rangeOf(at)}
	default:
		s, ok := l.scalar(v)
		if !ok {
			l.errorf(at, `Write a number, a text or a series: "97 95x3".`, "%s has no value", name)
		}
		to[name] = Series{s, rangeOf(at)}
	}
}

func (l *testLoader) expect(b *hclsyntax.Block) Expect {
	e := Expect{Place: rangeOf(b.DefRange())}
	l.only(b.Body, "expect", []string{"at", "state", "labels", "summary", "severity"}, nil)
	if a, v, ok := l.text(b, "at", true); ok {
		d, err := ParseDuration(v)
		if err != nil {
			l.errorf(a.Expr.Range(), `Write the time since start: "20m".`, "%q is no duration", v)
		}
		e.At = time.Duration(d)
		if e.At%(5*time.Minute) != 0 || e.At > 62*24*time.Hour {
			l.errorf(a.Expr.Range(), "Give a multiple of 5m, at most 62d.", "nothing is evaluated at %q", v)
		}
	}
	if a, v, ok := l.text(b, "state", true); ok {
		if e.State = v; !slices.Contains(states, v) {
			l.errorf(a.Expr.Range(), didYouMean(v, states, "States"), "no state %q", v)
		}
	}
	if a := b.Body.Attributes["labels"]; a != nil {
		e.Labels = l.labels(a)
	}
	if _, v, ok := l.text(b, "summary", false); ok {
		e.Summary = &v
	}
	if a, v, ok := l.text(b, "severity", false); ok {
		if e.Severity = &v; !slices.Contains(severities, v) {
			l.errorf(a.Expr.Range(), didYouMean(v, severities, "Severities"), "no severity %q", v)
		}
	}
	return e
}
