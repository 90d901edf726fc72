package lab_test

import (
	"bytes"
	"errors"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
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

// TestRefuse: sockets close when the fault begins and open when it ends.
func TestRefuse(t *testing.T) {
	var now atomic.Int64
	clock := func() time.Time { return inception.Add(time.Duration(now.Load())) }
	s := start(t, lab.Config{Now: clock, Faults: []lab.Fault{
		{Kind: lab.Refuse, RSIs: []measurement.RSI{"c"}, From: inception.Add(time.Hour), Until: inception.Add(2 * time.Hour)}}})
	q := question(".", dns.TypeSOA)
	paths := []measurement.Path{udp4, tcp4}
	if s.IPv6 {
		paths = append(paths, measurement.Path{Family: measurement.IPv6, Transport: measurement.UDP}, measurement.Path{Family: measurement.IPv6, Transport: measurement.TCP})
	} else {
		t.Log("this machine has no ::1: IPv6 is not tested")
	}
	for _, c := range []struct {
		at      time.Duration
		refused bool
	}{{0, false}, {time.Hour, true}, {2 * time.Hour, false}} {
		now.Store(int64(c.at))
		for _, path := range paths {
			// The sockets follow the clock within some 20 ms; what came just before is lost.
			var err error
			for deadline := time.Now().Add(patience); time.Now().Before(deadline); {
				_, err = exchange(t, s, path, q, 0)
				if errors.Is(err, syscall.ECONNREFUSED) == c.refused {
					break
				}
			}
			if errors.Is(err, syscall.ECONNREFUSED) != c.refused {
				t.Errorf("%s after %s: %v, refused should be %v", path, c.at, err, c.refused)
			}
			mustAsk(t, s, "d", path, q)
			if !c.refused {
				mustAsk(t, s, "c", path, q)
			}
		}
	}
}

// TestScope: a fault meets its RSIs, families, transports, types and time only.
func TestScope(t *testing.T) {
	now := inception
	s := start(t, lab.Config{Now: func() time.Time { return now }})
	base := lab.Fault{Kind: lab.ServFail}
	for _, c := range []struct {
		what   string
		change func(*lab.Fault)
		want   bool
	}{
		{"all", func(*lab.Fault) {}, true},
		{"its RSI", func(f *lab.Fault) { f.RSIs = []measurement.RSI{"a", "c"} }, true},
		{"another RSI", func(f *lab.Fault) { f.RSIs = []measurement.RSI{"a", "b"} }, false},
		{"its family", func(f *lab.Fault) { f.Families = []measurement.Family{measurement.IPv4} }, true},
		{"another family", func(f *lab.Fault) { f.Families = []measurement.Family{measurement.IPv6} }, false},
		{"its transport", func(f *lab.Fault) { f.Transports = []measurement.Transport{measurement.UDP} }, true},
		{"another transport", func(f *lab.Fault) { f.Transports = []measurement.Transport{measurement.TCP} }, false},
		{"its type", func(f *lab.Fault) { f.Types = []string{"DS", "SOA"} }, true},
		{"another type", func(f *lab.Fault) { f.Types = []string{"DS"} }, false},
		{"from now on", func(f *lab.Fault) { f.From = inception }, true},
		{"not yet", func(f *lab.Fault) { f.From = inception.Add(1) }, false},
		{"not any more", func(f *lab.Fault) { f.Until = inception }, false},
		{"still", func(f *lab.Fault) { f.Until = inception.Add(1) }, true},
	} {
		f := base
		c.change(&f)
		setFaults(t, s, f)
		if a, _ := mustAsk(t, s, "c", udp4, question(".", dns.TypeSOA)); (a.Rcode == dns.RcodeServerFailure) != c.want {
			t.Errorf("%s: rcode %d", c.what, a.Rcode)
		}
	}
}

// TestForgedICMP needs the right to send ICMP; without it the error is tested.
func TestForgedICMP(t *testing.T) {
	s := start(t, lab.Config{})
	err := s.SetFaults(lab.Fault{Kind: lab.ForgedICMP})
	if errors.Is(err, os.ErrPermission) {
		if !strings.Contains(err.Error(), "run as root or with the capability CAP_NET_RAW") {
			t.Errorf("error %v names no remedy", err)
		}
		t.Skip("forged ICMP not tested: run as root or with the capability CAP_NET_RAW")
	}
	if err != nil {
		t.Fatal(err)
	}
	for _, family := range measurement.Families {
		if family == measurement.IPv6 && !s.IPv6 {
			t.Log("this machine has no ::1: IPv6 is not tested")
			continue
		}
		path := measurement.Path{Family: family, Transport: measurement.UDP}
		c, err := dial(t, s, "c", path, patience)
		if err != nil {
			t.Fatal(err)
		}
		send(t, c, pack(t, question(".", dns.TypeSOA)))
		if wire, err := receive(c); !errors.Is(err, syscall.ECONNREFUSED) {
			t.Errorf("%s: first %d octets, %v: want connection refused", family, len(wire), err)
		}
		wire, err := receive(c)
		if err != nil {
			t.Fatalf("%s: after the ICMP error: %v", family, err)
		}
		if a := unpack(t, wire); serial(t, a) != small(t).Serial {
			t.Errorf("%s: answer\n%v", family, a)
		}
		mustAsk(t, s, "c", measurement.Path{Family: family, Transport: measurement.TCP}, question(".", dns.TypeSOA))
	}
}

func TestFaultsThatCannotBe(t *testing.T) {
	for text, want := range map[string]string{
		`[{"kind":"explode"}]`:                    `fault 1 (explode): no such kind; there are [drop delay`,
		`[{"kind":"drop","probability":2}]`:       `fault 1 (drop): probability 2: want 0 to 1`,
		`[{"kind":"drop"},{"kind":"loss"}]`:       `fault 2 (loss): needs a probability between 0 and 1`,
		`[{"kind":"refuse","types":["SOA"]}]`:     `fault 1 (refuse): a closed socket meets every query: no probability, no types`,
		`[{"kind":"delay"}]`:                      `fault 1 (delay): delay 0s: only delay and slow_tcp have one, above zero`,
		`[{"kind":"drop","delay":"1s"}]`:          `fault 1 (drop): delay 1s: only delay and slow_tcp have one, above zero`,
		`[{"kind":"rcode","rcode":"BADVERS"}]`:    `fault 1 (rcode): rcode "BADVERS": no such rcode of a header`,
		`[{"kind":"drop","rcode":"NXDOMAIN"}]`:    `fault 1 (drop): rcode "NXDOMAIN": only rcode has one`,
		`[{"kind":"drop","behind":1}]`:            `fault 1 (drop): only stale has an older zone`,
		`[{"kind":"drop","rsis":["a","z"]}]`:      `fault 1 (drop): RSI "z": want a to m`,
		`[{"kind":"drop","families":["ipx"]}]`:    `fault 1 (drop): family "ipx": want [ipv4 ipv6]`,
		`[{"kind":"drop","transports":["quic"]}]`: `fault 1 (drop): transport "quic": want [udp tcp]`,
		`[{"kind":"drop","types":["soap"]}]`:      `fault 1 (drop): type "soap": no such type`,
		`[{"kind":"delay","delay":"soon"}]`:       `faults: time: invalid duration "soon"`,
		`[{"kind":"drop","colour":"red"}]`:        `faults: json: unknown field "colour"`,
		`{}`:                                      `faults: json: cannot unmarshal object`,
		`[` + strings.Repeat(" ", 1<<20) + `]`:    `faults: more than 1048576 bytes`,
		`[{"kind":"drop","from":"2026-11-22T01:00:00Z","until":"2026-11-22T01:00:00Z"}]`: `fault 1 (drop): until 2026-11-22T01:00:00Z is not after from 2026-11-22T01:00:00Z`,
	} {
		if _, err := lab.ParseFaults(strings.NewReader(text)); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%.80s\n got %v\nwant %s", text, err, want)
		}
	}
	s := start(t, lab.Config{})
	if err := s.SetFaults(lab.Fault{Kind: lab.Loss}); err == nil {
		t.Error("SetFaults takes what ParseFaults refuses")
	}
	if _, err := lab.Start(lab.Config{Zone: small(t), Faults: []lab.Fault{{Kind: "x"}}}); err == nil {
		t.Error("Start takes what ParseFaults refuses")
	}
}

func TestFaultsAsText(t *testing.T) {
	want := []lab.Fault{
		{Kind: lab.Delay, RSIs: []measurement.RSI{"f"}, Delay: 150 * time.Millisecond, From: inception, Until: expiration},
		{Kind: lab.Loss, Families: []measurement.Family{measurement.IPv6}, Transports: []measurement.Transport{measurement.UDP}, Probability: 0.5},
		{Kind: lab.RCode, RCode: "REFUSED", Types: []string{"SOA"}},
		{Kind: lab.Stale, Behind: 3},
	}
	text, err := marshal(want)
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "faults.json", text)
	got, err := lab.ParseFaults(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got, cmpopts.IgnoreFields(lab.Fault{}, "Zone")); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}
