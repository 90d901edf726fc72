package plan

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"mtric.net/mtric/engine/interval"
	"mtric.net/mtric/engine/measurement"
)

// Line is one row of what an interval sends: a query or a traceroute block, to
// one RSI over one path. A query that picks among its paths has one line for
// the RSI, Path "1 of 4" and every address it may go to.
type Line struct {
	Query    string // label of the block
	RSI      measurement.RSI
	Path     string // "ipv4/udp", "1 of 4", or "ipv4/icmp-paris" for a trace
	Address  string // with the port where it is not 53, or 853 over TLS
	Question string // ". SOA", or what is drawn from
	Count    int    // queries sent; 0 for a trace
	From     string // vantage points or regions that ask it; empty is all
}

// Sent returns what the interval with this label sends from each vantage
// point, in the order of the plan.
func Sent(p *Plan, label time.Time) []Line {
	var lines []Line
	for _, q := range p.Queries {
		if !p.Due(q.Schedule, label) {
			continue
		}
		for _, s := range p.ServersOf(q.Servers) {
			lines = append(lines, sentQuery(q, s, label)...)
		}
	}
	for _, t := range p.Traceroutes {
		if !p.Due(t.Schedule, label) {
			continue
		}
		for _, s := range p.ServersOf(t.Servers) {
			for _, f := range t.Families {
				if a, ok := s.AddressAt(f, label); ok {
					lines = append(lines, Line{Query: t.Label, RSI: s.RSI, Path: string(f) + "/" + t.Method, Address: a.String(), Question: "route"})
				}
			}
		}
	}
	return lines
}

// sentQuery lists what one query sends to one server.
func sentQuery(q Query, s Server, label time.Time) []Line {
	question := q.QName + " " + q.QType
	if len(q.Choices) > 0 {
		question = drawn(q.Choices)
	}
	from := strings.Join(measurement.Strings(q.VantagePoints), ",")
	if in := strings.Join(q.Regions, ","); from != "" && in != "" {
		from += " in " + in
	} else {
		from += in
	}
	line := func(path, address string, n int) Line {
		return Line{Query: q.Label, RSI: s.RSI, Path: path, Address: address, Question: question, Count: n, From: from}
	}
	var lines []Line
	var addresses []string
	for _, path := range q.PathsTo(s, label) {
		address := place(s, path, label)
		if !slices.Contains(addresses, address) {
			addresses = append(addresses, address)
		}
		lines = append(lines, line(path.String(), address, 1))
	}
	if q.Pick > 0 && q.Pick < len(lines) {
		return []Line{line(fmt.Sprintf("%d of %d", q.Pick, len(lines)), strings.Join(addresses, " or "), q.Pick)}
	}
	return lines
}

// place writes an address as a person would look for it: over TLS with the port of tls.
func place(s Server, path measurement.Path, label time.Time) string {
	a, _ := s.AddressAt(path.Family, label)
	port, usual := s.Port, uint16(53)
	if path.Transport == measurement.TLS && s.TLS != nil {
		port, usual = s.TLS.Port, 853
	}
	if port == usual {
		return a.String()
	}
	return netip.AddrPortFrom(a, port).String()
}

// drawn writes choices as "90: . SOA,DNSKEY,NS and TLD NS,DS; 10: name. A".
func drawn(choices []Choice) string {
	var all []string
	for _, c := range choices {
		var of []string
		if len(c.Root) > 0 {
			of = append(of, ". "+strings.Join(c.Root, ","))
		}
		if len(c.TLD) > 0 {
			of = append(of, "TLD "+strings.Join(c.TLD, ","))
		}
		all = append(all, fmt.Sprintf("%d: %s", c.Weight, cmp.Or(strings.Join(of, " or "), strings.Join(c.Names(), ",")+" "+c.QType)))
	}
	return strings.Join(all, "; ")
}

// Counts is how many queries a vantage point sends in an interval: the fewest and the
// most of any.
func Counts(p *Plan, label time.Time) (fewest, most int) {
	for i, v := range p.kinds() {
		n := 0
		for _, q := range p.Queries {
			if !q.askedBy(v) || !p.Due(q.Schedule, label) {
				continue
			}
			for _, s := range p.ServersOf(q.Servers) {
				for _, l := range sentQuery(q, s, label) {
					n += l.Count
				}
			}
		}
		if most = max(most, n); i == 0 || n < fewest {
			fewest = n
		}
	}
	return fewest, most
}

// Due is a block that is not due in an interval, and the label at which it is next.
type Due struct {
	Block string // `query "daily"`
	Next  time.Time
}

// Later lists the queries and traceroutes that are not due in the interval with this
// label.
func Later(p *Plan, label time.Time) []Due {
	var all []Due
	add := func(block, schedule string) {
		for next := label; next.Before(label.AddDate(0, 0, 1)); next = next.Add(interval.Length) {
			if !p.Due(schedule, next) {
				continue
			}
			if next.After(label) {
				all = append(all, Due{block, next})
			}
			return
		}
	}
	for _, q := range p.Queries {
		add(what("query", q.Label), q.Schedule)
	}
	for _, t := range p.Traceroutes {
		add(what("traceroute", t.Label), t.Schedule)
	}
	return all
}
