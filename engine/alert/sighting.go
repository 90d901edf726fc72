package alert

import (
	"context"
	"math"
	"net/netip"
	"slices"
	"time"

	"mtric.net/mtric/engine/column"
	"mtric.net/mtric/engine/interval"
	"mtric.net/mtric/engine/lake"
	"mtric.net/mtric/engine/measurement"
	"mtric.net/mtric/engine/plan"
	"mtric.net/mtric/metrics/correctness"
)

// What rules see of serials follows docs/method.md: those of zones that exist, in runs
// that can be trusted, and zones dated by two witnesses.

// maxSerials is how many serials the soa rows of a run may show that is believed.
const maxSerials = 16

// grace is how long before its second witness a zone may count as published.
const grace = 15 * time.Minute

// archiveFor is how long after the first sighting the archive is a second witness.
const archiveFor = 24 * time.Hour

// zoneUse is when a zone was published.
type zoneUse struct {
	serial int64
	used   time.Time
}

// accepted says of each serial of a zone that exists since when a sighting of it, in µs,
// is believed: five minutes before it was signed, where that is known.
func accepted(zones []measurement.Zone) map[int64]int64 {
	all := map[int64]int64{}
	for _, z := range zones {
		if z.State == measurement.ZoneBogus {
			continue
		}
		all[z.Serial] = math.MinInt64
		if z.SignedAt != nil {
			all[z.Serial] = z.SignedAt.Add(-correctness.ClockAllowance).UnixMicro()
		}
	}
	return all
}

// published dates the zones that exist, in the order of their serials. What was there
// from the beginning, and what is older than that, nobody knows the time of.
func published(zones []measurement.Zone, p *plan.Plan) []zoneUse {
	var all []zoneUse
	var start time.Time
	var initial []int64
	seen := slices.DeleteFunc(slices.Clone(zones), func(z measurement.Zone) bool { return z.State == measurement.ZoneBogus || z.FirstSeen == nil })
	for _, z := range seen {
		switch first := interval.Of(*z.FirstSeen); {
		case initial == nil || first.Before(start):
			start, initial = first, []int64{z.Serial}
		case first.Equal(start):
			initial = append(initial, z.Serial)
		}
	}
	for _, z := range seen {
		old := slices.ContainsFunc(initial, func(i int64) bool { return serialOrder(z.Serial, i) <= 0 })
		if at, known := publication(z, p); known && !old {
			all = append(all, zoneUse{z.Serial, at})
		}
	}
	slices.SortFunc(all, func(a, b zoneUse) int { return serialOrder(a.serial, b.serial) })
	return all
}

// publication is the label of the first sighting of a zone, but at most 15 minutes before
// that of the second witness: another vantage point, or the archive. False without one,
// unless there was only one vantage point to ask.
func publication(z measurement.Zone, p *plan.Plan) (time.Time, bool) {
	first := interval.Of(*z.FirstSeen)
	within := 0
	for _, v := range p.VantagePoints {
		if measures(v, first, first.Add(grace+1)) {
			within++
		}
	}
	if within == 1 {
		return first, true
	}
	var second time.Time
	switch {
	case z.ArchivedAt != nil && (z.FirstUsed == nil || !z.FirstUsed.Before(*z.ArchivedAt)):
		if second = ceil(*z.ArchivedAt); second.After(first.Add(archiveFor)) {
			return time.Time{}, false
		}
	case z.FirstUsed != nil:
		second = interval.Of(*z.FirstUsed)
	default:
		return time.Time{}, false
	}
	if second = second.Add(-grace); second.After(first) {
		return second, true
	}
	return first, true
}

// ceil is the first label that is not before t.
func ceil(t time.Time) time.Time { return interval.Of(t.Add(interval.Length - 1)) }

// runAt is one interval of a vantage point.
type runAt struct {
	vp   string
	slot int32
}

// findDoubtful notes the runs of [from, until) that are not trusted: whose clock was known to be
// wrong, or that were received before their label. It says how many runs there are.
func (g *gatherer) findDoubtful(ctx context.Context, from, until time.Time) (runs int, err error) {
	scan := lake.Scan{Store: g.store, From: from, Until: until, Workers: 1}
	err = scan.Runs(ctx, []column.Name{column.VantagePoint, column.ClockSynchronized, column.ReceivedAt}, func(b *column.RunBatch) error {
		runs += b.Rows
		for i, label := range b.Interval.Int {
			if b.ClockSynchronized.No(i) || b.ReceivedAt.Int[i] < label {
				g.doubtful[runAt{b.VantagePoint.Text(i), slotOfMicro(label)}] = true
			}
		}
		return nil
	})
	return runs, err
}

// shownSerials is the serials that a run has shown so far; its rows come together.
type shownSerials struct {
	run     runAt
	serials []int64
}

// noteShown notes a serial of a soa row, whoever it is of.
func (g *gatherer) noteShown(s *shownSerials, vp string, slot int32, serial int64) {
	if s.run.slot != slot || s.run.vp != vp {
		s.run, s.serials = runAt{vp, slot}, s.serials[:0]
	}
	if len(s.serials) > maxSerials || slices.Contains(s.serials, serial) {
		return
	}
	if s.serials = append(s.serials, serial); len(s.serials) > maxSerials {
		g.doubtful[s.run] = true
	}
}

// dropDoubtful takes the serials from the rows of the day's runs that are not trusted, and what
// such a run's clock says of certificates: these rows count as not sent.
func (g *gatherer) dropDoubtful() {
	for i := range g.day {
		r := &g.day[i]
		if r.met&ofZone != 0 && g.crowdedBy(r) {
			r.serial, r.met = -1, r.met&^ofZone
		}
		if len(g.doubtful) == 0 || r.serial < 0 && r.met&(byClock|ofZone) == 0 || !g.doubtful[runAt{g.tuples.values[r.tuple].vantagePoint, r.slot}] {
			continue
		}
		if r.serial, r.met = -1, r.met&^ofZone; r.met&byClock != 0 {
			r.outcome, r.rcode, r.met = outcomeLocal, 0, 0
		}
	}
}

// span is slots of [from, until).
type span struct{ from, until int32 }

// asked is when the plan has the RSI of a tuple asked at an address by its vantage point.
// What was asked elsewhere, or by one that does not count then, is in no window.
func (g *gatherer) asked(t tuple, text string) []span {
	address, err := netip.ParseAddr(text)
	if err != nil {
		return nil
	}
	within := span{math.MinInt32, math.MaxInt32}
	for _, v := range g.plan.VantagePoints {
		if string(v.ID) == t.vantagePoint {
			within = spanOf(v.From, v.Until)
		}
	}
	var all []span
	for _, s := range g.plan.Servers {
		if string(s.RSI) != t.rsi {
			continue
		}
		for _, a := range s.Addresses {
			if string(a.Family) == t.family && a.Address == address.Unmap() {
				valid := spanOf(a.From, a.Until)
				all = append(all, span{max(valid.from, within.from), min(valid.until, within.until)})
			}
		}
	}
	return all
}

func spanOf(from, until *time.Time) span {
	s := span{math.MinInt32, math.MaxInt32}
	if from != nil {
		s.from = slotOf(ceil(*from))
	}
	if until != nil {
		s.until = slotOf(ceil(*until))
	}
	return s
}

func contains(all []span, slot int32) bool {
	return slices.ContainsFunc(all, func(s span) bool { return slot >= s.from && slot < s.until })
}
