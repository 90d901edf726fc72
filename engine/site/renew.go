package site

import (
	"cmp"
	"errors"
	"path"
	"slices"
	"strings"
	"time"

	"mtric.net/mtric/engine/measurement"
)

// pathOf is the RSI and path of the last part of a tile's key.
func pathOf(name string) string { return name[:strings.LastIndexByte(name, '-')] }

// others says whether other days of the month, or of the year, have blocks in the same part.
func (r *job) others(days []block) bool {
	layout, year := "200601", days[0].step == 24*3600
	if year {
		layout = "2006"
	}
	part := r.partOf(days)
	period := time.Unix(days[0].from, 0).UTC().Format(layout)
	for name, m := range r.made.Days {
		if day, err := time.Parse("20060102", name); err == nil && m.Blocks && day.Format(layout) == period &&
			!(year && day.AddDate(0, 0, 1).After(r.until)) && // the day under way has none
			(len(r.plan.VantagePoints) > 0 || slices.ContainsFunc(m.VantagePoints, func(vp measurement.VantagePoint) bool { return r.part(vp) == part })) &&
			!slices.ContainsFunc(days, func(b block) bool { return b.from == day.Unix() }) {
			return true
		}
	}
	return false
}

// renew replaces the blocks of days in a tile. A column that the others lack is left off.
func (r *job) renew(key string, days []block) error {
	var old Tile
	known, err := r.read(key, &old)
	if err != nil {
		return err
	}
	kept, err := old.days()
	if !known || err != nil {
		kept, old = nil, Tile{}
		r.lost = r.lost || r.others(days)
	}
	for _, b := range days {
		kept = slices.DeleteFunc(kept, func(k block) bool { return k.from == b.from })
	}
	without := 0
	if len(kept) > 0 {
		for without < len(leftOff) && slices.Contains(old.LeftOff, leftOff[without]) {
			without++
		}
	}
	kept = append(kept, days...)
	slices.SortFunc(kept, func(a, b block) int { return cmp.Compare(a.from, b.from) })
	return r.writeTile(key, kept, without)
}

// writeTile writes a tile, and leaves off what it has no room for: at least so many columns of
// leftOff.
func (r *job) writeTile(key string, days []block, without int) error {
	for {
		err := r.data(key, r.tile(pathOf(path.Base(key)), days, without))
		if !errors.Is(err, errLarge) || without == len(leftOff) {
			return err
		}
		without++
	}
}
