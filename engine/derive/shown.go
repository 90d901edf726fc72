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
	all []sights // in no order
	at  map[sight]int
}

type sight struct {
	serial uint32
	vp     int
}

func compareSights(a, b sights) int {
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
			n, known := s.at[sight{serial, vp}]
			if !known {
				n = len(s.all)
				s.at[sight{serial, vp}] = n
				s.all = append(s.all, sights{serial, id, make([]byte, (perHour+7)/8)})
			}
			s.all[n].add(at % perHour)
		}
		for server := range s.servers {
			if i := l.pair(vp, server); l.shows[i] == 1 {
				s.Shown[(server*len(s.vps)+vp)*perDay+at] = s.code(l.shown[i])
			}
		}
	}
}

// code is that of a serial. There are fewer than 65,535: a run that is trusted shows few.
func (s *shown) code(serial uint32) uint16 {
	at := slices.Index(s.Serials, serial)
	if at < 0 {
		if at = len(s.Serials); at == 1<<16-1 {
			return 0
		}
		s.Serials = append(s.Serials, serial)
	}
	return uint16(at + 1)
}
