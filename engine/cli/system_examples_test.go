//go:build system

package cli_test

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	diff "github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"mtric.net/mtric/engine/measurement"
)

// runExamples runs the examples of a page one after the other, as an analyst would: SQL in
// one session of DuckDB, which has the views. It writes of each, as JSON, the rows that it
// found: those of the last statement of SQL, what an expression says of the names that a
// piece of Python made, or the lines of a command; nothing of Spark's.
const runExamples = `
import sys, json, subprocess, io, contextlib
import duckdb
session = duckdb.connect()
session.execute("SET enable_progress_bar = false")
session.execute(open("views/duckdb.sql").read())
def plain(v):
    return v.timestamp() if hasattr(v, "timestamp") else v.total_seconds() if hasattr(v, "total_seconds") else str(v)
def run(language, text, probe):
    if language == "sql":
        return session.execute(text).fetchall()
    if language == "sh":
        return [[line] for line in subprocess.run(["sh", "-ec", text], check=True, stdout=subprocess.PIPE, text=True).stdout.splitlines()]
    if "pyspark" in text:
        return None
    names = {}
    with contextlib.redirect_stdout(io.StringIO()):
        exec(text, names)
    return eval(probe, names)
found = [run(*block) for block in json.load(open(sys.argv[1]))]
json.dump(found, open("found.json", "w"), default=plain) # DuckDB's bars of progress stand on stdout
`

// runSpark runs the examples for Spark in each of the folders. They share a process, since
// Spark takes longer to start than to compute: it is told where each is at home.
const runSpark = `
import sys, json, os
from pyspark.sql import SparkSession
spark = SparkSession.builder.getOrCreate()
hadoop = spark._jvm.org.apache.hadoop.fs
def run(language, text, probe):
    names = {}
    exec(text, names)
    return eval(probe, names)
found = []
for folder in sys.argv[2:]:
    os.chdir(folder)
    hadoop.FileSystem.get(spark._jsc.hadoopConfiguration()).setWorkingDirectory(hadoop.Path(folder))
    found.append([run(*block) if "pyspark" in block[1] else None for block in json.load(open(sys.argv[1]))])
json.dump(found, open(sys.argv[1] + ".spark", "w"))
`

// example says what an example of the page has to find.
type example struct {
	has   string // only this example has this text
	probe string // Python: what it found
	want  func(*lakeFacts) [][]any
	check func(t *testing.T, f *lakeFacts, rows [][]any) // instead of want
}

var examples = []example{
	{has: "avg(good::INT)", probe: "percent", want: func(f *lakeFacts) [][]any {
		return f.group(soaSent, nil, func(rows []measurement.Answer) []any {
			return []any{math.Round(1e5*float64(count(rows, isGood))/float64(len(rows))) / 1e3}
		})
	}},
	{has: "What is there", want: func(f *lakeFacts) [][]any {
		return f.group(all, func(r measurement.Answer) []any { return []any{202611, r.Query} }, func(rows []measurement.Answer) []any {
			return []any{len(rows), rows[0].Interval.Unix(), rows[len(rows)-1].Interval.Unix()}
		})
	}},
	{has: "import pandas as pd\nimport pyarrow as pa", probe: "[*([*k, v] for k, v in medians.items()), ['extra', 'extra' in schema.names]]", want: func(f *lakeFacts) [][]any {
		medians := f.group(soaGood, rsiAndPath, func(rows []measurement.Answer) []any { return []any{median(rows)} })
		return append(medians, []any{"extra", len(f.new) > 0})
	}},
	{has: "import polars as pl\n\nschema", probe: "[*availability.rows(), ('extra', 'extra' in answers.collect_schema())]", want: func(f *lakeFacts) [][]any {
		return append(availability(f), []any{"extra", len(f.new) > 0})
	}},
	{has: "views/spark.sql", probe: "[list(r) for r in availability.collect()]", want: availability},
	{has: "mergeSchema", probe: "[list(r) for r in outcomes.collect()]", want: func(f *lakeFacts) [][]any {
		return f.group(all, func(r measurement.Answer) []any { return []any{r.Outcome} }, rowCount)
	}},
	{has: "mtric export --lake Lake", check: exportsSomething},
	{has: "read_feather", probe: "[list(i) for i in outcomes.items()]", want: func(f *lakeFacts) [][]any {
		return f.group(firstDay, func(r measurement.Answer) []any { return []any{r.Outcome} }, rowCount)
	}},
	{has: "FROM read_csv", want: outcomesByVantagePoint},
	{has: "pd.read_csv", probe: "[[*k, int(n)] for k, n in day.groupby(['vantage_point', 'outcome']).size().items()]", want: outcomesByVantagePoint},
	{has: "rsi = 'd'", want: func(f *lakeFacts) [][]any {
		return f.group(func(r measurement.Answer) bool { return soaSent(r) && r.RSI == "d" }, rsiAndPath, func(rows []measurement.Answer) []any {
			good := count(rows, isGood)
			return []any{good, len(rows), math.Round(1e5*float64(good)/float64(len(rows))) / 1e3}
		})
	}},
	{has: "median(latency_us) / 1000 AS ms, count(*) AS answers\nFROM answers\n", want: func(f *lakeFacts) [][]any {
		return f.group(soaGood, rsiAndPath, func(rows []measurement.Answer) []any { return []any{median(rows), len(rows)} })
	}},
	{has: "HAVING seen_from", check: whoWasDown},
	{has: "HAVING bogus", want: func(f *lakeFacts) [][]any { // over TCP, in the days that have the column
		signed := func(r measurement.Answer) bool {
			return r.Outcome == measurement.Answered && slices.Contains(f.new, r.Interval.Format("20060102"))
		}
		return f.group(signed, func(r measurement.Answer) []any { return []any{r.RSI, r.Query} }, func(rows []measurement.Answer) []any {
			seen := map[measurement.VantagePoint]bool{}
			bogus := count(rows, func(r measurement.Answer) bool {
				if r.Transport == measurement.TCP {
					seen[r.VantagePoint] = true
				}
				return r.Transport == measurement.TCP
			})
			return []any{bogus, len(rows), len(seen)}
		})
	}},
	{has: "FROM located_answers", want: func(f *lakeFacts) [][]any {
		return f.group(soaSent, func(r measurement.Answer) []any { return append([]any{r.RSI}, f.place(r)...) }, func(rows []measurement.Answer) []any {
			return []any{count(rows, isGood), len(rows)}
		})
	}},
	{has: "WITH in_use", check: oldSerials},
	{has: "split_part(failure", check: incorrectByRule},
	{has: "r.clock_synchronized", want: func(f *lakeFacts) [][]any {
		trusted := func(r measurement.Answer) bool { return soaGood(r) && (r.VantagePoint == "901" || firstDay(r)) }
		return f.group(trusted, func(r measurement.Answer) []any { return []any{r.VantagePoint, "kernel"} }, func(rows []measurement.Answer) []any {
			return []any{len(rows), median(rows)}
		})
	}},
	{has: "AS intervals", want: func(f *lakeFacts) [][]any {
		return f.group(all, func(r measurement.Answer) []any {
			return []any{r.VantagePoint, r.Interval.Truncate(24 * 3600e9).Unix()}
		}, func(rows []measurement.Answer) []any {
			return []any{288, len(rows), count(rows, func(r measurement.Answer) bool { return r.Outcome == measurement.Answered })}
		})
	}},
	{has: "unnest(extra)", want: func(f *lakeFacts) [][]any {
		late := func(r measurement.Answer) bool {
			return r.Outcome == measurement.Timeout && slices.Contains(f.new, r.Interval.Format("20060102"))
		}
		return f.group(late, func(r measurement.Answer) []any { return []any{r.RSI, r.Transport, "late"} }, func(rows []measurement.Answer) []any {
			return []any{len(rows), 5000}
		})
	}},
}

// TestSystemDataPage runs every example of docs/data.md over lakes of one version and of
// several, whichever came first, and holds what it finds against loops over the rows.
func TestSystemDataPage(t *testing.T) {
	page, err := os.ReadFile("../../docs/data.md")
	must(t, err)
	var blocks [][3]string
	var found []example
	for _, m := range regexp.MustCompile("(?s)```([a-z]+)\n(.*?)```").FindAllStringSubmatch(string(page), -1) {
		matching := slices.DeleteFunc(slices.Clone(examples), func(e example) bool { return !strings.Contains(m[2], e.has) })
		if len(matching) != 1 {
			t.Fatalf("%d entries say what is to be found by\n%s", len(matching), m[2])
		}
		found = append(found, matching[0])
		blocks = append(blocks, [3]string{m[1], m[2], matching[0].probe})
	}
	if len(found) != len(examples) {
		t.Fatalf("%d examples, %d entries", len(found), len(examples))
	}
	found = append(found, example{check: everyColumn})
	blocks = append(blocks, [3]string{"sql", "SELECT table_name, list(column_name ORDER BY column_name) FROM duckdb_columns() GROUP BY ALL", ""})
	dir := simulated(t)
	text, err := json.Marshal(blocks)
	must(t, err)
	file := filepath.Join(dir, "blocks.json")
	must(t, os.WriteFile(file, text, 0o644))
	names := slices.Sorted(maps.Keys(mixes))
	var homes []string
	for _, name := range names {
		homes = append(homes, mixed(t, dir, mixes[name]))
	}
	runPythonOf(t, pythonOf(t, "MTRIC_SPARK_PYTHON", "spark"), dir, append([]string{"-c", runSpark, file}, homes...)...)
	var bySpark [][][][]any
	text, err = os.ReadFile(file + ".spark")
	must(t, err)
	must(t, json.Unmarshal(text, &bySpark))
	facts := readFacts(t, filepath.Join(dir, "Lake"))
	for n, name := range names {
		t.Run(name, func(t *testing.T) {
			var results [][][]any
			runPython(t, homes[n], "-W", "ignore", "-c", runExamples, file)
			text, err := os.ReadFile(filepath.Join(homes[n], "found.json"))
			must(t, err)
			must(t, json.Unmarshal(text, &results))
			own := *facts
			own.new = mixes[name]
			for i, e := range found {
				rows := results[i]
				if strings.Contains(blocks[i][1], "pyspark") {
					rows = bySpark[n][i]
				}
				if e.check != nil {
					e.check(t, &own, rows)
				} else if d := diff.Diff(asRows(t, e.want(&own)), sorted(rows), cmpopts.EquateApprox(0, 1e-6), cmpopts.EquateEmpty()); d != "" {
					t.Errorf("%s\n(-want +found):\n%s", blocks[i][1], d)
				}
			}
		})
	}
}

// mixes are the days of schema 3 in each lake; the others are of schema 1.
var mixes = map[string][]string{"schema 1": nil, "schema 3": {"20261101", "20261102", "zones"},
	"mixed, older first": {"20261102", "zones"}, "mixed, newer first": {"20261101", "zones"}}

// mixed is a folder with the lake written anew, days of two schemas side by side, and the views.
func mixed(t *testing.T, dir string, days []string) string {
	home := t.TempDir()
	mix, err := filepath.Abs("../../testdata/readers/mix.py")
	must(t, err)
	runPython(t, home, append([]string{mix, filepath.Join(dir, "Lake"), "Lake"}, days...)...)
	views, err := filepath.Abs("../../docs/views")
	must(t, err)
	must(t, os.Symlink(views, filepath.Join(home, "views")))
	return home
}

// asRows brings rows to the types that JSON has.
func asRows(t *testing.T, rows [][]any) [][]any {
	var plain [][]any
	must(t, json.Unmarshal([]byte(asJSON(t, rows)), &plain))
	return sorted(plain)
}

// sorted are rows in an order of their own: that of most examples says nothing.
func sorted(rows [][]any) [][]any {
	rows = slices.Clone(rows)
	slices.SortStableFunc(rows, func(a, b []any) int { return cmp.Compare(fmt.Sprint(a...), fmt.Sprint(b...)) })
	return rows
}
