package rootzone_test

import (
	"encoding/hex"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/miekg/dns"

	"mtric.net/mtric/engine/lab"
	"mtric.net/mtric/engine/rootzone"
)

// generic writes a record as RFC 3597 has it, type, class and data.
func generic(t *testing.T, rr dns.RR) string {
	t.Helper()
	raw := new(dns.RFC3597)
	if err := raw.ToRFC3597(rr); err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("%s %d CLASS1 TYPE%d \\# %d %s", rr.Header().Name, rr.Header().Ttl, rr.Header().Rrtype, len(raw.Rdata)/2, raw.Rdata)
}

// escaped writes every letter of the names that a record has as \DDD, and the owner in
// capitals too.
func escaped(name string) string {
	var b strings.Builder
	for _, c := range []byte(name) {
		if c == '.' {
			b.WriteByte('.')
		} else {
			fmt.Fprintf(&b, "\\%03d", c)
		}
	}
	return b.String()
}

// eachLine writes the records by a function.
func eachLine(records []dns.RR, f func(dns.RR) string) string {
	var b strings.Builder
	for _, rr := range records {
		b.WriteString(f(rr) + "\n")
	}
	return b.String()
}

// withNames is the text with these names in place of every name that is not the root's.
func withNames(rr dns.RR, write func(string) string) string {
	rr = dns.Copy(rr)
	fields := strings.Split(rr.String(), "\t")
	names := regexp.MustCompile(`^([a-z0-9-]+\.)+`)
	fields[0] = names.ReplaceAllStringFunc(fields[0], write)
	switch rr.(type) {
	case *dns.NS:
		fields[4] = names.ReplaceAllStringFunc(fields[4], write)
	case *dns.NSEC:
		next, types, _ := strings.Cut(fields[4], " ")
		fields[4] = names.ReplaceAllStringFunc(next, write) + " " + types
	case *dns.SOA:
		words := strings.Split(fields[4], " ")
		words[0], words[1] = write(words[0]), write(words[1])
		fields[4] = strings.Join(words, " ")
	}
	return strings.Join(fields, "\t")
}

// asDig prints a zone as dig prints a transfer: comments around it, the SOA record at
// the end again.
func asDig(records []dns.RR) string {
	return "\n; <<>> DiG 9.18 <<>> @198.41.0.4 . axfr +nocrypto\n; (1 server found)\n;; global options: +cmd\n" +
		eachLine(records, dns.RR.String) + records[0].String() + "\n" +
		";; Query time: 3 msec\n;; SERVER: 198.41.0.4#53(198.41.0.4) (TCP)\n;; WHEN: Fri Nov 20 00:00:00 UTC 2026\n;; XFR size: 99 records (messages 1, bytes 9999)\n\n"
}

// However its text is written, it is the same zone: it validates, digest and all, has
// the same names and is kept as the same file.
func TestTextForms(t *testing.T) {
	records := revised(t, lab.Revision{})
	plain, err := validate(t, text(records), ksk1(), signedAt)
	if err != nil || !plain.Digested() {
		t.Fatal(err)
	}
	shuffled := slices.Clone(records)
	slices.Reverse(shuffled)
	for name, written := range map[string]string{
		"byte order mark":    "\ufeff" + text(records),
		"CR LF":              strings.ReplaceAll(text(records), "\n", "\r\n"),
		"both":               "\ufeff" + strings.ReplaceAll(text(records), "\n", "\r\n"),
		"RFC 3597":           eachLine(records, func(rr dns.RR) string { return generic(t, rr) }),
		"\\DDD":              eachLine(records, func(rr dns.RR) string { return withNames(rr, escaped) }),
		"dig axfr":           asDig(records),
		"dig axfr, CR LF":    strings.ReplaceAll(asDig(records), "\n", "\r\n"),
		"from the end":       text(shuffled),
		"each twice":         text(records) + text(slices.DeleteFunc(slices.Clone(records), isNSEC)),
		"comments, blanks":   "; a zone\n\n" + eachLine(records, func(rr dns.RR) string { return strings.ReplaceAll(rr.String(), "\t", "  ") + " ; x\n" }),
		"TTL by $TTL":        "$ORIGIN .\n$TTL 86400\n" + eachLine(records, shortTTL),
		"over several lines": eachLine(records, overLines),
	} {
		t.Run(name, func(t *testing.T) {
			z, err := validate(t, written, ksk1(), signedAt)
			if err != nil {
				t.Fatal(err)
			}
			if !z.Digested() || len(z.Notes) > 0 {
				t.Errorf("digested %t, notes %q", z.Digested(), z.Notes)
			}
			if got, want := fmt.Sprint(z.RRsets()), fmt.Sprint(plain.RRsets()); got != want {
				t.Errorf("RRsets %s\nwant %s", got, want)
			}
			dir := t.TempDir()
			for i, kept := range []*rootzone.Zone{plain, z} {
				if added, err := rootzone.Save(dir, kept); err != nil || added != (i == 0) {
					t.Errorf("save: %t, %v", added, err)
				}
			}
		})
	}
}

// isNSEC finds NSEC records, of which two are refused whatever they say.
func isNSEC(rr dns.RR) bool { return rr.Header().Rrtype == dns.TypeNSEC }

// shortTTL leaves out the TTL that $TTL gives.
func shortTTL(rr dns.RR) string { return strings.Replace(rr.String(), "\t86400\t", "\t", 1) }

// overLines puts the data in parentheses.
func overLines(rr dns.RR) string {
	fields := strings.SplitN(rr.String(), "\t", 5)
	if isNSEC(rr) { // the library does not read its types on several lines
		return rr.String()
	}
	return strings.Join(fields[:4], "\t") + " (\n\t" + strings.Replace(fields[4], " ", " ; why\n\t", 1) + "\n)"
}

// Owners with capitals, however written, are the same names; the next name of NSEC is
// signed as it stands.
func TestLetterCase(t *testing.T) {
	records := revised(t, lab.Revision{})
	bigOwner := func(rr dns.RR) string {
		owner, rest, _ := strings.Cut(rr.String(), "\t")
		return strings.ToUpper(owner) + "\t" + rest
	}
	escapedOwner := func(rr dns.RR) string {
		owner, rest, _ := strings.Cut(rr.String(), "\t")
		if owner == "." {
			return rr.String()
		}
		return escaped(strings.ToUpper(owner)) + "\t" + rest
	}
	bigTarget := func(rr dns.RR) string {
		if ns, ok := rr.(*dns.NS); ok {
			ns = dns.Copy(ns).(*dns.NS)
			ns.Ns = strings.ToUpper(ns.Ns)
			return ns.String()
		}
		if soa, ok := rr.(*dns.SOA); ok {
			soa = dns.Copy(soa).(*dns.SOA)
			soa.Ns, soa.Mbox = strings.ToUpper(soa.Ns), strings.ToUpper(soa.Mbox)
			return soa.String()
		}
		return rr.String()
	}
	for name, f := range map[string]func(dns.RR) string{"owners": bigOwner, "escaped owners": escapedOwner, "targets": bigTarget} {
		if z, err := validate(t, eachLine(records, f), ksk1(), signedAt); err != nil || !z.Digested() {
			t.Errorf("%s: %v", name, err)
		} else if got, want := fmt.Sprint(z.RRsets()), fmt.Sprint(whole(t, text(records)).RRsets()); got != want {
			t.Errorf("%s: %s, want %s", name, got, want)
		}
	}
	next := eachLine(records, func(rr dns.RR) string {
		if nsec, ok := rr.(*dns.NSEC); ok {
			nsec = dns.Copy(nsec).(*dns.NSEC)
			nsec.NextDomain = strings.ToUpper(nsec.NextDomain)
			return nsec.String()
		}
		return rr.String()
	})
	if _, err := validate(t, next, ksk1(), signedAt); err == nil || !strings.Contains(err.Error(), "/NSEC: the signature by key ") {
		t.Errorf("NSEC with another case: %v", err)
	}
}

// A signature's generic form is read, and what is cut off in it is refused.
func TestGenericSignatures(t *testing.T) {
	records := revised(t, lab.Revision{ZONEMD: lab.Digests{}})
	at := slices.IndexFunc(records, sigOver("com.", dns.TypeDS))
	line := generic(t, records[at])
	raw := line[strings.LastIndex(line, " ")+1:]
	for n := 0; n < len(raw)/2; n += 3 {
		cut := fmt.Sprintf("com. 86400 CLASS1 TYPE46 \\# %d %s", n, raw[:2*n])
		if _, err := hex.DecodeString(raw[:2*n]); err != nil {
			t.Fatal(err)
		}
		z, err := rootzone.ReadWhole(strings.NewReader(text(slices.Delete(slices.Clone(records), at, at+1))+cut+"\n"), "cut")
		if err == nil {
			err = z.Validate(ksk1(), signedAt)
		}
		if err == nil {
			t.Errorf("%d octets of a signature: good", n)
		}
	}
}
