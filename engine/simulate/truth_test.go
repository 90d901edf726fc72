package simulate_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"mtric.net/mtric/engine/column"
	"mtric.net/mtric/engine/interval"
	"mtric.net/mtric/engine/measurement"
	"mtric.net/mtric/engine/plan"
	"mtric.net/mtric/engine/simulate"
)

// faultsOf reads a faults file for a config.
func faultsOf(t testing.TB, c simulate.Config, src string) []plan.Fault {
	t.Helper()
	known := *c.Plan
	known.VantagePoints = nil
	for _, v := range c.VantagePoints {
		known.VantagePoints = append(known.VantagePoints, plan.VantagePoint{ID: v})
	}
	faults, l := plan.LoadFaults([]byte(src), "faults.hcl", &known)
	if l.HasErrors() {
		t.Fatal(l.Error())
	}
	return faults
}

func run(t testing.TB, c simulate.Config) (*simulate.Truth, string) {
	t.Helper()
	dir := t.TempDir()
	truth, err := simulate.Run(context.Background(), dir, c)
	if err != nil {
		t.Fatal(err)
	}
	return truth, dir
}

// everything goes wrong here, over the change of a month.
const everything = `
fault "cut" {
  kind           = "down"
  rsis           = ["a", "b", "c", "d", "e", "f"]
  vantage_points = ["901"]
  from           = "2026-10-31T20:00:00Z"
  until          = "2026-10-31T22:00:00Z"
}
fault "no-ipv6" {
  kind           = "unreachable"
  vantage_points = ["902"]
  paths          = ["ipv6/udp", "ipv6/tcp"]
  from           = "2026-11-01T02:00:00Z"
  until          = "2026-11-01T09:00:00Z"
}
fault "refuses" {
  kind  = "refused"
  rsis  = ["g"]
  from  = "2026-11-01"
  until = "2026-11-02"
}
fault "resets" {
  kind    = "reset"
  rsis    = ["h"]
  from    = "2026-11-01"
  until   = "2026-11-02"
  percent = 30
}
fault "garbles" {
  kind    = "malformed"
  rsis    = ["h"]
  from    = "2026-11-01"
  until   = "2026-11-02"
  percent = 5
}
fault "fails" {
  kind    = "servfail"
  rsis    = ["i"]
  from    = "2026-10-31T18:00:00Z"
  until   = "2026-11-01T18:00:00Z"
  percent = 40
}
fault "rejects" {
  kind  = "rcode"
  rsis  = ["i"]
  paths = ["ipv4/udp"]
  rcode = "REFUSED"
  from  = "2026-11-01T10:00:00Z"
  until = "2026-11-01T11:00:00Z"
}
fault "no-buffers" {
  kind           = "local_error"
  vantage_points = ["903"]
  from           = "2026-11-01T04:00:00Z"
  until          = "2026-11-01T07:00:00Z"
  percent        = 45
}
fault "no-buffers-at-all" {
  kind           = "local_error"
  vantage_points = ["903"]
  from           = "2026-11-01T17:00:00Z"
  until          = "2026-11-01T18:20:00Z"
}
fault "slow" {
  kind  = "slow"
  rsis  = ["j", "k"]
  by    = "300ms"
  from  = "2026-10-31T18:00:00Z"
  until = "2026-11-01T18:00:00Z"
}
fault "slower" {
  kind  = "slow"
  rsis  = ["k"]
  paths = ["ipv4/tcp"]
  by    = "3900ms"
  from  = "2026-10-31T18:00:00Z"
  until = "2026-11-01T18:00:00Z"
}
fault "late" {
  kind  = "stale"
  rsis  = ["l"]
  by    = "2h"
  from  = "2026-10-31"
  until = "2026-11-03"
}
fault "very-late" {
  kind           = "stale"
  rsis           = ["m"]
  vantage_points = ["901"]
  by             = "3d"
  from           = "2026-11-01T01:00:00Z"
  until          = "2026-11-03"
}
fault "frozen" {
  kind           = "frozen"
  rsis           = ["m"]
  vantage_points = ["902", "903"]
  from           = "2026-10-31T20:00:00Z"
  until          = "2026-11-01T20:00:00Z"
}
fault "lies" {
  kind    = "wrong"
  rsis    = ["d", "e"]
  from    = "2026-11-01T02:00:00Z"
  until   = "2026-11-01T04:00:00Z"
  percent = 50
}
fault "moves" {
  kind    = "off_plan"
  rsis    = ["c", "f"]
  from    = "2026-10-31T19:00:00Z"
  until   = "2026-11-01T13:00:00Z"
  percent = 70
}
fault "tells-the-future" {
  kind           = "future"
  vantage_points = ["903"]
  by             = "3h"
  from           = "2026-11-01T01:00:00Z"
  until          = "2026-11-01T03:50:00Z"
}
fault "invents" {
  kind           = "future"
  vantage_points = ["902"]
  by             = "60d"
  rsis           = ["a", "b"]
  from           = "2026-11-01T01:00:00Z"
  until          = "2026-11-01T05:30:00Z"
}
fault "knows-its-clock" {
  kind           = "unsynchronized"
  vantage_points = ["901"]
  from           = "2026-11-01T05:00:00Z"
  until          = "2026-11-01T06:00:00Z"
}
fault "late-clock" {
  kind           = "slow_clock"
  vantage_points = ["901"]
  by             = "14h"
  from           = "2026-11-01T12:00:00Z"
  until          = "2026-11-01T15:00:00Z"
}
fault "early-clock" {
  kind           = "fast_clock"
  vantage_points = ["903"]
  by             = "9h"
  from           = "2026-10-31T22:00:00Z"
  until          = "2026-11-01T01:00:00Z"
}
fault "gone" {
  kind           = "silent"
  vantage_points = ["902"]
  from           = "2026-11-01T16:50:00Z"
  until          = "2026-11-01T19:30:00Z"
}
`

// TestTruthIsTrue works all numbers out of the tables again.
func TestTruthIsTrue(t *testing.T) {
	quiet := config(t, 3, 20*time.Hour)
	faulty := quiet
	faulty.From, faulty.Until = start.Add(-7*time.Hour), start.Add(27*time.Hour)
	faulty.Faults = faultsOf(t, faulty, everything)
	short := config(t, 2, 10*time.Minute)
	for name, c := range map[string]simulate.Config{"quiet": quiet, "faulty": faulty, "dated": dated(t, faulty), "short": short} {
		t.Run(name, func(t *testing.T) {
			truth, dir := run(t, c)
			b := tables(t, dir, c.Plan)
			if int64(len(b.answers)) != truth.Rows.Answers {
				t.Errorf("%d rows, the truth says %d", len(b.answers), truth.Rows.Answers)
			}
			compare(t, b.of(c.From, c.Until, c.Until), truth.Numbers)
			for _, m := range truth.Months {
				if m.From != interval.Month(m.From) && m.From != c.From || m.Month != m.From.Format("2006-01") {
					t.Errorf("month %s from %s", m.Month, m.From)
				}
				compare(t, b.of(m.From, m.Until, m.DataUntil), m.Numbers)
			}
			if n := map[string]int{"quiet": 1, "faulty": 2, "dated": 2, "short": 1}[name]; len(truth.Months) != n {
				t.Errorf("%d months, want %d", len(truth.Months), n)
			}
		})
	}
}

// dated gives a config a plan in which RSIs join, leave and are renumbered, and vantage
// points come, go and never were.
func dated(t testing.TB, c simulate.Config) simulate.Config {
	t.Helper()
	at := func(hours int) *time.Time {
		return new(start.Add(time.Duration(hours)*time.Hour + 2*time.Minute))
	}
	p := *rssac047(t)
	p.VantagePoints = []plan.VantagePoint{{ID: "901"}, {ID: "902", From: at(-3)}, {ID: "903", Until: at(23)}, {ID: "904", From: at(25)}}
	p.Servers = slices.Clone(p.Servers)
	for i := range p.Servers {
		s := &p.Servers[i]
		s.Addresses = slices.Clone(s.Addresses)
		for j := range s.Addresses {
			a := &s.Addresses[j]
			switch {
			case s.RSI == "a": // joins
				a.From = at(3)
			case s.RSI == "b": // leaves
				a.Until = at(15)
			case s.RSI == "c": // is renumbered
				old := *a
				old.Until, old.Address, a.From = at(8), a.Address.Next(), at(8)
				s.Addresses = append(s.Addresses, old)
			case s.RSI == "d" && a.Family == measurement.IPv6:
				a.From = at(6)
			}
		}
	}
	c.Plan = &p
	return c
}

func compare(t *testing.T, b brute, got simulate.Numbers) {
	t.Helper()
	if d := cmp.Diff(b.numbers(), got, cmpopts.IgnoreFields(simulate.Value{}, "Threshold", "Unit"),
		cmpopts.IgnoreFields(simulate.Numbers{}, "N", "K", "Frames", "ReceivedUntil")); d != "" {
		t.Errorf("%s to %s: -from rows +truth:\n%s", b.from, b.until, d)
	}
}

// TestTruthOfAnyFaults: whatever goes wrong, the truth is what the rows say, and
// they are what measure and ingest promise.
func TestTruthOfAnyFaults(t *testing.T) {
	c := config(t, 2, 0)
	c.From, c.Until = start.Add(16*time.Hour+45*time.Minute), start.Add(18*time.Hour) // a zone comes about 17:00
	faults := anyFaults(c)
	for seed := range 30 {
		c.Seed, c.Faults = uint64(seed), faults.Example(seed)
		truth, dir := run(t, c)
		b := tables(t, dir, c.Plan)
		for _, a := range b.answers {
			checkRow(t, c.Plan, a)
		}
		compare(t, b.of(c.From, c.Until, c.Until), truth.Numbers)
		if t.Failed() {
			t.Fatalf("seed %d, faults %+v", seed, c.Faults)
		}
	}
}

// anyFaults draws up to eight faults.
func anyFaults(c simulate.Config) *rapid.Generator[[]plan.Fault] {
	return rapid.Custom(func(r *rapid.T) []plan.Fault {
		faults := make([]plan.Fault, rapid.IntRange(1, 8).Draw(r, "faults"))
		for i := range faults {
			begin := rapid.IntRange(0, 14).Draw(r, "from")
			f := plan.Fault{Label: string(rune('a' + i)), Kind: rapid.SampledFrom(plan.FaultKinds).Draw(r, "kind"),
				From:    c.From.Add(time.Duration(begin) * interval.Length),
				Until:   c.From.Add(time.Duration(rapid.IntRange(begin+1, 16).Draw(r, "until")) * interval.Length),
				Percent: rapid.IntRange(1, 100).Draw(r, "percent"),
				By:      plan.Duration(time.Duration(rapid.IntRange(1, 5000).Draw(r, "by")) * time.Millisecond), RCode: "REFUSED"}
			switch f.Kind {
			case plan.FaultStale:
				f.By *= 1000
			case plan.FaultFuture, plan.FaultSlowClock, plan.FaultFastClock:
				f.By = plan.Duration(rapid.SampledFrom([]int{1, 2, 7, 70, 300, 900}).Draw(r, "minutes")) * plan.Duration(5*time.Minute)
			}
			f.RSIs = rapid.SliceOfNDistinct(rapid.SampledFrom([]measurement.RSI{"a", "b", "c", "d", "e", "f", "g", "h"}), 0, 8, rapid.ID[measurement.RSI]).Draw(r, "rsis")
			f.VantagePoints = rapid.SliceOfNDistinct(rapid.SampledFrom(c.VantagePoints), 0, 1, rapid.ID[measurement.VantagePoint]).Draw(r, "vps")
			f.Paths = rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"ipv4/udp", "ipv4/tcp", "ipv6/udp", "ipv6/tcp"}), 0, 3, rapid.ID[string]).Draw(r, "paths")
			faults[i] = f
		}
		return faults
	})
}

// TestDatesOfVantagePoints: one that is in service for a while makes runs then.
func TestDatesOfVantagePoints(t *testing.T) {
	c := config(t, 1, 3*time.Hour)
	from, until := start.Add(time.Hour), start.Add(2*time.Hour)
	p := *c.Plan
	p.VantagePoints = []plan.VantagePoint{{ID: "101"}, {ID: "102", From: &from, Until: &until}}
	c.Plan, c.VantagePoints = &p, []measurement.VantagePoint{"101", "102"}
	_, dir := run(t, c)
	runs := map[measurement.VantagePoint]int{}
	for _, r := range rowsOf[measurement.Run](t, dir, column.Runs) {
		runs[r.VantagePoint]++
		if r.VantagePoint == "102" && (r.Interval.Before(from) || !r.Interval.Before(until)) {
			t.Errorf("a run at %s", r.Interval)
		}
	}
	if runs["101"] != 36 || runs["102"] != 12 {
		t.Errorf("%v", runs)
	}
}
