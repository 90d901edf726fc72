package comparison

import (
	"io"
	"strings"

	"mtric.net/mtric/engine/edition"
	"mtric.net/mtric/engine/measurement"
)

// WriteText writes comparison.txt.
func (d *Document) WriteText(w io.Writer) error {
	t := &textWriter{edition.Text{W: w}}
	t.Line("SECOND OPINION, %s", strings.ToUpper(d.title()))
	t.Line("")
	t.Line("%s", about)
	t.Line("")
	t.Line("Period     %s to %s", edition.Clock(d.From), edition.Clock(d.Until))
	t.Line("Made       plan %s, mtric %s, revision %d; measurements of the crowd: %s; identities of servers as of %s", d.Plan, d.Version, d.Revision, d.Set, edition.Dash(d.Identities))
	t.Line("Who        %s", d.who())
	for _, n := range d.Notes {
		t.Line("Note       %s", n)
	}
	t.failures(d)
	t.list("Outages that only one side saw", d.oneSided(), "None.")
	t.list("Stale zones", d.staleSites(), "None.")
	t.list(differingTitle, d.differing(), d.noneDiffering())
	for _, path := range measurement.Paths {
		if values := d.values(path); !values.Empty() {
			t.table("Availability and latency, "+path.Title(), values)
			for _, s := range extremes(d.ofPath(path)) {
				t.Line("%s", s)
			}
		}
	}
	for _, x := range []sheet{d.lags(), d.content()} {
		t.table(x.Title, x)
	}
	t.byPath("By region", d.regions)
	t.table("Set apart", d.apart())
	t.table("Signs that somebody else answers", d.signs())
	t.byPath("With and without what is set apart", d.apartByPath)
	t.table("Vantage points and probes by region", d.sides())
	for _, x := range []sheet{d.windows(), d.outages(), d.stale()} {
		t.table(x.Title+", all", x)
	}
	t.Heading("How it is made")
	for _, l := range d.method() {
		t.Line("- %s", l)
	}
	t.Line("- %s", internal)
	t.Line("- More: docs/second-opinion.md. %s %s", credit, creditURL)
	return t.Err
}

// What the page says of itself, and of whose the data are.
const (
	internal  = "Internal: measured values of single RSIs are not published [cpm]."
	credit    = "The crowd's results are of RIPE Atlas, a service of the RIPE NCC:"
	creditURL = "https://atlas.ripe.net/"
)

// differingTitle heads the RSIs of which SOA records were others.
const differingTitle = "SOA records that differ from the archive"

// textWriter writes comparison.txt.
type textWriter struct{ edition.Text }

// failures prints our FAILs with the opinions.
func (t *textWriter) failures(d *Document) {
	t.Heading("Our FAILs")
	t.Line("%s", d.Summary())
	for _, f := range d.failures() {
		t.Line("FAIL  %s: %s", f.Of(), f.Verdict.Word())
		t.Line("      %s", f.Reason)
		for _, s := range f.Seen {
			t.Line("      %s", s)
		}
	}
}

// list prints lines below a heading, or that there are none.
func (t *textWriter) list(title string, lines []line, none string) {
	t.Heading(title)
	for _, l := range lines {
		t.Line("%s: %s", l.Of, l.Seen)
	}
	if len(lines) == 0 {
		t.Line("%s", none)
	}
}

// table prints a table that has rows.
func (t *textWriter) table(title string, x sheet) {
	if x.Empty() {
		return
	}
	t.Heading(title)
	if x.About != "" {
		t.Line("%s", x.About)
	}
	t.Table(x.Rows)
}

// byPath prints a table for each path.
func (t *textWriter) byPath(title string, of func(measurement.Path) sheet) {
	for _, path := range measurement.Paths {
		t.table(title+", "+path.Title(), of(path))
	}
}
