package metrics_test

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"time"

	"mtric.net/mtric/engine/interval"
	"mtric.net/mtric/engine/measurement"
	"mtric.net/mtric/engine/plan"
	"mtric.net/mtric/metrics"
)

// held keeps T(s) and what is accepted, whatever becomes of the rows.
func held(w lakeRows, o opinion) lakeRows {
	w.cfg.Publications = append([]metrics.Publication{}, o.publications...)
	w.cfg.Accepted = newLiteral(w, "").acceptedSerials()
	return w
}

func (l *literal) acceptedSerials() map[uint32]bool {
	all := map[uint32]bool{}
	for _, a := range l.rows {
		if a.Serial != nil && l.accepted(uint32(*a.Serial)) {
			all[uint32(*a.Serial)] = true
		}
	}
	return all
}

// lagsOf are waits by place, but those of one vantage point.
func lagsOf(o opinion, but measurement.VantagePoint) map[string]int64 {
	all := map[string]int64{}
	for _, l := range o.lags {
		if l.VantagePoint != but {
			minutes := l.Minutes
			if l.Censored {
				minutes += 1 << 40
			}
			all[fmt.Sprint(l.Serial, l.Published, l.VantagePoint, l.RSI)] = minutes
		}
	}
	return all
}

func lawAbsence(r *rand.Rand, w lakeRows, judge judgement) string {
	if len(w.cfg.VantagePoints) == 0 {
		return ""
	}
	before := judge(w)
	w = held(w, before)
	v := pick(r, w.cfg.VantagePoints...).ID
	gone := w
	gone.rows = slices.DeleteFunc(slices.Clone(w.rows), func(a measurement.Answer) bool { return a.VantagePoint == v })
	if x, y := lagsOf(judge(w), v), lagsOf(judge(gone), v); !reflect.DeepEqual(x, y) {
		return fmt.Sprintf("without %s the waits %v became %v", v, x, y)
	}
	return ""
}

// silentAfter are the waits whose server was asked after it had shown the serial, and did
// not show it: silence is going back too.
func (l *literal) silentAfter() map[string]bool {
	all := map[string]bool{}
	for _, p := range l.publications() {
		shown := map[string]bool{}
		for at := p.T; at.Before(l.end()); at = at.Add(interval.Length) {
			for _, v := range l.vps {
				for _, x := range l.cfg.Servers {
					here, key := l.sights(forRSIs)[serverAt{runAt(v.ID, at), x.RSI}], waitName(p.Serial, v.ID, x.RSI)
					shows := here.m != nil && (*here.m == p.Serial || newerThan(*here.m, p.Serial))
					shown[key] = shown[key] || shows
					all[key] = all[key] || here.asked && shown[key] && !shows
				}
			}
		}
	}
	return all
}

func waitName(s uint32, v measurement.VantagePoint, x measurement.RSI) string {
	return fmt.Sprint(s, " ", v, x)
}

func lawSilence(r *rand.Rand, w lakeRows, judge judgement) string {
	w = held(w, judge(w))
	over := func(o opinion) map[string]bool {
		all := map[string]bool{}
		bound := w.cfg.Limits[string(measurement.RSIPublication)].Bound
		for _, l := range o.lags {
			if minutes, _ := bound.Float64(); l.Censored || float64(l.Minutes) > minutes {
				all[waitName(l.Serial, l.VantagePoint, l.RSI)] = true
			}
		}
		return all
	}
	before, silent := over(judge(w)), newLiteral(w, "").silentAfter()
	for at := range over(judge(dropped(r, w))) {
		if !before[at] && !silent[at] {
			return at + " is over the threshold for want of queries"
		}
	}
	return ""
}

// lawLiar has one vantage point say what it likes: what the others make no fail without
// it rests on it.
func lawLiar(r *rand.Rand, w lakeRows, judge judgement) string {
	if len(w.cfg.VantagePoints) < 2 {
		return ""
	}
	w.cfg.Publications, w.cfg.Accepted = nil, nil
	liar := pick(r, w.cfg.VantagePoints...).ID
	chosen := some(r, w)
	lie := pick(r, good(4_000_000), good(250_001), failed(measurement.Timeout), judged(measurement.Incorrect))
	var serial *int64
	if len(w.zones) > 0 {
		serial = &w.zones[r.IntN(len(w.zones))].Serial
	}
	w.rows = slices.Clone(w.rows)
	for i, a := range w.rows {
		if a.VantagePoint != liar || !chosen(a) {
			continue
		}
		told := answer(a.Query, liar, a.Interval, a.RSI, pathOf(a), lie)
		if told.Address = a.Address; told.RCode != nil && a.Query == measurement.QuerySOA {
			told.Verdict, told.Serial = nil, serial
		}
		w.rows[i] = told
	}
	alone := w
	gone := func(v metrics.VantagePoint) bool { return v.ID == liar }
	alone.cfg.VantagePoints = slices.DeleteFunc(slices.Clone(w.cfg.VantagePoints), gone)
	alone.rows = slices.DeleteFunc(slices.Clone(w.rows), func(a measurement.Answer) bool { return a.VantagePoint == liar })
	with, without := judge(w), judge(alone)
	for i, v := range with.values {
		publication := v.Metric == measurement.RSIPublication || v.Metric == measurement.RSSPublication
		if v.Verdict != metrics.Fail || without.values[i].Verdict == metrics.Fail || slices.Contains(v.RestsOn, liar) {
			continue
		}
		if publication && !reflect.DeepEqual(serialsOf(with), serialsOf(without)) {
			continue // the serials of the period are held
		}
		return fmt.Sprintf("%s fails by %s alone, but rests on %v", name1(v), liar, v.RestsOn)
	}
	return ""
}

func serialsOf(o opinion) (list []uint32) {
	for _, p := range o.publications {
		list = append(list, p.Serial)
	}
	slices.Sort(list)
	return list
}

// lawWitnesses counts who showed a serial at all.
func lawWitnesses(_ *rand.Rand, w lakeRows, judge judgement) string {
	if len(w.cfg.VantagePoints) == 0 || w.cfg.Publications != nil {
		return ""
	}
	for _, p := range judge(w).publications {
		until := p.T.Add(15 * time.Minute)
		saw, there, older := map[measurement.VantagePoint]bool{}, 0, false
		for _, a := range w.rows {
			if a.Query == measurement.QuerySOA && isGood(a) && a.Serial != nil && !a.Interval.After(until) {
				saw[a.VantagePoint] = saw[a.VantagePoint] || uint32(*a.Serial) == p.Serial
				older = older || uint32(*a.Serial) != p.Serial && a.Interval.Before(p.T)
			}
		}
		n := 0
		for _, v := range w.cfg.VantagePoints {
			if saw[v.ID] {
				n++
			}
			if slices.ContainsFunc([]int{0, 5, 10, 15}, func(m int) bool { return within(v, p.T.Add(time.Duration(m)*time.Minute)) }) {
				there++
			}
		}
		for _, z := range w.zones {
			if uint32(z.Serial) == p.Serial && z.ArchivedAt != nil && !z.ArchivedAt.After(until) {
				n++
			}
		}
		if !older {
			return fmt.Sprintf("serial %d is new at %s, with nothing before it", p.Serial, p.T)
		}
		if n < 2 && there > 1 {
			return fmt.Sprintf("serial %d is new at %s on the word of one", p.Serial, p.T)
		}
	}
	return ""
}

// lawNothing takes serials from answers that must have no weight in any T(s).
func lawNothing(_ *rand.Rand, w lakeRows, judge judgement) string {
	zones, runs := map[int64]measurement.Zone{}, map[run]measurement.Run{}
	for _, z := range w.zones {
		zones[z.Serial] = z
	}
	for _, r := range w.runs {
		runs[runAt(r.VantagePoint, r.Interval)] = r
	}
	serials := map[run]map[int64]bool{}
	for _, a := range w.rows {
		at := runAt(a.VantagePoint, a.Interval)
		if serials[at] == nil {
			serials[at] = map[int64]bool{}
		}
		if a.Query == measurement.QuerySOA && a.Serial != nil {
			serials[at][*a.Serial] = true
		}
	}
	without := w
	without.rows = slices.Clone(w.rows)
	for i, a := range w.rows {
		at := runAt(a.VantagePoint, a.Interval)
		r, known := runs[at]
		if a.Serial == nil || a.Query != measurement.QuerySOA {
			continue
		}
		z, listed := zones[*a.Serial]
		bogus := w.cfg.Accepted == nil && (!listed || z.State == measurement.ZoneBogus)
		early := z.SignedAt != nil && a.SentAt.Before(z.SignedAt.Add(-5*time.Minute))
		untrusted := known && (r.ClockSynchronized != nil && !*r.ClockSynchronized || r.ReceivedAt.Before(r.Interval))
		if many := len(serials[at]) > 16; many && a.RSI < "v" || !many && (bogus || early || untrusted) {
			without.rows[i].Serial = nil
		}
	}
	if x, y := judge(w).publications, judge(without).publications; !reflect.DeepEqual(x, y) {
		return fmt.Sprintf("what has no weight makes %v of %v", x, y)
	}
	return ""
}

// lawOffPlan takes out SOA rows that were asked at another address than the plan's.
func lawOffPlan(_ *rand.Rand, w lakeRows, judge judgement) string {
	if len(w.cfg.VantagePoints) == 0 {
		return ""
	}
	without := w
	without.rows = slices.DeleteFunc(slices.Clone(w.rows), func(a measurement.Answer) bool {
		return a.Query == measurement.QuerySOA && a.RSI < "v" && (a.Address == "" || a.Address == "nonsense" || a.Address == "198.51.100.1")
	})
	return differs(judge(w), judge(without))
}

func differs(x, y opinion) string {
	for i, v := range x.values {
		if !reflect.DeepEqual(v, y.values[i]) {
			return fmt.Sprintf("%s: %+v became %+v", name1(v), v, y.values[i])
		}
	}
	return ""
}

// lawLate takes out rows of runs that came after the report.
func lawLate(_ *rand.Rand, w lakeRows, judge judgement) string {
	if w.cfg.ReceivedUntil.IsZero() {
		return ""
	}
	late := map[run]bool{}
	for _, r := range w.runs {
		late[runAt(r.VantagePoint, r.Interval)] = r.IngestedAt != nil && r.IngestedAt.After(w.cfg.ReceivedUntil)
	}
	without := w
	without.rows = slices.DeleteFunc(slices.Clone(w.rows), func(a measurement.Answer) bool { return late[runAt(a.VantagePoint, a.Interval)] })
	return differs(judge(w), judge(without))
}

// lawFuture adds a server that joins when all is over.
func lawFuture(_ *rand.Rand, w lakeRows, judge judgement) string {
	more := w
	joins := w.cfg.DataUntil.AddDate(0, 1, 0)
	more.cfg.Servers = append(slices.Clone(w.cfg.Servers), metrics.Server{RSI: "q", Addresses: []plan.Address{
		{Family: measurement.IPv4, Address: address("q", measurement.IPv4), From: &joins}}})
	y := judge(more)
	y.values = slices.DeleteFunc(slices.Clone(y.values), func(v metrics.Value) bool { return v.RSI == "q" })
	return differs(judge(w), y)
}

// lawOwnExclusion takes out exclusions of some RSIs.
func lawOwnExclusion(_ *rand.Rand, w lakeRows, judge judgement) string {
	without := w
	without.cfg.Exclusions = slices.DeleteFunc(slices.Clone(w.cfg.Exclusions), func(e metrics.Exclusion) bool { return len(e.RSIs) > 0 })
	x, y := judge(w), judge(without)
	system := func(v metrics.Value) bool { return v.RSI != "" }
	x.values, y.values = slices.DeleteFunc(slices.Clone(x.values), system), slices.DeleteFunc(slices.Clone(y.values), system)
	if !reflect.DeepEqual(x.publications, y.publications) {
		return fmt.Sprintf("an RSI's exclusion makes %v of %v", x.publications, y.publications)
	}
	return differs(x, y)
}

func lawHeld(_ *rand.Rand, w lakeRows, judge judgement) string {
	for _, v := range judge(w).values {
		if v.Verdict == metrics.Pass && v.Held > 0 && (v.Metric == measurement.RSICorrectness || v.Metric == measurement.RSSCorrectness) && 99*v.Held > v.Count {
			return fmt.Sprintf("%s passes with %d of %d held", name1(v), v.Held, v.Held+v.Count)
		}
	}
	return ""
}
