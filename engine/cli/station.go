package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/gofrs/flock"
	"github.com/spf13/cobra"

	"mtric.net/mtric/engine/alert"
	"mtric.net/mtric/engine/plan"
)

// station is one machine of the system as its commands see it: where its files
// lie, its log, its alert file and its time.
type station struct {
	machine string // nnn or c00
	plan    *plan.Plan

	home, output, sent, zones, logs, state string

	now  func() time.Time
	log  *slog.Logger
	book *alert.Book

	closeLog func() error
}

// openStation makes the folders that are missing and opens the log.
func (a *app) openStation(p *plan.Plan, machine string) (*station, error) {
	home, err := a.home()
	if err != nil {
		return nil, err
	}
	now, err := a.now()
	if err != nil {
		return nil, err
	}
	s := &station{machine: machine, plan: p, now: now, home: home,
		output: under(home, p.Paths.Output), logs: under(home, p.Paths.Logs), state: under(home, p.Paths.State)}
	s.sent, s.zones = filepath.Join(s.output, "Sent"), filepath.Join(s.output, "RootZones")
	_, err = os.Stat(s.logs)
	first := errors.Is(err, fs.ErrNotExist)
	for _, dir := range []string{s.output, s.sent, s.zones, s.logs, s.state} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return nil, fmt.Errorf("folder %s: %w", dir, err)
		}
	}
	if first { // Prometheus' exporter reads the alerts, whatever the umask
		if err := os.Chmod(s.logs, 0o755); err != nil {
			return nil, fmt.Errorf("folder %s: %w", s.logs, err)
		}
	}
	s.book = &alert.Book{Machine: machine, Logs: s.logs, State: bookState(s.state, p, machine), Now: now, Rules: a.rules}
	s.log, s.closeLog, err = openLog(s.logs, machine)
	return s, err
}

// bookState is where a machine remembers its alerts: on one machine that is vantage point
// and collector, each has a folder of its own. There may be no plan.
func bookState(state string, p *plan.Plan, machine string) string {
	if p != nil && p.OneMachine() {
		return filepath.Join(state, machine)
	}
	return state
}

// lock takes the lock of a command and returns what gives it back. Another
// holder is exit 5.
func (s *station) lock(command string) (func() error, error) {
	path := filepath.Join(s.state, command+".lock")
	l := flock.New(path)
	held, err := l.TryLock()
	if err != nil {
		return nil, fmt.Errorf("lock %s: %w", path, err)
	}
	if !held {
		s.log.Warn("another run holds the lock", "command", command, "lock", path)
		return nil, busyf("%s: another run holds %s", command, path)
	}
	return l.Unlock, nil
}

// condition notes in the alert file whether something that needs a person
// holds, and in the log why. It says whether that begins or ends now, or cannot be noted.
func (s *station) condition(command, name string, severity alert.Severity, err error) (turned bool) {
	c := alert.Condition{Rule: "mtric." + command, Severity: severity,
		Labels: []alert.Label{{Name: "condition", Value: name}}}
	if err != nil {
		c.Summary = err.Error()
		s.log.Error(name, "command", command, "error", err)
	} else {
		c.Summary = "no longer so"
	}
	turned, failed := s.book.Turn(c, err != nil)
	if failed != nil {
		s.log.Error("alert not written", "error", failed)
	}
	return turned || failed != nil
}

// repeated is an error that an earlier run has told. Away from a terminal it is not told
// again, or cron would mail it every five minutes; the exit code stays.
type repeated struct{ error }

func (r repeated) Unwrap() error { return r.error }

// ran notes how a command ended that another one did on its way.
func (s *station) ran(command string, success bool) {
	if err := s.book.Ran(command, success); err != nil {
		s.log.Error("alert metrics not written", "error", err)
	}
}

// ended notes how a command that cron runs ended: for the text file metrics, and a
// fatal error as a line. It returns the command's error, with its own where that cannot
// be noted (a full disk): then it is told by the exit code. It works without a plan, for a plan that does not load is
// such an error. A run that was interrupted or had nothing to do says nothing.
func (a *app) ended(command string, p *plan.Plan, err error) error {
	var exit *exitError
	coded := errors.As(err, &exit)
	if a.flags.dryRun || errors.Is(err, context.Canceled) || coded && (exit.code == exitBusy || exit.code == exitInterrupted) {
		return err
	}
	machine, nameErr := a.machine()
	home, homeErr := a.home()
	now, nowErr := a.now()
	if errors.Join(nameErr, homeErr, nowErr) != nil {
		return err
	}
	logs, state := "Logs", "State"
	if p != nil {
		logs, state = p.Paths.Logs, p.Paths.State
	}
	book := &alert.Book{Machine: machine, Logs: under(home, logs), State: bookState(under(home, state), p, machine), Now: now, Rules: a.rules}
	if there, statErr := exists(book.Logs); statErr == nil && !there {
		return err // run by hand, on no machine of the system
	}
	var noted error
	switch {
	case err == nil, coded && exit.code != exitUsage && exit.code != exitFailed: // done, with something to say
		noted = book.Ran(command, true)
	case err.Error() == "":
		noted = book.Fatal(command, errors.New("the plan has mistakes; mtric plan check shows them"))
	default:
		noted = book.Fatal(command, err)
	}
	switch {
	case noted == nil:
		return err
	case err == nil:
		return findingsf("%s: done, but it cannot be noted: %w", command, noted)
	case err.Error() == "":
		return &exitError{code: exitCode(err), err: noted}
	}
	return errors.Join(err, noted)
}

// mistyped tells of a wrong flag in a line of the crontab, as of any fatal error; of
// one that a person typed the terminal tells.
func (a *app) mistyped(c *cobra.Command, err error) {
	command := strings.TrimPrefix(c.CommandPath(), c.Root().Name()+" ")
	switch command {
	case "ingest", "report", "site":
		a.flags.vp = collector
	case "measure", "push", "zone fetch", "watch":
	default:
		return
	}
	if !isTerminal(a.err) {
		_ = a.ended(command, nil, err) // of a wrong flag all is told already
	}
}

// exists says whether there is a file of that name.
func exists(path string) (bool, error) {
	_, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil, err
}
