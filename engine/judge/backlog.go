package judge

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/google/renameio/v2"

	"mtric.net/mtric/engine/column"
	"mtric.net/mtric/engine/lake"
)

// backlog knows the days of the lake with answers that are unchecked, so that an
// ingest finds them however old they are, and looks at no other day. It is kept in
// a file that may be lost: then all days are looked at once. The same is done for a
// file of another version, which may judge what the one before could not.
type backlog struct {
	days map[string]dayBacklog

	// shown is who showed the serials of the table that are not in the archive, complete for
	// the lake: so that it is not looked through again for each. It is on the disk before the
	// table is. The table's bound is its bound.
	shown map[int64]*witnesses
	saved json.RawMessage // shown as it was saved, until it is asked for: most runs need not
	news  bool            // shown is not as it was saved
}

// Rewritten is how far compaction has brought the lake to be of one schema. It is kept
// beside the backlog and of no use to judging.
type Rewritten struct {
	Day     string `json:"day,omitempty"`     // the last that a night was for
	Uniform int    `json:"uniform,omitempty"` // the schema that all days are of; 0 where nobody has seen that they are
}

// recollect reads what was saved of shown. What is damaged is lost, and looked up again.
func (b *backlog) recollect() {
	if b.shown == nil {
		b.shown = map[int64]*witnesses{}
		if err := json.Unmarshal(b.saved, &b.shown); err != nil || b.shown == nil {
			b.shown = map[int64]*witnesses{}
		}
		for serial, s := range b.shown {
			if s == nil {
				delete(b.shown, serial)
			}
		}
	}
}

// remember begins with a serial that nobody showed before.
func (b *backlog) remember(serial int64) { b.shown[serial], b.news = &witnesses{}, true }

func (b *backlog) forgetShown(serial int64) {
	if b.shown[serial] != nil {
		delete(b.shown, serial)
		b.news = true
	}
}

// dayBacklog is what a day has unchecked.
type dayBacklog struct {
	New         bool  `json:"new,omitempty"` // rows may have come since anybody looked
	Unchecked   int64 `json:"unchecked,omitempty"`
	Unjudgeable int64 `json:"unjudgeable,omitempty"` // of these: by an algorithm that is not known
	Waiting     int64 `json:"waiting,omitempty"`     // of these: those that a zone or a fetch may decide

	Inputs string `json:"inputs,omitempty"` // a hash of all that their verdicts depended on
}

// backlogFile is the form of the file.
type backlogFile struct {
	Version string                `json:"version"`
	Days    map[string]dayBacklog `json:"days"`

	Shown json.RawMessage `json:"shown,omitempty"`

	Rewritten Rewritten `json:"rewritten,omitzero"`

	Signed json.RawMessage `json:"signed,omitempty"`
}

// Open reads the backlog.
func (j *Judge) Open() error {
	j.backlog, j.recalled = backlog{days: map[string]dayBacklog{}}, map[int64]*witnesses{}
	j.signed.now = j.Started
	var kept backlogFile
	text, err := os.ReadFile(j.Backlog)
	if err == nil {
		err = json.Unmarshal(text, &kept)
	}
	if err == nil && kept.Version == j.Lake.Version && kept.Days != nil {
		j.backlog.days, j.backlog.saved, j.Rewritten = kept.Days, kept.Shown, kept.Rewritten
		j.signed.restore(kept.Signed)
		if j.Rewritten.Uniform != column.Schema() { // a program of another schema has been here
			j.Rewritten.Uniform = 0
		}
		return nil
	}
	if err != nil && j.Backlog != "" && !errors.Is(err, fs.ErrNotExist) {
		j.Log.Warn("the list of days that wait was lost; all days are looked at", "file", j.Backlog, "error", err)
	}
	j.signed.lost = true
	days, err := j.Lake.Days(column.Answers, time.Time{}, time.Time{})
	for _, d := range days {
		j.backlog.expect(d.Day)
	}
	return err
}

func dateOf(day time.Time) string { return day.Format(time.DateOnly) }

// Expect notes that rows may come into a day. It comes before them: a kill in between
// must not hide them.
func (j *Judge) Expect(day time.Time) error {
	if j.backlog.expect(day) {
		return j.Save()
	}
	return nil
}

// expect says whether it is news that rows may come into a day.
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
func (b *backlog) note(day time.Time, o dayBacklog, last bool) {
	o.New = !last && b.days[dateOf(day)].New
	if o == (dayBacklog{Inputs: o.Inputs}) {
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

// Save writes the backlog.
func (j *Judge) Save() error {
	b := &j.backlog
	if j.Backlog == "" {
		return nil
	}
	var err error
	if b.news {
		b.saved, err = json.Marshal(b.shown)
	}
	signed, signedErr := j.signed.save()
	text, textErr := json.Marshal(backlogFile{j.Lake.Version, b.days, b.saved, j.Rewritten, signed})
	if err = errors.Join(err, signedErr, textErr); err == nil {
		err = renameio.WriteFile(j.Backlog, append(text, '\n'), 0o644, renameio.WithTempDir(filepath.Dir(j.Backlog)))
	}
	if err != nil {
		return fmt.Errorf("days that wait: %w", err)
	}
	b.news, j.signed.dirty = false, false
	return nil
}
