package attainment_test

import (
	"bytes"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"mtric.net/mtric/engine/attainment"
	"mtric.net/mtric/engine/lake"
	"mtric.net/mtric/engine/measurement"
	"mtric.net/mtric/engine/plan"
	"mtric.net/mtric/engine/serials"
)

// TestSource: T(s) is when the collector first saw a serial at the zone's source. What it saw
// after the last run that counts, of a report that is verified later, moves nothing.
func TestSource(t *testing.T) {
	p, list := plan.Load([]plan.Dir{{Name: "own", FS: fstest.MapFS{"own.hcl": {Data: []byte(strings.Replace(zonePlan,
		"  name    = \"example.\"\n", "  name    = \"example.\"\n  source  = \"192.0.2.53\"\n", 1))}}}}, nil)
	if p == nil {
		t.Fatal(list.Error())
	}
	store := write(t, p)
	ingested := until.AddDate(0, 0, 7)
	run := measurement.Run{VantagePoint: "101", Interval: day, StartedAt: day, ReceivedAt: day.Add(time.Minute), IngestedAt: &ingested, EngineVersion: "1", Plan: "own", Timestamps: "kernel"}
	if _, err := lake.Merge(store, day, []lake.Group[measurement.Run]{lake.GroupOf([]measurement.Run{run})}, nil); err != nil {
		t.Fatal(err)
	}
	see := func(serial uint32, at time.Time) {
		t.Helper()
		if err := serials.Keep(store, []serials.Sight{{Zone: "example.", Source: "192.0.2.53:53", Serial: serial, At: at}}); err != nil {
			t.Fatal(err)
		}
	}
	for n := range 11 { // each serial, an hour before the first server has it
		see(100+uint32(n), day.Add(time.Duration(n)*2*time.Hour-time.Hour-time.Second))
	}
	d, err := attainment.Frame(p, until, until.AddDate(0, 0, 7), "1.0")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := d.Fill(t.Context(), p, store); err != nil {
		t.Fatal(err)
	}
	sourced := 0
	for _, o := range d.Publications {
		if at := day.Add(time.Duration(o.Serial-100)*2*time.Hour - time.Hour); o.Source {
			if sourced++; !o.T.Equal(at) {
				t.Errorf("serial %d is of %s, want %s", o.Serial, o.T, at)
			}
		}
	}
	if sourced < 9 {
		t.Errorf("%d serials by the source: %+v", sourced, d.Publications)
	}
	var text bytes.Buffer
	if err := d.WriteJSON(&text); err != nil {
		t.Fatal(err)
	}
	see(111, ingested.Add(time.Second)) // of which no answer is as old as that
	see(777, ingested.Add(time.Second))
	read, err := attainment.Read(text.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	if _, v, err := attainment.Verify(t.Context(), read, store, nil); err != nil || len(v.Differences)+len(v.Late) > 0 {
		t.Errorf("%+v, %v", v, err)
	}
	see(105, day) // known already: nothing changes
	rows, err := store.Serials()
	if err != nil {
		t.Fatal(err)
	}
	rows[5].FirstSeen = rows[5].FirstSeen.Add(-time.Hour)
	if err := store.SaveSerials(rows); err != nil {
		t.Fatal(err)
	}
	if _, v, err := attainment.Verify(t.Context(), read, store, nil); err != nil || len(v.Differences) == 0 {
		t.Errorf("another sight is no difference: %+v, %v", v, err)
	}
}
