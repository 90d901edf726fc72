package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"mtric.net/mtric/engine/alert"
	"mtric.net/mtric/engine/column"
	"mtric.net/mtric/engine/files"
	"mtric.net/mtric/engine/plan"
	"mtric.net/mtric/engine/transfer"
)

// pushLimit bounds "mtric push" by hand; under measure the interval does.
const pushLimit = 4 * time.Minute

func (a *app) pushCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "push",
		Short: "Send what is unsent to the collector",
		Long: `Push sends every complete file that lies in Output/ to this vantage point's dropbox
on the collector and moves what was delivered to Output/Sent/. Where the plan has no
collector and dropboxes of its own, on one machine, it moves them there.`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return a.push(c.Context()) },
	}
}

func (a *app) push(ctx context.Context) (err error) {
	var p *plan.Plan
	defer func() { err = a.ended("push", p, err) }()
	vp, err := a.vantagePoint()
	if err != nil {
		return err
	}
	if p, err = a.loadPlan(); err != nil {
		return err
	}
	if p.Collector == nil && !p.OneMachine() {
		return usagef("plan %s: has no collector block, so there is nowhere to push to; on one machine give it dropboxes, paths = { dropboxes = \"Dropboxes/{vantage_point}\" }", p.Name)
	}
	if a.flags.dryRun {
		return a.printWaiting(p)
	}
	s, err := a.openStation(p, string(vp))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.closeLog()) }()
	ctx, cancel := context.WithTimeout(ctx, pushLimit)
	defer cancel()
	sent, err := s.send(ctx, a, s.unsent)
	if err != nil {
		return fmt.Errorf("%d files sent: %w", len(sent), err)
	}
	if !a.flags.quiet && (isTerminal(a.err) || a.flags.json) {
		return a.printSent(sent)
	}
	return nil
}

func (a *app) printSent(sent []string) error {
	if a.flags.json {
		if sent == nil {
			sent = []string{}
		}
		return a.printJSON(map[string][]string{"sent": sent})
	}
	_, err := fmt.Fprintf(a.out, "%d files sent\n", len(sent))
	return err
}

// printWaiting is the dry run: the files that a push would send, nothing touched.
func (a *app) printWaiting(p *plan.Plan) error {
	home, err := a.home()
	if err != nil {
		return err
	}
	files, err := waiting(under(home, p.Paths.Output))
	if err != nil {
		return err
	}
	for _, f := range files {
		fmt.Fprintln(a.out, f)
	}
	return nil
}

// waiting lists the files of a vantage point that lie in Output, oldest first.
func waiting(output string) ([]string, error) {
	entries, err := os.ReadDir(output)
	if err != nil {
		return nil, fmt.Errorf("unsent files: %w", err)
	}
	var files []string
	for _, e := range entries {
		if transfer.Outbound(e.Name()) {
			files = append(files, filepath.Join(output, e.Name()))
		}
	}
	return files, nil
}

// unsent lists what is to be pushed; the caller holds the push lock. A file that
// a killed run left without its sidecar is whole, since it was renamed into
// place: it gets its sidecar here, else its interval would neither be sent nor
// measured again. What cannot be sealed is told and does not hold the others.
func (s *station) unsent() ([]string, error) {
	found, err := waiting(s.output)
	if err != nil {
		return nil, err
	}
	var failed []error
	for _, f := range found {
		sealed, err := exists(files.Sidecar(f))
		if err != nil || sealed {
			failed = append(failed, err)
			continue
		}
		if err := readable(f); err != nil {
			failed = append(failed, fmt.Errorf("unsent file: %w; move it away", err))
			continue
		}
		s.log.Warn("sidecar was missing", "file", filepath.Base(f))
		failed = append(failed, files.WriteSidecar(f))
	}
	ready, err := transfer.Unsent(s.output)
	return ready, errors.Join(append(failed, err)...)
}

// readable says what is wrong with a file that is to be sent.
func readable(file string) error {
	if !strings.HasSuffix(file, ".json") {
		_, err := column.Which(file)
		return err
	}
	text, err := os.ReadFile(file)
	if err == nil && !json.Valid(text) {
		err = fmt.Errorf("%s: not JSON, or cut short", file)
	}
	return err
}

// send lists files and pushes them, both under the push lock, so that no two
// pushes take the same file, and notes in the alert file whether something
// cannot be delivered: away from a terminal that is told when it begins and when it ends,
// as watch does. An interruption says nothing about the collector and leaves that as it
// was.
func (s *station) send(ctx context.Context, a *app, list func() ([]string, error)) ([]string, error) {
	unlock, err := s.lock("push")
	if err != nil {
		return nil, err
	}
	files, listed := list()
	var result transfer.Result
	switch {
	case len(files) == 0:
	case s.plan.OneMachine():
		result.Sent, err = transfer.Hand(files, s.dropbox())
	default:
		bar := a.progress(len(files), "pushing")
		result, err = s.pusher(bar.step).Push(ctx, files)
		bar.done()
	}
	err = errors.Join(listed, err)
	if !errors.Is(ctx.Err(), context.Canceled) {
		turned := s.condition("push", "unsent", alert.Warning, err)
		if len(files) > 0 {
			s.ran("push", err == nil)
		}
		switch {
		case err != nil && !turned:
			err = repeated{err}
		case err == nil && turned && !isTerminal(a.err):
			fmt.Fprintln(a.err, "mtric: push: what was unsent is delivered")
		}
	}
	for _, f := range result.Sent {
		s.log.Info("sent", "file", filepath.Base(f))
	}
	return result.Sent, errors.Join(err, unlock())
}

// dropbox is where this vantage point's files go on a machine that is the collector too.
func (s *station) dropbox() string {
	return strings.ReplaceAll(under(s.home, s.plan.Paths.Dropboxes), "{vantage_point}", s.machine)
}

// pusher is what reaches this vantage point's dropbox on the plan's collector.
func (s *station) pusher(sent func()) *transfer.Pusher {
	c := s.plan.Collector
	return &transfer.Pusher{
		Target: transfer.Target{
			Host:       c.Host,
			Port:       c.SFTP.Port,
			User:       strings.ReplaceAll(c.SFTP.User, "{vantage_point}", s.machine),
			KeyFile:    under(s.home, c.SFTP.Key),
			KnownHosts: under(s.home, c.SFTP.KnownHosts),
			Directory:  c.SFTP.Directory,
		},
		Sent:     s.sent,
		Log:      s.log,
		Progress: sent,
	}
}

// deliver pushes what list names within limit. A push that fails is an alert and
// a finding; the files stay and the next interval sends them.
func (m *measuring) deliver(ctx context.Context, limit time.Duration, list func() ([]string, error)) {
	if m.plan.OneMachine() {
		limit = deliverLimit // nothing is sent, and a rename disturbs no interval
	}
	if m.plan.Collector == nil && !m.plan.OneMachine() || limit <= 0 || ctx.Err() != nil {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	_, err := m.send(ctx, m.app, list)
	var busy *exitError
	if errors.As(err, &busy) {
		return // another push runs and will send these files or leave them to the next interval
	}
	if err != nil {
		m.findings = append(m.findings, err)
	}
}

// only lists one file, unless another push has delivered it meanwhile.
func only(file string) func() ([]string, error) {
	return func() ([]string, error) {
		there, err := exists(file)
		if !there {
			return nil, err
		}
		return []string{file}, nil
	}
}
