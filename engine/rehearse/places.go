package rehearse

import (
	"fmt"
	"time"

	"mtric.net/mtric/engine/measurement"
	"mtric.net/mtric/engine/report"
)

var placeScenarios = []Scenario{
	{"slow-clock", "a vantage point's clock is two days slow, and another's twenty minutes", slowClock},
	{"fast-clock", "a vantage point's clock is two days fast, and another's twenty minutes", fastClock},
	{"old-plan", "a vantage point measures by the plan of before a renumbering, and the old address is silent", oldPlan},
	{"liar", "who has the key of one vantage point tells the worst lies that we know", liar},
}

// slowClock is not known to be wrong on one day, believed to be right for three, and known
// to be wrong then, when its labels are those of which the report is.
func slowClock(s *script) {
	s.days = 7
	s.often = span{s.at(3, 4), s.at(3, 16)}
	s.clocks = []wrongClock{{vp: vp2, ahead: -20 * time.Minute, unknown: span{s.start, s.at(3, 0)}},
		{vp: vp3, ahead: -48 * time.Hour, unknown: span{s.start, s.at(2, 0)}, known: span{s.at(5, 0), time.Time{}}}}
	s.services = []service{s.flipping(s.rsi(1), span{s.at(3, 0), s.at(5, 0)})}
	s.holds = []scope{{vp: vp3}}
}

func fastClock(s *script) {
	s.days = 6
	s.clocks = []wrongClock{{vp: vp2, ahead: 20 * time.Minute, unknown: span{s.start, s.at(3, 0)}},
		{vp: vp3, ahead: 48 * time.Hour, unknown: span{s.start, s.at(2, 0)}, known: span{s.at(4, 0), time.Time{}}}}
	s.services = []service{s.flipping(s.rsi(1), span{s.at(3, 0), s.at(5, 0)})}
	s.holds = []scope{{vp: vp3}, {vp: vp2, rsi: s.rsi(1)}} // both arrive before their labels
}

// oldPlan asks an address that is silent from the day of the renumbering on.
func oldPlan(s *script) {
	s.days = 4
	moved, moves := s.rsi(3), s.at(2, 4)
	s.often = span{s.at(2, 4), s.at(2, 16)}
	s.renumber(moved, moves)
	for _, a := range s.addressesOf(moved) {
		s.silent = append(s.silent, silence{a.Address, span{moves, time.Time{}}})
	}
	s.old = []scope{{vp: vp3, span: span{moves, time.Time{}}}}
	s.services = []service{s.flipping(s.rsi(1), span{s.at(2, 6), s.at(2, 9)})}
	s.alerts = []string{"plan-mismatch"}
	s.check = func(d *report.Document) string { return offPlan(d, moved, vp3) }
}

// offPlan says what is wrong with how a report counts an RSI that one vantage point asks at
// another address than the plan's: not at all.
func offPlan(d *report.Document, moved measurement.RSI, old measurement.VantagePoint) string {
	if d.Coverage.OffPlan == 0 {
		return "no query is off plan"
	}
	for _, v := range d.Values {
		if v.RSI == moved && v.Metric == measurement.RSIAvailability && v.Count > 0 && *v.Numerator != *v.Denominator {
			return fmt.Sprintf("the availability of %s is %d/%d, and %s alone asked its old address", moved, *v.Numerator, *v.Denominator, old)
		}
	}
	return ""
}

// liar has the key of one vantage point. Of each lie there is an hour or two, in each
// interval of one day and once on those around it.
func liar(s *script) {
	s.days = 7
	s.liar, s.lying = vp3, span{s.at(2, 12), s.at(5, 0)}
	s.often = span{s.at(3, 3), s.at(3, 19)}
	s.services = []service{s.flipping(s.rsi(1), span{s.at(3, 6), s.at(3, 18)})}
	s.lies = []lie{showing(nextZone).in(2, 5), showing(futureSerial).in(5, 7), {7, 8, manySerials}, {8, 9, swapped}, {9, 10, invented}, {10, 12, stray},
		showing(futureSerial).in(12, 13), {12, 13, otherTimes}, {13, 14, manyAlerts}, showing(nextZone).in(16, 17)}
	s.answering(vp3, s.lying, 10, 11, broken)
	s.answering(vp3, s.lying, 11, 12, old)
	s.answering(vp3, s.lying, 17, 20, down)
	s.check = liarsReport
}

// liarsReport holds a report of the time in which one vantage point lied against the lies:
// they are seen, and change no more than they may.
func liarsReport(d *report.Document) string {
	if len(d.UnexpectedRSIs) == 0 {
		return "no RSI that was made up is told of"
	}
	rests := false
	for _, v := range d.Values {
		if rests = rests || len(v.RestsOn) > 0; len(v.RestsOn) > 0 && v.Fewest != 1 {
			return fmt.Sprintf("%s of %s rests on %v, and %d are to be left out", v.Metric, whose(v.RSI), v.RestsOn, v.Fewest)
		}
	}
	if !rests {
		return "the lies made no threshold be missed"
	}
	return ""
}
