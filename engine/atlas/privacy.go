package atlas

import (
	"bytes"
	"encoding/hex"
	"net/netip"
	"strings"
)

// hide leaves out of a row the texts and wires in which somebody told the probe its own
// address, as a resolver or a proxy on the way does: no address of a probe enters the lake.
func (c *converter) hide(e *entry, r *result, p part) {
	if e.Response == nil && e.ExtraWire == nil && e.NSID == nil {
		return
	}
	told := false
	for _, text := range []string{r.From, r.SrcAddr, p.SrcAddr} {
		addr, err := netip.ParseAddr(text)
		if err != nil {
			continue
		}
		addr = addr.Unmap().WithZone("")
		if tells(e.Response, addr) {
			e.Response, told = nil, true
		}
		if tells(e.ExtraWire, addr) {
			e.Extra, e.ExtraWire, e.ExtraAfter, told = "", nil, 0, true
		}
		if e.NSID != nil && tells(nsid(*e.NSID), addr) {
			e.NSID, e.Response, told = nil, nil, true
		}
	}
	if told {
		c.counts.Hidden++
	}
}

// nsid are the bytes that the text of an NSID stands for.
func nsid(text string) []byte {
	if digits, is := strings.CutPrefix(text, "0x"); is {
		if raw, err := hex.DecodeString(digits); err == nil {
			return raw
		}
	}
	return []byte(text)
}

// tells says whether an address is in a message: as bytes, or as text.
func tells(wire []byte, addr netip.Addr) bool {
	if addr.IsUnspecified() || addr.IsLoopback() {
		return false
	}
	return bytes.Contains(wire, addr.AsSlice()) || bytes.Contains(bytes.ToLower(wire), []byte(addr.String()))
}
