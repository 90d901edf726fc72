package site

import (
	"context"
	"fmt"
	"slices"
	"time"

	"mtric.net/mtric/engine/derive"
	"mtric.net/mtric/engine/interval"
	"mtric.net/mtric/engine/measurement"
)

// sightings are who showed which serial, over several days.
type sightings map[int64]map[string]*shownBy

// shownBy is one RSI's part.
type shownBy struct {
	first, last time.Time
	vps         map[string]bool
	now         int // witnesses in the last half hour
}

// add takes those of a day.
func (all sightings) add(s *seen) {
	for serial, rsis := range s.Serials {
		if all[serial] == nil {
			all[serial] = map[string]*shownBy{}
		}
		for rsi, sight := range rsis {
			by := all[serial][rsi]
			if by == nil {
				by = &shownBy{first: sight.First, last: sight.Last, vps: map[string]bool{}}
				all[serial][rsi] = by
			}
			by.first, by.last = earlier(by.first, sight.First), later(by.last, sight.Last)
			for _, at := range sight.VPs {
				by.vps[s.VantagePoints[at]] = true
			}
		}
	}
}

// of is one serial, and when it was first shown.
func (all sightings) of(serial int64, rsis []string) (z ZoneSerial, first time.Time) {
	z = ZoneSerial{Serial: serial, RSIs: []ZoneSerialShown{}}
	for _, rsi := range rsis {
		if by := all[serial][rsi]; by != nil {
			z.RSIs = append(z.RSIs, ZoneSerialShown{RSI: rsi, First: by.first, Last: by.last, VPs: len(by.vps)})
			if first.IsZero() || by.first.Before(first) {
				first = by.first
			}
		}
	}
	return z, first
}

// accepted says whether a serial is one of a root zone.
func (r *job) accepted(serial int64) bool {
	return slices.ContainsFunc(r.zones, func(z measurement.Zone) bool { return z.Serial == serial && z.State != measurement.ZoneBogus })
}

// published are T(s) of serials, as far as derive knows them.
func (r *job) published(wanted func(int64) bool) (map[int64]time.Time, error) {
	if r.State == "" {
		return nil, nil
	}
	d := &derive.Deriver{Plan: r.plan, Lake: r.Lake, State: r.State}
	all, err := d.Published(wanted)
	if err != nil {
		return nil, fmt.Errorf("site: %w", err)
	}
	return all, nil
}

// zoneFiles brings the files of zones up to date.
func (r *job) zoneFiles(ctx context.Context) error {
	if r.seen == nil {
		if err := r.allSeen(); err != nil {
			return err
		}
	}
	all, first := sightings{}, time.Time{}
	for _, name := range sortedKeys(r.seen) {
		day, err := time.Parse("20060102", name)
		if err != nil {
			return fmt.Errorf("site: %w", err)
		}
		if first.IsZero() {
			first = day
		}
		all.add(r.seen[name])
	}
	if err := ctx.Err(); err != nil || len(all) == 0 {
		return err
	}
	months := map[string]*Zones{}
	for serial := range all {
		z, at := all.of(serial, r.rsis)
		if month := interval.Partition(at); len(z.RSIs) > 0 && r.accepted(serial) {
			if months[month] == nil {
				months[month] = &Zones{Holes: []Span{}}
			}
			months[month].Serials = append(months[month].Serials, z)
		}
	}
	return r.writeZones(months, first)
}

// writeZones writes the months; what is older than what is kept stays as it is.
func (r *job) writeZones(months map[string]*Zones, first time.Time) error {
	wanted := map[int64]bool{}
	known := map[int64]*time.Time{}
	for month, z := range months {
		var old Zones
		if _, err := r.read("zones/"+month, &old); err != nil {
			return err
		}
		for _, s := range old.Serials {
			known[s.Serial] = s.Published
		}
		for _, s := range z.Serials {
			// T(s) rests on three days; what is older was told when it was new.
			if known[s.Serial] == nil || month >= interval.Partition(r.until.AddDate(0, -1, 0)) {
				wanted[s.Serial] = true
			}
		}
	}
	published, err := r.published(func(serial int64) bool { return wanted[serial] })
	if err != nil {
		return err
	}
	for _, z := range months {
		for i := range z.Serials {
			s := &z.Serials[i]
			if at, ok := published[s.Serial]; ok {
				s.Published = &at
			} else if !wanted[s.Serial] {
				s.Published = known[s.Serial]
			}
		}
	}
	delays := r.delays(months)
	for month, z := range months {
		slices.SortFunc(z.Serials, compareSerials)
		z.Holes = r.holes(month)
		delays.tell(z.Serials)
		start, err := time.Parse("200601", month)
		if err != nil {
			return fmt.Errorf("site: %w", err)
		}
		if have, err := r.have("zones"); err != nil {
			return err
		} else if start.Before(first) && slices.Contains(have, month+".js") && first.Before(r.until.Add(-r.keep).AddDate(0, 0, 2)) {
			continue
		}
		if err := r.data("zones/"+month, z); err != nil {
			return err
		}
	}
	return nil
}

// compareSerials has older ones first (RFC 1982), and those without an order by number.
func compareSerials(a, b ZoneSerial) int {
	switch {
	case a.Serial == b.Serial:
		return 0
	case newest(a.Serial, b.Serial) == a.Serial:
		return 1
	}
	return -1
}

// holes are the times of a month in which zones were published that the archive lacks: from
// when one was seen until one that the archive has.
func (r *job) holes(month string) []Span {
	all := []Span{}
	zones := slices.DeleteFunc(slices.Clone(r.zones), func(z measurement.Zone) bool {
		return z.State == measurement.ZoneBogus || z.FirstSeen == nil && z.FirstUsed == nil
	})
	begin := func(z measurement.Zone) time.Time {
		if z.FirstSeen != nil {
			return *z.FirstSeen
		}
		return *z.FirstUsed
	}
	slices.SortFunc(zones, func(a, b measurement.Zone) int { return begin(a).Compare(begin(b)) })
	for i := 0; i < len(zones); i++ {
		if zones[i].State == measurement.ZoneArchived {
			continue
		}
		span := Span{begin(zones[i]), later(r.last, begin(zones[i]))}
		for ; i < len(zones); i++ {
			if zones[i].State == measurement.ZoneArchived {
				span.Until = begin(zones[i])
				break
			}
		}
		if interval.Partition(span.From) <= month && interval.Partition(span.Until) >= month {
			all = append(all, span)
		}
	}
	return all
}
