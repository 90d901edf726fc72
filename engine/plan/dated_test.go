package plan_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"mtric.net/mtric/engine/measurement"
	"mtric.net/mtric/engine/plan"
	"mtric.net/mtric/plans"
)

// warned loads the production plan with text laid over it and returns the summaries of
// its warnings, with the lines they stand on.
func warned(t *testing.T, src string) []string {
	t.Helper()
	p, l := plan.Load([]plan.Dir{shipped(t, "rssac047"), inline("local", src)}, nil)
	if p == nil {
		t.Fatal(l.Error())
	}
	all := []string{}
	for _, d := range l.Diags {
		all = append(all, fmt.Sprintf("%d: %s", d.Subject.Start.Line, d.Summary))
	}
	return all
}

// TestGaps: a time without address between two dated ones is told, for nothing is asked
// then; an address that just begins or ends is none.
func TestGaps(t *testing.T) {
	server := func(blocks string) string {
		return "server \"root\" {\n  rsi = \"b\"\n" + blocks + "}\n"
	}
	address := func(family, value, from, until string) string {
		return fmt.Sprintf("  address {\n    %s = %q\n    %s\n    %s\n  }\n", family, value, from, until)
	}
	for _, c := range []struct {
		name, src string
		want      []string
	}{
		{"a gap", server(address("ipv4", "192.0.2.2", `valid_from = "2027-02-01"`, "") + address("ipv4", "192.0.2.1", "", `valid_until = "2027-01-31T12:00:00Z"`)),
			[]string{"4: b has no ipv4 address from 2027-01-31T12:00:00Z until 2027-02-01T00:00:00Z"}},
		{"of the same address", server("  ipv4 = \"192.0.2.1\"\n" + address("ipv6", "2001:db8::1", "", `valid_until = "2027-01-01"`) + address("ipv6", "2001:db8::1", `valid_from = "2027-02-01"`, "")),
			[]string{"10: b has no ipv6 address from 2027-01-01T00:00:00Z until 2027-02-01T00:00:00Z"}},
		{"one ends when the other begins", server(address("ipv4", "192.0.2.1", "", `valid_until = "2027-02-01"`) + address("ipv4", "192.0.2.2", `valid_from = "2027-02-01"`, "")), []string{}},
		{"two families", server(address("ipv4", "192.0.2.1", "", `valid_until = "2027-01-01"`) + address("ipv6", "2001:db8::1", `valid_from = "2027-01-01"`, "")), []string{}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if diff := cmp.Diff(c.want, warned(t, c.src)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// A plan laid over itself is itself, whatever it makes by for_each.
func TestPlansLaidOverThemselves(t *testing.T) {
	for _, name := range plans.Names() {
		once := load(t, nil, shipped(t, name))
		if twice := load(t, nil, shipped(t, name), shipped(t, name)); twice.SHA256() != once.SHA256() {
			t.Errorf("plan %s laid over itself is another", name)
		}
	}
}

// TestServersLaidOver: a block laid over a server replaces that one and no other,
// whichever way either is written; what a directory adds is there as well.
func TestServersLaidOver(t *testing.T) {
	b := "server \"root\" {\n  rsi = \"b\"\n  ipv4 = \"192.0.2.2\"\n}\n"
	each := `
server "root" {
  for_each = { b = "192.0.2.12", n = "192.0.2.14" }
  rsi      = each.key
  ipv4     = each.value
}
`
	old := "server \"old\" {\n  rsi = \"b-old\"\n  ipv4 = \"170.247.170.2\"\n}\n"
	for _, c := range []struct {
		name string
		dirs []plan.Dir
		rsis string
		b    string
	}{
		{"one", []plan.Dir{inline("local", b)}, "abcdefghijklm", "192.0.2.2"},
		{"one and a group of its own", []plan.Dir{inline("local", b+old)}, "abcdefghijklm", "192.0.2.2"},
		{"of each", []plan.Dir{inline("local", each)}, "abcdefghijklmn", "192.0.2.12"},
		{"the last wins", []plan.Dir{inline("local", each), inline("more", b)}, "abcdefghijklmn", "192.0.2.2"},
		{"whatever the order of names", []plan.Dir{inline("x", b), inline("a", each)}, "abcdefghijklmn", "192.0.2.12"},
	} {
		t.Run(c.name, func(t *testing.T) {
			p, l := plan.Load(append([]plan.Dir{shipped(t, "rssac047")}, c.dirs...), nil)
			if p == nil {
				t.Fatal(l.Error())
			}
			q, _ := p.Query("soa")
			var rsis strings.Builder
			for _, s := range p.ServersOf(q.Servers) {
				rsis.WriteString(string(s.RSI))
				if s.RSI == "b" && (len(s.Addresses) != 1 || s.Addresses[0].Address.String() != c.b) {
					t.Errorf("b has %v, want %s alone", s.Addresses, c.b)
				}
			}
			if rsis.String() != c.rsis {
				t.Errorf("asks %s, want %s", &rsis, c.rsis)
			}
		})
	}
}

// TestThresholdsAt: a change holds from its month on, and a plan may have many.
func TestThresholdsAt(t *testing.T) {
	p := load(t, nil, shipped(t, "rssac047"), inline("local", `
threshold "rsi_availability" {
  at_least = 96
  change {
    from     = "2028-01-01"
    at_least = 94
  }
  change {
    from     = "2027-06-01T00:00:00Z"
    at_least = 95
  }
}
threshold "rss_response_latency" {
  udp = { at_most = "150ms" }
  tcp = { at_most = "300ms" }
  change {
    from = "2027-07-01"
    udp  = { at_most = "100ms" }
    tcp  = { at_most = "200ms" }
  }
}
`))
	for _, c := range []struct{ at, want string }{
		{"1990-01-01T00:00:00Z", "96 150ms"}, {"2027-05-31T23:55:00Z", "96 150ms"},
		{"2027-06-01T00:00:00Z", "95 150ms"}, {"2027-07-01T00:00:00Z", "95 100ms"}, {"2030-01-01T00:00:00Z", "94 100ms"},
	} {
		at, _ := time.Parse(time.RFC3339, c.at)
		all := p.ThresholdsAt(at)
		var metrics []measurement.Metric
		for _, h := range all {
			metrics = append(metrics, h.Metric)
		}
		if diff := cmp.Diff(measurement.Metrics, metrics); diff != "" {
			t.Errorf("at %s (-want +got):\n%s", c.at, diff)
		}
		if got := fmt.Sprint(all[0].AtLeast, " ", all[5].UDP); got != c.want {
			t.Errorf("at %s: %s, want %s", c.at, got, c.want)
		}
	}
}

// TestThresholdOfAnotherNumber: a threshold that names how many RSIs it is for is
// compared with those that are asked at the start of each month.
func TestThresholdOfAnotherNumber(t *testing.T) {
	threshold := func(n int, changes string) string {
		return fmt.Sprintf("threshold \"rsi_availability\" {\n  at_least = 96\n  n = %d\n%s}\n", n, changes)
	}
	change := func(from string, n int) string {
		return fmt.Sprintf("  change {\n    from = %q\n    at_least = 95\n    n = %d\n  }\n", from, n)
	}
	joins := func(from string) string {
		return fmt.Sprintf("server \"root\" {\n  rsi = \"n\"\n  address {\n    ipv4 = \"192.0.2.1\"\n    valid_from = %q\n  }\n}\n", from)
	}
	for _, c := range []struct {
		name, src string
		want      []string
	}{
		{"13 of 13", threshold(13, ""), []string{}},
		{"12 of 13", threshold(12, ""), []string{`3: threshold "rsi_availability" is for 12 RSIs, and there are 13 at first`}},
		{"any", "threshold \"rsi_availability\" {\n  at_least = 96\n}\n" + joins("2027-02-15"), []string{}},
		{"one joins", threshold(13, "") + joins("2027-02-15"), []string{`3: threshold "rsi_availability" is for 13 RSIs, and there are 14 on 2027-03-01`}},
		{"one joins, and the threshold with it", threshold(13, change("2027-03-01", 14)) + joins("2027-02-15T10:00:00Z"), []string{}},
		{"on the 1st itself", threshold(13, change("2027-03-01", 14)) + joins("2027-03-01"), []string{}},
		{"too early", threshold(13, change("2027-02-01", 14)) + joins("2027-02-15"),
			[]string{`7: threshold "rsi_availability" is for 14 RSIs, and there are 13 on 2027-02-01`}},
		{"too late", threshold(13, change("2027-04-01", 14)) + joins("2027-02-15"),
			[]string{`3: threshold "rsi_availability" is for 13 RSIs, and there are 14 on 2027-03-01`}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if diff := cmp.Diff(c.want, warned(t, c.src)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}
