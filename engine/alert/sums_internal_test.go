package alert

import (
	"fmt"
	"io/fs"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"mtric.net/mtric/engine/column"
	"mtric.net/mtric/engine/interval"
	"mtric.net/mtric/engine/lake"
	"mtric.net/mtric/engine/measurement"
	"mtric.net/mtric/engine/plan"
	"mtric.net/mtric/plans"
)

const summedRules = `
rule "slower" {
  on       = "window"
  over     = ["rsi", "family"]
  window   = "24h"
  severity = "info"
  expr     = "window.sent >= 3 && window.median_latency > previous.median_latency"
  summary  = "{rsi} {family}: {previous.median_latency} to {window.median_latency} ms of {window.sent}"
}
rule "losing" {
  on       = "window"
  over     = ["vantage_point", "query"]
  window   = "30h"
  severity = "info"
  expr     = "window.availability < 80.0 || window.p95_latency > 0.9"
  summary  = "{window.answered} {window.outcomes.timeout} {window.rcodes.servfail} {window.availability} {window.p95_latency}"
}
rule "sliding" {
  on       = "window"
  over     = ["rsi"]
  window   = "15m"
  severity = "info"
  expr     = "window.coverage < 50.0"
  summary  = "{window.coverage}"
}
`

// summedPlan has three vantage points, the third until a time.
func summedPlan(t *testing.T, until string) *Rules {
	t.Helper()
	base, _ := plans.Dir("rssac047")
	text := summedRules
	for vp, more := range map[string]string{"101": "", "301": "", "501": until} {
		text += fmt.Sprintf("vantage_point %q {\n region = \"africa\"\n metro = \"x\"\n%s}\n", vp, more)
	}
	p, l := plan.Load([]plan.Dir{{Name: "base", FS: base}, {Name: "local", FS: fstest.MapFS{"a.hcl": {Data: []byte(text)}}}}, nil)
	if p == nil {
		t.Fatal(l.Error())
	}
	p.Rules = slices.DeleteFunc(p.Rules, func(r plan.Rule) bool { return !slices.Contains([]string{"slower", "losing", "sliding"}, r.Label) })
	rules, l := Compile(p)
	if rules == nil {
		t.Fatal(l.Error())
	}
	return rules
}

// history is a lake that things happen to, and the sums that are kept of it.
type history struct {
	*testing.T
	*rand.Rand
	store lake.Store
	sums  string
	plan  *plan.Plan
	rows  map[time.Time][]measurement.Answer // by day
}

// answers are those of some vantage points at a time.
func (h *history) answers(at time.Time) (all []measurement.Answer) {
	for _, vp := range []measurement.VantagePoint{"101", "301", "501"} {
		if h.IntN(5) == 0 {
			continue
		}
		for _, query := range []string{"correctness", "soa"} {
			for _, rsi := range []measurement.RSI{"a", "b"} {
				a := measurement.Answer{VantagePoint: vp, Interval: at, SentAt: &at, Query: query, RSI: rsi, Family: "ipv4", Transport: "udp", QName: ".", QType: "SOA",
					Outcome: measurement.Outcomes[max(0, h.IntN(20)-13)], Attempts: 1, Address: elsewhere}
				for _, s := range h.plan.Servers {
					if address, ok := s.AddressAt(a.Family, at); ok && s.RSI == rsi && h.IntN(20) > 0 {
						a.Address = address.String()
					}
				}
				if a.Outcome == measurement.Answered {
					a.RCode = new([]string{"NOERROR", "NOERROR", "NOERROR", "SERVFAIL", "NOTIMP"}[h.IntN(5)])
					a.LatencyUS = new(50 * h.Int64N(20))
					if h.IntN(3) == 0 {
						a.Expected = new(h.IntN(2) == 0)
					}
					if h.IntN(4) == 0 {
						a.TLSAuth = new(measurement.TLSAuths[h.IntN(len(measurement.TLSAuths))])
					}
				}
				if a.Outcome == measurement.LocalError {
					a.SentAt = nil
				}
				all = append(all, a)
			}
		}
	}
	return all
}

// write writes a day anew, with the file's former time and whatever size it takes.
func (h *history) write(day time.Time) {
	h.Helper()
	path := h.store.Path(column.Answers, day)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		h.Fatal(err)
	}
	was, _ := os.Stat(path)
	if err := column.Write(path, h.rows[day], column.Metadata{}); err != nil {
		h.Fatal(err)
	}
	if was != nil {
		if err := os.Chtimes(path, was.ModTime(), was.ModTime()); err != nil {
			h.Fatal(err)
		}
	}
}

// clocks writes the runs of a day, some by clocks that were wrong.
func (h *history) clocks(day time.Time) {
	h.Helper()
	var runs []measurement.Run
	for _, a := range h.rows[day] {
		if n := len(runs); n == 0 || runs[n-1].VantagePoint != a.VantagePoint || !runs[n-1].Interval.Equal(a.Interval) {
			runs = append(runs, measurement.Run{VantagePoint: a.VantagePoint, Interval: a.Interval, StartedAt: a.Interval, Timestamps: "user", ClockSynchronized: new(h.IntN(3) > 0)})
		}
	}
	path := h.store.Path(column.Runs, day)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		h.Fatal(err)
	}
	if err := column.Write(path, runs, column.Metadata{}); err != nil {
		h.Fatal(err)
	}
}

// late brings answers of a time that the day has nothing of.
func (h *history) late(day time.Time) {
	h.more(day)
	h.write(day)
}

func (h *history) more(day time.Time) {
	at := day.Add(time.Duration(h.IntN(288)) * interval.Length)
	if !slices.ContainsFunc(h.rows[day], func(a measurement.Answer) bool { return a.Interval.Equal(at) }) {
		h.rows[day] = append(h.rows[day], h.answers(at)...)
	}
}

// happen lets something happen to one of the days or to its sums.
func (h *history) happen(day time.Time) {
	files, _ := filepath.Glob(filepath.Join(h.sums, day.Format("20060102")+"-*"))
	each := func(do func(path string, data []byte) error) {
		for _, path := range files {
			data, err := os.ReadFile(path)
			if err == nil {
				err = do(path, data)
			}
			if err != nil {
				h.Fatal(err)
			}
		}
	}
	switch h.IntN(9) {
	case 0:
		h.late(day)
	case 1: // rows are others than they were
		for i := range h.rows[day] {
			if a := &h.rows[day][i]; a.LatencyUS != nil && h.IntN(3) == 0 {
				a.LatencyUS = new(50 * h.Int64N(20))
			}
		}
		h.write(day)
	case 2: // compacted
		h.write(day)
	case 3:
		h.rows[day] = nil
		_ = os.Remove(h.store.Path(column.Answers, day))
	case 4:
		each(func(path string, _ []byte) error { return os.Remove(path) })
	case 5: // as a kill or a full disk might
		each(func(path string, data []byte) error { return os.WriteFile(path, data[:h.IntN(len(data))], 0o644) })
	case 6:
		each(func(path string, data []byte) error {
			data[h.IntN(len(data))] ^= 1 << h.IntN(8)
			return os.WriteFile(path, data, 0o644)
		})
	case 8: // clocks turn out to have been right, and others wrong
		h.clocks(day)
	case 7: // those of another day
		each(func(path string, data []byte) error {
			other := filepath.Join(h.sums, day.AddDate(0, 0, 1).Format("20060102")+filepath.Base(path)[8:])
			return os.WriteFile(other, data, 0o644)
		})
	}
}

// found is what is told of one combination.
type found struct {
	finding     finding
	said, rests string
	now, last   Window
}

// end evaluates one end.
func (h *history) end(rules *Rules, end time.Time, dir string) map[string]found {
	h.Helper()
	w, err := rules.walker(h.Context(), h.store, end, end, "")
	if dir != "" {
		w.stop()
		w, err = rules.walkerAt(h.Context(), h.store, end, dir)
	}
	if err != nil {
		h.Fatal(err)
	}
	defer w.stop()
	var mu sync.Mutex
	all := map[string]found{}
	err = w.walk(h.Context(), end, end, func(_ time.Time, r *rule, f *frame, is finding, err error) error {
		mu.Lock()
		defer mu.Unlock()
		is2 := found{finding: is, said: r.say(f)}
		if is == holds {
			is2.rests = f.alone(r)
		}
		for to, of := range map[*Window]any{&is2.now: f.object.Interface(), &is2.last: f.previous.Interface()} {
			w := of.(Window)
			*to = Window{Sent: w.Sent, Answered: w.Answered, HasData: w.HasData, Availability: w.Availability,
				MedianLatency: w.MedianLatency, P95Latency: w.P95Latency, Outcomes: w.Outcomes, RCodes: w.RCodes}
		}
		all[keyOf(r.Label, f.labels)] = is2
		return err
	})
	if err != nil {
		h.Fatal(err)
	}
	return all
}

// The law of sums: whatever happened to the lake, the plan and the files, what is found and
// told is what the rows say.
func TestSumsAreWhatTheRowsSay(t *testing.T) {
	plans := []*Rules{summedPlan(t, ""), summedPlan(t, " until = \"2026-11-05T03:00:00Z\"\n")}
	held, kept, rested := 0, 0, 0
	for seed := range uint64(6) {
		h := &history{T: t, Rand: rand.New(rand.NewPCG(seed, 9)), store: lake.Store{Dir: t.TempDir()}, sums: filepath.Join(t.TempDir(), "sums"),
			plan: plans[0].Plan, rows: map[time.Time][]measurement.Answer{}}
		first := interval.Day(start)
		for d := range 4 {
			day := first.AddDate(0, 0, d)
			for range 20 {
				h.more(day)
			}
			h.write(day)
		}
		rules, end := plans[0], first.AddDate(0, 0, 4).Add(-10*time.Minute)
		for step := range 16 {
			for range h.IntN(3) {
				h.happen(first.AddDate(0, 0, 1+h.IntN(4)))
			}
			if h.IntN(6) == 0 {
				rules = plans[h.IntN(2)]
			}
			before := inodes(t, h.sums)
			got, want := h.end(rules, end, h.sums), h.end(rules, end, "")
			if d := gocmp.Diff(want, got, gocmp.AllowUnexported(found{})); d != "" {
				t.Fatalf("seed %d, step %d, end %s (-rows +sums):\n%s", seed, step, end, d)
			}
			for path, is := range inodes(t, h.sums) {
				if os.SameFile(before[path], is) {
					kept++
				}
			}
			for f := range maps.Values(got) {
				if f.finding == holds {
					held++
				}
				if f.rests != "" {
					rested++
				}
			}
			end = end.Add(time.Duration(1+h.IntN(2)*h.IntN(100)) * interval.Length)
		}
	}
	if held < 100 || kept < 50 || rested < 10 {
		t.Errorf("%d held, %d files of sums were used again, %d rest on one vantage point: this shows little", held, kept, rested)
	}
}

func inodes(t *testing.T, dir string) map[string]fs.FileInfo {
	t.Helper()
	all := map[string]fs.FileInfo{}
	files, _ := os.ReadDir(dir)
	for _, f := range files {
		info, err := f.Info()
		if err != nil {
			t.Fatal(err)
		}
		all[f.Name()] = info
	}
	return all
}
