package simulate_test

import (
	"math/big"
	"slices"
	"testing"
	"time"

	"mtric.net/mtric/engine/interval"
	"mtric.net/mtric/engine/lake"
	"mtric.net/mtric/engine/measurement"
	"mtric.net/mtric/engine/plan"
	"mtric.net/mtric/engine/simulate"
)

// rowsOf reads every row of a table that a simulation wrote.
func rowsOf[T lake.Row](t testing.TB, dir string, table lake.Table) []T {
	t.Helper()
	days, err := lake.Store{Dir: dir}.Days(table, time.Time{}, time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	var all []T
	for _, d := range days {
		rows, _, err := lake.Read[T](d.Path)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, rows...)
	}
	return all
}

// brute works the metrics out of rows by the definitions alone, slowly.
type brute struct {
	plan        *plan.Plan
	rows        []measurement.Answer
	from, until time.Time // of the period
	end         time.Time // of the data read for it
}

func available(a *measurement.Answer) bool {
	return a.Outcome == measurement.Answered && *a.RCode == "NOERROR"
}

func (b brute) values() []simulate.Value {
	var rsis []measurement.RSI
	q, _ := b.plan.Query("soa")
	for _, s := range b.plan.ServersOf(q.Servers) {
		rsis = append(rsis, s.RSI)
	}
	slices.Sort(rsis)
	var all []simulate.Value
	everywhere := func(metric string, value func(x measurement.RSI, p measurement.Path) simulate.Value, rsis []measurement.RSI) {
		for _, x := range rsis {
			for _, f := range measurement.Families {
				for _, tr := range measurement.Transports {
					v := value(x, measurement.Path{Family: f, Transport: tr})
					v.Metric, v.RSI, v.Family, v.Transport = metric, x, f, tr
					all = append(all, v)
				}
			}
		}
	}
	system := []measurement.RSI{""}
	everywhere("rsi_availability", b.availability, rsis)
	everywhere("rsi_response_latency", b.latency, rsis)
	for _, x := range append(rsis, "") {
		v := b.correctness(x)
		v.Metric, v.RSI = "rsi_correctness", x
		all = append(all, v)
	}
	rssCorrectness := all[len(all)-1]
	all = all[:len(all)-1]
	var pooled []int64
	unobservable := int64(0)
	for _, x := range rsis {
		minutes, lost := b.publication(x)
		v := median(minutes)
		v.Metric, v.RSI, v.Unobservable = "rsi_publication_latency", x, lost
		all = append(all, v)
		pooled, unobservable = append(pooled, minutes...), unobservable+lost
	}
	k := 2 * (len(rsis) - 1)
	k = (k + 2) / 3
	everywhere("rss_availability", func(_ measurement.RSI, p measurement.Path) simulate.Value { v, _ := b.system(p, k); return v }, system)
	everywhere("rss_response_latency", func(_ measurement.RSI, p measurement.Path) simulate.Value { _, v := b.system(p, k); return v }, system)
	rssCorrectness.Metric = "rss_correctness"
	publication := median(pooled)
	publication.Metric, publication.Unobservable = "rss_publication_latency", unobservable
	all = append(all, rssCorrectness, publication)
	for i := range all {
		b.judge(&all[i])
	}
	return all
}

// within are the rows of a query whose interval lies in the period (A9), of an
// RSI and a path; the zero RSI is every one.
func (b brute) within(query string, x measurement.RSI, p *measurement.Path) []*measurement.Answer {
	var some []*measurement.Answer
	for i := range b.rows {
		a := &b.rows[i]
		if a.Query == query && (x == "" || a.RSI == x) && (p == nil || a.Family == p.Family && a.Transport == p.Transport) &&
			!a.Interval.Before(b.from) && a.Interval.Before(b.until) {
			some = append(some, a)
		}
	}
	return some
}

func fraction(n, d, count int64) simulate.Value {
	if d == 0 {
		return simulate.Value{Count: count}
	}
	return simulate.Value{Numerator: &n, Denominator: &d, Count: count}
}

func (b brute) availability(x measurement.RSI, p measurement.Path) simulate.Value {
	good, sent := int64(0), int64(0)
	for _, a := range b.within("soa", x, &p) {
		if a.Outcome == measurement.LocalError {
			continue
		}
		sent++
		if available(a) {
			good++
		}
	}
	return fraction(good, sent, sent)
}

func (b brute) latency(x measurement.RSI, p measurement.Path) simulate.Value {
	var us []int64
	for _, a := range b.within("soa", x, &p) {
		if available(a) {
			us = append(us, *a.LatencyUS)
		}
	}
	return median(us)
}

const never = int64(1) << 62

// median of values of which never is beyond the end of the data (P4).
func median(values []int64) simulate.Value {
	v := simulate.Value{Count: int64(len(values))}
	if len(values) == 0 {
		return v
	}
	slices.Sort(values)
	low, high := values[(len(values)-1)/2], values[len(values)/2]
	if high == never {
		v.Censored = true
		return v
	}
	if len(values)%2 == 1 {
		return fraction(high, 1, v.Count)
	}
	return fraction(low+high, 2, v.Count)
}

func (b brute) correctness(x measurement.RSI) simulate.Value {
	good, received := int64(0), int64(0)
	for _, a := range b.within("correctness", x, nil) {
		if a.Outcome != measurement.Answered || (*a.RCode != "NOERROR" && *a.RCode != "NXDOMAIN") {
			continue
		}
		received++
		if *a.Verdict == measurement.Correct {
			good++
		}
	}
	return fraction(good, received, received)
}

// system is availability and latency of the RSS over a path.
func (b brute) system(p measurement.Path, k int) (availability, latency simulate.Value) {
	type run struct {
		vp measurement.VantagePoint
		at time.Time
	}
	asked, lost, us := map[run]int64{}, map[run]bool{}, map[run][]int64{}
	for _, a := range b.within("soa", "", &p) {
		r := run{a.VantagePoint, a.Interval}
		if a.Outcome == measurement.LocalError {
			lost[r] = true
			continue
		}
		asked[r]++
		if available(a) {
			us[r] = append(us[r], *a.LatencyUS)
		}
	}
	good, most, sent := int64(0), int64(0), int64(0)
	var pool []int64
	for r, n := range asked {
		if lost[r] && len(us[r]) < k {
			continue // A6
		}
		slices.Sort(us[r])
		lowest := us[r][:min(k, len(us[r]))]
		good, most, sent = good+int64(len(lowest)), most+int64(k), sent+n
		pool = append(pool, lowest...)
	}
	return fraction(good, most, sent), median(pool)
}

// newer is serial comparison by RFC 1982: a >= b.
func newer(a, b int64) bool { return int32(uint32(a)-uint32(b)) >= 0 }

// publication are the values L(v,X,s) in minutes of one RSI, and how many were
// unobservable.
func (b brute) publication(x measurement.RSI) (minutes []int64, unobservable int64) {
	began := map[int64]time.Time{} // T(s)
	type place struct {
		vp measurement.VantagePoint
		at time.Time
	}
	least, asked := map[place]int64{}, map[place]bool{}
	vps := map[measurement.VantagePoint]bool{}
	first := time.Time{}
	for i := range b.rows {
		a := &b.rows[i]
		if a.Query != "soa" || !a.Interval.Before(b.end) {
			continue
		}
		vps[a.VantagePoint] = true
		at := place{a.VantagePoint, a.Interval}
		if a.RSI == x && a.Outcome != measurement.LocalError {
			asked[at] = true
		}
		if !available(a) || a.Serial == nil {
			continue
		}
		if t, known := began[*a.Serial]; !known || a.Interval.Before(t) {
			began[*a.Serial] = a.Interval
		}
		if first.IsZero() || a.Interval.Before(first) {
			first = a.Interval
		}
		if a.RSI != x {
			continue
		}
		if m, known := least[at]; !known || newer(m, *a.Serial) {
			least[at] = *a.Serial
		}
	}
	old := int64(0)
	for s, t := range began {
		if t.Equal(first) && (old == 0 || newer(s, old)) {
			old = s
		}
	}
	for s, begin := range began {
		if newer(old, s) || begin.Before(b.from) || !begin.Before(b.until) {
			continue
		}
		for vp := range vps {
			waited, seen := false, never
			for at := begin; at.Before(b.end); at = at.Add(interval.Length) {
				m, known := least[place{vp, at}]
				if known && newer(m, s) {
					seen = int64(at.Sub(begin) / time.Minute)
					break
				}
				waited = waited || asked[place{vp, at}]
			}
			if seen != 0 && !waited {
				unobservable++
				continue
			}
			minutes = append(minutes, seen)
		}
	}
	return minutes, unobservable
}

// judge compares a value with the thresholds of RSSAC047, written out.
func (b brute) judge(v *simulate.Value) {
	v.Verdict = "no_data"
	if v.Censored {
		v.Verdict = "fail"
	}
	if v.Numerator == nil {
		return
	}
	value := big.NewRat(*v.Numerator, *v.Denominator)
	limit, least := new(big.Rat), false
	udp := v.Transport == measurement.UDP
	switch v.Metric {
	case "rsi_availability":
		limit, least = big.NewRat(96, 100), true
	case "rss_availability":
		limit, least = big.NewRat(99999, 100000), true
	case "rsi_correctness", "rss_correctness":
		limit, least = big.NewRat(1, 1), true
	case "rsi_response_latency":
		limit.SetInt64(map[bool]int64{true: 250_000, false: 500_000}[udp])
	case "rss_response_latency":
		limit.SetInt64(map[bool]int64{true: 150_000, false: 300_000}[udp])
	case "rsi_publication_latency":
		limit.SetInt64(65)
	case "rss_publication_latency":
		limit.SetInt64(35)
	}
	v.Verdict = "fail"
	if c := value.Cmp(limit); c == 0 || (c > 0) == least {
		v.Verdict = "pass"
	}
}
