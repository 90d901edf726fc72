package site_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"mtric.net/mtric/engine/column"
	"mtric.net/mtric/engine/lake"
	"mtric.net/mtric/engine/measurement"
	"mtric.net/mtric/engine/site"
	"mtric.net/mtric/metrics"
)

// What an answer of the histories below shows besides a serial.
const (
	noRun   = -1 // the vantage point sends nothing
	timeout = -2
)

// told is a history in which all is good but what serial says of a vantage point, RSI and
// label.
func told(count int, serial func(vp, rsi string, n int) int64) *history {
	h := drawn(1, 0)
	h.plan.Queries, h.plan.Exclusions = h.plan.Queries[:1], nil
	for i := range h.plan.VantagePoints {
		h.plan.VantagePoints[i].Until = nil
	}
	for n := range count {
		for _, v := range h.plan.VantagePoints {
			if serial(string(v.ID), "a", n) == noRun {
				continue
			}
			h.runs = append(h.runs, measurement.Run{VantagePoint: v.ID, Interval: at(n), StartedAt: at(n), ReceivedAt: at(n).Add(time.Minute), ClockSynchronized: ptr(true)})
			for _, s := range h.plan.Servers {
				for _, f := range both {
					address, _ := s.AddressAt(f, at(n))
					for _, transport := range measurement.MetricTransports {
						a := measurement.Answer{VantagePoint: v.ID, Interval: at(n), SentAt: ptr(at(n).Add(time.Second)), Query: "soa", RSI: s.RSI, Family: f, Transport: transport,
							Address: address.String(), QName: ".", QType: "SOA", Attempts: 1, Failures: []string{}, Outcome: measurement.Timeout}
						if shown := serial(string(v.ID), string(s.RSI), n); shown > 0 {
							a.Outcome, a.RCode, a.LatencyUS, a.Serial = measurement.Answered, ptr(measurement.NoError), ptr(int64(20_000)), &shown
						}
						h.answers = append(h.answers, a)
					}
				}
			}
		}
	}
	column.Sort(h.answers)
	column.Sort(h.runs)
	return h
}

// zone has a root zone that is in the archive from a label on.
func (h *history) zone(serial int64, n int) {
	h.zones = append(h.zones, measurement.Zone{Serial: serial, FirstSeen: ptr(at(n)), FirstUsed: ptr(at(n)), State: measurement.ZoneArchived, ArchivedAt: ptr(at(n).Add(time.Minute))})
}

// TestDelaysAreThoseOfTheMetric: our silence is nobody's delay, and neither is what one
// vantage point alone saw where the plan has others; who was asked in vain is late.
func TestDelaysAreThoseOfTheMetric(t *testing.T) {
	const old, new, newer = 2026103100, 2026103101, 2026103102
	course := func(n int) int64 {
		switch {
		case n < 100:
			return old
		case n < 200:
			return new
		}
		return newer
	}
	until := func(end int, then int64) func(string, string, int) int64 { // b is otherwise until then
		return func(_, rsi string, n int) int64 {
			if rsi == "b" && n >= 100 && n < end {
				return then
			}
			return course(n)
		}
	}
	silent := func(vps string, from, end int, other func(string, string, int) int64) func(string, string, int) int64 {
		return func(vp, rsi string, n int) int64 {
			for i := 0; i < len(vps); i += 3 {
				if vp == vps[i:i+3] && n >= from && n < end {
					return noRun
				}
			}
			return other(vp, rsi, n)
		}
	}
	frozen := func(vps string) func(string, string, int) int64 {
		return func(vp, rsi string, n int) int64 {
			for i := 0; i < len(vps); i += 3 {
				if vp == vps[i:i+3] && n >= 100 && n < 170 {
					return old
				}
			}
			return course(n)
		}
	}
	for what, c := range map[string]struct {
		serial     func(vp, rsi string, n int) int64
		came, gone string // of b: the new one, the old one
	}{
		"all at once":                          {until(0, 0), "in_time 0", "in_time 0"},
		"a label later":                        {until(101, old), "in_time 5", "in_time 5"},
		"65 minutes later":                     {until(113, old), "in_time 65", "in_time 65"},
		"70 minutes later":                     {until(114, old), "late 70", "late 70"},
		"nobody asked":                         {silent("101102103", 101, 135, until(135, old)), "unknown 5-175", "unknown 5-175"},
		"nobody asked until all was over":      {silent("101102103", 101, 110, until(110, old)), "in_time 5-50", "in_time 5-50"},
		"one asked and was shown the old one":  {silent("102103", 101, 135, until(135, old)), "unknown 5-175", "unknown 5-175"},
		"two asked and were shown the old one": {silent("103", 101, 135, until(135, old)), "late 175", "late 175"},
		"asked in vain":                        {until(120, timeout), "late 100", "in_time 0"},
		"one is frozen":                        {frozen("101"), "in_time 0", "in_time 0"},
		"two are frozen":                       {frozen("101102"), "in_time 0", "late 350"},
		"never":                                {until(200, old), "never", "late 500"},
		"nobody asked, and never":              {silent("101102103", 101, 200, until(200, old)), "", "unknown 5-500"},
	} {
		h, home := told(288, c.serial), t.TempDir()
		h.zone(old, 0)
		h.zone(new, 100)
		h.zone(newer, 200)
		h.write(t, home, 288)
		out, _ := h.make(t, home, site.Public)
		came, gone := "", ""
		for _, z := range read[site.Zones](t, out, "zones/202610").Serials {
			for _, rsi := range z.Never {
				if z.Serial == new && rsi == "b" {
					came = "never"
				}
			}
			for _, s := range z.RSIs {
				switch {
				case s.RSI == "b" && z.Serial == new:
					came = toldDelay(s.Came)
				case s.RSI == "b" && z.Serial == old:
					gone = toldDelay(s.Gone)
				case s.RSI == "a" && z.Serial == new && what != "nobody asked" && toldDelay(s.Came)[:7] != "in_time":
					t.Errorf("%s: a came %s", what, toldDelay(s.Came))
				}
			}
		}
		if came != c.came || gone != c.gone {
			t.Errorf("%s: came %q, want %q; gone %q, want %q", what, came, c.came, gone, c.gone)
		}
	}
}

func toldDelay(d *site.Delay) string {
	if d == nil {
		return "nothing is known"
	}
	if d.Most != nil {
		return fmt.Sprintf("%s %d-%d", d.State, d.Minutes, *d.Most)
	}
	return fmt.Sprintf("%s %d", d.State, d.Minutes)
}

// The course of the drawn histories: which serial is published at which label.
const drawnCount = 2 * 288

var (
	drawnSerials   = []int64{2026103100, 2026103101, 2026103102, 2026110100}
	drawnPublished = []int{0, 60, 250, 320}
)

// drawnSpans draws labels in which something holds, many of them near a publication.
func drawnSpans(r *rand.Rand, most int) func(int) bool {
	from, n := make([]int, most), make([]int, most)
	for i := range from {
		from[i], n[i] = r.IntN(drawnCount), []int{1, 3, 12, 14, 40, 100}[r.IntN(6)]
		if r.IntN(2) == 0 {
			from[i] = drawnPublished[1+r.IntN(3)] + r.IntN(5)
		}
	}
	return func(at int) bool {
		for i := range from {
			if from[i] <= at && at < from[i]+n[i] {
				return true
			}
		}
		return false
	}
}

// drawnDelays is a history of one vantage point, whose RSIs fall silent and behind.
func drawnDelays(seed uint64) *history {
	r := rand.New(rand.NewPCG(seed, 17))
	silent := drawnSpans(r, r.IntN(3))
	down, behind := map[string]func(int) bool{}, map[string]func(int) bool{}
	for _, rsi := range []string{"a", "b"} {
		down[rsi], behind[rsi] = drawnSpans(r, r.IntN(3)), drawnSpans(r, r.IntN(4))
	}
	if seed%4 == 0 { // nobody asks soon after a publication, which b has not shown yet
		from, n := drawnPublished[1+r.IntN(3)], 1+r.IntN(30)
		silent = func(at int) bool { return from < at && at <= from+n }
		behind["b"], down["b"] = func(at int) bool { return at == from }, func(int) bool { return false }
	}
	h := told(drawnCount, func(vp, rsi string, n int) int64 {
		at := 0
		for i := range drawnPublished {
			if n >= drawnPublished[i] {
				at = i
			}
		}
		switch {
		case vp != "101" || silent(n) && n > 0:
			return noRun
		case down[rsi](n) && n > 0:
			return timeout
		case behind[rsi](n):
			at = max(at-1, 0)
		}
		return drawnSerials[at]
	})
	h.plan.VantagePoints = h.plan.VantagePoints[:1]
	for i, s := range drawnSerials {
		if first := slices.IndexFunc(h.answers, func(a measurement.Answer) bool { return a.Serial != nil && *a.Serial == s }); first >= 0 {
			h.zone(s, drawnPublished[i])
			h.zones[len(h.zones)-1].FirstSeen = ptr(h.answers[first].Interval)
		}
	}
	return h
}

// lags are the values that publication latency is made of, by serial and RSI.
func (h *history) lags(t *testing.T, store lake.Store) map[string]string {
	t.Helper()
	until := h.runs[len(h.runs)-1].Interval.Add(-30 * time.Minute).Truncate(time.Hour)
	cfg := metrics.Config{VantagePoints: []metrics.VantagePoint{{ID: "101"}}, Limits: metrics.RSSAC047(), From: midnight, Until: midnight.AddDate(0, 0, 2), DataUntil: until}
	for _, s := range h.plan.Servers {
		cfg.Servers = append(cfg.Servers, metrics.Server{RSI: s.RSI, Addresses: s.Addresses})
	}
	a, err := metrics.New(cfg, h.zones)
	if err == nil {
		err = a.Scan(t.Context(), store, 1)
	}
	if err != nil {
		t.Fatal(err)
	}
	result, all := a.Compute(), map[string]string{}
	for _, p := range result.Publications {
		for _, rsi := range []string{"a", "b"} {
			all[fmt.Sprint(p.Serial, rsi)] = "unknown"
		}
	}
	for _, l := range result.Lags {
		state := "in_time"
		if l.Censored || l.Minutes > 65 {
			state = "late"
		}
		all[fmt.Sprint(l.Serial, l.RSI)] = fmt.Sprint(state, " ", l.Minutes)
	}
	return all
}

// came is what a file of zones says of an RSI.
func came(z site.ZoneSerial, rsi string) string {
	of := slices.IndexFunc(z.RSIs, func(s site.ZoneSerialShown) bool { return s.RSI == rsi })
	switch {
	case slices.Contains(z.Never, rsi):
		return "never"
	case of < 0:
		return "not shown"
	case z.RSIs[of].Came == nil:
		return "not dated"
	case z.RSIs[of].Came.State == "unknown":
		return "unknown"
	}
	return fmt.Sprint(z.RSIs[of].Came.State, " ", z.RSIs[of].Came.Minutes)
}

// TestDelaysOfOneVantagePointAreTheMetrics: where the plan has one vantage point, what the
// files of zones say of an RSI and serial is what publication latency is made of, value by
// value: the state, the length, and that it is not known.
func TestDelaysOfOneVantagePointAreTheMetrics(t *testing.T) {
	met := map[string]int{}
	for seed := range uint64(24) {
		h, home := drawnDelays(seed), t.TempDir()
		store := h.write(t, home, drawnCount)
		out, _ := h.make(t, home, site.Public)
		want := h.lags(t, store)
		for _, key := range read[site.Index](t, out, "index").Zones {
			for _, z := range read[site.Zones](t, out, key).Serials {
				for _, rsi := range []string{"a", "b"} {
					got, w := came(z, rsi), want[fmt.Sprint(z.Serial, rsi)]
					met[strings.Fields(got)[0]]++
					switch {
					case got == w, w == "" && z.Published == nil, // it was there when the data began
						got == "never" && strings.HasPrefix(w, "late"),
						got == "not shown" && (w == "unknown" || strings.HasPrefix(w, "in_time")): // a newer one may have been
					default:
						t.Errorf("seed %d: %d of %s: %s, want %s", seed, z.Serial, rsi, got, w)
					}
				}
			}
		}
	}
	for _, what := range []string{"in_time", "late", "unknown", "never"} {
		if met[what] == 0 {
			t.Errorf("%s was not met: %v", what, met)
		}
	}
}
