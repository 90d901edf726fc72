package derive

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"time"

	"mtric.net/mtric/engine/measurement"
)

// chain is what the segments of a day come to, after those of the days before.
type chain struct {
	Sum    string              // hash of the rest
	Events []measurement.Event // that ended on the day, and of the last day those that may go on
	Open   []Segment           // that the next day may go on with
	Shown  []uint32            // the digest's serials
	Firm   bool                // all days before it are known
	Cut    bool                // the day after it is not known
	Dated  string              // hash of what was known of these, and of newer ones
}

// link goes on with what was open before a day. What is open at its end is among the events
// where nothing goes on with it: the day is the last of the lake, or the next is not known.
func link(open, segments []Segment, day, last time.Time, cut bool) (c chain) {
	end := day.AddDate(0, 0, 1)
	runs := map[Scope]*Segment{}
	var order []Scope
	finish := func(r *Segment) {
		if r.Bad >= int32(kinds[r.Kind].least) {
			c.Events = append(c.Events, event(r, last))
		}
	}
	take := func(s Segment) {
		r := runs[s.Scope]
		switch {
		case r == nil:
			order = append(order, s.Scope)
		case s.First.Sub(r.Last) > kinds[s.Kind].gap:
			finish(r)
		default:
			r.extend(s)
			return
		}
		s.VantagePoints = slices.Clone(s.VantagePoints)
		runs[s.Scope] = &s
	}
	for _, s := range open {
		take(s)
	}
	for _, s := range segments {
		take(s)
	}
	slices.SortFunc(order, compareScopes)
	for _, scope := range order {
		r := runs[scope]
		goesOn := end.Sub(r.Last) <= kinds[scope.Kind].gap
		if goesOn {
			c.Open = append(c.Open, *r)
		}
		if !goesOn || cut || last.Before(end) {
			finish(r)
		}
	}
	return c
}

// extend adds the segment that follows.
func (s *Segment) extend(next Segment) {
	s.Seen += s.Trail + next.Lead + next.Seen
	s.Bad += next.Bad
	s.Last, s.Trail, s.After = next.Last, next.Trail, next.After
	s.Worst = max(s.Worst, next.Worst)
	s.VantagePoints = union(s.VantagePoints, next.VantagePoints)
}

func compareScopes(a, b Scope) int {
	return strings.Compare(a.text(), b.text())
}

func (s Scope) text() string {
	return fmt.Sprintf("%s|%s|%s|%s|%s|%d", s.Kind, s.RSI, s.VantagePoint, s.Family, s.Transport, s.Serial)
}

// scopeOf is whom or what a row is about.
func scopeOf(e measurement.Event) Scope {
	s := Scope{Kind: e.Kind}
	for _, of := range []struct {
		from *string
		to   func(string)
	}{
		{e.RSI, func(t string) { s.RSI = measurement.RSI(t) }},
		{e.VantagePoint, func(t string) { s.VantagePoint = measurement.VantagePoint(t) }},
		{e.Family, func(t string) { s.Family = measurement.Family(t) }},
		{e.Transport, func(t string) { s.Transport = measurement.Transport(t) }},
	} {
		if of.from != nil {
			of.to(*of.from)
		}
	}
	if e.Serial != nil {
		s.Serial = *e.Serial
	}
	return s
}

// event is the row of a run; last is the last label of the lake.
func event(s *Segment, last time.Time) measurement.Event {
	k := kinds[s.Kind]
	e := measurement.Event{Kind: s.Kind, RSI: text(s.RSI), VantagePoint: text(s.VantagePoint), Family: text(s.Family), Transport: text(s.Transport),
		From: s.First, Until: s.Last.Add(k.step), Open: last.Sub(s.Last) < k.gap+k.known, LabelsBad: s.Bad, LabelsSeen: s.Seen,
		VantagePoints: measurement.Strings(s.VantagePoints), Before: text(s.Before), After: text(s.After)}
	if s.Serial != 0 {
		e.Serial = &s.Serial
	}
	if s.Worst > 0 {
		e.Worst = &s.Worst
	}
	sum := sha256.Sum256([]byte(s.text() + "|" + s.First.UTC().Format(time.RFC3339)))
	e.ID = hex.EncodeToString(sum[:6])
	return e
}

// text is null for what a kind does not say.
func text[T ~string](s T) *string {
	if s == "" {
		return nil
	}
	t := string(s)
	return &t
}
