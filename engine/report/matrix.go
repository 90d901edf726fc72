package report

import (
	"cmp"
	"fmt"
	"math/big"
	"slices"
	"strings"

	"mtric.net/mtric/engine/edition"
	"mtric.net/mtric/engine/measurement"
	"mtric.net/mtric/metrics"
)

// matrix is all verdicts at a glance: a row for the system and each RSI, a column for
// each metric and path.
type matrix struct {
	Heads []head
	Rows  []matrixRow
}

// head is a metric with its columns.
type head struct {
	Title, Short string
	Columns      []pathColumn
}

// pathColumn is a metric over a path; Path is empty for one without.
type pathColumn struct{ Path, Short, Bound string }

type matrixRow struct {
	RSI   measurement.RSI // empty: the system
	Name  string
	Cells []*Value // nil: there is no such value
}

// Of the system's metrics and the RSIs', which stand in one column.
var columnMetrics = []struct {
	system, rsi measurement.Metric
	short       string
}{
	{measurement.RSSAvailability, measurement.RSIAvailability, "Avail."},
	{measurement.RSSLatency, measurement.RSILatency, "Latency"},
	{measurement.RSSCorrectness, measurement.RSICorrectness, "Corr."},
	{measurement.RSSPublication, measurement.RSIPublication, "Publ."},
}

// matrix orders the values.
func (d *Document) matrix() (m matrix) {
	type key struct {
		metric measurement.Metric
		rsi    measurement.RSI
		path   measurement.Path
	}
	values := map[key]*Value{}
	keyOf := func(v *Value) key {
		return key{v.Metric, v.RSI, measurement.Path{Family: v.Family, Transport: v.Transport}}
	}
	for i := range d.Values {
		values[keyOf(&d.Values[i])] = &d.Values[i]
	}
	m.Rows = []matrixRow{{Name: "RSS"}}
	for _, r := range d.RSIs {
		m.Rows = append(m.Rows, matrixRow{RSI: r.RSI, Name: string(r.RSI)})
	}
	for _, c := range columnMetrics {
		paths := []measurement.Path{{}}
		if c.rsi == measurement.RSIAvailability || c.rsi == measurement.RSILatency {
			paths = measurement.Paths
		}
		h := head{Title: c.rsi.Title(), Short: c.short}
		for _, p := range paths {
			col := pathColumn{Path: p.Title()}
			if col.Path != "" {
				col.Short = shortPath(p)
			}
			for i := range m.Rows {
				metric := c.rsi
				if m.Rows[i].RSI == "" {
					metric = c.system
				}
				v := values[key{metric, m.Rows[i].RSI, p}]
				if v != nil && m.Rows[i].RSI != "" {
					col.Bound = v.Bound()
				}
				m.Rows[i].Cells = append(m.Rows[i].Cells, v)
			}
			h.Columns = append(h.Columns, col)
		}
		m.Heads = append(m.Heads, h)
	}
	return m
}

// Sign is the verdict as one letter, for where there is no room.
func (v Value) Sign() string {
	return map[metrics.Verdict]string{metrics.Pass: "✓", metrics.Fail: "✗", metrics.NoData: "–"}[v.Verdict]
}

// Flags say in a letter each what limits a verdict; signs explains them.
func (v Value) Flags() string {
	flags := ""
	for _, f := range []struct {
		set  bool
		sign string
	}{{v.Verdict == metrics.Fail && (len(v.RestsOn) > 0 || v.Fewest == 1), "1"}, {v.Thin, "t"}, {v.Held > 0, "h"}, {v.Unobservable > 0, "u"}} {
		if f.set {
			flags += f.sign
		}
	}
	return flags
}

// signs explain the matrix, as far as it has them.
func (d *Document) signs() string {
	text := "✓ pass, ✗ FAIL, – no data"
	for _, s := range []struct{ flag, means string }{{"1", "rests on one vantage point"}, {"t", "thin"}, {"h", "some responses held"}, {"u", "some waits unobservable"}} {
		if slices.ContainsFunc(d.Values, func(v Value) bool { return strings.Contains(v.Flags(), s.flag) }) {
			text += "; " + s.flag + " " + s.means
		}
	}
	return text + "."
}

// Number is the value without its unit, as short as it can be and no better than it is;
// empty where it is not for the reader.
func (v Value) Number() string {
	switch {
	case v.withheld():
		return ""
	case v.Censored:
		return "∞"
	case v.Value == nil:
		return ""
	}
	exactly, fine := new(big.Rat).SetString(v.Value.String())
	if !fine {
		return ""
	}
	if v.Unit == metrics.Percent {
		return decimal(exactly, 3, true)
	}
	return grouped(decimal(exactly, 1, false))
}

// withheld says that the numbers of the value are not for the reader.
func (v Value) withheld() bool { return v.public && v.RSI != "" }

// Tells is what the cell of the matrix says when it is asked.
func (d *Document) tells(v *Value) string {
	who := cmp.Or(string(v.RSI), "root server system")
	text := strings.TrimSpace(fmt.Sprintf("%s of %s %s", v.Title(), who, v.Path())) + ": " + v.Word()
	if v.Value != nil && !v.withheld() {
		text += ", " + v.Shown() + " (threshold " + v.Bound() + ")"
	}
	text += ", " + edition.Thousands(v.Count) + " " + counted[v.Metric]
	if beside := d.Beside(*v); beside != "" {
		text += "; " + beside
	}
	return text
}

// tally says how many verdicts there are of each kind.
func (d *Document) tally() string {
	fails, none := d.Count(metrics.Fail), d.Count(metrics.NoData)
	text := fmt.Sprintf("%s of %s missed", edition.Thousands(int64(fails)), edition.Plural(int64(len(d.Values)), "threshold"))
	if fails == 0 {
		text = fmt.Sprintf("None of %s missed", edition.Plural(int64(len(d.Values)), "threshold"))
	}
	if none > 0 {
		text += fmt.Sprintf("; %s without a verdict", edition.Thousands(int64(none)))
	}
	return text
}

// subject says what was measured.
func (d *Document) subject() string {
	return fmt.Sprintf("%s asked by %s every five minutes over IPv4 and IPv6, UDP and TCP, by RSSAC047v2: n = %d, k = %d",
		edition.Plural(int64(len(d.RSIs)), "root server identifier"), edition.Plural(int64(len(d.VantagePoints)), "vantage point"), d.N, d.K)
}
