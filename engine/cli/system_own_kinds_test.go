//go:build system

package cli_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"

	"mtric.net/mtric/engine/column"
	"mtric.net/mtric/engine/measurement"
)

// ownKind is a query that the root's do not need.
type ownKind struct {
	label, attributes string
	want              func(*dns.Msg) bool
}

// ownKinds are asked of NSD, Knot and BIND, who are called
// by these names. What expect says is held by the program; want looks at the answer by itself.
var ownKinds = []ownKind{
	{"version", `class = "CH"
  qname = "version.bind."
  qtype = "TXT"
  expect = "answer.records('answer', 'TXT').exists_one(r, r.text == server.rsi)"`, func(m *dns.Msg) bool { return m.Answer[0].Header().Class == dns.ClassCHAOS }},
	{"host", `class = "CH"
  qname = "hostname.bind."
  qtype = "TXT"
  expect = "answer.records('answer', 'TXT').exists_one(r, r.text == answer.nsid)"`, nil},
	{"id", `class = "CH"
  qname = "id.server."
  qtype = "TXT"
  transports = ["udp", "tcp", "tls"]
  expect = "answer.records('answer', 'TXT').exists_one(r, r.text.matches('^rig-[abc]-01[.]mtric[.]example$'))"`, nil},
	{"nothing", `qname = "<letters:10>.example."
  qtype = "A"
  transports = ["udp", "tcp", "tls"]
  expect = "answer.rcode == 'NXDOMAIN' && answer.records('authority', 'SOA').size() == 1"`, func(m *dns.Msg) bool { return len(m.Answer) == 0 }},
	{"keys", `qname = "example."
  qtype = "DNSKEY"
  dnssec = true
  expect = "answer.records('answer', 'DNSKEY').exists(r, r.data.startsWith('257 ')) && answer.records('answer', 'RRSIG').size() > 0"`,
		func(m *dns.Msg) bool { return m.IsEdns0().Do() }},
	{"little", `qname = "example."
  qtype = "DNSKEY"
  dnssec = true
  udp_size = 512
  transports = ["udp"]
  expect = "answer.flags.tc && answer.size <= 512"`, nil},
	{"recursive", `qname = "co.example."
  qtype = "SOA"
  recursion_desired = true
  expect = "answer.flags.rd && answer.flags.aa && !answer.flags.ra"`, func(m *dns.Msg) bool { return m.RecursionDesired && !m.RecursionAvailable }},
	{"unchecked", `qname = "co.example."
  qtype = "SOA"
  checking_disabled = true
  expect = "answer.flags.aa && !answer.flags.rd"`, func(m *dns.Msg) bool { return !m.RecursionDesired }},
	{"authentic", `qname = "co.example."
  qtype = "SOA"
  authentic_data = true
  expect = "answer.flags.aa && !answer.flags.ad"`, nil},
	{"plain", `qname = "www.example."
  qtype = "TXT"
  edns = false
  expect = "!answer.has_nsid && answer.records('answer', 'TXT').exists(r, r.text == 'a rig')"`, func(m *dns.Msg) bool { return m.IsEdns0() == nil }},
	{"subnet", `qname = "www.example."
  qtype = "A"
  client_subnet = "192.0.2.0/24"
  expect = "answer.records('answer', 'A').exists_one(r, r.data == '192.0.2.1')"`, func(m *dns.Msg) bool { return m.IsEdns0() != nil }},
	{"option", `qname = "www.example."
  qtype = "A"
  edns_options = { 65001 = "0xabcd" }
  expect = "answer.rcode == 'NOERROR' && answer.has_nsid"`, nil},
	{"lower", `qname = "www.co.example."
  qtype = "A"
  random_case = false
  expect = "answer.records('answer', 'A').exists(r, r.name == 'www.co.example.')"`, func(m *dns.Msg) bool { return m.Question[0].Name == "www.co.example." }},
}

// testKinds asks all three kinds of server each of them.
func (r *rig) testKinds(t *testing.T) {
	letters := map[measurement.RSI]byte{"nsd": 'a', "knot": 'b', "bind": 'c'}
	plan := ownPlan
	for rsi, letter := range letters {
		plan += fmt.Sprintf("server \"kinds\" {\n  rsi = %q\n  name = \"ns-%c.example.\"\n  ipv4 = %q\n", rsi, letter, v4(letter, 53))
		if r.servesTLS(letter) {
			plan += "  tls = {}\n"
		}
		plan += "}\n"
	}
	for _, k := range ownKinds {
		plan += fmt.Sprintf("query %q {\n  schedule = schedule.interval\n  servers = server.kinds\n  keep_response = \"always\"\n  %s\n}\n", k.label, k.attributes)
	}
	rows := r.ask(t, plan)
	asked := map[string]int{}
	for _, a := range rows {
		where := fmt.Sprintf("%s %s %s", a.Query, a.RSI, a.Transport)
		asked[a.Query+" "+string(a.RSI)]++
		if a.Outcome != measurement.Answered || a.Expected == nil || !*a.Expected || a.Strays != 0 || (a.QClass != nil) != (a.QName == "" || slices.Contains([]string{"version", "host", "id"}, a.Query)) {
			t.Errorf("%s: %+v", where, a)
			continue
		}
		m := new(dns.Msg)
		must(t, m.Unpack(a.Response))
		at := slices.IndexFunc(ownKinds, func(k ownKind) bool { return k.label == a.Query })
		if want := ownKinds[at].want; want != nil && !want(m) {
			t.Errorf("%s: it said\n%s", where, m)
		}
		if m.Question[0].Name != a.QName { // the case of each letter comes back
			t.Errorf("%s: asked for %s, answered for %s", where, a.QName, m.Question[0].Name)
		}
	}
	for _, k := range ownKinds {
		for rsi, letter := range letters {
			n := 2
			switch {
			case strings.Contains(k.attributes, `"udp"]`):
				n = 1
			case strings.Contains(k.attributes, `"tls"]`) && r.servesTLS(letter):
				n = 3
			}
			if asked[k.label+" "+string(rsi)] != n {
				t.Errorf("%s: %d rows of %s, want %d", k.label, asked[k.label+" "+string(rsi)], rsi, n)
			}
		}
	}
}

// ownPlan is what the plans of these tests share.
const ownPlan = `plan "own" {
  paths = { dropboxes = "Dropboxes/{vantage_point}" }
}

schedule "interval" {
  every = "5m"
}

`

// ask measures by a plan once.
func (r *rig) ask(t *testing.T, plan string) []measurement.Answer {
	t.Helper()
	home := r.home(t)
	put(t, filepath.Join(home, "plan/plan.hcl"), plan)
	out, errs, code := r.mtric(t, "measure", "--no-wait", "--vp", "101", "--home", home, "--plan", filepath.Join(home, "plan"))
	if code != 0 || out+errs != "" {
		t.Fatalf("exit code %d\n%s%s", code, out, errs)
	}
	files, err := filepath.Glob(filepath.Join(home, "Dropboxes/101/*.answers.parquet"))
	must(t, err)
	if len(files) != 1 {
		t.Fatalf("%q", files)
	}
	rows, _, err := column.Read[measurement.Answer](files[0])
	must(t, err)
	return rows
}

// servesTLS says whether a server does; Knot of older versions does not.
func (r *rig) servesTLS(letter byte) bool {
	without, _ := os.ReadFile(filepath.Join(r.dir, "run", "without-tls")) // none is no error
	return !strings.Contains(string(without), string(letter))
}

// openssl is what it prints.
func (r *rig) openssl(t *testing.T, script string) string {
	t.Helper()
	cmd := exec.Command("bash", "-euo", "pipefail", "-c", script)
	cmd.Dir = filepath.Dir(r.ca)
	out, err := cmd.Output()
	must(t, err)
	return strings.TrimSpace(string(out))
}

// pin is that of a server's key, as RFC 7858 has it.
func (r *rig) pin(t *testing.T, letter string) string {
	t.Helper()
	return r.openssl(t, "openssl x509 -in "+letter+".pem -noout -pubkey | openssl pkey -pubin -outform der | openssl dgst -sha256 -binary | base64")
}

// shownKey is what OpenSSL says of a server's certificate.
type shownKey struct {
	pin   string
	until time.Time
}

func (r *rig) shown(t *testing.T, letter string) shownKey {
	t.Helper()
	until, err := time.Parse("Jan _2 15:04:05 2006 MST", strings.TrimPrefix(r.openssl(t, "openssl x509 -in "+letter+".pem -noout -enddate"), "notAfter="))
	must(t, err)
	return shownKey{r.pin(t, letter), until}
}

// testCertificates: what each certificate proves is told, whatever the plan wants of it.
func (r *rig) testCertificates(t *testing.T) {
	auth := map[measurement.RSI]measurement.TLSAuth{}
	of := map[measurement.RSI]byte{}
	plan := ownPlan
	server := func(kind, how string, letter byte, name byte, tls string, want measurement.TLSAuth) {
		rsi := measurement.RSI(kind + "-" + how)
		auth[rsi], of[rsi] = want, letter
		plan += fmt.Sprintf("server \"dot\" {\n  rsi = %q\n  name = \"ns-%c.example.\"\n  ipv4 = %q\n  ipv6 = %q\n  tls = { %s }\n}\n", rsi, name, v4(letter, 53), v6(letter, 53), tls)
	}
	for kind, letter := range map[string]byte{"nsd": 'a', "knot": 'b', "bind": 'c'} {
		if !r.servesTLS(letter) {
			t.Run(kind, func(t *testing.T) {
				t.Skipf("SKIPPED: this Knot serves no DNS over TLS, one from 3.4 on does; what it would show is not tested")
			})
			continue
		}
		server(kind, "name", letter, letter, `verify = "name"`, measurement.AuthName)
		server(kind, "other-name", letter, 'm', `verify = "name"`, measurement.AuthNameMismatch)
		server(kind, "pin", letter, letter, fmt.Sprintf(`verify = "pin", pins = [%q]`, r.pin(t, string(letter))), measurement.AuthPin)
		server(kind, "other-pin", letter, letter, fmt.Sprintf(`verify = "pin", pins = [%q]`, r.pin(t, "m")), measurement.AuthPinMismatch)
		server(kind, "any", letter, letter, `verify = "opportunistic"`, measurement.AuthNone)
	}
	server("nsd", "expired", 'g', 'g', `verify = "name"`, measurement.AuthExpired)
	plan += "query \"dot\" {\n  schedule = schedule.interval\n  servers = server.dot\n  qname = \"example.\"\n  qtype = \"SOA\"\n  transports = [\"tls\"]\n}\n"
	rows := r.ask(t, plan)
	if len(rows) != 2*len(auth) {
		t.Errorf("%d rows of %d servers", len(rows), len(auth))
	}
	shown := map[byte]shownKey{'a': r.shown(t, "a"), 'b': r.shown(t, "b"), 'c': r.shown(t, "c"), 'g': r.shown(t, "g")}
	for _, a := range rows {
		where, letter := fmt.Sprintf("%s %s", a.RSI, a.Family), of[a.RSI]
		if a.Outcome != measurement.Answered || a.TLSAuth == nil {
			t.Errorf("%s: %s %s, want %s", where, a.Outcome, deref(a.Error), auth[a.RSI])
			continue
		}
		if *a.TLSAuth != auth[a.RSI] || *a.TLSVersion != "1.3" {
			t.Errorf("%s: %s over TLS %s, want %s", where, *a.TLSAuth, *a.TLSVersion, auth[a.RSI])
			continue
		}
		if own := shown[letter]; *a.TLSSPKI != own.pin || !a.TLSNotAfter.Equal(own.until) {
			t.Errorf("%s: pin %s until %s, OpenSSL says %+v", where, *a.TLSSPKI, a.TLSNotAfter, own)
		}
		if a.TLSUS == nil || a.ConnectUS == nil || *a.ConnectUS+*a.TLSUS > *a.LatencyUS {
			t.Errorf("%s: connect %s, handshake %s of %s µs", where, number(a.ConnectUS), number(a.TLSUS), number(a.LatencyUS))
		}
	}
	r.askOtherwise(t, plan)
}

// askOtherwise asks without the authority, and at other times.
func (r *rig) askOtherwise(t *testing.T, plan string) {
	dir := filepath.Join(r.home(t), "plan")
	put(t, filepath.Join(dir, "plan.hcl"), plan)
	stranger := *r
	stranger.ca = "/nonexistent"
	for _, c := range []struct {
		r    *rig
		days int
		want measurement.TLSAuth
	}{{r, 0, measurement.AuthName}, {&stranger, 0, measurement.AuthUntrusted}, {r, 40, measurement.AuthExpired}, {r, -4, measurement.AuthNotYetValid}} {
		for _, rsi := range []string{"nsd-name", "bind-name"} {
			out, errs, code := c.r.mtric(t, "query", rsi, "--query", "dot", "--plan", dir, "--now", time.Now().AddDate(0, 0, c.days).UTC().Format(time.RFC3339))
			if code != 0 || !strings.Contains(out, "  aa,tls:"+string(c.want)+"  ") {
				t.Errorf("%s in %d days: exit code %d\n%s%s", rsi, c.days, code, out, errs)
			}
		}
	}
}
