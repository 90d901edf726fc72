package judge

import (
	"bytes"
	"encoding/json"
	"slices"
	"sync"
	"time"

	"mtric.net/mtric/engine/interval"
	"mtric.net/mtric/metrics/correctness"
)

// Signed is what is known of the keys of signed zones, and which days may have to be judged
// again for it. It is kept beside the days that wait, and may be lost like them.
type Signed struct {
	mu    sync.RWMutex
	state signedState
	lost  bool
	dirty bool // it is not as it was saved
	now   time.Time
	next  time.Time // the day of Later that this run looks at
}

// signedState is what is kept.
type signedState struct {
	Zones map[string]*zoneKeys `json:"zones,omitempty"` // by id
	Due   []Span               `json:"due,omitempty"`   // in which other keys are known now than when rows were judged
	Later []Span               `json:"later,omitempty"` // the same, of zones of which the collector's own plan says nothing
	Wait  map[string]bool      `json:"wait,omitempty"`  // days with runs by plans that are not there
	Came  []string             `json:"came,omitempty"`  // plans that came since
}

// zoneKeys are the trusted sets of a zone's keys.
type zoneKeys struct {
	Sets []*knownSet `json:"sets"`
	Own  bool        `json:"own,omitempty"` // it is or was of the collector's own plan
}

// knownSet is a set of keys, and when it was trusted: from the day on which it was first
// shown, or its signature began, as long as a signature over it holds.
type knownSet struct {
	RDatas [][]byte `json:"keys"`
	Spans  []Span   `json:"trusted"`

	keys *correctness.Keys
}

// Bounds of what is kept, for a plan that a vantage point sends names zones and their keys.
const (
	mostZones    = 64      // beside those of the collector's own plan
	mostSets     = 16      // of a zone
	mostOwnSets  = 512     // of one of the collector's own plan: of fourteen years, where a key rolls each month
	mostSpans    = 16      // of a set
	mostSetBytes = 8 << 10 // of a set
)

// held are the newest sets of a zone's keys that were trusted at a time: those trusted the
// shortest.
func (s *Signed) held(z *signedZone, at time.Time) (newest []*correctness.Keys) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	known := s.state.Zones[z.id]
	if known == nil {
		return nil
	}
	var since time.Time
	for _, set := range known.Sets {
		for _, span := range set.Spans {
			if at.Before(span.From) || at.After(span.Until) || span.From.Before(since) {
				continue
			}
			if span.From.After(since) {
				since, newest = span.From, nil
			}
			newest = append(newest, set.keys)
		}
	}
	return newest
}

// Learn takes in the sets of keys that a run shows, by its plan: those that a trust anchor
// vouches for. It comes before rows are judged by them. Own is whether the plan is the
// collector's own.
func (s *Signed) Learn(p *SignedPlan, own bool, label time.Time, all []KeySighting) {
	if p == nil {
		return
	}
	limits := newBudgets()
	for _, k := range all {
		z := p.of(k.Query, k.QName, "DNSKEY", k.RSI)
		if z == nil {
			continue
		}
		keys, from, until := z.Trust(k.Set, k.At, limits.server(k.RSI))
		if keys == nil {
			continue
		}
		// A day is what it takes to say that a set is newer than another: who sends a set of
		// before at ever earlier labels has a day judged again once.
		if day := interval.Day(label); day.After(from) {
			from = day
		}
		s.note(z, own, k.Set.RDatas, keys, Span{from, until})
	}
}

// note takes in that a set was trusted for a time.
func (s *Signed) note(z *signedZone, own bool, rdatas [][]byte, keys *correctness.Keys, span Span) {
	size := 0
	for _, d := range rdatas {
		size += len(d)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	known := s.state.Zones[z.id]
	if size > mostSetBytes || known == nil && !own && s.state.strangers() >= mostZones {
		return
	}
	if known == nil {
		known = &zoneKeys{}
		if s.state.Zones == nil {
			s.state.Zones = map[string]*zoneKeys{}
		}
		s.state.Zones[z.id] = known
	}
	known.Own = known.Own || own
	most := mostSets
	if known.Own {
		most = mostOwnSets
	}
	i := slices.IndexFunc(known.Sets, func(k *knownSet) bool { return slices.EqualFunc(k.RDatas, rdatas, bytes.Equal) })
	if i < 0 {
		i = len(known.Sets)
		known.Sets = append(known.Sets, &knownSet{RDatas: rdatas, keys: keys})
	}
	news := known.Sets[i].add(span)
	if news.From.Equal(news.Until) {
		return
	}
	s.dirty = true
	switch {
	case news.From.After(s.now):
	case known.Own:
		s.state.Due = joined(append(s.state.Due, news), 0)
	default:
		s.state.Later = joined(append(s.state.Later, news), 0)
	}
	if len(known.Sets) > most {
		oldest := known.oldest()
		known.Sets = slices.DeleteFunc(known.Sets, func(k *knownSet) bool { return k == oldest })
	}
}

// strangers counts the zones that are not of the collector's own plan.
func (s signedState) strangers() (n int) {
	for _, z := range s.Zones {
		if !z.Own {
			n++
		}
	}
	return n
}

// oldest is the set that ceased to be trusted first.
func (z *zoneKeys) oldest() *knownSet {
	return slices.MinFunc(z.Sets, func(a, b *knownSet) int { return a.until().Compare(b.until()) })
}

func (k *knownSet) until() (last time.Time) {
	for _, s := range k.Spans {
		last = later(last, s.Until)
	}
	return last
}

// add takes a time in and returns that in which other sets may be the newest now: none where
// both ends are one.
func (k *knownSet) add(span Span) (news Span) {
	old := slices.Clone(k.Spans)
	k.Spans = joined(append(k.Spans, span), 0)
	if len(k.Spans) > mostSpans {
		k.Spans = k.Spans[len(k.Spans)-mostSpans:]
	}
	i := slices.IndexFunc(k.Spans, func(s Span) bool { return !span.From.Before(s.From) && !span.Until.After(s.Until) })
	if i < 0 {
		return Span{} // too old to be kept
	}
	news = k.Spans[i]
	for _, o := range old {
		if o.From.Equal(news.From) {
			news.From = o.Until
		}
	}
	return news
}

// restore reads what was saved. What is damaged is lost, as where there is nothing: then the
// whole lake is looked at once.
func (s *Signed) restore(saved json.RawMessage) {
	var state signedState
	if len(saved) == 0 || json.Unmarshal(saved, &state) != nil {
		s.lost = true
		return
	}
	for id, known := range state.Zones {
		if known == nil || !known.made(id) {
			s.lost = true
			return
		}
	}
	s.state = state
}

// made makes the keys of all sets; false where one is none.
func (z *zoneKeys) made(id string) bool {
	name, _, _ := bytes.Cut([]byte(id), []byte(" "))
	zone, err := correctness.NewSignedZone(string(name), nil)
	if err != nil {
		return false
	}
	for _, set := range z.Sets {
		if set == nil {
			return false
		}
		if set.keys = zone.Keys(set.RDatas); set.keys == nil {
			return false
		}
	}
	return true
}

func (s *Signed) save() (json.RawMessage, error) {
	if s.lost {
		return nil, nil // it still is, until all of the lake was learned from
	}
	return json.Marshal(s.state)
}

// Signed is what is known of signed zones, once the backlog is open.
func (j *Judge) Signed() *Signed { return &j.signed }

// SaveSigned saves what is known of signed zones where it is not as it was saved: before rows
// come that are judged by it.
func (j *Judge) SaveSigned() error {
	if !j.signed.dirty {
		return nil
	}
	return j.Save()
}

// Lost says whether it is not known what was known: then all of the lake is to be learned from.
func (s *Signed) Lost() bool { return s.lost }

// Wait notes that a day has runs by a plan that is not there.
func (s *Signed) Wait(day time.Time) {
	if s.state.Wait == nil {
		s.state.Wait = map[string]bool{}
	}
	if date := dateOf(day); !s.state.Wait[date] {
		s.state.Wait[date], s.dirty = true, true
	}
}

// Waits says whether a day may have such runs, and Waited that it has none any more.
func (s *Signed) Waits(day time.Time) bool { return s.state.Wait[dateOf(day)] }

// Waited forgets that a day waits.
func (s *Signed) Waited(day time.Time) {
	if date := dateOf(day); s.state.Wait[date] {
		delete(s.state.Wait, date)
		s.dirty = true
	}
}

// mostCame bounds the plans that are noted, each a few times a month.
const mostCame = 1000

// Come notes that a plan comes into the lake, before it does.
func (s *Signed) Come(sum string) {
	if len(s.state.Came) < mostCame && !slices.Contains(s.state.Came, sum) {
		s.state.Came, s.dirty = append(s.state.Came, sum), true
	}
}

// Came are the plans that came since the days that wait were looked at.
func (s *Signed) Came() []string { return s.state.Came }

// Again has the rows of a time judged again.
func (s *Signed) Again(span Span) {
	s.state.Due, s.dirty = joined(append(s.state.Due, span), 0), true
}

// Pending says whether any day may have to be judged again.
func (s *Signed) Pending() bool {
	return s.lost || len(s.state.Due)+len(s.state.Later) > 0 || len(s.state.Came) > 0 && len(s.state.Wait) > 0
}

// Due says whether the rows of a day are to be judged again by the keys that are known now.
// Days come in their order. Of those that only zones of others' plans are known for it is the
// first in each run, for a vantage point could have all of the lake judged again otherwise.
func (s *Signed) Due(day time.Time) bool {
	whole := Span{day, day.AddDate(0, 0, 1)}
	if s.next.IsZero() && slices.ContainsFunc(s.state.Later, whole.overlaps) {
		s.next = day
	}
	return s.next.Equal(day) || slices.ContainsFunc(s.state.Due, whole.overlaps)
}

// All makes everything due at once that others' plans say of their zones.
func (s *Signed) All() {
	s.state.Due, s.state.Later = joined(append(s.state.Due, s.state.Later...), 0), nil
}

// Done says that all that was due, and every day that waited for a plan that came, was
// looked at.
func (s *Signed) Done() {
	s.dirty = s.dirty || s.lost || len(s.state.Due)+len(s.state.Later)+len(s.state.Came) > 0
	var left []Span
	for _, span := range s.state.Later {
		if end := s.next.AddDate(0, 0, 1); !s.next.IsZero() && span.Until.After(end) {
			left = append(left, Span{From: later(span.From, end), Until: span.Until})
		}
	}
	s.state.Due, s.state.Later, s.state.Came, s.lost, s.next = nil, left, nil, false, time.Time{}
}
