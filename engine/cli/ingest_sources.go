package cli

import (
	"context"
	"fmt"

	"mtric.net/mtric/engine/alert"
	"mtric.net/mtric/engine/lake"
	"mtric.net/mtric/engine/serials"
)

// askSources asks the sources of the plan's zones which serial they have. By a clock that is
// known to be wrong nobody dates a serial.
func (a *app) askSources(ctx context.Context, s *station) []serials.Sight {
	w := serials.Watch{Zones: s.plan.Zones, Now: s.now, Log: s.log}
	if synchronized := a.adjtimex.State().Synchronized; w.Any() && synchronized != nil && !*synchronized {
		s.log.Warn("the clock is not synchronised: no source of a zone was asked for its serial")
		return nil
	}
	return w.Sights(ctx)
}

// tellSilent notes whether sources of zones are silent.
func (s *station) tellSilent(store lake.Store) {
	rows, err := store.Serials()
	if err != nil {
		err = fmt.Errorf("serials of zones: %w", err)
	} else {
		err = joined(serials.Silent(s.plan.Zones, rows, s.now()))
	}
	s.condition("ingest", "zone-source", alert.Warning, err)
}
