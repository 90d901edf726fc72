package expect_test

import (
	"encoding/binary"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"unicode"

	"github.com/miekg/dns"

	"mtric.net/mtric/engine/expect"
	"mtric.net/mtric/engine/plan"
)

// ten is a list to walk through.
const ten = "[1,2,3,4,5,6,7,8,9,10]"

// walk asks a condition a hundred thousand times, for as long as it is true.
func walk(condition string) string {
	return strings.Repeat(ten+".all(x, ", 5) + condition + strings.Repeat(")", 5)
}

// hostile are conditions that would take for ever, or all memory, if nothing was metered.
var hostile = []string{
	walk("answer.records('answer', 'TXT').all(r, r.data != 'x')"),
	walk("answer.records('answer', 'TXT')[0].data != answer.records('answer', 'TXT')[0].text"),
	walk("answer.records('answer', 'TXT')[0].text.size() > 1"),
	walk("answer.nsid != answer.nsid + 'x'"),
	walk("!answer.nsid.contains('zz')"),
	walk("!(answer.records('answer', 'TXT')[0].text in ['a', 'b'])"),
	walk("!answer.records('answer', 'TXT')[0].text.matches('(a?){200}b')"),
	walk("!query.qname.matches(answer.records('answer', 'TXT')[0].text)"),
	"['a']" + strings.Repeat(".map(x, x + x)", 200) + ".exists(x, x == 'b')",
	"[[1]]" + strings.Repeat(".map(x, [x, x])", 10) + ".size() == 1",
	"answer.records('answer', 'TXT').map(r, r.text)" + strings.Repeat(".map(x, x + x + x)", 100) + ".size() == 1",
	"answer.records('answer', 'A').all(r, answer.records('answer', 'A').all(s, r.data != s.data || r.name == s.name))",
	strings.Repeat("(", 200) + "true" + strings.Repeat(")", 200),
	strings.Repeat("!", 4000) + "true",
	strings.Repeat("true || ", 900) + "true",
}

// many is a response with as many records as are read, under the longest of names.
func many(records int) []byte {
	wire := []byte{0, 0, 0x84, 0, 0, 1, 0, 0, 0, 0, 0, 0}
	for range 3 {
		wire = append(append(wire, 63), strings.Repeat("\x01", 63)...)
	}
	wire = append(append(wire, 61), strings.Repeat("\x02", 61)...)
	wire = append(wire, 0, 0, 1, 0, 1)
	for i := range records {
		wire = append(wire, 0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 9, 0, 4, 192, 0, byte(i>>8), byte(i))
	}
	binary.BigEndian.PutUint16(wire[6:], uint16(records))
	return wire
}

// huge is a TXT record and an identity that fill a message.
func huge() []byte {
	wire := []byte{0, 0, 0x84, 0, 0, 1, 0, 1, 0, 0, 0, 1, 0, 0, 16, 0, 1}
	text := strings.Repeat("\xff"+strings.Repeat("\x81", 255), 180)
	wire = append(wire, 0xc0, 12, 0, 16, 0, 1, 0, 0, 0, 9)
	wire = append(binary.BigEndian.AppendUint16(wire, uint16(len(text))), text...)
	wire = append(wire, 0, 0, 41, 4, 208, 0, 0, 0, 0)
	wire = binary.BigEndian.AppendUint16(wire, 19004)
	wire = binary.BigEndian.AppendUint16(wire, 3)
	return append(binary.BigEndian.AppendUint16(wire, 19000), strings.Repeat("\x00", 19000)...)
}

// others is a plan of somebody else with one expectation, of query "q".
func others(condition string) *expect.Expectations {
	return expect.Of(&plan.Plan{Queries: []plan.Query{{Label: "q", Expect: condition}}, Servers: []plan.Server{{RSI: "ns1", Name: "ns1."}}})
}

// TestHostile: no condition of a plan of others, over no response, takes for ever or much
// memory.
func TestHostile(t *testing.T) {
	wires := map[string][]byte{"1024 records": many(1024), "4096 records": many(4096), "a huge record": huge(), "plain": message(t, dns.RcodeSuccess, positive)}
	for _, condition := range hostile {
		x := others(condition)
		for name, wire := range wires {
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			got, err := x.Meets(row(), wire)
			runtime.ReadMemStats(&after)
			if err == nil && got.Expected == nil {
				t.Errorf("%.60s of %s: nothing is said", condition, name)
			}
			if most := uint64(256 << 20); after.TotalAlloc-before.TotalAlloc > most {
				t.Errorf("%.60s of %s: %d MiB allocated", condition, name, (after.TotalAlloc-before.TotalAlloc)>>20)
			}
			if got.Cost > 2*expect.Units {
				t.Errorf("%.60s of %s: cost %d", condition, name, got.Cost)
			}
			if len(got.Why) > 250 || strings.ContainsFunc(got.Why, func(r rune) bool { return r > unicode.MaxASCII || unicode.IsControl(r) }) {
				t.Errorf("%.60s of %s: %q", condition, name, got.Why)
			}
		}
	}
}

// TestReserved: of what metrics are made RSSAC047 says what is good, whatever a plan of others
// expects of it.
func TestReserved(t *testing.T) {
	for label, want := range map[string]bool{"soa": false, "correctness": false, "other": true} {
		x := expect.Of(&plan.Plan{Queries: []plan.Query{{Label: label, Expect: "true"}}})
		if x.Has(label) != want {
			t.Errorf("%s: expected of %t", label, !want)
		}
	}
}

// FuzzMeets: whatever the condition and the response, there is one answer, the same each
// time and of a plan that was sent.
func FuzzMeets(f *testing.F) {
	for _, condition := range []string{"answer.rcode == 'NXDOMAIN'", "answer.records('answer','DNSKEY').exists(r, r.data.startsWith('257 '))",
		`answer.records('answer','TXT').exists_one(r, r.text.matches('^' + server.rsi + '[0-9]+\\.fra$'))`,
		"answer.records('answer', 'A').map(r, r.ttl + 1)[0] == 10 || int(answer.nsid) / 0 == 1", "query.qname.matches(answer.records('answer', 'TXT')[0].text)",
		"['a'].map(x, x + x).all(y, y in ['aa', family])"} { // TestHostile has those that cost much
		f.Add(condition, message(f, dns.RcodeSuccess, positive))
		f.Add(condition, many(20))
	}
	f.Fuzz(func(t *testing.T, condition string, wire []byte) {
		said := func(x *expect.Expectations) string {
			got, err := x.Meets(row(), wire)
			if err != nil {
				return "error"
			}
			return fmt.Sprint(got.Expected != nil, got.Expected != nil && *got.Expected, got.Why, got.Cost)
		}
		x := others(condition)
		first := said(x)
		if again := said(x); again != first {
			t.Errorf("%q, then %q", first, again)
		}
		if other := said(others(condition)); other != first {
			t.Errorf("%q, of another %q", first, other)
		}
	})
}
