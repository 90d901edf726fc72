//go:build system

package cli_test

import (
	"cmp"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"mtric.net/mtric/engine/column"
	"mtric.net/mtric/engine/files"
	"mtric.net/mtric/engine/measurement"
)

// TestSystem runs the program against real servers: NSD, Knot, BIND, scamper,
// OpenSSH, DuckDB and pandas. One rig serves all parts, which run in this order.
func TestSystem(t *testing.T) {
	r := startRig(t)
	t.Run("zones", r.testZones)
	t.Run("zone fetch", r.testZoneFetch)
	t.Run("measure without a zone", r.testWithoutZone)
	t.Run("measure", r.testMeasure)
	t.Run("delays", r.testDelays)
	t.Run("readers", r.testReaders)
	t.Run("traces", r.testTraces)
	t.Run("push", r.testPush)
	t.Run("ingest", r.testIngest)
	t.Run("faults of servers and paths", r.testFaults)
	t.Run("faults of answers", r.testAnswerFaults)
}

// Zones that another program has signed, ZONEMD included, prove themselves by
// their own anchor and by no other.
func (r *rig) testZones(t *testing.T) {
	tag, _, _ := strings.Cut(r.anchor, " ")
	plan := r.plan(t, "", fmt.Sprintf("anchor %q {\n  ds = %q\n}\n", tag, r.anchor))
	home := r.home(t)
	flags := []string{"--home", home, "--plan", "rssac047", "--plan", plan}
	for _, zone := range []string{r.zone, r.older} {
		if out, errs, code := r.mtric(t, append([]string{"zone", "add", zone}, flags...)...); code != 0 {
			t.Errorf("zone add %s: exit code %d\n%s%s", zone, code, out, errs)
		}
	}
	if out, errs, code := r.mtric(t, append([]string{"zone", "verify"}, flags...)...); code != 0 || strings.Count(out, ": good\n") != 2 {
		t.Errorf("zone verify: exit code %d\n%s%s", code, out, errs)
	}
	if out, _, code := r.mtric(t, "zone", "verify", r.zone, "--home", home, "--plan", "rssac047"); code != 3 || !strings.Contains(out, "no key of an anchor") {
		t.Errorf("zone verify by IANA's anchors: exit code %d\n%s", code, out)
	}
}

func (r *rig) testWithoutZone(t *testing.T) {
	home := r.home(t)
	for _, a := range r.measure(t, home, r.plan(t, "", untraced), 0) {
		r.checkGood(t, a)
		if a.Query == "correctness" && (a.QName != "." || !slices.Contains([]string{"SOA", "NS", "DNSKEY"}, a.QType)) {
			t.Errorf("asked %s %s without a zone", a.QName, a.QType)
		}
	}
	alerts, err := os.ReadFile(filepath.Join(home, "Logs", "101-alerts.txt"))
	if err != nil || !strings.Contains(string(alerts), "FIRING rule=mtric.measure condition=root-zone") {
		t.Errorf("alerts %q, %v", alerts, err)
	}
}

// 52 SOA and 13 correctness rows right on all three kinds of servers.
func (r *rig) testMeasure(t *testing.T) {
	plan := r.plan(t, "", untraced)
	kinds := map[string]int{}
	for range 4 {
		home := r.home(t)
		r.giveZone(t, home)
		counts := map[string]int{}
		for _, a := range r.measure(t, home, plan, 0) {
			counts[a.Query]++
			r.checkGood(t, a)
			if a.Query == "correctness" {
				kinds[a.QType+" "+*a.RCode]++
			}
		}
		if counts["soa"] != 52 || counts["correctness"] != 13 {
			t.Errorf("rows %v", counts)
		}
	}
	t.Logf("correctness questions: %v", kinds)
	if kinds["NS NOERROR"] == 0 || kinds["DS NOERROR"] == 0 {
		t.Errorf("of 52 questions none of a kind: %v", kinds)
	}
}

// checkGood holds a row to what a good server answers.
func (r *rig) checkGood(t *testing.T, a measurement.Answer) {
	t.Helper()
	where := fmt.Sprintf("%s %s %s/%s %s %s", a.Query, a.RSI, a.Family, a.Transport, a.QName, a.QType)
	if a.Outcome != measurement.Answered || a.LatencyUS == nil || a.RCode == nil || a.AA == nil || a.NSID == nil {
		t.Errorf("%s: %s %v", where, a.Outcome, deref(a.Error))
		return
	}
	if want := fmt.Sprintf("rig-%s-01.mtric.example", a.RSI); *a.NSID != want {
		t.Errorf("%s: NSID %q", where, *a.NSID)
	}
	// Between namespaces of one busy machine a reply can be there before the time of sending is taken.
	if *a.LatencyUS < 0 || *a.LatencyUS > 1_000_000 || a.Strays != 0 || (a.Transport == measurement.TCP) != (a.ConnectUS != nil) {
		t.Errorf("%s: latency %d, strays %d, connect %v", where, *a.LatencyUS, a.Strays, a.ConnectUS)
	}
	rcode, authoritative, serial := "NOERROR", true, false
	switch {
	case a.QType == "SOA":
		serial = true
	case a.QType == "A":
		rcode, serial = "NXDOMAIN", true
	case a.QType == "NS" && a.QName != ".":
		authoritative = false
	}
	if *a.RCode != rcode || *a.AA != authoritative || (a.Serial != nil) != serial || (serial && *a.Serial != r.serial) {
		t.Errorf("%s: rcode %s, aa %v, serial %v", where, *a.RCode, *a.AA, a.Serial)
	}
	// Of soa those are kept that are the first to show a serial or an identity.
	if a.Query == "correctness" && a.Response == nil || a.Response != nil && len(a.Response) != int(*a.ResponseSize) {
		t.Errorf("%s: %d bytes kept", where, len(a.Response))
	}
}

func deref(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

// Delays of 20 and 120 ms on the way to a server are seen to within 1 ms.
func (r *rig) testDelays(t *testing.T) {
	daemon := filepath.Join(r.dir, "delayd")
	r.build(filepath.Join(rigScripts, "delayd"), daemon)
	plan := r.plan(t, "", untraced)
	base := r.least(t, plan)
	for _, tables := range []string{"iptables", "ip6tables"} {
		r.in("r3", tables, "-A", "FORWARD", "-j", "NFQUEUE", "--queue-num", "7", "--queue-bypass")
		t.Cleanup(func() { r.in("r3", tables, "-F", "FORWARD") })
	}
	delays := map[string]time.Duration{"a/ipv4": 20 * time.Millisecond, "b/ipv6": 20 * time.Millisecond,
		"c/ipv4": 120 * time.Millisecond, "d/ipv6": 120 * time.Millisecond}
	// The others get 3 ms: nearer than that, a reply can be there before the send
	// is over, and then the kernel's stamp is not used.
	planted := []string{daemon}
	for i := range letters {
		l := string(letters[i])
		planted = append(planted, v4(letters[i], 53)+"="+cmp.Or(delays[l+"/ipv4"], 3*time.Millisecond).String(),
			v6(letters[i], 53)+"="+cmp.Or(delays[l+"/ipv6"], 3*time.Millisecond).String())
	}
	r.start(t, "r3", planted...)
	// Another program on the machine may lengthen what is seen, and have the kernel's stamps
	// passed over: each path is seen once in many tries.
	off, kernel := r.offDelays(t, plan, base, delays), r.timestamps == "kernel"
	for try := 0; try < 20 && (len(off) > 0 || !kernel); try++ {
		now := r.offDelays(t, plan, base, delays)
		maps.DeleteFunc(off, func(key, _ string) bool { return now[key] == "" })
		kernel = kernel || r.timestamps == "kernel"
	}
	for key, o := range off {
		t.Errorf("%s: %s", key, o)
	}
	if !kernel {
		t.Error("never stamped by the kernel")
	}
}

// offDelays says which of the planted delays were not seen to within 1 ms a
// packet; of TCP, SYN and query are delayed.
func (r *rig) offDelays(t *testing.T, plan string, base, delays map[string]time.Duration) (off map[string]string) {
	t.Helper()
	off = map[string]string{}
	delayed := r.least(t, plan)
	for where, delay := range delays {
		for transport, packets := range map[string]time.Duration{"udp": 1, "tcp": 2} {
			key := where + "/" + transport
			seen := delayed[key] - base[key]
			t.Logf("%s: %s seen of %s", key, seen, packets*delay)
			if (seen - packets*delay).Abs() > packets*time.Millisecond {
				off[key] = fmt.Sprintf("%s seen, %s planted", seen, packets*delay)
			}
		}
	}
	return off
}

// least measures some intervals and returns the least latency of the SOA queries
// by RSI and path, "a/ipv4/udp": what else the machine does only adds to it.
func (r *rig) least(t *testing.T, plan string) map[string]time.Duration {
	t.Helper()
	all := map[string][]time.Duration{}
	for range 7 {
		for _, a := range r.measure(t, r.home(t), plan, 0) {
			if a.Query == "soa" && a.LatencyUS != nil {
				key := fmt.Sprintf("%s/%s/%s", a.RSI, a.Family, a.Transport)
				all[key] = append(all[key], time.Duration(*a.LatencyUS)*time.Microsecond)
			}
		}
	}
	least := map[string]time.Duration{}
	for key, l := range all {
		least[key] = slices.Min(l)
	}
	return least
}

// Real scamper through three routers, both families.
func (r *rig) testTraces(t *testing.T) {
	home := r.home(t)
	start := time.Now().UTC().Truncate(5 * time.Minute).Format(time.RFC3339) // late in an interval there is no time to trace
	r.measure(t, home, r.plan(t, "", ""), 0, "--now", start)
	file := newest(t, home, "routes")
	must(t, files.CheckSidecar(file))
	routes, _, err := column.Read[measurement.Route](file)
	must(t, err)
	if len(routes) != 26 {
		t.Fatalf("%d routes", len(routes))
	}
	for _, route := range routes {
		want := []string{"10.53.200.1", "10.53.201.1", "10.53.202.1", v4(route.RSI[0], 53)}
		if route.Family == measurement.IPv6 {
			want = []string{"fd53:c8::1", "fd53:c9::1", "fd53:ca::1", v6(route.RSI[0], 53)}
		}
		var got []string
		for _, h := range route.Hops {
			got = append(got, deref(h.Address))
		}
		if !slices.Equal(got, want) || !route.Reached || !route.Complete || route.StopReason != "COMPLETED" || route.HopCount != 4 {
			t.Errorf("%s %s: %v %+v", route.RSI, route.Family, got, route)
		}
	}
}

// expectation is what the SOA row of an RSI over a path must be.
type expectation struct {
	rsi, path string // path "" is all four, "udp" both families of it
	outcome   measurement.Outcome
	rcode     string
	also      func(measurement.Answer) bool
}

// expect compares the SOA rows with what was planted; what is not named must be
// good.
func (r *rig) expect(t *testing.T, rows []measurement.Answer, want []expectation) {
	t.Helper()
	for _, a := range rows {
		if a.Query != "soa" {
			continue
		}
		path := measurement.Path{Family: a.Family, Transport: a.Transport}.String()
		at := slices.IndexFunc(want, func(e expectation) bool {
			return e.rsi == string(a.RSI) && (e.path == "" || e.path == path || e.path == string(a.Transport) || e.path == string(a.Family))
		})
		if at < 0 {
			r.checkGood(t, a)
			continue
		}
		e := want[at]
		if a.Outcome != e.outcome || deref(a.RCode) != e.rcode || (e.also != nil && !e.also(a)) {
			t.Errorf("%s %s: %s rcode %q strays %d serial %v tc %v latency %s error %q, want %s %q", a.RSI, path, a.Outcome, deref(a.RCode),
				a.Strays, number(a.Serial), a.TC, number(a.LatencyUS), deref(a.Error), e.outcome, e.rcode)
		}
		if (a.LatencyUS != nil) != (e.outcome == measurement.Answered) {
			t.Errorf("%s %s: %s with latency %s", a.RSI, path, a.Outcome, number(a.LatencyUS))
		}
	}
}

func number(n *int64) string {
	if n == nil {
		return "-"
	}
	return fmt.Sprint(*n)
}

func (r *rig) testFaults(t *testing.T) {
	reject := func(letter byte, protocol, v4with, v6with string) {
		r.in(string(letter), "iptables", "-A", "INPUT", "-p", protocol, "--dport", "53", "-j", "REJECT", "--reject-with", v4with)
		r.in(string(letter), "ip6tables", "-A", "INPUT", "-p", protocol, "--dport", "53", "-j", "REJECT", "--reject-with", v6with)
	}
	t.Cleanup(func() {
		for _, l := range []string{"a", "b", "c", "d"} {
			r.in(l, "iptables", "-F", "INPUT")
			r.in(l, "ip6tables", "-F", "INPUT")
		}
		r.signal('e', syscall.SIGCONT)
		_ = r.command("vp", "ip", "-6", "route", "delete", "unreachable", "fd53:6::/64").Run() // where it was set
	})
	for _, tables := range []string{"iptables", "ip6tables"} {
		r.in("a", tables, "-A", "INPUT", "-p", "udp", "--dport", "53", "-j", "DROP")
	}
	reject('b', "udp", "icmp-port-unreachable", "icmp6-port-unreachable")
	reject('c', "tcp", "tcp-reset", "tcp-reset")
	reject('d', "udp", "icmp-host-unreachable", "icmp6-addr-unreachable")
	reject('d', "tcp", "icmp-host-unreachable", "icmp6-addr-unreachable")
	r.signal('e', syscall.SIGSTOP)
	r.in("vp", "ip", "-6", "route", "add", "unreachable", "fd53:6::/64")
	r.in("h", "ip", "link", "set", "far8", "down")
	must(t, os.Remove(filepath.Join(r.dir, "run", "g", "root.zone")))
	r.restart(t, 'g')
	older, err := os.ReadFile(r.older)
	must(t, err)
	must(t, os.WriteFile(filepath.Join(r.dir, "run", "i", "root.zone"), older, 0o644))
	r.restart(t, 'i')
	rows := r.measure(t, r.home(t), r.plan(t, "", untraced), 0)
	older1 := func(a measurement.Answer) bool { return a.Serial != nil && *a.Serial == r.serial-1 }
	r.expect(t, rows, []expectation{
		{"a", "udp", measurement.Timeout, "", nil},
		{"b", "udp", measurement.Refused, "", nil},
		{"c", "tcp", measurement.Refused, "", nil},
		{"d", "", measurement.Unreachable, "", nil},
		{"e", "", measurement.Timeout, "", nil},
		{"f", "ipv6", measurement.Unreachable, "", nil},
		{"g", "", measurement.Answered, "SERVFAIL", nil},
		{"h", "ipv6/tcp", measurement.Unreachable, "", nil}, // the last router finds no neighbour within the time
		{"h", "ipv4/tcp", measurement.Unreachable, "", nil},
		{"h", "udp", measurement.Unreachable, "", nil},
		{"i", "", measurement.Answered, "NOERROR", older1},
	})
}

// testAnswerFaults puts a spoiling proxy in front of eight servers at a time.
func (r *rig) testAnswerFaults(t *testing.T) {
	daemon := filepath.Join(r.dir, "faultd")
	r.build(filepath.Join(rigScripts, "faultd"), daemon)
	modes := map[byte]string{'a': "wrongid", 'b': "wrongquestion", 'c': "servfail", 'd': "truncate", 'e': "tcpclose", 'f': "garbage",
		'j': "slow", 'k': "late", 'l': "query", 'm': "noaa"}
	fronted := ""
	for letter, mode := range modes {
		fronted += string(letter)
		net := strings.IndexByte(letters, letter) + 1
		r.in(string(letter), "ip", "address", "add", v4(letter, 54)+"/24", "dev", fmt.Sprintf("far%d", net))
		r.in(string(letter), "ip", "-6", "address", "add", v6(letter, 54)+"/64", "dev", fmt.Sprintf("far%d", net), "nodad")
		r.start(t, string(letter), daemon, mode, v4(letter, 53)+":53", v4(letter, 54)+":53", "["+v6(letter, 54)+"]:53")
	}
	rows := r.measure(t, r.home(t), r.plan(t, fronted, untraced), 0)
	stray := func(a measurement.Answer) bool { return a.Strays > 0 }
	r.expect(t, slices.DeleteFunc(slices.Clone(rows), func(a measurement.Answer) bool { return strings.Contains("ghi", string(a.RSI)) }), []expectation{
		{"a", "udp", measurement.Timeout, "", stray},
		{"a", "tcp", measurement.Malformed, "", nil},
		{"b", "udp", measurement.Timeout, "", stray},
		{"b", "tcp", measurement.Malformed, "", nil},
		{"c", "", measurement.Answered, "SERVFAIL", nil},
		{"d", "udp", measurement.Answered, "NOERROR", func(a measurement.Answer) bool { return *a.TC && a.Attempts == 1 && a.Serial == nil }},
		{"e", "tcp", measurement.Reset, "", nil},
		{"f", "udp", measurement.Timeout, "", stray},
		{"f", "tcp", measurement.Malformed, "", nil},
		// Three seconds, and five: a busy machine is not a second off, as it would have to be at the limit of four.
		{"j", "", measurement.Answered, "NOERROR", func(a measurement.Answer) bool { return *a.LatencyUS >= 2_900_000 && *a.LatencyUS <= 4_000_000 }},
		{"k", "", measurement.Timeout, "", nil},
		{"l", "udp", measurement.Timeout, "", stray},
		{"l", "tcp", measurement.Malformed, "", nil},
		{"m", "", measurement.Answered, "NOERROR", func(a measurement.Answer) bool { return !*a.AA && a.Response != nil }},
	})
	for _, a := range rows {
		if a.Query == "correctness" && a.RSI == "d" && a.Transport == measurement.UDP &&
			(a.Attempts != 2 || a.Outcome != measurement.Answered || *a.TC || a.ConnectUS == nil) {
			t.Errorf("truncated correctness answer: %+v", a)
		}
	}
}
