package plan

import (
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"mtric.net/mtric/engine/measurement"
)

// Wire is how the messages of a query differ from plain ones. The JSON leaves each out at
// its default: plans of before keep their hash.
type Wire struct {
	Class            string       `json:"class,omitempty"` // "CH", "HS"; empty is IN
	RecursionDesired bool         `json:"recursion_desired,omitempty"`
	CheckingDisabled bool         `json:"checking_disabled,omitempty"`
	AuthenticData    bool         `json:"authentic_data,omitempty"`
	NoEDNS           bool         `json:"no_edns,omitempty"`       // then DNSSEC and NSID are false and UDPSize is 0
	ClientSubnet     string       `json:"client_subnet,omitempty"` // "192.0.2.0/24"
	EDNSOptions      []EDNSOption `json:"edns_options,omitempty"`  // by code
	FixedCase        bool         `json:"fixed_case,omitempty"`    // the name goes out as it is written

	// TransportsRange is where the attribute is written, as not every command knows every word of it.
	TransportsRange Range `json:"-"`
}

// EDNSOption is an option of EDNS (RFC 6891, section 6.1.2) that no other attribute means.
type EDNSOption struct {
	Code uint16 `json:"code"`
	Data Hex    `json:"data"`
}

// Hex is bytes that JSON has as hexadecimal digits.
type Hex []byte

// MarshalText writes the digits.
func (h Hex) MarshalText() ([]byte, error) { return []byte(hex.EncodeToString(h)), nil }

// UnmarshalText reads what MarshalText writes.
func (h *Hex) UnmarshalText(text []byte) error {
	data, err := hex.DecodeString(string(text))
	if err != nil {
		return fmt.Errorf("%.40q: %w", text, err)
	}
	*h = data
	return nil
}

// TLS is how a server is asked over TLS (RFC 7858), and proves who it is (RFC 8310).
type TLS struct {
	Port   uint16                `json:"port"`
	Verify measurement.TLSVerify `json:"verify"`
	Pins   []string              `json:"pins,omitempty"` // base64 of the SHA-256 of public keys
}

// Bounds of what a query carries: a message with all of it is far from what is cut up on
// its way.
const (
	maxOptions     = 16
	maxOptionBytes = 256 // of the data of all together
)

// inClass is the class of a query that says none.
const inClass = "IN"

// Classes are those that can be asked for, the default first.
var Classes = []string{inClass, "CH", "HS"}

// meantOptions are the options of EDNS that other attributes send, or that are none of a
// plan's business.
var meantOptions = map[uint16]string{
	3:  "Write nsid = true.",
	8:  `Write client_subnet = "192.0.2.0/24".`,
	10: "DNS cookies are not built: a query is asked once, of a server that remembers nobody.",
	11: "Each query over TCP or TLS has a connection of its own.",
	12: "Queries over TLS are padded by themselves (RFC 8467).",
}

// wire reads how a query's messages differ, after all else of the query was read.
func (d *decoder) wire(q *Query) {
	if class := d.enum("class", inClass, Classes...); class != inClass {
		q.Class = class
	}
	q.RecursionDesired, q.CheckingDisabled, q.AuthenticData = d.flag("recursion_desired", false), d.flag("checking_disabled", false), d.flag("authentic_data", false)
	q.FixedCase = !d.flag("random_case", true)
	q.ClientSubnet, q.EDNSOptions = d.prefix("client_subnet"), d.ednsOptions()
	q.TransportsRange = d.rangeOf("transports")
	if q.NoEDNS = !d.flag("edns", true); !q.NoEDNS {
		return
	}
	for _, name := range []string{"dnssec", "nsid", "udp_size", "client_subnet", "edns_options"} {
		if d.has(name) {
			d.errorf(name, "Remove it, or edns = false.", "%s without EDNS, which carries it", name)
		}
	}
	q.DNSSEC, q.NSID, q.UDPSize = false, false, 0
}

// rangeOf is the place of an attribute's value, zero where it is absent.
func (d *decoder) rangeOf(name string) Range {
	a := d.attrs[name]
	if a == nil {
		return Range{}
	}
	at := a.Expr.Range()
	return Range{File: at.Filename, Start: at.Start.Byte, End: at.End.Byte, Line: at.Start.Line, Col: at.Start.Column}
}

// prefix reads a network in its canonical form, empty where it is absent.
func (d *decoder) prefix(name string) string {
	it, ok := d.get(name)
	if !ok {
		return ""
	}
	s, ok := d.itemText(it, "a network")
	if !ok {
		return ""
	}
	p, err := netip.ParsePrefix(s)
	switch {
	case err != nil || p.Addr().Is4In6():
		d.errorf(name, `Write an address and the length of its prefix: "192.0.2.0/24", "2001:db8::/56".`, "%q is no network", s)
	case p != p.Masked(): // RFC 7871, section 6: what is not part of the prefix is 0
		d.errorf(name, "Write "+quote(p.Masked().String())+".", "%s has bits after its prefix", s)
	default:
		return p.String()
	}
	return ""
}

// ednsOptions reads an object of codes and their data in hexadecimal digits.
func (d *decoder) ednsOptions() (all []EDNSOption) {
	const name = "edns_options"
	size := 0
	for key, it := range d.object(name, nil) {
		o, ok := d.ednsOption(key, it)
		if !ok {
			continue
		}
		all, size = append(all, o), size+len(o.Data)
	}
	if len(all) > maxOptions || size > maxOptionBytes {
		d.errorf(name, fmt.Sprintf("At most %d, with %d bytes together.", maxOptions, maxOptionBytes), "%d options of %d bytes", len(all), size)
		return nil
	}
	slices.SortFunc(all, func(a, b EDNSOption) int { return int(a.Code) - int(b.Code) })
	return all
}

func (d *decoder) ednsOption(key string, it item) (EDNSOption, bool) {
	code, err := strconv.ParseUint(key, 10, 16)
	if err != nil || code == 0 {
		d.l.errorf(it.at, "Write a number from 1 to 65535, of IANA's registry or from 65001 to 65534 for trials.", "%q is no code of an EDNS option", key)
		return EDNSOption{}, false
	}
	if other, is := meantOptions[uint16(code)]; is {
		d.l.errorf(it.at, other, "EDNS option %d is not for edns_options", code)
		return EDNSOption{}, false
	}
	text, ok := d.itemText(it, "text")
	if !ok {
		return EDNSOption{}, false
	}
	digits, prefixed := strings.CutPrefix(text, "0x")
	data, err := hex.DecodeString(digits)
	if !prefixed || err != nil {
		d.l.errorf(it.at, `Write pairs of hexadecimal digits after 0x: "0xabcd", "0x" for no data.`, "%q is no data of EDNS option %d", text, code)
		return EDNSOption{}, false
	}
	return EDNSOption{uint16(code), data}, true
}

// tls reads how a server is asked over TLS; nil where it is not.
func (d *decoder) tls(name string) *TLS {
	const attribute = "tls"
	o := d.object(attribute, []string{"port", "verify", "pins"})
	if o == nil {
		return nil
	}
	t := &TLS{Port: 853, Verify: measurement.VerifyName}
	if it, ok := o["port"]; ok {
		t.Port = uint16(d.itemNumber(it, attribute+".port", 853, 1, 65535))
	}
	if it, ok := o["verify"]; ok {
		if s, ok := d.itemEnum(it, attribute+".verify", measurement.Strings(measurement.TLSVerifies)); ok {
			t.Verify = measurement.TLSVerify(s)
		}
	}
	before := len(d.l.diags)
	if it, ok := o["pins"]; ok {
		t.Pins = d.pins(it)
	}
	switch {
	case t.Verify == measurement.VerifyPin && len(t.Pins) == 0 && len(d.l.diags) == before:
		d.errorf(attribute, `Give pins = ["…"]: with tls = {} for now, mtric query --tls shows the one that the server has.`, `verify is "pin", but there are no pins`)
	case t.Verify != measurement.VerifyPin && len(t.Pins) > 0:
		d.errorf(attribute, `Write verify = "pin", or remove pins.`, `pins, but verify is not "pin"`)
	case t.Verify == measurement.VerifyName && name == "":
		d.errorf(attribute, "Give the server's name, which its certificate is issued for.", `verify is "name", but the server has none`)
	}
	return t
}

// pins reads a list of pins.
func (d *decoder) pins(it item) (all []string) {
	if t := it.v.Type(); !t.IsTupleType() && !t.IsListType() && !t.IsSetType() {
		d.l.errorf(it.at, "Write a list: [ … ].", "want a list, not %s", valueWords(it.v))
		return nil
	}
	for _, v := range it.v.AsValueSlice() {
		s, ok := d.itemText(item{v, it.at}, "a pin")
		if !ok {
			continue
		}
		if sum, err := base64.StdEncoding.Strict().DecodeString(s); err != nil || len(sum) != 32 {
			d.l.errorf(it.at, "Write the base64 of the SHA-256 of its public key (RFC 7858, section 4.2): 44 characters. mtric query --tls shows it.", "%q is no pin", s)
			continue
		}
		all = append(all, s)
	}
	return all
}

// checkTLS reports queries over TLS that nobody can be asked.
func (l *loader) checkTLS() {
	for _, q := range l.plan.Queries {
		if slices.Contains(measurement.MetricQueries, q.Label) {
			continue // they refuse the transport
		}
		servers := l.plan.ServersOf(q.Servers)
		if !slices.Contains(q.Transports, measurement.TLS) || len(servers) == 0 || slices.ContainsFunc(servers, func(s Server) bool { return s.TLS != nil }) {
			continue
		}
		if d := l.decoders["query "+q.Label]; d != nil {
			d.errorf("transports", `Give one a tls = { port = 853, verify = "name" }, or remove the transport.`, "query %q over TLS, and none of its servers has tls", q.Label)
		}
	}
}
