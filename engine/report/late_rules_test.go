package report_test

import (
	"slices"
	"testing"

	"mtric.net/mtric/engine/measurement"
	"mtric.net/mtric/engine/report"
	"mtric.net/mtric/metrics"
)

// TestLateVerdictsByTheRules: a verdict from before answers were judged is one that the
// rules give for the report's counts, also where report.json leaves out the numbers.
func TestLateVerdictsByTheRules(t *testing.T) {
	store, p := lying(t)
	judged, put := answersOf(t, store, monday)
	// holding is the day with so many answers of RSIs held, and the last one of them.
	holding := func(each int, rsis ...measurement.RSI) (rows []measurement.Answer, last int) {
		rows, n := slices.Clone(judged), map[measurement.RSI]int{}
		for i := range rows {
			a := &rows[i]
			if (len(rsis) == 0 || slices.Contains(rsis, a.RSI)) && a.VantagePoint == "901" && a.Verdict != nil && n[a.RSI] < each {
				n[a.RSI]++
				last = i
				a.Verdict, a.VerdictSerial, a.Failures = new(measurement.Unchecked), nil, []string{"hold: no zone fetch since"}
			}
		}
		return rows, last
	}
	rows, last := holding(100, "b")
	put(rows)
	d := filled(t, store, p)
	if v := value(t, d, "rsi_correctness b"); v.Held != 100 || v.Verdict != metrics.NoData {
		t.Fatalf("%d held, %s", v.Held, v.Verdict)
	}
	lie := d.Public()
	value(t, lie, "rsi_correctness b").Verdict = metrics.Pass
	waited := "held: the report says of 100 answers that they waited, no zone fetch since; by now 0 do"
	told := "rsi_correctness of rsi b: 100 answers got a verdict since"
	put(judged)
	late(t, d, store, waited, told)
	differs(t, lie, store, "rsi_correctness b")
	wrong := slices.Clone(judged)
	wrong[last].Verdict, wrong[last].Failures = new(measurement.Incorrect), []string{"vnk: x"}
	put(wrong)
	late(t, d, store, waited, told)
	differs(t, lie, store, "rsi_correctness b")

	// As many of all wait, which excuses b; those of the others are judged since.
	rows, _ = holding(11)
	put(rows)
	d = filled(t, store, p)
	if v := value(t, d, "rsi_correctness b"); v.Held != 11 || v.Verdict != metrics.Pass {
		t.Fatalf("%d held, %s", v.Held, v.Verdict)
	}
	rows, _ = holding(11, "b")
	put(rows)
	if v := value(t, filled(t, store, p), "rsi_correctness b"); v.Held != 11 || v.Verdict != metrics.NoData {
		t.Fatalf("%d held, %s", v.Held, v.Verdict)
	}
	for name, d := range map[string]*report.Document{"full": d, "public": d.Public()} {
		if v := verify(t, d, store); len(v.Differences) > 0 || len(v.Late) != len(d.RSIs)-1+2 { // with the reason, and that b is excused no more
			t.Errorf("%s: differences %.300q, late %q", name, v.Differences, v.Late)
		}
	}
}
