package cli_test

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
)

// bench runs a command as a process of its own and reports its CPU time and its peak of
// memory. A child starts with the peak of its parent: nothing large may have happened here.
func bench(b *testing.B, program string, args ...string) {
	b.Helper()
	var peak int64
	var cpu float64
	for b.Loop() {
		cmd := exec.Command(program, args...)
		var exit *exec.ExitError
		if err := cmd.Run(); err != nil && !(errors.As(err, &exit) && exit.ExitCode() == 3) { // it found something
			b.Fatalf("%v: %v", args, err)
		}
		if usage, ok := cmd.ProcessState.SysUsage().(*syscall.Rusage); ok {
			peak = max(peak, usage.Maxrss)
		}
		cpu += (cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()).Seconds()
	}
	b.ReportMetric(float64(peak)/1024, "MiB-peak")
	b.ReportMetric(1000*cpu/float64(b.N), "cpu-ms")
}

// BenchmarkCommands is what each command that reads the lake takes of a month of twenty
// vantage points, or of a day with wires: the bar of each is 256 MiB; that of an ingest
// with nothing new 60 ms of CPU and 60 MiB, with an end of an interval for the window rules
// to be evaluated at, as every five minutes.
func BenchmarkCommands(b *testing.B) {
	dir := b.TempDir()
	program, month, day := build(b), filepath.Join(dir, "month"), filepath.Join(dir, "day")
	for _, args := range [][]string{{"--out", month, "--until", "2026-12-01"}, {"--out", day, "--until", "2026-11-02", "--wires"}} {
		args = append([]string{"simulate", "--vps", "20", "--from", "2026-11-01", "--quiet"}, args...)
		if out, err := exec.Command(program, args...).CombinedOutput(); err != nil {
			b.Fatalf("%v\n%s", err, out)
		}
	}
	reports, now := filepath.Join(dir, "Reports"), "2026-12-10T00:00:00Z"
	file, out := filepath.Join(day, "answers", "yyyymm=202611", "answers-20261101.parquet"), filepath.Join(dir, "out")
	for _, c := range []struct {
		name string
		args []string
	}{
		{"report", []string{"report", "--period", "2026-11", "--lake", month, "--out", reports, "--now", now, "--force"}},
		{"verify", []string{"verify", filepath.Join(reports, "monthly-2026-11", "report.json"), "--lake", month}},
		{"survey", []string{"report", "--style", "survey", "--plan", "survey", "--lake", month, "--out", reports, "--now", now, "--force"}},
		{"backtest", []string{"backtest", "--from", "2026-11-01", "--until", "2026-12-01", "--lake", month}},
		{"export-csv", []string{"export", "--table", "answers", "--format", "csv", "--lake", day, "--out", out}},
		{"export-ndjson", []string{"export", "--table", "answers", "--format", "ndjson", "--lake", day, "--out", out}},
		{"export-arrow", []string{"export", "--table", "answers", "--format", "arrow", "--lake", day, "--out", out}},
		{"export-arrow-stream", []string{"export", "--table", "answers", "--format", "arrow-stream", "--lake", day, "--out", out}},
		{"show", []string{"show", file}},
		{"show-json", []string{"show", "--json", file}},
		{"plan-test", []string{"plan", "test"}},
	} {
		b.Run(c.name, func(b *testing.B) { bench(b, program, c.args...) })
	}
	b.Run("ingest-nothing", func(b *testing.B) { benchNothing(b, program, dir, month) })
}

// benchSite has the vantage points of the month in its plan, as a collector does.
const benchSite = `plan "bench" {}
vantage_point "{each.key}" {
  for_each = { for n in range(901, 921) : n => "europe" }
  region   = each.value
  metro    = each.key
}
`

// benchNothing is an ingest with nothing new: with one end of an interval to evaluate the
// rules at, in the middle of a day and just after midnight; with one for which the days that
// are over are summed up again; and with none.
func benchNothing(b *testing.B, program, dir, month string) {
	site := filepath.Join(dir, "site")
	put(b, filepath.Join(site, "site.hcl"), benchSite)
	for _, c := range []struct {
		name, now string
		before    []string // runs before the one that is measured
	}{
		{"midday", "2026-11-15T12:09:00Z", []string{"2026-11-15T11:59:00Z", "2026-11-15T12:04:00Z"}},
		{"midnight", "2026-11-16T00:09:00Z", []string{"2026-11-15T23:59:00Z", "2026-11-16T00:04:00Z"}},
		{"unsummed", "2026-11-15T12:09:00Z", []string{"2026-11-15T12:04:00Z"}},
		{"again", "2026-11-16T00:09:00Z", []string{"2026-11-16T00:09:00Z"}},
	} {
		b.Run(c.name, func(b *testing.B) {
			home := filepath.Join(dir, "home-"+c.name)
			state := filepath.Join(home, "State")
			put(b, filepath.Join(home, "Logs", "x"), "")
			ingest := func(now string) *os.ProcessState {
				cmd := exec.Command(program, "ingest", "--home", home, "--plan", "rssac047", "--plan", site, "--lake", month, "--now", now)
				var exit *exec.ExitError
				if out, err := cmd.CombinedOutput(); err != nil && !(errors.As(err, &exit) && exit.ExitCode() == 3) {
					b.Fatalf("%v\n%s", err, out)
				}
				return cmd.ProcessState
			}
			for _, now := range c.before {
				ingest(now)
			}
			was := filepath.Join(dir, "state-"+c.name)
			for _, err := range []error{os.RemoveAll(was), os.CopyFS(was, os.DirFS(state))} {
				if err != nil {
					b.Fatal(err)
				}
			}
			var peak, cpu float64
			for b.Loop() {
				b.StopTimer()
				for _, err := range []error{os.RemoveAll(state), os.CopyFS(state, os.DirFS(was))} {
					if err != nil {
						b.Fatal(err)
					}
				}
				b.StartTimer()
				ended := ingest(c.now)
				peak = max(peak, float64(ended.SysUsage().(*syscall.Rusage).Maxrss)/1024)
				cpu += 1000 * (ended.UserTime() + ended.SystemTime()).Seconds()
			}
			b.ReportMetric(peak, "MiB-peak")
			b.ReportMetric(cpu/float64(b.N), "cpu-ms")
		})
	}
}
