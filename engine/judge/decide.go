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

// decide gives the cases that no candidate explains their verdicts: incorrect where
// the archive covers the query and nothing says that the clock was wrong, else held
// with the reason.
func (b *bench) decide(ctx context.Context, cases []docket) error {
	clocks := wrongClocks(b, cases)
	for i := range cases {
		c := &cases[i]
		if c.settled {
			continue
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		hold, err := b.hold(ctx, c, clocks[runKey{c.vp, c.label}])
		if err != nil {
			return err
		}
		if c.now = held(hold); hold == "" {
			c.now = verdictOf(c.result, c.weight.Expired)
		}
	}
	return nil
}

// wrongClocks are the runs in which answers of two RSIs show that the clock was
// behind.
func wrongClocks(b *bench, cases []docket) map[runKey]bool {
	by := map[runKey]measurement.RSI{}
	wrong := map[runKey]bool{}
	for i := range cases {
		c := &cases[i]
		if c.settled || !b.ahead(c) {
			continue
		}
		k := runKey{c.vp, c.label}
		if rsi, known := by[k]; known && rsi != c.rsi {
			wrong[k] = true
		}
		by[k] = c.rsi
	}
	return wrong
}

// ahead says whether an answer is of a time after the query: a signature begins
// later, or the zone was signed later.
func (b *bench) ahead(c *docket) bool {
	end := c.label.Add(interval.Length + correctness.ClockAllowance)
	return c.weight.Early || c.result.Of != nil && b.signed[*c.result.Of].After(end)
}

// hold says why a case that no candidate explains accuses nobody; empty where it does.
func (b *bench) hold(ctx context.Context, c *docket, wrongClock bool) (string, error) {
	w, err := b.watch(ctx, interval.Day(c.label))
	if err != nil {
		return "", err
	}
	switch {
	case wrongClock, b.ahead(c), w.doubtful[runKey{c.vp, c.label}]:
		return "clock", nil
	case len(c.weight.Expired) > 0:
		return "", nil // whatever zone it is of
	}
	for _, check := range []func(context.Context, *docket) (string, error){b.ownTestimony, b.covers, b.hole, b.readable, b.vouchedFor} {
		if reason, err := check(ctx, c); reason != "" || err != nil {
			return reason, err
		}
	}
	return "", nil
}

// hole finds a signature that holds, is in no archived zone and is of a zone that
// would be a candidate: the archive lacks it. It needs no witness and cannot be forged.
// What carries the SOA record of a zone that is known is of that zone, and covers has
// said whether it is a candidate.
func (b *bench) hole(_ context.Context, c *docket) (string, error) {
	if soa := c.weight.SOA; soa != nil && b.accepted[soa.Serial] {
		return "", nil
	}
	for _, u := range c.weight.Unseen {
		if !correctness.Lacking(b.known, u.Inception, c.sent, c.label) || b.inArchive(u) {
			continue
		}
		if soa := c.weight.SOA; soa != nil && !b.archivedSerial(soa.Serial) {
			return fmt.Sprintf("zone %d is not archived", soa.Serial), nil
		}
		return fmt.Sprintf("a zone signed at %s is not archived", u.Inception.UTC().Format("2006-01-02T15:04Z")), nil
	}
	return "", nil
}

// inArchive says whether any zone of the archive has the signature. It may stand in
// those that were signed while it is valid: others are not looked at, which may be those
// of years.
func (b *bench) inArchive(u correctness.Unseen) bool {
	for _, k := range b.known {
		if !k.Archived || k.SignedAt.Before(u.Inception) || k.SignedAt.After(u.Expiration) {
			continue
		}
		if zone, err := b.zones.open(b.Judge, k.Serial, b.sums[k.Serial]); err == nil && zone.Has(u.Owner, u.Type, u.Data) {
			return true
		}
	}
	return false
}

// mostUnproven is how many serials of no zone a vantage point may show before all it
// says is held.
const mostUnproven = 64

// ownTestimony finds a serial of no accepted zone that the vantage point itself shows
// and that would be a candidate. It holds that vantage point's rows and no others: a
// liar can only withdraw its own testimony. A server that lies to all vantage points
// withdraws nobody's for longer than fetches take to refute it.
func (b *bench) ownTestimony(ctx context.Context, c *docket) (string, error) {
	end := c.label.Add(interval.Length)
	unproven, err := b.unprovenBy(ctx, c.vp, c.sent.Add(-correctness.Window), end)
	if err != nil || len(unproven) == 0 {
		return "", err
	}
	counting := b.counting(c.sent.Add(-correctness.Window))
	maps.DeleteFunc(unproven, func(serial uint32, at time.Time) bool {
		if first := b.showed[serial]; !first.IsZero() {
			at = earlier(at, first)
		}
		return correctness.Refuted(counting, serial, at)
	})
	if len(unproven) > mostUnproven {
		return fmt.Sprintf("vantage point %s shows %d serials of no zone", c.vp, len(unproven)), nil
	}
	all := slices.Clone(b.known)
	for serial, at := range unproven {
		all = append(all, correctness.Known{Serial: serial, FirstUsed: at, Shown: at})
	}
	correctness.Date(all)
	for _, k := range correctness.Candidates(all, c.sent, c.label) {
		if _, own := unproven[k.Serial]; own {
			return fmt.Sprintf("zone %d is not archived", k.Serial), nil
		}
	}
	return "", nil
}

// covers asks whether the archive covers the query.
func (b *bench) covers(ctx context.Context, c *docket) (string, error) {
	b.archive.Fetches = b.counting(c.sent.Add(-correctness.Window))
	b.archive.Sighted = func(from, until time.Time) ([]time.Time, error) { return b.sightedIn(ctx, from, until) }
	return b.archive.Covers(c.sent, c.label)
}

// counting are the fetches that count, from that time on at least: the records of long
// ago are read only for queries that are as old.
func (b *bench) counting(from time.Time) []correctness.Fetch {
	old := len(b.fetches) == 0 || from.Before(b.fetches[0].At)
	if b.counted != nil && (!old || b.fetchesAll) {
		return b.counted
	}
	records := b.fetches
	if b.fetchesAll = old; old {
		records = slices.Concat(b.oldRecords(), b.fetches)
	}
	all := []correctness.Fetch{}
	for _, rec := range records {
		if !rec.ByHand {
			all = append(all, correctness.Fetch{At: rec.At, Serial: rec.Serial})
		}
	}
	b.counted = append([]correctness.Fetch{}, correctness.Counting(all, b.known)...)
	return b.counted
}

// readable finds a candidate whose file cannot be read.
func (b *bench) readable(_ context.Context, c *docket) (string, error) {
	for _, serial := range c.seat.in {
		if b.broken[serial] {
			return fmt.Sprintf("zone %d cannot be read", serial), nil
		}
	}
	return "", nil
}

// vouchedFor finds a candidate that the answer differs from in delegations and glue
// alone, which nothing in that zone proves: no digest, and one source only.
func (b *bench) vouchedFor(_ context.Context, c *docket) (string, error) {
	for _, serial := range c.result.Unsigned {
		vouched, known := b.vouched[serial]
		if !known {
			vouched = b.vouches(serial)
			b.vouched[serial] = vouched
		}
		if !vouched {
			return correctness.Unvouched(serial), nil
		}
	}
	return "", nil
}

func (b *bench) vouches(serial uint32) bool {
	zone, err := rootzone.Open(filepath.Join(b.RootZones, rootzone.FileName(serial)))
	if err != nil {
		return false
	}
	return zone.Digested() || rootzone.Sources(b.recordsOf(serial), serial, zone.SHA256) > 1
}

// heldKeys are the keys of all archived zones, each once.
func (b *bench) heldKeys() []rootzone.Key {
	b.keysOf.Do(func() {
		for _, k := range b.known {
			if !k.Archived {
				continue
			}
			keys, err := rootzone.ApexKeys(filepath.Join(b.RootZones, rootzone.FileName(k.Serial)))
			if err != nil {
				continue // told of where the zone is needed
			}
			for _, key := range keys {
				if !slices.ContainsFunc(b.keys, func(had rootzone.Key) bool { return had.Tag == key.Tag && had.RR.PublicKey == key.RR.PublicKey }) {
					b.keys = append(b.keys, key)
				}
			}
		}
	})
	return b.keys
}
