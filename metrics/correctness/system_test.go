//go:build system

package correctness_test

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/miekg/dns"

	"mtric.net/mtric/engine/measurement"
	"mtric.net/mtric/engine/rootzone"
	"mtric.net/mtric/metrics/correctness"
)

// software is how the real servers are run on the loopback interface: the text
// of their configuration with ADDR, PORT, DIR, ORIGIN and ZONE filled in.
var software = map[string]struct{ config, command string }{
	"nsd": {`server:
  ip-address: ADDR@PORT
  hide-version: no
  username: ""
  zonesdir: "DIR"
  pidfile: "DIR/nsd.pid"
  zonelistfile: "DIR/zone.list"
  xfrdfile: "DIR/xfrd.state"
  xfrdir: "DIR"
  logfile: "DIR/nsd.log"
  rrl-ratelimit: 0
  nsid: "ascii_lab"
remote-control:
  control-enable: no
zone:
  name: "ORIGIN"
  zonefile: "ZONE"
`, "nsd -d -c DIR/config"},
	"knot": {`server:
  listen: ADDR@PORT
  rundir: DIR
  nsid: lab
log:
  - target: stderr
    any: warning
database:
  storage: DIR
template:
  - id: default
    storage: DIR
    semantic-checks: off
zone:
  - domain: ORIGIN
    file: ZONE
    zonefile-sync: -1
    journal-content: none
`, "knotd -c DIR/config"},
	"bind": {`options {
  directory "DIR";
  listen-on port PORT { ADDR; };
  listen-on-v6 { none; };
  recursion no;
  dnssec-validation no;
  pid-file "DIR/named.pid";
  session-keyfile "DIR/session.key";
  server-id "lab";
  notify no;
};
controls { };
zone "ORIGIN" { type primary; file "ZONE"; };
`, "named -g -c DIR/config"},
}

// ports counts the ports that were given to servers of this process.
var ports atomic.Uint32

// ownPort is a port of the loopback interface that nobody has and that no other server of this
// process gets, before or after: one that is merely free may be given to two. It lies below those
// that the system gives to clients.
func ownPort(t *testing.T) string {
	t.Helper()
	for range 1000 {
		port := strconv.Itoa(10_000 + (os.Getpid()*64+int(ports.Add(1)))%20_000)
		tcp, err := net.Listen("tcp", "127.0.0.1:"+port)
		if err != nil {
			continue
		}
		udp, err := net.ListenPacket("udp", "127.0.0.1:"+port)
		if err := tcp.Close(); err != nil {
			t.Fatal(err)
		}
		if err != nil {
			continue
		}
		if err := udp.Close(); err != nil {
			t.Fatal(err)
		}
		return port
	}
	t.Fatal("no port is free")
	return ""
}

// serve runs a server of the root zone until the test ends and returns its address once it
// answers.
func serve(t *testing.T, name, zone string) string {
	t.Helper()
	return serveZone(t, name, ".", zone)
}

// serveZone is serve, of the zone of any name.
func serveZone(t *testing.T, name, origin, zone string) string {
	t.Helper()
	dir, err := os.MkdirTemp("/var/tmp", "mtric-"+name)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	host, port := "127.0.0.1", ownPort(t)
	addr := net.JoinHostPort(host, port)
	if err := os.WriteFile(filepath.Join(dir, "zone"), []byte(zone), 0o644); err != nil {
		t.Fatal(err)
	}
	fill := strings.NewReplacer("ADDR", host, "PORT", port, "DIR", dir, "ORIGIN", origin, "ZONE", filepath.Join(dir, "zone"))
	if err := os.WriteFile(filepath.Join(dir, "config"), []byte(fill.Replace(software[name].config)), 0o644); err != nil {
		t.Fatal(err)
	}
	words := strings.Fields(fill.Replace(software[name].command))
	c := exec.Command(words[0], words[1:]...)
	var log bytes.Buffer
	c.Stdout, c.Stderr = &log, &log
	c.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := c.Start(); err != nil {
		t.Fatalf("%v; testdata/rig/install.sh installs it", err)
	}
	ended := make(chan error, 1)
	go func() { ended <- c.Wait() }()
	t.Cleanup(func() {
		_ = syscall.Kill(-c.Process.Pid, syscall.SIGTERM)
		<-ended
	})
	// However long it takes on a busy machine, as long as it lives.
	for {
		if wire, err := (&asker{addr: addr}).ask(false, ask(t, origin, "SOA")); err == nil && wire[3]&0xf == 0 {
			return addr
		}
		select {
		case err := <-ended:
			ended <- err
			t.Fatalf("%s ended: %v\n%s", name, err, &log)
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// asker asks one server, over TCP on one connection for many questions.
type asker struct {
	addr string
	tcp  *dns.Conn
}

func (a *asker) ask(tcp bool, query []byte) ([]byte, error) {
	if tcp && a.tcp == nil {
		c, err := net.Dial("tcp", a.addr)
		if err != nil {
			return nil, err
		}
		a.tcp = &dns.Conn{Conn: c}
	}
	c := a.tcp
	if !tcp {
		u, err := net.Dial("udp", a.addr)
		if err != nil {
			return nil, err
		}
		defer u.Close()
		c = &dns.Conn{Conn: u, UDPSize: 65535}
	}
	if err := c.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
		return nil, err
	}
	if _, err := c.Write(query); err != nil {
		return nil, err
	}
	return c.ReadMsgHeader(nil)
}

// What real servers answer from genuine zones and from the lab's, thousands of
// questions over both transports, is correct, and none of it after its time.
func TestSystemRealServers(t *testing.T) {
	type served struct {
		name    string
		text    string
		anchors []rootzone.Anchor
	}
	lz := labZones()[0]
	var b strings.Builder
	if _, err := lz.WriteTo(&b); err != nil {
		t.Fatal(err)
	}
	_, ds, _ := strings.Cut(lz.DS(), "DS")
	zones := []served{{"the lab's", b.String(), []rootzone.Anchor{{DS: strings.TrimSpace(ds)}}}}
	if dir := os.Getenv("MTRIC_REAL_DATA"); dir == "" {
		t.Log("MTRIC_REAL_DATA is not set: the lab's zone alone is served, no genuine one")
	} else {
		for _, name := range []string{"root-2019101300.zone.gz", "root-2019102401.zone.gz"} {
			var text strings.Builder
			for _, rr := range genuineZone(t, name).Records() {
				text.WriteString(rr.String() + "\n")
			}
			zones = append(zones, served{name, text.String(), iana()})
		}
		// One of today's, with ZONEMD, whose signatures must be made anew.
		text, anchor := resigned(t, filepath.Join(dir, "rootzone", "root-2026082200.norrsig.zone.gz"), "2026082200")
		zones = append(zones, served{"root-2026082200, signed again", text, []rootzone.Anchor{anchor}})
	}
	for _, z := range zones {
		whole, err := rootzone.ReadWhole(strings.NewReader(z.text), z.name)
		if err != nil {
			t.Fatal(err)
		}
		signed, err := whole.SignedAt()
		if err != nil {
			t.Fatal(err)
		}
		made, err := correctness.NewZone(whole)
		if err != nil {
			t.Fatal(err)
		}
		for name := range software {
			t.Run(fmt.Sprintf("%s zone %s", name, z.name), func(t *testing.T) {
				judge := correctness.Judge{Zones: []*correctness.Zone{made}}
				judgeServer(t, judge, &asker{addr: serve(t, name, z.text)}, whole, signed.AddDate(0, 0, 5))
			})
		}
	}
}

// resigned is a zone without signatures as the rig signs it, and the anchor of its key.
func resigned(t *testing.T, source, serial string) (string, rootzone.Anchor) {
	t.Helper()
	dir := t.TempDir()
	if out, err := exec.Command("../../testdata/rig/zones.sh", dir, source, serial).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	text, err := os.ReadFile(filepath.Join(dir, "root-"+serial+".zone"))
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(text), "\tZONEMD\t") {
		t.Fatalf("%s was signed without ZONEMD", source)
	}
	key, err := os.ReadFile(filepath.Join(dir, "ksk.key"))
	if err != nil {
		t.Fatal(err)
	}
	rr, err := dns.NewRR(string(key))
	if err != nil {
		t.Fatal(err)
	}
	_, ds, _ := strings.Cut(rr.(*dns.DNSKEY).ToDS(dns.SHA256).String(), "DS")
	return string(text), rootzone.Anchor{DS: strings.TrimSpace(ds)}
}

func judgeServer(t *testing.T, judge correctness.Judge, a *asker, z *rootzone.Zone, at time.Time) {
	questions := []correctness.Question{}
	for i, s := range z.RRsets() {
		if s.Owner == "." && s.Type != "SOA" && s.Type != "NS" && s.Type != "DNSKEY" || s.String() == "arpa./NS" {
			continue
		}
		questions = append(questions, correctness.Question{Name: mixedCase(s.Owner, i), Type: s.Type, At: at})
		if i%5 == 0 {
			questions = append(questions, correctness.Question{Name: mixedCase(fmt.Sprintf("www.rssac047-test.%c%c%07dx.", 'a'+i%26, 'a'+i/26%26, i), i), Type: "A", At: at},
				correctness.Question{Name: mixedCase(s.Owner, i+1), Type: "DS", At: at})
		}
	}
	judged := 0
	for _, tcp := range []bool{false, true} {
		for _, q := range questions {
			if q.Name == "." && q.Type == "DS" {
				continue
			}
			wire, err := a.ask(tcp, ask(t, q.Name, q.Type))
			if err == nil && wire[2]&2 != 0 {
				wire, err = a.ask(true, ask(t, q.Name, q.Type)) // [hjw]
			}
			if err != nil {
				t.Fatal(err)
			}
			if r := judge.Judge(q, wire); r.Verdict != measurement.Correct {
				told, _ := correctness.Inspect(wire)
				t.Errorf("%s/%s tcp %t: %s %q\n%s", q.Name, q.Type, tcp, r.Verdict, r.FailureTexts(), told)
			}
			q.At = at.AddDate(0, 2, 0)
			if r := judge.Judge(q, wire); r.Verdict != measurement.Incorrect || tags(r.Failures) != "yds" {
				t.Errorf("%s/%s tcp %t, two months later: %s %q", q.Name, q.Type, tcp, r.Verdict, r.FailureTexts())
			}
			judged++
		}
	}
	if a.tcp != nil {
		if err := a.tcp.Close(); err != nil {
			t.Error(err)
		}
	}
	t.Logf("%d answers judged", judged)
}
