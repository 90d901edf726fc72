package cli

import (
	"context"
	"errors"
	"fmt"
	"time"

	"mtric.net/mtric/engine/alert"
	"mtric.net/mtric/engine/column"
	"mtric.net/mtric/engine/files"
	"mtric.net/mtric/engine/measurement"
	"mtric.net/mtric/engine/plan"
	"mtric.net/mtric/engine/scamper"
)

// trace records the route to every address [vno], no longer than until. Routes
// that could not be traced are an alert and a finding, never a lost answer.
func (m *measuring) trace(ctx context.Context, until time.Time) error {
	var routes []measurement.Route
	var failed []error
	due := 0
	for _, t := range m.plan.Traceroutes {
		targets := traceTargets(m.plan, t, m.label)
		if !m.plan.Due(t.Schedule, m.label) || len(targets) == 0 {
			continue
		}
		due++
		tracer := &scamper.Tracer{Command: t.Tool, Log: m.log, Now: m.now}
		limited, cancel := context.WithTimeout(ctx, until.Sub(m.now()))
		traced, err := tracer.Trace(limited, traceOptions(t), m.vp, m.label, targets)
		cancel()
		routes = append(routes, traced...)
		if err != nil {
			failed = append(failed, fmt.Errorf("traceroute %s: %w", t.Label, err))
		}
	}
	if due == 0 {
		return nil
	}
	err := errors.Join(failed...)
	if ctx.Err() == nil { // an interruption says nothing about scamper
		m.condition("measure", "traces", alert.Warning, err)
	}
	if err != nil {
		m.findings = append(m.findings, err)
	}
	if len(routes) == 0 {
		return nil
	}
	path := m.file(column.Routes)
	if err := column.Write(path, routes, m.metadata()); err != nil {
		return err
	}
	return files.WriteSidecar(path)
}

func traceOptions(t plan.Traceroute) scamper.Options {
	return scamper.Options{Method: t.Method, Limit: time.Duration(t.Limit), Attempts: t.Attempts,
		Wait: time.Duration(t.Wait), GapLimit: t.GapLimit, PPS: t.PPS}
}

// traceTargets lists the addresses of a traceroute block that are valid at label.
func traceTargets(p *plan.Plan, t plan.Traceroute, label time.Time) []scamper.Target {
	var targets []scamper.Target
	for _, s := range p.ServersOf(t.Servers) {
		for _, f := range t.Families {
			if address, ok := s.AddressAt(f, label); ok {
				targets = append(targets, scamper.Target{RSI: s.RSI, Family: f, Address: address})
			}
		}
	}
	return targets
}
