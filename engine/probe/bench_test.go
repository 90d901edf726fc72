package probe_test

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/miekg/dns"
	"golang.org/x/sys/unix"

	"mtric.net/mtric/engine/measurement"
	"mtric.net/mtric/engine/probe"
)

const (
	serverEnv   = "MTRIC_PROBE_BENCHMARK_SERVER"
	serverDelay = 20 * time.Millisecond
)

// BenchmarkLatencyAccuracy is bar P5: 65 queries an interval, 2 ms apart, to a
// server that answers after 20 ms and says in each answer how long it truly
// held the query, from the kernel's stamp of its arrival to its own send. It
// reports how far above that our latencies lie. For TCP the time of a blocking
// connect to the same server, which no scheduler lengthens, is taken off.
func BenchmarkLatencyAccuracy(b *testing.B) {
	queries := benchQueries(b)
	connect := blockingConnectUS(b, queries[0].Port)
	over := make(map[measurement.Transport][]float64)
	kernel := true
	for b.Loop() {
		result := new(probe.Prober).Run(b.Context(), vp, label, queries)
		kernel = kernel && result.KernelTimestamps
		for _, r := range result.Answers {
			if r.Outcome != measurement.Answered {
				b.Fatalf("%s %s", r.Outcome, *r.Error)
			}
			us := float64(*r.LatencyUS) - heldUS(b, r.Response)
			if r.Transport == measurement.TCP {
				us -= connect
			}
			over[r.Transport] = append(over[r.Transport], us)
		}
	}
	b.ReportMetric(quantile(over[measurement.UDP], 50), "udp-p50-us")
	b.ReportMetric(quantile(over[measurement.UDP], 95), "udp-p95-us")
	b.ReportMetric(quantile(over[measurement.TCP], 50), "tcp-p50-us")
	b.ReportMetric(quantile(over[measurement.TCP], 95), "tcp-p95-us")
	b.ReportMetric(connect, "connect-us")
	b.ReportMetric(map[bool]float64{true: 1}[kernel], "kernel-stamps")
}

// BenchmarkMeasure is the query part of bar P6: how long the 65 queries take
// beyond the slowest answer.
func BenchmarkMeasure(b *testing.B) {
	queries := benchQueries(b)
	var beyond []float64
	for b.Loop() {
		start := time.Now()
		result := new(probe.Prober).Run(b.Context(), vp, label, queries)
		took := time.Since(start)
		slowest := time.Duration(0)
		for _, r := range result.Answers {
			slowest = max(slowest, time.Duration(*r.LatencyUS)*time.Microsecond)
		}
		beyond = append(beyond, float64((took-slowest).Microseconds())/1000)
	}
	b.ReportMetric(quantile(beyond, 50), "ms-beyond-slowest")
	b.ReportMetric(float64(len(queries)), "queries")
}

// benchQueries draws an interval of the production plan's queries and sends all
// of them to one server process.
func benchQueries(b *testing.B) []measurement.Query {
	b.Helper()
	server := startServer(b)
	p := testPlan()
	p.Queries = p.Queries[:2]
	queries := probe.Draw(p, label, nil, rand.New(rand.NewPCG(1, 2)))
	for i := range queries {
		queries[i].Address, queries[i].Port = server.Addr(), server.Port()
		queries[i].Keep, queries[i].Pace = measurement.KeepAlways, 2*time.Millisecond
	}
	return queries
}

// heldUS is the time for which the server held a query, from its answer.
func heldUS(b *testing.B, wire []byte) float64 {
	b.Helper()
	m := new(dns.Msg)
	if err := m.Unpack(wire); err != nil {
		b.Fatal(err)
	}
	return float64(m.Answer[0].Header().Ttl) / 1000 // written in nanoseconds
}

// blockingConnectUS is the median time of connect(2) to the server.
func blockingConnectUS(b *testing.B, port uint16) float64 {
	b.Helper()
	var took []float64
	for range 101 {
		fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			b.Fatal(err)
		}
		start := time.Now()
		err = unix.Connect(fd, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}, Port: int(port)})
		took = append(took, float64(time.Since(start).Nanoseconds())/1000)
		unix.Close(fd)
		if err != nil {
			b.Fatal(err)
		}
		time.Sleep(2 * time.Millisecond)
	}
	return quantile(took, 50)
}

// quantile is the nearest rank.
func quantile(values []float64, percent int) float64 {
	slices.Sort(values)
	return values[(len(values)*percent+99)/100-1]
}

// startServer runs this binary as a server until the benchmark ends.
func startServer(b *testing.B) netip.AddrPort {
	b.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), serverEnv+"=1")
	cmd.Stderr = os.Stderr
	stdin, err := cmd.StdinPipe()
	if err != nil {
		b.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { stdin.Close(); cmd.Wait() })
	line, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		b.Fatal(err)
	}
	return netip.MustParseAddrPort(line[:len(line)-1])
}

// serveBenchmarks is the server process: it prints its address and serves UDP
// and TCP on the same port until its input ends.
func serveBenchmarks(in io.Reader, out io.Writer) int {
	for range 100 {
		l, err := net.Listen("tcp4", "127.0.0.1:0")
		if err != nil {
			break
		}
		c, err := net.ListenPacket("udp4", l.Addr().String())
		if err != nil {
			l.Close()
			continue
		}
		go serveHeldUDP(c.(*net.UDPConn))
		go serveHeldTCP(l)
		fmt.Fprintln(out, l.Addr())
		io.Copy(io.Discard, in)
		return 0
	}
	fmt.Fprintln(os.Stderr, "no port for both transports")
	return 1
}

// answerLate waits until the delay since arrival is over and writes into the
// answer's TTL, as the last thing before the send, how long it truly took.
func answerLate(query []byte, arrived time.Time, write func([]byte)) {
	wire := pack(good(query))
	ttl := wire[12+questionLength(wire)+len("\x00")+4:]
	time.Sleep(time.Until(arrived.Add(serverDelay)))
	binary.BigEndian.PutUint32(ttl, uint32(time.Since(arrived).Nanoseconds()))
	write(wire)
}

func serveHeldUDP(c *net.UDPConn) {
	stamping(c)
	for {
		b, oob := make([]byte, 4096), make([]byte, 64)
		n, oobn, _, from, err := c.ReadMsgUDPAddrPort(b, oob)
		if err != nil {
			return
		}
		go answerLate(b[:n], arrival(oob[:oobn]), func(wire []byte) { c.WriteToUDPAddrPort(wire, from) })
	}
}

func serveHeldTCP(l net.Listener) {
	for {
		c, err := l.Accept()
		if err != nil {
			return
		}
		go func() {
			defer c.Close()
			stamping(c.(*net.TCPConn))
			raw, err := c.(*net.TCPConn).SyscallConn()
			if err != nil {
				return
			}
			b, oob := make([]byte, 4096), make([]byte, 64)
			var n, oobn int
			raw.Read(func(fd uintptr) bool {
				n, oobn, _, _, err = unix.Recvmsg(int(fd), b, oob, unix.MSG_DONTWAIT)
				return err != unix.EAGAIN
			})
			if err == nil && n > 2 {
				answerLate(b[2:n], arrival(oob[:oobn]), func(wire []byte) { c.Write(framed(wire)) })
			}
		}()
	}
}

// stamping asks the kernel for receive stamps on a socket.
func stamping(c syscall.Conn) {
	raw, err := c.SyscallConn()
	if err != nil {
		return
	}
	raw.Control(func(fd uintptr) { unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_TIMESTAMPNS, 1) })
}

// arrival reads the kernel's stamp; without one the benchmark would lie.
func arrival(oob []byte) time.Time {
	messages, err := unix.ParseSocketControlMessage(oob)
	if err != nil || len(messages) != 1 || len(messages[0].Data) != 16 {
		panic(fmt.Sprintf("no kernel stamp: %v %v", messages, err))
	}
	data := messages[0].Data
	return time.Unix(int64(binary.NativeEndian.Uint64(data)), int64(binary.NativeEndian.Uint64(data[8:])))
}
