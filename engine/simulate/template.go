package simulate

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/miekg/dns"
)

// template is an answer to a question in lower case, with id 0.
type template struct {
	wire     []byte
	question int // octets of the name
	nsid     int // where its text begins; negative without
	rcode    string
	aa, tc   bool
	serial   bool
}

// wireQuery is the query as probe sends it, with id 0.
func wireQuery(name, qtype string, q *ask) ([]byte, error) {
	m := new(dns.Msg)
	m.Question = []dns.Question{{Name: name, Qtype: dns.StringToType[qtype], Qclass: dns.ClassINET}}
	if q.NSID || q.DNSSEC || q.UDPSize > 0 {
		m.SetEdns0(max(q.UDPSize, 512), q.DNSSEC)
		if q.NSID {
			m.IsEdns0().Option = []dns.EDNS0{&dns.EDNS0_NSID{Code: dns.EDNS0NSID}}
		}
	}
	wire, err := m.Pack()
	if err != nil {
		return nil, fmt.Errorf("query %s/%s: %w", name, qtype, err)
	}
	return wire, nil
}

// newTemplate looks once at what the rows of all its answers say.
func newTemplate(wire []byte, placeholder string) (*template, error) {
	m := new(dns.Msg)
	if err := m.Unpack(wire); err != nil {
		return nil, err
	}
	t := &template{wire: wire, rcode: dns.RcodeToString[m.Rcode], aa: m.Authoritative, tc: m.Truncated, nsid: -1}
	for t.question = 12; wire[t.question] != 0; t.question += int(wire[t.question]) + 1 {
		// the question's name is never compressed
	}
	t.question -= 12 - 1 // the root label belongs to it
	if placeholder != "" {
		t.nsid = bytes.LastIndex(wire, []byte(placeholder))
	}
	for _, rr := range append(append([]dns.RR(nil), m.Answer...), m.Ns...) {
		if _, ok := rr.(*dns.SOA); ok && rr.Header().Name == "." {
			t.serial = true
		}
	}
	return t, nil
}

// fill is the template's answer to a question as it was sent: its id, the letter
// case of its name, which names compressed against the question share as they do
// with real servers, and the NSID of the site. All have a fixed length.
func (t *template) fill(name, nsid string, id uint16) []byte {
	wire := bytes.Clone(t.wire)
	wire[0], wire[1] = byte(id>>8), byte(id)
	for at, rest := 12, name; rest != "." && rest != ""; {
		var label string
		label, rest, _ = strings.Cut(rest, ".")
		at += 1 + copy(wire[at+1:], label)
	}
	if t.nsid >= 0 {
		copy(wire[t.nsid:], nsid)
	}
	return wire
}

// matches reports whether two answers hold the same RRsets, TTLs and signatures
// aside: then the one is right by the other's zone (A16, A17).
func (t *template) matches(o *template) bool {
	if t.rcode != o.rcode || t.aa != o.aa || t.serial || o.serial {
		return false // an SOA record tells the zones apart
	}
	a, errA := content(t.wire)
	b, errB := content(o.wire)
	if errA != nil || errB != nil || len(a) != len(b) {
		return false
	}
	for r := range a {
		if !b[r] {
			return false
		}
	}
	return true
}

// content is the set of a message's records by section.
func content(wire []byte) (map[string]bool, error) {
	m := new(dns.Msg)
	if err := m.Unpack(wire); err != nil {
		return nil, err
	}
	all := map[string]bool{}
	for section, rrs := range [][]dns.RR{m.Answer, m.Ns, m.Extra} {
		for _, rr := range rrs {
			switch rr.(type) {
			case *dns.RRSIG, *dns.OPT:
				continue
			}
			rr.Header().Ttl = 0
			all[fmt.Sprint(section, rr)] = true
		}
	}
	return all, nil
}
