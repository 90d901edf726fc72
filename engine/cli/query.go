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

func (a *app) queryCommand() *cobra.Command {
	var o queryOptions
	c := &cobra.Command{
		Use:   "query RSI [NAME TYPE]",
		Short: "Send one query exactly as the engine does and show the row and the answer",
		Long: `Query asks one RSI of the plan one question, exactly as measure does: the same
matching, timer and outcomes. It takes the options of the plan's query --query, and its
question by default. Without --query ". SOA" is asked as the plan's query "soa"
and anything else as its query "correctness"; where the plan has none of that label, as
a query block that gives no options. Flags change single options.
It writes nothing. No answer is exit 3.`,
		Example: `  mtric query k . SOA --tcp -6
  mtric query a org. DS --json
  mtric query k hostname.bind TXT --class CH
  mtric query ns1 --query apex --tls`,
		Args: cobra.MaximumNArgs(3),
		RunE: func(c *cobra.Command, args []string) error {
			o.given = c.Flags().Changed
			return a.query(c.Context(), args, o)
		},
	}
	o.flags(c.Flags())
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
	q, err := o.build(p, label, args)
	if err != nil {
		return err
	}
	if a.flags.dryRun {
		_, err := fmt.Fprintf(a.out, "would ask %s at %s port %d over %s/%s: %s %s%s\n", q.RSI, q.Address, q.Port, q.Family, q.Transport, q.Name, classBefore(q.Class), q.Type)
		return err
	}
	vp := measurement.VantagePoint(a.flags.vp)
	prober := &probe.Prober{Now: now, Log: newLogger(a.err), Expect: a.expected}
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

// findServer finds the server that the first argument names.
func findServer(p *plan.Plan, args []string) (plan.Server, error) {
	var rsi string
	if len(args) > 0 {
		rsi = args[0]
	}
	var known []string
	for _, s := range p.Servers {
		if string(s.RSI) == rsi {
			return s, nil
		}
		known = append(known, string(s.RSI))
	}
	slices.Sort(known)
	if len(args) == 0 {
		return plan.Server{}, usagef("query: say which RSI is asked; plan %s has %s", p.Name, strings.Join(known, ", "))
	}
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
	if row.TLSUS != nil {
		fmt.Fprintf(&b, ";; TLS %s after %s ms: %s\n", *row.TLSVersion, millis(row.TLSUS), *row.TLSAuth)
	}
	if row.TLSSPKI != nil {
		fmt.Fprintf(&b, ";; pin %s, certificate until %s\n", *row.TLSSPKI, stamp(*row.TLSNotAfter))
	}
	if row.FirstLatencyUS != nil {
		fmt.Fprintf(&b, ";; truncated over UDP after %s ms, asked again over TCP\n", millis(row.FirstLatencyUS))
	}
	for _, e := range row.Extra {
		fmt.Fprintf(&b, ";; a further datagram (%s) after %s ms: %x\n", e.Kind, millis(&e.AfterUS), e.Wire)
	}
	return b.String()
}
