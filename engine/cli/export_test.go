package cli

import (
	"io"

	"golang.org/x/sys/unix"

	"mtric.net/mtric/engine/clock"
)

// LakePatience lets tests wait less.
var LakePatience = &lakePatience

// RunInTime is Run on a machine whose clock is synchronised, whatever the clock of the
// one that tests.
func RunInTime(args []string, in io.Reader, out, errw io.Writer) int {
	return run(args, in, out, errw, clock.Kernel{Adjtimex: func(t *unix.Timex) (int, error) {
		t.Maxerror = 1000
		return unix.TIME_OK, nil
	}})
}
