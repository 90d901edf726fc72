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
func rewrite[T Measured](s Store, day time.Time, change func(place int64, row *T)) (err error) {
	m := &merger[T]{path: s.Path(column.TableOf[T](), day), grouper: rowGrouper{most: s.limits()}}
	if m.out, err = create[T](s, m.path); err == nil {
		if err = m.amend(change); err == nil {
			return m.out.Publish(m.verify)
		}
		err = errors.Join(err, m.out.Discard())
	}
	return fmt.Errorf("amend %s: %w", m.path, err)
}

// amend writes the old file's rows as change leaves them.
func (m *merger[T]) amend(change func(place int64, row *T)) error {
	defer m.grouper.stop()
	old, err := m.keep(time.Time{}) // before which there is nothing to copy
	if err != nil {
		return err
	}
	defer old.stop()
	for place := int64(0); old.head != nil; {
		for i := range old.head {
			change(place, &old.head[i])
			place++
		}
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
