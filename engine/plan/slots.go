package plan

import (
	"slices"
	"time"

	"mtric.net/mtric/engine/interval"
	"mtric.net/mtric/engine/measurement"
)

// slots are the interval labels of a day.
const slots = int(24 * time.Hour / interval.Length)

// Slots are the labels of every day at which a vantage point asks one query of several.
type Slots struct {
	before [slots + 1]int64 // how many there are before each label of a day
}

// SlotsOf returns the labels at which the vantage point asks any of these queries, and
// all labels where the plan has none of them.
func (p *Plan) SlotsOf(queries []string, vp measurement.VantagePoint) *Slots {
	known := false
	var due []string
	for _, q := range p.Queries {
		if slices.Contains(queries, q.Label) {
			known = true
			if p.Asks(q, vp) {
				due = append(due, q.Schedule)
			}
		}
	}
	s := &Slots{}
	for n := range slots {
		label := time.Unix(0, 0).Add(time.Duration(n) * interval.Length)
		s.before[n+1] = s.before[n]
		if !known || slices.ContainsFunc(due, func(schedule string) bool { return p.Due(schedule, label) }) {
			s.before[n+1]++
		}
	}
	return s
}

// Between counts the labels in [from, until).
func (s *Slots) Between(from, until time.Time) int64 {
	if !from.Before(until) {
		return 0
	}
	return s.upTo(until) - s.upTo(from)
}

// upTo counts the labels from 1970 up to t.
func (s *Slots) upTo(t time.Time) int64 {
	n := labelFrom(t).Unix() / int64(interval.Length/time.Second)
	return n/int64(slots)*s.before[slots] + s.before[n%int64(slots)]
}
