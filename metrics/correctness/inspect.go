package correctness

import (
	"fmt"
	"strings"

	"github.com/miekg/dns"

	"mtric.net/mtric/engine/dnsmsg"
)

// Inspect describes a response in a line for people: question, rcode, flags,
// counts, and by whose identity (NSID) it was given. The error says why it is no
// message.
func Inspect(wire []byte) (string, error) {
	var m dnsmsg.Message
	if err := m.Parse(wire); err != nil {
		return "", err
	}
	to := "without question"
	if !dnsmsg.HeaderOnly(wire) {
		name, _, err := dns.UnpackDomainName(wire, dnsmsg.HeaderSize) // its letter case as it came
		if err != nil {
			return "", fmt.Errorf("question: %w", err)
		}
		to = fmt.Sprintf("to %s/%s", name, dns.Type(m.QType))
	}
	told := []string{to, rcodeName(m.RCode)}
	for _, f := range []struct {
		bit  uint16
		name string
	}{{dnsmsg.FlagAA, "AA"}, {dnsmsg.FlagTC, "TC"}, {dnsmsg.FlagRA, "RA"}, {dnsmsg.FlagAD, "AD"}} {
		if m.Flags&f.bit != 0 {
			told = append(told, f.name)
		}
	}
	var counts [additional + 1]int
	for i := range m.Records {
		counts[m.Records[i].Section]++
	}
	if m.HasOPT {
		counts[additional]++
	}
	told = append(told, fmt.Sprintf("%d answer, %d authority, %d additional", counts[answer], counts[authority], counts[additional]))
	if !m.HasOPT {
		told = append(told, "no OPT")
	} else if id, there := m.NSID(); there {
		told = append(told, fmt.Sprintf("NSID %q", id[:min(len(id), maxText)]))
	}
	return strings.Join(told, ", "), nil
}
