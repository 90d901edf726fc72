package cli

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"mtric.net/mtric/engine/interval"
	"mtric.net/mtric/engine/measurement"
	"mtric.net/mtric/engine/plan"
	"mtric.net/mtric/engine/probe"
)

type queryOptions struct {
	tcp, four, six bool
}

func (a *app) queryCommand() *cobra.Command {
	var o queryOptions
	c := &cobra.Command{
		Use:   "query RSI NAME TYPE",
		Short: "Send one query exactly as the engine does and show the row and the answer",
		Long: `Query asks one RSI of the plan one question, exactly as measure does: the same
options, matching, timer and outcomes. ". SOA" is asked as the plan's query "soa",
anything else as its query "correctness". It writes nothing. No answer is exit 3.`,
		Example: "  mtric query k . SOA --tcp -6\n  mtric query a org. DS --json",
		Args:    cobra.ExactArgs(3),
		RunE:    func(c *cobra.Command, args []string) error { return a.query(c.Context(), args, o) },
	}
	c.Flags().BoolVar(&o.tcp, "tcp", false, "over TCP")
	c.Flags().BoolVarP(&o.four, "ipv4", "4", false, "over IPv4 (default where the RSI has it)")
	c.Flags().BoolVarP(&o.six, "ipv6", "6", false, "over IPv6")
	return c
}

func (a *app) query(ctx context.Context, args []string, o queryOptions) error {
	if o.four && o.six {
		return usagef("-4 and -6: one query goes over one family")
	}
	p, err := a.loadPlan()
	if err != nil {
		return err
	}
	now, err := a.now()
	if err != nil {
		return err
	}
	label := interval.Of(now())
	q, err := o.build(p, label, args[0], args[1], args[2])
	if err != nil {
		return err
	}
	if a.flags.dryRun {
		_, err := fmt.Fprintf(a.out, "would ask %s at %s port %d over %s/%s: %s %s\n", q.RSI, q.Address, q.Port, q.Family, q.Transport, q.Name, q.Type)
		return err
	}
	vp := measurement.VantagePoint(a.flags.vp)
	prober := &probe.Prober{Now: now, Log: newLogger(a.err)}
	row, wire := prober.Ask(ctx, vp, label, q)
	if err := a.printQuery(row, wire); err != nil {
		return err
	}
	if ctx.Err() != nil {
		return &exitError{code: exitInterrupted}
	}
	if row.Outcome != measurement.Answered {
		return &exitError{code: exitFindings}
	}
	return nil
}

// build is the query as the plan's block of its kind would have it.
func (o queryOptions) build(p *plan.Plan, label time.Time, rsi, name, qtype string) (measurement.Query, error) {
	server, err := findServer(p, rsi)
	if err != nil {
		return measurement.Query{}, err
	}
	kind := measurement.QueryCorrectness
	if name == "." && strings.EqualFold(qtype, "SOA") {
		kind = measurement.QuerySOA
	}
	block, ok := p.Query(kind)
	if !ok {
		return measurement.Query{}, usagef("plan %s: has no query %q to take the options from", p.Name, kind)
	}
	q := measurement.Query{Label: kind, RSI: server.RSI, Transport: measurement.UDP, Port: server.Port,
		Name: name, Type: strings.ToUpper(qtype), NSID: block.NSID, DNSSEC: block.DNSSEC, UDPSize: block.UDPSize,
		RetryTCP: block.OnTruncation == plan.RetryTCP, Timeout: time.Duration(block.Timeout), Keep: measurement.KeepAlways}
	if o.tcp {
		q.Transport = measurement.TCP
	}
	if q.Name, err = probe.CheckQuestion(name, q.Type); err != nil {
		return q, usagef("%w", err)
	}
	q.Family, q.Address, err = o.address(server, label)
	return q, err
}

// address picks the family asked for, else IPv4 where the RSI has it.
func (o queryOptions) address(s plan.Server, label time.Time) (measurement.Family, netip.Addr, error) {
	families, what := measurement.Families, "address"
	switch {
	case o.four:
		families, what = families[:1], "IPv4 address"
	case o.six:
		families, what = families[1:], "IPv6 address"
	}
	for _, f := range families {
		if address, ok := s.AddressAt(f, label); ok {
			return f, address, nil
		}
	}
	return "", netip.Addr{}, usagef("RSI %q: has no %s at %s; mtric plan show says what is asked", s.RSI, what, stamp(label))
}

func findServer(p *plan.Plan, rsi string) (plan.Server, error) {
	var known []string
	for _, s := range p.Servers {
		if string(s.RSI) == rsi {
			return s, nil
		}
		known = append(known, string(s.RSI))
	}
	slices.Sort(known)
	return plan.Server{}, usagef("RSI %q: plan %s has none of that name; it has %s", rsi, p.Name, strings.Join(known, ", "))
}

// printQuery prints the row that measure would write, then the parsed answer.
func (a *app) printQuery(row measurement.Answer, wire []byte) error {
	if a.flags.json {
		return a.printJSON(answerJSON(row))
	}
	if err := writeTable(a.out, answerHeader, []measurement.Answer{row}, answerCells); err != nil {
		return err
	}
	fmt.Fprint(a.out, extraFacts(row))
	if wire != nil {
		fmt.Fprintf(a.out, "\n%s", probe.Text(wire))
	}
	return nil
}

// extraFacts are the facts of a row that its table has no room for, one a line.
func extraFacts(row measurement.Answer) string {
	var b strings.Builder
	for _, f := range []struct {
		name string
		n    *int32
	}{{"source port", row.SourcePort}, {"TTL of the reply", row.ReplyTTL}, {"segments sent again", row.TCPRetransmits}} {
		if f.n != nil {
			fmt.Fprintf(&b, ";; %s %d\n", f.name, *f.n)
		}
	}
	if row.FirstLatencyUS != nil {
		fmt.Fprintf(&b, ";; truncated over UDP after %s ms, asked again over TCP\n", millis(row.FirstLatencyUS))
	}
	for _, e := range row.Extra {
		fmt.Fprintf(&b, ";; a further datagram (%s) after %s ms: %x\n", e.Kind, millis(&e.AfterUS), e.Wire)
	}
	return b.String()
}
