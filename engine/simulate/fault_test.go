package simulate_test

import (
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"mtric.net/mtric/engine/column"
	"mtric.net/mtric/engine/measurement"
)

// key is that of a row; runs of a vantage point that stays silent are missing.
type key struct {
	vp        measurement.VantagePoint
	at        time.Time
	query     string
	rsi       measurement.RSI
	family    measurement.Family
	transport measurement.Transport
}

func byKey(t *testing.T, rows []measurement.Answer) map[key]measurement.Answer {
	t.Helper()
	all := map[key]measurement.Answer{}
	for _, a := range rows {
		k := key{a.VantagePoint, a.Interval, a.Query, a.RSI, a.Family, a.Transport}
		if _, twice := all[k]; twice {
			t.Fatalf("%v twice", k)
		}
		all[k] = a
	}
	return all
}

// TestFaults plants each kind at one place and looks at every row: those covered
// show it, no other row differs from the simulation without the fault.
func TestFaults(t *testing.T) {
	c := config(t, 2, 0)
	c.From, c.Until = start.Add(16*time.Hour), start.Add(19*time.Hour) // a zone comes about 17:00
	_, dir := run(t, c)
	quiet := byKey(t, rowsOf[measurement.Answer](t, dir, column.Answers))
	outcome := func(want measurement.Outcome) func(before, after measurement.Answer) bool {
		return func(_, after measurement.Answer) bool { return after.Outcome == want && after.LatencyUS == nil }
	}
	rcode := func(want string) func(before, after measurement.Answer) bool {
		return func(before, after measurement.Answer) bool {
			return before.RCode == nil || *after.RCode == want && *after.LatencyUS == *before.LatencyUS && after.Verdict == nil && after.Serial == nil
		}
	}
	for _, f := range []struct {
		kind, more string
		shows      func(before, after measurement.Answer) bool
		all        bool // every covered row is struck
	}{
		{"down", "", outcome(measurement.Timeout), true},
		{"refused", "", outcome(measurement.Refused), true},
		{"unreachable", "", outcome(measurement.Unreachable), true},
		{"malformed", "", outcome(measurement.Malformed), true},
		{"local_error", "", outcome(measurement.LocalError), true},
		{"servfail", "", rcode("SERVFAIL"), true},
		{"rcode", `rcode = "REFUSED"`, rcode("REFUSED"), true},
		{"slow", `by = "150ms"`, func(before, after measurement.Answer) bool {
			return before.LatencyUS == nil || *after.LatencyUS == *before.LatencyUS+150_000
		}, true},
		{"slow", `by = "4s"`, func(before, after measurement.Answer) bool {
			return before.LatencyUS == nil || after.Outcome == measurement.Timeout
		}, true},
		{"stale", `by = "20m"`, older, true},
		{"frozen", "", older, true},
		{"off_plan", "", func(before, after measurement.Answer) bool {
			moved := before
			moved.Address = map[measurement.Family]string{measurement.IPv4: "192.0.2.53", measurement.IPv6: "2001:db8::53"}[after.Family]
			return reflect.DeepEqual(moved, after)
		}, true},
		{"future", `by = "6h"`, func(before, after measurement.Answer) bool {
			if before.Query != "soa" || before.Serial == nil {
				return reflect.DeepEqual(before, after)
			}
			return *after.Serial > *before.Serial || a17(before) && *after.Serial >= *before.Serial
		}, false},
		{"wrong", "", func(_, after measurement.Answer) bool {
			return after.Verdict == nil || *after.Verdict == measurement.Incorrect && strings.Contains(after.Failures[0], "planted by fault x")
		}, false},
		{"wrong", `tags = ["cpf", "gpl"]`, func(before, after measurement.Answer) bool {
			switch {
			case after.Verdict == nil:
				return true
			case after.QType == "A":
				return *after.Verdict == measurement.Incorrect && strings.HasPrefix(after.Failures[0], "gpl: ") && *after.AA != *before.AA
			case after.QType == "DS":
				return *after.Verdict == measurement.Incorrect && strings.HasPrefix(after.Failures[0], "cpf: ")
			}
			return *after.Verdict == measurement.Correct
		}, false},
	} {
		name := f.kind + f.more
		src := fmt.Sprintf("fault \"x\" {\n kind = %q\n rsis = [\"c\"]\n paths = [\"ipv4/udp\", \"ipv6/tcp\"]\n vantage_points = [\"902\"]\n"+
			"from = \"2026-11-01T16:30:00Z\"\n until = \"2026-11-01T18:30:00Z\"\n%s\n}", f.kind, f.more)
		faulty := c
		faulty.Faults = faultsOf(t, c, src)
		truth, dir := run(t, faulty)
		after := byKey(t, rowsOf[measurement.Answer](t, dir, column.Answers))
		if len(after) != len(quiet) {
			t.Errorf("%s: %d rows, %d without", name, len(after), len(quiet))
		}
		covered, changed := int64(0), 0
		for k, b := range quiet {
			a := after[k]
			in := k.vp == "902" && k.rsi == "c" && (k.family == "ipv4" && k.transport == "udp" || k.family == "ipv6" && k.transport == "tcp") &&
				!k.at.Before(start.Add(16*time.Hour+30*time.Minute)) && k.at.Before(start.Add(18*time.Hour+30*time.Minute))
			same := reflect.DeepEqual(a, b)
			if !same {
				changed++
			}
			switch {
			case !in && !same:
				t.Fatalf("%s: changed %+v\nto %+v", name, b, a)
			case in && !f.shows(b, a):
				t.Fatalf("%s: not seen in %+v\nwithout it %+v", name, a, b)
			case in:
				covered++
			}
		}
		if affected := truth.Faults[0].Queries; changed == 0 || f.all && affected != covered || affected > covered || affected == 0 {
			t.Errorf("%s: %d rows changed, %d queries struck, %d covered", name, changed, affected, covered)
		}
		if f.kind == "wrong" && int64(len(truth.Planted)) != truth.Faults[0].Queries {
			t.Errorf("%s: %d planted of %d", name, len(truth.Planted), truth.Faults[0].Queries)
		}
	}
}

// a17: sent when the zone of 17:00 is there, which is that of six hours later too.
func a17(a measurement.Answer) bool { return a.Interval.Hour() >= 17 }

// older: the serial shown is none that came later.
func older(before, after measurement.Answer) bool {
	return (before.Serial == nil) == (after.Serial == nil) && (before.Serial == nil || *after.Serial <= *before.Serial)
}

// TestReset: connections are reset, UDP goes on.
func TestReset(t *testing.T) {
	c := config(t, 1, time.Hour)
	c.Faults = faultsOf(t, c, "fault \"x\" {\n kind = \"reset\"\n from = \"2026-11-01\"\n until = \"2026-11-02\"\n}")
	truth, dir := run(t, c)
	for _, a := range rowsOf[measurement.Answer](t, dir, column.Answers) {
		if (a.Outcome == measurement.Reset) != (a.Transport == measurement.TCP) {
			t.Fatalf("%+v", a)
		}
	}
	for _, v := range truth.Values {
		if v.Transport == measurement.TCP && v.Metric == "rsi_response_latency" && (v.Verdict != "no_data" || v.Numerator != nil) {
			t.Errorf("%+v", v)
		}
		if v.Transport == measurement.TCP && v.Metric == "rsi_availability" && (v.Verdict != "fail" || *v.Numerator != 0 || *v.Denominator != 12) {
			t.Errorf("%+v", v)
		}
	}
}

// TestTruncated: an SOA answer with TC is available and shows no zone; a question
// of correctness is asked again over TCP (A3).
func TestTruncated(t *testing.T) {
	c := config(t, 2, 6*time.Hour)
	c.Zones = &zones{}
	c.Faults = faultsOf(t, c, "fault \"x\" {\n kind = \"truncated\"\n rsis = [\"a\", \"b\", \"c\", \"d\"]\n from = \"2026-11-01\"\n until = \"2026-11-02\"\n}")
	truth, dir := run(t, c)
	rows := rowsOf[measurement.Answer](t, dir, column.Answers)
	again := 0
	for _, a := range rows {
		checkRow(t, c.Plan, a)
		affected := a.Transport == measurement.UDP && a.RSI <= "d" && a.Outcome == measurement.Answered
		if want := affected && a.Query == "soa"; a.TC != nil && *a.TC != want {
			t.Fatalf("tc: %+v", a)
		}
		if a.Query == "correctness" && a.Attempts == 2 {
			again++
		}
		if want := affected && a.Query == "correctness"; a.Outcome == measurement.Answered && (a.Attempts == 2) != want || want && *a.Verdict != measurement.Correct {
			t.Fatalf("attempts: %+v", a)
		}
	}
	if again < 200 {
		t.Errorf("%d asked again", again)
	}
	compare(t, tables(t, dir, c.Plan).of(c.From, c.Until, c.Until), truth.Numbers)
}

// TestSilent: a vantage point without runs has no rows, and leaves those of the
// others as they are.
func TestSilent(t *testing.T) {
	c := config(t, 2, 12*time.Hour)
	_, dir := run(t, c)
	quiet := byKey(t, rowsOf[measurement.Answer](t, dir, column.Answers))
	c.Faults = faultsOf(t, c, `
fault "gone" {
  kind           = "silent"
  vantage_points = ["901"]
  from           = "2026-11-01T04:00:00Z"
  until          = "2026-11-01T06:00:00Z"
}
fault "unseen" {
  kind           = "down"
  vantage_points = ["901"]
  from           = "2026-11-01T04:00:00Z"
  until          = "2026-11-01T06:00:00Z"
}`)
	truth, dir := run(t, c)
	after := byKey(t, rowsOf[measurement.Answer](t, dir, column.Answers))
	if want := len(quiet) - 24*65; len(after) != want || truth.Rows.Runs != 2*144-24 {
		t.Errorf("%d rows, want %d; %d runs", len(after), want, truth.Rows.Runs)
	}
	for k, a := range after {
		if !reflect.DeepEqual(a, quiet[k]) {
			t.Fatalf("changed %+v", a)
		}
	}
	if truth.Faults[0].Queries != 24*65 || truth.Faults[1].Queries != 0 {
		t.Errorf("%+v", truth.Faults)
	}
}

// TestOracleC plants what happened to an RSI in May 2024 (rssac047 oracle P3):
// frozen for a day in eight, the median shows nothing.
func TestOracleC(t *testing.T) {
	c := config(t, 1, 8*24*time.Hour)
	c.Faults = faultsOf(t, c, "fault \"x\" {\n kind = \"frozen\"\n rsis = [\"c\"]\n from = \"2026-11-04T00:00:00Z\"\n until = \"2026-11-05T05:00:00Z\"\n}")
	truth, _ := run(t, c)
	for _, v := range truth.Months[0].Values {
		if v.Metric == "rsi_publication_latency" && (v.Count != 16 || v.Verdict != "pass" || *v.Numerator > 5**v.Denominator) {
			t.Errorf("%+v", v)
		}
	}
}

// TestOracleSystem plants scenarios of the table of RSS availability (4.6). The
// losses that are always there may only add to the deficit.
func TestOracleSystem(t *testing.T) {
	down := func(rsis string) string {
		return "fault \"x\" {\n kind = \"down\"\n rsis = [" + rsis + "]\n from = \"2026-11-01\"\n until = \"2026-12-01\"\n}"
	}
	for _, s := range []struct {
		rsis    string
		deficit int64 // of each VP-interval
	}{{`"a"`, 0}, {`"a", "b", "c", "d"`, 0}, {`"a", "b", "c", "d", "e", "f"`, 1}, {`"a", "b", "c", "d", "e", "f", "g", "h"`, 3}} {
		c := config(t, 1, 24*time.Hour)
		c.Faults = faultsOf(t, c, down(s.rsis))
		truth, _ := run(t, c)
		for _, v := range truth.Values {
			if v.Metric != "rss_availability" {
				continue
			}
			deficit := *v.Denominator - *v.Numerator
			if *v.Denominator != 288*8 || deficit < 288*s.deficit || deficit > 288*s.deficit+20 || (v.Verdict == "pass") != (deficit == 0) {
				t.Errorf("%s down: %+v", s.rsis, v)
			}
		}
	}
}

// TestCensored: a zone that an RSI never shows before the data end (P4).
func TestCensored(t *testing.T) {
	c := config(t, 2, 3*24*time.Hour)
	c.Faults = faultsOf(t, c, "fault \"x\" {\n kind = \"frozen\"\n rsis = [\"c\"]\n from = \"2026-11-01\"\n until = \"2026-12-01\"\n}")
	truth, _ := run(t, c)
	for _, v := range truth.Values {
		if v.Metric != "rsi_publication_latency" {
			continue
		}
		if want := v.RSI == "c"; v.Censored != want || (v.Numerator == nil) != want || (v.Verdict == "fail") != want || v.Count != 12 {
			t.Errorf("%+v", v)
		}
	}
}
