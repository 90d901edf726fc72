package report_test

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"mtric.net/mtric/engine/lake"
	"mtric.net/mtric/engine/measurement"
	"mtric.net/mtric/engine/plan"
	"mtric.net/mtric/engine/report"
	"mtric.net/mtric/engine/simulate"
	"mtric.net/mtric/metrics"
)

// TestPresentation holds every edition of a report against what a verdict rests on: one
// vantage point is without IPv6 for a night, one is silent for some hours, and m joins
// on the second day.
func TestPresentation(t *testing.T) {
	store, p := lying(t)
	second := monday.AddDate(0, 0, 1)
	for i := range p.Servers {
		if p.Servers[i].RSI != "m" {
			continue
		}
		p.Servers[i].Addresses = slices.Clone(p.Servers[i].Addresses)
		for k := range p.Servers[i].Addresses {
			p.Servers[i].Addresses[k].From = &second
		}
	}
	err := lake.Amend(store, monday, func(_ int64, a *measurement.Answer) {
		if a.VantagePoint == "901" && a.Family == measurement.IPv6 && a.Interval.Before(monday.Add(12*time.Hour)) {
			a.Outcome, a.RCode, a.LatencyUS, a.Serial, a.Verdict, a.VerdictSerial, a.NSID = measurement.Unreachable, nil, nil, nil, nil, nil, nil
		}
		if a.VantagePoint == "902" && a.Interval.After(monday.Add(20*time.Hour)) {
			a.Outcome, a.RCode, a.LatencyUS, a.Serial, a.Verdict, a.VerdictSerial, a.NSID, a.SentAt = measurement.LocalError, nil, nil, nil, nil, nil, nil, nil
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	j := newJob(p, store, t.TempDir())
	if err := run(t, j, frame(t, p, monday.AddDate(0, 0, 14))); err != nil {
		t.Fatal(err)
	}
	dir := func(name string) string { return filepath.Join(j.Out, "weekly-2026-11-02", filepath.FromSlash(name)) }
	d := read(t, dir("internal/full.json"))
	same(t, d, store)
	same(t, read(t, dir("report.json")), store)
	if len(d.Frames) != 2 || d.Frames[0].N != 12 || d.Frames[1].N != 13 || len(d.Publications) == 0 || len(d.Accepted) == 0 || d.Coverage.Unsent == 0 {
		t.Errorf("frames %+v, %d publications, %d accepted, coverage %+v", d.Frames, len(d.Publications), len(d.Accepted), d.Coverage)
	}
	if c := d.Coverage; c.Planned != c.Sent+c.Unsent+c.Missing+c.OffPlan {
		t.Errorf("planned is not the sum: %+v", c)
	}
	if v := d.VantagePoints[0]; v.Region != "africa" || v.Metro != "Nairobi" || v.Planned == 0 || v.Sent != v.Planned {
		t.Errorf("%+v", v)
	}

	hint := "at 901 all RSIs failed over IPv6 for some time"
	times := "at 901 all RSIs failed over IPv6 from 2026-11-02 00:00 UTC to 2026-11-02 12:00 UTC, an exclusion is proposed"
	alone := "would be no FAIL without vantage point 903"
	frames := "2026-11-02 00:00 UTC to 2026-11-03 00:00 UTC: n = 12, k = 8, RSIs a, b, c"
	for _, name := range []string{"report.txt", "report.html", "internal/full.txt", "internal/full.html"} {
		contains(t, dir(name), alone, "holds unless ", frames, "planned queries sent; ", "Nairobi")
	}
	for _, name := range []string{"report.txt", "report.html"} {
		contains(t, dir(name), hint, "over IPv4 UDP, IPv4 TCP")
		lacks(t, dir(name), times, "an exclusion is proposed", "last asked in vain")
	}
	contains(t, dir("internal/full.html"), "over IPv4 UDP (")
	for _, name := range []string{"internal/full.txt", "internal/full.html", "rsi/a/README.txt", "rsi/a/index.html"} {
		contains(t, dir(name), times)
	}
	// The labels that decide a publication latency, as the JSON has them.
	k := value(t, d, "rsi_publication_latency k")
	for _, w := range []*report.Wait{k.Diagnostics.Middle, k.Diagnostics.Longest} {
		if w == nil || w.LastAsked == nil || w.FirstSeen != nil || !w.Censored {
			t.Fatalf("%+v", w)
		}
		for _, name := range []string{"internal/full.txt", "internal/full.html", "rsi/k/README.txt", "rsi/k/index.html"} {
			contains(t, dir(name), w.String(), "last asked in vain "+w.LastAsked.UTC().Format("2006-01-02 15:04 UTC")+", first seen not before the data end")
		}
	}
	contains(t, dir("rsi/k/README.txt"), "SERIAL      PUBLISHED")
	first := readFile(t, dir("rsi/b/README.txt"))
	if at, table := strings.Index(first, "FAIL       availability of b"), strings.Index(first, "What was missed"); at < 0 || at > table {
		t.Error("the dossier does not begin with what the FAIL rests on")
	}
	// The picture: when, where, and in which unit.
	for _, name := range []string{"report.html", "internal/full.html"} {
		contains(t, dir(name), ">901 africa, Nairobi</text>", ">903 north america, Dallas</text>", ">2 Nov UTC</text>", "Each field is an hour",
			"902 europe, Frankfurt, from 2026-11-02 21:00 UTC to 2026-11-02 22:00 UTC: 0 of ", "none sent", `class="tick"`)
	}
	if thin := regexp.MustCompile(`(?m)^Note .*Less than nine tenths`); thin.MatchString(readFile(t, dir("report.txt"))) {
		t.Error("a report that is not thin says so")
	}
}

func readFile(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func lacks(t *testing.T, path string, unwanted ...string) {
	t.Helper()
	text := readFile(t, path)
	for _, u := range unwanted {
		if strings.Contains(text, u) {
			t.Errorf("%s has %q", filepath.Base(path), u)
		}
	}
}

// TestThinReport: what is thin says so first, its verdicts are explained, and the bounds of
// the system stand in public where they decide, those of an RSI in internal editions alone.
func TestThinReport(t *testing.T) {
	p, dir := rssac047(t), t.TempDir()
	p.VantagePoints = []plan.VantagePoint{{ID: "901"}}
	if _, err := simulate.Run(context.Background(), dir, simulate.Config{Plan: p, VantagePoints: []measurement.VantagePoint{"901"}, From: monday, Until: monday.Add(24 * time.Hour), Seed: 1, Version: "test"}); err != nil {
		t.Fatal(err)
	}
	d := filled(t, lake.Store{Dir: dir}, p)
	own, system := value(t, d, "rsi_availability a IPv4 UDP"), value(t, d, "rss_availability IPv4 UDP")
	if !d.Thin || !own.Thin || own.Verdict != metrics.NoData || own.Bounds == nil || system.Bounds == nil {
		t.Fatalf("thin %t, %+v", d.Thin, own)
	}
	if b := own.Bounds; b.Low.Denominator != 2016 || b.Low.Verdict != metrics.Fail || b.High.Verdict != metrics.Pass || b.Low.Numerator != *own.Numerator || b.High.Numerator != *own.Numerator+2016-288 {
		t.Errorf("bounds %+v of %d/%d", b, *own.Numerator, *own.Denominator)
	}
	var public, internal, js bytes.Buffer
	if err := cmpErr(d.Public().WriteText(&public), d.WriteText(&internal), d.Public().WriteJSON(&js)); err != nil {
		t.Fatal(err)
	}
	first, _, _ := strings.Cut(public.String(), "Root server system\n")
	for _, want := range []string{"Note       Less than nine tenths of the planned queries were sent", "No data    ", "what is missing could change the verdict"} {
		if !strings.Contains(first, want) {
			t.Errorf("the first lines lack %q:\n%s", want, first)
		}
	}
	if !strings.Contains(public.String(), system.Between()) || !strings.Contains(system.Between(), "between 14.") || !strings.HasSuffix(system.Between(), "100 % (pass)") {
		t.Errorf("the system's bounds: %q", system.Between())
	}
	if strings.Contains(public.String(), own.Between()) != (own.Between() == system.Between()) || !strings.Contains(internal.String(), own.Between()) {
		t.Errorf("bounds of an RSI: %q", own.Between())
	}
	var doc struct{ Values []map[string]json.RawMessage }
	if err := json.Unmarshal(js.Bytes(), &doc); err != nil {
		t.Fatal(err)
	}
	for _, v := range doc.Values {
		_, bounds := v["bounds"]
		if _, rsi := v["rsi"]; rsi && bounds {
			t.Error("report.json has the bounds of an RSI")
		}
		if string(v["thin"]) != "true" {
			t.Errorf("report.json: %s is not thin", v["metric"])
		}
	}
}
