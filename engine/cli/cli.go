// Package cli is the command line: flags, wiring, printing and exit codes. What
// the commands do lives in the other packages; Run is the whole program.
package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"mtric.net/mtric/engine/alert"
	"mtric.net/mtric/engine/clock"
	"mtric.net/mtric/engine/diag"
	"mtric.net/mtric/engine/expect"
)

// Version is the engine's version, set at release by the linker.
var Version = "1.0.0-dev"

// Exit codes, the same for every command.
const (
	exitDone        = 0
	exitFailed      = 1
	exitUsage       = 2
	exitFindings    = 3
	exitPartly      = 4
	exitBusy        = 5
	exitInterrupted = 130
	exitPipe        = 141 // what a shell gives to a program that SIGPIPE ends
)

// exitError ends the program with a code of its own. A nil err says that
// whatever there was to say has been printed.
type exitError struct {
	code int
	err  error
}

func (e *exitError) Error() string {
	if e.err == nil {
		return ""
	}
	return e.err.Error()
}

func (e *exitError) Unwrap() error { return e.err }

// usagef is a mistake of the user's: exit 2.
func usagef(format string, args ...any) error {
	return &exitError{exitUsage, fmt.Errorf(format, args...)}
}

// busyf says that there is nothing to do here: exit 5.
func busyf(format string, args ...any) error {
	return &exitError{exitBusy, fmt.Errorf(format, args...)}
}

// findingsf says that all was done and something was found: exit 3.
func findingsf(format string, args ...any) error {
	return &exitError{exitFindings, fmt.Errorf(format, args...)}
}

// app is one call of the program: its streams and the world it runs in.
type app struct {
	in       io.Reader
	out, err io.Writer
	flags    flags
	self     string               // how the user calls the program
	rules    *alert.Rules         // of the plan that was loaded last
	expected *expect.Expectations // likewise

	hostname func() (string, error)
	clock    func() time.Time // the true clock; commands use now, which --now may replace
	adjtimex clock.Kernel     // how far the clock can be trusted
}

// Run is the program: it never exits and never touches the process's own
// streams. The result is the exit code.
func Run(args []string, in io.Reader, out, errw io.Writer) int {
	return run(args, in, out, errw, clock.Kernel{})
}

// run is Run with another kernel to ask of its clock.
func run(args []string, in io.Reader, out, errw io.Writer, kernel clock.Kernel) int {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	defer context.AfterFunc(ctx, stop)() // a second signal ends the program at once
	closed := make(chan os.Signal, 1)
	signal.Notify(closed, syscall.SIGPIPE) // who wants no more of our output (head) must not kill us
	defer signal.Stop(closed)
	pipe := &output{Writer: out}
	a := &app{in: in, out: pipe, err: errw, self: os.Args[0], hostname: os.Hostname, clock: time.Now, adjtimex: kernel}
	root := a.root()
	root.SetArgs(args)
	root.SetIn(in)
	root.SetOut(pipe)
	root.SetErr(errw)
	err := root.ExecuteContext(ctx)
	if err != nil && pipe.closed {
		return exitPipe // who closed the output needs no message
	}
	return a.exit(err)
}

// output is the standard output, and knows whether its reader has gone.
type output struct {
	io.Writer
	closed bool
}

func (o *output) Write(p []byte) (int, error) {
	n, err := o.Writer.Write(p)
	o.closed = o.closed || errors.Is(err, syscall.EPIPE)
	return n, err
}

// exit prints what is left to say of err and returns its code.
func (a *app) exit(err error) int {
	if err == nil {
		return exitDone
	}
	code, text := exitCode(err), err.Error()
	if code == exitInterrupted { // a person pressed Ctrl-C and knows of no contexts
		text = strings.ReplaceAll(text, context.Canceled.Error(), "interrupted")
	}
	switch {
	case text == "", errors.As(err, new(repeated)) && !isTerminal(a.err):
	case a.flags.json:
		_ = json.NewEncoder(a.err).Encode(map[string]any{"error": text, "exit_code": code}) // nobody is left to tell
	default:
		fmt.Fprintf(a.err, "mtric: %s\n", diag.PrintableLines(text))
	}
	return code
}

// exitCode is the exit code of an error.
func exitCode(err error) int {
	var exit *exitError
	switch {
	case errors.As(err, &exit):
		return exit.code
	case errors.Is(err, context.Canceled):
		return exitInterrupted
	}
	return exitFailed
}

func (a *app) root() *cobra.Command {
	root := &cobra.Command{
		Use:   "mtric",
		Short: "Measure the DNS root server system as RSSAC047v2 asks",
		Long: `Mtric measures the DNS root server system as RSSAC047v2 asks, and proves what it says.

On a vantage point cron runs "mtric measure" every five minutes; "mtric demo"
shows the whole system on this machine.`,
		Version:       Version,
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          cobra.NoArgs,
		RunE:          func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	root.SetFlagErrorFunc(func(c *cobra.Command, err error) error {
		err = usagef("%w\nTry \"%s --help\".", err, c.CommandPath())
		a.mistyped(c, err)
		return err
	})
	a.flags.add(root.PersistentFlags())
	root.AddCommand(a.measureCommand(), a.pushCommand(), a.queryCommand(), a.showCommand(), a.checkCommand(),
		a.planCommand(), a.zoneCommand(), a.simulateCommand(), a.ingestCommand(), a.deriveCommand(), a.siteCommand(), a.reportCommand(), a.verifyCommand(), a.disputeCommand(), a.exportCommand(), a.rebuildCommand(), a.importCommand(), a.snapshotCommand(), a.backtestCommand(), a.watchCommand(), a.demoCommand(), a.rehearseCommand(), a.manCommand(), a.versionCommand())
	root.CompletionOptions.HiddenDefaultCmd = false
	root.InitDefaultHelpCmd()
	root.InitDefaultCompletionCmd()
	for _, c := range root.Commands() {
		switch c.Name() {
		case "completion": // else it shows its help and exits 0, whatever the shell
			c.RunE, c.Args = func(c *cobra.Command, _ []string) error { return c.Help() }, cobra.NoArgs
		case "help":
			c.Args = func(_ *cobra.Command, args []string) error {
				if _, rest, err := root.Find(args); err != nil || len(rest) > 0 {
					return fmt.Errorf("unknown command %q for \"mtric\"", strings.Join(args, " "))
				}
				return nil
			}
		}
	}
	arrangeHelp(root)
	a.completeValues(root)
	markUsage(root)
	return root
}

// markUsage makes wrong arguments of every command a usage error.
func markUsage(c *cobra.Command) {
	c.SuggestionsMinimumDistance = 2
	if check := c.Args; check != nil {
		c.Args = func(c *cobra.Command, args []string) error {
			err := check(c, args)
			if err == nil {
				return nil
			}
			if near := c.SuggestionsFor(strings.Join(args, " ")); len(near) > 0 {
				return usagef("%w\nDid you mean \"%s\"?", err, near[0])
			}
			return usagef("%w\nTry \"%s --help\".", err, c.CommandPath())
		}
	}
	for _, sub := range c.Commands() {
		markUsage(sub)
	}
}

func (a *app) versionCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print the version",
		Args:  cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			if a.flags.json {
				return a.printJSON(map[string]string{"version": Version})
			}
			_, err := fmt.Fprintln(a.out, Version)
			return err
		},
	}
}
