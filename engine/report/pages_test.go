package report_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"mtric.net/mtric/engine/edition"
	"mtric.net/mtric/engine/lake"
	"mtric.net/mtric/engine/measurement"
	"mtric.net/mtric/engine/plan"
	"mtric.net/mtric/engine/report"
	"mtric.net/mtric/engine/simulate"
)

func contains(t *testing.T, path string, wanted ...string) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, w := range wanted {
		if !strings.Contains(string(text), w) {
			t.Errorf("%s lacks %q", filepath.Base(path), w)
		}
	}
}

// testPages: a dossier says of every missed metric when, from where, over which
// paths and servers, in words and beside the plot.
func (d dossiers) testPages(t *testing.T) {
	dir := func(name string) string { return filepath.Join(d.dir, "rsi", filepath.FromSlash(name)) }
	contains(t, dir("m/index.html"), "Failed rows: Publication latency", "<td>older zone</td>", "<td>no serial: timeout</td>", `<a href="failed.csv.gz">`, `<a href="answers/">`)
	contains(t, dir("h/index.html"), "Failed rows: Correctness", "<td>incorrect</td>", ".h.mtric.example</td>", `<a href="evidence/">`,
		"v4 udp, from 2026-11-08 23:00 UTC to 2026-11-09 00:00 UTC: ", `class="mark s`)
	n := 0
	for _, l := range d.failed(t, "c") {
		if l["counts_against"] == "rsi_availability" && l["vantage_point"] == "901" {
			n++
		}
	}
	contains(t, dir("c/index.html"), fmt.Sprintf("<tr><th scope=\"row\">901</th><td>IPv4 UDP</td><td>(none)</td><td>timeout</td><td>%d</td><td>2026-11-08 00:00 UTC</td><td>2026-11-08 23:55 UTC</td></tr>", n))
	contains(t, dir("c/README.txt"), "Availability  IPv4 UDP  timeout  576   2026-11-08 00:00 UTC  2026-11-08 23:55 UTC  901, 902")
}

// TestDrillDown: full.html has every RSI from every vantage point over every path.
func TestDrillDown(t *testing.T) {
	store, _, p := week(t)
	d := frame(t, p, monday.AddDate(0, 0, 14))
	r, err := d.Fill(context.Background(), store)
	if err != nil {
		t.Fatal(err)
	}
	var html, public bytes.Buffer
	if err := cmpErr(d.WriteHTML(&html, r), d.Public().WriteHTML(&public, r)); err != nil {
		t.Fatal(err)
	}
	for _, place := range d.Internal.Places {
		for _, want := range []string{
			fmt.Sprintf("<td>%s/%s <small>%s, p95 %s</small></td>", edition.Thousands(place.Good), edition.Thousands(place.Asked), *place.Median, *place.P95),
			fmt.Sprintf("%s from %s: median %s ms, p95 %s ms", place.RSI, place.VantagePoint, *place.Median, *place.P95),
		} {
			if !strings.Contains(html.String(), want) {
				t.Errorf("full.html lacks %q", want)
			}
		}
	}
	for _, of := range []string{"By vantage point", "Every value", "Where</h2>"} {
		if strings.Contains(public.String(), of) {
			t.Errorf("report.html has %q, which is not for the public", of)
		}
	}
}

// TestStripReachesUntil: in a report made early the days to come are drawn, so
// that the dates beneath stand under their hours.
func TestStripReachesUntil(t *testing.T) {
	store, _, p := week(t)
	d := frame(t, p, monday.AddDate(0, 0, 5))
	r, err := d.Fill(context.Background(), store)
	if err != nil {
		t.Fatal(err)
	}
	var html bytes.Buffer
	if err := d.WriteHTML(&html, r); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"a, from 2026-11-07 00:00 UTC to 2026-11-09 00:00 UTC: 0 of 0", "901, from 2026-11-07 00:00 UTC to 2026-11-09 00:00 UTC: 0 of 0 sent",
		"a, from 2026-11-02 00:00 UTC to 2026-11-03 00:00 UTC: medians of an hour, "} { // fields that share one are told together
		if !strings.Contains(html.String(), want) {
			t.Errorf("full.html lacks %q", want)
		}
	}
}

// TestMuchEvidence: where there is more than is written, the dossier says so.
func TestMuchEvidence(t *testing.T) {
	defer func(most int) { *report.MaxWires = most }(*report.MaxWires)
	*report.MaxWires = 5
	p, dir := rssac047(t), t.TempDir()
	if _, err := simulate.Run(context.Background(), dir, simulate.Config{Plan: p, VantagePoints: []measurement.VantagePoint{"901"},
		From: monday, Until: monday.Add(2 * time.Hour), Seed: 1, Version: "test", Faults: []plan.Fault{
			{Label: "lying", Kind: plan.FaultWrong, RSIs: []measurement.RSI{"h"}, From: monday, Until: monday.Add(time.Hour), Percent: 100}}}); err != nil {
		t.Fatal(err)
	}
	j := newJob(p, lake.Store{Dir: dir}, t.TempDir())
	if err := run(t, j, frame(t, p, monday.AddDate(0, 0, 14))); err != nil {
		t.Fatal(err)
	}
	h := filepath.Join(j.Out, "weekly-2026-11-02", "rsi", "h")
	if n := len(list(t, filepath.Join(h, "evidence"))); n != 5 {
		t.Errorf("%d files of evidence, want 5", n)
	}
	for _, name := range []string{"README.txt", "index.html"} {
		contains(t, filepath.Join(h, name), "judges them again: of the first 5 of 12; the others are in lake/")
	}
}
