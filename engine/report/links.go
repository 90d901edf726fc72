package report

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"mtric.net/mtric/engine/plan"
)

// links are what a report leads to: none of them is needed to read it, and no number
// depends on them.
type links struct {
	Contact *plan.Contact
	Site    string // of the public pages that show the state
	Public  []link // what the contact's data hold
	Near    []link // beside the report, by relative addresses: earlier revisions and reports
}

type link struct{ Text, URL string }

// maxEarlier is how many earlier reports a report leads to.
const maxEarlier = 12

// linksOf are the links of the report that becomes Folder(d.Style, d.From) of out.
func (j Job) linksOf(d *Document) (links, error) {
	l := links{Contact: j.Plan.Contact, Site: j.Plan.SiteOf("public").URL}
	if c := l.Contact; c != nil && c.Data != "" {
		l.Public = []link{{"Data", c.Data + "lake/"}, {"Root zones", c.Data + "rootzones/"}, {"Method", c.Data + "docs/method.md"},
			{"Plan", c.Data + "lake/plans/" + d.PlanSHA256 + ".json"}, {"All reports", c.Data + "reports/"}}
	}
	for n := d.Revision - 1; n >= 1; n-- {
		l.Near = append(l.Near, link{fmt.Sprintf("Revision %d", n), fmt.Sprintf("revisions/%d/report.html", n)})
	}
	own := Folder(d.Style, d.From)
	folders, err := os.ReadDir(j.Out)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return l, fmt.Errorf("report: %w", err)
	}
	var earlier []string
	for _, f := range folders {
		name := f.Name()
		if strings.HasPrefix(name, string(d.Style)+"-") && len(name) == len(own) && name < own {
			if _, err := os.Stat(filepath.Join(j.Out, name, "report.html")); err == nil {
				earlier = append(earlier, name)
			}
		}
	}
	slices.Sort(earlier)
	slices.Reverse(earlier)
	for _, name := range earlier[:min(len(earlier), maxEarlier)] {
		l.Near = append(l.Near, link{strings.TrimPrefix(name, string(d.Style)+"-"), "../" + name + "/report.html"})
	}
	return l, nil
}

// All are the links in their order.
func (l links) All() (all []link) {
	if l.Site != "" {
		all = append(all, link{"Site", l.Site})
	}
	return slices.Concat(all, l.Public, l.Near)
}

// inside are the links of a page one folder below the report.
func (l links) inside() links {
	l.Near = slices.Clone(l.Near)
	for i := range l.Near {
		l.Near[i].URL = "../" + l.Near[i].URL
	}
	return l
}
