package cli

import (
	"context"
	crand "crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/google/renameio/v2"
	"github.com/spf13/cobra"

	"mtric.net/mtric/engine/alert"
	"mtric.net/mtric/engine/column"
	"mtric.net/mtric/engine/files"
	"mtric.net/mtric/engine/interval"
	"mtric.net/mtric/engine/measurement"
	"mtric.net/mtric/engine/originals"
	"mtric.net/mtric/engine/plan"
	"mtric.net/mtric/engine/probe"
	"mtric.net/mtric/engine/rootzone"
	"mtric.net/mtric/engine/spool"
)

// Time limits of what follows the queries (docs/architecture.md, "Data flow"):
// nothing may cost a measurement.
const (
	deliverLimit = 30 * time.Second // to push the new answers before the traces
	quietBefore  = 30 * time.Second // nothing is done any more before the next interval
)

type measureOptions struct {
	noWait bool
	seed   uint64
	seeded bool
}

func (a *app) measureCommand() *cobra.Command {
	var o measureOptions
	c := &cobra.Command{
		Use:   "measure",
		Short: "Measure one interval: ask every RSI, write and push the answers, trace the routes",
		Long: `Measure asks every query that the plan has for the present interval, once, waits
for the answers, writes them to Output/ and pushes them to the collector; then it
traces the routes. Cron runs it every five minutes on each vantage point.`,
		Example: "  mtric measure --vp 101 --home /tmp/101 --no-wait\n  mtric measure --plan plans/rssac047 --plan local --dry-run",
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			o.seeded = c.Flags().Changed("seed")
			return a.measure(c.Context(), o)
		},
	}
	c.Flags().BoolVar(&o.noWait, "no-wait", false, "start at once, without the random wait")
	c.Flags().Uint64Var(&o.seed, "seed", 0, "draw questions and order from this `NUMBER` to repeat a run (default: random)")
	return c
}

// measure is the command: it ends with the error that its exit code is made of.
func (a *app) measure(ctx context.Context, o measureOptions) (err error) {
	var p *plan.Plan
	defer func() { err = a.ended("measure", p, err) }()
	vp, err := a.vantagePoint()
	if err != nil {
		return err
	}
	if p, err = a.loadPlan(); err != nil {
		return err
	}
	r, err := o.rand()
	if err != nil {
		return err
	}
	if a.flags.dryRun {
		if err := knownVantagePoint(p, vp); err != nil {
			return err
		}
		return a.printDraw(p.For(vp), r)
	}
	s, err := a.openStation(p, string(vp))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.closeLog()) }()
	unlock, err := s.lock("measure")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, unlock()) }()

	started := s.now()
	if err := knownVantagePoint(p, vp); err != nil {
		s.log.Warn("what is measured enters no rule and no report", "error", err)
		if !a.flags.quiet && (a.flags.vp != "" || isTerminal(a.err)) { // else cron would mail it every five minutes
			fmt.Fprintf(a.err, "mtric: %v; what is measured enters no rule and no report\n", err)
		}
	}
	m := &measuring{station: s, vp: vp, rand: r, started: started, label: interval.Of(started), app: a}
	if err := m.begin(); err != nil {
		return err
	}
	m.tidy() // before the queries: a full disk must be able to heal
	if !o.noWait {
		m.wait(ctx)
	}
	return m.run(ctx)
}

// knownVantagePoint refuses a vantage point that the plan does not have. One without any
// has all of them. Measuring goes on all the same: what was measured can be looked at later.
func knownVantagePoint(p *plan.Plan, vp measurement.VantagePoint) error {
	var known []string
	for _, v := range p.VantagePoints {
		if v.ID == vp {
			return nil
		}
		known = append(known, string(v.ID))
	}
	if len(known) == 0 {
		return nil
	}
	return usagef("vantage point %s: plan %s has none of that number; it has %s", vp, p.Name, strings.Join(known, ", "))
}

func (o measureOptions) rand() (*rand.Rand, error) {
	var seed [32]byte
	if o.seeded {
		binary.LittleEndian.PutUint64(seed[:], o.seed)
	} else if _, err := crand.Read(seed[:]); err != nil {
		return nil, fmt.Errorf("random seed: %w", err)
	}
	return rand.New(rand.NewChaCha8(seed)), nil
}

// measuring is one interval at one vantage point.
type measuring struct {
	*station
	app     *app
	vp      measurement.VantagePoint
	label   time.Time // of the interval, whatever the jitter [wyn]
	started time.Time
	jitter  time.Duration
	rand    *rand.Rand

	facts    measurement.Run      // the runs row, known once the answers are in
	rows     []measurement.Answer // likewise
	findings []error              // what went wrong after the answers were safe
}

// file is the path of the interval's file of a table.
func (m *measuring) file(table column.Table) string {
	return filepath.Join(m.output, spool.Name(m.label, m.vp, table))
}

// begin refuses an interval that has been measured and logs those that were
// skipped.
func (m *measuring) begin() error {
	answers := m.file(column.Answers)
	places := []string{answers, filepath.Join(m.sent, filepath.Base(answers))}
	if m.plan.OneMachine() { // what was sent went on at once, and ingest may have taken it
		kept := originals.Store{Dir: under(m.home, m.plan.Paths.Originals)}
		places = append(places, filepath.Join(m.dropbox(), filepath.Base(answers)),
			kept.Path(originals.Name{Label: m.label, VantagePoint: m.vp, Kind: originals.Answers}))
	}
	for _, file := range places {
		there, err := exists(file)
		if err != nil {
			return err
		}
		if there {
			m.log.Warn("interval measured already", "interval", m.label, "file", file)
			return busyf("interval %s: measured already, %s; the next one begins at %s", interval.Format(m.label), file, stamp(m.label.Add(interval.Length)))
		}
	}
	memory := filepath.Join(m.state, "last-interval")
	if data, err := os.ReadFile(memory); err == nil {
		if last, err := interval.Parse(strings.TrimSpace(string(data))); err == nil {
			if skipped := int(m.label.Sub(last)/interval.Length) - 1; skipped > 0 {
				m.log.Warn("intervals skipped", "count", skipped, "after", last, "before", m.label)
			}
		}
	}
	if err := renameio.WriteFile(memory, []byte(interval.Format(m.label)+"\n"), 0o644, renameio.WithTempDir(m.state)); err != nil {
		m.log.Error("last interval not noted", "error", err) // a line of the log must not cost a measurement
	}
	return nil
}

// wait is the random wait at the start of an interval [fzk]. An interruption
// ends it: the rows are written all the same.
func (m *measuring) wait(ctx context.Context) {
	m.jitter = interval.Jitter(m.rand, dueJitter(m.plan, m.label))
	select {
	case <-time.After(m.jitter):
	case <-ctx.Done():
	}
}

// dueJitter is the longest jitter of the schedules due: one draw a run.
func dueJitter(p *plan.Plan, label time.Time) time.Duration {
	var most time.Duration
	for _, s := range p.Schedules {
		if s.Due(label) {
			most = max(most, time.Duration(s.Jitter))
		}
	}
	return most
}

// run asks, writes and pushes; then come the traces and what is left over, which
// may fail without harm to the answers.
func (m *measuring) run(ctx context.Context) error {
	answers, err := m.ask(ctx)
	if err != nil {
		return err
	}
	if ctx.Err() != nil {
		m.log.Warn("interrupted; the answers so far are written", "interval", m.label)
		return &exitError{code: exitInterrupted, err: fmt.Errorf("interval %s: interrupted; the answers so far are in %s", interval.Format(m.label), answers)}
	}
	end := m.label.Add(interval.Length - quietBefore)
	m.deliver(ctx, min(deliverLimit, end.Sub(m.now())), only(answers))
	m.leavePlan()
	m.runRules()
	if err := m.trace(ctx, end); err != nil {
		m.log.Error("routes not written", "error", err)
		m.findings = append(m.findings, err)
	}
	m.deliver(ctx, end.Sub(m.now()), m.unsent)
	if ctx.Err() != nil {
		return &exitError{code: exitInterrupted, err: errors.New("interrupted after the answers were written")}
	}
	if len(m.findings) == 0 {
		return nil
	}
	found := m.findings
	if news := slices.DeleteFunc(slices.Clone(found), func(err error) bool { return errors.As(err, new(repeated)) }); len(news) > 0 {
		found = news
	}
	return findingsf("interval %s: measured, but %w", interval.Format(m.label), errors.Join(found...))
}

// ask sends the interval's queries and writes the answers. Nothing that is
// wrong with the correctness queries' zone may cost the others (fault F13).
func (m *measuring) ask(ctx context.Context) (string, error) {
	asked := m.plan.For(m.vp)
	queries := probe.Draw(asked, m.label, m.newestZone(asked), m.rand)
	bar := m.app.progress(len(queries), "asking")
	memory := filepath.Join(m.state, "shown.json")
	shown, err := probe.ReadShown(memory)
	if err != nil {
		m.log.Error("more answers are kept than need be", "error", err)
	}
	prober := &probe.Prober{Now: m.now, Log: m.log, Shown: shown, Expect: m.app.expected, Progress: func(int, int) { bar.step() }}
	began := time.Now()
	result := prober.Run(ctx, m.vp, m.label, queries)
	bar.done()
	m.facts, m.rows = m.runRow(result, time.Since(began)), result.Answers
	path := m.file(column.Answers)
	if err := column.Write(path, result.Answers, m.metadata()); err != nil {
		return "", err
	}
	if err := files.WriteSidecar(path); err != nil {
		return "", err
	}
	if err := shown.Write(memory); err != nil { // not before the answers that are kept are safe
		m.log.Error("more answers will be kept than need be", "error", err)
	}
	m.log.Info("interval measured", "interval", m.label, "planned", m.facts.Planned, "answered", m.facts.Answered,
		"elapsed_ms", m.facts.ElapsedMS, "timestamps", m.facts.Timestamps)
	return path, nil
}

// newestZone returns the newest good zone, or nil: then the correctness queries
// ask the root's own RRsets. Either way an alert says what is wrong. Where no query draws
// from a zone none is needed.
func (m *measuring) newestZone(asked *plan.Plan) *rootzone.Zone {
	if !asked.DrawsFromZone() {
		m.condition("measure", "root-zone", alert.Warning, nil)
		return nil
	}
	zone, err := rootzone.Newest(m.zones)
	if err != nil {
		err = fmt.Errorf("correctness asks the root's own RRsets only: %w; mtric zone add puts one into %s", err, m.zones)
	} else if len(zone.Skipped) > 0 {
		err = fmt.Errorf("an older root zone is used: %w", errors.Join(zone.Skipped...))
	}
	m.condition("measure", "root-zone", alert.Warning, err)
	return zone
}

func (m *measuring) runRow(r probe.Result, elapsed time.Duration) measurement.Run {
	run := measurement.Run{
		VantagePoint: m.vp, Interval: m.label, StartedAt: m.started.UTC().Truncate(time.Microsecond),
		JitterMS: int32(m.jitter.Milliseconds()), ElapsedMS: int32(elapsed.Milliseconds()),
		Planned: int32(len(r.Answers)), EngineVersion: Version, Plan: m.plan.Name, PlanSHA256: m.plan.SHA256(),
		Timestamps: "user", SourceIPv4: r.SourceIPv4, SourceIPv6: r.SourceIPv6,
	}
	for _, row := range r.Answers {
		if row.Outcome == measurement.Answered {
			run.Answered++
		}
	}
	if r.KernelTimestamps {
		run.Timestamps = "kernel"
	}
	clock := m.app.adjtimex.State()
	run.ClockSynchronized, run.ClockErrorUS = clock.Synchronized, clock.ErrorUS
	return run
}

func (m *measuring) metadata() column.Metadata {
	return column.Metadata{Version: Version, Plan: m.plan.Name, PlanSHA256: m.facts.PlanSHA256, Run: &m.facts}
}

// tidy deletes what was sent longer ago than the plan keeps it, and what a
// killed run left half written.
func (m *measuring) tidy() {
	err := m.removeOld(m.output, m.label.Add(-24*time.Hour), func(name string) (string, bool) { return strings.CutPrefix(name, ".") })
	if keep := m.plan.Keep("sent"); keep != nil {
		err = errors.Join(err, m.removeOld(m.sent, m.now().Add(-*keep), func(name string) (string, bool) { return name, true }))
	}
	if err != nil {
		m.log.Error("old files not removed", "error", err)
		m.findings = append(m.findings, err)
	}
}

// removeOld removes the files of intervals before oldest from a folder; named
// tells from a file's name the one that begins with an interval, if it is of
// that kind.
func (m *measuring) removeOld(dir string, oldest time.Time, named func(string) (string, bool)) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return fmt.Errorf("old files: %w", err)
	}
	for _, e := range entries {
		name, ours := named(e.Name())
		stamp, _, _ := strings.Cut(name, "-")
		label, err := interval.Parse(stamp)
		if !ours || err != nil || !label.Before(oldest) {
			continue
		}
		if err := os.Remove(filepath.Join(dir, e.Name())); err != nil {
			return fmt.Errorf("old files: %w", err)
		}
	}
	return nil
}
