//go:build system

package cli_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// agree is the whole lake by three readers of Parquet, and by two of what
// mtric export makes of it: counts, sums and types.
const agree = `
import json, subprocess, io
import duckdb, pandas as pd, pyarrow as pa, pyarrow.ipc, polars as pl
def facts(n, latency, nulls, texts, failures, first, last):
    return [int(n), int(latency), int(nulls), int(texts), int(failures), int(first), int(last)]
c = duckdb.connect()
c.execute("SET TimeZone = 'UTC'")
sql = """SELECT count(*), sum(latency_us), count(*) - count(serial), sum(strlen(coalesce(nsid, ''))), sum(len(failures)),
    min(epoch_us("interval")), max(epoch_us(sent_at)) FROM %s"""
table = "read_parquet('Lake/answers/*/*.parquet', hive_partitioning = true)"
out = {"duckdb": facts(*c.execute(sql % table).fetchone())}
def micros(t):
    return (t - pd.Timestamp(0, tz="UTC")) // pd.Timedelta(microseconds=1)
def by_pandas(f):
    return facts(len(f), f.latency_us.sum(), f.serial.isna().sum(), f.nsid.dropna().str.len().sum(), f.failures.map(len).sum(),
        micros(f.interval.min()), micros(f.sent_at.max()))
def by_polars(f):
    return facts(f.height, f["latency_us"].sum(), f["serial"].null_count(), f["nsid"].str.len_bytes().sum(), f["failures"].list.len().sum(),
        f["interval"].dt.timestamp("us").min(), f["sent_at"].dt.timestamp("us").max())
frame = pd.read_parquet("Lake/answers")
lazy = pl.scan_parquet("Lake/answers/**/*.parquet", hive_partitioning=True).collect()
out["pandas"], out["polars"] = by_pandas(frame), by_polars(lazy)
assert set(frame.yyyymm.astype(int)) == set(lazy["yyyymm"]) == {202611}
def export(format):
    return subprocess.run(["mtric", "export", "--lake", "Lake", "--table", "answers", "--format", format], check=True, stdout=subprocess.PIPE).stdout
stream = export("arrow-stream")
exported = pa.ipc.open_stream(stream).read_all()
exported.validate(full=True)
out["export, pyarrow"] = by_pandas(exported.to_pandas())
out["export, polars"] = by_polars(pl.read_ipc_stream(io.BytesIO(stream)))
out["export, duckdb"] = facts(*c.execute(sql % "exported").fetchone())
out["export file, pandas"] = by_pandas(pd.read_feather(io.BytesIO(export("arrow"))))
open("all.csv", "wb").write(export("csv"))
open("all.ndjson", "wb").write(export("ndjson"))
columns = "{" + ", ".join("'%s': '%s'" % (n, t) for n, t in c.execute("SELECT column_name, column_type FROM (DESCRIBE SELECT * FROM exported)").fetchall()).replace("BLOB", "VARCHAR") + "}"
out["export csv, duckdb"] = facts(*c.execute(sql % ("(SELECT * REPLACE (from_json(failures, '[\"VARCHAR\"]') AS failures) FROM read_csv('all.csv', allow_quoted_nulls = false, columns = %s))" % columns.replace("VARCHAR[]", "VARCHAR"))).fetchone())
out["export ndjson, duckdb"] = facts(*c.execute(sql % ("read_json('all.ndjson', format = 'newline_delimited', columns = %s)" % columns)).fetchone())
types = {n: t for n, t in c.execute("SELECT column_name, column_type FROM (DESCRIBE SELECT * FROM %s)" % table).fetchall() if n != "yyyymm"}
assert types == dict(c.execute("SELECT column_name, column_type FROM (DESCRIBE SELECT * FROM exported)").fetchall()), types
print(json.dumps(out))
`

// pythonOf is a Python with the readers: of an environment variable, or of the
// folder below the cache that testdata/rig/install.sh fills, with pinned versions or,
// where MTRIC_NEWEST is set, the newest.
func pythonOf(t *testing.T, variable, venv string) string {
	if python := os.Getenv(variable); python != "" {
		return python
	}
	if os.Getenv("MTRIC_NEWEST") != "" {
		venv += "-newest"
	}
	cache := os.Getenv("MTRIC_CACHE")
	if cache == "" {
		dir, err := os.UserCacheDir()
		must(t, err)
		cache = filepath.Join(dir, "mtric")
	}
	return filepath.Join(cache, venv, "bin", "python")
}

// simulated is a folder with a Lake of the month that the page's examples name,
// in which each of them finds something.
func simulated(t *testing.T) string {
	dir := t.TempDir()
	faults := `
fault "frozen" {
  kind  = "frozen"
  rsis  = ["c"]
  from  = "2026-11-01T03:00:00Z"
  until = "2026-11-03"
}
fault "down" {
  kind  = "down"
  rsis  = ["e"]
  from  = "2026-11-01T06:00:00Z"
  until = "2026-11-01T07:00:00Z"
}
fault "servfail" {
  kind  = "servfail"
  rsis  = ["d"]
  from  = "2026-11-02T09:00:00Z"
  until = "2026-11-02T11:00:00Z"
}
fault "wrong" {
  kind  = "wrong"
  rsis  = ["f"]
  from  = "2026-11-01"
  until = "2026-11-02"
}
fault "unsent" {
  kind           = "local_error"
  vantage_points = ["901"]
  rsis           = ["g"]
  from           = "2026-11-01T08:00:00Z"
  until          = "2026-11-01T09:00:00Z"
}
fault "clock" {
  kind           = "unsynchronized"
  vantage_points = ["902"]
  from           = "2026-11-02"
  until          = "2026-11-03"
}
`
	must(t, os.WriteFile(filepath.Join(dir, "faults.hcl"), []byte(faults), 0o644))
	cmd := exec.Command("mtric", "simulate", "--out", "Lake", "--vps", "2", "--from", "2026-11-01", "--until", "2026-11-03", "--seed", "5", "--wires", "--faults", "faults.hcl")
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("simulate: %v\n%.1000s", err, out)
	}
	return dir
}

func runPython(t *testing.T, dir string, args ...string) []byte {
	t.Helper()
	python := pythonOf(t, "MTRIC_PYTHON", "venv")
	cmd := exec.Command(python, args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "PATH="+filepath.Dir(python)+":"+os.Getenv("PATH"),
		"PYSPARK_SUBMIT_ARGS=--master local[2] --conf spark.sql.shuffle.partitions=2 --conf spark.ui.enabled=false pyspark-shell")
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("python: %v\n%s", err, stderrOf(err))
	}
	return out
}

// TestSystemReadersAgree has every reader count and sum the same lake.
func TestSystemReadersAgree(t *testing.T) {
	var facts map[string][]int64
	must(t, json.Unmarshal(runPython(t, simulated(t), "-c", agree), &facts))
	want := facts["duckdb"]
	if len(facts) != 9 || len(want) != 7 || want[0] != 2*2*288*65 {
		t.Fatalf("read %v", facts)
	}
	for who, got := range facts {
		for i := range want {
			if got[i] != want[i] {
				t.Errorf("%s: %v, DuckDB %v", who, got, want)
				break
			}
		}
	}
}
