package alert

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"mtric.net/mtric/engine/column"
	"mtric.net/mtric/engine/lake"
	"mtric.net/mtric/engine/measurement"
	"mtric.net/mtric/engine/plan"
)

// slide reads a period day by day, oldest first, and lets go the days that windows no
// longer reach: what is in memory follows the longest window, not the period. While one
// day is evaluated the next is read.
type slide struct {
	rows        *rows
	g           *gatherer
	from, until time.Time
	days        []time.Time // that were not asked for yet
	ahead       *reading    // the day that is being read
	gone        int         // chunks that were let go
	slots       []int32     // the slot with which each chunk ends
	spare       []row       // memory of a day that was let go
	most        int         // rows held at a time, so far
}

// reading is a day that another goroutine reads.
type reading struct {
	day    time.Time
	cancel context.CancelFunc
	done   chan struct{}
	rows   []row
	err    error
}

// newSlide is a slide over the answers of [from, until). Stop must be called after it.
func newSlide(ctx context.Context, p *plan.Plan, store lake.Store, from, until time.Time) (*slide, error) {
	zones, err := store.Zones()
	if err != nil {
		return nil, fmt.Errorf("window rules: %w", err)
	}
	files, err := store.Days(column.Answers, from, until)
	if err != nil {
		return nil, fmt.Errorf("window rules: %w", err)
	}
	own, err := newOwnZones(p, store)
	if err != nil {
		return nil, err
	}
	s := &slide{g: newGatherer(p, store, zones, own), rows: &rows{zones: published(zones, p), own: *own}, from: from, until: until}
	for _, f := range files {
		s.days = append(s.days, f.Day)
	}
	return s, nil
}

// readRows reads all answers of [from, until) that the plan asks for.
func readRows(ctx context.Context, p *plan.Plan, store lake.Store, from, until time.Time) (*rows, error) {
	s, err := newSlide(ctx, p, store, from, until)
	if err != nil {
		return nil, err
	}
	defer s.stop()
	return s.rows, s.hold(ctx, from, until)
}

// hold has the answers of [from, until) in rows, and lets go the days before. Later calls
// ask for later times.
func (s *slide) hold(ctx context.Context, from, until time.Time) error {
	for {
		if s.ahead == nil {
			s.readAhead(ctx)
		}
		if s.ahead == nil || !s.ahead.day.Before(until) {
			return nil
		}
		<-s.ahead.done
		read := s.ahead
		read.cancel()
		if s.ahead = nil; read.err != nil {
			return fmt.Errorf("window rules: %w", read.err)
		}
		s.rows.chunks = append(s.rows.chunks, read.rows)
		s.slots = append(s.slots, slotOf(read.day.AddDate(0, 0, 1)))
		s.publish()
		s.forget(slotOf(from))
	}
}

// readAhead begins to read the next day.
func (s *slide) readAhead(ctx context.Context) {
	if len(s.days) == 0 {
		return
	}
	r := &reading{day: s.days[0], done: make(chan struct{})}
	s.days = s.days[1:]
	ctx, r.cancel = context.WithCancel(ctx)
	from, until, into := r.day, r.day.AddDate(0, 0, 1), s.spare
	if n := len(s.rows.chunks); into == nil && n > 0 {
		into = make([]row, 0, len(s.rows.chunks[n-1]))
	}
	if from.Before(s.from) {
		from = s.from
	}
	if until.After(s.until) {
		until = s.until
	}
	s.spare, s.ahead = nil, r
	go func() {
		defer close(r.done)
		r.rows, r.err = s.g.read(ctx, from, until, into)
	}()
}

// stop ends what is being read ahead.
func (s *slide) stop() {
	if s.ahead != nil {
		s.ahead.cancel()
		<-s.ahead.done
		s.ahead = nil
	}
}

// publish shows what was numbered, while nothing is being read.
func (s *slide) publish() {
	r, g := s.rows, s.g
	r.tuples, r.serials, r.nsids = g.tuples.values, g.serials.values, g.nsids.values
	for _, t := range r.tuples[len(r.vpOf):] {
		r.vpOf = append(r.vpOf, indexIn(&r.vps, t.vantagePoint))
		r.rsiOf = append(r.rsiOf, indexIn(&r.rsis, t.rsi))
		r.zoneOf = append(r.zoneOf, r.own.of(t))
	}
	held := 0
	for _, chunk := range r.chunks {
		held += len(chunk)
	}
	s.most = max(s.most, held)
}

// forget lets go the days that end before a slot, and the numbers of NSIDs that no row
// has any more: whoever answers makes these up. Nothing is being read meanwhile.
func (s *slide) forget(slot int32) {
	before := s.gone
	for ; s.gone < len(s.slots) && s.slots[s.gone] <= slot; s.gone++ {
		s.spare, s.rows.chunks[s.gone] = s.rows.chunks[s.gone], nil
	}
	if s.gone == before {
		return
	}
	names := &s.g.nsids
	used := make([]bool, len(names.values))
	for _, i := range names.free {
		used[i] = true // free already
	}
	for _, chunk := range s.rows.chunks[s.gone:] {
		for i := range chunk {
			if n := chunk[i].nsid; n >= 0 {
				used[n] = true
			}
		}
	}
	for i, is := range used {
		if !is {
			delete(names.of, names.values[i])
			names.values[i] = ""
			names.free = append(names.free, int32(i))
		}
	}
}

// fewDays is how much longer than its windows a period may be that is held at once.
const fewDays = 24 * time.Hour

// meet numbers all tuples there will be, which the combinations are made of: those of the
// plan or, where it has no vantage points, those of the whole period.
func (s *slide) meet(ctx context.Context, reach time.Duration) (err error) {
	switch p := s.g.plan; {
	case len(p.VantagePoints) > 0:
		eachPlanned(p, vantagePoints(p), func(t tuple) { s.g.tuples.number(t) })
	case s.until.Sub(s.from) <= reach+fewDays:
		return s.hold(ctx, s.from, s.until)
	default:
		if err = s.g.meet(ctx, s.from, s.until); err != nil {
			err = fmt.Errorf("window rules: %w", err)
		}
	}
	s.publish()
	s.g.met = true
	return err
}

// meet numbers the tuples of [from, until), by a scan of the labels.
func (g *gatherer) meet(ctx context.Context, from, until time.Time) error {
	var mu sync.Mutex
	seen := map[string]int{} // tuples by vantage point
	scan := lake.Scan{Store: g.store, From: from, Until: until}
	labels := []column.Name{column.VantagePoint, column.Query, column.RSI, column.Family, column.Transport}
	return scan.Answers(ctx, labels, func(b *column.AnswerBatch) error {
		mu.Lock()
		defer mu.Unlock()
		news := slices.ContainsFunc(b.VantagePoint.Dict, func(vp string) bool {
			return measurement.VantagePoint(vp).Machine() && seen[vp] < len(g.planned.tuples)
		})
		known := map[[5]int32]bool{}
		for i := 0; news && i < b.Rows; i++ {
			key := [5]int32{b.VantagePoint.Index[i], b.Query.Index[i], b.RSI.Index[i], b.Family.Index[i], b.Transport.Index[i]}
			if known[key] {
				continue
			}
			known[key] = true
			before := len(g.tuples.values)
			vp := b.VantagePoint.Text(i)
			g.tuple(tuple{b.RSI.Text(i), b.Family.Text(i), b.Transport.Text(i), vp, b.Query.Text(i)})
			seen[vp] += len(g.tuples.values) - before
		}
		return nil
	})
}
