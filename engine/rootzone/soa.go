package rootzone

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"time"

	"github.com/miekg/dns"

	"mtric.net/mtric/engine/files"
)

// unchanged asks a server that gives transfers for its SOA record, and says whether it
// has no other zone than the newest, of which no more need be known: a transfer of
// two megabytes each half hour, to learn nothing, would be no good manners. An answer
// that is not plain is none; the transfer will tell what is wrong.
func (r *run) unchanged(ctx context.Context, s Source, at time.Time) (bool, error) {
	if r.newest == nil {
		return false, nil
	}
	serial, err := r.serial(ctx, s)
	var refusal *Refusal
	switch {
	case errors.As(err, &refusal):
		return false, err
	case err != nil:
		return false, nil
	case Compare(serial, r.newest.Serial) < 0:
		return false, r.older(serial, at)
	case serial != r.newest.Serial:
		return false, nil
	}
	sum, err := files.Sum(filepath.Join(r.Dir, FileName(serial)))
	if err != nil {
		return false, err
	}
	enough := confirmed(r.newest, r.records, sum) || gaveBefore(s, r.records, serial, sum)
	return enough && r.holds(at), nil
}

// serial asks a server for the serial of its root zone, over TCP. The answer gets a
// quarter of the source's time: the transfer needs the rest. The error is a Refusal
// where a transfer could not begin either.
func (f *Fetcher) serial(ctx context.Context, s Source) (uint32, error) {
	conn, hangUp, err := f.call(ctx, s)
	if err != nil {
		return 0, err
	}
	defer hangUp()
	ctx, cancel := context.WithTimeout(ctx, s.timeout()/4)
	defer cancel()
	defer breakOff(ctx, conn)()
	id := f.id()
	if err := ask(conn, id, dns.TypeSOA); err != nil {
		return 0, err
	}
	wire, err := readMessage(conn)
	if err != nil {
		return 0, err
	}
	return parseSerial(wire, id)
}

// call connects to a server. What it returns beside the connection ends it.
func (f *Fetcher) call(ctx context.Context, s Source) (net.Conn, func(), error) {
	dial := f.Dial
	if dial == nil {
		dial = (&net.Dialer{}).DialContext
	}
	conn, err := dial(ctx, "tcp", s.AXFR)
	if err != nil {
		return nil, nil, refuse(Unavailable, "%w", err)
	}
	stop := breakOff(ctx, conn)
	return conn, func() { stop(); _ = conn.Close() }, nil
}

// breakOff has the end of a context break off what is being read from a connection,
// which knows no context.
func breakOff(ctx context.Context, conn net.Conn) (stop func() bool) {
	return context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })
}

// ask sends a query about the root, with its length before it.
func ask(conn net.Conn, id uint16, qtype uint16) error {
	query := new(dns.Msg)
	query.Id = id
	query.Question = []dns.Question{{Name: ".", Qtype: qtype, Qclass: dns.ClassINET}}
	wire, err := query.Pack()
	if err != nil {
		return fmt.Errorf("query to a zone source: %w", err)
	}
	if _, err := conn.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(wire))), wire...)); err != nil {
		return fmt.Errorf("query to a zone source: %w", err)
	}
	return nil
}

var errNotPlain = errors.New("no plain answer with one SOA record of the root")

// parseSerial reads the serial from an authoritative answer with one SOA record of
// the root and no other record.
func parseSerial(wire []byte, id uint16) (uint32, error) {
	m := new(dns.Msg)
	if err := m.Unpack(wire); err != nil {
		return 0, err
	}
	plain := m.Id == id && m.Response && m.Opcode == dns.OpcodeQuery && m.Rcode == dns.RcodeSuccess && m.Authoritative && !m.Truncated
	if !plain || len(m.Question) != 1 || len(m.Answer) != 1 || m.Question[0] != (dns.Question{Name: ".", Qtype: dns.TypeSOA, Qclass: dns.ClassINET}) {
		return 0, errNotPlain
	}
	soa, is := m.Answer[0].(*dns.SOA)
	if !is || soa.Hdr.Name != "." || soa.Hdr.Class != dns.ClassINET {
		return 0, errNotPlain
	}
	return soa.Serial, nil
}
