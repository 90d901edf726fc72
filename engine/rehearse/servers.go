package rehearse

import (
	"time"

	"mtric.net/mtric/engine/lab"
)

var serverScenarios = []Scenario{
	{"stale-rsi", "a server takes no new zone for five days", staleRSI},
	{"flipped-bit", "one bit of a server's answers differs", flippedBit},
	{"replay", "on the way to one vantage point answers of four days ago come back, still validly signed", replay},
}

func staleRSI(s *script) {
	s.days = 9
	s.services = s.stuck(s.rsi(7), s.at(3, 0), s.at(8, 0))
}

func flippedBit(s *script) {
	s.days = 6
	s.services = []service{s.flipping(s.rsi(1), span{s.at(3, 0), s.at(5, 0)})}
}

func replay(s *script) {
	s.days = 8
	s.services = []service{{rsi: s.rsi(2), vp: vp2, span: span{s.at(6, 0), s.at(7, 12)}, fault: "replayed answers",
		zone: func(r *root, _ time.Time) *lab.Zone { return r.published(s.at(2, 0), false).zone }}}
}
