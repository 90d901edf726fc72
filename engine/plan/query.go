package plan

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/zclconf/go-cty/cty"

	"mtric.net/mtric/engine/interval"
	"mtric.net/mtric/engine/measurement"
)

const day = Duration(24 * time.Hour)

var (
	recordType = regexp.MustCompile(`^([A-Z][A-Z0-9-]{0,15}|TYPE[0-9]{1,5})$`)
	letters    = regexp.MustCompile(`<letters:([0-9]{1,2})>`)
)

// decodeSchedule reads how often. The period divides a day, so that every day
// has the same intervals and Schedule.Due needs no memory.
func (l *loader) decodeSchedule(b *block) {
	d := l.open(b)
	s := Schedule{Label: b.label, Every: d.duration("every", Duration(interval.Length), 1, day),
		Jitter: d.duration("jitter", 0, 0, Duration(time.Minute))} // [fzk]
	if s.Every%Duration(interval.Length) != 0 || day%s.Every != 0 {
		d.errorf("every", `Intervals are five minutes long [wyn]: "5m", "10m", "15m", "20m", "30m", "1h", … "1d".`,
			"%s is no multiple of 5m that divides a day", s.Every)
	}
	if s.Offset = d.duration("offset", 0, 0, day); s.Offset%Duration(interval.Length) != 0 || s.Offset >= s.Every {
		d.errorf("offset", "Write how long after 00:00 UTC the first of a day begins.",
			"offset of %s is no multiple of 5m below %s", s.Offset, s.Every)
	}
	l.plan.Schedules = append(l.plan.Schedules, s)
	l.decoders[b.Type+" "+b.label] = d
}

// decodeQuery reads what is asked. What makes the reserved labels special is
// checked later, when reports and schedules are known.
func (l *loader) decodeQuery(b *block) {
	d := l.open(b)
	q := Query{
		Label:        b.label,
		Description:  d.text("description", ""),
		Schedule:     d.oneRef("schedule", "schedule"),
		Servers:      d.refs("servers", "server"),
		QName:        d.question("qname"),
		QType:        d.recordType("qtype"),
		Timeout:      d.duration("timeout", Duration(4*time.Second), Duration(time.Millisecond), Duration(interval.Length)), // [ywz]
		Retries:      int(d.number("retries", 0, 0, 1<<20)),
		OnTruncation: d.enum("on_truncation", KeepTruncated, KeepTruncated, RetryTCP),
		KeepResponse: measurement.Keep(d.enum("keep_response", string(measurement.KeepOdd), measurement.Strings(measurement.Keeps)...)),
		DNSSEC:       d.flag("dnssec", false),
		UDPSize:      uint16(d.number("udp_size", 1220, 512, 65535)), // [rja], reading A21
		NSID:         d.flag("nsid", true),                           // [mgj]
		Pace:         d.duration("pace", Duration(2*time.Millisecond), 0, Duration(time.Second)),
	}
	d.bind(&q)
	q.Transports, q.Families = ofVocabulary(d, "transports", measurement.Transports, measurement.MetricTransports), d.families()
	d.wire(&q)
	q.Expect, q.ExpectRange = d.cel("expect", "what differs between servers is seen as server and query", "that is true of an answer as it should be")
	paths := int64(len(q.Transports) * len(q.Families))
	if paths == 0 {
		paths = int64(len(measurement.Paths)) // reported already
	}
	q.Pick = int(d.number("pick", 0, 1, paths))
	for _, inner := range d.blocks {
		e := l.openBody(inner.Body, typeNamed(d.t.blocks, "choose"), d.ctx, what("choose", inner.Labels[0]), inner.DefRange)
		for _, c := range q.Choices {
			if c.Label == inner.Labels[0] {
				l.errorf(inner.DefRange, "Give it another label.", "%s is there already", e.what)
			}
		}
		q.Choices = append(q.Choices, e.choice(inner.Labels[0]))
		l.decoders["choose "+b.label+" "+inner.Labels[0]] = e
	}

	if q.Retries != 0 {
		d.errorf("retries", "Leave it 0: a query that failed is not asked again [xyl] [dks].", "retries are not allowed")
	}
	switch {
	case len(q.Choices) > 0 && (q.QName != "" || q.QType != ""):
		d.errorf("qname", "Remove qname and qtype, or the choose blocks.", "%s has a question and choose blocks", d.what)
	case len(q.Choices) == 0 && (q.QName == "" || q.QType == "") && !d.reported("qname", "qtype") && !l.faulty[d.at]:
		l.errorf(d.at, "Give qname and qtype, or choose blocks to draw from.", "%s asks nothing", d.what)
	}
	l.plan.Queries = append(l.plan.Queries, q)
	l.decoders[b.Type+" "+b.label] = d
}

// reported tells whether one of the attributes is written; an empty value
// then stands for one that was refused.
func (d *decoder) reported(names ...string) bool {
	for _, n := range names {
		if d.attrs[n] == nil {
			return false
		}
	}
	return true
}

// families reads which address families are used, both by default.
func (d *decoder) families() []measurement.Family {
	return ofVocabulary(d, "families", measurement.Families, measurement.Families)
}

// ofVocabulary reads which words of a vocabulary are used.
func ofVocabulary[T ~string](d *decoder, name string, vocabulary, defaults []T) (all []T) {
	for _, s := range d.enums(name, measurement.Strings(defaults), measurement.Strings(vocabulary)...) {
		all = append(all, T(s))
	}
	return all
}

// choice reads one choose block: RRsets of the zone, or a drawn name.
func (d *decoder) choice(label string) Choice {
	before := len(d.l.diags)
	c := Choice{Label: label, Weight: int(d.number("weight", 1, 1, 1000000)),
		Root: d.recordTypes("root"), TLD: d.recordTypes("tld"), QName: d.question("qname"), QNames: d.qnames(), QType: d.recordType("qtype")}
	for _, it := range d.texts("except") {
		owner, typ, ok := strings.Cut(it.v.AsString(), "/")
		if owner != "." {
			owner = strings.TrimSuffix(owner, ".")
		}
		if !ok || !recordType.MatchString(typ) || !(owner == "." || checkDomain(owner+".")) {
			d.l.errorf(it.at, `Write an owner and a type, such as "arpa./NS".`, "%q is no RRset", it.v.AsString())
			continue
		}
		if owner != "." {
			owner += "."
		}
		c.Except = append(c.Except, strings.ToLower(owner)+"/"+typ)
	}
	zone, drawn := c.FromZone(), len(c.Names()) > 0 || c.QType != ""
	switch {
	case d.has("qname") && d.has("qnames"):
		d.errorf("qname", "Move it into qnames.", "%s has both qname and qnames", d.what)
	case zone && drawn:
		d.l.errorf(d.at, "Use two choose blocks.", "%s has both RRsets of the zone and a question", d.what)
	case drawn && (len(c.Names()) == 0 || c.QType == "") && !d.reported("qname", "qtype") && !d.reported("qnames", "qtype"):
		d.l.errorf(d.at, "Give both qname, or qnames, and qtype.", "%s has half a question", d.what)
	case !zone && !drawn && len(d.l.diags) == before && !d.l.faulty[d.at]:
		d.l.errorf(d.at, "Give root and tld, lists of record types, or qname and qtype.", "%s has nothing to draw from", d.what)
	}
	return c
}

// question reads a question name; <letters:N> stands for N letters drawn anew
// for every query.
func (d *decoder) question(name string) string {
	it, ok := d.get(name)
	if !ok {
		return ""
	}
	s, _ := d.itemQuestion(it)
	return s
}

// itemQuestion reads one question name; false where it was refused.
func (d *decoder) itemQuestion(it item) (string, bool) {
	s, ok := d.itemText(it, "a name")
	if !ok {
		return "", false
	}
	drawn := letters.ReplaceAllStringFunc(s, func(m string) string {
		n, err := strconv.Atoi(letters.FindStringSubmatch(m)[1])
		if err != nil || n < 1 {
			return m // refused below, for its <
		}
		return strings.Repeat("x", n)
	})
	if !checkDomain(drawn) {
		remedy := `Write labels, each followed by a dot; "." is the root; <letters:10> is ten random letters, and a label has at most 63.`
		if checkDomain(drawn + ".") {
			remedy = "Add the dot at the end: " + quote(s+".") + "."
		}
		d.l.errorf(it.at, remedy, "%q is no absolute domain name", s)
		return "", false
	}
	return s, true
}

// recordType reads one record type, empty where absent or refused.
func (d *decoder) recordType(name string) string {
	it, ok := d.get(name)
	if !ok {
		return ""
	}
	return d.itemType(it)
}

// recordTypes reads a list of record types in the order written.
func (d *decoder) recordTypes(name string) []string {
	var all []string
	for _, it := range d.texts(name) {
		if t := d.itemType(it); t != "" {
			all = append(all, t)
		}
	}
	return all
}

// itemType reads the mnemonic of a record type that can be asked for.
func (d *decoder) itemType(it item) string {
	s, ok := d.itemText(it, "a record type")
	switch {
	case !ok:
		return ""
	case !recordType.MatchString(s):
		remedy := `Write the mnemonic, such as "SOA".`
		if recordType.MatchString(strings.ToUpper(s)) {
			remedy = "Write " + quote(strings.ToUpper(s)) + "."
		}
		d.l.errorf(it.at, remedy, "%q is no record type", s)
		return ""
	case slices.Contains(metaTypes, s):
		remedy := "Its answer is no single message, or none is ever asked for."
		if s == "AXFR" || s == "IXFR" {
			remedy = "A query has one answer, and a zone transfer many; zones are fetched by zone_source blocks."
		}
		d.l.errorf(it.at, remedy, "a query cannot ask for %s", s)
		return ""
	case !knownType(s):
		d.l.errorf(it.at, didYouMean(s, recordTypes, "Types"), "%q is no record type", s)
		return ""
	}
	return s
}

// recordTypes are the mnemonics a plan may use; further types go by TYPEnnn.
var recordTypes = strings.Fields(`A AAAA ANY CAA CDNSKEY CDS CNAME CSYNC DNAME DNSKEY DS HINFO HTTPS LOC MX NAPTR
	NS NSEC NSEC3 NSEC3PARAM PTR RRSIG SOA SRV SSHFP SVCB TLSA TXT URI ZONEMD`)

// metaTypes are types that are of no record that one answer could hold, RFC 6895, 3.1.
var metaTypes = strings.Fields("AXFR IXFR MAILA MAILB OPT TKEY TSIG")

// knownType reports whether a query with one answer can ask for s.
func knownType(s string) bool {
	if n, err := strconv.ParseUint(strings.TrimPrefix(s, "TYPE"), 10, 16); err == nil && strings.HasPrefix(s, "TYPE") {
		return n > 0 && n != 41 && (n < 249 || n > 254) // the numbers of metaTypes
	}
	return slices.Contains(recordTypes, s)
}

// decodeTraceroute reads the route traces [vno]. Without after they follow all queries.
func (l *loader) decodeTraceroute(b *block) {
	d := l.open(b)
	t := Traceroute{
		Label:    b.label,
		Schedule: d.oneRef("schedule", "schedule"),
		Servers:  d.refs("servers", "server"),
		Families: d.families(),
		Tool:     d.enum("tool", "scamper", "scamper"),
		Method:   d.enum("method", "icmp-paris", "icmp", "icmp-paris", "tcp", "tcp-ack", "udp", "udp-paris"),
		Limit:    d.duration("limit", 0, Duration(time.Second), Duration(interval.Length)),
		Attempts: int(d.number("attempts", 1, 1, 10)),
		Wait:     d.duration("wait", Duration(time.Second), Duration(time.Second), Duration(10*time.Second)),
		GapLimit: int(d.number("gap_limit", 3, 1, 30)),
		PPS:      int(d.number("pps", 100, 1, 10000)),
	}
	if t.Wait%Duration(time.Second) != 0 {
		d.errorf("wait", `scamper waits whole seconds: "1s", "2s", ….`, "%s is no whole number of seconds", t.Wait)
	}
	t.After = l.labelsOf("query")
	if it, ok := d.get("after"); ok && it.v.Type() != cty.DynamicPseudoType {
		t.After = d.refs("after", "query")
	}
	l.plan.Traceroutes = append(l.plan.Traceroutes, t)
	l.decoders[b.Type+" "+b.label] = d
}
