package plan

import (
	"net/url"
	"slices"
	"time"
)

// Site is what the plan says of one edition of the site, which Edition names.
type Site struct {
	Edition     string   `json:"edition"`
	Title       string   `json:"title"`        // empty: the plan's name
	URL         string   `json:"url"`          // where it is found, with a slash at the end; empty: nowhere
	FiveMinutes Duration `json:"five_minutes"` // what is so fine is kept for so long
	Open        []string `json:"open"`         // of the public edition: what it does not withhold

	Links map[string]string `json:"links"` // of SiteLinks: URLs
}

// SiteLinks are where a site can lead its readers.
var SiteLinks = []string{"data", "method", "plan", "reports"}

// The editions of a site.
const (
	SitePublic   = "public"
	SiteInternal = "internal"
)

// What a public site can show of single RSIs beside whether a field is good.
const (
	OpenValues  = "values"  // counts, latencies and serials
	OpenServers = "servers" // the names of servers, NSID
)

// defaultFiveMinutes is a year and a month: any day of the last year can be compared.
const defaultFiveMinutes = Duration(400 * 24 * time.Hour)

// SiteOf is what the plan says of an edition; what it does not say is the default.
func (p *Plan) SiteOf(edition string) Site {
	for _, s := range p.Sites {
		if s.Edition == edition {
			return s
		}
	}
	return Site{Edition: edition, FiveMinutes: defaultFiveMinutes, Open: []string{}, Links: map[string]string{}}
}

// decodeSite reads what an edition of the site is like.
func (l *loader) decodeSite(b *block) {
	d := l.open(b)
	editions := []string{SitePublic, SiteInternal}
	if !slices.Contains(editions, b.label) {
		l.errorf(b.LabelRanges[0], didYouMean(b.label, editions, "Labels"), "no edition %q of the site", b.label)
		return
	}
	s := Site{Edition: b.label, Title: d.line("title", ""), FiveMinutes: d.duration("five_minutes", defaultFiveMinutes, day, 100*365*day),
		Open: d.enums("open", []string{}, OpenValues, OpenServers)}
	if len(s.Open) > 0 && b.label == SiteInternal {
		d.errorf("open", "Leave it out: the internal edition withholds nothing.", "open in the internal edition")
	}
	if text := d.line("url", ""); text != "" {
		if u := siteURL(text); u != nil {
			s.URL = u.JoinPath("/").String()
		} else {
			d.errorf("url", `Write where the site is found, such as "https://root.example.net/".`, "%q is no URL of a site", text)
		}
	}
	s.Links = map[string]string{}
	links := d.object("links", SiteLinks)
	for _, key := range sortedKeys(links) {
		text, ok := d.itemText(links[key], "a URL")
		if ok && siteURL(text) == nil {
			l.errorf(links[key].at, `Write it whole, such as "https://root.example.net/reports/".`, "%s of links is no URL", key)
			continue
		}
		s.Links[key] = text
	}
	l.plan.Sites = append(l.plan.Sites, s)
}

// siteURL reads a whole URL of the web; nil where it is none.
func siteURL(text string) *url.URL {
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return nil
	}
	return u
}
