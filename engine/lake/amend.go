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
	w, err := Create[measurement.Answer](path, Metadata{Version: s.Version})
	if err != nil {
		return fmt.Errorf("amend %s: %w", path, err)
	}
	m := &merging[measurement.Answer]{path: path, out: w}
	for rows, err := range stream[measurement.Answer](path, 0) {
		if err == nil {
			for i := range rows {
				change(m.had, &rows[i])
				m.had++
			}
			err = w.Write(rows)
		}
		if err != nil {
			return errors.Join(fmt.Errorf("amend %s: %w", path, err), w.Discard())
		}
	}
	return w.publish(m.verify)
}
