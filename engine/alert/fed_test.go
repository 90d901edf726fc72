package alert_test

import (
	"bytes"
	"testing"
	"testing/fstest"

	"mtric.net/mtric/engine/alert"
	"mtric.net/mtric/engine/diag"
	"mtric.net/mtric/engine/diag/golden"
	"mtric.net/mtric/engine/plan"
)

const tld = `
plan "tld" {}

server "own" {
  rsi  = "ns1"
  ipv4 = "192.0.2.1"
}

schedule "s" {
  every = "5m"
}

query "ns" {
  schedule = schedule.s
  servers  = server.own
  qname    = "example."
  qtype    = "NS"
  nsid     = false
}

rule "counts-nothing" {
  on       = "window"
  over     = ["rsi"]
  window   = "1h"
  severity = "info"
  expr     = <<CEL
    window.sent > 10 &&
    window.availability < 99.0
  CEL
  summary  = "{rsi}"
}

rule "another-zone" {
  on       = "window"
  over     = ["rsi"]
  queries  = [query.ns]
  window   = "1h"
  severity = "info"
  expr     = "window.newest_serial < 5 || window.incorrect > 0 || previous.lag > 1.0"
  summary  = "{window.nsids} of {rsi}"
}

rule "no-zone" {
  on       = "window"
  over     = ["rsi"]
  queries  = [query.ns]
  window   = "1h"
  severity = "info"
  expr     = "window.zone_lag > 60.0 || window.serial_backward > previous.lone_serials || window.nsids_missing > 0"
  summary  = "{window.zone_serial} of {rsi}"
}

rule "unlike" {
  on       = "window"
  over     = ["rsi"]
  queries  = [query.ns]
  window   = "1h"
  severity = "info"
  expr     = "window.unexpected > 0"
  summary  = "{rsi}"
}

rule "forged" {
  on       = "window"
  over     = ["rsi"]
  queries  = [query.ns]
  window   = "1h"
  severity = "info"
  expr     = "window.bogus > 0"
  summary  = "{rsi}"
}

rule "run" {
  on       = "run"
  severity = "info"
  expr     = "run.newest_serial < 5 || run.answered < 10"
  summary  = "{run.availability}"
}

rule "report" {
  on       = "report"
  severity = "info"
  expr     = "value.verdict == 'fail'"
  summary  = "x"
}

rule "good" {
  on       = "window"
  over     = ["rsi", "query"]
  window   = "1h"
  severity = "info"
  expr     = "window.availability < 99.0"
  summary  = "{rsi}"
}

rule "good-too" {
  on       = "window"
  over     = ["rsi"]
  queries  = [query.ns]
  window   = "1h"
  severity = "info"
  expr     = "window.availability < 99.0"
  summary  = "{rsi}"
}
`

// later loads a plan as the program does, with the mistakes in CEL.
func later(t *testing.T, src string) string {
	t.Helper()
	_, l := plan.Loader{Later: func(p *plan.Plan) diag.List {
		_, wrong := alert.Compile(p)
		return wrong
	}}.Load([]plan.Dir{{Name: "tld", FS: fstest.MapFS{"a.hcl": {Data: []byte(src)}}}}, nil)
	var b bytes.Buffer
	if err := l.WriteText(&b, false); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// TestRulesThatNothingFeeds: they would be good and never fire.
func TestRulesThatNothingFeeds(t *testing.T) {
	golden.Compare(t, "testdata/unfed.txt", []byte(later(t, tld)))
}

// TestAllMistakesAtOnce: those of CEL are said beside those of the language, and nothing
// is said twice: of a threshold that could not be read, of labels that over has not.
func TestAllMistakesAtOnce(t *testing.T) {
	golden.Compare(t, "testdata/at-once.txt", []byte(later(t, `
plan "tld" {}

threshold "rsi_availability" {
  at_least = "96"
}

rule "both" {
  on       = "window"
  over     = ["rsi"]
  window   = "1hour"
  severity = "loud"
  expr     = "window.availabilty < threshold.rsi_availability"
  summary  = "{window.sentt} of {server}"
}

rule "labels" {
  on       = "window"
  over     = ["rsis"]
  window   = "1h"
  severity = "info"
  expr     = "rsi == 'a' && window.sent > 0"
  summary  = "{rsi}"
}

rule "machine" {
  on       = "machine"
  severity = "info"
  expr     = "machine.disk.used_percent >"
  summary  = "x"
}
`)))
}
