package plan

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/hashicorp/hcl/v2"

	"mtric.net/mtric/engine/interval"
	"mtric.net/mtric/engine/measurement"
)

// reserved checks the queries that metrics are made of: one that asked
// something else would silently turn a metric of RSSAC047 into another.
type reserved struct {
	l *loader
	d *decoder
	q Query
}

// must reports an attribute that is not as the requirement says.
func (r reserved) must(ok bool, name, tag, remedy string) {
	if !ok {
		r.report(hcl.DiagError, name, tag, remedy)
	}
}

// should reports like must where the plan has a report block, else it warns:
// a plan for trials may go its own way as long as nobody publishes it.
func (r reserved) should(ok bool, name, tag, remedy string) {
	severity := hcl.DiagWarning
	if len(r.l.plan.Reports) > 0 {
		severity = hcl.DiagError
	}
	if !ok {
		r.report(severity, name, tag, remedy)
	}
}

// report names the attribute and the requirement; nothing is said of an
// attribute whose own mistake is reported.
func (r reserved) report(s hcl.DiagnosticSeverity, name, tag, remedy string) {
	if a := r.d.attrs[name]; a != nil && !r.l.eval(a.Expr, r.d.ctx).IsWhollyKnown() {
		return // its own mistake is reported
	}
	remedy += fmt.Sprintf(" The metrics are made of query %q; one of another label may differ.", r.q.Label)
	r.l.report(s, r.d.place(name), remedy, "query %q: %s is not what RSSAC047 asks %s", r.q.Label, name, tag)
}

// common checks what both queries share.
func (r reserved) common(timeoutTag string) {
	q := r.q
	r.wire()
	r.must(slices.Equal(slices.Sorted(slices.Values(q.Transports)), slices.Sorted(slices.Values(measurement.MetricTransports))), "transports", pathTag(q, "[ykn]", "[ogo]"), "Write transports = "+listed(measurement.MetricTransports)+".")
	r.must(len(q.Families) == len(measurement.Families), "families", pathTag(q, "[jhb]", "[thb]"), "Write families = "+listed(measurement.Families)+".")
	r.should(q.Timeout == Duration(4*time.Second), "timeout", timeoutTag, `Write timeout = "4s".`)
	r.must(q.Expect == "", "expect", pathTag(q, "[yve]", "[ote]"), "Remove expect: what the metrics count as good is in RSSAC047.")
	r.should(q.NSID, "nsid", "[mgj]", "Write nsid = true.")
	for _, name := range []string{"vantage_points", "regions"} {
		r.must(r.d.attrs[name] == nil || !q.Bound(), name, pathTag(q, "[wyn] [mba]", "[wyn] [wca]"), "Remove it: every vantage point asks in every interval.")
	}
	for _, s := range r.l.plan.Schedules {
		if s.Label == q.Schedule {
			r.must(s.Every == Duration(interval.Length), "schedule", pathTag(q, "[wyn] [mba]", "[wyn] [wca]"), `Use a schedule with every = "5m".`)
		}
	}
}

// wire checks that the message is the one whose answers the metrics are made of.
func (r reserved) wire() {
	q := r.q
	question := pathTag(q, "[hht]", "[mow]")
	for _, plain := range []struct {
		ok        bool
		name, tag string
	}{
		{q.Class == "", "class", question}, {!q.RecursionDesired, "recursion_desired", question}, {!q.CheckingDisabled, "checking_disabled", question},
		{!q.AuthenticData, "authentic_data", question}, {q.ClientSubnet == "", "client_subnet", question}, {len(q.EDNSOptions) == 0, "edns_options", question},
		{!q.NoEDNS, "edns", "[mgj]"},
	} {
		r.must(plain.ok, plain.name, plain.tag, "Remove "+plain.name+".")
	}
	r.should(!q.FixedCase, "random_case", "[zon]", "Remove random_case.")
}

// pathTag chooses the requirement by the query.
func pathTag(q Query, soa, correctness string) string {
	if q.Label == measurement.QuerySOA {
		return soa
	}
	return correctness
}

// checkSOA checks the query of availability, latency and publication latency [dzn].
func (l *loader) checkSOA(q Query) {
	r := reserved{l, l.decoders["query "+measurement.QuerySOA], q}
	r.must(len(q.Choices) == 0, "qname", "[hht]", `Replace the choose blocks by qname = "." and qtype = "SOA".`)
	if len(q.Choices) == 0 {
		r.must(q.QName == "." || q.QName == "", "qname", "[hht]", `Write qname = ".".`)
		r.must(q.QType == "SOA" || q.QType == "", "qtype", "[hht]", `Write qtype = "SOA".`)
	}
	r.must(q.Pick == 0, "pick", "[ykn] [jhb]", "Remove pick: every path is asked in every interval.")
	r.must(q.OnTruncation == KeepTruncated, "on_truncation", "[hjw]", `Write on_truncation = "keep": only correctness queries are asked again over TCP.`)
	r.common("[ywz]")
}

// checkCorrectness checks the query of correctness, RSSAC047 section 5.3.
func (l *loader) checkCorrectness(q Query) {
	r := reserved{l, l.decoders["query "+measurement.QueryCorrectness], q}
	r.must(q.Pick == 1, "pick", "[thb] [ogo]", "Write pick = 1: one path, drawn anew each time.")
	r.must(q.DNSSEC, "dnssec", "[rhe]", "Write dnssec = true.")
	r.must(q.UDPSize == 1220, "udp_size", "[rja]", "Write udp_size = 1220.")
	r.must(q.OnTruncation == RetryTCP, "on_truncation", "[hjw]", `Write on_truncation = "retry_tcp".`)
	r.must(q.KeepResponse == measurement.KeepAlways, "keep_response", "[otd]", `Write keep_response = "`+string(measurement.KeepAlways)+`": answers are judged by their wire.`)
	r.common("[twf]")
	r.must(len(q.Choices) > 0, "qname", "[mow]", "Replace qname and qtype by choose blocks.")

	positive, negative := 0, 0
	for _, c := range q.Choices {
		in := r.inside(c)
		if c.FromZone() {
			positive += c.Weight
			in.positive(c)
			continue
		}
		negative += c.Weight
		in.must(len(c.QNames) == 0, "qnames", "[hkc] [dse]", `Write qname = "www.rssac047-test.<letters:10>.".`)
		if c.QName != "" {
			in.must(c.QName == "www.rssac047-test.<letters:10>.", "qname", "[hkc] [dse]", `Write qname = "www.rssac047-test.<letters:10>.".`)
			in.must(c.QType == "A", "qtype", "[hkc]", `Write qtype = "A".`)
		}
	}
	if len(q.Choices) > 0 {
		r.should(positive == 9*negative, "weight", "[yyg]", "Nine of ten questions are positive: write weight = 90 and weight = 10.")
	}
}

// inside reports at a choose block.
func (r reserved) inside(c Choice) reserved {
	r.d = r.l.decoders["choose "+r.q.Label+" "+c.Label]
	return r
}

// positive checks a choose block that draws from the zone.
func (r reserved) positive(c Choice) {
	r.choice("root", c.Root, []string{"SOA", "DNSKEY", "NS"}, "[njh] [hmc] [xca]")
	r.choice("tld", c.TLD, []string{"NS", "DS"}, "[max] [kmd]")
	if slices.Contains(c.TLD, "NS") {
		r.must(slices.Contains(c.Except, "arpa./NS"), "except", "[unt]", `Add except = ["arpa./NS"]: some RSIs serve arpa themselves.`)
	}
}

// choice reports types that no rule judges, and types left out.
func (r reserved) choice(name string, have, want []string, tags string) {
	remedy := "Write " + name + ` = ["` + strings.Join(want, `", "`) + `"].`
	for _, t := range have {
		if !slices.Contains(want, t) {
			r.must(false, name, tags, remedy+" Answers of type "+t+" are judged by no rule.")
			return
		}
	}
	for _, t := range want {
		r.should(slices.Contains(have, t), name, tags, remedy)
	}
}
