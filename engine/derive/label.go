package derive

import (
	"mtric.net/mtric/engine/measurement"
	"mtric.net/mtric/metrics"
)

// label is what became of the queries of one interval at all vantage points.
type label struct {
	*frame
	cells   []uint8           // by vantage point, server, path: the best that any query became
	trouble []Trouble         // by vantage point
	offPlan []int32           // by vantage point
	clock   []bool            // by vantage point: an answer shows that its clock is wrong
	wrongs  []int32           // by vantage point, server, path: incorrect answers
	shown   []uint32          // by vantage point, server: the oldest serial of good answers
	shows   []uint8           // by vantage point, server: 1 where shown is one, 2 where its serials have no order
	serials []map[uint32]bool // by vantage point: of all its good answers; nil for none
}

func newLabel(f *frame) *label {
	pairs := len(f.vps) * len(f.servers)
	return &label{frame: f, cells: make([]uint8, pairs*len(allPaths)),
		trouble: make([]Trouble, len(f.vps)),
		offPlan: make([]int32, len(f.vps)), clock: make([]bool, len(f.vps)), wrongs: make([]int32, pairs*len(allPaths)),
		shown: make([]uint32, pairs), shows: make([]uint8, pairs), serials: make([]map[uint32]bool, len(f.vps))}
}

func (l *label) reset() {
	clear(l.cells)
	clear(l.trouble)
	clear(l.offPlan)
	clear(l.clock)
	clear(l.wrongs)
	clear(l.shows)
	clear(l.serials)
}

func (l *label) pair(vp, server int) int { return vp*len(l.servers) + server }

// take notes a query that was sent to the plan's address.
func (l *label) take(vp, server, path int, became uint8, wrong bool) {
	at := l.pair(vp, server)*len(allPaths) + path
	l.cells[at] = max(l.cells[at], became)
	l.trouble[vp].Take(path, became == bad, wrong)
	if wrong {
		l.wrongs[at]++
	}
}

// wrong counts the incorrect answers of a server, without those that vantage points got in
// trouble of their own.
func (l *label) wrong(vp, server int) (n int32) {
	for path := range allPaths {
		if t := &l.trouble[vp]; !t.Own(path/len(measurement.Transports)) && !t.Forged(path) {
			n += l.wrongs[l.pair(vp, server)*len(allPaths)+path]
		}
	}
	return n
}

// sight notes that a serial of the root was shown, whoever showed it.
func (l *label) sight(vp int, s uint32) {
	if l.serials[vp] == nil {
		l.serials[vp] = map[uint32]bool{}
	}
	l.serials[vp][s] = true
}

// show notes the root's serial that a good answer shows; what counts is the oldest [cnj].
func (l *label) show(vp, server int, s uint32) {
	l.sight(vp, s)
	at := l.pair(vp, server)
	switch {
	case l.shows[at] == 0:
		l.shown[at], l.shows[at] = s, 1
	case l.shown[at] == s || metrics.Newer(s, l.shown[at]):
	case metrics.Newer(l.shown[at], s):
		l.shown[at] = s
	default:
		l.shows[at] = 2
	}
}

// of is what became of a server's queries over a path; unsent where its vantage point is in
// trouble itself.
func (l *label) of(vp, server, path int) uint8 {
	if l.trouble[vp].Own(path / len(measurement.Transports)) {
		return unsent
	}
	return l.cells[l.pair(vp, server)*len(allPaths)+path]
}
