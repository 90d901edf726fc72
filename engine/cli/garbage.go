package cli

import (
	"os"
	"runtime/debug"
)

// How garbage is collected is a setting of the whole process: only commands make it, each
// while it does what needs it.
const (
	// reportGarbage is the growth of memory, in percent, at which garbage is collected
	// while a report is made or verified. The cubes hold no pointers and stay until dossiers are made:
	// collecting often costs little, and keeps what the reader drops from doubling the
	// memory. Of a month of 20 vantage points 20 took 11 % more time, 50 12 % more memory.
	reportGarbage = 30

	// rowsGarbage is the same of commands that write out the rows of days: the wires of a row
	// group are there as long as its rows are, and what is made of them is gone at once. A day
	// of 20 vantage points took 400 MiB by the usual 100, and no less time.
	rowsGarbage = 20

	// dayGarbage is the same of commands that make days of the lake, as long as dayMemory
	// is far, from where on garbage is collected more eagerly. A day of twenty vantage points
	// that comes at once lives in some 140 MB; what the process has beside dayMemory is 20.
	dayGarbage = 50
	dayMemory  = 216 << 20
)

// collectAt sets at which growth garbage is collected, in percent, until the result is
// called.
func collectAt(percent int) (restore func()) {
	old := debug.SetGCPercent(percent)
	return func() { debug.SetGCPercent(old) }
}

// collectForDays does so for commands that make days, unless GOMEMLIMIT says otherwise.
func collectForDays() (restore func()) {
	if os.Getenv("GOMEMLIMIT") != "" {
		return func() {}
	}
	percent, limit := collectAt(dayGarbage), debug.SetMemoryLimit(dayMemory)
	return func() { percent(); debug.SetMemoryLimit(limit) }
}
