//go:build system

package cli_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"mtric.net/mtric/engine/column"
	"mtric.net/mtric/engine/interval"
	"mtric.net/mtric/engine/lake"
	"mtric.net/mtric/engine/measurement"
)

// backlogVPs and backlogDays are the size of the backlog: MTRIC_BACKLOG_DAYS=30
// makes it a month.
const backlogVPs = 3

func backlogDays(t *testing.T) int {
	text := os.Getenv("MTRIC_BACKLOG_DAYS")
	if text == "" {
		return 2
	}
	days, err := strconv.Atoi(text)
	if err != nil || days < 1 || days > 366 {
		t.Fatalf("MTRIC_BACKLOG_DAYS %q: want days, 1 to 366", text)
	}
	return days
}

// backlog is a home of a collector that was away: what its vantage points measured
// waits in its dropboxes, and the lake that must come of it is known.
type backlog struct {
	home, truth, site string
	from              time.Time
	days              int
}

func (g *collecting) newBacklog(t *testing.T, days int) backlog {
	t.Helper()
	b := backlog{home: g.r.home(t), days: days, from: interval.Day(time.Now()).AddDate(0, 0, -days-1)}
	b.truth = filepath.Join(b.home, "truth")
	run(t, "simulate", "--out", b.truth, "--vps", strconv.Itoa(backlogVPs), "--from", b.from.Format(time.DateOnly),
		"--until", b.from.AddDate(0, 0, days).Format(time.DateOnly), "--seed", "3", "--plan", "rssac047")
	b.site = filepath.Join(b.home, "site")
	put(t, filepath.Join(b.site, "site.hcl"), `plan "backlog" { paths = { dropboxes = "sftp/transfer-{vantage_point}/incoming" } }`)
	return b
}

// day is what the vantage points measured on a day, in order of time.
func (b backlog) day(t *testing.T, i int) ([]measurement.Answer, []measurement.Run) {
	t.Helper()
	truth, at := lake.Store{Dir: b.truth}, b.from.AddDate(0, 0, i)
	rows, _, err := column.Read[measurement.Answer](truth.Path(column.Answers, at))
	must(t, err)
	runs, _, err := column.Read[measurement.Run](truth.Path(column.Runs, at))
	must(t, err)
	return rows, runs
}

// fill puts all of it into the dropboxes, anew.
func (b backlog) fill(t *testing.T, g *collecting) {
	t.Helper()
	for _, dir := range []string{"sftp", "Lake", "Originals", "Quarantine", "State", "Logs"} {
		must(t, os.RemoveAll(filepath.Join(b.home, dir)))
	}
	for i := range b.days {
		rows, runs := b.day(t, i)
		scatter(t, b.home, rows, runs)
	}
	shell(t, "chown", "-R", "metrics:", b.home)
}

func (b backlog) command(g *collecting) *exec.Cmd {
	return g.r.mtricCommand("ingest", "--home", b.home, "--plan", "rssac047", "--plan", b.site)
}

// whole checks that the lake is row by row the one that was simulated, and that
// nothing is left anywhere else.
func (b backlog) whole(t *testing.T, g *collecting) {
	t.Helper()
	dir := filepath.Join(b.home, "Lake")
	runs := func(dir string) string {
		return "(SELECT COLUMNS(c -> c NOT IN ('yyyymm', 'received_at', 'file', 'sha256', 'ingested_at')) FROM " + glob(dir, "runs") + ")"
	}
	files := b.days * 288 * backlogVPs
	got := query(t, g.duck, differ(asSent(glob(b.truth, "answers")), asSent(glob(dir, "answers"))), differ(runs(b.truth), runs(dir)),
		"SELECT count(*), count(DISTINCT file), count(DISTINCT sha256) FROM "+glob(dir, "runs"))
	if want := []string{"[[0]]", "[[0]]", fmt.Sprintf("[[%d,%[1]d,%[1]d]]", files)}; !slices.Equal(got, want) {
		t.Errorf("rows that differ, runs that differ, files: %v, want %v", got, want)
	}
	kept, err := filepath.Glob(filepath.Join(b.home, "Originals", "*", "*.parquet"))
	must(t, err)
	if len(kept) != files || len(names(t, filepath.Join(b.home, "Quarantine"))) != 0 {
		t.Errorf("%d originals, want %d; quarantine %v", len(kept), files, names(t, filepath.Join(b.home, "Quarantine")))
	}
	for _, pattern := range []string{"Originals/.[a-z]*", "sftp/*/incoming/*", "Lake/*/*/.[a-z]*", "Lake/*/.[a-z]*"} {
		if left, err := filepath.Glob(filepath.Join(b.home, pattern)); err != nil || len(left) > 0 {
			t.Errorf("left: %q, %v", left[:min(len(left), 5)], err)
		}
	}
}

// testBacklog: days of backlog take bounded memory; the same, ended by SIGKILL at
// moments of chance again and again, comes to the same lake.
func (g *collecting) testBacklog(t *testing.T) {
	b := g.newBacklog(t, backlogDays(t))
	b.fill(t, g)
	_, errs, code, cost := bounded(t, 10*time.Minute, b.command(g))
	if code != 0 {
		t.Fatalf("exit code %d\n%s", code, errs)
	}
	t.Logf("%d days of %d vantage points in %s, %d MiB", b.days, backlogVPs, cost.elapsed, cost.peak>>20)
	if cost.peak > mostMemory {
		t.Errorf("%d MiB", cost.peak>>20)
	}
	b.whole(t, g)
	unkilled := filepath.Join(b.home, "unkilled")
	must(t, os.Rename(filepath.Join(b.home, "Lake"), unkilled))
	b.fill(t, g)
	killed := 0
	r := rand.New(rand.NewPCG(4, 7))
	for range 12 {
		cmd := b.command(g)
		must(t, cmd.Start())
		time.Sleep(50*time.Millisecond + time.Duration(r.Int64N(int64(cost.elapsed)*2/3)))
		_ = cmd.Process.Kill() // it may have ended
		if err := cmd.Wait(); err == nil {
			break
		}
		killed++
	}
	_, errs, code, _ = bounded(t, 5*time.Minute, b.command(g))
	if code != 0 {
		t.Fatalf("after %d kills: exit code %d\n%s", killed, code, errs)
	}
	t.Logf("killed %d times", killed)
	if killed == 0 {
		t.Error("it was never killed before its end")
	}
	b.whole(t, g)
	// With the verdicts, and all but the times of arrival and of the merge.
	for table, columns := range map[string]string{"answers": "*", "runs": "* EXCLUDE (received_at, ingested_at)"} {
		of := func(dir string) string { return "(SELECT " + columns + " FROM " + glob(dir, table) + ")" }
		if got := query(t, g.duck, differ(of(unkilled), of(filepath.Join(b.home, "Lake"))))[0]; got != "[[0]]" {
			t.Errorf("%s: %s rows differ from those of a run that was not killed", table, got)
		}
	}
}

// testRewritten: while ingest rewrites a day again and again, whoever reads the
// lake, or a snapshot of it, sees whole intervals, each once, and never fewer than
// before; in the end all read the same.
func (g *collecting) testRewritten(t *testing.T) {
	b := g.newBacklog(t, 1)
	rows, runs := b.day(t, 0)
	part := func(from, until int) { // of the day's runs
		t.Helper()
		scatter(t, b.home, rows[from*65:until*65], runs[from:until])
		shell(t, "chown", "-R", "metrics:", b.home)
		if _, errs, code, _ := bounded(t, time.Minute, b.command(g)); code != 0 {
			t.Fatalf("exit code %d\n%s", code, errs)
		}
	}
	const first, step = 600, 12
	part(0, first)
	dir, stop := filepath.Join(b.home, "Lake"), filepath.Join(b.home, "stop")
	python := exec.Command(pythonOf(t, "MTRIC_PYTHON", "venv"), "-W", "ignore", "-c", watching, dir, stop, b.home+"-snapshot") // part changes all that is in home
	output := make(chan string, 1)
	go func() {
		out, errs, code, _ := bounded(t, 4*time.Minute, python)
		output <- fmt.Sprintf("%d\n%s%s", code, out, errs)
	}()
	var seen []int
	for at := first; at < len(runs); at += step {
		part(at, at+step)
		var counts [][4]int
		must(t, json.Unmarshal([]byte(query(t, g.duck, `SELECT count(*), count(DISTINCT (vantage_point, "interval", "query", rsi, family, transport)),
			count(DISTINCT (vantage_point, "interval")) * 65, sum(planned) FROM `+glob(dir, "answers")+` JOIN (SELECT vantage_point, "interval", planned / 65 AS planned FROM `+glob(dir, "runs")+`) USING (vantage_point, "interval")`)[0]), &counts))
		if c := counts[0]; c[0] != (at+step)*65 || c[1] != c[0] || c[2] != c[0] || c[3] != c[0] {
			t.Errorf("DuckDB after %d intervals: %v", at+step, c)
		}
		seen = append(seen, counts[0][0])
	}
	must(t, os.WriteFile(stop, nil, 0o644))
	said := <-output
	t.Logf("%d rewrites; the others say %s", len(seen), said)
	if !strings.HasPrefix(said, "0\n") {
		t.Error("a reader of the lake saw what never was")
	}
	g.agree(t, b)
}
