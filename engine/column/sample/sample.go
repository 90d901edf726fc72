// Package sample has rows for tests of packages that handle files.
package sample

import (
	"strings"
	"time"

	"mtric.net/mtric/engine/interval"
	"mtric.net/mtric/engine/measurement"
)

// Label is the interval of Answers and Run, Midnight the beginning of its day.
var (
	Label    = time.Date(2026, 11, 22, 22, 40, 0, 0, time.UTC)
	Midnight = interval.Day(Label)
)

// Answers are two that between them use every column, null and not.
func Answers() []measurement.Answer {
	return []measurement.Answer{
		{VantagePoint: "101", Interval: Label, SentAt: new(Label.Add(3141593 * time.Microsecond)), Query: "correctness", RSI: "a", Family: "ipv4", Transport: "udp",
			Address: "198.41.0.4", QName: "oRg.", QType: "DS", Outcome: "answered", LatencyUS: new(int64(0)), RCode: new("NOERROR"),
			AA: new(false), TC: new(false), Attempts: 2, ConnectUS: new(int64(12)), Serial: new(int64(4294967295)), NSID: new(""),
			Strays: 3, ResponseSize: new(int32(0)), Response: []byte{0, 1, 255}, Verdict: new(measurement.Incorrect),
			VerdictSerial: new(int64(2026112200)), Failures: []string{"pdd: NS RRset of us. lacks x.cctld.us.", ""},
			SourcePort: new(int32(40000)), Extra: []measurement.Extra{{Kind: "stray", AfterUS: 5, Wire: []byte{1}}, {Kind: "late", AfterUS: 9, Wire: []byte{}}}},
		{VantagePoint: "101", Interval: Label, Query: "soa", RSI: "b", Family: "ipv6", Transport: "tcp", QName: ".", QType: "SOA",
			Outcome: "local_error", Error: new("no socket"), Attempts: 1},
	}
}

// Run is the run that Answers are of.
func Run() *measurement.Run {
	return &measurement.Run{VantagePoint: "101", Interval: Label, StartedAt: Label.Add(time.Second), JitterMS: 41, ElapsedMS: 200,
		Planned: 2, Answered: 1, EngineVersion: "1.0.0", Plan: "rssac047", PlanSHA256: strings.Repeat("ab", 32),
		ClockSynchronized: new(true), ClockErrorUS: new(int64(1500)), Timestamps: "kernel"}
}

// Group is what one vantage point wrote in an interval of the day, of that number: rows of
// RSIs from a on, all of one latency in µs.
func Group(vp measurement.VantagePoint, slot, rows int, latency int64) []measurement.Answer {
	var g []measurement.Answer
	for i := range rows {
		g = append(g, measurement.Answer{VantagePoint: vp, Interval: Midnight.Add(time.Duration(slot) * interval.Length),
			Query: "soa", RSI: measurement.RSI(rune('a' + i)), Family: "ipv4", Transport: "udp", Outcome: "answered", LatencyUS: new(latency)})
	}
	return g
}
