package report_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"mtric.net/mtric/engine/measurement"
	"mtric.net/mtric/engine/plan"
	"mtric.net/mtric/engine/report"
	"mtric.net/mtric/metrics"
)

// TestLateVerdictsWithoutExclusions: what a report says as measured, exclusions
// disregarded, is held to the data when answers got their verdict since, as its values are.
func TestLateVerdictsWithoutExclusions(t *testing.T) {
	store, p := lying(t)
	from, until := monday.Add(6*time.Hour), monday.Add(12*time.Hour)
	p.Exclusions = []plan.Note{{Label: "dark", By: "us", Reason: "power", Added: monday, From: from, Until: until, VantagePoints: []measurement.VantagePoint{"901"}}}
	judged, put := answersOf(t, store, monday)
	// Of b eight answers are held, five of them excluded.
	held, n := slices.Clone(judged), map[bool]int{}
	var last int
	for i := range held {
		a := &held[i]
		excluded := !a.Interval.Before(from) && a.Interval.Before(until)
		if a.RSI != "b" || a.VantagePoint != "901" || a.Verdict == nil || n[excluded] == map[bool]int{true: 5, false: 3}[excluded] {
			continue
		}
		if n[excluded]++; excluded {
			last = i
		}
		a.Verdict, a.VerdictSerial, a.Failures = new(measurement.Unchecked), nil, []string{"hold: no zone fetch since"}
	}
	put(held)
	d := filled(t, store, p)
	if v := value(t, d, "rsi_correctness b"); v.Held != 3 || v.Without.Held != 8 || v.Without.Count <= v.Count {
		t.Fatalf("%d held, as measured %+v", v.Held, v.Without)
	}
	same(t, d, store)
	half := slices.Clone(held) // the excluded ones are judged first
	for i, a := range judged {
		if !a.Interval.Before(from) && a.Interval.Before(until) {
			half[i] = a
		}
	}
	wrong := slices.Clone(judged)
	wrong[last].Verdict, wrong[last].Failures = new(measurement.Incorrect), []string{"vnk: x"}
	for name, rows := range map[string][]measurement.Answer{"all": judged, "the excluded ones": half, "one wrongly": wrong} {
		put(rows)
		for _, of := range []*report.Document{d, d.Public()} {
			if v := verify(t, of, store); len(v.Differences) > 0 || of.Internal != nil && len(v.Late) == 0 {
				t.Errorf("%s judged since: %.400q, late %q", name, v.Differences, v.Late)
			}
		}
	}
	put(judged)
	for name, change := range map[string]func(*report.Side){
		"verdict":       func(s *report.Side) { s.Verdict = metrics.NoData },
		"fail":          func(s *report.Side) { s.Verdict = metrics.Fail },
		"more held":     func(s *report.Side) { s.Held++ },
		"fewer":         func(s *report.Side) { s.Count--; *s.Denominator--; *s.Numerator-- },
		"fewer, held":   func(s *report.Side) { s.Count -= 90; *s.Denominator -= 90; *s.Numerator -= 90; s.Held += 90 },
		"incorrect":     func(s *report.Side) { *s.Numerator--; s.Verdict = metrics.Fail },
		"more correct":  func(s *report.Side) { s.Count += 6; *s.Denominator += 6; *s.Numerator += 6; s.Held -= 6 },
		"other numbers": func(s *report.Side) { s.Numerator, s.Denominator = nil, nil },
		"censored":      func(s *report.Side) { s.Censored = true },
	} {
		for _, of := range []string{"rsi_correctness b", "rss_correctness"} {
			var lie report.Document
			text, err := json.Marshal(d)
			if err != nil || json.Unmarshal(text, &lie) != nil {
				t.Fatal(err)
			}
			v := value(t, &lie, of)
			if name == "fail" && v.Without.Verdict == metrics.Fail {
				continue
			}
			change(v.Without)
			if v := verify(t, &lie, store); !slices.ContainsFunc(v.Differences, func(s string) bool { return strings.HasPrefix(s, of+" without_exclusions") }) {
				t.Errorf("%s of %s: %.300q", name, of, v.Differences)
			}
		}
	}
}
