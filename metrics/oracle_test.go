package metrics_test

import (
	"slices"
	"testing"

	"mtric.net/mtric/engine/column"
	"mtric.net/mtric/engine/measurement"
	"mtric.net/mtric/metrics"
)

// TestK is the table of 4.1.
func TestK(t *testing.T) {
	for n, k := range map[int]int{8: 5, 9: 6, 10: 6, 11: 7, 12: 8, 13: 8, 14: 9, 15: 10, 16: 10, 17: 11, 18: 12, 19: 12, 20: 13} {
		if got := metrics.K(n); got != k {
			t.Errorf("K(%d) = %d, want %d", n, got, k)
		}
	}
}

// month adds a month's SOA rows over one path: what reports what became of the
// query of an interval (from the start of the month), vantage point and RSI. It
// makes columns at once; rows would take minutes.
func month(t *testing.T, c metrics.Config, days int, p measurement.Path, what func(at, vp, rsi int) result) *metrics.Result {
	t.Helper()
	a := accumulator(t, c)
	outcomes := []string{string(measurement.Answered), string(measurement.Timeout)}
	for day := range days {
		n := 288 * len(c.VantagePoints) * len(c.Servers)
		empty := columns(n)
		fixed := func(s string) *column.Column { return &column.Column{Dict: []string{s}, Index: make([]int32, n)} }
		b := metrics.Batch{Rows: n, Interval: empty(), LatencyUS: empty(), TC: empty(), Serial: empty(), VantagePoint: empty(), RSI: empty(),
			Address: empty(), Outcome: empty(), RCode: empty(), Verdict: empty(), NSID: empty(), Query: fixed(measurement.QuerySOA), Family: fixed(string(p.Family)), Transport: fixed(string(p.Transport))}
		b.Outcome.Dict, b.RCode.Dict, b.Serial.Null = outcomes, []string{"NOERROR"}, slices.Repeat([]bool{true}, n)
		for _, v := range c.VantagePoints {
			b.VantagePoint.Dict = append(b.VantagePoint.Dict, string(v.ID))
		}
		for _, r := range rsis(c) {
			b.RSI.Dict = append(b.RSI.Dict, string(r))
			b.Address.Dict = append(b.Address.Dict, address(r, p.Family).String())
		}
		for i := range n {
			at, v, rsi := day*288+i/len(c.Servers)/len(c.VantagePoints), i/len(c.Servers)%len(c.VantagePoints), i%len(c.Servers)
			r := what(at, v, rsi)
			b.Interval.Int[i], b.LatencyUS.Int[i] = label(at).UnixMicro(), r.us
			b.VantagePoint.Index[i], b.RSI.Index[i], b.Address.Index[i], b.Verdict.Index[i] = int32(v), int32(rsi), int32(rsi), -1
			b.NSID.Index[i] = -1
			if r.outcome != measurement.Answered {
				b.Outcome.Index[i], b.RCode.Index[i] = 1, -1
			}
		}
		if err := a.Add(b); err != nil {
			t.Fatal(err)
		}
	}
	return a.Compute()
}

// columns makes columns of n rows, with both kinds of entries.
func columns(n int) func() *column.Column {
	return func() *column.Column { return &column.Column{Int: make([]int64, n), Index: make([]int32, n)} }
}

// TestTable41 is the table of 4.1 for 20 VPs: VP-intervals and the fewest
// successes that are 96 %, with one RSI's rows; TestDeficits has the system's.
func TestTable41(t *testing.T) {
	for days, want := range map[int]struct{ asked, fewest int64 }{28: {161_280, 154_829}, 29: {167_040, 160_359}, 30: {172_800, 165_888}, 31: {178_560, 171_418}} {
		for _, short := range []int64{0, 1} {
			good1, n := want.fewest-short, int64(0)
			r := month(t, config(days, 20, 1), days, v4udp, func(int, int, int) result {
				n++
				if n <= good1 {
					return good(20_000)
				}
				return failed(measurement.Timeout)
			})
			v := value(t, r, measurement.RSIAvailability, "a", v4udp)
			verdict := metrics.Pass
			if short == 1 {
				verdict = metrics.Fail
			}
			wants(t, v, metrics.Fraction{Num: good1, Den: want.asked}.String(), want.asked, verdict)
		}
	}
}

// TestDeficits is the rest of the table of 4.1: Σk of each length of month, and
// the largest deficit that five nines forgive; one more fails.
func TestDeficits(t *testing.T) {
	for days, want := range map[int]struct{ sum, deficit int64 }{28: {1_290_240, 12}, 29: {1_336_320, 13}, 30: {1_382_400, 13}, 31: {1_428_480, 14}} {
		for _, more := range []int64{0, 1} {
			deficit := want.deficit + more
			// Six of thirteen down leave seven of the eight that are needed.
			r := month(t, config(days, 20, 13), days, v4udp, func(at, vp, rsi int) result {
				if at == 0 && int64(vp) < deficit && rsi < 6 {
					return failed(measurement.Timeout)
				}
				return good(20_000)
			})
			verdict := metrics.Pass
			if more == 1 {
				verdict = metrics.Fail
			}
			v := value(t, r, measurement.RSSAvailability, "", v4udp)
			wants(t, v, metrics.Fraction{Num: want.sum - deficit, Den: want.sum}.String(), want.sum/8*13, verdict)
		}
	}
}

// TestRSIAvailability is 4.2.
func TestRSIAvailability(t *testing.T) {
	late := good(4_001_000)
	whole := good(4_000_000)
	empty := good(20_000) // NOERROR with empty Answer
	for _, c := range []struct {
		name    string
		results []result
		want    string
		verdict metrics.Verdict
	}{
		{"ten of thirteen", append(many(10, good(1000)), rcode("REFUSED"), failed(measurement.Reset), failed(measurement.Timeout)), "10/13", metrics.Fail},
		{"no IPv6 at all", many(12, failed(measurement.Unreachable)), "0/12", metrics.Fail},
		{"refused connections [F1]", append(many(40, good(1000)), many(60, failed(measurement.Refused))...), "40/100", metrics.Fail},
		{"malformed", many(3, failed(measurement.Malformed)), "0/3", metrics.Fail},
		{"empty answer", []result{empty}, "1/1", metrics.Pass},
		{"SERVFAIL", []result{rcode("SERVFAIL")}, "0/1", metrics.Fail},
		{"NXDOMAIN", []result{rcode("NXDOMAIN")}, "0/1", metrics.Fail},
		{"BADVERS", []result{rcode("BADVERS")}, "0/1", metrics.Fail},
		{"4.001 s", []result{late}, "0/1", metrics.Fail},
		{"4.000 s", []result{whole}, "1/1", metrics.Pass},
		{"never sent", []result{failed(measurement.LocalError)}, "none", metrics.NoData},
		{"one of two never sent: thin", []result{failed(measurement.LocalError), good(1)}, "1/1", metrics.NoData},
		{"one of ten never sent", append(many(9, good(1)), failed(measurement.LocalError)), "9/9", metrics.Pass},
		{"exactly 96 %", append(many(96, good(1)), many(4, failed(measurement.Timeout))...), "96/100", metrics.Pass},
		{"nothing", nil, "none", metrics.NoData},
	} {
		t.Run(c.name, func(t *testing.T) {
			v := value(t, compute(t, closed(config(1, 1, 1), len(c.results)), series(v6tcp, c.results)), measurement.RSIAvailability, "a", v6tcp)
			count := int64(0)
			for _, r := range c.results {
				if r.outcome != measurement.LocalError {
					count++
				}
			}
			wants(t, v, c.want, count, c.verdict)
		})
	}
}

func many(n int, r result) []result {
	var all []result
	for range n {
		all = append(all, r)
	}
	return all
}

// series are the results of RSI a at VP 101, one an interval.
func series(p measurement.Path, results []result) []measurement.Answer {
	var rows []measurement.Answer
	for i, r := range results {
		rows = append(rows, soa(0, i, "a", p, r))
	}
	return rows
}

// TestRSIResponseLatency is 4.3.
func TestRSIResponseLatency(t *testing.T) {
	timeout, reset := failed(measurement.Timeout), failed(measurement.Reset)
	for _, c := range []struct {
		name    string
		path    measurement.Path
		results []result
		want    string
		count   int64
		verdict metrics.Verdict
	}{
		{"timeouts do not count", v4udp, []result{good(10_000), good(20_000), good(30_000), timeout, timeout}, "20000/1", 3, metrics.Pass},
		{"resets are not zero [F1]", v4tcp, []result{good(10_000), good(20_000), good(30_000), reset, reset}, "20000/1", 3, metrics.Pass},
		{"equality meets [A8]", v4udp, []result{good(249_000), good(251_000)}, "500000/2", 2, metrics.Pass},
		{"a microsecond is too much", v4udp, []result{good(250_000), good(250_002)}, "500002/2", 2, metrics.Fail},
		{"half a microsecond is too much", v4udp, []result{good(250_000), good(250_001)}, "500001/2", 2, metrics.Fail},
		{"TCP has 500 ms", v6tcp, []result{good(500_000)}, "500000/1", 1, metrics.Pass},
		{"TCP has no more", v6tcp, []result{good(500_001)}, "500001/1", 1, metrics.Fail},
		{"no sample", v6udp, []result{timeout, rcode("SERVFAIL")}, "none", 0, metrics.NoData},
		{"zero is a latency", v6udp, []result{good(0)}, "0/1", 1, metrics.Pass},
	} {
		t.Run(c.name, func(t *testing.T) {
			v := value(t, compute(t, closed(config(1, 1, 1), len(c.results)), series(c.path, c.results)), measurement.RSILatency, "a", c.path)
			wants(t, v, c.want, c.count, c.verdict)
		})
	}
}

// checks are correctness rows of an RSI, one an interval.
func checks(v int, rsi measurement.RSI, results []result) []measurement.Answer {
	var rows []measurement.Answer
	for i, r := range results {
		rows = append(rows, answer(measurement.QueryCorrectness, vp(v), label(i%288), rsi, allPaths[i/288], r))
	}
	return rows
}

// TestRSICorrectness is 4.4.
func TestRSICorrectness(t *testing.T) {
	mix := func(parts ...[]result) (all []result) {
		for _, p := range parts {
			all = append(all, p...)
		}
		return all
	}
	correct, incorrect, unchecked := judged(measurement.Correct), judged(measurement.Incorrect), judged(measurement.Unchecked)
	nx := result{outcome: measurement.Answered, rcode: "NXDOMAIN", us: 1, verdict: measurement.Correct}
	unjudged := judged("")
	truncated := result{outcome: measurement.Answered, rcode: "NOERROR", us: 1, tc: true}
	for _, c := range []struct {
		name    string
		results []result
		want    string
		count   int64
		verdict metrics.Verdict
	}{
		{"974 of 975", mix(many(974, correct), many(1, incorrect), many(20, failed(measurement.Timeout)), many(5, rcode("REFUSED"))), "974/975", 975, metrics.Fail},
		{"negative answers count", []result{correct, nx}, "2/2", 2, metrics.Pass},
		{"nothing received is no pass", many(3, failed(measurement.Timeout)), "none", 0, metrics.NoData},
		{"nothing asked is no pass", nil, "none", 0, metrics.NoData},
		{"only unchecked", many(3, unchecked), "none", 0, metrics.NoData},
		{"one unchecked keeps a pass back", []result{correct, unchecked}, "1/1", 1, metrics.NoData},
		{"one without any verdict keeps a pass back", []result{correct, unjudged}, "1/1", 1, metrics.NoData},
		{"one incorrect fails at once", []result{correct, unchecked, incorrect}, "1/2", 2, metrics.Fail},
		{"truncated is never judged", []result{correct, truncated}, "1/1", 1, metrics.Pass},
		{"all correct", many(5, correct), "5/5", 5, metrics.Pass},
	} {
		t.Run(c.name, func(t *testing.T) {
			v := value(t, compute(t, config(1, 1, 1), checks(0, "a", c.results)), measurement.RSICorrectness, "a", measurement.Path{})
			wants(t, v, c.want, c.count, c.verdict)
		})
	}
}

// TestRSSAvailability is SPEC's table of 4.6, and its erratum: 30 days, 20 VPs.
func TestRSSAvailability(t *testing.T) {
	const days = 30
	down := func(n int) func(at, vp, rsi int) bool { return func(_, _, rsi int) bool { return rsi < n } }
	for _, c := range []struct {
		name    string
		down    func(at, vp, rsi int) bool
		deficit int64
		verdict metrics.Verdict
	}{
		{"1 RSI down all month", down(1), 0, metrics.Pass},
		{"5 down", down(5), 0, metrics.Pass},
		{"6 down", down(6), 172_800, metrics.Fail},
		{"all down 24 h", func(at, _, _ int) bool { return at < 288 }, 46_080, metrics.Fail},
		{"one interval, one VP, r=7", func(at, vp, rsi int) bool { return at == 5 && vp == 3 && rsi < 6 }, 1, metrics.Pass},
		{"two intervals, seven VPs reach no RSI (erratum)", func(at, vp, _ int) bool { return at < 2 && vp < 7 }, 112, metrics.Fail},
		{"two intervals, seven VPs, r=7", func(at, vp, rsi int) bool { return at < 2 && vp < 7 && rsi < 6 }, 14, metrics.Fail},
		{"deficit 13", func(at, vp, rsi int) bool { return at == 0 && vp < 13 && rsi < 6 }, 13, metrics.Pass},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := month(t, config(days, 20, 13), days, v4udp, func(at, vp, rsi int) result {
				if c.down(at, vp, rsi) {
					return failed(measurement.Timeout)
				}
				return good(20_000)
			})
			v := value(t, r, measurement.RSSAvailability, "", v4udp)
			wants(t, v, metrics.Fraction{Num: 1_382_400 - c.deficit, Den: 1_382_400}.String(), 172_800*13, c.verdict)
			if v.Diagnostics.VPIntervals != 172_800 {
				t.Errorf("%d VP-intervals, want 172800", v.Diagnostics.VPIntervals)
			}
			if l := value(t, r, measurement.RSSLatency, "", v4udp); c.deficit == 0 && l.Count != 1_382_400 {
				t.Errorf("pooled %d values, want 1382400 (4.7)", l.Count)
			}
			if v := value(t, r, measurement.RSSAvailability, "", v6tcp); v.Verdict != metrics.NoData {
				t.Errorf("a path nobody asked: %s", v.Verdict)
			}
		})
	}
}

// A partial run: what was not sent is neither good nor bad, and what is proven counts.
func TestPartialRun(t *testing.T) {
	run := func(local, failing int) []measurement.Answer {
		var rows []measurement.Answer
		for i := range 13 {
			r := good(int64(1000 * i))
			if i < local {
				r = failed(measurement.LocalError)
			} else if i < local+failing {
				r = failed(measurement.Timeout)
			}
			rows = append(rows, soa(0, 0, measurement.RSI(letters[i:i+1]), v4udp, r))
		}
		return rows
	}
	for _, c := range []struct {
		local, failing int
		want           string
		count          int64
		low, high      string
		verdict        metrics.Verdict
	}{
		{0, 0, "8/8", 13, "8/8", "8/8", metrics.Pass}, {0, 6, "7/8", 13, "7/8", "7/8", metrics.Fail},
		{1, 4, "8/8", 12, "8/8", "8/8", metrics.Pass}, {1, 5, "7/7", 12, "7/8", "8/8", metrics.Pass},
		{1, 12, "0/7", 12, "0/8", "1/8", metrics.Fail},
		// Less than nine tenths were sent: a verdict is one that both bounds have.
		{5, 0, "8/8", 8, "8/8", "8/8", metrics.Pass}, {6, 0, "7/7", 7, "7/8", "8/8", metrics.NoData},
		{2, 11, "0/6", 11, "0/8", "2/8", metrics.Fail}, {13, 0, "none", 0, "0/8", "8/8", metrics.NoData},
	} {
		v := value(t, compute(t, closed(config(1, 1, 13), 1), run(c.local, c.failing)), measurement.RSSAvailability, "", v4udp)
		wants(t, v, c.want, c.count, c.verdict)
		if v.Low.String() != c.low || v.High.String() != c.high {
			t.Errorf("local %d failing %d: %s to %s, want %s to %s", c.local, c.failing, v.Low, v.High, c.low, c.high)
		}
	}
}

// TestRSSResponseLatency is 4.7: one VP's or more latencies in ms, missing RSIs
// time out.
func TestRSSResponseLatency(t *testing.T) {
	steps := func(from, by int64) (all []int64) {
		for i := range int64(13) {
			all = append(all, from+by*i)
		}
		return all
	}
	first := steps(5, 5)
	for _, c := range []struct {
		name  string
		vps   [][]int64 // µs of those that answer
		want  string
		count int64
	}{
		{"lowest eight [F54]", [][]int64{first}, "45000/2", 8},
		{"second VP far away [F55]", [][]int64{first, steps(100, 2)}, "140000/2", 16},
		{"second VP with three", [][]int64{first, {100, 110, 120}}, "30000/1", 11},
		{"pool, not median of medians", [][]int64{{1, 2, 3, 4, 5, 6, 7, 8}, {10, 20, 30}}, "6000/1", 11},
	} {
		t.Run(c.name, func(t *testing.T) {
			var rows []measurement.Answer
			for v, list := range c.vps {
				for i := range 13 {
					r := failed(measurement.Timeout)
					if i < len(list) {
						r = good(1000 * list[len(list)-1-i])
					}
					rows = append(rows, soa(v, 0, measurement.RSI(letters[i:i+1]), v6tcp, r))
				}
			}
			wants(t, value(t, compute(t, closed(config(1, len(c.vps), 13), 1), rows), measurement.RSSLatency, "", v6tcp), c.want, c.count, metrics.Pass)
		})
	}
	t.Run("0.4 ms counts", func(t *testing.T) {
		v := value(t, compute(t, closed(config(1, 1, 1), 2), series(v4udp, []result{good(400), good(600)})), measurement.RSSLatency, "", v4udp)
		wants(t, v, "1000/2", 2, metrics.Pass)
	})
	t.Run("150 ms UDP, 300 ms TCP", func(t *testing.T) {
		for path, most := range map[measurement.Path]int64{v4udp: 150_000, v6tcp: 300_000} {
			wants(t, value(t, compute(t, closed(config(1, 1, 1), 1), series(path, []result{good(most)})), measurement.RSSLatency, "", path), metrics.Fraction{Num: most, Den: 1}.String(), 1, metrics.Pass)
			wants(t, value(t, compute(t, closed(config(1, 1, 1), 1), series(path, []result{good(most + 1)})), measurement.RSSLatency, "", path), metrics.Fraction{Num: most + 1, Den: 1}.String(), 1, metrics.Fail)
		}
	})
}

// TestRSSCorrectness is 4.8: the sum, not the mean of percentages.
func TestRSSCorrectness(t *testing.T) {
	rows := append(checks(0, "a", []result{judged(measurement.Correct), judged(measurement.Incorrect)}), checks(0, "b", many(98, judged(measurement.Correct)))...)
	wants(t, value(t, compute(t, config(1, 1, 2), rows), measurement.RSSCorrectness, "", measurement.Path{}), "99/100", 100, metrics.Fail)
}
