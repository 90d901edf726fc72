package rootzone_test

import (
	"bytes"
	"context"
	"errors"
	"net"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/miekg/dns"

	"mtric.net/mtric/engine/rootzone"
)

// primary is a server that gives transfers and answers for its SOA record.
type primary struct {
	rrs             []dns.RR
	soas, transfers int
	change          func(*dns.Msg) // of the answer with the SOA record
	silent          bool
}

func (p *primary) source(t testing.TB, label string) rootzone.Source {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	s := &dns.Server{Listener: l, Handler: dns.HandlerFunc(p.answer)}
	done := make(chan error, 1)
	go func() { done <- s.ActivateAndServe() }()
	t.Cleanup(func() { _ = s.Shutdown(); <-done })
	return rootzone.Source{Label: label, AXFR: l.Addr().String(), Timeout: 30 * time.Second}
}

func (p *primary) answer(w dns.ResponseWriter, q *dns.Msg) {
	m := new(dns.Msg)
	m.SetReply(q)
	m.Authoritative = true
	if q.Question[0].Qtype == dns.TypeSOA {
		p.soas++
		m.Answer = p.rrs[:1]
		if p.change != nil {
			p.change(m)
		}
		if !p.silent {
			_ = w.WriteMsg(m)
		}
		return
	}
	p.transfers++
	for part := range slices.Chunk(append(slices.Clone(p.rrs), p.rrs[0]), 100) {
		m.Answer = part
		_ = w.WriteMsg(m)
	}
	_ = w.Close()
}

func TestAXFRAsksForTheSOAFirst(t *testing.T) {
	z := versions(t, 3)
	f := fetcher(t, z[0])
	p := &primary{rrs: z[1].RRs()}
	s := p.source(t, "p")
	step := func(name string, soas, transfers int, serial uint32, added, unchanged bool) {
		t.Helper()
		before := len(records(t, f))
		r := fetch(t, f, s)
		if p.soas != soas || p.transfers != transfers || r.Serial != serial || r.Added != added || r.Unchanged != unchanged {
			t.Errorf("%s: %d SOA queries, %d transfers, %+v", name, p.soas, p.transfers, r.Record)
		}
		if all := records(t, f); len(all) != before+1 || !cmp.Equal(all[before], r.Record) {
			t.Errorf("%s: not on record", name)
		}
	}
	step("an empty archive", 0, 1, 2026112001, true, false)
	step("the same", 1, 1, 2026112001, false, true)
	must(t, os.Remove(rootzone.RecordsFile(f.Dir)))
	step("the same, without records: its digest holds", 2, 1, 2026112001, false, true)
	p.rrs = z[2].RRs()
	step("a newer one", 3, 2, 2026112002, true, false)
	p.rrs = z[0].RRs()
	refused(t, f, s, rootzone.OlderSerial, "serial 2026112000 is older than 2026112002")
	if p.soas != 4 || p.transfers != 2 {
		t.Errorf("an older one: %d SOA queries, %d transfers", p.soas, p.transfers)
	}
	// A zone that is valid no more is transferred and refused.
	p.rrs = z[2].RRs()
	f.Now = func() time.Time { return signedAt.AddDate(0, 0, 15) }
	refused(t, f, s, rootzone.Bogus, "does not validate")
	if p.transfers != 3 {
		t.Errorf("%d transfers", p.transfers)
	}
}

// An answer that is not plain spares no transfer.
func TestAXFRBelievesOnlyAPlainSOA(t *testing.T) {
	z := versions(t, 1)
	rrs := z[0].RRs()
	for name, change := range map[string]func(*dns.Msg){
		"another id":       func(m *dns.Msg) { m.Id++ },
		"a query":          func(m *dns.Msg) { m.Response = false },
		"a notify":         func(m *dns.Msg) { m.Opcode = dns.OpcodeNotify },
		"REFUSED":          func(m *dns.Msg) { m.Rcode = dns.RcodeRefused },
		"a resolver":       func(m *dns.Msg) { m.Authoritative = false },
		"truncated":        func(m *dns.Msg) { m.Truncated = true },
		"no record":        func(m *dns.Msg) { m.Answer = nil },
		"two records":      func(m *dns.Msg) { m.Answer = rrs[:2] },
		"another type":     func(m *dns.Msg) { m.Answer = rrs[1:2] },
		"another question": func(m *dns.Msg) { m.Question[0].Name = "arpa." },
		"no question":      func(m *dns.Msg) { m.Question = nil },
		"another owner": func(m *dns.Msg) {
			soa := dns.Copy(rrs[0])
			soa.Header().Name = "arpa."
			m.Answer = []dns.RR{soa}
		},
		"class CH": func(m *dns.Msg) {
			soa := dns.Copy(rrs[0])
			soa.Header().Class = dns.ClassCHAOS
			m.Answer = []dns.RR{soa}
		},
	} {
		t.Run(name, func(t *testing.T) {
			f := fetcher(t, z[0])
			fetch(t, f, file(t, text(rrs)))
			p := &primary{rrs: rrs, change: change}
			if r := fetch(t, f, p.source(t, "p")); p.soas != 1 || p.transfers != 1 || r.Unchanged {
				t.Errorf("%d SOA queries, %d transfers, %+v", p.soas, p.transfers, r.Record)
			}
		})
	}
	t.Run("silent", func(t *testing.T) {
		f := fetcher(t, z[0])
		fetch(t, f, file(t, text(rrs)))
		p := &primary{rrs: rrs, silent: true}
		s := p.source(t, "p")
		s.Timeout = 2 * time.Second
		if fetch(t, f, s); p.transfers != 1 {
			t.Errorf("%d transfers", p.transfers)
		}
	})
	t.Run("nobody there", func(t *testing.T) {
		f := fetcher(t, z[0])
		fetch(t, f, file(t, text(rrs)))
		dials := 0
		f.Dial = func(context.Context, string, string) (net.Conn, error) { dials++; return nil, errors.New("no route") }
		refused(t, f, rootzone.Source{Label: "p", AXFR: "p:53"}, rootzone.Unavailable, "no route")
		if dials != 1 {
			t.Errorf("%d calls", dials)
		}
	})
}

// FuzzSOA answers the question for the SOA record with anything: nothing panics, and
// only a plain answer spares the transfer.
func FuzzSOA(f *testing.F) {
	z := versions(f, 1)
	good := new(dns.Msg)
	good.SetQuestion(".", dns.TypeSOA)
	good.Id, good.Response, good.Authoritative, good.RecursionDesired, good.Answer = id, true, true, false, z[0].RRs()[:1]
	wire, err := good.Pack()
	must(f, err)
	f.Add(wire)
	f.Add(wire[:20])
	fetcher := fetcher(f, z[0])
	fetcher.ID = func() uint16 { return id }
	fetch(f, fetcher, file(f, text(z[0].RRs())))
	f.Fuzz(func(t *testing.T, answer []byte) {
		if len(answer) > 65535 {
			return
		}
		calls := 0
		fetcher.Dial = func(context.Context, string, string) (net.Conn, error) {
			if calls++; calls > 1 {
				return nil, errors.New("no transfer")
			}
			return &replay{Reader: bytes.NewReader(framed(answer))}, nil
		}
		if _, err := fetcher.Fetch(context.Background(), []rootzone.Source{{Label: "fuzz", AXFR: "x:53"}}); err == nil {
			m := new(dns.Msg)
			must(t, m.Unpack(answer))
			if soa, is := m.Answer[0].(*dns.SOA); !is || soa.Serial != z[0].Serial || calls != 1 {
				t.Errorf("taken after %d calls: %v", calls, m)
			}
		}
	})
}
