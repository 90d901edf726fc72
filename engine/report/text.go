package report

import (
	"cmp"
	"fmt"
	"io"
	"math/big"
	"slices"
	"strconv"
	"strings"

	"mtric.net/mtric/engine/edition"
	"mtric.net/mtric/engine/measurement"
	"mtric.net/mtric/engine/plan"
	"mtric.net/mtric/metrics"
)

// counted says what a metric's count counts (reading A24).
var counted = map[measurement.Metric]string{
	measurement.RSIAvailability: "queries sent", measurement.RSILatency: "latencies",
	measurement.RSICorrectness: "responses judged", measurement.RSIPublication: "values",
	measurement.RSSAvailability: "queries sent", measurement.RSSLatency: "pooled latencies",
	measurement.RSSCorrectness: "responses judged", measurement.RSSPublication: "pooled values",
}

// verdictWords are verdicts in print: a fail must be seen without colour.
var verdictWords = map[metrics.Verdict]string{metrics.Pass: "pass", metrics.Fail: "FAIL", metrics.NoData: "no data"}

// Path is the value's path in print; empty for a metric without one.
func (v Value) Path() string {
	return measurement.Path{Family: v.Family, Transport: v.Transport}.Title()
}

// Title is the metric in print.
func (v Value) Title() string { return v.Metric.Title() }

// Word is the verdict in print.
func (v Value) Word() string { return verdictWords[v.Verdict] }

var units = map[string]string{metrics.Percent: "%", metrics.Millis: "ms", metrics.Minutes: "min"}

// Shown is the value with its unit.
func (v Value) Shown() string {
	switch {
	case v.Censored:
		return "beyond the data"
	case v.Value == nil:
		return "-"
	}
	return grouped(v.Value.String()) + " " + units[v.Unit]
}

// Exactly is the exact fraction, in the unit of the numerator; a median is a number.
func (v Value) Exactly() string { return fractionText(v.Unit, v.Numerator, v.Denominator) }

func fractionText(unit string, num, den *int64) string {
	if num == nil || den == nil {
		return "-"
	}
	of := map[string]string{metrics.Millis: " µs", metrics.Minutes: " min"}[unit]
	switch {
	case of == "" || *den != 1 && *den != 2:
		return edition.Thousands(*num) + "/" + edition.Thousands(*den) + of
	case *num%*den != 0:
		return edition.Thousands(*num / *den) + ".5" + of
	}
	return edition.Thousands(*num / *den) + of
}

// Bound is the threshold in print.
func (v Value) Bound() string {
	sign := "≤ "
	if v.Unit == metrics.Percent {
		sign = "≥ "
	}
	return sign + grouped(v.Threshold.String()) + " " + units[v.Unit]
}

// String is the coverage in words.
func (c Coverage) String() string {
	text := fmt.Sprintf("%s of %s planned queries sent", edition.Thousands(c.Sent), edition.Thousands(c.Planned))
	for _, part := range []struct {
		n    int64
		what string
	}{{c.Unsent, "not sent by the vantage point"}, {c.Missing, "missing"}, {c.OffPlan, "asked at another address than the plan's"}, {c.Stray, "rows beside the plan"}} {
		if part.n > 0 {
			text += fmt.Sprintf("; %s %s", edition.Thousands(part.n), part.what)
		}
	}
	return text
}

// grouped is a decimal number with its thousands apart.
func grouped(number string) string {
	whole, fraction, point := strings.Cut(number, ".")
	n, err := strconv.ParseInt(whole, 10, 64)
	if err != nil {
		return number // no number of ours
	}
	whole = edition.Thousands(n)
	if point {
		whole += "." + fraction
	}
	return whole
}

// PeriodTitle is the period in words.
func (d *Document) PeriodTitle() string {
	if d.Style == Monthly {
		return d.From.Format("January 2006")
	}
	return "week from " + d.From.Format("Monday 2 January 2006")
}

// precision is the note on what latencies are worth (RSSAC047v2 section 4.1).
const precision = "Latencies are measured in whole microseconds and given in milliseconds. UDP latency ends at the kernel's receive time stamp " +
	"where there is one, else when the program read the reply, some tenths of a millisecond later; TCP latency includes the connection's set-up."

// aboutVerdicts explains the words that stand beside verdicts.
const aboutVerdicts = "\"no data\" is neither pass nor fail. Without a vantage point a FAIL may become a pass, or no data where too little is left. Thin: less than nine tenths of " +
	"the planned queries were sent, so that a verdict stands only where what is missing could not change it. Held: responses that wait for a verdict. " +
	"Unobservable: waits for a zone that cannot be shown to meet or to miss the threshold."

// WriteText writes report.txt, or with the internal part full.txt.
func (d *Document) WriteText(w io.Writer) error {
	t := &textWriter{edition.Text{W: w}}
	t.Line("ROOT SERVER SYSTEM, %s", strings.ToUpper(d.PeriodTitle()))
	t.Line("")
	t.Line("Period     %s to %s", edition.Clock(d.From), edition.Clock(d.Until))
	t.Line("Report     %s, %s, revision %d; data until %s", d.Style, d.Status, d.Revision, edition.Clock(d.DataUntil))
	t.Line("Measured   %s", d.subject())
	t.Line("Coverage   %s", d.Coverage)
	t.labelled("Frame", d.FramesInWords())
	t.labelled("Note", d.Notes)
	t.matrix(d)
	t.labelled("FAIL", d.MissedInWords())
	t.labelled("No data", d.UnknownInWords())
	if s := d.SecondOpinion; s != nil {
		t.opinions(s.Summary, s.Opinions)
	}
	t.changes(d)
	t.system(d)
	t.servers(d)
	t.places(d)
	t.notes("Exclusions", d.Excluded(), "Rows that an exclusion covers are stored, and left out of numerator and denominator.")
	t.notes("Annotations", d.Annotations, "Annotations explain and change no number.")
	if d.Internal != nil {
		t.internal(d)
	}
	t.Heading("About these numbers")
	t.Line("Measured by RSSAC047v2 with the plan %s and mtric %s: n = %d root server identifiers, of which k = %d suffice.", d.Plan, d.Version, d.N, d.K)
	t.Line("%s", precision)
	t.Line("A verdict is made of exact integers; printed values are cut off towards failing.")
	t.Line("%s", aboutVerdicts)
	t.Line("Plan sha256 %s", d.PlanSHA256)
	t.Line("Digest %s", d.Digest)
	return t.Err
}

// textWriter writes report.txt.
type textWriter struct{ edition.Text }

// matrix prints all verdicts at a glance.
func (t *textWriter) matrix(d *Document) {
	m := d.matrix()
	t.Heading(d.tally())
	metric, path := []string{""}, []string{"RSI"}
	for _, h := range m.Heads {
		for i, c := range h.Columns {
			title := strings.ToUpper(h.Short)
			if i > 0 || c.Short == "" {
				metric, path = append(metric, ""), append(path, cmp.Or(c.Short, title))
				continue
			}
			metric, path = append(metric, title), append(path, c.Short)
		}
	}
	rows := [][]string{metric, path}
	for _, r := range m.Rows {
		row := []string{r.Name}
		for _, v := range r.Cells {
			cell := ""
			if v != nil {
				cell = strings.TrimSpace(map[metrics.Verdict]string{metrics.Pass: "ok", metrics.Fail: "FAIL", metrics.NoData: "-"}[v.Verdict] + " " + v.Flags())
			}
			row = append(row, cell)
		}
		rows = append(rows, row)
	}
	t.Table(rows)
	t.Line("%s", strings.NewReplacer("✓ pass", "ok pass", "✗ FAIL, – no data", "- no data").Replace(d.signs()))
	t.Line("")
}

// labelled prints lines of a kind before the numbers.
func (t *textWriter) labelled(label string, lines []string) {
	for _, l := range lines {
		t.Line("%-10s %s", label, l)
	}
}

func (t *textWriter) changes(d *Document) {
	if len(d.Changes) == 0 {
		return
	}
	t.Heading("What the revisions changed")
	for _, c := range d.Changes {
		for _, what := range c.What {
			t.Line("revision %d: %s", c.Revision, what)
		}
	}
}

// system is the RSS: values and verdicts [nuc].
func (t *textWriter) system(d *Document) {
	t.Heading("Root server system")
	rows := [][]string{{"METRIC", "PATH", "VALUE", "EXACTLY", "THRESHOLD", "VERDICT", "COUNT", "BESIDE"}}
	for _, v := range d.Values {
		if v.RSI == "" {
			rows = append(rows, []string{v.Title(), edition.Dash(v.Path()), v.Shown(), v.Exactly(), v.Bound(), v.Word(), edition.Thousands(v.Count) + " " + counted[v.Metric], d.Beside(v)})
		}
	}
	t.Table(rows)
	var reasons []string
	for _, v := range d.Values {
		if v.RSI == "" && v.Without != nil && d.differs(v) {
			t.Line("Without the exclusions, %s: %s, %s", strings.TrimSpace(strings.ToLower(v.Title())+" "+v.Path()),
				fractionText(v.Unit, v.Without.Numerator, v.Without.Denominator), verdictWords[v.Without.Verdict])
			if why := d.WhyWithout(v); why != "" && !slices.Contains(reasons, why) {
				reasons = append(reasons, why)
			}
		}
	}
	for _, why := range reasons {
		t.Line("No data: %s.", why)
	}
}

// WhyWithout explains a value that has no verdict without the exclusions either.
func (d *Document) WhyWithout(v Value) string {
	measured := Value{Metric: v.Metric, Verdict: v.Without.Verdict, Count: v.Without.Count, Held: v.Without.Held}
	if measured.Verdict != metrics.NoData {
		return ""
	}
	if why := d.why(measured); measured.Count == 0 || why == heldBack {
		return why
	}
	var received, expected int64
	for _, p := range d.VantagePoints {
		received, expected = received+p.Received, expected+p.Expected
	}
	return fmt.Sprintf("%s (thin: %s of %s)", couldChange, edition.Thousands(received), edition.Plural(expected, "run"))
}

// differs says whether exclusions changed a value.
func (d *Document) differs(v Value) bool {
	return len(d.Excluded()) > 0 && (integer(v.Numerator) != integer(v.Without.Numerator) ||
		integer(v.Denominator) != integer(v.Without.Denominator) || v.Count != v.Without.Count || v.Verdict != v.Without.Verdict)
}

// servers is the RSIs by verdict and count only [ntt] [cpm] [gkr].
func (t *textWriter) servers(d *Document) {
	for _, metric := range measurement.RSIMetrics {
		values := slices.DeleteFunc(slices.Clone(d.Values), func(v Value) bool { return v.Metric != metric })
		if len(values) == 0 {
			continue
		}
		t.Heading("Root server identifiers: " + strings.ToLower(metric.Title()))
		header, bound := []string{"RSI"}, []string{""}
		per := len(values) / max(1, len(d.RSIs))
		for _, v := range values[:per] {
			header, bound = append(header, cmp.Or(strings.ToUpper(v.Path()), "ALL PATHS")), append(bound, v.Bound())
		}
		rows := [][]string{header, bound}
		for group := range slices.Chunk(values, per) {
			row := []string{string(group[0].RSI)}
			for _, v := range group {
				row = append(row, fmt.Sprintf("%-7s %s", v.Word(), edition.Thousands(v.Count)))
			}
			rows = append(rows, row)
		}
		t.Table(rows)
		t.Line("Beside each verdict stands the number of %s.", counted[metric])
		if d.Internal != nil {
			continue // it stands at each value
		}
		for _, l := range d.besideAll(values) {
			t.Line("%s", l)
		}
	}
}

// places are the vantage points with what was planned and sent.
func (t *textWriter) places(d *Document) {
	t.Heading("Vantage points: SOA queries")
	rows := [][]string{{"VP", "REGION", "METRO", "PLANNED", "SENT", "SHARE", "INTERVALS EXCLUDED"}}
	for _, v := range d.VantagePoints {
		rows = append(rows, []string{string(v.ID), edition.Dash(v.Region), edition.Dash(v.Metro), edition.Thousands(v.Planned), edition.Thousands(v.Sent), v.Share(), edition.Thousands(v.Excluded)})
	}
	t.Table(rows)
}

// Share is how much of what was planned was sent, in percent, cut off.
func (v VantagePoint) Share() string {
	if v.Planned <= 0 {
		return "-"
	}
	return decimal(big.NewRat(100*v.Sent, v.Planned), 1, true) + " %"
}

// notes are exclusions or annotations with their times and reasons [hnr] [dew] [bmu].
func (t *textWriter) notes(title string, notes []plan.Note, about string) {
	if len(notes) == 0 {
		return
	}
	t.Heading(title)
	t.Line("%s", about)
	for _, n := range notes {
		t.Line("%s: %s to %s, %s; by %s, added %s: %s", n.Label, edition.Clock(n.From), edition.Clock(n.Until), Where(n), n.By, edition.Clock(n.Added), n.Reason)
	}
}

// Where says in words what a note covers.
func Where(n plan.Note) string {
	var parts []string
	if len(n.VantagePoints) > 0 {
		parts = append(parts, "vantage points "+edition.Join(n.VantagePoints))
	}
	if len(n.RSIs) > 0 {
		parts = append(parts, "RSIs "+edition.Join(n.RSIs))
	}
	if len(n.Paths) > 0 {
		parts = append(parts, "paths "+edition.Join(n.Paths))
	}
	return strings.Join(parts, ", ")
}

func numberText[N ~string](n *N) string {
	if n == nil {
		return ""
	}
	return grouped(string(*n))
}

// rsiName is the RSI as text for people, "k.root-servers.net (k)".
func (d *Document) rsiName(r measurement.RSI) string {
	for _, x := range d.RSIs {
		if x.RSI == r && x.Name != "" {
			return fmt.Sprintf("%s (%s)", strings.TrimSuffix(x.Name, "."), r)
		}
	}
	return string(r)
}
