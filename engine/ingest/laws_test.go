package ingest_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"
	"pgregory.net/rapid"

	"mtric.net/mtric/engine/column"
	"mtric.net/mtric/engine/lab"
	"mtric.net/mtric/engine/measurement"
)

// scene is a few days of a root, as drawn.
type scene struct {
	zones  []sceneZone
	lag    map[measurement.RSI]time.Duration // how far each server is behind
	fault  string                            // of vantage point 103
	labels []time.Time
	away   [2]time.Time // the collector
	runs   []time.Time  // when ingest runs
	order  []int        // of the files, each in that run or later
	forged int          // one in so many answers of b is of no zone
	mended bool         // all zones are there in the end
}

type sceneZone struct {
	at, signed time.Time
	how        string // it came into the archive
}

// began is when the scenes begin: long enough ago that files of them can have come.
var began = day.AddDate(0, 0, -6)

func hours(t *rapid.T, name string, from, until int) time.Duration {
	return time.Duration(rapid.IntRange(from, until).Draw(t, name)) * time.Hour
}

var drawScene = rapid.Custom(func(t *rapid.T) *scene {
	s := &scene{lag: map[measurement.RSI]time.Duration{}, mended: rapid.Bool().Draw(t, "mended")}
	at := began.Add(-60 * time.Hour)
	for at.Before(began.AddDate(0, 0, 5)) {
		how := rapid.SampledFrom([]string{"fetched", "fetched", "fetched", "late", "never"}).Draw(t, "how")
		if s.mended && how == "never" {
			how = "late"
		}
		s.zones = append(s.zones, sceneZone{at, at.Add(-hours(t, "signed before", 1, 2)), how})
		at = at.Add(rapid.SampledFrom([]time.Duration{12 * time.Hour, 12 * time.Hour, 12 * time.Hour, 61 * time.Minute, 60 * time.Hour}).Draw(t, "gap"))
	}
	for i := 1; i < len(s.zones); i++ { // in order
		if before := s.zones[i-1].signed; !s.zones[i].signed.After(before) {
			s.zones[i].signed = before.Add(time.Second)
		}
	}
	s.zones[0].how = "fetched"
	for _, rsi := range []measurement.RSI{"a", "b", "c"} {
		s.lag[rsi] = rapid.SampledFrom([]time.Duration{0, time.Minute, time.Hour, 24 * time.Hour, 47 * time.Hour, 100 * time.Hour}).Draw(t, "lag")
	}
	s.fault = rapid.SampledFrom([]string{"", "liar", "slow", "known"}).Draw(t, "fault")
	s.forged = rapid.IntRange(2, 5).Draw(t, "forged")
	for n := range rapid.IntRange(3, 6).Draw(t, "intervals") {
		s.labels = append(s.labels, began.Add(hours(t, "label", 0, 100)+time.Duration(n)*5*time.Minute))
	}
	s.away[0] = began.Add(hours(t, "away", 0, 100))
	s.away[1] = s.away[0].Add(hours(t, "for", 0, 40))
	for n := range rapid.IntRange(1, 4).Draw(t, "runs") {
		s.runs = append(s.runs, began.Add(time.Duration(n+1)*27*time.Hour))
	}
	s.runs = append(s.runs, day)
	for range 3 * len(s.labels) {
		s.order = append(s.order, rapid.IntRange(0, len(s.runs)-1).Draw(t, "in run"))
	}
	return s
})

// newest is the zone that was published last before a time.
func (s *scene) newest(at time.Time) int {
	n := 0
	for i, z := range s.zones {
		if !z.at.After(at) {
			n = i
		}
	}
	return n
}

// genuine says whether who serves the zone does no wrong.
func (s *scene) genuine(zone int, at time.Time) bool {
	return !s.zones[zone].at.Before(at.Add(-48*time.Hour)) || zone >= s.newest(at.Add(-24*time.Hour))
}

// played is what an answer is of, by vantage point, label and RSI.
type played map[string]bool

func keyOf(vp measurement.VantagePoint, label time.Time, rsi measurement.RSI) string {
	return fmt.Sprint(vp, label.Unix(), rsi)
}

// measure sends the files that are to be there at a run, and says which answers are
// genuine and which are of no zone.
func (s *scene) measure(c *court, run int, genuine, forged played) {
	n := 0
	for _, now := range s.labels {
		for _, vp := range []measurement.VantagePoint{"101", "102", "103"} {
			first := slices.IndexFunc(s.runs, func(at time.Time) bool { return at.After(now.Add(5 * time.Minute)) })
			comes := max(s.order[n], first)
			if n++; comes != run {
				continue
			}
			label := now
			c.clock, c.lie = nil, 0
			if vp == "103" {
				switch s.fault {
				case "liar":
					c.lie = 2026112300 + int64(n)
				case "slow":
					label = now.Add(-48 * time.Hour)
				case "known":
					label, c.clock = now.Add(-30*time.Hour), ptr(false)
				}
			}
			sent := now.Add(7 * time.Second)
			for _, rsi := range []measurement.RSI{"a", "b", "c"} {
				zone := s.newest(sent.Add(-s.lag[rsi]))
				c.serve[rsi] = c.zones[zone]
				genuine[keyOf(vp, label, rsi)] = s.genuine(zone, sent)
			}
			c.twist = nil
			if n%s.forged == 0 {
				c.twist, c.twisted = flipped, []measurement.RSI{"b"}
				k := keyOf(vp, label, "b")
				forged[k], genuine[k] = true, false
			}
			c.ask(vp, label)
		}
	}
}

// flipped is an answer for a DS that no zone gives.
func flipped(wire []byte) []byte {
	m := new(dns.Msg)
	if err := m.Unpack(wire); err != nil {
		panic(err)
	}
	m.Answer[0].(*dns.DS).KeyTag ^= 1
	wire, err := m.Pack()
	if err != nil {
		panic(err)
	}
	return wire
}

// fetch brings the archive up to a time.
func (s *scene) fetch(c *court, from, until time.Time) {
	for i, z := range s.zones {
		for at := from.Add(30 * time.Minute); at.Before(until); at = at.Add(time.Hour) {
			if s.newest(at) != i || z.how != "fetched" || !at.Before(s.away[0]) && at.Before(s.away[1]) {
				continue
			}
			if !c.kept[i] {
				c.keep(c.zones[i], at)
				c.kept[i] = true
			}
			c.watched(c.zones[i], at, at)
		}
	}
}

// The laws of evidence through the whole of ingest: files in any order, in any number of
// runs, over zones of which the archive lacks some, for a while or for ever.
func TestLawsOfEvidence(t *testing.T) {
	scenes := 12
	if testing.Short() {
		scenes = 3
	}
	told := map[string]int{}
	for seed := range scenes {
		s := drawScene.Example(seed)
		var after []lab.Revision
		for _, z := range s.zones[1:] {
			after = append(after, lab.Revision{Inception: z.signed, Expiration: z.signed.AddDate(0, 0, 13)})
		}
		c := courtWith(t, lab.Options{}, after...)
		c.threeInPlan()
		c.kept = map[int]bool{}
		genuine, forged := played{}, played{}
		from := began.Add(-60 * time.Hour)
		for run, at := range s.runs {
			s.fetch(c, from, at)
			from = at
			s.measure(c, run, genuine, forged)
			last := run == len(s.runs)-1
			for i, z := range s.zones {
				if last && (z.how == "late" || s.mended && !c.kept[i]) {
					c.addByHand(c.zones[i], at)
				}
			}
			c.in.Now = func() time.Time { return at }
			if r := c.ingest(); len(r.Quarantined) > 0 {
				t.Fatalf("%+v", r.Quarantined)
			}
			s.obeyed(c, fmt.Sprintf("scene %d, run %d", seed, run), genuine, forged, last && s.mended, told)
		}
		c.in.Now = func() time.Time { return day.AddDate(0, 0, 60) }
		c.ingest()
		s.obeyed(c, fmt.Sprintf("scene %d, two months later", seed), genuine, forged, s.mended, told)
	}
	for _, want := range []string{"correct", "incorrect", "hold: zone", "hold: clock", "hold: no zone"} {
		if told[want] == 0 {
			t.Errorf("no answer was %q: %v", want, told)
		}
	}
	t.Log(told)
}

// obeyed holds the lake against the laws.
func (s *scene) obeyed(c *court, when string, genuine, forged played, whole bool, told map[string]int) {
	c.t.Helper()
	for d := began.AddDate(0, 0, -3); !d.After(day); d = d.AddDate(0, 0, 1) {
		for _, a := range readDay[measurement.Answer](c.collector, column.Answers, d) {
			if a.Query != "correctness" {
				continue
			}
			k := keyOf(a.VantagePoint, a.Interval.UTC(), a.RSI)
			text := strings.Join(append([]string{string(*a.Verdict)}, a.Failures...), "; ")
			for _, kind := range []string{"correct", "incorrect", "unchecked; hold: zone", "unchecked; hold: clock", "unchecked; hold: no zone"} {
				if strings.HasPrefix(text, kind) {
					told[strings.TrimPrefix(kind, "unchecked; ")]++
				}
			}
			switch v := *a.Verdict; {
			case v == measurement.Incorrect && genuine[k]:
				c.t.Fatalf("%s: accused wrongly: %s of %s at %s: %s", when, a.RSI, a.VantagePoint, a.Interval, text)
			case v == measurement.Correct && forged[k]:
				c.t.Fatalf("%s: of no zone, and correct: %s of %s at %s", when, a.RSI, a.VantagePoint, a.Interval)
			case v != measurement.Correct && genuine[k] && whole && a.VantagePoint != "103":
				c.t.Fatalf("%s: nothing is missing, and yet: %s of %s at %s: %s", when, a.RSI, a.VantagePoint, a.Interval, text)
			}
		}
	}
}
