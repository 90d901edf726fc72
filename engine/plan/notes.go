package plan

import (
	"fmt"
	"slices"
	"time"

	"github.com/zclconf/go-cty/cty"

	"mtric.net/mtric/engine/measurement"
)

// decodeNote reads an exclusion [raz] [xjv] or an annotation [bmu].
func (l *loader) decodeNote(b *block) {
	d := l.open(b)
	n := Note{Label: b.label, By: d.line("by", ""), Reason: d.line("reason", ""),
		Added: d.required("added"), From: d.required("from"), Until: d.required("until")}
	d.order("from", "until", &n.From, &n.Until)
	for _, name := range []string{"by", "reason"} {
		if d.has(name) && d.line(name, "") == "" {
			d.errorf(name, "It is published with the times [hnr] [dew].", "%s is empty", name)
		}
	}
	for _, it := range d.texts("vantage_points") {
		if v := measurement.VantagePoint(it.v.AsString()); d.knownVantagePoint(it, v) {
			n.VantagePoints = append(n.VantagePoints, v)
		}
	}
	for _, it := range d.texts("rsis") {
		if r := measurement.RSI(it.v.AsString()); d.knownRSI(it, r) {
			n.RSIs = append(n.RSIs, r)
		}
	}
	for _, it := range d.texts("paths") {
		s := it.v.AsString()
		if _, err := measurement.ParsePath(s); err != nil {
			l.errorf(it.at, didYouMean(s, pathNames(), "Paths"), "no path %q", s)
			continue
		}
		n.Paths = append(n.Paths, s)
	}
	if d.attrs["vantage_points"] == nil && d.attrs["rsis"] == nil && d.attrs["paths"] == nil {
		l.errorf(d.at, "Name vantage_points, rsis or paths; else it would cover everything.", "%s covers no place", d.what)
	}
	if b.Type == "exclusion" {
		l.plan.Exclusions = append(l.plan.Exclusions, n)
	} else {
		l.plan.Annotations = append(l.plan.Annotations, n)
	}
}

// required reads a time that checkBody has asked for; the zero time stands
// for one that was refused, and fails no comparison.
func (d *decoder) required(name string) time.Time {
	if t := d.moment(name); t != nil {
		return *t
	}
	if name == "until" {
		return time.Unix(1<<40, 0).UTC()
	}
	return time.Time{}
}

// knownVantagePoint checks against the plan's vantage points; a plan without
// any measures from those that send data.
func (d *decoder) knownVantagePoint(it item, v measurement.VantagePoint) bool {
	var known []string
	for _, p := range d.l.plan.VantagePoints {
		known = append(known, string(p.ID))
	}
	if !v.Machine() {
		d.l.errorf(it.at, `Write its number, three digits: "101".`, "no vantage point %q", v)
		return false
	}
	if len(known) > 0 && !slices.Contains(known, string(v)) && len(d.l.unmade["vantage_point"]) == 0 {
		d.l.errorf(it.at, didYouMean(string(v), known, "Vantage points"), "no vantage point %q", v)
		return false
	}
	return true
}

// knownRSI checks that the plan has a server of that name.
func (d *decoder) knownRSI(it item, r measurement.RSI) bool {
	var known []string
	for _, s := range d.l.plan.Servers {
		if s.RSI == r {
			return true
		}
		if !slices.Contains(known, string(s.RSI)) {
			known = append(known, string(s.RSI))
		}
	}
	if len(d.l.unmade["server"]) == 0 {
		d.l.errorf(it.at, didYouMeanField(string(r), known, "RSI"), "no RSI %q", r)
	}
	return false
}

// decodeSilence reads a silence: alerts whose labels equal all of match are
// muted from one time up to another.
func (l *loader) decodeSilence(b *block) {
	d := l.open(b)
	s := Silence{Label: b.label, Match: map[string]string{}, Reason: d.line("reason", ""),
		From: d.required("from"), Until: d.required("until")}
	d.order("from", "until", &s.From, &s.Until)
	o := d.object("match", append([]string{"rule", "machine"}, everyLabel...))
	for _, key := range sortedKeys(o) {
		text, ok := d.itemText(o[key], "text")
		if !ok {
			continue
		}
		s.Match[key] = text
		if key == "rule" {
			d.knownRule(item{cty.StringVal(text), o[key].at})
		}
	}
	if d.has("match") && len(o) == 0 && !l.diags.HasErrors() {
		d.errorf("match", `Name at least a rule: match = { rule = "NAME" }.`, "%s would mute everything", d.what)
	}
	l.plan.Silences = append(l.plan.Silences, s)
}

// knownRule checks that a silence names a rule there is; a misspelt one would
// mute nothing, and nobody would notice.
func (d *decoder) knownRule(it item) {
	var names []string
	for _, r := range d.l.plan.Rules {
		names = append(names, r.Label)
	}
	if name := it.v.AsString(); !slices.Contains(names, name) && len(d.l.unmade["rule"]) == 0 {
		d.l.errorf(it.at, didYouMeanField(name, names, "rule"), "no rule %q", name)
	}
}

// decodeReport reads what reports are written; the CLI's styles are their periods.
func (l *loader) decodeReport(b *block) {
	d := l.open(b)
	l.plan.Reports = append(l.plan.Reports, Report{
		Label:   b.label,
		Period:  d.enum("period", "", "week", "month"),
		Publish: d.enums("publish", []string{"text", "json", "html"}, "text", "json", "html"),
	})
}

// kinds of files that retention knows.
var kept = []string{"sent", "originals", "quarantine", "logs", "lake"}

// decodeRetention reads how long files are kept. Less than a day would delete
// what the next machine has not fetched yet.
func (l *loader) decodeRetention(b *block) {
	d := l.open(b)
	if !slices.Contains(kept, b.label) {
		l.errorf(b.LabelRanges[0], didYouMean(b.label, kept, "Labels"), "no files of kind %q", b.label)
		return
	}
	r := Retention{Label: b.label}
	if it, ok := d.get("keep"); ok {
		if it.v.Type() == cty.String && it.v.AsString() == "forever" {
			l.plan.Retention = append(l.plan.Retention, r)
			return
		}
		v, ok := d.itemDuration(it)
		if ok && v < day {
			d.errorf("keep", fmt.Sprintf("Keep files at least %s, or \"forever\".", day), "keep of %s is too short", v)
		}
		r.Keep = &v
	}
	l.plan.Retention = append(l.plan.Retention, r)
}
