package lab

import (
	"crypto/tls"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/miekg/dns"

	"mtric.net/mtric/engine/measurement"
)

const (
	keepEvery   = 20 * time.Millisecond // how exactly the windows of Refuse are kept
	idleTimeout = 10 * time.Second      // of a TCP connection
	reopenWait  = 5 * time.Second       // for a port that something else took meanwhile
	pieces      = 8                     // of a slow TCP message
)

// endpoint is one RSI on one path: a socket that is open unless refused.
type endpoint struct {
	system  *System
	server  *server
	path    measurement.Path
	addr    netip.AddrPort
	queries atomic.Int64

	socket  io.Closer // nil while closed; guarded by System.switches
	readers sync.WaitGroup
}

// networks are the transports as sockets have them.
var networks = map[measurement.Transport]string{measurement.UDP: "udp", measurement.TCP: "tcp", measurement.TLS: "tcp"}

// open starts serving; it does nothing where the socket is open already.
func (e *endpoint) open() error {
	if e.socket != nil {
		return nil
	}
	network := networks[e.path.Transport] + map[measurement.Family]string{measurement.IPv4: "4", measurement.IPv6: "6"}[e.path.Family]
	switch e.path.Transport {
	case measurement.TCP, measurement.TLS:
		l, err := net.Listen(network, e.addr.String())
		if err != nil {
			return err
		}
		if e.path.Transport == measurement.TLS {
			l = tls.NewListener(l, e.system.tls)
		}
		e.socket = l
		e.readers.Go(func() { e.accept(l) })
	case measurement.UDP:
		c, err := net.ListenUDP(network, net.UDPAddrFromAddrPort(e.addr))
		if err != nil {
			return err
		}
		e.socket = c
		e.readers.Go(func() { e.readUDP(c) })
	default:
		return fmt.Errorf("serve %s: the lab has no such transport", e.path)
	}
	return nil
}

// close stops serving; queries under way on TCP are still answered.
func (e *endpoint) close() {
	if e.socket == nil {
		return
	}
	_ = e.socket.Close() // a listening socket has nothing left to lose
	e.socket = nil
	e.readers.Wait()
}

// refuse closes the sockets that a Refuse fault covers now and opens the others.
func (s *System) refuse() error {
	s.switches.Lock()
	defer s.switches.Unlock()
	s.mu.Lock()
	faults, closed := s.faults, s.closed
	s.mu.Unlock()
	if closed {
		return nil
	}
	now := s.now()
	var errs []error
	for _, e := range s.endpoints() {
		refused := false
		for _, f := range faults {
			refused = refused || f.Kind == Refuse && f.meets(e.server.rsi, e.path, now)
		}
		if refused {
			e.close()
		} else if err := e.reopen(); err != nil {
			errs = append(errs, fmt.Errorf("lab: RSI %s, %s: %w", e.server.rsi, e.path, err))
		}
	}
	return errors.Join(errs...)
}

// reopen waits for its port: a client of this machine may have been given it.
func (e *endpoint) reopen() error {
	err := e.open()
	for deadline := time.Now().Add(reopenWait); err != nil && time.Now().Before(deadline) && e.system.sleep(keepEvery); {
		err = e.open()
	}
	return err
}

// keep opens and closes sockets as the clock passes the bounds of Refuse faults.
func (s *System) keep() {
	for s.sleep(keepEvery) {
		_ = s.refuse() // what could not be opened is tried again in a moment
	}
}

// sleep waits; it is false where the system ends meanwhile.
func (s *System) sleep(d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-s.done.Done():
		return false
	}
}

func (e *endpoint) readUDP(c *net.UDPConn) {
	buffer := make([]byte, maxMessage)
	for {
		n, client, err := c.ReadFromUDPAddrPort(buffer)
		switch {
		case errors.Is(err, net.ErrClosed):
			return
		case err != nil:
			continue // an ICMP error of an earlier answer
		}
		// Each in its own goroutine, so that a late answer holds nobody up.
		query := append([]byte(nil), buffer[:n]...)
		e.queries.Add(1)
		e.system.tasks.Go(func() { e.answerUDP(c, client, query) })
	}
}

// answerUDP ignores errors of sending: to a client they are lost datagrams.
func (e *endpoint) answerUDP(c *net.UDPConn, client netip.AddrPort, query []byte) {
	d := e.handle(query)
	if d == nil || d.wait > 0 && !e.system.sleep(d.wait) {
		return
	}
	if d.icmp {
		e.system.sendICMP(e.addr, client, len(query))
	}
	for _, m := range d.messages {
		_, _ = c.WriteToUDPAddrPort(m, client)
	}
}

func (e *endpoint) accept(l net.Listener) {
	for {
		c, err := l.Accept()
		switch {
		case errors.Is(err, net.ErrClosed):
			return
		case err != nil: // out of descriptors, or a client that has left
			if !e.system.sleep(keepEvery) {
				return
			}
			continue
		}
		e.system.tasks.Go(func() { e.serveTCP(c) })
	}
}

// serveTCP answers queries one after the other until the client leaves.
func (e *endpoint) serveTCP(c net.Conn) {
	ended := make(chan struct{})
	defer close(ended)
	e.system.tasks.Go(func() {
		select {
		case <-ended:
		case <-e.system.done.Done():
		}
		_ = c.Close() // nothing is written any more
	})
	for {
		_ = c.SetDeadline(time.Now().Add(idleTimeout)) // fails on a closed connection, as the read will
		var length [2]byte
		if _, err := io.ReadFull(c, length[:]); err != nil {
			return
		}
		query := make([]byte, binary.BigEndian.Uint16(length[:]))
		if _, err := io.ReadFull(c, query); err != nil {
			return
		}
		e.queries.Add(1)
		if d := e.handle(query); d != nil && !e.writeTCP(c, d) {
			return
		}
	}
}

// writeTCP reports whether the connection is of further use.
func (e *endpoint) writeTCP(c net.Conn, d *delivery) bool {
	if d.wait > 0 && !e.system.sleep(d.wait) {
		return false
	}
	for _, m := range d.messages {
		framed := append(binary.BigEndian.AppendUint16(nil, uint16(len(m))), m...)
		if d.cut {
			_, _ = c.Write(framed[:len(framed)/2]) // the end is the same
			return false
		}
		step := len(framed)
		if d.pause > 0 {
			step = (len(framed) + pieces - 1) / pieces
		}
		for at := 0; at < len(framed); at += step {
			if at > 0 && !e.system.sleep(d.pause) {
				return false
			}
			_ = c.SetDeadline(time.Now().Add(idleTimeout)) // fails as the write will
			if _, err := c.Write(framed[at:min(at+step, len(framed))]); err != nil {
				return false
			}
		}
	}
	return true
}

// handle is the whole way of one query, but for sockets; nil is silence.
func (e *endpoint) handle(raw []byte) *delivery {
	s, sv := e.system, e.server
	p, answer := sv.parse(raw, e.path.Transport != measurement.UDP)
	if p == nil {
		if answer == nil {
			return nil
		}
		wire, err := answer.Pack()
		if err != nil {
			return nil
		}
		return &delivery{messages: [][]byte{wire}}
	}
	d, err := e.deliver(p, s.active(sv.rsi, e.path, dns.TypeToString[p.question().Qtype]))
	if err != nil {
		wire, err := sv.failure(p, dns.RcodeServerFailure).Pack()
		if err != nil {
			return nil
		}
		return &delivery{messages: [][]byte{wire}}
	}
	return d
}

func (e *endpoint) deliver(p *parsed, faults []Fault) (*delivery, error) {
	s, z, r := e.system, e.server.zone.Load(), e.server.responder
	for _, f := range faults {
		if f.Kind == Impostor {
			r.identity, r.version = ImpostorIdentity, ImpostorVersion
		}
		if f.Kind != Stale {
			continue
		}
		older := f.Zone
		if older == nil {
			var err error
			if older, err = s.older(z, f.Behind); err != nil {
				return nil, err
			}
		}
		z = older
	}
	if messages := r.transfer(p, z); messages != nil {
		return transferred(messages, faults)
	}
	return s.spoil(p, r.answer(p, z), z, faults)
}

// transferred delivers a zone transfer; of the faults only silence, delay and a
// cut touch it.
func transferred(messages []*dns.Msg, faults []Fault) (*delivery, error) {
	d := &delivery{}
	for _, f := range faults {
		switch f.Kind {
		case Drop, Loss:
			return nil, nil
		case Delay:
			d.wait += f.Delay
		case CloseMidMessage:
			d.cut = true
		}
	}
	for _, m := range messages {
		wire, err := m.Pack()
		if err != nil {
			return nil, err
		}
		d.messages = append(d.messages, wire)
	}
	return d, nil
}
