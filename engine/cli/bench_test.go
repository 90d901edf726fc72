package cli_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
)

// BenchmarkStart is the start of the program, plan loaded: bar P6 allows 20 ms
// and 30 MiB.
func BenchmarkStart(b *testing.B) {
	program := build(b)
	for _, args := range [][]string{{"version"}, {"plan", "check"}} {
		b.Run(args[0], func(b *testing.B) {
			var peak int64
			for b.Loop() {
				cmd := exec.Command(program, args...)
				if err := cmd.Run(); err != nil {
					b.Fatal(err)
				}
				if usage, ok := cmd.ProcessState.SysUsage().(*syscall.Rusage); ok {
					peak = max(peak, usage.Maxrss)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Microseconds())/1000/float64(b.N), "ms/start")
			b.ReportMetric(float64(peak)/1024, "MiB-peak")
		})
	}
}

// build builds the program as it is deployed.
func build(tb testing.TB) string {
	tb.Helper()
	program := filepath.Join(tb.TempDir(), "mtric")
	build := exec.Command("go", "build", "-trimpath", "-ldflags", "-s -w", "-o", program, "../..")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		tb.Fatalf("go build: %v\n%s", err, out)
	}
	return program
}
