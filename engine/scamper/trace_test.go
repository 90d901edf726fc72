package scamper_test

import (
	"context"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"mtric.net/mtric/engine/measurement"
	"mtric.net/mtric/engine/scamper"
)

var (
	label   = time.Date(2026, 11, 23, 1, 30, 0, 0, time.UTC)
	started = time.Unix(1795397599, 0).UTC()
	targets = []scamper.Target{
		{RSI: "a", Family: measurement.IPv4, Address: netip.MustParseAddr("192.0.2.1")},
		{RSI: "a", Family: measurement.IPv6, Address: netip.MustParseAddr("2001:db8::1")},
	}
)

func options(limit time.Duration) scamper.Options {
	return scamper.Options{Method: "icmp-paris", Limit: limit, Attempts: 1, Wait: time.Second, GapLimit: 3, PPS: 100}
}

// trace plays scamper by a script; nothing of it may outlive the call.
func trace(t *testing.T, script string, limit time.Duration) ([]measurement.Route, error) {
	t.Helper()
	if script != "" {
		script = "./" + filepath.Join("testdata", script)
	} else {
		script = "mtric-test-no-such-program"
	}
	tracer := &scamper.Tracer{Command: script, Now: func() time.Time { return started }}
	routes, err := tracer.Trace(context.Background(), options(limit), "101", label, targets)
	if len(routes) != len(targets) {
		t.Fatalf("%d routes for %d targets", len(routes), len(targets))
	}
	for i, r := range routes {
		if r.VantagePoint != "101" || !r.Interval.Equal(label) || r.RSI != targets[i].RSI || r.Address != targets[i].Address.String() || r.Hops == nil {
			t.Errorf("route %+v", r)
		}
	}
	return routes, err
}

func hops(r measurement.Route) string {
	var parts []string
	for _, h := range r.Hops {
		if h.Address == nil {
			parts = append(parts, "*")
			continue
		}
		parts = append(parts, *h.Address)
	}
	return strings.Join(parts, " ")
}

func TestTrace(t *testing.T) {
	args := filepath.Join(t.TempDir(), "args")
	t.Setenv("SCAMPER_ARGS", args)
	routes, err := trace(t, "good.sh", time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	a, b := routes[0], routes[1]
	if !a.Reached || !a.Complete || a.StopReason != "COMPLETED" || a.HopCount != 2 || hops(a) != "198.51.100.1 192.0.2.1" ||
		*a.Hops[0].RTTUS != 63 || *a.Hops[1].RTTUS != 12001 || !a.StartedAt.Equal(time.Unix(1795397600, 5000)) || a.Method != "icmp-echo-paris" {
		t.Errorf("first route %+v", a)
	}
	if b.Reached || !b.Complete || b.StopReason != "GAPLIMIT" || b.HopCount != 3 || hops(b) != "" {
		t.Errorf("second route %+v", b)
	}
	replies := []measurement.HopReply{
		{TTL: 1, ReplyTTL: new(int32(64)), ICMPType: new(int32(11)), ICMPCode: new(int32(0))},
		{TTL: 2, ReplyTTL: new(int32(63)), ICMPType: new(int32(0)), ICMPCode: new(int32(0))},
	}
	if diff := cmp.Diff(replies, a.HopReplies); diff != "" || a.Source == nil || *a.Source != "198.51.100.7" {
		t.Errorf("source %v, replies (-want +got):\n%s", a.Source, diff)
	}
	if b.HopReplies == nil || len(b.HopReplies) > 0 || b.Source != nil { // recorded, none; not said
		t.Errorf("source %v, replies %v of a route without hops", b.Source, b.HopReplies)
	}
	called, err := os.ReadFile(args)
	if err != nil {
		t.Fatal(err)
	}
	want := "-O\njson\n-o\n-\n-p\n100\n-c\ntrace -P icmp-paris -q 1 -w 1 -g 3\n-i\n192.0.2.1\n2001:db8::1\n"
	if string(called) != want {
		t.Errorf("called with\n%s", called)
	}
}

// Fault F12: a scamper that hangs, fails, is missing or is something else costs
// its routes only; each target keeps its row and the reason is told.
func TestTraceFails(t *testing.T) {
	for _, c := range []struct {
		script string
		limit  time.Duration
		want   string
	}{
		{"", time.Minute, "2 of 2 routes not traced: exec: \"mtric-test-no-such-program\": executable file not found in $PATH; install the package scamper"},
		{"fail.sh", time.Minute, "2 of 2 routes not traced: ./testdata/fail.sh: exit status 255; it said: scamper: could not open icmp socket: Operation not permitted; it must be setuid root, as Debian's is"},
		{"garbage.sh", time.Minute, "2 of 2 routes not traced: ./testdata/garbage.sh ended without them (1 lines of its output do not parse)"},
		{"hang.sh", time.Second, "1 of 2 routes not traced: ./testdata/hang.sh: stopped at its time limit: context deadline exceeded"},
	} {
		t.Run(c.script, func(t *testing.T) {
			began := time.Now()
			routes, err := trace(t, c.script, c.limit)
			if err == nil || err.Error() != c.want {
				t.Errorf("error %v\nwant  %s", err, c.want)
			}
			if elapsed := time.Since(began); elapsed > 30*time.Second {
				t.Errorf("took %s", elapsed)
			}
			last := routes[1]
			if c.script == "hang.sh" {
				if !routes[0].Complete || last.Complete || last.StopReason != "GAPLIMIT" || hops(last) != "2001:db8:9::1" {
					t.Errorf("routes %+v", routes)
				}
				return
			}
			if last.Complete || last.Reached || last.StopReason != scamper.NotTraced || last.HopReplies != nil || last.Source != nil || last.HopCount != 0 || last.Method != "icmp-paris" || !last.StartedAt.Equal(started) {
				t.Errorf("route %+v", last)
			}
		})
	}
}

func TestTraceInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	tracer := &scamper.Tracer{Command: "./testdata/hang.sh"}
	routes, err := tracer.Trace(ctx, options(time.Minute), "101", label, targets)
	if err == nil || len(routes) != 2 {
		t.Errorf("%d routes, %v", len(routes), err)
	}
}

func TestNothingToTrace(t *testing.T) {
	tracer := &scamper.Tracer{Command: "./testdata/fail.sh"}
	if routes, err := tracer.Trace(context.Background(), options(time.Minute), "101", label, nil); routes != nil || err != nil {
		t.Errorf("%v, %v", routes, err)
	}
}
