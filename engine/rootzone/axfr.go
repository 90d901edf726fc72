package rootzone

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"strconv"
	"strings"

	"github.com/miekg/dns"
)

// maxMessages bounds a transfer whose messages are small; servers put a hundred
// records and more into each.
const maxMessages = 100_000

// transfer gets the zone from a server by AXFR over TCP (RFC 5936), as text in
// master format, so that it goes the way of every other zone. What comes after
// the closing SOA record in a message of its own is not read.
func (f *Fetcher) transfer(ctx context.Context, s Source) ([]byte, error) {
	conn, hangUp, err := f.call(ctx, s)
	if err != nil {
		return nil, err
	}
	defer hangUp()
	t := &transfer{id: f.id(), most: s.maxSize()}
	if err := ask(conn, t.id, dns.TypeAXFR); err != nil {
		return nil, refuse(Unavailable, "%w", err)
	}
	for !t.closed {
		message, err := readMessage(conn)
		if err != nil {
			return nil, t.brokeOff(err)
		}
		if err := t.message(message); err != nil {
			return nil, err
		}
	}
	return []byte(t.text.String()), nil
}

func (f *Fetcher) id() uint16 {
	if f.ID == nil {
		return uint16(rand.Uint32())
	}
	return f.ID()
}

// readMessage reads a message with its length before it (RFC 1035, 4.2.2).
func readMessage(r io.Reader) ([]byte, error) {
	var length [2]byte
	if _, err := io.ReadFull(r, length[:]); err != nil {
		return nil, err
	}
	message := make([]byte, binary.BigEndian.Uint16(length[:]))
	if _, err := io.ReadFull(r, message); err != nil {
		return nil, errors.Join(io.ErrUnexpectedEOF, err)
	}
	return message, nil
}

// transfer is an AXFR response while it comes in.
type transfer struct {
	id   uint16
	most int64 // bytes of messages, and of text

	messages, records int
	octets            int64
	soa               *dns.SOA // the first record
	closed            bool     // it came again
	text              strings.Builder
}

func (t *transfer) brokeOff(err error) error {
	if t.messages == 0 {
		return refuse(Unavailable, "no response: %w", err)
	}
	return refuse(Truncated, "the transfer broke off after %d records: %w", t.records, err)
}

// message takes the next message of the response. Authority and additional
// sections are ignored, as RFC 5936, 2.2.4 and 2.2.5 have it.
func (t *transfer) message(wire []byte) error {
	t.messages++
	t.octets += int64(len(wire))
	if t.octets > t.most || t.messages > maxMessages {
		return refuse(TooLarge, "more than %d bytes or %d messages", t.most, maxMessages)
	}
	m := new(dns.Msg)
	if err := m.Unpack(wire); err != nil {
		return refuse(NotZone, "message %d: %w", t.messages, err)
	}
	if err := t.head(m, wire); err != nil {
		return err
	}
	for _, rr := range m.Answer {
		if err := t.record(rr); err != nil {
			return err
		}
	}
	return nil
}

// head checks what RFC 5936, 2.2.1 and 2.2.2 say of each message. AA is ignored
// as recommended there: Knot leaves it clear.
func (t *transfer) head(m *dns.Msg, wire []byte) error {
	wrong := func(format string, args ...any) error {
		return refuse(NotZone, "message %d: %s", t.messages, fmt.Sprintf(format, args...))
	}
	switch {
	case m.Id != t.id:
		return wrong("id %d, asked with %d", m.Id, t.id)
	case !m.Response || m.Opcode != dns.OpcodeQuery:
		return wrong("no response to a query")
	case m.Rcode != dns.RcodeSuccess:
		return refuse(Unavailable, "rcode %s: the server gives no transfer", rcode(m.Rcode))
	case m.Truncated:
		return wrong("truncated (TC set)")
	case len(m.Answer) != int(binary.BigEndian.Uint16(wire[6:])): // the library forgives counts that lie
		return wrong("%d records, %d announced", len(m.Answer), binary.BigEndian.Uint16(wire[6:]))
	case len(m.Answer) == 0:
		return wrong("no records")
	case len(m.Question) > 1 || (len(m.Question) == 0 && t.messages == 1):
		return wrong("%d questions", len(m.Question))
	case len(m.Question) == 1 && m.Question[0] != dns.Question{Name: ".", Qtype: dns.TypeAXFR, Qclass: dns.ClassINET}:
		return wrong("another question than was asked")
	}
	return nil
}

func rcode(code int) string {
	if name, known := dns.RcodeToString[code]; known {
		return name
	}
	return strconv.Itoa(code)
}

// record takes the next record: the SOA record opens and closes the zone.
func (t *transfer) record(rr dns.RR) error {
	if t.closed {
		return refuse(NotZone, "message %d: records after the closing SOA record", t.messages)
	}
	h := rr.Header()
	owner, kind := h.Name, dns.Type(h.Rrtype)
	soa, isSOA := rr.(*dns.SOA)
	switch {
	case h.Class != dns.ClassINET:
		return refuse(NotZone, "message %d: %s/%s: class %s, want IN", t.messages, owner, kind, dns.Class(h.Class))
	case h.Rrtype == dns.TypeOPT || (h.Rrtype >= 128 && h.Rrtype <= 255): // QTYPEs and meta types, RFC 6895, 3.1
		return refuse(NotZone, "message %d: %s/%s is no record of a zone", t.messages, owner, kind)
	case t.soa == nil && (!isSOA || owner != "."):
		return refuse(NotZone, "the first record is %s/%s, want the SOA record of the root", owner, kind)
	case t.soa == nil:
		t.soa = soa
	case isSOA && soa.Serial != t.soa.Serial:
		return refuse(NotZone, "the serial changes from %d to %d within the transfer", t.soa.Serial, soa.Serial)
	case isSOA && (soa.Hdr.Ttl != t.soa.Hdr.Ttl || !dns.IsDuplicate(soa, t.soa)):
		return refuse(NotZone, "the closing SOA record is not the first one")
	case isSOA:
		t.closed = true
		return nil
	}
	t.records++
	t.text.WriteString(rr.String())
	t.text.WriteByte('\n')
	if int64(t.text.Len()) > t.most {
		return refuse(TooLarge, "more than %d bytes of text", t.most)
	}
	return nil
}
