package alert

import (
	"slices"
	"time"

	"mtric.net/mtric/engine/measurement"
	"mtric.net/mtric/engine/rootzone"
)

// NewRun is what run rules see of an interval: its runs row and its answers.
func NewRun(facts measurement.Run, rows []measurement.Answer) Run {
	r := Run{Planned: int64(facts.Planned), Synchronized: facts.ClockSynchronized}
	if facts.ClockErrorUS != nil {
		r.ClockError = new(time.Duration(*facts.ClockErrorUS) * time.Microsecond)
	}
	var outcomes outcomeCounts
	var rcodes rcodeCounts
	var asked, good int64
	var latencies []int64
	for _, a := range rows {
		outcomes[slices.Index(measurement.Outcomes, a.Outcome)]++
		r.Strays += int64(a.Strays)
		if a.Outcome == measurement.LocalError {
			continue
		}
		r.Sent++
		if a.Expected != nil && !*a.Expected {
			r.Unexpected++
		}
		for _, p := range []*PathCount{r.ofFamily(a.Family), r.ofTransport(a.Transport)} {
			p.Sent++
			if a.Outcome == measurement.Answered {
				p.Answered++
			}
		}
		if a.RCode != nil && a.Outcome == measurement.Answered {
			rcodes[rcodeOf(*a.RCode)]++
		}
		if a.Query != measurement.QuerySOA {
			continue
		}
		asked++
		if a.Good() {
			good++
			if a.LatencyUS != nil {
				latencies = append(latencies, *a.LatencyUS)
			}
		}
		if a.Serial != nil {
			if r.NewestSerial == nil || rootzone.Compare(uint32(*a.Serial), uint32(*r.NewestSerial)) > 0 {
				r.NewestSerial = a.Serial
			}
			if r.OldestSerial == nil || rootzone.Compare(uint32(*a.Serial), uint32(*r.OldestSerial)) < 0 {
				r.OldestSerial = a.Serial
			}
		}
	}
	r.Outcomes, r.RCodes = outcomes.object(), rcodes.object()
	r.Answered = r.Outcomes.Answered
	if asked > 0 {
		r.Availability = new(100 * float64(good) / float64(asked))
	}
	if n := len(latencies); n > 0 {
		slices.Sort(latencies)
		r.MedianLatency = new(float64(latencies[(n-1)/2]+latencies[n/2]) / 2000)
	}
	return r
}
