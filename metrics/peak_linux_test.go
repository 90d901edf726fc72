package metrics_test

import (
	"os"
	"runtime/debug"
	"strconv"
	"strings"
	"testing"
)

// forgetPeak gives unused memory back and begins the peak anew: making the lake must
// not count for reading it (proc(5), clear_refs).
func forgetPeak(tb testing.TB) {
	tb.Helper()
	old := debug.SetGCPercent(30) // as mtric report does
	tb.Cleanup(func() { debug.SetGCPercent(old) })
	debug.FreeOSMemory()
	if err := os.WriteFile("/proc/self/clear_refs", []byte("5"), 0); err != nil {
		tb.Logf("the peak of memory is that of the whole process: %v", err)
	}
}

// peakMiB is the most memory the process had since forgetPeak; 0 where the kernel
// does not say.
func peakMiB() float64 {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(status)) {
		if value, found := strings.CutPrefix(line, "VmHWM:"); found {
			kib, err := strconv.ParseFloat(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(value), "kB")), 64)
			if err != nil {
				return 0
			}
			return kib / 1024
		}
	}
	return 0
}
