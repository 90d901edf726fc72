package cli

import (
	"context"
	"io"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"mtric.net/mtric/engine/clock"
	"mtric.net/mtric/engine/comparison"
)

// LakePatience lets tests wait less.
var LakePatience = &lakePatience

// SimulatedTLDs and DemoTLDs let tests have smaller root zones.
var SimulatedTLDs, DemoTLDs = &simulatedTLDs, &demoTLDs

// RunInTime is Run on a machine whose clock is synchronised, whatever the clock of the
// one that tests.
func RunInTime(args []string, in io.Reader, out, errw io.Writer) int {
	return run(args, in, out, errw, clock.Kernel{Adjtimex: func(t *unix.Timex) (int, error) {
		t.Maxerror = 1000
		return unix.TIME_OK, nil
	}})
}

// RunComparing is RunInTime with another way to compare; nil is the program's own.
func RunComparing(compare func(context.Context, comparison.Job) (*comparison.Document, error), args []string, out, errw io.Writer) int {
	if compare != nil {
		was := compareLakes
		compareLakes = compare
		defer func() { compareLakes = was }()
	}
	return RunInTime(args, strings.NewReader(""), out, errw)
}

// Commands are the names of all commands that do something, "plan check".
func Commands() (all []string) {
	root := (&app{in: strings.NewReader(""), out: io.Discard, err: io.Discard}).root()
	var walk func(c *cobra.Command)
	walk = func(c *cobra.Command) {
		if c.HasParent() && c.Runnable() {
			all = append(all, strings.TrimPrefix(c.CommandPath(), root.Name()+" "))
		}
		for _, sub := range c.Commands() {
			walk(sub)
		}
	}
	walk(root)
	return all
}
