package site_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"mtric.net/mtric/engine/lake"
	"mtric.net/mtric/engine/measurement"
	"mtric.net/mtric/engine/plan"
	"mtric.net/mtric/engine/site"
)

// TestFeedTellsOfLongEvents: an event is in the feed for seven days after its end, whenever it
// began, and with it how many vantage points saw it.
func TestFeedTellsOfLongEvents(t *testing.T) {
	h, home := drawn(1, 100), t.TempDir()
	s := h.write(t, home, 100)
	day := midnight.AddDate(0, 0, -30)
	event := func(id string, until time.Time, vps ...string) measurement.Event {
		return measurement.Event{ID: id, Kind: measurement.EventOutage, RSI: ptr("a"), From: day.Add(time.Hour), Until: until, LabelsBad: 1, LabelsSeen: 2, VantagePoints: vps}
	}
	w, err := lake.CreateDay[measurement.Event](s, day)
	if err == nil {
		err = w.Write([]measurement.Event{event("000000000001", midnight.AddDate(0, 0, -5), "101", "102"), event("000000000002", midnight.AddDate(0, 0, -6), "103"), event("000000000003", midnight.AddDate(0, 0, -8), "101")})
	}
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	h.plan.Sites = []plan.Site{{Edition: plan.SitePublic, URL: "https://root.example.net/", FiveMinutes: plan.Duration(24 * time.Hour), Open: []string{}}}
	for range 2 {
		out, _ := h.make(t, home, site.Public)
		text, err := os.ReadFile(filepath.Join(out, "feed.atom"))
		if err != nil {
			t.Fatal(err)
		}
		for part, has := range map[string]bool{"event:000000000001": true, "1 of 2 labels; seen by 2 vantage points.": true, "event:000000000002": true, "; seen by one vantage point alone, 103.": true, "event:000000000003": false} {
			if strings.Contains(string(text), part) != has {
				t.Errorf("%q: want %v in\n%s", part, has, text)
			}
		}
	}
}
