package simulate_test

import (
	"math/big"
	"slices"
	"time"

	"mtric.net/mtric/engine/measurement"
	"mtric.net/mtric/engine/plan"
	"mtric.net/mtric/engine/simulate"
)

func fraction(n, d, count int64) simulate.Value {
	if d == 0 {
		return simulate.Value{Count: count}
	}
	return simulate.Value{Numerator: &n, Denominator: &d, Count: count}
}

// availability is a value of so many proven, disproven and unknown.
func (b brute) availability(v simulate.Value, c counted, g, d, u int64) simulate.Value {
	own := fraction(g, g+d, c.sent())
	own.Metric, own.RSI, own.Family, own.Transport, own.Thin = v.Metric, v.RSI, v.Family, v.Transport, c.thin()
	b.judge(&own)
	all := g + d + u
	if all == 0 {
		return own
	}
	low, high := own, own
	low.Numerator, low.Denominator, high.Numerator, high.Denominator = &g, &all, new(g+u), &all
	b.judge(&low)
	b.judge(&high)
	if own.Thin {
		if own.Verdict = low.Verdict; low.Verdict != high.Verdict {
			own.Verdict = "no_data"
		}
	}
	if len(b.plan.VantagePoints) > 0 {
		own.Bounds = &simulate.Bounds{Low: simulate.Bound{Numerator: g, Denominator: all, Verdict: low.Verdict},
			High: simulate.Bound{Numerator: g + u, Denominator: all, Verdict: high.Verdict}}
	}
	return own
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

func split(values []int64, bound int64) (below, above int64) {
	for _, v := range values {
		if v <= bound {
			below++
		} else {
			above++
		}
	}
	return below, above
}

// thinly takes a verdict back that what is missing could change.
func thinly(v *simulate.Value, fails, passes bool) {
	if v.Thin && (v.Verdict == "fail" && !fails || v.Verdict == "pass" && !passes) {
		v.Verdict = "no_data"
	}
}

func (b brute) latency(v simulate.Value, c counted) simulate.Value {
	own := median(c.us)
	own.Metric, own.RSI, own.Family, own.Transport, own.Thin = "rsi_response_latency", v.RSI, v.Family, v.Transport, c.thin()
	b.judge(&own)
	below, above := split(c.us, map[measurement.Transport]int64{"udp": 250_000, "tcp": 500_000, "tls": 0}[v.Transport])
	thinly(&own, above > below+c.u(), below > above+c.u())
	return own
}

// system is availability and latency of the RSS over a path.
func (b brute) system(p measurement.Path) (availability, latency simulate.Value) {
	all := counted{}
	var g, d, u, bestAbove, bestBelow, worstAbove, worstBelow int64
	var pool []int64
	bound := map[measurement.Transport]int64{"udp": 150_000, "tcp": 300_000, "tls": 0}[p.Transport]
	b.each(func(t time.Time, v plan.VantagePoint) {
		c := counted{}
		for _, s := range b.servers() {
			if _, valid := s.AddressAt(p.Family, t); valid {
				a := b.soa(t, v.ID, s.RSI, p)
				c.add(a, became(a, s, t))
			}
		}
		all.addAll(c)
		k := min(b.k(t), c.planned())
		proven, disproven := min(k, c.n["good"]), max(0, k-c.n["good"]-c.u())
		g, d, u = g+proven, d+disproven, u+k-proven-disproven
		slices.Sort(c.us)
		below, above := split(c.us, bound)
		best := min(k, below+c.u())
		bestBelow, bestAbove = bestBelow+best, bestAbove+min(k-best, above)
		below, above = split(c.us[:proven], bound)
		worstBelow, worstAbove = worstBelow+below, worstAbove+above+min(c.u(), k-proven)
		if c.u() == 0 || c.n["good"] >= k {
			pool = append(pool, c.us[:proven]...)
		}
	})
	v := simulate.Value{Family: p.Family, Transport: p.Transport, Metric: "rss_availability"}
	availability = b.availability(v, all, g, d, u)
	latency = median(pool)
	latency.Metric, latency.Family, latency.Transport, latency.Thin = "rss_response_latency", p.Family, p.Transport, all.thin()
	b.judge(&latency)
	thinly(&latency, bestAbove > bestBelow, worstBelow > worstAbove)
	return availability, latency
}

// checked are an RSI's correctness queries, and its answers.
type checked struct {
	counted
	correct, incorrect, held int64
}

func (c *checked) addAll(o checked) {
	c.counted.addAll(o.counted)
	c.correct, c.incorrect, c.held = c.correct+o.correct, c.incorrect+o.incorrect, c.held+o.held
}

func (b brute) checks(s plan.Server) (c checked) {
	b.each(func(t time.Time, v plan.VantagePoint) {
		if !hasAny(s, t) {
			return
		}
		seen := map[string]bool{"missing": true}
		for _, a := range b.rows[place{v.ID, t.Unix()}] {
			if a.Query != "correctness" || a.RSI != s.RSI {
				continue
			}
			what := became(a, s, t)
			if what == "good" {
				what = "bad" // sent, no more
			}
			if seen[what] = true; what != "bad" || a.Verdict == nil {
				continue
			}
			switch *a.Verdict {
			case measurement.Correct:
				c.correct++
			case measurement.Incorrect:
				c.incorrect++
			case measurement.Unchecked:
				c.held++
			}
		}
		for _, what := range []string{"bad", "unsent", "off plan", "missing"} {
			if seen[what] {
				c.add(nil, what)
				break
			}
		}
	})
	return c
}

func (b brute) correctness(metric measurement.Metric, own, all checked) simulate.Value {
	judged := own.correct + own.incorrect
	v := fraction(own.correct, judged, judged)
	v.Metric, v.Held, v.Thin = metric, own.held, own.thin()
	b.judge(&v)
	share := func(c checked) *big.Rat { return big.NewRat(c.held, max(1, c.correct+c.incorrect+c.held)) }
	few := share(own).Cmp(big.NewRat(1, 100)) <= 0 && (own.held <= 10 || share(own).Cmp(new(big.Rat).Mul(big.NewRat(2, 1), share(all))) <= 0)
	if v.Verdict == "pass" && !few {
		v.Verdict = "no_data"
	}
	return v
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
