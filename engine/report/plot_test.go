package report_test

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"mtric.net/mtric/engine/measurement"
	"mtric.net/mtric/engine/report"
)

var drawnText = regexp.MustCompile(`<text x="([0-9.-]+)" y="([0-9.-]+)" text-anchor="([a-z]+)"(?: class="([a-z0-9 ]+)")?>([^<]*)</text>`)

// readable sees to it that no two texts of a drawing lie on each other, nor one outside
// it, at 6.2 px a character, 5.2 within fields, and 11 px a line.
func readable(t *testing.T, name, svg string) {
	t.Helper()
	type box struct {
		left, right, y float64
		text           string
	}
	var all []box
	for _, m := range drawnText.FindAllStringSubmatch(svg, -1) {
		x, errX := strconv.ParseFloat(m[1], 64)
		y, errY := strconv.ParseFloat(m[2], 64)
		if errX != nil || errY != nil {
			t.Fatal(m)
		}
		width := map[bool]float64{true: 5.2, false: 6.2}[strings.HasPrefix(m[4], "in ")] * float64(utf8.RuneCountInString(m[5]))
		b := box{x - map[string]float64{"start": 0, "middle": width / 2, "end": width}[m[3]], 0, y, m[5]}
		b.right = b.left + width
		if b.left < -0.5 || b.right > 720.5 {
			t.Errorf("%s: %q from %.1f to %.1f lies outside", name, b.text, b.left, b.right)
		}
		for _, o := range all {
			if b.left < o.right && o.left < b.right && b.y < o.y+11 && o.y < b.y+11 {
				t.Errorf("%s: %q lies on %q, at %.1f and %.1f", name, b.text, o.text, b.left, o.left)
			}
		}
		all = append(all, b)
	}
	if len(all) == 0 {
		t.Errorf("%s: no text", name)
	}
}

// TestPlotLabels: whatever the latencies, vantage points, days and zones, the labels of
// plots can be read.
func TestPlotLabels(t *testing.T) {
	for _, rsi := range []measurement.RSI{"a", "root-of-another-kind"} {
		for _, n := range []int{1, 3, 20, 200} {
			medians := make([]float64, n)
			for i := range medians {
				medians[i] = []float64{0.01, 9.96, 250, 3999.5, 77}[i%5]
			}
			readable(t, fmt.Sprint(rsi, n), report.LatencyWhere([]measurement.RSI{rsi, "b"}, [][]float64{medians, medians}))
		}
	}
	for n := 1; n < 80; n++ {
		d := &report.Document{Internal: &report.Internal{}, RSIs: []report.RSI{{RSI: "a"}, {RSI: "b"}}}
		for i := range n {
			d.Internal.Publications = append(d.Internal.Publications, report.Followed{Serial: int64(2026110100 + i)})
		}
		readable(t, fmt.Sprint(n, " zones"), report.PublicationPlot(d))
	}
	for _, days := range []int{1, 7, 28, 31} {
		for _, us := range []int64{0, 90, 12_000, 249_000, 4_000_000} {
			medians := make([]int64, days)
			for i := range medians {
				medians[i] = us
			}
			drawn := report.Chart(monday, medians, 250)
			readable(t, fmt.Sprint(days, " days of ", us, " µs"), drawn)
			if !strings.Contains(drawn, ">250 ms</text>") || !strings.Contains(drawn, `class="line1"`) {
				t.Errorf("%d days of %d µs: %s", days, us, drawn)
			}
		}
	}
}
