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
	"mtric.net/mtric/metrics"
)

// seen is what is kept of a day's answers: which RSI showed which serial of the root, to which
// vantage points, from when to when, where runs that date nothing do not count; and what failed
// in vantage points' own trouble.
type seen struct {
	Form          int                            `json:"form"`
	VantagePoints []string                       `json:"vps"`
	Serials       map[int64]map[string]*sighting `json:"serials"`
	Unanswered    map[string]witnesses           `json:"unanswered"` // by RSI: who asked all that is planned, and was shown no serial
	Trouble       map[string]map[string][]int    `json:"trouble"`    // by vantage point, RSI and path: hour, failures and incorrect answers in its own trouble, as the table hours counts them
	news          map[string]map[int64]bool      // serials that a vantage point was the first to show
}

// sighting is those of one RSI and serial.
type sighting struct {
	First  time.Time `json:"first"`
	Last   time.Time `json:"last"`
	VPs    []int     `json:"vps"`    // of seen.VantagePoints, in order
	Oldest witnesses `json:"oldest"` // those to whom it was the oldest shown, as metrics and the events of kind stale go by it
}

// seenForm changes whenever other things are kept of a day.
const seenForm = 2

// witnesses are how many vantage points say something, label by label of a day: 0, 1, or 2
// for as many as are enough, which is two, or one where the plan has no other. In files they
// are pairs (value, how many labels).
type witnesses []byte

const enough = 2

// note adds one at a label.
func (w *witnesses) note(label int, alone bool) {
	for len(*w) <= label {
		*w = append(*w, 0)
	}
	if (*w)[label]++; alone || (*w)[label] > enough {
		(*w)[label] = enough
	}
}

func (w witnesses) at(label int) int {
	if label >= len(w) {
		return 0
	}
	return int(w[label])
}

// MarshalJSON writes pairs.
func (w witnesses) MarshalJSON() ([]byte, error) {
	var runs []run[int]
	for _, n := range w {
		runs = add(runs, int(n), 1)
	}
	return json.Marshal(pairs(runs))
}

// UnmarshalJSON reads them.
func (w *witnesses) UnmarshalJSON(text []byte) error {
	var all []int
	if err := json.Unmarshal(text, &all); err != nil {
		return err
	}
	*w = nil
	for i := 0; i+1 < len(all); i += 2 {
		if all[i] < 0 || all[i] > enough || all[i+1] < 1 || all[i+1] > labels-len(*w) {
			return errors.New("no runs of a day's labels")
		}
		for range all[i+1] {
			*w = append(*w, byte(all[i]))
		}
	}
	return nil
}

// How many serials a run may show and be trusted, and how many a vantage point may be the
// first to show on a day: a root zone has a few.
const (
	mostOfRun = 16
	mostNew   = 8
)

func newSeen(vps []measurement.VantagePoint) *seen {
	s := &seen{Form: seenForm, Serials: map[int64]map[string]*sighting{}, Unanswered: map[string]witnesses{}, Trouble: map[string]map[string][]int{}, news: map[string]map[int64]bool{}}
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

// looked is a label at which a vantage point asked.
type looked struct {
	label int
	at    time.Time
	vp    int
	alone bool // nobody else is to ask then
}

// note takes what a run shows.
func (s *seen) note(l looked, all []shownSerial, rsis []string) {
	distinct := map[int64]bool{}
	for _, a := range all {
		distinct[a.serial] = true
	}
	if len(distinct) > mostOfRun {
		return
	}
	oldest := map[int]int64{} // by server; noSerial where they have no order
	for _, a := range all {
		if s.sighted(l, a, rsis[a.server]) {
			was, some := oldest[a.server]
			oldest[a.server] = a.serial
			if some {
				oldest[a.server] = older(was, a.serial)
			}
		}
	}
	for server, serial := range oldest {
		if serial != noSerial {
			s.Serials[serial][rsis[server]].Oldest.note(l.label, l.alone)
		}
	}
}

// sighted notes that a serial was shown; not of one too many.
func (s *seen) sighted(l looked, a shownSerial, rsi string) bool {
	of, id := s.Serials[a.serial], s.VantagePoints[l.vp]
	if of == nil {
		if len(s.news[id]) >= mostNew {
			return false
		}
		if s.news[id] == nil {
			s.news[id] = map[int64]bool{}
		}
		s.news[id][a.serial] = true
		of = map[string]*sighting{}
		s.Serials[a.serial] = of
	}
	sight := of[rsi]
	if sight == nil {
		sight = &sighting{First: l.at}
		of[rsi] = sight
	}
	sight.Last = l.at
	if i, known := slices.BinarySearch(sight.VPs, l.vp); !known {
		sight.VPs = slices.Insert(sight.VPs, i, l.vp)
	}
	return true
}

// unanswered notes that all that is planned was asked of an RSI, and no serial came.
func (s *seen) unanswered(l looked, rsi string) {
	w := s.Unanswered[rsi]
	w.note(l.label, l.alone)
	s.Unanswered[rsi] = w
}

// inTrouble adds what failed within an hour in a vantage point's own trouble.
func (s *seen) inTrouble(hour, vp int, name string, failed, incorrect int) {
	of := s.Trouble[s.VantagePoints[vp]]
	if of == nil {
		of = map[string][]int{}
		s.Trouble[s.VantagePoints[vp]] = of
	}
	all := of[name]
	if n := len(all); n == 0 || all[n-3] != hour {
		all = append(all, hour, 0, 0)
	}
	n := len(all)
	all[n-2], all[n-1] = all[n-2]+failed, all[n-1]+incorrect
	of[name] = all
}

// troubled is what failed within an hour in a vantage point's own trouble, and how much of
// that was incorrect.
func (s *seen) troubled(hour int, vp, name string) (failed, incorrect int) {
	if s == nil {
		return 0, 0
	}
	all := s.Trouble[vp][name]
	for i := 0; i+2 < len(all); i += 3 {
		if all[i] == hour {
			return all[i+1], all[i+2]
		}
	}
	return 0, 0
}

// older is the older of two serials (RFC 1982); noSerial where they have no order.
func older(a, b int64) int64 {
	switch {
	case a == noSerial || b == noSerial:
		return noSerial
	case a == b, metrics.Newer(uint32(b), uint32(a)):
		return a
	case metrics.Newer(uint32(a), uint32(b)):
		return b
	}
	return noSerial
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
	if json.Unmarshal(text, s) != nil || s.Form != seenForm {
		return nil, nil
	}
	for _, rsis := range s.Serials {
		for _, sight := range rsis {
			sight.VPs = slices.DeleteFunc(sight.VPs, func(at int) bool { return at < 0 || at >= len(s.VantagePoints) })
		}
	}
	return s, nil
}
