package derive

import (
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"mtric.net/mtric/engine/column"
	"mtric.net/mtric/engine/lake"
	"mtric.net/mtric/engine/measurement"
)

// renewed is how many files of an older schema are written anew at most by a run that is
// bounded.
const renewed = 30

// renew writes files of both tables anew that an older program wrote, so that readers find
// one set of columns.
func (d *Deriver) renew() error {
	note, was := filepath.Join(d.State, "schema"), 0
	if _, err := d.remember(note, &was); err != nil || was == column.Schema() {
		return err
	}
	left := -1
	if d.Most > 0 {
		left = renewed
	}
	done, err := renewTable[measurement.Hour](d.Lake, &left)
	if err == nil && done {
		done, err = renewTable[measurement.Event](d.Lake, &left)
	}
	if err != nil || !done {
		return err
	}
	return d.keep(note, column.Schema())
}

func renewTable[T column.Row](s lake.Store, left *int) (done bool, err error) {
	days, err := s.Days(column.TableOf[T](), time.Time{}, time.Time{})
	if err != nil {
		return false, err
	}
	for _, day := range days {
		older, err := s.Older(column.TableOf[T](), day.Day)
		if errors.Is(err, column.ErrNewer) {
			continue
		}
		if err != nil {
			return false, fmt.Errorf("derive: %w", err)
		}
		if !older {
			continue
		}
		if *left == 0 {
			return false, nil
		}
		*left--
		rows, _, err := column.Read[T](day.Path)
		if err != nil {
			return false, fmt.Errorf("derive: %w", err)
		}
		if err := save(s, day.Day, rows); err != nil {
			return false, err
		}
	}
	return true, nil
}
