package comparison

import (
	"slices"
	"time"

	"mtric.net/mtric/engine/interval"
)

// publication compares when new serials were seen: those that both sides saw become new in the
// period, at least six hours before its end.
func (c *comparer) publication() []Publication {
	list := []Publication{}
	for r, rsi := range c.RSIs {
		var ours, theirs lags
		for i, at := range c.Publications {
			if at.At.Before(c.From) || at.At.After(c.Until.Add(-settle)) {
				continue
			}
			if a, b := c.ours.lagsOf(r, i), c.theirs.lagsOf(r, i); len(a) > 0 && len(b) > 0 {
				ours.add(a)
				theirs.add(b)
			}
		}
		if n := len(ours.medians); n > 0 {
			list = append(list, Publication{RSI: rsi, Serials: n, Ours: ours.sum(c.ours.cadence(r)), Theirs: theirs.sum(c.theirs.cadence(r))})
		}
	}
	return list
}

// lags are quantiles over networks, one of each serial.
type lags struct {
	medians, nineties []int64
	networks          map[int64]bool
}

func (l *lags) add(values sample) {
	all := slices.Sorted(slices.Values(values.networks()))
	l.medians, l.nineties = append(l.medians, middle(all)), append(l.nineties, quantile(all, 90))
	if l.networks == nil {
		l.networks = map[int64]bool{}
	}
	for n := range values {
		l.networks[n] = true
	}
}

func (l *lags) sum(cadence int64) *Lag {
	return &Lag{Networks: len(l.networks), Median: median(l.medians), P90: median(l.nineties), Cadence: cadence}
}

// lagsOf are the lags of a serial at an RSI. Who never saw it counts by how long that was so.
func (s *side) lagsOf(rsi, serial int) sample {
	values := sample{}
	for vp := range s.vps {
		if lag, known := s.lagOrLeast(vp, rsi, serial); known {
			n := s.network(vp, 0)
			values[n] = append(values[n], lag)
		}
	}
	return values
}

// lagOf is how many seconds after its publication a vantage point first saw a serial, or a newer
// one, at an RSI: over any path. It must have seen an older one before, or it may only have
// begun to ask.
func (s *side) lagOf(vp, rsi, serial int) (seconds int64, known bool) {
	first, older, apart := int(unseen), int(unseen), int(unseen)
	b, n := s.vps[vp], len(s.RSIs)*pathCount
	for i := range s.Publications {
		for path := range pathCount {
			at := int(b.first[i*n+rsi*pathCount+path])
			switch {
			case at == unseen:
			case at >= hidden:
				if i >= serial {
					apart = min(apart, at-hidden)
				}
			case i < serial:
				older = min(older, at)
			default:
				first = min(first, at)
			}
		}
	}
	if first == unseen || older >= first {
		return 0, false
	}
	if s.dayOf(first/perHour) > s.dayOf(apart/perHour) {
		return 0, false // of the path that was set apart for a day only the first sighting is known
	}
	at := s.start + int64(first)*interval.Length.Microseconds()
	return max(at-s.Publications[serial].At.UnixMicro(), 0) / 1_000_000, true
}

// lagOrLeast is the lag or, where the RSI still showed an older zone when this one was two hours old and
// never showed it afterwards, how long that was so: of a server that stands still the lag has no end.
func (s *side) lagOrLeast(vp, rsi, serial int) (seconds int64, known bool) {
	if seconds, known = s.lagOf(vp, rsi, serial); known {
		return seconds, true
	}
	b, n := s.vps[vp], len(s.RSIs)*pathCount
	for i := serial; i < len(s.Publications); i++ {
		for path := range pathCount {
			if b.first[i*n+rsi*pathCount+path] != unseen {
				return 0, false // it began to ask too late
			}
		}
	}
	at := s.Publications[serial].At
	for h := s.hours - 1; h >= 0 && !s.timeOf(h).Before(at.Add(longReplaced)); h-- {
		if b.old[rsi*s.hours+h] != 0 {
			return int64(s.timeOf(h).Sub(at) / time.Second), true
		}
	}
	return 0, false
}

// cadence is how many seconds lie between two queries of a path, on average, to the minute.
func (s *side) cadence(rsi int) int64 {
	var asked, hours int64
	for _, b := range s.vps {
		for cell := rsi * pathCount; cell < (rsi+1)*pathCount; cell++ {
			for _, n := range s.span(b.asked, cell)[s.before:] {
				if n > 0 {
					asked, hours = asked+int64(n), hours+1
				}
			}
		}
	}
	if asked == 0 {
		return 0
	}
	return (hours*3600/asked + 30) / 60 * 60
}

// settle is how long before the end of the period a serial must be published to be compared.
const settle = 6 * time.Hour

// serialTable is a table whose hours are the serials of publications: who was struck saw a serial at
// the RSI more than one and a half times as late as in the middle of all RSIs, and a quarter of an
// hour. The first of all serials nobody can date.
func (s *side) serialTable(rsi int) *table {
	t := &table{side: s, hours: len(s.Publications), from: 0, back: len(s.Publications)}
	t.fill(func(vp int) int64 { return s.network(vp, 0) }, func(vp int) []uint8 {
		all := make([]uint8, t.hours)
		for i := range all {
			all[i] = s.late(vp, rsi, i)
		}
		return all
	})
	return t
}

// late says what a serial was for a vantage point at an RSI.
func (s *side) late(vp, rsi, serial int) uint8 {
	const clearly = 900 // seconds
	own, known := s.lagOrLeast(vp, rsi, serial)
	if !known {
		return noHour
	}
	var all []int64
	for r := range s.RSIs {
		if lag, known := s.lagOrLeast(vp, r, serial); known {
			all = append(all, lag)
		}
	}
	if 2*len(all) <= len(s.RSIs) {
		return noHour // the middle of a few says nothing: of one alone it is that one
	}
	if own > median(all)*3/2+clearly {
		return struck
	}
	return fine
}
