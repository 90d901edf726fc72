package ingest

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/google/renameio/v2"

	"mtric.net/mtric/engine/lake"
)

// backlog knows the days of the lake with answers that are unchecked, so that an
// ingest finds them however old they are, and looks at no other day. It is kept in
// a file that may be lost: then all days are looked at once. The same is done for a
// file of another version, which may judge what the one before could not.
type backlog struct {
	file    string // empty: kept nowhere
	version string
	days    map[string]owed

	// shown is who showed the serials that nothing proves yet, complete for the lake: so
	// that it is not looked through again for each.
	shown map[int64]*showing
}

// mostShown bounds what is remembered of serials that nothing proves.
const mostShown = 2000

// owed is what a day has unchecked.
type owed struct {
	New         bool  `json:"new,omitempty"` // rows may have come since anybody looked
	Unchecked   int64 `json:"unchecked,omitempty"`
	Unjudgeable int64 `json:"unjudgeable,omitempty"` // of these: by an algorithm that is not known
	Waiting     int64 `json:"waiting,omitempty"`     // of these: those that a zone or a fetch may decide

	Inputs string `json:"inputs,omitempty"` // a hash of all that their verdicts depended on
}

// backlogFile is the form of the file.
type backlogFile struct {
	Version string          `json:"version"`
	Days    map[string]owed `json:"days"`

	Shown map[int64]*showing `json:"shown,omitempty"`
}

func (r *run) openBacklog() error {
	r.backlog = backlog{file: r.Backlog, version: r.Lake.Version, days: map[string]owed{}, shown: map[int64]*showing{}}
	var kept backlogFile
	text, err := os.ReadFile(r.Backlog)
	if err == nil {
		err = json.Unmarshal(text, &kept)
	}
	if err == nil && kept.Version == r.Lake.Version && kept.Days != nil {
		r.backlog.days = kept.Days
		for serial, s := range kept.Shown {
			if s != nil {
				r.backlog.shown[serial] = s
			}
		}
		return nil
	}
	if err != nil && r.Backlog != "" && !errors.Is(err, fs.ErrNotExist) {
		r.log.Warn("the list of days that wait was lost; all days are looked at", "file", r.Backlog, "error", err)
	}
	days, err := r.Lake.Days(lake.Answers, time.Time{}, time.Time{})
	for _, d := range days {
		r.backlog.expect(d.Day)
	}
	return err
}

func dateOf(day time.Time) string { return day.Format(time.DateOnly) }

// expect notes that rows may come into a day; it says whether that is news.
func (b *backlog) expect(day time.Time) bool {
	o := b.days[dateOf(day)]
	was := o.New
	o.New = true
	b.days[dateOf(day)] = o
	return !was
}

// due says whether a day is to be looked at. Without zones nothing can be judged,
// only counted.
func (b *backlog) due(day time.Time, zones bool) bool {
	o := b.days[dateOf(day)]
	return o.New || zones && o.Waiting > 0
}

// same says whether a day was judged by just these inputs: it would come to the same.
func (b *backlog) same(day time.Time, inputs string) bool {
	o := b.days[dateOf(day)]
	return !o.New && o.Inputs == inputs
}

// note takes in what is unchecked in a day after a look at it. Until the run is
// over rows may still come.
func (b *backlog) note(day time.Time, o owed, last bool) {
	o.New = !last && b.days[dateOf(day)].New
	if o == (owed{Inputs: o.Inputs}) {
		delete(b.days, dateOf(day))
		return
	}
	b.days[dateOf(day)] = o
}

// only forgets days that the lake has no more.
func (b *backlog) only(days []lake.DayFile) {
	there := map[string]bool{}
	for _, d := range days {
		there[dateOf(d.Day)] = true
	}
	for date := range b.days {
		if !there[date] {
			delete(b.days, date)
		}
	}
}

// total counts over all days.
func (b *backlog) total() (unchecked, unjudgeable int64) {
	for _, o := range b.days {
		unchecked, unjudgeable = unchecked+o.Unchecked, unjudgeable+o.Unjudgeable
	}
	return unchecked, unjudgeable
}

func (b *backlog) save() error {
	if b.file == "" {
		return nil
	}
	for serial := range b.shown { // any: what is forgotten is looked up again
		if len(b.shown) <= mostShown {
			break
		}
		delete(b.shown, serial)
	}
	text, err := json.Marshal(backlogFile{b.version, b.days, b.shown})
	if err == nil {
		err = renameio.WriteFile(b.file, append(text, '\n'), 0o644, renameio.WithTempDir(filepath.Dir(b.file)))
	}
	if err != nil {
		return fmt.Errorf("days that wait: %w", err)
	}
	return nil
}
