package report_test

import (
	"archive/zip"
	"compress/gzip"
	"context"
	"encoding/csv"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"mtric.net/mtric/engine/column"
	"mtric.net/mtric/engine/interval"
	"mtric.net/mtric/engine/lab"
	"mtric.net/mtric/engine/lake"
	"mtric.net/mtric/engine/measurement"
	"mtric.net/mtric/engine/plan"
	"mtric.net/mtric/engine/report"
	"mtric.net/mtric/engine/simulate"
	"mtric.net/mtric/metrics"
)

// labZones are the lab's, small ones.
type labZones struct{ last *lab.Zone }

func (z *labZones) Start(seed uint64, serial uint32, inception, expiration time.Time) (simulate.Zone, string, error) {
	first, err := lab.Generate(lab.Options{Seed: seed, Serial: serial, TLDs: 60, Inception: inception, Expiration: expiration})
	z.last = first
	return labZone{first}, first.DS(), err
}

func (z *labZones) Next(serial uint32) (simulate.Zone, error) {
	next, err := z.last.NextVersion(lab.Revision{Serial: serial})
	z.last = next
	return labZone{next}, err
}

func (z *labZones) Software(rsi measurement.RSI) string { return string(lab.FlavourOf(rsi)) }

type labZone struct{ *lab.Zone }

func (z labZone) Answer(query []byte, software, nsid string, tcp bool) ([]byte, error) {
	return z.Zone.Answer(query, lab.Flavour(software), nsid, tcp)
}

// dossiers are those of a week whose last two days have data, and the two days
// after it: c is down over one path from the middle of the week on, m gets its
// zones 90 minutes late over another and loses some queries, h lies for two hours.
type dossiers struct {
	store lake.Store
	truth *simulate.Truth
	full  *report.Document
	dir   string // of the report
}

func struckWeek(t *testing.T) dossiers {
	t.Helper()
	p, dir := rssac047(t), t.TempDir()
	sunday, end := monday.AddDate(0, 0, 6), monday.AddDate(0, 0, 9)
	truth, err := simulate.Run(context.Background(), dir, simulate.Config{Plan: p, VantagePoints: []measurement.VantagePoint{"901", "902"},
		From: sunday.AddDate(0, 0, -1), Until: end, Seed: 3, Routes: true, Zones: &labZones{}, Version: "test",
		Faults: []plan.Fault{
			{Label: "down", Kind: plan.FaultDown, RSIs: []measurement.RSI{"c"}, Paths: []string{"ipv4/udp"}, From: sunday, Until: end, Percent: 100},
			{Label: "late", Kind: plan.FaultStale, RSIs: []measurement.RSI{"m"}, Paths: []string{"ipv6/tcp"}, From: monday, Until: end, Percent: 100, By: plan.Duration(90 * time.Minute)},
			{Label: "losing", Kind: plan.FaultDown, RSIs: []measurement.RSI{"m"}, From: monday, Until: end, Percent: 2},
			{Label: "lying", Kind: plan.FaultWrong, RSIs: []measurement.RSI{"h"}, From: sunday.Add(23 * time.Hour), Until: sunday.Add(25 * time.Hour), Percent: 100},
		}})
	if err != nil {
		t.Fatal(err)
	}
	d := dossiers{store: lake.Store{Dir: dir, Version: "test"}, truth: truth}
	j := newJob(p, d.store, t.TempDir())
	if err := run(t, j, frame(t, p, end)); err != nil {
		t.Fatal(err)
	}
	d.dir = filepath.Join(j.Out, "weekly-2026-11-02")
	d.full = read(t, filepath.Join(d.dir, "internal", "full.json"))
	if want := []measurement.RSI{"c", "h", "m"}; !slices.Equal(d.full.Failed(), want) {
		t.Fatalf("dossiers for %v, want %v", d.full.Failed(), want)
	}
	return d
}

// failed are the lines of an RSI's failed.csv by their columns' names.
func (d dossiers) failed(t *testing.T, rsi measurement.RSI) (lines []map[string]string) {
	t.Helper()
	f, err := os.Open(filepath.Join(d.dir, "rsi", string(rsi), "failed.csv.gz"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	text, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	rows, err := csv.NewReader(text).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range rows[1:] {
		line := map[string]string{}
		for i, name := range rows[0] {
			line[name] = r[i]
		}
		lines = append(lines, line)
	}
	return lines
}

// TestDossiers holds what the operators get against what is true [drc] [lpf].
func TestDossiers(t *testing.T) {
	d := struckWeek(t)
	t.Run("as many failed rows as the values say", d.testCounts)
	t.Run("the wrong answers are the planted ones", d.testEvidence)
	t.Run("a late zone by the rows that lack it", d.testLate)
	t.Run("everything measured on the days", d.testRows)
	t.Run("what the pages say", d.testPages)
}

// testCounts: a row of availability or correctness is in failed.csv exactly when
// it is missing in the numerator of a missed value.
func (d dossiers) testCounts(t *testing.T) {
	for _, rsi := range d.full.Failed() {
		got, want := map[string]int64{}, map[string]int64{}
		for _, l := range d.failed(t, rsi) {
			path := " " + l["family"] + " " + l["transport"]
			switch against := l["counts_against"]; against {
			case string(measurement.RSIAvailability):
				got[against+path]++
			case string(measurement.RSICorrectness):
				got[against]++
			}
		}
		for _, v := range d.full.Values {
			if v.RSI != rsi || v.Verdict != metrics.Fail {
				continue
			}
			if v.Metric == measurement.RSIAvailability {
				want[fmt.Sprintf("%s %s %s", v.Metric, v.Family, v.Transport)] = *v.Denominator - *v.Numerator
			}
			if v.Metric == measurement.RSICorrectness {
				want[string(v.Metric)] = *v.Denominator - *v.Numerator
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: failed rows (-denominator less numerator, +failed.csv):\n%s", rsi, diff)
		}
	}
}

// testEvidence: a wire and its text for each planted wrong answer of the period.
func (d dossiers) testEvidence(t *testing.T) {
	var want, got []string
	tags := map[string]string{}
	for _, p := range d.truth.Planted {
		if p.RSI == "h" && p.Interval.Before(d.full.Until) {
			name := fmt.Sprintf("%s-%s-%s-%s", interval.Format(p.Interval), p.VantagePoint, p.Family, p.Transport)
			want, tags[name] = append(want, name+".dns", name+".txt"), p.Tag
		}
	}
	dir := filepath.Join(d.dir, "rsi", "h", "evidence")
	got = list(t, dir)
	slices.Sort(want)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("evidence (-planted +there):\n%s", diff)
	}
	rows := d.lakeRows(t, "h", d.full.Until.AddDate(0, 0, -1))
	for name, tag := range tags {
		text, err := os.ReadFile(filepath.Join(dir, name+".txt"))
		if err != nil || !strings.Contains(string(text), "\n  "+tag+":") {
			t.Errorf("%s.txt does not say %s: %v\n%s", name, tag, err, text)
		}
		wire, err := os.ReadFile(filepath.Join(dir, name+".dns"))
		same := slices.ContainsFunc(rows, func(r measurement.Answer) bool {
			return r.Query == measurement.QueryCorrectness && strings.HasPrefix(name, interval.Format(r.Interval)+"-"+string(r.VantagePoint)) && string(r.Response) == string(wire)
		})
		if err != nil || !same {
			t.Errorf("%s.dns is not the wire of the row: %v", name, err)
		}
	}
}

// testLate: against publication latency count the rows without the awaited zone,
// and no row that has it; of the path that is late more than of all others.
func (d dossiers) testLate(t *testing.T) {
	older, unanswered := map[string]int{}, 0
	for _, l := range d.failed(t, "m") {
		if l["counts_against"] != string(measurement.RSIPublication) {
			t.Fatalf("counts against %s: %v", l["counts_against"], l)
		}
		switch {
		case l["serial"] == "":
			unanswered++
			if l["outcome"] != "timeout" {
				t.Errorf("neither serial nor failure: %v", l)
			}
		case l["serial"] >= l["awaited_serial"]:
			t.Errorf("counts against the wait for %s, but shows %s: %v", l["awaited_serial"], l["serial"], l)
		default:
			older[l["family"]+"/"+l["transport"]]++
		}
	}
	for path, n := range older { // the first minutes after a publication all paths lack it
		if path != "ipv6/tcp" && n > older["ipv6/tcp"]/10 {
			t.Errorf("%d older zones over %s, %d over ipv6/tcp, which alone is late", n, path, older["ipv6/tcp"])
		}
	}
	if older["ipv6/tcp"] < 36 || unanswered == 0 {
		t.Errorf("older zones %v, unanswered %d; want 90 minutes at two vantage points at least, and some lost queries", older, unanswered)
	}
}

// testRows: on days with failed rows the dossier has all answers and routes.
func (d dossiers) testRows(t *testing.T) {
	days := map[measurement.RSI][]string{"c": {"20261108"}, "h": {"20261108"}, "m": {"20261108", "20261109", "20261110"}}
	for rsi, want := range days {
		dir := filepath.Join(d.dir, "rsi", string(rsi))
		var there []string
		for _, f := range list(t, filepath.Join(dir, "answers")) {
			there = append(there, strings.TrimSuffix(strings.TrimPrefix(f, "answers-"), ".parquet"))
		}
		for _, day := range there {
			at, err := time.Parse("20060102", day)
			if err != nil {
				t.Fatal(err)
			}
			got, _, err := column.Read[measurement.Answer](filepath.Join(dir, "answers", "answers-"+day+".parquet"))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(d.lakeRows(t, rsi, at), got); diff != "" {
				t.Errorf("%s: answers of %s (-lake +dossier):\n%.2000s", rsi, day, diff)
			}
			routes, _, err := column.Read[measurement.Route](filepath.Join(dir, "routes", "routes-"+day+".parquet"))
			if err != nil {
				t.Fatal(err)
			}
			all, _, err := column.Read[measurement.Route](d.store.Path(column.Routes, at))
			if err != nil {
				t.Fatal(err)
			}
			own := slices.DeleteFunc(all, func(r measurement.Route) bool { return r.RSI != rsi })
			if diff := cmp.Diff(own, routes); diff != "" || len(own) == 0 {
				t.Errorf("%s: routes of %s (-lake +dossier):\n%.2000s", rsi, day, diff)
			}
		}
		if !slices.Equal(there, want) && rsi != "m" || !slices.Contains(there, want[0]) {
			t.Errorf("%s: answers of %v, want %v", rsi, there, want)
		}
		packed, err := zip.OpenReader(filepath.Join(d.dir, "rsi", "weekly-2026-11-02-"+string(rsi)+".zip"))
		if err != nil {
			t.Fatal(err)
		}
		if n := len(list(t, dir)); len(packed.File) != n {
			t.Errorf("%s: %d files packed of %d", rsi, len(packed.File), n)
		}
		if err := packed.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

func (d dossiers) lakeRows(t *testing.T, rsi measurement.RSI, day time.Time) []measurement.Answer {
	t.Helper()
	all, _, err := column.Read[measurement.Answer](d.store.Path(column.Answers, day))
	if err != nil {
		t.Fatal(err)
	}
	return slices.DeleteFunc(all, func(r measurement.Answer) bool { return r.RSI != rsi })
}
