package report

import (
	"slices"
	"testing"

	"mtric.net/mtric/engine/measurement"
)

// What servers and vantage points say goes into failed.csv so that neither a terminal nor
// a spreadsheet obeys it, and so that it can be had back.
func TestFailedRowsObeyNobody(t *testing.T) {
	for text, want := range map[string]string{
		"=HYPERLINK(1)": "'=HYPERLINK(1)",
		"-x":            "'-x",
		"\t=1":          `"\t=1"`,
		"'quoted'":      "''quoted'",
		"\x1b]0;t\a":    `"\x1b]0;t\a"`,
		"a\nb\x00":      `"a\nb\x00"`,
		`"a"`:           `"\"a\""`,
		"iad1.c.root":   "iad1.c.root",
	} {
		latency, late := int64(-5), int64(-7)
		row := &measurement.Answer{QName: text, Error: &text, NSID: &text, LatencyUS: &latency, VerdictSerial: &late, Failures: []string{text, "pdd: x"}}
		cells := failedCells(breach{metric: "availability"}, row)
		for _, name := range []string{"qname", "error", "nsid"} {
			if got := cells[slices.Index(failedHeader, name)]; got != want {
				t.Errorf("%q in %s: %s, want %s", text, name, got, want)
			}
		}
		for name, want := range map[string]string{"latency_us": "-5", "verdict_serial": "-7"} {
			if got := cells[slices.Index(failedHeader, name)]; got != want {
				t.Errorf("%s: %s, want %s", name, got, want)
			}
		}
	}
}
