package cli_test

import (
	"fmt"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"mtric.net/mtric/engine/measurement"
	"mtric.net/mtric/metrics"
)

// sparkType is a column's type in Spark's words.
func sparkType(t reflect.Type) string {
	switch t {
	case reflect.TypeFor[time.Time]():
		return "TIMESTAMP"
	case reflect.TypeFor[[]byte]():
		return "BINARY"
	}
	switch t.Kind() {
	case reflect.Pointer:
		return sparkType(t.Elem())
	case reflect.Slice:
		return "ARRAY<" + sparkType(t.Elem()) + ">"
	case reflect.Struct:
		var parts []string
		for f := range t.Fields() {
			parts = append(parts, jsonName(f)+": "+sparkType(f.Type))
		}
		return "STRUCT<" + strings.Join(parts, ", ") + ">"
	}
	return map[reflect.Kind]string{reflect.String: "STRING", reflect.Bool: "BOOLEAN", reflect.Int32: "INT", reflect.Int64: "BIGINT", reflect.Float64: "DOUBLE"}[t.Kind()]
}

func jsonName(f reflect.StructField) string {
	name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
	return name
}

// The views name every column of the tables, by the right type.
func TestViewsHaveEveryColumn(t *testing.T) {
	spark, err := os.ReadFile("../../docs/views/spark.sql")
	if err != nil {
		t.Fatal(err)
	}
	flat := strings.Join(strings.Fields(strings.ReplaceAll(string(spark), "`", "")), " ")
	for view, row := range map[string]reflect.Type{"lake_answers": reflect.TypeFor[measurement.Answer](), "runs": reflect.TypeFor[measurement.Run](),
		"zones": reflect.TypeFor[measurement.Zone](), "lake_routes": reflect.TypeFor[measurement.Route](),
		"lake_vantage_points": reflect.TypeFor[measurement.Site](), "lake_zone_serials": reflect.TypeFor[measurement.ZoneSerial]()} {
		var want []string
		for f := range row.Fields() {
			want = append(want, jsonName(f)+" "+sparkType(f.Type))
		}
		m := regexp.MustCompile(`VIEW ` + view + ` \((.*?)\) USING`).FindStringSubmatch(flat)
		if m == nil {
			t.Fatalf("no view %s", view)
		}
		got := regexp.MustCompile(`, (\w+ [A-Z])`).ReplaceAllString(m[1], "\n$1") // a struct's parts have colons
		columns := slices.DeleteFunc(strings.Split(got, "\n"), func(c string) bool { return c == "yyyymm INT" })
		slices.Sort(want)
		slices.Sort(columns)
		if diff := cmp.Diff(want, columns); diff != "" {
			t.Errorf("%s (-types +view):\n%s", view, diff)
		}
	}
}

// Good is what the metrics take for it: both views say the same deadline.
func TestViewsSayWhatIsGood(t *testing.T) {
	want := fmt.Sprintf("(expected, rcode = 'NOERROR' AND latency_us <= %d)", metrics.Deadline.Microseconds())
	for _, file := range []string{"../../docs/views/duckdb.sql", "../../docs/views/spark.sql"} {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Count(string(text), want) != 1 || strings.Count(string(text), "'NOERROR'") != 1 {
			t.Errorf("%s: want %q, once", file, want)
		}
	}
}
