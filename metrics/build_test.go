package metrics_test

import (
	"fmt"
	"net/netip"
	"testing"
	"time"

	"mtric.net/mtric/engine/column/sample"
	"mtric.net/mtric/engine/interval"
	"mtric.net/mtric/engine/measurement"
	"mtric.net/mtric/engine/plan"
	"mtric.net/mtric/metrics"
)

var start = time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)

const letters = "abcdefghijklmnopqrstuvwxyz"

// config is a period of so many days from start, with the thresholds of
// RSSAC047, n RSIs a, b, … of one address a family, and vantage points 101, 102, …
func config(days, vps, n int) metrics.Config {
	c := metrics.Config{From: start, Until: start.AddDate(0, 0, days), Limits: metrics.RSSAC047()}
	c.DataUntil = c.Until.Add(metrics.LookAhead)
	for i := range n {
		x := measurement.RSI(letters[i : i+1])
		c.Servers = append(c.Servers, metrics.Server{RSI: x, Addresses: []plan.Address{
			{Family: measurement.IPv4, Address: address(x, measurement.IPv4)}, {Family: measurement.IPv6, Address: address(x, measurement.IPv6)}}})
	}
	for i := range vps {
		c.VantagePoints = append(c.VantagePoints, metrics.VantagePoint{ID: vp(i)})
	}
	return c
}

// closed ends the data after so many intervals: nothing later is planned.
func closed(c metrics.Config, intervals int) metrics.Config {
	c.DataUntil = label(intervals)
	return c
}

// rsis are those of a configuration.
func rsis(c metrics.Config) (list []measurement.RSI) {
	for _, s := range c.Servers {
		list = append(list, s.RSI)
	}
	return list
}

// address is where config has an RSI of one letter.
func address(x measurement.RSI, f measurement.Family) netip.Addr {
	if f == measurement.IPv6 {
		return netip.AddrFrom16([16]byte{0x20, 0x01, 0x0d, 0xb8, 15: x[0]})
	}
	return netip.AddrFrom4([4]byte{192, 0, 2, x[0]})
}

func vp(i int) measurement.VantagePoint { return measurement.VantagePoint(fmt.Sprint(101 + i)) }

func label(i int) time.Time { return start.Add(time.Duration(i) * interval.Length) }

var (
	v4udp = measurement.Path{Family: measurement.IPv4, Transport: measurement.UDP}
	v4tcp = measurement.Path{Family: measurement.IPv4, Transport: measurement.TCP}
	v6udp = measurement.Path{Family: measurement.IPv6, Transport: measurement.UDP}
	v6tcp = measurement.Path{Family: measurement.IPv6, Transport: measurement.TCP}
)

var allPaths = []measurement.Path{v4udp, v4tcp, v6udp, v6tcp}

// result is what became of a test's query.
type result struct {
	outcome measurement.Outcome
	rcode   string
	us      int64
	serial  int64 // 0: none; use noSerial for serial 0
	verdict measurement.Verdict
	tc      bool
}

const serialZero = -1 // stands for serial 0 in a result

func good(us int64) result { return result{outcome: measurement.Answered, rcode: "NOERROR", us: us} }
func shows(serial int64) result {
	return result{outcome: measurement.Answered, rcode: "NOERROR", us: 20_000, serial: serial}
}
func failed(o measurement.Outcome) result { return result{outcome: o} }
func rcode(r string) result               { return result{outcome: measurement.Answered, rcode: r, us: 20_000} }
func judged(v measurement.Verdict) result {
	return result{outcome: measurement.Answered, rcode: "NOERROR", us: 20_000, verdict: v}
}

// archived are rows of the table zones for every serial that the rows show, which say
// no more than that; those given stand for their own.
func archived(rows []measurement.Answer, own ...measurement.Zone) []measurement.Zone {
	known := map[int64]bool{}
	for _, z := range own {
		known[z.Serial] = true
	}
	for _, a := range rows {
		if a.Serial != nil && !known[*a.Serial] {
			known[*a.Serial] = true
			own = append(own, measurement.Zone{Serial: *a.Serial, State: measurement.ZoneArchived})
		}
	}
	return own
}

// answer is the row of a query, asked at the address of the plan.
func answer(query string, v measurement.VantagePoint, at time.Time, rsi measurement.RSI, p measurement.Path, r result) measurement.Answer {
	a := measurement.Answer{VantagePoint: v, Interval: at, Query: query, RSI: rsi, Family: p.Family, Transport: p.Transport,
		Address: address(rsi, p.Family).String(), Outcome: r.outcome, QName: ".", QType: "SOA", Attempts: 1}
	if r.outcome != measurement.LocalError {
		a.SentAt = &at
	}
	if r.outcome == measurement.Answered {
		a.LatencyUS, a.RCode, a.TC = &r.us, &r.rcode, &r.tc
	}
	if r.serial != 0 {
		serial := max(r.serial, 0)
		a.Serial = &serial
	}
	if r.verdict != "" {
		a.Verdict = &r.verdict
	}
	return a
}

func soa(v, at int, rsi measurement.RSI, p measurement.Path, r result) measurement.Answer {
	return answer(measurement.QuerySOA, vp(v), label(at), rsi, p, r)
}

func accumulator(t testing.TB, c metrics.Config, zones ...measurement.Zone) *metrics.Accumulator {
	t.Helper()
	a, err := metrics.New(c, zones)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func add(t testing.TB, a *metrics.Accumulator, rows []measurement.Answer) {
	t.Helper()
	if err := a.Add(sample.Batch(rows)); err != nil {
		t.Fatal(err)
	}
}

func compute(t testing.TB, c metrics.Config, rows []measurement.Answer, zones ...measurement.Zone) *metrics.Result {
	t.Helper()
	a := accumulator(t, c, zones...)
	add(t, a, rows)
	return a.Compute()
}

// value finds a value; an empty rsi or path is that of a metric without one.
func value(t testing.TB, r *metrics.Result, metric measurement.Metric, rsi measurement.RSI, p measurement.Path) metrics.Value {
	t.Helper()
	for _, v := range r.Values {
		if v.Metric == metric && v.RSI == rsi && v.Family == p.Family && v.Transport == p.Transport {
			return v
		}
	}
	t.Fatalf("no value %s %s %s", metric, rsi, p)
	return metrics.Value{}
}

// wants compares a value with the oracle's fraction ("none" for no data, "late"
// for censored), count and verdict.
func wants(t testing.TB, v metrics.Value, fraction string, count int64, verdict metrics.Verdict) {
	t.Helper()
	got := "none"
	if v.Censored {
		got = "late"
	}
	if v.Fraction != nil {
		got = v.Fraction.String()
	}
	if got != fraction || v.Count != count || v.Verdict != verdict {
		t.Errorf("%s %s %s/%s: %s of %d, %s; want %s of %d, %s", v.Metric, v.RSI, v.Family, v.Transport, got, v.Count, v.Verdict, fraction, count, verdict)
	}
}
