package expect_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/miekg/dns"

	"mtric.net/mtric/engine/diag"
	"mtric.net/mtric/engine/diag/golden"
	"mtric.net/mtric/engine/expect"
	"mtric.net/mtric/engine/measurement"
	"mtric.net/mtric/engine/plan"
)

// base is a plan without queries.
const base = `
plan "test" {}
schedule "often" { every = "5m" }
server "own" {
  rsi  = "ns1"
  name = "ns1.example."
  ipv4 = "192.0.2.1"
}
`

// query is the text of a query with an expectation.
func query(label, condition string) string {
	return fmt.Sprintf("query %q {\n  schedule = schedule.often\n  servers = server.own\n  qname = \"example.\"\n  qtype = \"SOA\"\n  expect = <<CEL\n%s\nCEL\n}\n", label, condition)
}

func load(t testing.TB, src string) *plan.Plan {
	t.Helper()
	p, l := plan.Load([]plan.Dir{{Name: "plan", FS: fstest.MapFS{"a.hcl": {Data: []byte(src)}}}}, nil)
	if p == nil {
		t.Fatalf("plan refused: %s", printed(t, l))
	}
	return p
}

func printed(t testing.TB, l diag.List) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := l.WriteText(&b, false); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// of compiles one expectation, of query "q".
func of(t testing.TB, condition string) *expect.Expectations {
	t.Helper()
	x, l := expect.Compile(load(t, base+query("q", condition)))
	if x == nil {
		t.Fatalf("%s: %s", condition, printed(t, l))
	}
	return x
}

// message is a response to example./SOA with those records: those of a line each, the
// sections parted by an empty one.
func message(t testing.TB, rcode int, sections string) []byte {
	t.Helper()
	m := new(dns.Msg)
	m.SetQuestion("eXample.", dns.TypeSOA)
	m.Response, m.Authoritative, m.Compress = true, true, true
	for i, section := range strings.Split(sections, "\n\n") {
		for line := range strings.Lines(section) {
			if strings.TrimSpace(line) == "" {
				continue
			}
			rr, err := dns.NewRR(line)
			if err != nil {
				t.Fatal(err)
			}
			to := []*[]dns.RR{&m.Answer, &m.Ns, &m.Extra}[i]
			*to = append(*to, rr)
		}
	}
	m.SetEdns0(1232, false)
	m.IsEdns0().Option = append(m.IsEdns0().Option, &dns.EDNS0_NSID{Code: dns.EDNS0NSID, Nsid: "6e73312e667261"})
	m.Rcode = rcode // after OPT, which has its upper bits
	wire, err := m.Pack()
	if err != nil {
		t.Fatal(err)
	}
	return wire
}

func row() *measurement.Answer {
	return &measurement.Answer{Query: "q", RSI: "ns1", Family: measurement.IPv4, Transport: measurement.UDP, QName: "eXample.", QType: "SOA", Outcome: measurement.Answered}
}

const (
	positive = `example. 300 IN SOA Ns1.example. host.example. 7 1 2 3 4
example. 300 IN TXT "ns1-0" "7.fra"
Example. 300 IN DNSKEY 257 3 8 AwEAAQ==

example. 300 IN NS NS1.example.

ns1.example. 60 IN A 192.0.2.1`
	negative = `
example. 300 IN SOA ns1.example. host.example. 7 1 2 3 4`
)

func TestMeets(t *testing.T) {
	yes, no := message(t, dns.RcodeSuccess, positive), message(t, dns.RcodeNameError, "\n"+negative)
	for _, c := range []struct {
		condition string
		wire      []byte
		want      bool
	}{
		{"answer.rcode == 'NXDOMAIN' && answer.records('authority','SOA').size() == 1", no, true},
		{"answer.rcode == 'NXDOMAIN' && answer.records('authority','SOA').size() == 1", yes, false},
		{`answer.records('answer','TXT').exists_one(r, r.text.matches('^' + server.rsi + '[0-9]+\\.fra$'))`, yes, false}, // of ns1-07.fra
		{`answer.records('answer','TXT').exists_one(r, r.text.matches('^' + server.rsi + '-[0-9]+\\.fra$'))`, yes, true},
		{"answer.records('answer','DNSKEY').exists(r, r.data.startsWith('257 '))", yes, true},
		{"answer.records('answer','DNSKEY').exists(r, r.data.startsWith('257 '))", no, false},
		{"answer.flags.aa && !answer.flags.tc && answer.flags.rd && !answer.flags.ra && !answer.flags.ad && !answer.flags.cd", yes, true},
		{"answer.has_serial && answer.serial == 7 && answer.has_nsid && answer.nsid == 'ns1.fra' && answer.size > 100", yes, true},
		{"query.label == 'q' && query.qname == 'example.' && query.qtype == 'SOA' && server.name == 'ns1.example.' && family == 'ipv4' && transport == 'udp'", yes, true},
		{"answer.records('authority', 'NS').all(r, r.name == query.qname && r.type == 'NS' && r.ttl == 300 && r.data == 'ns1.example.' && r.text == '')", yes, true},
		{"answer.records('additional', 'A')[0].data == '192.0.2.1' && answer.records('additional', 'TYPE1').map(r, r.ttl + 1) [0] == 61", yes, true},
		{"answer.rcode in ['NOERROR', 'NXDOMAIN'] && answer.records('answer', 'TXT').filter(r, r.text.contains('07')).size() == 1", yes, true},
		{"int(answer.records('answer', 'TXT')[0].text) == 7 || true", yes, true},
	} {
		got, err := of(t, c.condition).Meets(row(), c.wire)
		if err != nil || got.Why != "" || got.Expected == nil || *got.Expected != c.want {
			t.Errorf("%s: %+v %v, want %t", c.condition, got, err, c.want)
		}
	}
}

// TestNothingIsExpected: null is what there is nothing to say of.
func TestNothingIsExpected(t *testing.T) {
	x, wire := of(t, "false"), message(t, dns.RcodeSuccess, positive)
	other, timeout := row(), row()
	other.Query, timeout.Outcome = "r", measurement.Timeout
	for _, a := range []*measurement.Answer{other, timeout} {
		if got, err := x.Meets(a, wire); got != (expect.Met{}) || err != nil {
			t.Errorf("%+v: %+v %v", a, got, err)
		}
	}
	var none *expect.Expectations
	if got, _ := none.Meets(row(), wire); got != (expect.Met{}) {
		t.Errorf("of no plan: %+v", got)
	}
}

// TestEvaluationFails: whatever goes wrong is not as expected, and says so.
func TestEvaluationFails(t *testing.T) {
	wire := message(t, dns.RcodeSuccess, positive)
	for _, c := range []struct{ condition, want string }{
		{"answer.records('answer', 'TXT')[1].text == ''", "expect: index out of bounds: 1"},
		{"answer.records(query.label, 'TXT').size() == 0", `expect: no section "q": there are answer, authority, additional`},
		{"answer.records('answer', server.name).size() == 0", `expect: no record type "ns1.example."`},
		{"int(answer.nsid) == 1", "expect: type conversion error from 'string' to 'int'"},
		{"'a'.matches(answer.nsid + '(')", "expect: no pattern: missing closing ): `ns1.fra(`"},
		{"'a'.matches('(a{1000}){' + string(answer.size - answer.size + 1) + '}') && 'a'.matches('((a{50}){' + string(answer.serial) + '}b{1000}){1}')", "expect: a pattern of more than 2048 steps"},
		{"[1,2,3,4,5,6,7,8,9,10].all(a, [1,2,3,4,5,6,7,8,9,10].all(b, [1,2,3,4,5,6,7,8,9,10].all(c, [1,2,3,4,5,6,7,8,9,10].all(d, [1,2,3,4,5,6,7,8,9,10].all(e, a+b+c+d+e > 0)))))", "expect: costs more than 100000 units"},
		{"answer.serial / (answer.serial - answer.serial) == 1", "expect: division by zero"},
	} {
		got, err := of(t, c.condition).Meets(row(), wire)
		if err != nil || got.Expected == nil || *got.Expected || got.Why != c.want {
			t.Errorf("%s: %+v, %v, want %q", c.condition, got, err, c.want)
		}
	}
	if got, _ := of(t, "true").Meets(row(), wire[:40]); got.Expected == nil || *got.Expected || !strings.HasPrefix(got.Why, "expect: ") {
		t.Errorf("of half a message: %+v", got)
	}
}

// TestMistakes compares the whole text of what is said of each file, laid over the base.
func TestMistakes(t *testing.T) {
	files, err := filepath.Glob("testdata/errors/*.cel")
	if err != nil || len(files) < 2 {
		t.Fatalf("%d files of mistakes: %v", len(files), err)
	}
	for _, file := range files {
		src, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var all strings.Builder
		for i, condition := range strings.Split(strings.TrimSpace(string(src)), "\n") {
			all.WriteString(query(fmt.Sprintf("q%d", i), condition))
		}
		x, l := expect.Compile(load(t, base+all.String()))
		if x != nil {
			t.Errorf("%s is accepted", file)
		}
		golden.Compare(t, strings.TrimSuffix(file, ".cel")+".txt", printed(t, l))
	}
}

// TestOfOthers: a plan of another is compiled when it is asked, and what is wrong with one
// expectation says nothing of the others.
func TestOfOthers(t *testing.T) {
	p, err := plan.ReadJSON(load(t, base+query("q", "answer.rcode == 'NOERROR'")+query("wrong", "answer.rcod == 1")).JSON())
	if err != nil {
		t.Fatal(err)
	}
	x, wire, wrong := expect.Of(p), message(t, dns.RcodeSuccess, positive), row()
	wrong.Query = "wrong"
	if got, err := x.Meets(row(), wire); err != nil || got.Expected == nil || !*got.Expected || got.Why != "" {
		t.Errorf("q: %+v %v", got, err)
	}
	if got, err := x.Meets(wrong, wire); err == nil || got != (expect.Met{}) || !strings.Contains(err.Error(), `no field "rcod" in answer`) {
		t.Errorf("wrong: %+v, %v", got, err)
	}
	if !x.Has("q") || x.Has("other") {
		t.Error("Has")
	}
}
