package atlas_test

import (
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"

	"mtric.net/mtric/engine/atlas"
)

// The page says which ids the built-in measurements have.
func TestDocsHaveTheBuiltInMeasurements(t *testing.T) {
	page, err := os.ReadFile("../../docs/second-opinion.md")
	if err != nil {
		t.Fatal(err)
	}
	built := atlas.BuiltIn()
	var rsis, offsets []string
	for line := range strings.Lines(string(page)) {
		cells := strings.Split(strings.Trim(strings.TrimSpace(line), "|"), "|")
		for i := range cells {
			cells[i] = strings.TrimSpace(cells[i])
		}
		switch cells[0] {
		case "RSI":
			rsis = cells[1:]
		case "offset":
			offsets = cells[1:]
		}
	}
	if len(rsis) != 13 || len(offsets) != 13 {
		t.Fatalf("%d RSIs, %d offsets", len(rsis), len(offsets))
	}
	found := 0
	for _, m := range regexp.MustCompile("(?m)^\\| (1[0-9]{2}) \\| (1[0-9]{2}) \\| `([^`]+)` (CH )?([A-Z]+) \\| (udp|tcp) \\|$").FindAllStringSubmatch(string(page), -1) {
		for i, rsi := range rsis {
			for prefix, family := range map[string]string{m[1]: "ipv4", m[2]: "ipv6"} {
				var id int64
				if _, err := fmt.Sscan(prefix+offsets[i], &id); err != nil {
					t.Fatal(err)
				}
				q := built[id]
				found++
				if string(q.RSI) != rsi || string(q.Family) != family || string(q.Transport) != m[6] || q.Name != m[3] || q.Type != m[5] || q.Class != strings.TrimSpace(m[4]) {
					t.Errorf("%d is %+v", id, q)
				}
			}
		}
	}
	if found != len(built) {
		t.Errorf("the page has %d of %d", found, len(built))
	}
}

// The page has every reason and no other.
func TestDocsHaveTheReasons(t *testing.T) {
	page, err := os.ReadFile("../../docs/second-opinion.md")
	if err != nil {
		t.Fatal(err)
	}
	_, table, _ := strings.Cut(string(page), "## Results that become no row")
	table, _, _ = strings.Cut(table, "\n## ")
	var got []string
	for _, m := range regexp.MustCompile("(?m)^\\| `([a-z_]+)` \\|").FindAllStringSubmatch(table, -1) {
		got = append(got, m[1])
	}
	want := []string{atlas.NoResult, atlas.TooLong, atlas.OtherType, atlas.OtherSet, atlas.IdentityLeft, atlas.UnknownQuestion, atlas.NotRoot, atlas.Contradiction,
		atlas.Retried, atlas.BadTime, atlas.BadProbe, atlas.NoResponse, atlas.BadResponse, atlas.NoTiming, atlas.Known, atlas.SecondInInterval, atlas.SecondInHour}
	if strings.Join(got, " ") != strings.Join(want, " ") {
		t.Errorf("the page has %v, want %v", got, want)
	}
}
