package report

import (
	"fmt"
	"maps"
	"slices"
	"strings"
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
	t.heading("INTERNAL: every value (not for publication)")
	rows := [][]string{{"METRIC", "RSI", "PATH", "VALUE", "EXACTLY", "COUNT", "VERDICT", "MEAN", "P95", "MAX", "WITHOUT EXCLUSIONS", "BESIDE", "NOTES"}}
	for _, v := range d.Values {
		x, beside := v.Diagnostics, ""
		if v.RSI != "" {
			beside = d.Beside(v) // of the system it stands above
		}
		rows = append(rows, []string{string(v.Metric), dash(string(v.RSI)), dash(v.Path()), v.Shown(), v.Exactly(), thousands(v.Count), v.Word(),
			dash(numberText(x.Mean)), dash(numberText(x.P95)), dash(numberText(x.Max)),
			fractionText(v.Unit, v.Without.Numerator, v.Without.Denominator) + " " + verdictWords[v.Without.Verdict], dash(beside), x.Summary()})
	}
	t.table(rows)
	for _, l := range aboutDiagnostics {
		t.line("%s", l)
	}
	if lines := decidingWaits(d.Values); len(lines) > 0 {
		t.heading("INTERNAL: what decides the publication latencies that fail")
		for _, l := range lines {
			t.line("%s", l)
		}
	}
	if broken := d.BrokenRules(); len(broken) > 0 {
		t.heading("INTERNAL: broken rules of correctness")
		t.broken(broken)
	}
	if len(d.Internal.Proposals) > 0 {
		t.heading("INTERNAL: likely failures at vantage points")
		t.line("No RSI answered over the family, and all were asked. If the cause lies at the vantage point,")
		t.line("add the exclusion to the plan with who says so and why; it is then published [raz] [hnr].")
		for _, p := range d.Internal.Proposals {
			t.line("")
			for _, l := range strings.Split(p.Block(d.DataUntil), "\n") {
				t.line("%s", l)
			}
		}
	}
	t.heading("INTERNAL: servers that answered, by NSID")
	rows = [][]string{{"RSI", "NSID", "ANSWERS", "VANTAGE POINTS"}}
	for _, i := range d.Internal.Instances {
		name := "(none)"
		if i.NSID != nil {
			name = *i.NSID
		}
		rows = append(rows, []string{string(i.RSI), name, thousands(i.Answers), join(i.VantagePoints)})
	}
	t.table(rows)
	t.heading("INTERNAL: by vantage point, answered of asked and median in ms")
	rows = [][]string{{"VP", "RSI", "IPV4 UDP", "IPV4 TCP", "IPV6 UDP", "IPV6 TCP"}}
	for group := range slices.Chunk(d.Internal.Places, 4) {
		row := []string{string(group[0].VantagePoint), string(group[0].RSI)}
		for _, p := range group {
			row = append(row, fmt.Sprintf("%s/%s %s", thousands(p.Good), thousands(p.Asked), dash(numberText(p.Median))))
		}
		rows = append(rows, row)
	}
	t.table(rows)
}

// Summary is what else the diagnostics have, in words.
func (x *Diagnostics) Summary() string {
	var parts []string
	for _, name := range slices.Sorted(maps.Keys(x.Outcomes)) {
		parts = append(parts, name+" "+thousands(x.Outcomes[name]))
	}
	for _, p := range []struct {
		name string
		n    int64
	}{{"VP-intervals", x.VPIntervals}, {"skipped", x.Skipped}, {"serials", x.Serials}, {"censored", x.Censored}, {"inflated", x.Inflated},
		{"missing or excluded runs", x.Gaps}, {"unobservable", x.Unobservable}, {"regressions", x.Regressions}} {
		if p.n > 0 {
			parts = append(parts, p.name+" "+thousands(p.n))
		}
	}
	if l := x.Longest; l != nil && l.Minutes > 0 {
		parts = append(parts, fmt.Sprintf("longest %s min for serial %d from %s at VP %s", thousands(l.Minutes), l.Serial, l.RSI, l.VantagePoint))
	}
	return strings.Join(parts, ", ")
}
