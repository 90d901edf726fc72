package ingest

import (
	"context"
	"slices"

	"mtric.net/mtric/engine/column"
	"mtric.net/mtric/engine/measurement"
	"mtric.net/mtric/engine/plan"
	"mtric.net/mtric/engine/probe"
	"mtric.net/mtric/engine/serials"
)

// keepSights brings the table zone_serials up to what sources showed. One that cannot be
// read or written holds up no file.
func (r *run) keepSights(ctx context.Context) error {
	if len(r.Sights) == 0 {
		return nil
	}
	if err := r.step("serials of zones"); err != nil {
		return err
	}
	return r.pass(ctx, serials.Keep(r.Lake, r.Sights))
}

// asked is a query and a server that it asks.
type asked struct {
	query string
	rsi   measurement.RSI
}

// zonesOf are the zones that the queries of a plan are for, by their names.
func zonesOf(p *plan.Plan) map[asked]string {
	zones := map[asked]string{}
	for _, q := range p.Queries {
		if slices.Contains(measurement.MetricQueries, q.Label) {
			continue
		}
		zone, servers, _ := p.ZoneOf(q)
		for _, s := range servers {
			zones[asked{q.Label, s.RSI}] = zone.Name
		}
	}
	return zones
}

// serialOf puts right which serial of a zone an answer shows. A serial dates what servers
// have, so that nobody's word is taken where the response is at hand.
func (r *run) serialOf(a *measurement.Answer, zones map[asked]string) {
	if a.Outcome != measurement.Answered {
		return
	}
	var found *int64
	if zone := zones[asked{a.Query, a.RSI}]; zone != "" {
		if a.Response == nil {
			return
		}
		if reply, err := probe.ReadReply(a.Response); err == nil {
			found = reply.ZoneSerial(zone)
		}
	}
	if !same(a.ZoneSerial, found) {
		r.differs(a, column.ZoneSerial, said(a.ZoneSerial), said(found))
		a.ZoneSerial = found
	}
}
