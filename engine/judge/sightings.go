package judge

import (
	"cmp"
	"context"
	"slices"
	"time"

	"mtric.net/mtric/engine/column"
	"mtric.net/mtric/engine/measurement"
	"mtric.net/mtric/metrics/correctness"
)

// mostUnknown bounds the serials in the table that are of no zone: one vantage point
// can show what it likes (docs/decisions/0010).
const mostUnknown = 20_000

// early is how long before a zone was signed a sighting of it is still believed.
const early = correctness.ClockAllowance

// seenKey is who showed a serial, and whether that is to be trusted.
type seenKey struct {
	serial  int64
	rsi     measurement.RSI
	vp      measurement.VantagePoint
	trusted bool
}

// Sighting is a serial that an answer of the query soa showed [kzu].
type Sighting struct {
	Serial  int64
	RSI     measurement.RSI
	Address string // that was asked
	At      int64  // of the query, µs
}

// Sight notes the serials of a run whose file was accepted, for the next Update. Only the
// plan's vantage points count, where it has any, on the plan's RSIs; they are trusted where
// these were asked at the plan's addresses, by a clock that the caller trusts. What is not
// trusted is noted all the same: of a serial that the table does not know, reports decide
// for themselves.
func (j *Judge) Sight(vp measurement.VantagePoint, label time.Time, clock bool, sightings []Sighting) {
	if !j.expected(vp, label) {
		return
	}
	if j.sightings == nil {
		j.sightings = map[seenKey]time.Time{}
	}
	serials := map[int64]bool{}
	for _, s := range sightings {
		serials[s.Serial] = true
	}
	trusted := clock && len(serials) <= mostSerials
	for _, s := range sightings {
		known, asked := j.asks(s.RSI, s.Address, label)
		if !known {
			continue
		}
		k := seenKey{s.Serial, s.RSI, vp, asked && trusted}
		at := time.UnixMicro(s.At).UTC()
		if was, known := j.sightings[k]; !known || at.Before(was) {
			j.sightings[k] = at
		}
	}
}

// witnesses is who showed a serial in trusted sightings, and since when.
type witnesses struct {
	VPs  map[measurement.VantagePoint]time.Time `json:"vps"`
	RSIs []measurement.RSI                      `json:"rsis"`

	First    time.Time       `json:"first,omitzero"` // the earliest of them, and of which RSI
	FirstRSI measurement.RSI `json:"first_rsi,omitempty"`
}

// add says whether that is news.
func (s *witnesses) add(vp measurement.VantagePoint, rsi measurement.RSI, at time.Time) (news bool) {
	if s.VPs == nil {
		s.VPs = map[measurement.VantagePoint]time.Time{}
	}
	if was, known := s.VPs[vp]; !known || at.Before(was) {
		s.VPs[vp], news = at, true
	}
	if !slices.Contains(s.RSIs, rsi) {
		s.RSIs, news = append(s.RSIs, rsi), true
	}
	if s.First.IsZero() || at.Before(s.First) {
		s.First, s.FirstRSI, news = at, rsi, true
	}
	return news
}

// second is when the second vantage point showed the serial, the first where the plan
// has only one; nil where there was none.
func (s *witnesses) second(one bool) *time.Time {
	var all []time.Time
	for _, at := range s.VPs {
		all = append(all, at)
	}
	slices.SortFunc(all, time.Time.Compare)
	switch {
	case one && len(all) > 0:
		return &all[0]
	case len(all) > 1:
		return &all[1]
	}
	return nil
}

// proves says whether the serial is of a zone that exists: two RSIs and two vantage
// points showed it. One of these alone could invent it.
func (s *witnesses) proves(one bool) bool {
	return s != nil && len(s.RSIs) > 1 && (one || len(s.VPs) > 1)
}

// one says that the plan has a single vantage point, whose word then counts.
func (j *Judge) one() bool { return len(j.Plan.VantagePoints) < 2 }

// applySightings applies the sightings of this run to the table: when a serial was first seen,
// when it was first used by its own evidence, whether it is proven. The argument had is the
// table as it was before this run's files.
func (j *Judge) applySightings(ctx context.Context, had, rows map[int64]*measurement.Zone) error {
	j.authenticate(rows)
	doubted := disbelieve(rows)
	j.first(rows)
	open := j.unsettled(rows)
	if len(open)+len(doubted) > 0 {
		j.backlog.recollect()
	}
	for serial, from := range doubted {
		open[serial] = from
		j.backlog.forgetShown(serial)
		delete(j.recalled, serial)
	}
	if err := j.recall(ctx, had, rows, open, doubted); err != nil {
		return err
	}
	for serial := range open {
		if z := rows[serial]; z.State == measurement.ZoneBogus && j.witnesses(z).proves(j.one()) {
			z.State, z.Proof = measurement.ZoneSeen, new(measurement.ProofWitnesses)
		}
	}
	for serial, z := range rows {
		if z.State == measurement.ZoneArchived || z.Proof == nil {
			z.Proof = new(proofOf(z.State))
		}
		if z.State == measurement.ZoneBogus {
			continue
		}
		if s := j.witnesses(z); s != nil {
			if !s.First.IsZero() && (z.FirstSeen == nil || s.First.Before(*z.FirstSeen)) {
				z.FirstSeen, z.FirstSeenRSI = &s.First, &s.FirstRSI
			}
			if at := s.second(j.one()); at != nil && (z.FirstUsed == nil || at.Before(*z.FirstUsed)) {
				z.FirstUsed = at
			}
		}
		if z.State == measurement.ZoneArchived && z.FirstUsed != nil {
			j.backlog.forgetShown(serial) // what comes later is looked up
		}
	}
	for serial := range j.backlog.shown {
		if rows[serial] == nil { // of a run that was killed before the table was saved
			j.backlog.forgetShown(serial)
		}
	}
	return nil
}

func proofOf(s measurement.ZoneState) measurement.ZoneProof {
	switch s {
	case measurement.ZoneArchived:
		return measurement.ProofArchive
	case measurement.ZoneSeen:
		return measurement.ProofWitnesses // of before proofs were noted: by two RSIs
	case measurement.ZoneBogus:
	}
	return measurement.ProofNone
}

// disbelieve takes back first sightings of zones that turn out to have been signed
// later: a clock was slow, or somebody guessed. It says from when others are to be
// looked for.
func disbelieve(rows map[int64]*measurement.Zone) map[int64]time.Time {
	doubted := map[int64]time.Time{}
	for serial, z := range rows {
		if z.FirstSeen != nil && !believable(z, *z.FirstSeen) {
			z.FirstSeen, z.FirstSeenRSI = nil, nil
			doubted[serial] = z.SignedAt.Add(-early)
		}
	}
	return doubted
}

// first notes the serials that are new to the table, and the earliest trusted sighting of
// each.
func (j *Judge) first(rows map[int64]*measurement.Zone) {
	var all []seenKey
	for k := range j.sightings {
		all = append(all, k)
	}
	slices.SortFunc(all, func(a, b seenKey) int {
		return cmp.Or(j.sightings[a].Compare(j.sightings[b]), cmp.Compare(a.serial, b.serial), cmp.Compare(a.rsi, b.rsi), cmp.Compare(a.vp, b.vp))
	})
	unknown := 0
	for _, z := range rows {
		if z.State == measurement.ZoneBogus {
			unknown++
		}
	}
	for _, k := range all {
		z, at := rows[k.serial], j.sightings[k]
		if z == nil {
			if unknown++; unknown > mostUnknown {
				j.Left(j.Lake.Path(column.Zones, time.Time{}), "has as many serials of no zone as it may; vantage point "+string(k.vp)+" shows more")
				continue
			}
			z = &measurement.Zone{Serial: k.serial, State: measurement.ZoneBogus}
			rows[k.serial] = z
		}
		if k.trusted && believable(z, at) && (z.FirstSeen == nil || at.Before(*z.FirstSeen)) {
			rsi := k.rsi
			z.FirstSeen, z.FirstSeenRSI = &at, &rsi
		}
	}
}

// believable says whether a zone can have been shown at that time: not before it was
// signed.
func believable(z *measurement.Zone, at time.Time) bool {
	return z.SignedAt == nil || !at.Before(z.SignedAt.Add(-early))
}

// unsettled are the serials of which sightings may change something: those of this run that
// are not proven, or not dated, or dated later than they were shown now; and those
// that were written before zones had proofs. With each, from when the lake is to be asked.
func (j *Judge) unsettled(rows map[int64]*measurement.Zone) map[int64]time.Time {
	open := map[int64]time.Time{}
	note := func(serial int64, at time.Time) {
		if was, known := open[serial]; !known || at.Before(was) {
			open[serial] = at
		}
	}
	for k, at := range j.sightings {
		z := rows[k.serial]
		if k.trusted && z != nil && believable(z, at) && (z.State == measurement.ZoneBogus || z.FirstUsed == nil || at.Before(*z.FirstUsed)) {
			note(k.serial, at)
		}
	}
	for serial, z := range rows {
		if z.FirstSeen == nil || z.ArchivedAt != nil && !z.FirstSeen.Before(*z.ArchivedAt) {
			continue // no sighting can date it
		}
		_, is := open[serial]
		if accepted := z.State != measurement.ZoneBogus && z.FirstUsed == nil; is || accepted || z.Proof == nil {
			note(serial, *z.FirstSeen)
		}
	}
	return open
}

// authentic is a serial that the signature over a SOA record in an answer proves.
type authentic struct {
	at, signed time.Time
	rsi        measurement.RSI
}

// authenticate applies what judging found: a signature needs no witness.
func (j *Judge) authenticate(rows map[int64]*measurement.Zone) {
	for serial, a := range j.authentic {
		z := rows[serial]
		if z == nil {
			z = &measurement.Zone{Serial: serial, State: measurement.ZoneBogus}
			rows[serial] = z
		}
		if z.State == measurement.ZoneArchived {
			continue
		}
		z.State, z.Proof = measurement.ZoneSeen, new(measurement.ProofSignature)
		if z.SignedAt == nil {
			z.SignedAt = &a.signed
		}
		if z.FirstSeen == nil || a.at.Before(*z.FirstSeen) {
			z.FirstSeen, z.FirstSeenRSI = &a.at, &a.rsi
		}
	}
}
