package alert_test

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"mtric.net/mtric/engine/alert"
	"mtric.net/mtric/engine/column"
	"mtric.net/mtric/engine/interval"
	"mtric.net/mtric/engine/lake"
	"mtric.net/mtric/engine/measurement"
	"mtric.net/mtric/engine/plan"
	"mtric.net/mtric/engine/simulate"
)

// gauged is a collector with a lake of eight hours in which things go wrong from 16:00 to
// 20:00: g is down over a path, c keeps its zone, f is slow, one vantage point of three is
// silent for twenty minutes. Another, which the plan expects, never measures. m has no IPv6
// before 17:00.
func gauged(t *testing.T, now *time.Time) (*alert.Book, lake.Store, *plan.Plan) {
	t.Helper()
	p, l := plan.Load([]plan.Dir{shipped(t, "rssac047")}, nil)
	if l.HasErrors() {
		t.Fatal(l.Error())
	}
	vps := []measurement.VantagePoint{"101", "301", "501"}
	for _, v := range append(slices.Clone(vps), "601") {
		p.VantagePoints = append(p.VantagePoints, plan.VantagePoint{ID: v})
	}
	last := &p.Servers[len(p.Servers)-1]
	for i, a := range last.Addresses {
		if a.Family == measurement.IPv6 {
			last.Addresses[i].From = new(noon.Add(5 * time.Hour))
		}
	}
	rules, l := alert.Compile(p)
	if rules == nil {
		t.Fatal(l.Error())
	}
	home := t.TempDir()
	from, until := noon.Add(4*time.Hour), noon.Add(8*time.Hour)
	faults := []plan.Fault{
		{Label: "down", Kind: plan.FaultDown, RSIs: []measurement.RSI{"g"}, Paths: []string{"ipv4/udp"}, From: from.Add(30 * time.Minute), Until: until, Percent: 100},
		{Label: "frozen", Kind: plan.FaultFrozen, RSIs: []measurement.RSI{"c"}, From: from, Until: until, Percent: 100},
		{Label: "gone", Kind: plan.FaultSilent, VantagePoints: vps[:1], From: from.Add(time.Hour), Until: from.Add(80 * time.Minute), Percent: 100},
		{Label: "slow", Kind: plan.FaultSlow, RSIs: []measurement.RSI{"f"}, By: plan.Duration(90 * time.Millisecond), From: from, Until: until, Percent: 100},
		{Label: "unsent", Kind: plan.FaultLocalError, RSIs: []measurement.RSI{"h"}, From: from, Until: until, Percent: 100},
	}
	store := lake.Store{Dir: filepath.Join(home, "Lake")}
	if _, err := simulate.Run(t.Context(), store.Dir, simulate.Config{Plan: p, VantagePoints: vps, From: noon, Until: until, Seed: 2, Faults: faults}); err != nil {
		t.Fatal(err)
	}
	b := &alert.Book{Machine: "c00", Logs: filepath.Join(home, "Logs"), State: filepath.Join(home, "State"), Rules: rules, Now: func() time.Time { return *now }}
	if err := os.MkdirAll(b.Logs, 0o755); err != nil {
		t.Fatal(err)
	}
	return b, store, p
}

// windows are the metrics of windows in a book's file, by name and labels.
func windows(t *testing.T, b *alert.Book) map[string]float64 {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(b.Logs, "c00-alerts.prom"))
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]float64{}
	for line := range strings.Lines(string(data)) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), " ")
		if !strings.HasPrefix(name, "mtric_window_") {
			continue
		}
		if all[name], err = strconv.ParseFloat(value, 64); err != nil {
			t.Fatalf("%s: %v", line, err)
		}
	}
	return all
}

// expected are the same by loops over all rows, of the hour before end.
func expected(t *testing.T, s lake.Store, p *plan.Plan, end time.Time) map[string]float64 {
	t.Helper()
	rows, _, err := column.Read[measurement.Answer](s.Path(column.Answers, noon))
	if err != nil {
		t.Fatal(err)
	}
	zones, err := s.Zones()
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]float64{`mtric_window_end_timestamp_seconds{machine="c00"}`: float64(end.Unix())}
	for _, server := range p.Servers {
		for _, path := range measurement.Paths {
			_, before := server.AddressAt(path.Family, end.Add(-time.Hour))
			if _, now := server.AddressAt(path.Family, end.Add(-interval.Length)); !before && !now {
				continue
			}
			sent, good, newest := 0, 0, int64(0)
			var latencies []int64
			there := map[string]bool{}
			for _, a := range rows {
				if a.Query != "soa" || a.RSI != server.RSI || a.Family != path.Family || a.Transport != path.Transport ||
					a.Interval.Before(end.Add(-time.Hour)) || !a.Interval.Before(end) || a.Outcome == measurement.LocalError {
					continue
				}
				sent++
				there[fmt.Sprint(a.VantagePoint, a.Interval)] = true
				if a.Good() {
					good++
					latencies = append(latencies, *a.LatencyUS)
					newest = max(newest, *a.Serial)
				}
			}
			labels := fmt.Sprintf(`{machine="c00",rsi="%s",family="%s",transport="%s"}`, server.RSI, path.Family, path.Transport)
			all["mtric_window_queries"+labels] = float64(sent)
			all["mtric_window_coverage_ratio"+labels] = float64(len(there)) / float64(12*len(p.VantagePoints))
			if sent > 0 {
				all["mtric_window_availability_ratio"+labels] = float64(good) / float64(sent)
			}
			if n := len(latencies); n > 0 {
				slices.Sort(latencies)
				all["mtric_window_latency_median_seconds"+labels] = float64(latencies[(n-1)/2]+latencies[n/2]) / 2e6
			}
			if newest == 0 {
				continue
			}
			lag := 0.0
			for _, z := range zones {
				if z.Serial > newest && z.FirstSeen != nil && z.FirstSeen.Before(end) { // archived a minute after it came
					lag = max(lag, end.Sub(interval.Of(*z.FirstSeen)).Seconds())
				}
			}
			all["mtric_window_lag_seconds"+labels] = lag
		}
	}
	return all
}

// The gauges of each end are what the rows of the hour before say, whether the ends come one
// by one or as a backlog; what nobody saw is absent, and never good or bad.
func TestGauges(t *testing.T) {
	now := noon.Add(2*time.Hour + 4*time.Minute)
	b, store, p := gauged(t, &now)
	for _, hours := range []float64{2, 2 + 1./12, 4.5, 5.5, 6, 7.75, 8, 8.5, 11} {
		end := noon.Add(time.Duration(hours * float64(time.Hour))).Truncate(5 * time.Minute)
		now = end.Add(4 * time.Minute)
		evaluate(t, b, store)
		want, got := expected(t, store, p, end), windows(t, b)
		if diff := cmp.Diff(want, got, cmpopts.EquateApprox(0, 1e-6)); diff != "" {
			t.Fatalf("hour to %s (-loops +gauges):\n%s", end, diff)
		}
		if names := 1 + 5*13*4; len(got) > names {
			t.Errorf("%d series, at most %d", len(got), names)
		}
	}
	of := func(name, rsi string) string {
		return fmt.Sprintf(`mtric_window_%s{machine="c00",rsi="%s",family="ipv4",transport="udp"}`, name, rsi)
	}
	last := windows(t, b) // nothing has come for three hours
	if _, known := last[of("availability_ratio", "a")]; known || last[of("coverage_ratio", "a")] != 0 || last[of("queries", "a")] != 0 {
		t.Errorf("without data: %v", last)
	}
}

// What went wrong is seen, and what was never sent is not called unavailable.
func TestGaugesOfTrouble(t *testing.T) {
	now := noon.Add(7*time.Hour + 4*time.Minute)
	b, store, _ := gauged(t, &now)
	evaluate(t, b, store)
	got := windows(t, b)
	of := func(name, rsi string) string {
		return fmt.Sprintf(`mtric_window_%s{machine="c00",rsi="%s",family="ipv4",transport="udp"}`, name, rsi)
	}
	if a, known := got[of("availability_ratio", "g")]; !known || a != 0 {
		t.Errorf("g is down: %v", a)
	}
	for _, name := range []string{of("latency_median_seconds", "g"), of("availability_ratio", "h"), of("latency_median_seconds", "h"), of("lag_seconds", "h")} {
		if v, known := got[name]; known {
			t.Errorf("%s is %v, and nobody knows", name, v)
		}
	}
	if a, f := got[of("latency_median_seconds", "a")], got[of("latency_median_seconds", "f")]; f < 0.09 || a >= f {
		t.Errorf("f is slow: %v s, a: %v s", f, a)
	}
	if lag := got[of("lag_seconds", "c")]; lag < 3600 || lag > 2*3600 || got[of("lag_seconds", "a")] != 0 {
		t.Errorf("c has no zone of 17:00: %v s; a: %v s", lag, got[of("lag_seconds", "a")])
	}
	if c := got[of("coverage_ratio", "a")]; c != 0.75 {
		t.Errorf("three of four vantage points: %v", c)
	}
}

// The gauges stay while other commands write the file, until they are of no hour that is near.
func TestOldGaugesGo(t *testing.T) {
	now := noon.Add(2*time.Hour + 4*time.Minute)
	b, store, _ := gauged(t, &now)
	evaluate(t, b, store)
	first := windows(t, b)
	for minutes, want := range map[int]map[string]float64{4: first, 60: first, 61: {}} {
		now = noon.Add(2*time.Hour + time.Duration(minutes)*time.Minute)
		if err := b.Ran("watch", true); err != nil {
			t.Fatal(err)
		}
		if got := windows(t, b); !maps.Equal(got, want) {
			t.Errorf("%d minutes after: %d series, want %d", minutes, len(got), len(want))
		}
	}
}

// Whatever a plan asks, its RSIs and paths have their gauges, of query soa or of all it has;
// without vantage points in the plan it is the data that says who is expected. Over a lake without
// anything nobody is good or bad. A plan without window rules has none.
func TestGaugesOfShippedPlans(t *testing.T) {
	for name, want := range map[string]int{"rssac047": 0, "demo": 13 * 4, "zone": 6 + 4 + 2 + 2, "chaos": 0} {
		rules, l := compile(t, name, "", "")
		if rules == nil {
			t.Fatal(l.Error())
		}
		b := newBook(t)
		b.Machine, b.Rules, b.Now = "c00", rules, func() time.Time { return noon }
		evaluate(t, b, lake.Store{Dir: t.TempDir()})
		if err := b.Ran("ingest", true); err != nil {
			t.Fatal(err)
		}
		got := map[string]int{}
		for name, v := range windows(t, b) {
			if metric, _, _ := strings.Cut(name, "{"); metric != "mtric_window_end_timestamp_seconds" {
				if got[metric]++; v != 0 {
					t.Errorf("%s is %v", name, v)
				}
			}
		}
		expected := map[string]int{"mtric_window_coverage_ratio": want, "mtric_window_queries": want}
		if want == 0 {
			expected = map[string]int{}
		}
		if !maps.Equal(got, expected) {
			t.Errorf("%s: %v, want %v", name, got, expected)
		}
	}
}
