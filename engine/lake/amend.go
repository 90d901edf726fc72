package lake

import (
	"errors"
	"fmt"
	"io/fs"
	"time"

	"mtric.net/mtric/engine/column"
	"mtric.net/mtric/engine/measurement"
)

// Amend rewrites the answers of a day: change gets each row with its place in the
// file and may set the columns that the collector fills in. The new file takes
// the old one's place at once; its keys must be the old one's.
func Amend(s Store, day time.Time, change func(place int64, row *measurement.Answer)) error {
	return rewrite(s, day, change)
}

// rewrite writes a day's file again, in the newest schema.
func rewrite[T Measured](s Store, day time.Time, change func(place int64, row *T)) error {
	path := s.Path(column.TableOf[T](), day)
	w, err := create[T](s, path)
	if err != nil {
		return fmt.Errorf("amend %s: %w", path, err)
	}
	m := &merger[T]{path: path, out: w, grouper: rowGrouper{most: s.limits()}}
	err = m.amend(func(rows []T) {
		for i := range rows {
			change(m.had, &rows[i])
			m.had++
		}
	})
	if err != nil {
		return errors.Join(fmt.Errorf("amend %s: %w", path, err), w.Discard())
	}
	return w.Publish(m.verify)
}

// amend writes the old file's rows as change leaves them.
func (m *merger[T]) amend(change func([]T)) error {
	defer m.grouper.stop()
	if column.TableOf[T]() == column.Answers {
		if err := m.grouper.add(ofAnswers(m.path, 0)); err != nil {
			return err
		}
	}
	old, err := newSource(column.Rows[T](m.path))
	if err != nil {
		return err
	}
	defer old.stop()
	for old.head != nil {
		change(old.head)
		if err := m.write(old.head); err != nil {
			return err
		}
		if err := old.next(); err != nil {
			return err
		}
	}
	return nil
}

// Compact rewrites a day of a table where two of its row groups would go into one (a day
// that came in by many merges takes a sixth less for it), and where it is of an older
// schema than this program writes; it says whether it did. Begin is called before the file
// changes. A day that is not there is none, and one of a newer schema stays as it is.
func Compact[T Measured](s Store, day time.Time, begin func() error) (bool, error) {
	table, worth := column.TableOf[T](), false
	err := column.Open(s.Path(table, day), table, func(f *column.File) error {
		groups := f.File.Metadata().RowGroups
		worth = !f.Current()
		for i := 1; i < len(groups) && !worth; i++ {
			worth = !full(groups[i-1], groups[i], s.limits())
		}
		return nil
	})
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, column.ErrNewer) {
		return false, nil
	}
	if err != nil || !worth {
		return false, err
	}
	if err := begin(); err != nil {
		return false, err
	}
	return true, rewrite(s, day, func(int64, *T) {})
}
