package probe

import (
	"encoding/hex"
	"fmt"
	"strings"

	"github.com/miekg/dns"
)

// CheckQuestion returns the name as a query carries it, absolute, or says what is
// wrong with the name or the type.
func CheckQuestion(name, qtype string) (string, error) {
	if _, known := typeOf(qtype); !known {
		return "", fmt.Errorf("type %q: want a DNS record type such as SOA, NS, DS or TYPE123", qtype)
	}
	if _, ok := dns.IsDomainName(name); !ok {
		return "", fmt.Errorf("name %q: not a domain name", name)
	}
	return dns.Fqdn(name), nil
}

// Text writes a reply for people: its sections as dig does, or why it does not
// parse and its bytes in hex. It holds no control characters, whatever was sent.
func Text(wire []byte) string {
	m := new(dns.Msg)
	if err := m.Unpack(wire); err != nil {
		return fmt.Sprintf(";; does not parse: %v\n%s", err, hex.Dump(wire))
	}
	text := strings.Map(func(r rune) rune {
		if r < ' ' && r != '\n' && r != '\t' || r == 0x7f {
			return '?'
		}
		return r
	}, m.String())
	return fmt.Sprintf("%s;; MSG SIZE %d\n", text, len(wire))
}
