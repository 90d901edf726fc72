package cli_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"
)

// programs are this program with schemas 1 to 4 as its newest: 1 and 2 lack the later
// columns, 4 has those of 3 under a new number.
type programs struct {
	t   *testing.T
	dir string
	of  [newestProgram + 1]string
}

const newestProgram = 4

func newPrograms(t *testing.T) *programs {
	t.Helper()
	p := &programs{t: t, dir: t.TempDir()}
	for n := 1; n < len(p.of); n++ {
		p.of[n] = filepath.Join(p.dir, fmt.Sprint("mtric-", n))
		cmd := exec.Command("go", "build", "-o", p.of[n], "-ldflags", fmt.Sprint("-s -w -X mtric.net/mtric/engine/column.newest=", n), "mtric.net/mtric")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("go build: %v\n%s", err, out)
		}
	}
	return p
}

// sentFile is a file that a vantage point made.
type sentFile struct {
	name string
	data []byte
}

// slots are intervals that each program measured: the first of a day of their own, the
// second of one day, which grows.
func slots(n int) []time.Time {
	day := time.Date(2026, 11, 20, 0, 0, 0, 0, time.UTC)
	return []time.Time{day.AddDate(0, 0, n).Add(12 * time.Hour), day.Add(time.Duration(n) * 5 * time.Minute)}
}

// measured has each program measure so many pairs of intervals as vantage point 101.
func (p *programs) measured(pairs int, vars []string) [newestProgram + 1][][]sentFile {
	p.t.Helper()
	var all [newestProgram + 1][][]sentFile
	var group errgroup.Group
	for n := 1; n < len(p.of); n++ {
		all[n] = make([][]sentFile, pairs)
		group.Go(func() error {
			for i := range pairs {
				home := filepath.Join(p.dir, fmt.Sprintf("101-%d-%d", n, i))
				for _, at := range slots(i) {
					cmd := exec.Command(p.of[n], append([]string{"measure", "--no-wait", "--vp", "101", "--home", home, "--now", at.Format(time.RFC3339)}, vars...)...)
					out, err := cmd.CombinedOutput()
					if code := cmd.ProcessState.ExitCode(); code != 3 { // measured, and nobody takes it
						return fmt.Errorf("%v: %w, exit code %d\n%s", cmd.Args, err, code, out)
					}
				}
				paths, err := filepath.Glob(filepath.Join(home, "Output", "2026*"))
				if err != nil || len(paths) < 8 {
					return fmt.Errorf("%s: %q, %w", home, paths, err)
				}
				for _, path := range paths {
					data, err := os.ReadFile(path)
					if err != nil {
						return err
					}
					all[n][i] = append(all[n][i], sentFile{filepath.Base(path), data})
				}
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		p.t.Fatal(err)
	}
	return all
}

// follow is a collector whose program, and that of its vantage point, change.
type follow struct {
	t                   *testing.T
	programs            *programs
	home                string
	vars                []string
	collector, vp, lake int // schemas of the programs, and the newest that wrote the lake
	sent                map[string]int
	now                 time.Time
}

func (f *follow) box() string { return filepath.Join(f.home, "sftp", "transfer-101", "incoming") }

// send has the vantage point push what its program measured of a pair of intervals.
func (f *follow) send(files []sentFile) {
	f.t.Helper()
	must(f.t, os.MkdirAll(f.box(), 0o755))
	for _, file := range files {
		must(f.t, os.WriteFile(filepath.Join(f.box(), file.name), file.data, 0o644))
		f.sent[file.name] = f.vp
	}
}

// contents is every file of the lake.
func (f *follow) contents() map[string]string {
	f.t.Helper()
	all := map[string]string{}
	paths, err := filepath.Glob(filepath.Join(f.home, "Lake", "*", "*", "*.parquet"))
	must(f.t, err)
	whole, err := filepath.Glob(filepath.Join(f.home, "Lake", "*", "*.*"))
	must(f.t, err)
	for _, path := range append(paths, whole...) {
		data, err := os.ReadFile(path)
		must(f.t, err)
		all[path] = string(data)
	}
	return all
}

// ingest runs ingest as cron does, and holds its end to what the rule of change says.
func (f *follow) ingest() {
	f.t.Helper()
	before := f.contents()
	f.now = f.now.Add(5 * time.Minute)
	cmd := exec.Command(f.programs.of[f.collector], append([]string{"ingest", "--home", f.home, "--now", f.now.Format(time.RFC3339)}, f.vars...)...)
	out, _ := cmd.CombinedOutput()
	code, want := cmd.ProcessState.ExitCode(), 0
	entries, err := os.ReadDir(f.box())
	must(f.t, err)
	waits := map[string]bool{}
	for _, e := range entries {
		waits[e.Name()] = true
	}
	if f.collector < f.lake {
		want = 3
		if !maps.Equal(before, f.contents()) {
			f.t.Fatalf("a collector of schema %d changed a lake of schema %d", f.collector, f.lake)
		}
	} else {
		f.lake = f.collector
		for name, schema := range f.sent {
			later := schema > f.collector && strings.Contains(name, ".answers.parquet")
			if later {
				want = 3
			}
			if waits[name] != later {
				f.t.Errorf("%s of schema %d, collector of schema %d: waits is %v\n%s", name, schema, f.collector, waits[name], out)
			}
		}
	}
	if code != want || want > 0 && !bytes.Contains(out, []byte("newer mtric")) {
		f.t.Fatalf("collector of schema %d, lake of %d: exit code %d, want %d\n%s", f.collector, f.lake, code, want, out)
	}
	for name := range f.sent {
		if !waits[name] && f.collector == f.lake {
			delete(f.sent, name)
		}
	}
	if rejected, _ := filepath.Glob(filepath.Join(f.home, "Quarantine", "*")); len(rejected) > 0 {
		f.t.Fatalf("in quarantine: %q", rejected)
	}
}

// waiting notes how often a lake came to be too new for its collector, and how often files
// of the dropbox did.
type waiting struct {
	lake, dropbox       int
	lakeNow, dropboxNow bool
}

func (w *waiting) note(f *follow) {
	lake, dropbox := f.collector < f.lake, false
	for _, schema := range f.sent {
		dropbox = dropbox || !lake && schema > f.collector
	}
	if lake && !w.lakeNow {
		w.lake++
	}
	if dropbox && !w.dropboxNow {
		w.dropbox++
	}
	w.lakeNow, w.dropboxNow = lake, dropbox
}

// hold wants one alert for each time, and no other but that rules cannot be evaluated.
func (w *waiting) hold(f *follow) {
	f.t.Helper()
	text, err := os.ReadFile(filepath.Join(f.home, "Logs", "c00-alerts.txt"))
	if err != nil && !os.IsNotExist(err) {
		f.t.Fatal(err)
	}
	have := map[string]int{}
	for line := range strings.Lines(string(text)) {
		_, condition, told := strings.Cut(line, " warning FIRING rule=mtric.ingest condition=")
		if !strings.Contains(line, "newer mtric") {
			continue
		}
		if condition, _, _ = strings.Cut(condition, " "); told {
			have[condition]++
		} else {
			f.t.Errorf("%s", line)
		}
	}
	if delete(have, "rules"); have["lake"] != w.lake || have["dropbox"] != w.dropbox || w.lake+w.dropbox == 0 && len(have) > 0 {
		f.t.Errorf("alerts %v, want %d of the lake and %d of the dropbox\n%s", have, w.lake, w.dropbox, text)
	}
}

// exported is the rows of a table, without the columns that only the collector writes.
func (f *follow) exported(table string) []string {
	f.t.Helper()
	cmd := exec.Command(f.programs.of[newestProgram], append([]string{"export", "--home", f.home, "--table", table, "--format", "ndjson", "--plan", telling(f.t)}, f.vars...)...)
	out, err := cmd.Output()
	must(f.t, err)
	var rows []string
	for line := range bytes.Lines(out) {
		var row map[string]any
		must(f.t, json.Unmarshal(line, &row))
		for _, name := range []string{"verdict", "verdict_serial", "failures", "received_at", "ingested_at"} {
			delete(row, name)
		}
		text, err := json.Marshal(row)
		must(f.t, err)
		rows = append(rows, string(text))
	}
	return rows
}

// upgrades are orders in which a collector (c) and a vantage point (v) go from schema 1 to
// 4; a capital goes back by one.
var upgrades = []string{"cccvvv", "cvcvcv", "cvvccv", "vccvvc", "vcvcvc", "vvvccc", "cvCvccvc", "ccvCcvcv", "cvVCvcvccv"}

// Whatever the order of updates, and back: nothing is lost or refused, what is newer waits
// with one alert, and the lake becomes of one schema.
func TestUpgradesAndDowngradesLoseNothing(t *testing.T) {
	if testing.Short() {
		t.Skip("upgrades and downgrades are not tested: four programs are built and measured with; go test without -short runs it")
	}
	w := newWorld(t)
	_, ds, _ := strings.Cut(w.zone.DS(), "DS")
	vars := []string{"--plan", "demo", "--var", fmt.Sprintf("port_base=%d", w.good.PortBase()), "--var", "ipv6=false", "--var", "anchor=" + strings.TrimSpace(ds)}
	p := newPrograms(t)
	files := p.measured(11, vars)
	var zone bytes.Buffer
	if _, err := w.zone.WriteTo(&zone); err != nil {
		t.Fatal(err)
	}
	for _, order := range upgrades {
		t.Run(order, func(t *testing.T) {
			t.Parallel()
			begin := func() *follow {
				f := &follow{t: t, programs: p, home: t.TempDir(), vars: vars, collector: 1, vp: 1, sent: map[string]int{}, now: slots(11)[0]}
				zones := filepath.Join(f.home, "Output", "RootZones")
				must(t, os.MkdirAll(zones, 0o755))
				must(t, os.WriteFile(filepath.Join(zones, "2026112301.root.txt"), zone.Bytes(), 0o644))
				return f
			}
			f, at, waits := begin(), begin(), waiting{}
			at.collector, at.vp = newestProgram, newestProgram
			for i := 0; i <= len(order); i++ {
				if i > 0 {
					switch order[i-1] {
					case 'c':
						f.collector++
					case 'C':
						f.collector--
					case 'v':
						f.vp++
					case 'V':
						f.vp--
					}
				}
				f.send(files[f.vp][i])
				at.send(files[f.vp][i])
				f.ingest()
				waits.note(f)
				f.ingest()
			}
			waits.hold(f)
			at.ingest()
			for range 2 {
				f.now = f.now.AddDate(0, 0, 1)
				f.ingest()
			}
			for _, table := range []string{"answers", "runs"} {
				if got, want := f.exported(table), at.exported(table); len(got) == 0 || !slices.Equal(got, want) {
					t.Errorf("%s: %d rows, want %d, or they differ", table, len(got), len(want))
				}
			}
			uniform(t, f.home, newestProgram)
			f.refused()
		})
	}
}

// refused has a program of schema 3 read the lake, which is of schema 4 by now.
func (f *follow) refused() {
	f.t.Helper()
	runs, err := filepath.Glob(filepath.Join(f.home, "Lake", "runs", "*", "*.parquet"))
	must(f.t, err)
	for _, args := range [][]string{
		{"export", "--table", "answers", "--format", "csv"}, {"export", "--table", "zones", "--format", "csv"}, {"show", runs[0]},
		{"report", "--period", "2026-11", "--now", goldenReport}, {"report", "--style", "survey", "--now", goldenReport},
		{"backtest", "--from", "2026-11-20", "--until", "2026-11-22"},
	} {
		cmd := exec.Command(f.programs.of[newestProgram-1], append(append(args, "--home", f.home), f.vars...)...)
		out, _ := cmd.CombinedOutput()
		if code := cmd.ProcessState.ExitCode(); code != 1 || !bytes.Contains(out, []byte("needs a newer mtric: the file is of schema 4")) {
			f.t.Errorf("%q of a newer lake: exit code %d\n%s", args, code, out)
		}
	}
}

// uniform wants all files of a lake to be of one schema.
func uniform(t *testing.T, home string, schema int) {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(home, "Lake", "*", "yyyymm=*", "*.parquet"))
	must(t, err)
	for _, path := range append(paths, filepath.Join(home, "Lake", "zones", "zones.parquet"), filepath.Join(home, "Lake", "vantage_points", "vantage_points.parquet")) {
		data, err := os.ReadFile(path)
		must(t, err)
		if !bytes.Contains(data, fmt.Appendf(nil, "mtric.schema\x18\x01%d", schema)) {
			t.Errorf("%s is not of schema %d", path, schema)
		}
	}
}
