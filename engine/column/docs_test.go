package column_test

import (
	"os"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/parquet-go/parquet-go"

	"mtric.net/mtric/engine/column"
	"mtric.net/mtric/engine/measurement"
)

const dataPage = "../../docs/data.md"

// rowTypes are the types of the tables' rows.
var rowTypes = map[column.Table]reflect.Type{
	column.Answers:       reflect.TypeFor[measurement.Answer](),
	column.Routes:        reflect.TypeFor[measurement.Route](),
	column.Runs:          reflect.TypeFor[measurement.Run](),
	column.Zones:         reflect.TypeFor[measurement.Zone](),
	column.VantagePoints: reflect.TypeFor[measurement.Site](),
	column.ZoneSerials:   reflect.TypeFor[measurement.ZoneSerial](),
	column.Hours:         reflect.TypeFor[measurement.Hour](),
	column.Events:        reflect.TypeFor[measurement.Event](),
}

// typeName is a column's type by the Go type of its field, as the page says it.
func typeName(t reflect.Type) string {
	switch t {
	case reflect.TypeFor[time.Time]():
		return "TIMESTAMP"
	case reflect.TypeFor[[]byte]():
		return "BYTE_ARRAY"
	}
	switch t.Kind() {
	case reflect.Pointer:
		return typeName(t.Elem())
	case reflect.Slice:
		return "LIST<" + typeName(t.Elem()) + ">"
	case reflect.Struct:
		var parts []string
		for f := range t.Fields() {
			parts = append(parts, columnName(f)+" "+typeName(f.Type)+mark(f))
		}
		return "STRUCT<" + strings.Join(parts, ", ") + ">"
	case reflect.String:
		return "STRING"
	case reflect.Bool:
		return "BOOLEAN"
	case reflect.Float64:
		return "DOUBLE"
	case reflect.Int32:
		return "INT32"
	case reflect.Int64:
		return "INT64"
	}
	panic("no name for " + t.String())
}

// mark is ? for what may be null.
func mark(f reflect.StructField) string {
	if strings.Contains(f.Tag.Get("parquet"), "optional") {
		return "?"
	}
	return ""
}

func columnName(f reflect.StructField) string {
	name, _, _ := strings.Cut(f.Tag.Get("parquet"), ",")
	return name
}

// The page describes every column, in order, by its type and whether it may be
// null; it gives a meaning to each, and says when a nullable one is null.
func TestDataPageIsTheSchema(t *testing.T) {
	src, err := os.ReadFile(dataPage)
	if err != nil {
		t.Fatal(err)
	}
	have, section := map[string][]string{}, ""
	for line := range strings.Lines(string(src)) {
		if s, ok := strings.CutPrefix(strings.TrimSpace(line), "## Table "); ok {
			section = strings.Trim(s, "`")
		} else if strings.HasPrefix(line, "## ") {
			section = ""
		}
		cells := strings.Split(strings.Trim(strings.TrimSpace(line), "|"), " | ")
		if section == "" || !strings.HasPrefix(line, "| `") {
			continue
		}
		if len(cells) != 5 {
			t.Errorf("%s: %d cells in %q, want column, type, unit, meaning, null when", section, len(cells), line)
			continue
		}
		for i := range cells {
			cells[i] = strings.TrimSpace(cells[i])
		}
		name, kind, meaning, null := strings.Trim(cells[0], "`"), strings.Trim(cells[1], "`"), cells[3], cells[4]
		have[section] = append(have[section], name+" "+kind)
		if len(meaning) < 10 {
			t.Errorf("%s.%s: meaning is %q", section, name, meaning)
		}
		if nullable := strings.HasSuffix(kind, "?"); nullable != (null != "never") || null == "" {
			t.Errorf("%s.%s: %s is null when: %q", section, name, kind, null)
		}
	}
	want := map[string][]string{}
	for _, table := range column.Tables {
		for f := range rowTypes[table].Fields() {
			want[string(table)] = append(want[string(table)], columnName(f)+" "+typeName(f.Type)+mark(f))
		}
		if diff := cmp.Diff(want[string(table)], columnsAndTypes(table)); diff != "" {
			t.Errorf("the types' fields are not the columns of the files (-types +files):\n%s", diff)
		}
	}
	if diff := cmp.Diff(want, have); diff != "" {
		t.Errorf("%s differs from the columns (-program +page):\n%s", dataPage, diff)
	}
}

// The page names what the vocabularies hold.
func TestDataPageNamesEveryValue(t *testing.T) {
	src, err := os.ReadFile(dataPage)
	if err != nil {
		t.Fatal(err)
	}
	var values []string
	for _, o := range measurement.Outcomes {
		values = append(values, string(o))
	}
	values = append(values, string(measurement.Correct), string(measurement.Incorrect), string(measurement.Unchecked),
		string(measurement.ZoneArchived), string(measurement.ZoneSeen), string(measurement.ZoneBogus), string(measurement.ProofArchive),
		string(measurement.ProofSignature), string(measurement.ProofWitnesses), string(measurement.ProofNone), "kernel", "user",
		"mtric.version", "mtric.schema", "mtric.plan", "mtric.plan_sha256", "mtric.run", "mtric.table")
	for _, v := range values {
		if !strings.Contains(string(src), "`"+v+"`") {
			t.Errorf("%s does not mention %s", dataPage, v)
		}
	}
}

// columnsAndTypes are the columns of the table's files, as Parquet has them.
func columnsAndTypes(table column.Table) []string {
	row := reflect.New(rowTypes[table]).Interface()
	var columns []string
	for _, f := range parquet.SchemaOf(row).Fields() {
		columns = append(columns, f.Name()+" "+nodeName(f)+nodeMark(f))
	}
	return columns
}

func nodeName(n parquet.Node) string {
	if !n.Leaf() {
		element := n.Fields()[0].Fields()[0]
		if element.Leaf() {
			return "LIST<" + nodeName(element) + ">"
		}
		var parts []string
		for _, f := range element.Fields() {
			parts = append(parts, f.Name()+" "+nodeName(f)+nodeMark(f))
		}
		return "LIST<STRUCT<" + strings.Join(parts, ", ") + ">>"
	}
	switch logical := n.Type().String(); {
	case logical == "TIMESTAMP(isAdjustedToUTC=true,unit=MICROS)":
		return "TIMESTAMP"
	case logical == "INT(64,true)":
		return "INT64"
	case logical == "INT(32,true)":
		return "INT32"
	case n.Type().LogicalType() != nil:
		return logical
	}
	return n.Type().Kind().String()
}

func nodeMark(n parquet.Node) string {
	if n.Optional() {
		return "?"
	}
	return ""
}
