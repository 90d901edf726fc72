package lab

import "fmt"

// Answer is what an RSI of that flavour and identity says to a query in wire
// form, in wire form, over UDP or TCP; nil where it keeps silent. It needs no
// sockets and may be called from many goroutines.
func (z *Zone) Answer(query []byte, f Flavour, identity string, tcp bool) ([]byte, error) {
	r := responder{flavour: f, identity: identity}
	p, answer := r.parse(query, tcp)
	if p != nil {
		answer = r.answer(p, z)
	}
	if answer == nil {
		return nil, nil
	}
	wire, err := answer.Pack()
	if err != nil {
		return nil, fmt.Errorf("zone %d: answer: %w", z.Serial, err)
	}
	return wire, nil
}

// Secure are the names of the top-level domains with a DS RRset, "us.", in
// canonical order.
func (z *Zone) Secure() []string {
	var all []string
	for _, tld := range z.TLDs() {
		if len(z.model.tlds[tld].ds) > 0 {
			all = append(all, tld)
		}
	}
	return all
}
