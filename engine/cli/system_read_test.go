//go:build system

package cli_test

import (
	"encoding/json"
	"os/exec"
	"strings"
	"testing"
)

// readers is what an analyst does: the same file by DuckDB and by pandas, each
// row back as JSON in the form of mtric show.
const readers = `
import sys, json, datetime
import duckdb, pyarrow.parquet as pq, pandas as pd
path = sys.argv[1]
def plain(v):
    if isinstance(v, (bytes, bytearray, memoryview)): return bytes(v).hex()
    if isinstance(v, datetime.datetime): return v.astimezone(datetime.timezone.utc).isoformat()
    if isinstance(v, dict): return {k: plain(x) for k, x in v.items()}
    if isinstance(v, list): return [plain(x) for x in v]
    return v
arrow = pq.read_table(path)
by_arrow = [plain(r) for r in arrow.to_pylist()]
c = duckdb.connect()
c.execute("set timezone = 'UTC'")
cursor = c.execute("select * from read_parquet(?)", [path])
names = [d[0] for d in cursor.description]
by_duckdb = [plain(dict(zip(names, r))) for r in cursor.fetchall()]
assert by_arrow == by_duckdb, "pyarrow and DuckDB read different rows"
frame = pd.read_parquet(path)
assert len(frame) == len(by_arrow)
good = frame[(frame["query"] == "soa") & (frame["rcode"] == "NOERROR")]
median = c.execute("select median(latency_us) from read_parquet(?) where query = 'soa' and rcode = 'NOERROR'", [path]).fetchone()[0]
assert good["latency_us"].median() == median, "pandas and DuckDB have different medians"
types = dict(c.execute("select column_name, column_type from (describe select * from read_parquet(?))", [path]).fetchall())
print(json.dumps({"rows": by_arrow, "types": types}))
`

// What DuckDB and pandas read is what mtric show prints.
func (r *rig) testReaders(t *testing.T) {
	home := r.home(t)
	r.giveZone(t, home)
	r.measure(t, home, r.plan(t, "", untraced), 0)
	file := newest(t, home, "answers")
	out, err := exec.Command(pythonOf(t, "MTRIC_PYTHON", "venv"), "-c", readers, file).Output()
	if err != nil {
		t.Fatalf("python: %v\n%s", err, stderrOf(err))
	}
	var read struct {
		Rows  []map[string]any
		Types map[string]string
	}
	must(t, json.Unmarshal(out, &read))
	shown, _, code := r.mtric(t, "show", "--json", file)
	lines := strings.Split(strings.TrimSpace(shown), "\n")
	if code != 0 || len(lines) != len(read.Rows) || len(lines) != 65 {
		t.Fatalf("show: exit code %d, %d lines, %d rows read", code, len(lines), len(read.Rows))
	}
	for i, line := range lines {
		var row map[string]any
		must(t, json.Unmarshal([]byte(line), &row))
		for column, want := range row {
			got := read.Rows[i][column]
			if column == "interval" || column == "sent_at" {
				want, got = instant(want), instant(got)
			}
			if a, b := asJSON(t, want), asJSON(t, got); a != b {
				t.Errorf("row %d, %s: show %s, pyarrow and DuckDB %s", i, column, a, b)
			}
		}
	}
	for column, want := range map[string]string{"interval": "TIMESTAMP WITH TIME ZONE", "rsi": "VARCHAR", "latency_us": "BIGINT",
		"attempts": "INTEGER", "aa": "BOOLEAN", "response": "BLOB", "failures": "VARCHAR[]", "serial": "BIGINT"} {
		if got := read.Types[column]; got != want {
			t.Errorf("DuckDB reads %s as %s, want %s", column, got, want)
		}
	}
}

// instant brings two ways of writing a UTC time to one.
func instant(v any) any {
	s, ok := v.(string)
	if !ok {
		return v
	}
	s = strings.TrimSuffix(strings.TrimSuffix(s, "Z"), "+00:00")
	if whole, fraction, found := strings.Cut(s, "."); found {
		if fraction = strings.TrimRight(fraction, "0"); fraction == "" {
			return whole
		}
		return whole + "." + fraction
	}
	return s
}

func asJSON(t *testing.T, v any) string {
	t.Helper()
	text, err := json.Marshal(v)
	must(t, err)
	return string(text)
}

func stderrOf(err error) string {
	if exit, ok := err.(*exec.ExitError); ok {
		return string(exit.Stderr)
	}
	return ""
}
