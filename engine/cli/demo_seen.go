package cli

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"mtric.net/mtric/engine/dnsmsg"
	"mtric.net/mtric/engine/measurement"
)

// seenRow is what one server did with one query.
type seenRow struct {
	Query string               `json:"query"`
	RSI   measurement.RSI      `json:"rsi"`
	Paths map[string]*seenCell `json:"paths"` // by "ipv4/udp"
	Seen  []string             `json:"seen"`  // in the order of time: serials, texts, rcodes and outcomes
	cells demoCells            // what Paths is made of
}

// seenCell is a cell for programs.
type seenCell struct {
	Sent      int    `json:"sent"`
	Good      int    `json:"good"`
	LatencyUS *int64 `json:"median_latency_us"`
}

// seen sums up the answers by query, server and path, in the order of the plan.
func (w *demoWorld) seen() []*seenRow {
	type key struct {
		query string
		rsi   measurement.RSI
	}
	rows := map[key]*seenRow{}
	slices.SortStableFunc(w.rows, func(a, b measurement.Answer) int { return a.Interval.Compare(b.Interval) })
	for _, a := range w.rows {
		if a.Outcome == measurement.LocalError || a.Query == measurement.QueryCorrectness {
			continue // never sent; judged by root zones, and not by what a plan expects
		}
		k := key{a.Query, a.RSI}
		if rows[k] == nil {
			rows[k] = &seenRow{Query: a.Query, RSI: a.RSI, Paths: map[string]*seenCell{}, cells: demoCells{}}
		}
		rows[k].add(&a)
	}
	all := []*seenRow{}
	for _, q := range w.plan.Queries {
		for _, s := range w.plan.ServersOf(q.Servers) {
			if r := rows[key{q.Label, s.RSI}]; r != nil {
				r.finish()
				all = append(all, r)
			}
		}
	}
	return all
}

func (r *seenRow) add(a *measurement.Answer) {
	r.cells.add(a)
	if what := shownBy(a); what != "" && !slices.Contains(r.Seen, what) {
		r.Seen = append(r.Seen, what)
	}
}

func (r *seenRow) finish() {
	r.Seen = append([]string{}, r.Seen...)
	for path, c := range r.cells {
		one := &seenCell{Sent: c.sent, Good: c.good}
		if us, ok := c.median(); ok {
			one.LatencyUS = &us
		}
		r.Paths[path.String()] = one
	}
}

// shownBy is what an answer tells: a serial, the text of a TXT record that was kept, or how
// it failed. Of most answers there is nothing to say but that they are good.
func shownBy(a *measurement.Answer) string {
	switch {
	case a.Outcome != measurement.Answered:
		return string(a.Outcome)
	case a.ZoneSerial != nil:
		return fmt.Sprint(*a.ZoneSerial)
	case a.Serial != nil && a.QType == "SOA":
		return fmt.Sprint(*a.Serial)
	}
	if text := textOf(a.Response); text != "" {
		return text
	}
	if a.RCode != nil && (!a.Good() || *a.RCode != measurement.NoError) {
		return *a.RCode
	}
	return ""
}

// textOf is what the TXT records of a response say; empty without.
func textOf(wire []byte) string {
	var m dnsmsg.Message
	if len(wire) == 0 || m.Parse(wire) != nil {
		return ""
	}
	var texts []string
	for i := range m.Records {
		if r := &m.Records[i]; r.Section == dnsmsg.Answer && dnsmsg.TypeText(r.Type) == "TXT" {
			texts = append(texts, r.Text())
		}
	}
	return strings.Join(texts, " ")
}

// printSeen prints the table.
func (w *demoWorld) printSeen(rows []*seenRow) error {
	var paths []measurement.Path
	header := "QUERY RSI"
	for _, f := range measurement.Families {
		for _, t := range measurement.Transports {
			p := measurement.Path{Family: f, Transport: t}
			if slices.ContainsFunc(rows, func(r *seenRow) bool { return r.cells[p] != nil }) {
				paths = append(paths, p)
				header += " " + p.String()
			}
		}
	}
	return writeTable(w.app.out, header+" SEEN", rows, func(r *seenRow) []string {
		cells := []string{r.Query, string(r.RSI)}
		for _, p := range paths {
			text := ""
			if c := r.cells[p]; c != nil {
				text = c.String()
			}
			cells = append(cells, text)
		}
		return append(cells, strings.Join(r.Seen, ", "))
	})
}

// planFlags name the plan on a command line.
func (w *demoWorld) planFlags() (words []string) {
	for _, p := range w.flags().plans {
		words = append(words, "--plan", p)
	}
	for _, v := range w.vars {
		words = append(words, "--var", fmt.Sprintf("'%s'", v))
	}
	return words
}

// printOtherNext says what to try.
func (w *demoWorld) printOtherNext() {
	p := strings.Join(w.planFlags(), " ")
	w.say(`
The lake is Parquet, for DuckDB, pandas, polars or Spark:
  duckdb -c "SELECT query, rsi, family, transport, outcome, rcode, tls_auth, expected, count(*)
    FROM read_parquet('%[1]s/c00/Lake/answers/*/*.parquet', hive_partitioning = true) GROUP BY ALL ORDER BY ALL"

Try next:
  %[2]s show --where expected=false %[1]s/c00/Lake/answers/*/*.parquet
  %[2]s export --lake %[1]s/c00/Lake --table answers --format csv
  %[2]s plan show %[3]s
`, w.dir, w.app.self, p)
	if len(w.plan.Rules) > 0 {
		w.say("  %[2]s plan test %[3]s\n  %[2]s backtest %[3]s --lake %[1]s/c00/Lake --from %[4]s --until %[5]s\n",
			w.dir, w.app.self, p, w.label(0).Format(time.RFC3339), w.after().Add(-4*time.Minute).Format(time.RFC3339))
	}
	if w.other.attained != nil {
		w.say("  %s verify %s --lake %s/c00/Lake\n", w.app.self, w.folder, w.dir)
	}
	w.say("  cat %[1]s/site/site.hcl                # what was laid over the plan\n  rm -r %[1]s\n", w.dir)
}

// print prints what the demo found.
func (w *demoWorld) print() error {
	if w.judges() {
		return w.app.printDemo(w, w.rows)
	}
	return w.printOther()
}
