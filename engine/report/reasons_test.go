package report_test

import (
	"testing"

	"mtric.net/mtric/engine/measurement"
	"mtric.net/mtric/engine/report"
)

// TestForgedReasons: as many answers waited as the RSIs' values say, for whatever reason.
func TestForgedReasons(t *testing.T) {
	store, p := lying(t)
	n := 0
	changeRows(t, store, monday, func(a *measurement.Answer) {
		if a.RSI == "b" && a.VantagePoint == "901" && a.Verdict != nil && n < 5 {
			n++
			a.Verdict, a.VerdictSerial, a.Failures = new(measurement.Unchecked), nil, []string{"hold: no zone fetch since"}
		}
	})
	d := filled(t, store, p)
	same(t, d, store)
	for _, held := range [][]report.Held{
		{{Reason: "zone 2026110299 of operator X is withheld", Answers: 999_999}},
		{{Reason: "clock", Answers: 4}},
		{{Reason: "clock", Answers: 5}, {Reason: "no zone fetch since", Answers: 5}},
		{{Reason: "clock", Answers: 6}, {Reason: "no zone fetch since", Answers: -1}},
		{{Reason: "clock", Answers: 2}, {Reason: "no zone fetch since", Answers: 3}},
		{},
	} {
		differs(t, told(d, func(d *report.Document) { d.Held = held }), store, "held ")
	}
	late(t, told(d, func(d *report.Document) { d.Held = []report.Held{{Reason: "clock", Answers: 5}} }), store,
		"held: the report says of 5 answers that they waited, the clock of the vantage point is in doubt; by now 0 do")
}
