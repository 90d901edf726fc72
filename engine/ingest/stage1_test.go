package ingest_test

import (
	"os"
	"slices"
	"testing"
	"time"

	"github.com/parquet-go/parquet-go"

	"mtric.net/mtric/engine/column"
	"mtric.net/mtric/engine/measurement"
	"mtric.net/mtric/engine/spool"
)

// oldZone is a row of the table zones as stage 1 wrote it.
type oldZone struct {
	Serial       int64      `parquet:"serial"`
	FirstSeen    *time.Time `parquet:"first_seen,optional,timestamp(microsecond)"`
	FirstSeenRSI *string    `parquet:"first_seen_rsi,optional,dict"`
	ArchivedAt   *time.Time `parquet:"archived_at,optional,timestamp(microsecond)"`
	Source       *string    `parquet:"source,optional,dict"`
	SHA256       *string    `parquet:"sha256,optional,dict"`
	State        string     `parquet:"state,dict"`
}

// ofStage1 has the lake's zones as stage 1 wrote them, those that are not archived
// given up.
func (c *court) ofStage1() {
	c.t.Helper()
	var rows []oldZone
	for _, z := range c.collector.zones() {
		old := oldZone{Serial: z.Serial, FirstSeen: z.FirstSeen, FirstSeenRSI: (*string)(z.FirstSeenRSI), ArchivedAt: z.ArchivedAt, Source: z.Source, SHA256: z.SHA256, State: string(z.State)}
		if z.State != measurement.ZoneArchived {
			old.State = string(measurement.ZoneBogus)
		}
		rows = append(rows, old)
	}
	slices.SortFunc(rows, func(a, b oldZone) int { return int(a.Serial - b.Serial) })
	err := parquet.WriteFile(c.in.Lake.Path(column.Zones, time.Time{}), rows, parquet.Compression(&parquet.Zstd),
		parquet.KeyValueMetadata("mtric.schema", "1"), parquet.KeyValueMetadata("mtric.version", "1.0.0"))
	if err != nil {
		c.t.Fatal(err)
	}
	if err := os.Remove(c.in.Backlog); err != nil {
		c.t.Fatal(err)
	}
}

// A lake of stage 1 was judged by another law: the next ingest judges all of it again.
// Who was accused for a zone that was given up after seven days is accused no more, and
// that zone is missing again.
func TestLakeOfStage1IsJudgedAgain(t *testing.T) {
	c := newCourt(t, 3)
	c.inPlan()
	c.keep(c.zones[0], day.Add(-90*time.Hour))
	c.keep(c.zones[1], day.Add(-50*time.Hour))
	c.watched(c.zones[1], day.Add(-49*time.Hour), day.AddDate(0, 0, 1))
	c.all(c.zones[1])
	c.serve["b"], c.serve["c"] = c.zones[2], c.zones[2] // never archived
	c.ask("101", day)
	c.ask("102", day)
	c.serve["c"] = c.zones[0] // stale
	before := day.AddDate(0, 0, -1).Add(23 * time.Hour)
	c.ask("101", before)
	c.in.Now = func() time.Time { return day.AddDate(0, 0, 30) }
	c.ingest()
	missing := int64(c.zones[2].Serial)
	c.mistake(day)
	c.mistake(before)
	c.ofStage1()
	r := c.ingest()
	c.told("101", day, "a correct, b correct, c hold: zone 2026112202 is not archived")
	c.told("102", day, "a correct, b correct, c hold: zone 2026112202 is not archived")
	c.told("101", before, "a correct, b correct, c hold: zone 2026112202 is not archived")
	z := c.collector.zones()[missing]
	if z.State != measurement.ZoneSeen || z.Proof == nil || !slices.Equal(r.Zones.Missing, []int64{missing}) || len(r.Accused) != 0 {
		t.Errorf("%+v, %+v, accused %v", z, r.Zones, r.Accused)
	}
	c.nothingNew(day, before)
	c.addByHand(c.zones[2], day.AddDate(0, 0, 30))
	c.fetched(c.zones[2].Serial, day.AddDate(0, 0, 30), false) // those of the zone before it count no more
	c.ingest()
	c.told("101", day, "a correct, b correct, c correct")
	c.told("101", before, "a correct, b correct, c incorrect")
}

// When a run came into the lake is said by the collector's clock, once: neither does a
// vantage point say it, nor does a file that comes again.
func TestRunIsDatedByTheCollectorsClock(t *testing.T) {
	c := newCollector(t)
	rows := answersOf("101", day)
	forged := runOf(rows, "101", day)
	forged.IngestedAt = ptr(day.AddDate(-1, 0, 0))
	name := spool.Name(day, "101", column.Answers)
	for i := range 2 {
		send(c, c.box("101"), name, rows, metaOf(forged))
		c.in.Now = func() time.Time { return now.Add(time.Duration(i)*time.Hour + 1500*time.Nanosecond) }
		c.ingest()
		runs := readDay[measurement.Run](c, column.Runs, day)
		if len(runs) != 1 || runs[0].IngestedAt == nil || !runs[0].IngestedAt.Equal(now.Add(time.Microsecond)) {
			t.Fatalf("%d: %+v", i, runs)
		}
	}
}
