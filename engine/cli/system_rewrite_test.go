//go:build system

package cli_test

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// rewriters write a lake anew, each as its own defaults or settings have it: the files of
// Lake below another folder.
var rewriters = map[string]string{
	"pyarrow, its defaults": `
pq.write_table(pq.read_table(src, partitioning=None), dst)`,
	"pyarrow, gzip, plain, small row groups, old list names": `
pq.write_table(pq.read_table(src, partitioning=None), dst, compression="gzip", use_dictionary=False, row_group_size=5000, use_compliant_nested_type=False)`,
	"pyarrow, LZ4, pages of version 2, without metadata": `
t = pq.read_table(src, partitioning=None).replace_schema_metadata(None)
t = t.cast(pa.schema([f.with_nullable(True) for f in t.schema]))
pq.write_table(t, dst, compression="lz4", data_page_version="2.0", version="1.0", row_group_size=20000)`,
	"pandas, uncompressed": `
pd.read_parquet(src, dtype_backend="pyarrow", partitioning=None).to_parquet(dst, compression=None, index=False)`,
	"DuckDB, its defaults": `
c.execute("COPY (SELECT * FROM read_parquet('%s', hive_partitioning = false)) TO '%s' (FORMAT parquet)" % (src, dst))`,
	"DuckDB, zstd, version 2": `
c.execute("COPY (SELECT * FROM read_parquet('%s', hive_partitioning = false)) TO '%s' (FORMAT parquet, COMPRESSION zstd, PARQUET_VERSION v2, ROW_GROUP_SIZE 4096)" % (src, dst))`,
}

const rewriting = `
import sys, os, glob
import duckdb, pandas as pd, pyarrow as pa, pyarrow.parquet as pq
to = sys.argv[1]
c = duckdb.connect()
c.execute("SET TimeZone = 'UTC'")
for src in glob.glob("Lake/**/*.parquet", recursive=True):
    dst = to + src[len("Lake"):]
    os.makedirs(os.path.dirname(dst), exist_ok=True)
    exec(sys.argv[2])
`

// TestSystemRewrittenLake has DuckDB, pyarrow and pandas write a lake anew: its report is
// verified, it makes the same one, and every table exports the same.
func TestSystemRewrittenLake(t *testing.T) {
	dir := simulated(t)
	run := func(args ...string) []byte {
		t.Helper()
		cmd := exec.Command("mtric", args...)
		cmd.Dir = dir
		out, err := cmd.Output()
		if err != nil && (args[0] != "report" || cmd.ProcessState.ExitCode() != 3) { // the planted faults miss thresholds
			t.Fatalf("%v: %v\n%s%s", args, err, out, stderrOf(err))
		}
		return out
	}
	run("simulate", "--out", "Lake", "--vps", "2", "--from", "2026-11-01", "--until", "2026-11-02", "--seed", "5", "--wires", "--routes", "--faults", "faults.hcl")
	now := time.Date(2026, 12, 20, 0, 0, 0, 0, time.UTC).Format(time.RFC3339)
	made := func(lake, out string) []byte {
		t.Helper()
		run("report", "--style", "monthly", "--period", "2026-11", "--lake", lake, "--out", out, "--now", now, "--quiet")
		text, err := os.ReadFile(filepath.Join(dir, out, "monthly-2026-11", "internal", "full.json"))
		must(t, err)
		return text
	}
	want := made("Lake", "Reports")
	full := filepath.Join("Reports", "monthly-2026-11", "internal", "full.json")
	n := 0
	for name, how := range rewriters {
		n++
		lake := fmt.Sprint("Rewritten", n)
		t.Run(name, func(t *testing.T) {
			runPython(t, dir, "-W", "ignore", "-c", rewriting, lake, how)
			run("verify", full, "--lake", lake)
			if got := made(lake, "Reports-"+lake); !bytes.Equal(got, want) {
				t.Error("the report differs")
			}
			for _, table := range []string{"answers", "routes", "runs", "zones"} {
				rows := func(lake string) []byte {
					return run("export", "--lake", lake, "--table", table, "--format", "ndjson", "--quiet", "--plan", "rssac047", "--plan", telling(t))
				}
				ours := rows("Lake")
				if theirs := rows(lake); !bytes.Equal(ours, theirs) || len(ours) == 0 {
					t.Errorf("%s: %d bytes exported, %d of the lake as it was", table, len(theirs), len(ours))
				}
			}
			answers := filepath.Join("answers", "yyyymm=202611", "answers-20261101.parquet")
			if ours, theirs := run("show", filepath.Join("Lake", answers)), run("show", filepath.Join(lake, answers)); !bytes.Equal(ours, theirs) {
				t.Error("show differs")
			}
		})
	}
}
