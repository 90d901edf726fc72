package cli_test

import (
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"mtric.net/mtric/engine/column"
	"mtric.net/mtric/engine/files"
	"mtric.net/mtric/engine/interval"
	"mtric.net/mtric/engine/lake"
	"mtric.net/mtric/engine/measurement"
	"mtric.net/mtric/engine/spool"
)

// BenchmarkCron is what 288 runs of ingest write on a day of twenty vantage points, as
// multiples of what the lake grows by: P10 allows 100. One run of every seventeen is
// looked at, and what came in between comes at once. x-written is what reached the disk;
// x-files is the sizes of the files that are new, which is more where the file system
// lets a day's file share what it has in common with the one before it (XFS, btrfs;
// TMPDIR says which is measured). The others are x-files by kind.
func BenchmarkCron(b *testing.B) {
	const each, intervals = 17, 288
	dir := b.TempDir()
	program := build(b)
	day := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
	rows := simulatedDay(b, dir, day)
	runs, _, err := column.Read[measurement.Run](lake.Store{Dir: filepath.Join(dir, "truth")}.Path(column.Runs, day))
	if err != nil {
		b.Fatal(err)
	}
	sent := filepath.Join(dir, "sent")
	scatter(b, sent, rows, runs)
	for n := 0; b.Loop(); n++ {
		home := filepath.Join(dir, fmt.Sprint("home", n))
		site := filepath.Join(home, "site")
		put(b, filepath.Join(site, "site.hcl"), `plan "bench" { paths = { dropboxes = "sftp/transfer-{vantage_point}/incoming" } }`+"\n"+archive(b, dir, home, rows))
		var written int64
		kinds, looks := map[string]int64{}, int64(0)
		ingest := func(from, until int) int64 {
			for i := from; i < until; i++ {
				arrive(b, sent, home, day.Add(time.Duration(i)*interval.Length))
			}
			now := day.Add(time.Duration(until)*interval.Length - time.Minute)
			cmd := exec.Command(program, "ingest", "--quiet", "--home", home, "--now", now.Format(time.RFC3339), "--plan", "rssac047", "--plan", site)
			if out, err := cmd.CombinedOutput(); err != nil {
				b.Fatalf("%v\n%s", err, out)
			}
			usage, ok := cmd.ProcessState.SysUsage().(*syscall.Rusage)
			if !ok {
				b.Fatal("no usage of a process")
			}
			return usage.Oublock * 512
		}
		for from := 0; from+each <= intervals; from += each {
			ingest(from, from+each-1)
			before := filesOf(b, home)
			written += ingest(from+each-1, from+each)
			for path, is := range filesOf(b, home) {
				if was, known := before[path]; !known || !os.SameFile(was, is) || !was.ModTime().Equal(is.ModTime()) {
					kind, rest, _ := strings.Cut(path, "/")
					if table, _, found := strings.Cut(rest, "/"); kind == "Lake" && found {
						kind = table
					}
					kinds[kind] += is.Size()
				}
			}
			looks++
		}
		ingest(intervals/each*each, intervals)
		var grown, all int64
		for path, f := range filesOf(b, home) {
			if strings.HasPrefix(path, "Lake/") {
				grown += f.Size()
			}
		}
		times := func(bytes int64) float64 { return float64(bytes) * intervals / float64(looks) / float64(grown) }
		for kind, bytes := range kinds {
			b.ReportMetric(times(bytes), "x-"+kind)
			all += bytes
		}
		b.ReportMetric(times(all), "x-files")
		b.ReportMetric(times(written), "x-written")
	}
}

// arrive puts the files of an interval into the dropboxes.
func arrive(tb testing.TB, sent, home string, label time.Time) {
	tb.Helper()
	boxes, err := os.ReadDir(filepath.Join(sent, "sftp"))
	if err != nil {
		tb.Fatal(err)
	}
	for _, box := range boxes {
		vp := measurement.VantagePoint(strings.TrimPrefix(box.Name(), "transfer-"))
		path := filepath.Join("sftp", box.Name(), "incoming", spool.Name(label, vp, column.Answers))
		for _, path := range []string{path, files.Sidecar(path)} {
			text, err := os.ReadFile(filepath.Join(sent, path))
			if err != nil {
				tb.Fatal(err)
			}
			put(tb, filepath.Join(home, path), string(text))
		}
	}
}

// filesOf are the files of a collector, but for dropboxes and the archive, by their path.
func filesOf(tb testing.TB, home string) map[string]os.FileInfo {
	tb.Helper()
	found := map[string]os.FileInfo{}
	err := fs.WalkDir(os.DirFS(home), ".", func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && (path == "sftp" || path == "site" || path == "Output"):
			return fs.SkipDir
		case d.IsDir():
			return nil
		}
		found[path], err = d.Info()
		return err
	})
	if err != nil {
		tb.Fatal(err)
	}
	return found
}
