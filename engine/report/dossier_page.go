package report

import (
	"fmt"
	"html/template"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"mtric.net/mtric/engine/edition"
	"mtric.net/mtric/engine/measurement"
	"mtric.net/mtric/engine/plan"
)

// fileOf is a line of the dossier's table of files.
type fileOf struct{ Name, About string }

var dossierFiles = []fileOf{
	{"README.txt", "what this is"},
	{scriptFile, "disputes the verdicts: the same as mtric dispute in this folder"},
	{valuesFile, "the RSI's values of the report, exact, and what the failed rows are attributed to"},
	{failedFile, "every row that counts against a missed threshold, and what it is attributed to: CSV, compressed"},
	{DossierReport, "the report as it is published"},
	{DossierAnswers + "/", "all measurements of the RSI on days with failed rows, all transports and families: Parquet, one file a day"},
	{"routes/", "the routes to the RSI on these days: Parquet, one file a day"},
	{DossierEvidence + "/", "the wire of incorrect answers, with the rules they break and the command that judges them again"},
	{DossierZones + "/", "the root zones that incorrect answers are judged by, those before and after them, and when zones were fetched"},
	{anchorsFile, "the trust anchors that the zones are believed by"},
	{DossierLake + "/", "the incorrect answers, and what of others' answers shows which zones there were: the table zones, sightings and runs"},
	{DossierPlans + "/", "the plan, by its hash"},
	{ManifestFile, "every file with its sha256; those that are too large for the zip, with where they are public"},
}

// dossierPage is what the templates of index.html and README.txt see.
type dossierPage struct {
	*Document
	Heading     string
	Name        string
	Own         []Value
	Field       string // what a field of the courses is
	Course      template.HTML
	Latency     []figure
	Caveats     []string // what the report says before its numbers, of these too
	Proposed    []string // exclusions of the times that are vantage points' own trouble
	FailedWhere []figure
	WhereGood   template.HTML
	WhereFast   template.HTML
	Waited      template.HTML
	Days        []dayOf
	Missed      []missed
	Where       []placeRow
	Instances   []Instance
	Rests       []string  // a sentence for each missed threshold
	Opinions    []Opinion // second ones, with the numbers
	Waits       []waitRow
	Decisive    []string
	Broken      []brokenRow
	Files       []fileOf
	Sentences   []string       // one for each missed metric: what failed, where, when, and what of it is not the RSI's
	Causes      []*Attribution // of its failed rows
	Contact     *plan.Contact  // nil: the plan names nobody
	Incorrect   int            // answers that can be judged again
}

// CausesOf are the columns of the table of attributions.
func (p *dossierPage) CausesOf() []Cause { return Causes }

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
	p := &dossierPage{Document: x.d, Name: x.d.rsiName(x.rsi), Own: x.values(true), Days: x.days}
	p.pictures(x)
	p.Caveats, p.Proposed = x.caveats(), x.proposed()
	for _, f := range dossierFiles {
		if _, err := os.Stat(filepath.Join(x.dir, f.Name)); err == nil || x.willBe(f.Name) {
			if f.Name == DossierEvidence+"/" && x.incorrect > x.wires {
				f.About += fmt.Sprintf(": of the first %s of %s; the others are in lake/", edition.Thousands(int64(x.wires)), edition.Thousands(int64(x.incorrect)))
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
	p.Opinions = x.d.SecondOpinion.own(x.rsi)
	p.Causes, p.Contact, p.Incorrect = x.attributions(), x.Plan.Contact, x.incorrect
	for _, a := range p.Causes {
		p.Sentences = append(p.Sentences, x.sentence(a))
	}
	return p
}

// Said are the second opinions in print.
func (p *dossierPage) Said() []said { return inPrint(p.Opinions) }

// AboutOpinions stands before them.
func (p *dossierPage) AboutOpinions() string { return aboutOpinions }

// OpinionMeaning explains their words.
func (p *dossierPage) OpinionMeaning() string { return opinionMeaning }

// AboutVerdicts explains the words that stand beside verdicts.
func (p *dossierPage) AboutVerdicts() string { return aboutVerdicts }

// caveats are what the report says before its numbers: of a dossier's they hold as well.
func (x *dossier) caveats() []string {
	list := slices.Clone(x.d.Notes)
	if n := len(x.d.Excluded()); n > 0 {
		list = append(list, fmt.Sprintf("%s leave rows out of these numbers: report.json has them.", edition.Plural(int64(n), "exclusion")))
	}
	return list
}

// proposed are the exclusions that the report proposes for times to which failed rows are
// attributed.
func (x *dossier) proposed() (list []string) {
	for _, p := range x.d.proposals {
		if slices.ContainsFunc(x.attributions(), func(a *Attribution) bool { return a.Own[p.VantagePoint] > 0 }) {
			list = append(list, fmt.Sprintf("The report proposes an exclusion: vantage point %s over %s from %s to %s, when no RSI answered it. It takes effect when people write it into the plan.",
				p.VantagePoint, familyTitles[p.Family], edition.Clock(p.From), edition.Clock(p.Until)))
		}
	}
	return list[:min(len(list), maxNoted)]
}

// willBe says whether a file is written after the pages are.
func (x *dossier) willBe(name string) bool {
	return slices.Contains([]string{"README.txt", valuesFile, ManifestFile}, name)
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
	t.Heading("Zones that came late")
	for _, l := range p.Decisive {
		t.Line("%s", l)
	}
	t.Line("Of each zone the vantage point that waited longest:")
	rows := [][]string{{"SERIAL", "PUBLISHED", "LAST ASKED IN VAIN", "FIRST SEEN", "WAIT", "VANTAGE POINT", "NEVER SEEN AT"}}
	for _, w := range p.Waits {
		rows = append(rows, []string{fmt.Sprint(w.Serial), edition.Clock(w.Published), w.Asked(), w.Seen(), w.Length(), string(w.VantagePoint), edition.Thousands(w.Never)})
	}
	t.Table(rows)
}

// readme tells an operator's engineer what this is.
func (x *dossier) readme(w io.Writer, p *dossierPage) error {
	t := &textWriter{edition.Text{W: w}}
	t.Line("%s", p.Heading)
	t.Line("")
	for _, l := range p.Sentences {
		t.Line("%s.", l)
	}
	t.Line("")
	t.Line("Period %s to %s; %s, revision %d.", edition.Clock(p.From), edition.Clock(p.Until), p.Status, p.Revision)
	t.Line("These measurements were made by RSSAC047v2 from %d vantage points. This folder has what", len(p.VantagePoints))
	t.Line("you need to find the cause, and to dispute the verdict; index.html shows the same with a plot.")
	t.Line("")
	t.labelled("FAIL", p.Rests)
	t.labelled("Note", p.Caveats)
	if len(p.Opinions) > 0 {
		t.opinions(aboutOpinions, p.Opinions)
	}
	t.Heading("What was missed")
	rows := [][]string{{"METRIC", "PATH", "VALUE", "EXACTLY", "THRESHOLD", "COUNT", "BESIDE", "NOTES"}}
	for _, v := range p.Own {
		rows = append(rows, []string{v.Title(), edition.Dash(v.Path()), v.Shown(), v.Exactly(), v.Bound(), edition.Thousands(v.Count), edition.Dash(x.d.Beside(v)), v.Diagnostics.Summary()})
	}
	t.Table(rows)
	t.readWaits(p)
	if len(p.Broken) > 0 {
		t.Heading("Broken rules of correctness")
		t.broken(p.Broken)
	}
	t.readCauses(p)
	t.readWhen(p)
	t.places(x.d)
	t.Line("")
	t.Line("%s", aboutVerdicts)
	t.Heading("Files")
	rows = nil
	for _, f := range p.Files {
		rows = append(rows, []string{f.Name, f.About})
	}
	t.Table(rows)
	t.Line("")
	t.Line("Times are UTC. An interval is named by its start and lasts five minutes. Latencies are in")
	t.Line("microseconds. The Parquet files open in DuckDB, pandas and every other engine, for example")
	t.Line("  duckdb -c \"select * from 'answers/*.parquet' where outcome <> 'answered'\"")
	t.readDispute(x, p)
	return t.Err
}

// readDispute says how a verdict is disputed, and with whom.
func (t *textWriter) readDispute(x *dossier, p *dossierPage) {
	t.Heading("To dispute a verdict")
	t.Line("With the program mtric, version %s or later, in this folder, or with the zip:", p.Version)
	t.Line("  sh dispute.sh ./mtric")
	t.Line("  ./mtric dispute .")
	t.Line("  ./mtric dispute %s", filepath.Base(x.zipFile()))
	if p.Incorrect > 0 {
		t.Line("It judges each incorrect answer again by what lies here, says confirmed, not confirmed or held")
		t.Line("with the reason, and counts the failed rows. It downloads nothing.")
	} else {
		t.Line("It counts the failed rows again by what lies here. It downloads nothing.")
	}
	t.Line("Everybody can recompute the whole report from the public data: ./mtric verify report.json --lake LAKE")
	t.Line("If there is an explanation, tell the people who measure: it can be annotated, and a problem on")
	t.Line("the way can be excluded, in public and with its times.")
	if c := p.Contact; c != nil {
		t.Line("")
		t.Table([][]string{{"Write to", c.Name + " <" + c.Email + ">"}, {"How to ask", edition.Dash(c.URL)}, {"The data", edition.Dash(c.Data)}})
	} else {
		t.Line("The plan names no contact: ask whoever sent you this.")
	}
}

// readCauses prints what the failed rows are attributed to.
func (t *textWriter) readCauses(p *dossierPage) {
	t.Heading("What the failed rows are attributed to")
	head := []string{"METRIC", "ROWS"}
	for _, c := range Causes {
		head = append(head, strings.ToUpper(c.Title()))
	}
	rows := [][]string{head}
	for _, a := range p.Causes {
		row := []string{a.Title(), edition.Thousands(a.Rows)}
		for _, c := range Causes {
			row = append(row, edition.Thousands(a.Causes[c]))
		}
		rows = append(rows, row)
	}
	t.Table(rows)
	t.Line("An attribution is evidence for people: every row counts against the RSI as RSSAC047 has it.")
	for _, l := range p.Proposed {
		t.Line("%s", l)
	}
}

// readWhen prints the failed rows by day and path, and the servers.
func (t *textWriter) readWhen(p *dossierPage) {
	t.Heading("When, and from where")
	rows := [][]string{{"DAY", "FAILED ROWS", "VANTAGE POINTS"}}
	for _, d := range p.Days {
		rows = append(rows, []string{d.Day, edition.Thousands(d.Failed), edition.Join(d.VantagePoints)})
	}
	t.Table(rows)
	t.Heading("Over which paths")
	rows = [][]string{{"METRIC", "PATH", "WHAT", "ROWS", "FIRST", "LAST", "VANTAGE POINTS"}}
	for _, m := range p.Missed {
		for _, f := range m.byPath() {
			rows = append(rows, []string{m.Title(), f.Path, f.What, edition.Thousands(f.Rows), edition.Clock(f.First), edition.Clock(f.Last), edition.Join(f.VantagePoints)})
		}
	}
	t.Table(rows)
	t.Line("By vantage point and server: index.html. Every row: %s.", failedFile)
	t.Heading("Servers that answered, by NSID")
	rows = nil
	for _, i := range p.Instances {
		rows = append(rows, []string{edition.Dash(text(i.NSID)), edition.Thousands(i.Answers), edition.Join(i.VantagePoints)})
	}
	t.Table(rows)
}
