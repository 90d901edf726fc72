package derive

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"mtric.net/mtric/engine/interval"
	"mtric.net/mtric/engine/measurement"
	"mtric.net/mtric/metrics"
)

// StaleAfter is how long after T(s) a serial counts as not shown in time: the threshold of
// publication latency [kvg] of an RSI.
const StaleAfter = 65 * time.Minute

// publications says when serials of the root were published, as far as the digests of days
// and the table zones tell.
type publications struct {
	d        *Deriver
	zones    []measurement.Zone // accepted, seen by somebody, by when they first were
	initial  []uint32           // there when the data began: nobody knows when they came
	accepted map[uint32]bool
	days     map[time.Time]*evidence
	known    map[uint32]int // T(s), as a number of intervals; notPublished where there is none
}

const notPublished = -1

func (d *Deriver) publications() (*publications, error) {
	zones, err := d.Lake.Zones()
	if err != nil {
		return nil, fmt.Errorf("derive: %w", err)
	}
	p := &publications{d: d, accepted: map[uint32]bool{}, days: map[time.Time]*evidence{}, known: map[uint32]int{}}
	for _, z := range zones {
		if z.State != measurement.ZoneBogus && z.FirstSeen != nil {
			p.zones = append(p.zones, z)
			p.accepted[uint32(z.Serial)] = true
		}
	}
	slices.SortFunc(p.zones, func(a, b measurement.Zone) int {
		return cmp.Or(a.FirstSeen.Compare(*b.FirstSeen), cmp.Compare(a.Serial, b.Serial))
	})
	return p, p.begin()
}

// begin tells the serials that were there when the data began, by the rule of the metrics
// (metrics/publication.go, decision 18): no vantage point alone makes one a day older than
// others bear out.
func (p *publications) begin() error {
	began, err := p.began()
	if err != nil {
		return err
	}
	start := math.MaxInt
	for _, z := range p.zones {
		if number(*z.FirstSeen) > start {
			break
		}
		at, known, err := p.there(z, began)
		switch {
		case err != nil:
			return err
		case !known || at > start:
		case at < start:
			start, p.initial = at, []uint32{uint32(z.Serial)}
		default:
			p.initial = append(p.initial, uint32(z.Serial))
		}
	}
	return nil
}

// began is when the second vantage point first showed a serial.
func (p *publications) began() (int, error) {
	first := map[measurement.VantagePoint]int{}
	second := math.MinInt
	for _, z := range p.zones {
		if len(first) > 1 && second <= number(*z.FirstSeen) {
			break
		}
		labels, err := p.labels(z)
		if err != nil {
			return 0, err
		}
		for vp, at := range labels {
			if was, known := first[vp]; !known || at < was {
				first[vp] = at
			}
		}
		if all := slices.Sorted(maps.Values(first)); len(all) > 1 {
			second = all[1]
		}
	}
	return second, nil
}

// there is from when a serial was there.
func (p *publications) there(z measurement.Zone, began int) (at int, known bool, err error) {
	of, err := p.labels(z)
	if err != nil || len(of) == 0 {
		return 0, false, err
	}
	labels := slices.Sorted(maps.Values(of))
	if at, known, err := p.witnessed(z); err != nil || known && at > labels[0]+perDay {
		return at, known, err
	}
	alone, err := p.alone(labels[0])
	if err != nil || alone || labels[0]+perDay >= began {
		return labels[0], true, err
	}
	if len(labels) < 2 {
		return 0, false, nil
	}
	return labels[1], true, nil
}

// number counts the interval of a time from 1970 on.
func number(t time.Time) int { return int(t.Unix() / int64(interval.Length/time.Second)) }

func timeOf(number int) time.Time {
	return time.Unix(int64(number)*int64(interval.Length/time.Second), 0).UTC()
}

// of is T(s) [yxn] of a serial that was not there when the data began; false where there is
// none.
func (p *publications) of(z measurement.Zone) (int, bool, error) {
	serial := uint32(z.Serial)
	if at, known := p.known[serial]; known {
		return at, at != notPublished, nil
	}
	at, known, err := p.witnessed(z)
	if err != nil {
		return 0, false, err
	}
	if !known || slices.ContainsFunc(p.initial, func(i uint32) bool { return !metrics.Newer(serial, i) }) {
		at, known = notPublished, false
	}
	p.known[serial] = at
	return at, known, nil
}

// witnessed is T(s) of any serial.
func (p *publications) witnessed(z measurement.Zone) (at int, known bool, err error) {
	of, err := p.labels(z)
	if err != nil || len(of) == 0 {
		return 0, false, err
	}
	labels := slices.Sorted(maps.Values(of))
	alone, err := p.alone(labels[0])
	archived := metrics.NotArchived
	if z.ArchivedAt != nil {
		archived = number(z.ArchivedAt.Add(interval.Length - 1)) // the first label at that time or later
	}
	at, known = metrics.Published(labels, archived, alone)
	return at, known, err
}

// labels are those at which each vantage point first showed a serial, in the three days from
// its first sighting on, and around its arrival in the archive: who shows it first a day
// later dates nothing.
func (p *publications) labels(z measurement.Zone) (map[measurement.VantagePoint]int, error) {
	all := map[measurement.VantagePoint]int{}
	for _, day := range datedBy(z) {
		e, err := p.day(day)
		if err != nil {
			return nil, err
		}
		for _, s := range e.Sights {
			if s.Serial != uint32(z.Serial) {
				continue
			}
			for i := range perDay {
				label := day.Add(time.Duration(i) * interval.Length)
				if !s.has(i) || z.SignedAt != nil && label.Before(z.SignedAt.Add(-interval.Length)) {
					continue // who shows a zone before it was signed is no witness of it
				}
				if was, known := all[s.VantagePoint]; !known || number(label) < was {
					all[s.VantagePoint] = number(label)
				}
				break
			}
		}
	}
	return all, nil
}

// day is what a day has to say, read once.
func (p *publications) day(day time.Time) (*evidence, error) {
	if e, known := p.days[day]; known {
		return e, nil
	}
	e := &evidence{}
	if _, err := p.d.remember(p.d.sightsPath(day), e); err != nil {
		return nil, err
	}
	p.days[day] = e
	return e, nil
}

// datedBy are the days whose sightings date a serial.
func datedBy(z measurement.Zone) (days []time.Time) {
	from := interval.Day(*z.FirstSeen)
	for n := range 3 {
		days = append(days, from.AddDate(0, 0, n))
	}
	if z.ArchivedAt != nil {
		for n := range 3 {
			if day := interval.Day(*z.ArchivedAt).AddDate(0, 0, n-1); day.After(days[2]) {
				days = append(days, day)
			}
		}
	}
	return days
}

// alone says whether only one vantage point is within its dates around a first sighting:
// there is none to bear it out.
func (p *publications) alone(first int) (bool, error) {
	at := timeOf(first)
	if len(p.d.Plan.VantagePoints) == 0 {
		e, err := p.day(interval.Day(at))
		return err == nil && e.Lone, err
	}
	n := 0
	for _, v := range p.d.Plan.VantagePoints {
		for i := range metrics.Grace + 1 {
			if label := at.Add(time.Duration(i) * interval.Length); (v.From == nil || !label.Before(*v.From)) && (v.Until == nil || label.Before(*v.Until)) {
				n++
				break
			}
		}
	}
	return n == 1, nil
}

// published is a serial and T(s).
type published struct {
	serial uint32
	at     time.Time
}

// dated is what stale events of a day rest on, beside its digest.
type dated struct {
	newest   []published // serials that could be shown on the day, newer than one that was
	accepted []bool      // by serial that was shown: it is one of a root zone
}

func (d dated) sum() string {
	var all strings.Builder
	for _, s := range d.newest {
		fmt.Fprintln(&all, s.serial, s.at.Unix())
	}
	fmt.Fprintln(&all, d.accepted)
	return hexOf([]byte(all.String()))
}

// dated tells it of a day and the serials that were shown.
func (p *publications) dated(day time.Time, shown []uint32) (d dated, err error) {
	for _, s := range shown {
		d.accepted = append(d.accepted, p.accepted[s])
	}
	for _, z := range p.zones {
		if !z.FirstSeen.Before(day.AddDate(0, 0, 1)) {
			break
		}
		if !slices.ContainsFunc(shown, func(s uint32) bool { return metrics.Newer(uint32(z.Serial), s) }) {
			continue
		}
		at, known, err := p.of(z)
		if err != nil {
			return d, err
		}
		if known {
			d.newest = append(d.newest, published{uint32(z.Serial), timeOf(at)})
		}
	}
	return d, nil
}

// only says whether one vantage point only is to measure at a label.
func (d *Deriver) only(g *digest, label time.Time) bool {
	if len(d.Plan.VantagePoints) == 0 {
		return g.Lone
	}
	n := 0
	for _, v := range d.Plan.VantagePoints {
		if (v.From == nil || !label.Before(*v.From)) && (v.Until == nil || label.Before(*v.Until)) {
			n++
		}
	}
	return n == 1
}

// stale marks where RSIs showed older zones of the root than were published, of a day.
func (g *digest) stale(day time.Time, d dated, only func(time.Time) bool) (all []Segment) {
	for server, rsi := range g.RSIs {
		trackers := map[uint32]*tracker{}
		for _, s := range d.newest {
			trackers[s.serial] = &tracker{scope: Scope{Kind: measurement.EventStale, RSI: rsi, Serial: int64(s.serial)}, kind: kinds[measurement.EventStale]}
		}
		for at := range perDay {
			label := day.Add(time.Duration(at) * interval.Length)
			g.behind(label, server, at, d, trackers, only(label))
		}
		for _, s := range d.newest {
			all = append(all, trackers[s.serial].end()...)
		}
	}
	return all
}

// behind marks a label of an RSI: which of the serials it had not, as two vantage points
// say, or the only one.
func (g *digest) behind(label time.Time, server, at int, d dated, trackers map[uint32]*tracker, only bool) {
	accepted := d.accepted
	var seen int
	for vp := range g.VantagePoints {
		if code := g.Shown[(server*len(g.VantagePoints)+vp)*perDay+at]; code > 0 && accepted[code-1] {
			seen++
		}
	}
	if seen == 0 {
		return
	}
	need := 2
	if only {
		need = 1
	}
	for _, s := range d.newest {
		if label.Before(s.at.Add(StaleAfter)) {
			continue
		}
		var vps []measurement.VantagePoint
		for vp, id := range g.VantagePoints {
			if code := g.Shown[(server*len(g.VantagePoints)+vp)*perDay+at]; code > 0 && accepted[code-1] && metrics.Newer(s.serial, g.Serials[code-1]) {
				vps = append(vps, id)
			}
		}
		trackers[s.serial].see(label, len(vps) >= need, vps, label.Sub(s.at).Minutes())
	}
}
