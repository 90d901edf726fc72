package rehearse

import (
	"time"

	"mtric.net/mtric/engine/measurement"
)

var placeScenarios = []Scenario{
	{"slow-clock", "a vantage point's clock is two days slow, and another's twenty minutes", slowClock},
	{"fast-clock", "a vantage point's clock is two days fast, and another's twenty minutes", fastClock},
	{"liar", "a vantage point shows serials of zones that are not there yet", liar},
}

// slowClock is known to be wrong only after some days.
func slowClock(s *script) {
	s.days = 6
	s.clocks = []clock{{vp2, -20 * time.Minute, span{}}, {vp3, -48 * time.Hour, span{s.at(4, 0), time.Time{}}}}
	s.services = []service{s.flipping(s.rsi(1), span{s.at(3, 0), s.at(5, 0)})}
	s.holds = []scope{{vp: vp3}}
}

func fastClock(s *script) {
	s.days = 6
	s.clocks = []clock{{vp2, 20 * time.Minute, span{}}, {vp3, 48 * time.Hour, span{s.at(4, 0), time.Time{}}}}
	s.services = []service{s.flipping(s.rsi(1), span{s.at(3, 0), s.at(5, 0)})}
	s.holds = []scope{{vp: vp3}, {vp: vp2, rsi: s.rsi(1)}} // both arrive before their labels
}

// liar has a good key of one vantage point and shows the serials that come next, a few at
// each RSI, then hundreds.
func liar(s *script) {
	s.days = 7
	from, until := s.at(2, 12), s.at(5, 0)
	s.services = []service{s.flipping(s.rsi(1), span{s.at(3, 0), s.at(4, 0)})}
	s.holds = []scope{{vp: vp3, span: span{from, until.Add(window)}}}
	s.lie = func(h *hour, a *measurement.Answer) {
		if h.vp != vp3 || !within(h.at, from, until) || a.Serial == nil {
			return
		}
		next := int64(2)
		if h.at.Hour()%6 == 0 { // more than a run can show
			next = 2 + int64(hash(string(a.RSI)+string(a.Family)+string(a.Transport))%1000)
		}
		a.Serial = new(*a.Serial + next)
	}
}
