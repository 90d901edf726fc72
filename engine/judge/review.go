package judge

import (
	"context"
	"time"

	"mtric.net/mtric/engine/column"
	"mtric.net/mtric/engine/measurement"
)

// Reviewed is an answer of the lake with the verdict that it gets now.
type Reviewed struct {
	Day      time.Time
	Row      int64 // of the day's file, the first is 0
	Verdict  measurement.Verdict
	Serial   *int64   // of the zone that it was held against
	Failures []string // of unchecked: why it is held
}

// Review judges all answers of the lake that have a verdict again, by what is known of the
// zones now, and changes nothing. It is Update without the writing: whoever disputes a
// verdict has the same code say what follows from the evidence. Open comes before it.
func (j *Judge) Review(ctx context.Context) ([]Reviewed, error) {
	had, err := j.Lake.Zones()
	if err != nil {
		return nil, err
	}
	days, err := j.Lake.Days(column.Answers, time.Time{}, time.Time{})
	if err != nil {
		return nil, err
	}
	for {
		proven := len(j.authentic)
		now, err := j.settled(ctx, had, had)
		if err != nil {
			return nil, err
		}
		e := j.newEvaluator(now, []Span{{time.Time{}, j.Started}})
		var all []Reviewed
		for _, d := range days {
			answers, err := e.answers(ctx, d.Day)
			if err == nil {
				err = e.decide(ctx, answers)
			}
			if err != nil {
				return nil, err
			}
			for _, a := range answers {
				all = append(all, Reviewed{d.Day, a.place, a.now.verdict, a.now.serial, a.now.failures})
			}
		}
		if len(j.authentic) == proven { // else an answer has proved a zone, and others have to wait for it
			return all, nil
		}
	}
}
