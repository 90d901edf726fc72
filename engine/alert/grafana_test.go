package alert_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// dashboard is what Grafana must find in a dashboard to show it.
type dashboard struct {
	UID, Title    string
	SchemaVersion int
	Timezone      string
	Time          struct{ From, To string }
	Templating    struct {
		List []struct {
			Name, Type string
			Query      any
			Datasource struct{ Type, UID string }
		}
	}
	Panels []panel
}

type panel struct {
	ID                       int
	Type, Title, Description string
	Datasource               struct{ Type, UID string }
	GridPos                  struct{ X, Y, W, H int }
	FieldConfig              struct {
		Defaults  map[string]any
		Overrides []any
	}
	Options map[string]any
	Targets []struct {
		Expr, RefID, LegendFormat string
		Datasource                struct{ Type, UID string }
		Instant, Range            bool
	}
}

func readDashboard(t *testing.T) (d dashboard) {
	t.Helper()
	data, err := os.ReadFile(filepath.FromSlash("../../docs/grafana/mtric.json"))
	if err == nil {
		err = json.Unmarshal(data, &d)
	}
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// TestDashboard holds what Grafana needs of each part, and that panels neither hide nor
// overhang.
func TestDashboard(t *testing.T) {
	d := readDashboard(t)
	if d.UID == "" || d.Title == "" || d.SchemaVersion < 39 || d.Timezone != "utc" || d.Time.From == "" || d.Time.To != "now" {
		t.Errorf("dashboard %q %q, schema %d, %s, %+v", d.UID, d.Title, d.SchemaVersion, d.Timezone, d.Time)
	}
	var variables []string
	for _, v := range d.Templating.List {
		if variables = append(variables, v.Name); v.Type == "query" && (v.Datasource.UID != "${datasource}" || v.Query == nil) {
			t.Errorf("variable %+v", v)
		}
	}
	if want := []string{"datasource", "rsi", "family", "transport"}; !slices.Equal(variables, want) {
		t.Errorf("variables %v, want %v", variables, want)
	}
	ids, taken := map[int]bool{}, map[[2]int]string{}
	for _, p := range d.Panels {
		if p.ID < 1 || ids[p.ID] || p.Title == "" || p.Description == "" || !slices.Contains([]string{"stat", "table", "timeseries"}, p.Type) ||
			p.Datasource.Type != "prometheus" || p.Datasource.UID != "${datasource}" || len(p.Targets) == 0 || p.Options == nil || p.FieldConfig.Defaults == nil {
			t.Errorf("panel %d %q lacks something", p.ID, p.Title)
		}
		ids[p.ID] = true
		refs := map[string]bool{}
		for _, target := range p.Targets {
			if target.Expr == "" || target.RefID == "" || refs[target.RefID] || target.Datasource.UID != "${datasource}" || target.Instant == target.Range {
				t.Errorf("panel %q: target %+v", p.Title, target)
			}
			refs[target.RefID] = true
		}
		if g := p.GridPos; g.W < 1 || g.H < 1 || g.X < 0 || g.X+g.W > 24 {
			t.Errorf("panel %q is at %+v", p.Title, g)
		}
		for x := range p.GridPos.W {
			for y := range p.GridPos.H {
				at := [2]int{p.GridPos.X + x, p.GridPos.Y + y}
				if taken[at] != "" {
					t.Fatalf("panels %q and %q lie over one another", taken[at], p.Title)
				}
				taken[at] = p.Title
			}
		}
	}
}

// TestDashboardAsksWhatIsThere holds each metric of the dashboard, and each label that it
// picks by, against what the collector writes; and that none is left out.
func TestDashboardAsksWhatIsThere(t *testing.T) {
	now := noon.Add(7*time.Hour + 4*time.Minute)
	b, store, _ := gauged(t, &now)
	evaluate(t, b, store)
	if err := b.Ran("ingest", true); err != nil {
		t.Fatal(err)
	}
	written := map[string]bool{}
	for line := range strings.Lines(prom(t, b)) {
		if name, help, _ := strings.Cut(strings.TrimPrefix(line, "# HELP "), " "); strings.HasPrefix(line, "# HELP ") {
			if written[name] = false; len(help) < 20 {
				t.Errorf("%s: help %q", name, help)
			}
		}
	}
	text := prom(t, b)
	selector, labels := regexp.MustCompile(`\b(mtric_[a-z_]+)({[^}]*})?`), regexp.MustCompile(`([a-z_]+)(=~?|!=)"`)
	var asked []string
	for _, p := range readDashboard(t).Panels {
		for _, target := range p.Targets {
			asked = append(asked, target.Expr)
		}
	}
	for _, v := range readDashboard(t).Templating.List {
		if q, ok := v.Query.(map[string]any); ok {
			asked = append(asked, q["query"].(string))
		}
	}
	for _, expr := range asked {
		for _, part := range selector.FindAllStringSubmatch(expr, -1) {
			metric := part[1]
			if _, known := written[metric]; !known {
				t.Errorf("%s: no metric %s is written", expr, metric)
			}
			written[metric] = true
			for _, l := range labels.FindAllStringSubmatch(part[2], -1) {
				if !regexp.MustCompile(metric + `\{[^}]*\b` + l[1] + `="`).MatchString(text) {
					t.Errorf("%s: %s has no label %s", expr, metric, l[1])
				}
			}
		}
	}
	for metric, is := range written {
		if !is {
			t.Errorf("nothing shows %s", metric)
		}
	}
}
