package metrics_test

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"time"

	"mtric.net/mtric/engine/interval"
	"mtric.net/mtric/engine/measurement"
	"mtric.net/mtric/metrics"
)

// judgement is an implementation: the reference, one with a mistake, or the package.
type judgement func(lakeRows) opinion

// law says what holds of every lake, without saying how a number is made. It returns
// what is wrong, or nothing.
type law struct {
	name  string
	draw  func(*rand.Rand) lakeRows
	check func(*rand.Rand, lakeRows, judgement) string
}

// laws lists all of them.
func laws() []law {
	return []law{
		{"a value lies within its bounds", drawLake, lawBounds},
		{"what is dropped raises no low and lowers no high", drawLake, lawDropped},
		{"no completion contradicts a thin verdict", drawCalm, lawThin},
		{"an outage is not mended by a local error", drawCalm, lawOutage},
		{"absence changes no wait at the others", drawLake, lawAbsence},
		{"no dropped query lifts a wait over a threshold", drawCalm, lawSilence},
		{"a fail that one vantage point causes rests on it", drawLake, lawLiar},
		{"no publication rests on one vantage point", drawLake, lawWitnesses},
		{"what has no weight dates nothing", drawLake, lawNothing},
		{"off plan is missing", drawLake, lawOffPlan},
		{"what came later does not count", drawLake, lawLate},
		{"who is not there yet changes nothing", drawLake, lawFuture},
		{"an RSI's exclusion is its own", drawLake, lawOwnExclusion},
		{"a pass has few answers held", drawLake, lawHeld},
	}
}

func name1(v metrics.Value) string {
	return fmt.Sprintf("%s %s %s/%s", v.Metric, v.RSI, v.Family, v.Transport)
}

func lawBounds(_ *rand.Rand, w lakeRows, judge judgement) string {
	for _, v := range judge(w).values {
		for _, s := range []metrics.Side{v.Side, v.Without} {
			if s.Low == nil {
				continue
			}
			value := s.Fraction
			if value == nil {
				value = &s.Low.Fraction
			}
			if s.Low.Rat().Cmp(value.Rat()) > 0 || s.High.Rat().Cmp(value.Rat()) < 0 {
				return fmt.Sprintf("%s: %s is not within %s and %s", name1(v), value, s.Low, s.High)
			}
		}
	}
	return ""
}

// some chooses rows by what they show: blind drops find nothing.
func some(r *rand.Rand, w lakeRows) func(measurement.Answer) bool {
	if len(w.rows) == 0 {
		return func(measurement.Answer) bool { return false }
	}
	one := w.rows[r.IntN(len(w.rows))]
	shows := []func(a measurement.Answer) bool{
		func(a measurement.Answer) bool { return !isGood(a) },
		isGood,
		func(a measurement.Answer) bool { return isGood(a) && *a.LatencyUS > 150_000 },
		func(a measurement.Answer) bool { return isGood(a) && *a.LatencyUS <= 250_000 },
		func(a measurement.Answer) bool {
			return one.Serial != nil && a.Serial != nil && *a.Serial == *one.Serial
		},
		func(a measurement.Answer) bool {
			return one.Serial != nil && a.Serial != nil && newerThan(uint32(*a.Serial), uint32(*one.Serial))
		},
		func(a measurement.Answer) bool { return r.IntN(5) == 0 },
		func(a measurement.Answer) bool { return a.RSI == one.RSI && pathOf(a) == pathOf(one) },
	}[r.IntN(8)]
	where := []func(a measurement.Answer) bool{
		func(measurement.Answer) bool { return true },
		func(a measurement.Answer) bool { return a.VantagePoint == one.VantagePoint },
		func(a measurement.Answer) bool { return a.RSI == one.RSI },
		func(a measurement.Answer) bool { return a.Interval.Equal(one.Interval) },
		func(a measurement.Answer) bool { return r.IntN(2) == 0 },
		func(a measurement.Answer) bool { return !a.Interval.Before(one.Interval) },
	}[r.IntN(6)]
	return func(a measurement.Answer) bool { return shows(a) && where(a) }
}

// dropped takes rows out, or makes queries of them that were never sent.
func dropped(r *rand.Rand, w lakeRows) lakeRows {
	chosen, remove := some(r, w), r.IntN(2) == 0
	var rows []measurement.Answer
	for _, a := range w.rows {
		if chosen(a) {
			if remove {
				continue
			}
			a.Outcome, a.SentAt, a.LatencyUS, a.RCode, a.Serial, a.Verdict, a.TC = measurement.LocalError, nil, nil, nil, nil, nil, nil
		}
		rows = append(rows, a)
	}
	w.rows = rows
	return w
}

func lawDropped(r *rand.Rand, w lakeRows, judge judgement) string {
	after := judge(dropped(r, w)).values
	for i, v := range judge(w).values {
		for j, old := range []metrics.Side{v.Side, v.Without} {
			now := []metrics.Side{after[i].Side, after[i].Without}[j]
			if old.Low == nil {
				continue
			}
			if now.Low == nil || now.Low.Rat().Cmp(old.Low.Rat()) > 0 || now.High.Rat().Cmp(old.High.Rat()) < 0 {
				return fmt.Sprintf("%s: %s to %s became %s to %s", name1(v), old.Low, old.High, now.Low, now.High)
			}
		}
	}
	return ""
}

// drawCalm draws a lake in which no server goes back and every serial is accepted.
func drawCalm(r *rand.Rand) lakeRows {
	w := drawLake(r)
	w.cfg.Accepted, w.cfg.ReceivedUntil = nil, time.Time{}
	newest := map[serverAt]uint32{}
	var zones []measurement.Zone
	rows := slices.Clone(w.rows)
	slices.SortStableFunc(rows, func(a, b measurement.Answer) int { return a.Interval.Compare(b.Interval) })
	for i := range rows {
		a := &rows[i]
		if a.Serial == nil || a.RSI >= "v" {
			continue
		}
		at := serverAt{run{0, a.VantagePoint}, a.RSI}
		if n, known := newest[at]; known && !newerThan(uint32(*a.Serial), n) {
			s := int64(n)
			a.Serial = &s
		}
		newest[at] = uint32(*a.Serial)
	}
	for _, z := range archived(rows) {
		for _, own := range w.zones {
			if own.Serial == z.Serial {
				z.ArchivedAt = own.ArchivedAt
			}
		}
		zones = append(zones, z)
	}
	w.rows, w.zones = rows, zones
	return w
}

// completed sends what was not sent, or at another address: all answers fast, all slow,
// all bad, or all of these. What a server then shows is what it showed before or after.
func completed(r *rand.Rand, w lakeRows) lakeRows {
	l := newLiteral(w, "")
	fast, slow, bad := good(1), good(3_999_999), failed(measurement.Timeout)
	kinds := [][]result{{fast}, {slow}, {bad}, {fast, slow, bad}, {fast, bad}}[r.IntN(5)]
	late := r.IntN(2) == 0
	filled := map[slot]bool{}
	var rows []measurement.Answer
	at := w.cfg.DataUntil
	for _, a := range w.rows {
		if !a.Interval.Before(start.Add(-time.Hour)) && a.Interval.Before(at) {
			at = a.Interval
		}
	}
	for ; at.Before(w.cfg.DataUntil); at = at.Add(interval.Length) {
		for _, v := range l.vps {
			for _, x := range w.cfg.Servers {
				for _, p := range allPaths {
					if s, _ := l.soa(asMeasured, v, at, x, p); s != unsent && s != missing && s != offPlan {
						continue
					}
					filled[slot{runAt(v.ID, at), measurement.QuerySOA, x.RSI, p}] = true
					a := answer(measurement.QuerySOA, v.ID, at, x.RSI, p, pick(r, kinds...))
					to, _ := addressAt(x, p.Family, at)
					a.Address = to.String()
					if a.RCode != nil {
						a.Serial = l.between(v, at, x, late)
					}
					rows = append(rows, a)
				}
			}
		}
	}
	for _, a := range w.rows {
		if a.Query != measurement.QuerySOA || !filled[slot{runAt(a.VantagePoint, a.Interval), measurement.QuerySOA, a.RSI, pathOf(a)}] {
			rows = append(rows, a)
		}
	}
	w.rows = rows
	return w
}

// between is what a server showed there, else at the last label before, or at the next after.
func (l *literal) between(v metrics.VantagePoint, at time.Time, x metrics.Server, late bool) *int64 {
	look := func(i int) *int64 {
		for _, p := range allPaths {
			if s, a := l.soa(asMeasured, v, at.Add(time.Duration(i)*5*time.Minute), x, p); s == goodState && a.Serial != nil {
				return a.Serial
			}
		}
		return nil
	}
	for i := range 30 {
		if late {
			i = -i
		}
		if s := look(-i); s != nil {
			return s
		}
	}
	return nil
}

func lawThin(r *rand.Rand, w lakeRows, judge judgement) string {
	before := judge(w)
	whole := completed(r, w)
	after := judge(whole)
	moved := !reflect.DeepEqual(before.publications, after.publications)
	for i, v := range before.values {
		publication := v.Metric == measurement.RSIPublication || v.Metric == measurement.RSSPublication
		correctness := v.Metric == measurement.RSICorrectness || v.Metric == measurement.RSSCorrectness
		if !v.Thin || v.Verdict == metrics.NoData || correctness || publication && moved {
			continue
		}
		if now := after.values[i]; now.Verdict != v.Verdict {
			return fmt.Sprintf("%s: thin %s (%+v), completed %s (%+v)", name1(v), v.Verdict, v.Side, now.Verdict, now.Side)
		}
	}
	return ""
}

// lawOutage has all servers down over one path in a few intervals of a lake in which all
// else was sent, and then some of these queries never sent.
func lawOutage(r *rand.Rand, w lakeRows, judge judgement) string {
	w.cfg.Exclusions, w.cfg.Limits = nil, metrics.RSSAC047()
	w.cfg.Servers = config(1, 0, len(w.cfg.Servers)).Servers
	w = completed(r, w)
	p := pick(r, allPaths...)
	down := label(r.IntN(6))
	both := w
	w.rows, both.rows = slices.Clone(w.rows), slices.Clone(w.rows)
	for i, a := range w.rows {
		if a.Query == measurement.QuerySOA && pathOf(a) == p && !a.Interval.Before(down) {
			a.Outcome, a.LatencyUS, a.RCode, a.Serial = measurement.Timeout, nil, nil, nil
			w.rows[i] = a
			if a.RSI == "a" {
				a.Outcome, a.SentAt = measurement.LocalError, nil
			}
			both.rows[i] = a
		}
	}
	alone, with := judge(w).values, judge(both).values
	for i, v := range alone {
		if v.Metric == measurement.RSSAvailability && v.Verdict == metrics.Fail && with[i].Verdict == metrics.Pass {
			return fmt.Sprintf("%s: %s of the outage alone, %s with a local error", name1(v), v.Fraction, with[i].Fraction)
		}
	}
	return ""
}
