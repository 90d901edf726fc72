package cli

import (
	"encoding/hex"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"mtric.net/mtric/engine/measurement"
	"mtric.net/mtric/engine/plan"
	"mtric.net/mtric/engine/probe"
)

// queryOptions are the flags of mtric query.
type queryOptions struct {
	query               string
	tcp, tls, four, six bool

	class, subnet      string
	rd, cd, ad         bool
	dnssec, nsid, edns bool
	udpSize            uint16
	options            []string
	timeout            time.Duration
	retryTCP           bool

	given func(flag string) bool
}

func (o *queryOptions) flags(f *pflag.FlagSet) {
	f.StringVar(&o.query, "query", "", "label of the plan's query whose options are taken")
	f.BoolVar(&o.tcp, "tcp", false, "over TCP")
	f.BoolVar(&o.tls, "tls", false, "over TLS, as the plan's server says")
	f.BoolVarP(&o.four, "ipv4", "4", false, "over IPv4 (default where the RSI has it)")
	f.BoolVarP(&o.six, "ipv6", "6", false, "over IPv6")
	f.StringVar(&o.class, "class", "IN", "class: IN, CH or HS")
	f.BoolVar(&o.rd, "rd", false, "set RD: ask to recurse")
	f.BoolVar(&o.cd, "cd", false, "set CD: ask not to validate")
	f.BoolVar(&o.ad, "ad", false, "set AD: say that AD is understood")
	f.BoolVar(&o.dnssec, "dnssec", false, "set DO: ask for signatures")
	f.BoolVar(&o.nsid, "nsid", true, "ask for the server's identity")
	f.Uint16Var(&o.udpSize, "udp-size", 1220, "EDNS buffer size")
	f.BoolVar(&o.edns, "edns", true, "send EDNS; with =false nothing that it carries either")
	f.StringVar(&o.subnet, "subnet", "", "client subnet, such as 192.0.2.0/24")
	f.StringArrayVar(&o.options, "edns-option", nil, "EDNS option as CODE=HEX (repeatable)")
	f.DurationVar(&o.timeout, "timeout", 4*time.Second, "timeout")
	f.BoolVar(&o.retryTCP, "retry-tcp", false, "ask a truncated answer again over TCP")
}

// build is the query: the block's, or that of a block without options, with what flags
// change.
func (o queryOptions) build(p *plan.Plan, label time.Time, args []string) (measurement.Query, error) {
	server, err := findServer(p, args)
	if err != nil {
		return measurement.Query{}, err
	}
	block, name, qtype, err := o.asked(p, args[1:])
	if err != nil {
		return measurement.Query{}, err
	}
	over, err := o.transport(block, server)
	if err != nil {
		return measurement.Query{}, err
	}
	q := probe.QueryOf(block, server, over)
	q.Keep, q.Type = measurement.KeepAlways, strings.ToUpper(qtype)
	if err := o.change(&q); err != nil {
		return q, err
	}
	if q.Name, err = probe.CheckQuestion(name, q.Type); err != nil {
		return q, usagef("%w", err)
	}
	asked := plan.Query{QName: q.Name, QType: q.Type, Servers: []string{server.Group + "/" + string(server.RSI)}}
	asked.Class = q.Class
	if zone, _, known := p.ZoneOf(asked); known {
		q.Zone = zone.Name
	}
	q.Family, q.Address, err = o.address(server, label)
	return q, err
}

// asked is the block whose options are taken, and the question.
func (o queryOptions) asked(p *plan.Plan, question []string) (block plan.Query, name, qtype string, err error) {
	label, known := o.query, false
	switch {
	case len(question) == 1:
		return block, "", "", usagef("query: give a name and a type, or neither with --query")
	case label == "" && len(question) == 0:
		return block, "", "", usagef("query: give a name and a type, or --query")
	case label == "":
		label = measurement.QueryCorrectness
		if question[0] == "." && strings.EqualFold(question[1], "SOA") {
			label = measurement.QuerySOA
		}
	}
	if block, known = p.Query(label); !known {
		if o.query != "" {
			var labels []string
			for _, q := range p.Queries {
				labels = append(labels, q.Label)
			}
			return block, "", "", usagef("--query %q: plan %s has none of that label; it has %s", label, p.Name, strings.Join(labels, ", "))
		}
		block = plan.Query{Label: "query", NSID: o.nsid, UDPSize: o.udpSize, Timeout: plan.Duration(o.timeout)}
	}
	switch {
	case len(question) == 2:
		name, qtype = question[0], question[1]
	case block.QName == "" || strings.Contains(block.QName, "<"):
		return block, "", "", usagef("--query %q: draws its question; give a name and a type", label)
	default:
		name, qtype = block.QName, block.QType
	}
	return block, name, qtype, nil
}

// transport is that of the flags, else UDP where the block has it.
func (o queryOptions) transport(block plan.Query, s plan.Server) (measurement.Transport, error) {
	over := measurement.UDP
	switch {
	case o.tcp && o.tls:
		return "", usagef("--tcp and --tls: one query goes over one transport")
	case o.tcp:
		over = measurement.TCP
	case o.tls:
		over = measurement.TLS
	case len(block.Transports) > 0 && !slices.Contains(block.Transports, over):
		over = block.Transports[0]
	}
	if over == measurement.TLS && s.TLS == nil {
		return "", usagef("RSI %q: the plan has no tls of it; write it into its server block", s.RSI)
	}
	return over, nil
}

// change takes over the flags that were given.
func (o queryOptions) change(q *measurement.Query) error {
	if o.given("class") {
		class := strings.ToUpper(o.class)
		if !slices.Contains(plan.Classes, class) {
			return usagef("--class %q: want one of %s", o.class, strings.Join(plan.Classes, ", "))
		}
		if q.Class = class; class == plan.Classes[0] {
			q.Class = ""
		}
	}
	for flag, to := range map[string]struct {
		to *bool
		v  bool
	}{"rd": {&q.RecursionDesired, o.rd}, "cd": {&q.CheckingDisabled, o.cd}, "ad": {&q.AuthenticData, o.ad},
		"dnssec": {&q.DNSSEC, o.dnssec}, "nsid": {&q.NSID, o.nsid}, "retry-tcp": {&q.RetryTCP, o.retryTCP}} {
		if o.given(flag) {
			*to.to = to.v
		}
	}
	if o.given("udp-size") {
		q.UDPSize = o.udpSize
	}
	if o.given("timeout") {
		if q.Timeout = o.timeout; q.Timeout <= 0 {
			return usagef("--timeout %s: want some time", o.timeout)
		}
	}
	if o.given("subnet") {
		subnet, err := netip.ParsePrefix(o.subnet)
		if err != nil {
			return usagef("--subnet %q: want a network such as 192.0.2.0/24", o.subnet)
		}
		q.Subnet = subnet.Masked()
	}
	for _, text := range o.options {
		option, err := parseOption(text)
		if err != nil {
			return err
		}
		q.Options = append(q.Options, option)
	}
	if !o.edns {
		q.NSID, q.DNSSEC, q.UDPSize, q.Subnet, q.Options = false, false, 0, netip.Prefix{}, nil
	}
	return nil
}

// parseOption reads CODE=HEX.
func parseOption(text string) (measurement.EDNSOption, error) {
	number, digits, found := strings.Cut(text, "=")
	code, err := strconv.ParseUint(number, 10, 16)
	data, hexErr := hex.DecodeString(strings.TrimPrefix(digits, "0x"))
	if !found || err != nil || hexErr != nil {
		return measurement.EDNSOption{}, usagef("--edns-option %q: want a code and data, such as 65001=0xabcd", text)
	}
	return measurement.EDNSOption{Code: uint16(code), Data: data}, nil
}

// classBefore is a class other than IN, for people.
func classBefore(class string) string {
	if class == "" {
		return ""
	}
	return class + " "
}
