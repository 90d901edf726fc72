package alert_test

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"mtric.net/mtric/engine/alert"
	"mtric.net/mtric/engine/plan"
	"mtric.net/mtric/plans"
)

var (
	numbers    = regexp.MustCompile(`\b[0-9]+(\.[0-9]+)?\b`)
	durations  = regexp.MustCompile(`duration\('([0-9]+)m'\)`)
	references = regexp.MustCompile(`threshold\.[a-z_.]+`)
	texts      = regexp.MustCompile(`'[^']*'|[a-z_]+(\.[a-z0-9_]+)+`) // whose digits are no numbers
	relations  = regexp.MustCompile(`\s(<=|>=|<|>)\s`)
)

// mutations are a rule's conditions with one number, duration, threshold or relation
// a little off.
func mutations(expr string) []string {
	var all []string
	put := func(at []int, s ...string) {
		for _, by := range s {
			all = append(all, expr[:at[0]]+by+expr[at[1]:])
		}
	}
	named := texts.FindAllStringIndex(expr, -1)
	for _, at := range numbers.FindAllStringIndex(expr, -1) {
		if slices.ContainsFunc(named, func(n []int) bool { return n[0] <= at[0] && at[1] <= n[1] }) {
			continue
		}
		step, format := 1.0, 0
		if strings.Contains(expr[at[0]:at[1]], ".") {
			step, format = 0.1, 1
		}
		n, err := strconv.ParseFloat(expr[at[0]:at[1]], 64)
		if err != nil {
			panic(err)
		}
		put(at, strconv.FormatFloat(n-step, 'f', format, 64), strconv.FormatFloat(n+step, 'f', format, 64))
	}
	for _, at := range durations.FindAllStringSubmatchIndex(expr, -1) {
		m, err := strconv.Atoi(expr[at[2]:at[3]])
		if err != nil {
			panic(err)
		}
		put(at, fmt.Sprintf("duration('%dm59s')", m-1), fmt.Sprintf("duration('%dm1s')", m))
	}
	for _, at := range references.FindAllStringIndex(expr, -1) {
		put(at, "("+expr[at[0]:at[1]]+" - 0.1)", "("+expr[at[0]:at[1]]+" + 0.1)")
	}
	for _, at := range relations.FindAllStringSubmatchIndex(expr, -1) {
		put(at[2:], map[string]string{"<": "<=", "<=": "<", ">": ">=", ">=": ">"}[expr[at[2]:at[3]]])
	}
	return all
}

// variants are a rule with one thing changed.
func variants(r plan.Rule) []plan.Rule {
	var all []plan.Rule
	change := func(f func(*plan.Rule)) {
		v := r
		f(&v)
		all = append(all, v)
	}
	for _, expr := range mutations(r.Expr) {
		change(func(v *plan.Rule) { v.Expr = expr })
	}
	const step = plan.Duration(5 * time.Minute)
	if r.On == "window" {
		change(func(v *plan.Rule) { v.Window += step })
		if r.Window > step {
			change(func(v *plan.Rule) { v.Window -= step })
		}
	}
	if r.On != "report" {
		change(func(v *plan.Rule) { v.Hold += step })
		if r.Hold > 0 {
			change(func(v *plan.Rule) { v.Hold -= step })
		}
	}
	for _, s := range []string{"info", "warning", "critical"} {
		if s != r.Severity {
			change(func(v *plan.Rule) { v.Severity = s })
		}
	}
	for _, w := range []string{"", "vantage_point", "collector"} {
		if r.On == "machine" && len(r.Over) == 0 && w != r.Where {
			change(func(v *plan.Rule) { v.Where = w })
		}
	}
	return all
}

// TestEveryShippedNumberIsTested changes each number, threshold, relation, window,
// hold, severity and place of the shipped rules a little: some rule test must fail,
// or the next one who changes it learns nothing.
func TestEveryShippedNumberIsTested(t *testing.T) {
	tried := 0
	for _, name := range plans.Names() {
		p, l := plan.Load([]plan.Dir{shipped(t, name)}, nil)
		if p == nil {
			t.Fatal(l.Error())
		}
		tests, l := plan.LoadTests([]plan.Dir{shipped(t, name)}, p)
		if l.HasErrors() {
			t.Fatal(l.Error())
		}
		for _, r := range p.Rules {
			own := slices.DeleteFunc(slices.Clone(tests), func(test plan.RuleTest) bool { return test.Rule != r.Label })
			for _, v := range variants(r) {
				tried++
				changed := *p
				changed.Rules = []plan.Rule{v}
				rules, l := alert.Compile(&changed)
				if rules == nil {
					t.Fatalf("%s: %s: %s", name, v.Expr, l.Error())
				}
				results, l := rules.RunTests(own)
				if l.HasErrors() {
					t.Fatal(l.Error())
				}
				if !slices.ContainsFunc(results, func(r alert.TestResult) bool { return len(r.Diff) > 0 }) {
					t.Errorf("%s: rule %s passes its tests with window %s, hold %s, %s, where %q, %s", name, v.Label, v.Window, v.Hold, v.Severity, v.Where, v.Expr)
				}
			}
		}
	}
	if tried < 100 {
		t.Errorf("only %d changes were tried", tried)
	}
}
