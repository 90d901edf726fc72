package objectives_test

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"time"

	"mtric.net/mtric/engine/measurement"
	"mtric.net/mtric/engine/plan"
	"mtric.net/mtric/metrics/objectives"
)

// lawWitnesses counts who showed a serial at all.
func lawWitnesses(_ *rand.Rand, w world, judge judgement) string {
	if len(w.cfg.Plan.VantagePoints) == 0 {
		return ""
	}
	for _, p := range judge(w).Published {
		until := p.T.Add(15 * time.Minute)
		saw, there := map[measurement.VantagePoint]bool{}, 0
		for _, a := range w.rows {
			if a.ZoneSerial != nil && uint32(*a.ZoneSerial) == p.Serial && !a.Interval.After(until) {
				saw[a.VantagePoint] = true
			}
		}
		for _, v := range w.cfg.Plan.VantagePoints {
			if slices.ContainsFunc([]int{0, 5, 10, 15}, func(m int) bool { return within(v, p.T.Add(time.Duration(m)*time.Minute)) }) {
				there++
			}
		}
		if !p.Source && len(saw) < 2 && there > 1 {
			return fmt.Sprintf("serial %d is new at %s on the word of one", p.Serial, p.T)
		}
	}
	return ""
}

// lawServers counts which servers showed a serial when all others are held to it. So whatever
// one of several shows, and how early, it makes no other late. Of two neither is held to any.
func lawServers(_ *rand.Rand, w world, judge judgement) string {
	ofZone := 0
	for _, s := range w.cfg.Plan.Servers {
		if slices.Contains(w.cfg.Plan.Zones[0].Servers, s.Group) {
			ofZone++
		}
	}
	for _, p := range judge(w).Published {
		if !p.Source && ofZone == 2 && len(always(w)) == 2 {
			return fmt.Sprintf("serial %d is new at %s, and two servers tell of it", p.Serial, p.T)
		}
		showed := map[measurement.RSI]bool{}
		for _, a := range w.rows {
			if a.ZoneSerial != nil && uint32(*a.ZoneSerial) == p.Serial && !a.Interval.After(p.T) {
				showed[a.RSI] = true
			}
		}
		if !p.Source && len(showed) < 2 && len(always(w)) > 1 {
			return fmt.Sprintf("serial %d is new at %s on the word of one server", p.Serial, p.T)
		}
	}
	return ""
}

// always are servers of the zone that are there all the time.
func always(w world) map[measurement.RSI]bool {
	there := map[measurement.RSI]bool{}
	for _, s := range w.cfg.Plan.Servers {
		if slices.Contains(w.cfg.Plan.Zones[0].Servers, s.Group) && slices.ContainsFunc(s.Addresses, func(a plan.Address) bool {
			return a.From == nil && a.Until == nil && a.Family == measurement.IPv6
		}) {
			there[s.RSI] = true
		}
	}
	return there
}

// lawNothing takes serials from answers that must have no weight in any T(s).
func lawNothing(_ *rand.Rand, w world, judge judgement) string {
	type run struct {
		v  measurement.VantagePoint
		at int64
	}
	wrong := map[run]bool{}
	for _, r := range w.runs {
		wrong[run{r.VantagePoint, r.Interval.Unix()}] = r.ClockSynchronized != nil || !r.ReceivedAt.IsZero()
	}
	without := w
	without.rows = slices.Clone(w.rows)
	for i, a := range w.rows {
		if wrong[run{a.VantagePoint, a.Interval.Unix()}] {
			without.rows[i].ZoneSerial = nil
		}
	}
	if x, y := judge(w), judge(without); !reflect.DeepEqual(x.Published, y.Published) || !reflect.DeepEqual(values(x), values(y)) {
		return fmt.Sprintf("what has no weight makes %v of %v", y.Published, x.Published)
	}
	return ""
}

// lawLone has one server of several show a serial that nobody else does: nobody waits for it.
func lawLone(_ *rand.Rand, w world, judge judgement) string {
	for _, p := range judge(w).Published {
		by := map[measurement.RSI]bool{}
		for _, a := range w.rows {
			if a.ZoneSerial != nil && uint32(*a.ZoneSerial) == p.Serial {
				by[a.RSI] = true
			}
		}
		if !p.Source && len(by) < 2 && len(always(w)) > 1 {
			return fmt.Sprintf("serial %d is of one server", p.Serial)
		}
	}
	return ""
}

// lawNoSerial takes the serial from good answers: it delays nobody more than if they had not
// come.
func lawNoSerial(r *rand.Rand, w world, judge judgement) string {
	dropped, unseen := w, w
	dropped.rows, unseen.rows = nil, nil
	for _, a := range w.rows {
		q, _ := w.cfg.Plan.Query(a.Query)
		good := a.Outcome == measurement.Answered && *a.RCode == measurement.NoError && *a.LatencyUS <= 4_000_000 && q.Expect == "" && a.TLSAuth == nil
		if !good || r.IntN(3) > 0 {
			unseen.rows, dropped.rows = append(unseen.rows, a), append(dropped.rows, a)
			continue
		}
		a.ZoneSerial = nil
		unseen.rows = append(unseen.rows, a)
	}
	waits := func(w world) map[string]objectives.Value {
		all := map[string]objectives.Value{}
		for name, v := range values(judge(w)) {
			if v.Kind == objectives.Publication { // how much was sent, and so what is thin, differs
				all[name] = objectives.Value{Count: v.Count, Good: v.Good, Unknown: v.Unknown, Number: v.Number}
			}
		}
		return all
	}
	return differs(waits(unseen), waits(dropped))
}
