package site

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"time"

	"mtric.net/mtric/engine/column"
	"mtric.net/mtric/engine/files"
	"mtric.net/mtric/engine/measurement"
)

// madeFile is what the site's files were made of. It may be lost: then all is made anew.
const madeFile = ".made.json"

type made struct {
	Basis   string               `json:"basis"` // the program, the edition and the part of the plan that all rests on
	Until   time.Time            `json:"until"` // end of the hours that were over
	Days    map[string]madeDay   `json:"days"`
	Events  map[string]madeEvent `json:"events"`  // by month
	Reports string               `json:"reports"` // a hash of the monthly reports
	Derived string               `json:"derived"` // a hash of the days that derive remembers: publication times rest on them
}

// madeDay is hashes of what a day was made of, and its vantage points where the plan names
// none.
type madeDay struct {
	Fine          string                     `json:"fine,omitempty"`   // its five minutes
	Coarse        string                     `json:"coarse"`           // its blocks of the month's and the year's tiles
	Blocks        bool                       `json:"blocks,omitempty"` // there are such
	Asked         bool                       `json:"asked,omitempty"`  // somebody asked for it: its five minutes stay
	VantagePoints []measurement.VantagePoint `json:"vps,omitempty"`
}

// madeEvent is a hash of what a month's events were made of, in how many files they are,
// whether one may go on, and which were long.
type madeEvent struct {
	Of    string `json:"of"`
	Files int    `json:"files"`
	Open  bool   `json:"open,omitempty"`
	Long  []Span `json:"long,omitempty"` // from the day of each event that ended longer after than the feed goes back
}

// form changes whenever other files are made of the same lake and plan.
const form = 3

func (s *Site) readMade(basis string) *made {
	m := &made{}
	data, err := os.ReadFile(filepath.Join(s.Out, madeFile))
	if err != nil || json.Unmarshal(data, m) != nil || m.Basis != basis {
		m = &made{Basis: basis}
	}
	if m.Days == nil {
		m.Days = map[string]madeDay{}
	}
	if m.Events == nil {
		m.Events = map[string]madeEvent{}
	}
	return m
}

// made keeps what the files were made of, once these are on the disk: of a file that is
// not whole it would say that there is nothing to do.
func (w *writer) made(m *made) error {
	text, err := json.Marshal(m)
	if err != nil {
		return fmt.Errorf("site: %w", err)
	}
	if old, err := os.ReadFile(filepath.Join(w.out, madeFile)); err == nil && bytes.Equal(old, text) {
		return nil
	}
	if err := w.sync(); err != nil {
		return err
	}
	return w.hidden(madeFile, text)
}

// basis is a hash of all that every file of a site depends on, the lake aside.
func (s *Site) basis() (string, error) {
	p := s.Plan
	return hashOf(form, s.Edition, p.SiteOf(string(s.Edition)).Open, p.VantagePoints, p.Servers, p.Schedules, p.Queries, p.Exclusions, p.Thresholds)
}

func hashOf(parts ...any) (string, error) {
	text, err := json.Marshal(parts)
	if err != nil {
		return "", fmt.Errorf("site: %w", err)
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:12]), nil
}

// identities are those of a day's files.
func (s *Site) identities(day time.Time, tables ...column.Table) (all []string, err error) {
	for _, t := range tables {
		is, err := files.Identity(s.Lake.Path(t, day))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("site: %w", err)
		}
		all = append(all, is)
	}
	return all, nil
}

func sortedKeys[T any](m map[string]T) []string {
	return slices.Sorted(maps.Keys(m))
}
