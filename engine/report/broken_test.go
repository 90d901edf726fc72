package report_test

import (
	"bytes"
	"context"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"mtric.net/mtric/engine/lake"
	"mtric.net/mtric/engine/measurement"
	"mtric.net/mtric/engine/plan"
	"mtric.net/mtric/engine/report"
)

func brokenOf(t *testing.T, d *report.Document, rsi measurement.RSI) []report.Broken {
	t.Helper()
	for _, v := range d.Values {
		if v.Metric == measurement.RSICorrectness && v.RSI == rsi {
			return v.Diagnostics.Broken
		}
	}
	t.Fatalf("no correctness of %s", rsi)
	return nil
}

// The report says of an RSI that is not correct which rules it broke and how: the
// stale server, the flipped bit. Excluded answers are not counted.
func TestBrokenRules(t *testing.T) {
	store, p := shortWeek(t)
	incorrect := measurement.Incorrect
	texts := [][]string{
		{"vnk: ./SOA in Answer is of zone 2026110100, which is older than 2026110201", "vnk: ./SOA in Authority is of zone 2026110100, which is older than 2026110201"},
		{"vnk: ./SOA in Answer is of zone 2026110100, which is older than 2026110201"},
		{"vnk: us./DS in Answer: 1 is one bit different from 0 of zone 2026110201", "yds: signature of us./DS by key 1: does not verify"},
	}
	n := 0
	err := lake.Amend(store, monday, func(_ int64, a *measurement.Answer) {
		if a.RSI == "b" && a.Query == "correctness" && n < len(texts) {
			a.Verdict, a.Failures = &incorrect, texts[n]
			n++
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	fill := func(p *plan.Plan) *report.Document {
		d := frame(t, p, monday.AddDate(0, 0, 14))
		if _, err := d.Fill(context.Background(), store); err != nil {
			t.Fatal(err)
		}
		return d
	}
	d := fill(p)
	var got []string
	for _, b := range brokenOf(t, d, "b") {
		if b.Answers == 0 || len(b.VantagePoints) == 0 || !strings.HasPrefix(b.Example, "2026-11-02 00:") || !strings.Contains(b.Example, ": "+b.Tag+": ") {
			t.Errorf("%+v", b)
		}
		got = append(got, strings.Repeat("*", int(b.Answers))+" "+b.Tag+" "+b.Class)
	}
	want := []string{"** vnk older zone 2026110100", "* vnk one bit different", "* yds signature does not verify"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	var text bytes.Buffer
	if err := d.WriteText(&text); err != nil || !strings.Contains(text.String(), "older zone 2026110100") {
		t.Errorf("full.txt does not explain it: %v", err)
	}
	same(t, d, store)
	for _, v := range d.Public().Values {
		if v.Diagnostics != nil && len(v.Diagnostics.Broken) > 0 {
			t.Errorf("the public report has broken rules of %q", v.RSI)
		}
	}
	p.Exclusions = []plan.Note{{Label: "b", By: "us", Reason: "a test", Added: monday, From: monday, Until: monday.AddDate(0, 0, 1), RSIs: []measurement.RSI{"b"}}}
	if b := brokenOf(t, fill(p), "b"); len(b) > 0 {
		t.Errorf("excluded, and yet %+v", b)
	}
}
