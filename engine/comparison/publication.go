package comparison

import (
	"slices"
	"time"

	"mtric.net/mtric/engine/interval"
)

// publication compares when new serials were seen.
func (c *comparer) publication() []Publication {
	list := []Publication{}
	for r, rsi := range c.RSIs {
		p := Publication{RSI: rsi}
		p.Ours, _ = c.ours.lag(r)
		p.Theirs, p.Serials = c.theirs.lag(r)
		if p.Ours != nil || p.Theirs != nil {
			list = append(list, p)
		}
	}
	return list
}

// lag of an RSI, over the serials that were published in the period at least six hours before its
// end; nil where none can be dated.
func (s *side) lag(rsi int) (*Lag, int) {
	var medians, nineties []int64
	networks := map[int64]bool{}
	for i, p := range s.Publications {
		if p.At.Before(s.From) || p.At.After(s.Until.Add(-settle)) {
			continue
		}
		values := sample{}
		for vp := range s.vps {
			if us, known := s.lagOf(vp, rsi, i); known {
				n := s.network(vp, 0)
				values[n] = append(values[n], us)
				networks[n] = true
			}
		}
		if all := slices.Sorted(slices.Values(values.networks())); len(all) > 0 {
			medians, nineties = append(medians, middle(all)), append(nineties, quantile(all, 90))
		}
	}
	if len(medians) == 0 {
		return nil, 0
	}
	return &Lag{Networks: len(networks), Median: median(medians), P90: median(nineties), Cadence: s.cadence(rsi)}, len(medians)
}

// lagOf is how many seconds after its publication a vantage point first saw a serial, or a newer
// one, at an RSI: over any path. It must have seen an older one before, or it may only have
// begun to ask.
func (s *side) lagOf(vp, rsi, serial int) (seconds int64, known bool) {
	first, older := int(unseen), int(unseen)
	b, n := s.vps[vp], len(s.RSIs)*pathCount
	for i := range s.Publications {
		for path := range pathCount {
			at := int(b.first[i*n+rsi*pathCount+path])
			if i < serial {
				older = min(older, at)
			} else {
				first = min(first, at)
			}
		}
	}
	if first == unseen || older >= first {
		return 0, false
	}
	at := s.start + int64(first)*interval.Length.Microseconds()
	return max(at-s.Publications[serial].At.UnixMicro(), 0) / 1_000_000, true
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

// settle is how long before the end of the period a serial must be published to be compared: who
// has not seen it by then is not counted.
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
	own, known := s.lagOf(vp, rsi, serial)
	if !known {
		return noHour
	}
	var all []int64
	for r := range s.RSIs {
		if lag, known := s.lagOf(vp, r, serial); known {
			all = append(all, lag)
		}
	}
	if own > median(all)*3/2+clearly {
		return struck
	}
	return fine
}
