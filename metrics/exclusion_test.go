package metrics_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"mtric.net/mtric/engine/column/sample"
	"mtric.net/mtric/engine/measurement"
	"mtric.net/mtric/metrics"
)

// excludedWorld has two VPs, nine RSIs (k = 6) and six intervals over all paths:
// VP 102 reaches nobody in intervals 2 and 3, RSI a fails everywhere in 4.
func excludedWorld() []measurement.Answer {
	var rows []measurement.Answer
	for at := range 6 {
		for v := range 2 {
			for i := range 9 {
				rsi := measurement.RSI(letters[i : i+1])
				for _, p := range allPaths {
					r := good(10_000)
					if v == 1 && (at == 2 || at == 3) || i == 0 && at == 4 {
						r = failed(measurement.Timeout)
					}
					rows = append(rows, soa(v, at, rsi, p, r))
				}
				c := judged(measurement.Correct)
				if i == 0 && at == 4 {
					c = judged(measurement.Incorrect)
				}
				rows = append(rows, answer(measurement.QueryCorrectness, vp(v), label(at), rsi, allPaths[(at+i)%4], c))
			}
		}
	}
	return rows
}

// TestExclusions holds what design.md says of them: rows leave numerator and
// denominator (A20); with RSIs the system stays as measured; both sides are shown.
func TestExclusions(t *testing.T) {
	vps := []measurement.VantagePoint{"102"}
	only := []measurement.RSI{"a"}
	for _, c := range []struct {
		name                    string
		exclusions              []metrics.Exclusion
		a, b, rss, checksA, sum string // RSI a and b over IPv4/UDP, RSS over it, correctness of a and of the system
		excluded                int64
	}{
		{"none", nil, "8/12", "10/12", "60/72", "10/12", "106/108", 0},
		{"VP", []metrics.Exclusion{{From: label(2), Until: label(4), VantagePoints: vps}}, "8/10", "10/10", "60/60", "8/10", "88/90", 2},
		{"labels of [from, until)", []metrics.Exclusion{{From: label(1).Add(time.Second), Until: label(2).Add(time.Second), VantagePoints: vps}}, "8/11", "10/11", "60/66", "9/11", "97/99", 1},
		{"RSI", []metrics.Exclusion{{From: label(4), Until: label(5), RSIs: only}}, "8/10", "10/12", "60/72", "10/10", "106/108", 0},
		{"RSI at a VP", []metrics.Exclusion{{From: label(4), Until: label(5), RSIs: only, VantagePoints: vps}}, "8/11", "10/12", "60/72", "10/11", "106/108", 0},
		{"path of a VP", []metrics.Exclusion{{From: label(2), Until: label(4), VantagePoints: vps, Paths: []measurement.Path{v4udp}}}, "8/10", "10/10", "60/60", "10/12", "102/104", 0},
		{"another path", []metrics.Exclusion{{From: label(2), Until: label(4), VantagePoints: vps, Paths: []measurement.Path{v6tcp}}}, "8/12", "10/12", "60/72", "", "", 0},
		{"all paths by name", []metrics.Exclusion{{From: label(2), Until: label(4), VantagePoints: vps, Paths: allPaths}}, "8/10", "10/10", "60/60", "8/10", "88/90", 2},
		{"VP and RSI", []metrics.Exclusion{{From: label(2), Until: label(4), VantagePoints: vps}, {From: label(4), Until: label(5), RSIs: only}}, "8/8", "10/10", "60/60", "8/8", "88/90", 2},
		{"everything", []metrics.Exclusion{{From: label(0), Until: label(6), Paths: allPaths}}, "none", "none", "none", "none", "none", 6},
		{"another day", []metrics.Exclusion{{From: start.AddDate(0, 0, 1), Until: start.AddDate(0, 0, 2), VantagePoints: vps}}, "8/12", "10/12", "60/72", "10/12", "106/108", 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			cfg := closed(config(1, 2, 9), 6)
			cfg.Exclusions = c.exclusions
			r := compute(t, cfg, excludedWorld())
			path := measurement.Path{}
			for _, want := range []struct {
				metric   measurement.Metric
				rsi      measurement.RSI
				path     measurement.Path
				fraction string
				raw      string
			}{
				{measurement.RSIAvailability, "a", v4udp, c.a, "8/12"}, {measurement.RSIAvailability, "b", v4udp, c.b, "10/12"},
				{measurement.RSSAvailability, "", v4udp, c.rss, "60/72"},
				{measurement.RSICorrectness, "a", path, c.checksA, "10/12"}, {measurement.RSSCorrectness, "", path, c.sum, "106/108"},
			} {
				v := value(t, r, want.metric, want.rsi, want.path)
				got := "none"
				if v.Fraction != nil {
					got = v.Fraction.String()
				}
				if want.fraction != "" && got != want.fraction {
					t.Errorf("%s %s: %s, want %s", want.metric, want.rsi, got, want.fraction)
				}
				if v.Without.Fraction == nil || v.Without.Fraction.String() != want.raw {
					t.Errorf("%s %s without exclusions: %v, want %s", want.metric, want.rsi, v.Without.Fraction, want.raw)
				}
			}
			if got := r.Coverage[1].Excluded; got != c.excluded {
				t.Errorf("VP 102: %d intervals excluded, want %d", got, c.excluded)
			}
		})
	}
}

// Excluded sightings move neither T(s) nor a wait; an RSI's exclusion does not
// move T(s) for the others, nor the system's numbers.
func TestExcludedPublication(t *testing.T) {
	rows := scene{vps: 2, intervals: 40, first: -1, rsis: abc(), shows: func(at, v int, rsi measurement.RSI, _ int) int64 {
		switch {
		case v == 1 && at >= 5, rsi == "a" && at >= 8, rsi == "b" && at >= 10, rsi == "c" && at >= 14:
			return s1
		}
		return s0
	}}.rows()
	for _, c := range []struct {
		name       string
		exclusion  metrics.Exclusion
		b, system  string
		countB     int64
		unobserved int64
	}{
		{"none", metrics.Exclusion{From: label(30), Until: label(31), VantagePoints: []measurement.VantagePoint{"101"}}, "25/2", "15/2", 2, 0},
		// The second witness is VP 102 at 12: T(s) is 9. What lay between T(s) and 12 is known
		// to be at most 15 minutes, on one side of the threshold, and counts as the least.
		{"VP 102 while it saw s1 first: T(s) is 9", metrics.Exclusion{From: label(5), Until: label(12), VantagePoints: []measurement.VantagePoint{"102"}}, "5/2", "0/2", 2, 0},
		{"RSI b while it was late", metrics.Exclusion{From: label(5), Until: label(12), RSIs: []measurement.RSI{"b"}}, "0/2", "15/2", 2, 0},
		{"RSI b for longer than it may be late", metrics.Exclusion{From: label(5), Until: label(19), RSIs: []measurement.RSI{"b"}}, "none", "15/2", 0, 2},
		{"RSI b over one path", metrics.Exclusion{From: label(5), Until: label(12), RSIs: []measurement.RSI{"b"}, Paths: []measurement.Path{v6udp}}, "25/2", "15/2", 2, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			cfg := closed(config(1, 2, 3), 40)
			cfg.Exclusions = []metrics.Exclusion{c.exclusion}
			r := compute(t, cfg, rows, archived(rows)...)
			b := value(t, r, measurement.RSIPublication, "b", measurement.Path{})
			verdict := metrics.Pass
			if c.countB == 0 {
				verdict = metrics.NoData
			}
			wants(t, b, c.b, c.countB, verdict)
			if b.Diagnostics.Unobservable != c.unobserved {
				t.Errorf("b: %d unobservable, want %d", b.Diagnostics.Unobservable, c.unobserved)
			}
			if b.Without.Fraction.String() != "25/2" {
				t.Errorf("b without exclusions: %s, want 25/2", b.Without.Fraction)
			}
			if got := value(t, r, measurement.RSSPublication, "", measurement.Path{}); got.Fraction.String() != c.system {
				t.Errorf("system: %s, want %s", got.Fraction, c.system)
			}
		})
	}
}

// A path with an excluded old serial does not hold the minimum back.
func TestExcludedPathSerial(t *testing.T) {
	rows := scene{vps: 1, intervals: 40, first: -1, rsis: abc(), shows: func(at, v int, rsi measurement.RSI, path int) int64 {
		if at < 10 || rsi == "c" && path == 2 && at < 20 {
			return s0
		}
		return s1
	}}.rows()
	cfg := closed(config(1, 1, 3), 40)
	wants(t, value(t, compute(t, cfg, rows, archived(rows)...), measurement.RSIPublication, "c", measurement.Path{}), "50/1", 1, metrics.Pass)
	cfg.Exclusions = []metrics.Exclusion{{From: label(0), Until: label(30), Paths: []measurement.Path{v6udp}}}
	v := value(t, compute(t, cfg, rows, archived(rows)...), measurement.RSIPublication, "c", measurement.Path{})
	wants(t, v, "0/1", 1, metrics.Pass)
	if v.Without.Fraction.String() != "50/1" {
		t.Errorf("without exclusions %s, want 50/1", v.Without.Fraction)
	}
}

// TestCoverage is A6 [F32]: what is expected follows the VPs' dates, who is not
// expected is named and enters no metric [F60].
func TestCoverage(t *testing.T) {
	from, until := label(100), label(200)
	cfg := config(1, 3, 1)
	cfg.VantagePoints[1].From, cfg.VantagePoints[1].Until = &from, &until
	rows := []measurement.Answer{
		soa(0, 0, "a", v4udp, good(1)), soa(0, 0, "a", v6udp, good(1)), soa(0, 1, "a", v4udp, failed(measurement.LocalError)),
		soa(1, 99, "a", v4udp, good(1)), soa(1, 100, "a", v4udp, good(1)), soa(1, 200, "a", v4udp, good(1)),
		soa(7, 0, "a", v4udp, good(1)), soa(0, 0, "z", v4udp, good(1)),
		answer("other", vp(8), label(0), "a", v4udp, good(1)),
	}
	r := compute(t, cfg, rows)
	for i, want := range [][2]int64{{288, 2}, {100, 1}, {288, 0}} {
		if c := r.Coverage[i]; c.Expected != want[0] || c.Received != want[1] {
			t.Errorf("VP %s: expected %d received %d, want %v", c.ID, c.Expected, c.Received, want)
		}
	}
	excluding := cfg
	excluding.Exclusions = []metrics.Exclusion{{From: label(1), Until: label(9)}}
	if c := compute(t, excluding, rows).Coverage[0]; c.Received != 2 || c.Excluded != 8 || c.Counting != 1 {
		t.Errorf("received %d, excluded %d, counting %d, want 2, 8, 1", c.Received, c.Excluded, c.Counting)
	}
	if want := []measurement.VantagePoint{"102", "108"}; !slices.Equal(r.Unexpected, want) {
		t.Errorf("unexpected %v, want %v", r.Unexpected, want)
	}
	if want := []measurement.RSI{"z"}; !slices.Equal(r.UnexpectedRSIs, want) {
		t.Errorf("unexpected RSIs %v, want %v", r.UnexpectedRSIs, want)
	}
	wants(t, value(t, r, measurement.RSIAvailability, "a", v4udp), "2/2", 2, metrics.NoData) // of 676 planned

	cfg.VantagePoints = nil
	r = compute(t, cfg, rows)
	if len(r.Coverage) != 3 || len(r.Unexpected) != 0 {
		t.Errorf("a plan without vantage points: %d covered, unexpected %v; want 101, 102, 108", len(r.Coverage), r.Unexpected)
	}
	cfg.DataUntil = label(10)
	if r = compute(t, cfg, rows); r.Coverage[0].Expected != 10 {
		t.Errorf("expected %d before the data end, want 10", r.Coverage[0].Expected)
	}
}

// Data that contradicts itself is refused with its place, never read some way.
func TestDamagedRows(t *testing.T) {
	bad := func(change func(*measurement.Answer)) []measurement.Answer {
		a := soa(0, 3, "a", v4udp, shows(s1))
		change(&a)
		return []measurement.Answer{a}
	}
	negative, huge := int64(-1), int64(1)<<32
	nonsense := measurement.Verdict("fine")
	for _, c := range []struct {
		want string
		rows []measurement.Answer
	}{
		{"answered without latency", bad(func(a *measurement.Answer) { a.LatencyUS = nil })},
		{"answered without latency", bad(func(a *measurement.Answer) { a.LatencyUS = &negative })},
		{"answered without rcode", bad(func(a *measurement.Answer) { a.RCode = nil })},
		{"unknown outcome", bad(func(a *measurement.Answer) { a.Outcome = "fine" })},
		{"unknown family or transport", bad(func(a *measurement.Answer) { a.Family = "ipv5" })},
		{"unknown verdict", bad(func(a *measurement.Answer) { a.Query, a.Verdict = measurement.QueryCorrectness, &nonsense })},
		{"serial -1", bad(func(a *measurement.Answer) { a.Serial = &negative })},
		{"serial 4294967296", bad(func(a *measurement.Answer) { a.Serial = &huge })},
		{"the label is not the start of an interval", bad(func(a *measurement.Answer) { a.Interval = a.Interval.Add(time.Second) })},
		{"stands twice in the lake", append(series(v4udp, []result{good(1)}), series(v4udp, []result{good(1)})...)},
		{"stands twice in the lake", append(checks(0, "a", []result{judged(measurement.Correct)}), checks(0, "a", []result{judged(measurement.Correct)})...)},
	} {
		err := accumulator(t, config(1, 1, 1)).Add(sample.Batch(c.rows))
		if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), "interval 2026-11-01T00:") {
			t.Errorf("%v, want one with its place that says %q", err, c.want)
		}
	}
}

// TestNoData is F59: nothing at all makes a report of no_data, never a crash and
// never a pass.
func TestNoData(t *testing.T) {
	r := compute(t, config(30, 2, 13), nil)
	if len(r.Values) != 13*4*2+13*2+4*2+2 {
		t.Errorf("%d values, want %d", len(r.Values), 13*4*2+13*2+4*2+2)
	}
	for _, v := range r.Values {
		if v.Verdict != metrics.NoData || v.Fraction != nil || v.Count != 0 || v.Without.Verdict != metrics.NoData {
			t.Errorf("%+v", v)
		}
	}
}

// TestLocalFailures is A5: all RSIs of a family silent at one VP is proposed as an
// exclusion; with it in place it is proposed no more.
func TestLocalFailures(t *testing.T) {
	var rows []measurement.Answer
	for at := range 6 {
		for v := range 2 {
			for i := range 3 {
				for _, p := range allPaths {
					r := good(10_000)
					if v == 1 && p.Family == measurement.IPv6 && at >= 2 && at < 5 && (at != 3 || i != 0 || p != v6tcp) {
						r = failed(measurement.Unreachable) // but at 3 one RSI answers
					}
					rows = append(rows, soa(v, at, measurement.RSI(letters[i:i+1]), p, r))
				}
			}
		}
	}
	cfg := config(1, 2, 3)
	want := []metrics.LocalFailure{{"102", measurement.IPv6, label(2), label(3), 1}, {"102", measurement.IPv6, label(4), label(5), 1}}
	if got := compute(t, cfg, rows).LocalFailures(); !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
	cfg.Exclusions = []metrics.Exclusion{{From: label(2), Until: label(4), VantagePoints: []measurement.VantagePoint{"102"}, Paths: []measurement.Path{v6udp, v6tcp}}}
	if got := compute(t, cfg, rows).LocalFailures(); !slices.Equal(got, want[1:]) {
		t.Errorf("with an exclusion %v, want %v", got, want[1:])
	}
}
