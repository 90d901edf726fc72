package comparison

import (
	"fmt"
	"strings"
	"time"

	"mtric.net/mtric/engine/interval"
)

// Style is what the command report calls a comparison.
const Style = "comparison"

// maxPeriod bounds the time of one comparison: what is counted by probe and hour is held in
// memory.
const maxPeriod = 31 * 24 * time.Hour

// Period reads the time of a comparison: a month, 2026-11; a week by its Monday, 2026-11-16;
// or a first day and an end, 2026-11-22/2026-11-25, the end exclusive. Empty is the last
// complete month.
func Period(period string, now time.Time) (from, until time.Time, err error) {
	if period == "" {
		from = interval.Month(now).AddDate(0, -1, 0)
		return from, interval.NextMonth(from), nil
	}
	if from, err = time.Parse("2006-01", period); err == nil {
		return from, interval.NextMonth(from), nil
	}
	first, last, days := strings.Cut(period, "/")
	if from, err = time.Parse(time.DateOnly, first); err == nil {
		until = from.AddDate(0, 0, 7)
		if days {
			until, err = time.Parse(time.DateOnly, last)
		}
	}
	switch {
	case err != nil:
		return from, until, fmt.Errorf("period %q: want a month such as 2026-11, the Monday of a week such as 2026-11-16, or a first day and an end, 2026-11-22/2026-11-25", period)
	case !days && interval.Week(from) != from:
		return from, until, fmt.Errorf("period %s: is a %s; a week starts on Monday %s, and a day alone is %s/%s", period, from.Weekday(),
			interval.Week(from).Format(time.DateOnly), first, from.AddDate(0, 0, 1).Format(time.DateOnly))
	case !from.Before(until):
		return from, until, fmt.Errorf("period %q: its end is not after its beginning", period)
	case until.Sub(from) > maxPeriod:
		return from, until, fmt.Errorf("period %q: a comparison is of at most %d days", period, maxPeriod/(24*time.Hour))
	}
	return from, until, nil
}

// Folder is the name of a comparison's folder: comparison-2026-11, comparison-2026-11-16 of a
// week, comparison-2026-11-22-until-2026-11-25 of days.
func Folder(from, until time.Time) string {
	switch day := from.Format(time.DateOnly); {
	case from.Equal(interval.Month(from)) && until.Equal(interval.NextMonth(from)):
		return Style + "-" + from.Format("2006-01")
	case from.Equal(interval.Week(from)) && until.Equal(from.AddDate(0, 0, 7)):
		return Style + "-" + day
	default:
		return Style + "-" + day + "-until-" + until.Format(time.DateOnly)
	}
}
