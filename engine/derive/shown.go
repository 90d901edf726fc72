package derive

import (
	"cmp"
	"slices"
)

// mostSerials is how many serials a run may show and be trusted.
const mostSerials = 16

// shown notes which serial of the root each RSI showed each vantage point, label by label,
// in trusted runs.
type shown struct {
	*frame
	*digest
	first []first // in no order
	met   map[sight]bool
}

type sight struct {
	serial uint32
	vp     int
}

func compareFirst(a, b first) int {
	return cmp.Or(cmp.Compare(a.Serial, b.Serial), cmp.Compare(a.VantagePoint, b.VantagePoint))
}

// note takes what a label shows.
func (s *shown) note(at int, l *label, r *runs) {
	for vp, id := range s.vps {
		for server := range s.servers {
			s.Shown[(server*len(s.vps)+vp)*perDay+at] = 0
		}
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
				s.Shown[(server*len(s.vps)+vp)*perDay+at] = s.code(l.shown[i])
			}
		}
	}
}

// code is that of a serial; beyond 255 of a day there is none.
func (s *shown) code(serial uint32) uint8 {
	at := slices.Index(s.Serials, serial)
	if at < 0 {
		if at = len(s.Serials); at == 255 {
			return 0
		}
		s.Serials = append(s.Serials, serial)
	}
	return uint8(at + 1)
}
