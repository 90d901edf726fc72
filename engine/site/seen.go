package site

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"mtric.net/mtric/engine/measurement"
)

// seen is which RSI showed which serial of the root on a day: to which vantage points, from
// when to when. Runs that date nothing do not count.
type seen struct {
	VantagePoints []string                                    `json:"vps"`
	Serials       map[int64]map[string]*sighting              `json:"serials"`
	news          map[measurement.VantagePoint]map[int64]bool // serials that a vantage point was the first to show
}

// sighting is those of one RSI and serial.
type sighting struct {
	First time.Time `json:"first"`
	Last  time.Time `json:"last"`
	VPs   []int     `json:"vps"` // of seen.VantagePoints, in order
}

// How many serials a run may show and be trusted, and how many a vantage point may be the
// first to show on a day: a root zone has a few.
const (
	mostOfRun = 16
	mostNew   = 8
)

func newSeen(vps []measurement.VantagePoint) *seen {
	s := &seen{Serials: map[int64]map[string]*sighting{}, news: map[measurement.VantagePoint]map[int64]bool{}}
	for _, vp := range vps {
		s.VantagePoints = append(s.VantagePoints, string(vp))
	}
	return s
}

// shownSerial is a serial that an answer of a label shows.
type shownSerial struct {
	server int
	serial int64
}

// note takes what a run shows.
func (s *seen) note(at time.Time, vp int, id measurement.VantagePoint, all []shownSerial, rsis []string) {
	distinct := map[int64]bool{}
	for _, a := range all {
		distinct[a.serial] = true
	}
	if len(distinct) > mostOfRun {
		return
	}
	for _, a := range all {
		of := s.Serials[a.serial]
		if of == nil {
			if len(s.news[id]) >= mostNew {
				continue
			}
			if s.news[id] == nil {
				s.news[id] = map[int64]bool{}
			}
			s.news[id][a.serial] = true
			of = map[string]*sighting{}
			s.Serials[a.serial] = of
		}
		sight := of[rsis[a.server]]
		if sight == nil {
			sight = &sighting{First: at}
			of[rsis[a.server]] = sight
		}
		sight.Last = at
		if i, known := slices.BinarySearch(sight.VPs, vp); !known {
			sight.VPs = slices.Insert(sight.VPs, i, vp)
		}
	}
}

// seenDir is the folder of what is kept of days for the files of zones.
const seenDir = ".seen"

func (r *job) seenPath(day string) string { return filepath.Join(seenDir, day+".json") }

func (r *job) writeSeen(day time.Time, s *seen) error {
	text, err := json.Marshal(s)
	if err != nil {
		return fmt.Errorf("site: %w", err)
	}
	r.seen[dayKey(day)] = s
	return r.hidden(r.seenPath(dayKey(day)), text)
}

// allSeen reads what was kept of all days.
func (r *job) allSeen() error {
	names, err := r.have("../" + seenDir)
	if err != nil {
		return err
	}
	r.seen = map[string]*seen{}
	for _, name := range names {
		day, err := time.Parse("20060102.json", name)
		if err != nil {
			continue
		}
		s, err := r.readSeen(dayKey(day))
		if err != nil {
			return err
		}
		if s != nil {
			r.seen[dayKey(day)] = s
		}
	}
	return nil
}

// readSeen reads what was kept of a day; nil where there is none.
func (r *job) readSeen(day string) (*seen, error) {
	text, err := os.ReadFile(filepath.Join(r.Out, r.seenPath(day)))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("site: %w", err)
	}
	s := &seen{}
	if json.Unmarshal(text, s) != nil {
		return nil, nil
	}
	for _, rsis := range s.Serials {
		for _, sight := range rsis {
			sight.VPs = slices.DeleteFunc(sight.VPs, func(at int) bool { return at < 0 || at >= len(s.VantagePoints) })
		}
	}
	return s, nil
}
