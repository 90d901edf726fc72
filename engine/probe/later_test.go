package probe_test

import (
	"bytes"
	"fmt"
	"net"
	"net/netip"
	"os"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/miekg/dns"

	"mtric.net/mtric/engine/measurement"
	"mtric.net/mtric/engine/probe"
)

// kindsOf are those of a row's extras, in their order.
func kindsOf(r measurement.Answer) string {
	var all []string
	for _, e := range r.Extra {
		all = append(all, e.Kind)
	}
	return strings.Join(all, " ")
}

// TestExtra: what comes beside an answer is kept as evidence with its kind and its time;
// nothing of it changes the answer. The third query is sent when the others are over, and
// its server answers when all else has been sent.
func TestExtra(t *testing.T) {
	const timeout = 200 * time.Millisecond
	wrongID := func(q []byte) []byte { return changed(q, func(m *dns.Msg) { m.Id++ }) }
	second := func(q []byte) []byte { return changed(q, func(m *dns.Msg) { m.Rcode = dns.RcodeRefused }) }
	late := make(chan func(), 2) // send what comes too late
	a := serveUDP(t, "127.0.0.1", func(s *net.UDPConn, from netip.AddrPort, q []byte) {
		time.Sleep(20 * time.Millisecond) // as a distant server: what is there before the sender has read its clock has no time
		send(s, from, wrongID(q), pack(good(q)), second(q), wrongID(q))
		sent := time.Now()
		late <- func() {
			time.Sleep(time.Until(sent.Add(150 * time.Millisecond)))
			send(s, from, pack(good(q)))
		}
	})
	b := serveUDP(t, "127.0.0.1", func(s *net.UDPConn, from netip.AddrPort, q []byte) {
		late <- func() { send(s, from, wrongID(q), pack(good(q))) }
		send(s, from, wrongID(q))
	})
	c := serveUDP(t, "127.0.0.1", func(s *net.UDPConn, from netip.AddrPort, q []byte) {
		(<-late)()
		(<-late)()
		send(s, from, pack(good(q)))
	})
	queries := []measurement.Query{soaQuery(a, measurement.UDP), soaQuery(b, measurement.UDP), soaQuery(c, measurement.UDP)}
	for i := range queries {
		queries[i].RSI, queries[i].Timeout = measurement.RSI('a'+rune(i)), timeout
	}
	queries[2].Timeout = 10 * time.Second
	others := make(chan struct{})
	p := probe.Prober{
		Control: func(_, address string, _ syscall.RawConn) error {
			if address == c.String() {
				<-others
			}
			return nil
		},
		Progress: func(done, _ int) {
			if done == 2 {
				close(others)
			}
		},
	}
	rows := p.Run(t.Context(), vp, label, queries).Answers
	hold(t, rows[0], want{measurement.Answered, "", 1})
	hold(t, rows[1], want{measurement.Timeout, "no answer in time", 1})
	hold(t, rows[2], want{measurement.Answered, "", 0})
	for i, want := range []string{"stray second stray", "stray stray late", ""} {
		if got := kindsOf(rows[i]); got != want || rows[i].Extra == nil {
			t.Errorf("%s: extras %q (nil: %v), want %q", rows[i].RSI, got, rows[i].Extra == nil, want)
		}
	}
	if *rows[0].RCode != "NOERROR" {
		t.Errorf("rcode %s of the second answer", *rows[0].RCode)
	}
	if e := rows[0].Extra[1]; e.AfterUS < *rows[0].LatencyUS || e.AfterUS > *rows[0].LatencyUS+100_000 || e.Wire[3]&0xf != dns.RcodeRefused {
		t.Errorf("the second came after %d us, the first after %d: %x", e.AfterUS, *rows[0].LatencyUS, e.Wire)
	}
	if e := rows[1].Extra[2]; e.AfterUS < timeout.Microseconds() {
		t.Errorf("a late answer after %d us", e.AfterUS)
	}
}

// TestExtraIsBounded: who sends decides what comes, not what is kept.
func TestExtraIsBounded(t *testing.T) {
	long := bytes.Repeat([]byte{0xff}, 2000)
	at := serveUDP(t, "127.0.0.1", func(s *net.UDPConn, from netip.AddrPort, q []byte) {
		for range 10 {
			send(s, from, long)
		}
		send(s, from, pack(good(q)), pack(good(q)))
	})
	queries := make([]measurement.Query, measurement.MaxExtraRows+44)
	for i := range queries {
		queries[i] = soaQuery(at, measurement.UDP)
		queries[i].Label, queries[i].Timeout = fmt.Sprintf("q%03d", i), 10*time.Second
	}
	before, most := openFiles(t), 0
	with, content := 0, 0
	p := probe.Prober{Progress: func(done, total int) {
		if done == total {
			entries, err := os.ReadDir("/proc/self/fd")
			if err != nil {
				t.Error(err)
			}
			most = len(entries)
		}
	}}
	for _, r := range p.Run(t.Context(), vp, label, queries).Answers {
		if check(t, r); r.Outcome != measurement.Answered || r.Strays != 10 {
			t.Fatalf("%s, %d strays", r.Outcome, r.Strays)
		}
		content += r.Content()
		if r.Extra == nil {
			continue
		}
		with++
		if len(r.Extra) != measurement.MaxExtras {
			t.Fatalf("%d extras", len(r.Extra))
		}
		for _, e := range r.Extra {
			if e.Kind != measurement.ExtraStray || !bytes.Equal(e.Wire, long[:measurement.MaxExtraWire]) || e.AfterUS < 0 {
				t.Fatalf("%s of %d bytes after %d us", e.Kind, len(e.Wire), e.AfterUS)
			}
		}
	}
	// The most that rows may have of them is all that a run may have of anything.
	if with > measurement.MaxExtraRows || with < 3*measurement.MaxExtraRows/4 || content > measurement.MaxContent {
		t.Errorf("%d rows have extras, %d bytes in all; want nearly %d rows", with, content, measurement.MaxExtraRows)
	}
	if after := openFiles(t); after > before || most > before+256+10 {
		t.Errorf("%d files open, %d before the run, %d at its end", after, before, most)
	}
}

// TestExtraChangesNothing: with a clock that only its readings move, an answer with a flood
// after it gives the row of one without, to the microsecond; nor are other queries sent
// at other readings.
func TestExtraChangesNothing(t *testing.T) {
	sent := func(flood int) ([]measurement.Answer, []int64) {
		at := serveUDP(t, "127.0.0.1", func(s *net.UDPConn, from netip.AddrPort, q []byte) {
			answer := pack(good(q))
			// The flood goes first in the kernel's queue but for the answer itself.
			send(s, from, answer)
			for range flood {
				send(s, from, answer, changed(q, func(m *dns.Msg) { m.Id++ }))
			}
		})
		var readings atomic.Int64
		var sends []int64
		p := probe.Prober{
			Rand:    zeros{},
			Now:     func() time.Time { return label.Add(time.Duration(readings.Add(1)) * time.Millisecond) },
			Control: func(string, string, syscall.RawConn) error { sends = append(sends, readings.Load()); return nil },
		}
		var queries []measurement.Query
		for i := range 4 {
			q := soaQuery(at, measurement.UDP)
			q.RSI = measurement.RSI('a' + rune(i))
			q.Pace = 150 * time.Millisecond // each is over when the next is sent: the readings are one after the other
			queries = append(queries, q)
		}
		return p.Run(t.Context(), vp, label, queries).Answers, sends
	}
	plain, plainSends := sent(0)
	flooded, floodedSends := sent(50)
	if diff := cmp.Diff(plain, flooded, sameButPort); diff != "" {
		t.Errorf("rows without and with a flood (-without +with):\n%s", diff)
	}
	if diff := cmp.Diff(plainSends, floodedSends); diff != "" {
		t.Errorf("readings of the clock at the sends (-without +with):\n%s", diff)
	}
}

// TestNobodyWaitsForExtras: a server that holds its second answer back holds up nobody. If
// each query waited for one, these would take ten seconds.
func TestNobodyWaitsForExtras(t *testing.T) {
	over := make(chan struct{})
	at := serveUDP(t, "127.0.0.1", func(s *net.UDPConn, from netip.AddrPort, q []byte) {
		send(s, from, pack(good(q)))
		<-over
		send(s, from, pack(good(q)))
	})
	defer close(over)
	began := time.Now()
	for range 100 {
		r := new(probe.Prober).Run(t.Context(), vp, label, []measurement.Query{soaQuery(at, measurement.UDP)}).Answers[0]
		if hold(t, r, want{measurement.Answered, "", 0}); r.Extra == nil || len(r.Extra) > 0 {
			t.Fatalf("extras %v, want none", r.Extra)
		}
	}
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("100 runs of a query took %v", took)
	}
}
