package metrics

import (
	"cmp"
	"slices"
	"time"

	"mtric.net/mtric/engine/interval"
	"mtric.net/mtric/engine/measurement"
)

// publication is a serial that was new in the period; at is T(s), counted in
// intervals from the start of the window.
type publication struct {
	serial uint32
	at     int
}

// sighting is when a serial was first seen at all, and from which RSIs.
type sighting struct {
	first int
	rsis  map[int]bool
}

// sightings collects every serial that any vantage point got from any RSI over
// any path [yxn].
func (v *view) sightings() map[uint32]*sighting {
	if v.seen != nil {
		return v.seen
	}
	all := map[uint32]*sighting{}
	defer func() { v.seen = all }()
	for d, day := range v.days {
		for _, b := range day.blocks {
			if b == nil {
				continue
			}
			previous := serialNotAsked
			for i, code := range b.serials {
				if code == previous && i%perDay != 0 {
					continue
				}
				previous = code
				for _, s := range day.sets.of(code) {
					at := d*perDay + i%perDay
					g := all[s]
					if g == nil {
						g = &sighting{first: at, rsis: map[int]bool{}}
						all[s] = g
					}
					g.first = min(g.first, at)
					g.rsis[i/perDay] = true
				}
			}
		}
	}
	return all
}

// zones is what the table zones says of serials.
type zones map[uint32]measurement.Zone

// accepts says whether a serial is of a root zone (reading A13): archived, or
// seen from two RSIs.
func (z zones) accepts(serial uint32, g *sighting) bool {
	if zone, known := z[serial]; known {
		return zone.State != measurement.ZoneBogus
	}
	return len(g.rsis) >= 2
}

// publications lists the serials whose T(s) lies in the period, by T(s). A serial
// of the first interval with data has none, nor has one that is older than those:
// nobody knows when it came (A10), however late an RSI that fell behind shows it.
func (v *view) publications(z zones, accepted map[uint32]bool) []publication {
	all := v.sightings()
	start := len(v.days) * perDay
	for s, g := range all {
		if accepted[s] {
			start = min(start, g.first)
		}
	}
	var initial []uint32
	for s, g := range all {
		if accepted[s] && g.first == start {
			initial = append(initial, s)
		}
	}
	var list []publication
	for s, g := range all {
		known := slices.ContainsFunc(initial, func(i uint32) bool { return s == i || before(s, i) })
		counted := g.first/perDay < len(v.days) && v.days[g.first/perDay].counted
		old := z[s].FirstSeen != nil && z[s].FirstSeen.UnixMicro() < v.a.from
		if accepted[s] && counted && !known && !old {
			list = append(list, publication{s, g.first})
		}
	}
	slices.SortFunc(list, func(a, b publication) int { return cmp.Or(a.at-b.at, cmp.Compare(a.serial, b.serial)) })
	return list
}

// minima gives for each code of a day the RFC 1982 minimum of its accepted
// serials [cnj]; -1 where there is none [tub].
func (d viewDay) minima(accepted map[uint32]bool) []int64 {
	m := []int64{-1, -1}
	for _, set := range d.sets.sets {
		var good []uint32
		for _, s := range set {
			if accepted[s] {
				good = append(good, s)
			}
		}
		if s, ok := oldest(good); ok {
			m = append(m, int64(s))
		} else {
			m = append(m, -1)
		}
	}
	return m
}

// waits is what one RSI showed one vantage point.
type waits struct {
	lags                      []Lag
	unobservable, regressions int64
}

// wait is a publication not yet observed.
type wait struct {
	publication
	asked, inflated, gap bool
}

// follow goes through the window and gives L(v,X,s) for each publication [kvg]
// [udz]: the time from T(s) until the minimum reaches s.
func (v *view) follow(vp, rsi int, published []publication, minima [][]int64) (w waits) {
	var pending []wait
	end := v.end()
	last := int64(-1)
	emit := func(p wait, at int, censored bool) {
		switch {
		case !p.asked && (at > p.at || censored): // A12
			w.unobservable++
		default:
			w.lags = append(w.lags, v.lag(p, vp, rsi, at, censored))
		}
	}
	for d, day := range v.days {
		var codes []uint32
		if b := day.blocks[vp]; b != nil {
			codes = b.serials[rsi*perDay : (rsi+1)*perDay]
		}
		if codes == nil && len(pending) == 0 && (len(published) == 0 || published[0].at >= (d+1)*perDay) {
			continue
		}
		for slot := range min(perDay, end-d*perDay) {
			now := d*perDay + slot
			for len(published) > 0 && published[0].at == now {
				pending = append(pending, wait{publication: published[0]})
				published = published[1:]
			}
			code := serialNotAsked
			if codes != nil {
				code = codes[slot]
			}
			m := minima[d][code]
			if m >= 0 && last >= 0 && before(uint32(m), uint32(last)) {
				w.regressions++ // A14: the first crossing counted
			}
			if m >= 0 {
				last = m
			}
			if len(pending) == 0 {
				continue
			}
			pending = slices.DeleteFunc(pending, func(p wait) bool {
				if m < 0 || !Reaches(uint32(m), p.serial) {
					return false
				}
				emit(p, now, false)
				return true
			})
			for i := range pending {
				p := &pending[i]
				p.asked = p.asked || code != serialNotAsked
				p.gap = p.gap || code == serialNotAsked
				p.inflated = p.inflated || code != serialNotAsked && m < 0 // A11
			}
		}
	}
	for _, p := range pending {
		emit(p, end, true)
	}
	return w
}

// end is the end of the window in intervals from its start.
func (v *view) end() int { return int((v.a.until - v.a.from) / interval.Length.Microseconds()) }

func (v *view) lag(p wait, vp, rsi, at int, censored bool) Lag {
	return Lag{Serial: p.serial, Published: v.a.label(p.at), VantagePoint: v.vps[vp].ID, RSI: v.a.cfg.Servers[rsi].RSI,
		Minutes: int64(at-p.at) * int64(interval.Length/time.Minute), Censored: censored, Inflated: p.inflated, Gap: p.gap}
}

func (a *Accumulator) label(at int) time.Time {
	return time.UnixMicro(a.from).UTC().Add(time.Duration(at) * interval.Length)
}

// published is the publication latency of a view: waits by RSI.
type published struct {
	serials int
	byRSI   []waits
}

// publish follows every RSI at every vantage point. T(s) is a fact of the system
// and comes from the view at, the waits from v itself.
func (v *view) publish(at *view, z zones, accepted map[uint32]bool) published {
	list := at.publications(z, accepted)
	minima := make([][]int64, len(v.days))
	for d, day := range v.days {
		minima[d] = day.minima(accepted)
	}
	p := published{serials: len(list), byRSI: make([]waits, v.a.n)}
	v.a.parallel(v.a.n, func(rsi int) {
		for vp := range v.vps {
			w := v.follow(vp, rsi, list, minima)
			all := &p.byRSI[rsi]
			all.lags = append(all.lags, w.lags...)
			all.unobservable += w.unobservable
			all.regressions += w.regressions
		}
	})
	return p
}

// pool joins the values of all RSIs [dbo].
func (p published) pool() (all waits) {
	for _, w := range p.byRSI {
		all.lags = append(all.lags, w.lags...)
		all.unobservable += w.unobservable
		all.regressions += w.regressions
	}
	return all
}

// side is the median over the values [yzp]; one never observed lies beyond all
// others [P4].
func (w waits) side(limit Limit) (Side, Diagnostics) {
	lags := w.lags // their order means nothing
	slices.SortFunc(lags, compareLags)
	d := Diagnostics{Unobservable: w.unobservable, Regressions: w.regressions}
	count := int64(len(lags))
	if count == 0 {
		return Side{Verdict: NoData}, d
	}
	sum := int64(0)
	for _, l := range lags {
		sum += l.Minutes
		d.CensoredN += one(l.Censored)
		d.Inflated += one(l.Inflated)
		d.Gaps += one(l.Gap)
		if d.Longest == nil || l.Minutes > d.Longest.Minutes {
			longest := l
			d.Longest = &longest
		}
	}
	d.Mean, d.AtLeast = &Fraction{sum, count}, d.CensoredN > 0
	d.Min, d.P95, d.Max = whole(lags[0].Minutes), whole(lags[nearestRank95(count)].Minutes), whole(d.Longest.Minutes)
	low, high := medianRanks(count)
	s := Side{Count: count, Censored: lags[high].Censored}
	if !s.Censored {
		median := medianOf(count, lags[low].Minutes, lags[high].Minutes)
		s.Fraction = &median
	}
	s.Verdict = judge(Minutes, s.Fraction, s.Censored, limit)
	return s, d
}

// compareLags orders by length, censored ones last; equal ones by who and what.
func compareLags(a, b Lag) int {
	return cmp.Or(int(one(a.Censored)-one(b.Censored)), cmp.Compare(a.Minutes, b.Minutes), a.Published.Compare(b.Published),
		cmp.Compare(a.Serial, b.Serial), cmp.Compare(a.RSI, b.RSI), cmp.Compare(a.VantagePoint, b.VantagePoint))
}

func one(b bool) int64 {
	if b {
		return 1
	}
	return 0
}

func whole(n int64) *Fraction { return &Fraction{n, 1} }
