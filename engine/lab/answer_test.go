package lab_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/miekg/dns"

	"mtric.net/mtric/engine/lab"
	"mtric.net/mtric/engine/measurement"
)

// asked is one question of the golden files.
type asked struct {
	name    string
	qtype   uint16
	options string // nodo, noedns, nonsid, rd, size=N, class=N, opcode=N, version=N
}

// names of the small zone that have what a case needs.
const (
	unsignedTLD = "gm."     // no DS record
	manyHosts   = "arpa."   // twelve name servers of its own
	shared      = "com."    // thirteen name servers below another TLD
	absent      = "nowhere" // between two TLDs
)

func (a asked) message(t *testing.T) *dns.Msg {
	t.Helper()
	m := question(a.name, a.qtype)
	opt := m.IsEdns0()
	for _, o := range strings.Fields(a.options) {
		key, text, _ := strings.Cut(o, "=")
		var n uint16
		if _, err := fmt.Sscan(text, &n); text != "" && err != nil {
			t.Fatal(err)
		}
		switch key {
		case "nodo":
			opt.SetDo(false)
		case "noedns":
			m.Extra = nil
		case "nonsid":
			opt.Option = nil
		case "rd":
			m.RecursionDesired = true
		case "size":
			opt.SetUDPSize(n)
		case "class":
			m.Question[0].Qclass = n
		case "opcode":
			m.Opcode = int(n)
		case "version":
			opt.SetVersion(uint8(n))
		default:
			t.Fatalf("no option %q", key)
		}
	}
	return m
}

// questions are those compared with NSD 4.6.1, Knot DNS 3.2.6 and BIND 9.18.49
// when the flavours were written.
var questions = []asked{
	{".", dns.TypeSOA, ""}, {".", dns.TypeSOA, "nodo"}, {".", dns.TypeSOA, "noedns"}, {".", dns.TypeSOA, "size=512"},
	{".", dns.TypeSOA, "rd nonsid"}, {".", dns.TypeNS, ""}, {".", dns.TypeNS, "size=512"}, {".", dns.TypeDNSKEY, ""},
	{".", dns.TypeDNSKEY, "size=512"}, {".", dns.TypeDNSKEY, "noedns"}, {".", dns.TypeNSEC, ""}, {".", dns.TypeZONEMD, ""},
	{".", dns.TypeA, ""}, {".", dns.TypeDS, "nodo"}, {".", dns.TypeANY, ""}, {".", dns.TypeRRSIG, ""},
	{shared, dns.TypeNS, ""}, {shared, dns.TypeNS, "nodo size=700"}, {shared, dns.TypeNS, "size=512"}, {shared, dns.TypeDS, ""},
	{shared, dns.TypeNSEC, ""}, {"uS.", dns.TypeNS, "noedns"}, {"Www.Example.uS.", dns.TypeA, "nodo"}, {"us.", dns.TypeDNSKEY, "nodo"},
	{unsignedTLD, dns.TypeNS, ""}, {unsignedTLD, dns.TypeDS, ""}, {unsignedTLD, dns.TypeDS, "nodo"},
	{manyHosts, dns.TypeNS, "size=600"}, {"a.root-servers.net.", dns.TypeA, "nodo size=600"},
	{absent + ".", dns.TypeA, ""}, {"nOwHeRe.", dns.TypeTXT, "nodo"}, {"some.name." + absent + ".", dns.TypeA, "size=512"},
	{"aaa.", dns.TypeA, ""}, {"\\000.", dns.TypeA, ""}, {"zzzzzz\\255.", dns.TypeA, ""},
	{"id.server.", dns.TypeTXT, "class=3"}, {"version.bind.", dns.TypeTXT, "class=3"}, {".", dns.TypeSOA, "class=255"},
	{".", dns.TypeSOA, "class=4"}, {".", dns.TypeSOA, "opcode=2"}, {".", dns.TypeSOA, "opcode=4"}, {".", dns.TypeSOA, "opcode=5"},
	{".", dns.TypeSOA, "version=1"}, {".", dns.TypeAXFR, ""}, {".", dns.TypeIXFR, ""}, {".", dns.TypeOPT, ""},
}

// TestAnswers compares all answers of one RSI of each flavour, section by
// section, with golden files, over UDP and over TCP.
func TestAnswers(t *testing.T) {
	s := start(t, lab.Config{})
	for _, rsi := range []measurement.RSI{"a", "b", "c"} {
		t.Run(string(lab.FlavourOf(rsi)), func(t *testing.T) {
			var got bytes.Buffer
			for _, path := range []measurement.Path{udp4, tcp4} {
				for _, a := range questions {
					if path == tcp4 && a.qtype == dns.TypeAXFR {
						continue // TestTransfer
					}
					q := a.message(t)
					answer, wire := mustAsk(t, s, rsi, path, q)
					checkAnswer(t, rsi, path, q, answer, wire)
					fmt.Fprintf(&got, "%s %s %s %s\n%s", path.Transport, a.name, dns.TypeToString[a.qtype], a.options, summary(answer, len(wire)))
				}
			}
			golden(t, "answers-"+string(lab.FlavourOf(rsi))+".txt", got.Bytes())
		})
	}
}

// checkAnswer holds for every answer of every flavour.
func checkAnswer(t *testing.T, rsi measurement.RSI, path measurement.Path, q, a *dns.Msg, wire []byte) {
	t.Helper()
	what := fmt.Sprintf("%s %s %v", rsi, path, q.Question[0])
	if !a.Response || a.Id != q.Id || a.Opcode != q.Opcode || a.RecursionDesired != q.RecursionDesired && len(a.Question) > 0 || a.RecursionAvailable {
		t.Errorf("%s: header %v", what, a.MsgHdr)
	}
	if len(a.Question) > 0 && a.Question[0] != q.Question[0] {
		t.Errorf("%s: question %v is not as asked", what, a.Question)
	}
	limit := 65535
	asked, said := q.IsEdns0(), a.IsEdns0()
	if path.Transport == measurement.UDP {
		limit = 512
		if asked != nil {
			limit = min(1232, max(512, int(asked.UDPSize())))
		}
	}
	if len(wire) > limit {
		t.Errorf("%s: %d octets, %d allowed", what, len(wire), limit)
	}
	if asked == nil && said != nil {
		t.Errorf("%s: an OPT record that was not asked for", what)
	}
	if asked == nil || said == nil {
		return
	}
	want := []string{}
	if len(asked.Option) > 0 {
		want = append(want, fmt.Sprintf("%x", lab.NSID(rsi)))
	}
	got := []string{}
	for _, o := range said.Option {
		got = append(got, o.(*dns.EDNS0_NSID).Nsid)
	}
	// Two of the three leave NSID out of BADVERS.
	if fmt.Sprint(got) != fmt.Sprint(want) && a.Rcode != dns.RcodeBadVers {
		t.Errorf("%s: NSID %v, want %v", what, got, want)
	}
	if said.Do() != asked.Do() {
		t.Errorf("%s: DO is %v", what, said.Do())
	}
}

// summary is one line a section: names and types in order, equal ones counted.
func summary(a *dns.Msg, size int) string {
	var b strings.Builder
	flags := ""
	for _, f := range []struct {
		set  bool
		name string
	}{{a.Authoritative, " aa"}, {a.Truncated, " tc"}, {a.RecursionDesired, " rd"}} {
		if f.set {
			flags += f.name
		}
	}
	rcode := dns.RcodeToString[a.Rcode]
	if a.Rcode == dns.RcodeBadVers {
		rcode = "BADVERS" // the library knows 16 as BADSIG
	}
	fmt.Fprintf(&b, "  %s%s, %d octets, %d question\n", rcode, flags, size, len(a.Question))
	for i, section := range [][]dns.RR{a.Answer, a.Ns, a.Extra} {
		var names []string
		last, times := "", 0
		for _, rr := range append(section, nil) {
			name := ""
			if rr != nil {
				name = rr.Header().Name + "/" + dns.TypeToString[rr.Header().Rrtype]
				if sig, ok := rr.(*dns.RRSIG); ok {
					name += "(" + dns.TypeToString[sig.TypeCovered] + ")"
				}
			}
			if name != last && times > 1 {
				last += fmt.Sprint("*", times)
			}
			if name != last && last != "" {
				names = append(names, last)
			}
			if name != last {
				last, times = name, 0
			}
			times++
		}
		if len(names) > 0 {
			fmt.Fprintf(&b, "    %s %s\n", []string{"answer", "authority", "additional"}[i], strings.Join(names, " "))
		}
	}
	return b.String()
}

// TestNegativeTTL: what caches keep is the smaller of TTL and MINIMUM, RFC 2308.
func TestNegativeTTL(t *testing.T) {
	s := start(t, lab.Config{})
	a, _ := mustAsk(t, s, "a", udp4, question(absent+".", dns.TypeA))
	for _, rr := range a.Ns {
		if soa, ok := rr.(*dns.SOA); ok && soa.Hdr.Ttl != min(soa.Minttl, 86400) {
			t.Errorf("TTL %d, MINIMUM %d", soa.Hdr.Ttl, soa.Minttl)
		}
	}
}

// TestSignedAnswers verifies each signature of positive, negative and
// referring answers of all thirteen.
func TestSignedAnswers(t *testing.T) {
	s := start(t, lab.Config{})
	keys := map[uint16]*dns.DNSKEY{}
	a, _ := mustAsk(t, s, "a", tcp4, question(".", dns.TypeDNSKEY))
	for _, rr := range a.Answer {
		if k, ok := rr.(*dns.DNSKEY); ok {
			keys[k.KeyTag()] = k
		}
	}
	verified := 0
	for _, rsi := range lab.Letters {
		for _, q := range []*dns.Msg{question(".", dns.TypeSOA), question(".", dns.TypeNS), question("COM.", dns.TypeNS),
			question("cOm.", dns.TypeDS), question(unsignedTLD, dns.TypeDS), question(absent+".", dns.TypeA)} {
			a, _ := mustAsk(t, s, rsi, tcp4, q)
			verified += verify(t, a, keys)
		}
	}
	if verified < 13*9 {
		t.Errorf("%d signatures, want at least %d", verified, 13*9)
	}
}

func verify(t *testing.T, a *dns.Msg, keys map[uint16]*dns.DNSKEY) int {
	t.Helper()
	n := 0
	for _, section := range [][]dns.RR{a.Answer, a.Ns} {
		for _, rr := range section {
			sig, ok := rr.(*dns.RRSIG)
			if !ok {
				continue
			}
			var covered []dns.RR
			for _, other := range section {
				if other.Header().Rrtype == sig.TypeCovered && strings.EqualFold(other.Header().Name, sig.Hdr.Name) {
					covered = append(covered, other)
				}
			}
			if err := sig.Verify(keys[sig.KeyTag], covered); err != nil {
				t.Errorf("%v of %v: %v", sig.Hdr, a.Question, err)
			}
			n++
		}
	}
	return n
}

func TestTransfer(t *testing.T) {
	s := start(t, lab.Config{})
	for _, rsi := range []measurement.RSI{"a", "b", "c"} {
		tr := new(dns.Transfer)
		q := new(dns.Msg)
		q.SetAxfr(".")
		envelopes, err := tr.In(q, s.Addr(rsi, measurement.IPv4).String())
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for e := range envelopes {
			if e.Error != nil {
				t.Fatal(e.Error)
			}
			for _, rr := range e.RR {
				got = append(got, rr.String())
			}
		}
		var want []string
		for _, rr := range small(t).RRs() {
			want = append(want, rr.String())
		}
		want = append(want, want[0])
		if strings.Join(got, "\n") != strings.Join(want, "\n") {
			t.Errorf("%s: %d records, want the %d of the zone and the SOA record again", rsi, len(got), len(want))
		}
	}
}

// TestNonsense sends what is no query: a format error or silence comes back.
func TestNonsense(t *testing.T) {
	s := start(t, lab.Config{})
	good := pack(t, question(".", dns.TypeSOA))
	edit := func(at int, octets ...byte) []byte {
		b := bytes.Clone(good)
		copy(b[at:], octets)
		return b
	}
	twoOPT := question(".", dns.TypeSOA)
	twoOPT.Extra = append(twoOPT.Extra, twoOPT.Extra[0])
	for what, query := range map[string][]byte{
		"no question":           {0x12, 0x67, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0},
		"two questions claimed": edit(4, 0, 2),
		"an answer claimed":     edit(6, 0, 1),
		"label of 65 octets":    {0x12, 0x67, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 65, 0, 0, 6, 0, 1},
		"name in a loop":        {0x12, 0x67, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0xc0, 12, 0, 6, 0, 1},
		"two OPT records":       pack(t, twoOPT),
		"header alone":          edit(0)[:12],
	} {
		for _, rsi := range []measurement.RSI{"a", "b", "c"} {
			c, err := dial(t, s, rsi, udp4, patience)
			if err != nil {
				t.Fatal(err)
			}
			send(t, c, query)
			wire, err := receive(c)
			if err != nil || len(wire) < 12 || wire[3]&0xf != dns.RcodeFormatError || !bytes.Equal(wire[:2], query[:2]) {
				t.Errorf("%s, %s: %x, %v: want FORMERR with the query's id", rsi, what, wire, err)
			}
		}
	}
	// A response must never be answered, or two servers would talk for ever.
	c, err := dial(t, s, "a", udp4, patience)
	if err != nil {
		t.Fatal(err)
	}
	send(t, c, edit(2, 0x80))
	send(t, c, good[:11])
	send(t, c, edit(0, 9, 9))
	if wire, err := receive(c); err != nil || wire[0] != 9 {
		t.Errorf("first answer is %x, %v: want that to the third datagram", wire, err)
	}
}
