package comparison

import (
	_ "embed"
	"html/template"
	"io"

	"mtric.net/mtric/engine/edition"
	"mtric.net/mtric/engine/measurement"
)

//go:embed page.gohtml
var pageText string

var page = template.Must(edition.Page().Parse(pageText))

// view is what the template sees.
type view struct {
	*Document
	Title, About, Who, Internal, Credit, CreditURL string
	Failures                                       []failure
	OneSided, Stale, Differing                     []line
	DifferingTitle, NoneDiffering                  string
	Pictures                                       []picture
	Values, Regions, ApartByPath                   []sheet
	Lags, Content, Apart, Signs, Sides             sheet
	Whole                                          []sheet // what the first screen shortens
	Method                                         []string
}

// WriteHTML writes comparison.html: one file that needs nothing else.
func (d *Document) WriteHTML(w io.Writer) error {
	v := view{Document: d, Title: d.title(), About: about, Who: d.who(), Internal: internal, Credit: credit, CreditURL: creditURL,
		Failures: d.failures(), OneSided: d.oneSided(), Stale: d.staleSites(), Differing: d.differing(), DifferingTitle: differingTitle, NoneDiffering: d.noneDiffering(), Pictures: d.pictures(),
		Values: eachPath(d.values), Regions: eachPath(d.regions), ApartByPath: eachPath(d.apartByPath),
		Lags: d.lags(), Content: d.content(), Apart: d.apart(), Signs: d.signs(), Sides: d.sides(), Method: d.method()}
	for _, t := range []sheet{d.windows(), d.outages(), d.stale()} {
		if !t.Empty() {
			v.Whole = append(v.Whole, t)
		}
	}
	return page.ExecuteTemplate(w, "comparison", v)
}

// eachPath are the tables of paths that have rows.
func eachPath(of func(measurement.Path) sheet) (list []sheet) {
	for _, path := range measurement.Paths {
		if t := of(path); !t.Empty() {
			list = append(list, t)
		}
	}
	return list
}
