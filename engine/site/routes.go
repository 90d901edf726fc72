package site

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"mtric.net/mtric/engine/column"
	"mtric.net/mtric/engine/lake"
	"mtric.net/mtric/engine/measurement"
)

// routeKey is whose route it is.
type routeKey struct {
	at                 time.Time
	vp, server, family int
}

// lastHops is how many hops of a route are told.
const lastHops = 3

// routes are the last hops of those that hits went, where there are any.
func (d *fold) routes(ctx context.Context, store lake.Store) (map[routeKey]string, error) {
	found := map[routeKey]string{}
	for _, hits := range d.details.kept {
		for _, h := range hits {
			found[routeKey{h.Interval, h.vp, h.server, h.path / len(measurement.Transports)}] = ""
		}
	}
	if len(found) == 0 {
		return found, nil
	}
	scan := lake.Scan{Store: store, From: d.at(d.first), Until: d.at(d.last), Workers: 1}
	err := scan.Routes(ctx, []column.Name{column.VantagePoint, column.RSI, column.Family, "hops"}, func(b *column.RouteBatch) error {
		rsi, family, hops := &b.Cells[1], &b.Cells[2], &b.Cells[3]
		for i := range b.Rows {
			key := routeKey{b.Interval.At(i), slices.Index(d.vps, b.VantagePoint.At(i)), slices.Index(d.rsis, rsi.Text(i)), slices.Index(measurement.Families, measurement.Family(family.Text(i)))}
			if _, wanted := found[key]; wanted {
				found[key] = hopsText(hops, i)
			}
		}
		return nil
	})
	return found, ofLake(err)
}

// hopsText is "9 192.0.2.1 12.3 ms, 10 *, 11 198.51.100.3 14.0 ms".
func hopsText(c *column.Cells, row int) string {
	var all []string
	ttl, address, rtt := &c.Elements[0], &c.Elements[1], &c.Elements[2]
	for i := max(c.Offsets[row], c.Offsets[row+1]-lastHops); i < c.Offsets[row+1]; i++ {
		text := fmt.Sprint(ttl.Int[i], " *")
		if address.Has(int(i)) {
			text = fmt.Sprint(ttl.Int[i], " ", short(address.Text(int(i))))
		}
		if rtt.Has(int(i)) {
			text += fmt.Sprintf(" %.1f ms", float64(rtt.Int[i])/1000)
		}
		all = append(all, text)
	}
	return strings.Join(all, ", ")
}
