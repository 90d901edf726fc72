package report

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"mtric.net/mtric/engine/comparison"
	"mtric.net/mtric/engine/edition"
	"mtric.net/mtric/engine/measurement"
	"mtric.net/mtric/metrics"
)

// SecondOpinion is what a crowd, the probes of RIPE Atlas, saw of the report's FAILs. No
// value, verdict or digest depends on it.
type SecondOpinion struct {
	Set      string    `json:"set"`     // of measurements, that the crowd's lake held
	From     time.Time `json:"from"`    // of what was compared
	Until    time.Time `json:"until"`   //
	Summary  string    `json:"summary"` // a sentence
	Opinions []Opinion `json:"opinions"`
}

// Opinion is what the crowd says of one FAIL.
type Opinion struct {
	Metric    measurement.Metric    `json:"metric"`
	RSI       measurement.RSI       `json:"rsi,omitempty"`
	Family    measurement.Family    `json:"family,omitempty"`
	Transport measurement.Transport `json:"transport,omitempty"`
	Opinion   comparison.Verdict    `json:"opinion"`
	Seen      *Seen                 `json:"seen,omitempty"` // internal editions only
}

// Seen is why the crowd says it: how many of the queries of ours that failed lie in hours of
// each opinion, and what both sides saw in these hours.
type Seen struct {
	Reason    string              `json:"reason"`
	Failed    int64               `json:"failed"`
	Confirmed int64               `json:"failed_confirmed"`
	NotSeen   int64               `json:"failed_not_seen"`
	Windows   []comparison.Window `json:"windows"`
}

// unasked is why there is no opinion on a FAIL that a comparison does not name.
const unasked = "The comparison says nothing of it."

// Second is the second opinion that a comparison gives on the FAILs of the document.
func (d *Document) Second(c *comparison.Document) *SecondOpinion {
	s := &SecondOpinion{Set: c.Set, From: c.From, Until: c.Until, Opinions: []Opinion{}}
	given := map[string]comparison.Opinion{}
	for _, o := range c.Opinions {
		given[nameOf(o.Metric, o.RSI, o.Family, o.Transport)] = o
	}
	for _, v := range d.Values {
		if v.Verdict != metrics.Fail {
			continue
		}
		o := Opinion{v.Metric, v.RSI, v.Family, v.Transport, comparison.NoData, &Seen{Reason: unasked, Windows: []comparison.Window{}}}
		if g, asked := given[v.Name()]; asked && slices.Contains(opinionWords, g.Verdict) {
			o.Opinion, o.Seen = g.Verdict, &Seen{g.Reason, g.Failed, g.Confirmed, g.NotSeen, append([]comparison.Window{}, g.Windows...)}
		}
		s.Opinions = append(s.Opinions, o)
	}
	s.Summary = s.summary()
	return s
}

func nameOf(m measurement.Metric, r measurement.RSI, f measurement.Family, t measurement.Transport) string {
	return Value{Metric: m, RSI: r, Family: f, Transport: t}.Name()
}

// Name is that of the value that the opinion is on.
func (o Opinion) Name() string { return nameOf(o.Metric, o.RSI, o.Family, o.Transport) }

// Of is what failed, in print.
func (o Opinion) Of() string { return o.compared().Of() }

// Reason is why the crowd says it; empty where that is not for the reader.
func (o Opinion) Reason() string {
	if o.Seen == nil {
		return ""
	}
	return o.Seen.Reason
}

// seenWindows is how many windows stand beside an opinion.
const seenWindows = 3

// Lines are the first windows of the opinion in words.
func (o Opinion) Lines() []string { return o.compared().Lines(seenWindows) }

func (o Opinion) compared() comparison.Opinion {
	c := comparison.Opinion{Metric: o.Metric, RSI: o.RSI, Family: o.Family, Transport: o.Transport, Verdict: o.Opinion}
	if o.Seen != nil {
		c.Windows = o.Seen.Windows
	}
	return c
}

// opinionWords are the opinions in the order of a summary.
var opinionWords = []comparison.Verdict{comparison.Confirmed, comparison.NotSeen, comparison.NoData}

// summary counts the opinions in a sentence.
func (s *SecondOpinion) summary() string {
	if len(s.Opinions) == 0 {
		return "No FAIL to ask the probes of RIPE Atlas about."
	}
	var parts []string
	for _, word := range opinionWords {
		n := int64(0)
		for _, o := range s.Opinions {
			if o.Opinion == word {
				n++
			}
		}
		if n > 0 {
			parts = append(parts, edition.Thousands(n)+" "+word.Word())
		}
	}
	return fmt.Sprintf("What probes of RIPE Atlas say of %s: %s. It changes no verdict.", edition.Plural(int64(len(s.Opinions)), "FAIL"), strings.Join(parts, ", "))
}

// published is the opinion as everyone may see it: a word on each FAIL, and no number of an
// RSI [cpm].
func (s *SecondOpinion) published() *SecondOpinion {
	if s == nil {
		return nil
	}
	p := *s
	p.Opinions = slices.Clone(s.Opinions)
	for i := range p.Opinions {
		p.Opinions[i].Seen = nil
	}
	return &p
}

// own are the opinions on the FAILs of an RSI.
func (s *SecondOpinion) own(r measurement.RSI) (list []Opinion) {
	if s == nil {
		return nil
	}
	for _, o := range s.Opinions {
		if o.RSI == r {
			list = append(list, o)
		}
	}
	return list
}

// said is an opinion in print, on the FAILs of one metric and RSI of which the same is said.
type said struct {
	Of, Word, Reason string
	Lines            []string
}

// inPrint are opinions in print. Without reasons those on the paths of an RSI are one.
func inPrint(list []Opinion) (lines []said) {
	for i, o := range list {
		if n := len(lines) - 1; n >= 0 && o.Transport != "" && o.sameWord(list[i-1]) {
			lines[n].Of += ", " + measurement.Path{Family: o.Family, Transport: o.Transport}.Title()
			continue
		}
		lines = append(lines, said{o.Of(), o.Opinion.Word(), o.Reason(), o.Lines()})
	}
	return lines
}

func (o Opinion) sameWord(as Opinion) bool {
	return o.Metric == as.Metric && o.RSI == as.RSI && o.Opinion == as.Opinion && o.Seen == nil && as.Seen == nil
}

// Said are the opinions in print.
func (s *SecondOpinion) Said() []said { return inPrint(s.Opinions) }

// Words says what the opinions mean.
func (s *SecondOpinion) Words() string { return opinionMeaning }

// What a dossier says before the opinions, and what the words mean.
const (
	aboutOpinions  = "What the probes of RIPE Atlas (the crowd) saw of it. It changes no verdict."
	opinionMeaning = "Confirmed: most of our failures lie in hours in which probes in more networks than usual were affected too. " +
		"Not seen: most lie in hours in which a tenth of our share would have been noticed among the probes, and was not; the cause may still be at a site that few of them reach. " +
		"No data: neither can be said."
)

// opinions prints the second opinion; nothing where there is none.
func (t *textWriter) opinions(summary string, list []Opinion) {
	if summary == "" {
		return
	}
	t.Heading("Second opinion")
	t.Line("%s", summary)
	for _, o := range inPrint(list) {
		t.Line("%s", strings.TrimSuffix(o.Of+": "+o.Word+". "+o.Reason, ". "))
		for _, l := range o.Lines {
			t.Line("  %s", l)
		}
	}
	if len(list) > 0 {
		t.Line("%s", opinionMeaning)
	}
}

// opinionChange says what became of the second opinion; empty: it says the same.
func opinionChange(was, is *SecondOpinion) string {
	switch {
	case was == nil && is != nil:
		return "with a second opinion"
	case was != nil && is == nil:
		return "without a second opinion"
	case was != nil && was.Summary != is.Summary:
		return fmt.Sprintf("second opinion: %s Before: %s", is.Summary, was.Summary)
	}
	return ""
}

// secondly asks for the second opinion. Whoever gives it gets values of its own.
func (j Job) secondly(ctx context.Context, d *Document) error {
	if j.Second == nil {
		return nil
	}
	j.say("second opinion")
	asked := *d
	asked.Values = slices.Clone(d.Values)
	c, err := j.Second(ctx, &asked)
	if err != nil {
		return fmt.Errorf("report: second opinion: %w", err)
	}
	d.SecondOpinion = d.Second(c)
	return nil
}

// opinions holds the second opinion to the report that it is on. What the crowd saw is not
// computed again, since it lies in another lake.
func (v *Verified) opinions(d *Document) {
	s := d.SecondOpinion
	if s == nil {
		return
	}
	fails := map[string]bool{}
	for _, x := range d.Values {
		if x.Verdict == metrics.Fail {
			fails[x.Name()] = true
		}
	}
	for _, o := range s.Opinions {
		name := o.Name()
		switch {
		case !fails[name]:
			v.differ("second opinion: on %.200s, which is not a FAIL of the report or has one already", name)
		case !slices.Contains(opinionWords, o.Opinion):
			v.differ("second opinion: %.100q on %s is no opinion", o.Opinion, name)
		case d.Internal == nil && o.Seen != nil:
			v.differ("second opinion: numbers on %s, which are not for the public", name)
		}
		delete(fails, name)
	}
	for _, x := range d.Values {
		if fails[x.Name()] {
			v.differ("second opinion: none on %s", x.Name())
		}
	}
	if want := s.summary(); s.Summary != want {
		v.differ("second opinion: the report says %.200q, its opinions say %q", s.Summary, want)
	}
}
