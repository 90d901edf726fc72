package probe_test

import (
	"io"
	"log/slog"
	"os"
	"testing"

	"go.uber.org/goleak"
)

// TestMain lets the benchmarks start this binary once more as their server, so
// that the two do not share a scheduler and a garbage collector.
func TestMain(m *testing.M) {
	if os.Getenv(serverEnv) != "" {
		os.Exit(serveBenchmarks(os.Stdin, os.Stdout))
	}
	goleak.VerifyTestMain(m)
}

func newLog(w io.Writer) *slog.Logger { return slog.New(slog.NewTextHandler(w, nil)) }
