package export_test

import (
	"flag"
	"strings"
	"time"

	"mtric.net/mtric/engine/column"
	"mtric.net/mtric/engine/measurement"
)

var update = flag.Bool("update", false, "rewrite the golden files")

var label = time.Date(2026, 11, 22, 22, 40, 0, 0, time.UTC)

func ptr[T any](v T) *T { return &v }

// sample has two answers that between them use every column, null and not.
func sample() []measurement.Answer {
	sent := label.Add(3141593 * time.Microsecond)
	return []measurement.Answer{
		{VantagePoint: "101", Interval: label, SentAt: &sent, Query: "correctness", RSI: "a", Family: "ipv4", Transport: "udp",
			Address: "198.41.0.4", QName: "oRg.", QType: "DS", Outcome: "answered", LatencyUS: ptr(int64(0)), RCode: ptr("NOERROR"),
			AA: ptr(false), TC: ptr(false), Attempts: 2, ConnectUS: ptr(int64(12)), Serial: ptr(int64(4294967295)), NSID: ptr(""),
			Strays: 3, ResponseSize: ptr(int32(0)), Response: []byte{0, 1, 255}, Verdict: ptr(measurement.Incorrect),
			VerdictSerial: ptr(int64(2026112200)), Failures: []string{"pdd: NS RRset of us. lacks x.cctld.us.", ""}},
		{VantagePoint: "101", Interval: label, Query: "soa", RSI: "b", Family: "ipv6", Transport: "tcp", QName: ".", QType: "SOA",
			Outcome: "local_error", Error: ptr("no socket"), Attempts: 1},
	}
}

func sampleRun() *measurement.Run {
	return &measurement.Run{VantagePoint: "101", Interval: label, StartedAt: label.Add(time.Second), JitterMS: 41, ElapsedMS: 200,
		Planned: 2, Answered: 1, EngineVersion: "1.0.0", Plan: "rssac047", PlanSHA256: strings.Repeat("ab", 32),
		ClockSynchronized: ptr(true), ClockErrorUS: ptr(int64(1500)), Timestamps: "kernel"}
}

var midnight = time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC)

// group is what one vantage point wrote in one interval of the day.
func group(vp measurement.VantagePoint, slot, rows int, latency int64) []measurement.Answer {
	var g []measurement.Answer
	for i := range rows {
		g = append(g, measurement.Answer{VantagePoint: vp, Interval: midnight.Add(time.Duration(slot) * 5 * time.Minute),
			Query: "soa", RSI: measurement.RSI(rune('a' + i)), Family: "ipv4", Transport: "udp", Outcome: "answered", LatencyUS: ptr(latency)})
	}
	return g
}

// columnTypes is the kind of each column.
func columnTypes(table column.Table) map[string]column.Kind {
	types := map[string]column.Kind{}
	for _, f := range column.Fields(table) {
		types[f.Name] = f.Kind
	}
	return types
}
