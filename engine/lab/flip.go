package lab

import (
	"fmt"

	"github.com/miekg/dns"
)

// FlipBit is a response in which one bit of the data of one record differs, as BitFlip
// makes it: the same for equal responses and seeds.
func FlipBit(response []byte, seed uint64) ([]byte, error) {
	var m dns.Msg
	if err := m.Unpack(response); err != nil {
		return nil, fmt.Errorf("flip a bit: %w", err)
	}
	m.Compress = true
	wire, err := flipBit(&m, seed).Pack()
	if err != nil {
		return nil, fmt.Errorf("flip a bit: %w", err)
	}
	return wire, nil
}
