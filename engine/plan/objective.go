package plan

import (
	"fmt"
	"net/netip"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"mtric.net/mtric/engine/measurement"
)

// Zone is a zone other than the root, whose serials are followed: queries for its SOA, NS
// and DNSKEY that its servers are asked belong to it.
type Zone struct {
	Label   string   `json:"label"`
	Name    string   `json:"name"`         // absolute, in lower case
	Servers []string `json:"servers"`      // groups
	DS      []DS     `json:"ds,omitempty"` // trust anchors, in a fixed order; none: its answers are not judged by DNSSEC

	Source  string `json:"source,omitempty"` // address:port that the collector asks for the zone's SOA; empty: none
	KeyFile string `json:"-"`                // path of a TSIG key for that; a secret's place is in no hash and no copy
}

// Objective is what the servers of queries must meet over a window that ends at a 00:00
// UTC; equality meets it. No metric of RSSAC047 reads it.
type Objective struct {
	Label        string   `json:"label"`
	Queries      []string `json:"queries"`
	Per          Per      `json:"per"`
	Need         int      `json:"need,omitempty"` // with PerGroup: how many servers make a cell good
	Window       string   `json:"window"`         // month, week, or days, "28d"
	Availability *Percent `json:"availability,omitempty"`
	UDP          *Goal    `json:"udp,omitempty"`
	TCP          *Goal    `json:"tcp,omitempty"`
	TLS          *Goal    `json:"tls,omitempty"`
	Publication  *Goal    `json:"publication,omitempty"`
}

// Goal is a percentile, by nearest rank, and what it may be at most.
type Goal struct {
	Percentile Percent  `json:"percentile"`
	AtMost     Duration `json:"at_most"`
}

// Per says of whom an objective speaks: a closed vocabulary.
type Per string

// An objective has a verdict for each server and query, or for each group of servers.
const (
	PerServer Per = "server"
	PerGroup  Per = "group"
)

// Pers lists the vocabulary.
var Pers = []Per{PerServer, PerGroup}

// ZoneTypes are the record types whose queries belong to a zone of their name.
var ZoneTypes = []string{"SOA", "NS", "DNSKEY"}

// ZoneOf returns the zone that a query belongs to, and the servers of the zone that it
// asks; false where it belongs to none.
func (p *Plan) ZoneOf(q Query) (z Zone, servers []Server, ok bool) {
	if !slices.Contains(ZoneTypes, q.QType) || q.Class != "" {
		return Zone{}, nil, false
	}
	for _, z := range p.Zones {
		if z.Name != strings.ToLower(q.QName) {
			continue
		}
		own := p.ServersOf(z.Servers)
		for _, s := range p.ServersOf(q.Servers) {
			if slices.ContainsFunc(own, func(o Server) bool { return o.RSI == s.RSI }) {
				servers = append(servers, s)
			}
		}
		return z, servers, len(servers) > 0
	}
	return Zone{}, nil, false
}

// Span is the window that ends at a 00:00 UTC: the month before, from the same day of the
// month or its last, the week or the days before.
func (o Objective) Span(until time.Time) (from time.Time) {
	switch o.Window {
	case "month":
		first := time.Date(until.Year(), until.Month()-1, 1, 0, 0, 0, 0, time.UTC)
		last := first.AddDate(0, 1, -1).Day()
		return first.AddDate(0, 0, min(until.Day(), last)-1)
	case "week":
		return until.AddDate(0, 0, -7)
	}
	days, _ := windowDays(o.Window)
	return until.AddDate(0, 0, -days)
}

// mostWindow is the longest window, in days.
const mostWindow = 366

// windowDays reads a window of days, "28d".
func windowDays(s string) (int, bool) {
	n, err := strconv.Atoi(strings.TrimSuffix(s, "d"))
	return n, err == nil && n >= 1 && n <= mostWindow && s == strconv.Itoa(n)+"d"
}

// Latency is the goal of the latency over a transport; nil where there is none.
func (o Objective) Latency(over measurement.Transport) *Goal { return *o.latency(over) }

func (o *Objective) latency(over measurement.Transport) **Goal {
	switch over {
	case measurement.UDP:
		return &o.UDP
	case measurement.TCP:
		return &o.TCP
	case measurement.TLS:
		return &o.TLS
	}
	return new(*Goal)
}

// decodeZone reads a zone.
func (l *loader) decodeZone(b *block) {
	d := l.open(b)
	z := Zone{Label: b.label, Name: strings.ToLower(d.domain("name", "")), Servers: d.refs("servers", "server"), DS: d.trustAnchors()}
	if z.Name == "." {
		d.errorf("name", "Remove the block: the root's serials are those of query soa, and of the table zones.", "%s is the root", d.what)
	}
	for _, o := range l.plan.Zones {
		if o.Name == z.Name && z.Name != "" {
			d.errorf("name", "One zone has one block; its servers can be a list of groups.", "zone %q has the name %s too", o.Label, z.Name)
			z.Name = ""
		}
	}
	z.Source, z.KeyFile = d.addressPort("source"), d.fileBeside("key_file")
	if d.has("key_file") && !d.has("source") {
		d.errorf("key_file", `Add source = "192.0.2.53:53", of which the key is, or remove it.`, "key_file without source")
	}
	l.plan.Zones = append(l.plan.Zones, z)
	l.decoders["zone "+b.label] = d
}

// addressPort reads an address with a port, 53 by default, and returns it in one form.
func (d *decoder) addressPort(name string) string {
	s := d.line(name, "")
	if s == "" {
		return ""
	}
	at, err := netip.ParseAddrPort(s)
	if alone, wrong := netip.ParseAddr(strings.Trim(s, "[]")); wrong == nil {
		at, err = netip.AddrPortFrom(alone, 53), nil
	}
	if err != nil || at.Port() == 0 || at.Addr().Zone() != "" {
		d.errorf(name, `Write an address, with a port if it is not 53: "192.0.2.53", "[2001:db8::53]:5353". Names are not looked up.`, "%q is no address", s)
		return ""
	}
	return netip.AddrPortFrom(at.Addr().Unmap(), at.Port()).String()
}

// fileBeside reads the path of a file: absolute, or from the directory of the plan's file
// that names it.
func (d *decoder) fileBeside(name string) string {
	s := d.line(name, "")
	if s == "" || path.IsAbs(s) {
		return s
	}
	return path.Join(path.Dir(d.place(name).Filename), s)
}

// decodeObjective reads an objective; what it asks of its queries is checked when all
// blocks are known.
func (l *loader) decodeObjective(b *block) {
	d, before := l.open(b), len(l.diags)
	o := Objective{
		Label:        b.label,
		Queries:      d.refs("queries", "query"),
		Per:          Per(d.enum("per", string(PerServer), measurement.Strings(Pers)...)),
		Need:         int(d.number("need", 0, 1, 100)),
		Window:       d.text("window", "month"),
		Availability: d.percent("availability"),
		Publication:  d.goal("publication", `{ percentile = 95, at_most = "60m" }`),
	}
	for _, t := range measurement.Transports {
		*o.latency(t) = d.goal(string(t), `{ percentile = 95, at_most = "500ms" }`)
	}
	if _, days := windowDays(o.Window); !days && o.Window != "month" && o.Window != "week" {
		d.errorf("window", fmt.Sprintf(`Write "month", "week", or days, such as "28d", at most %d.`, mostWindow), "%q is no window", o.Window)
	}
	switch {
	case len(l.diags) > before: // of what may be meant
	case o.Per == PerGroup && o.Need == 0 && d.attrs["need"] == nil:
		l.errorf(d.at, "Add need = 2, the number of servers that make the service good.", "%s is per group and lacks %q", d.what, "need")
	case o.Per == PerServer && d.attrs["need"] != nil:
		d.errorf("need", `Remove it, or write per = "group".`, "need in an objective per server")
	}
	if !l.faulty[d.at] && d.attrs["availability"] == nil && d.attrs["publication"] == nil &&
		!slices.ContainsFunc(measurement.Transports, func(t measurement.Transport) bool { return d.attrs[string(t)] != nil }) {
		l.errorf(d.at, `Add availability = 99, udp = { percentile = 95, at_most = "500ms" } or publication = { … }.`, "%s asks for nothing", d.what)
	}
	l.plan.Objectives = append(l.plan.Objectives, o)
	l.decoders["objective "+b.label] = d
}

// goal reads a percentile and its bound.
func (d *decoder) goal(name, example string) *Goal {
	o := d.object(name, []string{"percentile", "at_most"})
	if o == nil {
		return nil
	}
	for _, key := range []string{"percentile", "at_most"} {
		if _, ok := o[key]; !ok {
			d.errorf(name, "Write "+name+" = "+example+".", "%s lacks %q", name, key)
			return nil
		}
	}
	p := d.itemPercent(o["percentile"], "percentile")
	most := d.atMost(o["at_most"])
	if p == nil || most == nil {
		return nil
	}
	if p.Rat().Sign() == 0 {
		d.l.errorf(o["percentile"].at, "Give a number above 0, at most 100: 50 is the median, 100 the most.", "percentile is out of range")
		return nil
	}
	return &Goal{*p, *most}
}

// checkZones warns of zones that nothing is asked of.
func (l *loader) checkZones() {
	asked := map[string]bool{}
	for _, q := range l.plan.Queries {
		if z, _, ok := l.plan.ZoneOf(q); ok {
			asked[z.Label] = true
		}
	}
	for _, z := range l.plan.Zones {
		if !asked[z.Label] && z.Name != "" && z.Name != "." && len(z.Servers) > 0 && len(l.unmade["query"]) == 0 {
			l.decoders["zone "+z.Label].warn("name", "Add a query for its SOA to its servers; until then nothing is known of it.", "no query belongs to zone %q", z.Label)
		}
	}
}

// warn is errorf for what fails nothing.
func (d *decoder) warn(name, remedy, format string, args ...any) {
	d.l.warnf(d.place(name), remedy, format, args...)
}

// checkObjectives looks at what objectives ask of their queries.
func (l *loader) checkObjectives() {
	for _, o := range l.plan.Objectives {
		d := l.decoders["objective "+o.Label]
		published := false
		var transports []measurement.Transport
		for _, label := range o.Queries {
			q, ok := l.plan.Query(label)
			if !ok {
				continue
			}
			if q.Pick > 0 {
				d.errorf("queries", "Name a query that asks every path in every interval: without pick.", "query %q picks among its paths", label)
			}
			if z, _, ok := l.plan.ZoneOf(q); ok && q.QType == "SOA" {
				published = true
				l.checkDated(d, o, z)
			}
			transports = append(transports, q.Transports...)
			l.checkNeed(d, o, q)
		}
		if len(o.Queries) == 0 {
			continue // reported
		}
		if o.Publication != nil && !published && len(l.unmade["zone"]) == 0 {
			d.errorf("publication", `Name a query whose qname is that of a zone block, with qtype = "SOA", and which asks servers of the zone.`, "no query of %s asks for a zone's SOA", d.what)
		}
		for _, t := range measurement.Transports {
			if o.Latency(t) != nil && !slices.Contains(transports, t) {
				d.errorf(string(t), "Remove it, or name a query that does.", "no query of %s is asked over %s", d.what, t)
			}
		}
	}
}

// checkDated warns of a zone of which nobody can say when its serials were published.
func (l *loader) checkDated(d *decoder, o Objective, z Zone) {
	if o.Publication != nil && z.Source == "" && len(l.plan.ServersOf(z.Servers)) == 2 {
		d.warn("publication", "Give the zone a source, or a third server.",
			"zone %q has two servers: neither can be late by the other, and there are no data of its publication", z.Label)
	}
}

// checkNeed holds need to the servers that there are in each group.
func (l *loader) checkNeed(d *decoder, o Objective, q Query) {
	if o.Per != PerGroup || len(l.unmade["server"]) > 0 {
		return
	}
	for group, servers := range byGroup(l.plan.ServersOf(q.Servers)) {
		if n := len(servers); o.Need > n {
			d.errorf("need", fmt.Sprintf("Give a number from 1 to %d.", n), "query %q asks %d servers of server.%s, and %d are needed", q.Label, n, group, o.Need)
		}
	}
}

// byGroup sorts servers by their group.
func byGroup(servers []Server) map[string][]Server {
	groups := map[string][]Server{}
	for _, s := range servers {
		groups[s.Group] = append(groups[s.Group], s)
	}
	return groups
}
