package lab_test

import (
	"bytes"
	"errors"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/miekg/dns"

	"mtric.net/mtric/engine/lab"
	"mtric.net/mtric/engine/measurement"
)

// silence is how long a test waits for what must not come.
const silence = 60 * time.Millisecond

// exchange sends one query and collects all messages until none comes for the
// time of silence, the connection ends or want have come.
func exchange(t *testing.T, s *lab.System, path measurement.Path, q *dns.Msg, want int) (wires [][]byte, err error) {
	t.Helper()
	c, err := dial(t, s, "c", path, patience)
	if err != nil {
		return nil, err
	}
	send(t, c, pack(t, q))
	for {
		wait := patience
		if len(wires) >= want {
			wait = silence
		}
		if err := c.SetReadDeadline(time.Now().Add(wait)); err != nil {
			t.Fatal(err)
		}
		wire, err := receive(c)
		if err != nil {
			return wires, err
		}
		wires = append(wires, wire)
	}
}

// unpack wants one message.
func unpack(t *testing.T, wire []byte) *dns.Msg {
	t.Helper()
	m := new(dns.Msg)
	if err := m.Unpack(wire); err != nil {
		t.Fatalf("%x: %v", wire, err)
	}
	return m
}

// TestFaultsOfMessages compares what one fault makes of an answer with the
// right one, over UDP and TCP.
func TestFaultsOfMessages(t *testing.T) {
	s := start(t, lab.Config{Seed: seed})
	for _, c := range []struct {
		fault lab.Fault
		want  int // messages
		check func(t *testing.T, right []byte, got [][]byte)
	}{
		{lab.Fault{Kind: lab.ServFail}, 1, rcodeIs(dns.RcodeServerFailure)},
		{lab.Fault{Kind: lab.RCode, RCode: "FORMERR"}, 1, rcodeIs(dns.RcodeFormatError)},
		{lab.Fault{Kind: lab.WrongIDFirst}, 2, func(t *testing.T, right []byte, got [][]byte) {
			if bytes.Equal(got[0][:2], right[:2]) || !bytes.Equal(got[0][2:], right[2:]) || !bytes.Equal(got[1], right) {
				t.Errorf("got %x then %x: want another id, then the right answer", got[0][:4], got[1][:4])
			}
		}},
		{lab.Fault{Kind: lab.SpoofedSecond}, 2, func(t *testing.T, right []byte, got [][]byte) {
			if !bytes.Equal(got[0], right) || bytes.Equal(got[1], right) || !bytes.Equal(got[1][:12], right[:12]) {
				t.Error("want the right answer, then another one with the same header")
			}
			unpack(t, got[1])
		}},
		{lab.Fault{Kind: lab.WrongQuestion}, 1, changed(func(m *dns.Msg) { m.Question[0].Name = "wrong.example." })},
		{lab.Fault{Kind: lab.WrongCase}, 1, changed(func(m *dns.Msg) { m.Question[0].Name = "cOm." })},
		{lab.Fault{Kind: lab.AAWrong}, 1, changed(func(m *dns.Msg) { m.Authoritative = !m.Authoritative })},
		{lab.Fault{Kind: lab.NoSignature}, 1, changed(func(m *dns.Msg) {
			m.Answer = slices.DeleteFunc(m.Answer, func(rr dns.RR) bool { return rr.Header().Rrtype == dns.TypeRRSIG })
		})},
		{lab.Fault{Kind: lab.ExpiredSignature}, 1, expired},
		{lab.Fault{Kind: lab.BitFlip}, 1, oneBit},
		{lab.Fault{Kind: lab.Garbage}, 1, func(t *testing.T, right []byte, got [][]byte) {
			m := new(dns.Msg)
			if err := m.Unpack(got[0]); err == nil || !bytes.Equal(got[0][:2], right[:2]) || !cmp.Equal(m.Question, unpack(t, right).Question) {
				t.Errorf("%x: want id and question of the query and records that do not parse; error %v", got[0], err)
			}
		}},
		{lab.Fault{Kind: lab.HeaderOnly, RCode: "NOTIMP"}, 1, func(t *testing.T, right []byte, got [][]byte) {
			if want := append(right[:2:2], 0x80, dns.RcodeNotImplemented, 0, 0, 0, 0, 0, 0, 0, 0); !bytes.Equal(got[0], want) {
				t.Errorf("%x, want the header alone, %x", got[0], want)
			}
		}},
		{lab.Fault{Kind: lab.Duplicate}, 2, func(t *testing.T, right []byte, got [][]byte) {
			if !bytes.Equal(got[0], right) || !bytes.Equal(got[1], right) {
				t.Error("want the right answer twice")
			}
		}},
		{lab.Fault{Kind: lab.BadOptions}, 1, func(t *testing.T, right []byte, got [][]byte) {
			if err := new(dns.Msg).Unpack(got[0]); err == nil || len(got[0]) != len(right)+10 || !bytes.Equal(got[0][:len(right)-40], right[:len(right)-40]) {
				t.Errorf("%x: want the right answer with options that the library refuses", got[0])
			}
		}},
	} {
		for _, path := range []measurement.Path{udp4, tcp4} {
			t.Run(string(c.fault.Kind)+" "+path.String(), func(t *testing.T) {
				q := question("CoM.", dns.TypeDS)
				setFaults(t, s)
				_, right := mustAsk(t, s, "c", path, q)
				setFaults(t, s, c.fault)
				got, err := exchange(t, s, path, q, c.want)
				if len(got) != c.want {
					t.Fatalf("%d messages, want %d; %v", len(got), c.want, err)
				}
				c.check(t, right, got)
			})
		}
	}
}

func setFaults(t *testing.T, s *lab.System, faults ...lab.Fault) {
	t.Helper()
	if err := s.SetFaults(faults...); err != nil {
		t.Fatal(err)
	}
}

func rcodeIs(rcode int) func(*testing.T, []byte, [][]byte) {
	return func(t *testing.T, _ []byte, got [][]byte) {
		if m := unpack(t, got[0]); m.Rcode != rcode || len(m.Answer)+len(m.Ns) > 0 || m.IsEdns0() == nil {
			t.Errorf("want rcode %d without data:\n%v", rcode, m)
		}
	}
}

// changed wants the right answer with one change.
func changed(change func(*dns.Msg)) func(*testing.T, []byte, [][]byte) {
	return func(t *testing.T, right []byte, got [][]byte) {
		want := unpack(t, right)
		change(want)
		lengths := cmpopts.IgnoreFields(dns.RR_Header{}, "Rdlength")
		if diff := cmp.Diff(want, unpack(t, got[0]), lengths, cmpopts.IgnoreUnexported(dns.Msg{})); diff != "" {
			t.Errorf("(-want +got)\n%s", diff)
		}
	}
}

// expired wants a signature that verifies and whose time is over.
func expired(t *testing.T, right []byte, got [][]byte) {
	k := zoneKey(t)
	old, sig := signatureOf(t, unpack(t, right)), signatureOf(t, unpack(t, got[0]))
	m := unpack(t, got[0])
	if err := sig.Verify(k, []dns.RR{m.Answer[0]}); err != nil || old.ValidityPeriod(inception) != true || sig.ValidityPeriod(inception) {
		t.Errorf("verify: %v; valid at %s: %v", err, inception, sig.ValidityPeriod(inception))
	}
}

func zoneKey(t *testing.T) *dns.DNSKEY {
	t.Helper()
	for _, rr := range small(t).RRs() {
		if k, ok := rr.(*dns.DNSKEY); ok && k.Flags == dns.ZONE {
			return k
		}
	}
	t.Fatal("no zone signing key")
	return nil
}

func signatureOf(t *testing.T, m *dns.Msg) *dns.RRSIG {
	t.Helper()
	for _, rr := range m.Answer {
		if sig, ok := rr.(*dns.RRSIG); ok {
			return sig
		}
	}
	t.Fatalf("no signature in\n%v", m)
	return nil
}

// oneBit wants messages of equal length that differ in one bit, after the question.
func oneBit(t *testing.T, right []byte, got [][]byte) {
	bits, last := 0, 0
	for i := range min(len(right), len(got[0])) {
		for x := right[i] ^ got[0][i]; x != 0; x &= x - 1 {
			bits, last = bits+1, i
		}
	}
	if len(right) != len(got[0]) || bits != 1 || last < 12 {
		t.Errorf("%d bits differ, the last in octet %d; %d and %d octets", bits, last, len(right), len(got[0]))
	}
}

// TestBitFlips: every answer can be spoilt and still parses, and the same
// question gives the same bit.
func TestBitFlips(t *testing.T) {
	s := start(t, lab.Config{Seed: seed})
	for _, q := range questions {
		if q.options != "" && q.options != "nodo" || q.qtype == dns.TypeAXFR || q.qtype == dns.TypeIXFR || q.qtype == dns.TypeOPT {
			continue
		}
		m := q.message(t)
		setFaults(t, s)
		right, _ := mustAsk(t, s, "a", tcp4, m)
		setFaults(t, s, lab.Fault{Kind: lab.BitFlip})
		_, first := mustAsk(t, s, "a", tcp4, m)
		_, second := mustAsk(t, s, "a", tcp4, m)
		if !bytes.Equal(first, second) {
			t.Errorf("%v: two flips differ", q)
		}
		if bytes.Equal(first, pack(t, right)) {
			t.Errorf("%v: nothing was flipped", q)
		}
	}
}

func TestSilence(t *testing.T) {
	s := start(t, lab.Config{})
	for _, f := range []lab.Fault{{Kind: lab.Drop}, {Kind: lab.Loss, Probability: 0.999999999}} {
		setFaults(t, s, f)
		for _, path := range []measurement.Path{udp4, tcp4} {
			before := s.Queries("c", path)
			got, err := exchange(t, s, path, question(".", dns.TypeSOA), 0)
			if len(got) != 0 || !errors.Is(err, os.ErrDeadlineExceeded) {
				t.Errorf("%s %s: %d messages, %v: want silence", f.Kind, path, len(got), err)
			}
			if n := s.Queries("c", path); n != before+1 {
				t.Errorf("%s %s: %d queries read, want %d", f.Kind, path, n, before+1)
			}
		}
	}
}

func TestLossIsAsOftenAsTold(t *testing.T) {
	s := start(t, lab.Config{Seed: seed, Faults: []lab.Fault{{Kind: lab.ServFail, Probability: 0.25}}})
	const queries = 400
	failed := 0
	for range queries {
		if a, _ := mustAsk(t, s, "b", udp4, question(".", dns.TypeSOA)); a.Rcode == dns.RcodeServerFailure {
			failed++
		}
	}
	// Queries come one after the other, so the seed decides; 0.25 +- four sigma.
	if failed < 65 || failed > 135 {
		t.Errorf("%d of %d failed, want about 100", failed, queries)
	}
}

func TestDelays(t *testing.T) {
	s := start(t, lab.Config{})
	const delay = 120 * time.Millisecond
	for _, c := range []struct {
		fault lab.Fault
		path  measurement.Path
		least time.Duration
	}{
		{lab.Fault{Kind: lab.Delay, Delay: delay}, udp4, delay},
		{lab.Fault{Kind: lab.Delay, Delay: delay}, tcp4, delay},
		{lab.Fault{Kind: lab.SlowTCP, Delay: delay / 6}, tcp4, 7 * delay / 6},
	} {
		setFaults(t, s, c.fault)
		began := time.Now()
		mustAsk(t, s, "c", c.path, question(".", dns.TypeSOA))
		if took := time.Since(began); took < c.least {
			t.Errorf("%s %s: answer after %s, want at least %s", c.fault.Kind, c.path, took, c.least)
		}
	}
}

// TestFaultsOfOneTransport: what only makes sense on one leaves the other alone.
func TestFaultsOfOneTransport(t *testing.T) {
	s := start(t, lab.Config{})
	q := question(".", dns.TypeSOA)
	setFaults(t, s, lab.Fault{Kind: lab.TC})
	if a, _ := mustAsk(t, s, "c", udp4, q); !a.Truncated || len(a.Answer) > 0 || !a.Authoritative {
		t.Errorf("tc over UDP:\n%v", a)
	}
	if a, _ := mustAsk(t, s, "c", tcp4, q); a.Truncated || len(a.Answer) == 0 {
		t.Errorf("tc over TCP:\n%v", a)
	}
	_, right := mustAsk(t, s, "c", tcp4, q)
	setFaults(t, s, lab.Fault{Kind: lab.CutTC})
	if got, err := exchange(t, s, udp4, q, 1); len(got) != 1 || got[0][2]&0x02 == 0 || new(dns.Msg).Unpack(got[0]) == nil {
		t.Errorf("cut_tc over UDP: %x, %v", got, err)
	}
	if _, wire := mustAsk(t, s, "c", tcp4, q); !bytes.Equal(wire, right) {
		t.Errorf("cut_tc over TCP: %x", wire)
	}
	setFaults(t, s, lab.Fault{Kind: lab.CloseMidMessage}, lab.Fault{Kind: lab.SlowTCP, Delay: time.Minute})
	mustAsk(t, s, "c", udp4, q)
	setFaults(t, s, lab.Fault{Kind: lab.CloseMidMessage})
	_, wire, err := ask(t, s, "c", tcp4, q)
	if err == nil || len(wire) == 0 || errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("%d octets, then %v: want half a message and the end", len(wire), err)
	}
}

func TestStale(t *testing.T) {
	s := start(t, lab.Config{Zone: versions()[1]})
	q := question(".", dns.TypeSOA)
	for _, c := range []struct {
		fault lab.Fault
		want  uint32
	}{
		{lab.Fault{Kind: lab.Stale}, 2026112300},
		{lab.Fault{Kind: lab.Stale, Behind: 5}, 2026112296},
		{lab.Fault{Kind: lab.Stale, Zone: versions()[0]}, 2026112300},
	} {
		c.fault.RSIs = []measurement.RSI{"k"}
		setFaults(t, s, c.fault)
		a, _ := mustAsk(t, s, "k", udp4, q)
		if got := serial(t, a); got != c.want {
			t.Errorf("%+v: serial %d, want %d", c.fault, got, c.want)
		}
		if err := signatureOf(t, a).Verify(zoneKey(t), a.Answer[:1]); err != nil {
			t.Errorf("behind %d: %v", c.fault.Behind, err)
		}
		if a, _ := mustAsk(t, s, "l", udp4, q); serial(t, a) != 2026112301 {
			t.Errorf("RSI l is stale too")
		}
	}
	setFaults(t, s, lab.Fault{Kind: lab.Stale})
	if err := s.SetZone("k", versions()[2]); err != nil {
		t.Fatal(err)
	}
	if a, _ := mustAsk(t, s, "k", udp4, q); serial(t, a) != 2026112301 {
		t.Errorf("one behind 2026112302 is %d", serial(t, a))
	}
}
