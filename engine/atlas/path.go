package atlas

import (
	"net/netip"
	"slices"
	"strings"

	"mtric.net/mtric/engine/measurement"
)

// asked completes the question by what the line says of its path, and refuses a line that
// contradicts it.
func (c *converter) asked(r *result, p part, q Question) (_ Question, address, reason string) {
	text := p.DstAddr
	for _, other := range []string{p.Address, p.Addr} {
		if text == "" {
			text = other
		}
	}
	var rsi measurement.RSI
	family, transport := familyOf(max(p.AF, p.PF)), transportOf(p.Proto)
	if p.otherPath() || transport == "" && p.Proto != "" {
		return q, "", Contradiction
	}
	addr, err := netip.ParseAddr(text)
	if err == nil {
		addr = addr.Unmap().WithZone("")
		rsi, family = c.servers[addr], measurement.FamilyOf(addr)
		address = c.text(addr)
	}
	// A local address is that of a resolver or of a proxy, whatever the measurement asks; the
	// probe's own must not enter the lake.
	if err == nil && rsi == "" && (q.RSI == "" || isLocal(addr) || isAny(addr, r.From, r.SrcAddr, p.SrcAddr)) {
		return q, "", NotRoot
	}
	for _, differ := range []bool{
		complete(&q.RSI, rsi), complete(&q.Family, family), complete(&q.Transport, transport),
	} {
		if differ {
			return q, "", Contradiction
		}
	}
	if !q.known() || q.RSI == "" || q.Family == "" || q.Transport == "" {
		return q, "", UnknownQuestion
	}
	return q, address, ""
}

// otherPath says whether a probe asked in another way than on port 53 in the clear.
func (p part) otherPath() bool {
	port := strings.Trim(string(p.DstPort), `"`)
	return p.SSL != "" || port != "" && port != "null" && port != "53"
}

// shared are networks that are no more of one server in the world than private ones: of
// providers' routers (RFC 6598), of protocols, of tests, and of nobody.
var shared = []netip.Prefix{netip.MustParsePrefix("0.0.0.0/8"), netip.MustParsePrefix("100.64.0.0/10"), netip.MustParsePrefix("192.0.0.0/24"),
	netip.MustParsePrefix("198.18.0.0/15"), netip.MustParsePrefix("240.0.0.0/4")}

// isLocal says whether an address is of the probe's surroundings.
func isLocal(addr netip.Addr) bool {
	return !addr.IsGlobalUnicast() || addr.IsPrivate() || slices.ContainsFunc(shared, func(n netip.Prefix) bool { return n.Contains(addr) })
}

// isAny says whether an address is one of these.
func isAny(addr netip.Addr, texts ...string) bool {
	return slices.ContainsFunc(texts, func(text string) bool {
		other, err := netip.ParseAddr(text)
		return err == nil && other.Unmap().WithZone("") == addr
	})
}

// complete fills in what is not known, and says whether two that are known differ.
func complete[T ~string](known *T, said T) (differ bool) {
	if *known == "" {
		*known = said
	}
	return said != "" && *known != said
}

// text is an address in canonical form, the same text each time.
func (c *converter) text(a netip.Addr) string {
	const most = 4096
	s := a.String()
	if one, met := c.addresses[s]; met {
		return one
	}
	if c.addresses == nil || len(c.addresses) >= most {
		c.addresses = map[string]string{}
	}
	c.addresses[s] = s
	return s
}
