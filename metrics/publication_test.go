package metrics_test

import (
	"testing"
	"time"

	"mtric.net/mtric/engine/interval"
	"mtric.net/mtric/engine/measurement"
	"mtric.net/mtric/metrics"
)

const (
	s0 = 2026103100
	s1 = 2026110100
	s2 = 2026110200
)

// scene plays serials over intervals: what an RSI shows a VP over a path, 0 for
// no answer, skip for no query.
type scene struct {
	vps, intervals int
	first          int // interval, may be negative: look-back
	rsis           []measurement.RSI
	shows          func(at, vp int, rsi measurement.RSI, path int) int64
}

const skip = -2

func (s scene) rows() []measurement.Answer {
	var rows []measurement.Answer
	for at := s.first; at < s.intervals; at++ {
		for v := range s.vps {
			for _, rsi := range s.rsis {
				for p, path := range allPaths {
					switch serial := s.shows(at, v, rsi, p); serial {
					case skip:
					case 0:
						rows = append(rows, soa(v, at, rsi, path, failed(measurement.Timeout)))
					default:
						rows = append(rows, soa(v, at, rsi, path, shows(serial)))
					}
				}
			}
		}
	}
	return rows
}

func abc() []measurement.RSI { return []measurement.RSI{"a", "b", "c"} }

// TestP1 is the example of 4.5 and the last of 4.8. Its times are minutes: t=10
// is the third interval.
func TestP1(t *testing.T) {
	// since says when a serial is shown: the first interval of s1 and of s2.
	since := func(at int, one, two int) int64 {
		switch {
		case two >= 0 && at*5 >= two:
			return s2
		case one >= 0 && at*5 >= one:
			return s1
		}
		return s0
	}
	rows := scene{vps: 2, intervals: 20, first: -2, rsis: abc(), shows: func(at, v int, rsi measurement.RSI, path int) int64 {
		switch {
		case rsi == "a" && v == 0:
			return since(at, 10, 40)
		case rsi == "a":
			return since(at, 10, 45)
		case rsi == "b" && v == 0 && path == 3:
			return since(at, 25, 40)
		case rsi == "b" && v == 0:
			return since(at, 15, 40)
		case rsi == "b":
			return since(at, 20, 50)
		case v == 1 && (at*5 == 40 || at*5 == 45):
			return 0
		case v == 1:
			return since(at, -1, 50)
		}
		return since(at, -1, 40)
	}}.rows()
	r := compute(t, config(1, 2, 3), rows, archived(rows)...)
	for rsi, want := range map[measurement.RSI]struct {
		median string
		lags   []int64 // s1 at the two VPs, s2 at the two
	}{"a": {"0/2", []int64{0, 0, 0, 5}}, "b": {"20/2", []int64{15, 10, 0, 10}}, "c": {"40/2", []int64{30, 40, 0, 10}}} {
		wants(t, value(t, r, measurement.RSIPublication, rsi, measurement.Path{}), want.median, 4, metrics.Pass)
		var got []int64
		for _, l := range r.Lags {
			if l.RSI == rsi {
				got = append(got, l.Minutes)
			}
		}
		for i := range want.lags {
			if i >= len(got) || got[i] != want.lags[i] {
				t.Errorf("%s: lags %v, want %v", rsi, got, want.lags)
				break
			}
		}
	}
	rss := value(t, r, measurement.RSSPublication, "", measurement.Path{})
	wants(t, rss, "15/2", 12, metrics.Pass)
	if rss.Diagnostics.Serials != 2 {
		t.Errorf("%d serials, want 2", rss.Diagnostics.Serials)
	}
	if c := value(t, r, measurement.RSIPublication, "c", measurement.Path{}); c.Diagnostics.Inflated != 2 {
		// Both serials were waited for when v2 got no answer at 40 and 45.
		t.Errorf("c: %d values inflated by unavailability, want 2 [A11]", c.Diagnostics.Inflated)
	}
}

// TestP2 is the wrap of serials [F33].
func TestP2(t *testing.T) {
	serials := []int64{4294967294, 4294967295, serialZero, 1}
	rows := scene{vps: 1, intervals: 40, first: -1, rsis: abc()[:2], shows: func(at, _ int, rsi measurement.RSI, path int) int64 {
		if at < 0 {
			return serials[0]
		}
		i := at/10 + 1 // a new serial every 50 minutes
		if rsi == "b" && path == 2 && at%10 < 3 {
			i-- // one path stays behind for 15 minutes: the minimum is the old one
		}
		return serials[min(i, 3)]
	}}.rows()
	r := compute(t, config(1, 1, 2), rows, archived(rows)...)
	wants(t, value(t, r, measurement.RSIPublication, "a", measurement.Path{}), "0/1", 3, metrics.Pass)
	wants(t, value(t, r, measurement.RSIPublication, "b", measurement.Path{}), "15/1", 3, metrics.Pass)
}

// TestP3 has the shape of C-root's May 2024: the median does not see it, so the
// diagnostics must.
func TestP3(t *testing.T) {
	const step = 144 // intervals: 12 hours
	c := config(30, 1, 13)
	rows := scene{vps: 1, intervals: 30*288 + 288, first: -step, rsis: rsis(c), shows: func(at, _ int, rsi measurement.RSI, path int) int64 {
		if path > 0 {
			return skip
		}
		n := (at + step) / step // at 0 the first new serial
		if frozen := n - 20; rsi == "c" && frozen >= 0 && frozen < 8 {
			n = 19
		}
		return s0 + int64(min(n, 60)) // 60 publications
	}}.rows()
	v := value(t, compute(t, c, rows, archived(rows)...), measurement.RSIPublication, "c", measurement.Path{})
	wants(t, v, "0/2", 60, metrics.Pass)
	d := v.Diagnostics
	if got := d.Mean.Rat(); !got.IsInt() || got.Num().Int64() != 432 {
		t.Errorf("mean %s, want 432", got.RatString())
	}
	if d.P95.Num != 60*60 || d.Max.Num != 96*60 || d.Longest.Minutes != 96*60 {
		t.Errorf("p95 %s, max %s, longest %d, want 60 h, 96 h, 96 h", d.P95, d.Max, d.Longest.Minutes)
	}
}

// TestP4 is a serial never observed: not 0, not dropped [F56c].
func TestP4(t *testing.T) {
	rows := scene{vps: 2, intervals: 100, first: -1, rsis: abc(), shows: func(at, _ int, rsi measurement.RSI, _ int) int64 {
		if at < 10 || rsi == "c" {
			return s0
		}
		return s1
	}}.rows()
	c := config(1, 2, 3)
	c.DataUntil = label(100)
	r := compute(t, c, rows, archived(rows)...)
	v := value(t, r, measurement.RSIPublication, "c", measurement.Path{})
	wants(t, v, "late", 2, metrics.Fail)
	if d := v.Diagnostics; d.CensoredN != 2 || d.Max.Num != 90*5 || !d.AtLeast {
		t.Errorf("censored %d, at least %s min, want 2, 450", d.CensoredN, d.Max)
	}
	wants(t, value(t, r, measurement.RSSPublication, "", measurement.Path{}), "0/2", 6, metrics.Pass)
}

// publicationCase is one rule of the reading in 4.9, RSI c aside from the rest.
type publicationCase struct {
	name  string
	scene scene
	zones []measurement.Zone
	c     string // c's median
	count int64
	check func(metrics.Diagnostics) bool
}

func publicationCases() []publicationCase {
	plain := func(at int) int64 {
		if at < 10 {
			return s0
		}
		return s1
	}
	only := func(f func(at, v, path int) int64) func(int, int, measurement.RSI, int) int64 {
		return func(at, v int, rsi measurement.RSI, path int) int64 {
			if rsi == "c" {
				return f(at, v, path)
			}
			return plain(at)
		}
	}
	unproven := measurement.Zone{Serial: 2026119999, State: measurement.ZoneBogus}
	bogus := measurement.Zone{Serial: s1, State: measurement.ZoneBogus}
	any := func(metrics.Diagnostics) bool { return true }
	return []publicationCase{
		{"first crossing counts, regression flagged [A14]", scene{shows: only(func(at, _, _ int) int64 {
			if at == 15 {
				return s0
			}
			return plain(at)
		})}, nil, "0/1", 1, func(d metrics.Diagnostics) bool { return d.Regressions == 1 }},
		{"a serial that nothing proves counts nowhere [A13]", scene{shows: only(func(at, _, _ int) int64 {
			if at == 5 {
				return 2026119999
			}
			return plain(at)
		})}, []measurement.Zone{unproven}, "0/1", 1, func(d metrics.Diagnostics) bool { return d.Serials == 1 && d.Regressions == 0 }},
		{"the archive corroborates it [A13]", scene{shows: only(func(at, _, _ int) int64 {
			if at == 5 {
				return 2026119999
			}
			return plain(at)
		})}, nil, "0/2", 2, func(d metrics.Diagnostics) bool { return d.Serials == 2 }},
		{"a serial that ingest calls bogus counts nowhere", scene{shows: only(func(at, _, _ int) int64 { return plain(at) })},
			[]measurement.Zone{bogus}, "none", 0, any},
		{"no answer while waiting: time runs on [A11]", scene{shows: only(func(at, _, _ int) int64 {
			if at >= 10 && at < 13 {
				return 0
			}
			return plain(at)
		})}, nil, "15/1", 1, func(d metrics.Diagnostics) bool { return d.Inflated == 1 && d.Gaps == 0 }},
		{"no run between publication and first sight, at most 15 minutes: the least counts", scene{shows: only(func(at, _, _ int) int64 {
			if at >= 8 && at < 13 {
				return skip
			}
			return plain(at)
		})}, nil, "0/1", 1, func(d metrics.Diagnostics) bool { return d.Unobservable == 0 }},
		{"no run until the threshold is past: nobody can know", scene{shows: only(func(at, _, _ int) int64 {
			if at >= 8 && at < 24 {
				return skip
			}
			return plain(at)
		})}, nil, "none", 0, func(d metrics.Diagnostics) bool { return d.Unobservable == 1 }},
		{"late when last asked: over the threshold, however long no run was made", scene{shows: only(func(at, _, _ int) int64 {
			switch {
			case at < 24:
				return s0
			case at < 30:
				return skip
			}
			return plain(at)
		})}, nil, "70/1", 1, func(d metrics.Diagnostics) bool { return d.Unobservable == 0 }},
		{"a run was made, then a gap: kept and counted", scene{shows: only(func(at, _, _ int) int64 {
			switch {
			case at == 10:
				return s0
			case at > 10 && at < 13:
				return skip
			}
			return plain(at)
		})}, nil, "5/1", 1, func(d metrics.Diagnostics) bool { return d.Gaps == 1 }},
		{"one path behind holds the minimum back [cnj]", scene{shows: only(func(at, _, path int) int64 {
			if path == 1 && at < 12 {
				return s0
			}
			return plain(at)
		})}, nil, "10/1", 1, any},
		{"a path that does not answer does not hold it back [tub]", scene{shows: only(func(at, _, path int) int64 {
			if path == 1 {
				return 0
			}
			return plain(at)
		})}, nil, "0/1", 1, any},
		{"a newer serial reaches an older one [F56g]", scene{shows: only(func(at, _, _ int) int64 {
			switch {
			case at < 12:
				return s0
			default:
				return s2
			}
		})}, []measurement.Zone{{Serial: s2, State: measurement.ZoneArchived}}, "10/2", 2, any},
		{"an RSI that falls back to before the data publishes nothing (A10)", scene{shows: only(func(at, _, _ int) int64 {
			if at < 12 {
				return s0 - 1
			}
			return plain(at)
		})}, []measurement.Zone{{Serial: s0 - 1, State: measurement.ZoneArchived}}, "10/1", 1, any},
		{"no zone change", scene{shows: func(int, int, measurement.RSI, int) int64 { return s0 }}, nil, "none", 0, any},
		{"never available", scene{shows: only(func(int, int, int) int64 { return 0 })}, nil, "late", 1, any},
	}
}

// TestPublicationReadings are A10–A14, each with its own scene: one VP, s1 out at
// interval 10.
func TestPublicationReadings(t *testing.T) {
	for _, c := range publicationCases() {
		t.Run(c.name, func(t *testing.T) {
			c.scene.vps, c.scene.intervals, c.scene.first, c.scene.rsis = 1, 40, -1, abc()
			rows := c.scene.rows()
			v := value(t, compute(t, config(1, 1, 3), rows, archived(rows, c.zones...)...), measurement.RSIPublication, "c", measurement.Path{})
			verdict := metrics.Pass
			switch c.c {
			case "late", "70/1":
				verdict = metrics.Fail
			case "none":
				verdict = metrics.NoData
			}
			wants(t, v, c.c, c.count, verdict)
			if !c.check(v.Diagnostics) {
				t.Errorf("diagnostics %+v", v.Diagnostics)
			}
		})
	}
}

// A serial belongs to the month of T(s): look-back knows it, look-ahead follows it
// (reading A10); at the first ever start the serials there are have no T(s) [F56e].
func TestMonthOfSerial(t *testing.T) {
	change := func(at int) func(int, int, measurement.RSI, int) int64 {
		return func(now, _ int, rsi measurement.RSI, _ int) int64 {
			if rsi == "c" {
				now -= 6 // c is half an hour behind
			}
			if now < at {
				return s0
			}
			return s1
		}
	}
	for _, c := range []struct {
		name      string
		first, at int
		count     int64
		want      string
	}{
		{"new in the month", -1, 0, 1, "30/1"},
		{"out one interval before", -2, -1, 0, "none"},
		{"last interval, seen in the look-ahead", 200, 287, 1, "30/1"},
		{"after the month", 200, 288, 0, "none"},
		{"first ever start", 100, 100, 0, "none"},
	} {
		t.Run(c.name, func(t *testing.T) {
			rows := scene{vps: 1, first: c.first, intervals: 300, rsis: abc(), shows: change(c.at)}.rows()
			v := value(t, compute(t, config(1, 1, 3), rows, archived(rows)...), measurement.RSIPublication, "c", measurement.Path{})
			verdict := metrics.Pass
			if c.count == 0 {
				verdict = metrics.NoData
			}
			wants(t, v, c.want, c.count, verdict)
		})
	}
}

// The median fails above 65 minutes for an RSI and 35 for the system, equality meets.
func TestPublicationThresholds(t *testing.T) {
	for _, c := range []struct {
		behind   int
		rsi, rss metrics.Verdict
	}{{7, metrics.Pass, metrics.Pass}, {8, metrics.Pass, metrics.Fail}, {13, metrics.Pass, metrics.Fail}, {14, metrics.Fail, metrics.Fail}} {
		rows := scene{vps: 3, intervals: 60, first: -1, rsis: abc(), shows: func(at, v int, rsi measurement.RSI, path int) int64 {
			if at >= 10+c.behind || at >= 10 && v == 0 && rsi == "a" {
				return s1
			}
			return s0
		}}.rows()
		archivedAt := label(10) // the archive bears VP 101 out: T(s) is 10
		r := compute(t, config(1, 3, 3), rows, archived(rows, measurement.Zone{Serial: s1, State: measurement.ZoneArchived, ArchivedAt: &archivedAt})...)
		minutes := int64(c.behind) * int64(interval.Length/time.Minute)
		wants(t, value(t, r, measurement.RSIPublication, "b", measurement.Path{}), metrics.Fraction{Num: minutes, Den: 1}.String(), 3, c.rsi)
		wants(t, value(t, r, measurement.RSSPublication, "", measurement.Path{}), metrics.Fraction{Num: minutes, Den: 1}.String(), 9, c.rss)
	}
}
