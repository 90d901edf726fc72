package correctness

import (
	"encoding/hex"
	"fmt"
	"strings"

	"github.com/miekg/dns"
)

// Inspect describes a response in a line for people: question, rcode, flags,
// counts, and by whose identity (NSID) it was given. The error says why it is no
// message.
func Inspect(wire []byte) (string, error) {
	var own message // the library takes what ends before its counts do
	if err := own.parse(wire); err != nil {
		return "", err
	}
	var m dns.Msg
	if err := m.Unpack(wire); err != nil {
		return "", err
	}
	q := m.Question[0]
	told := []string{fmt.Sprintf("to %s/%s", q.Name, dns.Type(q.Qtype)), rcodeName(own.rcode)}
	for _, f := range []struct {
		set  bool
		name string
	}{{m.Authoritative, "AA"}, {m.Truncated, "TC"}, {m.RecursionAvailable, "RA"}, {m.AuthenticatedData, "AD"}} {
		if f.set {
			told = append(told, f.name)
		}
	}
	told = append(told, fmt.Sprintf("%d answer, %d authority, %d additional", len(m.Answer), len(m.Ns), len(m.Extra)))
	opt := m.IsEdns0()
	if opt == nil {
		return strings.Join(append(told, "no OPT"), ", "), nil
	}
	for _, o := range opt.Option {
		if id, ok := o.(*dns.EDNS0_NSID); ok {
			raw, err := hex.DecodeString(id.Nsid)
			if err != nil {
				return "", err
			}
			if len(raw) > maxText {
				raw = raw[:maxText]
			}
			told = append(told, fmt.Sprintf("NSID %q", raw))
		}
	}
	return strings.Join(told, ", "), nil
}
