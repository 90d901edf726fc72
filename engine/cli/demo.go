package cli

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"mtric.net/mtric/engine/clock"
	"mtric.net/mtric/engine/interval"
	"mtric.net/mtric/engine/lab"
	"mtric.net/mtric/engine/measurement"
	"mtric.net/mtric/engine/plan"
	"mtric.net/mtric/engine/report"
	"mtric.net/mtric/engine/rootzone"
	"mtric.net/mtric/engine/transfer"
)

// What the demo plants, so that the table has something to show.
const (
	demoIntervals = 4   // with faults, the last of them an hour after the others: longer than a zone may take
	demoRecovered = 2   // without, an hour later: only then a mismatch accuses, and only then the rules look past it
	demoRefusing  = "c" // refuses TCP
	demoSlow      = "f"
	demoFlipping  = "i"                    // one bit of its answers differs
	demoStale     = "k"                    // serves a zone that was replaced more than 48 hours ago
	demoLate      = "l"                    // has the new zone an interval late
	demoUnsynced  = "501"                  // a vantage point whose clock is not synchronised
	demoDelay     = 300 * time.Millisecond // misses the threshold over UDP [zuc], meets it over TCP [bpl]
	demoSeed      = 1                      // of the questions: the stale zone shows in one of ten, and must be among nine
)

// demoTLDs is the size of the demo's root zones, that of the real one; tests may make it
// less.
var demoTLDs = lab.DefaultTLDs

type demoOptions struct {
	keep  string
	serve bool
}

func (a *app) demoCommand() *cobra.Command {
	var o demoOptions
	c := &cobra.Command{
		Use:   "demo",
		Short: "Show the whole system on this machine: no internet, no root",
		Long: `Demo starts thirteen root servers in this process, five of them with a fault, lets
three vantage points measure them for four intervals and push the files by SFTP, ingests
them on a collector, and writes the month's report, in which the faults stand out. The
plan's rules raise an alert for each; then the faults end, and after two more intervals
so do the alerts.

With --plan it does the same by another plan of the library, or by a copy of one, and writes
the reports that the plan has: of RSSAC047, or of objectives. Servers are the demo's own of
the same name, a.root-servers.net to m.root-servers.net and ns1.example to ns4.example, which
have the zone example.`,
		Example: "  mtric demo\n  mtric demo --plan zone\n  mtric demo --plan my-plan --keep my-demo",
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if a.flags.home != "" || a.flags.lake != "" {
				return usagef("demo has homes and a lake of its own; --keep DIR says where")
			}
			return a.demo(c.Context(), o)
		},
	}
	c.Flags().StringVar(&o.keep, "keep", "", "keep all files in this `DIR` (default: a new folder below the temporary one)")
	c.Flags().BoolVar(&o.serve, "serve", false, "keep the root servers up afterwards, until interrupted")
	return c
}

// demoWorld is what the demo starts: name servers, a dropbox, the plan with what is laid
// over it.
type demoWorld struct {
	app     *app
	dir     string
	present time.Time
	zones   []*lab.Zone // of the last days, oldest first; the last is published in the second interval
	system  *lab.System // root servers; nil where the plan asks none
	dropbox *transfer.Dropbox
	serving chan error // what ended the dropbox
	vars    []string
	given   []string // of --plan; nil: the demo's own plan
	plan    *plan.Plan
	other   demoOther // where the plan has no report of RSSAC047

	folder   string // of the report
	document *report.Document
	rows     []measurement.Answer // while the faults lasted, read back from the lake
	all      int                  // answers that the lake has in the end
	alerts   []string             // lines of the collector's alert files, oldest first
	later    bool                 // an hour has gone by
	healed   bool                 // the faults have ended
}

func (a *app) demo(ctx context.Context, o demoOptions) (err error) {
	w := &demoWorld{app: a, dir: o.keep}
	if err := w.choose(); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, w.close()) }()
	if a.flags.dryRun {
		return w.wouldDo()
	}
	for _, step := range w.steps() {
		began := time.Now()
		w.say("  %-76s", step.what)
		if err := step.do(ctx); err != nil {
			w.say("\n")
			return err
		}
		w.say(" %5.1f s\n", time.Since(began).Seconds())
	}
	if err := w.print(); err != nil {
		return err
	}
	w.printPages()
	if o.serve {
		return w.serve(ctx)
	}
	return nil
}

// serve keeps the servers up, with their faults again, until it is interrupted.
func (w *demoWorld) serve(ctx context.Context) error {
	if err := w.plant(); err != nil {
		return err
	}
	w.say("\nThe %s, with their faults again, stay up until you press Ctrl-C.\n", w.served())
	if w.given != nil {
		w.say("From another terminal: %s query %s --query %s %s\n", w.app.self, w.asked()[0].RSI, w.plan.Queries[0].Label, strings.Join(w.planFlags(), " "))
		<-ctx.Done()
		return nil
	}
	w.say("They are measured every five minutes; the pages show it when they are loaded again.\n")
	return w.goOn(ctx)
}

// demoStep is a line of what the demo does.
type demoStep struct {
	what string
	do   func(context.Context) error
}

// steps are those of what the plan has.
func (w *demoWorld) steps() []demoStep {
	if !w.judges() {
		return w.otherSteps()
	}
	return []demoStep{
		{"three root zones of the real one's shape, signed with keys of their own", w.makeZones},
		{"13 root servers on 127.0.53.1 to .13 and ::1", w.startServers},
		{"an SFTP dropbox as the collector has it", w.startDropbox},
		{w.places(), w.makeVantagePoints},
		{"the collector: the zones by AXFR from a, proved by their anchor, day by day", w.fetchZones},
		{fmt.Sprintf("%d intervals at each, the last an hour later: 65 queries, then the push", demoIntervals), w.measureFaults},
		{"ingest: rows into the lake, each correctness answer judged, rules evaluated", w.ingest},
		{"ingest an hour later: only now a stale zone accuses, after another zone fetch", w.ingestLater},
		{"the monthly report, and its proof from the lake", w.report},
		{fmt.Sprintf("the faults end: %d more intervals, and ingest", demoRecovered), w.recover},
		{"the site: what is so now, and what was, as pages", w.makePages},
	}
}

// wouldDo says what the demo does, and where its files would go.
func (w *demoWorld) wouldDo() error {
	steps := []string{}
	for _, step := range w.steps() {
		steps = append(steps, step.what)
	}
	dir := cmp.Or(w.dir, filepath.Join(os.TempDir(), "mtric-demo-…"))
	if w.app.flags.json {
		return w.app.printJSON(map[string]any{"folder": dir, "steps": steps})
	}
	_, err := fmt.Fprintf(w.app.out, "would do, with all files in %s:\n  %s\n", dir, strings.Join(steps, "\n  "))
	return err
}

func (w *demoWorld) say(format string, args ...any) {
	if !w.app.flags.quiet && !w.app.flags.json {
		fmt.Fprintf(w.app.out, format, args...)
	}
}

func (w *demoWorld) close() error {
	var errs []error
	for _, s := range []*lab.System{w.system, w.other.system} {
		if s != nil {
			errs = append(errs, s.Close())
		}
	}
	if w.dropbox != nil {
		errs = append(errs, w.dropbox.Close())
	}
	if w.serving != nil {
		errs = append(errs, <-w.serving)
	}
	return errors.Join(errs...)
}

func (w *demoWorld) makeZones(context.Context) error {
	if err := w.makeFolder(); err != nil {
		return err
	}
	var err error
	w.zones, err = demoZones(w.present, demoTLDs)
	return err
}

func (w *demoWorld) makeFolder() error {
	var err error
	if w.dir == "" {
		w.dir, err = os.MkdirTemp("", "mtric-demo-")
	} else {
		w.dir, err = filepath.Abs(w.dir)
	}
	if err != nil {
		return err
	}
	if _, err := os.Stat(w.collector()); err == nil {
		return usagef("demo: %s holds an earlier demo; remove it, or name another folder", w.dir)
	}
	if err := os.MkdirAll(w.dir, 0o755); err != nil {
		return err
	}
	w.setPresent(w.app.clock())
	return nil
}

func (w *demoWorld) startServers(context.Context) error {
	system, err := lab.Start(lab.Config{Zone: w.zones[0], TLS: true, Versions: true})
	w.system = system
	return err
}

func (w *demoWorld) faults() []lab.Fault {
	return []lab.Fault{
		{Kind: lab.Refuse, RSIs: []measurement.RSI{demoRefusing}, Transports: []measurement.Transport{measurement.TCP}},
		{Kind: lab.Delay, RSIs: []measurement.RSI{demoSlow}, Delay: demoDelay},
		{Kind: lab.Stale, RSIs: []measurement.RSI{demoStale}, Zone: w.zones[0]},
		{Kind: lab.BitFlip, RSIs: []measurement.RSI{demoFlipping}, Types: []string{"NS", "DS", "DNSKEY", "A"}},
	}
}

func (w *demoWorld) startDropbox(context.Context) error {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return fmt.Errorf("dropbox: %w", err)
	}
	_, port, err := net.SplitHostPort(l.Addr().String())
	if err != nil {
		return err
	}
	if w.given != nil {
		if err := w.writeSite(port); err != nil {
			return err
		}
	} else {
		w.vars = []string{"port_base=" + strconv.Itoa(w.system.PortBase()), "sftp_port=" + port, fmt.Sprintf("ipv6=%t", w.system.IPv6), "anchor=" + w.anchor(), "measured=" + w.measured()}
	}
	reader := &app{out: w.app.out, err: w.app.err, flags: w.flags()}
	if w.plan, err = reader.loadPlan(); err != nil {
		return err
	}
	if w.dropbox, err = transfer.NewDropbox(filepath.Join(w.collector(), "sftp")); err != nil {
		return err
	}
	w.serving = make(chan error, 1)
	go func() { w.serving <- w.dropbox.Serve(l) }()
	return nil
}

// flags are those of the plan: the demo's own with its variables, or the one that was given
// with the site laid over it.
func (w *demoWorld) flags() flags {
	if w.given == nil {
		return flags{plans: []string{"demo"}, embedded: true, vars: w.vars}
	}
	return flags{plans: append(slices.Clone(w.given), w.site()), vars: w.vars}
}

// anchor is the data of the DS record of the root zone's key.
func (w *demoWorld) anchor() string {
	_, anchor, _ := strings.Cut(w.newest().DS(), "\tDS\t")
	return anchor
}

// home is the folder of one vantage point.
func (w *demoWorld) home(vp measurement.VantagePoint) string { return filepath.Join(w.dir, string(vp)) }

// collector is the home of the collector.
func (w *demoWorld) collector() string { return filepath.Join(w.dir, collector) }

// command is the program as that machine would run it.
func (w *demoWorld) command(machine, home string, now time.Time) *app {
	kernel := clock.Kernel{Adjtimex: w.adjtimex(machine)}
	f := w.flags()
	f.home, f.vp, f.quiet, f.now = home, machine, true, now.Format(time.RFC3339)
	return &app{in: w.app.in, out: w.app.out, err: w.app.err, hostname: w.app.hostname, clock: w.app.clock, adjtimex: kernel, flags: f}
}

func (w *demoWorld) zoneDir() string {
	return filepath.Join(w.collector(), w.plan.Paths.Output, "RootZones")
}

// anchorFile has the trust anchor of the demo's root zones, beside them.
func (w *demoWorld) anchorFile() string { return filepath.Join(w.zoneDir(), "anchors.ds") }

// report writes the report of the month so far and verifies it.
func (w *demoWorld) report(ctx context.Context) error {
	month := w.label(0)
	c := w.command(collector, w.collector(), w.after())
	err := c.report(ctx, reportOptions{style: string(report.Monthly), period: month.Format("2006-01")})
	var exit *exitError
	if err != nil && (!errors.As(err, &exit) || exit.code != exitFindings && exit.code != exitPartly) {
		return err
	}
	w.folder = filepath.Join(w.collector(), w.plan.Paths.Reports, report.Folder(report.Monthly, interval.Month(month)))
	full := filepath.Join(w.folder, "internal", "full.json")
	f, err := os.Open(full)
	if err != nil {
		return err
	}
	w.document, err = report.Read(f)
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	c.out = io.Discard
	if err := c.verify(ctx, full, nil); err != nil {
		return err
	}
	w.rows, err = w.received()
	return err
}

// makeVantagePoints gives each its key, the pinned host key and a root zone.
func (w *demoWorld) makeVantagePoints(context.Context) error {
	c := w.plan.Collector
	for _, vp := range w.plan.VantagePoints {
		home := w.home(vp.ID)
		authorized, err := transfer.GenerateKey(under(home, c.SFTP.Key))
		if err != nil {
			return err
		}
		if err := w.dropbox.Allow("transfer-"+string(vp.ID), authorized); err != nil {
			return err
		}
		known := transfer.KnownHostsLine(c.Host, c.SFTP.Port, w.dropbox.HostKey())
		if err := os.WriteFile(under(home, c.SFTP.KnownHosts), []byte(known), 0o600); err != nil {
			return err
		}
		if w.zones == nil {
			continue
		}
		zones := filepath.Join(home, w.plan.Paths.Output, "RootZones")
		if err := os.MkdirAll(zones, 0o755); err != nil {
			return err
		}
		var text bytes.Buffer
		zone := w.zones[len(w.zones)-2]
		if _, err := zone.WriteTo(&text); err != nil {
			return err
		}
		name := rootzone.FileName(zone.Serial)
		if err := os.WriteFile(filepath.Join(zones, name), text.Bytes(), 0o644); err != nil {
			return err
		}
	}
	return nil
}
