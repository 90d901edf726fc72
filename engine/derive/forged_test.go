package derive_test

import (
	"fmt"
	"net/netip"
	"path/filepath"
	"slices"
	"testing"

	"mtric.net/mtric/engine/derive"
	"mtric.net/mtric/engine/measurement"
	"mtric.net/mtric/engine/plan"
)

// Incorrect answers of all RSIs over one transport, at one vantage point, while another
// transport has correct ones, are its own trouble; what a few RSIs answer, or all over every
// transport, is theirs.
func TestForgedTransport(t *testing.T) {
	if n := len(derive.Paths()); n != 6 || len(measurement.Families) != 2 {
		t.Fatalf("%d paths: Trouble has room for 6", n)
	}
	const rsis = 6
	transports := []measurement.Transport{measurement.UDP, measurement.TCP}
	for what, c := range map[string]struct {
		wrong func(rsi, path int) bool // at vantage point 101
		own   []string                 // local, over these
		rsis  int                      // that have wrong
	}{
		"over UDP":             {func(_, path int) bool { return path%2 == 0 }, []string{"ipv4/udp", "ipv6/udp"}, 0},
		"over IPv4 UDP":        {func(_, path int) bool { return path == 0 }, []string{"ipv4/udp"}, 0},
		"over all":             {func(int, int) bool { return true }, nil, rsis},
		"two RSIs over all":    {func(rsi, _ int) bool { return rsi < 2 }, nil, 2},
		"one RSI over UDP":     {func(rsi, path int) bool { return rsi == 3 && path%2 == 0 }, nil, 1},
		"all but one over UDP": {func(rsi, path int) bool { return rsi != 1 && path%2 == 0 }, nil, rsis - 1},
	} {
		h := &history{plan: small(), labels: 40}
		h.plan.VantagePoints, h.plan.Servers = h.plan.VantagePoints[:2], nil
		h.plan.Queries = h.plan.Queries[:2]
		for i := range h.plan.Queries {
			h.plan.Queries[i].Transports = transports
		}
		for n := range rsis {
			h.plan.Servers = append(h.plan.Servers, plan.Server{Group: "root", RSI: measurement.RSI(string(rune('a' + n))), Port: 53, Addresses: []plan.Address{
				{Family: measurement.IPv4, Address: netip.MustParseAddr(fmt.Sprint("192.0.2.", n+1))}, {Family: measurement.IPv6, Address: netip.MustParseAddr(fmt.Sprint("2001:db8::", n+1))}}})
		}
		for _, v := range h.plan.VantagePoints {
			for n := range h.labels {
				h.runs = append(h.runs, measurement.Run{VantagePoint: v.ID, Interval: at(n), StartedAt: at(n), ReceivedAt: at(n)})
				for s, server := range h.plan.Servers {
					for path := range 4 {
						for _, q := range h.plan.Queries {
							if q.Label == "correctness" && (s+n)%4 != path && s > 3 { // every path has some, and two RSIs move
								continue
							}
							a := row(v.ID, n, q.Label, server.RSI, measurement.Families[path/2], server.Addresses[path/2].Address.String())
							a.Transport = transports[path%2]
							finish(&a, false, 1, v.ID == "101" && n >= 10 && n < 30 && c.wrong(s, path), false)
							h.answers = append(h.answers, a)
						}
					}
				}
			}
		}
		dir := t.TempDir()
		store := h.write(t, filepath.Join(dir, "Lake"), all)
		run(t, h.plan, store, filepath.Join(dir, "State"))
		events := read[measurement.Event](t, store)
		var own []string
		for _, e := range of(measurement.EventLocal, events) {
			own = append(own, *e.Family+"/"+*e.Transport)
			if e.From != at(10) || e.Until != at(30) || *e.VantagePoint != "101" {
				t.Errorf("%s: %+v", what, e)
			}
		}
		slices.Sort(own)
		if wrong := of(measurement.EventWrong, events); len(wrong) != c.rsis || !slices.Equal(own, c.own) {
			t.Errorf("%s: own trouble over %v, want %v; %d RSIs with incorrect answers, want %d", what, own, c.own, len(wrong), c.rsis)
		}
	}
}
