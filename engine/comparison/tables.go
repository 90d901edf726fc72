package comparison

import (
	"fmt"

	"mtric.net/mtric/engine/edition"
	"mtric.net/mtric/engine/measurement"
)

// sheet is a table for people. It has its heads in the first row.
type sheet struct {
	Title, About string
	Rows         [][]string
}

// Empty says that there are heads alone.
func (t sheet) Empty() bool { return len(t.Rows) < 2 }

// values are availability and latency over a path, ours beside theirs.
func (d *Document) values(path measurement.Path) sheet {
	t := sheet{Title: path.Title(), About: "Availability in %, latency in ms as P10 · median · P90; in brackets what holds with 95 %.",
		Rows: [][]string{{"RSI", "Hours", "Networks", "Availability, ours", "the crowd's", "Latency, ours", "the crowd's", "Ours faster than % of networks"}}}
	for _, p := range d.ofPath(path) {
		t.Rows = append(t.Rows, []string{string(p.RSI), edition.Thousands(int64(p.Hours)), edition.Thousands(int64(p.Theirs.Networks)),
			p.Ours.Availability.in(percent), p.Theirs.Availability.in(percent), p.Ours.Latency.in(), p.Theirs.Latency.in(), p.Slower.in(wholePercent)})
	}
	return t
}

// regions are the crowd's availability and median latency by region over a path.
func (d *Document) regions(path measurement.Path) sheet {
	list := d.ofPath(path)
	heads, at := []string{"RSI"}, map[string]int{}
	for _, p := range list {
		for _, r := range p.Regions {
			if at[r.Region] == 0 {
				at[r.Region] = len(heads)
				heads = append(heads, regionName(r.Region))
			}
		}
	}
	t := sheet{Title: path.Title(), About: "Of the crowd: availability in %, median latency in ms, and the number of networks.", Rows: [][]string{heads}}
	if len(heads) == 1 {
		return t
	}
	for _, p := range list {
		row := make([]string, len(heads))
		for i := range row {
			row[i] = "-"
		}
		row[0] = string(p.RSI)
		for _, r := range p.Regions {
			row[at[r.Region]] = r.short()
		}
		t.Rows = append(t.Rows, row)
	}
	return t
}

// short is what a region measured, without intervals.
func (m Measured) short() string {
	share, median := "-", "-"
	if m.Availability != nil {
		share = percent(m.Availability.Value)
	}
	if m.Latency != nil {
		median = millis(m.Latency.Median.Value)
	}
	return share + " / " + median + " / " + edition.Thousands(int64(m.Networks))
}

// apartByPath are the crowd's queries with and without what is set apart.
func (d *Document) apartByPath(path measurement.Path) sheet {
	t := sheet{Title: path.Title(), About: "Queries of the crowd that were answered well, of all that were sent.",
		Rows: [][]string{{"RSI", "Compared", "in %", "Set apart", "in %", "Both together, in %"}}}
	for _, p := range d.ofPath(path) {
		own, both := p.Theirs.Counts, Counts{p.Theirs.Asked + p.Apart.Asked, p.Theirs.Good + p.Apart.Good}
		t.Rows = append(t.Rows, []string{string(p.RSI), own.String(), shareOf(own), p.Apart.String(), shareOf(p.Apart), shareOf(both)})
	}
	return t
}

// String prints the counts.
func (c Counts) String() string {
	return edition.Thousands(c.Good) + " of " + edition.Thousands(c.Asked)
}

// apart are the kinds of what is set apart, on both sides.
func (d *Document) apart() sheet {
	t := sheet{Title: "Kinds", About: "Each query is of one kind, the first that fits.", Rows: [][]string{{"Why", "Whose", "Vantage points", "Queries", "of these answered well"}}}
	for _, side := range []struct {
		whose string
		Apart
	}{{"ours", d.Ours.Apart}, {"the crowd's", d.Theirs.Apart}} {
		for _, k := range []struct {
			why string
			ApartCount
		}{{"no route to the family", side.NoRoute}, {"no RSI of the family answered, or one alone was asked", side.NoNetwork}, {"its family does not work, by its tag", side.NotWorking}, {"somebody else answers", side.Intercepted}} {
			if k.Asked > 0 || k.VantagePoints > 0 {
				t.Rows = append(t.Rows, []string{k.why, side.whose, edition.Thousands(int64(k.VantagePoints)), edition.Thousands(k.Asked), edition.Thousands(k.Good)})
			}
		}
	}
	return t
}

// signs are the signs of interception.
func (d *Document) signs() sheet {
	t := sheet{Title: "Signs that somebody else answers", About: "A sign that many networks show at one RSI alone may be that server's.",
		Rows: [][]string{{"Sign", "RSI", "Vantage points", "Networks", "Answers"}}}
	for _, s := range append(append([]Sign{}, d.Ours.Apart.Signs...), d.Theirs.Apart.Signs...) {
		t.Rows = append(t.Rows, []string{s.Sign, string(s.RSI), edition.Thousands(int64(s.VantagePoints)), edition.Thousands(int64(s.Networks)), edition.Thousands(s.Answers)})
	}
	return t
}

// lags are publication lags.
func (d *Document) lags() sheet {
	t := sheet{Title: "Publication lag", About: "How long after our first sighting new serials were seen: the median over serials of the networks' median and P90, ± how far apart the queries are.",
		Rows: [][]string{{"RSI", "Serials", "Median, ours", "the crowd's", "P90, ours", "the crowd's", "Networks of the crowd"}}}
	for _, p := range d.Publication {
		if p.Ours == nil && p.Theirs == nil {
			continue
		}
		networks := "-"
		if p.Theirs != nil {
			networks = edition.Thousands(int64(p.Theirs.Networks))
		}
		t.Rows = append(t.Rows, []string{string(p.RSI), edition.Thousands(int64(p.Serials)), p.Ours.in(p.Ours.median()), p.Theirs.in(p.Theirs.median()),
			p.Ours.in(p.Ours.p90()), p.Theirs.in(p.Theirs.p90()), networks})
	}
	return t
}

func (l *Lag) median() int64 {
	if l == nil {
		return 0
	}
	return l.Median
}

func (l *Lag) p90() int64 {
	if l == nil {
		return 0
	}
	return l.P90
}

// in prints a lag with its cadence.
func (l *Lag) in(s int64) string {
	if l == nil {
		return "-"
	}
	return seconds(s) + " ± " + seconds(l.Cadence)
}

// content is what the crowd's SOA RRsets were.
func (d *Document) content() sheet {
	t := sheet{Title: "SOA content", About: "Answers of the crowd whose SOA RRset was held against the archive of zones.",
		Rows: [][]string{{"RSI", "As archived", "Otherwise", "from probes", "in networks", "Not held against it", "Otherwise, of what is set apart"}}}
	for _, c := range d.Content {
		t.Rows = append(t.Rows, []string{string(c.RSI), edition.Thousands(c.Correct), edition.Thousands(c.Incorrect), edition.Thousands(int64(c.Probes)), edition.Thousands(int64(c.Networks)),
			edition.Thousands(c.Unchecked), edition.Thousands(c.Apart)})
	}
	return t
}

// sides are who is on either side, by region.
func (d *Document) sides() sheet {
	t := sheet{Title: "By region", Rows: [][]string{{"Region", "Our vantage points", "Probes", "Networks of the crowd"}}}
	own := map[string]int{}
	for _, r := range d.Ours.Regions {
		own[r.Region] = r.VantagePoints
	}
	for _, r := range d.Theirs.Regions {
		t.Rows = append(t.Rows, []string{regionName(r.Region), edition.Thousands(int64(own[r.Region])), edition.Thousands(int64(r.VantagePoints)), edition.Thousands(int64(r.Networks))})
		delete(own, r.Region)
	}
	for _, r := range d.Ours.Regions { // where the crowd is not
		if n, alone := own[r.Region]; alone {
			t.Rows = append(t.Rows, []string{regionName(r.Region), edition.Thousands(int64(n)), "0", "0"})
		}
	}
	return t
}

// windows are all windows of the FAILs.
func (d *Document) windows() sheet {
	t := sheet{Title: "Windows of our FAILs", About: "Of the crowd the hour that speaks most clearly; p is multiplied by the hours tested.",
		Rows: [][]string{{"Of", "When", "Opinion", "Ours, not answered well", "Ours", "Crowd", "p", "Power"}}}
	for _, o := range d.Opinions {
		for _, w := range o.Windows {
			t.Rows = append(t.Rows, []string{o.Of(), span(w.From, w.Until), w.Opinion.Word(), edition.Thousands(w.Failed) + " of " + edition.Thousands(w.Asked),
				w.ours(), w.theirs(), chanceText(w.P), fmt.Sprintf("%d %%", int(100*min(max(w.Power, 0), 1)))})
		}
	}
	return t
}

// outages are all outages.
func (d *Document) outages() sheet {
	t := sheet{Title: "Outages", About: "Hours in which one side, or both, saw more trouble than its own rate of the week before explains.",
		Rows: [][]string{{"Of", "When", "Seen by", "Ours", "Crowd", "Where"}}}
	for _, o := range d.Outages {
		t.Rows = append(t.Rows, []string{over(o.RSI, o.Family, o.Transport), span(o.From, o.Until), o.by(), o.Strongest.ours(), o.Strongest.theirs(), edition.Dash(regionNames(o.Regions))})
	}
	return t
}

// stale are all sites that served old zones.
func (d *Document) stale() sheet {
	t := sheet{Title: "Old zones", About: "A zone is old when a successor had been seen for two hours or more.",
		Rows: [][]string{{"RSI", "When", "Oldest serial", "Probes", "Networks", "Where", "Our vantage points"}}}
	for _, s := range d.Stale {
		t.Rows = append(t.Rows, []string{string(s.RSI), span(s.From, s.Until), fmt.Sprint(s.Oldest), edition.Thousands(int64(s.Probes)), edition.Thousands(int64(s.Networks)) + " of " + edition.Thousands(int64(s.Of)),
			edition.Dash(regionNames(s.Regions)), edition.Thousands(int64(s.Ours))})
	}
	return t
}
