package lab_test

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"strings"
	"sync"
	"testing"

	"github.com/miekg/dns"

	"mtric.net/mtric/engine/lab"
	"mtric.net/mtric/engine/measurement"
)

func marshal(faults []lab.Fault) ([]byte, error) {
	text, err := json.MarshalIndent(faults, "", "  ")
	return append(text, '\n'), err
}

// TestThirteen asks every RSI over every path at once, as a vantage point does.
func TestThirteen(t *testing.T) {
	s := start(t, lab.Config{})
	var paths []measurement.Path
	for _, family := range measurement.Families {
		for _, transport := range measurement.MetricTransports {
			if family == measurement.IPv4 || s.IPv6 {
				paths = append(paths, measurement.Path{Family: family, Transport: transport})
			}
		}
	}
	if !s.IPv6 {
		t.Log("this machine has no ::1: IPv6 is not tested")
	}
	var wg sync.WaitGroup
	for i, rsi := range lab.Letters {
		if want := netip.AddrFrom4([4]byte{127, 0, 53, byte(i + 1)}); s.Addr(rsi, measurement.IPv4) != netip.AddrPortFrom(want, uint16(s.PortBase()+i+1)) {
			t.Errorf("RSI %s is at %s", rsi, s.Addr(rsi, measurement.IPv4))
		}
		for _, path := range paths {
			wg.Go(func() {
				a, _, err := ask(t, s, rsi, path, question(".", dns.TypeSOA))
				if err != nil {
					t.Errorf("%s %s: %v", rsi, path, err)
					return
				}
				nsid := a.IsEdns0().Option[0].(*dns.EDNS0_NSID).Nsid
				if want := fmt.Sprintf("%x", "lab-"+string(rsi)+"-01.mtric.example"); nsid != want || !a.Authoritative {
					t.Errorf("%s %s: NSID %s, want %s; AA %v", rsi, path, nsid, want, a.Authoritative)
				}
			})
		}
	}
	wg.Wait()
	for _, rsi := range lab.Letters {
		for _, path := range paths {
			if n := s.Queries(rsi, path); n != 1 {
				t.Errorf("%s %s: %d queries read, want 1", rsi, path, n)
			}
		}
	}
}

// TestZonesChangeAtRunTime sets another version at one RSI while queries come.
func TestZonesChangeAtRunTime(t *testing.T) {
	s := start(t, lab.Config{})
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 50 {
				if _, _, err := ask(t, s, "g", udp4, question(".", dns.TypeSOA)); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	for i := range 20 {
		if err := s.SetZone("g", versions()[i%3]); err != nil {
			t.Error(err)
		}
		setFaults(t, s, lab.Fault{Kind: lab.Stale, RSIs: []measurement.RSI{"h"}})
	}
	wg.Wait()
	if err := s.SetZone("g", versions()[2]); err != nil {
		t.Fatal(err)
	}
	for rsi, want := range map[measurement.RSI]uint32{"g": 2026112302, "f": 2026112300, "h": 2026112299} {
		if a, _ := mustAsk(t, s, rsi, udp4, question(".", dns.TypeSOA)); serial(t, a) != want {
			t.Errorf("%s serves %d, want %d", rsi, serial(t, a), want)
		}
	}
	if s.Zone("g") != versions()[2] || s.Zone("x") != nil {
		t.Error("Zone is not what SetZone has set")
	}
}

// TestSeveralQueriesOnOneConnection: RFC 7766 lets a client ask on.
func TestSeveralQueriesOnOneConnection(t *testing.T) {
	s := start(t, lab.Config{})
	c, err := dial(t, s, "e", tcp4, patience)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 3 {
		q := question(".", dns.TypeSOA)
		q.Id = uint16(i)
		send(t, c, pack(t, q))
		wire, err := receive(c)
		if err != nil {
			t.Fatal(err)
		}
		if a := unpack(t, wire); a.Id != uint16(i) {
			t.Errorf("answer %d has id %d", i, a.Id)
		}
	}
}

// TestTwoSystems: a second one finds ports of its own, and a taken base is an error.
func TestTwoSystems(t *testing.T) {
	one, two := start(t, lab.Config{}), start(t, lab.Config{Zone: versions()[1]})
	if one.PortBase() == two.PortBase() {
		t.Fatal("both systems have the same ports")
	}
	a, _ := mustAsk(t, two, "m", udp4, question(".", dns.TypeSOA))
	if serial(t, a) != 2026112301 {
		t.Errorf("serial %d", serial(t, a))
	}
	if _, err := lab.Start(lab.Config{Zone: small(t), PortBase: one.PortBase()}); err == nil || !strings.Contains(err.Error(), "RSI a, ipv4/udp, port") {
		t.Errorf("taken ports: %v", err)
	}
}

func TestSystemsThatCannotBe(t *testing.T) {
	for _, c := range []struct {
		config lab.Config
		want   string
	}{
		{lab.Config{}, "lab: no zone to serve"},
		{lab.Config{Zone: small(t), PortBase: 65530}, "lab: port base 65530: want 0 to 65522"},
		{lab.Config{Zone: small(t), PortBase: -1}, "lab: port base -1: want 0 to 65522"},
	} {
		if _, err := lab.Start(c.config); err == nil || err.Error() != c.want {
			t.Errorf("error %v, want %s", err, c.want)
		}
	}
	s := start(t, lab.Config{})
	for _, err := range []error{s.SetZone("n", small(t)), s.SetZone("a", nil)} {
		if err == nil {
			t.Error("SetZone takes an RSI or a zone that is not there")
		}
	}
	if s.Addr("n", measurement.IPv4).IsValid() || s.Queries("n", udp4) != 0 || lab.FlavourOf("n") != "" {
		t.Error("RSI n answers")
	}
}

// TestCloseWithWorkUnderWay: nothing is left of a system whose clients wait.
// TestMain looks for goroutines.
func TestCloseWithWorkUnderWay(t *testing.T) {
	s, err := lab.Start(lab.Config{Zone: small(t), Faults: []lab.Fault{{Kind: lab.Delay, Delay: patience * 100}}})
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range []measurement.Path{udp4, tcp4} {
		c, err := dial(t, s, "a", path, patience)
		if err != nil {
			t.Fatal(err)
		}
		send(t, c, pack(t, question(".", dns.TypeSOA)))
		for s.Queries("a", path) == 0 {
		}
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if err := s.Close(); err != nil {
		t.Errorf("second Close: %v", err)
	}
	if _, _, err := ask(t, s, "a", tcp4, question(".", dns.TypeSOA)); err == nil {
		t.Error("a closed system answers")
	}
}
