//go:build system

package cli_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"mtric.net/mtric/engine/files"
	"mtric.net/mtric/engine/interval"
)

// collecting is a collector with real dropboxes: 101 and 102 are vantage points
// of ours, 103 is in the hands of an enemy. Ingest runs as the user metrics, as in
// production, and owns nothing in the dropboxes.
type collecting struct {
	r     *rig
	c     *collector
	home  string // the collector's
	plan  string
	boxes map[string]string // by vantage point
	homes map[string]string
	duck  string // the program of testdata/duckdb
	next  time.Time
}

func (r *rig) testIngest(t *testing.T) {
	g := r.startCollecting(t)
	t.Run("pushed files become the lake", g.testPushed)
	t.Run("a second run changes nothing", g.testTwice)
	t.Run("hostile vantage point", g.testHostile)
	t.Run("flipped bits", g.testFlips)
	t.Run("responses that swell", g.testSwelling)
	t.Run("a dropbox that is shut", g.testShut)
	t.Run("backlog, killed and not", g.testBacklog)
	t.Run("readers while it is rewritten", g.testRewritten)
}

func (r *rig) startCollecting(t *testing.T) *collecting {
	g := &collecting{r: r, home: r.home(t), boxes: map[string]string{}, homes: map[string]string{}, duck: filepath.Join(r.dir, "duckdb")}
	r.build("../../testdata/duckdb", g.duck, "CGO_ENABLED=1")
	for _, vp := range []string{"101", "102", "103"} {
		g.homes[vp] = r.home(t)
		r.giveZone(t, g.homes[vp])
		if g.c == nil {
			g.c = r.startCollector(t, g.homes[vp])
			g.boxes[vp] = g.c.incoming
		} else {
			g.boxes[vp] = g.c.admit(t, vp, g.homes[vp])
		}
	}
	tag, _, _ := strings.Cut(r.anchor, " ")
	g.plan = r.plan(t, "", untraced+fmt.Sprintf("anchor %q {\n  ds = %q\n}\n", tag, r.anchor)+`
plan "rig" {
  paths = { dropboxes = "`+filepath.Join(g.c.dir, "sftp", "transfer-{vantage_point}", "incoming")+`" }
}
collector "c00" {
  host = "10.53.200.1"
  sftp = { user = "transfer-{vantage_point}", port = `+sshdPort+`, key = "id", known_hosts = "known_hosts", directory = "incoming" }
}
`)
	// Of a whole day in the past, so that routes are traced once, at its start.
	g.next = interval.Day(time.Now().Add(-time.Hour))
	g.run(t, g.home, 0, "zone", "add", r.zone)
	return g
}

// run runs mtric with the rig's plan; it may take a minute.
func (g *collecting) run(t *testing.T, home string, want int, args ...string) (out, errs string, cost usage) {
	t.Helper()
	args = append(args, "--home", home, "--plan", "rssac047", "--plan", g.plan)
	out, errs, code, cost := bounded(t, time.Minute, g.r.mtricCommand(args...))
	if code != want {
		t.Fatalf("mtric %s: exit code %d, want %d\n%s%s", args[0], code, want, out, errs)
	}
	return out, errs, cost
}

// result is what mtric ingest --json prints.
type result struct {
	Files       int
	Added       int64 `json:"rows_added"`
	Known       int64 `json:"rows_known"`
	Quarantined []struct {
		VantagePoint string `json:"vantage_point"`
		File, Reason string
	}
	Left []string
}

func (g *collecting) ingest(t *testing.T, want int) (result, usage) {
	t.Helper()
	out, _, cost := g.run(t, g.home, want, "ingest", "--json")
	var r result
	must(t, json.Unmarshal([]byte(out), &r))
	if cost.peak > mostMemory {
		t.Errorf("ingest took %d MiB", cost.peak>>20)
	}
	return r, cost
}

// measure has each vantage point measure an interval and push it.
func (g *collecting) measure(t *testing.T, vps ...string) {
	t.Helper()
	at := g.next.Add(time.Second).Format(time.RFC3339)
	g.next = g.next.Add(interval.Length)
	for _, vp := range vps {
		g.run(t, g.homes[vp], 0, "measure", "--no-wait", "--vp", vp, "--now", at)
	}
}

// glob is the lake's table for DuckDB.
func glob(dir, table string) string {
	return fmt.Sprintf("read_parquet('%s/%s/*/*.parquet', hive_partitioning = true)", dir, table)
}

// query has DuckDB answer; the numbers are as it prints them.
func query(t *testing.T, duck string, queries ...string) (answers []string) {
	t.Helper()
	out, errs, code, _ := bounded(t, 2*time.Minute, exec.Command(duck, queries...))
	if code != 0 {
		t.Fatalf("DuckDB: exit code %d\n%s", code, errs)
	}
	return strings.Split(strings.TrimSuffix(out, "\n"), "\n")
}

// differ counts the rows that one relation has and the other lacks, both ways, as
// bags: a row that is there twice counts.
func differ(a, b string) string {
	return fmt.Sprintf("SELECT count(*) FROM ((FROM %[1]s EXCEPT ALL FROM %[2]s) UNION ALL (FROM %[2]s EXCEPT ALL FROM %[1]s))", a, b)
}

// asSent is the columns of answers that a vantage point fills.
func asSent(from string) string {
	return "(SELECT COLUMNS(c -> c NOT IN ('yyyymm', 'verdict', 'verdict_serial', 'failures')) FROM " + from + ")"
}

// testPushed: two vantage points measure, one of them while the collector is away;
// what DuckDB reads in the lake is what it reads in their files, row by row.
func (g *collecting) testPushed(t *testing.T) {
	g.measure(t, "101", "102")
	g.measure(t, "101", "102")
	g.c.stop()
	at := g.next.Add(time.Second).Format(time.RFC3339)
	g.run(t, g.homes["102"], 3, "measure", "--no-wait", "--vp", "102", "--now", at)
	g.c.start(t)
	g.run(t, g.homes["102"], 0, "push", "--vp", "102", "--now", at)
	g.next = g.next.Add(interval.Length)
	r, cost := g.ingest(t, 0)
	t.Logf("%d files, %d rows in %s, %d MiB", r.Files, r.Added, cost.elapsed, cost.peak>>20)
	if len(r.Quarantined)+len(r.Left) > 0 || r.Files < 7 || r.Known != 0 {
		t.Errorf("%+v", r)
	}
	sent := func(table string) string {
		return fmt.Sprintf("read_parquet(['%s/Output/Sent/*.%s.parquet', '%s/Output/Sent/*.%[2]s.parquet'])", g.homes["101"], table, g.homes["102"])
	}
	dir := filepath.Join(g.home, "Lake")
	routes := "(SELECT COLUMNS(c -> c <> 'yyyymm') FROM " + glob(dir, "routes") + ")"
	got := query(t, g.duck,
		differ(asSent(sent("answers")), asSent(glob(dir, "answers"))),
		differ("(FROM "+sent("routes")+")", routes),
		"SELECT count(*), count(*) FILTER (outcome = 'answered'), count(latency_us), count(DISTINCT (vantage_point, interval)), count(verdict) FROM "+glob(dir, "answers"),
		"SELECT count(*) > 0, count(DISTINCT vantage_point) FROM "+routes,
		"SELECT count(*), sum(planned), count(DISTINCT file), count(DISTINCT sha256) FROM "+glob(dir, "runs"),
		"SELECT column_type, count(*) FROM (DESCRIBE FROM "+glob(dir, "answers")+") GROUP BY ALL ORDER BY ALL",
		"SELECT count(*), count(first_used), min(state), (count(first_seen) > 0) = (SELECT bool_or(coalesce(clock_synchronized, true)) FROM "+glob(dir, "runs")+") FROM '"+dir+"/zones/zones.parquet'",
		"SELECT verdict, count(*), count(DISTINCT verdict_serial) FROM "+glob(dir, "answers")+" WHERE \"query\" = 'correctness' GROUP BY ALL")
	want := []string{"[[0]]", "[[0]]", "[[325,325,325,5,65]]", "[[true,2]]", "[[5,325,5,5]]",
		`[["BIGINT",8],["BLOB",2],["BOOLEAN",3],["INTEGER",6],["STRUCT(kind VARCHAR, after_us BIGINT, wire BLOB)[]",1],["TIMESTAMP WITH TIME ZONE",3],["VARCHAR",18],["VARCHAR[]",1]]`, `[[1,1,"archived",true]]`, `[["correct",65,1]]`}
	for i := range want {
		if got[i] != want[i] {
			t.Errorf("query %d: %s, want %s", i+1, got[i], want[i])
		}
	}
	g.empty(t, "101", "102")
	g.originals(t, r.Files)
}

// empty checks that nothing is left in the dropboxes.
func (g *collecting) empty(t *testing.T, vps ...string) {
	t.Helper()
	for _, vp := range vps {
		if left := names(t, g.boxes[vp]); len(left) > 0 {
			t.Errorf("left in the dropbox of %s: %q", vp, left)
		}
	}
}

// originals checks that n files are kept, each whole by its sidecar, and by
// sha256sum as anyone would check it.
func (g *collecting) originals(t *testing.T, n int) {
	t.Helper()
	sidecars, err := filepath.Glob(filepath.Join(g.home, "Originals", "*", "*.sha256"))
	must(t, err)
	files, err := filepath.Glob(filepath.Join(g.home, "Originals", "*", "*"))
	must(t, err)
	if len(sidecars) != n || len(files) != 2*n {
		t.Errorf("%d sidecars of %d originals, want %d of %d", len(sidecars), len(files), n, 2*n)
	}
	for _, s := range sidecars {
		cmd := exec.Command("sha256sum", "--check", "--strict", "--quiet", filepath.Base(s))
		cmd.Dir = filepath.Dir(s)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("%s: %v\n%s", s, err, out)
		}
	}
}

func names(t *testing.T, dir string) (all []string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	must(t, err)
	for _, e := range entries {
		all = append(all, e.Name())
	}
	return all
}

// sums is the sha256 of every file of the lake.
func sums(t *testing.T, dir string) map[string]string {
	t.Helper()
	all := map[string]string{}
	for _, pattern := range []string{"*/*/*.parquet", "zones/*.parquet"} {
		found, err := filepath.Glob(filepath.Join(dir, pattern))
		must(t, err)
		for _, f := range found {
			all[f], err = files.Sum(f)
			must(t, err)
		}
	}
	return all
}

// testTwice: ingest with nothing new, and with files that come a second time by
// SFTP, leaves every byte of the lake.
func (g *collecting) testTwice(t *testing.T) {
	before := sums(t, filepath.Join(g.home, "Lake"))
	if r, _ := g.ingest(t, 0); r.Files+len(r.Quarantined) != 0 {
		t.Errorf("nothing came, and it says %+v", r)
	}
	enemy := g.dial(t, "102")
	for _, f := range sentNames(t, g.homes["102"]) {
		data, err := os.ReadFile(f)
		must(t, err)
		enemy.put(t, filepath.Base(f), data)
	}
	if r, _ := g.ingest(t, 0); r.Files == 0 || r.Added != 0 || r.Known == 0 || len(r.Quarantined) > 0 {
		t.Errorf("the same files again: %+v", r)
	}
	if after := sums(t, filepath.Join(g.home, "Lake")); len(before) < 4 || !mapsEqual(before, after) {
		t.Errorf("the lake changed:\n%v\n%v", before, after)
	}
	g.empty(t, "101", "102")
}

func mapsEqual(a, b map[string]string) bool {
	for k := range a {
		if a[k] != b[k] {
			return false
		}
	}
	return len(a) == len(b)
}

// mostMemory bounds ingest, a day of twenty vantage points and hostile files included.
const mostMemory = 600 << 20

// usage is what a command took.
type usage struct {
	peak    int64 // bytes resident of the command and its children, at the worst moment
	elapsed time.Duration
}

// bounded runs a command, ends it when it takes too long, and watches its memory.
func bounded(t *testing.T, limit time.Duration, cmd *exec.Cmd) (stdout, stderr string, code int, u usage) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	began := time.Now()
	must(t, cmd.Start())
	watched := make(chan int64)
	stop := make(chan struct{})
	go func() {
		var peak int64
		for {
			peak = max(peak, resident(cmd.Process.Pid))
			select {
			case <-stop:
				watched <- peak
				return
			case <-ctx.Done():
				_ = cmd.Process.Kill()
			case <-time.After(50 * time.Millisecond):
			}
		}
	}()
	err := cmd.Wait()
	u.elapsed = time.Since(began)
	close(stop)
	u.peak = <-watched
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		code = exit.ExitCode()
	} else {
		must(t, err)
	}
	if ctx.Err() != nil {
		t.Fatalf("%s took longer than %s\n%s", strings.Join(cmd.Args, " "), limit, &errs)
	}
	return out.String(), errs.String(), code, u
}

// resident is the memory of a process and its children.
func resident(pid int) (sum int64) {
	processes, _ := filepath.Glob("/proc/[0-9]*/stat") // the pattern is good
	family := map[int]bool{pid: true}
	for _, path := range processes { // a child's number is greater than its parent's, or nearly always
		text, err := os.ReadFile(path)
		if err != nil {
			continue // it has ended
		}
		var id, parent int
		var state string
		_, _ = fmt.Sscan(string(text), &id)
		_, _ = fmt.Sscan(string(text[bytes.LastIndexByte(text, ')')+1:]), &state, &parent)
		if family[parent] {
			family[id] = true
		}
	}
	for id := range family {
		var size, pages int64
		if statm, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", id)); err == nil {
			_, _ = fmt.Sscan(string(statm), &size, &pages)
			sum += pages * int64(os.Getpagesize())
		}
	}
	return sum
}
