package dnsmsg

import (
	"bufio"
	"encoding/base64"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/miekg/dns"

	"mtric.net/mtric/engine/rootzone"
)

// sample is a message with every type that is read specially, compressed.
const sample = `. 1 IN SOA a.root-servers.net. Nstld.verisign-grs.com. 1 2 3 4 5
. 1 IN NS A.root-servers.net.
. 1 IN NSEC Aaa. NS SOA
Aaa. 1 IN DS 1 8 2 00000000000000000000000000000000000000000000000000000000000000AA
a.root-servers.net. 1 IN A 192.0.2.1
a.root-servers.net. 1 IN AAAA 2001:db8::1
. 1 IN RRSIG SOA 8 0 86400 20261203050000 20261120040000 1 . AAAA
x.aaa. 1 IN MX 10 Mail.aaa.
_x.aaa. 1 IN SRV 1 2 3 srv.AAA.
y.aaa. 1 IN CNAME x.aaa.
z.aaa. 1 IN DNAME x.aaa.
aaa. 1 IN TXT "Text"
`

func sampleMessage(t testing.TB) []byte {
	t.Helper()
	m := new(dns.Msg)
	m.SetQuestion("AAA.", dns.TypeNS)
	m.Response, m.Compress = true, true
	parser := dns.NewZoneParser(strings.NewReader(sample), "", "")
	for rr, ok := parser.Next(); ok; rr, ok = parser.Next() {
		m.Answer = append(m.Answer, rr)
	}
	if err := parser.Err(); err != nil {
		t.Fatal(err)
	}
	m.SetEdns0(1232, true)
	wire, err := m.Pack()
	if err != nil {
		t.Fatal(err)
	}
	return wire
}

// genuine are wires of the real data, none without it.
func genuine(t testing.TB) [][]byte {
	t.Helper()
	dir := os.Getenv("MTRIC_REAL_DATA")
	if dir == "" {
		t.Log("MTRIC_REAL_DATA is not set: no genuine responses")
		return nil
	}
	f, err := os.Open(filepath.Join(dir, "responses", "zonemaster-root-responses.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var all [][]byte
	for lines := bufio.NewScanner(f); lines.Scan(); {
		var line struct {
			Wire string `json:"wire_b64"`
		}
		if err := json.Unmarshal(lines.Bytes(), &line); err != nil {
			t.Fatal(err)
		}
		wire, err := base64.StdEncoding.DecodeString(line.Wire)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, wire)
	}
	return all
}

// text is a name for people.
func text(name []byte) string {
	s, _, err := dns.UnpackDomainName(name, 0)
	if err != nil {
		return "(no name)"
	}
	return s
}

// alike reads a message with our parser and with the library and compares the
// records; it says whether both read it.
func alike(t *testing.T, wire []byte) bool {
	t.Helper()
	var own Message
	if own.Parse(wire) != nil {
		return false
	}
	var theirs dns.Msg
	if theirs.Unpack(wire) != nil {
		return false // it looks into more types than we do
	}
	i := 0
	for s, rrs := range [][]dns.RR{theirs.Answer, theirs.Ns, theirs.Extra} {
		for _, rr := range rrs {
			h := rr.Header()
			if h.Rrtype == dns.TypeOPT {
				continue
			}
			if i == len(own.Records) {
				t.Fatalf("the library has one more: %s", rr)
			}
			r := own.Records[i]
			i++
			if int(r.Section) != s+1 || r.Type != h.Rrtype || r.Class != h.Class || r.TTL != h.Ttl || text(r.Owner) != dns.CanonicalName(h.Name) {
				t.Fatalf("%v is not %s", r, rr)
			}
			if !compared(r.Type) {
				continue
			}
			again, err := rootzone.LibraryRR(r.Owner, r.Type, r.Class, r.RData)
			if err != nil {
				t.Fatalf("%s: %v", rr, err)
			}
			again.Header().Ttl = r.TTL
			if !strings.EqualFold(again.String(), rr.String()) {
				t.Fatalf("%s is not %s", again, rr)
			}
		}
	}
	if i != len(own.Records) {
		t.Fatalf("we have %d more", len(own.Records)-i)
	}
	return true
}

// compared are the types that a root zone may have, and those whose names we read;
// of others the library may read names that are data to us, and no zone has them.
func compared(typ uint16) bool {
	switch typ {
	case dns.TypeA, dns.TypeAAAA, dns.TypeDS, dns.TypeDNSKEY, dns.TypeZONEMD, dns.TypeTXT:
		return true
	}
	return layoutOf(typ).names > 0
}

func TestParseAsTheLibraryDoes(t *testing.T) {
	if !alike(t, sampleMessage(t)) {
		t.Error("the sample was not read")
	}
	wires := genuine(t)
	read := 0
	for _, wire := range wires {
		if alike(t, wire) {
			read++
		}
	}
	if read != len(wires) {
		t.Errorf("%d of %d genuine messages read", read, len(wires))
	}
}

// Canonical form: names in lower case, but for the next name of an NSEC.
func TestCanonicalForm(t *testing.T) {
	var m Message
	if err := m.Parse(sampleMessage(t)); err != nil {
		t.Fatal(err)
	}
	var all strings.Builder
	for _, r := range m.Records {
		all.Write(r.Owner)
		all.Write(r.RData)
	}
	for _, capital := range []string{"Nstld", "Mail", "AAA", "A\x0croot"} {
		if strings.Contains(all.String(), capital) {
			t.Errorf("%q stands as it came", capital)
		}
	}
	for _, kept := range []string{"Aaa", "Text", "nstld", "mail"} {
		if !strings.Contains(all.String(), kept) {
			t.Errorf("no %q", kept)
		}
	}
}

// FuzzParse: our parser and the library read the same from what both can read.
func FuzzParse(f *testing.F) {
	f.Add(sampleMessage(f))
	for _, wire := range genuine(f) {
		f.Add(wire)
	}
	f.Fuzz(func(t *testing.T, wire []byte) { alike(t, wire) })
}
