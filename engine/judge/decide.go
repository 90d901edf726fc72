package judge

import (
	"context"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"time"

	"mtric.net/mtric/engine/interval"
	"mtric.net/mtric/engine/measurement"
	"mtric.net/mtric/engine/rootzone"
	"mtric.net/mtric/metrics/correctness"
)

// decide gives the answers that no candidate explains their verdicts: incorrect where
// the archive covers the query and nothing says that the clock was wrong, else held
// with the reason.
func (e *evaluator) decide(ctx context.Context, answers []answer) error {
	clocks := wrongClocks(e, answers)
	for i := range answers {
		a := &answers[i]
		if a.settled {
			continue
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		hold, err := e.hold(ctx, a, clocks[runKey{a.vp, a.label}])
		if err != nil {
			return err
		}
		if a.now = held(hold); hold == "" {
			a.now = verdictOf(a.result, a.weight.Expired)
		}
	}
	return nil
}

// wrongClocks are the runs in which answers of two RSIs show that the clock was
// behind.
func wrongClocks(e *evaluator, answers []answer) map[runKey]bool {
	by := map[runKey]measurement.RSI{}
	wrong := map[runKey]bool{}
	for i := range answers {
		a := &answers[i]
		if a.settled || !e.ahead(a) {
			continue
		}
		k := runKey{a.vp, a.label}
		if rsi, known := by[k]; known && rsi != a.rsi {
			wrong[k] = true
		}
		by[k] = a.rsi
	}
	return wrong
}

// ahead says whether an answer is of a time after the query: a signature begins
// later, or the zone was signed later.
func (e *evaluator) ahead(a *answer) bool {
	end := a.label.Add(interval.Length + correctness.ClockAllowance)
	return a.weight.Early || a.result.Of != nil && e.signed[*a.result.Of].After(end)
}

// hold says why a case that no candidate explains accuses nobody; empty where it does.
func (e *evaluator) hold(ctx context.Context, a *answer, wrongClock bool) (string, error) {
	w, err := e.sightingsOf(ctx, interval.Day(a.label))
	if err != nil {
		return "", err
	}
	switch {
	case wrongClock, e.ahead(a), w.doubtful[runKey{a.vp, a.label}]:
		return "clock", nil
	case len(a.weight.Expired) > 0:
		return "", nil // whatever zone it is of
	}
	reason, err := e.ownSerials(ctx, a)
	if reason == "" && err == nil {
		reason, err = e.covers(ctx, a)
	}
	for _, check := range []func(*answer) string{e.hole, e.readable, e.vouchedFor} {
		if reason == "" && err == nil {
			reason = check(a)
		}
	}
	return reason, err
}

// hole finds a signature that holds, is in no archived zone and is of a zone that
// would be a candidate: the archive lacks it. It needs no witness and cannot be forged.
// What carries the SOA record of a zone that is known is of that zone, and covers has
// said whether it is a candidate.
func (e *evaluator) hole(a *answer) string {
	if soa := a.weight.SOA; soa != nil && e.accepted[soa.Serial] {
		return ""
	}
	for _, u := range a.weight.Unseen {
		if !correctness.Lacking(e.known, u.Inception, a.sent, a.label) || e.inArchive(u) {
			continue
		}
		if soa := a.weight.SOA; soa != nil && !e.archivedSerial(soa.Serial) {
			return fmt.Sprintf("zone %d is not archived", soa.Serial)
		}
		return fmt.Sprintf("a zone signed at %s is not archived", u.Inception.UTC().Format("2006-01-02T15:04Z"))
	}
	return ""
}

// inArchive says whether any zone of the archive has the signature. It may stand in
// those that were signed while it is valid: others are not looked at, which may be those
// of years.
func (e *evaluator) inArchive(u correctness.Unseen) bool {
	for _, k := range e.known {
		if !k.Archived || k.SignedAt.Before(u.Inception) || k.SignedAt.After(u.Expiration) {
			continue
		}
		if zone, err := e.zones.open(e.Judge, k.Serial, e.sums[k.Serial]); err == nil && zone.Has(u.Owner, u.Type, u.Data) {
			return true
		}
	}
	return false
}

// mostUnproven is how many serials of no zone a vantage point may show before all it
// says is held.
const mostUnproven = 64

// ownSerials finds a serial of no accepted zone that the vantage point itself shows
// and that would be a candidate. It holds that vantage point's rows and no others: a
// liar can only withdraw its own testimony. A server that lies to all vantage points
// withdraws nobody's for longer than fetches take to refute it.
func (e *evaluator) ownSerials(ctx context.Context, a *answer) (string, error) {
	end := a.label.Add(interval.Length)
	unproven, err := e.unprovenBy(ctx, a.vp, a.sent.Add(-correctness.Window), end)
	if err != nil || len(unproven) == 0 {
		return "", err
	}
	counting := e.counting(a.sent.Add(-correctness.Window))
	maps.DeleteFunc(unproven, func(serial uint32, at time.Time) bool {
		if first := e.showed[serial]; !first.IsZero() {
			at = earlier(at, first)
		}
		return correctness.Refuted(counting, serial, at)
	})
	if len(unproven) > mostUnproven {
		return fmt.Sprintf("vantage point %s shows %d serials of no zone", a.vp, len(unproven)), nil
	}
	all := slices.Clone(e.known)
	for serial, at := range unproven {
		all = append(all, correctness.Known{Serial: serial, FirstUsed: at, Shown: at})
	}
	correctness.Date(all)
	for _, k := range correctness.Candidates(all, a.sent, a.label) {
		if _, own := unproven[k.Serial]; own {
			return fmt.Sprintf("zone %d is not archived", k.Serial), nil
		}
	}
	return "", nil
}

// covers asks whether the archive covers the query.
func (e *evaluator) covers(ctx context.Context, a *answer) (string, error) {
	e.archive.Fetches = e.counting(a.sent.Add(-correctness.Window))
	e.archive.Sighted = func(from, until time.Time) ([]time.Time, error) { return e.sightedIn(ctx, from, until) }
	return e.archive.Covers(a.sent, a.label)
}

// counting are the fetches that count, from that time on at least: the records of long
// ago are read only for queries that are as old.
func (e *evaluator) counting(from time.Time) []correctness.Fetch {
	old := len(e.fetches) == 0 || from.Before(e.fetches[0].At)
	if e.counted != nil && (!old || e.fetchesAll) {
		return e.counted
	}
	records := e.fetches
	if e.fetchesAll = old; old {
		records = slices.Concat(e.oldRecords(), e.fetches)
	}
	all := []correctness.Fetch{}
	for _, rec := range records {
		if !rec.ByHand {
			all = append(all, correctness.Fetch{At: rec.At, Serial: rec.Serial})
		}
	}
	e.counted = append([]correctness.Fetch{}, correctness.Counting(all, e.known)...)
	return e.counted
}

// readable finds a candidate whose file cannot be read.
func (e *evaluator) readable(a *answer) string {
	for _, serial := range a.zones.in {
		if e.broken[serial] {
			return fmt.Sprintf("zone %d cannot be read", serial)
		}
	}
	return ""
}

// vouchedFor finds a candidate that the answer differs from in delegations and glue
// alone, which nothing in that zone proves: no digest, and one source only.
func (e *evaluator) vouchedFor(a *answer) string {
	for _, serial := range a.result.Unsigned {
		vouched, known := e.vouched[serial]
		if !known {
			vouched = e.vouches(serial)
			e.vouched[serial] = vouched
		}
		if !vouched {
			return correctness.Unvouched(serial)
		}
	}
	return ""
}

func (e *evaluator) vouches(serial uint32) bool {
	zone, err := rootzone.Open(filepath.Join(e.RootZones, rootzone.FileName(serial)))
	if err != nil {
		return false
	}
	return zone.Digested() || rootzone.Sources(e.recordsOf(serial), serial, zone.SHA256) > 1
}

// heldKeys are the keys of all archived zones, each once.
func (e *evaluator) heldKeys() []rootzone.Key {
	e.keysOf.Do(func() {
		for _, k := range e.known {
			if !k.Archived {
				continue
			}
			keys, err := rootzone.ApexKeys(filepath.Join(e.RootZones, rootzone.FileName(k.Serial)))
			if err != nil {
				continue // told of where the zone is needed
			}
			for _, key := range keys {
				if !slices.ContainsFunc(e.keys, func(had rootzone.Key) bool { return had.Tag == key.Tag && had.RR.PublicKey == key.RR.PublicKey }) {
					e.keys = append(e.keys, key)
				}
			}
		}
	})
	return e.keys
}
