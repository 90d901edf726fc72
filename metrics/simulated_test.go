package metrics_test

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"mtric.net/mtric/engine/lake"
	"mtric.net/mtric/engine/measurement"
	"mtric.net/mtric/engine/plan"
	"mtric.net/mtric/engine/simulate"
	"mtric.net/mtric/metrics"
	"mtric.net/mtric/plans"
)

func rssac047(t testing.TB) *plan.Plan {
	t.Helper()
	fsys, ok := plans.Dir("rssac047")
	if !ok {
		t.Fatal("no embedded plan rssac047")
	}
	p, l := plan.Load([]plan.Dir{{Name: "rssac047", FS: fsys}}, nil)
	if l.HasErrors() {
		t.Fatal(l.Error())
	}
	return p
}

// everyFault strikes most of what a metric can see, over eleven days from start.
func everyFault() []plan.Fault {
	at := func(day, hour int) time.Time { return start.AddDate(0, 0, day).Add(time.Duration(hour) * time.Hour) }
	tcp := []string{"ipv4/tcp", "ipv6/tcp"}
	return []plan.Fault{
		{Label: "dead", Kind: plan.FaultDown, RSIs: []measurement.RSI{"m"}, From: at(0, 0), Until: at(20, 0), Percent: 100},
		{Label: "refusing", Kind: plan.FaultRefused, RSIs: []measurement.RSI{"c"}, Paths: tcp, From: at(1, 3), Until: at(3, 9), Percent: 60},
		{Label: "resetting", Kind: plan.FaultReset, RSIs: []measurement.RSI{"d"}, Paths: tcp, From: at(1, 0), Until: at(2, 0), Percent: 100},
		{Label: "no-ipv6", Kind: plan.FaultUnreachable, VantagePoints: []measurement.VantagePoint{"902"}, Paths: []string{"ipv6/udp", "ipv6/tcp"}, From: at(0, 0), Until: at(20, 0), Percent: 100},
		{Label: "garbage", Kind: plan.FaultMalformed, RSIs: []measurement.RSI{"e"}, From: at(4, 0), Until: at(4, 7), Percent: 100},
		{Label: "no-socket", Kind: plan.FaultLocalError, VantagePoints: []measurement.VantagePoint{"903"}, From: at(2, 0), Until: at(2, 5), Percent: 30},
		{Label: "servfail", Kind: plan.FaultServFail, RSIs: []measurement.RSI{"f"}, From: at(5, 0), Until: at(6, 0), Percent: 100},
		{Label: "slow", Kind: plan.FaultSlow, RSIs: []measurement.RSI{"g"}, From: at(0, 0), Until: at(9, 0), Percent: 100, By: plan.Duration(400 * time.Millisecond)},
		{Label: "frozen", Kind: plan.FaultStale, RSIs: []measurement.RSI{"k"}, From: at(1, 0), Until: at(20, 0), Percent: 100, By: plan.Duration(30 * time.Hour)},
		{Label: "silent", Kind: plan.FaultSilent, VantagePoints: []measurement.VantagePoint{"901"}, From: at(3, 0), Until: at(4, 2), Percent: 100},
		{Label: "wrong", Kind: plan.FaultWrong, RSIs: []measurement.RSI{"h"}, From: at(2, 0), Until: at(2, 6), Percent: 100},
	}
}

// TestSimulated reads a simulated lake with every fault and has the truth to the
// last answer, however many files are read at a time.
func TestSimulated(t *testing.T) {
	p := rssac047(t)
	ids, err := simulate.VantagePoints(p, 3)
	if err != nil {
		t.Fatal(err)
	}
	from := start.AddDate(0, 0, -3)
	dir := t.TempDir()
	truth, err := simulate.Run(context.Background(), dir, simulate.Config{Plan: p, VantagePoints: ids,
		From: from, Until: start.AddDate(0, 0, 9), Seed: 7, Faults: everyFault(), Version: "test"})
	if err != nil {
		t.Fatal(err)
	}
	store := lake.Store{Dir: dir}
	zones, err := store.Zones()
	if err != nil {
		t.Fatal(err)
	}
	for _, workers := range []int{1, 3} {
		t.Run(fmt.Sprint(workers, " workers"), func(t *testing.T) {
			for _, month := range truth.Months {
				cfg, err := metrics.FromPlan(p, month.From, month.Until, month.DataUntil)
				if err != nil {
					t.Fatal(err)
				}
				a := accumulator(t, cfg, zones...)
				if err := a.Scan(context.Background(), store, workers); err != nil {
					t.Fatal(err)
				}
				compareTruth(t, month.Values, a.Compute())
			}
		})
	}
}

func compareTruth(t *testing.T, truth []simulate.Value, r *metrics.Result) {
	t.Helper()
	if len(truth) != len(r.Values) {
		t.Fatalf("%d values, the truth has %d", len(r.Values), len(truth))
	}
	line := func(v simulate.Value) string {
		fraction := "none"
		if v.Censored {
			fraction = "late"
		} else if v.Numerator != nil {
			fraction = metrics.Fraction{Num: *v.Numerator, Den: *v.Denominator}.String()
		}
		return fmt.Sprintf("%s %s %s %s %s %s %d %s unobservable %d", v.Metric, v.RSI, v.Family, v.Transport, v.Unit, fraction, v.Count, v.Verdict, v.Unobservable)
	}
	verdicts := map[string]bool{}
	for i, v := range r.Values {
		own := simulate.Value{Metric: v.Metric, RSI: v.RSI, Family: v.Family, Transport: v.Transport, Unit: v.Unit,
			Count: v.Count, Censored: v.Censored, Verdict: string(v.Verdict), Unobservable: v.Diagnostics.Unobservable}
		if v.Fraction != nil {
			own.Numerator, own.Denominator = &v.Fraction.Num, &v.Fraction.Den
		}
		if got, want := line(own), line(truth[i]); got != want {
			t.Errorf("%s\nthe truth is %s", got, want)
		}
		verdicts[v.Metric+string(v.Verdict)] = true
	}
	if !slices.Contains([]bool{verdicts[metrics.RSIAvailability+"fail"], verdicts[metrics.RSIPublication+"pass"]}, true) {
		t.Error("nothing failed and nothing passed: this compares nothing")
	}
}

// Answers without a verdict keep a pass back, truncated ones excepted; their flags
// are read only when there are such.
func TestAnswersWithoutVerdict(t *testing.T) {
	p := rssac047(t)
	dir := t.TempDir()
	if _, err := simulate.Run(context.Background(), dir, simulate.Config{Plan: p, VantagePoints: []measurement.VantagePoint{"901"},
		From: start, Until: start.Add(time.Hour), Seed: 7, Version: "test"}); err != nil {
		t.Fatal(err)
	}
	store := lake.Store{Dir: dir}
	path := store.Path(lake.Answers, start)
	rows, meta, err := lake.Read[measurement.Answer](path)
	if err != nil {
		t.Fatal(err)
	}
	yes := true
	waiting := 0
	for i := range rows {
		r := &rows[i]
		if r.Query != metrics.QueryCorrectness || r.Verdict == nil || r.RSI > "c" {
			continue
		}
		r.Verdict = nil
		switch r.RSI {
		case "a":
			r.TC = &yes
		case "b":
			waiting++
		case "c":
			if waiting%2 == 0 {
				r.TC = &yes
			} else {
				waiting++
			}
		}
	}
	if err := lake.Write(path, rows, meta); err != nil {
		t.Fatal(err)
	}
	cfg, err := metrics.FromPlan(p, start, start.AddDate(0, 0, 1), start.Add(time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	a := accumulator(t, cfg)
	if err := a.Scan(context.Background(), store, 0); err != nil {
		t.Fatal(err)
	}
	r := a.Compute()
	if waiting == 0 || r.Unchecked != int64(waiting) {
		t.Errorf("%d unchecked, want %d", r.Unchecked, waiting)
	}
	wants(t, value(t, r, metrics.RSICorrectness, "a", measurement.Path{}), "none", 0, metrics.NoData)
	if v := value(t, r, metrics.RSICorrectness, "d", measurement.Path{}); v.Verdict != metrics.Pass {
		t.Errorf("d: %s, want a pass", v.Verdict)
	}
}
