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
	outcomes := map[measurement.Outcome]*int64{measurement.Answered: &r.Outcomes.Answered, measurement.Timeout: &r.Outcomes.Timeout,
		measurement.Refused: &r.Outcomes.Refused, measurement.Unreachable: &r.Outcomes.Unreachable, measurement.Reset: &r.Outcomes.Reset,
		measurement.Malformed: &r.Outcomes.Malformed, measurement.LocalError: &r.Outcomes.LocalError}
	rcodes := map[string]*int64{"NOERROR": &r.RCodes.NoError, "NXDOMAIN": &r.RCodes.NXDomain, "SERVFAIL": &r.RCodes.ServFail,
		"FORMERR": &r.RCodes.FormErr, "REFUSED": &r.RCodes.Refused}
	var asked, good int64
	var latencies []int64
	for _, a := range rows {
		*outcomes[a.Outcome]++
		r.Strays += int64(a.Strays)
		if a.Outcome == measurement.LocalError {
			continue
		}
		r.Sent++
		paths := []*PathCount{&r.IPv4, &r.UDP}
		if a.Family == measurement.IPv6 {
			paths[0] = &r.IPv6
		}
		if a.Transport == measurement.TCP {
			paths[1] = &r.TCP
		}
		noerror := a.RCode != nil && *a.RCode == "NOERROR" && a.Outcome == measurement.Answered
		for _, p := range paths {
			p.Sent++
			if a.Outcome == measurement.Answered {
				p.Answered++
			}
		}
		if a.RCode != nil && a.Outcome == measurement.Answered {
			if n := rcodes[*a.RCode]; n != nil {
				*n++
			} else {
				r.RCodes.Other++
			}
		}
		if a.Query != "soa" {
			continue
		}
		asked++
		if noerror {
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
