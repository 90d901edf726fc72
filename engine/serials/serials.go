// Package serials asks the sources of a plan's zones which serial they have, and keeps what
// it saw in the table zone_serials. Nobody else saw that, so the table is its own evidence:
// no original has it.
package serials

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"mtric.net/mtric/engine/lake"
	"mtric.net/mtric/engine/measurement"
	"mtric.net/mtric/engine/plan"
)

// Bounds of one asking.
const (
	atOnce   = 8                // zones that are asked for at a time
	patience = 5 * time.Second  // with one zone
	together = 60 * time.Second // with all of them
	mostTold = 20               // failures that are logged one by one
)

// mostRows bounds the table: those of a year in which ten zones change every five minutes.
const mostRows = 1_000_000

// again is how old last_seen may get in the table, which is written anew for it.
const again = time.Hour

// Asker asks for the serial of a zone at its source. The error says why there is none.
type Asker func(ctx context.Context, zone plan.Zone) (serial uint32, err error)

// Watch asks the sources of zones. The zero value of all but Zones will do.
type Watch struct {
	Zones []plan.Zone
	Ask   Asker // nil asks over the network
	Now   func() time.Time
	Log   *slog.Logger
}

// Any says whether there is a source at all.
func (w *Watch) Any() bool {
	return slices.ContainsFunc(w.Zones, func(z plan.Zone) bool { return z.Source != "" })
}

// Sight is a serial that a source showed.
type Sight struct {
	Zone, Source string
	Serial       uint32
	At           time.Time // when the answer was there
}

// Sights asks every source, for a minute at most. What does not answer as it should is logged:
// it holds up nobody. A source that cannot be reached is not asked for its other zones.
func (w *Watch) Sights(ctx context.Context) []Sight {
	ctx, done := context.WithTimeout(ctx, together)
	defer done()
	r := &round{Watch: w, dead: map[string]bool{}}
	var group errgroup.Group
	group.SetLimit(atOnce)
	for _, zone := range w.Zones {
		if zone.Source != "" {
			group.Go(func() error { r.zone(ctx, zone); return nil })
		}
	}
	_ = group.Wait() // nobody fails
	if r.failures > mostTold && w.Log != nil {
		w.Log.Warn("more sources of zones gave no serial", "zones", r.failures-mostTold)
	}
	slices.SortFunc(r.seen, func(a, b Sight) int { return cmp.Compare(a.Zone, b.Zone) })
	return r.seen
}

// round is one asking on its way.
type round struct {
	*Watch
	sync.Mutex
	dead     map[string]bool // sources that cannot be reached
	seen     []Sight
	failures int
}

func (r *round) zone(ctx context.Context, zone plan.Zone) {
	r.Lock()
	dead := r.dead[zone.Source]
	r.Unlock()
	if dead || ctx.Err() != nil {
		r.failed(zone, "not asked: its source cannot be reached, or the time is up")
		return
	}
	ctx, done := context.WithTimeout(ctx, patience)
	defer done()
	ask, now := r.Ask, r.Now
	if ask == nil {
		ask = Network{}.Serial
	}
	if now == nil {
		now = time.Now
	}
	serial, err := ask(ctx, zone)
	at := now().UTC().Truncate(time.Microsecond)
	if err != nil {
		r.failed(zone, err)
		return
	}
	r.Lock()
	defer r.Unlock()
	r.seen = append(r.seen, Sight{zone.Name, zone.Source, serial, at})
}

// failed notes why there is no serial.
func (r *round) failed(zone plan.Zone, why any) {
	r.Lock()
	defer r.Unlock()
	if err, is := why.(error); is && Unreachable(err) {
		r.dead[zone.Source] = true
	}
	if r.failures++; r.failures <= mostTold && r.Log != nil {
		r.Log.Warn("the source of a zone gave no serial", "zone", zone.Name, "source", zone.Source, "error", why)
	}
}

// Keep notes sights in the table. The first sight of a serial stays; the last one is written
// once an hour. The caller is the lake's only writer.
func Keep(store lake.Store, sights []Sight) error {
	if len(sights) == 0 {
		return nil
	}
	rows, err := store.Serials()
	if err != nil {
		return fmt.Errorf("serials of zones: %w", err)
	}
	changed := false
	for _, s := range sights {
		at, known := slices.BinarySearchFunc(rows, s, func(row measurement.ZoneSerial, s Sight) int {
			return cmp.Or(cmp.Compare(row.Zone, s.Zone), cmp.Compare(row.Serial, int64(s.Serial)))
		})
		switch {
		case known && s.At.Sub(rows[at].LastSeen) >= again:
			rows[at].LastSeen, changed = s.At, true
		case known:
		case len(rows) >= mostRows:
			return fmt.Errorf("serials of zones: the table has %d rows, and takes no more", len(rows))
		default:
			rows, changed = slices.Insert(rows, at, measurement.ZoneSerial{Zone: s.Zone, Serial: int64(s.Serial), Source: s.Source, FirstSeen: s.At, LastSeen: s.At}), true
		}
	}
	if !changed {
		return nil
	}
	return store.SaveSerials(rows)
}

// quiet is how long after its last sight a source counts as silent: in good order that is
// up to an hour and one ingest old in the table.
const quiet = again + 30*time.Minute

// Silent says of each zone whose source has shown no serial of late, by the rows of the
// table, since when. Of such a zone nobody dates serials by its source.
func Silent(zones []plan.Zone, rows []measurement.ZoneSerial, now time.Time) (lines []string) {
	last := map[string]time.Time{}
	for _, row := range rows {
		if row.LastSeen.After(last[row.Zone]) {
			last[row.Zone] = row.LastSeen
		}
	}
	for _, z := range zones {
		switch at, seen := last[z.Name]; {
		case z.Source == "":
		case !seen:
			lines = append(lines, fmt.Sprintf("zone %s: its source %s has never shown a serial", z.Name, z.Source))
		case now.Sub(at) > quiet:
			lines = append(lines, fmt.Sprintf("zone %s: its source %s has shown no serial since about %s", z.Name, z.Source, at.UTC().Format("2006-01-02T15:04Z")))
		}
	}
	return lines
}
