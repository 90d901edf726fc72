package metrics_test

import (
	stdcmp "cmp"
	"flag"
	"math/big"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"mtric.net/mtric/engine/column/sample"
	"mtric.net/mtric/metrics"
)

// lakes are numbered, not shrunk: a seed has no smaller one.
var lakes = flag.Int("lakes", 400, "how many drawn lakes the package and the nested loops are compared on; laws see a twentieth")

// drawn is how many lakes are drawn: a tenth with -short, which the race detector goes with.
func drawn() int {
	if testing.Short() {
		return *lakes / 10
	}
	return *lakes
}

func reference(w lakeRows) opinion { return judgeLiterally(w, "") }

// TestLaws holds the laws against the package.
func TestLaws(t *testing.T) {
	for _, law := range laws() {
		t.Run(law.name, func(t *testing.T) {
			t.Parallel()
			for seed := range uint64(drawn() / 20) {
				r := rand.New(rand.NewPCG(seed, 2))
				if wrong := law.check(r, law.draw(r), packaged); wrong != "" {
					t.Fatalf("lake %d: %s", seed, wrong)
				}
			}
		})
	}
}

// TestLawsOfReference holds them against the loops: a mistake that a law finds is then
// the planted one.
func TestLawsOfReference(t *testing.T) {
	for _, law := range laws() {
		t.Run(law.name, func(t *testing.T) {
			t.Parallel()
			for seed := range uint64(40) {
				r := rand.New(rand.NewPCG(seed, 47))
				if wrong := law.check(r, law.draw(r), reference); wrong != "" {
					t.Fatalf("lake %d: %s", seed, wrong)
				}
			}
		})
	}
}

// mistakes are planted in the reference; each must be found by the law that it breaks.
var mistakes = map[string]string{
	"bounds forget what is unknown":      "what is dropped raises no low and lowers no high",
	"a partial run is whole":             "what is dropped raises no low and lowers no high",
	"a partial run counts nothing":       "an outage is not mended by a local error",
	"thin values are judged":             "no completion contradicts a thin verdict",
	"what is missing was fast":           "no completion contradicts a thin verdict",
	"our silence is their delay":         "no dropped query lifts a wait over a threshold",
	"any sent query asks":                "no dropped query lifts a wait over a threshold",
	"nobody is named":                    "a fail that one vantage point causes rests on it",
	"t1 is enough":                       "no publication rests on one vantage point",
	"the first serials are new":          "no publication rests on one vantage point",
	"every run is trusted":               "what has no weight dates nothing",
	"early sightings count":              "what has no weight dates nothing",
	"bogus serials are accepted":         "what has no weight dates nothing",
	"off plan counts":                    "off plan is missing",
	"late runs count":                    "what came later does not count",
	"the frame has no dates":             "who is not there yet changes nothing",
	"an RSI's exclusion is the system's": "an RSI's exclusion is its own",
	"held answers do not matter":         "a pass has few answers held",
}

// TestLawsFindMistakes plants mistakes: laws that find none would be worth nothing.
func TestLawsFindMistakes(t *testing.T) {
	for mistake, name := range mistakes {
		t.Run(mistake, func(t *testing.T) {
			t.Parallel()
			judge := func(w lakeRows) opinion { return judgeLiterally(w, mistake) }
			for _, law := range laws() {
				if law.name != name {
					continue
				}
				for seed := range uint64(1000) {
					r := rand.New(rand.NewPCG(seed, 47))
					if wrong := law.check(r, law.draw(r), judge); wrong != "" {
						t.Logf("lake %d: %s", seed, wrong)
						return
					}
				}
			}
			t.Errorf("%q is not found by %q", mistake, name)
		})
	}
}

// packaged is what the package says of a lake.
func packaged(w lakeRows) (o opinion) {
	r, err := resultOf(w)
	if err != nil {
		panic(err)
	}
	for _, v := range r.Values {
		v.Unit, v.Limit, v.Diagnostics = "", metrics.Limit{}, metrics.Diagnostics{}
		o.values = append(o.values, v)
	}
	o.slots, o.stray, o.thin, o.frames, o.publications = r.Slots, r.Stray, r.Thin, r.Frames, r.Publications
	for _, l := range r.Lags {
		o.lags = append(o.lags, metrics.Lag{Serial: l.Serial, Published: l.Published, VantagePoint: l.VantagePoint, RSI: l.RSI, Minutes: l.Minutes, Censored: l.Censored})
	}
	sortLags(o.lags)
	return o
}

func resultOf(w lakeRows) (*metrics.Result, error) {
	a, err := metrics.New(w.cfg, w.zones)
	if err != nil {
		return nil, err
	}
	a.AddRuns(w.runs)
	if err := a.Add(sample.Batch(w.rows)); err != nil {
		return nil, err
	}
	return a.Compute(), nil
}

// The package and the nested loops agree on every field of drawn lakes.
func TestLiteral(t *testing.T) {
	for seed := range uint64(drawn()) {
		w := drawLake(rand.New(rand.NewPCG(seed, 1)))
		want, got := reference(w), packaged(w)
		if reflect.DeepEqual(want, got) {
			continue // nearly always, and faster
		}
		if d := cmp.Diff(want, got, sameOpinion); d != "" {
			t.Fatalf("lake %d: the loops (-), the package (+):\n%s", seed, d)
		}
	}
}

// A report that is computed again, when more has come into the lake, is the same.
func TestComputedAgain(t *testing.T) {
	for seed := range uint64(drawn() / 10) {
		r := rand.New(rand.NewPCG(seed, 3))
		w := drawLake(r)
		w.cfg.Accepted, w.cfg.Publications, w.cfg.ReceivedUntil = nil, nil, time.Time{}
		later := w.cfg.Until.AddDate(1, 0, 0)
		late := map[run]bool{}
		var first lakeRows
		for _, x := range w.runs {
			late[runAt(x.VantagePoint, x.Interval)] = x.IngestedAt != nil && r.IntN(8) == 0
		}
		first.cfg, first.zones = w.cfg, w.zones
		for i, x := range w.runs {
			if late[runAt(x.VantagePoint, x.Interval)] {
				w.runs[i].IngestedAt = &later
			} else {
				first.runs = append(first.runs, x)
			}
		}
		for _, a := range w.rows {
			if !late[runAt(a.VantagePoint, a.Interval)] {
				first.rows = append(first.rows, a)
			}
		}
		made, err := resultOf(first)
		if err != nil {
			t.Fatal(err)
		}
		if made.ReceivedUntil.IsZero() {
			continue // of a lake without these times nobody knows what came later
		}
		again := w
		again.cfg.ReceivedUntil, again.cfg.Publications, again.cfg.Accepted = made.ReceivedUntil, append([]metrics.Publication{}, made.Publications...), map[uint32]bool{}
		for _, s := range made.Accepted {
			again.cfg.Accepted[s] = true
		}
		remade, err := resultOf(again)
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(made.Publications, remade.Derived, cmpopts.EquateEmpty()); d != "" {
			t.Fatalf("lake %d: publications when it was made (-), by the data again (+):\n%s", seed, d)
		}
		if d := cmp.Diff(made.Accepted, remade.Known, cmpopts.EquateEmpty()); d != "" {
			t.Fatalf("lake %d: accepted when it was made (-), known again (+):\n%s", seed, d)
		}
		if d := cmp.Diff(packaged(first), packaged(again), sameOpinion); d != "" {
			t.Fatalf("lake %d: when it was made (-), again (+):\n%s", seed, d)
		}
	}
}

// sameOpinion does not mind whether nothing is nil.
var sameOpinion = cmp.Options{
	cmp.AllowUnexported(opinion{}), cmpopts.EquateEmpty(),
	cmp.Comparer(func(a, b *big.Rat) bool { return a == b || a != nil && b != nil && a.Cmp(b) == 0 }),
}

func sortLags(list []metrics.Lag) {
	slices.SortFunc(list, func(a, b metrics.Lag) int {
		return stdcmp.Or(stdcmp.Compare(a.Serial, b.Serial), stdcmp.Compare(a.VantagePoint, b.VantagePoint), stdcmp.Compare(a.RSI, b.RSI))
	})
}
