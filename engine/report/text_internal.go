package report

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"mtric.net/mtric/engine/edition"
)

// aboutDiagnostics explains the columns and notes of every value.
var aboutDiagnostics = []string{
	"MEAN, P95 (the 95th percentile, by nearest rank) and MAX judge nothing. WITHOUT EXCLUSIONS: as measured.",
	"Notes of availability and response latency: queries by what became of them; \"ok\" is an answer with NOERROR.",
	"Notes of correctness: responses by their verdict; \"unanswered\" are queries without a response to judge: none in time, another rcode than NOERROR and NXDOMAIN, or a truncated one.",
	"\"VP-intervals\" are intervals counted at each vantage point; \"skipped\" are those of them that no latency is taken from, since not all RSIs were asked and fewer than k answered.",
	"\"censored\" are waits whose end was not seen before the data end; \"inflated\" are those in which the RSI did not answer for a time; \"regressions\" are returns to an older serial.",
}

// internal is what full.txt has beside the public part.
func (t *textWriter) internal(d *Document) {
	t.Heading("INTERNAL: every value (not for publication)")
	rows := [][]string{{"METRIC", "RSI", "PATH", "VALUE", "EXACTLY", "COUNT", "VERDICT", "MEAN", "P95", "MAX", "WITHOUT EXCLUSIONS", "BESIDE", "NOTES"}}
	for _, v := range d.Values {
		x, beside := v.Diagnostics, ""
		if v.RSI != "" {
			beside = d.Beside(v) // of the system it stands above
		}
		rows = append(rows, []string{string(v.Metric), edition.Dash(string(v.RSI)), edition.Dash(v.Path()), v.Shown(), v.Exactly(), edition.Thousands(v.Count), v.Word(),
			edition.Dash(numberText(x.Mean)), edition.Dash(numberText(x.P95)), edition.Dash(numberText(x.Max)),
			fractionText(v.Unit, v.Without.Numerator, v.Without.Denominator) + " " + verdictWords[v.Without.Verdict], edition.Dash(beside), x.Summary()})
	}
	t.Table(rows)
	for _, l := range aboutDiagnostics {
		t.Line("%s", l)
	}
	if lines := decidingWaits(d.Values); len(lines) > 0 {
		t.Heading("INTERNAL: what decides the publication latencies that fail")
		for _, l := range lines {
			t.Line("%s", l)
		}
	}
	if broken := d.BrokenRules(); len(broken) > 0 {
		t.Heading("INTERNAL: broken rules of correctness")
		t.broken(broken)
	}
	if len(d.Internal.Proposals) > 0 {
		t.Heading("INTERNAL: likely failures at vantage points")
		t.Line("No RSI answered over the family, and all were asked. If the cause lies at the vantage point,")
		t.Line("add the exclusion to the plan with who says so and why; it is then published [raz] [hnr].")
		for _, p := range d.Internal.Proposals {
			t.Line("")
			for _, l := range strings.Split(p.Block(d.DataUntil), "\n") {
				t.Line("%s", l)
			}
		}
	}
	t.Heading("INTERNAL: servers that answered, by NSID")
	rows = [][]string{{"RSI", "NSID", "ANSWERS", "VANTAGE POINTS"}}
	for _, i := range d.Internal.Instances {
		name := "(none)"
		if i.NSID != nil {
			name = *i.NSID
		}
		rows = append(rows, []string{string(i.RSI), name, edition.Thousands(i.Answers), edition.Join(i.VantagePoints)})
	}
	t.Table(rows)
	t.Heading("INTERNAL: by vantage point, answered of asked and median in ms")
	rows = [][]string{{"VP", "RSI", "IPV4 UDP", "IPV4 TCP", "IPV6 UDP", "IPV6 TCP"}}
	for group := range slices.Chunk(d.Internal.Places, 4) {
		row := []string{string(group[0].VantagePoint), string(group[0].RSI)}
		for _, p := range group {
			row = append(row, fmt.Sprintf("%s/%s %s", edition.Thousands(p.Good), edition.Thousands(p.Asked), edition.Dash(numberText(p.Median))))
		}
		rows = append(rows, row)
	}
	t.Table(rows)
}

// Summary is what else the diagnostics have, in words.
func (x *Diagnostics) Summary() string {
	var parts []string
	for _, name := range slices.Sorted(maps.Keys(x.Outcomes)) {
		parts = append(parts, name+" "+edition.Thousands(x.Outcomes[name]))
	}
	for _, p := range []struct {
		name string
		n    int64
	}{{"VP-intervals", x.VPIntervals}, {"skipped", x.Skipped}, {"serials", x.Serials}, {"censored", x.Censored}, {"inflated", x.Inflated},
		{"missing or excluded runs", x.Gaps}, {"unobservable", x.Unobservable}, {"regressions", x.Regressions}} {
		if p.n > 0 {
			parts = append(parts, p.name+" "+edition.Thousands(p.n))
		}
	}
	if l := x.Longest; l != nil && l.Minutes > 0 {
		parts = append(parts, fmt.Sprintf("longest %s min for serial %d from %s at VP %s", edition.Thousands(l.Minutes), l.Serial, l.RSI, l.VantagePoint))
	}
	return strings.Join(parts, ", ")
}
