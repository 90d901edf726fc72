package probe

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"strings"

	"github.com/miekg/dns"

	"mtric.net/mtric/engine/dnsmsg"
)

// CheckQuestion returns the name as a query carries it, absolute, or says what is
// wrong with the name or the type.
func CheckQuestion(name, qtype string) (string, error) {
	if _, known := dnsmsg.TypeOf(qtype); !known {
		return "", fmt.Errorf("type %q: want a DNS record type such as SOA, NS, DS or TYPE123", qtype)
	}
	if _, ok := dns.IsDomainName(name); !ok {
		return "", fmt.Errorf("name %q: not a domain name", name)
	}
	return dns.Fqdn(name), nil
}

// Text writes a reply for people: its sections as dig does, or why it does not
// parse and its bytes in hex. EDNS options that do not parse are left out. It holds no
// control characters, whatever was sent.
func Text(wire []byte) string {
	m := new(dns.Msg)
	note := ""
	if err := m.Unpack(wire); err != nil {
		plain, cut := withoutOptions(wire)
		if !cut || m.Unpack(plain) != nil {
			return fmt.Sprintf(";; does not parse: %v\n%s", err, hex.Dump(wire))
		}
		note = fmt.Sprintf(";; EDNS options left out: %v\n", err)
	}
	text := strings.Map(func(r rune) rune {
		if r < ' ' && r != '\n' && r != '\t' || r == 0x7f {
			return '?'
		}
		return r
	}, m.String())
	return fmt.Sprintf("%s%s;; MSG SIZE %d\n", text, note, len(wire))
}

// withoutOptions is a message without the options of its OPT record; false where it is no
// message or has none.
func withoutOptions(wire []byte) (plain []byte, cut bool) {
	var m dnsmsg.Message
	if m.Parse(wire) != nil || len(m.Options) == 0 {
		return nil, false
	}
	at := m.OptionsAt
	plain = append(bytes.Clone(wire[:at]), wire[at+len(m.Options):]...)
	plain[at-2], plain[at-1] = 0, 0
	return plain, true
}
