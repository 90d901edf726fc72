package plan

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/hashicorp/hcl/v2"

	"mtric.net/mtric/engine/measurement"
)

// DS is a trust anchor of a zone other than the root, believed in [From, Until); nil is
// open.
type DS struct {
	DS    string     `json:"ds"` // "20326 8 2 E06D…"
	From  *time.Time `json:"from"`
	Until *time.Time `json:"until"`
}

// mostDS bounds the trust anchors of a zone: one is usual, two or three while keys roll.
const mostDS = 16

// Judged reports whether what DNSSEC says of the answers can be told: signatures are asked
// for and every response is kept. Of the reserved queries it is not: what is told of the
// root is the verdict.
func (q Query) Judged() bool {
	return q.DNSSEC && q.KeepResponse == measurement.KeepAlways && q.Class == "" && !slices.Contains(measurement.MetricQueries, q.Label)
}

// Signed reports whether the plan has a trust anchor of the zone, whatever its dates.
func (z Zone) Signed() bool { return len(z.DS) > 0 }

// SignedZones are the zones of a plan by name and server, for a plan that a vantage point sends may
// have thousands of both.
type SignedZones struct {
	zones []Zone
	at    map[zoneAt]int
}

type zoneAt struct {
	name string
	rsi  measurement.RSI
}

// mostZoneServers bounds the pairs of a zone and a server of it that are looked at.
const mostZoneServers = 1 << 17

// SignedZones makes them. Where a plan has more pairs than anybody needs, the zones after these are left out.
func (p *Plan) SignedZones() *SignedZones {
	by := map[string][]measurement.RSI{}
	for _, s := range p.Servers {
		by[s.Group] = append(by[s.Group], s.RSI)
		one := s.Group + "/" + string(s.RSI)
		by[one] = append(by[one], s.RSI)
	}
	all, pairs := &SignedZones{p.Zones, map[zoneAt]int{}}, 0
	for i, z := range p.Zones {
		for _, name := range z.Servers {
			if pairs += 1 + len(by[name]); pairs > mostZoneServers {
				return all
			}
			for _, rsi := range by[name] {
				if _, known := all.at[zoneAt{z.Name, rsi}]; !known {
					all.at[zoneAt{z.Name, rsi}] = i
				}
			}
		}
	}
	return all
}

// Of returns the zone that an answer of a server to the query is to be signed by:
// of the zones of the plan that the server is to have, the one nearest above the name. A
// zone's DS records are those of the zone above it (RFC 4035, section 3.1.4.1). False where
// there is none, where it has no trust anchor, and where answers to the query are not Judged.
func (s *SignedZones) Of(q Query, qname, qtype string, rsi measurement.RSI) (Zone, bool) {
	if !q.Judged() {
		return Zone{}, false
	}
	name := strings.ToLower(qname)
	if qtype == "DS" {
		_, name, _ = strings.Cut(name, ".")
	}
	for name != "" {
		if i, found := s.at[zoneAt{name, rsi}]; found {
			return s.zones[i], s.zones[i].Signed()
		}
		_, name, _ = strings.Cut(name, ".")
	}
	return Zone{}, false
}

// TellsDNSSEC reports whether what DNSSEC says of answers to the query is told: it may be
// of a zone that has trust anchors.
func (p *Plan) TellsDNSSEC(q Query) bool {
	names := []string{q.QName}
	for _, c := range q.Choices {
		names = append(names, c.Names()...)
	}
	zones := p.SignedZones()
	for _, s := range p.ServersOf(q.Servers) {
		for _, name := range names {
			if _, ok := zones.Of(q, name, q.QType, s.RSI); ok && name != "" {
				return true
			}
		}
	}
	return false
}

// checkDS says what is wrong with the data of a DS record, and what to do; empty where
// nothing is.
func checkDS(s string) (summary, remedy string) {
	m := dsData.FindStringSubmatch(s)
	switch {
	case m == nil:
		return "no DS record data", `Write key tag, algorithm, digest type and digest: "20326 8 2 E06D44…".`
	case digestLength[m[3]] == 0:
		return "digest type " + m[3], "Types are 1 (SHA-1), 2 (SHA-256) and 4 (SHA-384)."
	case len(m[4]) != digestLength[m[3]]:
		return fmt.Sprintf("the digest has %d digits", len(m[4])), fmt.Sprintf("A digest of type %s has %d hexadecimal digits.", m[3], digestLength[m[3]])
	}
	return "", ""
}

// trustAnchors reads a zone's list of DS records, each a text or, where it is dated, an
// object.
func (d *decoder) trustAnchors() []DS {
	items, _ := d.list("ds")
	if len(items) > mostDS {
		d.errorf("ds", "Leave out those that are believed no more.", "%d trust anchors, more than %d", len(items), mostDS)
		return nil
	}
	var all []DS
	for i, it := range items {
		written := d.attrs["ds"].Expr
		if exprs, _ := hcl.ExprList(written); len(exprs) == len(items) {
			written = exprs[i]
		}
		a, ok := d.trustAnchor(it, written)
		if !ok {
			continue
		}
		if slices.ContainsFunc(all, func(o DS) bool { return o.DS == a.DS && overlap(a.From, a.Until, o.From, o.Until) }) {
			d.l.errorf(it.at, "Name it once, or give each its own time.", "trust anchor %.20s… twice in ds", a.DS)
			continue
		}
		all = append(all, a)
	}
	slices.SortFunc(all, func(a, b DS) int { return cmp.Or(strings.Compare(a.DS, b.DS), compareStart(a.From, b.From)) })
	return all
}

// trustAnchor reads one of them, and where it is written.
func (d *decoder) trustAnchor(it item, written hcl.Expression) (DS, bool) {
	const form = `Write the data of a DS record, "12345 13 2 49FD46E6…", or { ds = "12345 13 2 49FD46E6…", valid_from = "2026-03-02" }.`
	fields := map[string]item{"ds": it}
	if t := it.v.Type(); !it.v.IsNull() && (t.IsObjectType() || t.IsMapType()) {
		fields = d.entries(it, written, "a trust anchor", []string{"ds", "valid_from", "valid_until"})
		if _, given := fields["ds"]; !given {
			d.l.errorf(it.at, form, "a trust anchor without %q", "ds")
			return DS{}, false
		}
	}
	s, ok := d.itemText(fields["ds"], "a trust anchor")
	if !ok {
		return DS{}, false
	}
	var a DS
	wrong := false
	moment := func(name string) *time.Time {
		f, given := fields[name]
		if !given {
			return nil
		}
		at := d.itemMoment(f)
		wrong = wrong || at == nil
		return at
	}
	a.DS, a.From, a.Until = dsText(s), moment("valid_from"), moment("valid_until")
	if summary, remedy := checkDS(a.DS); summary != "" {
		d.l.errorf(fields["ds"].at, remedy, "%s", summary)
		wrong = true
	}
	if a.From != nil && a.Until != nil && !a.From.Before(*a.Until) {
		d.l.errorf(fields["valid_until"].at, "A span begins with valid_from and ends before valid_until.", "valid_until is not after valid_from")
		wrong = true
	}
	return a, !wrong
}

// checkSigned holds the queries that belong to zones with trust anchors to what their
// answers are judged by, and warns where their keys will never be known.
func (l *loader) checkSigned() {
	for _, z := range l.plan.Zones {
		if !z.Signed() {
			continue
		}
		asked, keys := false, false
		for _, q := range l.plan.Queries {
			of, _, ok := l.plan.ZoneOf(q)
			if !ok || of.Label != z.Label {
				continue
			}
			asked, keys = true, keys || q.QType == "DNSKEY"
			d := l.decoders["query "+q.Label]
			if !q.DNSSEC {
				d.errorf("dnssec", "Write dnssec = true, or remove ds from the zone.", "query %q belongs to zone %q, which has trust anchors, and asks for no signatures", q.Label, z.Label)
			}
			if q.KeepResponse != measurement.KeepAlways {
				d.errorf("keep_response", `Write keep_response = "always", or remove ds from the zone.`,
					"query %q belongs to zone %q, which has trust anchors, and does not keep every response", q.Label, z.Label)
			}
		}
		if asked && !keys && len(l.unmade["query"]) == 0 {
			l.decoders["zone "+z.Label].warn("ds", "Add a query for its DNSKEY records to its servers; until then its signatures are unchecked.", "no query asks for the keys of zone %q", z.Label)
		}
	}
}
