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

// Merge brings groups of rows, each of one vantage point's interval and in the order of
// the table's key, into the table's file of a day: a group comes in whole or not at
// all, and of an interval that is there already it must have every row and no other. What two say
// of the same key is compared but for the columns that the collector writes. The
// new file takes the old one's place at once, after its order and number of rows
// were read back; when there is nothing new it is left alone. Finish, where it is
// not nil, gets the rows of each vantage point's interval that has new ones before
// they are written, and may set the columns that the collector fills in; it is called
// from several goroutines. Merge empties groups as it goes. What memory it takes beside
// them is bounded by a row group, whatever the size of the day.
func Merge[T Measured](s Store, day time.Time, groups []Group[T], finish func([]T) error) (Merged, error) {
	path := s.Path(column.TableOf[T](), day)
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
	var sources []*source[T]
	defer func() {
		for _, src := range sources {
			src.stop()
		}
		m.grouper.stop()
	}()
	slices.SortStableFunc(groups, compareKeys[T])
	if column.TableOf[T]() == column.Answers {
		previews := make([]preview, len(groups))
		for i, g := range groups {
			previews[i] = preview{g.Interval.UnixMicro(), g.Size, g.Texts, g.Wires}
			groups[i].Wires = nil // the row group's dictionary has them soon
		}
		if err := m.grouper.add(inTurn(previews)); err != nil {
			return err
		}
	}
	for _, layer := range layers(groups) {
		src, err := newSource(rowsOfGroups(layer))
		if err != nil {
			return err
		}
		sources = append(sources, src)
	}
	if m.out, err = create[T](s, m.path); err != nil {
		return err
	}
	old, err := m.keep(first(sources))
	if err == nil {
		if old != nil {
			sources = slices.Insert(sources, 0, old)
		}
		err = m.all(sources, old != nil)
	}
	if err != nil || m.done.Added == 0 {
		return errors.Join(err, m.out.Discard())
	}
	return m.out.Publish(m.verify)
}

// layers parts groups, which are in order, so that none of a part is of the same
// interval as the one before it: there is one part, or what came twice is in a second.
func layers[T Measured](groups []Group[T]) (parts [][]Group[T]) {
	nth := 0
	for i := range groups {
		if nth++; i == 0 || compareKeys(groups[i-1], groups[i]) != 0 {
			nth = 0
		}
		if nth == len(parts) {
			parts = append(parts, nil)
		}
		parts[nth] = append(parts[nth], groups[i])
	}
	clear(groups)
	return parts
}

func compareKeys[T Measured](a, b Group[T]) int {
	return cmp.Or(a.Interval.Compare(b.Interval), cmp.Compare(a.VantagePoint, b.VantagePoint))
}

// first is the earliest interval of the sources.
func first[T Measured](sources []*source[T]) time.Time {
	var earliest time.Time
	for _, s := range sources {
		if s.head == nil {
			continue
		}
		if at, _ := groupOf(&s.head[0]); earliest.IsZero() || at.Before(earliest) {
			earliest = at
		}
	}
	return earliest
}

// keep copies row groups of the old file as they are, and returns the rest as a
// source. Nil is no old file.
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
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
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
// newest schema, for a file has one, lie wholly before the first new interval, and each has more rows than all old ones after it, or
// cannot be joined with the next. A day that comes in by three hundred merges then
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

// groups yields all groups in order; the sources that have the same one agree or
// the later gives way. The first source may be the lake's own.
func (m *merger[T]) groups(sources []*source[T], own bool, yield func(group[T])) error {
	for {
		var least *source[T]
		for _, s := range sources {
			if s.head != nil && (least == nil || compareGroups(&s.head[0], &least.head[0]) < 0) {
				least = s
			}
		}
		if least == nil {
			return nil
		}
		var rows []T
		key, added := least.head[0], m.done.Added
		for i, s := range sources {
			if s.head == nil || compareGroups(&s.head[0], &key) != 0 {
				continue
			}
			if own && i == 0 {
				rows = s.head
			} else {
				rows = m.join(rows, s.head)
			}
			if err := s.next(); err != nil {
				return err
			}
		}
		yield(group[T]{rows, m.done.Added > added})
	}
}

// join takes the rows of one vantage point's interval in, or holds them against
// those that were first: a file is merged whole and at once, so that one with a
// further row, or one fewer, is another file, and goes to Quarantine with all it says.
func (m *merger[T]) join(group, rows []T) []T {
	if len(group) == 0 && column.Disorder(rows) == 0 { // nearly always
		m.done.Added += int64(len(rows))
		return rows
	}
	refuse := func(why string, row *T) []T {
		label, vp := groupOf(row)
		m.done.Clashes = append(m.done.Clashes, Clash{vp, label, fmt.Sprintf(why, keyText(row))})
		return group
	}
	joined := slices.Clone(group)
	met := make([]bool, len(group))
	var known int64
	for i := range rows {
		at, found := slices.BinarySearchFunc(group, rows[i], func(a, b T) int { return m.compare(&a, &b) })
		switch {
		case i > 0 && m.compare(&rows[i-1], &rows[i]) == 0 && sameMeasured(&rows[i-1], &rows[i]):
			known++
		case len(group) == 0 && (i == 0 || m.compare(&rows[i-1], &rows[i]) != 0):
			joined = append(joined, rows[i])
		case found && sameMeasured(&group[at], &rows[i]):
			met[at] = true
			known++
		case len(group) > 0 && !found:
			return refuse("row %s is not among those that came first", &rows[i])
		default:
			return refuse("row %s differs from the one that came first", &rows[i])
		}
	}
	if missing := slices.Index(met, false); missing >= 0 {
		return refuse("row %s of those that came first is missing", &group[missing])
	}
	m.done.Known += known
	m.done.Added += int64(len(joined) - len(group))
	return joined
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
	if c := at.Compare(bt); c != 0 {
		return c
	}
	return cmp.Compare(vp, other)
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
				r.Expected, r.Error = nil, nil
			}
		case *measurement.Run:
			r.ReceivedAt, r.File, r.SHA256, r.IngestedAt = time.Time{}, "", "", nil
		}
	}
	return reflect.DeepEqual(x, y)
}
