package plan

import (
	"strings"

	"mtric.net/mtric/engine/measurement"
)

// attribute is an attribute of a block: what kind of value it takes and its
// default, both in words for docs/plan-language.md; must is set where there is
// no default.
type attribute struct {
	name, kind, def string
	must            bool
}

// blockType is a kind of block, top-level or inner. Label says in words what
// its label is, empty where it has none; every labelled top-level block takes
// for_each as well.
type blockType struct {
	kind, label string
	attrs       []attribute
	blocks      []blockType
}

// need is an attribute that must be written.
func need(name, kind string) attribute { return attribute{name: name, kind: kind, must: true} }

// may is an attribute with a default.
func may(name, kind, def string) attribute { return attribute{name: name, kind: kind, def: def} }

// some is a list of words of a vocabulary.
func some[T ~string](name string, vocabulary, unlessTold []T) attribute {
	return may(name, "list of "+words(vocabulary), listed(unlessTold))
}

// words writes a vocabulary as the language's page does, listed as a plan does.
func words[T ~string](vocabulary []T) string {
	return strings.Join(measurement.Strings(vocabulary), ", ")
}

func listed[T ~string](vocabulary []T) string {
	return `["` + strings.Join(measurement.Strings(vocabulary), `", "`) + `"]`
}

// address is a server's address of the family, bound a threshold's for the transport.
func address(f measurement.Family) attribute {
	return may(string(f), f.Title()+" address", "none")
}

func bound(t measurement.Transport) attribute { return may(string(t), "object with at_most", "none") }

// note is the schema that exclusions and annotations share.
var note = []attribute{
	need("by", "text"), need("reason", "text"), need("added", "time"),
	need("from", "time"), need("until", "time"),
	may("vantage_points", "list of labels", "[]"), may("rsis", "list of RSIs", "[]"), may("paths", "list of paths", "[]"),
}

// language is every block of the plan language, in the order of
// docs/plan-language.md; a test compares the two.
var language = []blockType{
	{kind: "plan", label: "name of the plan", attrs: []attribute{
		may("description", "text", `""`), may("requires", "version constraint", "any version"),
		may("paths", "object", "see below"), may("export_sources", "true or false", "false"),
	}},
	{kind: "variable", label: "name of the variable", attrs: []attribute{
		may("type", "type", "any"), may("default", "value of the type", "none: must be set"), may("description", "text", `""`),
	}, blocks: []blockType{{kind: "validation", attrs: []attribute{
		need("condition", "true or false"), need("error", "text"),
	}}}},
	{kind: "locals"},
	{kind: "vantage_point", label: "three digits", attrs: []attribute{
		may("host", "text", `"LABEL.mtric.net"`), need("region", "one of africa, asia_pacific, europe, latin_america, north_america"),
		need("metro", "text"), may("provider", "text", `""`), may("from", "time", "open"), may("until", "time", "open"),
		may("latitude", "number", "unknown"), may("longitude", "number", "unknown"), may("asn", "number", "unknown"),
	}},
	{kind: "collector", label: "c00", attrs: []attribute{
		may("host", "text", `"c00.mtric.net"`), may("sftp", "object", "see below"),
	}},
	{kind: "server", label: "name of the group", attrs: []attribute{
		need("rsi", "text"), may("name", "absolute name", "RSI.root-servers.net. of a to m"), may("port", "number", "53"),
		address(measurement.IPv4), address(measurement.IPv6), may("sites", "list of texts", "[]"),
		may("tls", "object with port, verify, pins", "not asked over TLS"),
	}, blocks: []blockType{{kind: "address", attrs: []attribute{
		address(measurement.IPv4), address(measurement.IPv6),
		may("valid_from", "time", "open"), may("valid_until", "time", "open"),
	}}}},
	{kind: "schedule", label: "name", attrs: []attribute{
		need("every", "duration"), may("offset", "duration", `"0s"`), may("jitter", "duration", `"0s"`),
	}},
	{kind: "query", label: "name", attrs: []attribute{
		may("description", "text", `""`), need("schedule", "reference to a schedule"), need("servers", "reference to servers, or a list"),
		may("qname", "absolute name", "none: choose blocks"), may("qtype", "record type", "none: choose blocks"),
		some("transports", measurement.Transports, measurement.MetricTransports), some("families", measurement.Families, measurement.Families),
		may("pick", "number", "all paths"), may("timeout", "duration", `"4s"`), may("retries", "number", "0"),
		may("on_truncation", "one of keep, retry_tcp", `"keep"`), may("keep_response", "one of "+words(measurement.Keeps), quote(string(measurement.KeepOdd))),
		may("dnssec", "true or false", "false"), may("udp_size", "number", "1220"), may("nsid", "true or false", "true"),
		may("pace", "duration", `"2ms"`), may("vantage_points", "list of labels", "all"), may("regions", "list of "+strings.Join(regions, ", "), "all"),
		may("class", "one of "+strings.Join(Classes, ", "), `"IN"`), may("recursion_desired", "true or false", "false"), may("checking_disabled", "true or false", "false"),
		may("authentic_data", "true or false", "false"), may("edns", "true or false", "true"), may("client_subnet", "network", "none"),
		may("edns_options", "object of codes", "{}"), may("random_case", "true or false", "true"),
		may("expect", "CEL", measurement.NoError),
	}, blocks: []blockType{{kind: "choose", label: "name", attrs: []attribute{
		may("weight", "number", "1"), may("root", "list of record types", "[]"), may("tld", "list of record types", "[]"),
		may("except", "list of owner/TYPE", "[]"), may("qname", "absolute name", "none"), may("qnames", "list of absolute names", "[]"), may("qtype", "record type", "none"),
	}}}},
	{kind: "traceroute", label: "name", attrs: []attribute{
		need("schedule", "reference to a schedule"), need("servers", "reference to servers, or a list"),
		some("families", measurement.Families, measurement.Families), may("after", "list of references to queries", "all queries"),
		may("tool", "one of scamper", `"scamper"`), may("method", "one of icmp, icmp-paris, tcp, tcp-ack, udp, udp-paris", `"icmp-paris"`),
		need("limit", "duration"), may("attempts", "number", "1"), may("wait", "duration", `"1s"`),
		may("gap_limit", "number", "3"), may("pps", "number", "100"),
	}},
	{kind: "zone_source", label: "name", attrs: []attribute{
		may("priority", "number", "100"), may("url", "URL", "none"), may("axfr", "host or host:port", "none"), may("file", "path", "none"),
		may("timeout", "duration", `"60s"`), may("max_size", "number of bytes", "16777216"),
	}},
	{kind: "anchor", label: "key tag", attrs: []attribute{
		need("ds", "DS record data"), may("valid_from", "time", "open"), may("valid_until", "time", "open"),
	}},
	{kind: "threshold", label: "name of the metric", attrs: []attribute{
		may("at_least", "percent", "none"), may("at_most", "duration", "none"),
		bound(measurement.UDP), bound(measurement.TCP), may("n", "number", "any"),
	}, blocks: []blockType{{kind: "change", attrs: []attribute{
		need("from", "time"), may("at_least", "percent", "none"), may("at_most", "duration", "none"),
		bound(measurement.UDP), bound(measurement.TCP), may("n", "number", "any"),
	}}}},
	{kind: "rule", label: "name", attrs: []attribute{
		need("on", "one of run, window, machine, report"), may("where", "one of vantage_point, collector", "both"),
		may("over", "list of rsi, family, transport, vantage_point, query, serial, key", "[]"), may("queries", "list of references to queries", "[query.soa]"), may("window", "duration", "none"),
		may("hold", "duration", `"0s"`), need("expr", "CEL"), need("severity", "one of info, warning, critical"),
		need("summary", "text with {placeholders}"), may("runbook", "text", `""`),
	}},
	{kind: "silence", label: "name", attrs: []attribute{
		need("match", "object of labels"), need("reason", "text"), need("from", "time"), need("until", "time"),
	}},
	{kind: "exclusion", label: "name", attrs: note},
	{kind: "annotation", label: "name", attrs: note},
	{kind: "report", label: "name", attrs: []attribute{
		need("period", "one of week, month"), may("publish", "list of text, json, html", `["text", "json", "html"]`),
	}},
	{kind: "retention", label: "one of sent, originals, quarantine, logs, lake", attrs: []attribute{
		need("keep", `duration or "forever"`),
	}},
}

// typeNamed finds a block type, nil where there is none.
func typeNamed(types []blockType, kind string) *blockType {
	for i := range types {
		if types[i].kind == kind {
			return &types[i]
		}
	}
	return nil
}

// kinds lists the names of block types, for suggestions.
func kinds(types []blockType) []string {
	var all []string
	for _, t := range types {
		all = append(all, t.kind)
	}
	return all
}

// names lists the attributes of a block; for_each only at the top level.
func (t *blockType) names() []string {
	var all []string
	for _, a := range t.attrs {
		all = append(all, a.name)
	}
	return all
}
