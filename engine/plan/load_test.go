package plan_test

import (
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"

	"mtric.net/mtric/engine/diag/golden"
	"mtric.net/mtric/engine/measurement"
	"mtric.net/mtric/engine/plan"
	"mtric.net/mtric/plans"
)

// load loads a plan that must be good, without warnings.
func load(t testing.TB, vars map[string]string, dirs ...plan.Dir) *plan.Plan {
	t.Helper()
	p, l := plan.Load(dirs, vars)
	if p == nil || len(l.Diags) > 0 {
		t.Fatalf("plan refused: %s", l.Error())
	}
	return p
}

func shipped(t testing.TB, name string) plan.Dir {
	t.Helper()
	fsys, ok := plans.Dir(name)
	if !ok {
		t.Fatalf("no embedded plan %s", name)
	}
	return plan.Dir{Name: "plans/" + name, FS: fsys}
}

func inline(name, src string) plan.Dir {
	return plan.Dir{Name: name, FS: fstest.MapFS{"a.hcl": {Data: []byte(src)}}}
}

func TestShippedPlansAreComplete(t *testing.T) {
	for _, name := range plans.Names() {
		p := load(t, nil, shipped(t, name))
		if p.Name != name {
			t.Errorf("plan %s calls itself %s", name, p.Name)
		}
		if len(p.Reports) == 0 {
			continue // not of RSSAC047: TestSurveyAsksWhatVantagePointsAsk, TestPlansOfOperators
		}
		if len(p.Thresholds) != len(measurement.Metrics) || len(p.Servers) != 13 || len(p.Reports) != 2 {
			t.Errorf("%s: %d thresholds, %d servers, %d reports", name, len(p.Thresholds), len(p.Servers), len(p.Reports))
		}
	}
	if p := load(t, nil, shipped(t, "rssac047")); len(p.VantagePoints) > 0 || p.Collector != nil {
		t.Error("rssac047 names machines; they belong to the site")
	}
}

// TestPlansOfOperators: what is no plan of RSSAC047 has nothing of it, and what makes it one
// to copy.
func TestPlansOfOperators(t *testing.T) {
	zone, chaos := load(t, nil, shipped(t, "zone")), load(t, nil, shipped(t, "chaos"))
	for _, p := range []*plan.Plan{zone, chaos} {
		for _, label := range []string{measurement.QuerySOA, measurement.QueryCorrectness} {
			if _, reserved := p.Query(label); reserved || len(p.Thresholds) > 0 {
				t.Errorf("plan %s has query %s, or %d thresholds", p.Name, label, len(p.Thresholds))
			}
		}
	}
	apex, _ := zone.Query("apex")
	if _, servers, own := zone.ZoneOf(apex); !own || len(servers) != 4 || len(zone.Objectives) != 3 || zone.Collector == nil || len(zone.VantagePoints) < 2 {
		t.Errorf("zone: %d servers, %d objectives, %d vantage points", len(servers), len(zone.Objectives), len(zone.VantagePoints))
	}
	byFamily := map[string]int{}
	for _, s := range zone.Servers {
		byFamily[fmt.Sprintf("ipv6 %t, tls %t", s.Has(measurement.IPv6), s.TLS != nil)]++
	}
	if d := cmp.Diff(map[string]int{"ipv6 true, tls true": 1, "ipv6 true, tls false": 1, "ipv6 false, tls false": 2}, byFamily); d != "" {
		t.Errorf("servers of zone: %s", d)
	}
	for _, q := range chaos.Queries {
		if q.Class != "CH" || q.Expect == "" || q.KeepResponse != measurement.KeepAlways || len(q.Choices) > 0 {
			t.Errorf("query %s: %+v", q.Label, q)
		}
	}
	midday := time.Date(2026, 12, 1, 12, 0, 0, 0, time.UTC)
	for _, s := range load(t, nil, shipped(t, "rssac047")).Servers {
		of := chaos.ServersOf([]string{"root/" + string(s.RSI)})
		if len(of) != 1 {
			t.Fatalf("chaos does not ask %s", s.RSI)
		}
		for _, f := range measurement.Families {
			want, _ := s.AddressAt(f, midday)
			if got, _ := of[0].AddressAt(f, midday); got != want || of[0].Name != s.Name {
				t.Errorf("chaos asks %s at %s, rssac047 at %s", s.RSI, got, want)
			}
		}
	}
}

// TestSurveyAsksWhatVantagePointsAsk: a survey foretells what a vantage point
// would see only if it asks the same servers the same. Its example is a plan.
func TestSurveyAsksWhatVantagePointsAsk(t *testing.T) {
	example, err := fs.ReadFile(plans.FS, "survey/candidates.hcl.example")
	if err != nil {
		t.Fatal(err)
	}
	whole := load(t, nil, shipped(t, "rssac047"))
	// Candidates of one metropolitan area are warned of.
	survey, l := plan.Load([]plan.Dir{shipped(t, "survey"), inline("site", string(example))}, nil)
	if l.HasErrors() {
		t.Fatal(l.Error())
	}
	for what, d := range map[string]string{
		"servers":      cmp.Diff(whole.Servers, survey.ServersOf([]string{"root"}), cmp.Comparer(func(a, b netip.Addr) bool { return a == b })),
		"zone sources": cmp.Diff(whole.ZoneSources, survey.ZoneSources),
		"anchors":      cmp.Diff(whole.Anchors, survey.Anchors),
	} {
		if d != "" {
			t.Errorf("%s differ (-rssac047 +survey):\n%s", what, d)
		}
	}
	for _, q := range survey.Queries {
		want, _ := whole.Query(q.Label)
		q.Description, q.TransportsRange = want.Description, want.TransportsRange
		if d := cmp.Diff(want, q); d != "" {
			t.Errorf("query %s differs (-rssac047 +survey):\n%s", q.Label, d)
		}
	}
	if len(survey.Queries) != 2 || len(survey.VantagePoints) != 7 || len(survey.ServersOf([]string{"place"})) != 2 {
		t.Errorf("%d queries, %d candidates, %d places", len(survey.Queries), len(survey.VantagePoints), len(survey.ServersOf([]string{"place"})))
	}
}

// TestShippedFilesAreFormatted holds the shipped plans and examples to the
// form that fmt writes.
func TestShippedFilesAreFormatted(t *testing.T) {
	check := func(path string, src []byte) {
		out, l := plan.Format(src, path)
		if l.HasErrors() || string(out) != string(src) {
			t.Errorf("%s is not in the canonical form: %s", path, cmp.Diff(string(src), string(out)))
		}
	}
	err := fs.WalkDir(plans.FS, ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, ".hcl") {
			return err
		}
		src, err := fs.ReadFile(plans.FS, path)
		check(path, src)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	src, err := os.ReadFile("../../local/vantage-points.hcl.example")
	if err != nil {
		t.Fatal(err)
	}
	check("local/vantage-points.hcl.example", src)
	src, err = os.ReadFile("../../local/zone-sources.hcl.example")
	if err != nil {
		t.Fatal(err)
	}
	check("local/zone-sources.hcl.example", src)
}

// TestExampleZoneSources: another collector is asked for single zones and for no other.
func TestExampleZoneSources(t *testing.T) {
	src, err := os.ReadFile("../../local/zone-sources.hcl.example")
	if err != nil {
		t.Fatal(err)
	}
	p := load(t, nil, shipped(t, "rssac047"), inline("local", string(src)))
	var bySerial []string
	for _, z := range p.ZoneSources {
		if z.BySerial() {
			bySerial = append(bySerial, z.URL)
		}
	}
	if len(p.ZoneSources) != 6 || !slices.Equal(bySerial, []string{"https://c00.example.net/rootzones/{serial}.root.txt"}) || !p.HasNewest() {
		t.Errorf("sources by serial %v, of %d", bySerial, len(p.ZoneSources))
	}
	alone := load(t, nil, demo(t), inline("local", string(src)))
	for _, role := range []string{plan.RoleVantagePoint, plan.RoleCollector} {
		tab, err := plan.Crontab(alone, role, plan.CronOptions{})
		if err != nil || alone.HasNewest() || strings.Contains(tab, "zone fetch") {
			t.Errorf("%s fetches from nowhere: %v\n%s", role, err, tab)
		}
	}
}

// TestDemoJSON compares the canonical form, on which every stored hash rests.
func TestDemoJSON(t *testing.T) {
	p := load(t, nil, demo(t))
	golden.Compare(t, "testdata/demo.json", p.JSON())
	golden.Compare(t, "testdata/demo.sha256", []byte(p.SHA256()+"\n"))
}

func TestExampleVantagePoints(t *testing.T) {
	src, err := os.ReadFile("../../local/vantage-points.hcl.example")
	if err != nil {
		t.Fatal(err)
	}
	p := load(t, nil, shipped(t, "rssac047"), inline("local", string(src)))
	regions := map[string]int{}
	for _, v := range p.VantagePoints {
		regions[v.Region]++
		if want := map[byte]string{'1': "africa", '2': "asia_pacific", '3': "europe", '4': "latin_america", '5': "north_america"}[v.ID[0]]; v.Region != want {
			t.Errorf("%s lies in %s, its number says %s", v.ID, v.Region, want)
		}
	}
	if len(p.VantagePoints) != 20 || len(regions) != 5 || p.Collector == nil {
		t.Errorf("%d vantage points in %d regions, collector %v", len(p.VantagePoints), len(regions), p.Collector)
	}
	for r, n := range regions {
		if n != 4 {
			t.Errorf("%d vantage points in %s; the regions should be roughly even [gjr]", n, r)
		}
	}
}

// TestRenumbering asks for the address of b at times before, at and after the
// day it moved [yns].
func TestRenumbering(t *testing.T) {
	p := load(t, nil, shipped(t, "rssac047"))
	b := p.Servers[slices.IndexFunc(p.Servers, func(s plan.Server) bool { return s.RSI == "b" })]
	for _, c := range []struct{ at, ipv4, ipv6 string }{
		{"2016-01-01T00:00:00Z", "199.9.14.201", "2001:500:200::b"},
		{"2023-11-26T23:55:00Z", "199.9.14.201", "2001:500:200::b"},
		{"2023-11-27T00:00:00Z", "170.247.170.2", "2801:1b8:10::b"},
		{"2026-11-22T22:40:00Z", "170.247.170.2", "2801:1b8:10::b"},
	} {
		at, err := time.Parse(time.RFC3339, c.at)
		if err != nil {
			t.Fatal(err)
		}
		for family, want := range map[measurement.Family]string{measurement.IPv4: c.ipv4, measurement.IPv6: c.ipv6} {
			if a, ok := b.AddressAt(family, at); !ok || a.String() != want {
				t.Errorf("b at %s over %s: %v, want %s", c.at, family, a, want)
			}
		}
	}
}

func TestDemoWithoutIPv6(t *testing.T) {
	p := load(t, map[string]string{"ipv6": "false", "port_base": "20000", "sftp_port": "2222"}, demo(t))
	for i, s := range p.Servers {
		if len(s.Addresses) != 1 || s.Addresses[0].Family != measurement.IPv4 || int(s.Port) != 20001+i {
			t.Errorf("%s: %+v", s.RSI, s)
		}
	}
	if p.Collector.SFTP.Port != 2222 {
		t.Errorf("sftp port %d", p.Collector.SFTP.Port)
	}
}

const small = `
plan "small" {
  requires = ">= 1.0"
}
`
