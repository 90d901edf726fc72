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

	"mtric.net/mtric/engine/cli"
	"mtric.net/mtric/engine/column"
)

// goldenDir has the lakes and files of vantage points that each schema's program wrote.
const goldenDir = "../../testdata/golden"

// goldenReport is when the golden lakes are reported: long after their day ended.
const goldenReport = "2026-12-20T00:00:00Z"

// golden is a collector's home with a golden lake in it.
type golden struct {
	t      *testing.T
	schema string
	from   string // where its golden files lie
	home   string
	args   []string // of every command

	first, last time.Time // intervals of its files of vantage points, all of one day
}

// day is the lake's, as commands take it, and so many days later.
func (g *golden) day(later int) string { return g.first.AddDate(0, 0, later).Format(time.DateOnly) }

// now is after the last interval.
func (g *golden) now() string { return g.last.Add(8 * time.Minute).Format(time.RFC3339) }

// file is the file of a table in a lake.
func (g *golden) file(lake string, table column.Table) string {
	return filepath.Join(lake, string(table), g.first.Format("yyyymm=200601"), string(table)+g.first.Format("-20060102.parquet"))
}

func newGolden(t *testing.T, schema string) *golden {
	t.Helper()
	g := &golden{t: t, schema: schema, from: filepath.Join(goldenDir, "schema-"+schema), home: t.TempDir()}
	for from, to := range map[string]string{"Lake": "Lake", "RootZones": "Output/RootZones", "Originals": "Originals"} {
		must(t, os.CopyFS(filepath.Join(g.home, to), os.DirFS(filepath.Join(g.from, from))))
	}
	sent, err := filepath.Glob(filepath.Join(g.from, "Originals", "*", "*.answers.parquet"))
	must(t, err)
	for _, path := range sent {
		at, err := time.Parse("200601021504", filepath.Base(path)[:12])
		must(t, err)
		if g.last = at; g.first.IsZero() {
			g.first = at
		}
	}
	g.args = []string{"--home", g.home, "--plan", "demo"}
	variables, err := os.ReadFile(filepath.Join(g.from, "variables"))
	must(t, err)
	for line := range strings.Lines(string(variables)) {
		g.args = append(g.args, "--var", strings.TrimSpace(line))
	}
	if schema == "1" { // its program took the anchor from a file
		ds, err := os.ReadFile(filepath.Join(g.home, "Output", "RootZones", "anchors.ds"))
		must(t, err)
		_, ds, _ = bytes.Cut(ds, []byte("\tDS\t"))
		g.args = append(g.args, "--var", "anchor="+strings.TrimSpace(string(ds)))
	}
	return g
}

// run runs a command of mtric, which must end with one of the codes.
func (g *golden) run(codes []int, args ...string) []byte {
	g.t.Helper()
	cmd := exec.Command("mtric", append(args, g.args...)...)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := cmd.Run()
	if !slices.Contains(codes, cmd.ProcessState.ExitCode()) {
		g.t.Fatalf("mtric %q: %v, want exit code %v\n%s%s", args, err, codes, out.String(), errs.String())
	}
	return out.Bytes()
}

// send puts files of vantage points, from the golden files of a schema, into the dropboxes.
func (g *golden) send(schema, pattern string) {
	g.t.Helper()
	paths, err := filepath.Glob(filepath.Join(goldenDir, "schema-"+schema, "Originals", "*", pattern))
	must(g.t, err)
	if len(paths) == 0 {
		g.t.Fatalf("no golden files %s of schema %s", pattern, schema)
	}
	for _, path := range paths {
		vp := filepath.Base(path)[13:16]
		box := filepath.Join(g.home, "sftp", "transfer-"+vp, "incoming")
		must(g.t, os.MkdirAll(box, 0o755))
		data, err := os.ReadFile(path)
		must(g.t, err)
		must(g.t, os.WriteFile(filepath.Join(box, filepath.Base(path)), data, 0o644))
	}
}

// ingest runs ingest, which must take all that was sent, and says how many rows it added
// and knew.
func (g *golden) ingest(args ...string) (added, known int64) {
	g.t.Helper()
	var r struct {
		Added       int64 `json:"rows_added"`
		Known       int64 `json:"rows_known"`
		Quarantined []any
		Left        []any
	}
	out := g.run([]int{0}, append([]string{"ingest", "--json", "--now", g.now()}, args...)...)
	must(g.t, json.Unmarshal(out, &r))
	waiting, err := filepath.Glob(filepath.Join(g.home, "sftp", "*", "incoming", "*"))
	must(g.t, err)
	if len(r.Quarantined)+len(r.Left)+len(waiting) > 0 {
		g.t.Fatalf("ingest left %v, waiting %q\n%s", r.Left, waiting, out)
	}
	return r.Added, r.Known
}

// rows are those of a table, without the columns that only the collector writes.
func (g *golden) rows(table column.Table) map[string]bool {
	g.t.Helper()
	rows := map[string]bool{}
	for line := range bytes.Lines(g.run([]int{0}, "export", "--table", string(table), "--format", "ndjson", "--plan", telling(g.t))) {
		var row map[string]any
		must(g.t, json.Unmarshal(line, &row))
		for _, name := range []string{"verdict", "verdict_serial", "failures"} {
			delete(row, name)
		}
		text, err := json.Marshal(row)
		must(g.t, err)
		rows[string(text)] = true
	}
	return rows
}

// telling is a plan by which exports say where vantage points measured from.
func telling(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	put(t, filepath.Join(dir, "plan.hcl"), "plan \"telling\" {\n  export_sources = true\n}\n")
	return dir
}

// schemaOf is what a file of the lake says of itself.
func schemaOf(t *testing.T, path string, table column.Table) (number int) {
	t.Helper()
	must(t, column.Open(path, table, func(f *column.File) error {
		number = f.Metadata.Schema
		return nil
	}))
	return number
}

// Every command that reads or writes a lake, or a file of a vantage point, takes those of
// each schema. A command that is new has no entry and fails.
func TestEveryCommandTakesGoldenLakes(t *testing.T) {
	for _, schema := range []string{"1", "2", "3"} {
		for _, name := range cli.Commands() {
			use, known := goldenUse[name]
			if !known {
				t.Errorf("the command %q has no entry in goldenUse: say how it reads a golden lake, or that it touches none", name)
			}
			if use != nil {
				t.Run(fmt.Sprintf("schema %s/%s", schema, name), func(t *testing.T) {
					t.Parallel()
					use(newGolden(t, schema))
				})
			}
		}
	}
}

// goldenUse is what each command does with a golden lake; nil where it touches neither a
// lake nor a vantage point's file.
var goldenUse = map[string]func(g *golden){
	"backtest": func(g *golden) {
		out := g.run([]int{3}, "backtest", "--from", g.first.Format(time.RFC3339), "--until", g.last.Add(5*time.Minute).Format(time.RFC3339))
		if !strings.Contains(string(out), "rsi-unavailable") || !strings.Contains(string(out), "alerts") {
			g.t.Errorf("%s", out)
		}
	},
	"derive": func(g *golden) {
		out := g.run([]int{0}, "derive", "--json")
		if !strings.Contains(string(out), `"days": 1`) {
			g.t.Errorf("%s", out)
		}
	},
	"site": func(g *golden) {
		out := filepath.Join(g.t.TempDir(), "site")
		g.run([]int{0}, "site", "--out", out)
		text, err := os.ReadFile(filepath.Join(out, "data", "index.js"))
		if must(g.t, err); !strings.Contains(string(text), `"last":"`+g.last.UTC().Format(time.RFC3339)) {
			g.t.Errorf("%s", text)
		}
	},
	"export": exportGolden,
	"ingest": ingestGolden,
	"show":   showGolden,
	"report": reportGolden,
	"verify": reportGolden,
	"dispute": func(g *golden) { // of a report of such a lake
		g.run([]int{0, 3}, "report", "--style", "monthly", "--period", "2026-11", "--now", goldenReport)
		dossiers, err := filepath.Glob(filepath.Join(g.home, "Reports", "monthly-2026-11", "rsi", "*.zip"))
		must(g.t, err)
		for _, d := range dossiers {
			g.run([]int{0, 4}, "dispute", d)
		}
		g.t.Logf("%d dossiers", len(dossiers))
	},
	"zone list": func(g *golden) { g.run([]int{0}, "zone", "list") },
	"watch": func(g *golden) { // its rules read the lake
		out := g.run([]int{0, 3}, "watch", "--json", "--vp", "c00", "--now", g.now())
		if !json.Valid(out) && len(out) > 0 {
			g.t.Errorf("%s", out)
		}
	},
	"push": func(g *golden) { // files of an earlier program wait to be sent
		box := filepath.Join(g.home, "Output")
		must(g.t, os.CopyFS(box, os.DirFS(filepath.Join(g.from, "Originals"))))
		g.run([]int{0}, "push", "--vp", "101", "--dry-run")
	},
	"rebuild": func(g *golden) {
		plans := filepath.Join(g.home, "Lake", "plans")
		must(g.t, os.MkdirAll(plans, 0o755)) // schema 1 has none
		to := filepath.Join(g.t.TempDir(), "Lake")
		g.run([]int{0, 3, 4}, "rebuild", "--originals", filepath.Join(g.home, "Originals"), "--zones", filepath.Join(g.home, "Output", "RootZones"), "--plans", plans, "--out", to)
		if n := schemaOf(g.t, g.file(to, column.Answers), column.Answers); n != column.Schema() {
			g.t.Errorf("rebuilt as schema %d", n)
		}
	},
	"snapshot": func(g *golden) { g.run([]int{0}, "snapshot", filepath.Join(g.t.TempDir(), "copy")) },

	"check": nil, "completion": nil, "completion bash": nil, "completion fish": nil, "completion powershell": nil, "completion zsh": nil,
	"demo": nil, "exit-codes": nil, "flags": nil, "help": nil, "import": nil, "import atlas": nil, "man": nil, "measure": nil, "plan": nil, "plan check": nil, "plan crontab": nil, "plan fmt": nil, "plan inventory": nil, "plan new": nil,
	"plan reference": nil, "plan show": nil, "plan test": nil, "query": nil, "rehearse": nil, "simulate": nil, "version": nil, "zone": nil, "zone add": nil,
	"zone fetch": nil, "zone verify": nil,
}

func exportGolden(g *golden) {
	for _, table := range column.Tables {
		have, err := filepath.Glob(filepath.Join(g.home, "Lake", string(table)))
		must(g.t, err)
		for _, format := range []string{"csv", "ndjson", "arrow", "arrow-stream"} {
			out := filepath.Join(g.t.TempDir(), "out")
			g.run([]int{0}, "export", "--table", string(table), "--format", format, "--out", out)
			if info, err := os.Stat(out); err != nil || len(have) > 0 && info.Size() < 100 {
				g.t.Errorf("%s as %s: %v, %v", table, format, info, err)
			}
		}
	}
	if n := len(g.rows(column.Answers)); n < 1000 {
		g.t.Errorf("%d answers", n)
	}
}

func showGolden(g *golden) {
	var files []string
	for _, pattern := range []string{"Lake/*/*/*.parquet", "Originals/*/*.parquet"} {
		found, err := filepath.Glob(filepath.Join(g.home, pattern))
		must(g.t, err)
		files = append(files, found...)
	}
	if len(files) < 8 {
		g.t.Fatalf("%q", files)
	}
	for _, f := range files {
		for _, args := range [][]string{{"show"}, {"show", "--json"}} {
			if out := g.run([]int{0}, append(args, f)...); bytes.Count(out, []byte("\n")) == 0 {
				g.t.Errorf("%s: no rows", f)
			}
		}
	}
}

// reportGolden makes each style of report and verifies what can be verified.
func reportGolden(g *golden) {
	monday := g.day(-(int(g.first.Weekday()+6) % 7))
	for _, style := range [][]string{{"monthly", "2026-11"}, {"weekly", monday}} {
		g.run([]int{0, 3}, "report", "--style", style[0], "--period", style[1], "--now", goldenReport)
		g.run([]int{0}, "verify", filepath.Join(g.home, "Reports", style[0]+"-"+style[1], "internal", "full.json"))
	}
	g.run([]int{0}, "report", "--style", "survey", "--now", goldenReport)
}

// ingestGolden brings files of two schemas into the lake: those that it has already, and
// those of another schema, which are new to it. The day becomes one of the newest schema,
// and no row of it is lost or changed.
func ingestGolden(g *golden) {
	tables := []column.Table{column.Answers, column.Routes, column.Runs}
	before := map[column.Table]map[string]bool{}
	for _, table := range tables {
		before[table] = g.rows(table)
	}
	g.send(g.schema, "*")
	sent := int64(4*65 + 13)
	if g.schema == "3" {
		sent += 2 * 13 // over TLS, and of class CH
	}
	if added, known := g.ingest(); added != 0 || known != sent {
		g.t.Errorf("files that the lake has: %d rows added, %d known", added, known)
	}
	other, label := "2", "202611291920-*"
	if g.schema != "1" {
		other, label = "1", "202611292035-*"
	}
	g.send(other, label)
	if added, known := g.ingest(); added != 3*65 || known != 0 {
		g.t.Errorf("files of schema %s: %d rows added, %d known", other, added, known)
	}
	g.ingest("--rejudge", "--from", g.day(0), "--until", g.day(1))
	for _, table := range tables {
		after := g.rows(table)
		for row := range maps.Keys(before[table]) {
			if !after[row] {
				g.t.Errorf("%s: a row is lost or changed: %s", table, row)
				break
			}
		}
		want := len(before[table])
		switch table {
		case column.Answers:
			want += 3 * 65
		case column.Runs:
			want += 3
		}
		if len(after) != want {
			g.t.Errorf("%s: %d rows, want %d", table, len(after), want)
		}
	}
	for _, table := range []column.Table{column.Answers, column.Runs} {
		if n := schemaOf(g.t, g.file(filepath.Join(g.home, "Lake"), table), table); n != column.Schema() {
			g.t.Errorf("%s was merged into and is of schema %d", table, n)
		}
	}
	for _, table := range []column.Table{column.Zones, column.VantagePoints} {
		if n := schemaOf(g.t, filepath.Join(g.home, "Lake", string(table), string(table)+".parquet"), table); n != column.Schema() {
			g.t.Errorf("%s is of schema %d", table, n)
		}
	}
}
