package objectives_test

import (
	"flag"
	"math/rand/v2"
	"reflect"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"mtric.net/mtric/engine/column/sample"
	"mtric.net/mtric/engine/plan"
	"mtric.net/mtric/metrics/objectives"
)

var worlds = flag.Int("worlds", 120, "how many drawn worlds the package and the nested loops are compared on")

func drawn() uint64 {
	if testing.Short() {
		return uint64(*worlds / 10)
	}
	return uint64(*worlds)
}

// packaged is what the package says of a world.
func packaged(w world) *objectives.Result {
	a, err := objectives.New(w.cfg)
	if err != nil {
		panic(err)
	}
	a.AddRuns(w.runs)
	if err := a.Add(sample.Batch(w.rows)); err != nil {
		panic(err)
	}
	return a.Compute()
}

// compared is what both opinions give.
func compared(r *objectives.Result) []objectives.Outcome {
	for i := range r.Outcomes {
		for j := range r.Outcomes[i].Values {
			r.Outcomes[i].Values[j].Decides = nil
		}
	}
	return r.Outcomes
}

var same = cmp.Options{cmpopts.EquateEmpty(), cmp.Comparer(func(a, b plan.Percent) bool { return a == b })}

// The package and the nested loops agree on every field of drawn worlds.
func TestLiteral(t *testing.T) {
	for seed := range drawn() {
		w := drawWorld(rand.New(rand.NewPCG(seed, 1)))
		want, got := compared(judgeLiterally(w, "")), compared(packaged(w))
		if reflect.DeepEqual(want, got) {
			continue
		}
		if d := cmp.Diff(want, got, same); d != "" {
			t.Fatalf("world %d: the loops (-), the package (+):\n%s", seed, d)
		}
	}
}
