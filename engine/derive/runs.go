package derive

import (
	"context"
	"slices"
	"time"

	"mtric.net/mtric/engine/column"
	"mtric.net/mtric/engine/interval"
	"mtric.net/mtric/engine/lake"
	"mtric.net/mtric/engine/measurement"
)

// What the table runs says of an interval at a vantage point.
const (
	came uint8 = 1 << iota
	unsynchronized
	early // it arrived before its own label
)

// runs are those of a day.
type runs struct {
	met []measurement.VantagePoint // in order
	all map[measurement.VantagePoint]*[perDay]uint8
	by  []*[perDay]uint8 // by vantage point of the frame; nil: none
}

// readRuns reads those of the day that t begins.
func readRuns(ctx context.Context, store lake.Store, day time.Time) (*runs, error) {
	r := &runs{all: map[measurement.VantagePoint]*[perDay]uint8{}}
	scan := lake.Scan{Store: store, From: day, Until: day.AddDate(0, 0, 1), Workers: 1}
	err := scan.Runs(ctx, []column.Name{column.VantagePoint, column.ClockSynchronized, column.ReceivedAt}, func(b *column.RunBatch) error {
		for i := range b.Rows {
			at := int(b.Interval.At(i).Sub(day) / interval.Length)
			vp := b.VantagePoint.At(i)
			if r.all[vp] == nil {
				r.all[vp] = new([perDay]uint8)
				r.met = append(r.met, vp)
			}
			m := came
			if b.ClockSynchronized.No(i) {
				m |= unsynchronized
			}
			if b.ReceivedAt.Has(i) && b.ReceivedAt.At(i).Before(b.Interval.At(i)) {
				m |= early
			}
			r.all[vp][at] = m
		}
		return nil
	})
	slices.Sort(r.met)
	return r, err
}

// in gives the runs the order of a frame.
func (r *runs) in(f *frame) {
	r.by = nil
	for _, vp := range f.vps {
		r.by = append(r.by, r.all[vp])
	}
}

// of is what is known of a run; 0 where there is none.
func (r *runs) of(vp, at int) uint8 {
	if r.by[vp] == nil {
		return 0
	}
	return r.by[vp][at]
}

// trusted says whether what a run shows counts (evidence of publication and of age).
func (r *runs) trusted(vp, at int) bool { return r.of(vp, at)&(unsynchronized|early) == 0 }
