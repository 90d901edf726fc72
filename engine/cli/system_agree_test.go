//go:build system

package cli_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// watching reads the lake again and again until the file "stop" is there, by four
// readers, and ends with an error where one sees a row twice, half an interval, or
// fewer rows than before. DuckDB and polars open a file by its name more than once
// and read a snapshot, as docs/data.md says.
const watching = `
import sys, os, collections, subprocess
import duckdb, pandas as pd, pyarrow.dataset as ds, polars as pl
lake, stop, snapshot = sys.argv[1:]
dir = lake + "/answers"
keys = ["vantage_point", "interval", "query", "rsi", "family", "transport"]
c = duckdb.connect()
def frozen():
    subprocess.run(["mtric", "snapshot", snapshot, "--lake", lake, "--quiet"], check=True)
    return snapshot + "/answers"
def by_duckdb():
    return c.execute("SELECT %s FROM read_parquet('%s/*/*.parquet', hive_partitioning = true)" % (", ".join('"%s"' % k for k in keys), frozen())).df()
def by_pandas():
    return pd.read_parquet(dir, columns=keys)
def by_dataset():
    return ds.dataset(dir, partitioning="hive").to_table(columns=keys).to_pandas()
def by_polars():
    return pl.scan_parquet(frozen() + "/**/*.parquet", hive_partitioning=True).select(keys).collect().to_pandas()
before, looks, changes = collections.Counter(), collections.Counter(), collections.Counter()
while True:
    last = os.path.exists(stop)
    for read in by_duckdb, by_pandas, by_dataset, by_polars:
        who = read.__name__
        frame = read()
        n = len(frame)
        assert not frame.duplicated().any(), who + " saw a row twice"
        each = frame.groupby(["vantage_point", "interval"], observed=True).size()
        assert (each == 65).all(), "%s saw part of an interval: %s" % (who, each[each != 65])
        assert n >= before[who], "%s saw %d rows after %d" % (who, n, before[who])
        looks[who] += 1
        changes[who] += n != before[who]
        before[who] = n
    if last:
        break
assert set(before.values()) == {288 * 3 * 65}, before
assert min(changes.values()) > 1, changes
print({who: "%d looks, %d changes" % (looks[who], changes[who]) for who in looks})
`

// facts are what each reader finds in each column of answers: its type, how many
// nulls and how many distinct values it has.
const facts = `
import sys, json, io
import pandas as pd, pyarrow as pa, pyarrow.compute as pc, pyarrow.csv, pyarrow.dataset as ds, pyarrow.ipc, polars as pl
dir, arrow_file, csv_file = sys.argv[1:]
def name_of(t):
    if pa.types.is_dictionary(t): t = t.value_type
    if pa.types.is_large_string(t) or pa.types.is_string_view(t): t = pa.string()
    if pa.types.is_large_binary(t) or pa.types.is_binary_view(t): t = pa.binary()
    if pa.types.is_list(t) or pa.types.is_large_list(t): return "list<%s>" % name_of(t.value_type)
    if pa.types.is_struct(t): return "struct"
    return str(t)
def plain(column):
    column = column.combine_chunks()
    return column.dictionary_decode() if pa.types.is_dictionary(column.type) else column
def of_table(t):
    columns = {}
    for name in t.column_names:
        column = plain(t[name])
        distinct = -1 if pa.types.is_nested(column.type) else pc.count_distinct(column, mode="only_valid").as_py()
        columns[name] = [name_of(column.type), column.null_count, distinct]
    columns.pop("yyyymm", None)
    return {"rows": t.num_rows, "latency": pc.sum(t["latency_us"]).as_py(), "columns": columns}
nested = {"failures": "list<string>", "extra": "list<struct>"}
out = {}
whole = ds.dataset(dir, partitioning="hive").to_table()
out["pyarrow dataset"] = of_table(whole)
frame = pd.read_parquet(dir, dtype_backend="pyarrow")
of_pandas = {n: [name_of(frame[n].dtype.pyarrow_dtype), int(frame[n].isna().sum()), -1 if n in nested else int(frame[n].nunique())] for n in frame.columns if n != "yyyymm"}
out["pandas"] = {"rows": len(frame), "latency": int(frame.latency_us.sum()), "columns": of_pandas}
lazy = pl.scan_parquet(dir + "/**/*.parquet", hive_partitioning=True).collect()
def polars_name(t):
    return "list<struct>" if isinstance(t, pl.List) and isinstance(t.inner, pl.Struct) else types[t]
types = {pl.String: "string", pl.Int64: "int64", pl.Int32: "int32", pl.Boolean: "bool", pl.Binary: "binary",
    pl.List(pl.String): "list<string>", pl.Datetime("us", "UTC"): "timestamp[us, tz=UTC]"}
of_polars = {n: [polars_name(lazy[n].dtype), lazy[n].null_count(), -1 if n in nested else lazy[n].drop_nulls().n_unique()] for n in lazy.columns if n != "yyyymm"}
out["polars"] = {"rows": lazy.height, "latency": lazy["latency_us"].sum(), "columns": of_polars}
assert set(lazy["yyyymm"]) == set(frame.yyyymm.astype(int)) == set(whole["yyyymm"].to_pylist()), "the partitions differ"
with pa.memory_map(arrow_file) as f:
    exported = pa.ipc.open_file(f).read_all()
exported.validate(full=True)
out["mtric export, arrow"] = of_table(exported)
read_as = {f.name: pa.string() if name_of(f.type) in ("binary", "list<string>", "list<struct>") else f.type for f in exported.schema}
read_as = {n: t.value_type if pa.types.is_dictionary(t) else t for n, t in read_as.items()}
text = pa.csv.read_csv(csv_file, convert_options=pa.csv.ConvertOptions(column_types=read_as, null_values=[""], strings_can_be_null=True, quoted_strings_can_be_null=False))
out["mtric export, csv"] = of_table(text)
for name, column in out["mtric export, csv"]["columns"].items():
    if name in ("response", "first_response"): column[0] = "binary" # hex
    if name in nested: column[0], column[2] = nested[name], -1 # JSON
print(json.dumps(out))
`

// found is what a reader found in a lake's answers.
type found struct {
	Rows, Latency int64
	Columns       map[string][3]any // type, nulls, distinct values; -1 where these are not counted
}

// agree has DuckDB, pandas, polars and pyarrow read the lake, and pyarrow what mtric
// export made of it: the types, counts, sums, nulls and distinct values are one.
func (g *collecting) agree(t *testing.T, b backlog) {
	t.Helper()
	dir := filepath.Join(b.home, "Lake")
	for format, file := range map[string]string{"arrow": "all.arrow", "csv": "all.csv"} {
		cmd := g.r.mtricCommand("export", "--lake", dir, "--table", "answers", "--format", format, "--quiet", "--out", filepath.Join(b.home, file))
		if _, errs, code, _ := bounded(t, time.Minute, cmd); code != 0 {
			t.Fatalf("export: exit code %d\n%s", code, errs)
		}
	}
	python := exec.Command(pythonOf(t, "MTRIC_PYTHON", "venv"), "-W", "ignore", "-c", facts, filepath.Join(dir, "answers"), filepath.Join(b.home, "all.arrow"), filepath.Join(b.home, "all.csv"))
	out, errs, code, _ := bounded(t, 2*time.Minute, python)
	if code != 0 {
		t.Fatalf("python: exit code %d\n%s", code, errs)
	}
	all := map[string]found{}
	must(t, json.Unmarshal([]byte(out), &all))
	want := g.byDuckDB(t, dir)
	if len(all) != 5 || len(want.Columns) != 41 || want.Rows != 288*backlogVPs*65 || want.Latency <= 0 {
		t.Fatalf("read by %v; DuckDB: %+v", slices.Sorted(maps.Keys(all)), want)
	}
	for who, got := range all {
		if got.Rows != want.Rows || got.Latency != want.Latency || len(got.Columns) != len(want.Columns) {
			t.Errorf("%s: %d rows, %d µs, %d columns, DuckDB %d, %d, %d", who, got.Rows, got.Latency, len(got.Columns), want.Rows, want.Latency, len(want.Columns))
		}
		for column, c := range want.Columns {
			if got.Columns[column] != c {
				t.Errorf("%s: %s is %v, by DuckDB %v", who, column, got.Columns[column], c)
			}
		}
	}
}

// byDuckDB is what the Go module of DuckDB finds.
func (g *collecting) byDuckDB(t *testing.T, dir string) found {
	t.Helper()
	names := map[string]string{"VARCHAR": "string", "BIGINT": "int64", "INTEGER": "int32", "BOOLEAN": "bool", "BLOB": "binary",
		"VARCHAR[]": "list<string>", "TIMESTAMP WITH TIME ZONE": "timestamp[us, tz=UTC]"}
	from := glob(dir, "answers")
	var described [][2]string
	must(t, json.Unmarshal([]byte(query(t, g.duck, "SELECT column_name, column_type FROM (DESCRIBE FROM "+from+") WHERE column_name <> 'yyyymm'")[0]), &described))
	var wanted []string
	for _, d := range described {
		distinct := fmt.Sprintf("count(DISTINCT %q)", d[0])
		if strings.HasSuffix(d[1], "[]") {
			distinct = "-1"
		}
		wanted = append(wanted, fmt.Sprintf("[count(*) - count(%q), %s]", d[0], distinct))
	}
	f := found{Columns: map[string][3]any{}}
	answers := query(t, g.duck, "SELECT "+strings.Join(wanted, ", ")+" FROM "+from, "SELECT count(*), sum(latency_us) FROM "+from)
	var counts [][][2]float64
	must(t, json.Unmarshal([]byte(answers[0]), &counts))
	for i, d := range described {
		if strings.HasPrefix(d[1], "STRUCT(") {
			names[d[1]] = "list<struct>"
		}
		f.Columns[d[0]] = [3]any{names[d[1]], counts[0][i][0], counts[0][i][1]}
	}
	var sums [][2]int64
	must(t, json.Unmarshal([]byte(answers[1]), &sums))
	f.Rows, f.Latency = sums[0][0], sums[0][1]
	return f
}
