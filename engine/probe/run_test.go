package probe_test

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"mtric.net/mtric/engine/measurement"
	"mtric.net/mtric/engine/probe"
)

// interval is n RSIs over both transports, in an order that is not the lake's.
func interval(udp, tcp netip.AddrPort, n int) []measurement.Query {
	var queries []measurement.Query
	for i := n - 1; i >= 0; i-- {
		for _, at := range []netip.AddrPort{udp, tcp} {
			transport := measurement.UDP
			if at == tcp {
				transport = measurement.TCP
			}
			q := soaQuery(at, transport)
			q.RSI = measurement.RSI(rune('a' + i))
			queries = append(queries, q)
		}
	}
	return queries
}

// fineServers answer plainly. Over UDP they take their time, as a distant server
// does: an answer that is there before the sender has read its clock has no
// latency that the kernel's stamp could tell.
func fineServers(t testing.TB) (udp, tcp netip.AddrPort) {
	udp = serveUDP(t, "127.0.0.1", func(s *net.UDPConn, from netip.AddrPort, q []byte) {
		time.Sleep(100 * time.Millisecond)
		send(s, from, pack(good(q)))
	})
	tcp = serveTCP(t, "127.0.0.1", func(s *net.TCPConn, q []byte) { s.Write(framed(pack(good(q)))) })
	return udp, tcp
}

func TestRun(t *testing.T) {
	udp, tcp := fineServers(t)
	queries := interval(udp, tcp, 13)
	queries[3].Address = netip.Addr{} // of no plan; it accuses nobody
	queries[8].Type = "NONSENSE"
	var heard []int
	p := probe.Prober{Progress: func(done, total int) {
		if total != len(queries) {
			t.Errorf("progress of %d", total)
		}
		heard = append(heard, done)
	}}
	before := openFiles(t)
	result := p.Run(t.Context(), vp, label, queries)
	if len(result.Answers) != len(queries) {
		t.Fatalf("%d rows of %d queries", len(result.Answers), len(queries))
	}
	var keys []string
	counts := make(map[measurement.Outcome]int)
	for _, r := range result.Answers {
		check(t, r)
		counts[r.Outcome]++
		keys = append(keys, fmt.Sprint(r.Query, r.RSI, r.Family, r.Transport))
	}
	if !slices.IsSorted(keys) || len(slices.Compact(slices.Clone(keys))) != len(queries) {
		t.Errorf("rows are not one a query in the lake's order: %v", keys)
	}
	//exhaustive:ignore
	want := map[measurement.Outcome]int{measurement.Answered: 24, measurement.LocalError: 2}
	if diff := cmp.Diff(want, counts); diff != "" {
		t.Errorf("outcomes (-want +got):\n%s", diff)
	}
	if !result.KernelTimestamps {
		t.Error("no kernel time stamps on Linux")
	}
	if len(heard) != len(queries) || !slices.IsSorted(heard) || heard[len(heard)-1] != len(queries) {
		t.Errorf("progress %v", heard)
	}
	if after := openFiles(t); after > before {
		t.Errorf("%d files open, %d before the run", after, before)
	}
}

// openFiles counts this process's open files, the least over a moment: the
// test's servers close their side of a connection a little later.
func openFiles(t *testing.T) int {
	t.Helper()
	least := 1 << 30
	for range 20 {
		entries, err := os.ReadDir("/proc/self/fd")
		if err != nil {
			t.Fatal(err)
		}
		least = min(least, len(entries))
		time.Sleep(5 * time.Millisecond)
	}
	return least
}

// TestPace: sends keep at least the pace between them, whatever the answers do.
func TestPace(t *testing.T) {
	var mu sync.Mutex
	var stamps []time.Time
	p := probe.Prober{Control: func(string, string, syscall.RawConn) error {
		mu.Lock()
		defer mu.Unlock()
		stamps = append(stamps, time.Now())
		return unix.ENETUNREACH
	}}
	queries := interval(netip.MustParseAddrPort("127.0.0.1:9"), netip.MustParseAddrPort("127.0.0.2:9"), 10)
	for i := range queries {
		queries[i].Pace = 10 * time.Millisecond
	}
	p.Run(t.Context(), vp, label, queries)
	// A late start of one query shortens the gap after it: only the whole is exact.
	if took := stamps[len(stamps)-1].Sub(stamps[0]); took < 180*time.Millisecond {
		t.Errorf("20 queries 10 ms apart took %v", took)
	}
}

// TestNothingToAsk: an interval without queries is no trouble.
func TestNothingToAsk(t *testing.T) {
	result := new(probe.Prober).Run(t.Context(), vp, label, nil)
	if len(result.Answers) != 0 || !result.KernelTimestamps {
		t.Errorf("%+v", result)
	}
}

// TestInterrupted ends a run half way: what is answered stays, the rest is
// charged to nobody, and the run returns at once.
func TestInterrupted(t *testing.T) {
	udp, tcp := fineServers(t)
	silent := serveUDP(t, "127.0.0.1", func(*net.UDPConn, netip.AddrPort, []byte) {})
	hang := serveTCP(t, "127.0.0.1", func(s *net.TCPConn, _ []byte) { readMessage(s) })
	full := fullBacklog(t, "127.0.0.1")
	queries := slices.Concat(
		labelled(interval(udp, tcp, 2), "1"),         // answered
		labelled(interval(silent, hang, 2), "2"),     // waiting
		labelled(interval(silent, full, 1), "3"),     // waiting, one still connecting
		labelled(interval(udp, tcp, 3), "4-notsent"), // not yet sent
	)
	for i := range queries {
		queries[i].Timeout, queries[i].Pace = 30*time.Second, 30*time.Millisecond
	}
	queries[9].Pace = time.Hour
	ctx, cancel := context.WithCancel(t.Context())
	var heard atomic.Int32
	p := probe.Prober{Progress: func(done, _ int) {
		if heard.Store(int32(done)); done == 4 {
			time.AfterFunc(500*time.Millisecond, cancel)
		}
	}}
	start := time.Now()
	result := p.Run(ctx, vp, label, queries)
	if took := time.Since(start); took > 10*time.Second {
		t.Errorf("an interrupted run took %v", took)
	}
	if done := int(heard.Load()); done != len(queries) {
		t.Errorf("progress ended with %d of %d", done, len(queries))
	}
	var got []string
	for _, r := range result.Answers {
		check(t, r)
		text := ""
		if r.Error != nil {
			text = *r.Error
		}
		got = append(got, fmt.Sprintf("%s %s", r.Outcome, text))
	}
	want := slices.Concat(
		slices.Repeat([]string{"answered "}, 4),
		slices.Repeat([]string{"local_error interrupted while waiting"}, 6),
		slices.Repeat([]string{"local_error interrupted before its turn"}, 6),
	)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("rows (-want +got):\n%s", diff)
	}
}

func labelled(queries []measurement.Query, label string) []measurement.Query {
	for i := range queries {
		queries[i].Label = label
	}
	return queries
}

// lasting is a context that never ends and counts what waits for its end.
type lasting struct {
	context.Context
	done    chan struct{}
	waiting atomic.Int32
}

func (l *lasting) Done() <-chan struct{} { return l.done }

func (l *lasting) AfterFunc(func()) (stop func() bool) {
	l.waiting.Add(1)
	return sync.OnceValue(func() bool { l.waiting.Add(-1); return true })
}

// TestNothingWaits: a query that is over leaves nothing behind at a context that
// goes on.
func TestNothingWaits(t *testing.T) {
	udp, tcp := fineServers(t)
	ctx := &lasting{Context: context.Background(), done: make(chan struct{})}
	var listened atomic.Bool
	p := probe.Prober{Control: func(string, string, syscall.RawConn) error {
		if ctx.waiting.Load() > 0 {
			listened.Store(true)
		}
		return nil
	}}
	for _, r := range p.Run(ctx, vp, label, interval(udp, tcp, 2)).Answers {
		hold(t, r, want{measurement.Answered, "", 0})
	}
	if n := ctx.waiting.Load(); n != 0 || !listened.Load() {
		t.Errorf("%d functions wait for the end of a context after the run; within it some did: %v", n, listened.Load())
	}
}

// TestBudget: connect and answer share one timeout [ywz], and 4.000 s is in
// time while anything above is not. The clock is ours: start, connected, done.
func TestBudget(t *testing.T) {
	_, tcp := fineServers(t)
	for _, c := range []struct {
		name          string
		connect, done time.Duration
		want          want
	}{
		{"no time at all", 0, 0, want{measurement.Answered, "", 0}},
		{"4.000 s", 2 * time.Second, 4 * time.Second, want{measurement.Answered, "", 0}},
		{"4.000000001 s", 2 * time.Second, 4*time.Second + 1, want{measurement.Timeout, "answer after the timeout", 0}},
		{"4.001 s", 3 * time.Second, 4*time.Second + time.Millisecond, want{measurement.Timeout, "answer after the timeout", 0}},
		{"3.5 s connect and 3 s more", 3500 * time.Millisecond, 6500 * time.Millisecond, want{measurement.Timeout, "answer after the timeout", 0}},
	} {
		t.Run(c.name, func(t *testing.T) {
			start := time.Date(2026, 11, 22, 22, 40, 1, 123_456_789, time.UTC)
			readings := []time.Duration{0, 0, c.connect, c.done}
			p := probe.Prober{Now: func() time.Time {
				now := start.Add(readings[0])
				readings = readings[min(1, len(readings)-1):]
				return now
			}}
			q := soaQuery(tcp, measurement.TCP)
			q.Timeout = 4 * time.Second
			r, _ := p.Ask(t.Context(), vp, label, q)
			hold(t, r, c.want)
			if r.ConnectUS == nil || *r.ConnectUS != c.connect.Microseconds() || !r.SentAt.Equal(start.Add(-789)) {
				t.Errorf("connect %v us, sent at %v", r.ConnectUS, r.SentAt)
			}
			if r.LatencyUS != nil && *r.LatencyUS != c.done.Microseconds() {
				t.Errorf("latency %d us", *r.LatencyUS)
			}
		})
	}
}

// TestLateReader lets the program sleep after it has sent: the kernel's stamp
// decides whether an answer was in time, not when it was read.
func TestLateReader(t *testing.T) {
	for _, c := range []struct {
		name  string
		delay time.Duration
		want  want
	}{
		// Not at once: an answer that is there before the send is over has a stamp
		// that cannot be used.
		{"answer in time", 30 * time.Millisecond, want{measurement.Answered, "", 0}},
		{"answer too late", 400 * time.Millisecond, want{measurement.Timeout, "answer after the timeout", 0}},
	} {
		t.Run(c.name, func(t *testing.T) {
			at := serveUDP(t, "127.0.0.1", func(s *net.UDPConn, from netip.AddrPort, q []byte) {
				time.Sleep(c.delay)
				send(s, from, pack(good(q)))
			})
			q := soaQuery(at, measurement.UDP)
			q.Timeout = 300 * time.Millisecond
			readings := 0
			p := probe.Prober{Now: func() time.Time {
				now := time.Now()
				if readings++; readings == 2 { // just after the send
					time.Sleep(600 * time.Millisecond)
				}
				return now
			}}
			r, _ := p.Ask(t.Context(), vp, label, q)
			hold(t, r, c.want)
			if r.LatencyUS != nil && *r.LatencyUS > 300_000 {
				t.Errorf("latency %d us has the sleep in it", *r.LatencyUS)
			}
		})
	}
}

// TestUserTime: with a clock that the kernel's stamps do not fit, the time of
// reading counts and the run says so.
func TestUserTime(t *testing.T) {
	udp, tcp := fineServers(t)
	p := probe.Prober{Now: func() time.Time { return time.Now().Add(-time.Hour) }}
	result := p.Run(t.Context(), vp, label, interval(udp, tcp, 2))
	if result.KernelTimestamps {
		t.Error("stamps from another hour were used")
	}
	for _, r := range result.Answers {
		hold(t, r, want{measurement.Answered, "", 0})
		if *r.LatencyUS < 0 || *r.LatencyUS > 3_000_000 {
			t.Errorf("latency %d us", *r.LatencyUS)
		}
	}
	onlyTCP := p.Run(t.Context(), vp, label, interval(tcp, tcp, 1)[:1])
	if !onlyTCP.KernelTimestamps {
		t.Error("TCP has no say in the stamps of UDP")
	}
}

// TestFreshPorts: each query has a socket and a port of its own [uym].
func TestFreshPorts(t *testing.T) {
	var mu sync.Mutex
	ports := map[uint16]bool{}
	at := serveUDP(t, "127.0.0.1", func(s *net.UDPConn, from netip.AddrPort, q []byte) {
		mu.Lock()
		ports[from.Port()] = true
		mu.Unlock()
		send(s, from, pack(good(q)))
	})
	queries := interval(at, at, 13)
	for i := range queries {
		queries[i].Transport, queries[i].Label = measurement.UDP, strings.Repeat("x", i+1)
	}
	new(probe.Prober).Run(t.Context(), vp, label, queries)
	mu.Lock()
	defer mu.Unlock()
	if len(ports) < 20 {
		t.Errorf("26 queries came from %d ports", len(ports))
	}
}
