// Package clock asks the kernel how far this machine's clock can be trusted [ugt].
package clock

import "golang.org/x/sys/unix"

// Kernel is the kernel's clock discipline. The zero value asks that of this machine.
type Kernel struct {
	// Adjtimex is unix.Adjtimex by default.
	Adjtimex func(*unix.Timex) (state int, err error)
}

// State is what the clock discipline says: whether the clock is synchronised, and its
// greatest error in microseconds. Both are nil where the kernel does not say.
type State struct {
	Synchronized *bool
	ErrorUS      *int64
}

// State reads the clock's state and changes nothing.
func (k Kernel) State() State {
	adjtimex := k.Adjtimex
	if adjtimex == nil {
		adjtimex = unix.Adjtimex
	}
	var t unix.Timex
	state, err := adjtimex(&t)
	if err != nil {
		return State{}
	}
	return State{
		Synchronized: new(t.Status&unix.STA_UNSYNC == 0 && state != unix.TIME_ERROR),
		ErrorUS:      new(int64(t.Maxerror)),
	}
}
