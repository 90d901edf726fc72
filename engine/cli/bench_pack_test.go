package cli_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"mtric.net/mtric/engine/files"
	"mtric.net/mtric/engine/measurement"
)

// BenchmarkPack packs a day of twenty vantage points, 5,760 files of answers with their
// wires and as many of routes, as the first ingest of a day does. A pack has at most 20 %
// of the bytes of its members, and takes 3 CPU-s. (It also takes at most 128 MiB, which
// cannot be seen here: a child starts with the peak of its parent.)
func BenchmarkPack(b *testing.B) {
	dir := b.TempDir()
	program := build(b)
	p := &played{TB: b, truth: filepath.Join(dir, "truth"), from: time.Date(2024, 2, 1, 0, 0, 0, 0, time.UTC), days: 1, every: 5 * time.Minute}
	for i := range 20 {
		p.vps = append(p.vps, measurement.VantagePoint(fmt.Sprint(101+i)))
	}
	p.home = filepath.Join(dir, "site-home")
	put(b, filepath.Join(p.home, "site", "site.hcl"), p.site())
	run(b, "simulate", "--out", p.truth, "--vps", "20", "--from", "2024-02-01", "--until", "2024-02-02", "--wires", "--routes", "--plan", "rssac047", "--plan", filepath.Join(p.home, "site"))
	for n := 0; b.Loop(); n++ {
		b.StopTimer()
		home := filepath.Join(dir, fmt.Sprint("home", n))
		p.begin()
		p.measure(filepath.Join(home, "Originals", "202402"), 0)
		members, size := p.sizes(filepath.Join(home, "Originals", "202402"))
		cmd := exec.Command(program, p.command(time.Date(2024, 2, 9, 0, 4, 0, 0, time.UTC), "ingest", "--home", home)...)
		b.StartTimer()
		out, err := cmd.CombinedOutput()
		b.StopTimer()
		if err != nil {
			b.Fatalf("%v\n%s", err, out)
		}
		left, packed := p.sizes(filepath.Join(home, "Originals", "202402"))
		if left != 2 {
			b.Fatalf("%d files are left, want a pack and its sidecar", left)
		}
		b.ReportMetric(float64(members), "files")
		b.ReportMetric(float64(size)/(1<<20), "MiB")
		b.ReportMetric(100*float64(packed)/float64(size), "%")
		b.ReportMetric((cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()).Seconds(), "cpu-s")
		b.StartTimer()
	}
}

// sizes are how many files a folder has, and the bytes of them that are no sidecars of
// originals.
func (p *played) sizes(dir string) (count int, bytes int64) {
	entries, err := os.ReadDir(dir)
	p.must(err)
	for _, e := range entries {
		info, err := e.Info()
		p.must(err)
		if count++; filepath.Ext(e.Name()) != filepath.Ext(files.Sidecar("x")) {
			bytes += info.Size()
		}
	}
	return count, bytes
}
