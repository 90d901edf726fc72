package attainment

import (
	"cmp"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"mtric.net/mtric/engine/edition"
	"mtric.net/mtric/engine/measurement"
	"mtric.net/mtric/engine/plan"
	"mtric.net/mtric/metrics"
	"mtric.net/mtric/metrics/objectives"
)

// verdictWords are verdicts in print: a fail must be seen without colour.
var verdictWords = map[metrics.Verdict]string{metrics.Pass: "pass", metrics.Fail: "FAIL", metrics.NoData: "no data"}

// Word is the verdict in print.
func (o Outcome) Word() string { return verdictWords[o.Verdict] }

// Of is the subject in print.
func (o Outcome) Of() string {
	if o.Per == plan.PerGroup {
		return fmt.Sprintf("%s (%d needed)", o.Subject, o.Need)
	}
	return o.Subject
}

// What is the kind and path of a value in print.
func (v Value) What() string {
	path := ""
	if f, t, ok := strings.Cut(v.Path, "/"); ok {
		path = " " + measurement.Path{Family: measurement.Family(f), Transport: measurement.Transport(t)}.Title()
	}
	return string(v.Kind) + path
}

// Goal is what a value must meet, in print.
func (v Value) Goal() string {
	if v.Kind == objectives.Availability {
		return "≥ " + v.Share.String() + " %"
	}
	return fmt.Sprintf("p%s ≤ %s", v.Share, span(v.Kind, v.AtMostUS))
}

// span is a time in print, in the unit of its kind.
func span(kind objectives.Kind, us int64) string {
	unit, of := int64(time.Millisecond/time.Microsecond), " ms"
	if kind == objectives.Publication {
		unit, of = int64(time.Minute/time.Microsecond), " min"
	}
	text := edition.Thousands(us / unit)
	if rest := us % unit; rest > 0 { // thousandths of it, cut off towards failing
		text += strings.TrimRight(fmt.Sprintf(".%03d", min(999, (rest*1000+unit-1)/unit)), "0")
	}
	return text + of
}

// shown is a number in print, cut off towards failing.
func (v Value) shown(n *Number) string {
	switch {
	case n == nil:
		return "-"
	case n.Infinite && v.Kind == objectives.Latency:
		return "no answer"
	case n.Infinite:
		return "never"
	case n.US != nil:
		return span(v.Kind, *n.US)
	case n.Numerator == nil || n.Denominator == nil || *n.Denominator <= 0 || *n.Numerator < 0 || *n.Numerator > 1<<40:
		return "-" // no number of ours
	}
	thousandths := *n.Numerator * 100_000 / *n.Denominator
	text := strconv.FormatInt(thousandths/1000, 10)
	if rest := thousandths % 1000; rest > 0 {
		text += strings.TrimRight(fmt.Sprintf(".%03d", rest), "0")
	}
	return text + " %"
}

// value is the number of a value in print. That of a wait which nobody saw end is the
// least that it can be.
func (v Value) value() string {
	text := v.shown(v.Number)
	if v.Decides != nil && v.Decides.FirstSeen == nil && v.Number != nil && v.Number.US != nil {
		return "≥ " + text
	}
	return text
}

// Notes are what a reader must know beside a value.
func (v Value) Notes() string {
	var notes []string
	if v.Thin {
		notes = append(notes, fmt.Sprintf("thin: %s of %s queries sent", edition.Thousands(v.Coverage.Sent), edition.Thousands(v.Coverage.Planned)))
	}
	if v.Low != nil && v.High != nil && v.Low.Verdict != v.High.Verdict {
		notes = append(notes, fmt.Sprintf("between %s and %s", v.shown(&v.Low.Number), v.shown(&v.High.Number)))
	}
	if v.Verdict == metrics.Fail {
		notes = append(notes, v.rests())
	}
	if d := v.Decides; d != nil && v.Verdict == metrics.Fail {
		notes = append(notes, d.words())
	}
	return strings.Join(notes, "; ")
}

// rests says what a fail rests on.
func (v Value) rests() string {
	if len(v.RestsOn) > 0 {
		return "rests on " + edition.Join(v.RestsOn)
	}
	return "holds unless " + edition.Plural(int64(v.Fewest), "vantage point") + " are left out"
}

func (w Wait) words() string {
	seen := "not seen"
	if w.FirstSeen != nil {
		seen = "first seen " + edition.Clock(*w.FirstSeen)
	}
	asked := "not asked in vain"
	if w.LastAsked != nil {
		asked = "last asked in vain " + edition.Clock(*w.LastAsked)
	}
	return fmt.Sprintf("serial %d of %s at %s: %s, %s", w.Serial, edition.Clock(w.T), w.VantagePoint, asked, seen)
}

// Missed says of each value that failed which it is, its goal, and what it rests on.
func (d *Document) Missed() []string {
	var lines []string
	for _, o := range d.Outcomes {
		for _, v := range o.Values {
			if v.Verdict == metrics.Fail {
				lines = append(lines, fmt.Sprintf("%s %s %s: %s %s: %s; %s", o.Objective, o.Query, o.Of(), v.What(), v.Goal(), v.value(), v.Notes()))
			}
		}
	}
	return lines
}

// verdicts are the outcomes as a table.
func (d *Document) verdicts() [][]string {
	rows := [][]string{{"Objective", "Query", "Of", "Window from", "Verdict"}}
	for _, o := range d.Outcomes {
		rows = append(rows, []string{o.Objective, o.Query, o.Of(), o.From.Format(time.DateOnly), o.Word()})
	}
	return rows
}

// numbers are the values as a table.
func (d *Document) numbers() [][]string {
	rows := [][]string{{"Objective", "Query", "Of", "What", "Goal", "Value", "Count", "Verdict", ""}}
	for _, o := range d.Outcomes {
		for _, v := range o.Values {
			rows = append(rows, []string{o.Objective, o.Query, o.Of(), v.What(), v.Goal(), v.value(), edition.Thousands(v.Count), verdictWords[v.Verdict], v.Notes()})
		}
	}
	return rows
}

// serials are the zones' serials as a table; only the heading where there are none.
func (d *Document) serials() [][]string {
	rows := [][]string{{"Zone", "Serial", "Published", ""}}
	for _, p := range d.Publications {
		rows = append(rows, []string{p.Zone, strconv.FormatInt(p.Serial, 10), edition.Clock(p.T), map[bool]string{true: "by its source"}[p.Source]})
	}
	for _, p := range d.Lone {
		rows = append(rows, []string{p.Zone, strconv.FormatInt(p.Serial, 10), edition.Clock(p.T), "shown by one server alone"})
	}
	return rows
}

// Line is the coverage in words.
func (c Coverage) Line() string {
	text := fmt.Sprintf("%s of %s planned queries sent", edition.Thousands(c.Sent), edition.Thousands(c.Planned))
	for _, part := range []struct {
		n    int64
		what string
	}{{c.Unsent, "not sent or not judged by the vantage point"}, {c.Missing, "missing"}, {c.OffPlan, "asked at another address than the plan's"}} {
		if part.n > 0 {
			text += fmt.Sprintf("; %s %s", edition.Thousands(part.n), part.what)
		}
	}
	return text
}

// WriteText writes objectives.txt.
func (d *Document) WriteText(w io.Writer) error {
	t := &edition.Text{W: w}
	t.Line("OBJECTIVES OF %s", strings.ToUpper(d.Plan))
	t.Line("")
	t.Line("Windows    end at %s, data until %s", edition.Clock(d.Until), edition.Clock(d.DataUntil))
	t.Line("Report     %s, revision %d, mtric %s", d.Status, d.Revision, d.Version)
	t.Line("Measured   %s", d.Coverage.Line())
	if d.Thin() {
		t.Line("Note       thin: less than nine tenths of the planned queries were sent")
	}
	if text := d.Untrusted(); text != "" {
		t.Line("Note       %s", text)
	}
	if len(d.Unexpected) > 0 {
		t.Line("Note       in the data, not in the plan: %s", edition.Join(d.Unexpected))
	}
	for _, e := range d.Exclusions {
		t.Line("Excluded   %s to %s, by %s: %s", edition.Clock(e.From), edition.Clock(e.Until), e.By, e.Reason)
	}
	t.Heading("Verdicts")
	t.Table(d.verdicts())
	t.Heading("Values")
	t.Table(d.numbers())
	if rows := d.serials(); len(rows) > 1 {
		t.Heading("Serials")
		t.Table(rows)
	}
	t.Line("\nPlan %s", cmp.Or(d.PlanSHA256, "-"))
	t.Line("Digest %s", d.Digest)
	return t.Err
}
