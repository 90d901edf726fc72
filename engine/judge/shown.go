package judge

import (
	"context"
	"net/netip"
	"time"

	"mtric.net/mtric/engine/column"
	"mtric.net/mtric/engine/interval"
	"mtric.net/mtric/engine/measurement"
)

// mostSerials is how many serials the soa rows of a run may show that is believed: an
// RSI shows one or two, nearly all of them the same.
const mostSerials = 16

// runKey is one interval at one vantage point.
type runKey struct {
	vp    measurement.VantagePoint
	label time.Time
}

// shown is a serial that a soa row of the lake shows: answered with NOERROR.
type shown struct {
	serial int64
	rsi    measurement.RSI
	sent   time.Time
	asked  bool // at the address that the plan has for the RSI then
}

// eachShown hands on what the runs of the lake in [from, until) of labels show, one
// run after the other within a day. Trusted says that the run's clock was not known
// to be wrong, that it did not arrive before its own label, and that it shows no more
// serials than a run can. It returns the runs of doubtful.
func (j *Judge) eachShown(ctx context.Context, from, until time.Time, use func(k runKey, rows []shown, trusted bool)) (doubtful map[runKey]bool, err error) {
	if doubtful, err = j.doubtful(ctx, from, until); err != nil {
		return nil, err
	}
	var at runKey
	var rows []shown
	serials := map[int64]bool{} // of all its rows, those of RSIs that the plan lacks too
	flush := func() {
		if len(rows) > 0 {
			use(at, rows, !doubtful[at] && len(serials) <= mostSerials)
		}
		rows = rows[:0]
		clear(serials)
	}
	columns := []column.Name{column.Query, column.VantagePoint, column.Serial, column.RSI, column.Address, column.SentAt, column.RCode}
	err = j.scan(from, until).Answers(ctx, columns, func(b *column.AnswerBatch) error {
		soa, good := b.Query.Place(measurement.QuerySOA), b.RCode.Place(measurement.NoError)
		for i, label := range b.Interval.Int {
			if b.Query.Index[i] != soa || b.RCode.Index[i] != good || !b.Serial.Has(i) {
				continue
			}
			if vp := b.VantagePoint.At(i); at.vp != vp || at.label.UnixMicro() != label {
				flush()
				at = runKey{vp, b.Interval.At(i)}
			}
			s := shown{serial: b.Serial.Int[i], rsi: b.RSI.At(i), sent: b.SentAt.At(i)}
			serials[s.serial] = true
			var known bool
			if known, s.asked = j.asks(s.rsi, b.Address.At(i), at.label); known && j.expected(at.vp, at.label) {
				rows = append(rows, s)
			}
		}
		return nil
	})
	flush()
	return doubtful, err
}

// doubtful are the runs of the lake whose clock was known to be unsynchronised, or
// that first arrived before their own label.
func (j *Judge) doubtful(ctx context.Context, from, until time.Time) (map[runKey]bool, error) {
	found := map[runKey]bool{}
	columns := []column.Name{column.VantagePoint, column.ClockSynchronized, column.ReceivedAt}
	return found, j.scan(from, until).Runs(ctx, columns, func(b *column.RunBatch) error {
		for i, label := range b.Interval.Int {
			if b.ClockSynchronized.No(i) || b.ReceivedAt.Int[i] < label {
				found[runKey{b.VantagePoint.At(i), b.Interval.At(i)}] = true
			}
		}
		return nil
	})
}

// expected says whether the vantage point counts at that time.
func (j *Judge) expected(vp measurement.VantagePoint, label time.Time) bool {
	for _, v := range j.Plan.VantagePoints {
		if v.ID == vp {
			return (v.From == nil || !label.Before(*v.From)) && (v.Until == nil || label.Before(*v.Until))
		}
	}
	return len(j.Plan.VantagePoints) == 0
}

// asks says whether the plan knows the RSI, and has it asked at that address then.
func (j *Judge) asks(rsi measurement.RSI, text string, label time.Time) (known, asked bool) {
	if len(j.Plan.Servers) == 0 {
		return true, true
	}
	address, err := netip.ParseAddr(text)
	for _, server := range j.Plan.Servers {
		if server.RSI != rsi {
			continue
		}
		known = true
		if err == nil {
			a, found := server.AddressAt(measurement.FamilyOf(address), label)
			asked = asked || found && a == address.Unmap()
		}
	}
	return known, asked
}

// daySightings is what the lake shows of a day.
type daySightings struct {
	// sighted are the times of trusted sightings of accepted serials, of each interval
	// the first and the last.
	sighted []time.Time
	// unproven are the serials that are not accepted, by who shows them and since when.
	unproven map[measurement.VantagePoint]map[uint32]time.Time
	doubtful map[runKey]bool
}

// sightingsOf looks at a day once for an evaluator.
func (e *evaluator) sightingsOf(ctx context.Context, day time.Time) (*daySightings, error) {
	if w := e.sighted[day]; w != nil {
		return w, nil
	}
	until := day.AddDate(0, 0, 1)
	w := &daySightings{unproven: map[measurement.VantagePoint]map[uint32]time.Time{}}
	span := map[time.Time]*[2]time.Time{} // by label
	doubtful, err := e.eachShown(ctx, day, until, func(k runKey, rows []shown, trusted bool) {
		for _, s := range rows {
			if !e.accepted[uint32(s.serial)] {
				w.note(k.vp, s)
			} else if signed := e.signed[uint32(s.serial)]; trusted && s.asked && !s.sent.Before(signed.Add(-early)) {
				if at := span[k.label]; at == nil {
					span[k.label] = &[2]time.Time{s.sent, s.sent}
				} else {
					at[0], at[1] = earlier(at[0], s.sent), later(at[1], s.sent)
				}
			}
		}
	})
	if err != nil {
		return nil, err
	}
	for _, at := range span {
		w.sighted = append(w.sighted, at[0], at[1])
	}
	w.doubtful, e.sighted[day] = doubtful, w
	return w, nil
}

func (w *daySightings) note(vp measurement.VantagePoint, s shown) {
	of := w.unproven[vp]
	if of == nil {
		of = map[uint32]time.Time{}
		w.unproven[vp] = of
	}
	if at, known := of[uint32(s.serial)]; !known || s.sent.Before(at) {
		of[uint32(s.serial)] = s.sent
	}
}

// sightedIn are the trusted sightings in [from, until].
func (e *evaluator) sightedIn(ctx context.Context, from, until time.Time) ([]time.Time, error) {
	var all []time.Time
	for day := interval.Day(from); !day.After(until); day = day.AddDate(0, 0, 1) {
		w, err := e.sightingsOf(ctx, day)
		if err != nil {
			return nil, err
		}
		for _, at := range w.sighted {
			if !at.Before(from) && !at.After(until) {
				all = append(all, at)
			}
		}
	}
	return all, nil
}

// unprovenBy are the serials of no accepted zone that a vantage point shows in
// [from, until), and since when.
func (e *evaluator) unprovenBy(ctx context.Context, vp measurement.VantagePoint, from, until time.Time) (map[uint32]time.Time, error) {
	all := map[uint32]time.Time{}
	for day := interval.Day(from); day.Before(until); day = day.AddDate(0, 0, 1) {
		w, err := e.sightingsOf(ctx, day)
		if err != nil {
			return nil, err
		}
		for serial, at := range w.unproven[vp] {
			if was, known := all[serial]; at.Before(until) && (!known || at.Before(was)) {
				all[serial] = at
			}
		}
	}
	return all, nil
}
