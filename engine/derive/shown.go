package derive

import (
	"cmp"
	"slices"
)

// mostSerials is how many serials a run may show and be trusted.
const mostSerials = 16

// shown is which serial of the root each RSI showed each vantage point, label by label, in
// trusted runs.
type shown struct {
	*frame
	serials []uint32
	codes   []uint8 // by server, vantage point, label: 1 + place in serials; 0 is none
	first   []first // in no order
	met     map[sight]bool
}

type sight struct {
	serial uint32
	vp     int
}

func newShown(f *frame) shown {
	return shown{frame: f, codes: make([]uint8, len(f.servers)*len(f.vps)*perDay), met: map[sight]bool{}}
}

func compareFirst(a, b first) int {
	return cmp.Or(cmp.Compare(a.Serial, b.Serial), cmp.Compare(a.VantagePoint, b.VantagePoint))
}

// note takes what a label shows.
func (s *shown) note(at int, l *label, r *runs) {
	for vp, id := range s.vps {
		if len(l.serials[vp]) == 0 || len(l.serials[vp]) > mostSerials || !r.trusted(vp, at) {
			continue
		}
		for serial := range l.serials[vp] {
			if !s.met[sight{serial, vp}] {
				s.met[sight{serial, vp}] = true
				s.first = append(s.first, first{serial, id, s.frame.label(at)})
			}
		}
		for server := range s.servers {
			if i := l.pair(vp, server); l.shows[i] == 1 {
				s.codes[(server*len(s.vps)+vp)*perDay+at] = s.code(l.shown[i])
			}
		}
	}
}

// code is that of a serial; beyond 255 of a day there is none.
func (s *shown) code(serial uint32) uint8 {
	at := slices.Index(s.serials, serial)
	if at < 0 {
		if at = len(s.serials); at == 255 {
			return 0
		}
		s.serials = append(s.serials, serial)
	}
	return uint8(at + 1)
}
