//go:build system

package cli_test

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pkg/sftp"

	"mtric.net/mtric/engine/column"
	"mtric.net/mtric/engine/interval"
	"mtric.net/mtric/engine/measurement"
	"mtric.net/mtric/engine/spool"
)

// enemy is a vantage point that says what it likes over a real SFTP session.
type enemy struct {
	*sftp.Client
	vp string
}

// dial opens a session of OpenSSH's client with the key of a vantage point.
func (g *collecting) dial(t *testing.T, vp string) enemy {
	t.Helper()
	home := g.homes[vp]
	cmd := g.r.command("vp", "ssh", "-i", filepath.Join(home, "id"), "-o", "UserKnownHostsFile="+filepath.Join(home, "known_hosts"),
		"-o", "BatchMode=yes", "-o", "ConnectTimeout=10", "-p", sshdPort, "transfer-"+vp+"@10.53.200.1", "-s", "sftp")
	in, err := cmd.StdinPipe()
	must(t, err)
	out, err := cmd.StdoutPipe()
	must(t, err)
	must(t, cmd.Start())
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	client, err := sftp.NewClientPipe(out, in)
	must(t, err)
	return enemy{client, vp}
}

// raw uploads a file and nothing else.
func (e enemy) raw(t *testing.T, name string, data []byte) {
	t.Helper()
	f, err := e.Create("incoming/" + name)
	must(t, err)
	_, err = f.Write(data)
	must(t, err)
	must(t, f.Close())
}

// put uploads a file and a sidecar that fits.
func (e enemy) put(t *testing.T, name string, data []byte) {
	t.Helper()
	e.raw(t, name, data)
	e.raw(t, name+".sha256", []byte(fmt.Sprintf("%x  %s\n", sha256.Sum256(data), name)))
}

// forge is a good file of another vantage point and interval, made of one that was
// measured: the file's bytes.
func (g *collecting) forge(t *testing.T, vp measurement.VantagePoint, label time.Time, spoil func([]measurement.Answer) []measurement.Answer) []byte {
	t.Helper()
	rows, meta, err := column.Read[measurement.Answer](sentNames(t, g.homes["101"])[0])
	if err != nil || meta.Run == nil {
		t.Fatal(err)
	}
	moved := label.Sub(meta.Run.Interval)
	run := *meta.Run
	run.VantagePoint, run.Interval, run.StartedAt = vp, label, run.StartedAt.Add(moved)
	meta.Run = &run
	for i := range rows {
		rows[i].VantagePoint, rows[i].Interval = vp, label
		if rows[i].SentAt != nil {
			sent := rows[i].SentAt.Add(moved)
			rows[i].SentAt = &sent
		}
	}
	if spoil != nil {
		rows = spoil(rows)
	}
	path := filepath.Join(t.TempDir(), "forged")
	must(t, column.Write(path, rows, meta))
	data, err := os.ReadFile(path)
	must(t, err)
	return data
}

// bomb is four hundred megabytes that zstd makes small.
func bomb(rows []measurement.Answer) []measurement.Answer {
	huge := make([]byte, 4<<20)
	many := make([]measurement.Answer, 100)
	for i := range many {
		many[i] = rows[0]
		many[i].RSI = measurement.RSI(fmt.Sprintf("r%04d", i))
		many[i].Response = huge
	}
	return many
}

// linked is a second name of a file.
const linked = "202611010000-103.routes.parquet.part"

// locked is a file that its vantage point lets nobody read.
func locked(day time.Time) string { return spool.Name(day, "103", column.Answers) }

// attacks uploads one file of each kind and returns what must be said of it.
func (g *collecting) attacks(t *testing.T, e enemy, day time.Time) map[string]string {
	n := 0
	next := func() (string, time.Time) {
		n++
		label := day.Add(time.Duration(n) * interval.Length)
		return spool.Name(label, "103", column.Answers), label
	}
	want := map[string]string{}
	send := func(reason string, data func(label time.Time) []byte) string {
		name, label := next()
		e.put(t, name, data(label))
		want[name] = reason
		return name
	}
	good := func(label time.Time) []byte { return g.forge(t, "103", label, nil) }

	send("not Parquet", func(time.Time) []byte { return bytes.Repeat([]byte("garbage "), 4000) })
	send("cut short", func(label time.Time) []byte { data := good(label); return data[:len(data)/2] })
	send("", func(label time.Time) []byte { return g.forge(t, "103", label, bomb) })
	send(`vantage point "102", want 103`, func(label time.Time) []byte { return g.forge(t, "102", label, nil) })
	send("interval", func(label time.Time) []byte { return g.forge(t, "103", label.Add(interval.Length), nil) })
	foreign := spool.Name(day, "102", column.Answers)
	e.put(t, foreign, g.forge(t, "102", day, nil))
	want[foreign] = "a file of vantage point 102 in the dropbox of 103"
	name := send("want one line of sha256sum", good)
	e.raw(t, name+".sha256", bytes.Repeat([]byte("a"), 1_000_000))
	// What ingest may not read it must not destroy: it waits, and an alert says so.
	e.put(t, locked(day), good(day))
	must(t, e.Chmod("incoming/"+locked(day), 0))
	name = send("has 2 links, want one", good)
	must(t, e.Link("incoming/"+name, "incoming/"+linked)) // by a name that may wait

	for _, target := range []string{"/etc/passwd", "../../transfer-102/incoming/" + spool.Name(day, "102", column.Answers), g.homes["102"] + "/id"} {
		name = send("is not a regular file", good)
		must(t, e.Remove("incoming/"+name))
		must(t, e.Symlink(target, "incoming/"+name))
	}
	name = send("sidecar is not a regular file", good)
	must(t, e.Remove("incoming/"+name+".sha256"))
	must(t, e.Symlink("/etc/passwd", "incoming/"+name+".sha256"))

	for _, name := range []string{`..\x`, "-rf", "a\nb FIRING", strings.Repeat("n", 255), "\x1b[31m\xff"} {
		e.raw(t, name, []byte(name))
		want[name] = "no vantage point writes a file of this name"
	}
	return want
}

// testHostile: whatever 103 uploads is named, kept apart with its reason and gone
// from the dropbox; the lake has nothing of it, the others lose nothing.
func (g *collecting) testHostile(t *testing.T) {
	e := g.dial(t, "103")
	day := interval.Day(g.next).AddDate(0, 0, -1)
	want := g.attacks(t, e, day)
	must(t, e.Mkdir("incoming/folder"))
	grown, stop := g.grow(t, e, day.Add(-time.Hour))
	want[grown] = ""
	for _, folder := range []string{"", ".sha256"} { // folders where a file and its sidecar should be
		name := spool.Name(day.Add(-2*time.Hour), "103", column.Answers)
		must(t, e.MkdirAll("incoming/"+name+folder))
		e.raw(t, name+folder+"/inside", []byte("x"))
	}
	g.measure(t, "101", "102")
	before := query(t, g.duck, "SELECT count(*) FROM "+glob(filepath.Join(g.home, "Lake"), "answers"))[0]

	_, errs, cost := g.run(t, g.home, 3, "ingest")
	stop()
	t.Logf("%d attacks in %s, %d MiB", len(want), cost.elapsed, cost.peak>>20)
	if cost.peak > mostMemory || cost.elapsed > 30*time.Second {
		t.Errorf("took %s and %d MiB", cost.elapsed, cost.peak>>20)
	}
	g.accused(t, errs, want)
	g.empty(t, "101", "102")
	for _, name := range names(t, g.boxes["103"]) {
		info, err := os.Lstat(filepath.Join(g.boxes["103"], name))
		must(t, err)
		if !info.IsDir() && name != linked && strings.TrimSuffix(name, ".sha256") != locked(day) {
			t.Errorf("left in the dropbox of 103: %q", name)
		}
		if info.IsDir() && !strings.Contains(errs, strings.TrimSuffix(name, ".sha256")+" is a folder") {
			t.Errorf("left without a word: %q\n%s", name, errs)
		}
	}
	got := query(t, g.duck, "SELECT count(*) - "+strings.Trim(before, "[]")+", count(*) FILTER (vantage_point = '103') FROM "+glob(filepath.Join(g.home, "Lake"), "answers"),
		"SELECT count(*) FILTER (vantage_point NOT IN ('101', '102')) FROM "+glob(filepath.Join(g.home, "Lake"), "runs"))
	if !slices.Equal(got, []string{"[[130,0]]", "[[0]]"}) {
		t.Errorf("rows more, rows of 103; runs of strangers: %v", got)
	}
	if _, err := os.Lstat(filepath.Join(g.boxes["103"], locked(day))); err != nil || !strings.Contains(errs, "does not let ingest work: ") {
		t.Errorf("what cannot be read: %v\n%s", err, errs)
	}
	for _, name := range []string{locked(day), locked(day) + ".sha256", "folder", linked, spool.Name(day.Add(-2*time.Hour), "103", column.Answers), spool.Name(day.Add(-2*time.Hour), "103", column.Answers) + ".sha256"} {
		must(t, os.RemoveAll(filepath.Join(g.boxes["103"], name)))
	}
	if r, _ := g.ingest(t, 0); r.Files+len(r.Quarantined)+len(r.Left) != 0 {
		t.Errorf("afterwards: %+v", r)
	}
}

// grow uploads a good file and goes on writing into it through the same handle,
// also after it was taken, until stopped.
func (g *collecting) grow(t *testing.T, e enemy, label time.Time) (name string, stop func()) {
	name = spool.Name(label, "103", column.Answers)
	e.put(t, name, g.forge(t, "103", label, nil))
	f, err := e.OpenFile("incoming/"+name, os.O_WRONLY|os.O_APPEND)
	must(t, err)
	_, err = f.Write([]byte("more"))
	must(t, err)
	end := make(chan struct{})
	var done sync.WaitGroup
	done.Go(func() {
		more := bytes.Repeat([]byte("more"), 8<<10)
		for n := 0; ; n++ {
			select {
			case <-end:
				return
			case <-time.After(time.Millisecond):
				if n < 4000 { // 128 MiB: more than a file may have
					_, _ = f.Write(more)
				}
			}
		}
	})
	stop = sync.OnceFunc(func() { close(end); done.Wait(); _ = f.Close() })
	t.Cleanup(stop)
	return name, stop
}

// accused checks that each file is in Quarantine with its reason, and named on
// stderr and in the alerts as far as these go.
func (g *collecting) accused(t *testing.T, errs string, want map[string]string) {
	t.Helper()
	reasons, err := filepath.Glob(filepath.Join(g.home, "Quarantine", "*.reason.txt"))
	must(t, err)
	said := map[string]string{}
	for _, path := range reasons {
		text, err := os.ReadFile(path)
		must(t, err)
		lines := strings.Split(string(text), "\n")
		if len(lines) != 6 || bytes.ContainsAny(text, "\x1b\x00") || bytes.Contains(text, []byte("root:")) {
			t.Errorf("%s: %q", path, text)
			continue
		}
		said[strings.TrimPrefix(lines[0], "file: ")] = strings.TrimPrefix(lines[4], "reason: ")
	}
	alerts, err := os.ReadFile(filepath.Join(g.home, "Logs", "c00-alerts.txt"))
	must(t, err)
	for name, reason := range want {
		got, found := said[name]
		if !found {
			got, found = said[fmt.Sprintf("%.300q", name)]
		}
		if !found || !strings.Contains(got, reason) {
			t.Errorf("%q: reason %q, want %q", name, got, reason)
		}
		t.Logf("%.60q: %.200s", name, got)
	}
	if n := strings.Count(errs, "quarantined \""); n != min(len(want), 20) {
		t.Errorf("%d files named, want %d\n%s", n, min(len(want), 20), errs)
	}
	if n := bytes.Count(alerts, []byte("FIRING rule=mtric.ingest condition=quarantined vantage_point=103")); n < min(len(want), 20) {
		t.Errorf("%d alerts, want %d\n%s", n, len(want), alerts)
	}
}

// testFlips: one bit flipped at each of many places of a good file, each with a
// sidecar that fits. What is taken all the same is what DuckDB reads in it.
func (g *collecting) testFlips(t *testing.T) {
	const flips = 160
	e := g.dial(t, "103")
	day := interval.Day(g.next).AddDate(0, 0, -3)
	for i := range flips {
		label := day.Add(time.Duration(i) * interval.Length)
		data := g.forge(t, "103", label, nil)
		data[len(data)*i/flips] ^= 1 << (i % 8)
		e.put(t, spool.Name(label, "103", column.Answers), data)
	}
	g.measure(t, "101")
	r, cost := g.ingest(t, 3)
	taken := r.Files - 2 // answers and alerts of 101
	t.Logf("%d flips: %d refused, %d did no harm; %s, %d MiB", flips, len(r.Quarantined), taken, cost.elapsed, cost.peak>>20)
	if taken+len(r.Quarantined) != flips || len(r.Quarantined) < flips/3 || cost.elapsed > 40*time.Second {
		t.Errorf("%d refused, %d taken in %s", len(r.Quarantined), taken, cost.elapsed)
	}
	g.empty(t, "101", "103")
	lakeOf := glob(filepath.Join(g.home, "Lake"), "answers") + " WHERE vantage_point = '103'"
	if got := query(t, g.duck, "SELECT count(*) FROM "+lakeOf)[0]; got != fmt.Sprintf("[[%d]]", 65*taken) {
		t.Errorf("%s rows of 103 in the lake, %d files taken", got, taken)
	}
	g.readAlike(t, lakeOf)
}

// readAlike compares what the lake has of a damaged file with what DuckDB reads in
// it; where DuckDB refuses to read it, it was damaged where we need not look.
func (g *collecting) readAlike(t *testing.T, lakeOf string) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(g.home, "Originals", "*", "*-103.answers.parquet"))
	must(t, err)
	refused := 0
	for _, f := range files {
		label, _, _, err := spool.ParseName(filepath.Base(f))
		must(t, err)
		in := fmt.Sprintf("(FROM %s AND epoch(\"interval\") = %d)", lakeOf, label.Unix())
		out, errs, code, _ := bounded(t, time.Minute, exec.Command(g.duck, differ(asSent("'"+f+"'"), asSent(in))))
		switch {
		case code != 0:
			refused++
			_, why, _ := strings.Cut(errs, "Error: ")
			t.Logf("%s: DuckDB: %.200s", filepath.Base(f), why)
		case out != "[[0]]\n":
			t.Errorf("%s: %s rows differ from what DuckDB reads", f, out)
		}
	}
	t.Logf("%d files taken, %d of them DuckDB refuses", len(files), refused)
}

// testShut: a vantage point that takes away the collector's rights in its dropbox
// costs nobody else a file.
func (g *collecting) testShut(t *testing.T) {
	e := g.dial(t, "103")
	for _, mode := range []os.FileMode{0, 0o730, 0o750, 0o760} {
		label := g.next
		e.put(t, spool.Name(label, "103", column.Answers), g.forge(t, "103", label, nil))
		must(t, e.Chmod("incoming", mode))
		g.measure(t, "101", "102")
		r, _ := g.ingest(t, 3)
		g.empty(t, "101", "102")
		if r.Files < 2 || len(r.Left) == 0 || !strings.Contains(strings.Join(r.Left, " "), "transfer-103") {
			t.Errorf("mode %o: %+v", mode, r)
		}
		alerts, err := os.ReadFile(filepath.Join(g.home, "Logs", "c00-alerts.txt"))
		if err != nil || !strings.Contains(string(alerts), "FIRING rule=mtric.ingest condition=dropbox") {
			t.Errorf("mode %o: alerts %s, %v", mode, alerts, err)
		}
		must(t, exec.Command("chmod", "2770", g.boxes["103"]).Run())
		if r, _ := g.ingest(t, 0); len(r.Left) != 0 {
			t.Errorf("after mode %o: %+v", mode, r)
		}
		g.empty(t, "103")
	}
}
