package comparison

import (
	"fmt"
	"maps"
	"slices"

	"mtric.net/mtric/engine/edition"
	"mtric.net/mtric/engine/measurement"
)

// sheet is a table for people. It has its heads in the first row.
type sheet struct {
	Title, About string
	Rows         [][]string
}

// Wide says that a cell is a sentence, which may have to wrap.
func (t sheet) Wide() bool {
	return slices.ContainsFunc(t.Rows[1:], func(row []string) bool {
		return slices.ContainsFunc(row, func(cell string) bool { return len(cell) > longCell })
	})
}

// longCell is from how many bytes on a cell may wrap.
const longCell = 48

// Empty says that there are heads alone.
func (t sheet) Empty() bool { return len(t.Rows) < 2 }

// values are availability and latency over a path, ours beside theirs.
func (d *Document) values(path measurement.Path) sheet {
	t := sheet{Title: path.Title(), About: "Availability in %, latency in ms as P10 · median · P90; 95 % confidence intervals in brackets.",
		Rows: [][]string{{"RSI", "Hours", "Networks", "Availability, ours", "crowd", "Latency, ours", "crowd", "Ours faster than % of networks"}}}
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
	t := sheet{Title: path.Title(), About: "The crowd only: availability in % / median latency in ms / number of networks.", Rows: [][]string{heads}}
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
	t := sheet{Title: path.Title(), About: "The crowd's queries with a good answer, of all that were sent.",
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
	t := sheet{Title: "Kinds", About: "Each query counts under the first reason that fits.", Rows: [][]string{{"Reason", "Side", "Vantage points", "Queries", "Good answers"}}}
	for _, side := range []struct {
		whose string
		Apart
	}{{"ours", d.Ours.Apart}, {"crowd", d.Theirs.Apart}} {
		for _, k := range []struct {
			why string
			ApartCount
		}{{"no route over the address family", side.NoRoute}, {"no RSI answered over the address family, or only one was asked", side.NoNetwork}, {"the probe lacks the tag system-ipvN-works", side.NotWorking}, {"somebody else answers (interception)", side.Intercepted}} {
			if k.Asked > 0 || k.VantagePoints > 0 {
				t.Rows = append(t.Rows, []string{k.why, side.whose, edition.Thousands(int64(k.VantagePoints)), edition.Thousands(k.Asked), edition.Thousands(k.Good)})
			}
		}
	}
	return t
}

// signs are the signs of interception: a row for each RSI, a column for each sign that was seen.
func (d *Document) signs() sheet {
	t := sheet{Title: "Signs that somebody else answers", About: "Vantage points / networks / answers that showed a sign. A sign that many networks show at a single RSI may come from that RSI itself."}
	seen := slices.Concat(d.Ours.Apart.Signs, d.Theirs.Apart.Signs)
	heads, at := []string{"RSI", "Side"}, map[string]int{}
	for _, s := range seen {
		if at[s.Sign] == 0 {
			at[s.Sign] = len(heads)
			heads = append(heads, signTitle(s.Sign))
		}
	}
	t.Rows = [][]string{heads}
	for _, side := range []struct {
		whose string
		signs []Sign
	}{{"ours", d.Ours.Apart.Signs}, {"crowd", d.Theirs.Apart.Signs}} {
		row := map[measurement.RSI][]string{}
		for _, s := range side.signs {
			if row[s.RSI] == nil {
				row[s.RSI] = slices.Repeat([]string{"-"}, len(heads))
				row[s.RSI][0], row[s.RSI][1] = string(s.RSI), side.whose
			}
			row[s.RSI][at[s.Sign]] = edition.Thousands(int64(s.VantagePoints)) + " / " + edition.Thousands(int64(s.Networks)) + " / " + edition.Thousands(s.Answers)
		}
		for _, rsi := range slices.Sorted(maps.Keys(row)) {
			t.Rows = append(t.Rows, row[rsi])
		}
	}
	return t
}

// lags are publication lags.
func (d *Document) lags() sheet {
	t := sheet{Title: "Publication lag", About: "From when a new serial counts as published: the median and P90 over networks, then the median over serials, ± the interval between queries.",
		Rows: [][]string{{"RSI", "Serials", "Median, ours", "crowd", "P90, ours", "crowd", "Networks of the crowd"}}}
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
	t := sheet{Title: "SOA content", About: "The crowd's answers, their SOA RRset compared with the zone of the same serial in the archive.",
		Rows: [][]string{{"RSI", "As archived", "Different", "from probes", "in networks", "Not compared", "Different, set apart"}}}
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
	t := sheet{Title: "Windows of our FAILs", About: "The counts of both sides are those of the clearest hour of the window. p is corrected for the number of hours tested; power is that of finding a tenth of our share.",
		Rows: [][]string{{"Of", "When", "Opinion", "Ours, not good", "Ours", "Crowd", "p", "Power"}}}
	for _, o := range d.Opinions {
		for _, w := range o.Windows {
			power := wholeShare(w.Power)
			if w.Opinion == Confirmed {
				power = "-" // it only says whether silence means something
			}
			t.Rows = append(t.Rows, []string{o.Of(), span(w.From, w.Until), w.Opinion.Word(), edition.Thousands(w.Failed) + " of " + edition.Thousands(w.Asked),
				w.ours(), w.theirs(), chanceText(w.P), power})
		}
	}
	return t
}

// outages are all outages.
func (d *Document) outages() sheet {
	t := sheet{Title: "Outages", About: "Hours in which more of one side, or of both, was affected than its own rate of the week before explains.",
		Rows: [][]string{{"Of", "When", "Seen by", "Ours", "Crowd", "Where"}}}
	for _, o := range d.Outages {
		t.Rows = append(t.Rows, []string{over(o.RSI, o.Family, o.Transport), span(o.From, o.Until), o.by(), o.Strongest.ours(), o.Strongest.theirs(), edition.Dash(regionNames(o.Regions))})
	}
	return t
}

// stale are all sites that served old zones.
func (d *Document) stale() sheet {
	t := sheet{Title: "Stale zones", About: "A zone is stale when its successor had been seen for two hours or more.",
		Rows: [][]string{{"RSI", "When", "Oldest serial", "Probes", "Networks", "Where", "Our vantage points"}}}
	for _, s := range d.Stale {
		t.Rows = append(t.Rows, []string{string(s.RSI), span(s.From, s.Until), fmt.Sprint(s.Oldest), edition.Thousands(int64(s.Probes)), edition.Thousands(int64(s.Networks)) + " of " + edition.Thousands(int64(s.Of)),
			edition.Dash(regionNames(s.Regions)), edition.Thousands(int64(s.Ours))})
	}
	return t
}
