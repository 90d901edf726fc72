package comparison

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"mtric.net/mtric/engine/edition"
	"mtric.net/mtric/engine/measurement"
)

// Both editions print these lines and the tables of tables.go.

// firstWindows is how many windows of a FAIL stand on the first screen, and firstLines how many
// outages or stale sites; the tables have all.
const (
	firstWindows = 3
	firstLines   = 8
)

// failure is a FAIL of ours with the opinion on it.
type failure struct {
	Opinion
	Seen []string // its first windows
}

// failures are the FAILs, those that the crowd has something to say of first.
func (d *Document) failures() (list []failure) {
	rank := map[Verdict]int{Confirmed: 0, NotSeen: 1}
	opinions := slices.Clone(d.Opinions)
	slices.SortStableFunc(opinions, func(a, b Opinion) int {
		x, known := rank[a.Verdict]
		y, knownToo := rank[b.Verdict]
		if !known {
			x = len(rank)
		}
		if !knownToo {
			y = len(rank)
		}
		return cmp.Compare(x, y)
	})
	for _, o := range opinions {
		list = append(list, failure{o, o.Lines(firstWindows)})
	}
	return list
}

// Lines say of the first windows what both sides saw in them, and how many more there are.
func (o Opinion) Lines(most int) (lines []string) {
	for _, w := range o.Windows[:min(len(o.Windows), most)] {
		when := span(w.From, w.Until)
		if w.Opinion != o.Verdict {
			when += ", " + w.Opinion.Word()
		}
		text := fmt.Sprintf("%s. Ours: %s. Crowd: %s.", when, w.ours(), w.theirs())
		if w.Opinion == NoData && w.Networks > 0 && w.Power < wantPower {
			text += fmt.Sprintf(" The power to find a tenth of our share is %s, less than %d %%.", wholeShare(w.Power), int(100*wantPower))
		}
		lines = append(lines, text)
	}
	if n := len(o.Windows) - most; n > 0 {
		lines = append(lines, "And "+edition.Plural(int64(n), "more window")+".")
	}
	return lines
}

// Class is how a page shows the opinion.
func (f failure) Class() string {
	switch f.Verdict {
	case Confirmed:
		return "confirmed"
	case NotSeen:
		return "not-seen"
	default:
		return "v-none"
	}
}

// Summary counts the opinions: "3 FAILs: 1 confirmed, 1 not seen, 1 no data."
func (d *Document) Summary() string {
	if len(d.Opinions) == 0 {
		return "No FAIL in this period."
	}
	counts := map[string]int64{}
	for _, o := range d.Opinions {
		counts[o.Verdict.Word()]++
	}
	var parts []string
	for _, v := range []Verdict{Confirmed, NotSeen, NoData} {
		if n := counts[v.Word()]; n > 0 {
			parts = append(parts, edition.Thousands(n)+" "+v.Word())
		}
	}
	return edition.Plural(int64(len(d.Opinions)), "FAIL") + ": " + strings.Join(parts, ", ") + "."
}

// by says in print which side saw an outage.
func (o Outage) by() string {
	switch o.SeenBy {
	case SeenByOurs:
		if o.Opinion != NotSeen {
			return "ours; the crowd has no data"
		}
		return "ours alone"
	case SeenByTheirs:
		if o.Ours == 0 {
			return "the crowd; of ours there is no data"
		}
		return "the crowd alone"
	case SeenByBoth:
		return "both"
	}
	return "not said"
}

// line is one of a list: what it is of, and what was seen.
type line struct{ Of, Seen string }

// oneSided are the outages that one side alone saw, the first of them.
func (d *Document) oneSided() []line {
	var list []line
	for _, o := range d.Outages {
		if o.SeenBy != SeenByOurs && o.SeenBy != SeenByTheirs {
			continue
		}
		text := fmt.Sprintf("seen by %s, %s. Ours: %s. Crowd: %s", o.by(), span(o.From, o.Until), o.Strongest.ours(), o.Strongest.theirs())
		if len(o.Regions) > 0 {
			text += ", in " + regionNames(o.Regions)
		}
		list = append(list, line{over(o.RSI, o.Family, o.Transport), text + "."})
	}
	return first(list)
}

// differing are the RSIs of which SOA records were not those of the archive.
func (d *Document) differing() []line {
	var list []line
	for _, c := range d.Content {
		if c.Incorrect > 0 {
			list = append(list, line{string(c.RSI), fmt.Sprintf("%s of %s from %s in %s", edition.Thousands(c.Incorrect), edition.Plural(c.Correct+c.Incorrect, "SOA record"),
				edition.Plural(int64(c.Probes), "probe"), edition.Plural(int64(c.Networks), "network")) + "."})
		}
	}
	return first(list)
}

// noneDiffering says that there are none, or that nobody looked.
func (d *Document) noneDiffering() string {
	judged := int64(0)
	for _, c := range d.Content {
		judged += c.Correct + c.Incorrect
	}
	if judged == 0 {
		return "None was compared; mtric import atlas --zones does."
	}
	return "None of " + edition.Thousands(judged) + "."
}

// staleSites are where old zones were served, the first of them.
func (d *Document) staleSites() []line {
	var list []line
	for _, s := range d.Stale {
		text := fmt.Sprintf("%s. Oldest serial: %d. Ours: %s. Crowd: %s in %s", span(s.From, s.Until), s.Oldest, edition.Plural(int64(s.Ours), "vantage point"),
			edition.Plural(int64(s.Probes), "probe"), count(s.Networks, s.Of, "network"))
		if len(s.Regions) > 0 {
			text += ", in " + regionNames(s.Regions)
		}
		list = append(list, line{string(s.RSI), text + "."})
	}
	return first(list)
}

// first is the beginning of a list that may be long, and says what it leaves out.
func first(list []line) []line {
	if n := len(list) - firstLines; n > 0 {
		return append(list[:firstLines:firstLines], line{fmt.Sprintf("And %s more", edition.Thousands(int64(n))), "the tables have them."})
	}
	return list
}

// Sentence says where our vantage points lie within the crowd; empty where that is not known.
func (p Path) Sentence() string {
	if p.Slower == nil {
		return ""
	}
	who, n := "Our "+edition.Plural(int64(p.Ours.VantagePoints), "vantage point")+" are", wholePercent(p.Slower.Value)
	if p.Ours.VantagePoints == 1 {
		who = "Our vantage point is"
	}
	text := fmt.Sprintf("%s faster than %s %% of networks for %s", who, n, over(p.RSI, p.Family, p.Transport))
	if p.Slower.Low != nil && p.Slower.High != nil {
		text += fmt.Sprintf(" (%s–%s)", wholePercent(*p.Slower.Low), wholePercent(*p.Slower.High))
	}
	return text + "."
}

// extremes are the sentences of a path's RSIs of which ours are faster than the most and the
// fewest networks.
func extremes(paths []Path) (list []string) {
	known := slices.DeleteFunc(slices.Clone(paths), func(p Path) bool { return p.Slower == nil })
	if len(known) == 0 {
		return nil
	}
	by := func(a, b Path) int { return cmp.Compare(a.Slower.Value, b.Slower.Value) }
	most, fewest := slices.MaxFunc(known, by), slices.MinFunc(known, by)
	if list = append(list, most.Sentence()); len(known) > 1 {
		list = append(list, fewest.Sentence())
	}
	return list
}

// ofPath are the RSIs over one path; none where nothing of the path can be compared.
func (d *Document) ofPath(path measurement.Path) (list []Path) {
	hours := 0
	for _, p := range d.Paths {
		if p.Family == path.Family && p.Transport == path.Transport {
			list, hours = append(list, p), hours+p.Hours
		}
	}
	if hours == 0 {
		return nil
	}
	return list
}

// who says of whom the crowd is made.
func (d *Document) who() string {
	c := d.Theirs
	text := fmt.Sprintf("Ours: %s. The crowd: %s in %s, with %s.", edition.Plural(int64(d.Ours.VantagePoints), "vantage point"),
		edition.Plural(int64(c.VantagePoints), "probe"), edition.Plural(int64(c.Networks), "network"), counted(c.Asked, "query", "queries"))
	if len(c.Regions) == 0 || c.VantagePoints == 0 {
		return text
	}
	largest := slices.MaxFunc(c.Regions, func(a, b Region) int { return cmp.Compare(a.VantagePoints, b.VantagePoints) })
	share := "The largest part"
	if 2*largest.VantagePoints > c.VantagePoints {
		share = "Most"
	}
	return fmt.Sprintf("%s %s of it is in one region, %s: %s, and %s.", text, share, regionName(largest.Region), count(largest.VantagePoints, c.VantagePoints, "probe"), count(largest.Networks, c.Networks, "network"))
}

// counted is a number of things whose plural is not made by an s.
func counted(n int64, one, more string) string {
	if n == 1 {
		return "1 " + one
	}
	return edition.Thousands(n) + " " + more
}

// method says in short how a comparison is made.
func (d *Document) method() []string {
	return []string{
		fmt.Sprintf("For the crowd, each probe counts as one value, each network (AS) as the median of its probes, and quantiles are taken over networks. Confidence intervals are of 95 %%: the bootstrap draws networks (ours: vantage points) %s times, with seed %d.", edition.Thousands(int64(d.Draws)), d.Seed),
		"Only hours that both sides covered are compared. Where somebody else answers in place of a server, or a probe has no network, its queries are set apart and counted.",
		"A FAIL is confirmed if more networks were affected in the same hours than their own rate of the week before explains: at least 5 more, with p < 0.001 after correction for the number of hours tested. " +
			"It is not seen if the same test would have found a tenth of our share with a power of 90 %, and did not. Otherwise there is no data.",
		"A vantage point is affected in an hour in which a quarter of its queries fail, or, for a latency, in which it is half as slow again as in the week before; a network, when half of its probes are.",
		"The thresholds of RSSAC047 are not applied to the crowd. Of its answers, only the SOA RRset is compared with the archive of zones.",
		"After ± stands the interval between queries: a lag may be shorter by that much.",
		"Latencies of the crowd are exact to 3 %. Hours are UTC.",
	}
}
