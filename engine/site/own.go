package site

import (
	"time"

	"mtric.net/mtric/engine/interval"
	"mtric.net/mtric/engine/measurement"
)

// own is when vantage points were in trouble themselves: the events of kind local.
type own struct{ spans []ownSpan }

// ownSpan is one of them.
type ownSpan struct {
	VantagePoint string    `json:"vp"`
	Family       string    `json:"family"`
	From         time.Time `json:"from"`
	Until        time.Time `json:"until"`
}

func (o *own) covers(vp measurement.VantagePoint, family int, at time.Time) bool {
	return o.labels(vp, family, at, at.Add(interval.Length)) > 0
}

// labels counts those of [from, until) that are covered.
func (o *own) labels(vp measurement.VantagePoint, family int, from, until time.Time) (n int) {
	for _, s := range o.spans {
		if s.VantagePoint == string(vp) && s.Family == string(measurement.Families[family]) {
			a, b := later(from, s.From), earlier(until, s.Until)
			n += max(int(b.Sub(a)/interval.Length), 0)
		}
	}
	return n
}

// of are those that reach into a day.
func (o *own) of(day time.Time) *own {
	some := &own{}
	for _, s := range o.spans {
		if s.From.Before(day.AddDate(0, 0, 1)) && s.Until.After(day) {
			some.spans = append(some.spans, s)
		}
	}
	return some
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

func later(a, b time.Time) time.Time {
	if a.Before(b) {
		return b
	}
	return a
}
