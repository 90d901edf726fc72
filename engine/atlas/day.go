package atlas

import (
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"reflect"
	"time"

	"mtric.net/mtric/engine/column"
	"mtric.net/mtric/engine/interval"
	"mtric.net/mtric/engine/lake"
	"mtric.net/mtric/engine/measurement"
)

// dayWriter brings entries of one day into its files of answers and runs: the old files'
// rows and the entries are merged by their keys. Of one key the row that was sent first
// stays, so that the order of imports does not matter. Files in which nothing changes are
// left alone.
type dayWriter struct {
	store  lake.Store
	set    string
	counts *Counts
	hours  *hours

	answers *lake.Writer[measurement.Answer]
	runs    *lake.Writer[measurement.Run]
	rows    []measurement.Answer // not yet written
	bytes   int                  // of the row group's wires and texts
	group   runFacts
	oldRuns *cursor[measurement.Run]
	changed bool // answers
	runsNew bool
}

// groupBytes ends a row group: its wires are in memory.
const groupBytes = 48 << 20

// cursor reads rows one by one.
type cursor[T column.Row] struct {
	head *T
	rest []T
	pull func() ([]T, error, bool)
	stop func()
}

// openCursor reads the rows of a file; where there is none it has none.
func openCursor[T column.Row](path string) (*cursor[T], error) {
	c := &cursor[T]{stop: func() {}, pull: func() ([]T, error, bool) { return nil, nil, false }}
	if _, err := os.Lstat(path); err == nil {
		c.pull, c.stop = iter.Pull2(column.Rows[T](path))
	} else if !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	if err := c.next(); err != nil {
		c.stop()
		return nil, err
	}
	return c, nil
}

func (c *cursor[T]) next() error {
	for len(c.rest) == 0 {
		rows, err, more := c.pull()
		if err != nil || !more {
			c.head = nil
			return err
		}
		c.rest = rows
	}
	c.head, c.rest = &c.rest[0], c.rest[1:]
	return nil
}

// writeDay merges the entries of a day, which come in order.
func (w *dayWriter) writeDay(day time.Time, entries *entryCursor) (err error) {
	for _, table := range []column.Table{column.Answers, column.Runs} {
		if err := os.MkdirAll(filepath.Dir(w.store.Path(table, day)), 0o755); err != nil {
			return err
		}
	}
	if w.answers, err = lake.CreateDay[measurement.Answer](w.store, day); err != nil {
		return err
	}
	if w.runs, err = lake.CreateDay[measurement.Run](w.store, day); err != nil {
		return errors.Join(err, w.answers.Discard())
	}
	if err = w.merge(day, entries); err != nil {
		return fmt.Errorf("%s: %w", day.Format(time.DateOnly), errors.Join(err, w.answers.Discard(), w.runs.Discard()))
	}
	// Answers before runs: a row of runs says that its interval is there.
	if !w.changed {
		err = w.answers.Discard()
	} else if err = w.answers.Publish(nil); err == nil {
		w.counts.Days++
	}
	if err != nil || !w.runsNew {
		return errors.Join(err, w.runs.Discard())
	}
	return w.runs.Publish(nil)
}

func (w *dayWriter) merge(day time.Time, entries *entryCursor) error {
	old, err := openCursor[measurement.Answer](w.store.Path(column.Answers, day))
	if err != nil {
		return err
	}
	defer old.stop()
	if w.oldRuns, err = openCursor[measurement.Run](w.store.Path(column.Runs, day)); err != nil {
		return err
	}
	defer w.oldRuns.stop()
	w.changed, w.runsNew, w.bytes, w.group = false, false, 0, runFacts{}
	compare := column.Order[measurement.Answer]()
	for {
		e := entries.within(day)
		switch {
		case e == nil && old.head == nil:
			if err := w.endRun(); err != nil {
				return err
			}
			w.runsNew = w.runsNew || w.oldRuns.head != nil
			return w.flush()
		case e == nil:
			err = w.keep(old)
		default:
			a := e.answer()
			order := -1
			if old.head != nil {
				order = compare(&a, old.head)
			}
			if order > 0 {
				err = w.keep(old)
			} else {
				err = w.take(&a, e, entries, old, order == 0)
			}
		}
		if err != nil {
			return err
		}
	}
}

// keep writes the old file's next row.
func (w *dayWriter) keep(old *cursor[measurement.Answer]) error {
	if err := w.put(old.head, kept); err != nil {
		return err
	}
	return old.next()
}

// take writes a row of the entries, or the old one of the same key where that was sent
// first, and passes over the others of the key.
func (w *dayWriter) take(a *measurement.Answer, e *entry, entries *entryCursor, old *cursor[measurement.Answer], met bool) error {
	if err := w.begin(a); err != nil {
		return err
	}
	w.group.meet(e)
	stays, as := a, added
	if met {
		w.passed(observed(old.head, a))
		switch same := observed(old.head, a) == 0; {
		case preferred(old.head, a) <= 0:
			stays, as = old.head, kept
		case same:
			as = amended
		}
	}
	for {
		if err := entries.next(); err != nil {
			return err
		}
		next := entries.within(interval.Day(a.Interval))
		if next == nil || !sameKey(next, e) {
			break
		}
		row := next.answer()
		w.group.meet(next)
		w.passed(observed(stays, &row))
	}
	if err := w.put(stays, as); err != nil || !met {
		return err
	}
	return old.next()
}

// passed counts a row that gives way to another of its key: 0 says that they are the same.
func (w *dayWriter) passed(order int) {
	if order == 0 {
		w.counts.left(Known)
	} else {
		w.counts.left(SecondInInterval)
	}
}

func sameKey(a, b *entry) bool {
	return a.interval() == b.interval() && a.Probe == b.Probe && a.Query == b.Query && a.RSI == b.RSI && a.Family == b.Family && a.Transport == b.Transport
}

// begin ends the run before, where the row is of another.
func (w *dayWriter) begin(a *measurement.Answer) error {
	if w.group.at.Equal(a.Interval) && w.group.vp == a.VantagePoint {
		return nil
	}
	if err := w.endRun(); err != nil {
		return err
	}
	w.group = runFacts{at: a.Interval, vp: a.VantagePoint}
	return nil
}

// manner is how a row comes into the new file.
type manner uint8

const (
	kept    manner = iota // as it was in the old one
	added                 // there was no such result
	amended               // of a result that was there more is known
)

// put writes a row.
func (w *dayWriter) put(a *measurement.Answer, as manner) error {
	if err := w.begin(a); err != nil {
		return err
	}
	if a.QClass != nil && *a.QClass == "CH" && !w.hours.first(a) {
		w.counts.left(SecondInHour)
		w.changed = w.changed || as == kept
		return nil
	}
	if as == added {
		w.counts.Added++
	}
	if as != kept {
		w.changed = true
		w.counts.verdict(a.Verdict)
	}
	w.group.count(a)
	w.rows = append(w.rows, *a)
	w.bytes += a.Content()
	const batch = 4096
	if len(w.rows) < batch && w.bytes < groupBytes {
		return nil
	}
	return w.flush()
}

// flush hands the rows to the file.
func (w *dayWriter) flush() error {
	err := w.answers.Write(w.rows)
	clear(w.rows)
	w.rows = w.rows[:0]
	if err != nil || w.bytes < groupBytes {
		return err
	}
	w.bytes = 0
	return w.answers.Flush()
}

// endRun writes the row of runs of the rows that were written last.
func (w *dayWriter) endRun() error {
	if w.group.planned == 0 {
		return nil
	}
	run := w.group.run(w.set)
	for w.oldRuns.head != nil && before(w.oldRuns.head, &run) {
		if err := w.oldRuns.next(); err != nil { // of rows that gave way
			return err
		}
		w.runsNew = true
	}
	if old := w.oldRuns.head; old != nil && old.Interval.Equal(run.Interval) && old.VantagePoint == run.VantagePoint {
		w.group.remember(old)
		run = w.group.run(w.set)
		w.runsNew = w.runsNew || !reflect.DeepEqual(*old, run)
		if err := w.oldRuns.next(); err != nil {
			return err
		}
	} else {
		w.runsNew = true
	}
	return w.runs.Write([]measurement.Run{run})
}

func before(a, b *measurement.Run) bool {
	if !a.Interval.Equal(b.Interval) {
		return a.Interval.Before(b.Interval)
	}
	return a.VantagePoint < b.VantagePoint
}

// hours knows which identities were met in an hour: one of each stays.
type hours struct {
	at  time.Time
	met map[hourKey]struct{}
}

type hourKey struct {
	vp        measurement.VantagePoint
	query     string
	rsi       measurement.RSI
	family    measurement.Family
	transport measurement.Transport
}

// first says whether a row is the first of its kind in its hour; rows come in order of time.
func (h *hours) first(a *measurement.Answer) bool {
	if at := a.Interval.Truncate(time.Hour); h.met == nil || !at.Equal(h.at) {
		h.at, h.met = at, map[hourKey]struct{}{}
	}
	k := hourKey{a.VantagePoint, a.Query, a.RSI, a.Family, a.Transport}
	_, met := h.met[k]
	h.met[k] = struct{}{}
	return !met
}

// entryCursor reads sorted entries one by one.
type entryCursor struct {
	head *entry
	pull func() (*entry, error, bool)
	stop func()
}

func newEntryCursor(all iter.Seq2[*entry, error]) (*entryCursor, error) {
	c := &entryCursor{}
	c.pull, c.stop = iter.Pull2(all)
	if err := c.next(); err != nil {
		c.stop()
		return nil, err
	}
	return c, nil
}

func (c *entryCursor) next() error {
	e, err, more := c.pull()
	if c.head = e; err != nil || !more {
		c.head = nil
	}
	return err
}

// day is that of the next entry.
func (c *entryCursor) day() time.Time { return interval.Day(time.Unix(c.head.interval(), 0).UTC()) }

// within is the next entry if it is of that day.
func (c *entryCursor) within(day time.Time) *entry {
	if c.head == nil || !c.day().Equal(day) {
		return nil
	}
	return c.head
}
