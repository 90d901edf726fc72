package comparison_test

import (
	"strings"
	"testing"
	"time"

	"mtric.net/mtric/engine/comparison"
)

func TestPeriod(t *testing.T) {
	now := time.Date(2026, 12, 9, 6, 0, 0, 0, time.UTC)
	for _, c := range []struct{ period, from, until, folder string }{
		{"", "2026-11-01", "2026-12-01", "comparison-2026-11"},
		{"2026-02", "2026-02-01", "2026-03-01", "comparison-2026-02"},
		{"2026-11-16", "2026-11-16", "2026-11-23", "comparison-2026-11-16"},
		{"2026-11-16/2026-11-23", "2026-11-16", "2026-11-23", "comparison-2026-11-16"},
		{"2026-11-01/2026-12-01", "2026-11-01", "2026-12-01", "comparison-2026-11"},
		{"2026-11-16/2026-11-17", "2026-11-16", "2026-11-17", "comparison-2026-11-16-until-2026-11-17"},
		{"2026-10-02/2026-11-02", "2026-10-02", "2026-11-02", "comparison-2026-10-02-until-2026-11-02"},
	} {
		from, until, err := comparison.Period(c.period, now)
		if err != nil || from.Format(time.DateOnly) != c.from || until.Format(time.DateOnly) != c.until || comparison.Folder(from, until) != c.folder {
			t.Errorf("%q: %s, %s, %s, %v", c.period, from, until, comparison.Folder(from, until), err)
		}
	}
	for period, said := range map[string]string{
		"November":              `period "November": want a month such as 2026-11, the Monday of a week such as 2026-11-16, or a first day and an end, 2026-11-22/2026-11-25`,
		"2026-11-17":            "is a Tuesday; a week starts on Monday 2026-11-16, and a day alone is 2026-11-17/2026-11-18",
		"2026-11-16/":           "want a month",
		"2026-11-16/2026-11-16": "its end is not after its beginning",
		"2026-11-16/2026-11-15": "its end is not after its beginning",
		"2026-10-01/2026-11-02": "at most 31 days",
	} {
		if _, _, err := comparison.Period(period, now); err == nil || !strings.Contains(err.Error(), said) {
			t.Errorf("%q: %v", period, err)
		}
	}
}
