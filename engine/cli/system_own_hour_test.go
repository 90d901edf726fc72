//go:build system

package cli_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"mtric.net/mtric/engine/column"
	"mtric.net/mtric/engine/interval"
	"mtric.net/mtric/engine/lake"
	"mtric.net/mtric/engine/measurement"
	"mtric.net/mtric/metrics"
)

// testFirstHour is docs/first-plan.md on four servers, one of which stays at the zone that it
// had, ns4. ns3 has that zone too, in the first interval.
func (r *rig) testFirstHour(t *testing.T) {
	n := r.newcomer(t)
	r.publish(t, r.serial+1, "ac")
	n.plan(t, "{}", r.serial+1)
	if out := n.run(t, 0, "query", "ns4", "--query", "apex", "--plan", "my-plan"); !strings.Contains(out, fmt.Sprintf("  aa,unexpected  %d  rig-d-01.", r.serial)) {
		t.Error(out)
	}
	if out := n.do(t, 0, "query ns2 --query apex-co --tls --plan my-plan"); !strings.Contains(out, fmt.Sprintf("  aa,tls:name  %d  rig-c-01.", r.serial)) {
		t.Error(out)
	}
	shown := n.do(t, 0, "plan show --plan my-plan")
	for _, rsi := range []string{"ns1", "ns3"} {
		if strings.Count(shown, " "+rsi+" ") != 4 || strings.Contains(shown, rsi+"  ipv6") {
			t.Errorf("%s has IPv4 only:\n%s", rsi, shown)
		}
	}
	const intervals = 11
	for i := range intervals {
		if i > 0 && i < ownSerials-1 {
			r.publish(t, r.serial+int64(i)+1, "abc")
		}
		n.do(t, 0, "measure --plan my-plan --home home --vp 101 --no-wait")
		synchronize(t, filepath.Join(n.dir, "home/Dropboxes/101"))
		if i == 0 {
			n.do(t, 0, "ingest --plan my-plan --home home --vp c00")
			if out := n.run(t, 5, "measure", "--plan", "my-plan", "--home", "home", "--vp", "101", "--no-wait"); !strings.Contains(out, "measured already") {
				t.Error(out)
			}
		}
		n.at = n.at.Add(interval.Length)
	}
	n.at = n.at.Add(4 * time.Minute) // the collector tells 4 minutes after an interval
	n.do(t, 0, "ingest --plan my-plan --home home --vp c00")
	r.holdFirstRows(t, n)
	r.holdFirstReport(t, n)
	alerts, err := os.ReadFile(filepath.Join(n.dir, "home/Logs/c00-alerts.txt"))
	must(t, err)
	if text := string(alerts); !strings.Contains(text, "warning FIRING rule=mine-failing rsi=ns4 ") || strings.Count(text, "\n") != 1 {
		t.Errorf("alerts\n%s", text)
	}
}

// holdFirstReport: the objectives fail for ns4, and for no other.
func (r *rig) holdFirstReport(t *testing.T, n *newcomer) {
	t.Helper()
	text := n.do(t, 3, "report --style objectives --period 2026-11-30 --plan my-plan --home home --vp c00")
	d := n.objectives(t, text, filepath.Join(n.dir, "home"))
	want := map[string]metrics.Verdict{"mine apex ns4": metrics.Fail, "fresh apex ns4": metrics.Fail}
	for rsi := range ownLetters {
		want["fresh apex-co "+string(rsi)] = metrics.NoData // it had one serial
	}
	holdVerdicts(t, d, want)
	if len(d.Publications) != ownSerials-2 || d.Publications[0].Zone != "example." || d.Publications[0].Serial != r.serial+2 || len(d.Lone) != 0 {
		t.Errorf("published %+v, alone %+v", d.Publications, d.Lone)
	}
	for _, line := range []string{"mine       apex     ns4  TODAY   FAIL", "mine       apex     ns1  TODAY   pass"} {
		if !strings.Contains(text, strings.Replace(line, "TODAY", n.at.AddDate(0, 0, -6).Format("2006-01-02"), 1)) {
			t.Errorf("no line %q in\n%s", line, text)
		}
	}
	n.run(t, 0, "verify", "home/Reports/objectives-"+n.at.Format("2006-01-02"), "--home", "home", "--vp", "c00")
}

// holdFirstRows holds what is in the lake: no row of what nobody has, no serial but those
// that were served.
func (r *rig) holdFirstRows(t *testing.T, n *newcomer) {
	t.Helper()
	counts := map[string]int{}
	for _, a := range n.answers(t, filepath.Join(n.dir, "home")) {
		letter := ownLetters[a.RSI]
		where := fmt.Sprintf("%s %s %s %s/%s", a.Interval.Format("15:04"), a.Query, a.RSI, a.Family, a.Transport)
		counts[fmt.Sprintf("%s %s/%s", a.RSI, a.Family, a.Transport)]++
		if a.Outcome != measurement.Answered || *a.RCode != "NOERROR" || !*a.AA || a.Strays != 0 || a.Serial != nil || *a.NSID != fmt.Sprintf("rig-%c-01.mtric.example", letter) {
			t.Errorf("%s: %+v", where, a)
			continue
		}
		served, expected := r.serial, true
		if a.Query == "apex" {
			i := int64(a.Interval.Sub(interval.Day(n.at)) / interval.Length)
			if late := letter == 'b' && i == 0; letter != 'd' && !late {
				served += min(i+1, ownSerials-1)
			}
			expected = served > r.serial
			if a.Expected == nil || *a.Expected != expected || !expected && a.Response == nil {
				t.Errorf("%s: expected %v, response of %d bytes", where, a.Expected, len(a.Response))
			}
		}
		if a.ZoneSerial == nil || *a.ZoneSerial != served {
			t.Errorf("%s: serial %s, served was %d", where, number(a.ZoneSerial), served)
		}
	}
	want := map[string]int{"ns1 ipv4/udp": 22, "ns1 ipv4/tcp": 22, "ns3 ipv4/udp": 22, "ns3 ipv4/tcp": 22, "ns2 ipv4/tls": 11, "ns2 ipv6/tls": 11}
	for _, rsi := range []string{"ns2", "ns4"} {
		for _, path := range []string{"ipv4/udp", "ipv4/tcp", "ipv6/udp", "ipv6/tcp"} {
			want[rsi+" "+path] = 22
		}
	}
	if fmt.Sprint(counts) != fmt.Sprint(want) {
		t.Errorf("rows %v, want %v", counts, want)
	}
}

// answers are the rows of the lake of a home.
func (n *newcomer) answers(t *testing.T, home string) []measurement.Answer {
	t.Helper()
	rows, _, err := column.Read[measurement.Answer](lake.Store{Dir: filepath.Join(home, "Lake")}.Path(column.Answers, n.at))
	must(t, err)
	return rows
}

// testSecondVantagePoint is the page's last section. ns2 shows another key over TLS than the
// plan has pinned; ns4 shows a serial that nobody else has.
func (r *rig) testSecondVantagePoint(t *testing.T) {
	n := r.newcomer(t)
	r.publish(t, r.serial+ownSerials-1, "abc")
	r.publish(t, r.serial+100, "d")
	n.plan(t, fmt.Sprintf("{ verify = \"pin\", pins = [%q] }", r.pin(t, "a")), r.serial)
	homes := map[string]string{"101": r.home(t), "201": r.home(t), "c00": r.home(t)}
	c := r.startCollector(t, homes["101"])
	c.admit(t, "201", homes["201"])
	more := swap(t, n.blocks[5], "/sftp/", filepath.Join(c.dir, "sftp")+"/")
	more = swap(t, more, `"192.0.2.10"`, `"10.53.200.1"
  sftp = { port = `+sshdPort+`, key = "id", known_hosts = "known_hosts" }`)
	more = swap(t, more, "2026-11-30T08:00:00Z", n.at.Truncate(interval.Length).Format("2006-01-02T15:04:05Z"))
	n.write(t, "my-plan-2/second.hcl", more)
	laid := []string{"--plan", "my-plan", "--plan", "my-plan-2"}
	for range 2 {
		for _, vp := range []string{"101", "201"} {
			n.run(t, 0, append([]string{"measure", "--no-wait", "--vp", vp, "--home", homes[vp]}, laid...)...)
		}
		n.at = n.at.Add(interval.Length)
	}
	for _, vp := range []string{"101", "201"} {
		synchronize(t, filepath.Join(c.dir, "sftp/transfer-"+vp+"/incoming"))
	}
	n.run(t, 0, append([]string{"ingest", "--vp", "c00", "--home", homes["c00"]}, laid...)...)
	if rows := n.answers(t, homes["c00"]); len(rows) != 2*2*26 {
		t.Errorf("%d rows", len(rows))
	}
	text := n.run(t, 3, append([]string{"report", "--style", "objectives", "--period", n.at.Format("2006-01-02"), "--vp", "c00", "--home", homes["c00"]}, laid...)...)
	d := n.objectives(t, text, homes["c00"])
	want := map[string]metrics.Verdict{"mine apex-co ns2": metrics.Fail}
	for rsi := range ownLetters {
		want["fresh apex "+string(rsi)], want["fresh apex-co "+string(rsi)] = metrics.NoData, metrics.NoData
	}
	holdVerdicts(t, d, want)
	if len(d.Lone) != 1 || d.Lone[0].Zone != "example." || d.Lone[0].Serial != r.serial+100 {
		t.Errorf("alone %+v", d.Lone)
	}
	for _, o := range d.Outcomes {
		for _, v := range o.Values {
			failed := v.Verdict == metrics.Fail
			if failed != (o.Objective == "mine" && o.Query == "apex-co" && o.Subject == "ns2" && strings.HasSuffix(v.Path, "/tls")) || failed && v.Fewest != 2 {
				t.Errorf("%s %s %s %s: %s, of %d", o.Objective, o.Query, o.Subject, v.Path, v.Verdict, v.Fewest)
			}
		}
	}
	if !slices.Equal(d.VantagePoints, []measurement.VantagePoint{"101", "201"}) || !strings.Contains(text, "holds unless 2 vantage points are left out") {
		t.Errorf("vantage points %v\n%s", d.VantagePoints, text)
	}
}
