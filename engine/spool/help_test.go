package spool_test

import (
	"time"

	"mtric.net/mtric/engine/measurement"
)

func ptr[T any](v T) *T { return &v }

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
