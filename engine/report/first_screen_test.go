package report_test

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"mtric.net/mtric/engine/plan"
	"mtric.net/mtric/engine/report"
	"mtric.net/mtric/metrics"
)

var matrixCell = regexp.MustCompile(`<td class="(pass|fail|no_data)" data-sign="([^"]*)" title="([^"]*)"><span class="unseen">([^<]*)</span>(?:<sup>[^<]*</sup>)?(?:<small>([^<]*)</small>)?</td>`)

// TestFirstScreen: all verdicts stand in one matrix before anything else, each with its
// sign, its word and what it rests on; the public edition has the numbers of the system alone.
func TestFirstScreen(t *testing.T) {
	store, _, p := week(t)
	d := frame(t, p, monday.AddDate(0, 0, 14))
	r, err := d.Fill(context.Background(), store)
	if err != nil {
		t.Fatal(err)
	}
	for name, x := range map[string]*report.Document{"full.html": d, "report.html": d.Public()} {
		var page, text bytes.Buffer
		if err := cmpErr(x.WriteHTML(&page, r), x.WriteText(&text)); err != nil {
			t.Fatal(err)
		}
		cells := matrixCell.FindAllStringSubmatch(page.String(), -1)
		if len(cells) != len(d.Values) || len(cells) != 140 {
			t.Fatalf("%s: %d cells of %d values", name, len(cells), len(d.Values))
		}
		failed, numbers := 0, 0
		for _, c := range cells {
			if (c[1] == "fail") != (c[2] == "✗") || (c[1] == "fail") != (c[4] == "FAIL") || !strings.Contains(c[3], ": "+c[4]) {
				t.Errorf("%s: %q", name, c[0])
			}
			if c[1] == "fail" {
				failed++
				if !strings.Contains(c[3], "left out") && !strings.Contains(c[3], "would be no FAIL without") {
					t.Errorf("%s: %q does not say what it rests on", name, c[3])
				}
			}
			if c[5] != "" {
				numbers++
			}
		}
		if want := d.Count(metrics.Fail); failed != want {
			t.Errorf("%s: %d of %d FAILs", name, failed, want)
		}
		if want := map[string]int{"full.html": 140, "report.html": 10}[name]; numbers != want {
			t.Errorf("%s: %d numbers, want %d", name, numbers, want)
		}
		if at := strings.Index(page.String(), `class="verdicts"`); at < 0 || at > strings.Index(page.String(), "<svg") {
			t.Errorf("%s: a picture stands before the verdicts", name)
		}
		if at := strings.Index(text.String(), "\nRSS  "); at < 0 || at > strings.Index(text.String(), "\nFAIL  ") {
			t.Errorf("%s: the text does not begin with its verdicts", name)
		}
	}
}

// TestNoValuesInPublic: no value of an RSI stands in what is public.
func TestNoValuesInPublic(t *testing.T) {
	store, _, p := week(t)
	d := frame(t, p, monday.AddDate(0, 0, 14))
	r, err := d.Fill(context.Background(), store)
	if err != nil {
		t.Fatal(err)
	}
	var page bytes.Buffer
	if err := cmpErr(d.Public().WriteHTML(&page, r), d.Public().WriteText(&page)); err != nil {
		t.Fatal(err)
	}
	ofSystem := map[string]bool{}
	for _, v := range d.Values {
		ofSystem[v.Shown()] = ofSystem[v.Shown()] || v.RSI == ""
	}
	for _, v := range d.Values {
		text := v.Shown()
		if v.RSI == "" || ofSystem[text] || v.Value == nil || !strings.Contains(text, ".") {
			continue // the system's own, or a number that stands for much
		}
		if strings.Contains(page.String(), text) || strings.Contains(page.String(), v.Exactly()) {
			t.Errorf("%s: %s is in public", v.Name(), text)
		}
	}
}

// TestLinks: a report leads to the data, the method and the plan that its contact
// publishes, to its revisions and to earlier reports; without a contact to what lies near.
func TestLinks(t *testing.T) {
	store, _, p := week(t)
	out := t.TempDir()
	for _, earlier := range []string{"weekly-2026-10-26", "weekly-2026-10-19", "weekly-2026-11-09", "monthly-2026-10", "weekly-2026-10-12"} {
		if err := os.MkdirAll(filepath.Join(out, earlier), 0o755); err != nil {
			t.Fatal(err)
		}
		if earlier != "weekly-2026-10-12" { // of which only a folder is left
			if err := os.WriteFile(filepath.Join(out, earlier, "report.html"), nil, 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	j := newJob(p, store, out)
	for range 2 {
		if err := run(t, j, frame(t, p, monday.AddDate(0, 0, 14))); err != nil {
			t.Fatal(err)
		}
		j.Force = true
		j.Plan.Contact = &plan.Contact{Label: "us", Name: "Measurers <b>", Email: "us@root.example.net", URL: "https://root.example.net/how", Data: "https://root.example.net/m/"}
	}
	for name, up := range map[string]string{"report.html": "", "internal/full.html": "../"} {
		path := filepath.Join(out, "weekly-2026-11-02", filepath.FromSlash(name))
		contains(t, path, `href="https://root.example.net/m/lake/"`, `href="https://root.example.net/m/docs/method.md"`, `href="https://root.example.net/m/lake/plans/`,
			`<a href="`+up+`revisions/1/report.html">Revision 1</a>`, `<a href="`+up+`../weekly-2026-10-26/report.html">2026-10-26</a>`, `<a href="`+up+`../weekly-2026-10-19/report.html">`,
			`href="mailto:us@root.example.net"`, "Measurers &lt;b&gt;", `<a href="https://root.example.net/how">`)
		lacks(t, path, "weekly-2026-11-09", "monthly-2026-10", "weekly-2026-10-12")
	}
	if _, err := os.Stat(filepath.Join(out, "weekly-2026-11-02", "revisions", "1", "report.html")); err != nil {
		t.Error(err)
	}
	lacks(t, filepath.Join(out, "weekly-2026-11-02", "revisions", "1", "report.html"), "root.example.net")
}
