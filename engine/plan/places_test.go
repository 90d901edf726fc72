package plan_test

import (
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"mtric.net/mtric/engine/diag/golden"
	"mtric.net/mtric/engine/plan"
)

const methodPage = "../../docs/method.md"

// TestMethodNamesThePlaces holds the table of docs/method.md to the vantage
// points of the example [uys]; a site renders the page with its own plan.
func TestMethodNamesThePlaces(t *testing.T) {
	example, err := os.ReadFile("../../local/vantage-points.hcl.example")
	if err != nil {
		t.Fatal(err)
	}
	p := load(t, nil, shipped(t, "rssac047"), inline("local", string(example)))
	page, err := os.ReadFile(methodPage)
	if err != nil {
		t.Fatal(err)
	}
	want, err := plan.PlacesInto(string(page), p)
	if err != nil {
		t.Fatal(err)
	}
	if *golden.Update {
		if err := os.WriteFile(methodPage, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if d := cmp.Diff(want, string(page)); d != "" {
		t.Errorf("docs/method.md (-want +got), go test ./engine/plan -update mends it:\n%s", d)
	}
	if n := strings.Count(want, "\n| "); n < 21 {
		t.Errorf("%d rows of tables: the twenty places are not there", n)
	}
}

// TestExampleIsEven: twenty places, four in each of the five regions, each
// metropolitan area once [fdz] [gjr] [lrr] [fzt] [knk] [vak] [ttz].
func TestExampleIsEven(t *testing.T) {
	example, err := os.ReadFile("../../local/vantage-points.hcl.example")
	if err != nil {
		t.Fatal(err)
	}
	p := load(t, nil, shipped(t, "rssac047"), inline("local", string(example)))
	regions, metros := map[string]int{}, map[string]bool{}
	for _, v := range p.VantagePoints {
		regions[v.Region]++
		metros[v.Metro] = true
	}
	want := map[string]int{"africa": 4, "asia_pacific": 4, "europe": 4, "latin_america": 4, "north_america": 4}
	if d := cmp.Diff(want, regions); d != "" || len(metros) != 20 {
		t.Errorf("%d metropolitan areas; %s", len(metros), d)
	}
}

func TestPlaces(t *testing.T) {
	p := load(t, nil, inline("p", small+`
vantage_point "301" {
  region   = "europe"
  metro    = "a|b <script>"
  provider = "x"
  from     = "2026-12-01"
  until    = "2027-01-01T12:00:00Z"
}
`))
	want := "| vantage point | host | region | metropolitan area | provider | from | until |\n|---|---|---|---|---|---|---|\n" +
		"| 301 | 301.mtric.net | europe | a\\|b &lt;script> | x | 2026-12-01 00:00 | 2027-01-01 12:00 |\n"
	if got := plan.Places(p); got != want {
		t.Errorf("%s\nwant %s", got, want)
	}
	if got := plan.Places(load(t, nil, inline("p", small))); got != "The plan names no vantage points.\n" {
		t.Error(got)
	}
	const begin, end = "<!-- places: begin -->\n", "<!-- places: end -->\n"
	once, err := plan.PlacesInto("a\n"+begin+"old\n"+end+"b\n", p)
	if err != nil || once != "a\n"+begin+"\n"+want+"\n"+end+"b\n" {
		t.Errorf("%q, %v", once, err)
	}
	if again, err := plan.PlacesInto(once, p); err != nil || again != once {
		t.Errorf("a second time: %q, %v", again, err)
	}
	for _, page := range []string{"", begin, end + begin, "a"} {
		if _, err := plan.PlacesInto(page, p); err == nil {
			t.Errorf("%q has no place for the table", page)
		}
	}
}
