package metrics_test

import (
	"fmt"
	"testing"
	"time"

	"mtric.net/mtric/engine/interval"
	"mtric.net/mtric/engine/lake"
	"mtric.net/mtric/engine/measurement"
	"mtric.net/mtric/metrics"
)

var start = time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)

const letters = "abcdefghijklmnopqrstuvwxyz"

// config is a period of so many days from start, with the thresholds of
// RSSAC047, n RSIs a, b, …, and vantage points 101, 102, …
func config(days, vps, n int) metrics.Config {
	c := metrics.Config{From: start, Until: start.AddDate(0, 0, days), Limits: metrics.RSSAC047()}
	c.DataUntil = c.Until.Add(metrics.LookAhead)
	for i := range n {
		c.RSIs = append(c.RSIs, measurement.RSI(letters[i:i+1]))
	}
	for i := range vps {
		c.VantagePoints = append(c.VantagePoints, metrics.VantagePoint{ID: vp(i)})
	}
	return c
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

// answer is the row of a query.
func answer(query string, v measurement.VantagePoint, at time.Time, rsi measurement.RSI, p measurement.Path, r result) measurement.Answer {
	a := measurement.Answer{VantagePoint: v, Interval: at, Query: query, RSI: rsi, Family: p.Family, Transport: p.Transport,
		Outcome: r.outcome, QName: ".", QType: "SOA", Attempts: 1}
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
	return answer(metrics.QuerySOA, vp(v), label(at), rsi, p, r)
}

// batch makes columns of rows.
func batch(rows []measurement.Answer) metrics.Batch {
	b := metrics.Batch{Rows: len(rows)}
	texts := func(of func(measurement.Answer) *string) *lake.Column {
		c, places := &lake.Column{}, map[string]int32{}
		for _, r := range rows {
			s := of(r)
			if s == nil {
				c.Index = append(c.Index, -1)
				continue
			}
			if _, known := places[*s]; !known {
				places[*s] = int32(len(c.Dict))
				c.Dict = append(c.Dict, *s)
			}
			c.Index = append(c.Index, places[*s])
		}
		return c
	}
	ints := func(of func(measurement.Answer) *int64) *lake.Column {
		c := &lake.Column{}
		for _, r := range rows {
			n := of(r)
			c.Null = append(c.Null, n == nil)
			if n == nil {
				n = new(int64)
			}
			c.Int = append(c.Int, *n)
		}
		return c
	}
	text := func(of func(measurement.Answer) string) *lake.Column {
		return texts(func(a measurement.Answer) *string { s := of(a); return &s })
	}
	b.Interval = ints(func(a measurement.Answer) *int64 { us := a.Interval.UnixMicro(); return &us })
	b.LatencyUS = ints(func(a measurement.Answer) *int64 { return a.LatencyUS })
	b.Serial = ints(func(a measurement.Answer) *int64 { return a.Serial })
	b.TC = ints(func(a measurement.Answer) *int64 {
		if a.TC == nil {
			return nil
		}
		n := int64(0)
		if *a.TC {
			n = 1
		}
		return &n
	})
	b.VantagePoint = text(func(a measurement.Answer) string { return string(a.VantagePoint) })
	b.Query = text(func(a measurement.Answer) string { return a.Query })
	b.RSI = text(func(a measurement.Answer) string { return string(a.RSI) })
	b.Family = text(func(a measurement.Answer) string { return string(a.Family) })
	b.Transport = text(func(a measurement.Answer) string { return string(a.Transport) })
	b.Outcome = text(func(a measurement.Answer) string { return string(a.Outcome) })
	b.RCode = texts(func(a measurement.Answer) *string { return a.RCode })
	b.NSID = texts(func(a measurement.Answer) *string { return a.NSID })
	b.Verdict = texts(func(a measurement.Answer) *string { return (*string)(a.Verdict) })
	return b
}

func accumulator(t testing.TB, c metrics.Config) *metrics.Accumulator {
	t.Helper()
	a, err := metrics.New(c)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func add(t testing.TB, a *metrics.Accumulator, rows []measurement.Answer) {
	t.Helper()
	if err := a.Add(batch(rows)); err != nil {
		t.Fatal(err)
	}
}

func compute(t testing.TB, c metrics.Config, rows []measurement.Answer, zones ...measurement.Zone) *metrics.Result {
	t.Helper()
	a := accumulator(t, c)
	add(t, a, rows)
	return a.Compute(zones)
}

// value finds a value; an empty rsi or path is that of a metric without one.
func value(t testing.TB, r *metrics.Result, metric string, rsi measurement.RSI, p measurement.Path) metrics.Value {
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
