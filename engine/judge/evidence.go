package judge

import (
	"cmp"
	"context"
	"path/filepath"
	"slices"
	"time"

	"mtric.net/mtric/engine/column"
	"mtric.net/mtric/engine/interval"
	"mtric.net/mtric/engine/measurement"
	"mtric.net/mtric/engine/rootzone"
	"mtric.net/mtric/metrics/correctness"
)

// Evidence finds what somebody must have who is to judge answers again and has neither
// the lake nor the archive: which zones, which fetches, and which rows of others.
type Evidence struct {
	*evaluator
	needed   map[uint32]bool // of all answers that were asked for
	keys     map[uint32][]rootzone.Key
	archived []uint32           // all serials, the oldest first
	bySigned map[int64][]uint32 // by the second in which they were signed
}

// Evidence reads the table zones and the archive's records.
func (j *Judge) Evidence() (*Evidence, error) {
	zones, err := j.Lake.Zones()
	if err != nil {
		return nil, err
	}
	if j.fetches, err = rootzone.Records(j.RootZones); err != nil {
		j.Left(rootzone.RecordsFile(j.RootZones), err.Error()) // a report must not wait for it
	}
	v := &Evidence{j.newEvaluator(zones, nil), map[uint32]bool{}, map[uint32][]rootzone.Key{}, nil, map[int64][]uint32{}}
	v.archived = archivedOf(v.known)
	slices.SortFunc(v.archived, rootzone.Compare)
	for _, k := range v.known {
		if k.Archived {
			v.bySigned[k.SignedAt.Unix()] = append(v.bySigned[k.SignedAt.Unix()], k.Serial)
		}
	}
	return v, nil
}

// Sum is the sha256 of a zone's file as it was proved; empty where it is not known.
func (v *Evidence) Sum(serial uint32) string { return v.sums[serial] }

// Zones are the archived zones that an answer is judged by, by serial: the candidates and
// those near them, their neighbours, and of a response that is of none of these, the zone
// that has its signatures, or its keys.
func (v *Evidence) Zones(a *measurement.Answer) []uint32 {
	sent := a.Interval
	if a.SentAt != nil {
		sent = *a.SentAt
	}
	candidates := correctness.Candidates(v.known, sent, a.Interval)
	all := append(archivedOf(candidates), archivedOf(correctness.Near(v.known, candidates, sent, a.Interval))...)
	for _, serial := range archivedOf(candidates) {
		i, _ := slices.BinarySearchFunc(v.archived, serial, rootzone.Compare)
		all = append(all, v.archived[max(0, i-1):min(len(v.archived), i+2)]...)
	}
	for _, sig := range correctness.SignaturesOf(a.Response) {
		all = append(all, v.bySigned[int64(sig.Inception())]...) // all signatures of a zone begin at once
		if !slices.ContainsFunc(all, func(serial uint32) bool { return sig.By(v.keysOfZone(serial)) }) {
			all = append(all, v.withKey(sig)...)
		}
	}
	slices.SortFunc(all, rootzone.Compare)
	all = slices.Compact(all)
	for _, serial := range all {
		v.needed[serial] = true
	}
	return all
}

// withKey is the newest archived zone that has a key of the signature; none where nobody
// has it.
func (v *Evidence) withKey(sig rootzone.Signature) []uint32 {
	for _, serial := range slices.Backward(v.archived) {
		if sig.By(v.keysOfZone(serial)) {
			return []uint32{serial}
		}
	}
	return nil
}

func (v *Evidence) keysOfZone(serial uint32) []rootzone.Key {
	keys, known := v.keys[serial]
	if !known {
		keys, _ = rootzone.ApexKeys(filepath.Join(v.RootZones, rootzone.FileName(serial))) // without its file, none
		v.keys[serial] = keys
	}
	return keys
}

// fetchesAfter is until when fetches matter after an answer: one that counts has to come,
// and one may refute what nobody else shows.
const fetchesAfter = 3 * correctness.Window

// Fetches are the records of the archive that answers of queries in [from, until] are judged
// by, in their order: those of the time, and all by which a zone that was asked for came.
func (v *Evidence) Fetches(from, until time.Time) []rootzone.Record {
	begin, end := from.Add(-correctness.Window-unwatched), until.Add(fetchesAfter)
	records := v.fetches
	if len(records) == 0 || begin.Before(records[0].At) || slices.ContainsFunc(v.known, func(k correctness.Known) bool { return v.needed[k.Serial] && k.FirstUsed.Before(records[0].At) }) {
		records = slices.Concat(v.oldRecords(), records)
	}
	var all []rootzone.Record
	var newest uint32 // that any record has so far
	counted := false  // a fetch that counts came after the last answer's time
	for i, r := range records {
		if i == 0 || rootzone.Compare(r.Serial, newest) > 0 {
			newest = r.Serial
		}
		counts := !r.ByHand && r.Serial == newest && r.At.After(until.Add(interval.Length+time.Hour))
		late := r.At.After(end) && !counted && !r.ByHand // however late it comes, one has to
		if !r.At.Before(begin) && !r.At.After(end) || late || v.needed[r.Serial] && !r.Unchanged {
			all = append(all, r)
		}
		counted = counted || counts
	}
	return all
}

// unwatched is more than how long nobody may have looked for zones.
const unwatched = 2 * time.Hour

// Shown finds the rows of a day that show which zones there were: of each interval the
// first and the last trusted sighting of an accepted zone, and of each vantage point when it
// first showed a serial that is of none. They come without responses, in their order.
func (v *Evidence) Shown(ctx context.Context, day time.Time) ([]measurement.Answer, error) {
	wanted, err := v.shownBy(ctx, day)
	if err != nil || len(wanted) == 0 {
		return nil, err
	}
	columns := []column.Name{column.Query, column.VantagePoint, column.RSI, column.Family, column.Transport, column.Address, column.QName, column.QType,
		column.Outcome, column.LatencyUS, column.RCode, column.Serial, column.NSID, column.SentAt}
	var rows []measurement.Answer
	err = v.scan(day, day.AddDate(0, 0, 1)).Answers(ctx, columns, func(b *column.AnswerBatch) error {
		soa := b.Query.Place(measurement.QuerySOA)
		for i := range b.Rows {
			if b.Query.Index[i] != soa || !b.Serial.Has(i) {
				continue
			}
			k := shownKey{b.Interval.Int[i], b.VantagePoint.At(i), b.RSI.At(i), b.SentAt.Int[i]}
			if wanted[k] {
				delete(wanted, k)
				rows = append(rows, b.Answer(i))
			}
		}
		return nil
	})
	return rows, err
}

// shownKey names a row that shows a serial.
type shownKey struct {
	label int64
	vp    measurement.VantagePoint
	rsi   measurement.RSI
	sent  int64
}

// mostShown is how many serials of no zone are told of a vantage point and day: more than
// that hold all that it says.
const mostShown = 2 * mostUnproven

// shownBy are the rows that Shown wants.
func (v *Evidence) shownBy(ctx context.Context, day time.Time) (map[shownKey]bool, error) {
	type edge struct{ first, last shownKey }
	edges := map[time.Time]*edge{}
	unproven := map[measurement.VantagePoint]map[int64]shownKey{}
	_, err := v.eachShown(ctx, day, day.AddDate(0, 0, 1), func(k runKey, rows []shown, trusted bool) {
		for _, s := range rows {
			at := shownKey{k.label.UnixMicro(), k.vp, s.rsi, s.sent.UnixMicro()}
			if v.accepted[uint32(s.serial)] {
				if !trusted || !s.asked || s.sent.Before(v.signed[uint32(s.serial)].Add(-early)) {
					continue
				}
				if e := edges[k.label]; e == nil {
					edges[k.label] = &edge{at, at}
				} else {
					e.first, e.last = earliest(e.first, at), latest(e.last, at)
				}
				continue
			}
			of := unproven[k.vp]
			if of == nil {
				of = map[int64]shownKey{}
				unproven[k.vp] = of
			}
			if had, known := of[s.serial]; known && had.compare(at) <= 0 || !known && len(of) >= mostShown {
				continue
			}
			of[s.serial] = at
		}
	})
	all := map[shownKey]bool{}
	for _, e := range edges {
		all[e.first], all[e.last] = true, true
	}
	for _, of := range unproven {
		for _, k := range of {
			all[k] = true
		}
	}
	return all, err
}

// compare orders rows by when they were sent; of several at once one is the first all the same.
func (k shownKey) compare(o shownKey) int {
	return cmp.Or(cmp.Compare(k.sent, o.sent), cmp.Compare(k.label, o.label), cmp.Compare(k.vp, o.vp), cmp.Compare(k.rsi, o.rsi))
}

func earliest(a, b shownKey) shownKey {
	if b.compare(a) < 0 {
		return b
	}
	return a
}

func latest(a, b shownKey) shownKey {
	if b.compare(a) > 0 {
		return b
	}
	return a
}

// Days are the days of which Shown tells what answers of queries in [from, until] need.
func (v *Evidence) Days(from, until time.Time) (all []time.Time) {
	for day := interval.Day(from.Add(-correctness.Window)); !day.After(until); day = day.AddDate(0, 0, 1) {
		all = append(all, day)
	}
	return all
}
