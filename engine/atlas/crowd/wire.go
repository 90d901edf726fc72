package crowd

import (
	"strings"

	"github.com/miekg/dns"

	"mtric.net/mtric/engine/measurement"
)

// Kinds of responses; "rcode SERVFAIL" is one too, and "rcode NOERROR" is truncated.
const (
	kindSOA         = measurement.QuerySOA
	kindWrong       = "wrong"       // its record is not the zone's
	kindIntercepted = "intercepted" // the same by a resolver
	kindOther       = "other"       // to another question
	kindIdentity    = "identity"
	kindResolver    = "resolver" // a resolver's identity
	kindCut         = "cut"      // its last bytes are missing
	kindRCode       = "rcode "
)

// wireKey is what a response depends on.
type wireKey struct {
	kind   string
	rsi    measurement.RSI
	serial uint32
	text   string // the identity, of those who say one
}

func (w *world) keyOf(q query, kind string) wireKey {
	if q.wrong && kind == kindSOA {
		kind = kindWrong
	}
	k := wireKey{kind: kind, rsi: q.rsi, serial: w.serial(&q)}
	if kind == kindIdentity || q.nsid {
		k.text = identityOf(&q)
	}
	return k
}

// serial is that of the zone which the server has that answers. A resolver has it no later.
func (w *world) serial(q *query) uint32 {
	const second = 1_000_000 // µs
	t := q.sent*second - q.stale
	zone := w.served(q, t)
	if !q.frozen.IsZero() {
		zone = min(zone, w.served(q, q.frozen.UnixMicro()))
	}
	return uint32(w.calendar.Serial(zone))
}

func (w *world) served(q *query, t int64) int {
	zone := w.zoneAt(t)
	if t >= w.calendar.Everywhere(zone) {
		return zone
	}
	for w.calendar.Reaches(zone, uint64(q.probe.asn), q.rsi, q.f) > t {
		zone--
	}
	return zone
}

// zoneAt is the newest zone published then.
func (w *world) zoneAt(t int64) int {
	if w.newest == 0 || t >= w.replaced || t < w.calendar.Published(w.newest) {
		w.newest = w.calendar.Newest(t)
		w.replaced = w.calendar.Published(w.newest + 1)
	}
	return w.newest
}

// wire is a response but for its id.
func (w *world) wire(k wireKey) []byte {
	if made, met := w.wires[k]; met {
		return made
	}
	m := new(dns.Msg)
	m.SetQuestion(".", dns.TypeSOA)
	m.Response, m.Authoritative, m.RecursionDesired, m.Compress = true, true, false, true
	soa := &dns.SOA{Hdr: dns.RR_Header{Name: ".", Rrtype: dns.TypeSOA, Class: dns.ClassINET, Ttl: 86400}, Ns: "a.root-servers.net.", Mbox: "nstld.verisign-grs.com.",
		Serial: k.serial, Refresh: 1800, Retry: 900, Expire: 604800, Minttl: 86400}
	m.Answer = []dns.RR{soa}
	rcode, isError := strings.CutPrefix(k.kind, kindRCode)
	switch {
	case isError:
		m.Rcode, m.Truncated, m.Answer = dns.StringToRcode[rcode], rcode == measurement.NoError, nil
		if rcode == measurement.BadVers { // the library has another name for its number
			m.Rcode = dns.RcodeBadVers
			m.SetEdns0(1232, false)
		}
	case k.kind == kindWrong:
		soa.Minttl++
		w.authority(m)
	case k.kind == kindIntercepted:
		soa.Hdr.Ttl -= k.serial % 3600 // that of a cache
		m.Authoritative, m.RecursionAvailable = false, true
	case k.kind == kindOther:
		m.Question[0].Name, m.Answer = "example.", nil
	case k.kind == kindIdentity:
		identityAnswer(m, k.text)
	case k.kind == kindResolver:
		m.Authoritative, m.RecursionAvailable = false, true
		identityAnswer(m, "dnsmasq-2.90")
	default:
		w.authority(m)
	}
	if k.text != "" && k.kind != kindIdentity {
		nsid(m, k.text)
	}
	packed, err := m.Pack()
	if err != nil {
		panic(err) // of texts of our own
	}
	if k.kind == kindCut {
		packed = packed[:len(packed)-3]
	}
	w.wires[k] = packed
	return packed
}

func identityAnswer(m *dns.Msg, text string) {
	m.Question[0] = dns.Question{Name: "hostname.bind.", Qtype: dns.TypeTXT, Qclass: dns.ClassCHAOS}
	m.Answer = []dns.RR{&dns.TXT{Hdr: dns.RR_Header{Name: "hostname.bind.", Rrtype: dns.TypeTXT, Class: dns.ClassCHAOS}, Txt: []string{text}}}
}

// authority adds the root's NS records and addresses, which most of the servers send.
func (w *world) authority(m *dns.Msg) {
	for letter := 'a'; letter <= 'm'; letter++ {
		rsi := measurement.RSI(letter)
		name := string(letter) + ".root-servers.net."
		m.Ns = append(m.Ns, &dns.NS{Hdr: dns.RR_Header{Name: ".", Rrtype: dns.TypeNS, Class: dns.ClassINET, Ttl: 518400}, Ns: name})
		if a := w.Servers[rsi][0]; a.IsValid() {
			m.Extra = append(m.Extra, &dns.A{Hdr: dns.RR_Header{Name: name, Rrtype: dns.TypeA, Class: dns.ClassINET, Ttl: 518400}, A: a.AsSlice()})
		}
		if a := w.Servers[rsi][1]; a.IsValid() {
			m.Extra = append(m.Extra, &dns.AAAA{Hdr: dns.RR_Header{Name: name, Rrtype: dns.TypeAAAA, Class: dns.ClassINET, Ttl: 518400}, AAAA: a.AsSlice()})
		}
	}
}
