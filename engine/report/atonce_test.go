package report_test

import (
	"slices"
	"testing"

	"github.com/miekg/dns"

	"mtric.net/mtric/engine/measurement"
	"mtric.net/mtric/metrics"
)

// TestNeverWaited: an answer that is wrong whatever the zone never waited for a verdict, as
// its response says, or a failure where the lake has none.
func TestNeverWaited(t *testing.T) {
	store, p := lying(t)
	wrong := func(a *measurement.Answer) bool {
		return a.RSI == "h" && a.Verdict != nil && (*a.Verdict == measurement.Incorrect)
	}
	hold := func(a *measurement.Answer) {
		if wrong(a) {
			a.Verdict, a.VerdictSerial, a.Failures = new(measurement.Unchecked), nil, []string{"hold: no zone fetch since"}
		}
	}
	for name, c := range map[string]struct {
		wrong func(*measurement.Answer)
		never bool
	}{
		"a failure of any zone": {func(a *measurement.Answer) { a.Failures = []string{"pdd: x", "ujy: x"} }, true},
		"failures of a zone":    {func(a *measurement.Answer) { a.Failures = []string{"pdd: x", "vnk: x"} }, false},
		"a response without AA": {func(a *measurement.Answer) { answer(a, soa(t, false)) }, true},
		"one that may be right": {func(a *measurement.Answer) { answer(a, soa(t, true)); a.Failures = []string{"xhr: x"} }, false},
	} {
		t.Run(name, func(t *testing.T) {
			undo := changeRows(t, store, monday, func(a *measurement.Answer) {
				if wrong(a) {
					c.wrong(a)
				}
			})
			defer undo()
			back := changeRows(t, store, monday, hold)
			d := filled(t, store, p)
			if v := value(t, d, "rsi_correctness h"); v.Held != 12 || v.Verdict != metrics.NoData {
				t.Fatalf("%d held, %s", v.Held, v.Verdict)
			}
			back()
			if c.never {
				differs(t, d, store, "rsi_correctness h")
				differs(t, d.Public(), store, "rsi_correctness h")
				return
			}
			want := []string{"held: the report says of 12 answers that they waited, no zone fetch since; by now 0 do",
				"rsi_correctness of rsi h: 12 answers got a verdict since", "rsi_correctness h: fail with what has come since, no_data in the report"}
			if v := verify(t, d, store); len(v.Differences) > 0 || !slices.Equal(v.Late, want) {
				t.Errorf("%+v", v)
			}
		})
	}
}

// answer gives a row a response to ./SOA.
func answer(a *measurement.Answer, wire []byte) {
	a.QName, a.QType, a.Response, a.ResponseSize = ".", "SOA", wire, new(int32(len(wire)))
}

// soa is a response of a root that nobody knows the key of.
func soa(t testing.TB, aa bool) []byte {
	t.Helper()
	m := new(dns.Msg)
	m.SetQuestion(".", dns.TypeSOA)
	m.Response, m.Authoritative = true, aa
	for _, text := range []string{". 86400 IN SOA a. b. 2026110299 1800 900 604800 86400",
		". 86400 IN RRSIG SOA 8 0 86400 20261115050000 20261101040000 12345 . AAAA"} {
		rr, err := dns.NewRR(text)
		if err != nil {
			t.Fatal(err)
		}
		m.Answer = append(m.Answer, rr)
	}
	wire, err := m.Pack()
	if err != nil {
		t.Fatal(err)
	}
	return wire
}
