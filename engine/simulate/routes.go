package simulate

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"mtric.net/mtric/engine/lake"
	"mtric.net/mtric/engine/measurement"
	"mtric.net/mtric/engine/plan"
)

// routeEpoch is how long a route stays as it is; one epoch in eight it takes a
// detour.
const routeEpoch = 6 * time.Hour

// RouteTruth is what is true of the routes from a vantage point.
type RouteTruth struct {
	VantagePoint measurement.VantagePoint `json:"vantage_point"`
	Traces       int64                    `json:"traces"`
	Reached      int64                    `json:"reached"`
	Paths        int64                    `json:"paths"` // distinct ways that reached their end
}

// target is an address that routes lead to, by family.
type target struct {
	rsi    measurement.RSI
	x      int // number of the RSI; -1 where no query asks it
	blocks []plan.Traceroute
	dates  [2]dated
}

// targets are what the plan's traceroute blocks trace, in the order of the lake.
func (w *world) targets() []target {
	var all []target
	for _, t := range w.Plan.Traceroutes {
		for _, s := range w.Plan.ServersOf(t.Servers) {
			i := slices.IndexFunc(all, func(o target) bool { return o.rsi == s.RSI })
			if i < 0 {
				i = len(all)
				all = append(all, target{rsi: s.RSI, x: slices.Index(w.rsis, s.RSI), dates: datesOf(s)})
			}
			all[i].blocks = append(all[i].blocks, t)
		}
	}
	slices.SortFunc(all, func(a, b target) int { return strings.Compare(string(a.rsi), string(b.rsi)) })
	return all
}

// due is the block that traces the target over the family in an interval; nil
// where none does.
func (t *target) due(p *plan.Plan, family measurement.Family, label time.Time) *plan.Traceroute {
	for i := range t.blocks {
		if b := &t.blocks[i]; slices.Contains(b.Families, family) && p.Due(b.Schedule, label) {
			return b
		}
	}
	return nil
}

// routes writes the routes of a day and counts them. No chance is drawn from the
// streams of the answers: with routes or without, those are the same.
func (w *world) routes(ctx context.Context, store lake.Store, day time.Time, p *part) (err error) {
	out, err := lake.CreateDay[measurement.Route](store, day)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, out.Discard())
		}
	}()
	p.routes, p.ways = make([]RouteTruth, len(w.vps)), map[way]bool{}
	targets := w.targets()
	var rows []measurement.Route
	for _, label := range w.intervals(day) {
		if err := ctx.Err(); err != nil {
			return err
		}
		rows = rows[:0]
		active := w.active(label)
		for v := range w.vps {
			if !w.vps[v].in(label) || silenced(active, v) != nil {
				continue
			}
			for i := range targets {
				rows = w.trace(rows, p, active, v, &targets[i], label)
			}
		}
		if err := out.Write(rows); err != nil {
			return err
		}
	}
	return out.Close()
}

// way is a route that was taken: its vantage point, its end and its epoch's turn.
type way struct {
	v      int
	rsi    measurement.RSI
	family int
	detour bool
	moved  int // the number of the fault that moved it, and 1
}

// trace adds the routes to a target.
func (w *world) trace(rows []measurement.Route, p *part, active []*fault, v int, t *target, label time.Time) []measurement.Route {
	for f, family := range measurement.Families {
		address := t.dates[f].at(label)
		block := t.due(w.Plan, family, label)
		if address == "" || block == nil {
			continue
		}
		h := mix(w.Seed, streamRoute, w.vps[v].word, text(string(t.rsi)), uint64(f), uint64(label.Unix()))
		epoch := mix(w.Seed, streamRoute, w.vps[v].word, text(string(t.rsi)), uint64(f), uint64(label.Unix()/int64(routeEpoch/time.Second)), 1)
		r := measurement.Route{VantagePoint: w.vps[v].id, Interval: label, StartedAt: label.Add(70*time.Second + time.Duration(h%1_000_000)*time.Microsecond),
			RSI: t.rsi, Family: family, Address: address, Method: block.Method, StopReason: "COMPLETED", Reached: true, Complete: true}
		detour := epoch%8 == 0
		taken := way{v, t.rsi, f, detour, 0}
		var moved *fault
		if t.x >= 0 {
			moved = w.moved(active, v, t.x, f)
		}
		if moved != nil {
			taken.moved = moved.number + 1
		}
		r.Hops = w.hops(v, t, f, address, detour, moved, h)
		if w.cutOff(active, v, t, f) || h>>20%200 == 0 {
			r.StopReason, r.Reached = "GAPLIMIT", false
			r.Hops = r.Hops[:len(r.Hops)/2]
			for range block.GapLimit {
				r.Hops = append(r.Hops, measurement.Hop{TTL: int32(len(r.Hops) + 1)})
			}
		} else {
			p.routes[v].Reached++
			p.ways[taken] = true
		}
		r.HopCount = int32(len(r.Hops))
		source := w.source(v, f)
		r.Source, r.HopReplies = &source, hopReplies(r.Hops, r.Reached, family)
		p.routes[v].Traces++
		rows = append(rows, r)
	}
	return rows
}

// cutOff reports whether a fault that drops all packets over the family lies on
// the way: down or unreachable, for every query.
func (w *world) cutOff(active []*fault, v int, t *target, f int) bool {
	if t.x < 0 {
		return false
	}
	for _, x := range active {
		if (x.Kind == plan.FaultDown || x.Kind == plan.FaultUnreachable) && x.Percent >= 100 && x.vps[v] && x.rsis[t.x] && x.paths[2*f] && x.paths[2*f+1] {
			return true
		}
	}
	return false
}

// hops are the routers on the way and its end: those of the provider's data
// centre, of a carrier, of the far side. Candidates of one provider in one place
// share the first of them, as they do in the world. To another site goes another carrier.
func (w *world) hops(v int, t *target, f int, address string, detour bool, moved *fault, h uint64) []measurement.Hop {
	vp, base := w.placeOf(v), w.roundTrip(v, t, f)
	home := []uint64{text(vp.Metro), text(vp.Provider)}
	if vp.Metro == "" {
		home = []uint64{w.vps[v].word}
	}
	carrier := mix(append([]uint64{w.Seed, streamRoute, text(string(t.rsi)), uint64(f)}, home...)...) % 4
	if detour {
		carrier += 4
	}
	if moved != nil {
		carrier, base = 8+moved.draw%4, base+moved.by
	}
	var routers []uint64
	for i := range uint64(2) {
		routers = append(routers, mix(append([]uint64{w.Seed, streamRoute, 2, i, uint64(f)}, home...)...))
	}
	for i := range 1 + uint64(base)/20_000 + carrier/4 {
		routers = append(routers, mix(w.Seed, streamRoute, 3, text(vp.Metro), carrier, i, uint64(f)))
	}
	for i := range 2 + uint64(base)/40_000 {
		routers = append(routers, mix(w.Seed, streamRoute, 4, text(string(t.rsi)), text(vp.Metro), carrier, i, uint64(f)))
	}
	hops := make([]measurement.Hop, 0, len(routers)+1)
	for i, router := range routers {
		hop := measurement.Hop{TTL: int32(i + 1)}
		if router%16 != 0 { // some never answer
			at, rtt := routerAddress(router, f), base*int64(i+1)/int64(len(routers)+1)+int64(h>>8%300)
			hop.Address, hop.RTTUS = &at, &rtt
		}
		hops = append(hops, hop)
	}
	rtt := base + int64(h%500)
	return append(hops, measurement.Hop{TTL: int32(len(routers) + 1), Address: &address, RTTUS: &rtt})
}

// roundTrip is that of the answers, so that the two agree; to what no query asks
// it is drawn alike.
func (w *world) roundTrip(v int, t *target, f int) int64 {
	if t.x >= 0 {
		return w.base[w.baseOf(v, t.x, f)]
	}
	vp := w.placeOf(v)
	return 2000 + int64(mix(w.Seed, streamRoute, 5, text(vp.Metro), text(string(t.rsi)))%120_000) + int64(mix(w.vps[v].word, uint64(f))%900)
}

// placeOf is what the plan says of the vantage point.
func (w *world) placeOf(v int) plan.VantagePoint {
	for _, p := range w.Plan.VantagePoints {
		if p.ID == w.vps[v].id {
			return p
		}
	}
	return plan.VantagePoint{ID: w.vps[v].id}
}

// routerAddress is of the networks for benchmarks (RFC 2544) and documentation
// (RFC 3849): nobody's.
func routerAddress(router uint64, f int) string {
	if f == 0 {
		return netip.AddrFrom4([4]byte{198, 18 + byte(router>>8&1), byte(router >> 16), byte(router >> 24)}).String()
	}
	a := [16]byte{0x20, 0x01, 0x0d, 0xb8}
	binary.BigEndian.PutUint64(a[8:], router)
	return netip.AddrFrom16(a).String()
}

// addRoutes takes a day's routes in.
func (t *tally) addRoutes(p *part) {
	for v := range p.routes {
		t.routes[v].Traces += p.routes[v].Traces
		t.routes[v].Reached += p.routes[v].Reached
		t.rows.Routes += p.routes[v].Traces
	}
	for way := range p.ways {
		t.ways[way] = true
	}
}

// routeTruth is the truth of the routes; nil without.
func (t *tally) routeTruth() []RouteTruth {
	if !t.w.Routes {
		return nil
	}
	for v := range t.routes {
		t.routes[v].VantagePoint = t.w.vps[v].id
	}
	for way := range t.ways {
		t.routes[way.v].Paths++
	}
	return t.routes
}

// writeRoutes makes the routes of a day where they are wanted.
func (w *world) writeRoutes(ctx context.Context, store lake.Store, day time.Time, p *part) error {
	if !w.Routes {
		return nil
	}
	if err := w.routes(ctx, store, day, p); err != nil {
		return fmt.Errorf("routes: %w", err)
	}
	return nil
}
