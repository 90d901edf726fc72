package judge_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"

	"mtric.net/mtric/engine/column"
	"mtric.net/mtric/engine/files"
	"mtric.net/mtric/engine/judge"
	"mtric.net/mtric/engine/lab"
	"mtric.net/mtric/engine/lake"
	"mtric.net/mtric/engine/measurement"
	"mtric.net/mtric/engine/plan"
	"mtric.net/mtric/engine/rootzone"
)

var day = time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC)

// collector is a lake and an archive of root zones, which runs judge one after the other.
type collector struct {
	t     *testing.T
	dir   string
	store lake.Store
	zones []*lab.Zone
	steps []string // of all runs
	left  []string
}

func newCollector(t *testing.T) *collector {
	t.Helper()
	seq, err := lab.History(lab.Options{Seed: 9, Serial: 2026112000, TLDs: 30, Inception: day.AddDate(0, 0, -10), Expiration: day.AddDate(0, 0, 30),
		Signing: lab.Simple(lab.KSK(9, "ksk", lab.ECDSAP256SHA256), lab.ZSK(9, "zsk", lab.ECDSAP256SHA256))},
		lab.Revision{Inception: day.AddDate(0, 0, -9), Expiration: day.AddDate(0, 0, 31)})
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	c := &collector{t: t, dir: dir, zones: seq, store: lake.Store{Dir: filepath.Join(dir, "Lake"), Version: "1.0.0"}}
	if err := os.Mkdir(c.archive(), 0o755); err != nil {
		t.Fatal(err)
	}
	return c
}

func (c *collector) archive() string { return filepath.Join(c.dir, "RootZones") }

// fill archives the zones, the first a hundred and the second sixty hours before the day, and
// has each fetched hourly while it was the newest, to two hours after.
func (c *collector) fill() {
	c.t.Helper()
	first, second := day.Add(-100*time.Hour), day.Add(-60*time.Hour)
	for at := first; !at.After(day.Add(2 * time.Hour)); at = at.Add(time.Hour) {
		zone := c.zones[0]
		if !at.Before(second) {
			zone = c.zones[1]
		}
		rec := rootzone.Record{At: at, Serial: zone.Serial, Source: "internic", SHA256: strings.Repeat("0", 64)}
		if at.Equal(first) || at.Equal(second) {
			rec.Added, rec.SHA256 = true, c.save(zone)
		}
		if err := rootzone.AppendRecord(c.archive(), rec); err != nil {
			c.t.Fatal(err)
		}
	}
}

func (c *collector) save(z *lab.Zone) (sum string) {
	c.t.Helper()
	var text bytes.Buffer
	if _, err := z.WriteTo(&text); err != nil {
		c.t.Fatal(err)
	}
	whole, err := rootzone.ReadWhole(&text, "zone")
	if err == nil {
		_, err = rootzone.Save(c.archive(), whole)
	}
	if err == nil {
		sum, err = files.Sum(filepath.Join(c.archive(), rootzone.FileName(z.Serial)))
	}
	if err != nil {
		c.t.Fatal(err)
	}
	return sum
}

// run is a judge that begins at a time.
func (c *collector) run(at time.Time) *judge.Judge {
	c.t.Helper()
	_, ds, _ := strings.Cut(c.zones[0].DS(), "\tDS\t")
	j := &judge.Judge{Plan: &plan.Plan{}, Lake: c.store, RootZones: c.archive(), Anchors: []rootzone.Anchor{{DS: ds}},
		Backlog: filepath.Join(c.dir, "unchecked.json"), Started: at, Log: slog.New(slog.DiscardHandler),
		Step: func(format string, args ...any) error {
			c.steps = append(c.steps, fmt.Sprintf(format, args...))
			return nil
		},
		Left:   func(path, why string) { c.left = append(c.left, filepath.Base(path)+" "+why) },
		Failed: func(_ context.Context, err error) error { return err }}
	if err := j.Open(); err != nil {
		c.t.Fatal(err)
	}
	return j
}

// update brings all up to what is known.
func (c *collector) update(j *judge.Judge, last bool) func([]measurement.Answer) error {
	c.t.Helper()
	answers, save, err := j.Update(c.t.Context(), last)
	if err == nil {
		err = save()
	}
	if err != nil {
		c.t.Fatal(err)
	}
	return answers
}

// merge brings answers of the first interval of the day into the lake: of RSI a from the
// newest zone, of b with a bit that differs, of c from the zone before, which was replaced
// 60 hours ago, and of d none.
func (c *collector) merge(finish func([]measurement.Answer) error) {
	c.t.Helper()
	var rows []measurement.Answer
	for _, rsi := range []measurement.RSI{"a", "b", "c", "d"} {
		zone, name, kind := c.zones[1], ".", "SOA"
		if rsi == "c" {
			zone = c.zones[0]
		}
		if rsi == "b" {
			name, kind = zone.Secure()[0], "DS"
		}
		wire := c.wire(zone, name, kind)
		switch rsi {
		case "b":
			wire[len(wire)-40] ^= 1
		case "d":
			wire = wire[:0]
		}
		sent, unchecked, no, code := day.Add(time.Second), measurement.Unchecked, false, measurement.NoError
		rows = append(rows, measurement.Answer{VantagePoint: "101", Interval: day, SentAt: &sent, Query: measurement.QueryCorrectness, RSI: rsi,
			Family: measurement.IPv4, Transport: measurement.UDP, Address: "198.41.0.4", QName: name, QType: kind, Outcome: measurement.Answered,
			RCode: &code, TC: &no, Attempts: 1, Response: wire, Verdict: &unchecked})
	}
	if _, err := lake.Merge(c.store, day, []lake.Group[measurement.Answer]{lake.GroupOf(rows)}, finish); err != nil {
		c.t.Fatal(err)
	}
}

func (c *collector) wire(z *lab.Zone, name, kind string) []byte {
	c.t.Helper()
	m := new(dns.Msg).SetQuestion(name, dns.StringToType[kind])
	m.RecursionDesired = false
	m.SetEdns0(1220, true)
	query, err := m.Pack()
	if err != nil {
		c.t.Fatal(err)
	}
	wire, err := z.Answer(query, lab.FlavourOf("a"), "x", true)
	if err != nil {
		c.t.Fatal(err)
	}
	return wire
}

// verdicts are those of the lake, one a line.
func (c *collector) verdicts() string {
	c.t.Helper()
	rows, _, err := column.Read[measurement.Answer](c.store.Path(column.Answers, day))
	if err != nil {
		c.t.Fatal(err)
	}
	text := ""
	for _, a := range rows {
		serial := "-"
		if a.VerdictSerial != nil {
			serial = fmt.Sprint(*a.VerdictSerial)
		}
		tags := []string{}
		for _, f := range a.Failures {
			tag, detail, _ := strings.Cut(f, ": ")
			if tag == "hold" {
				tag += ": " + detail
			}
			tags = append(tags, tag)
		}
		text += fmt.Sprintf("%s %s %s %v\n", a.RSI, *a.Verdict, serial, tags)
	}
	return text
}

// settled is what the lake of these tests comes to.
const settled = `a correct 2026112001 []
b incorrect 2026112001 [yds]
c incorrect 2026112001 [vnk]
d unchecked - [hold: there is no response to judge]
`

// TestWhateverComesFirst is a law: the archive may be filled before the answers come or after,
// and they may be judged on their way into the lake or there; verdicts and accusations come
// to the same, each is told once, and a further run changes nothing.
func TestWhateverComesFirst(t *testing.T) {
	later := day.Add(3 * time.Hour)
	for name, do := range map[string]func(c *collector) []*judge.Judge{
		"answers lie in the lake": func(c *collector) []*judge.Judge {
			c.merge(nil)
			c.fill()
			j := c.run(later)
			c.update(j, true)
			return []*judge.Judge{j}
		},
		"answers are judged on their way": func(c *collector) []*judge.Judge {
			c.fill()
			j := c.run(later)
			answers := c.update(j, false)
			if err := j.Expect(day); err != nil {
				t.Fatal(err)
			}
			c.merge(answers)
			c.update(j, true)
			return []*judge.Judge{j}
		},
		"the archive is filled later": func(c *collector) []*judge.Judge {
			early := c.run(day.Add(10 * time.Minute))
			answers := c.update(early, false)
			if err := early.Expect(day); err != nil {
				t.Fatal(err)
			}
			c.merge(answers)
			c.update(early, true)
			if n := early.Result().Judged; n.Correct != 0 || n.Unchecked == 0 {
				t.Errorf("without a zone: %+v", n)
			}
			c.fill()
			j := c.run(later)
			c.update(j, true)
			return []*judge.Judge{early, j}
		},
	} {
		t.Run(name, func(t *testing.T) {
			c := newCollector(t)
			accused := map[judge.Accused]int64{}
			for _, j := range do(c) {
				for a, n := range j.Result().Accused {
					accused[a] += n
				}
			}
			if got := c.verdicts(); got != settled {
				t.Errorf("verdicts\n%s, want\n%s", got, settled)
			}
			want := map[judge.Accused]int64{{Interval: day, RSI: "b", VantagePoint: "101"}: 1, {Interval: day, RSI: "c", VantagePoint: "101"}: 1}
			if !maps.Equal(accused, want) {
				t.Errorf("accused %v", accused)
			}
			steps := slices.Clone(c.steps)
			j := c.run(later.Add(time.Hour))
			c.update(j, true)
			r := j.Result()
			if !slices.Equal(c.steps, steps) || r.Judged.Changed != 0 || len(r.Zones.New) != 0 || len(r.Accused) != 0 || r.Judged.Unchecked != 1 {
				t.Errorf("a further run: steps %q, %+v", c.steps[len(steps):], r)
			}
			if len(c.left) != 0 {
				t.Errorf("left %q", c.left)
			}
		})
	}
}

// TestSight: two RSIs at one vantage point of a plan that has one prove a zone, and an RSI
// alone proves none; what is not trusted comes into the table and dates nothing.
func TestSight(t *testing.T) {
	at := day.Add(time.Second).UnixMicro()
	sighting := func(serial int64, rsi measurement.RSI) judge.Sighting {
		return judge.Sighting{Serial: serial, RSI: rsi, Address: "198.41.0.4", At: at}
	}
	c := newCollector(t)
	c.fill()
	j := c.run(day.Add(time.Hour))
	j.Sight("101", day, true, []judge.Sighting{sighting(2026112100, "a"), sighting(2026112100, "b"), sighting(2026112101, "a")})
	j.Sight("101", day, false, []judge.Sighting{sighting(2026112102, "a")})
	c.update(j, false)
	got := map[int64]measurement.ZoneState{}
	zones, err := c.store.Zones()
	if err != nil {
		t.Fatal(err)
	}
	for _, z := range zones {
		got[z.Serial] = z.State
		if dated := z.FirstSeen != nil; z.State == measurement.ZoneBogus && dated != (z.Serial == 2026112101) {
			t.Errorf("%d is seen at %v", z.Serial, z.FirstSeen)
		}
	}
	want := map[int64]measurement.ZoneState{2026112000: measurement.ZoneArchived, 2026112001: measurement.ZoneArchived,
		2026112100: measurement.ZoneSeen, 2026112101: measurement.ZoneBogus, 2026112102: measurement.ZoneBogus}
	if !maps.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
	if missing := j.Result().Zones.Missing; !slices.Equal(missing, []int64{2026112100}) {
		t.Errorf("missing %v", missing)
	}
}
