package alert

import (
	"fmt"
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
	"pgregory.net/rapid"

	"mtric.net/mtric/engine/column"
	"mtric.net/mtric/engine/interval"
	"mtric.net/mtric/engine/lake"
	"mtric.net/mtric/engine/measurement"
	"mtric.net/mtric/engine/plan"
	"mtric.net/mtric/plans"
)

const slidingRules = `
rule "long" {
  on       = "window"
  over     = ["rsi"]
  window   = "24h"
  severity = "info"
  expr     = "window.median_latency > previous.p95_latency && window.lag > 0.0 && window.nsids > previous.nsids"
  summary  = "x"
}
rule "short" {
  on       = "window"
  over     = ["vantage_point"]
  window   = "15m"
  severity = "info"
  expr     = "window.coverage < 50.0"
  summary  = "x"
}
`

const threeOfThem = `
vantage_point "{each.key}" {
  for_each = { 101 = "africa", 301 = "europe", 501 = "north_america" }
  region   = each.value
  metro    = "x"
}
`

func slidingPlan(t *testing.T, more string) *Rules {
	t.Helper()
	base, _ := plans.Dir("rssac047")
	p, l := plan.Load([]plan.Dir{{Name: "base", FS: base}, {Name: "local", FS: fstest.MapFS{"a.hcl": {Data: []byte(slidingRules + more)}}}}, nil)
	if p == nil {
		t.Fatal(l.Error())
	}
	p.Rules = slices.DeleteFunc(p.Rules, func(r plan.Rule) bool { return r.Label != "long" && r.Label != "short" })
	rules, l := Compile(p)
	if rules == nil {
		t.Fatal(l.Error())
	}
	return rules
}

// slidingLake is days of an answer per hour, each with an NSID that no other day has. One
// vantage point begins on the fifth day, and there is no third day.
func slidingLake(t *testing.T, p *plan.Plan, days int) lake.Store {
	t.Helper()
	store, r := lake.Store{Dir: t.TempDir()}, rand.New(rand.NewPCG(3, 5))
	for d := range days {
		var all []measurement.Answer
		for h := range 24 {
			for _, vp := range []measurement.VantagePoint{"101", "301", "501"} {
				if vp == "501" && d < 4 {
					continue
				}
				at := interval.Day(start).AddDate(0, 0, d).Add(time.Duration(h)*time.Hour + 55*time.Minute)
				a := measurement.Answer{VantagePoint: vp, Interval: at, SentAt: &at, Query: "soa", RSI: "a", Family: "ipv4", Transport: "udp", QName: ".", QType: "SOA",
					Outcome: measurement.Answered, Attempts: 1, RCode: new("NOERROR"), LatencyUS: new(r.Int64N(40)), Serial: new(2026110100 + int64(d)), NSID: new(fmt.Sprint(d, "-", r.IntN(4)))}
				for _, s := range p.Servers {
					if address, ok := s.AddressAt(a.Family, at); ok && s.RSI == a.RSI {
						a.Address = address.String()
					}
				}
				all = append(all, a)
			}
		}
		path := store.Path(column.Answers, all[0].Interval)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if d == 2 {
			continue
		}
		if err := column.Write(path, all, column.Metadata{}); err != nil {
			t.Fatal(err)
		}
	}
	var zones []measurement.Zone
	for d := range days {
		at := start.AddDate(0, 0, d)
		zones = append(zones, measurement.Zone{Serial: 2026110100 + int64(d), FirstSeen: &at, FirstUsed: &at, State: measurement.ZoneSeen})
	}
	if err := store.SaveZones(zones); err != nil {
		t.Fatal(err)
	}
	return store
}

func slidden(t *testing.T, rules *Rules, store lake.Store, days int, first func(*walker)) (w *walker, all map[string]any) {
	t.Helper()
	from := interval.Day(start).AddDate(0, 0, 1)
	until := interval.Day(start).AddDate(0, 0, days)
	w, err := rules.walker(t.Context(), store, from, until, "")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.stop)
	first(w)
	all = map[string]any{}
	var mu sync.Mutex
	err = w.walk(t.Context(), from, until, func(end time.Time, r *rule, f *frame, _ finding, err error) error {
		mu.Lock()
		defer mu.Unlock()
		all[fmt.Sprint(end, r.Label, f.labels)] = []any{f.object.Interface(), f.previous.Interface()}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return w, all
}

// What was let go is missed by no window.
func TestSlidingChangesNothing(t *testing.T) {
	const days = 9
	for name, c := range map[string]struct {
		plan         string
		combinations int
	}{"vantage points of the data": {"", 1 + 3}, "of the plan": {threeOfThem, 13 + 3}} {
		t.Run(name, func(t *testing.T) {
			rules := slidingPlan(t, c.plan)
			store := slidingLake(t, rules.Plan, days)
			_, want := slidden(t, rules, store, days, func(w *walker) {
				if err := w.slide.hold(t.Context(), w.slide.from, w.slide.until); err != nil {
					t.Fatal(err)
				}
			})
			w, got := slidden(t, rules, store, days, func(*walker) {})
			if len(want) != ((days-1)*288+1)*c.combinations {
				t.Errorf("%d windows", len(want))
			}
			if w.slide.gone == 0 {
				t.Error("nothing was let go, and this shows nothing")
			}
			for _, key := range slices.Sorted(maps.Keys(want)) {
				if d := gocmp.Diff(want[key], got[key]); d != "" {
					t.Fatalf("%s (-held +slid):\n%s", key, d)
				}
			}
		})
	}
}

// The bar of memory: what is kept follows the longest window, not the period.
func TestSlideIsBoundedByTheLongestWindow(t *testing.T) {
	rules := slidingPlan(t, threeOfThem)
	const day = 24 * 3
	for _, days := range []int{12, 24} {
		w, _ := slidden(t, rules, slidingLake(t, rules.Plan, days), days, func(*walker) {})
		// Two days of the windows, the day of the ends, and the end of the day before these.
		if most := w.slide.most; most > 4*day || most < 3*day {
			t.Errorf("%d days: %d rows were held at a time, %d are of a day", days, most, day)
		}
		if n := len(w.slide.g.nsids.values); n > 4*(4+1) {
			t.Errorf("%d days: %d NSIDs are kept, 4 are of a day", days, n)
		}
	}
}

// The law of an order: it is a sorted list.
func TestOrderIsASortedList(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		var o order
		var list []int32
		r := rand.New(rand.NewPCG(rapid.Uint64().Draw(rt, "seed"), 1))
		most, of := rapid.IntRange(1, 3000).Draw(rt, "most"), rapid.Int32Range(1, 5000).Draw(rt, "of")
		for range 3 * most {
			if len(list) > 0 && (len(list) >= most || r.IntN(3) == 0) {
				i := r.IntN(len(list))
				o.change(list[i], -1)
				list = slices.Delete(list, i, i+1)
			} else {
				v := r.Int32N(of)
				o.change(v, 1)
				i, _ := slices.BinarySearch(list, v)
				list = slices.Insert(list, i, v)
			}
		}
		if o.n != len(list) {
			rt.Fatalf("%d values, want %d", o.n, len(list))
		}
		for i, v := range list {
			if got := o.at(i); got != float64(v)/1000 {
				rt.Fatalf("rank %d: %v ms, want %d µs", i, got, v)
			}
		}
	})
}
