package site

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"mtric.net/mtric/engine/column"
	"mtric.net/mtric/engine/interval"
	"mtric.net/mtric/engine/lake"
	"mtric.net/mtric/engine/measurement"
)

// events brings the files of events up to date, and learns which may go on.
func (r *job) events(ctx context.Context) error {
	days, err := r.Lake.Days(column.Events, time.Time{}, time.Time{})
	if err != nil {
		return fmt.Errorf("site: %w", err)
	}
	r.open = []Event{}
	months := map[string]madeEvent{}
	for len(days) > 0 {
		n := 1
		for n < len(days) && interval.Partition(days[n].Day) == interval.Partition(days[0].Day) {
			n++
		}
		month := interval.Partition(days[0].Day)
		if months[month], err = r.eventsOf(month, days[:n]); err != nil {
			if err := r.leave(ctx, err); err != nil {
				return err
			}
			months[month] = r.made.Events[month]
		}
		days = days[n:]
	}
	r.made.Events = months
	return nil
}

// eventsOf brings those of one month up to date.
func (r *job) eventsOf(month string, days []lake.DayFile) (m madeEvent, err error) {
	var all []string
	for _, d := range days {
		is, err := r.identities(d.Day, column.Events)
		if err != nil {
			return m, err
		}
		all = append(all, is...)
	}
	of, err := hashOf(all)
	if err != nil {
		return m, err
	}
	if m = r.made.Events[month]; m.Of == of && !m.Open {
		return m, nil
	}
	files := m.Files
	m = madeEvent{Of: of}
	var rows []Event
	for _, d := range days {
		some, _, err := column.Read[measurement.Event](d.Path)
		if err != nil {
			return m, ofLake(fmt.Errorf("site: %w", err))
		}
		rows = append(rows, some...)
	}
	for i := range rows {
		e := &rows[i]
		if !r.values {
			e.Worst = nil
		}
		if !r.names {
			e.Before, e.After = nil, nil
		}
		if e.Open {
			m.Open, r.open = true, append(r.open, *e)
		}
		if day := interval.Day(e.From); !e.Open && e.Until.After(day.AddDate(0, 0, feedDays)) {
			m.Long = append(m.Long, Span{day, e.Until})
		}
	}
	if of == r.made.Events[month].Of {
		m.Files = files
		return m, nil
	}
	m.Files, err = r.writeEvents(month, rows)
	return m, err
}

// writeEvents writes the events of a month, in as many files as they need.
func (r *job) writeEvents(month string, rows []Event) (files int, err error) {
	for len(rows) > 0 {
		n, size := 0, 1000
		for ; n < len(rows); n++ {
			text, err := json.Marshal(rows[n])
			if err != nil {
				return files, fmt.Errorf("site: %w", err)
			}
			if size += len(text) + 1; size > MaxFile && n > 0 {
				break
			}
		}
		if err := r.data(eventsKey(month, files), Events{rows[:n]}); err != nil {
			return files, err
		}
		files, rows = files+1, rows[n:]
	}
	return files, nil
}

// eventsKey is events/202611 for the first file of a month, then events/202611-b, and so on.
func eventsKey(month string, file int) string {
	key := "events/" + month
	if file == 0 {
		return key
	}
	name := ""
	for n := file; ; n = n/26 - 1 {
		name = string(rune('a'+n%26)) + name
		if n < 26 {
			return key + "-" + name
		}
	}
}

// removeEvents removes files of events that the index no longer names.
func (r *job) removeEvents(context.Context) error {
	names, err := r.have("events")
	if err != nil {
		return err
	}
	wanted := r.eventKeys()
	for _, name := range names {
		key := "events/" + trimJS(name)
		if slices.Contains(wanted, key) || key == "events/"+name {
			continue
		}
		if err := os.Remove(filepath.Join(r.Out, "data", "events", name)); err != nil {
			return fmt.Errorf("site: %w", err)
		}
	}
	return nil
}

// eventKeys are the keys of all files of events, the oldest first.
func (r *job) eventKeys() []string {
	keys := []string{}
	for _, month := range sortedKeys(r.made.Events) {
		for n := range r.made.Events[month].Files {
			keys = append(keys, eventsKey(month, n))
		}
	}
	return keys
}

// severity is the order in which a reader wants to know of events: what accuses a server
// first, then what is not measured.
var severity = []measurement.EventKind{measurement.EventWrong, measurement.EventOutage, measurement.EventStale,
	measurement.EventSilence, measurement.EventLocal, measurement.EventClock,
	measurement.EventOutageLocal, measurement.EventSlow, measurement.EventOffPlan, measurement.EventInstance}
