package judge

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"mtric.net/mtric/engine/measurement"
	"mtric.net/mtric/engine/plan"
	"mtric.net/mtric/engine/rootzone"
	"mtric.net/mtric/metrics/correctness"
)

// SignedPlan is what a plan says of signed zones other than the root.
type SignedPlan struct {
	queries map[string]plan.Query
	nearest *plan.SignedZones
	zones   map[string]*signedZone // by label
}

// signedZone is a zone with its trust anchors. Under others it is another one: who says which
// keys are to be believed must not change what other plans believe.
type signedZone struct {
	*correctness.SignedZone
	id   string
	name string
}

// SignedBy is that of a plan; nil where none of its queries is judged.
func SignedBy(p *plan.Plan) *SignedPlan {
	s := &SignedPlan{queries: map[string]plan.Query{}, nearest: p.SignedZones(), zones: map[string]*signedZone{}}
	for _, q := range p.Queries {
		if _, known := s.queries[q.Label]; !known {
			s.queries[q.Label] = q
		}
	}
	for _, z := range p.Zones {
		if !z.Signed() {
			continue
		}
		var anchors []rootzone.Anchor
		for _, a := range z.DS {
			anchors = append(anchors, rootzone.Anchor{DS: a.DS, From: a.From, Until: a.Until})
		}
		made, err := correctness.NewSignedZone(z.Name, anchors)
		if err != nil {
			continue // which no plan that was read has
		}
		text, _ := json.Marshal(z.DS) // its types always encode
		sum := sha256.Sum256(text)
		s.zones[z.Label] = &signedZone{made, z.Name + " " + hex.EncodeToString(sum[:16]), z.Name}
	}
	if len(s.zones) == 0 {
		return nil
	}
	return s
}

// of is the zone that an answer is to be signed by; nil where it is of none, and where the
// query is of a plan that does not say so.
func (s *SignedPlan) of(query, qname, qtype string, rsi measurement.RSI) *signedZone {
	q, ok := s.queries[query]
	if !ok {
		return nil
	}
	z, ok := s.nearest.Of(q, qname, qtype, rsi)
	if !ok {
		return nil
	}
	return s.zones[z.Label]
}

// KeySighting is a set of keys that an answer showed.
type KeySighting struct {
	Query string
	QName string
	RSI   measurement.RSI
	At    time.Time
	Set   *correctness.KeySet
}

// KeysShown are the sets of keys of other zones than the root that a vantage point's rows of an
// interval show, each of a query and a server once.
func KeysShown(rows []measurement.Answer) (all []KeySighting) {
	type shown struct {
		query string
		rsi   measurement.RSI
		set   [sha256.Size]byte
	}
	seen := map[shown]bool{}
	for i := range rows {
		a := &rows[i]
		if a.QType != "DNSKEY" || a.QName == "." || a.Outcome != measurement.Answered || a.Response == nil || slices.Contains(measurement.MetricQueries, a.Query) {
			continue
		}
		set := correctness.ReadKeySet(a.Response)
		if set == nil || seen[shown{a.Query, a.RSI, set.Sum()}] {
			continue
		}
		seen[shown{a.Query, a.RSI, set.Sum()}] = true
		all = append(all, KeySighting{strings.Clone(a.Query), strings.Clone(a.QName), measurement.RSI(strings.Clone(string(a.RSI))), *a.SentAt, set})
	}
	return all
}

// Bounds of what one vantage point's interval may cost: of a server and of all. Twenty queries
// over four paths have some three signatures each.
const (
	mostOfServer = 1 << 10
	mostOfRun    = 1 << 13
)

// budgets bound the signatures that are verified of each server, so that a hostile one costs
// nobody else a verdict.
type budgets struct {
	all *correctness.Budget
	of  map[measurement.RSI]*correctness.Budget
}

func newBudgets() *budgets {
	return &budgets{correctness.NewBudget(mostOfRun, nil), map[measurement.RSI]*correctness.Budget{}}
}

func (b *budgets) server(rsi measurement.RSI) *correctness.Budget {
	if b.of[rsi] == nil {
		b.of[rsi] = correctness.NewBudget(mostOfServer, b.all)
	}
	return b.of[rsi]
}

// Bogus is an answer that DNSSEC says is not the zone's, and why.
type Bogus struct {
	VantagePoint measurement.VantagePoint
	Interval     time.Time
	Query        string
	RSI          measurement.RSI
	Why          string
}

// shownBy is who showed keys of which zone.
type shownBy struct {
	rsi  measurement.RSI
	zone *signedZone
}

// Judge says what DNSSEC says of the rows of one vantage point's interval, by the plan of the
// run: by the keys that the same server shows in it, else by the zone's newest that are known.
// Trusted is whether the run's clock is not known to be wrong. It may be called from several
// goroutines. Told is given each answer that is bogus; it may be nil.
func (s *Signed) Judge(p *SignedPlan, trusted bool, rows []measurement.Answer, told func(Bogus)) {
	if p == nil {
		for i := range rows {
			rows[i].DNSSEC = nil
		}
		return
	}
	limits, own := newBudgets(), map[shownBy][]*correctness.Keys{}
	for _, k := range KeysShown(rows) {
		z := p.of(k.Query, k.QName, "DNSKEY", k.RSI)
		if z == nil {
			continue
		}
		if keys, _, _ := z.Trust(k.Set, k.At, limits.server(k.RSI)); keys != nil {
			own[shownBy{k.RSI, z}] = append(own[shownBy{k.RSI, z}], keys)
		}
	}
	for i := range rows {
		a := &rows[i]
		a.DNSSEC = nil
		z := p.judged(a)
		if z == nil {
			continue
		}
		said, why := measurement.SecurityUnchecked, "there is no response to judge"
		if len(a.Response) > 0 {
			held := correctness.Held{Sets: own[shownBy{a.RSI, z}], DoubtfulClock: !trusted, Budget: limits.server(a.RSI)}
			newest := s.held(z, *a.SentAt)
			if len(held.Sets) == 0 {
				held.Sets = newest
			} else {
				held.Known = newest
			}
			said, why = z.Judge(correctness.Question{Name: a.QName, Type: a.QType, At: *a.SentAt}, a.Response, held)
		}
		a.DNSSEC = &said
		if said == measurement.SecurityBogus && told != nil {
			told(Bogus{a.VantagePoint, a.Interval.UTC(), a.Query, a.RSI, why})
		}
	}
}

// judged is the zone by which an answer is judged; nil where the question does not arise: it
// is of no signed zone, no answer came, or one that says nothing of the zone's records.
func (s *SignedPlan) judged(a *measurement.Answer) *signedZone {
	if a.Outcome != measurement.Answered || a.QClass != nil || *a.TC || *a.RCode != measurement.NoError && *a.RCode != measurement.NXDomain {
		return nil
	}
	z := s.of(a.Query, a.QName, a.QType, a.RSI)
	if z == nil || !z.Anchored(*a.SentAt) {
		return nil
	}
	return z
}
