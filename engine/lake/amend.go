package lake

import (
	"errors"
	"fmt"
	"time"

	"mtric.net/mtric/engine/measurement"
)

// Amend rewrites the answers of a day: change gets each row with its place in the
// file and may set the columns that the collector fills in. The new file takes
// the old one's place at once; its keys must be the old one's.
func Amend(s Store, day time.Time, change func(place int64, row *measurement.Answer)) error {
	path := s.Path(Answers, day)
	w, err := create[measurement.Answer](path, Metadata{Version: s.Version}, pageSize, s.rowGroup())
	if err != nil {
		return fmt.Errorf("amend %s: %w", path, err)
	}
	m := &merging[measurement.Answer]{path: path, out: w, seeds: seeder{most: s.rowGroup()}}
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
