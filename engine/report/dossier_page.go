package report

import (
	"fmt"
	"html/template"
	"io"
	"os"
	"path/filepath"
	"strings"

	"mtric.net/mtric/engine/measurement"
)

// fileOf is a line of the dossier's table of files.
type fileOf struct{ Name, About string }

var dossierFiles = []fileOf{
	{"README.txt", "what this is"},
	{"values.json", "the RSI's values of the report, exact"},
	{"failed.csv", "every row that counts against a missed threshold"},
	{"answers/", "all measurements of the RSI on days with failed rows, all transports and families: Parquet, one file a day"},
	{"routes/", "the routes to the RSI on these days: Parquet, one file a day"},
	{"evidence/", "the wire of incorrect answers, with the rules they break and the command that judges them again"},
}

// dossierPage is what the templates of index.html and README.txt see.
type dossierPage struct {
	*Document
	Heading   string
	Name      string
	Own       []Value
	Course    template.HTML
	Days      []dayOf
	Missed    []missed
	Where     []placeRow
	Instances []Instance
	Rests     []string // a sentence for each missed threshold
	Waits     []waitRow
	Decisive  []string
	Broken    []brokenRow
	Files     []fileOf
}

type placeRow struct {
	VantagePoint measurement.VantagePoint
	Cells        []Place
}

// waitRow is a zone that came late: the longest wait, and how many never saw it.
type waitRow struct {
	Wait
	Never int64
}

func (x *dossier) page() *dossierPage {
	p := &dossierPage{Document: x.d, Name: x.d.rsiName(x.rsi), Own: x.values(true), Days: x.days,
		Course: availabilityPlot(x.d, x.result.Hours(), x.rsi)}
	for _, f := range dossierFiles {
		if _, err := os.Stat(filepath.Join(x.dir, f.Name)); err == nil || !strings.HasSuffix(f.Name, "/") {
			if f.Name == "evidence/" && x.incorrect > x.wires {
				f.About += fmt.Sprintf(": of the first %s of %s; the others are in answers/", thousands(int64(x.wires)), thousands(int64(x.incorrect)))
			}
			p.Files = append(p.Files, f)
		}
	}
	for _, b := range x.d.broken(x.rsi) {
		p.Broken = append(p.Broken, brokenRow{x.rsi, b})
	}
	p.Heading = p.Name + ": missed thresholds, " + x.d.PeriodTitle()
	for _, i := range x.d.Internal.Instances {
		if i.RSI == x.rsi {
			p.Instances = append(p.Instances, i)
		}
	}
	p.Where, p.Missed = x.d.places(x.rsi), x.missed()
	p.Rests, p.Waits, p.Decisive = x.rests(p.Own), x.waits(), decidingWaits(p.Own)
	return p
}

// rests says of each missed threshold what it rests on.
func (x *dossier) rests(own []Value) []string {
	d := *x.d
	d.Values = own
	return d.MissedInWords()
}

// waits are the zones that came late.
func (x *dossier) waits() (rows []waitRow) {
	limit, late := x.waitLimit()
	if !late {
		return nil
	}
	for i := range x.result.Lags { // by serial
		l := &x.result.Lags[i]
		if l.RSI != x.rsi || l.Minutes <= limit && !l.Censored {
			continue
		}
		w := newWait(l)
		if n := len(rows); n == 0 || rows[n-1].Serial != w.Serial {
			rows = append(rows, waitRow{Wait: *w})
		}
		row := &rows[len(rows)-1]
		if l.Censored {
			row.Never++
		}
		if w.Minutes > row.Minutes {
			row.Wait = *w
		}
	}
	return rows
}

// waitLimit is publication latency's threshold in whole minutes, and whether the
// RSI missed it.
func (x *dossier) waitLimit() (minutes int64, missed bool) {
	for _, v := range x.values(true) {
		if v.Metric == measurement.RSIPublication {
			f, _ := v.Threshold.Float64()
			return int64(f), true
		}
	}
	return 0, false
}

// readWaits prints the zones that came late, by the labels that decide it.
func (t *textWriter) readWaits(p *dossierPage) {
	if len(p.Waits) == 0 {
		return
	}
	t.heading("Zones that came late")
	for _, l := range p.Decisive {
		t.line("%s", l)
	}
	t.line("Of each zone the vantage point that waited longest:")
	rows := [][]string{{"SERIAL", "PUBLISHED", "LAST ASKED IN VAIN", "FIRST SEEN", "WAIT", "VANTAGE POINT", "NEVER SEEN AT"}}
	for _, w := range p.Waits {
		rows = append(rows, []string{fmt.Sprint(w.Serial), clock(w.Published), w.Asked(), w.Seen(), w.Length(), string(w.VantagePoint), thousands(w.Never)})
	}
	t.table(rows)
}

// readme tells an operator's engineer what this is.
func (x *dossier) readme(w io.Writer, p *dossierPage) error {
	t := &textWriter{w: w}
	t.line("%s", p.Heading)
	t.line("")
	t.line("Period %s to %s; %s, revision %d.", clock(p.From), clock(p.Until), p.Status, p.Revision)
	t.line("These measurements were made by RSSAC047v2 from %d vantage points. This folder has what", len(p.VantagePoints))
	t.line("you need to find the cause; index.html shows the same with a plot.")
	t.line("")
	t.labelled("FAIL", p.Rests)
	t.heading("What was missed")
	rows := [][]string{{"METRIC", "PATH", "VALUE", "EXACTLY", "THRESHOLD", "COUNT", "BESIDE", "NOTES"}}
	for _, v := range p.Own {
		rows = append(rows, []string{v.Title(), dash(v.Path()), v.Shown(), v.Exactly(), v.Bound(), thousands(v.Count), dash(x.d.Beside(v)), v.Diagnostics.Summary()})
	}
	t.table(rows)
	t.readWaits(p)
	if len(p.Broken) > 0 {
		t.heading("Broken rules of correctness")
		t.broken(p.Broken)
	}
	t.readWhen(p)
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

// readWhen prints the failed rows by day and path, and the servers.
func (t *textWriter) readWhen(p *dossierPage) {
	t.heading("When, and from where")
	rows := [][]string{{"DAY", "FAILED ROWS", "VANTAGE POINTS"}}
	for _, d := range p.Days {
		rows = append(rows, []string{d.Day, thousands(d.Failed), join(d.VantagePoints)})
	}
	t.table(rows)
	t.heading("Over which paths")
	rows = [][]string{{"METRIC", "PATH", "WHAT", "ROWS", "FIRST", "LAST", "VANTAGE POINTS"}}
	for _, m := range p.Missed {
		for _, f := range m.byPath() {
			rows = append(rows, []string{m.Title(), f.Path, f.What, thousands(f.Rows), clock(f.First), clock(f.Last), join(f.VantagePoints)})
		}
	}
	t.table(rows)
	t.line("By vantage point and server: index.html. Every row: failed.csv.")
	t.heading("Servers that answered, by NSID")
	rows = nil
	for _, i := range p.Instances {
		rows = append(rows, []string{dash(text(i.NSID)), thousands(i.Answers), join(i.VantagePoints)})
	}
	t.table(rows)
}
