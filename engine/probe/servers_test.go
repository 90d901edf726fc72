package probe_test

import (
	"encoding/binary"
	"io"
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/miekg/dns"

	"mtric.net/mtric/engine/measurement"
)

const (
	vp        = measurement.VantagePoint("101")
	rootSOA   = ". 86400 IN SOA a.root-servers.net. nstld.verisign-grs.com. 2026112200 1800 900 604800 86400"
	wantNSID  = "lax1.a"
	soaSerial = 2026112200
)

var label = time.Date(2026, 11, 22, 22, 40, 0, 0, time.UTC)

// soaQuery asks a server of the test for the root's SOA. The name is mixed case
// where a test needs letters.
func soaQuery(at netip.AddrPort, transport measurement.Transport) measurement.Query {
	q := measurement.Query{
		Label: "soa", RSI: "a", Family: measurement.FamilyOf(at.Addr()), Transport: transport,
		Address: at.Addr(), Port: at.Port(), Name: "www.Rssac047-TEST.kDxvQoeAfB.", Type: "SOA",
		NSID: true, UDPSize: 1220, Timeout: 3 * time.Second, Pace: time.Millisecond, Keep: measurement.KeepOdd,
	}
	if transport == measurement.TLS {
		q.TLS = &measurement.TLSPolicy{Verify: measurement.VerifyOpportunistic}
	}
	return q
}

// good is the plain good answer to a query on the wire.
func good(query []byte) *dns.Msg {
	q := new(dns.Msg)
	if err := q.Unpack(query); err != nil {
		panic(err)
	}
	m := new(dns.Msg)
	m.SetReply(q)
	m.Authoritative = true
	soa, err := dns.NewRR(rootSOA)
	if err != nil {
		panic(err)
	}
	m.Answer = []dns.RR{soa}
	m.SetEdns0(1232, false)
	m.IsEdns0().Option = []dns.EDNS0{&dns.EDNS0_NSID{Code: dns.EDNS0NSID, Nsid: "6c6178312e61"}}
	return m
}

func pack(m *dns.Msg) []byte {
	wire, err := m.Pack()
	if err != nil {
		panic(err)
	}
	return wire
}

// changed is the good answer after f has changed the message.
func changed(query []byte, f func(*dns.Msg)) []byte {
	m := good(query)
	f(m)
	return pack(m)
}

// bent is the good answer after f has changed its bytes.
func bent(query []byte, f func([]byte) []byte) []byte { return f(pack(good(query))) }

// loopback has the addresses to serve on; IPv6 where this machine has ::1.
func loopback(t testing.TB) []string {
	c, err := net.ListenPacket("udp6", "[::1]:0")
	if err != nil {
		t.Logf("IPv6 is left out: this machine has no ::1 (%v)", err)
		return []string{"127.0.0.1"}
	}
	c.Close()
	return []string{"127.0.0.1", "::1"}
}

// serveUDP hands each query to answer, in a goroutine of its own, until the test ends.
func serveUDP(t testing.TB, host string, answer func(c *net.UDPConn, from netip.AddrPort, query []byte)) netip.AddrPort {
	t.Helper()
	c, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(netip.AddrPortFrom(netip.MustParseAddr(host), 0)))
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			b := make([]byte, 4096)
			n, from, err := c.ReadFromUDPAddrPort(b)
			if err != nil {
				return
			}
			go answer(c, from, b[:n])
		}
	}()
	t.Cleanup(func() { c.Close(); <-done })
	at := c.LocalAddr().(*net.UDPAddr).AddrPort()
	return netip.AddrPortFrom(at.Addr().Unmap(), at.Port())
}

// send writes datagrams to a client.
func send(c *net.UDPConn, to netip.AddrPort, datagrams ...[]byte) {
	for _, d := range datagrams {
		c.WriteToUDPAddrPort(d, to)
	}
}

// serveTCP hands each connection and the query read from it to answer, and
// closes it afterwards.
func serveTCP(t testing.TB, host string, answer func(c *net.TCPConn, query []byte)) netip.AddrPort {
	t.Helper()
	l, err := net.ListenTCP("tcp", net.TCPAddrFromAddrPort(netip.AddrPortFrom(netip.MustParseAddr(host), 0)))
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			c, err := l.AcceptTCP()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				if query, err := readMessage(c); err == nil {
					answer(c, query)
				}
			}()
		}
	}()
	t.Cleanup(func() { l.Close(); <-done })
	at := l.Addr().(*net.TCPAddr).AddrPort()
	return netip.AddrPortFrom(at.Addr().Unmap(), at.Port())
}

func readMessage(c net.Conn) ([]byte, error) {
	var length [2]byte
	if _, err := io.ReadFull(c, length[:]); err != nil {
		return nil, err
	}
	b := make([]byte, binary.BigEndian.Uint16(length[:]))
	_, err := io.ReadFull(c, b)
	return b, err
}

// framed puts the length before a message.
func framed(message []byte) []byte {
	return append(binary.BigEndian.AppendUint16(nil, uint16(len(message))), message...)
}

// closedPort is an address of this machine where nobody listens.
func closedPort(t testing.TB, host, network string) netip.AddrPort {
	t.Helper()
	at := netip.AddrPortFrom(netip.MustParseAddr(host), 0)
	if network == "udp" {
		c, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(at))
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		return netip.AddrPortFrom(at.Addr(), c.LocalAddr().(*net.UDPAddr).AddrPort().Port())
	}
	l, err := net.ListenTCP("tcp", net.TCPAddrFromAddrPort(at))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return netip.AddrPortFrom(at.Addr(), l.Addr().(*net.TCPAddr).AddrPort().Port())
}
