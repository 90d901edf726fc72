package report_test

import (
	"testing"
	"time"

	"mtric.net/mtric/engine/measurement"
)

// TestFirstSeenByAnother: the zone that was seen first of all was shown to a vantage point
// whose rows the report does not have.
func TestFirstSeenByAnother(t *testing.T) {
	store, p := lying(t)
	changeZone(t, store, 2026102901, func(z *measurement.Zone) { z.FirstSeen = new(time.Date(2026, 10, 29, 18, 0, 0, 0, time.UTC)) })
	d := frame(t, p, monday.AddDate(0, 0, 14))
	d.From = monday.AddDate(0, 0, 1)
	if _, err := d.Fill(t.Context(), store); err != nil {
		t.Fatal(err)
	}
	same(t, d, store)
	same(t, d.Public(), store)
}
