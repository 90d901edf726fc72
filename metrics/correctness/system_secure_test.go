//go:build system

package correctness_test

import (
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"

	"mtric.net/mtric/engine/measurement"
	"mtric.net/mtric/engine/rootzone"
	"mtric.net/mtric/metrics/correctness"
)

// signable is a zone that BIND's tools sign and all three kinds of server serve.
const signable = `$TTL 300
example. IN SOA ns.example. hostmaster.example. 7 7200 3600 1209600 300
example. IN NS ns.example.
ns.example. IN A 127.0.0.1
www.example. IN A 192.0.2.1
alias.example. IN CNAME www.example.
*.wild.example. IN TXT "wild"
deep.ent.example. IN A 192.0.2.2
insecure.example. IN NS ns.elsewhere.
secure.example. IN NS ns.elsewhere.
secure.example. IN DS 1 13 2 ABABABABABABABABABABABABABABABABABABABABABABABABABABABABABABABAB
`

// signedZone is it, signed by dnssec-signzone with these options, and the data of its DS record.
func signedZone(t *testing.T, options ...string) (zone []dns.RR, ds string) {
	t.Helper()
	dir := t.TempDir()
	run := func(name string, args ...string) string {
		c := exec.Command(name, args...)
		c.Dir = dir
		out, err := c.Output()
		if err != nil {
			t.Fatalf("%s: %v: %s; testdata/rig/install.sh installs it", name, err, out)
		}
		return strings.TrimSpace(string(out))
	}
	ksk := run("dnssec-keygen", "-q", "-a", "ECDSAP256SHA256", "-f", "KSK", "example.")
	zsk := run("dnssec-keygen", "-q", "-a", "ECDSAP256SHA256", "example.")
	text := signable
	for _, key := range []string{ksk, zsk} {
		public, err := os.ReadFile(filepath.Join(dir, key+".key"))
		if err != nil {
			t.Fatal(err)
		}
		text += string(public)
	}
	if err := os.WriteFile(filepath.Join(dir, "plain"), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	run("dnssec-signzone", slices.Concat([]string{"-q", "-P", "-x", "-o", "example.", "-f", "signed"}, options, []string{"plain", ksk, zsk})...)
	file, err := os.Open(filepath.Join(dir, "signed"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	p := dns.NewZoneParser(file, ".", "signed")
	for rr, ok := p.Next(); ok; rr, ok = p.Next() {
		zone = append(zone, rr)
	}
	if p.Err() != nil {
		t.Fatal(p.Err())
	}
	_, ds, _ = strings.Cut(run("dnssec-dsfromkey", "-2", ksk+".key"), " DS ")
	return zone, ds
}

// isSignature says whether a record is a signature over an RRset.
func isSignature(rr dns.RR, owner string, typ uint16) bool {
	sig, is := rr.(*dns.RRSIG)
	return is && sig.Hdr.Name == owner && sig.TypeCovered == typ
}

// delv says whether BIND's validator takes an answer for good, and what it says. Any
// failure but one of validation is the test's.
func delv(t *testing.T, addr, ds string, q dns.Question) (bool, string) {
	t.Helper()
	f := strings.Fields(ds)
	anchors := filepath.Join(t.TempDir(), "anchors")
	text := `trust-anchors { example. static-ds ` + strings.Join(f[:3], " ") + ` "` + strings.Join(f[3:], "") + `"; };` + "\n"
	if err := os.WriteFile(anchors, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	host, port, _ := net.SplitHostPort(addr)
	out, err := exec.Command("delv", "@"+host, "-p", port, "-a", anchors, "+root=example.", q.Name, dns.Type(q.Qtype).String()).CombinedOutput()
	if _, failed := err.(*exec.ExitError); err != nil && !failed {
		t.Fatalf("delv: %v; testdata/rig/install.sh installs it", err)
	}
	said := string(out)
	// An alias is validated although what it leads to is not; a denial may be left with its SOA not validated.
	bad := slices.ContainsFunc([]string{"RRSIG failed to verify", "RRSIG has expired", "no valid RRSIG", "no valid signature found", "insecurity proof failed",
		"broken trust chain"}, func(why string) bool { return strings.Contains(said, "resolution failed: "+why) }) || strings.Contains(said, "pending validation")
	if !bad && !strings.Contains(said, "fully validated") {
		t.Fatalf("%s/%s: delv says neither yes nor no:\n%s", q.Name, dns.Type(q.Qtype), said)
	}
	return !bad, said
}

// signedCase is what is wrong with a signed zone, and whom it concerns.
type signedCase struct {
	name    string
	options []string          // of dnssec-signzone
	damage  func(dns.RR) bool // what is taken out; it may alter what it is shown
	asked   []dns.Question    // after the keys
	victims []dns.Question    // of these, the answers that are not good
	open    bool              // whether the victims may be unchecked: they may be of a zone below
}

func signedCases() []signedCase {
	question := func(name string, typ uint16) dns.Question { return dns.Question{Name: name, Qtype: typ} }
	only := func(q ...dns.Question) []dns.Question { return q }
	keys, soa, www := question("example.", dns.TypeDNSKEY), question("example.", dns.TypeSOA), question("www.example.", dns.TypeA)
	denied, wildcard := question("nothing.example.", dns.TypeA), question("x.wild.example.", dns.TypeTXT)
	all := only(keys, soa, www, denied, wildcard,
		question("www.example.", dns.TypeTXT),     // no such type
		question("x.nothing.example.", dns.TypeA), // below a name that does not exist
		question("x.wild.example.", dns.TypeA),    // no such type at the wildcard
		question("ent.example.", dns.TypeA),       // an empty non-terminal
		question("alias.example.", dns.TypeA),
		question("secure.example.", dns.TypeDS),
		question("insecure.example.", dns.TypeDS))
	return []signedCase{
		{name: "good", asked: all},
		{name: "expired", options: []string{"-s", "-864000", "-e", "now-86400", "-X", "now+86400"}, asked: all[1:6], victims: all[1:6]},
		{name: "expired keys", options: []string{"-s", "-864000", "-e", "now+86400", "-X", "now-86400"}, asked: only(keys), victims: only(keys)},
		{name: "a broken signature over SOA", damage: func(rr dns.RR) bool {
			if s, is := rr.(*dns.SOA); is {
				s.Serial++
			}
			return false
		}, asked: only(keys, soa, www, denied), victims: only(soa, denied)},
		{name: "a broken signature below the apex", damage: func(rr dns.RR) bool {
			if a, is := rr.(*dns.A); is && a.Hdr.Name == www.Name {
				a.A = net.IPv4(192, 0, 2, 99)
			}
			return false
		}, asked: only(keys, soa, www, all[9]), victims: only(www, all[9])},
		{name: "a broken wildcard", damage: func(rr dns.RR) bool {
			if x, is := rr.(*dns.TXT); is {
				x.Txt = []string{"forged"}
			}
			return false
		}, asked: only(keys, soa, wildcard), victims: only(wildcard)},
		{name: "no signature over SOA", damage: func(rr dns.RR) bool { return isSignature(rr, soa.Name, dns.TypeSOA) },
			asked: only(keys, soa, denied), victims: only(soa, denied)},
		{name: "no signature over the keys", damage: func(rr dns.RR) bool { return isSignature(rr, soa.Name, dns.TypeDNSKEY) },
			asked: only(keys), victims: only(keys)},
		{name: "no signature below the apex", damage: func(rr dns.RR) bool { return isSignature(rr, www.Name, dns.TypeA) },
			asked: only(keys, soa, www), victims: only(www), open: true},
	}
}

// TestSystemSecure holds what is said of DNSSEC against BIND's validator, over what three kinds of
// servers answer from a zone that BIND's signer signed, right and damaged.
func TestSystemSecure(t *testing.T) {
	for _, c := range signedCases() {
		for kind, chain := range map[string][]string{"NSEC": nil, "NSEC3": {"-3", "ab", "-H", "2"}} {
			zone, ds := signedZone(t, slices.Concat(c.options, chain)...)
			if c.damage != nil {
				zone = slices.DeleteFunc(zone, c.damage)
			}
			var text strings.Builder
			for _, rr := range zone {
				text.WriteString(rr.String() + "\n")
			}
			by, err := correctness.NewSignedZone("example.", []rootzone.Anchor{{DS: ds}})
			if err != nil {
				t.Fatal(err)
			}
			for name := range software {
				t.Run(c.name+" "+kind+" "+name, func(t *testing.T) {
					t.Parallel()
					c.against(t, serveZone(t, name, "example.", text.String()), by, ds)
				})
			}
		}
	}
}

// against asks one server. What delv takes for good is secure and nothing else is, and what it
// refuses is bogus.
func (c signedCase) against(t *testing.T, addr string, by *correctness.SignedZone, ds string) {
	a := &asker{addr: addr}
	var held correctness.Held
	query := func(q dns.Question) []byte {
		wire, err := a.ask(false, ask(t, q.Name, dns.Type(q.Qtype).String()))
		if err != nil || wire[2]&2 != 0 {
			t.Fatalf("%s/%s: truncated, or %v", q.Name, dns.Type(q.Qtype), err)
		}
		return wire
	}
	set := correctness.ReadKeySet(query(dns.Question{Name: "example.", Qtype: dns.TypeDNSKEY}))
	if keys, _, _ := by.Trust(set, time.Now(), nil); keys != nil {
		held.Sets = append(held.Sets, keys)
	}
	for _, q := range c.asked {
		got, why := by.Judge(correctness.Question{Name: q.Name, Type: dns.Type(q.Qtype).String(), At: time.Now()}, query(q), held)
		good, said := delv(t, addr, ds, q)
		victim := slices.Contains(c.victims, q)
		right := good && !victim && got == measurement.SecuritySecure ||
			!good && (got == measurement.SecurityBogus || victim && c.open && got == measurement.SecurityUnchecked)
		if !right {
			t.Errorf("%s/%s, to fail %t: %s (%s), delv says\n%s", q.Name, dns.Type(q.Qtype), victim, got, why, said)
		}
	}
}
