package metrics

import (
	"bytes"
	"cmp"
	"runtime"
	"slices"
	"sync"
	"time"

	"mtric.net/mtric/engine/interval"
	"mtric.net/mtric/engine/measurement"
)

// Result is all there is to say of a period.
type Result struct {
	N, K           int
	Values         []Value // in the order of measurement.Metrics, then RSI, family, transport
	Coverage       []Coverage
	Unexpected     []measurement.VantagePoint // in the data, not in the plan, or outside their dates
	UnexpectedRSIs []measurement.RSI          // in the data, not among the plan's servers
	Unchecked      int64                      // correctness answers that wait for a verdict

	Frames        []Frame // of the period; N and K are those of the last
	Slots         Slots   // after the exclusions that leave all metrics
	Stray         int64   // rows of the frame's vantage points and RSIs, not excluded, in no planned slot
	Thin          bool    // less than nine tenths of the planned queries were sent
	Publications  []Publication
	Accepted      []uint32         // serials of root zones that answers show or the archive has of the period, ascending
	Derived       []Publication    // what the sightings give of accepted serials, also where Config.Publications is given
	Known         []uint32         // as Accepted, by the table zones alone, also where Config.Accepted is given
	ReceivedUntil time.Time        // when the last of the runs that count came into the lake; zero: unknown
	LateRuns      map[string]int64 // by vantage point: runs that came after Config.ReceivedUntil and do not count
	FirstLate     time.Time        // when the first of them came whose label is of the window; zero: none
	LastLabel     time.Time        // the last of the runs that count; zero: none
	ArchivedUntil time.Time        // when the last of the zones was archived; zero: none
	Places        []Place          // by vantage point, RSI and path
	Lags          []Lag            // every value of publication latency, by T(s), serial, RSI, vantage point
	Instances     []Instance       // by RSI and NSID, those without one last; with Config.Instances

	computation *computation // until Forget
	hours       []Hours
	latencies   []Course
	courseHours int // of their fields
	days        []Course
	presence    []Presence
}

// Instance is a server by the name it gives, its NSID [mgj].
type Instance struct {
	RSI           measurement.RSI
	NSID          *string // nil: gave none
	Answers       int64   // to SOA queries of the period
	VantagePoints []measurement.VantagePoint
}

// Coverage says how much of what was expected of a vantage point is there, in
// intervals of the period.
type Coverage struct {
	VantagePoint
	Expected int64 // within its dates, before the data end
	Received int64 // with any row, also excluded ones
	Excluded int64 // of the expected ones: those that leave every metric
	Counting int64 // of the received ones: those that do not

	Untrusted int64 // of the received ones: those of which nothing dates a serial
	Clock     int64 // of these, by the reason: their clock was known to be wrong,
	Early     int64 // they arrived before their label,
	Crowded   int64 // they showed more than MaxSerials serials

	SOA Slots // of its SOA queries, after the exclusions that leave all metrics
}

// Place is what one RSI looked like from one vantage point over one path, with
// the exclusions of the RSI's metrics taken out.
type Place struct {
	VantagePoint          measurement.VantagePoint
	RSI                   measurement.RSI
	Path                  measurement.Path
	Asked, OK             int64
	Min, Median, P95, Max *Fraction // µs; nil without an answer
}

// Hours is an RSI's availability hour by hour over the period.
type Hours struct {
	RSI       measurement.RSI
	Path      measurement.Path
	Asked, OK []int32
}

// computation is one Compute.
type computation struct {
	*Accumulator
	raw, system, rsi *view
	checks           Slots // correctness slots of the system
	result           *Result
}

// Compute reads the metrics off what was added. It must not run beside Add.
func (a *Accumulator) Compute() *Result {
	c := &computation{Accumulator: a, result: &Result{Frames: a.Frames(), Stray: a.stray, ReceivedUntil: a.receivedUntil, LateRuns: a.lateRuns, FirstLate: a.firstLate, ArchivedUntil: a.archivedUntil}}
	if last := len(c.result.Frames) - 1; last >= 0 {
		c.result.N, c.result.K = c.result.Frames[last].N, c.result.Frames[last].K
	}
	a.settle()
	c.raw = a.viewAt(asMeasured)
	c.system, c.rsi = c.raw, c.raw
	if len(a.cfg.Exclusions) > 0 {
		c.system, c.rsi = a.viewAt(forSystem), a.viewAt(forRSIs)
	}
	var beside sync.WaitGroup
	beside.Go(c.coverage)
	beside.Go(c.instancesMet)
	c.result.Values = together(c.rsiPaths, c.rssPaths, c.correctness, c.publication)
	beside.Wait()
	order := func(v Value) int { return slices.Index(measurement.Metrics, v.Metric) }
	slices.SortStableFunc(c.result.Values, func(x, y Value) int { return order(x) - order(y) })
	c.result.computation = c
	c.result.Slots.add(c.checks)
	c.result.Thin = thin(c.result.Slots.Sent, c.result.Slots.Planned)
	for v := range a.unexpected {
		c.result.Unexpected = append(c.result.Unexpected, v)
	}
	for r := range a.unexpectedRSIs {
		c.result.UnexpectedRSIs = append(c.result.UnexpectedRSIs, r)
	}
	slices.Sort(c.result.Unexpected)
	slices.Sort(c.result.UnexpectedRSIs)
	return c.result
}

// together computes metrics beside each other, whose values come in this order.
func together(metrics ...func() []Value) []Value {
	values := make([][]Value, len(metrics))
	var group sync.WaitGroup
	for i, metric := range metrics {
		group.Go(func() { values[i] = metric() })
	}
	group.Wait()
	return slices.Concat(values...)
}

// parallel runs do for 0 … n-1 on all CPUs.
func (a *Accumulator) parallel(n int, do func(int)) {
	var group sync.WaitGroup
	next := make(chan int, n)
	for i := range n {
		next <- i
	}
	close(next)
	for range min(n, runtime.GOMAXPROCS(0)) {
		group.Go(func() {
			for i := range next {
				do(i)
			}
		})
	}
	group.Wait()
}

// Hours is the course of availability over the period, by RSI and path, with the
// exclusions of the RSI's metrics taken out; computed when it is first asked for.
func (r *Result) Hours() []Hours {
	if r.hours == nil && r.computation != nil {
		r.hours = r.computation.hours()
	}
	return r.hours
}

// Presence is the course of what was sent of what was planned, by vantage point;
// computed when it is first asked for.
func (r *Result) Presence() []Presence {
	if r.presence == nil && r.computation != nil {
		r.presence = r.computation.presence()
	}
	return r.presence
}

// Forget gives the memory of the measurements back; Hours, Presence and the courses that
// were asked for stay.
func (r *Result) Forget() {
	r.Hours()
	r.Presence()
	r.computation = nil
}

func (c *computation) hours() []Hours {
	const perHour = perDay / 24
	all := make([]Hours, c.n*len(paths))
	c.parallel(len(all), func(i int) {
		rsi, path := i/len(paths), i%len(paths)
		h := Hours{RSI: c.cfg.Servers[rsi].RSI, Path: paths[path]}
		from := (path*c.n + rsi) * perDay
		for _, d := range c.rsi.days {
			if !d.counted {
				continue
			}
			var asked, ok [24]int32
			for _, b := range d.blocks {
				if b == nil {
					continue
				}
				for slot, cell := range b.cells[from : from+perDay] {
					if sent(cell) {
						asked[slot/perHour]++
					}
					if cell >= cellOK {
						ok[slot/perHour]++
					}
				}
			}
			h.Asked, h.OK = append(h.Asked, asked[:]...), append(h.OK, ok[:]...)
		}
		all[i] = h
	})
	return all
}

// instancesMet fills in which servers answered.
func (c *computation) instancesMet() {
	counting := map[int32]bool{}
	for _, i := range c.counting() {
		counting[int32(i)] = true
	}
	all := map[instance]*Instance{}
	for met, n := range c.instances {
		if !counting[met.vp] {
			continue
		}
		vp := c.vps[met.vp].ID
		met.vp = 0
		i := all[met]
		if i == nil {
			i = &Instance{RSI: c.cfg.Servers[met.rsi].RSI}
			if !met.none {
				i.NSID = &met.nsid
			}
			all[met] = i
		}
		i.Answers += n
		i.VantagePoints = append(i.VantagePoints, vp)
	}
	for _, i := range all {
		slices.Sort(i.VantagePoints)
		c.result.Instances = append(c.result.Instances, *i)
	}
	slices.SortFunc(c.result.Instances, func(a, b Instance) int {
		if x := cmp.Or(int(c.rsis[string(a.RSI)]-c.rsis[string(b.RSI)]), int(one(a.NSID == nil)-one(b.NSID == nil))); x != 0 || a.NSID == nil {
			return x
		}
		return cmp.Compare(*a.NSID, *b.NSID)
	})
}

// coverage counts intervals by vantage point [raz] (reading A6).
func (c *computation) coverage() {
	slots := c.system.slots()
	for i, vp := range c.raw.vps {
		cov := Coverage{VantagePoint: vp}
		for rsi := range slots {
			cov.SOA.add(slots[rsi][i])
		}
		c.result.Slots.add(cov.SOA)
		if last := c.raw.last(i); last.After(c.result.LastLabel) {
			c.result.LastLabel = last
		}
		marks := c.marksOf(vp.ID)
		for label := c.cfg.From; label.Before(earlier(c.cfg.Until, c.cfg.DataUntil)); label = label.Add(interval.Length) {
			if vp.From != nil && label.Before(*vp.From) || vp.Until != nil && !label.Before(*vp.Until) {
				continue
			}
			cov.Expected++
			excluded := one(c.excludesAll(vp.ID, label))
			cov.Excluded += excluded
			at := int(label.UnixMicro()-c.from) / int(interval.Length.Microseconds())
			if d := c.raw.days[at/perDay]; d.blocks[i] != nil {
				received := int64(d.blocks[i].received[at%perDay])
				cov.distrust(received, d.sets, d.blocks[i], marks, at)
				cov.Received += received
				cov.Counting += received * (1 - excluded)
			}
		}
		c.result.Coverage = append(c.result.Coverage, cov)
	}
}

// distrust counts runs of which nothing dates a serial, by the reason.
func (c *Coverage) distrust(received int64, sets *serialSets, b *block, marks []mark, at int) {
	var m mark
	if marks != nil {
		m = marks[at]
	}
	c.Untrusted += received * one(distrusted(sets, b, marks, at/perDay, at%perDay))
	c.Clock += received * one(m&clock != 0)
	c.Early += received * one(m&early != 0)
	c.Crowded += received * one(len(sets.of(b.shown[at%perDay])) > MaxSerials)
}

// last is the label of the last run of a vantage point; zero where there is none.
func (v *view) last(vp int) time.Time {
	for d := len(v.days) - 1; d >= 0; d-- {
		if b := v.days[d].blocks[vp]; b != nil {
			if slot := bytes.LastIndexByte(b.received[:], 1); slot >= 0 {
				return v.a.label(d*perDay + slot)
			}
		}
	}
	return time.Time{}
}

// excludesAll says whether exclusions take a whole VP-interval out of every metric.
func (c *computation) excludesAll(vp measurement.VantagePoint, label time.Time) bool {
	if len(c.cfg.Exclusions) == 0 {
		return false
	}
	left := slices.Clone(paths[:])
	for _, e := range c.cfg.Exclusions {
		if len(e.RSIs) > 0 || label.Before(e.From) || !label.Before(e.Until) ||
			len(e.VantagePoints) > 0 && !slices.Contains(e.VantagePoints, vp) {
			continue
		}
		if len(e.Paths) == 0 {
			return true
		}
		for _, p := range e.Paths {
			left = slices.DeleteFunc(left, func(q measurement.Path) bool { return p == q })
		}
	}
	return len(left) == 0
}
