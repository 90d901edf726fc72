package alert

import (
	"context"
	"fmt"
	"io/fs"
	"maps"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"mtric.net/mtric/engine/column"
	"mtric.net/mtric/engine/interval"
	"mtric.net/mtric/engine/lake"
	"mtric.net/mtric/engine/measurement"
	"mtric.net/mtric/engine/rootzone"
)

// maxMissing bounds the missing zones that are named.
const maxMissing = 100

// settled is how long a zone must have been in use before it is called missing.
const settled = 2 * time.Hour

// Bounds of how the lake is asked who shows a zone: what is in use all see within hours,
// and one vantage point can date what it alone shows on any day of the last year.
const (
	shownFor    = 6 * time.Hour // from the first sighting on
	maxShowDays = 100           // the newest
)

func (l *Inspector) zones(ctx context.Context, m *Machine) error {
	if first := l.time(factFirst); first != nil && l.Now.Sub(*first) >= 24*time.Hour {
		m.Zones.Added24h = new(int64)
		err := eachFile(filepath.Join(l.Output, "RootZones"), func(_ string, info fs.FileInfo) {
			if strings.HasSuffix(info.Name(), ".root.txt") && l.Now.Sub(info.ModTime()) < 24*time.Hour {
				*m.Zones.Added24h++
			}
		})
		if err != nil {
			return err
		}
	}
	rows, err := l.Store.Zones()
	if err != nil {
		return err
	}
	missing, err := l.missing(ctx, rows)
	if err != nil {
		return fmt.Errorf("missing zones: %w", err)
	}
	m.Zones.Gaps = int64(len(missing))
	var named []uint32
	for _, z := range missing[:min(len(missing), maxMissing)] {
		named = append(named, z.serial)
		if z.alone != "" {
			m.Zones.Alone = with(m.Zones.Alone, strconv.FormatUint(uint64(z.serial), 10), z.alone)
		}
	}
	slices.SortFunc(named, rootzone.Compare)
	for _, serial := range named {
		m.Zones.Missing = append(m.Zones.Missing, strconv.FormatUint(uint64(serial), 10))
	}
	return nil
}

// unknown is the vantage point of what no vantage point shows as good ones do.
const unknown = "unknown"

// missingZone is one that the archive lacks.
type missingZone struct {
	serial uint32
	first  time.Time
	old    bool // of before the archive
	signed bool // it is a signature that proves it: one vantage point may have brought it

	vps   map[string]bool // that show it
	waits bool            // answers wait when it is first shown
	asked bool
	alone string // the vantage point that alone shows it
}

// missing are the zones that are missing: what several vantage points show before what one
// alone does, and of each the newest first. Two vantage points need no further proof, a
// signature needs no second vantage point: who shows what a signature alone proves is
// looked up. What one alone shows and is older than all the archive is missing only where
// answers wait.
func (l *Inspector) missing(ctx context.Context, rows []measurement.Zone) ([]*missingZone, error) {
	var oldest *uint32
	for _, z := range rows {
		if serial := uint32(z.Serial); z.ArchivedAt != nil && (oldest == nil || rootzone.Compare(serial, *oldest) < 0) {
			oldest = &serial
		}
	}
	var all []*missingZone
	for _, z := range rows {
		if z.State != measurement.ZoneSeen || z.ArchivedAt != nil || z.FirstSeen == nil || l.Now.Sub(*z.FirstSeen) <= settled {
			continue
		}
		serial := uint32(z.Serial)
		old := oldest != nil && rootzone.Compare(serial, *oldest) < 0
		signed := z.Proof != nil && *z.Proof == measurement.ProofSignature
		all = append(all, &missingZone{serial: serial, first: *z.FirstSeen, old: old, signed: signed, vps: map[string]bool{}})
	}
	if err := l.whoShows(ctx, all); err != nil {
		return nil, err
	}
	all = slices.DeleteFunc(all, func(z *missingZone) bool {
		return z.signed && (!z.asked || z.old && !z.waits && len(z.vps) < 2)
	})
	for _, z := range all {
		switch {
		case z.signed && len(z.vps) == 0:
			z.alone = unknown
		case z.signed:
			z.alone = only(slices.Collect(maps.Keys(z.vps)))
		}
	}
	slices.SortFunc(all, func(x, y *missingZone) int {
		switch {
		case x.alone == "" && y.alone != "":
			return -1
		case x.alone != "" && y.alone == "":
			return 1
		}
		return rootzone.Compare(y.serial, x.serial)
	})
	return all, nil
}

// whoShows looks up the zones that are to be asked for, the newest days first.
func (l *Inspector) whoShows(ctx context.Context, all []*missingZone) error {
	by := map[time.Time][]*missingZone{}
	for _, z := range all {
		if z.signed {
			by[interval.Day(z.first)] = append(by[interval.Day(z.first)], z)
		}
	}
	days := slices.SortedFunc(maps.Keys(by), func(x, y time.Time) int { return y.Compare(x) })
	for _, day := range days[:min(len(days), maxShowDays)] {
		if err := l.shows(ctx, by[day]); err != nil {
			return err
		}
	}
	return nil
}

// shows looks up zones that were first shown on one day.
func (l *Inspector) shows(ctx context.Context, zones []*missingZone) error {
	serials := map[int64]*missingZone{}
	from, until := zones[0].first, zones[0].first
	for _, z := range zones {
		serials[int64(z.serial)], z.asked = z, true
		if z.first.Before(from) {
			from = z.first
		}
		if z.first.After(until) {
			until = z.first
		}
	}
	scan := lake.Scan{Store: l.Store, From: interval.Of(from), Until: until.Add(shownFor), Workers: 1}
	return scan.Answers(ctx, []column.Name{column.VantagePoint, column.Serial, column.Verdict}, func(b *column.AnswerBatch) error {
		unchecked := b.Verdict.Place(measurement.Unchecked)
		for i := range b.Rows {
			at, vp := b.Interval.At(i), b.VantagePoint.Text(i)
			if b.Verdict.Index[i] == unchecked {
				for _, z := range zones {
					z.waits = z.waits || !at.Before(interval.Of(z.first)) && at.Before(z.first.Add(shownFor))
				}
			}
			if !b.Serial.Has(i) {
				continue
			}
			if z := serials[b.Serial.Int[i]]; z != nil && at.Before(z.first.Add(shownFor)) && !z.vps[vp] && l.measuring(vp, at) {
				z.vps[vp] = true
			}
		}
		return nil
	})
}

// measuring says whether a vantage point's word counts at that time.
func (l *Inspector) measuring(vp string, at time.Time) bool {
	for _, v := range l.Plan.VantagePoints {
		if string(v.ID) == vp {
			return measures(v, at, at.Add(1))
		}
	}
	return len(l.Plan.VantagePoints) == 0
}
