package serials

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"

	"github.com/miekg/dns"

	"mtric.net/mtric/engine/measurement"
	"mtric.net/mtric/engine/plan"
)

// Network asks over TCP, where nobody but who sees the way can answer for another, and signs
// by TSIG (RFC 8945) where the zone has a key.
type Network struct {
	Dial func(ctx context.Context, network, address string) (net.Conn, error) // nil is net.Dialer's
	Now  func() time.Time                                                     // nil is time.Now; servers compare it with theirs, whatever --now says
}

// ErrUnreachable is a source with which there is no conversation at all.
var ErrUnreachable = errors.New("cannot be reached")

// Unreachable says whether an error of an Asker is of the source as a whole.
func Unreachable(err error) bool { return errors.Is(err, ErrUnreachable) }

// Serial asks for the SOA of a zone at its source.
func (n Network) Serial(ctx context.Context, zone plan.Zone) (uint32, error) {
	m := new(dns.Msg).SetQuestion(zone.Name, dns.TypeSOA)
	m.RecursionDesired = false
	var secrets map[string]string
	if zone.KeyFile != "" {
		key, err := ReadKey(zone.KeyFile)
		if err != nil {
			return 0, err
		}
		secrets = map[string]string{key.Name: key.secret}
		now := n.Now
		if now == nil {
			now = time.Now
		}
		m.SetTsig(key.Name, key.Algorithm, 300, now().Unix())
	}
	dial := n.Dial
	if dial == nil {
		dial = (&net.Dialer{}).DialContext
	}
	conn, err := dial(ctx, string(measurement.TCP), zone.Source)
	if err != nil {
		return 0, fmt.Errorf("%w: %w", ErrUnreachable, err)
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })()
	talk := &dns.Conn{Conn: conn, TsigSecret: secrets}
	if err := talk.WriteMsg(m); err != nil {
		return 0, fmt.Errorf("%w: %w", ErrUnreachable, err)
	}
	reply, err := talk.ReadMsg()
	switch {
	case reply == nil && err != nil && ctx.Err() != nil:
		return 0, fmt.Errorf("%w: no answer: %w", ErrUnreachable, err)
	case err != nil:
		return 0, fmt.Errorf("answer: %w", err)
	case secrets != nil && reply.IsTsig() == nil:
		return 0, fmt.Errorf("answer %s is not signed by the key", dns.RcodeToString[reply.Rcode])
	}
	return serialIn(reply, m)
}

// serialIn is the serial of the one SOA record of an authoritative answer.
func serialIn(reply, asked *dns.Msg) (uint32, error) {
	switch {
	case reply.Id != asked.Id || !reply.Response || len(reply.Question) != 1 || reply.Question[0].Qtype != dns.TypeSOA ||
		!strings.EqualFold(reply.Question[0].Name, asked.Question[0].Name):
		return 0, errors.New("an answer to another question")
	case reply.Rcode != dns.RcodeSuccess:
		return 0, fmt.Errorf("rcode %s", dns.RcodeToString[reply.Rcode])
	case !reply.Authoritative || reply.Truncated || len(reply.Answer) != 1:
		return 0, errors.New("no authoritative answer with one SOA record")
	}
	soa, is := reply.Answer[0].(*dns.SOA)
	if !is || soa.Hdr.Class != dns.ClassINET || !strings.EqualFold(soa.Hdr.Name, asked.Question[0].Name) {
		return 0, errors.New("no SOA record of the zone")
	}
	return soa.Serial, nil
}
