package report_test

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"mtric.net/mtric/engine/column"
	"mtric.net/mtric/engine/lake"
	"mtric.net/mtric/engine/measurement"
	"mtric.net/mtric/engine/plan"
	"mtric.net/mtric/engine/report"
	"mtric.net/mtric/engine/simulate"
	"mtric.net/mtric/metrics"
	"mtric.net/mtric/plans"
)

var update = flag.Bool("update", false, "rewrite the golden files")

var monday = time.Date(2026, 11, 2, 0, 0, 0, 0, time.UTC)

func rssac047(t testing.TB) *plan.Plan {
	t.Helper()
	fsys, ok := plans.Dir("rssac047")
	if !ok {
		t.Fatal("no embedded plan rssac047")
	}
	p, l := plan.Load([]plan.Dir{{Name: "rssac047", FS: fsys}}, nil)
	if l.HasErrors() {
		t.Fatal(l.Error())
	}
	return p
}

// faulty makes c refuse TCP for two days, k freeze, h answer wrongly and VP 902
// be without IPv6, within a week.
func faulty() []plan.Fault {
	at := func(day int) time.Time { return monday.AddDate(0, 0, day) }
	return []plan.Fault{
		{Label: "refusing", Kind: plan.FaultRefused, RSIs: []measurement.RSI{"c"}, Paths: []string{"ipv4/tcp", "ipv6/tcp"}, From: at(1), Until: at(3), Percent: 100},
		{Label: "frozen", Kind: plan.FaultFrozen, RSIs: []measurement.RSI{"k"}, From: at(0), Until: at(30), Percent: 100},
		{Label: "wrong", Kind: plan.FaultWrong, RSIs: []measurement.RSI{"h"}, From: at(4), Until: at(4).Add(time.Hour), Percent: 100},
		{Label: "no-ipv6", Kind: plan.FaultUnreachable, VantagePoints: []measurement.VantagePoint{"902"}, Paths: []string{"ipv6/udp", "ipv6/tcp"}, From: at(2), Until: at(3), Percent: 100},
	}
}

// week is a lake of a week, the day before it and a day after it at two VPs. Tests
// share it and must not write to it.
func week(t testing.TB) (lake.Store, *simulate.Truth, *plan.Plan) {
	t.Helper()
	shared.Do(func() {
		shared.dir, shared.err = os.MkdirTemp("", "mtric-report-")
		if shared.err == nil {
			shared.truth, shared.err = weekIn(shared.dir, rssac047(t), 9)
		}
	})
	if shared.err != nil {
		t.Fatal(shared.err)
	}
	return lake.Store{Dir: shared.dir, Version: "test"}, shared.truth, rssac047(t)
}

var shared struct {
	sync.Once
	dir   string
	truth *simulate.Truth
	err   error
}

func TestMain(m *testing.M) {
	code := m.Run()
	_ = os.RemoveAll(shared.dir)
	os.Exit(code)
}

// weekIn simulates so many days from the day before the week.
func weekIn(dir string, p *plan.Plan, days int) (*simulate.Truth, error) {
	from := monday.AddDate(0, 0, -1)
	return simulate.Run(context.Background(), dir, simulate.Config{Plan: p, VantagePoints: []measurement.VantagePoint{"901", "902"},
		From: from, Until: from.AddDate(0, 0, days), Seed: 3, Faults: faulty(), Version: "test"})
}

// shortWeek is a lake of a test's own with the first two days of the week.
func shortWeek(t testing.TB) (lake.Store, *plan.Plan) {
	t.Helper()
	p, dir := rssac047(t), t.TempDir()
	if _, err := weekIn(dir, p, 3); err != nil {
		t.Fatal(err)
	}
	return lake.Store{Dir: dir, Version: "test"}, p
}

func frame(t testing.TB, p *plan.Plan, dataUntil time.Time) *report.Document {
	t.Helper()
	d, err := report.Frame(p, report.Weekly, monday, monday.AddDate(0, 0, 7), dataUntil, "test")
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func newJob(p *plan.Plan, store lake.Store, out string) report.Job {
	return report.Job{Plan: p, Store: store, Out: out, Version: "test"}
}

func run(t testing.TB, j report.Job, d *report.Document) error {
	t.Helper()
	old, err := j.Existing(report.Folder(d.Style, d.From))
	if err != nil {
		t.Fatal(err)
	}
	return j.Run(context.Background(), d, old)
}

func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.MkdirAll("testdata", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(string(want), string(got)); d != "" {
		t.Errorf("%s (-want +got):\n%s", name, d)
	}
}

func list(t *testing.T, dir string) (files []string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err == nil && !e.IsDir() {
			rel, _ := filepath.Rel(dir, path)
			files = append(files, filepath.ToSlash(rel))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

func read(t testing.TB, path string) *report.Document {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	d, err := report.Read(f)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// TestWeek makes a whole report and compares what people and programs read.
func TestWeek(t *testing.T) {
	store, truth, p := week(t)
	out := t.TempDir()
	from, until := monday.AddDate(0, 0, 5), monday.AddDate(0, 0, 6)
	p.Exclusions = []plan.Note{{Label: "902-ipv6", By: "the collector", Reason: "no IPv6 route at the vantage point's provider", Added: until,
		From: monday.AddDate(0, 0, 2), Until: monday.AddDate(0, 0, 3), VantagePoints: []measurement.VantagePoint{"902"}, Paths: []string{"ipv6/udp", "ipv6/tcp"}}}
	p.Annotations = []plan.Note{{Label: "k-maintenance", By: "operator of k", Reason: "distribution <script>stopped</script>", Added: until,
		From: from, Until: until, RSIs: []measurement.RSI{"k"}}}
	j := newJob(p, store, out)
	if err := run(t, j, frame(t, p, monday.AddDate(0, 0, 14))); err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(out, "weekly-2026-11-02")
	var files []string
	for _, f := range list(t, dir) {
		if !strings.Contains(f, "/evidence/") {
			files = append(files, f)
		}
	}
	golden(t, "files.txt", []byte(strings.Join(files, "\n")+"\n"))
	for _, f := range []string{"report.txt", "report.json", "report.html", "internal/full.txt", "rsi/c/README.txt", "rsi/h/README.txt", "rsi/k/index.html"} {
		text, err := os.ReadFile(filepath.Join(dir, filepath.FromSlash(f)))
		if err != nil {
			t.Fatal(err)
		}
		// The plan's hash changes with the plan, which has its own tests.
		text = bytes.ReplaceAll(text, []byte(p.SHA256()), []byte("PLAN_SHA256"))
		golden(t, strings.ReplaceAll(f, "/", "-"), text)
	}
	full := read(t, filepath.Join(dir, "internal", "full.json"))
	for i, v := range full.Values {
		if v.Without == nil || v.Diagnostics == nil {
			t.Errorf("%s %s: nothing beside the value", v.Metric, v.RSI)
		}
		if w := truth.Months[0].Values[i]; v.Metric != w.Metric || v.RSI != w.RSI || v.Family != w.Family || v.Transport != w.Transport {
			t.Errorf("value %d is %s %s, the truth has %s %s there", i, v.Metric, v.RSI, w.Metric, w.RSI)
		}
	}
	for _, name := range []string{"report.json", "internal/full.json"} {
		same(t, read(t, filepath.Join(dir, filepath.FromSlash(name))), store)
	}
}

// TestPublicHidesValues holds [ntt] [cpm] [gkr]: neither JSON nor text nor HTML for
// the public has a value of an RSI [F64].
func TestPublicHidesValues(t *testing.T) {
	store, _, p := week(t)
	d := frame(t, p, monday.AddDate(0, 0, 14))
	result, err := d.Fill(context.Background(), store)
	if err != nil {
		t.Fatal(err)
	}
	var text, html, js bytes.Buffer
	public := d.Public()
	if err := cmpErr(public.WriteText(&text), public.WriteHTML(&html, result), public.WriteJSON(&js)); err != nil {
		t.Fatal(err)
	}
	var doc struct{ Values []map[string]any }
	if err := json.Unmarshal(js.Bytes(), &doc); err != nil {
		t.Fatal(err)
	}
	for _, v := range doc.Values {
		var leaks []string
		for _, key := range []string{"numerator", "denominator", "value", "without_exclusions", "diagnostics"} {
			if _, there := v[key]; there {
				leaks = append(leaks, key)
			}
		}
		if _, rsi := v["rsi"]; rsi && len(leaks) > 0 {
			t.Errorf("report.json: %v has %v", v["rsi"], leaks)
		} else if !rsi && len(leaks) < 4 {
			t.Errorf("report.json: %v lacks the system's value [nuc]", v["metric"])
		}
	}
	for _, v := range d.Values {
		if v.RSI == "" || v.Numerator == nil || *v.Numerator < 1000 || v.Metric == measurement.RSIAvailability && *v.Numerator == *v.Denominator {
			continue
		}
		for name, page := range map[string]string{"text": text.String(), "HTML": html.String()} {
			if strings.Contains(page, v.Exactly()) || v.Unit == metrics.Millis && strings.Contains(page, v.Shown()) {
				t.Errorf("%s shows %s of %s: %s", name, v.Metric, v.RSI, v.Exactly())
			}
		}
	}
	if public.Digest != d.Digest {
		t.Error("the public report has another digest")
	}
}

func cmpErr(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// TestVerifyFindsOneRow changes one row of the lake, and one number of a report.
func TestVerifyFindsOneRow(t *testing.T) {
	store, p := shortWeek(t)
	d := frame(t, p, monday.AddDate(0, 0, 14))
	if _, err := d.Fill(context.Background(), store); err != nil {
		t.Fatal(err)
	}
	verify := func(d *report.Document) []string {
		t.Helper()
		var b bytes.Buffer
		if err := d.WriteJSON(&b); err != nil {
			t.Fatal(err)
		}
		again, err := report.Read(&b)
		if err != nil {
			t.Fatal(err)
		}
		v, err := report.Verify(context.Background(), again, store)
		if err != nil {
			t.Fatal(err)
		}
		return v.Differences
	}
	if found := verify(d); len(found) > 0 {
		t.Fatalf("nothing changed, but %v", found)
	}
	lie := *d
	lie.Values = slices.Clone(d.Values)
	lie.Values[0].Count++
	if found := verify(&lie); len(found) != 2 || !strings.HasPrefix(found[1], "rsi_availability a ipv4 udp count: the report says") {
		t.Errorf("a count was changed: %q", found)
	}
	for name, d := range map[string]*report.Document{"full": d, "public": d.Public()} {
		mixed := *d
		mixed.Values = slices.Clone(d.Values)
		mixed.Values[0], mixed.Values[5] = mixed.Values[5], mixed.Values[0]
		found := verify(&mixed)
		if want := "values: the report has rsi_availability b ipv4 tcp in place 1, the lake gives rsi_availability a ipv4 udp there"; !slices.Contains(found, want) {
			t.Errorf("%s: two values changed places: %q", name, found)
		}
	}
	path := store.Path(column.Answers, monday.AddDate(0, 0, 1))
	rows, meta, err := column.Read[measurement.Answer](path)
	if err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(rows, func(a measurement.Answer) bool { return a.Query == "soa" && a.RSI == "b" && a.RCode != nil })
	refused := "REFUSED"
	rows[i].RCode = &refused
	if err := column.Write(path, rows, meta); err != nil {
		t.Fatal(err)
	}
	for name, d := range map[string]*report.Document{"full": d, "public": d.Public()} {
		found := verify(d)
		if !slices.ContainsFunc(found, func(s string) bool { return strings.HasPrefix(s, "digest: the report says") }) {
			t.Errorf("%s: a row was changed: %q", name, found)
		}
		named := slices.ContainsFunc(found, func(s string) bool { return strings.HasPrefix(s, "rsi_availability b") })
		if name == "full" && !named {
			t.Errorf("%s: the value is not named: %q", name, found)
		}
	}
}

// TestCheckPlan names what the plan says otherwise.
func TestCheckPlan(t *testing.T) {
	store, _, p := week(t)
	d := frame(t, p, monday.AddDate(0, 0, 14))
	if _, err := d.Fill(context.Background(), store); err != nil {
		t.Fatal(err)
	}
	found, err := d.CheckPlan(p)
	if err != nil || len(found) > 0 {
		t.Errorf("the same plan: %q %v", found, err)
	}
	p.Thresholds = slices.Clone(p.Thresholds)
	p.Thresholds[0].AtLeast = new(plan.Percent)
	*p.Thresholds[0].AtLeast, _ = plan.ParsePercent("95")
	found, err = d.CheckPlan(p)
	if err != nil || len(found) != 2 || !strings.Contains(strings.Join(found, "\n"), "rsi_availability at_least: the report says 96, the plan says 95") {
		t.Errorf("another threshold: %q %v", found, err)
	}
}
