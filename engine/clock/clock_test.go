package clock_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"golang.org/x/sys/unix"

	"mtric.net/mtric/engine/clock"
)

func TestState(t *testing.T) {
	for _, c := range []struct {
		name   string
		timex  unix.Timex
		state  int
		err    error
		synced *bool
		us     *int64
	}{
		{"synchronised", unix.Timex{Status: unix.STA_PLL, Maxerror: 1234}, unix.TIME_OK, nil, new(true), new(int64(1234))},
		{"leap second pending", unix.Timex{Status: unix.STA_INS}, unix.TIME_INS, nil, new(true), new(int64(0))},
		{"unsynchronised", unix.Timex{Status: unix.STA_UNSYNC, Maxerror: 16_000_000}, unix.TIME_ERROR, nil, new(false), new(int64(16_000_000))},
		{"error state only", unix.Timex{}, unix.TIME_ERROR, nil, new(false), new(int64(0))},
		{"not told", unix.Timex{}, 0, unix.ENOSYS, nil, nil},
	} {
		kernel := clock.Kernel{Adjtimex: func(b *unix.Timex) (int, error) {
			if b.Modes != 0 {
				t.Error("the clock would be changed")
			}
			*b = c.timex
			return c.state, c.err
		}}
		if diff := cmp.Diff(clock.State{Synchronized: c.synced, ErrorUS: c.us}, kernel.State(), cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.name, diff)
		}
	}
	if state := new(clock.Kernel).State(); state.Synchronized == nil || state.ErrorUS == nil || *state.ErrorUS < 0 {
		t.Errorf("this kernel says nothing of its clock: %+v", state)
	}
}
