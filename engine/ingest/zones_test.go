package ingest_test

import (
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"mtric.net/mtric/engine/column"
	"mtric.net/mtric/engine/files"
	"mtric.net/mtric/engine/judge"
	"mtric.net/mtric/engine/measurement"
	"mtric.net/mtric/engine/plan"
	"mtric.net/mtric/engine/rootzone"
	"mtric.net/mtric/engine/spool"
)

// show sends an interval in which each RSI shows the serial given, if any.
func (c *collector) show(vp measurement.VantagePoint, label time.Time, serials map[measurement.RSI]int64) {
	rows := answersOf(vp, label)
	for i := range rows {
		if rows[i].Query != "soa" {
			continue
		}
		rows[i].Serial = nil
		if s, ok := serials[rows[i].RSI]; ok {
			rows[i].Serial = &s
		}
	}
	send(c, c.box(vp), spool.Name(label, vp, column.Answers), rows, metaOf(runOf(rows, vp, label)))
}

func (c *collector) zones() map[int64]measurement.Zone {
	c.t.Helper()
	rows, err := c.in.Lake.Zones()
	if err != nil {
		c.t.Fatal(err)
	}
	m := map[int64]measurement.Zone{}
	for _, z := range rows {
		m[z.Serial] = z
	}
	return m
}

// archive puts a zone file into the archive with its record.
func (c *collector) archive(serial uint32, at time.Time) {
	if err := os.MkdirAll(c.in.RootZones, 0o755); err != nil {
		c.t.Fatal(err)
	}
	path := filepath.Join(c.in.RootZones, rootzone.FileName(serial))
	if err := os.WriteFile(path, []byte("zone"), 0o644); err != nil {
		c.t.Fatal(err)
	}
	sum, err := files.Sum(path) // what is on record with its sum was proved when it came
	if err != nil {
		c.t.Fatal(err)
	}
	if err := rootzone.AppendRecord(c.in.RootZones, rootzone.Record{At: at, Serial: serial, Source: "internic", SHA256: sum, Added: true}); err != nil {
		c.t.Fatal(err)
	}
}

// seen is when the queries of an interval were sent, in the files of these tests.
func seen(label time.Time) time.Time { return label.Add(7 * time.Second) }

// A13: one RSI alone proves nothing; with a second one the earliest sighting counts.
func TestSerialNeedsTwoRSIs(t *testing.T) {
	c := newCollector(t)
	c.show("101", day, map[measurement.RSI]int64{"a": 2026112201})
	r := c.ingest()
	if z := c.zones()[2026112201]; z.State != measurement.ZoneBogus || !z.FirstSeen.Equal(seen(day)) || *z.FirstSeenRSI != "a" || len(r.Zones.Missing) != 0 {
		t.Errorf("one RSI: %+v, %+v", z, r.Zones)
	}
	c.show("102", day.Add(10*time.Minute), map[measurement.RSI]int64{"a": 2026112201})
	c.ingest()
	if z := c.zones()[2026112201]; z.State != measurement.ZoneBogus {
		t.Errorf("the same RSI elsewhere: %+v", z)
	}
	c.show("101", day.Add(15*time.Minute), map[measurement.RSI]int64{"b": 2026112201})
	r = c.ingest()
	if z := c.zones()[2026112201]; z.State != measurement.ZoneSeen || !z.FirstSeen.Equal(seen(day)) || *z.FirstSeenRSI != "a" {
		t.Errorf("two RSIs: %+v", z)
	}
	if diff := cmp.Diff(judge.ZonesChanged{New: []int64{}, Earlier: []int64{}, Missing: []int64{2026112201}}, r.Zones); diff != "" {
		t.Error(diff)
	}
}

// A15: a sighting that arrives late moves the first use back.
func TestLateSightingMovesFirstUseBack(t *testing.T) {
	c := newCollector(t)
	both := map[measurement.RSI]int64{"a": 2026112201, "b": 2026112201}
	c.show("101", day.Add(time.Hour), both)
	c.ingest()
	c.show("102", day, map[measurement.RSI]int64{"c": 2026112201})
	r := c.ingest()
	if z := c.zones()[2026112201]; !z.FirstSeen.Equal(seen(day)) || *z.FirstSeenRSI != "c" || len(r.Zones.Earlier) != 1 {
		t.Errorf("%+v, %+v", z, r.Zones)
	}
	c.show("102", day.Add(30*time.Minute), both)
	if r = c.ingest(); len(r.Zones.Earlier) != 0 || !c.zones()[2026112201].FirstSeen.Equal(seen(day)) {
		t.Errorf("%+v", r.Zones)
	}
}

func TestArchiveIsProof(t *testing.T) {
	c := newCollector(t)
	c.show("101", day, map[measurement.RSI]int64{"a": 2026112201})
	c.ingest()
	at := day.Add(20 * time.Minute)
	c.archive(2026112201, at)
	c.archive(2026112202, at)
	c.ingest()
	sum, err := files.Sum(filepath.Join(c.in.RootZones, "2026112201.root.txt"))
	if err != nil {
		t.Fatal(err)
	}
	want := measurement.Zone{Serial: 2026112201, FirstSeen: ptr(seen(day)), FirstSeenRSI: ptr(measurement.RSI("a")), ArchivedAt: &at,
		Source: ptr("internic"), SHA256: &sum, State: measurement.ZoneArchived, FirstUsed: ptr(seen(day)), Proof: ptr(measurement.ProofArchive)}
	if diff := cmp.Diff(want, c.zones()[2026112201]); diff != "" {
		t.Error(diff)
	}
	if z := c.zones()[2026112202]; z.State != measurement.ZoneArchived || z.FirstSeen != nil || !z.ArchivedAt.Equal(at) {
		t.Errorf("%+v", z)
	}
}

// Age makes nothing bogus, whether there is an archive or not, and nothing seen.
func TestAgeProvesNothing(t *testing.T) {
	both := map[measurement.RSI]int64{"a": 2026112201, "b": 2026112201, "c": 2026112202}
	for _, archive := range []bool{true, false} {
		c := newCollector(t)
		if archive {
			c.archive(2026112200, day.Add(-time.Hour))
		}
		c.show("101", day, both)
		for _, days := range []int{0, 8, 30} {
			c.in.Now = func() time.Time { return day.AddDate(0, 0, days).Add(time.Hour) }
			r := c.ingest()
			zones := c.zones()
			if zones[2026112201].State != measurement.ZoneSeen || zones[2026112202].State != measurement.ZoneBogus || !slices.Equal(r.Zones.Missing, []int64{2026112201}) {
				t.Errorf("archive %t, day %d: %+v, %+v", archive, days, zones, r.Zones)
			}
		}
	}
}

// A vantage point that the plan lacks, or lacks at that time, proves nothing, and
// neither does a reply that is not plainly good.
func TestWhoseSightingsCount(t *testing.T) {
	both := map[measurement.RSI]int64{"a": 2026112201, "b": 2026112201}
	c := newCollector(t)
	c.in.Plan.VantagePoints = []plan.VantagePoint{{ID: "101", Until: ptr(day.Add(time.Hour))}}
	c.show("102", day, both)
	c.show("101", day.Add(time.Hour), both)
	if c.ingest(); len(c.zones()) != 0 {
		t.Errorf("%+v", c.zones())
	}
	c.show("101", day, both)
	if c.ingest(); len(c.zones()) != 1 {
		t.Errorf("%+v", c.zones())
	}
	c = newCollector(t)
	rows := answersOf("101", day)
	for i := range rows {
		if rows[i].Query == "soa" {
			rows[i].RCode = ptr("NXDOMAIN")
		}
	}
	send(c, c.box("101"), spool.Name(day, "101", column.Answers), rows, metaOf(runOf(rows, "101", day)))
	if r := c.ingest(); r.Files != 1 || len(c.zones()) != 0 {
		t.Errorf("%+v, %+v", r, c.zones())
	}
}

// What a vantage point says it asked is text of its own: none of it may become
// another sighting, or end the run.
func TestSightingsOfStrangeAddresses(t *testing.T) {
	for _, address := range []string{"", `2001:db8::1%a "b`, "2001:db8::1%\n2026112299 1 b \"::\" "} {
		c := newCollector(t)
		rows := answersOf("101", day)
		for i := range rows {
			rows[i].Address, rows[i].Family = address, "ipv6"
		}
		rows = slices.CompactFunc(rows, func(a, b measurement.Answer) bool {
			return a.Query == b.Query && a.RSI == b.RSI && a.Transport == b.Transport
		})
		c.measure("102", day)
		send(c, c.box("101"), spool.Name(day, "101", column.Answers), rows, metaOf(runOf(rows, "101", day)))
		if r := c.ingest(); r.Files < 2 || c.zones()[2026112299] != (measurement.Zone{}) {
			t.Errorf("%q: %+v, %+v", address, r, c.zones())
		}
	}
}

// A damaged record of fetches must not hold up answers.
func TestDamagedRecords(t *testing.T) {
	c := newCollector(t)
	c.archive(2026112201, day)
	path := rootzone.RecordsFile(c.in.RootZones)
	good, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, append([]byte("rubbish\n"), good...), 0o644); err != nil {
		t.Fatal(err)
	}
	c.measure("101", day)
	if r := c.ingest(); r.Files != 2 || len(r.Left) != 1 || !strings.Contains(r.Left[0], "fetches.jsonl:1") {
		t.Errorf("%+v", r)
	}
	if err := os.WriteFile(path, good, 0o644); err != nil {
		t.Fatal(err)
	}
	c.ingest()
	if z := c.zones()[2026112201]; z.State != measurement.ZoneArchived || *z.Source != "internic" {
		t.Errorf("%+v", z)
	}
}

// inPlan has the plan know two vantage points and the RSIs a to i, by the address
// that the files of these tests have asked.
func (c *collector) inPlan() {
	c.in.Plan.VantagePoints = []plan.VantagePoint{{ID: "101"}, {ID: "102"}}
	for _, rsi := range []measurement.RSI{"a", "b", "c", "d", "e", "f", "g", "h", "i"} {
		c.in.Plan.Servers = append(c.in.Plan.Servers, plan.Server{RSI: rsi, Addresses: []plan.Address{{Family: "ipv4", Address: netip.MustParseAddr("198.41.0.4")}}})
	}
}

// One vantage point can invent two RSIs: where the plan has several, two must show a
// serial, at once or one after the other.
func TestOneVantagePointProvesNothing(t *testing.T) {
	both := map[measurement.RSI]int64{"a": 2026112201, "b": 2026112201}
	for name, send := range map[string]func(c *collector){
		"at once": func(c *collector) {
			c.show("101", day, both)
			c.show("102", day.Add(5*time.Minute), map[measurement.RSI]int64{"a": 2026112201})
		},
		"one after the other": func(c *collector) {
			c.show("101", day, both)
			if c.ingest(); c.zones()[2026112201].State != measurement.ZoneBogus {
				c.t.Error("one was enough")
			}
			c.show("102", day.Add(5*time.Minute), map[measurement.RSI]int64{"b": 2026112201})
		},
	} {
		t.Run(name, func(t *testing.T) {
			c := newCollector(t)
			c.inPlan()
			send(c)
			r := c.ingest()
			if z := c.zones()[2026112201]; z.State != measurement.ZoneSeen || !z.FirstSeen.Equal(seen(day)) || len(r.Zones.Missing) != 1 {
				t.Errorf("%+v, %+v", z, r.Zones)
			}
		})
	}
}

// What cannot be believed is noted as bogus, for a report makes up its own mind of a
// serial that the table does not know, and never comes to more.
func TestSerialsThatAreNotBelieved(t *testing.T) {
	with := func(change func(rows []measurement.Answer) []measurement.Answer) *collector {
		c := newCollector(t)
		c.inPlan()
		c.archive(2026112200, day.Add(-time.Hour))
		for _, vp := range []measurement.VantagePoint{"101", "102"} {
			rows := change(answersOf(vp, day))
			send(c, c.box(vp), spool.Name(day, vp, column.Answers), rows, metaOf(runOf(rows, vp, day)))
		}
		if r := c.ingest(); r.Files != 2 || len(r.Zones.Missing) != 0 {
			t.Errorf("%+v", r)
		}
		return c
	}
	each := func(change func(*measurement.Answer)) func([]measurement.Answer) []measurement.Answer {
		return func(rows []measurement.Answer) []measurement.Answer {
			for i := range rows {
				if rows[i].Query == "soa" {
					change(&rows[i])
				}
			}
			return rows
		}
	}
	strangers := with(each(func(a *measurement.Answer) { a.RSI, a.Serial = a.RSI+"x", ptr(int64(2026112201)) })).zones()
	if len(strangers) != 1 {
		t.Errorf("RSIs that the plan lacks: %+v", strangers)
	}
	for name, c := range map[string]*collector{
		"another address": with(each(func(a *measurement.Answer) { a.Address, a.Serial = "198.41.0.9", ptr(int64(2026112201)) })),
		"many serials":    with(many),
	} {
		zones := c.zones()
		delete(zones, 2026112200)
		if len(zones) == 0 {
			t.Errorf("%s: not noted", name)
		}
		for _, z := range zones {
			if z.State != measurement.ZoneBogus {
				t.Errorf("%s: %+v", name, z)
			}
		}
	}
}

// many is a file of 18 serials, each RSI another two by each vantage point.
func many(rows []measurement.Answer) (all []measurement.Answer) {
	for n := range 18 {
		a := rows[len(rows)-1] // of the query soa
		a.RSI, a.Transport = measurement.RSI(rune('a'+n/2)), measurement.MetricTransports[1-n%2]
		a.Serial = ptr(int64(2026112201 + n))
		if a.VantagePoint == "102" {
			a.Serial = ptr(int64(2026112201 + 17 - n))
		}
		all = append(all, a)
	}
	slices.SortFunc(all, func(a, b measurement.Answer) int {
		return strings.Compare(string(a.RSI)+string(a.Transport), string(b.RSI)+string(b.Transport))
	})
	return all
}

// A file of the right name is no zone; one that was proved remains one when its file
// is gone, and is asked for.
func TestArchiveIsProved(t *testing.T) {
	c := newZoneCollector(t, 2)
	c.keep(c.zones[0], day)
	path := filepath.Join(c.in.RootZones, rootzone.FileName(2026112299))
	if err := os.WriteFile(path, []byte("zone"), 0o644); err != nil {
		t.Fatal(err)
	}
	r := c.ingest()
	if zones := c.collector.zones(); len(zones) != 1 || len(r.Left) != 1 || !strings.Contains(r.Left[0], path+" is no good root zone, move it away") {
		t.Errorf("%+v, %+v", zones, r)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	c.keep(c.zones[1], day)
	c.show("101", day, map[measurement.RSI]int64{"a": int64(c.zones[1].Serial), "b": int64(c.zones[1].Serial)})
	if r := c.ingest(); len(r.Left) != 0 || len(c.collector.zones()) != 2 {
		t.Errorf("%+v", r)
	}
	for n, z := range c.zones {
		if err := os.Rename(filepath.Join(c.in.RootZones, rootzone.FileName(z.Serial)), filepath.Join(c.dir, "away")); err != nil {
			t.Fatal(err)
		}
		r, zones := c.ingest(), c.collector.zones()
		if want := fmt.Sprintf("lacks %d zones that were archived there, put them back", n+1); len(r.Left) == 0 || !strings.Contains(r.Left[0], want) {
			t.Errorf("left %q, want %q", r.Left, want)
		}
		if len(zones) != 2 || zones[int64(z.Serial)].State != measurement.ZoneArchived {
			t.Errorf("%+v", zones)
		}
	}
}

// A zone that turned out not to be genuine is moved aside, and counts as if it had
// never been archived: what it made correct is held, and nobody is told to put it back.
func TestWithdrawnZone(t *testing.T) {
	c := newZoneCollector(t, 2)
	c.keep(c.zones[0], day.Add(-3*24*time.Hour))
	c.keep(c.zones[1], day.Add(-time.Hour))
	c.all(c.zones[1])
	c.ask("101", day)
	c.ingest()
	c.expect(day, "correct correct correct")
	path := c.file(c.zones[1])
	aside := filepath.Join(filepath.Dir(path), judge.Withdrawn)
	if err := os.Mkdir(aside, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(path, filepath.Join(aside, filepath.Base(path))); err != nil {
		t.Fatal(err)
	}
	r := c.ingest()
	if z := c.collector.zones()[int64(c.zones[1].Serial)]; z.State == measurement.ZoneArchived || z.ArchivedAt != nil || len(r.Left) != 0 {
		t.Errorf("%+v, %q", z, r.Left)
	}
	for rsi, a := range c.verdicts(day) {
		if rsi != "b" && *a.Verdict != measurement.Unchecked { // b's answer is the same in both zones
			t.Errorf("%s: %s", rsi, *a.Verdict)
		}
	}
	if err := os.Rename(filepath.Join(aside, filepath.Base(path)), path); err != nil {
		t.Fatal(err)
	}
	c.ingest()
	c.expect(day, "correct correct correct")
}
