package rehearse

import (
	"time"

	"mtric.net/mtric/engine/lab"
)

var collectorScenarios = []Scenario{
	{"young-archive", "the archive begins when measuring does, and one server has the zone before", youngArchive},
	{"collector-away", "the collector is away for eight days, and the vantage points' files wait", collectorAway},
	{"site-off", "nothing is measured or fetched for eight days, and one server is a day behind afterwards", siteOff},
	{"stale-before-archive", "a server has a zone that is older than the archive", staleBeforeArchive},
}

// youngArchive is a server that shows, quite in time, a zone that nobody here has.
func youngArchive(s *script) {
	s.days = 5
	s.measured = s.start
	s.publications = append([]publication{{signed: s.at(-2, 16)}, {signed: s.at(-1, 4)}}, s.twiceADay()...)
	old := s.rsi(10)
	s.services = []service{{rsi: old, span: span{s.start, s.at(0, 20)}, soa: true, zone: func(r *root, _ time.Time) *lab.Zone { return r.versions[1].zone }}}
	s.holds = []scope{{rsi: old, span: span{s.start, s.at(0, 20)}}}
	s.mended = "the zone of before added"
	s.mend = func(p *player) error { return p.add(p.root.versions[1]) }
}

// collectorAway comes back to the files of two vantage points. Those of the last day of the
// third come after the report.
func collectorAway(s *script) {
	s.days = 12
	s.away = []span{{s.at(2, 1), s.at(10, 1)}}
	s.holds = []scope{{span: span{s.at(2, 1), s.at(10, 3)}}}
	s.services = []service{s.flipping(s.rsi(1), span{s.at(5, 0), s.at(7, 0)})}
	s.alerts = []string{"serial-gaps"}
	s.kept = []scope{{vp: vp3, span: span{s.at(11, 0), time.Time{}}}}
	s.mended = "the zones by {serial}"
	s.mend = func(p *player) error {
		p.script.sources = append(p.script.sources, source{label: "archive", bySerial: true})
		return p.sendKept()
	}
}

// siteOff comes back to a server that is behind, but by less than is allowed, and to one
// that has not moved since.
func siteOff(s *script) {
	s.days = 14
	back := s.at(10, 1)
	s.off = []span{{s.at(2, 1), back}}
	behind, stale := s.rsi(2), s.rsi(4)
	s.services = append(s.stuck(stale, s.at(8, 0), s.at(13, 12)),
		service{rsi: behind, span: span{back, back.Add(12 * time.Hour)}, soa: true, zone: func(r *root, _ time.Time) *lab.Zone { return r.published(back.Add(-30*time.Hour), false).zone }})
	s.holds = []scope{{span: span{back, back.Add(2 * time.Hour)}}, {rsi: behind, span: span{back, back.Add(12 * time.Hour)}}, {rsi: stale, span: span{back, s.at(13, 12)}}}
	s.mended = "the zones by {serial}"
	s.mend = func(p *player) error { return p.add(p.versions(s.at(7, 0), s.at(10, 0))...) }
}

func staleBeforeArchive(s *script) {
	s.days = 6
	s.publications = append([]publication{{signed: s.at(-5, 4)}, {signed: s.at(-4, 4)}}, s.twiceADay()...)
	stale := s.rsi(5)
	s.services = []service{{rsi: stale, span: span{s.start, s.at(5, 0)}, soa: true, fault: "stale zone", zone: func(r *root, _ time.Time) *lab.Zone { return r.versions[1].zone }}}
	s.holds = []scope{{rsi: stale, span: span{s.start, s.at(2, 2)}}}
}
