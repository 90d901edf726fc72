package metrics_test

import (
	"fmt"
	"math/big"
	"math/rand/v2"
	"reflect"
	"slices"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"mtric.net/mtric/engine/column/sample"
	"mtric.net/mtric/engine/measurement"
	"mtric.net/mtric/metrics"
)

// Serials that random worlds show, around the wrap.
var worldSerials = []int64{4294967294, 4294967295, serialZero, 1, 2}

// randomWorld is a small lake: outcomes of every kind, missing runs and rows,
// serials that go back and forth, rows of look-back and look-ahead.
func randomWorld(r *rand.Rand) (metrics.Config, []measurement.Answer) {
	cfg := config(1, 1+r.IntN(3), 2+r.IntN(4))
	from, until := -3, 9
	if r.IntN(2) == 0 {
		from, until = 283, 295
	}
	cfg.DataUntil = label(until)
	var rows []measurement.Answer
	for at := from; at < until; at++ {
		for v := range cfg.VantagePoints {
			if r.IntN(8) == 0 {
				continue // no run
			}
			for _, rsi := range rsis(cfg) {
				for _, p := range allPaths {
					if r.IntN(20) > 0 {
						a := soa(v, at, rsi, p, randomResult(r, at-from))
						if nsid := fmt.Sprint(rsi, r.IntN(3)); a.Outcome == measurement.Answered && r.IntN(3) > 0 {
							a.NSID = &nsid
						}
						rows = append(rows, a)
					}
				}
				c := randomResult(r, 0)
				c.serial, c.tc = 0, r.IntN(10) == 0
				if c.outcome == measurement.Answered && (c.rcode == "NOERROR" || c.rcode == "NXDOMAIN") && !c.tc {
					c.verdict = []measurement.Verdict{measurement.Correct, measurement.Correct, measurement.Correct, measurement.Incorrect, measurement.Unchecked, ""}[r.IntN(6)]
				}
				rows = append(rows, answer(measurement.QueryCorrectness, vp(v), label(at), rsi, allPaths[r.IntN(4)], c))
			}
		}
	}
	return cfg, rows
}

func randomResult(r *rand.Rand, age int) result {
	us := []int64{0, 1, int64(r.IntN(50)), int64(r.IntN(4_000_000)), 150_000, 250_000, 4_000_000}[r.IntN(7)]
	switch n := r.IntN(20); {
	case n < 6:
		return failed(notAnswered[r.IntN(len(notAnswered))])
	case n == 6:
		us = 4_000_001
	case n == 7:
		return result{outcome: measurement.Answered, rcode: []string{"SERVFAIL", "REFUSED", "NXDOMAIN", "BADVERS"}[r.IntN(4)], us: us}
	}
	x := good(us)
	if i := min(age/3, len(worldSerials)-1); r.IntN(10) > 0 {
		x.serial = worldSerials[max(0, i-r.IntN(2))]
	} else if r.IntN(5) == 0 {
		x.serial = worldSerials[r.IntN(len(worldSerials))]
	}
	return x
}

func randomExclusions(r *rand.Rand, cfg metrics.Config) (list []metrics.Exclusion) {
	for range 1 + r.IntN(3) {
		at := r.IntN(300) - 5
		if r.IntN(2) == 0 {
			at = r.IntN(10) - 3
		}
		e := metrics.Exclusion{From: label(at), Until: label(at + 1 + r.IntN(5))}
		if r.IntN(2) == 0 {
			e.VantagePoints = append(e.VantagePoints, vp(r.IntN(3)))
		}
		if r.IntN(2) == 0 {
			e.RSIs = append(e.RSIs, cfg.Servers[r.IntN(len(cfg.Servers))].RSI)
		}
		if r.IntN(2) == 0 {
			e.Paths = append(e.Paths, allPaths[r.IntN(4)])
		}
		list = append(list, e)
	}
	return list
}

// world draws a random world from rapid's seed.
func world(t *rapid.T) (metrics.Config, []measurement.Answer, *rand.Rand) {
	r := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 1))
	cfg, rows := randomWorld(r)
	cfg.Instances = true
	if r.IntN(3) > 0 {
		cfg.Exclusions = randomExclusions(r, cfg)
	}
	return cfg, rows, r
}

func computed(t *rapid.T, cfg metrics.Config, rows []measurement.Answer, zones ...measurement.Zone) *metrics.Result {
	a, err := metrics.New(cfg, archived(rows, zones...))
	if err != nil {
		t.Fatal(err)
	}
	if err := a.Add(sample.Batch(rows)); err != nil {
		t.Fatal(err)
	}
	return a.Compute()
}

// rats compares thresholds by their numbers.
var rats = cmp.Options{cmp.Comparer(func(a, b *big.Rat) bool { return a.Cmp(b) == 0 }), cmpopts.IgnoreUnexported(metrics.Result{})}

// notAnswered are the outcomes that what the metrics count can have beside an answer: it is
// never asked over TLS.
var notAnswered = slices.DeleteFunc(slices.Clone(measurement.Outcomes), func(o measurement.Outcome) bool {
	return o == measurement.Answered || o == measurement.TLSFailed
})

// The order of rows, their split in batches and the workers that add them change
// nothing, nor does the order in which vantage points first appear.
func TestOrderDoesNotMatter(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		cfg, rows, r := world(t)
		if r.IntN(3) == 0 {
			cfg.VantagePoints = nil
		}
		want := computed(t, cfg, rows)
		r.Shuffle(len(rows), func(i, j int) { rows[i], rows[j] = rows[j], rows[i] })
		a, err := metrics.New(cfg, archived(rows))
		if err != nil {
			t.Fatal(err)
		}
		var group sync.WaitGroup
		for piece := range slices.Chunk(rows, 1+r.IntN(len(rows)+1)) {
			group.Go(func() {
				if err := a.Add(sample.Batch(piece)); err != nil {
					t.Error(err)
				}
			})
		}
		group.Wait()
		if d := cmp.Diff(want, a.Compute(), rats); d != "" {
			t.Errorf("in another order (-want +got):\n%s", d)
		}
	})
}

// Excluding nothing changes nothing: an exclusion where nothing is planned.
func TestExcludingNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		cfg, rows, _ := world(t)
		cfg.Exclusions = nil
		want := computed(t, cfg, rows)
		cfg.Exclusions = []metrics.Exclusion{{From: label(400), Until: label(410), Paths: allPaths}}
		got := computed(t, cfg, rows)
		if d := cmp.Diff(want.Values, got.Values, rats); d != "" {
			t.Errorf("with an exclusion of nothing (-want +got):\n%s", d)
		}
		for i, v := range got.Values {
			if !reflect.DeepEqual(v.Side, v.Without) {
				t.Errorf("%d: with %+v, without %+v", i, v.Side, v.Without)
			}
		}
	})
}

// One more failure never improves availability, and never turns a fail into a pass.
func TestFailureNeverImproves(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		cfg, rows, r := world(t)
		before := computed(t, cfg, rows)
		i := r.IntN(len(rows))
		if rows[i].Outcome == measurement.LocalError {
			return // was never sent: it would be a row more
		}
		rows[i].Outcome, rows[i].LatencyUS, rows[i].RCode, rows[i].Serial, rows[i].Verdict = measurement.Timeout, nil, nil, nil, nil
		for j, v := range computed(t, cfg, rows).Values {
			if v.Metric != measurement.RSIAvailability && v.Metric != measurement.RSSAvailability || v.Fraction == nil || before.Values[j].Fraction == nil {
				continue
			}
			if old := before.Values[j]; v.Fraction.Rat().Cmp(old.Fraction.Rat()) > 0 || old.Verdict == metrics.Fail && v.Verdict == metrics.Pass {
				t.Errorf("%s %s: a failure more, %s after %s", v.Metric, v.RSI, v.Fraction, old.Fraction)
			}
		}
	})
}

// The system's counts are the sums of the RSIs' where nothing is excluded.
func TestSystemIsTheSum(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		cfg, rows, _ := world(t)
		cfg.Exclusions = nil
		counts := make(map[measurement.Metric]int64)
		for _, v := range computed(t, cfg, rows).Values {
			counts[v.Metric] += v.Count + v.Unobservable // which waits are, goes by the metric's threshold
		}
		for _, pair := range [][2]measurement.Metric{{measurement.RSICorrectness, measurement.RSSCorrectness}, {measurement.RSIPublication, measurement.RSSPublication}} {
			if counts[pair[0]] != counts[pair[1]] {
				t.Errorf("%s has %d in all, %s %d", pair[0], counts[pair[0]], pair[1], counts[pair[1]])
			}
		}
	})
}

// The servers by name answered as often as there are answers.
func TestInstances(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		cfg, rows, _ := world(t)
		want, got := map[string]int64{}, map[string]int64{}
		for _, a := range rows {
			if a.Query == measurement.QuerySOA && a.Outcome == measurement.Answered && !a.Interval.Before(cfg.From) && a.Interval.Before(cfg.Until) && a.Interval.Before(cfg.DataUntil) {
				want[name(a.RSI, a.NSID)]++
			}
		}
		for _, i := range computed(t, cfg, rows).Instances {
			got[name(i.RSI, i.NSID)] += i.Answers
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%v, want %v", got, want)
		}
	})
}

func name(r measurement.RSI, nsid *string) string {
	if nsid == nil {
		return string(r)
	}
	return string(r) + "/" + *nsid
}

// Places, hours and values tell the same sums.
func TestDrillDownAddsUp(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		cfg, rows, _ := world(t)
		r := computed(t, cfg, rows)
		key := func(rsi measurement.RSI, p measurement.Path) string { return fmt.Sprint(rsi, p) }
		places, hours := map[string]int64{}, map[string]int64{}
		for _, p := range r.Places {
			places[key(p.RSI, p.Path)] += p.Asked*1_000_000 + p.OK
		}
		for _, h := range r.Hours() {
			for i := range h.Asked {
				hours[key(h.RSI, h.Path)] += int64(h.Asked[i])*1_000_000 + int64(h.OK[i])
			}
		}
		for _, v := range r.Values {
			if v.Metric != measurement.RSIAvailability || v.Fraction == nil {
				continue
			}
			k := key(v.RSI, measurement.Path{Family: v.Family, Transport: v.Transport})
			if want := v.Count*1_000_000 + v.Fraction.Num; places[k] != want || hours[k] != want {
				t.Errorf("%s: value %d, places %d, hours %d", k, want, places[k], hours[k])
			}
		}
	})
}

// TestNoMetricReadsWhatPlansAsk: what a plan says of its own zones and expectations changes no
// number of RSSAC047, whatever stands in these columns.
func TestNoMetricReadsWhatPlansAsk(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		cfg, rows, r := world(t)
		want := computed(t, cfg, rows)
		for i := range rows {
			a := &rows[i]
			if a.Outcome == measurement.Answered {
				a.DNSSEC = []*measurement.Security{nil, new(measurement.SecuritySecure), new(measurement.SecurityBogus), new(measurement.SecurityUnchecked)}[r.IntN(4)]
				a.ZoneSerial = []*int64{nil, new(r.Int64N(1 << 32))}[r.IntN(2)]
			}
		}
		if d := cmp.Diff(want, computed(t, cfg, rows), rats); d != "" {
			t.Fatalf("numbers changed (-without +with):\n%s", d)
		}
	})
}
