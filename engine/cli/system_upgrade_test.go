//go:build system

package cli_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"mtric.net/mtric/engine/transfer"
)

const stage1 = "6c422fa" // the last commit whose files have no number

// buildStage1 makes the program of stage 1 program 0.
func (p *programs) buildStage1() {
	p.t.Helper()
	source := filepath.Join(p.dir, "stage1")
	must(p.t, os.Mkdir(source, 0o755))
	shell(p.t, "sh", "-c", fmt.Sprintf("git -C ../.. archive %s | tar -x -C %s", stage1, source))
	p.of[0] = filepath.Join(p.dir, "mtric-0")
	cmd := exec.Command("go", "build", "-trimpath", "-ldflags", "-s -w", "-o", p.of[0], ".") // trimpath: compiled once, whatever the folder
	cmd.Dir = source
	if out, err := cmd.CombinedOutput(); err != nil {
		p.t.Fatalf("go build of %s: %v\n%s", stage1, err, out)
	}
}

// ended is a run that cron started.
type ended struct {
	program int
	begun   int // how many were started before it, on all machines
	code    int
	out     string
}

// machine is a collector or a vantage point, whose cron starts a program whether or not
// the one before has ended. Its program is a link, which an update replaces.
type machine struct {
	c       *fleet
	name    string
	home    string
	command func(at time.Time) []string

	starting sync.Mutex
	program  int // guarded by starting, as is what starts in running
	running  sync.WaitGroup

	mu    sync.Mutex
	ended []ended
}

func (m *machine) link() string { return filepath.Join(m.home, "mtric") }

// update replaces the program under what is running. On the collector nothing starts until
// that has ended: an old run that came after a new one would find the lake too new, and
// tell so once more.
func (m *machine) update(program int) {
	m.starting.Lock()
	defer m.starting.Unlock()
	must(m.c.t, os.Symlink(m.c.p.of[program], m.link()+".new"))
	must(m.c.t, os.Rename(m.link()+".new", m.link()))
	m.program = program
	if m == m.c.collector {
		m.running.Wait()
	}
}

// start runs the program as of an interval, and returns what waits for its end, which must
// be with one of the codes or that of a lake that is too new.
func (m *machine) start(at time.Time, args []string, codes ...int) (wait func()) {
	var out bytes.Buffer
	m.starting.Lock()
	run := ended{program: m.program, begun: m.c.next()}
	cmd := exec.Command(m.link(), args...)
	cmd.Stdout, cmd.Stderr = &out, &out
	err := cmd.Start()
	if err == nil {
		m.running.Add(1)
	}
	m.starting.Unlock()
	if err != nil {
		m.c.t.Error(err)
		return func() {}
	}
	return func() {
		defer m.running.Done()
		_ = cmd.Wait()
		run.code, run.out = cmd.ProcessState.ExitCode(), out.String()
		if !slices.Contains(codes, run.code) && !(run.code == 1 && strings.Contains(run.out, "needs a newer mtric")) {
			m.c.t.Errorf("%s, program %d, %s: %q ends with %d\n%s", m.name, run.program, at.Format(time.TimeOnly), args, run.code, run.out)
		}
		m.mu.Lock()
		defer m.mu.Unlock()
		if args[0] == "measure" || args[0] == "ingest" {
			m.ended = append(m.ended, run)
		}
	}
}

const busy = 5 // exit code of a run that finds another at work

// done is how many runs that were begun after so many others have ended and did something.
func (m *machine) done(after int) (n int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, run := range m.ended {
		if run.begun >= after && run.code != busy {
			n++
		}
	}
	return n
}

// fleet is a collector and its vantage points, which work at the same time.
type fleet struct {
	t         *testing.T
	p         *programs
	vars      []string
	collector *machine
	vps       []*machine

	mu      sync.Mutex
	started int
}

func (c *fleet) next() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.started++
	return c.started
}

func (c *fleet) all() []*machine { return append([]*machine{c.collector}, c.vps...) }

// newFleet has an SFTP server at the collector, and a key at each vantage point.
func newFleet(t *testing.T, w *world, p *programs) *fleet {
	t.Helper()
	_, ds, _ := strings.Cut(w.zone.DS(), "DS")
	c := &fleet{t: t, p: p}
	home := t.TempDir()
	box, err := transfer.NewDropbox(filepath.Join(home, "sftp"))
	must(t, err)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	served := make(chan error, 1)
	go func() { served <- box.Serve(l) }()
	t.Cleanup(func() { _, _ = box.Close(), <-served })
	port := l.Addr().(*net.TCPAddr).Port
	put(t, filepath.Join(home, "plan", "keep.hcl"), "plan \"demo\" {}\nretention \"sent\" {\n  keep = \"30d\"\n}\n")
	c.vars = []string{"--plan", "demo", "--plan", filepath.Join(home, "plan"), "--var", fmt.Sprintf("port_base=%d", w.good.PortBase()), "--var", "ipv6=false",
		"--var", "anchor=" + strings.TrimSpace(ds), "--var", fmt.Sprintf("sftp_port=%d", port)}
	c.collector = &machine{c: c, name: "c00", home: home, command: func(at time.Time) []string {
		// Its clock is never behind theirs, however long a start takes.
		return c.args("ingest", home, at.Add(3*time.Hour))
	}}
	c.archive(w, home)
	for _, vp := range []string{"101", "301", "501"} {
		home := t.TempDir()
		line, err := transfer.GenerateKey(filepath.Join(home, ".ssh", "id_ed25519"))
		must(t, err)
		must(t, box.Allow("transfer-"+vp, line))
		must(t, os.WriteFile(filepath.Join(home, ".ssh", "known_hosts"), []byte(transfer.KnownHostsLine("127.0.0.1", uint16(port), box.HostKey())), 0o600))
		c.vps = append(c.vps, &machine{c: c, name: vp, home: home, command: func(at time.Time) []string {
			return c.args("measure", home, at, "--no-wait", "--vp", vp)
		}})
	}
	return c
}

func (c *fleet) args(command, home string, now time.Time, more ...string) []string {
	return slices.Concat([]string{command, "--home", home, "--now", now.Format(time.RFC3339)}, more, c.vars)
}

// archive gives a collector the root zone.
func (c *fleet) archive(w *world, home string) {
	c.t.Helper()
	var zone bytes.Buffer
	if _, err := w.zone.WriteTo(&zone); err != nil {
		c.t.Fatal(err)
	}
	path, at := filepath.Join(home, "Output", "RootZones", "2026112301.root.txt"), time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	put(c.t, path, zone.String())
	must(c.t, os.Chtimes(path, at, at))
}

// cron starts what each machine does in an interval, one interval after the other, until
// the context ends, and waits for all. An interval takes less than a run, so that runs
// meet. Every third time somebody reads the lake.
func (c *fleet) cron(ctx context.Context, from time.Time, interval time.Duration) {
	var runs sync.WaitGroup
	defer runs.Wait()
	few := make(chan struct{}, 12) // more would only wait for the CPU
	start := func(m *machine, at time.Time, args []string, codes ...int) {
		few <- struct{}{}
		wait := m.start(at, args, codes...)
		runs.Go(func() {
			wait()
			<-few
		})
	}
	tick := time.NewTicker(interval)
	defer tick.Stop()
	for n := 0; ; n++ {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		at := from.Add(time.Duration(n) * 5 * time.Minute)
		for _, m := range c.all() {
			start(m, at, m.command(at), 0, 3, busy)
		}
		if n%3 == 0 {
			home := c.collector.home
			start(c.collector, at, []string{"snapshot", filepath.Join(home, "look"), "--lake", filepath.Join(home, "Lake")}, 0, 2, busy) // 2: there is no lake yet
			start(c.collector, at, []string{"export", "--lake", filepath.Join(home, "Lake"), "--table", "runs", "--format", "csv", "--out", filepath.Join(home, "runs.csv")}, 0, 2)
		}
	}
}

// phase updates programs, and waits until each vantage point has measured with what it has
// then, and after that the collector has ingested.
func (c *fleet) phase(collector int, vps ...int) {
	c.t.Helper()
	for i, m := range c.all() {
		if program := append([]int{collector}, vps...)[i]; program != m.program {
			m.update(program)
		}
	}
	until := time.Now().Add(10 * time.Minute)
	wait := func(ms ...*machine) {
		c.t.Helper()
		after := c.next()
		for _, m := range ms {
			for m.done(after) == 0 {
				if time.Sleep(50 * time.Millisecond); time.Now().After(until) || c.t.Failed() {
					c.t.Fatalf("%s, program %d: no run has ended", m.name, m.program)
				}
			}
		}
	}
	wait(c.vps...)
	wait(c.collector)
}

// sent are the files that vantage points have sent, all of them.
func (c *fleet) sent() map[string]string {
	c.t.Helper()
	files := map[string]string{}
	for _, m := range c.vps {
		left, err := filepath.Glob(filepath.Join(m.home, "Output", "2026*"))
		if must(c.t, err); len(left) > 0 {
			c.t.Errorf("%s has not sent %q", m.name, left)
		}
		filesBelow(c.t, filepath.Join(m.home, "Output", "Sent"), files)
	}
	return files
}

// filesBelow adds the files below a folder, by their names.
func filesBelow(t *testing.T, dir string, to map[string]string) {
	t.Helper()
	must(t, filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || strings.HasPrefix(d.Name(), ".") {
			return err
		}
		data, err := os.ReadFile(path)
		to[d.Name()] = string(data)
		return err
	}))
}

// TestSystemUpgradesWhileCronRuns updates and takes back the programs of a collector and
// three vantage points while cron starts them, faster than they end: nothing is lost or
// comes twice, what is too new waits with one alert, and the lake is that of one program.
func TestSystemUpgradesWhileCronRuns(t *testing.T) {
	w := newWorld(t)
	p := newPrograms(t)
	p.buildStage1()
	c := newFleet(t, w, p)
	for _, m := range c.all() {
		m.update(1)
	}
	from := time.Date(2026, 11, 22, 23, 30, 0, 0, time.UTC)
	begun := time.Now() // what a run takes here and now
	for _, m := range c.all() {
		m.start(from, m.command(from), 0)()
	}
	ctx, stop := context.WithCancel(t.Context())
	var cron sync.WaitGroup
	cron.Go(func() { c.cron(ctx, from.Add(5*time.Minute), time.Since(begun)/4) })
	t.Cleanup(cron.Wait)
	t.Cleanup(stop)

	c.phase(1, 0, 1, 2) // files of 501 wait
	c.phase(2, 0, 2, 2)
	c.phase(1, 0, 1, 2) // the lake is too new
	c.phase(2, 1, 3, 2) // files of 301 wait
	c.phase(3, 2, 3, 3)
	c.phase(2, 2, 3, 1) // the lake is too new
	c.phase(3, 3, 3, 1)
	c.phase(3, 3, 3, 3)
	stop()
	cron.Wait()
	at := from.AddDate(0, 0, 2)
	for _, m := range slices.Backward(c.all()) {
		m.start(at, m.command(at), 0)()
	}
	for n := range 2 {
		at := at.AddDate(0, 0, n+1)
		c.collector.start(at, c.collector.command(at), 0)()
	}
	c.hold(w)
}

// hold wants all that was sent, once, and the lake that one program makes of it.
func (c *fleet) hold(w *world) {
	c.t.Helper()
	runs := map[[2]int]int{}
	for _, run := range c.collector.ended {
		runs[[2]int{run.program, run.code}]++
	}
	c.t.Logf("runs of ingest, by program and exit code: %v", runs)
	sent, kept := c.sent(), map[string]string{}
	filesBelow(c.t, filepath.Join(c.collector.home, "Originals"), kept)
	if diff := cmp.Diff(sent, kept); diff != "" {
		c.t.Errorf("originals are not what was sent: %.2000s", diff)
	}
	for _, dir := range []string{"Quarantine", "sftp/transfer-101/incoming", "sftp/transfer-301/incoming", "sftp/transfer-501/incoming"} {
		if entries, err := os.ReadDir(filepath.Join(c.collector.home, dir)); err != nil && !errors.Is(err, fs.ErrNotExist) || len(entries) > 0 {
			c.t.Errorf("%s: %v, %v", dir, entries, err)
		}
	}
	f := &follow{t: c.t, programs: c.p, home: c.collector.home, vars: c.vars, collector: 3, lake: 3}
	(&waiting{lake: 2, dropbox: 2}).hold(f)
	uniform(c.t, f.home, 3)

	one := &follow{t: c.t, programs: c.p, home: c.t.TempDir(), vars: c.vars}
	c.archive(w, one.home)
	files := 0
	for name, data := range sent {
		put(c.t, filepath.Join(one.home, "sftp", "transfer-"+name[13:16], "incoming", name), data)
		if strings.HasSuffix(name, ".answers.parquet") {
			files++
		}
	}
	alone := &machine{c: c, name: "one", home: one.home, program: 3}
	alone.update(3)
	for n := range 3 {
		alone.start(time.Time{}, c.args("ingest", one.home, time.Date(2026, 11, 24+n, 23, 30, 0, 0, time.UTC)), 0)()
	}
	for _, table := range []string{"answers", "runs", "zones", "vantage_points"} {
		if got, want := f.exported(table), one.exported(table); len(got) == 0 || !slices.Equal(got, want) {
			c.t.Errorf("%s: %d rows, %d of one program, or they differ: %s", table, len(got), len(want), cmp.Diff(want, got))
		} else if table == "runs" && len(got) != files {
			c.t.Errorf("%d runs of %d files", len(got), files)
		}
	}
	c.t.Logf("%d runs measured", files)
}
