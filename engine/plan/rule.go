package plan

import (
	"bytes"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"

	"mtric.net/mtric/engine/interval"
	"mtric.net/mtric/engine/measurement"
)

// overLabels are what window rules may be evaluated by, machineLabels what machine
// rules of the collector may be: what one alert for all would hide when it grows.
var (
	overLabels    = []string{"rsi", "family", "transport", "vantage_point", "query"}
	machineLabels = []string{"vantage_point", "serial", "key"}
	everyLabel    = append(slices.Clone(overLabels), "serial", "key")
)

var (
	severities = []string{"info", "warning", "critical"}
	machines   = []string{"vantage_point", "collector"} // kinds of them
)

// sees lists the objects that expressions and summaries of a rule may use, by
// the rule's on.
var sees = map[string][]string{
	"run":     {"run"},
	"window":  {"window", "previous", "threshold", "objective"},
	"machine": {"machine"},
	"report":  {"value"},
}

var placeholder = regexp.MustCompile(`^[a-z_][a-z0-9_]*(\.[a-z_][a-z0-9_]*)*$`)

// decodeRule reads an alert rule. The expression stays text, with its place;
// engine/alert compiles it.
func (l *loader) decodeRule(b *block) {
	d := l.open(b)
	r := Rule{
		Label:    b.label,
		On:       d.enum("on", "", "run", "window", "machine", "report"),
		Where:    d.enum("where", "", machines...),
		Window:   d.duration("window", 0, Duration(interval.Length), Duration(62*24*time.Hour)),
		Hold:     d.duration("hold", 0, 0, Duration(31*24*time.Hour)),
		Severity: d.enum("severity", "", severities...),
		Summary:  d.line("summary", ""),
		Runbook:  d.line("runbook", ""),
	}
	before := len(l.diags)
	r.Over = d.over(r.On)
	r.Queries = d.counted(r.Over)
	doubtful := len(l.diags) > before || r.On == "" || d.attrs["over"] == nil && l.faulty[d.at]
	r.Expr, r.ExprRange = d.cel("expr", "other parts of the plan are seen as threshold and over", "that is true when somebody should be told")
	if a := d.attrs["summary"]; a != nil {
		var verbatim bool
		if r.SummaryRange, _, verbatim = d.literal(a.Expr); !verbatim {
			r.SummaryRange = rangeOf(a.Expr.Range())
		}
	}
	if r.On != "" {
		d.only(r.On == "window", r.On, "window", "queries")
		d.only(r.On == "machine", r.On, "where")
		d.only(r.On == "window" || r.On == "machine", r.On, "over")
		if r.On == "machine" && len(r.Over) > 0 && (r.Where != "collector" || len(r.Over) > 1) {
			d.errorf("over", `Write where = "collector", and one of `+strings.Join(machineLabels, ", ")+`.`, "only the collector's machine rules have over, of one label")
		}
		d.only(r.On != "report", r.On, "hold")
		if r.On == "window" && d.attrs["window"] == nil {
			l.errorf(d.at, `Add window = "1h": how far back each evaluation looks.`, "%s lacks %q", d.what, "window")
		}
		if r.Summary != "" && !doubtful {
			d.placeholders(r)
		}
	}
	if r.Window%Duration(interval.Length) != 0 {
		d.errorf("window", "A window is a whole number of intervals.", "window of %s is no multiple of 5m", r.Window)
	}
	if doubtful {
		r.Expr, r.Summary = "", "" // CEL would say the same again: it does not know the labels
	}
	l.plan.Rules = append(l.plan.Rules, r)
}

// counted reads whose answers a window counts, nil where it is said by leaving it out.
func (d *decoder) counted(over []string) []string {
	queries := d.refs("queries", "query")
	if !slices.Contains(over, "query") && slices.Equal(queries, []string{measurement.QuerySOA}) {
		return nil
	}
	return queries
}

// over keeps the order written: alert lines name the labels in that order.
func (d *decoder) over(on string) []string {
	labels := overLabels
	if on == "machine" {
		labels = machineLabels
	}
	all := []string{}
	for _, it := range d.texts("over") {
		if s, ok := d.itemEnum(it, "over", labels); ok {
			all = append(all, s)
		}
	}
	return all
}

// only reports attributes that rules of this kind do not have.
func (d *decoder) only(allowed bool, on string, names ...string) {
	for _, n := range names {
		if !allowed && d.attrs[n] != nil {
			d.l.errorf(d.attrs[n].NameRange, "Remove it, or change on.", "a rule on %q has no %s", on, n)
		}
	}
}

// MaxExpr bounds an expression in CEL, in bytes.
const MaxExpr = 8192

// cel returns the text of an expression and its place. Positions in it map
// back to the file only where the text is verbatim, so nothing may be
// interpolated; of a heredoc the text is taken from the file, as <<-CEL would
// cut the indent off and shift the columns. Instead says what an expression sees of
// the plan, means what a condition means.
func (d *decoder) cel(name, instead, means string) (string, Range) {
	a := d.attrs[name]
	if a == nil {
		return "", Range{}
	}
	place, value, ok := d.literal(a.Expr)
	switch {
	case !ok || strings.Contains(value, "${") || strings.Contains(value, "%{"):
		d.errorf(name, "Write the CEL between quotes or <<CEL and CEL, without ${…}: "+instead+".", "%s is not plain text", name)
		return "", Range{}
	case strings.TrimSpace(value) == "":
		d.errorf(name, "Write a condition in CEL "+means+".", "%s is empty", name)
	case len(value) > MaxExpr:
		d.errorf(name, fmt.Sprintf("At most %d bytes.", MaxExpr), "%s is too long", name)
	}
	return value, place
}

// literal returns the place and the value of a text without any interpolation.
func (d *decoder) literal(e hcl.Expression) (Range, string, bool) {
	if u, ok := hcl.UnwrapExpressionUntil(e, func(e hcl.Expression) bool {
		_, ok := e.(*hclsyntax.TemplateExpr)
		return ok
	}).(*hclsyntax.TemplateExpr); ok && len(u.Parts) > 0 {
		var text strings.Builder
		for _, p := range u.Parts {
			lit, ok := unmetered(p).(*hclsyntax.LiteralValueExpr)
			if !ok || lit.Val.Type() != cty.String {
				return Range{}, "", false
			}
			text.WriteString(lit.Val.AsString())
		}
		start, end := u.Parts[0].Range(), u.Parts[len(u.Parts)-1].Range()
		src := d.l.sources[start.Filename]
		at := Range{File: start.Filename, Start: start.Start.Byte, End: end.End.Byte, Line: start.Start.Line, Col: start.Start.Column}
		if at.Start > at.End || at.End > len(src) {
			return Range{}, "", false
		}
		// The first part of <<- begins behind its indent; the text begins with the line.
		if !bytes.HasPrefix(src[u.SrcRange.Start.Byte:], []byte("<<")) {
			return at, text.String(), true
		}
		at.Start = bytes.LastIndexByte(src[:at.Start], '\n') + 1
		at.Col = 1
		return at, string(src[at.Start:at.End]), true
	}
	return Range{}, "", false
}

// Fills says whether the rule has what a placeholder {name} names; an expression is not looked at.
func (r Rule) Fills(name string) bool {
	root, _, field := strings.Cut(name, ".")
	switch {
	case !placeholder.MatchString(name):
		return true
	case field:
		return slices.Contains(sees[r.On], root)
	}
	return slices.Contains(r.Over, root)
}

// placeholders checks the {…} of a summary: the labels of over, and fields of
// the objects that the rule sees.
func (d *decoder) placeholders(r Rule) {
	rest := r.Summary
	for {
		before, after, found := strings.Cut(rest, "{")
		if strings.Contains(before, "}") {
			d.errorf("summary", "A placeholder is written {window.sent}.", `"}" without "{" in summary`)
			return
		}
		if !found {
			return
		}
		name, tail, closed := strings.Cut(after, "}")
		if !closed {
			d.errorf("summary", "A placeholder is written {window.sent}.", `"{" without "}" in summary`)
			return
		}
		rest = tail
		root, _, field := strings.Cut(name, ".")
		known := r.Over
		if field {
			known = sees[r.On]
		}
		switch {
		case !placeholder.MatchString(name) && strings.ContainsAny(name, " +-*/%?:()[]'\"<>=!&|"):
			// An expression: engine/alert compiles it, as it does the fields.
		case !placeholder.MatchString(name):
			d.errorf("summary", "A placeholder is the name of a label, {rsi}, or of a field, {window.sent}.", "no placeholder {%s}", name)
		case !r.Fills(name):
			remedy := fmt.Sprintf("A rule on %q sees %s.", r.On, strings.Join(sees[r.On], ", "))
			if !field {
				remedy = strings.TrimSpace("Labels must be named in over. " + didYouMean(root, r.Over, "There are"))
			} else if best, ok := nearest(root, known); ok {
				remedy = "Did you mean " + quote(best) + "? " + remedy
			}
			d.errorf("summary", remedy, "nothing to put for {%s}", name)
		}
	}
}
