package probe

import "golang.org/x/sys/unix"

// Clock tells how far this machine's clock can be trusted [ugt]. The zero value
// asks the kernel.
type Clock struct {
	// Adjtimex is unix.Adjtimex unless told.
	Adjtimex func(*unix.Timex) (state int, err error)
}

// ClockState is what the kernel's clock discipline says: whether the clock is
// synchronised, and its greatest error in microseconds. Both are nil where the
// kernel does not say.
type ClockState struct {
	Synchronized *bool
	ErrorUS      *int64
}

// State reads the clock's state and changes nothing.
func (c Clock) State() ClockState {
	adjtimex := c.Adjtimex
	if adjtimex == nil {
		adjtimex = unix.Adjtimex
	}
	var t unix.Timex
	state, err := adjtimex(&t)
	if err != nil {
		return ClockState{}
	}
	return ClockState{
		Synchronized: new(t.Status&unix.STA_UNSYNC == 0 && state != unix.TIME_ERROR),
		ErrorUS:      new(int64(t.Maxerror)),
	}
}
