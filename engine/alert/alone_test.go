package alert_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"mtric.net/mtric/engine/alert"
	"mtric.net/mtric/engine/column"
	"mtric.net/mtric/engine/lake"
	"mtric.net/mtric/engine/measurement"
)

// slowPaths is a rule about what no vantage point's rows alone are counted of.
const slowPaths = `
rule "slow" {
  on       = "window"
  over     = ["rsi", "family", "transport"]
  window   = "1h"
  severity = "info"
  expr     = "window.p95_latency > 3000.0"
  summary  = "x"
}`

// rubbish makes all rows of a vantage point worth an alert, from 13:00 on: strays, answers
// found incorrect, latency.
func rubbish(t *testing.T, store lake.Store, vp measurement.VantagePoint) {
	t.Helper()
	amend(t, store, column.Answers, func(a *measurement.Answer) {
		if a.VantagePoint != vp || a.Interval.Before(noon.Add(time.Hour)) {
			return
		}
		a.Strays = 1
		if a.LatencyUS != nil {
			a.LatencyUS = new(int64(3_900_000))
		}
		if a.Verdict != nil {
			a.Verdict = new(measurement.Incorrect)
		}
	})
}

// loud is a collector with three vantage points of which 101 sends rubbish.
func loud(t *testing.T, now *time.Time) (*alert.Book, lake.Store) {
	t.Helper()
	b, store := newCollector(t, now)
	inPlan(t, b, slowPaths+"\n"+strings.ReplaceAll(vantagePoints[:strings.Index(vantagePoints, `vantage_point "301"`)], "101", "501"))
	rubbish(t, store, "101")
	return b, store
}

// told counts the lines FIRING but for the one of g, which is down.
func told(t *testing.T, b *alert.Book) (all []string) {
	t.Helper()
	for _, line := range lines(t, b) {
		if strings.Contains(line, " FIRING ") && !strings.Contains(line, "rsi=g transport=udp family=ipv4") {
			all = append(all, line)
		}
	}
	return all
}

// TestOneVantagePointHasTwentyAlertsWhateverItSends has one vantage point send what makes
// 91 alerts that do not have its label.
func TestOneVantagePointHasTwentyAlertsWhateverItSends(t *testing.T) {
	now := noon.Add(69 * time.Minute)
	b, store := loud(t, &now)
	for ; now.Before(noon.Add(2 * time.Hour)); now = now.Add(5 * time.Minute) {
		evaluate(t, b, store)
	}
	all := told(t, b)
	if len(all) != 20 || !strings.Contains(all[19], ` FIRING rule=mtric.ingest condition=more vantage_point=101 "20 more alerts of vantage point 101 fire than the 19 that are told"`) {
		t.Errorf("%d lines\n%s", len(all), strings.Join(all, "\n"))
	}
	alerts, _, _ := strings.Cut(prom(t, b), "# HELP mtric_window_")
	if n := strings.Count(alerts, "} 1\n"); n != 21 { // g is down
		t.Errorf("%d series\n%s", n, prom(t, b))
	}
}

// TestWhatTwoSeeIsToldBesideTheNoiseOfOne has a second vantage point bear out an answer
// found incorrect and strays of an RSI when 101 has long had as many alerts
// as it may: each is told.
func TestWhatTwoSeeIsToldBesideTheNoiseOfOne(t *testing.T) {
	now := noon.Add(69 * time.Minute)
	b, store := loud(t, &now)
	amend(t, store, column.Answers, func(a *measurement.Answer) {
		switch {
		case a.VantagePoint != "301" || a.Interval.Before(noon.Add(90*time.Minute)):
		case a.RSI == "k" && a.Family == "ipv6":
			a.Strays = 1
		case a.RSI == "m" && a.Verdict != nil:
			a.Verdict = new(measurement.Incorrect)
		}
	})
	for ; now.Before(noon.Add(2 * time.Hour)); now = now.Add(5 * time.Minute) {
		evaluate(t, b, store)
	}
	all := strings.Join(lines(t, b), "\n")
	for _, want := range []string{" critical FIRING rule=wrong-answer rsi=m vantage_points=2", " FIRING rule=stray-answers rsi=k family=ipv6 "} {
		if n := strings.Count(all, want); n != 1 {
			t.Errorf("%d times %s in\n%s", n, want, all)
		}
	}
	if n := len(told(t, b)); n < 20 || n > 24 { // those that were told as 101's may be borne out
		t.Errorf("%d lines", n)
	}
}

// TestTwoHaveItThoughOneHasMost has a rule that would not hold without the rows of 101, which
// has as many alerts as it may; but 301 has found such answers too.
func TestTwoHaveItThoughOneHasMost(t *testing.T) {
	now := noon.Add(69 * time.Minute)
	b, store := loud(t, &now)
	inPlan(t, b, `
rule "many-wrong" {
  on       = "window"
  over     = ["rsi"]
  window   = "6h"
  severity = "info"
  expr     = "window.incorrect > 6"
  summary  = "x"
}`)
	amend(t, store, column.Answers, func(a *measurement.Answer) {
		if a.VantagePoint == "301" && a.Interval.Equal(noon.Add(105*time.Minute)) && a.RSI == "m" && a.Verdict != nil {
			a.Verdict = new(measurement.Incorrect)
		}
	})
	for ; now.Before(noon.Add(2 * time.Hour)); now = now.Add(5 * time.Minute) {
		evaluate(t, b, store)
	}
	all := strings.Join(lines(t, b), "\n")
	if strings.Count(all, " FIRING rule=many-wrong ") != 1 || !strings.Contains(all, " FIRING rule=many-wrong rsi=m vantage_points=2 ") {
		t.Error(all)
	}
}

// TestSerialsAreBounded has more zones missing than anybody reads alerts of.
func TestSerialsAreBounded(t *testing.T) {
	now := noon
	b, _ := newCollector(t, &now)
	machine := func(alone int, serials ...int) {
		t.Helper()
		m := alert.Machine{Zones: alert.ZoneFacts{Alone: map[string]string{}}}
		for i, s := range serials {
			m.Zones.Missing = append(m.Zones.Missing, fmt.Sprint(2026000000+s))
			if i < alone {
				m.Zones.Alone[fmt.Sprint(2026000000+s)] = "101"
			}
		}
		if r, err := b.EvaluateMachine(m, "collector"); err != nil || len(r.Errors) > 0 {
			t.Fatal(err, r.Errors)
		}
	}
	var hundred []int
	for i := range 100 {
		hundred = append(hundred, i)
	}
	machine(100, hundred...)
	all := lines(t, b)
	if len(all) != 20 || !strings.Contains(all[19], `condition=more vantage_point=101 "81 more alerts of vantage point 101 fire`) || !strings.Contains(all[0], "serial=2026000099") {
		t.Errorf("one vantage point's: %d lines\n%s", len(all), strings.Join(all, "\n"))
	}
	// Those that several see are told beside them, and are bounded as well.
	machine(100, append(hundred, 200, 201)...)
	all = lines(t, b)
	if len(all) != 22 || !strings.Contains(all[20], "serial=2026000201") || !strings.Contains(all[21], "serial=2026000200") {
		t.Errorf("two that several see: %d lines\n%s", len(all), strings.Join(all, "\n"))
	}
	machine(0, hundred...)
	all = lines(t, b)[22:]
	if !slices.ContainsFunc(all, func(line string) bool {
		return strings.Contains(line, `FIRING rule=mtric.watch condition=more of=serial-gaps "`)
	}) {
		t.Errorf("what several see:\n%s", strings.Join(all, "\n"))
	}
	if n := strings.Count(prom(t, b), "} 1\n"); n > 40 {
		t.Errorf("%d series", n)
	}
	now = now.Add(7 * time.Hour)
	machine(0)
	if n := strings.Count(prom(t, b), "} 1\n"); n != 0 {
		t.Errorf("%d series when nothing is missing\n%s", n, prom(t, b))
	}
}

// TestReportsOfOneAreBounded has a report of which many values fail by one vantage point.
func TestReportsOfOneAreBounded(t *testing.T) {
	now := noon
	b, _ := newCollector(t, &now)
	var values []alert.Value
	for _, rsi := range strings.Split("abcdefghijklm", "") {
		for _, family := range []string{"ipv4", "ipv6"} {
			values = append(values, alert.Value{Style: "weekly", Metric: "rsi_availability", RSI: rsi, Family: family, Verdict: "fail", RestsOn: []string{"101"}})
		}
	}
	values[25].RestsOn, values[24].RestsOn = nil, []string{"101", "301"}
	if r, err := b.EvaluateReport(values); err != nil || len(r.Errors) > 0 {
		t.Fatal(err, r.Errors)
	}
	if all := lines(t, b); len(all) != 22 || !strings.Contains(all[21], "5 more alerts of vantage point 101") {
		t.Errorf("%d lines\n%s", len(all), strings.Join(all, "\n"))
	}
}

// TestAnHourIsAnHourOfOurs has a backlog of three hours evaluated at once: one vantage point
// alone has found an answer incorrect, and this machine has known of it for no time.
func TestAnHourIsAnHourOfOurs(t *testing.T) {
	now := noon.Add(49 * time.Minute)
	b, store := newCollector(t, &now)
	evaluate(t, b, store)
	accuse(t, store, []accusation{{"b", "101", time.Hour, "n1"}})
	for _, at := range []time.Duration{189, 244, 249} {
		now = noon.Add(at * time.Minute)
		evaluate(t, b, store)
	}
	got := toldOf(lines(t, b), " FIRING rule=wrong-answer rsi=b")
	want := []string{"15:09 warning vantage_points=1 nsid=n1", "16:09 critical vantage_points=1 nsid=n1"}
	if !slices.Equal(got, want) {
		t.Errorf("%q\nwant\n%q", got, want)
	}
}
