package cli

import (
	"cmp"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"mtric.net/mtric/engine/column"
	"mtric.net/mtric/engine/diag"
	"mtric.net/mtric/engine/lake"
	"mtric.net/mtric/engine/measurement"
	"mtric.net/mtric/engine/report"
	"mtric.net/mtric/engine/rootzone"
	"mtric.net/mtric/metrics"
)

// received reads the answers of the lake.
func (w *demoWorld) received() ([]measurement.Answer, error) {
	files, err := w.lake().Days(column.Answers, time.Time{}, time.Time{})
	if err != nil {
		return nil, err
	}
	var rows []measurement.Answer
	for _, f := range files {
		some, _, err := column.Read[measurement.Answer](f.Path)
		if err != nil {
			return nil, err
		}
		rows = append(rows, some...)
	}
	return rows, nil
}

func (w *demoWorld) lake() lake.Store {
	return lake.Store{Dir: filepath.Join(w.collector(), w.plan.Paths.Lake)}
}

// demoCell is what one RSI did over one path.
type demoCell struct {
	sent, good int
	latencies  []int64 // µs, of good answers
}

// median is the middle of the good answers' latencies in µs; false without any.
func (c demoCell) median() (int64, bool) {
	if len(c.latencies) == 0 {
		return 0, false
	}
	l := slices.Sorted(slices.Values(c.latencies))
	return (l[(len(l)-1)/2] + l[len(l)/2]) / 2, true
}

// demoCells are those of a row of a table, by path.
type demoCells map[measurement.Path]*demoCell

func (c demoCells) add(a *measurement.Answer) {
	path := measurement.Path{Family: a.Family, Transport: a.Transport}
	if c[path] == nil {
		c[path] = &demoCell{}
	}
	cell := c[path]
	cell.sent++
	if a.Good() {
		cell.good++
		cell.latencies = append(cell.latencies, *a.LatencyUS)
	}
}

func (c demoCell) String() string {
	if c.sent == 0 {
		return "not asked"
	}
	percent := fmt.Sprintf("%d %%", 100*c.good/c.sent) // towards failing: 99.9 is not 100
	if us, ok := c.median(); ok {
		return fmt.Sprintf("%s %s ms", percent, millis(&us))
	}
	return percent + " -"
}

// demoRow is one RSI in the demo's table.
type demoRow struct {
	RSI     measurement.RSI
	cells   demoCells
	serials []int64
}

// demoRows sums up the SOA answers by RSI and path: available is NOERROR within
// the timeout and nothing else [yve].
func demoRows(answers []measurement.Answer) []*demoRow {
	byRSI := map[measurement.RSI]*demoRow{}
	var rows []*demoRow
	for _, a := range answers {
		if a.Query != measurement.QuerySOA || a.Outcome == measurement.LocalError {
			continue
		}
		row := byRSI[a.RSI]
		if row == nil {
			row = &demoRow{RSI: a.RSI, cells: demoCells{}}
			byRSI[a.RSI] = row
			rows = append(rows, row)
		}
		row.cells.add(&a)
		if a.Serial != nil && !slices.Contains(row.serials, *a.Serial) {
			row.serials = append(row.serials, *a.Serial)
		}
	}
	slices.SortFunc(rows, func(x, y *demoRow) int { return strings.Compare(string(x.RSI), string(y.RSI)) })
	return rows
}

// printDemo prints the table and what to try next.
func (a *app) printDemo(w *demoWorld, answers []measurement.Answer) error {
	rows := demoRows(answers)
	if a.flags.json {
		return a.printJSON(demoJSON(w, rows, len(answers)))
	}
	w.say("\n%d answers, read back from the lake while the faults lasted: available, and median latency\n\n", len(answers))
	var paths []measurement.Path
	header := "RSI"
	for _, f := range measurement.Families {
		for _, t := range measurement.MetricTransports {
			p := measurement.Path{Family: f, Transport: t}
			paths = append(paths, p)
			header += " " + p.String()
		}
	}
	err := writeTable(a.out, header+" SERIAL", rows, func(r *demoRow) []string {
		cells := []string{string(r.RSI)}
		for _, p := range paths {
			if c := r.cells[p]; c != nil {
				cells = append(cells, c.String())
			} else {
				cells = append(cells, "")
			}
		}
		return append(cells, w.serials(r))
	})
	if err != nil {
		return err
	}
	w.say("\nThis table and the report were made before the faults ended; with what came after, the lake has %d answers.\n", w.all)
	if !w.system.IPv6 {
		w.say("\nThis machine has no IPv6 loopback: the IPv6 paths are unreachable, which counts as unavailable [dfl].\n")
	}
	w.say("\nPlanted: %s refuses TCP, %s answers %d ms late, %s flips a bit, %s serves a zone that was replaced\nmore than 48 hours ago, %s has the new zone an interval late; %s has a clock that is not synchronised.\n",
		demoRefusing, demoSlow, demoDelay.Milliseconds(), demoFlipping, demoStale, demoLate, demoUnsynced)
	w.say("\nPublication latency of zone %d:\n", w.newest().Serial)
	for _, line := range w.publication() {
		w.say("  %s\n", line)
	}
	w.say("\nThresholds missed in the report:\n")
	for _, line := range w.missed() {
		w.say("  %s\n", line)
	}
	w.say("\nWhy answers are incorrect, from the report:\n")
	for _, line := range w.causes() {
		w.say("  %s\n", line)
	}
	w.printAlerts()
	w.say("\nThe report, for people and for programs, and what each operator would get:\n  %[1]s/report.html\n  %[1]s/internal/full.html\n  %[1]s/rsi/\n", w.folder)
	a.printNext(w)
	return nil
}

func (w *demoWorld) printAlerts() {
	ends := "RESOLVED once they had ended"
	if w.given != nil {
		ends = "RESOLVED once their rules no longer see them"
	}
	w.say("\nAlerts, as the collector tells them; FIRING while the faults lasted, %s:\n", ends)
	for _, line := range w.alerts {
		w.say("  %s\n", line)
	}
}

// publication says how long RSIs let wait for the new zone.
func (w *demoWorld) publication() []string {
	lines := []string{}
	for _, v := range w.document.Values {
		if v.Metric != measurement.RSSPublication && (v.Metric != measurement.RSIPublication || v.RSI != demoLate && v.RSI != demoStale) {
			continue
		}
		lines = append(lines, fmt.Sprintf("%s: %s, %s", strings.TrimSpace(string(v.Metric)+" "+string(v.RSI)), v.Shown(), v.Word()))
	}
	return lines
}

// missed are the metrics that the report says fail, a line for each RSI's.
func (w *demoWorld) missed() []string {
	lines, at := []string{}, map[string]int{}
	for _, v := range w.document.Values {
		if v.Verdict != metrics.Fail {
			continue
		}
		key := strings.TrimSpace(fmt.Sprintf("%s %s", v.Metric, v.RSI))
		if _, there := at[key]; !there {
			at[key] = len(lines)
			lines = append(lines, key)
		}
		if v.Family != "" {
			lines[at[key]] += fmt.Sprintf(" %s/%s", v.Family, v.Transport)
		}
	}
	return lines
}

// causes are the broken rules of correctness as the report has them, a line for
// each.
func (w *demoWorld) causes() []string {
	lines := []string{}
	for _, b := range w.document.BrokenRules() {
		lines = append(lines, fmt.Sprintf("%s %s: %s; %s from %s\n      %s", b.RSI, b.Tag, cmp.Or(b.Class, b.Rule()), diag.Plural(b.Answers, "answer"), vantagePoints(b.VantagePoints), b.Example))
	}
	return lines
}

// check is the command that judges an answer with a flipped bit again.
func (w *demoWorld) check() string {
	i := slices.IndexFunc(w.rows, func(a measurement.Answer) bool {
		return a.RSI == demoFlipping && a.Verdict != nil && *a.Verdict == measurement.Incorrect && a.VerdictSerial != nil
	})
	if i < 0 {
		return ""
	}
	a := w.rows[i]
	return fmt.Sprintf("%s check --anchor %s --zone %s --response %s --at %s", w.app.self, w.anchorFile(),
		filepath.Join(w.zoneDir(), rootzone.FileName(uint32(*a.VerdictSerial))),
		filepath.Join(w.folder, "rsi", demoFlipping, "evidence", report.Evidence(&a)), a.SentAt.Format(time.RFC3339Nano))
}

// serials lists the serials an RSI served and marks the one that is out of use.
func (w *demoWorld) serials(r *demoRow) string {
	var list []string
	for _, s := range r.serials {
		text := fmt.Sprint(s)
		if s == int64(w.zones[0].Serial) {
			text += " (stale)"
		}
		list = append(list, text)
	}
	return strings.Join(list, ", ")
}

func (a *app) printNext(w *demoWorld) {
	if w.given != nil {
		w.printGivenNext()
		return
	}
	vars := ""
	for _, v := range w.vars {
		name, value, _ := strings.Cut(v, "=")
		if strings.Contains(value, " ") {
			value = `"` + value + `"`
		}
		vars += " --var " + name + "=" + value
	}
	vp := w.plan.VantagePoints[0].ID
	fmt.Fprintf(a.out, `
The lake is Parquet, for DuckDB, pandas, polars or Spark:
  duckdb -c "SELECT rsi, family, transport, count(*) AS sent, count(*) FILTER (rcode = 'NOERROR') AS good,
      median(latency_us) FILTER (rcode = 'NOERROR') / 1000 AS ms
    FROM read_parquet('%[1]s/c00/Lake/answers/*/*.parquet', hive_partitioning = true)
    WHERE query = 'soa' AND sent_at < TIMESTAMPTZ '%[8]s' -- the report's data_until
    GROUP BY ALL ORDER BY ALL"

Try next:
  %[4]s export --lake %[1]s/c00/Lake --table runs --format csv
  %[4]s zone list --plan demo --home %[1]s/c00
  %[7]s
  %[4]s dispute %[9]s/rsi/i                # judged again by its dossier alone
  %[4]s verify %[9]s/internal/full.json --lake %[1]s/c00/Lake --plan demo%[3]s
  %[4]s show %[1]s/c00/Originals/*/*.answers.parquet
  %[4]s %[10]s%[3]s
  %[4]s plan show --plan demo
  %[4]s plan check --plan plans/demo      # after changing something there
  cat %[1]s/%[2]s/Logs/%[2]s-log.txt
  %[4]s backtest --plan demo --lake %[1]s/c00/Lake --from %[5]s --until %[6]s
  %[4]s demo --serve                      # then, from another terminal, with the variables that it prints:
  %[4]s query c . SOA --tcp --plan demo%[3]s
  rm -r %[1]s
`, w.dir, vp, vars, a.self, w.label(0).Format(time.RFC3339), w.after().Add(-4*time.Minute).Format(time.RFC3339), w.check(),
		w.document.DataUntil.Format(time.RFC3339), w.folder, strings.Join(w.rebuild(), " "))
}

// printGivenNext is printNext of a plan that was given.
func (w *demoWorld) printGivenNext() {
	w.say(`
Try next:
  %[1]s verify %[2]s/internal/full.json --lake %[3]s/c00/Lake %[4]s
  %[1]s backtest %[4]s --lake %[3]s/c00/Lake --from %[5]s --until %[6]s
  %[1]s plan test %[4]s
  cat %[3]s/site/site.hcl                # what was laid over the plan
  rm -r %[3]s
`, w.app.self, w.folder, w.dir, strings.Join(w.planFlags(), " "), w.label(0).Format(time.RFC3339), w.after().Add(-4*time.Minute).Format(time.RFC3339))
}

// rebuild makes the demo's lake again and compares it, with the variables of the plan.
func (w *demoWorld) rebuild() []string {
	return []string{"rebuild", "--originals", filepath.Join(w.collector(), w.plan.Paths.Originals), "--zones", w.zoneDir(),
		"--plans", filepath.Join(w.lake().Dir, "plans"), "--out", filepath.Join(w.dir, "rebuilt"), "--check", w.lake().Dir, "--plan", "demo"}
}

// demoJSON is the table for programs.
func demoJSON(w *demoWorld, rows []*demoRow, answers int) any {
	type cell struct {
		RSI       measurement.RSI `json:"rsi"`
		Path      string          `json:"path"`
		Sent      int             `json:"sent"`
		Good      int             `json:"good"`
		LatencyUS *int64          `json:"median_latency_us"`
		Serials   []int64         `json:"serials"`
	}
	cells := []cell{}
	for _, r := range rows {
		for _, f := range measurement.Families {
			for _, t := range measurement.MetricTransports {
				p := measurement.Path{Family: f, Transport: t}
				c := r.cells[p]
				if c == nil {
					continue
				}
				one := cell{RSI: r.RSI, Path: p.String(), Sent: c.sent, Good: c.good, Serials: r.serials}
				if us, ok := c.median(); ok {
					one.LatencyUS = &us
				}
				cells = append(cells, one)
			}
		}
	}
	return map[string]any{"dir": w.dir, "answers": answers, "serial": w.newest().Serial, "stale": w.zones[0].Serial, "publication": w.publication(), "ipv6": w.system.IPv6, "cells": cells,
		"missed": w.missed(), "causes": w.causes(), "check": w.check(), "rebuild": w.rebuild(), "vars": w.vars, "alerts": w.alerts, "report": filepath.Join(w.folder, "report.html"), "site": filepath.Join(w.pages(), "index.html")}
}
