package metrics_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"mtric.net/mtric/engine/column"
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
				compareTruth(t, month.Numbers, a.Compute())
			}
		})
	}
}

// compareTruth compares all that the truth has.
func compareTruth(t *testing.T, truth simulate.Numbers, r *metrics.Result) {
	t.Helper()
	own := simulate.Numbers{N: r.N, K: r.K, Thin: r.Thin, Publications: []simulate.Publication{}, Coverage: simulate.Coverage{Planned: r.Slots.Planned,
		Sent: r.Slots.Sent, Unsent: r.Slots.Unsent, Missing: r.Slots.Missing, OffPlan: r.Slots.OffPlan, Stray: r.Stray}}
	if !r.ReceivedUntil.IsZero() {
		own.ReceivedUntil = &r.ReceivedUntil
	}
	for _, f := range r.Frames {
		own.Frames = append(own.Frames, simulate.Frame(f))
	}
	for _, p := range r.Publications {
		own.Publications = append(own.Publications, simulate.Publication{Serial: int64(p.Serial), T: p.T})
	}
	for _, v := range r.Values {
		made := simulate.Value{Metric: v.Metric, RSI: v.RSI, Family: v.Family, Transport: v.Transport, Unit: v.Unit,
			Count: v.Count, Censored: v.Censored, Verdict: string(v.Verdict), Thin: v.Thin, Held: v.Held, Unobservable: v.Unobservable}
		if v.Fraction != nil {
			made.Numerator, made.Denominator = &v.Fraction.Num, &v.Fraction.Den
		}
		if v.Low != nil {
			bound := func(b *metrics.Bound) simulate.Bound {
				return simulate.Bound{Numerator: b.Num, Denominator: b.Den, Verdict: string(b.Verdict)}
			}
			made.Bounds = &simulate.Bounds{Low: bound(v.Low), High: bound(v.High)}
		}
		own.Values = append(own.Values, made)
	}
	if d := cmp.Diff(truth, own, cmpopts.IgnoreFields(simulate.Value{}, "Threshold")); d != "" {
		t.Errorf("-truth +metrics:\n%s", d)
	}
}

// TestSimulatedFaults: whatever goes wrong, and whoever joins, leaves and is renumbered,
// the metrics are the truth.
func TestSimulatedFaults(t *testing.T) {
	lakes := 40
	if testing.Short() {
		lakes = 8
	}
	verdicts := map[string]int{}
	for seed := range lakes {
		c := drawnLake(uint64(seed))
		c.Plan = drawnDates(t, c)
		dir := t.TempDir()
		truth, err := simulate.Run(context.Background(), dir, c)
		if err != nil {
			t.Fatal(err)
		}
		store := lake.Store{Dir: dir}
		zones, err := store.Zones()
		if err != nil {
			t.Fatal(err)
		}
		cfg, err := metrics.FromPlan(c.Plan, c.From, c.Until, c.Until)
		if err != nil {
			t.Fatal(err)
		}
		a := accumulator(t, cfg, zones...)
		if err := a.Scan(context.Background(), store, 0); err != nil {
			t.Fatal(err)
		}
		compareTruth(t, truth.Numbers, a.Compute())
		if t.Failed() {
			t.Fatalf("lake %d, %d vantage points, faults %+v", seed, len(c.VantagePoints), c.Faults)
		}
		for _, v := range truth.Values {
			verdicts[string(v.Metric)+" "+v.Verdict]++
			if v.Thin {
				verdicts["thin "+string(v.Metric)]++
			}
			verdicts["unobservable"] += int(v.Unobservable)
			verdicts["held"] += int(v.Held)
		}
	}
	for _, m := range measurement.Strings(measurement.Metrics) {
		for _, what := range []string{m + " pass", m + " fail", m + " no_data", "thin " + m, "unobservable", "held"} {
			if verdicts[what] == 0 && !testing.Short() {
				t.Errorf("%q in none of the lakes: %v", what, verdicts)
			}
		}
	}
}

// drawnLake draws a day or two of one to three vantage points, and up to twelve faults.
func drawnLake(seed uint64) simulate.Config {
	r := rand.New(rand.NewPCG(seed, 47))
	vps := []measurement.VantagePoint{"101", "102", "103"}[:1+r.IntN(3)]
	labels := 288 * (1 + r.IntN(2))
	c := simulate.Config{VantagePoints: vps, From: start, Until: label(labels), Seed: seed, Version: "test", Faults: []plan.Fault{}}
	if seed%8 == 3 { // or the system would hardly ever be slow
		c.Faults = append(c.Faults, plan.Fault{Label: "z", Kind: plan.FaultSlow, From: c.From, Until: c.Until, Percent: 100, By: plan.Duration(400 * time.Millisecond)})
	}
	for i := range r.IntN(13) {
		begin := r.IntN(labels)
		f := plan.Fault{Label: letters[i : i+1], Kind: one(r, plan.FaultKinds), From: label(begin), RCode: "REFUSED",
			Until: label(min(labels, begin+one(r, []int{1, 12, 100, 500, 500}))), Percent: one(r, []int{1, 10, 50, 100, 100, 100})}
		switch f.Kind {
		case plan.FaultSlow:
			f.By = one(r, []plan.Duration{1, 100, 600, 600, 3990}) * plan.Duration(time.Millisecond)
		case plan.FaultStale, plan.FaultFuture, plan.FaultSlowClock, plan.FaultFastClock:
			f.By = one(r, []plan.Duration{1, 2, 7, 70, 150, 300, 900, 9000}) * plan.Duration(5*time.Minute)
		}
		some := r.IntN(10)
		for _, x := range "abcdefghij" {
			if r.IntN(10) < some {
				f.RSIs = append(f.RSIs, measurement.RSI(x))
			}
		}
		if r.IntN(2) == 0 {
			f.VantagePoints = vps[:1+r.IntN(len(vps))]
		}
		if r.IntN(3) == 0 {
			f.Paths = []string{one(r, []string{"ipv4/udp", "ipv4/tcp", "ipv6/udp", "ipv6/tcp"})}
		}
		c.Faults = append(c.Faults, f)
	}
	return c
}

func one[T any](r *rand.Rand, of []T) T { return of[r.IntN(len(of))] }

// drawnDates is the plan of a drawn lake. Of three seeds one has vantage points of the
// data, one has such that come and go; RSIs come, go, and are renumbered.
func drawnDates(t *testing.T, c simulate.Config) *plan.Plan {
	p := *rssac047(t)
	length := c.Until.Sub(c.From)
	at := func(share int) *time.Time {
		return new(c.From.Add(length * time.Duration((uint64(share)*(c.Seed%97))%97) / 97))
	}
	if c.Seed%3 > 0 {
		for _, v := range c.VantagePoints {
			p.VantagePoints = append(p.VantagePoints, plan.VantagePoint{ID: v})
		}
	}
	if c.Seed%3 == 2 {
		p.VantagePoints[0].Until = at(5)
		p.VantagePoints = append(p.VantagePoints, plan.VantagePoint{ID: "104", From: at(7)})
	}
	if c.Seed%2 == 0 {
		return &p
	}
	p.Servers = slices.Clone(p.Servers)
	for i := range p.Servers {
		s := &p.Servers[i]
		s.Addresses = slices.Clone(s.Addresses)
		for j := range s.Addresses {
			a := &s.Addresses[j]
			switch {
			case s.RSI == "a" || s.RSI == "b":
				a.From = at(11)
			case s.RSI == "c" || s.RSI == "k" && a.Family == measurement.IPv6:
				a.Until = at(13)
			case s.RSI == "d":
				old := *a
				old.Until, old.Address, a.From = at(17), a.Address.Next(), at(17)
				s.Addresses = append(s.Addresses, old)
			}
		}
	}
	return &p
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
	path := store.Path(column.Answers, start)
	rows, meta, err := column.Read[measurement.Answer](path)
	if err != nil {
		t.Fatal(err)
	}
	yes := true
	waiting := 0
	for i := range rows {
		r := &rows[i]
		if r.Query != measurement.QueryCorrectness || r.Verdict == nil || r.RSI > "c" {
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
	if err := column.Write(path, rows, meta); err != nil {
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
	wants(t, value(t, r, measurement.RSICorrectness, "a", measurement.Path{}), "none", 0, metrics.NoData)
	if v := value(t, r, measurement.RSICorrectness, "d", measurement.Path{}); v.Verdict != metrics.Pass {
		t.Errorf("d: %s, want a pass", v.Verdict)
	}
}

// TestSimulatedThresholds: where thresholds change on a 1st each month is judged by its
// own, as the metrics do, and the whole by those of its start.
func TestSimulatedThresholds(t *testing.T) {
	p := rssac047(t)
	turn := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
	var all []plan.Threshold
	for _, h := range p.Thresholds {
		all = append(all, h)
		h.From = &turn
		shorter := func(d *plan.Duration) *plan.Duration {
			if d == nil {
				return nil
			}
			return new(*d / 8)
		}
		if h.AtLeast != nil {
			h.AtLeast = share(t, "50")
		}
		h.AtMost, h.UDP, h.TCP = shorter(h.AtMost), shorter(h.UDP), shorter(h.TCP)
		all = append(all, h)
	}
	p.Thresholds = all
	from, until := turn.AddDate(0, 0, -1), turn.AddDate(0, 0, 1)
	c := simulate.Config{Plan: p, VantagePoints: []measurement.VantagePoint{"901", "902"}, From: from, Until: until, Seed: 7, Version: "test", Faults: []plan.Fault{
		{Label: "silent", Kind: plan.FaultSilent, VantagePoints: []measurement.VantagePoint{"901"}, From: from.Add(18 * time.Hour), Until: turn.Add(6 * time.Hour), Percent: 100},
		{Label: "slow", Kind: plan.FaultSlow, From: from, Until: until, Percent: 40, By: plan.Duration(60 * time.Millisecond)},
		{Label: "down", Kind: plan.FaultDown, RSIs: []measurement.RSI{"b"}, From: from, Until: until, Percent: 20},
		{Label: "stale", Kind: plan.FaultStale, RSIs: []measurement.RSI{"k"}, From: from, Until: until, Percent: 100, By: plan.Duration(20 * time.Minute)},
		{Label: "wrong", Kind: plan.FaultWrong, RSIs: []measurement.RSI{"h"}, From: from, Until: until, Percent: 10},
	}}
	dir := t.TempDir()
	truth, err := simulate.Run(context.Background(), dir, c)
	if err != nil {
		t.Fatal(err)
	}
	store := lake.Store{Dir: dir}
	zones, err := store.Zones()
	if err != nil {
		t.Fatal(err)
	}
	compare := func(from, until, dataUntil time.Time, n simulate.Numbers) {
		t.Helper()
		cfg, err := metrics.FromPlan(p, from, until, dataUntil)
		if err != nil {
			t.Fatal(err)
		}
		a := accumulator(t, cfg, zones...)
		if err := a.Scan(context.Background(), store, 0); err != nil {
			t.Fatal(err)
		}
		compareTruth(t, n, a.Compute())
	}
	verdicts := map[string]map[string]bool{}
	for _, m := range truth.Months {
		compare(m.From, m.Until, m.DataUntil, m.Numbers)
		for _, v := range m.Values {
			name := fmt.Sprint(v.Metric, v.RSI, v.Family, v.Transport)
			if verdicts[name] == nil {
				verdicts[name] = map[string]bool{}
			}
			verdicts[name][v.Verdict] = true
		}
	}
	compare(from, until, until, truth.Numbers)
	turned := map[string]bool{}
	for name, of := range verdicts {
		if of["fail"] && of["pass"] {
			turned[name[:3]] = true
		}
	}
	if !turned["rsi"] || !turned["rss"] {
		t.Errorf("no verdict turns with the threshold: %v", verdicts)
	}
}

func share(t *testing.T, text string) *plan.Percent {
	t.Helper()
	p, err := plan.ParsePercent(text)
	if err != nil {
		t.Fatal(err)
	}
	return &p
}
