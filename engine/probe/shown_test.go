package probe_test

import (
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/miekg/dns"

	"mtric.net/mtric/engine/measurement"
	"mtric.net/mtric/engine/probe"
)

// instance is what a server shows.
type instance struct {
	serial uint32
	nsid   string // hex; "-" leaves the option out
}

// showing serves what is told now.
func showing(t *testing.T) (netip.AddrPort, *atomic.Pointer[instance]) {
	var now atomic.Pointer[instance]
	return serveUDP(t, "127.0.0.1", func(s *net.UDPConn, from netip.AddrPort, q []byte) {
		i := now.Load()
		send(s, from, changed(q, func(m *dns.Msg) {
			m.Answer[0].(*dns.SOA).Serial = i.serial
			m.IsEdns0().Option[0].(*dns.EDNS0_NSID).Nsid = i.nsid
			if i.nsid == "-" {
				m.IsEdns0().Option = nil
			}
		}))
	}), &now
}

// TestKeepsTheFirst: of odd answers' query the first of each RSI and path that shows a
// serial or an identity not shown of late is kept, from one run to the next.
func TestKeepsTheFirst(t *testing.T) {
	at, now := showing(t)
	memory := filepath.Join(t.TempDir(), "shown.json")
	long := strings.Repeat("61", 70)
	for i, c := range []struct {
		shown instance
		keep  measurement.Keep
		asks  bool   // for NSID
		kept  string // of the RSIs a and b, of which only a is asked twice
	}{
		{instance{1, "61"}, measurement.KeepOdd, true, "a1 b1"}, // the first run ever
		{instance{1, "61"}, measurement.KeepOdd, true, ""},
		{instance{2, "61"}, measurement.KeepOdd, true, "a1 b1"},
		{instance{2, "62"}, measurement.KeepOdd, true, "a1 b1"},
		{instance{2, "61"}, measurement.KeepOdd, true, ""}, // taking turns
		{instance{1, "62"}, measurement.KeepOdd, true, ""},
		{instance{1, "-"}, measurement.KeepOdd, true, "a1 b1"},
		{instance{1, "-"}, measurement.KeepOdd, true, ""},
		{instance{1, "63"}, measurement.KeepOdd, false, ""}, // an identity that was not asked for
		{instance{1, long}, measurement.KeepOdd, true, "a1 b1"},
		{instance{1, long}, measurement.KeepOdd, true, ""},
		{instance{1, long + "61"}, measurement.KeepOdd, true, "a1 b1"},
		{instance{3, "61"}, measurement.KeepNever, true, ""}, // would be lost, and so is not remembered
		{instance{3, "61"}, measurement.KeepOdd, true, "a1 b1"},
		{instance{4, "61"}, measurement.KeepAlways, true, "a1 a2 b1"},
		{instance{4, "61"}, measurement.KeepOdd, true, ""},
	} {
		now.Store(&c.shown)
		shown, err := probe.ReadShown(memory)
		if err != nil {
			t.Fatal(err)
		}
		var queries []measurement.Query
		for _, q := range []string{"b1", "a1", "a2"} {
			one := soaQuery(at, measurement.UDP)
			one.RSI, one.Label, one.Keep, one.NSID = measurement.RSI(q[:1]), q, c.keep, c.asks
			queries = append(queries, one)
		}
		p := probe.Prober{Shown: shown}
		var kept []string
		for _, r := range p.Run(t.Context(), vp, label, queries).Answers {
			hold(t, r, want{measurement.Answered, "", 0})
			if r.Response != nil {
				kept = append(kept, r.Query)
			}
		}
		if got := strings.Join(kept, " "); got != c.kept {
			t.Errorf("run %d, %+v: kept %q, want %q", i+1, c.shown, got, c.kept)
		}
		if err := shown.Write(memory); err != nil {
			t.Fatal(err)
		}
	}
}

// TestShownIsBounded: whatever servers show, sixteen serials and identities are remembered.
func TestShownIsBounded(t *testing.T) {
	at, now := showing(t)
	memory := filepath.Join(t.TempDir(), "shown.json")
	var shown probe.Shown
	ask := func(n uint32) bool {
		now.Store(&instance{n, fmt.Sprintf("%08x", n)})
		p := probe.Prober{Shown: &shown}
		return p.Run(t.Context(), vp, label, []measurement.Query{soaQuery(at, measurement.UDP)}).Answers[0].Response != nil
	}
	for n := range uint32(40) {
		if !ask(n) {
			t.Errorf("%d is not kept", n)
		}
	}
	if ask(24) || !ask(23) {
		t.Error("want the last sixteen remembered, and no more")
	}
	if err := shown.Write(memory); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(memory); err != nil || info.Size() > 1000 {
		t.Errorf("%v, %v", info.Size(), err)
	}
}

// TestShownForgets: what was not shown for a month makes room, and a file that is damaged
// costs nothing but what it remembered.
func TestShownForgets(t *testing.T) {
	at, now := showing(t)
	now.Store(&instance{1, "61"})
	memory := filepath.Join(t.TempDir(), "shown.json")
	var shown probe.Shown
	q := soaQuery(at, measurement.UDP)
	ask := func(rsi measurement.RSI, days int) {
		q.RSI = rsi
		p := probe.Prober{Shown: &shown}
		p.Run(t.Context(), vp, label.AddDate(0, 0, days), []measurement.Query{q})
	}
	ask("a", 0)
	ask("b", 1)
	ask("c", 31)
	if err := shown.Write(memory); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(memory)
	if err != nil || strings.Contains(string(data), `"rsi":"a"`) || !strings.Contains(string(data), `"rsi":"b"`) || !strings.Contains(string(data), `"rsi":"c"`) {
		t.Errorf("%s, %v", data, err)
	}
	for _, text := range []string{"", "[", "{}", `[null]`, `[{"rsi":1}]`, `[{"serials":null,"nsids":null}]`, "\x00"} {
		if err := os.WriteFile(memory, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		s, err := probe.ReadShown(memory)
		if s == nil || err != nil && !strings.Contains(err.Error(), memory) {
			t.Errorf("%q: %v, %v", text, s, err)
			continue
		}
		q.RSI = "a"
		p := probe.Prober{Shown: s}
		if p.Run(t.Context(), vp, label, []measurement.Query{q}).Answers[0].Response == nil {
			t.Errorf("%q: nothing is new", text)
		}
	}
	if err := shown.Write(filepath.Join(memory, "x")); err == nil {
		t.Error("written below a file")
	}
}
