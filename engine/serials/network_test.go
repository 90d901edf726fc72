package serials_test

import (
	"context"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"

	"mtric.net/mtric/engine/plan"
	"mtric.net/mtric/engine/serials"
)

const (
	secret     = "c2VjcmV0IG9mIHRoZSB0ZXN0IGtleSwgMzIgYnl0ZXM="
	hardSecret = "//8//+++/////w8PDw8PDw8PDw8PDw8PDw8PDw8PDw8=" // what looks like a comment is none
	bindKey    = "# made by tsig-keygen\nkey \"source.example\" { // of the test\n\talgorithm hmac-sha256;\n\tsecret \"" + secret + "\";\n};\n"
	knotKey    = "# hmac-sha256:source.example:" + secret + "\nkey:\n- id: source.example.\n  algorithm: hmac-sha256\n  secret: " + secret + "\n"
)

func keyFile(t *testing.T, text string, mode os.FileMode) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "tsig.key")
	if err := os.WriteFile(path, []byte(text), mode); err != nil {
		t.Fatal(err)
	}
	return path
}

// source serves a zone over TCP as a primary does that wants the key.
func source(t *testing.T, answer func(*dns.Msg)) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := &dns.Server{Listener: l, TsigSecret: map[string]string{"source.example.": secret}, Handler: dns.HandlerFunc(func(w dns.ResponseWriter, q *dns.Msg) {
		m := new(dns.Msg).SetReply(q)
		m.Authoritative = true
		soa, _ := dns.NewRR("Example. 60 IN SOA a. b. 4294967295 1 1 1 1")
		m.Answer = []dns.RR{soa}
		if sig := q.IsTsig(); sig != nil && w.TsigStatus() == nil {
			m.SetTsig(sig.Hdr.Name, sig.Algorithm, 300, time.Now().Unix())
		}
		answer(m)
		_ = w.WriteMsg(m)
	})}
	ready := make(chan struct{})
	server.NotifyStartedFunc = func() { close(ready) }
	go func() { _ = server.ActivateAndServe() }()
	<-ready
	t.Cleanup(func() { _ = server.Shutdown() })
	return l.Addr().String()
}

func TestNetwork(t *testing.T) {
	rr := func(text string) dns.RR { r, _ := dns.NewRR(text); return r }
	wrongSecret := strings.ReplaceAll(bindKey, secret, hardSecret)
	for _, c := range []struct {
		name, key string
		answer    func(*dns.Msg)
		want      string // of the error; empty: the serial
	}{
		{"plain", "", nil, ""},
		{"signed, key of BIND", bindKey, nil, ""},
		{"signed, key of Knot", knotKey, nil, ""},
		{"signed by another secret", wrongSecret, nil, "answer"},
		{"not signed", bindKey, func(m *dns.Msg) { m.Extra = nil }, "not signed"},
		{"refused", "", func(m *dns.Msg) { m.Rcode = dns.RcodeRefused }, "rcode REFUSED"},
		{"lame", "", func(m *dns.Msg) { m.Authoritative = false }, "no authoritative"},
		{"two records", "", func(m *dns.Msg) { m.Answer = append(m.Answer, m.Answer[0]) }, "no authoritative"},
		{"none", "", func(m *dns.Msg) { m.Answer = nil }, "no authoritative"},
		{"of another zone", "", func(m *dns.Msg) { m.Answer = []dns.RR{rr("com. 60 IN SOA a. b. 1 1 1 1 1")} }, "no SOA record of the zone"},
		{"another record", "", func(m *dns.Msg) { m.Answer = []dns.RR{rr("example. 60 IN NS a.")} }, "no SOA record of the zone"},
		{"another question", "", func(m *dns.Msg) { m.Question[0].Name = "com." }, "another question"},
		{"another id", "", func(m *dns.Msg) { m.Id++ }, "another question"},
	} {
		t.Run(c.name, func(t *testing.T) {
			zone := plan.Zone{Name: "example.", Source: source(t, func(m *dns.Msg) {
				if c.answer != nil {
					c.answer(m)
				}
			})}
			if c.key != "" {
				zone.KeyFile = keyFile(t, c.key, 0o600)
			}
			serial, err := serials.Network{}.Serial(t.Context(), zone)
			switch {
			case c.want == "" && (err != nil || serial != 4294967295):
				t.Errorf("serial %d, %v", serial, err)
			case c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)):
				t.Errorf("error %v, want %s", err, c.want)
			}
		})
	}
}

// A source that takes the question and says nothing, and one that is not there, are unreachable.
func TestNetworkUnreachable(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, done := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer done()
	if _, err := (serials.Network{}).Serial(ctx, plan.Zone{Name: "example.", Source: l.Addr().String()}); !serials.Unreachable(err) {
		t.Errorf("a silent source: %v", err)
	}
	_ = l.Close()
	if _, err := (serials.Network{}).Serial(t.Context(), plan.Zone{Name: "example.", Source: l.Addr().String()}); !serials.Unreachable(err) {
		t.Errorf("no source: %v", err)
	}
}

func TestKeys(t *testing.T) {
	for _, c := range []struct {
		name, text string
		mode       os.FileMode
		want       string // of the error
	}{
		{"BIND", bindKey, 0o600, ""},
		{"Knot", knotKey, 0o400, ""},
		{"Knot, with quotes and without indents", "key:\n  - id: \"Source.Example\"\n    algorithm: HMAC-SHA512\n    secret: \"" + hardSecret + "\"\n", 0o600, ""},
		{"slashes in the secret", strings.ReplaceAll(knotKey, secret, hardSecret), 0o600, ""},
		{"comments of C", "/* key \"no\" {\n */ " + bindKey, 0o600, ""},
		{"others can read it", bindKey, 0o640, "chmod 600"},
		{"nothing", "", 0o600, "want one key"},
		{"two keys", bindKey + bindKey, 0o600, "want one key"},
		{"the secret alone", secret, 0o600, "want one key"},
		{"MD5", strings.ReplaceAll(bindKey, "hmac-sha256", "hmac-md5"), 0o600, `algorithm "hmac-md5"`},
		{"no base64", strings.ReplaceAll(bindKey, secret, secret[1:]), 0o600, "no base64"},
		{"no name", strings.ReplaceAll(bindKey, "source.example", strings.Repeat("a", 64)), 0o600, "no domain name"},
		{"too large", bindKey + strings.Repeat("# more\n", 4096), 0o600, "bytes"},
	} {
		t.Run(c.name, func(t *testing.T) {
			key, err := serials.ReadKey(keyFile(t, c.text, c.mode))
			switch {
			case c.want == "" && (err != nil || key.Name != "source.example."):
				t.Errorf("%v, %v", key, err)
			case c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)):
				t.Errorf("error %v, want %s", err, c.want)
			case err != nil && strings.Contains(err.Error(), secret[1:]):
				t.Errorf("the error shows the secret: %v", err)
			}
		})
	}
	if _, err := serials.ReadKey(filepath.Join(t.TempDir(), "none")); !os.IsNotExist(err) && !strings.Contains(err.Error(), "no such file") {
		t.Errorf("no file: %v", err)
	}
}
