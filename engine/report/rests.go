package report

import (
	"cmp"
	"encoding/json"
	"fmt"
	"math/big"
	"slices"
	"strings"

	"mtric.net/mtric/engine/edition"
	"mtric.net/mtric/engine/measurement"
	"mtric.net/mtric/engine/plan"
	"mtric.net/mtric/metrics"
)

// rests says of a FAIL which vantage points it rests on; empty for other verdicts.
func (d *Document) rests(v Value) string {
	switch n := len(v.RestsOn); {
	case v.Verdict != metrics.Fail:
		return ""
	case n == 1:
		return "would be no FAIL without vantage point " + string(v.RestsOn[0])
	case n > 1:
		return "would be no FAIL without any one of the vantage points " + edition.Join(v.RestsOn)
	case v.Fewest > 0:
		return fmt.Sprintf("holds unless %d of %s are left out", v.Fewest, edition.Plural(int64(len(d.VantagePoints)), "vantage point"))
	}
	return "" // a report of which nobody computed it
}

// hint says where a FAIL rests on a vantage point at which no RSI answered over the
// family: an exclusion is proposed for that time. The times stand in internal editions only.
func (d *Document) hint(v Value) string {
	var parts []string
	for _, p := range d.proposals {
		if v.Verdict != metrics.Fail || !slices.Contains(v.RestsOn, p.VantagePoint) || v.Family != "" && v.Family != p.Family {
			continue
		}
		family := familyTitles[p.Family]
		part := fmt.Sprintf("at %s all RSIs failed over %s for some time", p.VantagePoint, family)
		if d.Internal != nil {
			part = fmt.Sprintf("at %s all RSIs failed over %s from %s to %s, an exclusion is proposed", p.VantagePoint, family, edition.Clock(p.From), edition.Clock(p.Until))
		}
		if !slices.Contains(parts, part) {
			parts = append(parts, part)
		}
	}
	const most = 3
	if n := len(parts); n > most {
		parts = append(parts[:most], fmt.Sprintf("and %d more times", n-most))
	}
	return strings.Join(parts, "; ")
}

var familyTitles = map[measurement.Family]string{measurement.IPv4: "IPv4", measurement.IPv6: "IPv6"}

// Between are the bounds of an availability in words, where they lie on both sides of the
// threshold.
func (v Value) Between() string {
	b := v.Bounds
	if b == nil || b.Low.Verdict == b.High.Verdict || b.Low.Denominator == 0 || b.High.Denominator == 0 {
		return ""
	}
	percent := func(b Bound) *json.Number {
		return v.decimal(new(big.Rat).Mul(big.NewRat(b.Numerator, b.Denominator), big.NewRat(100, 1)), true)
	}
	return fmt.Sprintf("between %s %% (%s) and %s %% (%s)", *percent(b.Low), verdictWords[b.Low.Verdict], *percent(b.High), verdictWords[b.High.Verdict])
}

// Marks are what else limits a value: that it is thin, and what it leaves out.
func (v Value) Marks() string {
	var parts []string
	if v.Thin {
		parts = append(parts, "thin")
	}
	if v.Held > 0 {
		parts = append(parts, edition.Thousands(v.Held)+" held")
	}
	if v.Unobservable > 0 {
		parts = append(parts, edition.Thousands(v.Unobservable)+" unobservable")
	}
	return strings.Join(parts, ", ")
}

// Why a value with numbers has no verdict.
const (
	heldBack    = "too many responses wait for a verdict"
	couldChange = "what is missing could change the verdict"
)

// why explains a value without a verdict.
func (d *Document) why(v Value) string {
	if v.Verdict != metrics.NoData {
		return ""
	}
	if d.Coverage.Sent == 0 && v.Count == 0 {
		return "nothing was asked"
	}
	if v.RSI != "" && v.Family != "" && v.Count == 0 && !d.addressed(v.RSI, v.Family) {
		return "it has no " + familyTitles[v.Family] + " address"
	}
	none := map[measurement.Metric]string{
		measurement.RSIAvailability: "nothing was sent", measurement.RSSAvailability: "in no interval is it known how many RSIs answered",
		measurement.RSILatency: "nothing was answered in time", measurement.RSSLatency: "nothing was answered in time",
		measurement.RSICorrectness: "no response was judged", measurement.RSSCorrectness: "no response was judged",
		measurement.RSIPublication: "no new zone could be followed", measurement.RSSPublication: "no new zone could be followed",
	}[v.Metric]
	switch {
	case v.Count == 0:
		return none
	case v.Held > 0 && (v.Metric == measurement.RSICorrectness || v.Metric == measurement.RSSCorrectness):
		return heldBack
	case v.Thin:
		return couldChange
	}
	return none
}

// addressed says whether an RSI has an address of a family in the period.
func (d *Document) addressed(rsi measurement.RSI, family measurement.Family) bool {
	return slices.ContainsFunc(d.RSIs, func(r RSI) bool {
		return r.RSI == rsi && slices.ContainsFunc(r.Addresses, func(a plan.Address) bool {
			return a.Family == family && (a.From == nil || a.From.Before(d.Until)) && (a.Until == nil || a.Until.After(d.From))
		})
	})
}

// Beside is all that stands beside a value in print.
func (d *Document) Beside(v Value) string {
	return phrases(d.rests(v), d.hint(v), d.why(v), v.Between(), v.Marks())
}

// besideAll is what stands beside the values of a metric, each told once with the values
// that it is said of.
func (d *Document) besideAll(values []Value) (lines []string) {
	var order []string
	of := map[string][]string{}
	for _, v := range values {
		beside := d.Beside(v)
		if beside == "" {
			continue
		}
		beside = v.Word() + ": " + beside
		if of[beside] == nil {
			order = append(order, beside)
		}
		of[beside] = append(of[beside], strings.TrimSpace(string(v.RSI)+" "+v.Path()))
	}
	for _, beside := range order {
		who := "all"
		if len(of[beside]) < len(values) {
			who = strings.Join(of[beside], ", ")
		}
		lines = append(lines, who+": "+beside)
	}
	return lines
}

// Decisive are the labels that a publication latency that fails rests on.
func (v Value) Decisive() []string {
	if v.Verdict != metrics.Fail || v.Diagnostics == nil {
		return nil
	}
	var lines []string
	if w := v.Diagnostics.Middle; w != nil {
		lines = append(lines, "the middle one: "+w.String())
	}
	if w, m := v.Diagnostics.Longest, v.Diagnostics.Middle; w != nil && (m == nil || w.String() != m.String()) {
		lines = append(lines, "the longest: "+w.String())
	}
	return lines
}

// decidingWaits are those of several values.
func decidingWaits(values []Value) (lines []string) {
	for _, v := range values {
		for _, l := range v.Decisive() {
			lines = append(lines, strings.TrimSpace(strings.ToLower(v.Title())+" of "+cmp.Or(string(v.RSI), "the root server system"))+", "+l)
		}
	}
	return lines
}

// String is a wait by the labels that decide it.
func (w Wait) String() string {
	return fmt.Sprintf("serial %d from %s at vantage point %s: published %s, last asked in vain %s, first seen %s (%s)",
		w.Serial, w.RSI, w.VantagePoint, edition.Clock(w.Published), w.Asked(), w.Seen(), w.Length())
}

// Asked is when the serial was last asked for in vain.
func (w Wait) Asked() string {
	if w.LastAsked == nil {
		return "never"
	}
	return edition.Clock(*w.LastAsked)
}

// Seen is when the serial was first seen.
func (w Wait) Seen() string {
	if w.FirstSeen == nil {
		return "not before the data end"
	}
	return edition.Clock(*w.FirstSeen)
}

// Length is how long the wait was at least.
func (w Wait) Length() string {
	if w.Censored {
		return "at least " + edition.Thousands(w.Minutes) + " min"
	}
	return edition.Thousands(w.Minutes) + " min"
}

// maxSentences bounds how many missed thresholds are told before the numbers.
const maxSentences = 30

// MissedInWords says in a sentence each which thresholds were missed and what that rests
// on, the system first. Paths of an RSI of which the same is said share one, and so do RSIs.
func (d *Document) MissedInWords() []string {
	type sentence struct {
		metric, who, paths, beside string
		system                     bool
	}
	var list []sentence
	merge := func(same func(a, b sentence) bool, into func(s *sentence) *string) {
		var joined []sentence
		for _, s := range list {
			if i := slices.IndexFunc(joined, func(o sentence) bool { return same(o, s) }); i >= 0 {
				*into(&joined[i]) += ", " + *into(&s)
			} else {
				joined = append(joined, s)
			}
		}
		list = joined
	}
	values := slices.Clone(d.Values)
	slices.SortStableFunc(values, func(a, b Value) int { return cmp.Compare(min(len(a.RSI), 1), min(len(b.RSI), 1)) })
	for _, v := range values {
		if v.Verdict == metrics.Fail {
			who := cmp.Or(string(v.RSI), "the root server system")
			paths := v.Path()
			if told := v.missedBy(); told != "" && paths == "" {
				who += told
			} else if told != "" {
				paths += told
			}
			list = append(list, sentence{strings.ToLower(v.Title()), who, paths, phrases(d.rests(v), d.hint(v), v.Marks()), v.RSI == ""})
		}
	}
	merge(func(a, b sentence) bool { return a.metric == b.metric && a.who == b.who && a.beside == b.beside }, func(s *sentence) *string { return &s.paths })
	merge(func(a, b sentence) bool {
		return a.metric == b.metric && a.paths == b.paths && a.beside == b.beside && !a.system && !b.system
	}, func(s *sentence) *string { return &s.who })
	var lines []string
	for i, s := range list {
		if i == maxSentences && len(list) > maxSentences+1 {
			return append(lines, fmt.Sprintf("and %d more, below", len(list)-i))
		}
		line := s.metric + " of " + s.who
		if s.paths != "" {
			line += " over " + s.paths
		}
		if s.beside != "" {
			line += ": " + s.beside
		}
		lines = append(lines, line)
	}
	return lines
}

// missedBy is a value that misses its threshold, beside that, where it is for the reader.
func (v Value) missedBy() string {
	if v.Value == nil && !v.Censored || v.withheld() {
		return ""
	}
	return fmt.Sprintf(" (%s, threshold %s)", v.Shown(), v.Bound())
}

// phrases joins those that say something.
func phrases(parts ...string) string {
	return strings.Join(slices.DeleteFunc(parts, func(p string) bool { return p == "" }), "; ")
}

// UnknownInWords says how many values have no verdict, by the reason.
func (d *Document) UnknownInWords() []string {
	var order []string
	n := map[string]int64{}
	for _, v := range d.Values {
		if why := d.why(v); why != "" {
			if n[why] == 0 {
				order = append(order, why)
			}
			n[why]++
		}
	}
	var lines []string
	for _, why := range order {
		lines = append(lines, fmt.Sprintf("%s: %s", edition.Plural(n[why], "value"), why))
	}
	return lines
}

// FramesInWords are the frames where there is more than one.
func (d *Document) FramesInWords() (lines []string) {
	if len(d.Frames) < 2 {
		return nil
	}
	for _, f := range d.Frames {
		lines = append(lines, fmt.Sprintf("%s to %s: n = %d, k = %d, RSIs %s", edition.Clock(f.From), edition.Clock(f.Until), f.N, f.K, edition.Dash(edition.Join(f.RSIs))))
	}
	return lines
}
