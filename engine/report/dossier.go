package report

import (
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"html/template"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"mtric.net/mtric/engine/interval"
	"mtric.net/mtric/engine/lake"
	"mtric.net/mtric/engine/measurement"
	"mtric.net/mtric/engine/plan"
	"mtric.net/mtric/metrics"
)

// dossier is the evidence for the operator of an RSI that missed a threshold
// [drc] [lpf]: what failed, when, from where, over which paths and instances, and
// everything measured of the RSI on the days on which it did.
type dossier struct {
	Job
	d      *Document
	result *metrics.Result
	rsi    measurement.RSI
}

// mostWires bounds the evidence files; every wire is in the Parquet files too.
const mostWires = 1000

// dayOf is a day with failed rows.
type dayOf struct {
	Day           string
	Failed        int64
	VantagePoints []measurement.VantagePoint
}

// fileOf is a line of the dossier's table of files.
type fileOf struct{ Name, About string }

var dossierFiles = []fileOf{
	{"README.txt", "what this is"},
	{"values.json", "the RSI's values of the report, exact"},
	{"failed.csv", "every row that counts against a missed threshold"},
	{"answers/", "all measurements of the RSI on days with failed rows, all transports and families: Parquet, one file a day"},
	{"routes/", "the routes to the RSI on these days: Parquet"},
	{"evidence/", "the wire of incorrect answers, with the rules they break"},
}

// dossierPage is what the templates of index.html and README.txt see.
type dossierPage struct {
	*Document
	Heading   string
	Name      string
	Own       []Value
	Course    template.HTML
	Days      []dayOf
	Paths     []string
	Where     []placeRow
	Instances []Instance
	Waits     []waitRow
	Files     []fileOf
}

type placeRow struct {
	VantagePoint measurement.VantagePoint
	Cells        []Place
}

type waitRow struct {
	Serial    int64
	Published time.Time
	Waited
}

// write makes the dossier's folder and packs it.
func (x dossier) write(ctx context.Context, dir string) error {
	p := x.page()
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("report: %w", err)
	}
	days, err := x.evidence(ctx, dir, p.Own)
	if err != nil {
		return fmt.Errorf("dossier of %s: %w", x.rsi, err)
	}
	p.Days = days
	own := *x.d
	own.Internal, own.Values = nil, x.values(false)
	for _, f := range []struct {
		name  string
		write func(io.Writer) error
	}{
		{"README.txt", func(w io.Writer) error { return x.readme(w, p) }},
		{"index.html", func(w io.Writer) error { return pages.ExecuteTemplate(w, "dossier", p) }},
		{"values.json", func(w io.Writer) error {
			e := json.NewEncoder(w)
			e.SetIndent("", "  ")
			return e.Encode(own.Values)
		}},
	} {
		if err := writeFile(filepath.Join(dir, f.name), f.write); err != nil {
			return err
		}
	}
	pack := filepath.Join(filepath.Dir(dir), fmt.Sprintf("%s-%s.zip", Folder(x.d.Style, x.d.From), x.rsi))
	if err := zipFolder(dir, pack); err != nil {
		return fmt.Errorf("dossier of %s: %w", x.rsi, err)
	}
	return nil
}

// values are the RSI's own; only the missed ones where missed is set.
func (x dossier) values(missed bool) []Value {
	var own []Value
	for _, v := range x.d.Values {
		if v.RSI == x.rsi && (!missed || v.Verdict == metrics.Fail) {
			own = append(own, v)
		}
	}
	return own
}

func (x dossier) page() *dossierPage {
	p := &dossierPage{Document: x.d, Name: x.d.rsiName(x.rsi), Own: x.values(true), Files: dossierFiles,
		Course: availabilityPlot(x.d, x.result.Hours, x.rsi)}
	p.Heading = p.Name + ": missed thresholds, " + x.d.PeriodTitle()
	for _, i := range x.d.Internal.Instances {
		if i.RSI == x.rsi {
			p.Instances = append(p.Instances, i)
		}
	}
	for group := range slices.Chunk(x.d.Internal.Places, 4) {
		if group[0].RSI == x.rsi {
			p.Where = append(p.Where, placeRow{group[0].VantagePoint, group})
		}
	}
	for _, f := range measurement.Families {
		for _, t := range measurement.Transports {
			p.Paths = append(p.Paths, pathTitles[measurement.Path{Family: f, Transport: t}.String()])
		}
	}
	limit, late := x.waitLimit()
	for _, pub := range x.d.Internal.Publications {
		for _, w := range pub.RSIs {
			if late && w.RSI == x.rsi && (w.Longest > limit || w.Censored > 0) {
				p.Waits = append(p.Waits, waitRow{pub.Serial, pub.Published, w})
			}
		}
	}
	return p
}

// waitLimit is publication latency's threshold in whole minutes, and whether the
// RSI missed it.
func (x dossier) waitLimit() (minutes int64, missed bool) {
	for _, v := range x.values(true) {
		if v.Metric == metrics.RSIPublication {
			f, _ := v.Threshold.Float64()
			return int64(f), true
		}
	}
	return 0, false
}

// against says why a row counts against a missed threshold; empty when it does not.
type against struct {
	unavailable map[measurement.Path]bool
	slow        map[measurement.Path]int64 // µs that a latency must not exceed
	incorrect   bool
	waiting     map[measurement.VantagePoint][]span // for a late zone
}

type span struct{ from, until time.Time }

func (x dossier) against() against {
	a := against{unavailable: map[measurement.Path]bool{}, slow: map[measurement.Path]int64{}, waiting: map[measurement.VantagePoint][]span{}}
	for _, v := range x.values(true) {
		path := measurement.Path{Family: v.Family, Transport: v.Transport}
		switch v.Metric {
		case metrics.RSIAvailability:
			a.unavailable[path] = true
		case metrics.RSILatency:
			ms, _ := v.Threshold.Float64()
			a.slow[path] = int64(ms * 1000)
		case metrics.RSICorrectness:
			a.incorrect = true
		}
	}
	if limit, missed := x.waitLimit(); missed {
		for _, l := range x.result.Lags {
			if l.RSI == x.rsi && (l.Minutes > limit || l.Censored) {
				a.waiting[l.VantagePoint] = append(a.waiting[l.VantagePoint], span{l.Published, l.Published.Add(time.Duration(l.Minutes) * time.Minute)})
			}
		}
	}
	return a
}

func (a against) reason(r *measurement.Answer) string {
	path := measurement.Path{Family: r.Family, Transport: r.Transport}
	switch r.Query {
	case metrics.QueryCorrectness:
		if a.incorrect && r.Verdict != nil && *r.Verdict == measurement.Incorrect {
			return metrics.RSICorrectness
		}
	case metrics.QuerySOA:
		if r.Outcome == measurement.LocalError {
			return ""
		}
		good := r.Outcome == measurement.Answered && text(r.RCode) == "NOERROR" && r.LatencyUS != nil && *r.LatencyUS <= metrics.Deadline.Microseconds()
		if !good {
			if a.unavailable[path] {
				return metrics.RSIAvailability
			}
			return ""
		}
		if most, missed := a.slow[path]; missed && *r.LatencyUS > most {
			return metrics.RSILatency
		}
		for _, s := range a.waiting[r.VantagePoint] {
			if !r.Interval.Before(s.from) && r.Interval.Before(s.until) {
				return metrics.RSIPublication
			}
		}
	}
	return ""
}

// counts says whether the row is of the period and of the metrics at all.
func (x dossier) counts(r *measurement.Answer) bool {
	if r.RSI != x.rsi || r.Interval.Before(x.d.From) || !r.Interval.Before(x.d.DataUntil) {
		return false
	}
	return slices.ContainsFunc(x.d.VantagePoints, func(v VantagePoint) bool {
		return v.ID == r.VantagePoint && (v.From == nil || !r.Interval.Before(*v.From)) && (v.Until == nil || r.Interval.Before(*v.Until))
	}) && !slices.ContainsFunc(x.d.Exclusions, func(n plan.Note) bool { return covers(n, r) })
}

// covers says whether a note covers a row.
func covers(n plan.Note, r *measurement.Answer) bool {
	return !r.Interval.Before(n.From) && r.Interval.Before(n.Until) &&
		(len(n.VantagePoints) == 0 || slices.Contains(n.VantagePoints, r.VantagePoint)) &&
		(len(n.RSIs) == 0 || slices.Contains(n.RSIs, r.RSI)) &&
		(len(n.Paths) == 0 || slices.Contains(n.Paths, measurement.Path{Family: r.Family, Transport: r.Transport}.String()))
}

var failedHeader = []string{"counts_against", "interval", "vantage_point", "query", "family", "transport", "address", "qname", "qtype",
	"sent_at", "outcome", "error", "latency_us", "rcode", "serial", "nsid", "verdict", "verdict_serial", "failures"}

func failedCells(why string, r *measurement.Answer) []string {
	number := func(n *int64) string { return integer(n) }
	at, verdict := "", ""
	if r.SentAt != nil {
		at = r.SentAt.UTC().Format("2006-01-02T15:04:05.000000Z")
	}
	if r.Verdict != nil {
		verdict = string(*r.Verdict)
	}
	cells := []string{why, r.Interval.UTC().Format(time.RFC3339), string(r.VantagePoint), r.Query, string(r.Family), string(r.Transport),
		r.Address, r.QName, r.QType, at, string(r.Outcome), text(r.Error), number(r.LatencyUS), text(r.RCode), number(r.Serial), text(r.NSID),
		verdict, number(r.VerdictSerial), strings.Join(r.Failures, "; ")}
	for i, c := range cells {
		if c != "" && strings.ContainsRune("=+-@", rune(c[0])) {
			cells[i] = "'" + c // a spreadsheet must not run what a server sent
		}
	}
	return cells
}

// evidence goes through the days and writes what belongs to the failures.
func (x dossier) evidence(ctx context.Context, dir string, _ []Value) (days []dayOf, err error) {
	f, err := os.Create(filepath.Join(dir, "failed.csv"))
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	out := csv.NewWriter(f)
	if err := out.Write(failedHeader); err != nil {
		return nil, err
	}
	files, err := x.Store.Days(lake.Answers, x.d.From, x.d.DataUntil)
	if err != nil {
		return nil, err
	}
	a, wires := x.against(), 0
	for _, file := range files {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		rows, err := x.rows(file.Path)
		if err != nil {
			return nil, err
		}
		day := dayOf{Day: file.Day.Format(time.DateOnly)}
		for i := range rows {
			r := &rows[i]
			why := ""
			if x.counts(r) {
				why = a.reason(r)
			}
			if why == "" {
				continue
			}
			day.Failed++
			if !slices.Contains(day.VantagePoints, r.VantagePoint) {
				day.VantagePoints = append(day.VantagePoints, r.VantagePoint)
			}
			if err := out.Write(failedCells(why, r)); err != nil {
				return nil, err
			}
			if why == metrics.RSICorrectness && wires < mostWires {
				wires++
				if err := wire(filepath.Join(dir, "evidence"), r); err != nil {
					return nil, err
				}
			}
		}
		if day.Failed == 0 {
			continue
		}
		slices.Sort(day.VantagePoints)
		days = append(days, day)
		if err := x.keep(dir, file.Day, rows); err != nil {
			return nil, err
		}
	}
	out.Flush()
	return days, out.Error()
}

// rows are the RSI's of a day.
func (x dossier) rows(path string) ([]measurement.Answer, error) {
	all, _, err := lake.Read[measurement.Answer](path)
	if err != nil {
		return nil, err
	}
	return slices.Clip(slices.DeleteFunc(all, func(r measurement.Answer) bool { return r.RSI != x.rsi })), nil
}

// keep writes a day's rows and routes of the RSI.
func (x dossier) keep(dir string, day time.Time, rows []measurement.Answer) error {
	meta := lake.Metadata{Version: x.Version}
	name := func(table lake.Table) string {
		return filepath.Join(dir, string(table), string(table)+"-"+day.Format("20060102")+".parquet")
	}
	for _, table := range []lake.Table{lake.Answers, lake.Routes} {
		if err := os.MkdirAll(filepath.Dir(name(table)), 0o755); err != nil {
			return err
		}
	}
	if err := lake.Write(name(lake.Answers), rows, meta); err != nil {
		return err
	}
	routes, err := x.Store.Days(lake.Routes, day, day.Add(24*time.Hour))
	if err != nil {
		return err
	}
	for _, f := range routes {
		all, _, err := lake.Read[measurement.Route](f.Path)
		if err != nil {
			return err
		}
		all = slices.DeleteFunc(all, func(r measurement.Route) bool { return r.RSI != x.rsi })
		if len(all) > 0 {
			if err := lake.Write(name(lake.Routes), all, meta); err != nil {
				return err
			}
		}
	}
	return nil
}

// wire writes an incorrect answer as it came, and beside it what is wrong with it.
func wire(dir string, r *measurement.Answer) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	base := filepath.Join(dir, fmt.Sprintf("%s-%s-%s-%s", interval.Format(r.Interval), r.VantagePoint, r.Family, r.Transport))
	about := fmt.Sprintf("question %s %s\nasked    %s of %s over %s/%s from VP %s\nNSID     %s\nzone     %s\nbroken rules\n",
		r.QName, r.QType, clock(r.Interval), r.Address, r.Family, r.Transport, r.VantagePoint, dash(printable(text(r.NSID))), dash(integer(r.VerdictSerial)))
	for _, f := range r.Failures {
		about += "  " + printable(f) + "\n"
	}
	if len(r.Response) > 0 {
		if err := os.WriteFile(base+".dns", r.Response, 0o644); err != nil {
			return err
		}
	}
	return os.WriteFile(base+".txt", []byte(about), 0o644)
}

// readme tells an operator's engineer what this is.
func (x dossier) readme(w io.Writer, p *dossierPage) error {
	t := &textWriter{w: w}
	t.line("%s", p.Heading)
	t.line("")
	t.line("Period %s to %s; %s, revision %d.", clock(p.From), clock(p.Until), p.Status, p.Revision)
	t.line("These measurements were made by RSSAC047v2 from %d vantage points. This folder has what", len(p.VantagePoints))
	t.line("you need to find the cause; index.html shows the same with a plot.")
	t.heading("What was missed")
	rows := [][]string{{"METRIC", "PATH", "VALUE", "EXACTLY", "THRESHOLD", "COUNT", "NOTES"}}
	for _, v := range p.Own {
		rows = append(rows, []string{v.Title(), dash(v.Path()), v.Shown(), v.Exactly(), v.Bound(), fmt.Sprint(v.Count), v.Diagnostics.Summary()})
	}
	t.table(rows)
	t.heading("When, and from where")
	rows = [][]string{{"DAY", "FAILED ROWS", "VANTAGE POINTS"}}
	for _, d := range p.Days {
		rows = append(rows, []string{d.Day, fmt.Sprint(d.Failed), join(d.VantagePoints)})
	}
	t.table(rows)
	t.heading("Servers that answered, by NSID")
	rows = nil
	for _, i := range p.Instances {
		rows = append(rows, []string{dash(printable(text(i.NSID))), fmt.Sprint(i.Answers), join(i.VantagePoints)})
	}
	t.table(rows)
	t.heading("Files")
	rows = nil
	for _, f := range p.Files {
		rows = append(rows, []string{f.Name, f.About})
	}
	t.table(rows)
	t.line("")
	t.line("Times are UTC. An interval is named by its start and lasts five minutes. Latencies are in")
	t.line("microseconds. The Parquet files open in DuckDB, pandas and every other engine, for example")
	t.line("  duckdb -c \"select * from 'answers/*.parquet' where outcome <> 'answered'\"")
	t.line("The whole report can be recomputed from the public raw data: mtric verify report.json --lake LAKE")
	t.line("If there is an explanation for the outage, tell the people who run the measurement: it can be")
	t.line("annotated, and a problem on the way can be excluded, in public and with its times.")
	return t.err
}
