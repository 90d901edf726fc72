// Package judge keeps the table zones up to the archive of root zones and to what
// answers show of them, and the verdicts of answers up to both.
//
// A serial of the table is archived, or seen: proved by a signature or by witnesses, and
// missing in the archive; or of no zone. Each change of the table may change which zones
// an answer is held against (package correctness), so the answers of those times are
// judged again. What nothing explains is incorrect where the archive covers the query,
// and held with a reason where something says that the fault may be ours.
package judge

import (
	"context"
	"log/slog"
	"reflect"
	"time"

	"mtric.net/mtric/engine/column"
	"mtric.net/mtric/engine/lake"
	"mtric.net/mtric/engine/measurement"
	"mtric.net/mtric/engine/plan"
	"mtric.net/mtric/engine/rootzone"
)

// Judge is what one run of ingest knows of the zones. All fields are set before Open
// except Rejudge and Keys, which may be left zero, and Rewritten, which Open reads. Its
// methods are for one goroutine.
type Judge struct {
	Plan      *plan.Plan
	Lake      lake.Store
	RootZones string            // the archive
	Anchors   []rootzone.Anchor // by which the archive's zones are believed
	Backlog   string            // file of the days whose answers wait; it may be lost. Empty: every run looks at all days
	Started   time.Time         // of the run
	Rejudge   []Span            // of intervals that the last Update judges again whatever their verdict

	// Keys is given the keys of DNSKEY answers that no zone of the archive explains, one
	// call at a time. Nil takes none.
	Keys func(keys []rootzone.Key, rsi measurement.RSI, vp measurement.VantagePoint, at time.Time)

	Log    *slog.Logger
	Step   func(format string, args ...any) error           // called before each change to a file; an error ends the run
	Left   func(path, why string)                           // told what stays as it is and needs a person, one call at a time
	Failed func(ctx context.Context, day error) (end error) // told what is wrong with a day of the lake; returns what ends the run

	Rewritten Rewritten // kept in the file of the backlog

	result    Result
	backlog   backlog
	sightings map[seenKey]time.Time
	recalled  map[int64]*witnesses // who showed zones of the archive before they were first used, of those that were asked for
	authentic map[int64]authentic  // serials that signatures in answers prove
	fetches   []rootzone.Record    // the last ones
	history   []rootzone.Record    // those before, once they were needed
	zones     zoneCache
	signed    Signed
}

// Result is what became of zones and verdicts.
type Result struct {
	Zones  ZonesChanged `json:"zones"`
	Judged Judged       `json:"judged"`

	// Accused counts the answers that this run found incorrect, and none before it.
	Accused map[Accused]int64 `json:"-"`
}

// Result returns what came of it so far.
func (j *Judge) Result() Result {
	j.result.Zones.complete()
	return j.result
}

// Judged counts the verdicts of what a run judged, and what is unchecked then.
type Judged struct {
	Correct   int64 `json:"correct"`
	Incorrect int64 `json:"incorrect"`
	Unchecked int64 `json:"unchecked"` // in all the lake: wait for a zone or a fetch, or can never be judged
	Changed   int64 `json:"changed"`   // verdicts that differ from those before

	// Unjudgeable counts those of Unchecked that no zone will decide: signed by an
	// algorithm that this version does not know.
	Unjudgeable int64 `json:"unjudgeable"`
}

// Span is intervals of [From, Until).
type Span struct{ From, Until time.Time }

func (s Span) holds(t time.Time) bool { return !t.Before(s.From) && t.Before(s.Until) }

func (s Span) overlaps(o Span) bool { return s.From.Before(o.Until) && o.From.Before(s.Until) }

// Update brings the table zones up to the archive and the sightings of this
// run, and the verdicts in the lake up to both: of answers whose zones have changed
// and, at the end of the run, of all that wait. It comes before the files leave their
// dropboxes: after a kill their sightings come again with them. Answers gives new answers
// their verdicts on their way into the lake; it may be called from several goroutines.
// Save saves the table.
func (j *Judge) Update(ctx context.Context, last bool) (answers func([]measurement.Answer) error, save func() error, err error) {
	had, err := j.Lake.Zones()
	if err != nil {
		return nil, nil, err
	}
	older, err := j.Lake.Older(column.Zones, time.Time{})
	if err != nil {
		return nil, nil, err
	}
	before := had
	judged := counts{map[time.Time]*dayCount{}}
	defer j.add(&judged)
	var now []measurement.Zone
	var e *evaluator
	for again := true; again; { // an answer may prove a zone: others have to wait for it then
		proven := len(j.authentic)
		if now, err = j.settled(ctx, had, before); err != nil {
			return nil, nil, err
		}
		e = j.newEvaluator(now, j.moved(now, before))
		e.counts = &judged
		if last {
			e.again = append(e.again, j.Rejudge...)
		}
		// Before the zones are saved: after a kill the same changes are found again.
		if err := e.lake(ctx, last); err != nil {
			return nil, nil, err
		}
		again, before = len(j.authentic) > proven, now
	}
	if last || len(e.again) > 0 || j.backlog.news {
		if err := j.Save(); err != nil {
			return nil, nil, err
		}
	}
	return e.judge, func() error {
		if reflect.DeepEqual(now, had) && !older {
			return nil
		}
		if err := j.Step("save zones"); err != nil {
			return err
		}
		return j.Lake.SaveZones(now)
	}, nil
}
