//go:build system

package report_test

import (
	"errors"
	"io"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"mtric.net/mtric/engine/atlas"
	"mtric.net/mtric/engine/atlas/crowd"
	"mtric.net/mtric/engine/lake"
	"mtric.net/mtric/engine/measurement"
)

// TestSystemSQLCrowd holds the statements of the crowd to plain loops, over a simulated crowd
// with identities and over drawn lakes, on DuckDB and on Spark.
func TestSystemSQLCrowd(t *testing.T) {
	dir := crowdLake(t)
	runPython(t, sqlPython(t, "duckdb"), "test_crowd.py", "--lakes", "30", dir)
	runPython(t, sqlPython(t, "spark"), "test_crowd.py", "--engine", "spark", "--lakes", "1", "--seed", "3")

	// The script that --sql prints has what crowd.py writes.
	out := filepath.Join(t.TempDir(), "out")
	period := []string{"--from", "2026-11-20", "--until", "2026-11-22"}
	runPython(t, sqlPython(t, "duckdb"), "crowd.py", append(period, dir, out)...)
	copied := filepath.Join(t.TempDir(), "apart.csv")
	script := runPython(t, sqlPython(t, "duckdb"), "crowd.py", append(period, "--sql", dir)...)
	run := exec.Command(sqlPython(t, "duckdb"), "-c", "import duckdb, sys; duckdb.connect().execute(sys.stdin.read())")
	run.Stdin = strings.NewReader(script + "\nCOPY crowd_apart TO '" + copied + "'")
	if out, err := run.CombinedOutput(); err != nil {
		t.Fatalf("script: %v\n%s", err, out)
	}
	got, err := os.ReadFile(copied)
	if err != nil {
		t.Fatal(err)
	}
	want, err := os.ReadFile(filepath.Join(out, "apart.csv"))
	if err != nil || string(got) != string(want) || strings.Count(string(got), "\n") != 5 {
		t.Errorf("the script has\n%s\nwant\n%s (%v)", got, want, err)
	}
}

// TestSystemSQLCrowdMistakes: what is no crowd's lake is told in a line, not in a traceback.
func TestSystemSQLCrowdMistakes(t *testing.T) {
	dir := t.TempDir()
	for _, step := range []struct {
		makes, until, want string
	}{
		{"", "2026-11-20", "--until 2026-11-20 is not after --from 2026-11-20"},
		{"", "2026-11-21", "not a lake of RIPE Atlas' results (it lacks _atlas.json); mtric import atlas makes one"},
		{"_atlas.json", "2026-11-21", "has no answers"},
		{"answers/yyyymm=202611/answers-20261120.parquet", "2026-11-21", "has no table vantage_points; import it again with --probes"},
	} {
		if step.makes != "" {
			path := filepath.Join(dir, filepath.FromSlash(step.makes))
			if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, nil, 0o644)); err != nil {
				t.Fatal(err)
			}
		}
		out, err := exec.Command("python3", "../../metrics/sql/crowd.py", "--from", "2026-11-20", "--until", step.until, dir, filepath.Join(dir, "out")).CombinedOutput()
		if err == nil || !strings.Contains(string(out), "crowd.py: error: ") || !strings.Contains(string(out), step.want) {
			t.Errorf("%v, %s, want %q", err, out, step.want)
		}
	}
}

// crowdLake is a lake of a simulated crowd with identities, of some half hours around a midnight.
func crowdLake(t *testing.T) string {
	t.Helper()
	p, made, dir := rssac047(t), t.TempDir(), filepath.Join(t.TempDir(), "lake")
	servers, from := map[measurement.RSI][2]netip.Addr{}, time.Date(2026, 11, 20, 22, 0, 0, 0, time.UTC)
	m := atlas.Importer{Lake: lake.Store{Dir: dir}, Set: atlas.Set{Name: "builtin", Questions: atlas.BuiltIn()}, Servers: map[netip.Addr]measurement.RSI{}, Identity: true,
		Now: from.AddDate(0, 0, 10)}
	q, _ := p.Query(measurement.QuerySOA)
	for _, s := range p.ServersOf(q.Servers) {
		both := servers[s.RSI]
		for _, a := range s.Addresses {
			if a.Until != nil {
				continue
			}
			both[0], both[1] = first(a.Family == measurement.IPv4, a.Address, both[0]), first(a.Family == measurement.IPv6, a.Address, both[1])
			m.Servers[a.Address] = s.RSI
		}
		servers[s.RSI] = both
	}
	if _, err := crowd.Run(made, crowd.Config{Seed: 5, Probes: 150, From: from, Until: from.Add(4 * time.Hour), Servers: servers}); err != nil {
		t.Fatal(err)
	}
	if err := atlas.Prepare(dir, "builtin"); err != nil {
		t.Fatal(err)
	}
	var sources []atlas.Source
	for _, name := range []string{crowd.Results, crowd.Late} {
		sources = append(sources, atlas.Source{Name: name, Open: func() (io.ReadCloser, error) { return os.Open(filepath.Join(made, name)) }})
	}
	if _, err := m.Run(t.Context(), sources); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(filepath.Join(made, "probes", "20261120.json"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	archive, err := atlas.ReadProbes(f, "20261120.json")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := atlas.SaveProbes(m.Lake, []atlas.Archive{archive}); err != nil {
		t.Fatal(err)
	}
	return dir
}

func first(yes bool, a, b netip.Addr) netip.Addr {
	if yes {
		return a
	}
	return b
}
