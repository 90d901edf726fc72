package alert

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"mtric.net/mtric/engine/expr"
	"mtric.net/mtric/engine/measurement"
	"mtric.net/mtric/engine/plan"
)

// fed reports the fields of a rule that nothing in the plan can ever feed: it would be
// good, and never fire.
func (c *compiler) fed(r *rule) {
	if c.plan.Doubtful["query"] {
		return // what is missing may be what could not be read
	}
	_, soa := c.plan.Query(measurement.QuerySOA)
	switch r.On {
	case "report":
		if !soa {
			c.unfed(r, "", "reports are made of query soa, and the plan has none", "Every metric is made of the queries soa and correctness.")
		}
	case "run":
		for _, f := range []string{"run.availability", "run.median_latency", "run.newest_serial", "run.oldest_serial"} {
			if slices.Contains(r.names(), f) && !soa {
				c.unfed(r, f, "it is of query soa, and the plan has none", "Use run.answered and run.sent, which are of all queries.")
			}
		}
	case "window":
		c.fedWindow(r)
	}
}

// fedWindow is fed of a rule over windows.
func (c *compiler) fedWindow(r *rule) {
	names := r.names()
	_, judged := c.plan.Query(measurement.QueryCorrectness)
	g := &group{over: r.Over, queries: r.Queries}
	var counted []plan.Query
	for _, q := range c.plan.Queries {
		if g.counts(q.Label) {
			counted = append(counted, q)
		}
	}
	verdicts := []string{"correct", "incorrect", "unchecked", "vantage_points_incorrect", "nsids_incorrect"}
	serials := []string{"newest_serial", "lag"}
	for _, of := range []string{"window.", "previous."} {
		for _, f := range verdicts {
			if slices.Contains(names, of+f) && !judged {
				c.unfed(r, of+f, "it is of query correctness, and the plan has none", "Answers of other queries are not judged against the root zone.")
			}
		}
		for _, f := range serials {
			if slices.Contains(names, of+f) && len(counted) > 0 && !slices.ContainsFunc(counted, asksRootSOA) {
				c.unfed(r, of+f, "it is of root zones, and no query that the rule counts asks for their SOA", "Name one that does, queries = [query.NAME], or leave the field out.")
			}
		}
		if f := of + "unexpected"; slices.Contains(names, f) && len(counted) > 0 && !slices.ContainsFunc(counted, func(q plan.Query) bool { return q.Expect != "" }) {
			c.unfed(r, f, "it counts answers that are not as expected, and no query that the rule counts expects anything", "Add expect to the query, or queries = [query.NAME] with one that has it.")
		}
		if f := of + "bogus"; slices.Contains(names, f) && len(counted) > 0 && !slices.ContainsFunc(counted, c.plan.TellsDNSSEC) {
			c.unfed(r, f, "it counts answers that DNSSEC says are not the zone's, and no query that the rule counts is of a zone with trust anchors", `Add ds to the zone, and to the query dnssec = true and keep_response = "always".`)
		}
		for _, f := range zoneFields[:len(zoneFields)-1] {
			if slices.Contains(names, of+f) && len(counted) > 0 && !slices.ContainsFunc(counted, c.asksZoneSOA) {
				c.unfed(r, of+f, "it is of zones of the plan, and no query that the rule counts asks a zone's servers for its SOA", "Add queries = [query.NAME] with one that does, and a zone block of that name.")
			}
		}
		if f := of + "nsids_missing"; slices.Contains(names, f) && len(counted) > 0 && !slices.ContainsFunc(counted, c.asksSites) {
			c.unfed(r, f, "it is of the sites of servers, and no query that the rule counts asks a server with sites for its identity", "Write sites in the server block, and nsid = true in the query.")
		}
		if f := of + "nsids"; slices.Contains(names, f) && len(counted) > 0 && !slices.ContainsFunc(counted, func(q plan.Query) bool { return q.NSID }) {
			c.unfed(r, f, "it counts identities, and no query that the rule counts asks for any", "Write nsid = true in the query.")
		}
	}
	onlyVerdicts := judged && !slices.ContainsFunc(names, func(name string) bool {
		of, field, _ := strings.Cut(name, ".")
		return (of == "window" || of == "previous") && !slices.Contains(verdicts, field)
	})
	if len(counted) == 0 && !onlyVerdicts {
		var known []string
		for _, q := range c.plan.Queries {
			known = append(known, "query."+q.Label)
		}
		remedy := "Name those that it should count: queries = [" + strings.Join(known[:min(3, len(known))], ", ") + "]."
		c.unfed(r, "", "it counts query soa, and the plan has none", remedy)
	}
}

// asksRootSOA reports whether answers to a query can show serials of root zones.
func asksRootSOA(q plan.Query) bool {
	if len(q.Choices) == 0 {
		return q.QName == "." && q.QType == "SOA"
	}
	return slices.ContainsFunc(q.Choices, func(c plan.Choice) bool {
		return slices.Contains(c.Root, "SOA") || c.QType == "SOA" && slices.Contains(c.Names(), ".")
	})
}

// unfed reports a field where it is read; all of the condition where none is named.
func (c *compiler) unfed(r *rule, field, why, remedy string) {
	t := text{r.Expr, r.ExprRange, 0}
	from, to := strings.Index(r.Expr, field), 0
	if field == "" || from < 0 {
		from = len(r.Expr) - len(strings.TrimLeft(r.Expr, " \t\n"))
		to = from + strings.IndexByte(r.Expr[from:]+"\n", '\n')
	} else {
		to = from + len(field)
	}
	if field != "" && !strings.Contains(r.Expr, field) { // the summary alone reads it
		t = text{r.Summary, r.SummaryRange, 0}
		from = max(strings.Index(r.Summary, field), 0)
		to = min(from+len(field), len(r.Summary))
	}
	c.mistake(t, expr.Mistake{From: from, To: to, Summary: fmt.Sprintf("nothing feeds %s: %s", cmp.Or(field, "the rule"), why), Remedy: remedy})
}
