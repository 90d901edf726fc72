package derive

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"time"

	"mtric.net/mtric/engine/column"
	"mtric.net/mtric/engine/lake"
	"mtric.net/mtric/engine/measurement"
)

// folding is one day on its way. Of an hour that is made of what it was made of before,
// nothing is read.
type folding struct {
	*Deriver
	day   time.Time
	frame *frame
	runs  *runs
	*digest
	of   [24]string             // what the hours are made of now
	rows [24][]measurement.Hour // of the hours that were made
	made [24]bool
}

// fold brings the digest of a day and its rows in the table hours up to date.
func (d *Deriver) fold(ctx context.Context, day time.Time, before *digest) (*digest, error) {
	r, err := readRuns(ctx, d.Lake, day)
	if err != nil {
		return nil, err
	}
	x := &folding{Deriver: d, day: day, frame: newFrame(d.Plan, day, r.met), runs: r, digest: before}
	r.in(x.frame)
	if err := x.frame.meet(ctx, d.Lake, r); err != nil {
		return nil, err
	}
	if x.of, err = x.sources(); err != nil {
		return nil, err
	}
	if before == nil || !before.fits(x.frame) {
		x.digest = newDigest(x.frame)
	}
	had := x.counts()
	if err := x.makeHours(ctx); err != nil {
		return nil, err
	}
	x.Segments, x.Lone = x.join(), x.frame.lone
	return x.digest, x.save(ctx, had)
}

// meet learns whether one vantage point only measured on the day or the one before, where
// the plan names none.
func (f *frame) meet(ctx context.Context, store lake.Store, r *runs) error {
	if !f.anyVP {
		return nil
	}
	earlier, err := readRuns(ctx, store, f.day.AddDate(0, 0, -1))
	if err != nil {
		return err
	}
	met := slices.Concat(r.met, earlier.met)
	slices.Sort(met)
	f.lone = len(slices.Compact(met)) == 1
	return nil
}

// fits says whether a digest has room for a frame, and for more serials and servers.
func (g *digest) fits(f *frame) bool {
	var rsis []measurement.RSI
	for _, s := range f.servers {
		rsis = append(rsis, s.RSI)
	}
	return slices.Equal(g.VantagePoints, f.vps) && slices.Equal(g.RSIs, rsis) && len(g.Serials) < 1<<15 && len(g.Names) < 1<<15
}

// newDigest makes room for what a day of the frame has.
func newDigest(f *frame) *digest {
	g := &digest{VantagePoints: f.vps}
	for _, s := range f.servers {
		g.RSIs = append(g.RSIs, s.RSI)
	}
	pairs := len(f.vps) * len(f.servers)
	g.Shown = make([]uint16, pairs*perDay)
	g.Medians, g.Good = make([]int32, pairs*len(allPaths)*24), make([]uint8, pairs*len(allPaths)*24)
	for i := range g.Medians {
		g.Medians[i] = -1
	}
	g.Met = make([]uint16, pairs*len(measurement.Families)*24)
	return g
}

// sources are hashes of what each hour is made of: the plan, the runs, the row groups that
// hold answers of it, and whether it is over.
func (x *folding) sources() (of [24]string, err error) {
	prints, err := x.Lake.Prints(column.Answers, x.day)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return of, fmt.Errorf("derive: %w", err)
	}
	for hour := range of {
		start := x.start(hour)
		h := sha256.New()
		fmt.Fprintln(h, x.basis, x.frame.vps, x.frame.lone, x.over(hour))
		for vp := range x.frame.vps {
			for i := range perHour {
				h.Write([]byte{x.runs.of(vp, hour*perHour+i)})
			}
		}
		for _, p := range prints {
			if !p.Known || p.First.Before(start.Add(time.Hour)) && !p.Last.Before(start) {
				h.Write(p.Sum[:])
			}
		}
		of[hour] = hex.EncodeToString(h.Sum(nil))
	}
	return of, nil
}

func (x *folding) start(hour int) time.Time { return x.day.Add(time.Duration(hour) * time.Hour) }

// settled is how long after its label a run may come without being missed.
const settled = 30 * time.Minute

// over says that an hour is over, by the last label of the lake, and nearly all of it there.
func (x *folding) over(hour int) bool { return !x.start(hour + 1).Add(settled).After(x.last) }

// makeHours makes the hours that are made of other things than before.
func (x *folding) makeHours(ctx context.Context) error {
	a := newFold(x.frame, x.runs, x.digest)
	a.ended = func() error { return x.hour(a) }
	for from := 0; from < 24; from++ {
		until := from
		for until < 24 && x.Parts[until].Of != x.of[until] {
			until++
		}
		if until == from {
			continue
		}
		a.begin(from)
		scan := lake.Scan{Store: x.Lake, From: x.start(from), Until: x.start(until), Workers: 1}
		if err := scan.Answers(ctx, columns, a.add); err != nil {
			return err
		}
		if err := a.reach(until * perHour); err != nil {
			return err
		}
		from = until
	}
	return nil
}

// hour takes an hour that the fold has reached the end of.
func (x *folding) hour(a *fold) (err error) {
	n := a.hour.first / perHour
	p := a.marks.part()
	p.Of = x.of[n]
	if x.rows[n] = nil; x.over(n) {
		x.rows[n] = a.hourRows()
	}
	if p.Rows, err = hashOf(x.rows[n]); err != nil {
		return err
	}
	p.Count, x.made[n] = len(x.rows[n]), true
	x.hours++
	x.gather(a, n, x.over(n))
	x.Parts[n] = p
	return nil
}

// join makes the segments of the day of those of its hours.
func (x *folding) join() (all []Segment) {
	trackers := newMarks(x.frame, x.digest).trackers()
	places := map[Scope]int{}
	for i := range trackers {
		places[trackers[i].scope] = i
	}
	for _, p := range x.Parts {
		for _, s := range p.Segments {
			trackers[places[s.Scope]].take(s)
		}
		for i, n := range p.Trail {
			trackers[i].lead += int32(n)
		}
	}
	for i := range trackers {
		all = append(all, trackers[i].end()...)
	}
	return append(all, x.silence()...)
}

// silence marks the runs that the plan has and the lake has not.
func (x *folding) silence() (all []Segment) {
	if x.frame.anyVP {
		return nil
	}
	trackers := make([]tracker, len(x.frame.vps))
	for vp, id := range x.frame.vps {
		trackers[vp] = tracker{scope: Scope{Kind: measurement.EventSilence, VantagePoint: id}, kind: kinds[measurement.EventSilence]}
	}
	for at := range perDay {
		label := x.frame.label(at)
		if label.After(x.last) {
			break
		}
		var h *hour
		for vp := range x.frame.vps {
			if x.runs.of(vp, at) != 0 {
				trackers[vp].see(label, false, nil, 0)
				continue
			}
			if h == nil {
				h = x.frame.hour(at / perHour)
			}
			if !label.After(x.last.Add(-settled)) && h.any(at%perHour, vp) {
				trackers[vp].see(label, true, nil, 0)
			}
		}
	}
	for vp := range trackers {
		all = append(all, trackers[vp].end()...)
	}
	return all
}

// counts are the rows and their hashes of each hour.
func (g *digest) counts() (all [24]string) {
	for i, p := range g.Parts {
		all[i] = fmt.Sprint(p.Count, " ", p.Rows)
	}
	return all
}

// save writes the rows of the day in the table hours where they are not what the table has.
// Those of hours that were not made are read from it; where they are not there, all hours are
// made again.
func (x *folding) save(ctx context.Context, had [24]string) error {
	path := x.Lake.Path(column.Hours, x.day)
	there, err := identity(path)
	if err != nil || had == x.counts() && there == x.heads[x.day].Rows {
		return err
	}
	if slices.Contains(x.made[:], false) {
		rows, _, err := column.Read[measurement.Hour](path)
		if errors.Is(err, column.ErrNewer) {
			return fmt.Errorf("derive: %w", err)
		}
		whole, err := x.keep(rows)
		if err != nil {
			return err
		}
		if !whole {
			x.made = [24]bool{}
			for i := range x.Parts {
				x.Parts[i].Of = ""
			}
			if err := x.makeHours(ctx); err != nil {
				return err
			}
		}
	}
	return save(x.Lake, x.day, slices.Concat(x.rows[:]...))
}

// keep takes from rows those of the hours that were not made, and says whether they are
// what they were.
func (x *folding) keep(rows []measurement.Hour) (bool, error) {
	for _, r := range rows {
		n := int(r.Hour.Sub(x.day) / time.Hour)
		if n < 0 || n >= 24 {
			return false, nil
		}
		if !x.made[n] {
			x.rows[n] = append(x.rows[n], r)
		}
	}
	for n, p := range x.Parts {
		if x.made[n] {
			continue
		}
		if sum, err := hashOf(x.rows[n]); err != nil || sum != p.Rows {
			return false, err
		}
	}
	return true, nil
}

// sights are those of the day.
func (g *digest) sights() (all []sights) {
	at := map[witness]int{}
	for hour, p := range g.Parts {
		for _, s := range p.Sights {
			n, known := at[witness{s.Serial, s.VantagePoint}]
			if !known {
				n = len(all)
				at[witness{s.Serial, s.VantagePoint}] = n
				all = append(all, sights{s.Serial, s.VantagePoint, make([]byte, perDay/8)})
			}
			for i := range perHour {
				if s.has(i) {
					all[n].add(hour*perHour + i)
				}
			}
		}
	}
	return all
}

// witness is who was shown what.
type witness struct {
	serial uint32
	vp     measurement.VantagePoint
}
