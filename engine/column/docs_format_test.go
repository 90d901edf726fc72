package column_test

import (
	"cmp"
	"os"
	"reflect"
	"regexp"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"

	"mtric.net/mtric/engine/column"
	"mtric.net/mtric/engine/measurement"
)

const formatPage = "../../docs/lake-format.md"

// tablesOf are the rows of the page's tables, by the heading above them; cells are
// without their code marks.
func tablesOf(t *testing.T, page string) map[string][][]string {
	t.Helper()
	src, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	tables, section := map[string][][]string{}, ""
	for line := range strings.Lines(string(src)) {
		line = strings.TrimSpace(line)
		if strings.HasPrefix(line, "#") {
			section = strings.ReplaceAll(strings.TrimLeft(line, "# "), "`", "")
		}
		if !strings.HasPrefix(line, "| ") {
			continue
		}
		var cells []string
		for c := range strings.SplitSeq(strings.Trim(line, "|"), " | ") {
			cells = append(cells, strings.TrimSpace(c))
		}
		tables[section] = append(tables[section], cells)
	}
	return tables
}

// The specification has every column with its type, in order, and the first schema that
// has it; of unit and null it says what the page of the data says.
func TestFormatPageIsTheSchema(t *testing.T) {
	page, data := tablesOf(t, formatPage), tablesOf(t, dataPage)
	ofSchema1 := regexp.MustCompile(`,? or of schema 1$`)
	for table, of := range rowTypes {
		var want, have [][]string
		for f := range of.Fields() {
			want = append(want, []string{"`" + columnName(f) + "`", "`" + typeName(f.Type) + mark(f) + "`", cmp.Or(f.Tag.Get("since"), "1")})
		}
		for i, cells := range page["Table "+string(table)] {
			if i == 0 {
				continue // the head
			}
			if len(cells) != 5 {
				t.Fatalf("%s: %q has %d cells", table, cells, len(cells))
			}
			have = append(have, []string{cells[0], cells[1], cells[4]})
			if nullable := strings.HasSuffix(cells[1], "?`"); nullable == (cells[3] == "never") || cells[3] == "" {
				t.Errorf("%s: %s of type %s is null when: %q", table, cells[0], cells[1], cells[3])
			}
			if said := data["Table "+string(table)][i]; cells[2] != said[2] {
				t.Errorf("%s: the unit of %s is %q here and %q in %s", table, cells[0], cells[2], said[2], dataPage)
			} else if null := ofSchema1.ReplaceAllString(said[4], ""); cells[4] == "1" && null != said[4] {
				t.Errorf("%s: %s is of schema 1 and is null when: %s", table, cells[0], said[4])
			}
		}
		if diff := gocmp.Diff(want, have); diff != "" {
			t.Errorf("%s: %s differs from the columns (-program +page):\n%s", table, formatPage, diff)
		}
	}
}

// Tables, keys and vocabularies of the specification are the program's.
func TestFormatPageHasEveryWord(t *testing.T) {
	page := tablesOf(t, formatPage)
	code := regexp.MustCompile("`([^`]+)`")
	words := func(cell string) (all []string) {
		for _, m := range code.FindAllStringSubmatch(cell, -1) {
			all = append(all, m[1])
		}
		return all
	}
	rows := map[string][]string{}
	for _, cells := range append(page["Folders and names"], page["Vocabularies"]...) {
		rows[strings.Trim(cells[0], "`")] = cells
	}
	for _, table := range column.Tables {
		if row := rows[string(table)]; len(row) != 4 || words(row[2])[0] != strings.Join(column.Key(table), ", ") {
			t.Errorf("%s is sorted by %v, the page says %q", table, column.Key(table), row)
		}
	}
	for name, want := range map[string][]string{
		"answers.outcome":   measurement.Strings(measurement.Outcomes),
		"answers.verdict":   measurement.Strings(measurement.Verdicts),
		"family":            measurement.Strings(measurement.Families),
		"answers.transport": measurement.Strings(measurement.Transports),
		"answers.dnssec":    measurement.Strings(measurement.Securities),
		"answers.tls_auth":  measurement.Strings(measurement.TLSAuths),
		"runs.timestamps":   {"kernel", "user"},
		"zones.state":       measurement.Strings(measurement.ZoneStates),
		"zones.proof":       measurement.Strings(measurement.ZoneProofs),
		"events.kind":       measurement.Strings(measurement.EventKinds),
		"answers.extra.kind": {
			measurement.ExtraStray, measurement.ExtraSecond, measurement.ExtraLate,
		},
	} {
		if row := rows[name]; len(row) != 2 || !reflect.DeepEqual(words(row[1]), want) {
			t.Errorf("%s has the values %v, the page says %q", name, want, row)
		}
	}
	var keys []string
	for _, cells := range page["Metadata"][1:] {
		keys = append(keys, words(cells[0])...)
	}
	if want := []string{"mtric.schema", "mtric.version", "mtric.plan", "mtric.plan_sha256", "mtric.run"}; !reflect.DeepEqual(keys, want) {
		t.Errorf("metadata %v, want %v", keys, want)
	}
}
