package cli_test

import (
	"bytes"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"

	"mtric.net/mtric/engine/cli"
	"mtric.net/mtric/engine/column"
	"mtric.net/mtric/engine/lake"
	"mtric.net/mtric/engine/measurement"
)

const sourceSecret = "c2VjcmV0IG9mIHRoZSB0ZXN0IGtleSwgMzIgYnl0ZXM="

// sourceOf serves a zone over TCP to who has the key.
func sourceOf(t *testing.T, serial uint32) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ready := make(chan struct{})
	server := &dns.Server{Listener: l, TsigSecret: map[string]string{"source.": sourceSecret}, NotifyStartedFunc: func() { close(ready) },
		Handler: dns.HandlerFunc(func(w dns.ResponseWriter, q *dns.Msg) {
			m := new(dns.Msg).SetReply(q)
			if sig := q.IsTsig(); sig == nil || w.TsigStatus() != nil {
				m.Rcode = dns.RcodeRefused
			} else {
				m.SetTsig(sig.Hdr.Name, sig.Algorithm, 300, time.Now().Unix())
			}
			m.Authoritative = true
			m.Answer = []dns.RR{&dns.SOA{Hdr: dns.RR_Header{Name: "example.", Rrtype: dns.TypeSOA, Class: dns.ClassINET}, Ns: "a.", Mbox: "b.", Serial: serial}}
			_ = w.WriteMsg(m)
		})}
	go func() { _ = server.ActivateAndServe() }()
	<-ready
	t.Cleanup(func() { _ = server.Shutdown() })
	return l.Addr().String()
}

// TestIngestAsksSources: what a source shows comes into the lake, and goes from there into one
// that is made again. The secret of its key is nowhere.
func TestIngestAsksSources(t *testing.T) {
	home := t.TempDir()
	site := (&played{vps: []measurement.VantagePoint{"101"}}).site()
	for label, at := range map[string]string{"example": sourceOf(t, 4294967295), "dead": "127.0.0.1:1"} {
		site += "zone \"" + label + "\" {\n  name = \"" + label + ".\"\n  servers = server.root\n  source = \"" + at + "\"\n  key_file = \"tsig.key\"\n}\n"
	}
	put(t, filepath.Join(home, "site", "site.hcl"), site)
	key := filepath.Join(home, "site", "tsig.key")
	put(t, key, "key \"source\" {\n  algorithm hmac-sha256;\n  secret \""+sourceSecret+"\";\n};\n")
	do := func(run func([]string, *bytes.Buffer, *bytes.Buffer) int, want int, args ...string) string {
		t.Helper()
		var out, errs bytes.Buffer
		if code := run(append(args, "--plan", "rssac047", "--plan", filepath.Join(home, "site")), &out, &errs); code != want {
			t.Fatalf("mtric %v: exit code %d\n%s%s", args, code, &out, &errs)
		}
		return out.String() + errs.String()
	}
	synchronised := func(args []string, out, errs *bytes.Buffer) int {
		return cli.RunInTime(args, strings.NewReader(""), out, errs)
	}
	store := lake.Store{Dir: filepath.Join(home, "Lake")}
	rows := func() []measurement.ZoneSerial {
		t.Helper()
		rows, err := store.Serials()
		if err != nil {
			t.Fatal(err)
		}
		return rows
	}
	at := func(minute string) []string {
		return []string{"ingest", "--home", home, "--now", "2026-11-30T10:" + minute + ":00Z"}
	}
	do(synchronised, 0, at("00")...) // others can read the key
	if len(rows()) != 0 {
		t.Errorf("asked with a key that others can read: %v", rows())
	}
	if err := os.Chmod(key, 0o600); err != nil {
		t.Fatal(err)
	}
	do(synchronised, 0, append(at("05"), "--dry-run")...)
	if len(rows()) != 0 {
		t.Errorf("a dry run wrote %v", rows())
	}
	do(synchronised, 0, at("10")...)
	do(synchronised, 0, at("15")...)
	alerts := func() string {
		t.Helper()
		text, err := os.ReadFile(filepath.Join(home, "Logs", "c00-alerts.txt"))
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	if text := alerts(); !strings.Contains(text, "condition=zone-source") || !strings.Contains(text, "zone dead.: its source 127.0.0.1:1 has never shown a serial") {
		t.Errorf("nobody is told of a silent source:\n%s", text)
	}
	first := time.Date(2026, 11, 30, 10, 10, 0, 0, time.UTC)
	if got := rows(); len(got) != 1 || got[0].Zone != "example." || got[0].Serial != 4294967295 || !got[0].FirstSeen.Truncate(time.Minute).Equal(first) {
		t.Fatalf("%+v", got)
	}
	files, err := filepath.Glob(filepath.Join(home, "Logs", "*"))
	var log []byte
	for _, file := range files {
		text, _ := os.ReadFile(file)
		log = append(log, text...)
	}
	if err != nil || !strings.Contains(string(log), "zone=dead.") || !strings.Contains(string(log), "chmod 600") {
		t.Errorf("%v, %v: %s", err, files, log)
	}
	told := string(log) + do(synchronised, 0, "plan", "show") + do(synchronised, 0, "plan", "show", "--json")
	if strings.Contains(told, sourceSecret) || strings.Contains(do(synchronised, 0, "plan", "show", "--json"), "tsig.key") {
		t.Error("the secret, or its place, is told")
	}
	put(t, filepath.Join(home, "Output", "RootZones", "fetches.jsonl"), "")
	again := []string{"rebuild", "--originals", filepath.Join(home, "Originals"), "--zones", filepath.Join(home, "Output", "RootZones"), "--plans", filepath.Join(home, "Lake", "plans"),
		"--out", filepath.Join(t.TempDir(), "lake"), "--check", store.Dir, "--now", "2026-11-30T10:15:00Z"}
	if out := do(synchronised, 3, again...); !strings.Contains(out, "zone_serials example. 4294967295: only in") {
		t.Errorf("a lake without the sights is not told:\n%s", out)
	}
	do(synchronised, 0, append(again, "--serials", store.Path(column.ZoneSerials, time.Time{}))...)
}
