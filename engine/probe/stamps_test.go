package probe_test

import (
	"net"
	"os"
	"strconv"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"mtric.net/mtric/engine/measurement"
	"mtric.net/mtric/engine/probe"
)

// TestStampOfTCP: the kernel's stamp counts where all of an answer came in one
// segment; of several, the stamp may be that of one that was sent again, and the
// time of reading counts. The program is slow to read its clock once it has the
// answer, by so much that the two differ.
func TestStampOfTCP(t *testing.T) {
	whole := serveTCP(t, "127.0.0.1", func(s *net.TCPConn, q []byte) {
		time.Sleep(20 * time.Millisecond)
		s.Write(framed(pack(good(q))))
	})
	parts := serveTCP(t, "127.0.0.1", func(s *net.TCPConn, q []byte) {
		b := framed(pack(good(q)))
		for _, part := range [][]byte{b[:1], b[1 : len(b)-1], b[len(b)-1:]} {
			s.Write(part)
			time.Sleep(20 * time.Millisecond)
		}
	})
	const slow = 50 * time.Millisecond
	// ask tells whether the latency leaves out that the program was slow.
	ask := func(q measurement.Query) bool {
		var readings []time.Time
		p := probe.Prober{Now: func() time.Time {
			readings = append(readings, time.Now())
			if len(readings) == 4 { // the answer is here
				time.Sleep(slow)
				return time.Now()
			}
			return readings[len(readings)-1]
		}}
		r, _ := p.Ask(t.Context(), vp, label, q)
		hold(t, r, want{measurement.Answered, "", 0})
		if len(readings) != 4 || r.LatencyUS == nil {
			t.Fatalf("the clock was read %d times, latency %v", len(readings), r.LatencyUS)
		}
		if r.NSID == nil || *r.NSID != wantNSID { // the end of the message
			t.Errorf("NSID %v", r.NSID)
		}
		return *r.LatencyUS < (readings[3].Sub(readings[1]) + slow).Microseconds()
	}
	for range 3 {
		if ask(soaQuery(parts, measurement.TCP)) {
			t.Error("a stamp was used for an answer in several segments")
		}
	}
	for range 20 { // the kernel may take a moment until it stamps
		if ask(soaQuery(whole, measurement.TCP)) {
			return
		}
	}
	t.Error("no stamp was used for answers in one segment")
}

// TestStampsBeforeTheFirst: when the first socket is opened another one has the
// kernel stamp already, which starts a moment after it is asked.
func TestStampsBeforeTheFirst(t *testing.T) {
	q := soaQuery(closedPort(t, "127.0.0.1", "udp"), measurement.UDP)
	for name, ask := range map[string]func(*probe.Prober){
		"Ask": func(p *probe.Prober) { p.Ask(t.Context(), vp, label, q) },
		"Run": func(p *probe.Prober) { p.Run(t.Context(), vp, label, []measurement.Query{q}) },
	} {
		stamping := -1
		ask(&probe.Prober{Control: func(string, string, syscall.RawConn) error {
			stamping = stampingSockets(t)
			return unix.ENETUNREACH
		}})
		if stamping != 1 {
			t.Errorf("%s: %d sockets have the kernel stamp when the first is opened, want 1", name, stamping)
		}
		if left := stampingSockets(t); left != 0 {
			t.Errorf("%s: %d sockets still have the kernel stamp", name, left)
		}
	}
}

// stampingSockets counts this process's sockets that asked for stamps.
func stampingSockets(t *testing.T) int {
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Error(err)
	}
	n := 0
	for _, e := range entries {
		if fd, err := strconv.Atoi(e.Name()); err == nil {
			if on, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_TIMESTAMPNS); err == nil && on != 0 {
				n++
			}
		}
	}
	return n
}
