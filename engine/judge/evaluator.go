package judge

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"mtric.net/mtric/engine/column"
	"mtric.net/mtric/engine/measurement"
	"mtric.net/mtric/engine/rootzone"
	"mtric.net/mtric/metrics/correctness"
)

// evaluator judges answers by what is known of the zones.
type evaluator struct {
	*Judge
	known    []correctness.Known // the accepted zones, dated
	accepted map[uint32]bool
	signed   map[uint32]time.Time                // when the zones were signed, where that is known
	showed   map[uint32]time.Time                // when serials that nothing proves were first shown
	doubted  map[measurement.VantagePoint][]Span // where they hold what was said before
	sums     map[uint32]string                   // SHA-256 of the archive's files, as they were proven
	again    []Span                              // judged again whatever their verdict
	counts   *counts                             // of rows in the lake

	mu        sync.Mutex
	intervals map[time.Time]*intervalZones // by interval

	sighted    map[time.Time]*daySightings // by day
	archive    correctness.Archive         // asked by mismatches
	counted    []correctness.Fetch         // of the fetches that count, nil until a mismatch asks
	fetchesAll bool                        // with those of long ago
	keys       []rootzone.Key              // of all archived zones, nil until one asks
	keysOf     sync.Once
	vouched    map[uint32]bool // whether a zone's unsigned records are to be believed
	broken     map[uint32]bool // zones that cannot be read
	common     string          // what the inputs of all days have in common
}

// newEvaluator notes what verdicts depend on.
func (j *Judge) newEvaluator(zones []measurement.Zone, again []Span) *evaluator {
	e := &evaluator{Judge: j, again: again, intervals: map[time.Time]*intervalZones{}, sighted: map[time.Time]*daySightings{}, accepted: map[uint32]bool{},
		signed: map[uint32]time.Time{}, showed: map[uint32]time.Time{}, sums: map[uint32]string{}, vouched: map[uint32]bool{}, broken: map[uint32]bool{}}
	for _, z := range zones {
		k, accepted := correctness.KnownOf(z)
		if !accepted {
			e.showed[k.Serial] = k.Shown
			continue
		}
		e.known = append(e.known, k)
		e.accepted[k.Serial], e.signed[k.Serial] = true, k.SignedAt
		if k.Archived && z.SHA256 != nil {
			e.sums[k.Serial] = *z.SHA256
		}
	}
	e.archive.Zones, e.doubted = e.known, j.doubts(e.accepted)
	j.zones.turn()
	return e
}

// zonesAtHand says whether the archive has any zone.
func (e *evaluator) zonesAtHand() bool {
	return slices.ContainsFunc(e.known, func(k correctness.Known) bool { return k.Archived })
}

// lake brings the verdicts of answers in the lake up to what is now known of the
// zones: of all in the spans to be judged again and, at the end of a run, of those
// that wait.
func (e *evaluator) lake(ctx context.Context, last bool) error {
	if !last && len(e.again) == 0 {
		return nil
	}
	days, err := e.Lake.Days(column.Answers, time.Time{}, time.Time{})
	if err != nil {
		return err
	}
	for _, d := range days {
		whole := Span{d.Day, d.Day.AddDate(0, 0, 1)}
		again := slices.ContainsFunc(e.again, whole.overlaps) || last && e.anyDoubt(whole.overlaps)
		if !again && (!last || !e.backlog.due(d.Day, e.zonesAtHand()) || e.backlog.same(d.Day, e.inputs(d.Day))) {
			continue
		}
		unchecked, err := e.day(ctx, d.Day)
		if err != nil {
			err = fmt.Errorf("judge %s (once that is mended: mtric ingest --rejudge --from %[1]s --until %s): %w",
				d.Day.Format(time.DateOnly), whole.Until.Format(time.DateOnly), err)
			if err := e.Failed(ctx, err); err != nil {
				return err
			}
			continue
		}
		if last {
			unchecked.Inputs = e.inputs(d.Day) // as they are once its verdicts are written
		}
		e.backlog.note(d.Day, unchecked, last)
	}
	if last {
		e.backlog.only(days)
		e.result.Judged.Unchecked, e.result.Judged.Unjudgeable = e.backlog.total()
	}
	return nil
}

// judge gives new answers their verdicts on their way into the lake. It may be called
// from several goroutines. Who is to be accused is left to the end of the run, when all
// of it is known, but for what is wrong whatever the zone.
func (e *evaluator) judge(rows []measurement.Answer) error {
	for i := range rows {
		row := &rows[i]
		if row.Verdict = pending(row); row.Verdict == nil {
			continue
		}
		a := answer{label: row.Interval, sent: *row.SentAt, vp: row.VantagePoint, rsi: row.RSI, name: row.QName, kind: row.QType, wire: row.Response}
		e.check(&a)
		if !a.settled {
			a.now = held("no zone fetch since")
		}
		e.tally(row, a.now.verdict)
		row.Verdict, row.VerdictSerial, row.Failures = &a.now.verdict, a.now.serial, a.now.failures
	}
	return nil
}

// tally counts the verdict of a new answer.
func (e *evaluator) tally(a *measurement.Answer, v measurement.Verdict) {
	e.mu.Lock()
	defer e.mu.Unlock()
	switch v {
	case measurement.Correct:
		e.result.Judged.Correct++
	case measurement.Incorrect:
		e.result.Judged.Incorrect++
		nsid := ""
		if a.NSID != nil {
			nsid = *a.NSID
		}
		e.accuse(accusedAt(a.Interval.UTC(), a.RSI, a.VantagePoint, nsid), a.Address)
	case measurement.Unchecked:
		return
	}
	e.result.Judged.Changed++
}

// pending is the verdict of a row that correctness will be judged by: unchecked,
// for nothing is good that was not seen to be good [ote].
func pending(a *measurement.Answer) *measurement.Verdict {
	if a.Query != measurement.QueryCorrectness || a.Outcome != measurement.Answered || *a.TC || (*a.RCode != measurement.NoError && *a.RCode != measurement.NXDomain) {
		return nil
	}
	v := measurement.Unchecked
	return &v
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// verdict is what a row is to be given.
type verdict struct {
	verdict  measurement.Verdict
	serial   *int64
	failures []string
}

// held is the verdict of a row that accuses nobody for what is lacking.
func held(reason string) verdict {
	return verdict{measurement.Unchecked, nil, []string{"hold: " + reason}}
}

// answer is a row that is to be judged.
type answer struct {
	place       int64
	label, sent time.Time
	vp          measurement.VantagePoint
	rsi         measurement.RSI
	address     string
	nsid        string
	name, kind  string
	wire        []byte
	had, now    verdict

	settled  bool               // now is the verdict
	result   correctness.Result // else: no candidate explains it
	weight   correctness.Weight // and what it shows by itself
	zones    *zoneSet           // that it was held against
	hopeless bool               // no zone will decide it
	blank    bool               // there is no response to judge
}
