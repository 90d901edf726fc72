package site_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"mtric.net/mtric/engine/column"
	"mtric.net/mtric/engine/lake"
	"mtric.net/mtric/engine/measurement"
	"mtric.net/mtric/engine/site"
)

// judge adds an answer to a query of correctness of each RSI, vantage point and label, over
// IPv4 and UDP; wrong says which are incorrect.
func (h *history) judge(wrong func(vp, rsi string, n int) bool) {
	h.plan.Queries = small().Queries[:2]
	for _, a := range slices.Clone(h.answers) {
		if a.Family != measurement.IPv4 || a.Transport != measurement.UDP {
			continue
		}
		a.Query, a.Serial = measurement.QueryCorrectness, nil
		if a.Outcome == measurement.Answered {
			a.Verdict = ptr(measurement.Correct)
			if wrong(string(a.VantagePoint), string(a.RSI), int(a.Interval.Sub(midnight)/(5*time.Minute))) {
				a.Verdict, a.Failures = ptr(measurement.Incorrect), []string{"ujy: x"}
			}
		}
		h.answers = append(h.answers, a)
	}
	column.Sort(h.answers)
}

// TestOwnTroubleIsOfItsLabels: what failed between two labels of a vantage point's own
// trouble, which one event covers, failed; so it is in the hour.
func TestOwnTroubleIsOfItsLabels(t *testing.T) {
	h, home := told(288, func(vp, rsi string, n int) int64 {
		if vp == "101" && (n == 168 || n == 174) || rsi == "b" && n >= 170 && n < 173 {
			return timeout
		}
		return 1
	}), t.TempDir()
	h.judge(func(_, rsi string, n int) bool { return rsi == "b" && n == 172+4 })
	h.zone(1, 0)
	h.write(t, home, 288)
	out, _ := h.make(t, home, site.Internal)
	public, _ := h.make(t, home, site.Public)
	for _, c := range []struct {
		out, key, at string
		want         site.State
	}{
		{out, "day/20261031/a-v4-udp-0", "31T14:00", site.Own}, {out, "day/20261031/a-v4-udp-0", "31T14:10", site.Good}, {out, "day/20261031/a-v4-udp-0", "31T14:30", site.Own},
		{out, "day/20261031/b-v4-udp-0", "31T14:00", site.Own}, {out, "day/20261031/b-v4-udp-0", "31T14:05", site.Good}, {out, "day/20261031/b-v4-udp-0", "31T14:10", site.Failed}, {out, "day/20261031/b-v4-udp-0", "31T14:40", site.Incorrect},
		{out, "month/202610/a-v4-udp-0", "31T14:00", site.Own}, {out, "month/202610/b-v4-udp-0", "31T14:00", site.Incorrect}, {out, "month/202610/b-v4-tcp-0", "31T14:00", site.Part},
		{public, "month/202610/a-v4-udp-0", "31T14:00", site.Own}, {public, "month/202610/b-v4-udp-0", "31T14:00", site.Failed}, {public, "day/20261031/b-v4-udp-0", "31T14:10", site.Failed},
	} {
		if got := cells(t, read[site.Tile](t, c.out, c.key))["101 "+c.at].State; got != c.want {
			t.Errorf("%s %s at %s: %d, want %d", filepath.Base(c.out), c.key, c.at, got, c.want)
		}
	}
}

// TestNowNeedsTwoWitnesses: what one vantage point alone saw in the last hour is told as such,
// whether others were silent or saw nothing of it; where the plan has no other it counts.
func TestNowNeedsTwoWitnesses(t *testing.T) {
	down := func(vps ...string) func(string, string, int) int64 {
		return func(vp, rsi string, n int) int64 {
			if rsi == "b" && n >= 276 && slices.Contains(vps, vp) {
				return timeout
			}
			return 1
		}
	}
	for what, c := range map[string]struct {
		serial func(string, string, int) int64
		vps    int
		want   string
	}{
		"one of three": {down("101"), 3, "101"},
		"one lost packet": {func(vp, rsi string, n int) int64 {
			if n == 280 {
				return down("103")(vp, rsi, n)
			}
			return 1
		}, 3, "103"},
		"two of three": {down("101", "103"), 3, ""},
		"the only one": {down("101"), 1, ""},
		"others silent": {func(vp, rsi string, n int) int64 {
			if vp != "102" && n > 240 {
				return noRun
			}
			return down("102")(vp, rsi, n)
		}, 3, "102"},
	} {
		h, home := told(288, c.serial), t.TempDir()
		h.plan.VantagePoints = h.plan.VantagePoints[:c.vps]
		h.zone(1, 0)
		h.write(t, home, 288)
		for _, edition := range []site.Edition{site.Internal, site.Public} {
			out, _ := h.make(t, home, edition)
			now := read[site.Now](t, out, "now")
			if what == "one lost packet" && edition == site.Public {
				if b := now.RSIs[1].Paths[0].Hour; b.State != site.Good || b.Alone != "" {
					t.Errorf("%s, %s: %+v", what, edition, b)
				}
				continue
			}
			if a, b := now.RSIs[0].Paths[0].Hour, now.RSIs[1].Paths[0].Hour; a.State != site.Good || b.State <= site.Own || b.Alone != c.want {
				t.Errorf("%s, %s: a %+v, b %+v, want %q alone", what, edition, a, b, c.want)
			}
		}
	}
}

// TestBehindIsWhatEventsSay: an RSI shows an older zone than it should where two vantage points
// saw it, and not where one alone did.
func TestBehindIsWhatEventsSay(t *testing.T) {
	for what, c := range map[string]struct {
		frozen []string
		silent []string
		behind []string
		now    int
	}{
		"one, and others see the new one": {[]string{"101"}, nil, nil, 0},
		"one, and others are silent":      {[]string{"101"}, []string{"102", "103"}, nil, 1},
		"two, and the other is silent":    {[]string{"101", "102"}, []string{"103"}, []string{"a", "b"}, 2},
	} {
		h, home := told(288, func(vp, rsi string, n int) int64 {
			switch {
			case slices.Contains(c.silent, vp) && n > 270:
				return noRun
			case n < 100 || slices.Contains(c.frozen, vp):
				return 1
			}
			return 2
		}), t.TempDir()
		h.zone(1, 0)
		h.zone(2, 100)
		h.write(t, home, 288)
		out, _ := h.make(t, home, site.Public)
		for _, z := range read[site.Now](t, out, "now").Serials {
			want, now := c.behind, c.now
			if z.Serial == 2 {
				want, now = nil, 2-c.now
			}
			for _, s := range z.RSIs {
				if z.Serial == 1 && s.Now != now || z.Serial == 2 && (s.Now > 0) != (len(c.silent) == 0) {
					t.Errorf("%s: %d shown to %d witnesses", what, z.Serial, s.Now)
				}
			}
			if !slices.Equal(z.Behind, want) {
				t.Errorf("%s: behind with %d: %v, want %v", what, z.Serial, z.Behind, want)
			}
		}
	}
}

// TestLateIsAgainstEachPair: the median of those who are left is no later than before when the
// near ones are silent.
func TestLateIsAgainstEachPair(t *testing.T) {
	for what, c := range map[string]struct {
		silent string
		slow   string
		late   bool
	}{"near ones silent": {"101102", "", false}, "one is slow": {"", "101", false}, "two are slow": {"", "101103", true}, "one is slow, others silent": {"102103", "101", false}} {
		const count = 3 * 288
		h, home := told(count, func(vp, _ string, n int) int64 {
			if n > count-40 && strings.Contains(c.silent, vp) {
				return noRun
			}
			return 1
		}), t.TempDir()
		for i := range h.answers {
			a := &h.answers[i]
			a.LatencyUS = ptr(map[measurement.VantagePoint]int64{"101": 10_000, "102": 20_000, "103": 90_000}[a.VantagePoint])
			if !a.Interval.Before(at(count-40)) && strings.Contains(c.slow, string(a.VantagePoint)) {
				*a.LatencyUS += 100_000
			}
		}
		h.zone(1, 0)
		h.write(t, home, count)
		out, _ := h.make(t, home, site.Internal)
		for _, rsi := range read[site.Now](t, out, "now").RSIs {
			for _, p := range rsi.Paths {
				if p.Hour.Late != c.late || p.Hour.UsualUS == nil {
					t.Errorf("%s: %s %s: %+v", what, rsi.RSI, p.Path, p.Hour)
				}
			}
		}
	}
}

// TestEventsAreKnownUntil derive came: where it did not, the pages know no events, and tell no
// share of a day of which they have half.
func TestEventsAreKnownUntil(t *testing.T) {
	h, home := told(288, func(_, rsi string, n int) int64 {
		if rsi == "b" && n >= 156 {
			return timeout
		}
		return 1
	}), t.TempDir()
	h.zone(1, 0)
	s := h.write(t, home, 150)
	put(t, s, h.answers, 288, func(a measurement.Answer) time.Time { return a.Interval })
	put(t, s, h.runs, 288, func(r measurement.Run) time.Time { return r.Interval })
	say := func(what string, want *time.Time, day site.State) {
		t.Helper()
		out, _ := h.make(t, home, site.Internal)
		now := read[site.Now](t, out, "now")
		if b := now.RSIs[1].Paths[0]; (now.Derived == nil) != (want == nil) || want != nil && !now.Derived.Equal(*want) || b.Day.State != day || b.Hour.State != site.Failed {
			t.Errorf("%s: events until %v, want %v; the day %+v", what, now.Derived, want, b.Day)
		}
	}
	say("not derived", ptr(at(150)), site.Missing)
	if err := os.RemoveAll(filepath.Join(home, "derived")); err != nil {
		t.Fatal(err)
	}
	say("what derive remembers is lost", ptr(at(132)), site.Missing)
	for _, table := range []string{"hours", "events"} {
		if err := os.RemoveAll(filepath.Join(s.Dir, table)); err != nil {
			t.Fatal(err)
		}
	}
	say("no tables", nil, site.Missing)
	h.write(t, home, 288)
	say("derived", ptr(at(288)), site.Part)
	bare := site.Site{Plan: h.plan, Lake: lake.Store{Dir: s.Dir}, Out: t.TempDir(), Edition: site.Internal, Now: time.Now}
	if _, err := bare.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	if now := read[site.Now](t, bare.Out, "now"); now.Derived == nil || !now.Derived.Equal(at(282)) {
		t.Errorf("of a lake alone events are known until %v", now.Derived)
	}
}

// TestPlanWithoutVantagePoints: who sent nothing is not told to have sent all.
func TestPlanWithoutVantagePoints(t *testing.T) {
	h, home := told(288, func(vp, _ string, n int) int64 {
		if vp != "102" && n > 240 {
			return noRun
		}
		return 1
	}), t.TempDir()
	h.plan.VantagePoints = nil
	h.zone(1, 0)
	h.write(t, home, 288)
	out, _ := h.make(t, home, site.Public)
	now := read[site.Now](t, out, "now")
	if now.Listed || len(now.VPs) != 3 || now.VPs[0].Hour != [2]int64{} || now.VPs[0].Day[0] == 0 || now.VPs[1].Hour != [2]int64{12, 12} {
		t.Errorf("%+v", now.VPs)
	}
}
