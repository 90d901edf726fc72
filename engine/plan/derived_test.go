package plan_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"mtric.net/mtric/engine/diag/golden"
	"mtric.net/mtric/engine/plan"
)

func TestCrontab(t *testing.T) {
	whole := load(t, nil, shipped(t, "rssac047"))
	var all strings.Builder
	for _, c := range []struct {
		role string
		o    plan.CronOptions
	}{
		{plan.RoleVantagePoint, plan.CronOptions{Binary: "/usr/local/bin/mtric", VP: "301", Args: []string{"--plan", "/etc/mtric/plan", "--plan", "/etc/mtric/the site", "--var", "note=100% 'sure'"}}},
		{plan.RoleVantagePoint, plan.CronOptions{}},
		{plan.RoleCollector, plan.CronOptions{Args: []string{"--plan", "/etc/mtric/plan"}}},
	} {
		text, err := plan.Crontab(whole, c.role, c.o)
		if err != nil {
			t.Fatal(err)
		}
		all.WriteString(text + "\n")
	}
	golden.Compare(t, "testdata/crontab.txt", []byte(all.String()))

	bare := load(t, nil, inline("p", small))
	for role, want := range map[string]string{plan.RoleVantagePoint: "", plan.RoleCollector: "4-59/5 * * * * mtric ingest\n"} {
		text, err := plan.Crontab(bare, role, plan.CronOptions{})
		if _, lines, _ := strings.Cut(text, "CRON_TZ=UTC\n"); err != nil || lines != want {
			t.Errorf("%s of a plan without blocks: %q, %v; want %q", role, lines, err, want)
		}
	}
	if _, err := plan.Crontab(whole, "colector", plan.CronOptions{}); err == nil {
		t.Error("a role that does not exist is accepted")
	}
	if _, err := plan.Crontab(whole, plan.RoleVantagePoint, plan.CronOptions{VP: "c00"}); err == nil {
		t.Error("c00 is accepted as a vantage point")
	}
}

// TestZoneFetchMinutes: each vantage point has a minute of its own, so that
// the sources are not asked by all at once.
func TestZoneFetchMinutes(t *testing.T) {
	p := load(t, nil, shipped(t, "rssac047"))
	at := map[string]int{}
	for i := 100; i < 200; i++ {
		text, err := plan.Crontab(p, plan.RoleVantagePoint, plan.CronOptions{VP: fmt.Sprint(i)})
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(text) {
			if strings.Contains(line, "zone fetch --latest") {
				at[strings.Join(strings.Fields(line)[:2], " ")]++
			}
		}
	}
	if len(at) < 50 {
		t.Errorf("100 vantage points fetch at %d different times", len(at))
	}
}

func TestInventory(t *testing.T) {
	today := time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC)
	gone := load(t, nil, demo(t), inline("local", "vantage_point \"301\" {\n  until = \"2026-11-23\"\n  region = \"europe\"\n  metro = \"Oslo\"\n}\n"))
	for at, listed := range map[time.Time]bool{today.Add(-time.Second): true, today: false} {
		if got, err := plan.Inventory(gone, at); err != nil || strings.Contains(string(got), "301.mtric.net") != listed {
			t.Errorf("at %s: %v\n%s", at, err, got)
		}
	}
	got, err := plan.Inventory(load(t, nil, demo(t)), today)
	if err != nil {
		t.Fatal(err)
	}
	golden.Compare(t, "testdata/inventory.json", got)

	got, err = plan.Inventory(load(t, nil, shipped(t, "rssac047")), today)
	if err != nil {
		t.Fatal(err)
	}
	var empty map[string]any
	if err := json.Unmarshal(got, &empty); err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{"_meta", "vantage_points", "collector"} {
		if _, ok := empty[key]; !ok {
			t.Errorf("a plan without machines lacks %s: %s", key, got)
		}
	}
	if _, err := plan.Inventory(load(t, nil, demo(t), inline("local", "vantage_point \"302\" {\n  host = \"301.mtric.net\"\n  region = \"europe\"\n  metro = \"Oslo\"\n}\n")), today); err == nil {
		t.Error("two vantage points on one host are accepted")
	}
}

func TestSent(t *testing.T) {
	at := time.Date(2026, 11, 22, 22, 40, 0, 0, time.UTC)
	p := load(t, nil, shipped(t, "rssac047"))
	lines := plan.Sent(p, at)
	var b strings.Builder
	queries := map[string]int{}
	for _, l := range lines {
		queries[l.Query] += l.Count
		fmt.Fprintf(&b, "%s %s %s %s %s %d\n", l.Query, l.RSI, l.Path, l.Address, l.Question, l.Count)
	}
	golden.Compare(t, "testdata/sent.txt", []byte(b.String()))
	if queries["soa"] != 52 || queries["correctness"] != 13 || queries["path"] != 0 || len(lines) != 52+13+26 {
		t.Errorf("%v in %d lines", queries, len(lines))
	}

	slow := load(t, map[string]string{"ipv6": "false"}, demo(t), inline("local", `
schedule "hourly" {
  every = "1h"
}
query "txt" {
  schedule   = schedule.hourly
  servers    = server.root
  qname      = "."
  qtype      = "TXT"
  transports = ["udp"]
}
`))
	count := func(at time.Time) map[string]int {
		sent := map[string]int{}
		for _, l := range plan.Sent(slow, at) {
			sent[l.Query+" "+l.Path] += l.Count
		}
		return sent
	}
	if n := count(at)["txt ipv4/udp"]; n != 0 {
		t.Errorf("%d queries of an hourly schedule at 22:40", n)
	}
	// Nothing is planned over a family without address, and nothing drawn among its paths.
	want := map[string]int{"txt ipv4/udp": 13, "soa ipv4/udp": 13, "soa ipv4/tcp": 13, "correctness 1 of 2": 13}
	if diff := cmp.Diff(want, count(at.Add(20*time.Minute))); diff != "" {
		t.Errorf("at 23:00 (-want +got):\n%s", diff)
	}
}

// TestSentTLS: over TLS the port that is shown is the one that is asked.
func TestSentTLS(t *testing.T) {
	p := load(t, nil, demo(t), inline("local", `
server "own" {
  rsi  = "own"
  name = "own.example."
  ipv4 = "192.0.2.1"
  port = 5353
  tls  = {}
}
server "own" {
  rsi  = "other"
  name = "other.example."
  ipv4 = "192.0.2.2"
  tls  = { port = 8853 }
}
query "apex" {
  schedule   = schedule.interval
  servers    = server.own
  qname      = "example."
  qtype      = "SOA"
  transports = ["udp", "tls"]
}
`))
	var got []string
	for _, l := range plan.Sent(p, time.Date(2026, 11, 22, 22, 40, 0, 0, time.UTC)) {
		if l.Query == "apex" {
			got = append(got, l.Path+" "+l.Address)
		}
	}
	slices.Sort(got)
	want := []string{"ipv4/tls 192.0.2.1", "ipv4/tls 192.0.2.2:8853", "ipv4/udp 192.0.2.1:5353", "ipv4/udp 192.0.2.2"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestExprRange: the place of an expression points at its very text, whatever
// way it is written in.
func TestExprRange(t *testing.T) {
	for _, c := range []struct {
		name, expr, want string
		line, col        int
	}{
		{"quoted", `"window.sent > 0"`, "window.sent > 0", 7, 15},
		{"heredoc", "<<CEL\n    window.sent > 0 &&\n    window.incorrect > 0\n  CEL", "    window.sent > 0 &&\n    window.incorrect > 0\n", 8, 1},
		{"indented heredoc", "<<-CEL\n    window.sent > 0 &&\n      window.incorrect > 0\n  CEL", "    window.sent > 0 &&\n      window.incorrect > 0\n", 8, 1},
		{"escaped", `"window.nsid == \"x\""`, `window.nsid == "x"`, 7, 15},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := load(t, nil, inline("p", small+"rule \"x\" {\n  on       = \"window\"\n  expr     = "+c.expr+"\n  window   = \"1h\"\n  severity = \"info\"\n  summary  = \"{window.sent} of {threshold.rsi_availability}\"\n}\n"))
			r := p.Rules[0]
			if r.Expr != c.want {
				t.Errorf("expr %q, want %q", r.Expr, c.want)
			}
			if r.ExprRange.File != "p/a.hcl" || r.ExprRange.Line != c.line || r.ExprRange.Col != c.col {
				t.Errorf("place %+v, want %d:%d", r.ExprRange, c.line, c.col)
			}
			raw := string(p.Sources[r.ExprRange.File][r.ExprRange.Start:r.ExprRange.End])
			if c.name != "escaped" && raw != c.want {
				t.Errorf("the range holds %q", raw)
			}
			if got := string(p.Sources[r.SummaryRange.File][r.SummaryRange.Start:r.SummaryRange.End]); got != r.Summary {
				t.Errorf("the summary's range holds %q", got)
			}
		})
	}
}
