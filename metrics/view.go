package metrics

import (
	"slices"
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
	a    *Accumulator
	vps  []VantagePoint
	days []viewDay
	seen map[uint32]*sighting // by sightings, once they were asked for
}

type viewDay struct {
	counted bool
	sets    *serialSets
	blocks  []*block // by vantage point; nil where nothing came
}

// at is what an exclusion takes out of a block: slots of [from, until).
type at struct {
	from, until int
	rsis        []int
	paths       []int
}

// touches says whether any exclusion lies in the vantage point's day; then its
// block keeps the serials of each path apart.
func (a *Accumulator) touches(day int, vp measurement.VantagePoint) bool {
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

// see makes the view of a level, vantage points by their number.
func (a *Accumulator) see(l level) *view {
	v := &view{a: a}
	order := a.counting()
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
		inPeriod := slices.ContainsFunc(a.days, func(d *day) bool { return d.counted && i < len(d.blocks) && d.blocks[i] != nil })
		if !a.anyVP || inPeriod {
			order = append(order, i)
		}
	}
	slices.SortFunc(order, func(i, j int) int {
		if a.vps[i].ID < a.vps[j].ID {
			return -1
		}
		return 1
	})
	return order
}

// mask returns the block without what is excluded; the block itself where
// nothing is.
func (a *Accumulator) mask(d *day, b *block, out []at) *block {
	if len(out) == 0 {
		return b
	}
	m := &block{cells: slices.Clone(b.cells), checks: slices.Clone(b.checks), byPath: slices.Clone(b.byPath),
		serials: make([]uint32, len(b.serials)), received: b.received}
	for _, e := range out {
		for _, p := range e.paths {
			for _, r := range e.rsis {
				from, until := (p*a.n+r)*perDay+e.from, (p*a.n+r)*perDay+e.until
				clear(m.byPath[from:until])
				if m.cells != nil {
					clear(m.cells[from:until])
				}
				if m.checks != nil {
					clear(m.checks[from:until])
				}
			}
		}
	}
	for i := range m.serials {
		for p := range paths {
			code := m.byPath[p*len(m.serials)+i]
			m.serials[i] = max(m.serials[i], min(code, serialNone))
			for _, s := range d.sets.of(code) {
				m.serials[i] = d.sets.add(m.serials[i], s)
			}
		}
	}
	return m
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
			if b != nil && (vp < 0 || vp == i) {
				pieces = append(pieces, b.cells[at:at+perDay])
			}
		}
	}
	return pieces
}
