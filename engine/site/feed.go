package site

import (
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"mtric.net/mtric/engine/column"
	"mtric.net/mtric/engine/interval"
	"mtric.net/mtric/engine/measurement"
)

const (
	feedFile = "feed.atom"
	feedDays = 7
	mostFed  = 500
	feedWait = 30 * time.Minute // after an event's end, in which late rows may move it
)

type feed struct {
	XMLName xml.Name    `xml:"http://www.w3.org/2005/Atom feed"`
	ID      string      `xml:"id"`
	Title   string      `xml:"title"`
	Updated string      `xml:"updated"`
	Author  string      `xml:"author>name"`
	Links   []feedLink  `xml:"link"`
	Entries []feedEntry `xml:"entry"`
}

type feedLink struct {
	Rel  string `xml:"rel,attr,omitempty"`
	Href string `xml:"href,attr"`
}

type feedEntry struct {
	ID      string   `xml:"id"`
	Title   string   `xml:"title"`
	Updated string   `xml:"updated"`
	Link    feedLink `xml:"link"`
	Summary string   `xml:"summary"`
}

// feed writes the events of the last days that are over, the newest first.
func (r *job) feed(ctx context.Context) error {
	if r.says.URL == "" || r.last.IsZero() {
		if err := os.Remove(filepath.Join(r.Out, feedFile)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("site: %w", err)
		}
		return nil
	}
	f := feed{ID: r.says.URL, Title: r.title(), Author: r.title(), Links: []feedLink{{Href: r.says.URL}, {"self", r.says.URL + feedFile}}}
	events, err := r.fed(ctx)
	if err != nil {
		return err
	}
	slices.SortStableFunc(events, func(a, b Event) int { return b.Until.Compare(a.Until) })
	updated := r.last.AddDate(0, 0, -feedDays)
	for _, e := range events[:min(len(events), mostFed)] {
		at := e.Until.Add(feedWait)
		updated = later(updated, at)
		f.Entries = append(f.Entries, feedEntry{ID: "urn:mtric:event:" + e.ID, Title: eventTitle(e), Updated: at.Format(time.RFC3339),
			Link:    feedLink{Href: r.says.URL + "#/events?event=" + e.ID},
			Summary: fmt.Sprintf("From %s until %s; %d of %d labels%s.", e.From.Format("2006-01-02 15:04"), e.Until.Format("2006-01-02 15:04 UTC"), e.LabelsBad, e.LabelsSeen, seenAt(e))})
	}
	f.Updated = updated.Format(time.RFC3339)
	text, err := xml.MarshalIndent(f, "", "  ")
	if err != nil {
		return fmt.Errorf("site: feed: %w", err)
	}
	return r.file(feedFile, append([]byte(xml.Header), append(text, '\n')...))
}

// fed are the events that ended within the last days, whenever they began.
func (r *job) fed(ctx context.Context) (events []Event, err error) {
	since := r.last.AddDate(0, 0, -feedDays)
	days := map[time.Time]bool{}
	for n := range feedDays + 1 {
		days[interval.Day(since).AddDate(0, 0, n)] = true
	}
	for _, m := range r.made.Events {
		for _, long := range m.Long {
			if long.Until.After(since) {
				days[long.From] = true
			}
		}
	}
	for _, day := range slices.SortedFunc(maps.Keys(days), time.Time.Compare) {
		rows, _, err := column.Read[measurement.Event](r.Lake.Path(column.Events, day))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			if err := r.leave(ctx, ofLake(fmt.Errorf("site: %w", err))); err != nil {
				return nil, err
			}
		}
		events = append(events, rows...)
	}
	return slices.DeleteFunc(events, func(e Event) bool {
		return e.Open || e.SupersededBy != nil || !e.Until.After(since) || e.Until.Add(feedWait).After(r.last)
	}), nil
}

// seenAt says how many vantage points saw an event of an RSI: what one alone saw may be its own trouble.
func seenAt(e Event) string {
	switch {
	case e.RSI == nil || len(e.VantagePoints) == 0:
		return ""
	case len(e.VantagePoints) == 1:
		return fmt.Sprintf("; seen by one vantage point alone, %s", short(e.VantagePoints[0]))
	}
	return fmt.Sprintf("; seen by %d vantage points", len(e.VantagePoints))
}

// eventWords are what a kind of event is, in the words of a title.
var eventWords = map[measurement.EventKind]string{
	measurement.EventOutage: "outage", measurement.EventOutageLocal: "outage at one vantage point", measurement.EventSlow: "slower than usual",
	measurement.EventStale: "an old zone", measurement.EventWrong: "incorrect answers", measurement.EventInstance: "other servers",
	measurement.EventSilence: "no measurements", measurement.EventClock: "a wrong clock", measurement.EventOffPlan: "measurements off the plan",
	measurement.EventLocal: "own trouble",
}

// eventTitle is "b IPv6 UDP: outage" or "vantage point 101: no measurements".
func eventTitle(e Event) string {
	var who []string
	if e.RSI != nil {
		who = append(who, *e.RSI)
	}
	if e.VantagePoint != nil {
		who = append(who, "vantage point "+*e.VantagePoint)
	}
	if e.Family != nil {
		path := measurement.Family(*e.Family).Title()
		if e.Transport != nil {
			path += " " + strings.ToUpper(*e.Transport)
		}
		who = append(who, path)
	}
	return strings.Join(who, ", ") + ": " + eventWords[e.Kind]
}
