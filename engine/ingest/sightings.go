package ingest

import (
	"cmp"
	"context"
	"maps"
	"net/netip"
	"slices"
	"time"

	"mtric.net/mtric/engine/interval"
	"mtric.net/mtric/engine/lake"
	"mtric.net/mtric/engine/measurement"
	"mtric.net/mtric/engine/rootzone"
)

// Bounds of what one vantage point can make of the table zones
// (docs/decisions/0010).
const (
	mostSerials = 16     // of a file that is believed: an RSI shows one or two, nearly all of them the same
	mostUnknown = 20_000 // serials in the table that are of no zone
	plausible   = 2e6    // between a serial and the archive's newest: two years, as the root's are written
)

// seenKey is who showed a serial, and whether that is to be believed.
type seenKey struct {
	serial   int64
	rsi      measurement.RSI
	vp       measurement.VantagePoint
	believed bool
}

// sight notes the serials of a file that was accepted. Only the plan's vantage points
// are heard, where it has any, on the plan's RSIs, and believed where these were asked
// at the plan's addresses. What is heard and not believed is noted all the same: of a
// serial that the table does not know, reports make up their own minds.
func (r *run) sight(t *taken) {
	if t.reason != "" || !r.expected(t.vp, t.label) {
		return
	}
	if r.sightings == nil {
		r.sightings = map[seenKey]time.Time{}
	}
	serials := map[int64]bool{}
	for _, s := range t.sightings {
		serials[s.Serial] = true
	}
	for _, s := range t.sightings {
		if !s.known {
			continue
		}
		k := seenKey{s.Serial, s.RSI, t.vp, s.asked && len(serials) <= mostSerials}
		at := time.UnixMicro(s.At).UTC()
		if was, known := r.sightings[k]; !known || at.Before(was) {
			r.sightings[k] = at
		}
	}
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
func (r *run) asks(s sighting, label time.Time) (known, asked bool) {
	if len(r.Plan.Servers) == 0 {
		return true, true
	}
	address, err := netip.ParseAddr(s.Address)
	for _, server := range r.Plan.Servers {
		if server.RSI != s.RSI {
			continue
		}
		known = true
		if err == nil {
			a, found := server.AddressAt(measurement.FamilyOf(address), label)
			asked = asked || found && a == address
		}
	}
	return known, asked
}

// hear applies the sightings of this run to the table, the earliest first.
func (r *run) hear(ctx context.Context, rows map[int64]*measurement.Zone) error {
	var all []seenKey
	for k := range r.sightings {
		all = append(all, k)
	}
	slices.SortFunc(all, func(a, b seenKey) int {
		return cmp.Or(r.sightings[a].Compare(r.sightings[b]), cmp.Compare(a.serial, b.serial), cmp.Compare(a.rsi, b.rsi), cmp.Compare(a.vp, b.vp))
	})
	witnessed, err := r.witnessed(ctx, rows)
	if err != nil {
		return err
	}
	unknown := 0
	for _, z := range rows {
		if z.State == measurement.ZoneBogus {
			unknown++
		}
	}
	likely := around(rows)
	for _, k := range all {
		if rows[k.serial] == nil {
			if unknown++; unknown > mostUnknown {
				r.left(r.Lake.Path(lake.Zones, time.Time{}), "has as many serials of no zone as it may; vantage point "+string(k.vp)+" shows more")
				continue
			}
			rows[k.serial] = &measurement.Zone{Serial: k.serial, State: measurement.ZoneBogus}
		}
		if k.believed {
			see(rows[k.serial], k.rsi, r.sightings[k], witnessed(k.serial) && likely(k.serial))
		}
	}
	return nil
}

// see applies a sighting. A serial from one RSI only stays bogus until another
// RSI or the archive has it too; its first sighting is the earliest all the same.
func see(z *measurement.Zone, rsi measurement.RSI, at time.Time, accept bool) {
	if accept && z.State == measurement.ZoneBogus && z.FirstSeenRSI != nil && *z.FirstSeenRSI != rsi {
		z.State = measurement.ZoneSeen
	}
	if z.FirstSeen == nil || at.Before(*z.FirstSeen) {
		z.FirstSeen, z.FirstSeenRSI = &at, &rsi
	}
}

// around says of a serial whether it may be of a zone that is near those of the
// archive; without any archive every one may.
func around(rows map[int64]*measurement.Zone) func(int64) bool {
	var newest *uint32
	for serial, z := range rows {
		if s := uint32(serial); z.State == measurement.ZoneArchived && (newest == nil || rootzone.Compare(s, *newest) > 0) {
			newest = &s
		}
	}
	return func(serial int64) bool {
		if newest == nil {
			return true
		}
		distance := int64(int32(uint32(serial) - *newest))
		return max(distance, -distance) <= plausible
	}
}

// witnesses are the vantage points that show a serial.
type witnesses map[int64]map[measurement.VantagePoint]bool

func (w witnesses) add(serial int64, vp measurement.VantagePoint) {
	if w[serial] == nil {
		w[serial] = map[measurement.VantagePoint]bool{}
	}
	w[serial][vp] = true
}

// witnessed says of a serial whether two vantage points show it, in this run or in the
// lake, where the plan has several: one alone could invent two RSIs. The lake is asked
// only where it matters, once a run and serial.
func (r *run) witnessed(ctx context.Context, rows map[int64]*measurement.Zone) (func(int64) bool, error) {
	if len(r.Plan.VantagePoints) < 2 {
		return func(int64) bool { return true }, nil
	}
	now := witnesses{}
	for k := range r.sightings {
		if k.believed {
			now.add(k.serial, k.vp)
		}
	}
	doubted, first := r.doubted(rows, now)
	if err := r.pass(ctx, r.lookUp(ctx, doubted, later(first, r.started.Add(-giveUp)))); err != nil {
		return nil, err
	}
	return func(serial int64) bool {
		all := maps.Clone(r.inLake[serial])
		if all == nil {
			return len(now[serial]) > 1
		}
		maps.Copy(all, now[serial])
		return len(all) > 1
	}, nil
}

// doubted are serials that two RSIs but only one vantage point are known to have shown,
// and when the first was.
func (r *run) doubted(rows map[int64]*measurement.Zone, now witnesses) (map[int64]bool, time.Time) {
	serials, by, first := map[int64]bool{}, map[int64]measurement.RSI{}, r.started
	for k, at := range r.sightings {
		z := rows[k.serial]
		if !k.believed || len(now[k.serial]) > 1 || r.inLake[k.serial] != nil || z != nil && z.State != measurement.ZoneBogus {
			continue
		}
		if z != nil && z.FirstSeenRSI != nil {
			by[k.serial], at = *z.FirstSeenRSI, earlier(at, *z.FirstSeen)
		}
		if by[k.serial] == "" {
			by[k.serial] = k.rsi
		}
		if by[k.serial] != k.rsi {
			serials[k.serial] = true
		}
		first = earlier(first, at)
	}
	return serials, first
}

// lookUp finds who in the lake shows the serials from that time on.
func (r *run) lookUp(ctx context.Context, serials map[int64]bool, from time.Time) error {
	if r.inLake == nil {
		r.inLake = witnesses{}
	}
	if len(serials) == 0 {
		return nil
	}
	for serial := range serials {
		r.inLake[serial] = map[measurement.VantagePoint]bool{}
	}
	scan := lake.Scan{Store: r.Lake, Table: lake.Answers, From: from.Add(-2 * interval.Length), Columns: []string{"query", "vantage_point", "serial"}, Workers: 1}
	return scan.Run(ctx, func(b *lake.Batch) error {
		queries, vps, shown, labels := b.Column("query"), b.Column("vantage_point"), b.Column("serial"), b.Column("interval")
		for i := range b.Rows {
			if (shown.Null == nil || !shown.Null[i]) && serials[shown.Int[i]] && queries.Text(i) == "soa" {
				if vp := measurement.VantagePoint(vps.Text(i)); r.expected(vp, time.UnixMicro(labels.Int[i]).UTC()) {
					r.inLake.add(shown.Int[i], vp)
				}
			}
		}
		return nil
	})
}
