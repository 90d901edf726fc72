package atlas

import (
	"time"

	"mtric.net/mtric/engine/interval"
	"mtric.net/mtric/engine/measurement"
)

// runFacts is what is known of an interval of a probe.
type runFacts struct {
	at                time.Time
	vp                measurement.VantagePoint
	clock             clock
	told              bool  // clock says something
	stored            int64 // Unix
	planned, answered int32
	first, last       time.Time
}

// meet takes what a result says beside its row.
func (f *runFacts) meet(e *entry) {
	f.told = true
	f.clock, f.stored = max(f.clock, e.Clock), max(f.stored, e.Stored)
}

// remember takes what an earlier import knew.
func (f *runFacts) remember(old *measurement.Run) {
	was := clockUnknown
	if old.ClockSynchronized != nil {
		was = clockWrong
		if *old.ClockSynchronized {
			was = clockRight
		}
	}
	f.clock, f.told = max(f.clock, was), true
	if at := old.ReceivedAt; !at.Equal(f.at.Add(interval.Length)) {
		f.stored = max(f.stored, at.Unix())
	}
}

func (f *runFacts) count(a *measurement.Answer) {
	f.planned++
	if a.Outcome == measurement.Answered {
		f.answered++
	}
	if a.SentAt == nil {
		return
	}
	end := *a.SentAt
	if a.LatencyUS != nil {
		end = end.Add(time.Duration(*a.LatencyUS) * time.Microsecond)
	}
	if f.first.IsZero() || a.SentAt.Before(f.first) {
		f.first = *a.SentAt
	}
	if end.After(f.last) {
		f.last = end
	}
}

// run is the row. A result that does not say when it was stored was so at the end of its interval.
func (f *runFacts) run(set string) measurement.Run {
	r := measurement.Run{VantagePoint: f.vp, Interval: f.at, StartedAt: f.first, Planned: f.planned, Answered: f.answered, Plan: "atlas " + set, Timestamps: "user"}
	if f.first.IsZero() {
		r.StartedAt = f.at
	} else {
		r.ElapsedMS = int32(f.last.Sub(f.first).Milliseconds())
	}
	if f.clock != clockUnknown && f.told {
		r.ClockSynchronized = new(f.clock == clockRight)
	}
	r.ReceivedAt = f.at.Add(interval.Length)
	if f.stored > 0 {
		r.ReceivedAt = time.Unix(f.stored, 0).UTC()
	}
	return r
}
