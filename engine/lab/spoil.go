package lab

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/miekg/dns"
)

// delivery is how an answer goes out: messages in order, and what is done to
// the way there. A nil delivery is silence.
type delivery struct {
	messages [][]byte
	wait     time.Duration // before the first message
	icmp     bool          // an ICMP error goes first
	pause    time.Duration // between eight pieces of a TCP message
	cut      bool          // half a TCP message, then the end
}

// spoil turns the right answer into what the faults make of it.
func (s *System) spoil(p *parsed, a *dns.Msg, z *Zone, faults []Fault) (*delivery, error) {
	d := &delivery{}
	seed := flipSeed(s.seed, p)
	// Faults of the message and of its way first, then those that need the wire.
	for _, f := range faults {
		switch f.Kind {
		case Drop, Loss:
			return nil, nil
		case Delay:
			d.wait += f.Delay
		case ForgedICMP:
			d.icmp = d.icmp || !p.tcp
		case SlowTCP:
			d.pause = f.Delay
		case CloseMidMessage:
			d.cut = d.cut || p.tcp
		default:
			var err error
			if a, err = z.spoilMessage(f, p, a, seed); err != nil {
				return nil, err
			}
		}
	}
	right, err := a.Pack()
	if err != nil {
		return nil, err
	}
	d.messages = [][]byte{right}
	for _, f := range faults {
		switch f.Kind {
		case WrongIDFirst:
			wrong := bytes.Clone(right)
			wrong[0] ^= 0x55
			wrong[1] ^= 0x55
			d.messages = append([][]byte{wrong}, d.messages...)
		case SpoofedSecond:
			second, err := flipBit(a, seed).Pack()
			if err != nil {
				return nil, err
			}
			d.messages = append(d.messages, second)
		case Garbage:
			d.messages = [][]byte{garbage(p, a, seed)}
		default:
			d.messages = spoilWire(f, p, d.messages)
		}
	}
	return d, nil
}

// spoilWire does the faults that no message of the library has.
func spoilWire(f Fault, p *parsed, messages [][]byte) [][]byte {
	right := messages[len(messages)-1]
	switch f.Kind {
	case HeaderOnly:
		bare := append(bytes.Clone(right[:4]), make([]byte, headerSize-4)...)
		bare[2], bare[3] = 0x80|bare[2]&0x01, byte(dns.StringToRcode[f.RCode])
		return [][]byte{bare}
	case BadOptions:
		return [][]byte{badOptions(right)}
	case Duplicate:
		return append(messages, right)
	case CutTC:
		if !p.tcp {
			cut := bytes.Clone(right[:len(right)-1])
			cut[2] |= 0x02
			return [][]byte{cut}
		}
	}
	return messages
}

// badOptions adds to the OPT record, which is the last one, a client subnet of no family
// and an option that says to be longer than what is left. An answer without OPT stays.
func badOptions(right []byte) []byte {
	m := new(dns.Msg)
	if m.Unpack(right) != nil || m.IsEdns0() == nil {
		return right
	}
	options := 0
	for _, o := range m.IsEdns0().Option {
		id, isNSID := o.(*dns.EDNS0_NSID)
		if !isNSID {
			return right // the responders send no other
		}
		options += 4 + len(id.Nsid)/2
	}
	bad := []byte{0, dns.EDNS0SUBNET, 0, 2, 0xff, 0xff, 0, 10, 0xff, 0xff}
	wire := append(bytes.Clone(right), bad...)
	binary.BigEndian.PutUint16(wire[len(right)-options-2:], uint16(options+len(bad)))
	return wire
}

// spoilMessage returns a changed copy; kinds that do not change the message
// return it as it is.
func (z *Zone) spoilMessage(f Fault, p *parsed, a *dns.Msg, seed uint64) (*dns.Msg, error) {
	c := *a
	switch f.Kind {
	case ServFail:
		return bare(a, dns.RcodeServerFailure), nil
	case RCode:
		return bare(a, dns.StringToRcode[f.RCode]), nil
	case TC:
		if p.tcp {
			return a, nil
		}
		t := bare(a, a.Rcode)
		t.Authoritative, t.Truncated = a.Authoritative, true
		return t, nil
	case WrongQuestion:
		c.Question = []dns.Question{{Name: "wrong.example.", Qtype: p.question().Qtype, Qclass: p.question().Qclass}}
	case WrongCase:
		q := p.question()
		c.Question = []dns.Question{{Name: invertCase(q.Name), Qtype: q.Qtype, Qclass: q.Qclass}}
	case AAWrong:
		c.Authoritative = !a.Authoritative
	case BitFlip:
		return flipBit(a, seed), nil
	case NoSignature:
		c.Answer, c.Ns = unsigned(a.Answer), unsigned(a.Ns)
	case ExpiredSignature:
		var err error
		if c.Answer, err = z.expired(a.Answer); err != nil {
			return nil, err
		}
		if c.Ns, err = z.expired(a.Ns); err != nil {
			return nil, err
		}
	default:
		return a, nil
	}
	return &c, nil
}

// bare is the answer without data.
func bare(a *dns.Msg, rcode int) *dns.Msg {
	c := *a
	c.Rcode, c.Authoritative, c.Answer, c.Ns, c.Extra = rcode, false, nil, nil, nil
	if opt := a.IsEdns0(); opt != nil {
		c.Extra = []dns.RR{opt}
	}
	return &c
}

func invertCase(name string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsUpper(r) {
			return unicode.ToLower(r)
		}
		return unicode.ToUpper(r)
	}, name)
}

func unsigned(rrs []dns.RR) []dns.RR {
	var kept []dns.RR
	for _, rr := range rrs {
		if rr.Header().Rrtype != dns.TypeRRSIG {
			kept = append(kept, rr)
		}
	}
	return kept
}

// expired replaces signatures by such of the same keys whose time was over an
// hour before the zone's began.
func (z *Zone) expired(rrs []dns.RR) ([]dns.RR, error) {
	var replaced []dns.RR
	for _, rr := range rrs {
		old, ok := rr.(*dns.RRSIG)
		if !ok {
			replaced = append(replaced, rr)
			continue
		}
		set, o, ok := z.made(old)
		if !ok {
			replaced = append(replaced, rr) // another fault has been at it
			continue
		}
		end := z.Inception.Add(-time.Hour)
		o.inception, o.expiration = uint32(end.Add(-z.Expiration.Sub(z.Inception)).Unix()), uint32(end.Unix())
		sig, err := o.sign(set.rrs)
		if err != nil {
			return nil, err
		}
		sig.rr.Hdr.Name = old.Hdr.Name
		replaced = append(replaced, sig.rr)
	}
	return replaced, nil
}

// made finds the RRset under a signature of the zone and the order it was made to.
func (z *Zone) made(sig *dns.RRSIG) (*rrset, order, bool) {
	set := z.set(strings.ToLower(sig.Hdr.Name), sig.TypeCovered)
	if set == nil {
		return nil, order{}, false
	}
	i := slices.IndexFunc(set.sigs, func(s signature) bool { return s.rr.Signature == sig.Signature })
	if i < 0 {
		return nil, order{}, false
	}
	return set, set.sigs[i].order, true
}

// flipSeed makes the flipped bit depend on the seed and the question alone.
func flipSeed(seed uint64, p *parsed) uint64 {
	q := p.question()
	text := binary.BigEndian.AppendUint64([]byte(strings.ToLower(q.Name)), seed)
	sum := sha256.Sum256(binary.BigEndian.AppendUint16(text, q.Qtype))
	return binary.BigEndian.Uint64(sum[:])
}

// flipBit returns the message with one bit of one record's RDATA inverted, such
// that it still packs and differs in more than letter case; unchanged where
// there is no such record.
func flipBit(a *dns.Msg, seed uint64) *dns.Msg {
	c := *a
	c.Answer, c.Ns, c.Extra = append([]dns.RR(nil), a.Answer...), append([]dns.RR(nil), a.Ns...), append([]dns.RR(nil), a.Extra...)
	var at []*dns.RR
	for _, section := range [][]dns.RR{c.Answer, c.Ns, c.Extra} {
		for i := range section {
			if section[i].Header().Rrtype != dns.TypeOPT {
				at = append(at, &section[i])
			}
		}
	}
	for try := range uint64(64) {
		if len(at) == 0 {
			break
		}
		rr := at[(seed+try)%uint64(len(at))]
		if flipped := flipRecord(*rr, seed/7+try); flipped != nil {
			*rr = flipped
			break
		}
	}
	return &c
}

// flipRecord inverts one bit of the RDATA, nil where the outcome is no other
// record of the type.
func flipRecord(rr dns.RR, seed uint64) dns.RR {
	wire := make([]byte, dns.Len(rr)+1)
	c := dns.Copy(rr) // packing writes to the header
	end, err := dns.PackRR(c, wire, 0, nil, false)
	length := int(c.Header().Rdlength)
	if err != nil || length == 0 {
		return nil
	}
	bit := int(seed % uint64(8*length))
	wire[end-length+bit/8] ^= 1 << (bit % 8)
	flipped, n, err := dns.UnpackRR(wire[:end], 0)
	if err != nil || n != end || dns.IsDuplicate(rr, flipped) {
		return nil
	}
	return flipped
}

// garbage keeps header and question of the answer and lets noise follow that is
// no record: a compression pointer to itself.
func garbage(p *parsed, a *dns.Msg, seed uint64) []byte {
	c := bare(a, dns.RcodeSuccess)
	c.Extra = nil
	wire, err := c.Pack()
	if err != nil {
		wire = make([]byte, headerSize)
		binary.BigEndian.PutUint16(wire, p.msg.Id)
	}
	binary.BigEndian.PutUint16(wire[6:], 1) // one answer
	wire = append(wire, 0xc0|byte(len(wire)>>8), byte(len(wire)))
	return binary.BigEndian.AppendUint64(wire, seed)
}
