package simulate

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"mtric.net/mtric/engine/column"
	"mtric.net/mtric/engine/interval"
	"mtric.net/mtric/engine/lake"
	"mtric.net/mtric/engine/measurement"
	"mtric.net/mtric/engine/plan"
	"mtric.net/mtric/engine/spool"
)

// batchRows is how many rows are handed to the writer at a time.
const batchRows = 8192

// dayWork is one day being made. Only its own goroutine touches it.
type dayWork struct {
	w        *world
	out      *lake.Writer[measurement.Answer]
	batch    batch
	part     *part
	arrivals *arrivals
	streams  []*rand.PCG // by vantage point

	// Of the interval at work.
	label     time.Time
	index     int // since From
	active    []*fault
	due       []*ask
	addresses [][][2]string // by due query, server, family
	newest    int           // zone archived before the interval ends
	frame     frame
	clock     clock // of the run at work
	names     *names
	ends      int64 // µs
	marks     *labelMarks

	err     error   // the first that kept a wire from being made
	queries []query // of one run, in the order of the lake
}

// query is one question of a run.
type query struct {
	ask     *ask
	server  int // number within the ask
	path    int
	asked   question
	name    string // as sent
	offset  int64  // µs after the jitter
	address string
}

// day writes the rows of one day and counts them.
func (w *world) day(ctx context.Context, store lake.Store, day time.Time) (p *part, err error) {
	out, err := lake.CreateDay[measurement.Answer](store, day)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil { // a day that is not whole must not be there
			err = errors.Join(err, out.Discard())
		}
	}()
	labels := w.intervals(day)
	d := &dayWork{w: w, out: out, batch: newBatch(), part: w.newPart(day, labels), arrivals: w.arrivals(day)}
	d.marks = w.newLabelMarks(d.part)
	for _, v := range w.vps {
		d.streams = append(d.streams, rand.NewPCG(mix(w.Seed, streamDay, uint64(day.Unix()), v.word), 0))
	}
	// A stream for each day and vantage point: days can be made in any order, and
	// more vantage points change nothing for the others.
	var runs []measurement.Run
	for _, label := range labels {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		d.begin(label)
		d.missing()
		for v := range w.vps {
			run, made, err := d.run(v)
			if err != nil {
				return nil, err
			}
			if made {
				runs = append(runs, run)
			}
		}
		d.marks.end(d.index)
	}
	d.part.medians = d.marks.medians()
	if err := d.flush(); err != nil {
		return nil, err
	}
	// Routes and runs go first: a day with answers has both.
	if err := w.writeRoutes(ctx, store, day, d.part); err != nil {
		return nil, err
	}
	d.part.runs = int64(len(runs))
	if err := column.Write(store.Path(column.Runs, day), runs, column.Metadata{Version: w.Version}); err != nil {
		return nil, err
	}
	return d.part, out.Close()
}

// begin makes ready what all vantage points share in an interval.
func (d *dayWork) begin(label time.Time) {
	w := d.w
	d.label, d.index = label, int(label.Sub(w.From)/interval.Length)
	d.active, d.frame = w.active(label), w.frameAt(label)
	d.due, d.addresses = d.due[:0], d.addresses[:0]
	for i := range w.asks {
		a := &w.asks[i]
		if !w.Plan.Due(a.Schedule, label) {
			continue
		}
		both := make([][2]string, len(a.servers))
		for s, dates := range a.addresses {
			both[s] = [2]string{dates[0].at(label), dates[1].at(label)}
		}
		d.due, d.addresses = append(d.due, a), append(d.addresses, both)
	}
	// Questions are drawn from the newest zone at hand when the interval begins,
	// answers are judged by what was archived before it ended (A15).
	d.ends = label.Add(interval.Length).UnixMicro()
	_, d.newest = w.window(label.UnixMicro(), d.ends)
	d.names = w.namesAt(label)
}

// run makes one run of a vantage point, false where it makes none. What it would
// have drawn is drawn all the same, so that later runs stay as they are.
func (d *dayWork) run(v int) (measurement.Run, bool, error) {
	r := d.streams[v]
	d.draw(v, r)
	jitter, started := d.jitter(r)
	place := &d.w.vps[v]
	within, silent := place.in(d.label), silenced(d.active, v)
	if within && silent != nil {
		d.part.affected[silent.number] += int64(len(d.queries))
	}
	makes := within && silent == nil
	if makes {
		d.clock = d.clockOf(v)
	}
	// What is sent after the end by true time is not here yet.
	makes = makes && d.label.UnixMicro()+d.clock.behind < d.w.Until.UnixMicro()
	if makes && len(d.batch.rows)+len(d.queries) > cap(d.batch.rows) {
		if err := d.flush(); err != nil {
			return measurement.Run{}, false, err
		}
	}
	tally := d.part.begin(d.index, v, &d.frame)
	answered, last := 0, int64(0)
	for i := range d.queries {
		q := &d.queries[i]
		// All chance is drawn before anything is decided by it.
		chance := [2]uint64{r.Uint64()}
		if tcpPath(q.path) {
			chance[1] = r.Uint64()
		}
		if !makes {
			continue
		}
		o := d.observe(v, q, started+jitter+q.offset, chance)
		if d.err != nil {
			return measurement.Run{}, false, d.err
		}
		d.batch.add(d, v, q, &o)
		tally.take(q, &o)
		d.marks.take(d, v, q, &o)
		if o.outcome == measurement.Answered {
			answered++
		}
		last = max(last, q.offset+o.latency, q.offset+o.waited)
	}
	if !makes {
		if within {
			tally.end(false)
			d.marks.silent[v] = len(d.queries) > 0
		}
		return measurement.Run{}, false, nil
	}
	d.marks.came(d, v)
	run := d.runRow(place.id, started, jitter, last, answered)
	tally.end(*run.ClockSynchronized && !run.ReceivedAt.Before(run.Interval))
	d.part.ingested = max(d.part.ingested, run.IngestedAt.UnixMicro())
	return run, true, nil
}

// missing counts the planned queries of the vantage points that are not simulated.
func (d *dayWork) missing() {
	for v := len(d.w.vps); v < len(d.w.everyone); v++ {
		if d.w.everyone[v].in(d.label) {
			d.part.begin(d.index, v, &d.frame).end(false)
			d.marks.silent[v] = slices.ContainsFunc(d.due, func(a *ask) bool { return d.w.Plan.Asks(a.Query, d.w.everyone[v].id) })
		}
	}
}

// draw draws the questions of a run and the order they are sent in.
func (d *dayWork) draw(v int, r *rand.PCG) {
	d.queries = d.queries[:0]
	for i, a := range d.due {
		if !a.by[v] {
			continue
		}
		for s := range a.servers {
			for _, path := range a.pick(a.pathsTo(d.addresses[i][s]), r) {
				q := query{ask: a, server: s, path: path, address: d.addresses[i][s][familyOf(path)]}
				if d.names.totals[a.number] == 0 {
					continue // nothing to ask
				}
				q.asked, q.name = d.names.draw(a.number, r)
				d.queries = append(d.queries, q)
			}
		}
	}
	n := len(d.queries)
	if n == 0 {
		return
	}
	// A stride that shares no factor with n visits every place once.
	at, stride := below(r, n), 1+below(r, n)
	for gcd(stride, n) != 1 {
		stride++
	}
	for i := range n {
		q := &d.queries[(at+i*stride)%n]
		q.offset = int64(i) * time.Duration(q.ask.Pace).Microseconds()
	}
}

// pick draws those of the paths that one RSI is asked over, each set as likely as any
// other, in the order of the lake.
func (a *ask) pick(from []int, r *rand.PCG) []int {
	n := len(from)
	if a.Pick > 0 && a.Pick < n {
		n = a.Pick
	}
	switch {
	case n == len(from):
		return from
	case n == 1:
		at := below(r, len(from))
		return from[at : at+1]
	}
	left := slices.Clone(from)
	for len(left) > n {
		at := below(r, len(left))
		left = slices.Delete(left, at, at+1)
	}
	return left
}

func gcd(a, b int) int {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}

// jitter draws the wait of a run [fzk] and when its program started, in µs:
// cron is up to a second and a half late.
func (d *dayWork) jitter(r *rand.PCG) (jitter, started int64) {
	most := plan.Duration(0)
	for _, s := range d.w.Plan.Schedules {
		if slices.ContainsFunc(d.due, func(a *ask) bool { return a.Schedule == s.Label }) {
			most = max(most, s.Jitter)
		}
	}
	started = d.label.UnixMicro() + int64(200_000+below(r, 1_300_000))
	drawn := below(r, max(int(time.Duration(most)/time.Millisecond), 1))
	return int64(drawn) * 1000, started
}

// runRow is the row of a run, as the vantage point and ingest would write it. The
// sum is none of any file: the files of the vantage point never were.
func (d *dayWork) runRow(vp measurement.VantagePoint, started, jitter, last int64, answered int) measurement.Run {
	elapsed := jitter + last + 3000
	name := spool.Name(d.label, vp, column.Answers)
	h := mix(d.w.Seed, streamRun, uint64(d.label.Unix()), text(string(vp)))
	synchronized, clockError := !d.clock.unsynchronized, int64(200+h%20_000)
	received := time.UnixMicro(started + elapsed + int64(h>>32%3_000_000) + d.clock.behind).UTC()
	// The collector merges every five minutes, all that is there at once.
	merged := interval.Of(received).Add(interval.Length)
	merged = merged.Add(time.Duration(10_000+mix(d.w.Seed, streamRun, uint64(merged.Unix()))%20_000) * time.Millisecond)
	var sum string
	for i := range uint64(4) {
		sum += fmt.Sprintf("%016x", mix(h, i))
	}
	v := slices.IndexFunc(d.w.vps, func(p place) bool { return p.id == vp })
	ipv4, ipv6 := d.w.source(v, 0), d.w.source(v, 1)
	return measurement.Run{
		SourceIPv4: &ipv4, SourceIPv6: &ipv6,
		VantagePoint: vp, Interval: d.label, StartedAt: time.UnixMicro(started).UTC(), JitterMS: int32(jitter / 1000),
		ElapsedMS: int32(elapsed / 1000), Planned: int32(len(d.queries)), Answered: int32(answered),
		EngineVersion: d.w.Version, Plan: d.w.Plan.Name, PlanSHA256: d.w.planSum, ClockSynchronized: &synchronized, ClockErrorUS: &clockError,
		Timestamps: "kernel", ReceivedAt: received, File: name, SHA256: sum, IngestedAt: &merged,
	}
}

// flush hands the rows at hand to the writer, which copies what they point at.
func (d *dayWork) flush() error {
	if err := d.out.Write(d.batch.rows); err != nil {
		return err
	}
	d.batch.reset()
	return nil
}
