package probe

import (
	"cmp"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/google/renameio/v2"

	"mtric.net/mtric/engine/measurement"
)

// Bounds of what is remembered: RSIs decide what they show.
const (
	mostShown    = 16                  // serials, and identities, of an RSI on a path
	longestShown = 64                  // bytes of an identity; for a longer one its digest stands
	maxShownFile = 4 << 20             // bytes
	shownFor     = 30 * 24 * time.Hour // then an RSI and path that shows nothing is forgotten
)

// Shown remembers which serials and identities (NSID) each RSI has shown on each path, the
// last ones of each, so that an answer that shows another can be kept. It remembers from
// one run to the next by Write and ReadShown. The zero value remembers nothing.
type Shown struct {
	paths map[shownKey]*shown
}

type shownKey struct {
	rsi  measurement.RSI
	path measurement.Path
}

// shown is what was shown on one path, the latest last.
type shown struct {
	RSI       measurement.RSI       `json:"rsi"`
	Family    measurement.Family    `json:"family"`
	Transport measurement.Transport `json:"transport"`
	Interval  time.Time             `json:"interval"` // of the last answer
	Serials   []int64               `json:"serials"`
	NSIDs     []string              `json:"nsids"`
}

// ReadShown reads what Write wrote; without a file nothing is remembered. With an error it
// returns what is good to go on with: nothing remembered.
func ReadShown(path string) (*Shown, error) {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return &Shown{}, nil
	}
	if err != nil {
		return &Shown{}, fmt.Errorf("what RSIs have shown: %w", err)
	}
	defer f.Close()
	var all []*shown
	if err := json.NewDecoder(io.LimitReader(f, maxShownFile)).Decode(&all); err != nil {
		return &Shown{}, fmt.Errorf("what RSIs have shown: %s: %w; it begins anew", path, err)
	}
	s := &Shown{paths: map[shownKey]*shown{}}
	for _, on := range all {
		if on != nil {
			s.paths[on.key()] = on
		}
	}
	return s, nil
}

// Write keeps what is remembered in a file, whole or not at all.
func (s *Shown) Write(path string) error {
	all := []*shown{}
	var last time.Time
	for _, on := range s.paths {
		if on.Interval.After(last) {
			last = on.Interval
		}
	}
	for _, on := range s.paths {
		if last.Sub(on.Interval) <= shownFor {
			all = append(all, on)
		}
	}
	slices.SortFunc(all, func(a, b *shown) int {
		return cmp.Or(cmp.Compare(a.RSI, b.RSI), cmp.Compare(a.Family, b.Family), cmp.Compare(a.Transport, b.Transport))
	})
	data, err := json.Marshal(all)
	if err == nil {
		err = renameio.WriteFile(path, append(data, '\n'), 0o644, renameio.WithTempDir(filepath.Dir(path)))
	}
	if err != nil {
		return fmt.Errorf("what RSIs have shown: %w", err)
	}
	return nil
}

func (s *shown) key() shownKey {
	return shownKey{s.RSI, measurement.Path{Family: s.Family, Transport: s.Transport}}
}

// note remembers what an answer shows, and says whether it is the first of its RSI and
// path to show that serial or that identity. An answer without an identity that was asked
// for counts as one of its own.
func (s *Shown) note(a *measurement.Answer, askedNSID bool) (first bool) {
	on := &shown{RSI: a.RSI, Family: a.Family, Transport: a.Transport}
	if s.paths == nil {
		s.paths = map[shownKey]*shown{}
	}
	if known := s.paths[on.key()]; known != nil {
		on = known
	}
	s.paths[on.key()], on.Interval = on, a.Interval
	if a.Serial != nil {
		on.Serials, first = remember(on.Serials, *a.Serial)
	}
	if askedNSID {
		var another bool
		on.NSIDs, another = remember(on.NSIDs, identity(a.NSID))
		first = first || another
	}
	return first
}

// identity is an NSID of bounded length.
func identity(nsid *string) string {
	switch {
	case nsid == nil:
		return ""
	case len(*nsid) > longestShown:
		return fmt.Sprintf("sha256:%x", sha256.Sum256([]byte(*nsid)))[:longestShown]
	}
	return *nsid
}

// remember puts what was shown at the end of the list and says whether it was not there.
func remember[T comparable](list []T, shown T) ([]T, bool) {
	at := slices.Index(list, shown)
	if at >= 0 {
		list = slices.Delete(list, at, at+1)
	}
	list = append(list, shown)
	return list[max(0, len(list)-mostShown):], at < 0
}
