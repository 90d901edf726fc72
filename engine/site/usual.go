package site

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"mtric.net/mtric/engine/column"
	"mtric.net/mtric/engine/interval"
	"mtric.net/mtric/engine/measurement"
)

// medians are the latencies of a day that is over, of what is usual in the seven days after.
// They may be lost: then they are made anew.
type medians struct {
	Of            string            `json:"of"`    // a hash of the hours that they were made of
	VantagePoints []string          `json:"vps"`   // in order
	Pairs         map[string][]byte `json:"pairs"` // by RSI and path: a LatencyByte for each vantage point

	hash string // of Pairs
}

// usualDir is the folder of the medians of days.
const usualDir = ".usual"

func usualPath(day string) string { return filepath.Join(usualDir, day+".json") }

// pathKey is an RSI and path in keys: b-v6-udp.
func pathKey(rsi string, path int) string { return rsi + "-" + pathName(path) }

// mediansOf are those of a day; nil where there are none.
func (r *job) mediansOf(day string) *medians {
	if m, read := r.medians[day]; read {
		return m
	}
	m := &medians{}
	text, err := os.ReadFile(filepath.Join(r.Out, usualPath(day)))
	if err != nil || json.Unmarshal(text, m) != nil {
		m = nil
	}
	r.remember(day, m)
	return m
}

func (r *job) remember(day string, m *medians) {
	if m != nil {
		m.hash, _ = hashOf(m.VantagePoints, m.Pairs)
	}
	r.medians[day] = m
}

// usuals brings the medians of the days that are over up to date.
func (r *job) usuals(ctx context.Context) error {
	if !r.values {
		return nil
	}
	days, err := r.Lake.Days(column.Hours, time.Time{}, r.until)
	if err != nil {
		return fmt.Errorf("site: %w", err)
	}
	for _, d := range days {
		if err := ctx.Err(); err != nil || r.until.Before(d.Day.AddDate(0, 0, 1)) {
			return err
		}
		hours, err := r.identities(d.Day, column.Hours)
		if err != nil {
			return err
		}
		of, err := hashOf(hours, r.rsis)
		if err != nil {
			return err
		}
		if m := r.mediansOf(dayKey(d.Day)); m != nil && m.Of == of {
			continue
		}
		m, err := r.readMedians(d.Day)
		if err != nil {
			if err := r.leave(ctx, err); err != nil {
				return err
			}
			continue
		}
		m.Of = of
		text, err := json.Marshal(m)
		if err == nil {
			err = r.hidden(usualPath(dayKey(d.Day)), text)
		}
		if err != nil {
			return fmt.Errorf("site: %w", err)
		}
		r.remember(dayKey(d.Day), m)
	}
	return nil
}

// readMedians makes those of a day from the table hours.
func (r *job) readMedians(day time.Time) (*medians, error) {
	pairs := map[string]map[string]*sum{}
	vps := map[string]bool{}
	for rows, err := range column.Rows[measurement.Hour](r.Lake.Path(column.Hours, day)) {
		if errors.Is(err, fs.ErrNotExist) {
			break
		}
		if err != nil {
			return nil, ofLake(fmt.Errorf("site: %w", err))
		}
		for i := range rows {
			row := &rows[i]
			if row.Family == nil || row.Transport == nil || len(row.LatencyHistogram) == 0 {
				continue
			}
			path := slices.Index(allPaths, measurement.Path{Family: *row.Family, Transport: *row.Transport})
			if path < 0 || !slices.Contains(r.rsis, string(row.RSI)) {
				continue
			}
			name, vp := pathKey(string(row.RSI), path), string(row.VantagePoint)
			if pairs[name] == nil {
				pairs[name] = map[string]*sum{}
			}
			if pairs[name][vp] == nil {
				pairs[name][vp] = &sum{}
			}
			pairs[name][vp].answered(row.LatencyHistogram, row.LatencyMedianUS)
			vps[vp] = true
		}
	}
	m := &medians{VantagePoints: sortedKeys(vps), Pairs: map[string][]byte{}}
	for name, of := range pairs {
		for _, vp := range m.VantagePoints {
			b := byte(0)
			if s := of[vp]; s != nil {
				b = s.latency()
			}
			m.Pairs[name] = append(m.Pairs[name], b)
		}
	}
	return m, nil
}

// before are the medians of the seven days before a day, of those that have some.
func (r *job) before(day time.Time) (all []*medians) {
	for n := usualDays; n > 0; n-- {
		if m := r.mediansOf(dayKey(day.AddDate(0, 0, -n))); m != nil {
			all = append(all, m)
		}
	}
	return all
}

// usualHashes are hashes of what is usual of a day, where that is told.
func (r *job) usualHashes(day time.Time) (all []string) {
	if !r.values {
		return nil
	}
	for _, m := range r.before(day) {
		all = append(all, m.hash)
	}
	return all
}

// usualOf is what is usual of an RSI and path at vantage points, from a day on: a LatencyByte
// for each; empty where nothing is known of any.
func (r *job) usualOf(name string, from int64, vps []string) string {
	days := r.before(interval.Day(time.Unix(from, 0).UTC()))
	usual, some := make([]byte, len(vps)), false
	for i, vp := range vps {
		usual[i] = usualByte(days, name, vp)
		some = some || usual[i] > 0
	}
	if !some {
		return ""
	}
	return latencies(usual)
}

// usualByte is what is usual of an RSI and path at a vantage point: the lower median of the
// medians of days; 0 where nothing is known.
func usualByte(days []*medians, name, vp string) byte {
	var all []byte
	for _, m := range days {
		at, known := slices.BinarySearch(m.VantagePoints, vp)
		if of := m.Pairs[name]; known && at < len(of) && of[at] > 0 {
			all = append(all, of[at])
		}
	}
	if len(all) == 0 {
		return 0
	}
	slices.Sort(all)
	return all[(len(all)-1)/2]
}
