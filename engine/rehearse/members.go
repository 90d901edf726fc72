package rehearse

import (
	"fmt"
	"net/netip"
	"slices"
	"time"

	"mtric.net/mtric/engine/measurement"
	"mtric.net/mtric/engine/plan"
	"mtric.net/mtric/engine/report"
	"mtric.net/mtric/metrics"
)

// Scenarios in which the root server identifiers, or their addresses, change.
var memberScenarios = []Scenario{
	{"renumbering", "a server gets other addresses, and the old ones answer still; one vantage point learns of it two hours late", renumbering},
	{"rsi-joins", "two RSIs join within the period, and one vantage point has asked them for days", rsiJoins},
	{"rsi-leaves", "two RSIs leave within the period, and one vantage point goes on asking them", rsiLeaves},
}

// addressesOf are the addresses that an RSI has when all begins.
func (s *script) addressesOf(rsi measurement.RSI) (now []plan.Address) {
	for _, server := range s.plan.Servers {
		for _, family := range measurement.Families {
			if a, found := server.AddressAt(family, s.start); found && server.RSI == rsi {
				now = append(now, plan.Address{Family: family, Address: a})
			}
		}
	}
	return now
}

// dated gives an RSI its addresses from a time on, or until then; nil is no bound.
func (s *script) dated(rsi measurement.RSI, from, until *time.Time) []plan.Address {
	all := s.addressesOf(rsi)
	for i := range all {
		all[i].From, all[i].Until = from, until
	}
	return all
}

// readdress makes these the addresses of an RSI.
func (s *script) readdress(rsi measurement.RSI, addresses []plan.Address) {
	if s.addresses == nil {
		s.addresses = map[measurement.RSI][]plan.Address{}
	}
	s.addresses[rsi] = addresses
}

// Addresses for documentation (RFC 5737, RFC 3849).
var newAddresses = map[measurement.Family]netip.Addr{
	measurement.IPv4: netip.MustParseAddr("198.51.100.53"),
	measurement.IPv6: netip.MustParseAddr("2001:db8::53"),
}

// renumber gives an RSI other addresses from a time on.
func (s *script) renumber(rsi measurement.RSI, at time.Time) {
	addresses := s.dated(rsi, nil, &at)
	for _, a := range slices.Clone(addresses) {
		addresses = append(addresses, plan.Address{Family: a.Family, Address: newAddresses[a.Family], From: &at})
	}
	slices.SortStableFunc(addresses, func(a, b plan.Address) int {
		return slices.Index(measurement.Families, a.Family) - slices.Index(measurement.Families, b.Family)
	})
	s.readdress(rsi, addresses)
}

// renumbering has the new addresses answer from the day before.
func renumbering(s *script) {
	s.days = 4
	moved, moves := s.rsi(3), s.at(2, 8)
	s.often = span{s.at(2, 4), s.at(2, 16)}
	s.renumber(moved, moves)
	for _, a := range newAddresses {
		s.silent = append(s.silent, silence{a, span{time.Time{}, moves.AddDate(0, 0, -1)}})
	}
	s.old = []scope{{vp: vp3, span: span{time.Time{}, moves.Add(2 * time.Hour)}}}
	s.services = []service{s.flipping(s.rsi(1), span{s.at(2, 6), s.at(2, 9)})}
	s.check = func(d *report.Document) string {
		if len(d.Frames) != 1 {
			return fmt.Sprintf("%d frames, and a renumbering makes none", len(d.Frames))
		}
		return offPlan(d, moved, vp3)
	}
}

// k is what suffices of n RSIs: two thirds of the others, rounded up.
func k(n int) int {
	for k := 1; ; k++ {
		if 3*k >= 2*(n-1) {
			return k
		}
	}
}

// changeMembers lets two RSIs come or go while it is measured often. Where they are not yet, or
// no more, their addresses are silent, and one vantage point asks them all the same. As
// many others as may be are down in that time.
func (s *script) changeMembers(at time.Time, joins bool, outage span) {
	two := s.rsis[len(s.rsis)-2:]
	from, until, without := &at, (*time.Time)(nil), span{time.Time{}, at}
	if !joins {
		from, until, without = nil, &at, span{at, time.Time{}}
	}
	for _, rsi := range two {
		s.readdress(rsi, s.dated(rsi, from, until))
		for _, a := range s.addressesOf(rsi) {
			s.silent = append(s.silent, silence{a.Address, without})
		}
	}
	s.old = []scope{{vp: vp3, span: without}}
	fewer := len(s.rsis) - len(two)
	for _, rsi := range s.rsis[:fewer-k(fewer)] {
		for _, a := range s.addressesOf(rsi) {
			s.silent = append(s.silent, silence{a.Address, outage})
		}
		s.misses = append(s.misses, missed{measurement.RSIAvailability, rsi})
	}
	s.alerts = []string{"plan-mismatch"}
	s.check = func(d *report.Document) string { return s.frameProblem(d, two, joins) }
}

// frameProblem says what is wrong with the frames of a report, and with the availability of the
// system and of the RSIs that came or went.
func (s *script) frameProblem(d *report.Document, two []measurement.RSI, joins bool) string {
	var got []int
	for _, f := range d.Frames {
		got = append(got, f.N, f.K)
	}
	n := len(s.rsis)
	want := []int{n - 2, k(n - 2), n, k(n)}
	if !joins {
		want = []int{n, k(n), n - 2, k(n - 2)}
	}
	if !slices.Equal(got, want) {
		return fmt.Sprintf("n and k are %v, they were %v", got, want)
	}
	if d.Coverage.Stray == 0 {
		return "no query is stray, and an RSI was asked that was none"
	}
	for _, v := range d.Values {
		of := v.Metric == measurement.RSIAvailability && slices.Contains(two, v.RSI) || v.Metric == measurement.RSSAvailability
		if of && v.Count > 0 && v.Verdict != metrics.Pass {
			return fmt.Sprintf("%s of %s is %s, and it did nothing wrong", v.Metric, whose(v.RSI), v.Verdict)
		}
	}
	return ""
}

func rsiJoins(s *script) {
	s.days = 4
	s.often = span{s.at(2, 4), s.at(2, 18)}
	s.changeMembers(s.at(2, 12), true, span{s.at(2, 7), s.at(2, 9)})
}

func rsiLeaves(s *script) {
	s.days = 4
	s.often = span{s.at(2, 4), s.at(2, 18)}
	s.changeMembers(s.at(2, 10), false, span{s.at(2, 12), s.at(2, 14)})
}
