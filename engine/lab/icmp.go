package lab

import (
	"encoding/binary"
	"fmt"
	"net"
	"net/netip"
	"sync"

	"mtric.net/mtric/engine/measurement"
)

// Numbers of the protocols that a forged port unreachable is made of.
const (
	protocolUDP           = 17
	icmp4Unreachable      = 3 // type, RFC 792
	icmp4Port             = 3 // code
	icmp6Unreachable      = 1 // type, RFC 4443
	icmp6Port             = 4 // code
	icmpHeader            = 8
	ipv4Header            = 20
	ipv6Header            = 40
	udpHeader             = 8
	hopLimit         byte = 64
)

// icmpSocket is a raw socket of one server address.
type icmpSocket struct {
	conn net.PacketConn
	once sync.Once
}

func (s *icmpSocket) close() { s.once.Do(func() { _ = s.conn.Close() }) } // nothing is buffered

// openICMP opens the raw sockets that a ForgedICMP fault sends from.
func (s *System) openICMP(f Fault) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, e := range s.endpoints() {
		ip := e.addr.Addr()
		if e.path.Transport != measurement.UDP || !among(f.RSIs, e.server.rsi) || !among(f.Families, e.path.Family) || s.icmp[ip] != nil {
			continue
		}
		network := "ip4:icmp"
		if ip.Is6() {
			network = "ip6:ipv6-icmp"
		}
		conn, err := net.ListenPacket(network, ip.String())
		if err != nil {
			return fmt.Errorf("%w: run as root or with the capability CAP_NET_RAW", err)
		}
		s.icmp[ip] = &icmpSocket{conn: conn}
	}
	return nil
}

// sendICMP tells the client that nobody listens on the server's port. Errors
// leave the answer that follows as it is.
func (s *System) sendICMP(server, client netip.AddrPort, size int) {
	s.mu.Lock()
	socket := s.icmp[server.Addr()]
	s.mu.Unlock()
	if socket != nil {
		_, _ = socket.conn.WriteTo(unreachable(server, client, size), &net.IPAddr{IP: client.Addr().AsSlice()})
	}
}

// unreachable is an ICMP port unreachable about a datagram from client to
// server whose payload has the size given: it quotes IP and UDP header.
func unreachable(server, client netip.AddrPort, size int) []byte {
	udp := binary.BigEndian.AppendUint16(nil, client.Port())
	udp = binary.BigEndian.AppendUint16(udp, server.Port())
	udp = binary.BigEndian.AppendUint16(udp, uint16(udpHeader+size))
	udp = append(udp, 0, 0) // the checksum is not looked at
	if server.Addr().Is6() {
		m := append(make([]byte, 0, icmpHeader+ipv6Header+udpHeader), icmp6Unreachable, icmp6Port, 0, 0, 0, 0, 0, 0)
		m = append(m, 0x60, 0, 0, 0)
		m = binary.BigEndian.AppendUint16(m, uint16(udpHeader+size))
		m = append(m, protocolUDP, hopLimit)
		m = append(append(m, client.Addr().AsSlice()...), server.Addr().AsSlice()...)
		return append(m, udp...) // the kernel fills in the checksum of ICMPv6
	}
	ip := []byte{0x45, 0}
	ip = binary.BigEndian.AppendUint16(ip, uint16(ipv4Header+udpHeader+size))
	ip = append(ip, 0, 0, 0, 0, hopLimit, protocolUDP, 0, 0)
	ip = append(append(ip, client.Addr().AsSlice()...), server.Addr().AsSlice()...)
	binary.BigEndian.PutUint16(ip[10:], checksum(ip))
	m := append([]byte{icmp4Unreachable, icmp4Port, 0, 0, 0, 0, 0, 0}, append(ip, udp...)...)
	binary.BigEndian.PutUint16(m[2:], checksum(m))
	return m
}

// checksum is that of RFC 1071 over an even number of octets.
func checksum(b []byte) uint16 {
	var sum uint32
	for i := 0; i+1 < len(b); i += 2 {
		sum += uint32(b[i])<<8 | uint32(b[i+1])
	}
	for sum > 0xffff {
		sum = sum>>16 + sum&0xffff
	}
	return ^uint16(sum)
}
