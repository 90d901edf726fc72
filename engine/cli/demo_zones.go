package cli

import (
	"context"
	"os"
	"slices"
	"strconv"
	"time"

	"mtric.net/mtric/engine/interval"
	"mtric.net/mtric/engine/lab"
	"mtric.net/mtric/engine/measurement"
	"mtric.net/mtric/engine/rootzone"
)

// demoZones are the zones of the last days, oldest first.
func demoZones(present time.Time, tlds int) ([]*lab.Zone, error) {
	var revisions []lab.Revision
	var serials []uint32
	for i, before := range demoPublished() {
		serials = append(serials, demoSerial(present.Add(-before), uint32(i))) // two may be of one day
		revisions = append(revisions, lab.Revision{Serial: serials[i]})
	}
	// One validity for all: each version then signs only what changed.
	signed := interval.Day(present).AddDate(0, 0, -6)
	return lab.History(lab.Options{Seed: 47, Serial: serials[0], TLDs: tlds,
		Inception: signed, Expiration: signed.AddDate(0, 0, 20)}, revisions[1:]...)
}

// demoPublished says how long before the present each zone was published. The first
// is the stale RSI's: it is out of use for more than 48 hours.
func demoPublished() []time.Duration {
	return []time.Duration{85 * time.Hour, 61 * time.Hour, demoNew}
}

// demoNew is before the second interval.
const demoNew = 136 * time.Minute

// newest is the zone that is new while the demo measures.
func (w *demoWorld) newest() *lab.Zone { return w.zones[len(w.zones)-1] }

// demoSerial is the serial that the root zone has by custom: date and number.
func demoSerial(day time.Time, n uint32) uint32 {
	date, err := strconv.ParseUint(day.Format("20060102"), 10, 32)
	if err != nil {
		panic(err) // eight digits
	}
	return uint32(date)*100 + n
}

// fetchZones makes the archive as cron has left it: each zone fetched when it was
// published, and a fetch on record for each half hour since.
func (w *demoWorld) fetchZones(ctx context.Context) error {
	if err := os.MkdirAll(w.zoneDir(), 0o755); err != nil {
		return err
	}
	if err := os.WriteFile(w.anchorFile(), []byte(w.newest().DS()+"\n"), 0o644); err != nil {
		return err
	}
	published := demoPublished()
	for i, z := range w.zones[:len(w.zones)-1] {
		if err := w.publish(z); err != nil {
			return err
		}
		at, until := w.present.Add(-published[i]), w.present.Add(-published[i+1])
		record, err := w.fetch(ctx, at)
		if err != nil {
			return err
		}
		for record.Added, record.Unchanged = false, true; ; {
			if record.At = record.At.Add(30 * time.Minute); !record.At.Before(until) {
				break
			}
			if err := rootzone.AppendRecord(w.zoneDir(), record); err != nil {
				return err
			}
		}
	}
	return w.system.SetFaults(w.faults()...)
}

// publish lets all RSIs serve a zone.
func (w *demoWorld) publish(z *lab.Zone, except ...measurement.RSI) error {
	for _, rsi := range lab.Letters {
		if slices.Contains(except, rsi) {
			continue
		}
		if err := w.system.SetZone(rsi, z); err != nil {
			return err
		}
	}
	return nil
}

// fetch is what cron's fetch of that time did.
func (w *demoWorld) fetch(ctx context.Context, at time.Time) (rootzone.Record, error) {
	f := &rootzone.Fetcher{Dir: w.zoneDir(), Anchors: anchors(w.plan), Now: func() time.Time { return at }}
	sources, _ := zoneSources(w.plan, w.collector())
	result, err := f.Fetch(ctx, sources)
	return result.Record, err
}
