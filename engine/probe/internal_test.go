package probe

import (
	"encoding/hex"
	"errors"
	"io"
	"math"
	"net"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/miekg/dns"

	"mtric.net/mtric/engine/measurement"
)

// TestLatency: now is wall and monotonic time together, the stamp wall time.
func TestLatency(t *testing.T) {
	sent := time.Now()
	after := func(d time.Duration) time.Time { return sent.Add(d) }
	for _, c := range []struct {
		name   string
		now    time.Time
		stamp  time.Time
		want   time.Duration
		kernel bool
	}{
		{"read 3 ms after receipt", after(23 * time.Millisecond), after(20 * time.Millisecond), 20 * time.Millisecond, true},
		{"read at receipt", after(20 * time.Millisecond), after(20 * time.Millisecond), 20 * time.Millisecond, true},
		{"stamp at the send", after(20 * time.Millisecond), after(0), 0, true},
		{"no stamp", after(23 * time.Millisecond), time.Time{}, 23 * time.Millisecond, false},
		{"negative age", after(23 * time.Millisecond), after(24 * time.Millisecond), 23 * time.Millisecond, false},
		{"age above elapsed", after(23 * time.Millisecond), after(-1), 23 * time.Millisecond, false},
	} {
		got, kernel := latency(sent, c.now, c.stamp.Round(0))
		if got != c.want || kernel != c.kernel {
			t.Errorf("%s: %v, kernel %v; want %v, %v", c.name, got, kernel, c.want, c.kernel)
		}
	}
}

// TestDrain: what had come in by the deadline is read after it.
func TestDrain(t *testing.T) {
	server, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	conn, err := new(Prober).dialer(func(syscall.RawConn) error { return nil }).Dial("udp", server.LocalAddr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	server.WriteTo([]byte("one"), conn.LocalAddr())
	server.WriteTo([]byte("two"), conn.LocalAddr())
	r, err := newReceiver(t.Context(), conn, time.Now().Add(-time.Second), 512)
	if err != nil {
		t.Fatal(err)
	}
	defer r.close()
	for _, want := range []string{"one", "two"} {
		d, err := r.next()
		if err != nil || string(d.wire) != want {
			t.Errorf("got %q, %v; want %q", d.wire, err, want)
		}
	}
	if _, err := r.next(); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("got %v, want the deadline", err)
	}
	// A flood does not hold a query beyond its deadline for long.
	r.drained = maxDrained - 1
	server.WriteTo([]byte("last"), conn.LocalAddr())
	server.WriteTo([]byte("too many"), conn.LocalAddr())
	if d, err := r.next(); err != nil || string(d.wire) != "last" {
		t.Errorf("got %q, %v; want the last datagram that is drained", d.wire, err)
	}
	if d, err := r.next(); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("got %q, %v; want the deadline", d.wire, err)
	}
}

// TestCutDatagram: no kernel hands out a datagram longer than a message can be,
// but if one did, it would be malformed, kept and believed to be truncated.
func TestCutDatagram(t *testing.T) {
	message, err := newRequest(measurement.Query{Name: ".", Type: "SOA"}, strings.NewReader("id"))
	if err != nil {
		t.Fatal(err)
	}
	wire := append([]byte(nil), message.wire...)
	wire[2] = 0x82
	got := attempt{}.take(message, wire, true)
	if got.outcome != measurement.Malformed || got.err != "longer than a message can be" || got.wire == nil || !got.truncated {
		t.Errorf("%+v", got)
	}
}

func TestStraysAreCountedToTheEnd(t *testing.T) {
	a := attempt{strays: math.MaxInt32 - 1}
	a.addStray()
	if a.addStray(); a.strays != math.MaxInt32 {
		t.Errorf("%d strays", a.strays)
	}
}

func TestControlsOfGarbage(t *testing.T) {
	const seconds = "0100000000000000" + "0100000000000000"
	for _, oob := range []string{
		"2000000000000000" + "01000000" + "1d000000" + seconds,    // SOL_SOCKET, SCM_TIMESTAMP
		"2000000000000000" + "29000000" + "23000000" + seconds,    // IPPROTO_IPV6, the number of SCM_TIMESTAMPNS
		"1200000000000000" + "00000000" + "02000000" + "4000",     // IPPROTO_IP, IP_TTL of two bytes
		"1400000000000000" + "29000000" + "02000000" + "40000000", // IPPROTO_IPV6, the number of IP_TTL
		"", "00", strings.Repeat("ff", 40), "1000000000000000" + "01000000" + "23000000", "1400000000000000" + "01000000" + "23000000" + "00000000"} {
		b, err := hex.DecodeString(oob)
		if err != nil {
			t.Fatal(err)
		}
		if stamp, ttl := controls(b); !stamp.IsZero() || ttl != nil {
			t.Errorf("stamp %v, TTL %v in %s", stamp, ttl, oob)
		}
	}
}

// FuzzReply: no message makes the reader of replies panic, and what it accepts
// repeats our id and question and can be read by the library as a whole.
func FuzzReply(f *testing.F) {
	q := measurement.Query{Name: "CoM.", Type: "DS", NSID: true, DNSSEC: true}
	message, err := newRequest(q, strings.NewReader("id"))
	if err != nil {
		f.Fatal(err)
	}
	query := new(dns.Msg)
	if err := query.Unpack(message.wire); err != nil {
		f.Fatal(err)
	}
	for _, edit := range []func(*dns.Msg){
		func(m *dns.Msg) {},
		func(m *dns.Msg) { m.Truncated = true },
		func(m *dns.Msg) { m.Extra = append(m.Extra, m.Extra...) },
		func(m *dns.Msg) { m.Rcode, m.Ns = dns.RcodeNameError, m.Answer },
		func(m *dns.Msg) { m.Compress = true },
	} {
		m := new(dns.Msg)
		m.SetReply(query)
		for _, s := range []string{
			". 86400 IN SOA a.root-servers.net. nstld.verisign-grs.com. 2026112200 1800 900 604800 86400",
			"com. 86400 IN DS 19718 13 2 8ACBB0CD28F41250A80A491389424D341522D946B0DA0C0291F2D3D771D7805A",
			". 86400 IN NSEC aaa. NS SOA RRSIG NSEC DNSKEY ZONEMD",
		} {
			rr, err := dns.NewRR(s)
			if err != nil {
				f.Fatal(err)
			}
			m.Answer = append(m.Answer, rr)
		}
		m.SetEdns0(1232, true)
		m.IsEdns0().Option = []dns.EDNS0{&dns.EDNS0_NSID{Code: dns.EDNS0NSID, Nsid: "61ff"}}
		edit(m)
		wire, err := m.Pack()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(wire)
		f.Add(wire[:len(wire)-3])
	}
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, wire []byte) {
		if message.mismatch(wire) != "" {
			return
		}
		reply, err := message.parse(wire)
		if err != nil {
			if outcome, text := classify(err); outcome != measurement.Malformed || text == "" {
				t.Errorf("%v is %s %q", err, outcome, text)
			}
			return
		}
		m := new(dns.Msg)
		if err := m.Unpack(wire); err != nil {
			t.Fatalf("accepted what the library refuses: %v", err)
		}
		if m.Id != query.Id || !m.Response || m.Question[0] != query.Question[0] {
			t.Errorf("accepted a reply to another question: %v", m.Question)
		}
		if reply.RCode == "" || reply.Serial != nil && (*reply.Serial < 0 || *reply.Serial > 1<<32-1) {
			t.Errorf("%+v", reply)
		}
	})
}

// TestRandomFails: without an id nothing is sent.
func TestRandomFails(t *testing.T) {
	_, err := newRequest(measurement.Query{Name: ".", Type: "SOA"}, io.LimitReader(strings.NewReader("i"), 1))
	if outcome, text := classify(err); outcome != measurement.LocalError || text != "no random id" {
		t.Errorf("%s %q", outcome, text)
	}
}

// TestDialer: whatever the environment asks for, and whatever the kernel can do,
// multipath TCP is off [zbf]; the port is left to the kernel [uym].
func TestDialer(t *testing.T) {
	for _, debug := range []string{"", "multipathtcp=1", "multipathtcp=3"} {
		t.Setenv("GODEBUG", debug)
		if d := new(Prober).dialer(nil); d.MultipathTCP() || d.LocalAddr != nil {
			t.Errorf("GODEBUG %q: multipath TCP %v, local address %v", debug, d.MultipathTCP(), d.LocalAddr)
		}
	}
}
