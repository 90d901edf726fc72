package metrics

import (
	"cmp"
	"slices"
	"sync"
	"time"

	"mtric.net/mtric/engine/interval"
	"mtric.net/mtric/engine/measurement"
)

// level says which exclusions a view leaves out.
type level int

const (
	asMeasured level = iota // none
	forSystem               // those without RSIs: what RSS metrics see
	forRSIs                 // all: what RSI metrics see
)

// view is the data with exclusions taken out. It shares the blocks that no
// exclusion touches.
type view struct {
	a     *Accumulator
	level level
	vps   []VantagePoint
	order []int // of vps, the numbers among all
	days  []viewDay

	slots func() [][]Slots // SOA queries over all paths, by RSI and vantage point
}

type viewDay struct {
	counted bool
	sets    *serialSets
	blocks  []*block // by vantage point; nil where nothing came and nothing was planned
}

// at is what an exclusion takes out of a block: slots of [from, until).
type at struct {
	from, until int
	rsis        []int
	paths       []int
}

// hasExclusion says whether any exclusion lies in the vantage point's day; then its
// block keeps the serials of each path apart.
func (a *Accumulator) hasExclusion(day int, vp measurement.VantagePoint) bool {
	return len(a.excluded(day, vp, forRSIs)) > 0
}

// excluded lists what the exclusions of a level take out of a day of a vantage point.
func (a *Accumulator) excluded(day int, vp measurement.VantagePoint, l level) []at {
	if l == asMeasured {
		return nil
	}
	var list []at
	start := a.dayStart(day)
	for _, e := range a.cfg.Exclusions {
		if len(e.RSIs) > 0 && l < forRSIs || len(e.VantagePoints) > 0 && !slices.Contains(e.VantagePoints, vp) {
			continue
		}
		out := at{from: slotOf(e.From, start), until: slotOf(e.Until, start)}
		if out.from >= out.until {
			continue
		}
		for i, s := range a.cfg.Servers {
			if len(e.RSIs) == 0 || slices.Contains(e.RSIs, s.RSI) {
				out.rsis = append(out.rsis, i)
			}
		}
		for i, p := range paths {
			if len(e.Paths) == 0 || slices.Contains(e.Paths, p) {
				out.paths = append(out.paths, i)
			}
		}
		list = append(list, out)
	}
	return list
}

// slotOf is the first interval of the day whose label is not before t.
func slotOf(t, day time.Time) int {
	d := t.Sub(day)
	if d <= 0 {
		return 0
	}
	if d >= 24*time.Hour {
		return perDay
	}
	return int((d + interval.Length - 1) / interval.Length)
}

func (a *Accumulator) dayStart(day int) time.Time {
	return time.UnixMicro(a.from).UTC().AddDate(0, 0, day)
}

// viewAt makes the view of a level, vantage points by their number; without Config.Left.
func (a *Accumulator) viewAt(l level) *view {
	order := slices.DeleteFunc(a.counting(), func(i int) bool { return slices.Contains(a.cfg.Left, a.vps[i].ID) })
	return a.viewOf(l, order)
}

func (a *Accumulator) viewOf(l level, order []int) *view {
	v := &view{a: a, level: l, order: order}
	v.slots = sync.OnceValue(v.soaSlots)
	for _, i := range order {
		v.vps = append(v.vps, a.vps[i])
	}
	for d, day := range a.days {
		vd := viewDay{counted: day.counted, sets: &day.sets, blocks: make([]*block, len(order))}
		for to, from := range order {
			if from < len(day.blocks) && day.blocks[from] != nil {
				vd.blocks[to] = a.mask(day, day.blocks[from], a.excluded(d, a.vps[from].ID, l))
			}
		}
		v.days = append(v.days, vd)
	}
	return v
}

// counting lists the vantage points that count, by number: those expected; in a
// plan without any, those with rows in the period.
func (a *Accumulator) counting() []int {
	var order []int
	for i := range a.vps {
		inPeriod := slices.ContainsFunc(a.days, func(d *day) bool {
			return d.counted && i < len(d.blocks) && d.blocks[i] != nil && slices.Contains(d.blocks[i].received[:], 1)
		})
		if !a.anyVP || inPeriod {
			order = append(order, i)
		}
	}
	slices.SortFunc(order, func(i, j int) int { return cmp.Compare(a.vps[i].ID, a.vps[j].ID) })
	return order
}

// mask returns the block without what is excluded; the block itself where
// nothing is.
func (a *Accumulator) mask(d *day, b *block, out []at) *block {
	if len(out) == 0 {
		return b
	}
	m := b.clone()
	m.serials, m.excluded = slices.Clone(b.serials), make([]pathSet, a.n*perDay)
	if m.cells != nil {
		m.needChecks()
	}
	for _, e := range out {
		for _, p := range e.paths {
			for _, r := range e.rsis {
				m.exclude((p*a.n+r)*perDay, e.from, e.until)
				for slot := e.from; slot < e.until; slot++ {
					m.excluded[r*perDay+slot] |= 1 << p
				}
			}
		}
	}
	for i, gone := range m.excluded {
		if gone == 0 || m.byPath == nil {
			continue
		}
		m.serials[i] = serialNone
		for p := range paths {
			for _, s := range d.sets.of(m.byPath[p*len(m.serials)+i]) {
				m.serials[i] = d.sets.add(m.serials[i], s)
			}
		}
	}
	return m
}

// exclude takes the intervals [from, until) of an RSI's path, whose values begin at
// start, out of the block.
func (b *block) exclude(start, from, until int) {
	if b.byPath != nil {
		clear(b.byPath[start+from : start+until])
	}
	for i := start + from; b.cells != nil && i < start+until; i++ {
		if b.cells[i] != cellUnplanned {
			b.cells[i] = cellExcluded
		}
		switch c := &b.checks[i]; {
		case *c == checkAbsent:
			*c = checkExcluded
		case *c > checkAbsent:
			*c = checkExcludedRow
		}
	}
}

// cells returns the pieces of a path's cells of an RSI at one vantage point, or
// at all of them where vp is negative.
func (v *view) cells(vp, rsi, path int) [][]uint32 {
	var pieces [][]uint32
	at := (path*v.a.n + rsi) * perDay
	for _, d := range v.days {
		if !d.counted {
			continue
		}
		for i, b := range d.blocks {
			if b != nil && b.cells != nil && (vp < 0 || vp == i) {
				pieces = append(pieces, b.cells[at:at+perDay])
			}
		}
	}
	return pieces
}
