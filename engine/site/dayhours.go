package site

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"time"

	"mtric.net/mtric/engine/column"
	"mtric.net/mtric/engine/interval"
	"mtric.net/mtric/engine/measurement"
)

// dayHours is what the table hours has of the last day. It changes twice an hour, and is kept
// in between, since to read it takes most of a run. It may be lost.
type dayHours struct {
	Of     string      `json:"of"`    // a hash of what it was made of
	Hours  []time.Time `json:"hours"` // those of which there are rows
	Places []kept      `json:"places"`
}

// kept is a server and path.
type kept struct {
	Asked     bool                                `json:"asked"`
	Counts    [5]int                              `json:"counts"` // planned, sent, failed, own, incorrect
	Latencies []measurement.LatencyBucket         `json:"latencies,omitempty"`
	By        map[measurement.VantagePoint][4]int `json:"by"` // sent, failed, own, incorrect
}

// hoursFile is where it is kept, of an edition that tells values: it has them.
const hoursFile = ".hours.json"

// dayHours reads it of the hours [whole, r.until).
func (r *job) dayHours(ctx context.Context, whole time.Time) (*dayHours, error) {
	days, seen := []time.Time{}, []*seen{}
	of := []any{r.made.Basis, whole, r.until}
	for start := interval.Day(whole); start.Before(r.until); start = start.AddDate(0, 0, 1) {
		k, err := r.keptOf(start)
		if err != nil {
			return nil, err
		}
		if k == nil {
			continue // nobody knows who was in trouble itself
		}
		ids, err := r.identities(start, column.Hours)
		if err != nil {
			return nil, err
		}
		of = append(of, ids, k.Trouble, r.vpsOf(start))
		days, seen = append(days, start), append(seen, k)
	}
	sum, err := hashOf(of...)
	if err != nil {
		return nil, err
	}
	h := &dayHours{}
	if text, err := os.ReadFile(filepath.Join(r.Out, hoursFile)); r.values && err == nil && json.Unmarshal(text, h) == nil && h.Of == sum && len(h.Places) == len(r.servers)*len(allPaths) {
		return h, nil
	}
	h, all, err := r.readDayHours(ctx, days, seen, whole)
	if err != nil || !all || !r.values {
		return h, err
	}
	h.Of = sum
	text, err := json.Marshal(h)
	if err != nil {
		return nil, fmt.Errorf("site: %w", err)
	}
	return h, r.hidden(hoursFile, text)
}

// readDayHours reads the table; all is false where a file cannot be read.
func (r *job) readDayHours(ctx context.Context, days []time.Time, seen []*seen, whole time.Time) (o *dayHours, all bool, err error) {
	t, has, all := newTotals(len(r.servers)*len(allPaths)), map[time.Time]bool{}, true
	for i, start := range days {
		vps := r.vpsOf(start)
		h := r.frame.hours(start, r.until, vps, seen[i])
		h.note = func(at time.Time, vp, place int, s *sum) {
			has[at] = true
			if !at.Before(whole) {
				t.add(vps[vp], place, s)
			}
		}
		if _, err := h.read(r.Lake); err != nil {
			if err := r.leave(ctx, err); err != nil {
				return nil, false, err
			}
			all = false
		}
	}
	o = &dayHours{Hours: slices.SortedFunc(maps.Keys(has), time.Time.Compare)}
	for place := range t.all {
		s := &t.all[place]
		k := kept{Asked: s.asked, Counts: [5]int{s.planned, s.sent, s.failed, s.own, s.incorrect}, Latencies: s.latencies, By: map[measurement.VantagePoint][4]int{}}
		for vp, v := range t.by[place] {
			k.By[vp] = [4]int{v.sent, v.failed, v.own, v.incorrect}
		}
		o.Places = append(o.Places, k)
	}
	return o, all, nil
}

// join adds them to totals, and says which hours they are of.
func (h *dayHours) join(t *totals) map[time.Time]bool {
	for place, k := range h.Places {
		s := &sum{asked: k.Asked, planned: k.Counts[0], sent: k.Counts[1], failed: k.Counts[2], own: k.Counts[3], incorrect: k.Counts[4], latencies: k.Latencies, serial: noSerial}
		t.all[place].join(s)
		for vp, v := range k.By {
			t.count(vp, place, &sum{sent: v[0], failed: v[1], own: v[2], incorrect: v[3]})
		}
	}
	has := map[time.Time]bool{}
	for _, at := range h.Hours {
		has[at.UTC()] = true
	}
	return has
}
