package cli_test

import (
	"errors"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
)

// benchFaults make five RSIs miss thresholds: some for days, one all month.
const benchFaults = `
fault "refusing" {
  kind  = "refused"
  rsis  = ["c"]
  paths = ["ipv4/tcp", "ipv6/tcp"]
  from  = "2026-11-02"
  until = "2026-11-08"
}
fault "down" {
  kind  = "down"
  rsis  = ["d", "e"]
  from  = "2026-11-02"
  until = "2026-11-08"
}
fault "slow" {
  kind  = "slow"
  rsis  = ["g"]
  by    = "400ms"
  from  = "2026-11-01"
  until = "2026-12-01"
}
fault "lying" {
  kind    = "wrong"
  rsis    = ["h"]
  from    = "2026-11-03"
  until   = "2026-11-28"
  percent = 2
}
`

// BenchmarkReport is the command over a month of twenty vantage points, dossiers
// included: its memory is the bar, 200 MiB (P1).
func BenchmarkReport(b *testing.B) {
	dir := b.TempDir()
	program := build(b)
	put(b, filepath.Join(dir, "faults.hcl"), benchFaults)
	simulate := []string{"simulate", "--out", "", "--vps", "20", "--from", "2026-11-01", "--until", "2026-12-01", "--seed", "47"}
	for name, more := range map[string][]string{"nobody": nil, "five": {"--faults", filepath.Join(dir, "faults.hcl")}} {
		lake := filepath.Join(dir, name)
		simulate[2] = lake
		// By a process of its own: a child starts with the peak of its parent.
		if out, err := exec.Command(program, append(simulate, more...)...).CombinedOutput(); err != nil {
			b.Fatalf("%v\n%s", err, out)
		}
		b.Run(name+"-failing", func(b *testing.B) {
			var peak int64
			for b.Loop() {
				cmd := exec.Command(program, "report", "--period", "2026-11", "--lake", lake, "--out", b.TempDir(), "--now", "2026-12-10T00:00:00Z")
				out, err := cmd.CombinedOutput()
				var exit *exec.ExitError
				if err != nil && !(errors.As(err, &exit) && exit.ExitCode() == 3) { // a threshold was missed
					b.Fatalf("%v\n%s", err, out)
				}
				if usage, ok := cmd.ProcessState.SysUsage().(*syscall.Rusage); ok {
					peak = max(peak, usage.Maxrss)
				}
				b.ReportMetric((cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()).Seconds(), "cpu-s")
			}
			b.ReportMetric(float64(peak)/1024, "MiB-peak")
		})
	}
}
