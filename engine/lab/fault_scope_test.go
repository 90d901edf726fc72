package lab_test

import (
	"bytes"
	"errors"
	"os"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/miekg/dns"

	"mtric.net/mtric/engine/lab"
	"mtric.net/mtric/engine/measurement"
)

// TestRefuse: sockets close when the fault begins and open when it ends.
func TestRefuse(t *testing.T) {
	var now atomic.Int64
	clock := func() time.Time { return inception.Add(time.Duration(now.Load())) }
	s := start(t, lab.Config{Now: clock, Faults: []lab.Fault{
		{Kind: lab.Refuse, RSIs: []measurement.RSI{"c"}, From: inception.Add(time.Hour), Until: inception.Add(2 * time.Hour)}}})
	q := question(".", dns.TypeSOA)
	paths := []measurement.Path{udp4, tcp4}
	if s.IPv6 {
		paths = append(paths, measurement.Path{Family: measurement.IPv6, Transport: measurement.UDP}, measurement.Path{Family: measurement.IPv6, Transport: measurement.TCP})
	} else {
		t.Log("this machine has no ::1: IPv6 is not tested")
	}
	for _, c := range []struct {
		at      time.Duration
		refused bool
	}{{0, false}, {time.Hour, true}, {2 * time.Hour, false}} {
		now.Store(int64(c.at))
		for _, path := range paths {
			// The sockets follow the clock within some 20 ms; what came just before is lost.
			var err error
			for deadline := time.Now().Add(patience); time.Now().Before(deadline); {
				_, err = exchange(t, s, path, q, 0)
				if errors.Is(err, syscall.ECONNREFUSED) == c.refused {
					break
				}
			}
			if errors.Is(err, syscall.ECONNREFUSED) != c.refused {
				t.Errorf("%s after %s: %v, refused should be %v", path, c.at, err, c.refused)
			}
			mustAsk(t, s, "d", path, q)
			if !c.refused {
				mustAsk(t, s, "c", path, q)
			}
		}
	}
}

// TestScope: a fault meets its RSIs, families, transports, types and time only.
func TestScope(t *testing.T) {
	now := inception
	s := start(t, lab.Config{Now: func() time.Time { return now }})
	base := lab.Fault{Kind: lab.ServFail}
	for _, c := range []struct {
		what   string
		change func(*lab.Fault)
		want   bool
	}{
		{"all", func(*lab.Fault) {}, true},
		{"its RSI", func(f *lab.Fault) { f.RSIs = []measurement.RSI{"a", "c"} }, true},
		{"another RSI", func(f *lab.Fault) { f.RSIs = []measurement.RSI{"a", "b"} }, false},
		{"its family", func(f *lab.Fault) { f.Families = []measurement.Family{measurement.IPv4} }, true},
		{"another family", func(f *lab.Fault) { f.Families = []measurement.Family{measurement.IPv6} }, false},
		{"its transport", func(f *lab.Fault) { f.Transports = []measurement.Transport{measurement.UDP} }, true},
		{"another transport", func(f *lab.Fault) { f.Transports = []measurement.Transport{measurement.TCP} }, false},
		{"its type", func(f *lab.Fault) { f.Types = []string{"DS", "SOA"} }, true},
		{"another type", func(f *lab.Fault) { f.Types = []string{"DS"} }, false},
		{"from now on", func(f *lab.Fault) { f.From = inception }, true},
		{"not yet", func(f *lab.Fault) { f.From = inception.Add(1) }, false},
		{"not any more", func(f *lab.Fault) { f.Until = inception }, false},
		{"still", func(f *lab.Fault) { f.Until = inception.Add(1) }, true},
	} {
		f := base
		c.change(&f)
		setFaults(t, s, f)
		if a, _ := mustAsk(t, s, "c", udp4, question(".", dns.TypeSOA)); (a.Rcode == dns.RcodeServerFailure) != c.want {
			t.Errorf("%s: rcode %d", c.what, a.Rcode)
		}
	}
}

// TestForgedICMP needs the right to send ICMP; without it the error is tested.
func TestForgedICMP(t *testing.T) {
	s := start(t, lab.Config{})
	err := s.SetFaults(lab.Fault{Kind: lab.ForgedICMP})
	if errors.Is(err, os.ErrPermission) {
		if !strings.Contains(err.Error(), "run as root or with the capability CAP_NET_RAW") {
			t.Errorf("error %v names no remedy", err)
		}
		t.Skip("forged ICMP not tested: run as root or with the capability CAP_NET_RAW")
	}
	if err != nil {
		t.Fatal(err)
	}
	for _, family := range measurement.Families {
		if family == measurement.IPv6 && !s.IPv6 {
			t.Log("this machine has no ::1: IPv6 is not tested")
			continue
		}
		path := measurement.Path{Family: family, Transport: measurement.UDP}
		c, err := dial(t, s, "c", path, patience)
		if err != nil {
			t.Fatal(err)
		}
		send(t, c, pack(t, question(".", dns.TypeSOA)))
		if wire, err := receive(c); !errors.Is(err, syscall.ECONNREFUSED) {
			t.Errorf("%s: first %d octets, %v: want connection refused", family, len(wire), err)
		}
		wire, err := receive(c)
		if err != nil {
			t.Fatalf("%s: after the ICMP error: %v", family, err)
		}
		if a := unpack(t, wire); serial(t, a) != small(t).Serial {
			t.Errorf("%s: answer\n%v", family, a)
		}
		mustAsk(t, s, "c", measurement.Path{Family: family, Transport: measurement.TCP}, question(".", dns.TypeSOA))
	}
}

func TestFaultsThatCannotBe(t *testing.T) {
	for text, want := range map[string]string{
		`[{"kind":"explode"}]`:                    `fault 1 (explode): no such kind; there are [drop delay`,
		`[{"kind":"drop","probability":2}]`:       `fault 1 (drop): probability 2: want 0 to 1`,
		`[{"kind":"drop"},{"kind":"loss"}]`:       `fault 2 (loss): needs a probability between 0 and 1`,
		`[{"kind":"refuse","types":["SOA"]}]`:     `fault 1 (refuse): a closed socket meets every query: no probability, no types`,
		`[{"kind":"delay"}]`:                      `fault 1 (delay): delay 0s: only delay and slow_tcp have one, above zero`,
		`[{"kind":"drop","delay":"1s"}]`:          `fault 1 (drop): delay 1s: only delay and slow_tcp have one, above zero`,
		`[{"kind":"rcode","rcode":"BADVERS"}]`:    `fault 1 (rcode): rcode "BADVERS": no such rcode of a header`,
		`[{"kind":"drop","rcode":"NXDOMAIN"}]`:    `fault 1 (drop): rcode "NXDOMAIN": only rcode and header_only have one`,
		`[{"kind":"drop","behind":1}]`:            `fault 1 (drop): only stale has an older zone`,
		`[{"kind":"drop","rsis":["a","z"]}]`:      `fault 1 (drop): RSI "z": want a to m`,
		`[{"kind":"drop","families":["ipx"]}]`:    `fault 1 (drop): family "ipx": want [ipv4 ipv6]`,
		`[{"kind":"drop","transports":["quic"]}]`: `fault 1 (drop): transport "quic": want [udp tcp]`,
		`[{"kind":"drop","types":["soap"]}]`:      `fault 1 (drop): type "soap": no such type`,
		`[{"kind":"delay","delay":"soon"}]`:       `faults: time: invalid duration "soon"`,
		`[{"kind":"drop","colour":"red"}]`:        `faults: json: unknown field "colour"`,
		`{}`:                                      `faults: json: cannot unmarshal object`,
		`[` + strings.Repeat(" ", 1<<20) + `]`:    `faults: more than 1048576 bytes`,
		`[{"kind":"drop","from":"2026-11-22T01:00:00Z","until":"2026-11-22T01:00:00Z"}]`: `fault 1 (drop): until 2026-11-22T01:00:00Z is not after from 2026-11-22T01:00:00Z`,
	} {
		if _, err := lab.ParseFaults(strings.NewReader(text)); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%.80s\n got %v\nwant %s", text, err, want)
		}
	}
	s := start(t, lab.Config{})
	if err := s.SetFaults(lab.Fault{Kind: lab.Loss}); err == nil {
		t.Error("SetFaults takes what ParseFaults refuses")
	}
	if _, err := lab.Start(lab.Config{Zone: small(t), Faults: []lab.Fault{{Kind: "x"}}}); err == nil {
		t.Error("Start takes what ParseFaults refuses")
	}
}

func TestFaultsAsText(t *testing.T) {
	want := []lab.Fault{
		{Kind: lab.Delay, RSIs: []measurement.RSI{"f"}, Delay: 150 * time.Millisecond, From: inception, Until: expiration},
		{Kind: lab.Loss, Families: []measurement.Family{measurement.IPv6}, Transports: []measurement.Transport{measurement.UDP}, Probability: 0.5},
		{Kind: lab.RCode, RCode: "REFUSED", Types: []string{"SOA"}},
		{Kind: lab.Stale, Behind: 3},
	}
	text, err := marshal(want)
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "faults.json", text)
	got, err := lab.ParseFaults(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got, cmpopts.IgnoreFields(lab.Fault{}, "Zone")); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}
