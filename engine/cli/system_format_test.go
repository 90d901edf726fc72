//go:build system

package cli_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"mtric.net/mtric/engine/column"
)

// TestSystemStrangersReader has a reader and a writer that were made from
// docs/lake-format.md alone read every golden file and write the golden lakes anew: mtric
// exports the same rows of all of them.
func TestSystemStrangersReader(t *testing.T) {
	for _, schema := range []string{"1", "2", "3"} {
		golden := "../../testdata/golden/schema-" + schema
		sent, err := filepath.Glob(filepath.Join(golden, "Originals", "*", "*.parquet"))
		must(t, err)
		if len(sent) < 5 {
			t.Fatalf("%s has the vantage points' files %q", golden, sent)
		}
		for _, file := range sent {
			_, rest, _ := strings.Cut(filepath.Base(file), ".")
			table := strings.TrimSuffix(rest, ".parquet")
			rows := strangers(t, nil, "read.py", table, file)
			if shown := bytes.Count(ownOutput(t, "show", "--json", file), []byte("\n")); shown == 0 || bytes.Count(rows, []byte("\n")) != shown {
				t.Errorf("%s: show has %d rows, the stranger's reader %d", file, shown, bytes.Count(rows, []byte("\n")))
			}
		}
		lake := t.TempDir()
		for _, table := range column.Tables {
			from := filepath.Join(golden, "Lake")
			if table.Derived() {
				if schema < "3" {
					continue // the tables are of schema 3
				}
				g := newGolden(t, schema)
				g.run([]int{0}, "derive")
				from = filepath.Join(g.home, "Lake")
			}
			path := filepath.Join(from, string(table))
			files, err := filepath.Glob(filepath.Join(path, "*", "*.parquet"))
			if must(t, err); !table.Daily() {
				files = []string{filepath.Join(path, string(table)+".parquet")}
			}
			if table == column.VantagePoints && schema == "1" || table == column.ZoneSerials && schema < "3" {
				continue // there was none
			}
			rows := func(lake string) []byte {
				return ownOutput(t, "export", "--lake", lake, "--table", string(table), "--format", "ndjson", "--plan", "rssac047", "--plan", telling(t))
			}
			want := rows(from)
			if got := strangers(t, nil, "read.py", append([]string{string(table)}, files...)...); len(got) == 0 || !bytes.Equal(got, want) {
				t.Errorf("schema %s, %s: the stranger's reader has other rows than mtric export:\n%.400s\n%.400s", schema, table, got, want)
			}
			strangers(t, want, "write.py", string(table), schema, lake)
			if got := rows(lake); !bytes.Equal(got, want) {
				t.Errorf("schema %s, %s: mtric reads other rows of what the stranger wrote:\n%.400s\n%.400s", schema, table, got, want)
			}
		}
	}
}

// strangers runs a program of testdata/lake-format.
func strangers(t *testing.T, in []byte, program string, args ...string) []byte {
	t.Helper()
	cmd := exec.Command(pythonOf(t, "MTRIC_PYTHON", "venv"), append([]string{filepath.Join("../../testdata/lake-format", program)}, args...)...)
	cmd.Stdin = bytes.NewReader(in)
	cmd.Env = append(os.Environ(), "PYTHONDONTWRITEBYTECODE=1")
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s %q: %v\n%s", program, args, err, stderrOf(err))
	}
	return out
}

// ownOutput is what mtric prints.
func ownOutput(t *testing.T, args ...string) []byte {
	t.Helper()
	out, err := exec.Command("mtric", args...).Output()
	if err != nil {
		t.Fatalf("mtric %q: %v\n%s", args, err, stderrOf(err))
	}
	return out
}
