package simulate_test

import (
	"cmp"
	"slices"
	"time"

	"mtric.net/mtric/engine/interval"
	"mtric.net/mtric/engine/measurement"
	"mtric.net/mtric/engine/plan"
	"mtric.net/mtric/engine/simulate"
)

// newer is serial comparison by RFC 1982: a >= b.
func newer(a, b int64) bool { return int32(uint32(a)-uint32(b)) >= 0 }

func (b brute) zone(serial int64) *measurement.Zone {
	for i := range b.zones {
		if b.zones[i].Serial == serial {
			return &b.zones[i]
		}
	}
	return nil
}

func (b brute) accepted(serial int64) bool {
	z := b.zone(serial)
	return z != nil && (z.State == measurement.ZoneArchived || z.State == measurement.ZoneSeen)
}

// shown is what trusted sightings say.
type shown struct {
	untrusted map[place]bool
	runs      map[place]map[measurement.RSI]sighted
	firsts    map[int64]map[measurement.VantagePoint]time.Time // labels, by serial
}

// sighted is what one RSI showed in one run.
type sighted struct {
	least    int64 // the oldest accepted serial; 0 for none
	doubtful bool  // a serial that is not accepted
}

// distrust finds the runs whose clock was wrong, that came before their label, or that
// show more serials than anybody serves.
func (b brute) distrust() map[place]bool {
	bad := map[place]bool{}
	for _, r := range b.runs {
		if !*r.ClockSynchronized || r.ReceivedAt.Before(r.Interval) {
			bad[place{r.VantagePoint, r.Interval.Unix()}] = true
		}
	}
	for at, rows := range b.rows {
		serials := map[int64]bool{}
		for _, a := range rows {
			if a.Query == "soa" && a.Serial != nil {
				serials[*a.Serial] = true
			}
		}
		if len(serials) > 16 {
			bad[at] = true
		}
	}
	return bad
}

func (b brute) sightings() shown {
	s := shown{b.distrust(), map[place]map[measurement.RSI]sighted{}, map[int64]map[measurement.VantagePoint]time.Time{}}
	servers := b.servers()
	for at, rows := range b.rows {
		t := time.Unix(at.at, 0).UTC()
		counts := slices.ContainsFunc(b.vps, func(v plan.VantagePoint) bool { return v.ID == at.vp && in(v, t) })
		if s.untrusted[at] || !counts || !t.Before(b.end) {
			continue
		}
		s.runs[at] = map[measurement.RSI]sighted{}
		for _, a := range rows {
			i := slices.IndexFunc(servers, func(s plan.Server) bool { return s.RSI == a.RSI })
			if a.Query == "soa" && i >= 0 && a.Serial != nil && became(a, servers[i], t) == "good" {
				b.sight(s, at, t, a)
			}
		}
	}
	return s
}

func (b brute) sight(s shown, at place, t time.Time, a *measurement.Answer) {
	own := s.runs[at][a.RSI]
	defer func() { s.runs[at][a.RSI] = own }()
	if own.doubtful = own.doubtful || !b.accepted(*a.Serial); !b.accepted(*a.Serial) {
		return
	}
	if signed := b.zone(*a.Serial).SignedAt; signed != nil && a.SentAt.Before(signed.Add(-5*time.Minute)) {
		return
	}
	if own.least == 0 || newer(own.least, *a.Serial) {
		own.least = *a.Serial
	}
	if s.firsts[*a.Serial] == nil {
		s.firsts[*a.Serial] = map[measurement.VantagePoint]time.Time{}
	}
	if was, known := s.firsts[*a.Serial][at.vp]; !known || t.Before(was) {
		s.firsts[*a.Serial][at.vp] = t
	}
}

// publishedAt is T(s) of a serial that these vantage points first showed then.
func (b brute) publishedAt(serial int64, firsts map[measurement.VantagePoint]time.Time) (time.Time, bool) {
	var all []time.Time
	for _, t := range firsts {
		all = append(all, t)
	}
	if len(all) == 0 {
		return time.Time{}, false
	}
	slices.SortFunc(all, time.Time.Compare)
	t1, there := all[0], 0
	for _, v := range b.vps {
		for t := t1; !t.After(t1.Add(15 * time.Minute)); t = t.Add(interval.Length) {
			if in(v, t) {
				there++
				break
			}
		}
	}
	if there == 1 {
		return t1, true
	}
	t2 := time.Time{}
	if len(all) > 1 {
		t2 = all[1]
	}
	if z := b.zone(serial); z.ArchivedAt != nil && !z.ArchivedAt.After(t1.Add(24*time.Hour)) {
		if up := interval.Of(z.ArchivedAt.Add(interval.Length - time.Microsecond)); t2.IsZero() || up.Before(t2) {
			t2 = up
		}
	}
	if before := t2.Add(-15 * time.Minute); before.After(t1) {
		return before, true
	}
	return t1, !t2.IsZero()
}

// news are the serials of the period, and of those without a T(s) when they were first
// used.
func (b brute) news(s shown) (published []simulate.Publication, untimed []time.Time) {
	first := time.Time{}
	for _, by := range s.firsts {
		for _, t := range by {
			if first.IsZero() || t.Before(first) {
				first = t
			}
		}
	}
	isOld := func(serial int64) bool {
		for other, by := range s.firsts {
			for _, t := range by {
				if t.Equal(first) && newer(other, serial) {
					return true
				}
			}
		}
		return false
	}
	published = []simulate.Publication{}
	for serial, by := range s.firsts {
		if t, known := b.publishedAt(serial, by); known && !isOld(serial) && !t.Before(b.from) && t.Before(b.until) {
			published = append(published, simulate.Publication{Serial: serial, T: t})
		}
	}
	slices.SortFunc(published, func(x, y simulate.Publication) int { return cmp.Or(x.T.Compare(y.T), cmp.Compare(x.Serial, y.Serial)) })
	for _, z := range b.zones {
		if z.State != measurement.ZoneArchived || z.FirstUsed.Before(b.from) || !z.FirstUsed.Before(b.until) || isOld(z.Serial) {
			continue
		}
		if _, known := b.publishedAt(z.Serial, s.firsts[z.Serial]); !known {
			untimed = append(untimed, interval.Of(*z.FirstUsed))
		}
	}
	return published, untimed
}

// publications are the values of RSIs, last that of the system, and the serials.
func (b brute) publications(soa map[measurement.RSI]counted) (values []simulate.Value, published []simulate.Publication) {
	s := b.sightings()
	published, untimed := b.news(s)
	pooled, all := waits{}, counted{}
	for _, x := range b.servers() {
		own := b.waits(s, x, published, untimed, 65)
		values = append(values, b.publication("rsi_publication_latency", x.RSI, own, soa[x.RSI], 65))
		own = b.waits(s, x, published, untimed, 35)
		pooled = waits{append(pooled.minutes, own.minutes...), pooled.unobservable + own.unobservable, pooled.untimed + own.untimed}
		all.addAll(soa[x.RSI])
	}
	return append(values, b.publication("rss_publication_latency", "", pooled, all, 35)), published
}

type waits struct {
	minutes               []int64
	unobservable, untimed int64
}

func (b brute) waits(s shown, x plan.Server, published []simulate.Publication, untimed []time.Time, threshold int64) (w waits) {
	late := func(m int64) bool { return m > threshold }
	for _, v := range b.vps {
		for _, t := range untimed {
			if in(v, t) && hasAny(x, t) {
				w.untimed++
			}
		}
		for _, p := range published {
			if !in(v, p.T) || !hasAny(x, p.T) {
				continue
			}
			switch lo, hi := b.wait(s, x, v, p); {
			case lo != hi && late(lo) != late(hi):
				w.unobservable++
			case hi == never:
				w.minutes = append(w.minutes, never)
			default:
				w.minutes = append(w.minutes, lo)
			}
		}
	}
	return w
}

func (b brute) publication(metric measurement.Metric, x measurement.RSI, w waits, soa counted, threshold int64) simulate.Value {
	v := median(w.minutes)
	v.Metric, v.RSI, v.Unobservable, v.Thin = metric, x, w.unobservable, soa.tooFewSent()
	b.judge(&v)
	below, above := split(w.minutes, threshold)
	u := w.unobservable + w.untimed
	thinly(&v, above > below+u, below > above+u)
	return v
}

// wait is the least and the most that an RSI took to show a serial, in minutes.
func (b brute) wait(s shown, x plan.Server, v plan.VantagePoint, p simulate.Publication) (lo, hi int64) {
	least := p.T
	minutes := func(t time.Time) int64 { return int64(t.Sub(p.T) / time.Minute) }
	for t := p.T; t.Before(b.end) && in(v, t) && hasAny(x, t) && t.Before(b.until.Add(7*24*time.Hour)); t = t.Add(interval.Length) {
		own := s.runs[place{v.ID, t.Unix()}][x.RSI]
		if own.least != 0 && newer(own.least, p.Serial) {
			return minutes(least), minutes(t)
		}
		if own.least != 0 || b.askedAll(s, x, v, t) && !own.doubtful {
			least = t.Add(interval.Length)
		}
	}
	return minutes(least), never
}

// askedAll says whether all planned queries to an RSI were sent in a trusted run.
func (b brute) askedAll(s shown, x plan.Server, v plan.VantagePoint, t time.Time) bool {
	for _, p := range everyPath {
		if _, valid := x.AddressAt(p.Family, t); valid {
			if what := became(b.soa(t, v.ID, x.RSI, p), x, t); what != "good" && what != "bad" {
				return false
			}
		}
	}
	return !s.untrusted[place{v.ID, t.Unix()}]
}
