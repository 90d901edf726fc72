package metrics_test

import (
	"math/rand/v2"
	"testing"

	"pgregory.net/rapid"
)

// drawn is how many lakes each law sees in one check of rapid.
const drawn = 2

func reference(w lakeRows) opinion { return judgeLiterally(w, "") }

// TestLawsOfReference holds the laws against the reference.
func TestLawsOfReference(t *testing.T) { holdLaws(t, reference) }

func holdLaws(t *testing.T, judge judgement) {
	for _, law := range laws() {
		t.Run(law.name, func(t *testing.T) {
			t.Parallel()
			rapid.Check(t, func(t *rapid.T) {
				r := drawSeed(t)
				for range drawn {
					if wrong := law.check(r, law.draw(r), judge); wrong != "" {
						t.Fatal(wrong)
					}
				}
			})
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
