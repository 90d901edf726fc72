package report

import (
	"cmp"
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"mtric.net/mtric/engine/column"
	"mtric.net/mtric/engine/lake"
	"mtric.net/mtric/engine/measurement"
	"mtric.net/mtric/engine/plan"
	"mtric.net/mtric/metrics/correctness"
)

// Broken is a rule of correctness that answers of an RSI broke in the same way:
// what a person must know to find out why the RSI is not correct.
type Broken struct {
	Tag           string                     `json:"tag"`
	Class         string                     `json:"class"`   // as docs/correctness.md explains it; empty where the rule says it all
	Answers       int64                      `json:"answers"` // that broke it so
	VantagePoints []measurement.VantagePoint `json:"vantage_points"`
	Example       string                     `json:"example"` // the first answer, and its failure as the lake has it
}

// maxBroken bounds what is told of an RSI: a server chooses what it sends.
const maxBroken = 20

// Rule is the rule in words.
func (b Broken) Rule() string { return correctness.Rule(b.Tag) }

// brokenKey is what broken rules are counted by.
type brokenKey struct{ tag, class string }

type brokenOf map[measurement.RSI]map[brokenKey]*Broken

// explain puts into the values of RSI correctness which rules were broken, from the
// days that have incorrect answers.
func (d *Document) explain(ctx context.Context, store lake.Store) error {
	wanted := map[measurement.RSI]bool{}
	for _, v := range d.Values {
		if v.Metric == measurement.RSICorrectness && v.Diagnostics.Outcomes[string(measurement.Incorrect)] > 0 {
			wanted[v.RSI] = true
		}
	}
	if len(wanted) == 0 {
		return nil
	}
	days, err := store.Days(column.Answers, d.From, d.end())
	if err != nil {
		return err
	}
	broken := brokenOf{}
	for _, f := range days {
		if err := d.incorrectIn(ctx, store, f, wanted, broken.add, nil); err != nil {
			return fmt.Errorf("broken rules of %s: %w", f.Day.Format(time.DateOnly), err)
		}
	}
	for i, v := range d.Values {
		if v.Metric == measurement.RSICorrectness {
			d.Values[i].Diagnostics.Broken = broken.list(v.RSI)
		}
	}
	return nil
}

// incorrectIn notes the incorrect answers of a day with their failures. Where settled is
// given it sees each of them first, with more columns; those it settles are not noted.
func (d *Document) incorrectIn(ctx context.Context, store lake.Store, f lake.DayFile, wanted map[measurement.RSI]bool,
	note func(*measurement.Answer, []string), settled func(a *measurement.Answer, b *column.Batch, i int) bool, more ...string) error {
	names := append(slices.Clone(decisive), append(more, "qname", "qtype")...)
	rows := map[int64]measurement.Answer{}
	var row int64
	scan := lake.Scan{Store: store, Table: column.Answers, From: f.Day, Until: f.Day.AddDate(0, 0, 1), Columns: names, Workers: 1}
	err := scan.Run(ctx, func(b *column.Batch) error {
		verdicts := b.Column("verdict")
		incorrect := verdicts.Place(string(measurement.Incorrect))
		var c *columns
		for i, v := range verdicts.Index {
			if v < 0 || v != incorrect {
				continue
			}
			if c == nil {
				c = new(newColumns(b))
			}
			a := c.row(i)
			a.QName, a.QType = b.Column("qname").Text(i), b.Column("qtype").Text(i)
			if wanted[a.RSI] && a.Query == measurement.QueryCorrectness && a.Interval.Before(d.end()) && !a.Interval.Before(d.From) && d.measured(&a) &&
				(settled == nil || !settled(&a, b, i)) {
				a.LatencyUS, a.RCode, a.Serial, a.Verdict = nil, nil, nil, nil // they are the batch's
				rows[row+int64(i)] = a
			}
		}
		row += int64(b.Rows)
		return nil
	})
	if err != nil || len(rows) == 0 {
		return err
	}
	return lake.Failures(f.Path, func(row int64, failures []string) {
		if a, found := rows[row]; found {
			note(&a, failures)
		}
	})
}

// add counts an answer once for each rule and class.
func (b brokenOf) add(a *measurement.Answer, failures []string) {
	of := b[a.RSI]
	if of == nil {
		of = map[brokenKey]*Broken{}
		b[a.RSI] = of
	}
	seen := map[brokenKey]bool{}
	for _, f := range failures {
		tag, _, _ := strings.Cut(f, ": ")
		k := brokenKey{tag, correctness.Cause(f)}
		if seen[k] {
			continue
		}
		seen[k] = true
		x := of[k]
		if x == nil {
			x = &Broken{Tag: k.tag, Class: k.class, Example: fmt.Sprintf("%s from VP %s over %s, %s %s: %s", clock(a.Interval), a.VantagePoint,
				measurement.Path{Family: a.Family, Transport: a.Transport}.Title(), a.QName, a.QType, f)}
			of[k] = x
		}
		x.Answers++
		if !slices.Contains(x.VantagePoints, a.VantagePoint) {
			x.VantagePoints = append(x.VantagePoints, a.VantagePoint)
		}
	}
}

// list is an RSI's broken rules, those of most answers first.
func (b brokenOf) list(rsi measurement.RSI) []Broken {
	var list []Broken
	for _, x := range b[rsi] {
		slices.Sort(x.VantagePoints)
		list = append(list, *x)
	}
	slices.SortFunc(list, func(x, y Broken) int {
		return cmp.Or(cmp.Compare(y.Answers, x.Answers), cmp.Compare(x.Tag, y.Tag), cmp.Compare(x.Class, y.Class))
	})
	return list[:min(len(list), maxBroken)]
}

// measured says whether a row is in the metrics: of a vantage point that counts then,
// asked where the plan says, under no exclusion and of no run that came late.
func (d *Document) measured(r *measurement.Answer) bool {
	return (d.late == nil || !d.late(r.VantagePoint, r.Interval)) && slices.ContainsFunc(d.VantagePoints, func(v VantagePoint) bool {
		return v.ID == r.VantagePoint && (v.From == nil || !r.Interval.Before(*v.From)) && (v.Until == nil || r.Interval.Before(*v.Until))
	}) && !slices.ContainsFunc(d.Exclusions, func(n plan.Note) bool { return covers(n, r) }) &&
		r.Interval.Before(d.DataUntil) && (r.Outcome == measurement.LocalError || d.onPlan(r))
}

// onPlan says whether a row was asked at the address that its RSI has at its label,
// however the row writes it. What another server answers says nothing of the RSI.
func (d *Document) onPlan(r *measurement.Answer) bool {
	i := slices.IndexFunc(d.RSIs, func(s RSI) bool { return s.RSI == r.RSI })
	if i < 0 {
		return false
	}
	want, valid := plan.Server{Addresses: d.RSIs[i].Addresses}.AddressAt(r.Family, r.Interval)
	got, err := netip.ParseAddr(r.Address)
	return valid && err == nil && got.Unmap() == want.Unmap()
}

// broken are the broken rules of an RSI.
func (d *Document) broken(rsi measurement.RSI) []Broken {
	for _, v := range d.Values {
		if v.Metric == measurement.RSICorrectness && v.RSI == rsi && v.Diagnostics != nil {
			return v.Diagnostics.Broken
		}
	}
	return nil
}

// brokenRow is a line of the table that has all RSIs.
type brokenRow struct {
	RSI measurement.RSI
	Broken
}

// BrokenRules lists the broken rules of all RSIs.
func (d *Document) BrokenRules() []brokenRow {
	var rows []brokenRow
	for _, r := range d.RSIs {
		for _, b := range d.broken(r.RSI) {
			rows = append(rows, brokenRow{r.RSI, b})
		}
	}
	return rows
}

// aboutBroken stands before the tables of broken rules.
const aboutBroken = "An answer may break several rules. docs/correctness.md says what the classes mean; mtric check judges a single answer again."

// broken prints broken rules, and an example of each below the table.
func (t *textWriter) broken(rows []brokenRow) {
	t.line("%s", aboutBroken)
	table := [][]string{{"RSI", "TAG", "CLASS", "ANSWERS", "VANTAGE POINTS", "RULE"}}
	for _, b := range rows {
		table = append(table, []string{string(b.RSI), b.Tag, dash(b.Class), thousands(b.Answers), join(b.VantagePoints), b.Rule()})
	}
	t.table(table)
	t.line("For example:")
	for _, b := range rows {
		t.line("  %s %s", b.RSI, b.Example)
	}
}
