package lake

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"time"

	"github.com/parquet-go/parquet-go/format"

	"mtric.net/mtric/engine/column"
	"mtric.net/mtric/engine/measurement"
)

// Measured is a type of rows that belong to one vantage point's interval.
type Measured interface {
	measurement.Answer | measurement.Route | measurement.Run
}

// Merged is what a merge did.
type Merged struct {
	Added   int64 // rows that were new
	Known   int64 // rows that the lake had already, the same
	Clashes []Clash
}

// Clash is one vantage point's interval that was left out since a row of it
// differs from what was there of that interval first, or is not in it.
type Clash struct {
	VantagePoint measurement.VantagePoint
	Interval     time.Time
	Reason       string
}

// Merge brings groups of rows, each of one vantage point's interval, no two of the same, and
// in the order of the table's key, into the table's file of a day: a group comes in whole or
// not at all, and of an interval that is there already it must have every row and no other.
// What two say of the same key is compared but for the columns that the collector writes. The
// new file takes the old one's place at once, after its order and number of rows
// were read back; when there is nothing new it is left alone. Finish, where it is
// not nil, gets the rows of each vantage point's interval that has new ones before
// they are written, and may set the columns that the collector fills in; it is called
// from several goroutines. Merge empties groups as it goes. What memory it takes beside
// them is bounded by a row group, whatever the size of the day.
func Merge[T Measured](s Store, day time.Time, groups []Group[T], finish func([]T) error) (Merged, error) {
	path := s.Path(column.TableOf[T](), day)
	if len(groups) == 0 {
		return Merged{}, nil
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return Merged{}, fmt.Errorf("merge: %w", err)
	}
	m := &merger[T]{path: path, compare: column.Order[T](), finish: finish, grouper: rowGrouper{most: s.limits()}}
	if err := m.run(s, groups); err != nil {
		return Merged{}, fmt.Errorf("merge into %s: %w", path, err)
	}
	return m.done, nil
}

// merger is one merge on its way.
type merger[T Measured] struct {
	path    string
	compare func(a, b *T) int
	finish  func([]T) error
	out     *Writer[T]
	grouper rowGrouper
	done    Merged
	had     int64 // rows of the old file
}

func (m *merger[T]) run(s Store, groups []Group[T]) (err error) {
	defer m.grouper.stop()
	slices.SortFunc(groups, compareKeys[T])
	from := groups[0].Interval
	var previews []preview
	for i, g := range groups {
		if i > 0 && compareKeys(groups[i-1], g) == 0 {
			return fmt.Errorf("two groups of %s at %s", g.VantagePoint, g.Interval)
		}
		if g.Size > 0 {
			previews = append(previews, preview{g.Interval.UnixMicro(), g.Size, g.Texts, g.Wires})
		}
		groups[i].Wires = nil // the row group's dictionary has them soon
	}
	if err := m.grouper.add(inTurn(previews)); err != nil {
		return err
	}
	if m.out, err = create[T](s, m.path); err != nil {
		return err
	}
	old, err := m.keep(from)
	if errors.Is(err, fs.ErrNotExist) {
		old, err = newSource(func(func([]T, error) bool) {})
	}
	if err == nil {
		err = m.all(old, groups)
		old.stop()
	}
	if err != nil || m.done.Added == 0 {
		return errors.Join(err, m.out.Discard())
	}
	return m.out.Publish(m.verify)
}

func compareKeys[T Measured](a, b Group[T]) int {
	return cmp.Or(a.Interval.Compare(b.Interval), cmp.Compare(a.VantagePoint, b.VantagePoint))
}

// keep copies row groups of the old file as they are, and returns the rest as a
// source. The error is fs.ErrNotExist where there is no old file.
func (m *merger[T]) keep(from time.Time) (*source[T], error) {
	copied := 0
	err := column.Open(m.path, column.TableOf[T](), func(f *column.File) error {
		m.had = f.NumRows()
		copied = m.worthKeeping(f, from)
		for _, g := range f.Groups()[:copied] {
			if err := m.out.Copy(g); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	if column.TableOf[T]() == column.Answers {
		if err := m.grouper.add(ofAnswers(m.path, copied)); err != nil {
			return nil, err
		}
	}
	return newSource(column.RowsFrom[T](m.path, copied))
}

// worthKeeping is how many row groups at the head stay as they are: they are of the
// newest schema, for a file has one, lie wholly before the first new interval, and each has
// more rows than all old ones after it, or cannot be joined with the next. A day that comes in by three hundred merges then
// has some ten row groups and not three hundred, each with a dictionary of its own,
// and a row is rewritten some eight times.
func (m *merger[T]) worthKeeping(f *column.File, from time.Time) int {
	if !m.out.Copies(f) {
		return 0
	}
	groups, after := f.File.Metadata().RowGroups, f.NumRows()
	for i, g := range f.Groups() {
		if _, last, known := g.Intervals(); !known || last >= from.UnixMicro() {
			return i
		}
		after -= g.NumRows()
		if after > 0 && g.NumRows() <= after && !full(groups[i], groups[i+1], m.grouper.most) {
			return i
		}
	}
	return len(groups)
}

// full says whether two row groups are too much for one.
func full(a, b format.RowGroup, most limits) bool {
	return a.NumRows+b.NumRows > int64(most.rows) || textBytes(a)+textBytes(b) > int64(most.bytes)
}

// begin begins a new row group where one begins at that interval.
func (m *merger[T]) begin(at time.Time) error {
	if m.out.wires == nil {
		return nil
	}
	return m.grouper.before(at.UnixMicro(), m.out.wires, m.out.Flush)
}

// write writes the rows of one interval.
func (m *merger[T]) write(rows []T) error {
	if len(rows) == 0 {
		return nil
	}
	at, _ := groupOf(&rows[0])
	if err := m.begin(at); err != nil {
		return err
	}
	return m.out.Write(rows)
}

// groups yields the rows of all intervals in order; of one that the old file has, the new
// group agrees or gives way. It lets groups go.
func (m *merger[T]) groups(old *source[T], groups []Group[T], yield func(rows []T, added bool)) error {
	for old.head != nil || len(groups) > 0 {
		order := -1 // of the old file's interval and the next group's
		switch {
		case old.head == nil:
			order = 1
		case len(groups) > 0:
			at, vp := groupOf(&old.head[0])
			order = compareKeys(Group[T]{Interval: at, VantagePoint: vp}, groups[0])
		}
		var rows []T
		if order >= 0 {
			var err error
			if rows, err = groups[0].Rows(); err != nil {
				return err
			}
			groups[0], groups = Group[T]{}, groups[1:]
		}
		switch {
		case order > 0 && len(rows) > 0 && m.comes(rows):
			yield(rows, true)
		case order <= 0:
			if order == 0 {
				m.agrees(old.head, rows) // before they are handed on
			}
			yield(old.head, false)
			if err := old.next(); err != nil {
				return err
			}
		}
	}
	return nil
}

// comes takes in rows of an interval that is new, unless they say two things of one key.
func (m *merger[T]) comes(rows []T) bool {
	if at := column.Disorder(rows); at > 0 {
		m.refuse("row %s is there twice, or out of order", &rows[at])
		return false
	}
	m.done.Added += int64(len(rows))
	return true
}

// agrees holds rows of an interval against those that were first: a file is merged whole
// and at once, so that one with a further row, or one fewer, is another file, and goes to
// Quarantine with all it says.
func (m *merger[T]) agrees(first, rows []T) {
	met := make([]bool, len(first))
	for i := range rows {
		at, found := slices.BinarySearchFunc(first, rows[i], func(a, b T) int { return m.compare(&a, &b) })
		if !found {
			m.refuse("row %s is not among those that came first", &rows[i])
			return
		}
		if !sameMeasured(&first[at], &rows[i]) {
			m.refuse("row %s differs from the one that came first", &rows[i])
			return
		}
		met[at] = true
	}
	if missing := slices.Index(met, false); missing >= 0 {
		m.refuse("row %s of those that came first is missing", &first[missing])
		return
	}
	m.done.Known += int64(len(rows))
}

func (m *merger[T]) refuse(why string, row *T) {
	label, vp := groupOf(row)
	m.done.Clashes = append(m.done.Clashes, Clash{vp, label, fmt.Sprintf(why, keyText(row))})
}

// verify reads the new file's keys back: as many rows as there must be, each
// group's intervals in order.
func (m *merger[T]) verify(path string) error {
	table := column.TableOf[T]()
	return column.Open(path, table, func(f *column.File) error {
		if want := m.had + m.done.Added; f.NumRows() != want {
			return fmt.Errorf("holds %d rows, want %d", f.NumRows(), want)
		}
		b := column.NewBatch(table, column.Interval) // which sees their order
		_, err := f.Batches(context.Background(), f.Groups(), column.Span{}, b, func(*column.Batch) error { return nil })
		return err
	})
}

// groupOf is the interval and the vantage point of a row.
func groupOf[T Measured](row *T) (time.Time, measurement.VantagePoint) {
	switch r := any(row).(type) {
	case *measurement.Answer:
		return r.Interval, r.VantagePoint
	case *measurement.Route:
		return r.Interval, r.VantagePoint
	case *measurement.Run:
		return r.Interval, r.VantagePoint
	}
	panic("lake: a row of no vantage point")
}

func compareGroups[T Measured](a, b *T) int {
	at, vp := groupOf(a)
	bt, other := groupOf(b)
	return cmp.Or(at.Compare(bt), cmp.Compare(vp, other))
}

// keyText names a row by its key.
func keyText[T Measured](row *T) string {
	switch r := any(row).(type) {
	case *measurement.Answer:
		return fmt.Sprintf("%s of %s over %s/%s", r.Query, r.RSI, r.Family, r.Transport)
	case *measurement.Route:
		return fmt.Sprintf("to %s over %s", r.RSI, r.Family)
	}
	return "of the run"
}

// sameMeasured compares what a vantage point said: the columns that the
// collector fills in are left out.
func sameMeasured[T Measured](a, b *T) bool {
	x, y := *a, *b
	for _, p := range []any{&x, &y} {
		switch r := p.(type) {
		case *measurement.Answer:
			r.Verdict, r.VerdictSerial, r.Failures, r.DNSSEC = nil, nil, nil, nil
			if r.Outcome == measurement.Answered { // then error is why expected is false
				r.Expected, r.Error, r.ZoneSerial = nil, nil, nil
			}
		case *measurement.Run:
			r.ReceivedAt, r.File, r.SHA256, r.IngestedAt = time.Time{}, "", "", nil
		}
	}
	return reflect.DeepEqual(x, y)
}
