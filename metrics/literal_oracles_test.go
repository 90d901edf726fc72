package metrics_test

import (
	"net/netip"
	"testing"
	"time"

	"mtric.net/mtric/engine/measurement"
	"mtric.net/mtric/engine/plan"
	"mtric.net/mtric/metrics"
)

// both asks the reference and the package.
func both(t *testing.T, w lakeRows, check func(t *testing.T, o opinion)) {
	t.Helper()
	t.Run("loops", func(t *testing.T) { check(t, reference(w)) })
	t.Run("package", func(t *testing.T) { check(t, packaged(w)) })
}

func (o opinion) value(t *testing.T, metric measurement.Metric, rsi measurement.RSI, p measurement.Path) metrics.Value {
	t.Helper()
	return value(t, &metrics.Result{Values: o.values}, metric, rsi, p)
}

func bounds(t *testing.T, v metrics.Value, low, high string) {
	t.Helper()
	if v.Low == nil || v.Low.String() != low || v.High.String() != high {
		t.Errorf("%s %s: %v to %v, want %s to %s", v.Metric, v.RSI, v.Low, v.High, low, high)
	}
}

// rowsOf has every RSI of a configuration asked over paths for so many intervals.
func rowsOf(c metrics.Config, intervals int, ps []measurement.Path, what func(at, vp int, rsi measurement.RSI, p measurement.Path) result) (rows []measurement.Answer) {
	for at := range intervals {
		for v := range c.VantagePoints {
			for _, x := range rsis(c) {
				for _, p := range ps {
					rows = append(rows, soa(v, at, x, p, what(at, v, x, p)))
				}
			}
		}
	}
	return rows
}

// All RSIs are down over IPv4/UDP for a day, and m was not asked: no outage is erased.
func TestOutageWithLocalError(t *testing.T) {
	c := closed(config(1, 2, 13), 288)
	rows := rowsOf(c, 288, []measurement.Path{v4udp}, func(_, _ int, x measurement.RSI, _ measurement.Path) result {
		if x == "m" {
			return failed(measurement.LocalError)
		}
		return failed(measurement.Timeout)
	})
	both(t, lakeRows{cfg: c, rows: rows}, func(t *testing.T, o opinion) {
		v := o.value(t, measurement.RSSAvailability, "", v4udp)
		wants(t, v, "0/4032", 576*12, metrics.Fail) // seven of the eight needed are disproven
		bounds(t, v, "0/4608", "576/4608")
		if v.Thin || v.Fewest != 2 || len(v.RestsOn) > 0 {
			t.Errorf("thin %v, rests on %v, fewest %d; want none of two", v.Thin, v.RestsOn, v.Fewest)
		}
	})
}

// m joins in the middle of a period: what was asked before is in no plan.
func TestRSIThatJoins(t *testing.T) {
	c := closed(config(1, 1, 13), 8)
	joins := label(5)
	for i := range c.Servers[12].Addresses {
		c.Servers[12].Addresses[i].From = &joins
	}
	rows := rowsOf(c, 8, allPaths, func(at, _ int, x measurement.RSI, _ measurement.Path) result {
		if x == "m" && at < 5 {
			return failed(measurement.Unreachable)
		}
		return good(1)
	})
	for i, a := range rows {
		if a.Outcome == measurement.Unreachable {
			rows[i].Address = ""
		}
	}
	both(t, lakeRows{cfg: c, rows: rows}, func(t *testing.T, o opinion) {
		wants(t, o.value(t, measurement.RSIAvailability, "m", v6tcp), "3/3", 3, metrics.Pass)
		wants(t, o.value(t, measurement.RSSAvailability, "", v6tcp), "64/64", 5*12+3*13, metrics.Pass)
		if o.stray != 20 || len(o.frames) != 2 || o.frames[0].N != 12 || o.frames[1].N != 13 || !o.frames[1].From.Equal(joins) {
			t.Errorf("%d stray rows, frames %+v; want 20 and 12 RSIs until %s", o.stray, o.frames, joins)
		}
	})
}

// Six of seven queries were never sent: nothing passes on the seventh.
func TestThinReport(t *testing.T) {
	c := closed(config(1, 2, 13), 7)
	rows := rowsOf(c, 7, allPaths, func(at, _ int, _ measurement.RSI, _ measurement.Path) result {
		if at < 6 {
			return failed(measurement.LocalError)
		}
		return good(1)
	})
	both(t, lakeRows{cfg: c, rows: rows}, func(t *testing.T, o opinion) {
		if want := (metrics.Slots{Planned: 14 * 13 * 5, Sent: 2 * 52, Unsent: 12 * 52, Missing: 14 * 13}); !o.thin || o.slots != want {
			t.Errorf("thin %v, %+v, want %+v", o.thin, o.slots, want)
		}
		v := o.value(t, measurement.RSIAvailability, "a", v4tcp)
		wants(t, v, "2/2", 2, metrics.NoData)
		bounds(t, v, "2/14", "14/14")
		wants(t, o.value(t, measurement.RSILatency, "a", v4tcp), "2/2", 2, metrics.NoData)
		wants(t, o.value(t, measurement.RSSAvailability, "", v4tcp), "16/16", 26, metrics.NoData)
		wants(t, o.value(t, measurement.RSSLatency, "", v4tcp), "2/2", 16, metrics.NoData)
	})
}

// b is asked where it was until November 2023.
func TestOldAddress(t *testing.T) {
	c := closed(config(1, 1, 3), 4)
	moved := time.Date(2023, 11, 27, 0, 0, 0, 0, time.UTC)
	c.Servers[1].Addresses = []plan.Address{
		{Family: measurement.IPv4, Address: netip.MustParseAddr("199.9.14.201"), Until: &moved},
		{Family: measurement.IPv4, Address: netip.MustParseAddr("170.247.170.2"), From: &moved},
	}
	rows := rowsOf(c, 4, []measurement.Path{v4udp}, func(at, _ int, _ measurement.RSI, _ measurement.Path) result { return good(1) })
	for i, a := range rows {
		if a.RSI == "b" {
			rows[i].Address = "199.9.14.201"
		}
	}
	both(t, lakeRows{cfg: c, rows: rows}, func(t *testing.T, o opinion) {
		v := o.value(t, measurement.RSIAvailability, "b", v4udp)
		wants(t, v, "none", 0, metrics.NoData)
		bounds(t, v, "0/4", "4/4")
		if o.slots.OffPlan != 4 || o.stray != 0 {
			t.Errorf("%d off plan, %d stray, want 4 and 0", o.slots.OffPlan, o.stray)
		}
	})
}

// Our absence is nobody's delay.
func TestAbsence(t *testing.T) {
	shown := func(since map[measurement.RSI]int, silent func(at, v int) bool) scene {
		return scene{vps: 2, first: -1, intervals: 12, rsis: abc(), shows: func(at, v int, x measurement.RSI, _ int) int64 {
			switch {
			case silent(at, v):
				return skip
			case at >= since[x]:
				return s1
			}
			return s0
		}}
	}
	for _, c := range []struct {
		name         string
		scene        scene
		intervals    int
		retired      int
		b            string
		count        int64
		unobservable int64
	}{
		{"a vantage point retires five minutes after T(s)", shown(map[measurement.RSI]int{"a": 10, "b": 11, "c": 10}, func(at, v int) bool { return v == 1 && at > 10 }), 12, 11, "5/1", 1, 1},
		{"all are silent for 3.8 days", shown(map[measurement.RSI]int{"a": 10, "b": 11, "c": 10}, func(at, _ int) bool { return at > 10 && at < 10+1089 }), 1110, 0, "none", 0, 2},
	} {
		t.Run(c.name, func(t *testing.T) {
			cfg := closed(config(4, 2, 3), c.intervals)
			if c.retired > 0 {
				until := label(c.retired)
				cfg.VantagePoints[1].Until = &until
			}
			c.scene.intervals = c.intervals
			rows := c.scene.rows()
			both(t, lakeRows{cfg: cfg, rows: rows, zones: archived(rows)}, func(t *testing.T, o opinion) {
				v := o.value(t, measurement.RSIPublication, "b", measurement.Path{})
				wants(t, v, c.b, c.count, map[bool]metrics.Verdict{true: metrics.Pass, false: metrics.NoData}[c.count > 0])
				if v.Unobservable != c.unobservable {
					t.Errorf("%d unobservable, want %d", v.Unobservable, c.unobservable)
				}
			})
		})
	}
}

// One vantage point shows serials of the future, ten hours before they are published:
// T(s) is no more than 15 minutes before a second one shows them.
func TestSerialsOfTheFuture(t *testing.T) {
	c := closed(config(1, 3, 3), 140)
	sc := scene{vps: 3, first: -1, intervals: 140, rsis: abc(), shows: func(at, v int, _ measurement.RSI, _ int) int64 {
		if at >= 120 || v == 2 && at >= 0 {
			return s1
		}
		return s0
	}}
	rows := sc.rows()
	no := false
	wrongClock := []measurement.Run{}
	for at := range 140 {
		wrongClock = append(wrongClock, measurement.Run{VantagePoint: vp(2), Interval: label(at), ReceivedAt: label(at + 1), ClockSynchronized: &no})
	}
	for _, r := range []struct {
		name   string
		runs   []measurement.Run
		t      int
		median string
		count  int64
	}{{"trusted", nil, 117, "15/1", 3}, {"its clock is known to be wrong", wrongClock, 120, "0/2", 2}} {
		t.Run(r.name, func(t *testing.T) {
			both(t, lakeRows{cfg: c, rows: rows, runs: r.runs, zones: archived(rows)}, func(t *testing.T, o opinion) {
				if len(o.publications) != 1 || !o.publications[0].T.Equal(label(r.t)) {
					t.Errorf("%v, want T(s) at %s", o.publications, label(r.t))
				}
				wants(t, o.value(t, measurement.RSIPublication, "a", measurement.Path{}), r.median, r.count, metrics.Pass)
			})
		})
	}
}

// What one vantage point alone says is told beside the fail.
func TestRestsOnOne(t *testing.T) {
	c := closed(config(1, 3, 3), 10)
	rows := rowsOf(c, 10, []measurement.Path{v4udp}, func(_, v int, _ measurement.RSI, _ measurement.Path) result {
		if v == 1 {
			return failed(measurement.Unreachable)
		}
		return good(1)
	})
	both(t, lakeRows{cfg: c, rows: rows}, func(t *testing.T, o opinion) {
		v := o.value(t, measurement.RSIAvailability, "a", v4udp)
		wants(t, v, "20/30", 30, metrics.Fail)
		if len(v.RestsOn) != 1 || v.RestsOn[0] != vp(1) || v.Fewest != 1 {
			t.Errorf("rests on %v, fewest %d, want %s", v.RestsOn, v.Fewest, vp(1))
		}
	})
}

// A row that came after the report rests on nothing, also where nothing is planned.
func TestLateStray(t *testing.T) {
	c := closed(config(1, 1, 3), 4)
	until, early, late := label(2), label(3), label(9)
	c.VantagePoints[0].Until, c.ReceivedUntil = &until, label(5)
	rows := rowsOf(c, 4, []measurement.Path{v4udp}, func(int, int, measurement.RSI, measurement.Path) result { return good(1) })
	runs := []measurement.Run{{VantagePoint: vp(0), Interval: label(2), ReceivedAt: early, IngestedAt: &early},
		{VantagePoint: vp(0), Interval: label(3), ReceivedAt: late, IngestedAt: &late}}
	both(t, lakeRows{cfg: c, rows: rows, runs: runs}, func(t *testing.T, o opinion) {
		if o.stray != 3 {
			t.Errorf("%d stray rows, want the 3 that came in time", o.stray)
		}
	})
}
