package report_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"mtric.net/mtric/engine/lake"
	"mtric.net/mtric/engine/measurement"
	"mtric.net/mtric/engine/plan"
	"mtric.net/mtric/engine/report"
	"mtric.net/mtric/metrics"
)

// percent is a threshold's bound.
func percent(t testing.TB, s string) *plan.Percent {
	t.Helper()
	p, err := plan.ParsePercent(s)
	if err != nil {
		t.Fatal(err)
	}
	return &p
}

// lowered is a report with another threshold, and values that fit it where they are refilled.
func lowered(t testing.TB, d *report.Document, store lake.Store, metric measurement.Metric, bound string, refill bool) *report.Document {
	t.Helper()
	own := *d
	own.Thresholds = slices.Clone(d.Thresholds)
	i := slices.IndexFunc(own.Thresholds, func(x plan.Threshold) bool { return x.Metric == metric })
	own.Thresholds[i].AtLeast = percent(t, bound)
	if refill {
		if err := report.FillAgain(t.Context(), &own, store); err != nil {
			t.Fatal(err)
		}
	}
	return &own
}

// only sees to it that the differences are these, in order, as far as they are given.
func only(t testing.TB, d *report.Document, store lake.Store, want ...string) {
	t.Helper()
	for name, d := range map[string]*report.Document{"full": d, "public": d.Public()} {
		v := verify(t, d, store)
		if len(v.Differences) != len(want) {
			t.Errorf("%s: %d differences %.2000q, want %q", name, len(v.Differences), v.Differences, want)
			continue
		}
		for i, w := range want {
			if !strings.HasPrefix(v.Differences[i], w) {
				t.Errorf("%s: difference %q, want %q", name, v.Differences[i], w)
			}
		}
	}
}

// TestVerifyByLakesPlan: a report is held to the plan that it names, where the lake has it.
func TestVerifyByLakesPlan(t *testing.T) {
	store, p := lying(t)
	d := filled(t, store, p)
	same(t, d, store)
	if v := verify(t, d, store); v.Plan != report.PlanOfReport {
		t.Fatalf("the lake has no plan: %q", v.Plan)
	}
	lie := lowered(t, d, store, measurement.RSICorrectness, "83", true)
	same(t, lie, store) // nobody can know
	if err := store.KeepPlan(p.JSON()); err != nil {
		t.Fatal(err)
	}
	same(t, d, store)
	if v := verify(t, d, store); v.Plan != report.PlanOfLake {
		t.Errorf("the lake has the plan: %q", v.Plan)
	}
	differs(t, lie, store, "thresholds rsi_correctness at_least: the report says 83, the plan says 100")
	differs(t, lie, store, "rsi_correctness h threshold: the report says 83, the plan says 100")
	differs(t, lie, store, "rsi_correctness h verdict: the report says \"pass\", the lake gives \"fail\"")
	for _, line := range verify(t, lie, store).Differences {
		if !strings.HasPrefix(line, "rsi_correctness ") && !strings.HasPrefix(line, "thresholds rsi_correctness ") && !strings.HasPrefix(line, "digest") {
			t.Errorf("the honest part is accused: %s", line)
		}
	}
	only(t, lowered(t, d, store, measurement.RSIAvailability, "0", false), store, "thresholds rsi_availability at_least: the report says 0, the plan says 96")

	moved := *d
	moved.VantagePoints = slices.Clone(d.VantagePoints)
	moved.VantagePoints[0].Metro = "Atlantis"
	only(t, &moved, store, "vantage_points 901 metro: the report says \"Atlantis\", the plan says \"Nairobi\"")
	moved.VantagePoints[0].Metro, moved.VantagePoints[0].Until = "Nairobi", new(monday)
	only(t, &moved, store, "vantage_points 901 until: the report says ")
	named := *d
	named.RSIs = slices.Clone(d.RSIs)
	named.RSIs[1].Name = "b.example."
	only(t, &named, store, "rsis b name: the report says \"b.example.\", the plan says \"b.root-servers.net")
	other := *d
	other.PlanSHA256 = strings.Repeat("0", 64)
	if v := verify(t, &other, store); v.Plan != report.PlanOfReport {
		t.Errorf("a plan that nobody has: %+v", v)
	}
}

// TestVerifyGivenPlan: a plan that is given says which exclusions there are; a lake's has none.
func TestVerifyGivenPlan(t *testing.T) {
	store, p := lying(t)
	out := plan.Note{Label: "x", Reason: "works", By: "noc", From: monday, Until: monday.Add(time.Hour)}
	excluded := *p
	excluded.Exclusions = []plan.Note{out}
	d := filled(t, store, &excluded)
	if err := store.KeepPlan(p.JSON()); err != nil {
		t.Fatal(err)
	}
	same(t, d, store)
	given := func(p *plan.Plan) []string {
		t.Helper()
		v, err := report.VerifyWith(t.Context(), d, store, p)
		if err != nil || v.Plan != report.PlanGiven {
			t.Fatal(v, err)
		}
		return v.Differences
	}
	if found := given(&excluded); len(found) > 0 {
		t.Errorf("%q", found)
	}
	if found := given(p); len(found) != 2 || !strings.HasPrefix(found[0], "exclusions x: ") || !strings.Contains(found[1], "values are not compared") {
		t.Errorf("without the exclusion: %q", found)
	}
	out.Reason = "storm"
	excluded.Exclusions = []plan.Note{out}
	if found := given(&excluded); len(found) != 1 || !strings.HasPrefix(found[0], "exclusions x reason: the report says \"works\", the plan says \"storm\"") {
		t.Errorf("another reason: %q", found)
	}
}

// TestHonestPart: what is false in a report is named, and not what it makes of the rest.
func TestHonestPart(t *testing.T) {
	store, p := lying(t)
	d := filled(t, store, p)
	only(t, lowered(t, d, store, measurement.RSIAvailability, "0", false), store,
		"thresholds: rsi_availability is held to 96 in the values, and to 0 by the report's thresholds", "the values are not compared")

	change := func(do func(*report.Document)) *report.Document {
		own := *d
		own.Publications, own.Accepted = slices.Clone(d.Publications), slices.Clone(d.Accepted)
		do(&own)
		return &own
	}
	only(t, change(func(d *report.Document) { d.Publications[0].T = d.Publications[0].T.Add(5 * time.Minute) }), store,
		"publications ", "the values are compared with what the lake's publications give")
	only(t, change(func(d *report.Document) { d.Publications = d.Publications[1:] }), store,
		"publications ", "the values are compared with what the lake's publications give")
	only(t, change(func(d *report.Document) { d.Accepted = d.Accepted[:len(d.Accepted)-1] }), store,
		"accepted ", "the values are not compared")
	zones, err := store.Zones()
	if err != nil {
		t.Fatal(err)
	}
	only(t, change(func(d *report.Document) { d.ArchivedUntil = zones[0].ArchivedAt }), store,
		"archived_until: ", "the values are not compared")
}

// TestOwnDigest: a digest that is not of the report's values is told in plain words.
func TestOwnDigest(t *testing.T) {
	store, p := lying(t)
	own := *filled(t, store, p)
	digest := own.Digest
	own.Digest = strings.Repeat("0", 64)
	v := verify(t, &own, store)
	if want := "digest: the report says " + own.Digest + ", but that of its values is " + digest; len(v.Differences) != 1 || v.Differences[0] != want {
		t.Errorf("%q, want %q", v.Differences, want)
	}
}

// TestWithoutSeveral: a FAIL that rests on no single vantage point ends without those that
// accuse.
func TestWithoutSeveral(t *testing.T) {
	store, p := lying(t)
	const name = "rsi_availability d IPv6 TCP"
	d := filled(t, store, p)
	if v := value(t, d, name); v.Verdict != metrics.Fail || v.Fewest != 2 {
		t.Fatalf("%+v", v)
	}
	for _, c := range []struct {
		vps  []measurement.VantagePoint
		want metrics.Verdict
	}{{[]measurement.VantagePoint{"902"}, metrics.Fail}, {[]measurement.VantagePoint{"902", "901"}, metrics.Fail}, {[]measurement.VantagePoint{"902", "903"}, metrics.Pass}} {
		values, err := report.Without(t.Context(), d, store, c.vps...)
		if err != nil {
			t.Fatal(err)
		}
		i := slices.IndexFunc(values, func(v report.Value) bool { return v.Name() == name })
		if i < 0 || values[i].Verdict != c.want {
			t.Errorf("without %v: %+v, want %s", c.vps, values[i], c.want)
		}
	}
}
