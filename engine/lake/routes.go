package lake

import (
	"errors"
	"fmt"
	"time"

	"mtric.net/mtric/engine/measurement"
)

// fillRoutes is fill for routes.
func fillRoutes(rows []measurement.Route, name string, c *cells) error {
	type row = measurement.Route
	switch name {
	case "vantage_point":
		texts(rows, c, func(r *row, s *string) { r.VantagePoint = measurement.VantagePoint(*s) })
	case "interval":
		numbers(rows, c, func(r *row, n *int64) { r.Interval = time.UnixMicro(*n).UTC() })
	case "started_at":
		numbers(rows, c, func(r *row, n *int64) { r.StartedAt = time.UnixMicro(*n).UTC() })
	case "rsi":
		texts(rows, c, func(r *row, s *string) { r.RSI = measurement.RSI(*s) })
	case "family":
		texts(rows, c, func(r *row, s *string) { r.Family = measurement.Family(*s) })
	case "address":
		texts(rows, c, func(r *row, s *string) { r.Address = *s })
	case "method":
		texts(rows, c, func(r *row, s *string) { r.Method = *s })
	case "stop_reason":
		texts(rows, c, func(r *row, s *string) { r.StopReason = *s })
	case "reached":
		numbers(rows, c, func(r *row, n *int64) { r.Reached = *n != 0 })
	case "complete":
		numbers(rows, c, func(r *row, n *int64) { r.Complete = *n != 0 })
	case "hop_count":
		numbers(rows, c, func(r *row, n *int64) { r.HopCount = int32(*n) })
	case "hops":
		return hops(rows, c)
	default:
		return fmt.Errorf("column %s is not read", name)
	}
	return nil
}

// hops sets the steps of routes: their TTL, address and round trip time.
func hops(rows []measurement.Route, c *cells) error {
	ttl, address, rtt := &c.elements[0], &c.elements[1], &c.elements[2]
	all := make([]measurement.Hop, len(ttl.Null))
	for i := range all {
		if ttl.Null[i] {
			return errors.New("column hops: an element has no ttl")
		}
		all[i].TTL = int32(ttl.Int[i])
		if place := address.Index[i]; place >= 0 {
			all[i].Address = &address.Dict[place]
		}
		if !rtt.Null[i] {
			all[i].RTTUS = &rtt.Int[i]
		}
	}
	for i := range rows {
		from, until := c.offsets[i], c.offsets[i+1]
		rows[i].Hops = all[from:until:until]
	}
	return nil
}
