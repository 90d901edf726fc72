package report

import (
	"cmp"
	"fmt"
	"io"
	"math/big"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"mtric.net/mtric/engine/diag"
	"mtric.net/mtric/engine/measurement"
	"mtric.net/mtric/engine/plan"
	"mtric.net/mtric/metrics"
)

// titles are the metrics as people read them.
var titles = map[measurement.Metric]string{
	measurement.RSIAvailability: "Availability", measurement.RSILatency: "Response latency",
	measurement.RSICorrectness: "Correctness", measurement.RSIPublication: "Publication latency",
	measurement.RSSAvailability: "Availability", measurement.RSSLatency: "Response latency",
	measurement.RSSCorrectness: "Correctness", measurement.RSSPublication: "Publication latency",
}

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
func (v Value) Title() string { return titles[v.Metric] }

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
		return thousands(*num) + "/" + thousands(*den) + of
	case *num%*den != 0:
		return thousands(*num / *den) + ".5" + of
	}
	return thousands(*num / *den) + of
}

// Bound is the threshold in print.
func (v Value) Bound() string {
	sign := "≤ "
	if v.Unit == metrics.Percent {
		sign = "≥ "
	}
	return sign + grouped(v.Threshold.String()) + " " + units[v.Unit]
}

func clock(t time.Time) string { return t.UTC().Format("2006-01-02 15:04 UTC") }

func join[S ~string](list []S) string {
	var texts []string
	for _, s := range list {
		texts = append(texts, printable(string(s)))
	}
	return strings.Join(texts, ", ")
}

// String is the coverage in words.
func (c Coverage) String() string {
	text := fmt.Sprintf("%s of %s planned queries sent", thousands(c.Sent), thousands(c.Planned))
	for _, part := range []struct {
		n    int64
		what string
	}{{c.Unsent, "not sent by the vantage point"}, {c.Missing, "missing"}, {c.OffPlan, "asked at another address than the plan's"}, {c.Stray, "rows beside the plan"}} {
		if part.n > 0 {
			text += fmt.Sprintf("; %s %s", thousands(part.n), part.what)
		}
	}
	return text
}

// thousands writes a number with its thousands apart.
func thousands(n int64) string {
	text := strconv.FormatInt(n, 10)
	for i := len(text) - 3; i > 0 && text[i-1] != '-'; i -= 3 {
		text = text[:i] + "," + text[i:]
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
	whole = thousands(n)
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
	t := &textWriter{w: w}
	t.line("ROOT SERVER SYSTEM, %s", strings.ToUpper(d.PeriodTitle()))
	t.line("")
	t.line("Period     %s to %s", clock(d.From), clock(d.Until))
	t.line("Report     %s, %s, revision %d; data until %s", d.Style, d.Status, d.Revision, clock(d.DataUntil))
	t.line("Coverage   %s", d.Coverage)
	t.labelled("Frame", d.FramesInWords())
	t.labelled("Note", d.Notes)
	t.labelled("FAIL", d.MissedInWords())
	t.labelled("No data", d.UnknownInWords())
	t.changes(d)
	t.system(d)
	t.servers(d)
	t.places(d)
	t.notes("Exclusions", d.Excluded(), "Rows that an exclusion covers are stored, and left out of numerator and denominator.")
	t.notes("Annotations", d.Annotations, "Annotations explain and change no number.")
	if d.Internal != nil {
		t.internal(d)
	}
	t.heading("About these numbers")
	t.line("Measured by RSSAC047v2 with the plan %s and mtric %s: n = %d root server identifiers, of which k = %d suffice.", d.Plan, d.Version, d.N, d.K)
	t.line("%s", precision)
	t.line("A verdict is made of exact integers; printed values are cut off towards failing.")
	t.line("%s", aboutVerdicts)
	t.line("Plan sha256 %s", d.PlanSHA256)
	t.line("Digest %s", d.Digest)
	return t.err
}

// labelled prints lines of a kind before the numbers.
func (t *textWriter) labelled(label string, lines []string) {
	for _, l := range lines {
		t.line("%-10s %s", label, l)
	}
}

type textWriter struct {
	w   io.Writer
	err error
}

// line prints a line; texts among its arguments become printable.
func (t *textWriter) line(format string, args ...any) {
	if t.err == nil {
		for i, a := range args {
			if v := reflect.ValueOf(a); v.Kind() == reflect.String {
				args[i] = printable(v.String())
			}
		}
		_, t.err = fmt.Fprintf(t.w, strings.TrimRight(format, "\n")+"\n", args...)
	}
}

func (t *textWriter) heading(s string) { t.line("\n%s\n%s", s, strings.Repeat("-", len([]rune(s)))) }

// table prints rows aligned, their cells printable.
func (t *textWriter) table(rows [][]string) {
	if t.err != nil {
		return
	}
	w := tabwriter.NewWriter(t.w, 0, 0, 2, ' ', 0)
	for _, r := range rows {
		cells := make([]string, len(r))
		for i, c := range r {
			cells[i] = printable(c)
		}
		fmt.Fprintln(w, strings.TrimRight(strings.Join(cells, "\t"), "\t "))
	}
	t.err = w.Flush()
}

func (t *textWriter) changes(d *Document) {
	if len(d.Changes) == 0 {
		return
	}
	t.heading("What the revisions changed")
	for _, c := range d.Changes {
		for _, what := range c.What {
			t.line("revision %d: %s", c.Revision, what)
		}
	}
}

// system is the RSS: values and verdicts [nuc].
func (t *textWriter) system(d *Document) {
	t.heading("Root server system")
	rows := [][]string{{"METRIC", "PATH", "VALUE", "EXACTLY", "THRESHOLD", "VERDICT", "COUNT", "BESIDE"}}
	for _, v := range d.Values {
		if v.RSI == "" {
			rows = append(rows, []string{v.Title(), dash(v.Path()), v.Shown(), v.Exactly(), v.Bound(), v.Word(), thousands(v.Count) + " " + counted[v.Metric], d.Beside(v)})
		}
	}
	t.table(rows)
	var reasons []string
	for _, v := range d.Values {
		if v.RSI == "" && v.Without != nil && d.differs(v) {
			t.line("Without the exclusions, %s: %s, %s", strings.TrimSpace(strings.ToLower(v.Title())+" "+v.Path()),
				fractionText(v.Unit, v.Without.Numerator, v.Without.Denominator), verdictWords[v.Without.Verdict])
			if why := d.WhyWithout(v); why != "" && !slices.Contains(reasons, why) {
				reasons = append(reasons, why)
			}
		}
	}
	for _, why := range reasons {
		t.line("No data: %s.", why)
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
	return fmt.Sprintf("%s (thin: %s of %s)", couldChange, thousands(received), plural(expected, "run"))
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
		t.heading("Root server identifiers: " + strings.ToLower(titles[metric]))
		header, bound := []string{"RSI"}, []string{""}
		per := len(values) / max(1, len(d.RSIs))
		for _, v := range values[:per] {
			header, bound = append(header, cmp.Or(strings.ToUpper(v.Path()), "ALL PATHS")), append(bound, v.Bound())
		}
		rows := [][]string{header, bound}
		for group := range slices.Chunk(values, per) {
			row := []string{string(group[0].RSI)}
			for _, v := range group {
				row = append(row, fmt.Sprintf("%-7s %s", v.Word(), thousands(v.Count)))
			}
			rows = append(rows, row)
		}
		t.table(rows)
		t.line("Beside each verdict stands the number of %s.", counted[metric])
		if d.Internal != nil {
			continue // it stands at each value
		}
		for _, l := range d.besideAll(values) {
			t.line("%s", l)
		}
	}
}

// places are the vantage points with what was planned and sent.
func (t *textWriter) places(d *Document) {
	t.heading("Vantage points: SOA queries")
	rows := [][]string{{"VP", "REGION", "METRO", "PLANNED", "SENT", "SHARE", "INTERVALS EXCLUDED"}}
	for _, v := range d.VantagePoints {
		rows = append(rows, []string{string(v.ID), dash(v.Region), dash(v.Metro), thousands(v.Planned), thousands(v.Sent), v.Share(), thousands(v.Excluded)})
	}
	t.table(rows)
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
	t.heading(title)
	t.line("%s", about)
	for _, n := range notes {
		t.line("%s: %s to %s, %s; by %s, added %s: %s", n.Label, clock(n.From), clock(n.Until), Where(n), n.By, clock(n.Added), n.Reason)
	}
}

// Where says in words what a note covers.
func Where(n plan.Note) string {
	var parts []string
	if len(n.VantagePoints) > 0 {
		parts = append(parts, "vantage points "+join(n.VantagePoints))
	}
	if len(n.RSIs) > 0 {
		parts = append(parts, "RSIs "+join(n.RSIs))
	}
	if len(n.Paths) > 0 {
		parts = append(parts, "paths "+join(n.Paths))
	}
	return strings.Join(parts, ", ")
}

func dash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

func numberText[N ~string](n *N) string {
	if n == nil {
		return ""
	}
	return grouped(string(*n))
}

// printable is what servers and people wrote as others may see it.
func printable(s string) string { return diag.Printable(s) }

// rsiName is the RSI as text for people, "k.root-servers.net (k)".
func (d *Document) rsiName(r measurement.RSI) string {
	for _, x := range d.RSIs {
		if x.RSI == r && x.Name != "" {
			return fmt.Sprintf("%s (%s)", strings.TrimSuffix(x.Name, "."), r)
		}
	}
	return string(r)
}
