package metrics

import (
	"cmp"
	"slices"
	"time"

	"mtric.net/mtric/engine/interval"
	"mtric.net/mtric/engine/measurement"
)

// LocalFailure is a time in which no RSI answered a vantage point over an address
// family, though all were asked over both transports: likely a failure at the
// vantage point. It counts as unavailability [dfl] until somebody excludes it
// [raz]; this proposes to (reading A5).
type LocalFailure struct {
	VantagePoint measurement.VantagePoint
	Family       measurement.Family
	From, Until  time.Time // interval labels of [From, Until)
	Intervals    int64
}

// LocalFailures lists them by vantage point, family and time, those already
// excluded left out; computed when they are asked for.
func (r *Result) LocalFailures() []LocalFailure {
	c := r.computation
	found := make([][]LocalFailure, len(c.system.vps))
	c.parallel(len(found), func(vp int) {
		for f, family := range measurement.Families {
			found[vp] = append(found[vp], c.system.failedFamily(vp, f, family)...)
		}
	})
	all := slices.Concat(found...)
	slices.SortStableFunc(all, func(a, b LocalFailure) int {
		return cmp.Or(cmp.Compare(a.VantagePoint, b.VantagePoint), cmp.Compare(a.Family, b.Family), a.From.Compare(b.From))
	})
	return all
}

// failedFamily finds the failures of one family at a vantage point; its paths are
// 2f and 2f+1.
func (v *view) failedFamily(vp, f int, family measurement.Family) (list []LocalFailure) {
	for day, d := range v.days {
		b := d.blocks[vp]
		if !d.counted || b == nil {
			continue
		}
		var due, asked, ok [perDay]int
		for path := 2 * f; path <= 2*f+1; path++ {
			for i, c := range b.cells[path*v.a.n*perDay : (path+1)*v.a.n*perDay] {
				due[i%perDay] += int(one(planned(c)))
				asked[i%perDay] += int(one(sent(c)))
				if c >= cellOK {
					ok[i%perDay]++
				}
			}
		}
		for slot := range asked {
			if asked[slot] < due[slot] || due[slot] < 4 || ok[slot] > 0 {
				continue
			}
			at := v.a.label(day*perDay + slot)
			if n := len(list); n > 0 && list[n-1].Until.Equal(at) {
				list[n-1].Until = at.Add(interval.Length)
				list[n-1].Intervals++
				continue
			}
			list = append(list, LocalFailure{v.vps[vp].ID, family, at, at.Add(interval.Length), 1})
		}
	}
	return list
}
