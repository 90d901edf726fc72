package alert_test

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"mtric.net/mtric/engine/column"
	"mtric.net/mtric/engine/measurement"
)

// interrupted is a context that ends when it was asked so many times.
type interrupted struct {
	context.Context
	left *int
}

func (c interrupted) Err() error {
	if *c.left--; *c.left < 0 {
		return context.Canceled
	}
	return nil
}

// TestAnInterruptedEvaluationGoesOn breaks an evaluation off half way: what was evaluated
// is saved and its lines are written, and the next run begins where it ended.
func TestAnInterruptedEvaluationGoesOn(t *testing.T) {
	now := noon.Add(time.Hour)
	b, store := newCollector(t, &now)
	evaluate(t, b, store)
	now = noon.Add(5 * time.Hour)
	evaluated := 0
	for left, runs := 0, 0; ; runs++ {
		left = 17 // of which some are the scan's
		r, err := b.EvaluateWindow(interrupted{t.Context(), &left}, store)
		evaluated += r.Evaluated
		if err == nil {
			break
		}
		if !errors.Is(err, context.Canceled) || r.Evaluated == 0 || runs > 50 {
			t.Fatalf("%v, %d evaluated", err, r.Evaluated)
		}
	}
	if evaluated != 48 {
		t.Errorf("%d intervals evaluated in all, want each of 48 once", evaluated)
	}
	if got := lines(t, b); len(got) != 2 || !strings.Contains(got[0], "FIRING") || !strings.Contains(got[1], "RESOLVED") {
		t.Errorf("lines\n%s", strings.Join(got, "\n"))
	}
}

// TestInventedLabelsAreNoCombinations puts ten thousand RSIs, queries and vantage points of
// no plan into the lake: nothing more is evaluated, and nothing fires.
func TestInventedLabelsAreNoCombinations(t *testing.T) {
	now := noon.Add(2 * time.Hour)
	rules, l := compile(t, "rssac047", "site.hcl", strings.Split(vantagePoints, "rule ")[0])
	if rules == nil {
		t.Fatal(l.Error())
	}
	b, store := newCollector(t, &now)
	b.Rules = rules
	before := evaluate(t, b, store)
	b, store = newCollector(t, &now)
	b.Rules = rules
	path := store.Path(column.Answers, noon)
	rows, meta, err := column.Read[measurement.Answer](path)
	if err != nil {
		t.Fatal(err)
	}
	for n := range 10_000 {
		label := noon.Add(time.Hour + time.Duration(n%12)*5*time.Minute)
		a := measurement.Answer{VantagePoint: []measurement.VantagePoint{"101", "999", "x"}[n%3], Interval: label, SentAt: &label, Query: "soa", RSI: measurement.RSI(fmt.Sprintf("r%04d", n)),
			Family: "ipv4", Transport: "udp", QName: ".", QType: "SOA", Outcome: measurement.Timeout, Strays: 1, Attempts: 1, Verdict: new(measurement.Incorrect)}
		if n%5 == 0 {
			a.Query, a.RSI = string(a.RSI), "a"
		}
		rows = append(rows, a)
	}
	slices.SortStableFunc(rows, func(x, y measurement.Answer) int {
		return cmp.Or(x.Interval.Compare(y.Interval), cmp.Compare(x.VantagePoint, y.VantagePoint), cmp.Compare(x.Query, y.Query), cmp.Compare(x.RSI, y.RSI))
	})
	if err := column.Write(path, rows, meta); err != nil {
		t.Fatal(err)
	}
	after := evaluate(t, b, store)
	if after.Checks != before.Checks || after.Checks == 0 || after.Evaluated != before.Evaluated {
		t.Errorf("%d checks at %d ends, %d at %d before", after.Checks, after.Evaluated, before.Checks, before.Evaluated)
	}
	if len(after.Firing) != len(before.Firing) {
		t.Errorf("%d fire, %d before", len(after.Firing), len(before.Firing))
	}
}

// TestOneVantagePointHasTwentyAlerts fires a rule for each RSI and path of a vantage
// point: twenty lines and series, the last of which counts the others.
func TestOneVantagePointHasTwentyAlerts(t *testing.T) {
	now := noon.Add(2 * time.Hour)
	b, store := newCollector(t, &now)
	const each = `
rule "each" {
  on       = "window"
  over     = ["vantage_point", "rsi", "family", "transport"]
  window   = "15m"
  severity = "warning"
  expr     = "window.has_data"
  summary  = "x"
}`
	inPlan(t, b, each)
	evaluate(t, b, store)
	count := func(text, part string) int { return strings.Count(text, part) }
	told, series := strings.Join(lines(t, b), "\n"), prom(t, b)
	for _, vp := range []string{"101", "301"} {
		if n := count(told, " FIRING rule=each vantage_point="+vp); n != 19 {
			t.Errorf("%d lines of %s, want 19", n, vp)
		}
		if n := count(series, `vantage_point="`+vp+`"`); n != 20 {
			t.Errorf("%d series of %s, want 20\n%s", n, vp, series)
		}
		if want := fmt.Sprintf(" warning FIRING rule=mtric.ingest condition=more vantage_point=%s \"33 more alerts of vantage point %[1]s fire than the 19 that are told\"", vp); !strings.Contains(told, want) {
			t.Errorf("%s is missing in\n%s", want, told)
		}
	}
	// An hour later nothing was sent any more: all that was told ends, the count too.
	now = noon.Add(8 * time.Hour)
	evaluate(t, b, store)
	told, series = strings.Join(lines(t, b), "\n"), prom(t, b)
	if n := count(told, "RESOLVED rule=each"); n != 38 {
		t.Errorf("%d lines end", n)
	}
	if count(told, "RESOLVED rule=mtric.ingest condition=more") != 2 || strings.Contains(series, `rule="each"`) && count(series, "} 1\n") != 0 {
		t.Errorf("%s\n%s", told, series)
	}
}
