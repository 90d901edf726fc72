package cli

import (
	"context"

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
