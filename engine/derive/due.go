package derive

import (
	"cmp"
	"errors"
	"maps"
	"path/filepath"
	"slices"
	"time"
)

// failure is why a day could not be made of what there was of it.
type failure struct {
	Of    string // hash of the plan and the day's files
	Text  string
	Tries int
}

// work is the days of a run.
type work struct {
	due      map[time.Time]bool    // to be made
	left     int                   // that are due as well, but for those that failed before
	failures map[time.Time]failure // of days that are due; those that were made are taken out
	kept     []error               // of these that are not tried again now
}

// work chooses among the days that are not up to date: the newest of them where they are too
// many. Those that failed before come last, the least tried first: what cannot be read keeps
// no other day back.
func (d *Deriver) work(first, last, until time.Time) (w work, err error) {
	was := map[time.Time]failure{}
	if _, err := d.remember(d.failuresPath(), &was); err != nil {
		return w, err
	}
	w.due, w.failures = map[time.Time]bool{}, map[time.Time]failure{}
	var again []time.Time
	for day := last; !day.Before(first); day = day.AddDate(0, 0, -1) {
		if !until.IsZero() && !day.Before(until) {
			continue
		}
		known, err := d.known(day)
		if err != nil {
			return w, err
		}
		if known {
			continue
		}
		of, err := d.rests(day)
		if err != nil {
			return w, err
		}
		switch f, failed := was[day]; {
		case failed && f.Of == of:
			w.failures[day], again = f, append(again, day)
		case d.Most == 0 || len(w.due) < d.Most:
			w.due[day] = true
		default:
			w.left++
		}
	}
	slices.SortStableFunc(again, func(a, b time.Time) int { return cmp.Compare(w.failures[a].Tries, w.failures[b].Tries) })
	for _, day := range again {
		if d.Most == 0 || len(w.due) < d.Most {
			w.due[day] = true
		} else {
			w.kept = append(w.kept, errors.New(w.failures[day].Text))
		}
	}
	for day, f := range was { // of days that nobody looked at
		if day.Before(first) || day.After(last) || !until.IsZero() && !day.Before(until) {
			w.failures[day] = f
		}
	}
	return w, nil
}

// tried notes what came of a day.
func (w *work) tried(d *Deriver, day time.Time, failed error) error {
	if failed == nil {
		delete(w.failures, day)
		return nil
	}
	of, err := d.rests(day)
	w.failures[day] = failure{of, failed.Error(), w.failures[day].Tries + 1}
	return err
}

// end keeps what failed.
func (w *work) end(d *Deriver) error {
	was := map[time.Time]failure{}
	if _, err := d.remember(d.failuresPath(), &was); err != nil || maps.Equal(was, w.failures) {
		return err
	}
	return d.keep(d.failuresPath(), w.failures)
}

func (d *Deriver) failuresPath() string { return filepath.Join(d.State, "failed") }
