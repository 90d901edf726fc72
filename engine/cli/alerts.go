package cli

import (
	"context"
	"fmt"
	"slices"
	"time"

	"mtric.net/mtric/engine/alert"
	"mtric.net/mtric/engine/interval"
	"mtric.net/mtric/engine/lake"
	"mtric.net/mtric/engine/measurement"
	"mtric.net/mtric/engine/rootzone"
)

// board evaluates the rules of the station's plan.
func (s *station) board() (*alert.Board, error) {
	rules, mistakes := alert.Compile(s.plan)
	if mistakes.HasErrors() {
		return nil, fmt.Errorf("rules: %w", mistakes) // loadPlan has seen none
	}
	return &alert.Board{Book: s.book, Rules: rules}, nil
}

// windowRules evaluates the window rules over what is in the lake now; ingest
// calls it last. What goes wrong with rules costs no row: it is logged and told.
func (s *station) windowRules(ctx context.Context, store lake.Store) {
	board, err := s.board()
	if err == nil {
		var r alert.Result
		r, err = board.EvaluateWindow(ctx, store)
		s.log.Info("window rules evaluated", "intervals", r.Evaluated, "lines", len(r.Events), "firing", len(r.Firing))
		for _, e := range r.Errors {
			s.log.Error("rule not evaluated", "error", e)
		}
	}
	s.condition("ingest", "rules", alert.Warning, err)
}

// runRules evaluates the run rules over the interval just measured, and leaves
// the alerts in Output for the next push; measure calls it after the answers are
// delivered.
func (s *station) runRules(label time.Time, facts measurement.Run, rows []measurement.Answer, path string) {
	board, err := s.board()
	if err == nil {
		var r alert.Result
		if r, err = board.EvaluateRun(runFacts(facts, rows)); err == nil {
			err = board.Send(path, s.sent)
		}
		s.log.Info("run rules evaluated", "interval", interval.Format(label), "lines", len(r.Events), "firing", len(r.Firing))
	}
	s.condition("measure", "rules", alert.Warning, err)
}

// runFacts is what run rules see of an interval.
func runFacts(facts measurement.Run, rows []measurement.Answer) alert.Run {
	r := alert.Run{Planned: int64(facts.Planned), Synchronized: facts.ClockSynchronized}
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
		paths := []*alert.PathCount{&r.IPv4, &r.UDP}
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
