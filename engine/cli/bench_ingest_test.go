package cli_test

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"iter"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"mtric.net/mtric/engine/cli"
	"mtric.net/mtric/engine/column"
	"mtric.net/mtric/engine/files"
	"mtric.net/mtric/engine/interval"
	"mtric.net/mtric/engine/lake"
	"mtric.net/mtric/engine/measurement"
	"mtric.net/mtric/engine/rootzone"
	"mtric.net/mtric/engine/spool"
)

// BenchmarkIngest ingests one day of twenty vantage points, 5,760 files of 65
// answers with their wires, files fsynced and every answer judged. P2 wants 150,000
// rows/s; P3 at most 16 bytes an answer.
func BenchmarkIngest(b *testing.B) {
	dir := b.TempDir()
	program := build(b)
	day := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
	rows := simulatedDay(b, dir, day)
	runs, _, err := column.Read[measurement.Run](lake.Store{Dir: filepath.Join(dir, "truth")}.Path(column.Runs, day))
	if err != nil {
		b.Fatal(err)
	}
	for n := 0; b.Loop(); n++ {
		b.StopTimer()
		// Nothing is deleted in between: ext4 searches long for inodes that were not
		// freed lately, and ingest would be charged with it.
		home := filepath.Join(dir, fmt.Sprint("home", n))
		scatter(b, home, rows, runs)
		site := filepath.Join(home, "site")
		put(b, filepath.Join(site, "site.hcl"), `plan "bench" { paths = { dropboxes = "sftp/transfer-{vantage_point}/incoming" } }`+"\n"+archive(b, dir, home, rows))
		cmd := exec.Command(program, "ingest", "--home", home, "--now", "2026-11-02T00:04:00Z", "--plan", "rssac047", "--plan", site)
		b.StartTimer()
		out, err := cmd.CombinedOutput()
		b.StopTimer()
		if err != nil {
			b.Fatalf("%v\n%s", err, out)
		}
		b.ReportMetric((cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()).Seconds(), "cpu-s")
		judged(b, home)
		path := filepath.Join(home, "Lake", "answers", "yyyymm=202611", "answers-20261101.parquet")
		info, err := os.Stat(path)
		if err != nil {
			b.Fatal(err)
		}
		b.ReportMetric(float64(info.Size())/float64(len(rows)), "B/answer")
		b.StartTimer()
	}
	b.ReportMetric(float64(len(rows)*b.N)/b.Elapsed().Seconds(), "rows/s")
}

// BenchmarkIngestByCron brings the same day in as cron does, by 288 merges, and
// compacts it: P3 holds for such a day as well.
func BenchmarkIngestByCron(b *testing.B) {
	dir := b.TempDir()
	day := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
	rows := simulatedDay(b, dir, day)
	perAnswer := func(s lake.Store) float64 {
		info, err := os.Stat(s.Path(column.Answers, day))
		if err != nil {
			b.Fatal(err)
		}
		return float64(info.Size()) / float64(len(rows))
	}
	for n := 0; b.Loop(); n++ {
		s := lake.Store{Dir: filepath.Join(dir, fmt.Sprint("lake", n))}
		byInterval := func(a, b measurement.Answer) bool { return a.Interval.Equal(b.Interval) }
		for label := range chunks(rows, byInterval) {
			var groups []lake.Group[measurement.Answer]
			for g := range chunks(label, func(a, b measurement.Answer) bool { return a.VantagePoint == b.VantagePoint }) {
				groups = append(groups, lake.GroupOf(g))
			}
			if _, err := lake.Merge(s, day, groups, nil); err != nil {
				b.Fatal(err)
			}
		}
		b.ReportMetric(float64(b.Elapsed().Milliseconds())/float64(288*(n+1)), "ms/merge")
		b.ReportMetric(perAnswer(s), "B/answer-before")
		if done, err := lake.Compact[measurement.Answer](s, day, func() error { return nil }); !done || err != nil {
			b.Fatal(done, err)
		}
		b.ReportMetric(perAnswer(s), "B/answer")
	}
}

// simulatedDay is what twenty vantage points answered on a day; its truth lies in dir.
func simulatedDay(b *testing.B, dir string, day time.Time) []measurement.Answer {
	b.Helper()
	run(b, "simulate", "--out", filepath.Join(dir, "truth"), "--vps", "20", "--from", day.Format(time.DateOnly), "--until", day.AddDate(0, 0, 1).Format(time.DateOnly), "--wires")
	rows, _, err := column.Read[measurement.Answer](lake.Store{Dir: filepath.Join(dir, "truth")}.Path(column.Answers, day))
	if err != nil {
		b.Fatal(err)
	}
	return rows
}

// chunks are the runs of rows that are alike.
func chunks[T any](rows []T, alike func(a, b T) bool) iter.Seq[[]T] {
	return func(yield func([]T) bool) {
		for len(rows) > 0 {
			n := 1
			for n < len(rows) && alike(rows[0], rows[n]) {
				n++
			}
			if !yield(rows[:n]) {
				return
			}
			rows = rows[n:]
		}
	}
}

// archive puts the simulated zones into the home's archive, each fetched with the
// first cron run after an answer showed it, and returns their anchor for the plan.
func archive(tb testing.TB, dir, home string, rows []measurement.Answer) string {
	tb.Helper()
	from := filepath.Join(dir, "truth", "rootzones")
	serials, err := rootzone.Serials(from)
	if err != nil {
		tb.Fatal(err)
	}
	var records strings.Builder
	for _, s := range serials {
		at := rows[0].Interval.Add(-12 * time.Hour)
		if i := slices.IndexFunc(rows, func(a measurement.Answer) bool { return a.Serial != nil && *a.Serial == int64(s) }); i >= 0 {
			at = rows[i].SentAt.Truncate(30 * time.Minute).Add(41 * time.Minute)
		}
		name := rootzone.FileName(s)
		text, err := os.ReadFile(filepath.Join(from, name))
		if err != nil {
			tb.Fatal(err)
		}
		put(tb, filepath.Join(home, "Output", "RootZones", name), string(text))
		fmt.Fprintf(&records, `{"at":%q,"serial":%d,"source":"bench","sha256":"%x","added":true}`+"\n", at.Format(time.RFC3339), s, sha256.Sum256(text))
	}
	fmt.Fprintf(&records, `{"at":%q,"serial":%d,"source":"bench","sha256":"","added":false}`+"\n", rows[len(rows)-1].Interval.Add(10*time.Minute).Format(time.RFC3339), serials[len(serials)-1])
	put(tb, rootzone.RecordsFile(filepath.Join(home, "Output", "RootZones")), records.String())
	ds, err := os.ReadFile(filepath.Join(from, "anchors.ds"))
	if err != nil {
		tb.Fatal(err)
	}
	fields := strings.Fields(string(ds))
	return fmt.Sprintf("anchor %q {\n  ds = %q\n  valid_from = \"2010-01-01\"\n}\n", fields[4], strings.Join(fields[4:], " "))
}

// judged checks that every correctness answer of the day has been judged, and judged
// correct.
func judged(tb testing.TB, home string) {
	tb.Helper()
	rows, _, err := column.Read[measurement.Answer](filepath.Join(home, "Lake", "answers", "yyyymm=202611", "answers-20261101.parquet"))
	if err != nil {
		tb.Fatal(err)
	}
	counts := make(map[measurement.Verdict]int)
	for i := range rows {
		if rows[i].Verdict != nil {
			counts[*rows[i].Verdict]++
		}
	}
	if len(counts) != 1 || counts[measurement.Correct] < len(rows)/6 {
		tb.Fatalf("verdicts %v of %d answers", counts, len(rows))
	}
}

func run(tb testing.TB, args ...string) {
	tb.Helper()
	var out, errs bytes.Buffer
	if code := cli.Run(append(args, "--quiet"), strings.NewReader(""), &out, &errs); code != 0 {
		tb.Fatalf("mtric %s: exit code %d\n%s", strings.Join(args, " "), code, &errs)
	}
}

func put(tb testing.TB, path, text string) {
	tb.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		tb.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		tb.Fatal(err)
	}
}

// scatter makes of a lake's day the files that vantage points would have sent.
func scatter(tb testing.TB, home string, rows []measurement.Answer, runs []measurement.Run) {
	tb.Helper()
	var writers errgroup.Group // each file waits for the disk
	writers.SetLimit(16)
	for i := range runs {
		r := runs[i]
		r.ReceivedAt, r.File, r.SHA256 = time.Time{}, "", ""
		n := int(r.Planned)
		mine := rows[:n]
		rows = rows[n:]
		if !mine[0].Interval.Equal(r.Interval) || mine[n-1].VantagePoint != r.VantagePoint {
			tb.Fatalf("rows of %s at %s do not follow", r.VantagePoint, interval.Format(r.Interval))
		}
		for j := range mine {
			mine[j].Verdict, mine[j].VerdictSerial, mine[j].Failures = nil, nil, nil
		}
		path := filepath.Join(home, "sftp", "transfer-"+string(r.VantagePoint), "incoming", spool.Name(r.Interval, r.VantagePoint, column.Answers))
		if i < 20 {
			if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
				tb.Fatal(err)
			}
		}
		writers.Go(func() error {
			if err := column.Write(path, mine, column.Metadata{Version: "1.0.0", Plan: r.Plan, PlanSHA256: r.PlanSHA256, Run: &r}); err != nil {
				return err
			}
			return files.WriteSidecar(path)
		})
	}
	if err := writers.Wait(); err != nil {
		tb.Fatal(err)
	}
}
