package ingest

import (
	"context"
	"fmt"
	"reflect"
	"runtime"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"mtric.net/mtric/engine/column"
	"mtric.net/mtric/engine/lake"
	"mtric.net/mtric/engine/measurement"
	"mtric.net/mtric/engine/rootzone"
	"mtric.net/mtric/metrics/correctness"
)

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

// bench judges answers by what is known of the zones.
type bench struct {
	*run
	known    []correctness.Known // the accepted zones, dated
	accepted map[uint32]bool
	signed   map[uint32]time.Time                // when the zones were signed, where that is known
	showed   map[uint32]time.Time                // when serials that nothing proves were first shown
	doubted  map[measurement.VantagePoint][]Span // where they hold what was said before
	sums     map[uint32]string                   // SHA-256 of the archive's files, as they were proven
	again    []Span                              // judged again whatever their verdict
	counts   *counts                             // of rows in the lake

	mu    sync.Mutex
	rooms map[time.Time]*room // by interval

	watches    map[time.Time]*watch // by day
	archive    correctness.Archive  // asked by mismatches
	counted    []correctness.Fetch  // of the fetches that count, nil until a mismatch asks
	fetchesAll bool                 // with those of long ago
	keys       []rootzone.Key       // of all archived zones, nil until one asks
	keysOf     sync.Once
	vouched    map[uint32]bool // whether a zone's unsigned records are to be believed
	broken     map[uint32]bool // zones that cannot be read
	common     string          // what the inputs of all days have in common
}

// newBench notes what verdicts depend on.
func (r *run) newBench(zones []measurement.Zone, again []Span) *bench {
	b := &bench{run: r, again: again, rooms: map[time.Time]*room{}, watches: map[time.Time]*watch{}, accepted: map[uint32]bool{},
		signed: map[uint32]time.Time{}, showed: map[uint32]time.Time{}, sums: map[uint32]string{}, vouched: map[uint32]bool{}, broken: map[uint32]bool{}}
	for _, z := range zones {
		k, accepted := correctness.KnownOf(z)
		if !accepted {
			b.showed[k.Serial] = k.Shown
			continue
		}
		b.known = append(b.known, k)
		b.accepted[k.Serial], b.signed[k.Serial] = true, k.SignedAt
		if k.Archived && z.SHA256 != nil {
			b.sums[k.Serial] = *z.SHA256
		}
	}
	b.archive.Zones, b.doubted = b.known, r.doubts(b.accepted)
	r.zones.turn()
	return b
}

// zonesAtHand says whether the archive has any zone.
func (b *bench) zonesAtHand() bool {
	return slices.ContainsFunc(b.known, func(k correctness.Known) bool { return k.Archived })
}

// lake brings the verdicts of answers in the lake up to what is now known of the
// zones: of all in the spans to be judged again and, at the end of a run, of those
// that wait.
func (b *bench) lake(ctx context.Context, last bool) error {
	if !last && len(b.again) == 0 {
		return nil
	}
	days, err := b.Lake.Days(column.Answers, time.Time{}, time.Time{})
	if err != nil {
		return err
	}
	for _, d := range days {
		whole := Span{d.Day, d.Day.AddDate(0, 0, 1)}
		again := slices.ContainsFunc(b.again, whole.overlaps) || last && b.anyDoubt(whole.overlaps)
		if !again && (!last || !b.backlog.due(d.Day, b.zonesAtHand()) || b.backlog.same(d.Day, b.inputs(d.Day))) {
			continue
		}
		unchecked, err := b.day(ctx, d.Day)
		if err != nil {
			err = fmt.Errorf("judge %s (once that is mended: mtric ingest --rejudge --from %[1]s --until %s): %w",
				d.Day.Format(time.DateOnly), whole.Until.Format(time.DateOnly), err)
			if err := b.pass(ctx, err); err != nil {
				return err
			}
			continue
		}
		if last {
			unchecked.Inputs = b.inputs(d.Day) // as they are once its verdicts are written
		}
		b.backlog.note(d.Day, unchecked, last)
	}
	if last {
		b.backlog.only(days)
		b.result.Judged.Unchecked, b.result.Judged.Unjudgeable = b.backlog.total()
	}
	return nil
}

// judge gives new answers their verdicts on their way into the lake. It may be called
// from several goroutines. Who is to be accused is left to the end of the run, when all
// of it is known, but for what is wrong whatever the zone.
func (b *bench) judge(rows []measurement.Answer) error {
	for i := range rows {
		a := &rows[i]
		if a.Verdict = pending(a); a.Verdict == nil {
			continue
		}
		c := docket{label: a.Interval, sent: *a.SentAt, vp: a.VantagePoint, rsi: a.RSI, name: a.QName, kind: a.QType, wire: a.Response}
		b.hear(&c)
		if !c.settled {
			c.now = held("no zone fetch since")
		}
		b.tally(a, c.now.verdict)
		a.Verdict, a.VerdictSerial, a.Failures = &c.now.verdict, c.now.serial, c.now.failures
	}
	return nil
}

// tally counts the verdict of a new answer.
func (b *bench) tally(a *measurement.Answer, v measurement.Verdict) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch v {
	case measurement.Correct:
		b.result.Judged.Correct++
	case measurement.Incorrect:
		b.result.Judged.Incorrect++
		nsid := ""
		if a.NSID != nil {
			nsid = *a.NSID
		}
		b.accuse(accusedAt(a.Interval.UTC(), a.RSI, a.VantagePoint, nsid), a.Address)
	case measurement.Unchecked:
		return
	}
	b.result.Judged.Changed++
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

// docket is a row that is to be judged.
type docket struct {
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
	seat     *seat              // by whom it was heard
	hopeless bool               // no zone will decide it
	blank    bool               // there is no response to judge
}

// day judges the rows of a day and rewrites it where a verdict has changed. It
// returns what is unchecked then.
func (b *bench) day(ctx context.Context, day time.Time) (left owed, err error) {
	waits, again, err := b.due(ctx, day)
	if err != nil || waits == 0 && !again {
		return owed{Unchecked: waits, Waiting: waits}, err
	}
	cases, err := b.cases(ctx, day)
	if err != nil {
		return owed{}, err
	}
	if err := b.decide(ctx, cases); err != nil {
		return owed{}, err
	}
	changed := map[int64]verdict{}
	for _, c := range cases {
		if v := c.now.verdict; v != measurement.Correct && v != measurement.Incorrect {
			left.Unchecked++
			switch {
			case c.hopeless:
				left.Unjudgeable++
			case !c.blank:
				left.Waiting++
			}
		}
		if !reflect.DeepEqual(c.had, c.now) {
			changed[c.place] = c.now
		}
	}
	if len(changed) > 0 {
		if err := b.step("judge %s", day.Format(time.DateOnly)); err != nil {
			return owed{}, err
		}
		err := lake.Amend(b.Lake, day, func(place int64, a *measurement.Answer) {
			if v, found := changed[place]; found {
				a.Verdict, a.VerdictSerial, a.Failures = &v.verdict, v.serial, v.failures
			}
		})
		if err != nil {
			return owed{}, err
		}
	}
	b.counts.note(day, cases)
	return left, nil
}

// due counts the rows of a day that wait and says whether others are to be judged
// again, by two narrow columns.
func (b *bench) due(ctx context.Context, day time.Time) (waits int64, again bool, err error) {
	err = b.scan(day, "verdict").Run(ctx, func(batch *column.Batch) error {
		verdicts, labels := batch.Column("verdict"), batch.Column("interval")
		unchecked, incorrect := verdicts.Place(string(measurement.Unchecked)), verdicts.Place(string(measurement.Incorrect))
		for i, v := range verdicts.Index {
			switch {
			case v < 0:
			case v == unchecked:
				waits++
			case !again:
				label := time.UnixMicro(labels.Int[i]).UTC()
				again = b.isAgain(label) || v == incorrect && b.anyDoubt(func(s Span) bool { return s.holds(label) })
			}
		}
		return nil
	})
	return waits, again, err
}

func (b *bench) isAgain(label time.Time) bool {
	return slices.ContainsFunc(b.again, func(s Span) bool { return s.holds(label) })
}

// anyDoubt says whether a time is meant in which a vantage point shows what nothing
// proves: those it accused then may have to wait.
func (b *bench) anyDoubt(meant func(Span) bool) bool {
	for _, spans := range b.doubted {
		if slices.ContainsFunc(spans, meant) {
			return true
		}
	}
	return false
}

func (b *bench) scan(day time.Time, columns ...string) lake.Scan {
	return lake.Scan{Store: b.Lake, Table: column.Answers, From: day, Until: day.AddDate(0, 0, 1), Columns: columns, Workers: 1}
}

// mostWires bounds the responses in memory: a vantage point decides how large they
// are.
const mostWires = 64 << 20

// cases reads the rows of a day that are to be judged, and has them heard in
// portions, whose responses it lets go.
func (b *bench) cases(ctx context.Context, day time.Time) ([]docket, error) {
	var cases []docket
	var place int64
	heard, wires := 0, 0
	hear := func() error {
		err := b.hearAll(ctx, cases[heard:])
		for i := range cases[heard:] {
			cases[heard+i].wire = nil
		}
		heard, wires = len(cases), 0
		return err
	}
	columns := []string{"verdict", "verdict_serial", "vantage_point", "rsi", "address", "nsid", "sent_at", "qname", "qtype", "response"}
	err := b.scan(day, columns...).Run(ctx, func(batch *column.Batch) error {
		verdicts, labels, responses := batch.Column("verdict"), batch.Column("interval"), batch.Column("response")
		vps := batch.Column("vantage_point")
		for i := range batch.Rows {
			place++
			v, label := measurement.Verdict(verdicts.Text(i)), time.UnixMicro(labels.Int[i]).UTC()
			doubted := v == measurement.Incorrect && slices.ContainsFunc(b.doubted[measurement.VantagePoint(vps.Text(i))], func(s Span) bool { return s.holds(label) })
			if v != measurement.Unchecked && !doubted && (v == "" || !b.isAgain(label)) {
				continue
			}
			cases = append(cases, docketOf(batch, i, place-1, label))
			if wires += len(responses.Bytes[i]); wires > mostWires {
				if err := hear(); err != nil {
					return err
				}
			}
		}
		return nil
	})
	if err == nil {
		err = hear()
	}
	if err != nil || len(cases) == 0 {
		return nil, err
	}
	at := 0
	return cases, lake.Failures(b.Lake.Path(column.Answers, day), func(row int64, failures []string) {
		for at < len(cases) && cases[at].place < row {
			at++
		}
		if at < len(cases) && cases[at].place == row {
			cases[at].had.failures = failures
		}
	})
}

// docketOf is a row of a batch.
func docketOf(batch *column.Batch, i int, place int64, label time.Time) docket {
	serials, sent := batch.Column("verdict_serial"), batch.Column("sent_at")
	c := docket{place: place, label: label, sent: time.UnixMicro(sent.Int[i]).UTC(),
		vp: measurement.VantagePoint(batch.Column("vantage_point").Text(i)), rsi: measurement.RSI(batch.Column("rsi").Text(i)),
		address: batch.Column("address").Text(i), nsid: batch.Column("nsid").Text(i),
		name: batch.Column("qname").Text(i), kind: batch.Column("qtype").Text(i),
		wire: slices.Clone(batch.Column("response").Bytes[i]), had: verdict{verdict: measurement.Verdict(batch.Column("verdict").Text(i))}}
	if serials.Null == nil || !serials.Null[i] {
		serial := serials.Int[i]
		c.had.serial = &serial
	}
	c.blank = len(c.wire) == 0
	return c
}

// hearAll judges all cases, on all processors.
func (b *bench) hearAll(ctx context.Context, cases []docket) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(runtime.GOMAXPROCS(0))
	for part := range slices.Chunk(cases, 1000) {
		group.Go(func() error {
			for i := range part {
				if err := ctx.Err(); err != nil {
					return err
				}
				b.hear(&part[i])
			}
			return nil
		})
	}
	return group.Wait()
}
