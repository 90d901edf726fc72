package metrics_test

import (
	"math/big"
	"slices"
	"sort"
	"time"

	"mtric.net/mtric/engine/measurement"
	"mtric.net/mtric/metrics"
)

// brute is the second opinion: each metric as section 4 words it, over lists of
// rows, without any thought of speed. It shares no code with the package.
type brute struct {
	cfg   metrics.Config
	rows  []measurement.Answer
	zones map[int64]measurement.ZoneState
	known map[int64]bool // answers of accepted
}

// bruteValue is what brute says of a metric.
type bruteValue struct {
	fraction string // "none", "late"
	count    int64
	verdict  metrics.Verdict
}

func (b brute) excluded(a measurement.Answer, withRSIs bool) bool {
	for _, e := range b.cfg.Exclusions {
		if len(e.RSIs) > 0 && !withRSIs || a.Interval.Before(e.From) || !a.Interval.Before(e.Until) {
			continue
		}
		if (len(e.VantagePoints) == 0 || slices.Contains(e.VantagePoints, a.VantagePoint)) &&
			(len(e.RSIs) == 0 || slices.Contains(e.RSIs, a.RSI)) &&
			(len(e.Paths) == 0 || slices.Contains(e.Paths, measurement.Path{Family: a.Family, Transport: a.Transport})) {
			return true
		}
	}
	return false
}

// of are the rows that a metric reads: level 0 as measured, 1 the system's, 2 an RSI's.
func (b brute) of(query string, level int) (rows []measurement.Answer) {
	for _, a := range b.rows {
		if a.Query == query && (level == 0 || !b.excluded(a, level == 2)) {
			rows = append(rows, a)
		}
	}
	return rows
}

func (b brute) inPeriod(a measurement.Answer) bool {
	return !a.Interval.Before(b.cfg.From) && a.Interval.Before(b.cfg.Until) && a.Interval.Before(b.cfg.DataUntil)
}

func isOK(a measurement.Answer) bool {
	return a.Outcome == measurement.Answered && *a.RCode == "NOERROR" && *a.LatencyUS <= 4_000_000
}

func bruteRatio(good, all, count int64, bound *big.Rat) bruteValue {
	if all == 0 {
		return bruteValue{"none", count, metrics.NoData}
	}
	v := bruteValue{metrics.Fraction{Num: good, Den: all}.String(), count, metrics.Fail}
	if new(big.Rat).Mul(big.NewRat(100, 1), big.NewRat(good, all)).Cmp(bound) >= 0 {
		v.verdict = metrics.Pass
	}
	return v
}

// bruteMedian sorts; late values stand for infinity.
func bruteMedian(values []int64, late int, scale int64, bound *big.Rat) bruteValue {
	n := len(values) + late
	if n == 0 {
		return bruteValue{"none", 0, metrics.NoData}
	}
	sort.Slice(values, func(i, j int) bool { return values[i] < values[j] })
	if n/2 >= len(values) {
		return bruteValue{"late", int64(n), metrics.Fail}
	}
	m := metrics.Fraction{Num: values[n/2], Den: 1}
	if n%2 == 0 {
		m = metrics.Fraction{Num: values[n/2-1] + values[n/2], Den: 2}
	}
	v := bruteValue{m.String(), int64(n), metrics.Fail}
	if big.NewRat(m.Num, m.Den*scale).Cmp(bound) <= 0 {
		v.verdict = metrics.Pass
	}
	return v
}

func (b brute) rsi(rsi measurement.RSI, p measurement.Path, level int) (availability, latency bruteValue) {
	var ok, asked int64
	var us []int64
	for _, a := range b.of("soa", level) {
		if a.RSI != rsi || a.Family != p.Family || a.Transport != p.Transport || !b.inPeriod(a) || a.Outcome == measurement.LocalError {
			continue
		}
		asked++
		if isOK(a) {
			ok++
			us = append(us, *a.LatencyUS)
		}
	}
	return bruteRatio(ok, asked, asked, b.cfg.Limits[metrics.RSIAvailability].Bound),
		bruteMedian(us, 0, 1000, b.cfg.Limits[metrics.LimitKey(metrics.RSILatency, p.Transport)].Bound)
}

func (b brute) rss(p measurement.Path, level int) (availability, latency bruteValue) {
	type place struct {
		t int64
		v measurement.VantagePoint
	}
	asked, fast := map[place]int{}, map[place][]int64{}
	for _, a := range b.of("soa", level) {
		if a.Family != p.Family || a.Transport != p.Transport || !b.inPeriod(a) || a.Outcome == measurement.LocalError {
			continue
		}
		at := place{a.Interval.UnixMicro(), a.VantagePoint}
		asked[at]++
		if isOK(a) {
			fast[at] = append(fast[at], *a.LatencyUS)
		}
	}
	n := len(b.cfg.RSIs)
	k := (2*(n-1) + 2) / 3
	var reached, needed, count int64
	var pool []int64
	for at, m := range asked {
		us := fast[at]
		if m < n && len(us) < k {
			continue
		}
		slices.Sort(us)
		us = us[:min(k, len(us))]
		reached, needed, count = reached+int64(len(us)), needed+int64(k), count+int64(m)
		pool = append(pool, us...)
	}
	return bruteRatio(reached, needed, count, b.cfg.Limits[metrics.RSSAvailability].Bound),
		bruteMedian(pool, 0, 1000, b.cfg.Limits[metrics.LimitKey(metrics.RSSLatency, p.Transport)].Bound)
}

// correctness of one RSI, or of all where rsi is empty.
func (b brute) correctness(rsi measurement.RSI, level int, bound *big.Rat) bruteValue {
	var correct, judged, waiting int64
	for _, a := range b.of("correctness", level) {
		if rsi != "" && a.RSI != rsi || !b.inPeriod(a) || a.Outcome != measurement.Answered || *a.LatencyUS > 4_000_000 ||
			*a.RCode != "NOERROR" && *a.RCode != "NXDOMAIN" {
			continue
		}
		switch {
		case a.Verdict != nil && *a.Verdict == measurement.Correct:
			correct, judged = correct+1, judged+1
		case a.Verdict != nil && *a.Verdict == measurement.Incorrect:
			judged++
		case a.Verdict != nil || !*a.TC:
			waiting++
		}
	}
	v := bruteRatio(correct, judged, judged, bound)
	if v.verdict == metrics.Pass && waiting > 0 {
		v.verdict = metrics.NoData
	}
	return v
}

func newer(a, b int64) bool { // RFC 1982, a at least as new as b
	d := uint32(a) - uint32(b)
	return d < 1<<31
}

// accepted says whether a serial is of a root zone (A13).
func (b brute) accepted(serial int64) bool {
	if state, known := b.zones[serial]; known {
		return state != measurement.ZoneBogus
	}
	if known, told := b.known[serial]; told {
		return known
	}
	from := map[measurement.RSI]bool{}
	for _, a := range b.of("soa", 0) {
		if isOK(a) && a.Serial != nil && *a.Serial == serial {
			from[a.RSI] = true
		}
	}
	b.known[serial] = len(from) > 1
	return b.known[serial]
}

// published lists T(s) of the serials of the period.
func (b brute) published(level int) map[int64]time.Time {
	first := map[int64]time.Time{}
	var start time.Time
	for _, a := range b.of("soa", level) {
		if !isOK(a) || a.Serial == nil || !b.accepted(*a.Serial) {
			continue
		}
		if t, seen := first[*a.Serial]; !seen || a.Interval.Before(t) {
			first[*a.Serial] = a.Interval
		}
		if start.IsZero() || a.Interval.Before(start) {
			start = a.Interval
		}
	}
	var initial []uint32
	for s, t := range first {
		if t.Equal(start) {
			initial = append(initial, uint32(s))
		}
	}
	for s, t := range first {
		for _, i := range initial {
			if i-uint32(s) < 1<<31 {
				t = start // it was there before the data
			}
		}
		if t.Equal(start) || t.Before(b.cfg.From) || !t.Before(b.cfg.Until) {
			delete(first, s)
		}
	}
	return first
}

// publication of one RSI, or of all where rsi is empty; T(s) is of the system's level.
func (b brute) publication(rsi measurement.RSI, level int, bound *big.Rat) bruteValue {
	end := b.cfg.Until.AddDate(0, 0, 7)
	if b.cfg.DataUntil.Before(end) {
		end = b.cfg.DataUntil
	}
	rows := b.of("soa", level)
	sort.SliceStable(rows, func(i, j int) bool { return rows[i].Interval.Before(rows[j].Interval) })
	var values []int64
	late := 0
	published := b.published(min(level, 1))
	for _, x := range b.cfg.RSIs {
		if rsi != "" && rsi != x {
			continue
		}
		for _, v := range b.cfg.VantagePoints {
			for s, t := range published {
				switch l, state := b.lag(rows, x, v.ID, s, t, end); state {
				case "seen":
					values = append(values, l)
				case "never":
					late++
				}
			}
		}
	}
	return bruteMedian(values, late, 1, bound)
}

// lag is L(v,X,s): seen, never seen, or dropped for want of a run (A12).
func (b brute) lag(rows []measurement.Answer, x measurement.RSI, v measurement.VantagePoint, s int64, t, end time.Time) (int64, string) {
	ran := false
	for at := t; at.Before(end); at = at.Add(5 * time.Minute) {
		var serials []int64
		asked := false
		for _, a := range rows {
			if a.RSI != x || a.VantagePoint != v || !a.Interval.Equal(at) || a.Outcome == measurement.LocalError {
				continue
			}
			asked = true
			if isOK(a) && a.Serial != nil && b.accepted(*a.Serial) {
				serials = append(serials, *a.Serial)
			}
		}
		seen := len(serials) > 0
		for _, m := range serials {
			seen = seen && newer(m, s)
		}
		if seen {
			if !ran && at.After(t) {
				return 0, "dropped"
			}
			return int64(at.Sub(t).Minutes()), "seen"
		}
		ran = ran || asked
	}
	if !ran {
		return 0, "dropped"
	}
	return 0, "never"
}
