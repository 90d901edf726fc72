package alert

import (
	"maps"
	"reflect"
	"slices"
	"time"

	"mtric.net/mtric/engine/interval"
)

// witnessing finds out on whose rows the alerts of a group rest at one end: a condition
// rests on a vantage point if it does not hold without its rows.
type witnessing struct {
	group *group
	rows  *rows
	end   time.Time

	read   func() (*rows, error) // where rows does not have those of its windows
	failed error                 // of read
	places [][]place             // of the rows of its windows, by combination; nil until one is asked for
}

// place is where a row lies.
type place struct{ chunk, at int32 }

// find sorts the rows of the windows by combination.
func (w *witnessing) find() {
	g := w.group
	w.places = make([][]place, len(g.combos))
	if w.read != nil {
		if w.rows, w.failed = w.read(); w.failed != nil {
			w.rows = &rows{}
		}
	}
	from, until := w.spans()
	for c, chunk := range w.rows.chunks {
		at, _ := slices.BinarySearchFunc(chunk, from, func(r row, slot int32) int { return int(r.slot) - int(slot) })
		for ; at < len(chunk) && chunk[at].slot < until; at++ {
			i := g.of[chunk[at].tuple]
			w.places[i] = append(w.places[i], place{int32(c), int32(at)})
		}
	}
}

// spans are the slots of all windows that are looked at.
func (w *witnessing) spans() (from, until int32) {
	until = slotOf(w.end)
	from = until - int32(w.group.window/interval.Length)
	if w.group.previous {
		from -= until - from
	}
	return from, until
}

// alone names the one vantage point that the condition of a rule over a combination rests
// on; empty where there is none, or more than one, whose evidence it is then together.
func (w *witnessing) alone(combination int32, r *rule, f *frame, failing float64) string {
	if w.places == nil {
		w.find()
	}
	places, vps := w.places[combination], map[int32]bool{}
	for _, p := range places {
		vps[w.rows.vpOf[w.rows.chunks[p.chunk][p.at].tuple]] = true
	}
	var rests []string
	for _, vp := range slices.Sorted(maps.Keys(vps)) {
		if found, _ := r.judge(w.without(vp, combination, f, failing)); found != holds {
			if rests = append(rests, w.rows.vps[vp]); len(rests) > 1 {
				break
			}
		}
	}
	return only(rests)
}

// without is what rules see of a combination without a vantage point's rows.
func (w *witnessing) without(vp, combination int32, f *frame, failing float64) *frame {
	g, c := w.group, w.group.combos[combination]
	now, before := c.now.emptied(w.rows, g, vp), c.before.emptied(w.rows, g, vp)
	middle := slotOf(w.end) - int32(g.window/interval.Length)
	for _, p := range w.places[combination] {
		row := &w.rows.chunks[p.chunk][p.at]
		if w.rows.vpOf[row.tuple] == vp {
			continue
		}
		t := now
		if row.slot < middle {
			t = before
		}
		t.count(row, w.rows.vpOf[row.tuple], w.rows.rsiOf[row.tuple], g.feeds[row.tuple], 1)
	}
	var seen, seenBefore Window
	c.fill(&seen, &seenBefore, now, before, view{w.rows, g, w.end, failing, w.rows.vps[vp], zoneCache{}})
	return &frame{rules: f.rules, object: reflect.ValueOf(&seen).Elem(), previous: reflect.ValueOf(&seenBefore).Elem(), labels: f.labels, thresholds: f.thresholds}
}

// emptied is an empty tally of the same combination. Who finds answers incorrect, which
// is of all combinations of an RSI, is as it was, without the vantage point.
func (t *tally) emptied(r *rows, g *group, but int32) *tally {
	if t == nil {
		return nil
	}
	of := &accused{maps.Clone(t.accused.vps), t.accused.nsids}
	delete(of.vps, but)
	return newTally(r, g, of)
}
