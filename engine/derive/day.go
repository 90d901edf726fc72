package derive

import (
	"context"
	"net/netip"
	"time"

	"mtric.net/mtric/engine/lake"
	"mtric.net/mtric/engine/measurement"
	"mtric.net/mtric/engine/plan"
)

// Paths are the paths that a Day counts by, in the order of its numbers.
func Paths() []measurement.Path { return append([]measurement.Path(nil), allPaths...) }

// Day is what a plan has for one day, and which runs came: what other programs go by that
// read a day's answers, so that they leave out what the tables of change leave out.
// Vantage points, servers, queries and paths are numbered; labels are those of the day.
type Day struct {
	frame *frame
	runs  *runs
	hours [24]*hour
}

// ReadDay reads the runs of the day that day begins.
func ReadDay(ctx context.Context, p *plan.Plan, store lake.Store, day time.Time) (*Day, error) {
	r, err := readRuns(ctx, store, day)
	if err != nil {
		return nil, err
	}
	d := &Day{frame: newFrame(p, day, r.met), runs: r}
	r.in(d.frame)
	if err := d.frame.meet(ctx, store, r); err != nil {
		return nil, err
	}
	for n := range d.hours {
		d.hours[n] = d.frame.hour(n)
	}
	return d, nil
}

// VantagePoints are those of the plan, or where it names none those of the day's runs.
func (d *Day) VantagePoints() []measurement.VantagePoint { return d.frame.vps }

// Queries are those of the plan.
func (d *Day) Queries() (all []plan.Query) {
	for _, q := range d.frame.queries {
		all = append(all, q.Query)
	}
	return all
}

// Planned says whether a query is to be asked of a server over a path at a label: not
// where an exclusion takes it out, or a date.
func (d *Day) Planned(query, label, vp, server, path int) bool {
	h := d.hours[label/perHour]
	return h.planned(&h.queries[query], label-h.first, vp, server, path)
}

// Expected says whether what is planned at a label can be missed: where the plan names no
// vantage points it cannot, unless a run came.
func (d *Day) Expected(vp, label int) bool { return !d.frame.anyVP || d.Came(vp, label) }

// Asked says whether a vantage point is to ask anything at a label.
func (d *Day) Asked(vp, label int) bool {
	h := d.hours[label/perHour]
	return d.Expected(vp, label) && h.any(label-h.first, vp)
}

// Address is the one that a server is asked at; the zero one where it has none.
func (d *Day) Address(label, server, path int) netip.Addr {
	h := d.hours[label/perHour]
	return h.address(label-h.first, server, path)
}

// Came says whether there is a run of a label.
func (d *Day) Came(vp, label int) bool { return d.runs.of(vp, label) != 0 }

// Alone says whether one vantage point only is to measure at a label: then it needs no other
// to bear out what it saw.
func (d *Day) Alone(label int) bool {
	h := d.hours[label/perHour]
	return h.alone(label - h.first)
}

// Synchronized says whether the clock was, as far as a run says it.
func (d *Day) Synchronized(vp, label int) bool { return d.runs.of(vp, label)&unsynchronized == 0 }

// Trusted says whether what a run shows counts for when a zone was published.
func (d *Day) Trusted(vp, label int) bool { return d.runs.trusted(vp, label) }

// Published are the times from which serials of the root count as published, T(s), as the
// events of kind stale go by it; of those that have one.
func (d *Deriver) Published(wanted func(serial int64) bool) (map[int64]time.Time, error) {
	p, err := d.publications()
	if err != nil {
		return nil, err
	}
	all := map[int64]time.Time{}
	for _, z := range p.zones {
		if !wanted(z.Serial) {
			continue
		}
		at, known, err := p.of(z)
		if err != nil {
			return nil, err
		}
		if known {
			all[z.Serial] = timeOf(at)
		}
	}
	return all, nil
}
