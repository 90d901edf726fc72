package correctness

import (
	"bytes"

	"github.com/miekg/dns"
)

// SOADifference says, as the column failures has it, how the data of the root's SOA record
// in an answer differ from those of the zone of its serial [vnk]. Both are in canonical form;
// empty where they are the same.
func SOADifference(got, zone []byte, serial uint32) string {
	if bytes.Equal(got, zone) {
		return ""
	}
	e := &evaluation{zone: &Zone{serial: serial}}
	s := &rrset{section: answer, typ: dns.TypeSOA, class: dns.ClassINET, owner: []byte(root), rdatas: [][]byte{got},
		zone: &set{typ: dns.TypeSOA, rdatas: [][]byte{zone}}}
	return Finding{"vnk", e.difference(s)}.String()
}
