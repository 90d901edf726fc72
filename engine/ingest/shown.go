package ingest

import (
	"context"
	"net/netip"
	"time"

	"mtric.net/mtric/engine/column"
	"mtric.net/mtric/engine/interval"
	"mtric.net/mtric/engine/lake"
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
// serials than a run can.
func (r *run) eachShown(ctx context.Context, from, until time.Time, use func(k runKey, rows []shown, trusted bool)) error {
	doubtful, err := r.doubtful(ctx, from, until)
	if err != nil {
		return err
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
	scan := lake.Scan{Store: r.Lake, Table: column.Answers, From: from, Until: until, Workers: 1,
		Columns: []string{"query", "vantage_point", "serial", "rsi", "address", "sent_at", "rcode"}}
	err = scan.Run(ctx, func(b *column.Batch) error {
		queries, vps, numbers, labels := b.Column("query"), b.Column("vantage_point"), b.Column("serial"), b.Column("interval")
		rsis, addresses, sent, rcodes := b.Column("rsi"), b.Column("address"), b.Column("sent_at"), b.Column("rcode")
		soa, good := queries.Place(measurement.QuerySOA), rcodes.Place(measurement.NoError)
		for i := range b.Rows {
			if queries.Index[i] != soa || rcodes.Index[i] != good || numbers.Null != nil && numbers.Null[i] {
				continue
			}
			if vp := vps.Text(i); string(at.vp) != vp || at.label.UnixMicro() != labels.Int[i] {
				flush()
				at = runKey{measurement.VantagePoint(vp), time.UnixMicro(labels.Int[i]).UTC()}
			}
			serials[numbers.Int[i]] = true
			s := shown{serial: numbers.Int[i], rsi: measurement.RSI(rsis.Text(i)), sent: time.UnixMicro(sent.Int[i]).UTC()}
			var known bool
			if known, s.asked = r.asks(s.rsi, addresses.Text(i), at.label); known && r.expected(at.vp, at.label) {
				rows = append(rows, s)
			}
		}
		return nil
	})
	flush()
	return err
}

// doubtful are the runs of the lake whose clock was known to be unsynchronised, or
// that first arrived before their own label.
func (r *run) doubtful(ctx context.Context, from, until time.Time) (map[runKey]bool, error) {
	found := map[runKey]bool{}
	scan := lake.Scan{Store: r.Lake, Table: column.Runs, From: from, Until: until, Workers: 1,
		Columns: []string{"vantage_point", "clock_synchronized", "received_at"}}
	return found, scan.Run(ctx, func(b *column.Batch) error {
		vps, clocks, labels, received := b.Column("vantage_point"), b.Column("clock_synchronized"), b.Column("interval"), b.Column("received_at")
		for i := range b.Rows {
			wrong := clocks.Int[i] == 0 && (clocks.Null == nil || !clocks.Null[i])
			if wrong || received.Int[i] < labels.Int[i] {
				found[runKey{measurement.VantagePoint(vps.Text(i)), time.UnixMicro(labels.Int[i]).UTC()}] = true
			}
		}
		return nil
	})
}

// expected says whether the vantage point counts at that time.
func (r *run) expected(vp measurement.VantagePoint, label time.Time) bool {
	for _, v := range r.Plan.VantagePoints {
		if v.ID == vp {
			return (v.From == nil || !label.Before(*v.From)) && (v.Until == nil || label.Before(*v.Until))
		}
	}
	return len(r.Plan.VantagePoints) == 0
}

// asks says whether the plan knows the RSI, and has it asked at that address then.
func (r *run) asks(rsi measurement.RSI, text string, label time.Time) (known, asked bool) {
	if len(r.Plan.Servers) == 0 {
		return true, true
	}
	address, err := netip.ParseAddr(text)
	for _, server := range r.Plan.Servers {
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

// watch is what the lake shows of a day.
type watch struct {
	// sighted are the times of trusted sightings of accepted serials, of each interval
	// the first and the last.
	sighted []time.Time
	// unproven are the serials that are not accepted, by who shows them and since when.
	unproven map[measurement.VantagePoint]map[uint32]time.Time
	doubtful map[runKey]bool
}

// watch looks at a day once for a bench.
func (b *bench) watch(ctx context.Context, day time.Time) (*watch, error) {
	if w := b.watches[day]; w != nil {
		return w, nil
	}
	until := day.AddDate(0, 0, 1)
	w := &watch{unproven: map[measurement.VantagePoint]map[uint32]time.Time{}}
	var err error
	if w.doubtful, err = b.doubtful(ctx, day, until); err != nil {
		return nil, err
	}
	span := map[time.Time]*[2]time.Time{} // by label
	err = b.eachShown(ctx, day, until, func(k runKey, rows []shown, trusted bool) {
		for _, s := range rows {
			if !b.accepted[uint32(s.serial)] {
				w.note(k.vp, s)
			} else if signed := b.signed[uint32(s.serial)]; trusted && s.asked && !s.sent.Before(signed.Add(-early)) {
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
	b.watches[day] = w
	return w, nil
}

func (w *watch) note(vp measurement.VantagePoint, s shown) {
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
func (b *bench) sightedIn(ctx context.Context, from, until time.Time) ([]time.Time, error) {
	var all []time.Time
	for day := interval.Day(from); !day.After(until); day = day.AddDate(0, 0, 1) {
		w, err := b.watch(ctx, day)
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
func (b *bench) unprovenBy(ctx context.Context, vp measurement.VantagePoint, from, until time.Time) (map[uint32]time.Time, error) {
	all := map[uint32]time.Time{}
	for day := interval.Day(from); day.Before(until); day = day.AddDate(0, 0, 1) {
		w, err := b.watch(ctx, day)
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
