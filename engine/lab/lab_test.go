package lab_test

import (
	"bytes"
	"encoding/binary"
	"flag"
	"io"
	"net"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/miekg/dns"
	"go.uber.org/goleak"

	"mtric.net/mtric/engine/lab"
	"mtric.net/mtric/engine/measurement"
)

var update = flag.Bool("update", false, "rewrite the golden files")

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var (
	inception  = time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC)
	expiration = time.Date(2026, 12, 6, 0, 0, 0, 0, time.UTC)

	udp4 = measurement.Path{Family: measurement.IPv4, Transport: measurement.UDP}
	tcp4 = measurement.Path{Family: measurement.IPv4, Transport: measurement.TCP}
)

const seed = 47

func options(tlds int) lab.Options {
	return lab.Options{Seed: seed, Serial: 2026112300, TLDs: tlds, Inception: inception, Expiration: expiration}
}

// versions are three small zones, made once for all tests.
var versions = sync.OnceValue(func() []*lab.Zone {
	zones, err := lab.Sequence(options(40), 3)
	if err != nil {
		panic(err)
	}
	return zones
})

func small(*testing.T) *lab.Zone { return versions()[0] }

// start brings a system up for one test.
func start(t *testing.T, c lab.Config) *lab.System {
	t.Helper()
	if c.Zone == nil {
		c.Zone = small(t)
	}
	s, err := lab.Start(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// question is a query as the probe sends it: DO, NSID, EDNS of 1232 octets.
func question(name string, qtype uint16) *dns.Msg {
	m := new(dns.Msg)
	m.SetQuestion(name, qtype)
	m.Id = 4711
	m.RecursionDesired = false
	m.SetEdns0(1232, true)
	m.IsEdns0().Option = []dns.EDNS0{&dns.EDNS0_NSID{Code: dns.EDNS0NSID}}
	return m
}

// dial connects a socket that gives up after the wait.
func dial(t *testing.T, s *lab.System, rsi measurement.RSI, path measurement.Path, wait time.Duration) (net.Conn, error) {
	t.Helper()
	c, err := net.Dial(string(path.Transport), s.Addr(rsi, path.Family).String())
	if err != nil {
		return nil, err
	}
	t.Cleanup(func() { c.Close() })
	return c, c.SetDeadline(time.Now().Add(wait))
}

// receive reads one message.
func receive(c net.Conn) ([]byte, error) {
	if _, ok := c.(*net.UDPConn); ok {
		b := make([]byte, 65535)
		n, err := c.Read(b)
		return b[:n], err
	}
	var length [2]byte
	if _, err := io.ReadFull(c, length[:]); err != nil {
		return nil, err
	}
	b := make([]byte, binary.BigEndian.Uint16(length[:]))
	n, err := io.ReadFull(c, b)
	return b[:n], err
}

func send(t *testing.T, c net.Conn, wire []byte) {
	t.Helper()
	if _, ok := c.(*net.TCPConn); ok {
		wire = append(binary.BigEndian.AppendUint16(nil, uint16(len(wire))), wire...)
	}
	if _, err := c.Write(wire); err != nil {
		t.Fatal(err)
	}
}

const patience = 10 * time.Second // for an answer that must come, on a loaded machine

// ask sends a query and reads one answer.
func ask(t *testing.T, s *lab.System, rsi measurement.RSI, path measurement.Path, q *dns.Msg) (*dns.Msg, []byte, error) {
	t.Helper()
	c, err := dial(t, s, rsi, path, patience)
	if err != nil {
		return nil, nil, err
	}
	send(t, c, pack(t, q))
	wire, err := receive(c)
	if err != nil {
		return nil, wire, err
	}
	a := new(dns.Msg)
	return a, wire, a.Unpack(wire)
}

// mustAsk is ask where an answer that parses must come.
func mustAsk(t *testing.T, s *lab.System, rsi measurement.RSI, path measurement.Path, q *dns.Msg) (*dns.Msg, []byte) {
	t.Helper()
	a, wire, err := ask(t, s, rsi, path, q)
	if err != nil {
		t.Fatalf("%s %s %v: %v", rsi, path, q.Question, err)
	}
	return a, wire
}

func pack(t *testing.T, m *dns.Msg) []byte {
	t.Helper()
	wire, err := m.Pack()
	if err != nil {
		t.Fatal(err)
	}
	return wire
}

// golden compares with a file of testdata, or writes it with -update.
func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if *update {
		if err := os.MkdirAll("testdata", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(want, got) {
		t.Errorf("%s (-want +got), rewritten by go test -update:\n%s", file, cmp.Diff(string(want), string(got)))
	}
}

// serial is that of the only SOA record of the answer or authority section.
func serial(t *testing.T, a *dns.Msg) uint32 {
	t.Helper()
	for _, rr := range append(append([]dns.RR(nil), a.Answer...), a.Ns...) {
		if soa, ok := rr.(*dns.SOA); ok {
			return soa.Serial
		}
	}
	t.Fatalf("no SOA record in\n%v", a)
	return 0
}
