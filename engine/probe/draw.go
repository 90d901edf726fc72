package probe

import (
	"math/rand/v2"
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"mtric.net/mtric/engine/measurement"
	"mtric.net/mtric/engine/plan"
	"mtric.net/mtric/engine/rootzone"
)

// Draw lists the queries of one interval in random order. All chance of the plan
// is drawn here from r, independently for each query, RSI and path (readings A1,
// A2): which paths [thb][ogo], which choice by weight [yyg], which RRset of the
// zone [mow] or which letters [dse], and the case of the letters of every name
// [zon].
//
// Without a zone a query that draws from RRsets asks for those at the apex only:
// they are there whatever the zone. A choice that has nothing to ask leaves the draw; a query whose choices all have
// nothing is not asked. Of a family of which an RSI has no address at the label nothing
// is planned (A23): paths are drawn among the others.
func Draw(p *plan.Plan, label time.Time, zone *rootzone.Zone, r *rand.Rand) []measurement.Query {
	var queries []measurement.Query
	for _, q := range p.Queries {
		if !p.Due(q.Schedule, label) {
			continue
		}
		questions := newQuestions(q, zone)
		if questions.total == 0 {
			continue
		}
		zoneOf, ofZone, _ := p.ZoneOf(q)
		for _, s := range p.ServersOf(q.Servers) {
			for _, path := range pick(q.PathsTo(s, label), q.Pick, r) {
				name, qtype := questions.draw(r)
				drawn := newQuery(q, s, path, label, caseOf(q, name, r), qtype)
				if slices.ContainsFunc(ofZone, func(o plan.Server) bool { return o.RSI == s.RSI }) {
					drawn.Zone = zoneOf.Name
				}
				queries = append(queries, drawn)
			}
		}
	}
	r.Shuffle(len(queries), func(i, j int) { queries[i], queries[j] = queries[j], queries[i] })
	return queries
}

func newQuery(q plan.Query, s plan.Server, path measurement.Path, label time.Time, name, qtype string) measurement.Query {
	asked := QueryOf(q, s, path.Transport)
	asked.Address, _ = s.AddressAt(path.Family, label)
	asked.Family, asked.Name, asked.Type = path.Family, name, qtype
	return asked
}

// QueryOf is what a query of the plan asks the server over that transport: all but the
// question, and the family with its address.
func QueryOf(q plan.Query, s plan.Server, t measurement.Transport) measurement.Query {
	asked := measurement.Query{
		Label: q.Label, RSI: s.RSI, Transport: t, Port: s.Port, Class: q.Class,
		RecursionDesired: q.RecursionDesired, CheckingDisabled: q.CheckingDisabled, AuthenticData: q.AuthenticData,
		NSID: q.NSID, DNSSEC: q.DNSSEC, UDPSize: q.UDPSize, RetryTCP: q.OnTruncation == plan.RetryTCP,
		Timeout: time.Duration(q.Timeout), Pace: time.Duration(q.Pace), Keep: q.KeepResponse,
	}
	asked.Subnet, _ = netip.ParsePrefix(q.ClientSubnet) // the zero value where it is empty
	for _, o := range q.EDNSOptions {
		asked.Options = append(asked.Options, measurement.EDNSOption{Code: o.Code, Data: o.Data})
	}
	if t == measurement.TLS && s.TLS != nil {
		asked.Port, asked.TLS = s.TLS.Port, &measurement.TLSPolicy{Verify: s.TLS.Verify, Name: s.Name, Pins: s.TLS.Pins}
	}
	return asked
}

// pick draws n of the paths, each set of n as likely as any other; 0 is all.
func pick(paths []measurement.Path, n int, r *rand.Rand) []measurement.Path {
	if n <= 0 || n >= len(paths) {
		return paths
	}
	picked := make([]measurement.Path, n)
	for i, at := range r.Perm(len(paths))[:n] {
		picked[i] = paths[at]
	}
	return picked
}

// questions is what one query block may ask.
type questions struct {
	choices []choice
	total   int // of weights
}

// choice is one kind of question: any of the RRsets, each as likely as the
// others. An owner may be a template.
type choice struct {
	weight int
	sets   []rootzone.RRset
}

func newQuestions(q plan.Query, zone *rootzone.Zone) questions {
	if len(q.Choices) == 0 {
		return questions{[]choice{{1, []rootzone.RRset{{Owner: q.QName, Type: q.QType}}}}, 1}
	}
	var all questions
	fromZone := slices.ContainsFunc(q.Choices, plan.Choice.FromZone)
	for _, c := range q.Choices {
		if zone == nil && fromZone && !c.FromZone() {
			continue
		}
		var sets []rootzone.RRset
		for _, name := range c.Names() {
			sets = append(sets, rootzone.RRset{Owner: name, Type: c.QType})
		}
		if c.FromZone() {
			sets = eligible(c, zone)
		}
		if len(sets) > 0 && c.Weight > 0 {
			all.choices = append(all.choices, choice{c.Weight, sets})
			all.total += c.Weight
		}
	}
	return all
}

// eligible lists the RRsets of the zone that a choice names, without those it
// excepts [unt].
func eligible(c plan.Choice, zone *rootzone.Zone) []rootzone.RRset {
	var sets []rootzone.RRset
	if zone == nil {
		for _, t := range c.Root {
			sets = append(sets, rootzone.RRset{Owner: ".", Type: t})
		}
	} else {
		sets = slices.DeleteFunc(zone.RRsets(), func(s rootzone.RRset) bool {
			types := c.TLD
			if s.Owner == "." {
				types = c.Root
			}
			return !slices.Contains(types, s.Type)
		})
	}
	return slices.DeleteFunc(sets, func(s rootzone.RRset) bool {
		return slices.ContainsFunc(c.Except, func(e string) bool { return strings.EqualFold(e, s.String()) })
	})
}

func (q questions) draw(r *rand.Rand) (name, qtype string) {
	at, i := r.IntN(q.total), 0
	for at >= q.choices[i].weight {
		at -= q.choices[i].weight
		i++
	}
	sets := q.choices[i].sets
	set := sets[r.IntN(len(sets))]
	return expand(set.Owner, r), set.Type
}

var letters = regexp.MustCompile(`<letters:([0-9]{1,2})>`)

// expand draws the letters of <letters:N>; their case is drawn by mixCase.
func expand(name string, r *rand.Rand) string {
	return letters.ReplaceAllStringFunc(name, func(s string) string {
		n, _ := strconv.Atoi(letters.FindStringSubmatch(s)[1])
		drawn := make([]byte, n)
		for i := range drawn {
			drawn[i] = 'a' + byte(r.IntN(26))
		}
		return string(drawn)
	})
}

// caseOf gives a name the letter case that it is sent with.
func caseOf(q plan.Query, name string, r *rand.Rand) string {
	if q.FixedCase {
		return name
	}
	return mixCase(name, r)
}

// mixCase gives each ASCII letter a random case: thirty bits or so that a
// forger who cannot see the query must guess [zon].
func mixCase(name string, r *rand.Rand) string {
	mixed := []byte(name)
	for i, b := range mixed {
		if 'a' <= b|0x20 && b|0x20 <= 'z' {
			mixed[i] = b ^ byte(r.IntN(2))<<5
		}
	}
	return string(mixed)
}
