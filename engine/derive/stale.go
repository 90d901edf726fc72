package derive

import (
	"fmt"
	"slices"
	"time"

	"mtric.net/mtric/engine/interval"
	"mtric.net/mtric/engine/measurement"
	"mtric.net/mtric/metrics"
)

const (
	witnessWithin = 15 * time.Minute // by as much at most T(s) may precede a second witness
	archiveWithin = 24 * time.Hour   // after the first sighting, in which the archive is one
	staleAfter    = 65 * time.Minute // after T(s)
)

// publications says when serials of the root were published, as far as the digests of days
// and the table zones tell.
type publications struct {
	d       *Deriver
	zones   []measurement.Zone // accepted, seen by somebody
	oldest  time.Time          // label of the first sighting of all
	initial []uint32           // seen then: nobody knows when they came
	days    map[time.Time]*digest
	known   map[uint32]time.Time // T(s); zero where there is none
}

func (d *Deriver) publications() (*publications, error) {
	zones, err := d.Lake.Zones()
	if err != nil {
		return nil, fmt.Errorf("derive: %w", err)
	}
	p := &publications{d: d, days: map[time.Time]*digest{}, known: map[uint32]time.Time{}}
	for _, z := range zones {
		if z.State != measurement.ZoneBogus && z.FirstSeen != nil {
			p.zones = append(p.zones, z)
			if label := interval.Of(*z.FirstSeen); p.oldest.IsZero() || label.Before(p.oldest) {
				p.oldest = label
			}
		}
	}
	for _, z := range p.zones {
		if interval.Of(*z.FirstSeen).Equal(p.oldest) {
			p.initial = append(p.initial, uint32(z.Serial))
		}
	}
	return p, nil
}

// digest is that of a day, read once.
func (p *publications) digest(day time.Time) (*digest, error) {
	if g, known := p.days[day]; known {
		return g, nil
	}
	g, err := p.d.read(day)
	if err == nil {
		p.days[day] = g
	}
	return g, err
}

// accepted says whether a serial is one of a root zone.
func (p *publications) accepted(serial uint32) bool {
	return slices.ContainsFunc(p.zones, func(z measurement.Zone) bool { return uint32(z.Serial) == serial })
}

// of is T(s) [yxn]: the first trusted sighting, but no earlier than fifteen minutes before
// there was a second witness, another vantage point or the archive. False where there is
// none.
func (p *publications) of(z measurement.Zone) (time.Time, bool, error) {
	serial := uint32(z.Serial)
	if at, known := p.known[serial]; known {
		return at, !at.IsZero(), nil
	}
	at, err := p.witnessed(z)
	if err != nil {
		return at, false, err
	}
	if slices.ContainsFunc(p.initial, func(i uint32) bool { return !metrics.Newer(serial, i) }) {
		at = time.Time{}
	}
	p.known[serial] = at
	return at, !at.IsZero(), nil
}

// witnessed is T(s) of any serial; zero where there is none. Days after that of the
// archive's time are not looked at: who shows a serial first a day later dates nothing.
func (p *publications) witnessed(z measurement.Zone) (time.Time, error) {
	labels := map[measurement.VantagePoint]time.Time{}
	for n := range 3 {
		day := interval.Day(*z.FirstSeen).AddDate(0, 0, n)
		g, err := p.digest(day)
		if err != nil {
			return time.Time{}, err
		}
		if g == nil {
			continue
		}
		for _, f := range g.First {
			if f.Serial != uint32(z.Serial) || z.SignedAt != nil && f.At.Add(interval.Length).Before(z.SignedAt.Add(-interval.Length)) {
				continue
			}
			if was, known := labels[f.VantagePoint]; !known || f.At.Before(was) {
				labels[f.VantagePoint] = f.At
			}
		}
	}
	var all []time.Time
	for _, at := range labels {
		all = append(all, at)
	}
	slices.SortFunc(all, time.Time.Compare)
	if len(all) == 0 {
		return time.Time{}, nil
	}
	if alone, err := p.alone(all[0]); alone || err != nil {
		return all[0], err
	}
	if z.ArchivedAt != nil {
		if at := ceil(*z.ArchivedAt); !at.After(all[0].Add(archiveWithin)) {
			all = slices.Insert(all, 1, at)
			slices.SortFunc(all[1:], time.Time.Compare)
		}
	}
	if len(all) < 2 {
		return time.Time{}, nil
	}
	if at := all[1].Add(-witnessWithin); at.After(all[0]) {
		return at, nil
	}
	return all[0], nil
}

// alone says whether only one vantage point is within its dates around a first sighting:
// there is none to bear it out.
func (p *publications) alone(at time.Time) (bool, error) {
	if len(p.d.Plan.VantagePoints) == 0 {
		g, err := p.digest(interval.Day(at))
		return g != nil && len(g.VantagePoints) == 1, err
	}
	n := 0
	for _, v := range p.d.Plan.VantagePoints {
		if (v.From == nil || !at.Add(witnessWithin).Before(ceil(*v.From))) && (v.Until == nil || at.Before(*v.Until)) {
			n++
		}
	}
	return n == 1, nil
}

// ceil is the first label at t or later.
func ceil(t time.Time) time.Time {
	if label := interval.Of(t); label.Before(t) {
		return label.Add(interval.Length)
	}
	return interval.Of(t)
}

// published is a serial and T(s).
type published struct {
	serial uint32
	at     time.Time
}

// stale marks where RSIs showed older zones of the root than were published, of a day.
func (p *publications) stale(day time.Time, g *digest) (all []Segment, err error) {
	var newest []published // that anybody could have shown, of those newer than what was
	for _, z := range p.zones {
		if !slices.ContainsFunc(g.Serials, func(s uint32) bool { return metrics.Newer(uint32(z.Serial), s) }) ||
			!z.FirstSeen.Before(day.AddDate(0, 0, 1)) {
			continue
		}
		at, known, err := p.of(z)
		if err != nil {
			return nil, err
		}
		if known {
			newest = append(newest, published{uint32(z.Serial), at})
		}
	}
	accepted := make([]bool, len(g.Serials))
	for i, s := range g.Serials {
		accepted[i] = p.accepted(s)
	}
	for server, rsi := range g.RSIs {
		trackers := map[uint32]*tracker{}
		for _, s := range newest {
			trackers[s.serial] = &tracker{scope: Scope{Kind: measurement.EventStale, RSI: rsi, Serial: int64(s.serial)}, kind: kinds[measurement.EventStale]}
		}
		for at := range perDay {
			g.behind(day.Add(time.Duration(at)*interval.Length), server, at, newest, accepted, trackers)
		}
		for _, s := range newest {
			all = append(all, trackers[s.serial].end()...)
		}
	}
	return all, nil
}

// behind marks a label of an RSI: which of the serials it had not, as two vantage points
// say, or the only one.
func (g *digest) behind(label time.Time, server, at int, newest []published, accepted []bool, trackers map[uint32]*tracker) {
	var seen int
	for vp := range g.VantagePoints {
		if code := g.Shown[(server*len(g.VantagePoints)+vp)*perDay+at]; code > 0 && accepted[code-1] {
			seen++
		}
	}
	if seen == 0 {
		return
	}
	for _, s := range newest {
		if label.Before(s.at.Add(staleAfter)) {
			continue
		}
		var vps []measurement.VantagePoint
		for vp, id := range g.VantagePoints {
			if code := g.Shown[(server*len(g.VantagePoints)+vp)*perDay+at]; code > 0 && accepted[code-1] && metrics.Newer(s.serial, g.Serials[code-1]) {
				vps = append(vps, id)
			}
		}
		trackers[s.serial].see(label, len(vps) >= min(2, len(g.VantagePoints)) && len(vps) > 0, vps, label.Sub(s.at).Minutes())
	}
}
