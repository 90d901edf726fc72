package lake

import (
	"errors"
	"fmt"
	"io/fs"
	"time"

	"github.com/parquet-go/parquet-go"

	"mtric.net/mtric/engine/measurement"
)

// Amend rewrites the answers of a day: change gets each row with its place in the
// file and may set the columns that the collector fills in. The new file takes
// the old one's place at once; its keys must be the old one's.
func Amend(s Store, day time.Time, change func(place int64, row *measurement.Answer)) error {
	path := s.Path(Answers, day)
	w, err := create[measurement.Answer](path, Metadata{Version: s.Version}, form{page: pageSize, group: s.limits().rows, day: true})
	if err != nil {
		return fmt.Errorf("amend %s: %w", path, err)
	}
	m := &merging[measurement.Answer]{path: path, out: w, seeds: seeder{most: s.limits()}}
	err = m.amend(func(rows []measurement.Answer) {
		for i := range rows {
			change(m.had, &rows[i])
			m.had++
		}
	})
	if err != nil {
		return errors.Join(fmt.Errorf("amend %s: %w", path, err), w.Discard())
	}
	return w.publish(m.verify)
}

// amend writes the old file's rows as change leaves them.
func (m *merging[T]) amend(change func([]T)) error {
	defer m.seeds.stop()
	if err := m.seeds.add(ofAnswers(m.path, 0)); err != nil {
		return err
	}
	old, err := newSource(rowsOf[T](m.path, 0))
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

// Compact rewrites the answers of a day where two of its row groups would go into
// one, and says whether it did: a day that came in by many merges takes a sixth less
// for it. Begin is called before the file changes. A day that is not there is none.
func Compact(s Store, day time.Time, begin func() error) (bool, error) {
	path, worth := s.Path(Answers, day), false
	err := open(path, func(f *parquet.File) error {
		groups := f.Metadata().RowGroups
		for i := 1; i < len(groups) && !worth; i++ {
			worth = !full(groups[i-1], groups[i], s.limits())
		}
		return nil
	}, parquet.SkipPageIndex(true))
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil || !worth {
		return false, err
	}
	if err := begin(); err != nil {
		return false, err
	}
	return true, Amend(s, day, func(int64, *measurement.Answer) {})
}
