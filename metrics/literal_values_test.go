package metrics_test

import (
	"math/big"
	"slices"

	"mtric.net/mtric/engine/measurement"
	"mtric.net/mtric/metrics"
)

// opinion is what the reference says of a lake.
type opinion struct {
	values       []metrics.Value
	slots        metrics.Slots
	stray        int64
	thin         bool
	frames       []metrics.Frame
	publications []metrics.Publication
	lags         []metrics.Lag // the waits that the values of RSIs are made of
}

// tally is what a metric adds up, of one vantage point or of several.
type tally struct {
	planned, sent int64   // the queries that the value rests on
	g, d, u       int64   // proven, disproven, unknown; of a median only u
	count         int64   // good and bad
	list          []int64 // of a median: µs or minutes
	late          int64   // of a median: those that are infinite

	goodBelow, goodAbove, badBelow, badAbove int64 // RSS latency: favourably and unfavourably

	correct, incorrect, held, unobservable int64
}

func (a *tally) add(b tally) {
	a.planned, a.sent = a.planned+b.planned, a.sent+b.sent
	a.g, a.d, a.u, a.count = a.g+b.g, a.d+b.d, a.u+b.u, a.count+b.count
	a.list, a.late = append(slices.Clone(a.list), b.list...), a.late+b.late
	a.goodBelow, a.goodAbove, a.badBelow, a.badAbove = a.goodBelow+b.goodBelow, a.goodAbove+b.goodAbove, a.badBelow+b.badBelow, a.badAbove+b.badAbove
	a.correct, a.incorrect, a.held, a.unobservable = a.correct+b.correct, a.incorrect+b.incorrect, a.held+b.held, a.unobservable+b.unobservable
}

// key is one value of a report.
type key struct {
	metric measurement.Metric
	rsi    measurement.RSI
	path   measurement.Path
}

func (k key) limit(cfg metrics.Config) metrics.Limit {
	return cfg.Limits[metrics.LimitKey(k.metric, k.path.Transport)]
}

// scale is how many units of the fraction one unit of the threshold has.
func (k key) scale() int64 {
	if k.metric == measurement.RSILatency || k.metric == measurement.RSSLatency {
		return 1000
	}
	return 1
}

// level of exclusions of the metric.
func (k key) level() int {
	if k.rsi == "" {
		return forSystem
	}
	return forRSIs
}

func (l *literal) keys() (list []key) {
	for _, metric := range measurement.Metrics {
		rsis := []measurement.RSI{""}
		if metric[:3] == "rsi" {
			rsis = nil
			for _, s := range l.cfg.Servers {
				rsis = append(rsis, s.RSI)
			}
		}
		for _, x := range rsis {
			switch metric {
			case measurement.RSICorrectness, measurement.RSSCorrectness, measurement.RSIPublication, measurement.RSSPublication:
				list = append(list, key{metric, x, measurement.Path{}})
			case measurement.RSIAvailability, measurement.RSILatency, measurement.RSSAvailability, measurement.RSSLatency:
				for _, p := range allPaths {
					list = append(list, key{metric, x, p})
				}
			}
		}
	}
	return list
}

// servers that a value is of.
func (l *literal) servers(k key) (list []metrics.Server) {
	for _, s := range l.cfg.Servers {
		if k.rsi == "" || s.RSI == k.rsi {
			list = append(list, s)
		}
	}
	return list
}

// tallied is where a tally is kept: but for publications it is the same whoever else
// is in the report.
type tallied struct {
	key
	level int
	vp    measurement.VantagePoint
}

// of tallies a value at one vantage point.
func (l *literal) of(k key, level int, v metrics.VantagePoint) tally {
	at, kept := tallied{k, level, v.ID}, l.tallies
	if k.metric == measurement.RSIPublication || k.metric == measurement.RSSPublication {
		kept = l.waited
	}
	t, known := kept[at]
	if !known {
		t = l.tally(k, level, v)
		kept[at] = t
	}
	return t
}

func (l *literal) tally(k key, level int, v metrics.VantagePoint) (t tally) {
	switch k.metric {
	case measurement.RSICorrectness, measurement.RSSCorrectness:
		for _, x := range l.servers(k) {
			l.answers(level, v, x, &t)
		}
	case measurement.RSIPublication, measurement.RSSPublication:
		for _, x := range l.servers(k) {
			for _, p := range allPaths {
				l.coverage(level, v, x, p, &t)
			}
			l.waits(level, v, x, k.limit(l.cfg).Bound, &t)
		}
	case measurement.RSSAvailability, measurement.RSSLatency:
		for _, x := range l.cfg.Servers {
			l.coverage(level, v, x, k.path, &t)
		}
		l.cells(k, level, v, &t)
	case measurement.RSIAvailability, measurement.RSILatency:
		l.coverage(level, v, l.servers(k)[0], k.path, &t)
		l.queries(k, level, v, l.servers(k)[0], &t)
	}
	return t
}

// coverage counts planned and sent SOA queries.
func (l *literal) coverage(level int, v metrics.VantagePoint, x metrics.Server, p measurement.Path, t *tally) {
	for _, at := range l.labels() {
		s, _ := l.soa(level, v, at, x, p)
		if s != noSlot {
			t.planned++
		}
		if s.sent() {
			t.sent++
		}
	}
}

// queries tallies availability and latency of one server.
func (l *literal) queries(k key, level int, v metrics.VantagePoint, x metrics.Server, t *tally) {
	for _, at := range l.labels() {
		s, a := l.soa(level, v, at, x, k.path)
		switch s {
		case noSlot:
		case goodState:
			t.g++
			if k.metric == measurement.RSILatency {
				t.list = append(t.list, *a.LatencyUS)
			}
		case badState:
			t.d++
		default:
			t.u++
		}
	}
	t.count = t.g + t.d
	if k.metric == measurement.RSILatency && l.mistake == "what is missing was fast" {
		t.u = 0
	}
}

// cells tallies availability and latency of the system, cell by cell.
func (l *literal) cells(k key, level int, v metrics.VantagePoint, t *tally) {
	bound := k.limit(l.cfg).Bound
	for _, at := range l.labels() {
		var good, bad, u, below, above int64
		var us []int64
		for _, x := range l.cfg.Servers {
			s, a := l.soa(level, v, at, x, k.path)
			switch s {
			case noSlot:
			case goodState:
				good++
				us = append(us, *a.LatencyUS)
				if l.over(k, *a.LatencyUS, bound) {
					above++
				} else {
					below++
				}
			case badState:
				bad++
			default:
				u++
			}
		}
		n := len(l.frame(at))
		if l.mistake == "the frame has no dates" {
			n = len(l.cfg.Servers)
		}
		need := min(int64(kOf(n)), good+bad+u)
		if l.mistake == "a partial run is whole" && good+bad > 0 {
			u = 0
		}
		t.count += good + bad
		g := min(need, good)
		d := max(0, need-good-u)
		if l.mistake == "a partial run counts nothing" && u > 0 && good < need {
			d = 0
		}
		t.g, t.d, t.u = t.g+g, t.d+d, t.u+need-g-d
		slices.Sort(us)
		if u == 0 || good >= need {
			t.list = append(t.list, us[:g]...)
		}
		fast := min(need, below+u)
		t.goodBelow, t.goodAbove = t.goodBelow+fast, t.goodAbove+min(need-fast, above)
		t.badBelow += min(g, below)
		t.badAbove += max(0, g-below) + min(u, need-g)
	}
}

// over says whether a sample lies above the bound of the metric.
func (l *literal) over(k key, n int64, bound *big.Rat) bool {
	return big.NewRat(n, k.scale()).Cmp(bound) > 0
}

// answers tallies correctness.
func (l *literal) answers(level int, v metrics.VantagePoint, x metrics.Server, t *tally) {
	for _, at := range l.labels() {
		s, rows := l.check(level, v, at, x)
		if s != noSlot {
			t.planned++
		}
		if s.sent() {
			t.sent++
		}
		for _, a := range rows {
			if a.Outcome != measurement.Answered || *a.LatencyUS > 4_000_000 || *a.RCode != "NOERROR" && *a.RCode != "NXDOMAIN" {
				continue
			}
			switch {
			case a.Verdict != nil && *a.Verdict == measurement.Correct:
				t.correct++
			case a.Verdict != nil && *a.Verdict == measurement.Incorrect:
				t.incorrect++
			case a.Verdict != nil || a.TC == nil || !*a.TC:
				t.held++
			}
		}
	}
}
