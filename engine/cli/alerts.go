package cli

import (
	"context"
	"errors"
	"path/filepath"
	"time"

	"mtric.net/mtric/engine/alert"
	"mtric.net/mtric/engine/interval"
	"mtric.net/mtric/engine/judge"
	"mtric.net/mtric/engine/lake"
	"mtric.net/mtric/engine/measurement"
)

// windowRules evaluates the window rules over what is in the lake now; ingest
// calls it last. What goes wrong with rules costs no row: it is logged and told.
func (s *station) windowRules(ctx context.Context, store lake.Store) {
	r, err := s.book.EvaluateWindow(ctx, store)
	if ctx.Err() != nil {
		return // interrupted; the next run evaluates what is left
	}
	s.evaluated("ingest", r, err)
}

// runRules evaluates the run rules over the interval just measured, and leaves
// the alerts in Output for the next push; measure calls it after the answers are
// delivered.
func (m *measuring) runRules() {
	r, err := m.book.EvaluateRun(alert.NewRun(m.facts, m.rows))
	m.evaluated("measure", r, err)
	err = errors.Join(m.book.Ran("measure", true), m.sendAlerts(m.label))
	m.condition("measure", "alerts", alert.Warning, err)
}

// evaluated notes what an evaluation came to.
func (s *station) evaluated(command string, r alert.Result, err error) {
	s.log.Info("rules evaluated", "command", command, "evaluated", r.Evaluated, "lines", len(r.Events), "firing", len(r.Firing))
	s.condition(command, "rules", alert.Warning, errors.Join(append(r.Errors, err)...))
}

// sendAlerts leaves the alerts of a vantage point in Output for the next push.
func (s *station) sendAlerts(label time.Time) error {
	name := interval.Format(label) + "-" + s.machine + ".alerts.json"
	return s.book.Send(filepath.Join(s.output, name), s.sent)
}

// relay writes what the vantage points' alerts.json say into files of theirs.
func (s *station) relay() *alert.Relay {
	return &alert.Relay{Logs: s.logs, State: s.state, Plan: s.plan, Now: s.now()}
}

// takeAlerts gives ingest what it asks of a relay.
func takeAlerts(r *alert.Relay) func(measurement.VantagePoint, time.Time, []byte) (string, error) {
	return func(vp measurement.VantagePoint, label time.Time, data []byte) (string, error) {
		err := r.Take(string(vp), label, data)
		if errors.As(err, new(alert.Refused)) {
			return err.Error(), nil
		}
		return "", err
	}
}

// alertAccused tells of answers that were found incorrect too late for the window rules.
func (s *station) alertAccused(ctx context.Context, store lake.Store, accused map[judge.Accused]int64) {
	if err := s.book.TellLate(ctx, store, accused); err != nil {
		s.log.Error("what was found incorrect too late for the rules is not all told", "error", err)
	}
}
