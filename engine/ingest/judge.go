package ingest

import (
	"context"
	"fmt"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"mtric.net/mtric/engine/interval"
	"mtric.net/mtric/engine/lake"
	"mtric.net/mtric/engine/measurement"
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

// Accused is where an answer was found incorrect.
type Accused struct {
	Interval time.Time
	RSI      measurement.RSI
}

func (r *Result) accuse(a *measurement.Answer) {
	if r.Accused == nil {
		r.Accused = map[Accused]int64{}
	}
	r.Accused[Accused{a.Interval.UTC(), measurement.RSI(strings.Clone(string(a.RSI)))}]++ // not the sheet's memory
}

// Span is intervals of [From, Until).
type Span struct{ From, Until time.Time }

func (s Span) holds(t time.Time) bool { return !t.Before(s.From) && t.Before(s.Until) }

func (s Span) overlaps(o Span) bool { return s.From.Before(o.Until) && o.From.Before(s.Until) }

// bench judges answers by what is known of the zones.
type bench struct {
	*run
	all     []correctness.Use // the zones of the archive, in order of first use
	sums    map[uint32]string // their files' SHA-256, as they were proven
	fetched time.Time         // the last fetch that succeeded
	missing time.Time         // the first use of the first accepted serial that is not archived; zero for none
	again   []Span            // judged again whatever their verdict

	mu    sync.Mutex
	rooms map[time.Time]*room // by interval
}

// newBench notes what verdicts depend on.
func (r *run) newBench(zones []measurement.Zone, again []Span) *bench {
	b := &bench{run: r, again: again, rooms: map[time.Time]*room{}}
	b.learn(zones)
	r.zones.turn()
	return b
}

// lake brings the verdicts of answers in the lake up to what is now known of the
// zones: of all in the spans to be judged again and, at the end of a run, of those
// that wait.
func (b *bench) lake(ctx context.Context, last bool) error {
	if !last && len(b.again) == 0 {
		return nil
	}
	days, err := b.Lake.Days(lake.Answers, time.Time{}, time.Time{})
	if err != nil {
		return err
	}
	for _, d := range days {
		whole := Span{d.Day, d.Day.AddDate(0, 0, 1)}
		if !slices.ContainsFunc(b.again, whole.overlaps) && (!last || !b.backlog.due(d.Day, len(b.all) > 0)) {
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
		b.backlog.note(d.Day, unchecked, last)
	}
	if last {
		b.backlog.only(days)
		b.result.Judged.Unchecked, b.result.Judged.Unjudgeable = b.backlog.total()
	}
	return nil
}

// judge gives new answers their verdicts on their way into the lake. It may be called
// from several goroutines.
func (b *bench) judge(rows []measurement.Answer) error {
	for i := range rows {
		a := &rows[i]
		if a.Verdict = pending(a); a.Verdict == nil || len(b.all) == 0 {
			continue
		}
		c := docket{label: a.Interval, sent: *a.SentAt, name: a.QName, kind: a.QType, wire: a.Response}
		b.hear(&c)
		if b.tally(a, c.now.verdict) {
			a.Verdict, a.VerdictSerial, a.Failures = &c.now.verdict, c.now.serial, c.now.failures
		}
	}
	return nil
}

// tally counts the verdict of a new answer, and reports whether it is one.
func (b *bench) tally(a *measurement.Answer, v measurement.Verdict) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch v {
	case measurement.Correct:
		b.result.Judged.Correct++
	case measurement.Incorrect:
		b.result.Judged.Incorrect++
		b.result.accuse(a)
	default:
		return false
	}
	b.result.Judged.Changed++
	return true
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

func (b *bench) learn(zones []measurement.Zone) {
	b.all, b.sums = correctness.Uses(zones), map[uint32]string{}
	for _, z := range zones {
		if z.State == measurement.ZoneArchived && z.SHA256 != nil {
			b.sums[uint32(z.Serial)] = *z.SHA256
		}
		if z.State == measurement.ZoneSeen && (b.missing.IsZero() || z.FirstSeen.Before(b.missing)) {
			b.missing = *z.FirstSeen
		}
	}
	for _, rec := range b.fetches {
		if !rec.ByHand && rec.At.After(b.fetched) {
			b.fetched = rec.At
		}
	}
}

// complete says whether the archive has every zone that an answer of the interval
// may be of: a fetch succeeded after its end, and every accepted serial seen up
// to then is archived.
func (b *bench) complete(label time.Time) bool {
	end := label.Add(interval.Length)
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.fetched.After(end) && (b.missing.IsZero() || b.missing.After(end))
}

// verdict is what a row is to be given.
type verdict struct {
	verdict  measurement.Verdict
	serial   *int64
	failures []string
}

// docket is a row that is to be judged.
type docket struct {
	place       int64
	label, sent time.Time
	name, kind  string
	wire        []byte
	had, now    verdict
	hopeless    bool // no zone will decide it
	blank       bool // there is no response to judge
}

// day judges the rows of a day and rewrites it where a verdict has changed. It
// returns what is unchecked then.
func (b *bench) day(ctx context.Context, day time.Time) (left owed, err error) {
	waits, again, err := b.due(ctx, day)
	if err != nil || waits == 0 && !again || len(b.all) == 0 {
		return owed{Unchecked: waits, Waiting: waits}, err
	}
	cases, err := b.cases(ctx, day)
	if err != nil {
		return owed{}, err
	}
	changed := map[int64]verdict{}
	for _, c := range cases {
		switch c.now.verdict {
		case measurement.Correct:
			b.result.Judged.Correct++
		case measurement.Incorrect:
			b.result.Judged.Incorrect++
		default:
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
	if len(changed) == 0 {
		return left, nil
	}
	b.result.Judged.Changed += int64(len(changed))
	if err := b.step("judge %s", day.Format(time.DateOnly)); err != nil {
		return owed{}, err
	}
	return left, lake.Amend(b.Lake, day, func(place int64, a *measurement.Answer) {
		if v, found := changed[place]; found {
			if v.verdict == measurement.Incorrect && (a.Verdict == nil || *a.Verdict != v.verdict) {
				b.result.accuse(a)
			}
			a.Verdict, a.VerdictSerial, a.Failures = &v.verdict, v.serial, v.failures
		}
	})
}

// due counts the rows of a day that wait and says whether others are to be judged
// again, by two narrow columns.
func (b *bench) due(ctx context.Context, day time.Time) (waits int64, again bool, err error) {
	err = b.scan(day, "verdict").Run(ctx, func(batch *lake.Batch) error {
		verdicts, labels := batch.Column("verdict"), batch.Column("interval")
		unchecked := verdicts.Place(string(measurement.Unchecked))
		for i, v := range verdicts.Index {
			switch {
			case v < 0:
			case v == unchecked:
				waits++
			case len(b.again) > 0 && !again:
				again = b.isAgain(time.UnixMicro(labels.Int[i]))
			}
		}
		return nil
	})
	return waits, again, err
}

func (b *bench) isAgain(label time.Time) bool {
	return slices.ContainsFunc(b.again, func(s Span) bool { return s.holds(label) })
}

func (b *bench) scan(day time.Time, columns ...string) lake.Scan {
	return lake.Scan{Store: b.Lake, Table: lake.Answers, From: day, Until: day.AddDate(0, 0, 1), Columns: columns, Workers: 1}
}

// mostWires bounds the responses in memory: a vantage point decides how large they
// are.
const mostWires = 64 << 20

// cases reads the rows of a day that are to be judged, and has them judged in
// portions, whose responses it lets go. Failures are a list, which
// columns do not carry: of a row that has any the old ones are not known, and it
// counts as changed unless it stays without.
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
	err := b.scan(day, "verdict", "verdict_serial", "sent_at", "qname", "qtype", "response").Run(ctx, func(batch *lake.Batch) error {
		verdicts, serials := batch.Column("verdict"), batch.Column("verdict_serial")
		labels, sent, responses := batch.Column("interval"), batch.Column("sent_at"), batch.Column("response")
		names, kinds := batch.Column("qname"), batch.Column("qtype")
		for i := range batch.Rows {
			place++
			v, label := measurement.Verdict(verdicts.Text(i)), time.UnixMicro(labels.Int[i]).UTC()
			if v != measurement.Unchecked && (v == "" || !b.isAgain(label)) {
				continue
			}
			c := docket{place: place - 1, label: label, sent: time.UnixMicro(sent.Int[i]).UTC(), name: names.Text(i), kind: kinds.Text(i),
				wire: slices.Clone(responses.Bytes[i]), had: verdict{verdict: v}}
			if serials.Null == nil || !serials.Null[i] {
				serial := serials.Int[i]
				c.had.serial = &serial
			}
			c.blank = len(c.wire) == 0
			cases = append(cases, c)
			if wires += len(c.wire); wires > mostWires {
				if err := hear(); err != nil {
					return err
				}
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return cases, hear()
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
