package survey

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"mtric.net/mtric/engine/edition"
	"mtric.net/mtric/engine/measurement"
)

// leastCoverage is the percentage of intervals below which a survey says that it rests on
// too little.
const leastCoverage = 90

// regions are the five of RSSAC047, in the order of the plan language.
var regions = []string{"africa", "asia_pacific", "europe", "latin_america", "north_america"}

// regions lists which metropolitan areas the candidates of each region are in.
func (s *Survey) regions() {
	for _, name := range regions {
		r := Region{Region: name, Metros: []string{}}
		for _, c := range s.Candidates {
			if c.Region == name && !slices.Contains(r.Metros, c.Metro) {
				r.Metros = append(r.Metros, c.Metro)
			}
		}
		slices.Sort(r.Metros)
		s.Regions = append(s.Regions, r)
	}
}

// addNotes writes down what somebody who chooses must not overlook.
func (s *Survey) addNotes() {
	s.Notes = []string{}
	add := func(format string, args ...any) { s.Notes = append(s.Notes, fmt.Sprintf(format, args...)) }
	if s.CandidatesFrom == fromData {
		add("The plan names no candidates: all vantage points in the data are compared, and where they are is not known.")
	} else {
		var none []string
		for _, r := range s.Regions {
			if len(r.Metros) == 0 {
				none = append(none, r.Region)
			}
		}
		if len(none) > 0 {
			add("No candidates in %s: RSSAC047 asks for vantage points in each of the five regions [gjr] [lrr] [fzt] [knk] [vak].", strings.Join(none, ", "))
		}
	}
	if len(s.Places) == 0 {
		add("The plan traces no fixed place: root servers are anycast, and their routes alone do not compare candidates.")
	}
	if len(s.Unexpected) > 0 {
		add("In the data but no candidates of the plan, left out: %s.", edition.Join(s.Unexpected))
	}
	for i := range s.Candidates {
		s.Candidates[i].addNotes(s)
	}
}

// addNotes writes down what is odd about one candidate.
func (c *Candidate) addNotes(s *Survey) {
	c.Notes = []string{}
	add := func(format string, args ...any) { c.Notes = append(c.Notes, fmt.Sprintf(format, args...)) }
	for _, o := range s.Candidates {
		if o.ID != c.ID && o.Metro != "" && strings.EqualFold(o.Metro, c.Metro) {
			add("same metropolitan area as %s: choose at most one [ttz]", o.ID)
		}
	}
	if c.Received == 0 {
		add("no run came: it cannot be compared")
		return
	}
	if 100*c.Received < leastCoverage*c.Expected {
		add("%s of %s intervals came: below %d %%", edition.Thousands(c.Received), edition.Thousands(c.Expected), leastCoverage)
	}
	if c.Unsynced > 0 {
		add("clock not synchronised in %s of %s runs [ugt]", edition.Thousands(c.Unsynced), edition.Thousands(c.Received))
	}
	for _, f := range c.Families {
		switch name := f.Family.Title(); {
		case f.Asked > 0 && f.Good == 0:
			add("no RSI answered over %s: unfit, both families are measured [jhb]", name)
		case 100*f.Good < 96*f.Asked:
			add("%s of %s queries over %s were not answered", edition.Thousands(f.Asked-f.Good), edition.Thousands(f.Asked), name)
		}
		if f.Traces > 0 && f.Reached == 0 {
			add("no trace reached a root server over %s", f.Family.Title())
		}
	}
	if c.Families[0].Traces+c.Families[1].Traces == 0 {
		add("no traces: is scamper installed?")
	}
	if c.Incorrect > 0 {
		add("%s of %s judged answers incorrect: if other candidates have none, something on the way rewrites DNS", edition.Thousands(c.Incorrect), edition.Thousands(c.Judged))
	}
	if c.Strays > 0 {
		add("%s datagrams that matched no query: look for spoofing or a middlebox", edition.Thousands(c.Strays))
	}
}

// millis is a time in µs as ms with one decimal, cut off.
func millis(us *int64) string {
	if us == nil {
		return "-"
	}
	return fmt.Sprintf("%d.%d", *us/1000, *us/100%10)
}

func countText(n *int64) string {
	if n == nil {
		return "-"
	}
	return fmt.Sprint(*n)
}

// Like is the candidate most like this one, in words.
func (c Candidate) Like() string {
	if c.MostLike == nil {
		return "-"
	}
	return fmt.Sprintf("%s %d %%", c.MostLike.ID, 100*c.MostLike.Shared/c.MostLike.Of)
}

// Share is good of asked in percent, cut off.
func (s FamilyView) Share() string { return shareText(s.Good, s.Asked) }

func shareText(n, of int64) string {
	if of == 0 {
		return "-"
	}
	return fmt.Sprintf("%d.%d", 100*n/of, 1000*n/of%10)
}

// target finds a row of Servers; nil where there is none.
func (c Candidate) target(r measurement.RSI, f measurement.Family) *Target {
	for i := range c.Servers {
		if t := &c.Servers[i]; t.RSI == r && t.Family == f {
			return t
		}
	}
	return nil
}

// legend says how the columns are to be read.
var legend = []string{
	"Choose by what RSSAC047 asks: five regions evenly [gjr] [lrr] [fzt] [knk] [vak], large metropolitan areas [htk], one vantage point in each [ttz], providers and ways that differ [ppy].",
	"GOOD: queries soa that were answered, in percent. RTT: median over the RSIs of each RSI's median UDP latency, in ms. HOPS: the same of hops of traces that reached their end. A median is the lower of the middle two.",
	"INSTANCES: servers that answered, counted as pairs of RSI and NSID; ALONE: those that no other candidate reached. Some RSIs name servers, others sites.",
	"PATHS: distinct ways that reached an RSI, all RSIs together; a silent router counts as any router.",
	"MOST LIKE: the candidate whose ways have most routers in common with these, of all routers of either. Two that are much alike see the same troubles: one of them adds little.",
	"No column is a grade. Near instances make a vantage point see little of the system's far side; a far one is no worse for it.",
}

// WriteText writes survey.txt.
func (s *Survey) WriteText(w io.Writer) error {
	t := &edition.Text{W: w}
	t.Line("SURVEY OF CANDIDATES FOR VANTAGE POINTS")
	t.Line("")
	t.Line("Period     %s to %s", edition.Clock(s.From), edition.Clock(s.Until))
	t.Line("Plan       %s, mtric %s, revision %d", s.Plan, s.Version, s.Revision)
	t.Line("Measured   %d candidates, %d root server identifiers, %d fixed places", len(s.Candidates), len(s.RSIs), len(s.Places))
	for _, n := range s.Notes {
		t.Line("Note       %s", n)
	}
	t.Heading("Candidates")
	t.Table(s.overview())
	t.Heading("Ways to the fixed places")
	t.Table(s.ways())
	t.Heading("What to look at")
	for _, c := range s.Candidates {
		for _, n := range c.Notes {
			t.Line("%s  %s", c.ID, n)
		}
	}
	if s.Quiet() {
		t.Line("Nothing.")
	}
	t.Heading("Regions")
	var rows [][]string
	for _, r := range s.Regions {
		rows = append(rows, []string{r.Region, edition.Dash(strings.Join(r.Metros, ", "))})
	}
	t.Table(rows)
	t.Heading("By root server identifier")
	t.Table(s.details())
	t.Heading("How to read this")
	for _, l := range legend {
		t.Line("- %s", l)
	}
	t.Line("- Internal: measured values of single RSIs are not published [cpm]. Plan sha256 %s", s.PlanSHA256)
	return t.Err
}

// overview has a row for each candidate.
func (s *Survey) overview() [][]string {
	rows := [][]string{{"VP", "REGION", "METRO", "PROVIDER", "INTERVALS", "GOOD V4", "V6", "RTT V4", "V6", "HOPS V4", "V6", "INSTANCES", "ALONE", "PATHS V4", "V6", "MOST LIKE"}}
	for _, c := range s.Candidates {
		a, b := c.Families[0], c.Families[1]
		rows = append(rows, []string{string(c.ID), edition.Dash(c.Region), edition.Dash(c.Metro), edition.Dash(c.Provider), edition.Thousands(c.Received) + "/" + edition.Thousands(c.Expected),
			a.Share(), b.Share(), millis(a.RTTUS), millis(b.RTTUS), countText(a.Hops), countText(b.Hops),
			edition.Thousands(c.Instances), edition.Thousands(c.Alone), edition.Thousands(a.Paths), edition.Thousands(b.Paths), c.Like()})
	}
	return rows
}

// ways has a row for each candidate and fixed place.
func (s *Survey) ways() [][]string {
	rows := [][]string{{"VP", "METRO", "PROVIDER", "TO", "RTT V4", "V6", "HOPS V4", "V6", "PATHS V4", "V6", "REACHED V4", "V6"}}
	for _, c := range s.Candidates {
		for _, p := range s.Places {
			rows = append(rows, append([]string{string(c.ID), edition.Dash(c.Metro), edition.Dash(c.Provider), string(p.Label)}, c.cells(p.Label)...))
		}
	}
	return rows
}

// details has a row for each candidate and RSI.
func (s *Survey) details() [][]string {
	rows := [][]string{{"VP", "RSI", "RTT V4", "V6", "HOPS V4", "V6", "PATHS V4", "V6", "REACHED V4", "V6", "INSTANCES"}}
	for _, c := range s.Candidates {
		for _, r := range s.RSIs {
			rows = append(rows, append(append([]string{string(c.ID), string(r)}, c.cells(r)...), edition.Dash(c.names(r))))
		}
	}
	return rows
}

// cells are the numbers of one end of the ways, IPv4 beside IPv6.
func (c Candidate) cells(r measurement.RSI) []string {
	a, b := c.target(r, measurement.IPv4), c.target(r, measurement.IPv6)
	return []string{millis(a.RTTUS), millis(b.RTTUS), countText(a.Hops), countText(b.Hops),
		edition.Thousands(a.Paths), edition.Thousands(b.Paths), edition.Thousands(a.Reached) + "/" + edition.Thousands(a.Traces), edition.Thousands(b.Reached) + "/" + edition.Thousands(b.Traces)}
}

// maxNames bounds how many instances are named in print; survey.json has all.
const maxNames = 6

// names are the instances of an RSI over both families.
func (c Candidate) names(r measurement.RSI) string {
	var all []string
	for _, f := range measurement.Families {
		for _, n := range c.target(r, f).Instances {
			if !slices.Contains(all, n) {
				all = append(all, n)
			}
		}
	}
	slices.Sort(all)
	if more := len(all) - maxNames; more > 0 {
		return fmt.Sprintf("%s and %d more", strings.Join(all[:maxNames], ", "), more)
	}
	return strings.Join(all, ", ")
}
