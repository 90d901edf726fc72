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

var drawnText = regexp.MustCompile(`<text x="([0-9.-]+)" y="([0-9.-]+)" text-anchor="([a-z]+)">([^<]*)</text>`)

// readable sees to it that no two texts of a drawing lie on each other, nor one outside
// it, at 6.2 px a character and 11 px a line.
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
		width := 6.2 * float64(utf8.RuneCountInString(m[4]))
		b := box{x - map[string]float64{"start": 0, "middle": width / 2, "end": width}[m[3]], 0, y, m[4]}
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

// TestPlotLabels: whatever the latencies, the labels of plots can be read.
func TestPlotLabels(t *testing.T) {
	for _, rsi := range []measurement.RSI{"a", "root-of-another-kind"} {
		for _, ms := range [][]float64{{0.01, 0.02}, {0.1, 0.11, 0.12}, {0.2, 4000}, {0.3, 9}, {3999, 4000}, {0.05}, {250, 250}} {
			readable(t, fmt.Sprint(rsi, ms), report.LatencyPlot([]measurement.RSI{rsi, "b"}, [][]float64{ms, {12, 0.1, 3000}}))
		}
	}
	for n := 1; n < 80; n++ {
		d := &report.Document{Internal: &report.Internal{}, RSIs: []report.RSI{{RSI: "a"}, {RSI: "b"}}}
		for i := range n {
			d.Internal.Publications = append(d.Internal.Publications, report.Followed{Serial: int64(2026110100 + i)})
		}
		readable(t, fmt.Sprint(n, " zones"), report.PublicationPlot(d))
	}
	if !strings.Contains(report.LatencyPlot([]measurement.RSI{"a"}, [][]float64{{0.1, 5}}), ">901</text>") {
		t.Error("the outermost vantage points are not named")
	}
}
