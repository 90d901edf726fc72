package correctness_test

import (
	"encoding/binary"
	"io"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"mtric.net/mtric/engine/lab"
	"mtric.net/mtric/engine/measurement"
	"mtric.net/mtric/metrics/correctness"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// exchange asks an RSI of a lab and returns the first whole message.
func exchange(t *testing.T, s *lab.System, rsi measurement.RSI, tcp bool, query []byte) ([]byte, error) {
	t.Helper()
	network := map[bool]string{false: "udp", true: "tcp"}[tcp]
	c, err := net.Dial(network, s.Addr(rsi, measurement.IPv4).String())
	if err != nil {
		return nil, err
	}
	defer c.Close()
	if err := c.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	if !tcp {
		if _, err := c.Write(query); err != nil {
			return nil, err
		}
		buffer := make([]byte, 65535)
		n, err := c.Read(buffer)
		return buffer[:n], err
	}
	if _, err := c.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(query))), query...)); err != nil {
		return nil, err
	}
	var length [2]byte
	if _, err := io.ReadFull(c, length[:]); err != nil {
		return nil, err
	}
	message := make([]byte, binary.BigEndian.Uint16(length[:]))
	_, err = io.ReadFull(c, message)
	return message, err
}

// silent are the faults that leave nothing whole to judge, or change nothing of
// the message that is judged.
var silent = []lab.Kind{lab.Drop, lab.Loss, lab.Refuse, lab.CloseMidMessage, lab.Delay, lab.SlowTCP, lab.ForgedICMP, lab.WrongIDFirst, lab.SpoofedSecond, lab.Duplicate, lab.Impostor}

// Every fault of the lab that changes an answer, at all three kinds of servers, is
// judged as what it is.
func TestLabFaults(t *testing.T) {
	zones := labZones()
	current, older := zones[1], zones[0]
	judge := correctness.Judge{Zones: []*correctness.Zone{candidateOf(t, current)}}
	s, err := lab.Start(lab.Config{Zone: current, Now: func() time.Time { return asked }})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	secure := current.Secure()[5]
	all := []struct{ name, typ string }{{".", "SOA"}, {".", "NS"}, {".", "DNSKEY"}, {secure, "NS"}, {secure, "DS"}, {negativeName, "A"}}
	var judged []lab.Kind
	for _, c := range []struct {
		fault  lab.Fault
		want   measurement.Verdict
		detail string
	}{
		{lab.Fault{Kind: lab.ServFail}, measurement.Unchecked, "ote: rcode SERVFAIL"},
		{lab.Fault{Kind: lab.RCode, RCode: "NOTIMP"}, measurement.Unchecked, "ote: rcode NOTIMP"},
		{lab.Fault{Kind: lab.HeaderOnly, RCode: "NOTIMP"}, measurement.Unchecked, "ote: rcode NOTIMP"},
		{lab.Fault{Kind: lab.TC}, measurement.Unchecked, "hjw: truncated"},
		{lab.Fault{Kind: lab.CutTC}, measurement.Unchecked, "hjw: truncated"},
		{lab.Fault{Kind: lab.BadOptions}, measurement.Correct, ""},
		{lab.Fault{Kind: lab.WrongQuestion}, measurement.Incorrect, "doh: the response is to wrong.example./"},
		{lab.Fault{Kind: lab.WrongCase}, measurement.Correct, ""}, // seen by the probe, which knows what it sent
		{lab.Fault{Kind: lab.Stale, Zone: older}, measurement.Incorrect, "which is older than 2026112301"},
		{lab.Fault{Kind: lab.BitFlip}, measurement.Incorrect, ""},
		{lab.Fault{Kind: lab.NoSignature}, measurement.Incorrect, "signatures stripped: the response has none at all"},
		{lab.Fault{Kind: lab.ExpiredSignature}, measurement.Incorrect, "expired"},
		{lab.Fault{Kind: lab.AAWrong}, measurement.Incorrect, "AA is "},
		{lab.Fault{Kind: lab.Garbage}, measurement.Incorrect, "malformed: Answer section"},
	} {
		if err := s.SetFaults(c.fault); err != nil {
			t.Fatal(err)
		}
		told := ""
		for _, q := range all {
			for i, rsi := range []measurement.RSI{"a", "b", "c"} {
				wire, err := exchange(t, s, rsi, i%2 == 0 && c.fault.Kind != lab.TC && c.fault.Kind != lab.CutTC, ask(t, q.name, q.typ))
				if err != nil {
					t.Fatalf("%s: %s %s/%s: %v", c.fault.Kind, rsi, q.name, q.typ, err)
				}
				r := judge.Judge(correctness.Question{Name: q.name, Type: q.typ, At: asked}, wire)
				texts := strings.Join(r.FailureTexts(), "\n")
				told += texts + "\n"
				switch truncated := wire[2]&2 != 0; {
				case truncated && r.Verdict == measurement.Unchecked:
				case c.fault.Kind == lab.Stale && q.typ != "SOA" && q.typ != "A": // shows by a serial only
				case r.Verdict != c.want || !strings.Contains(texts, c.detail):
					t.Errorf("%s: %s %s/%s: %s, want %s %q\n%s", c.fault.Kind, rsi, q.name, q.typ, r.Verdict, c.want, c.detail, texts)
				}
			}
		}
		if c.fault.Kind == lab.BitFlip && !strings.Contains(told, "one bit different") {
			t.Errorf("no flipped bit was told as one:\n%s", told)
		}
		judged = append(judged, c.fault.Kind)
	}
	for _, k := range lab.Kinds {
		if !slices.Contains(judged, k) && !slices.Contains(silent, k) {
			t.Errorf("fault %s is not judged", k)
		}
	}
}
